/*
 * test_bf16.c: operations on bf16 activations against the same operation on f32, which the other tests hold against double loops:
 * what differs is the rounding of results. Operands are aligned or, in every other round, one element off.
 */
#include "check.h"

/* An operand of either type, from the same numbers, which bf16 holds exactly. */
struct pair {
    float *wide;
    uint16_t *half;
    void *memory[2];
};

static struct pair pair(int64_t n, int off)
{
    struct pair p;
    float *x = floats(n);
    uint16_t *h = halves(x, n);
    p.memory[0] = malloc((n + 1) * 4);
    p.memory[1] = malloc((n + 1) * 2);
    p.wide = (float *) p.memory[0] + off;
    p.half = (uint16_t *) p.memory[1] + off;
    for (int64_t i = 0; i < n; i++) {
        p.half[i] = h[i];
        p.wide[i] = from_bf16(h[i]);
    }
    free(x), free(h);
    return p;
}

static void drop(struct pair p) { free(p.memory[0]), free(p.memory[1]); }

/* bf16 results within steps roundings of the f32 ones, relative to the element or a tenth of the largest. */
static void near(const char *what, struct pair p, int64_t n, double steps)
{
    double *wanted = doubles(n);
    float *got = floats(n);
    for (int64_t i = 0; i < n; i++) wanted[i] = p.wide[i], got[i] = from_bf16(p.half[i]);
    check(what, got, wanted, n, steps * 0x1p-8);
    free(wanted), free(got);
}

static int supported(rondo_stream *s)
{
    uint16_t x[1] = {0};
    static int said;
    if (rondo_add(s, RONDO_BF16, x, x, 1, x) != RONDO_UNSUPPORTED) return 1;
    if (!said++) printf("  bf16 activations: skipped, %s\n", rondo_error());
    return 0;
}

void test_bf16_elementwise(rondo_stream *s)
{
    const int64_t sizes[] = {1, 7, 8, 100, 4099};
    if (!supported(s)) return;
    for (int i = 0; i < 2 * COUNT(sizes); i++) {
        int64_t n = sizes[i / 2], rows = 3;
        int off = i % 2;
        struct pair a = pair(n, off), b = pair(n, off), out = pair(n, off);
        call(rondo_add(s, RONDO_F32, a.wide, b.wide, n, out.wide));
        call(rondo_add(s, RONDO_BF16, a.half, b.half, n, out.half));
        near("add", out, n, 1);
        call(rondo_scale(s, RONDO_F32, a.wide, -0.3f, n, out.wide));
        call(rondo_scale(s, RONDO_BF16, a.half, -0.3f, n, out.half));
        near("scale", out, n, 1);
        drop(a), drop(b), drop(out);
        struct pair x = pair(rows * 2 * n, off), dy = pair(rows * n, off), y = pair(rows * n, off), dx = pair(rows * 2 * n, off);
        call(rondo_gated_silu(s, RONDO_F32, x.wide, rows, n, y.wide));
        call(rondo_gated_silu(s, RONDO_BF16, x.half, rows, n, y.half));
        near("gated_silu", y, rows * n, 1);
        call(rondo_gated_silu_grad(s, RONDO_F32, x.wide, dy.wide, rows, n, dx.wide));
        call(rondo_gated_silu_grad(s, RONDO_BF16, x.half, dy.half, rows, n, dx.half));
        near("gated_silu_grad", dx, rows * 2 * n, 1);
        drop(x), drop(dy), drop(y), drop(dx);
    }
}

void test_bf16_embedding(rondo_stream *s)
{
    const int64_t widths[] = {1, 7, 64, 136};
    if (!supported(s)) return;
    for (int i = 0; i < 2 * COUNT(widths); i++) {
        int64_t width = widths[i / 2], rows = 37, vocab = 11;
        struct pair table = pair(vocab * width, i % 2), y = pair(rows * width, i % 2);
        int32_t *tokens = integers(rows, vocab);
        float *wide = floats(vocab * width), *half = copy_of(wide, vocab * width);
        for (int table_type = RONDO_F32; table_type <= RONDO_BF16; table_type++) {
            const void *from = table_type ? (void *) table.half : table.wide;
            call(rondo_embedding(s, RONDO_F32, from, table_type, tokens, rows, width, vocab, 1.5f, y.wide));
            call(rondo_embedding(s, RONDO_BF16, from, table_type, tokens, rows, width, vocab, 1.5f, y.half));
            near("embedding", y, rows * width, 1);
        }
        for (int64_t j = 0; j < rows * width; j++) y.wide[j] = from_bf16(y.half[j]);
        call(rondo_embedding_grad(s, RONDO_F32, tokens, y.wide, rows, width, vocab, 0.7f, 1, wide));
        call(rondo_embedding_grad(s, RONDO_BF16, tokens, y.half, rows, width, vocab, 0.7f, 1, half));
        equal("embedding_grad", wide, half, vocab * width * 4);
        drop(table), drop(y), free(tokens), free(wide), free(half);
    }
}

void test_bf16_rms_norm(rondo_stream *s)
{
    /* A warp and a block a row, aligned and not, held in registers and not. */
    const int64_t shapes[][2] = {{1, 8}, {5, 7}, {300, 40}, {3, 1024}, {9, 1032}, {2, 8192}, {2, 8200}};
    if (!supported(s)) return;
    for (int i = 0; i < 4 * COUNT(shapes); i++) {
        int64_t rows = shapes[i / 4][0], width = shapes[i / 4][1], n = rows * width;
        int off = i % 2, more = i / 2 % 2;
        struct pair x = pair(n, off), residual = pair(n, off), sum = pair(n, off), y = pair(n, off), dy = pair(n, off), dx = pair(n, off);
        float *gain = floats(width), *rstd = floats(rows), *half_rstd = floats(rows), *dgain = floats(width),
            *half_dgain = copy_of(dgain, width);
        call(rondo_rms_norm(s, RONDO_F32, x.wide, more ? residual.wide : 0, gain, 1e-5f, rows, width, sum.wide, y.wide, rstd));
        call(rondo_rms_norm(s, RONDO_BF16, x.half, more ? residual.half : 0, gain, 1e-5f, rows, width, sum.half, y.half, half_rstd));
        near("sum", sum, n, 1);
        near("y", y, n, 2.5);
        /* From the same sum, as stored, on both sides. */
        for (int64_t j = 0; j < n; j++) sum.wide[j] = from_bf16(sum.half[j]);
        call(rondo_rms_norm_grad(s, RONDO_F32, sum.wide, gain, half_rstd, dy.wide, more ? residual.wide : 0, rows, width, dx.wide, 1,
            dgain));
        call(rondo_rms_norm_grad(s, RONDO_BF16, sum.half, gain, half_rstd, dy.half, more ? residual.half : 0, rows, width, dx.half, 1,
            half_dgain));
        near("dx", dx, n, 1);
        double *wanted = doubles(width);
        for (int64_t j = 0; j < width; j++) wanted[j] = dgain[j];
        check("dgain", half_dgain, wanted, width, 1e-5);
        call(rondo_rms_norm_grad(s, RONDO_BF16, sum.half, gain, half_rstd, dy.half, more ? residual.half : 0, rows, width, dy.half, 0, 0));
        equal("gradient in place", dy.half, dx.half, n * 2);
        drop(x), drop(residual), drop(sum), drop(y), drop(dy), drop(dx);
        free(gain), free(rstd), free(half_rstd), free(dgain), free(half_dgain), free(wanted);
    }
}

void test_bf16_rotary(rondo_stream *s)
{
    const int64_t shapes[][4] = {{1, 1, 1, 2}, {3, 4, 2, 6}, {9, 8, 4, 16}, {5, 6, 2, 34}, {7, 4, 1, 64}};
    if (!supported(s)) return;
    for (int i = 0; i < 12 * COUNT(shapes); i++) {
        int64_t rows = shapes[i / 12][0], heads = shapes[i / 12][1], kv = shapes[i / 12][2], d = shapes[i / 12][3];
        int64_t q = heads * d, k = kv * d, n = rows * (q + 2 * k);
        int off = i % 2, interleaved = i / 2 % 2, mode = i / 4 % 3;
        struct pair x = pair(n, off), out = pair(n, off), dx = pair(n, off);
        float *other = floats(q + k), *table = floats(20 * d), *rstd = floats(2 * rows), *half_rstd = floats(2 * rows);
        float *sums = floats(q + k), *half_sums = copy_of(sums, q + k);
        const float *bias = mode == 1 ? other : 0, *q_gain = mode == 2 ? other : 0, *k_gain = mode == 2 ? other + q : 0;
        int32_t *positions = integers(rows, 20);
        call(rondo_rotary(s, RONDO_F32, x.wide, bias, q_gain, k_gain, 1e-5f, positions, table, 20, rows, heads, kv, d, interleaved, 0,
            out.wide, rstd));
        call(rondo_rotary(s, RONDO_BF16, x.half, bias, q_gain, k_gain, 1e-5f, positions, table, 20, rows, heads, kv, d, interleaved, 0,
            out.half, half_rstd));
        near("out", out, n, 1);
        if (mode == 2) {
            double *wanted_rstd = doubles(2 * rows);
            for (int64_t j = 0; j < 2 * rows; j++) wanted_rstd[j] = rstd[j];
            check("rstd", half_rstd, wanted_rstd, 2 * rows, 1e-6);
            free(wanted_rstd);
            for (int64_t j = 0; j < n; j++) out.wide[j] = from_bf16(out.half[j]);
            call(rondo_qk_norm_grad(s, RONDO_F32, x.wide, q_gain, k_gain, rstd, out.wide, rows, heads, kv, d, dx.wide, 1, sums, sums + q));
            call(rondo_qk_norm_grad(s, RONDO_BF16, x.half, q_gain, k_gain, rstd, out.half, rows, heads, kv, d, dx.half, 1, half_sums,
                half_sums + q));
            near("norm gradient", dx, n, 1);
        } else {
            call(rondo_qk_bias_grad(s, RONDO_F32, x.wide, rows, heads, kv, d, 1, sums));
            call(rondo_qk_bias_grad(s, RONDO_BF16, x.half, rows, heads, kv, d, 1, half_sums));
        }
        double *wanted = doubles(q + k);
        for (int64_t j = 0; j < q + k; j++) wanted[j] = sums[j];
        check("parameter gradient", half_sums, wanted, q + k, 1e-5);
        call(rondo_rotary(s, RONDO_BF16, x.half, bias, q_gain, k_gain, 1e-5f, positions, table, 20, rows, heads, kv, d, interleaved, 0,
            x.half, 0));
        if (mode != 2) equal("in place", x.half, out.half, n * 2);
        drop(x), drop(out), drop(dx), free(other), free(table), free(rstd), free(half_rstd), free(sums), free(half_sums),
            free(positions), free(wanted);
    }
}

void test_bf16_loss(rondo_stream *s)
{
    /* The last two: several passes over a row by vectors, and a vocabulary deeper than a CPU's products of bf16. */
    const int64_t shapes[][4] = {{5, 8, 12, 2}, {33, 24, 100, 16}, {40, 7, 1030, 64}, {4, 8, 2056, 2}, {2, 8, 65544, 2}};
    if (!supported(s)) return;
    for (int i = 0; i < 2 * COUNT(shapes); i++) {
        int64_t rows = shapes[i / 2][0], width = shapes[i / 2][1], vocab = shapes[i / 2][2], chunk = shapes[i / 2][3];
        if (i % 2 && vocab > 65536) continue; /* Slow on an emulator; once is enough. */
        struct pair x = pair(rows * width, i % 2), head = pair(vocab * width, i % 2), dx = pair(rows * width, i % 2), y = pair(rows * 16, 1),
                    beside = pair(vocab * 16, 1);
        int32_t *targets = integers(rows, vocab);
        float *scratch = floats(2 * chunk * vocab), loss[3], half_loss[3], *dhead = floats(vocab * width), *half = copy_of(dhead,
            vocab * width);
        for (int64_t r = 0; r < rows; r += 3) targets[r] = -100;
        call(rondo_linear_cross_entropy(s, RONDO_F32, x.wide, head.wide, targets, rows, width, vocab, chunk, 0.7f, 0.1f, scratch, loss,
            dx.wide, 1, dhead));
        call(rondo_linear_cross_entropy(s, RONDO_BF16, x.half, head.half, targets, rows, width, vocab, chunk, 0.7f, 0.1f, scratch, half_loss,
            dx.half, 1, half));
        double wanted_loss[2] = {loss[0], loss[1]}, *wanted = doubles(vocab * width);
        check("loss", half_loss, wanted_loss, 2, 1e-5);
        /* Sums over a vocabulary of gradients that were rounded too. */
        near("dx", dx, rows * width, 6);
        for (int64_t j = 0; j < vocab * width; j++) wanted[j] = dhead[j];
        /* A row's own target is far above the rms, and its rounding with it. */
        check("dhead", half, wanted, vocab * width, 0x1p-6);
        call(rondo_linear_distillation(s, RONDO_F32, x.wide, head.wide, y.wide, beside.wide, targets, rows, width, 16, vocab, chunk, 0.7f, 0.1f,
            2, 0.6f, scratch, loss, dx.wide, 0, dhead));
        call(rondo_linear_distillation(s, RONDO_BF16, x.half, head.half, y.half, beside.half, targets, rows, width, 16, vocab, chunk, 0.7f,
            0.1f, 2, 0.6f, scratch, half_loss, dx.half, 0, half));
        double both[3] = {loss[0], loss[1], loss[2]};
        check("distilled loss", half_loss, both, 3, 1e-5);
        near("distilled dx", dx, rows * width, 6);
        for (int64_t j = 0; j < vocab * width; j++) wanted[j] = dhead[j];
        check("distilled dhead", half, wanted, vocab * width, 0x1p-6);
        drop(x), drop(head), drop(dx), drop(y), drop(beside), free(targets), free(scratch), free(dhead), free(half), free(wanted);
    }
}
