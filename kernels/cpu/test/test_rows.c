/* test_rows.c: embedding, norms, query and key operations. */
#include "check.h"

void test_embedding(rondo_stream *s)
{
    const int64_t shapes[][3] = {{1, 1, 1}, {5, 7, 3}, {100, 64, 40}, {700, 130, 1000}, {33, 513, 17}};
    for (int i = 0; i < COUNT(shapes); i++)
        for (int mode = 0; mode < 2; mode++) {
            int64_t rows = shapes[i][0], width = shapes[i][1], vocab = shapes[i][2];
            float *table = floats(vocab * width), *y = floats(rows * width), *dy = floats(rows * width), *dtable = floats(vocab * width);
            int32_t *tokens = integers(rows, vocab);
            uint16_t *half = halves(table, vocab * width);
            double *wanted = doubles(rows * width), *grad = doubles(vocab * width);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < width; j++) {
                    int64_t at = tokens[r] * width + j;
                    wanted[r * width + j] = 1.5 * (mode ? from_bf16(half[at]) : table[at]);
                }
            call(rondo_embedding(s, RONDO_F32, mode ? (void *) half : table, mode ? RONDO_BF16 : RONDO_F32, tokens, rows, width, vocab, 1.5f, y));
            check("y", y, wanted, rows * width, 1e-6);
            for (int64_t j = 0; j < vocab * width; j++) grad[j] = mode ? dtable[j] : 0;
            for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < width; j++) grad[tokens[r] * width + j] += 1.5 * dy[r * width + j];
            call(rondo_embedding_grad(s, RONDO_F32, tokens, dy, rows, width, vocab, 1.5f, mode, dtable));
            check("dtable", dtable, grad, vocab * width, 1e-5);
            free(table), free(y), free(dy), free(dtable), free(tokens), free(half), free(wanted), free(grad);
        }
}

/* RMSNorm of n wide rows ld apart, in double. */
static void norm(const float *x, const float *gain, float eps, int64_t n, double *y, double *rstd)
{
    double sum = 0;
    for (int64_t j = 0; j < n; j++) sum += (double) x[j] * x[j];
    *rstd = 1 / sqrt(sum / n + eps);
    for (int64_t j = 0; j < n; j++) y[j] = x[j] * *rstd * gain[j];
}

static void norm_grad(const float *x, const float *gain, double rstd, const float *dy, int64_t n, double *dx, double *dgain)
{
    double dot = 0;
    for (int64_t j = 0; j < n; j++) dot += (double) dy[j] * gain[j] * x[j] * rstd;
    for (int64_t j = 0; j < n; j++) {
        dx[j] += rstd * ((double) dy[j] * gain[j] - x[j] * rstd * dot / n);
        dgain[j] += dy[j] * x[j] * rstd;
    }
}

void test_rms_norm(rondo_stream *s)
{
    const int64_t shapes[][2] = {{1, 1}, {3, 5}, {1, 100}, {9, 64}, {300, 257}, {40, 1024}, {1000, 33}};
    for (int i = 0; i < COUNT(shapes); i++)
        for (int mode = 0; mode < 4; mode++) {
            int with_residual = mode & 1, in_place = mode >> 1;
            int64_t rows = shapes[i][0], width = shapes[i][1], n = rows * width;
            float *x = floats(n), *residual = floats(n), *gain = floats(width), *y = floats(n), *sum = floats(n), *rstd = floats(rows);
            float *dy = floats(n), *dx = floats(n), *dgain = floats(width), *total = floats(n);
            double *wanted = doubles(n), *wanted_rstd = doubles(rows), *grad = doubles(n), *gain_grad = doubles(width);
            for (int64_t j = 0; j < n; j++) total[j] = with_residual ? x[j] + residual[j] : x[j];
            for (int64_t r = 0; r < rows; r++) norm(total + r * width, gain, 1e-5f, width, wanted + r * width, wanted_rstd + r);
            float *sum_to = in_place ? x : sum;
            call(rondo_rms_norm(s, RONDO_F32, x, with_residual ? residual : 0, gain, 1e-5f, rows, width, sum_to, y, rstd));
            check("y", y, wanted, n, 2e-6);
            check("rstd", rstd, wanted_rstd, rows, 2e-6);
            equal("sum", sum_to, total, n * 4);
            for (int64_t j = 0; j < n; j++) grad[j] = with_residual ? residual[j] : 0;
            for (int64_t j = 0; j < width; j++) gain_grad[j] = in_place ? dgain[j] : 0;
            for (int64_t r = 0; r < rows; r++)
                norm_grad(total + r * width, gain, wanted_rstd[r], dy + r * width, width, grad + r * width, gain_grad);
            float *dx_to = mode == 3 ? residual : mode == 2 ? dy : dx;
            call(rondo_rms_norm_grad(s, RONDO_F32, total, gain, rstd, dy, with_residual ? residual : 0, rows, width, dx_to, in_place, dgain));
            /* A row of one element has a gradient of nearly zero, all cancellation. */
            if (width > 1) check("dx", dx_to, grad, n, 2e-5);
            check("dgain", dgain, gain_grad, width, 2e-5);
            /* Nothing wanted but y, over the input. */
            call(rondo_rms_norm(s, RONDO_F32, total, 0, gain, 1e-5f, rows, width, 0, total, 0));
            equal("y over x", total, y, n * 4);
            free(x), free(residual), free(gain), free(y), free(sum), free(rstd), free(dy), free(dx), free(dgain), free(total);
            free(wanted), free(wanted_rstd), free(grad), free(gain_grad);
        }
}

/* A table of one angle, 0: what rondo_rotary does before it rotates. */
static float *still(int64_t head_dim)
{
    float *table = floats(head_dim);
    for (int64_t j = 0; j < head_dim; j++) table[j] = j % 2 ? 0 : 1;
    return table;
}

/* rows, heads, kv_heads, head_dim */
static const int64_t shapes[][4] = {{1, 1, 1, 2}, {3, 4, 2, 6}, {70, 8, 8, 16}, {200, 6, 2, 34}, {333, 4, 1, 64}};

void test_qk_bias(rondo_stream *s)
{
    for (int i = 0; i < COUNT(shapes); i++)
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            int64_t rows = shapes[i][0], n = shapes[i][3], turned = (shapes[i][1] + shapes[i][2]) * n, width = turned + shapes[i][2] * n;
            float *qkv = floats(rows * width), *bias = floats(turned), *out = floats(rows * width), *dbias = floats(turned), *table = still(n);
            int32_t *positions = integers(rows, 1);
            double *wanted = doubles(rows * width), *grad = doubles(turned);
            for (int64_t j = 0; j < turned; j++) grad[j] = accumulate ? dbias[j] : 0;
            for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < width; j++) {
                    wanted[r * width + j] = qkv[r * width + j] + (double) (j < turned ? bias[j] : 0);
                    if (j < turned) grad[j] += qkv[r * width + j];
                }
            call(rondo_qk_bias_grad(s, RONDO_F32, qkv, rows, shapes[i][1], shapes[i][2], n, accumulate, dbias));
            check("dbias", dbias, grad, turned, 1e-5);
            call(rondo_rotary(s, RONDO_F32, qkv, bias, 0, 0, 0, positions, table, 1, rows, shapes[i][1], shapes[i][2], n, 0, 0, out, 0));
            check("out", out, wanted, rows * width, 1e-6);
            call(rondo_rotary(s, RONDO_F32, qkv, bias, 0, 0, 0, positions, table, 1, rows, shapes[i][1], shapes[i][2], n, 0, 0, qkv, 0));
            equal("in place", qkv, out, rows * width * 4);
            free(qkv), free(bias), free(out), free(dbias), free(table), free(positions), free(wanted), free(grad);
        }
}

void test_qk_norm(rondo_stream *s)
{
    for (int i = 0; i < COUNT(shapes); i++)
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            int64_t rows = shapes[i][0], heads = shapes[i][1], kv = shapes[i][2], d = shapes[i][3], q = heads * d, k = kv * d;
            int64_t width = q + 2 * k, n = rows * width;
            float *qkv = floats(n), *gain = floats(q + k), *out = floats(n), *rstd = floats(2 * rows), *dout = floats(n), *dqkv = floats(n);
            float *dgain = floats(q + k), *table = still(d);
            int32_t *positions = integers(rows, 1);
            double *wanted = doubles(n), *wanted_rstd = doubles(2 * rows), *grad = doubles(n), *gain_grad = doubles(q + k);
            for (int64_t j = 0; j < q + k; j++) gain_grad[j] = accumulate ? dgain[j] : 0;
            for (int64_t r = 0; r < rows; r++) {
                int64_t at = r * width;
                norm(qkv + at, gain, 1e-5f, q, wanted + at, wanted_rstd + 2 * r);
                norm(qkv + at + q, gain + q, 1e-5f, k, wanted + at + q, wanted_rstd + 2 * r + 1);
                norm_grad(qkv + at, gain, wanted_rstd[2 * r], dout + at, q, grad + at, gain_grad);
                norm_grad(qkv + at + q, gain + q, wanted_rstd[2 * r + 1], dout + at + q, k, grad + at + q, gain_grad + q);
                for (int64_t j = q + k; j < width; j++) {
                    wanted[at + j] = qkv[at + j];
                    grad[at + j] = dout[at + j];
                }
            }
            call(rondo_rotary(s, RONDO_F32, qkv, 0, gain, gain + q, 1e-5f, positions, table, 1, rows, heads, kv, d, 0, 0, out, rstd));
            check("out", out, wanted, n, 2e-6);
            check("rstd", rstd, wanted_rstd, 2 * rows, 2e-6);
            call(rondo_qk_norm_grad(s, RONDO_F32, qkv, gain, gain + q, rstd, dout, rows, heads, kv, d, dqkv, accumulate, dgain, dgain + q));
            check("dqkv", dqkv, grad, n, 2e-5);
            check("dgain", dgain, gain_grad, q + k, 2e-5);
            call(rondo_qk_norm_grad(s, RONDO_F32, qkv, gain, gain + q, rstd, dout, rows, heads, kv, d, dout, 0, 0, 0));
            equal("gradient in place", dout, dqkv, n * 4);
            call(rondo_rotary(s, RONDO_F32, qkv, 0, gain, gain + q, 1e-5f, positions, table, 1, rows, heads, kv, d, 0, 0, qkv, 0));
            equal("in place", qkv, out, n * 4);
            free(qkv), free(gain), free(out), free(rstd), free(dout), free(dqkv), free(dgain), free(table), free(positions);
            free(wanted), free(wanted_rstd), free(grad), free(gain_grad);
        }
}

void test_rotary(rondo_stream *s)
{
    for (int i = 0; i < COUNT(shapes); i++)
        for (int mode = 0; mode < 6; mode++) {
            int interleaved = mode & 1, inverse = mode >> 1 == 1, biased = mode >> 1 == 2;
            int64_t rows = shapes[i][0], heads = shapes[i][1], kv = shapes[i][2], d = shapes[i][3], width = (heads + 2 * kv) * d, n = rows * width;
            float *qkv = floats(n), *out = floats(n), *table = floats(50 * d);
            int32_t *positions = integers(rows, 50);
            double *wanted = doubles(n);
            for (int64_t j = 0; j < 50 * d; j += 2) {
                double angle = uniform() * 7;
                table[j] = (float) cos(angle);
                table[j + 1] = (float) sin(angle);
            }
            float *bias = floats((heads + kv) * d), *x = copy_of(qkv, n);
            for (int64_t r = 0; biased && r < rows; r++)
                for (int64_t j = 0; j < (heads + kv) * d; j++) x[r * width + j] += bias[j];
            for (int64_t j = 0; j < n; j++) wanted[j] = x[j];
            for (int64_t r = 0; r < rows; r++)
                for (int64_t h = 0; h < heads + kv; h++)
                    for (int64_t p = 0; p < d / 2; p++) {
                        int64_t base = r * width + h * d, first = base + (interleaved ? 2 * p : p);
                        int64_t second = base + (interleaved ? 2 * p + 1 : p + d / 2);
                        double c = table[positions[r] * d + 2 * p], t = table[positions[r] * d + 2 * p + 1] * (inverse ? -1 : 1);
                        wanted[first] = x[first] * c - x[second] * t;
                        wanted[second] = x[first] * t + x[second] * c;
                    }
            call(rondo_rotary(s, RONDO_F32, qkv, biased ? bias : 0, 0, 0, 0, positions, table, 50, rows, heads, kv, d, interleaved, inverse, out, 0));
            check("out", out, wanted, n, 2e-5);
            call(rondo_rotary(s, RONDO_F32, qkv, biased ? bias : 0, 0, 0, 0, positions, table, 50, rows, heads, kv, d, interleaved, inverse, qkv, 0));
            equal("in place", qkv, out, n * 4);
            free(qkv), free(out), free(table), free(positions), free(bias), free(x), free(wanted);
        }
}
