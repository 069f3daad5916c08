/*
 * test_bf16_products.c: bf16 products in every layout, products of few rows, and weights of 8 bits, against loops in double. Where a
 * GPU library multiplies by cuBLASLt, here a stand-in, it must have been called.
 */
#include <dlfcn.h>

#include "check.h"

struct matrix {
    float *value;
    char *memory;
    void *data;
    int64_t ld, step, n;
    int type, transposed;
};

/* op() is rows x columns; stored with pad elements between rows, the first one offset elements off an alignment of 64 bytes. */
static struct matrix matrix_of(int64_t batch, int64_t rows, int64_t columns, int transposed, int type, int64_t pad, int64_t offset)
{
    struct matrix x = {.type = type, .transposed = transposed};
    int64_t stored = transposed ? columns : rows, bytes = type == RONDO_F32 ? 4 : 2;
    x.ld = (transposed ? rows : columns) + pad;
    x.step = stored * x.ld + pad;
    x.n = (batch - 1) * x.step + (stored - 1) * x.ld + x.ld - pad;
    x.value = floats(x.n);
    /* To the last byte, so that the address sanitizer sees every step outside. */
    if (posix_memalign((void **) &x.memory, 64, (offset + x.n) * bytes) != 0) abort();
    x.data = x.memory + offset * bytes;
    for (int64_t i = 0; i < x.n; i++)
        if (type == RONDO_F32) ((float *) x.data)[i] = x.value[i];
        else x.value[i] = from_bf16(((uint16_t *) x.data)[i] = to_bf16(x.value[i]));
    return x;
}

static void release(struct matrix *x) { free(x->value), free(x->memory); }

static int64_t index_of(const struct matrix *x, int64_t b, int64_t i, int64_t j)
{
    return b * x->step + (x->transposed ? j * x->ld + i : i * x->ld + j);
}

static float stored(const struct matrix *x, int64_t i)
{
    return x->type == RONDO_F32 ? ((float *) x->data)[i] : from_bf16(((uint16_t *) x->data)[i]);
}

struct product {
    int64_t batch, m, n, k;
    int ta, tb, type_a, type_b, type_out;
    float alpha, beta;
    int in_place, symmetric;
    /* Of a and b, and of c and out. */
    int64_t pad, offset, out_pad, out_offset;
};

static void one(rondo_stream *s, struct product q)
{
    struct matrix a = matrix_of(q.batch, q.m, q.k, q.ta, q.type_a, q.pad, q.offset);
    struct matrix other = matrix_of(q.batch, q.k, q.n, q.tb, q.type_b, q.pad, q.offset), b = other;
    struct matrix c = matrix_of(q.batch, q.m, q.n, 0, q.type_out, q.out_pad, q.out_offset);
    struct matrix out = matrix_of(q.batch, q.m, q.n, 0, q.type_out, q.out_pad, q.out_offset), *to = q.in_place ? &c : &out;
    if (q.symmetric) {
        b = a;
        b.transposed = !a.transposed;
        for (int64_t e = 0; e < q.batch; e++)
            for (int64_t i = 0; i < q.m; i++)
                for (int64_t j = i + 1; j < q.n; j++) {
                    int64_t above = index_of(&c, e, i, j), below = index_of(&c, e, j, i);
                    c.value[above] = c.value[below];
                    if (c.type == RONDO_F32) ((float *) c.data)[above] = c.value[below];
                    else ((uint16_t *) c.data)[above] = ((uint16_t *) c.data)[below];
                }
    }
    double *wanted = doubles(q.batch * q.m * q.n);
    float *got = floats(q.batch * q.m * q.n);
    int64_t x = 0;
    for (int64_t e = 0; e < q.batch; e++)
        for (int64_t i = 0; i < q.m; i++)
            for (int64_t j = 0; j < q.n; j++, x++) {
                double sum = 0;
                for (int64_t p = 0; p < q.k; p++) sum += (double) a.value[index_of(&a, e, i, p)] * b.value[index_of(&b, e, p, j)];
                wanted[x] = q.alpha * sum + (q.beta != 0 ? (double) q.beta * c.value[index_of(&c, e, i, j)] : 0);
            }
    call(rondo_matmul(s, q.batch, q.m, q.n, q.k, q.alpha, a.data, q.type_a, a.transposed, a.ld, a.step, b.data, q.type_b, b.transposed,
        b.ld, b.step, q.beta, q.beta != 0 ? c.data : 0, c.ld, c.step, to->data, q.type_out, to->ld, to->step, q.symmetric));
    x = 0;
    for (int64_t e = 0; e < q.batch; e++)
        for (int64_t i = 0; i < q.m; i++)
            for (int64_t j = 0; j < q.n; j++, x++) {
                int64_t at = index_of(to, e, i, j);
                got[x] = stored(to, at);
                if (q.symmetric && got[x] != stored(to, index_of(to, e, j, i))) failures++;
                /* What stays different from before is the padding. */
                to->value[at] = got[x];
            }
    char what[160];
    snprintf(what, sizeof(what), "batch %lld m %lld n %lld k %lld transposes %d%d types %d%d%d alpha %g beta %g pad %lld offset %lld",
        (long long) q.batch, (long long) q.m, (long long) q.n, (long long) q.k, q.ta, q.tb, q.type_a, q.type_b, q.type_out, q.alpha, q.beta,
        (long long) q.pad, (long long) q.offset);
    check(what, got, wanted, q.batch * q.m * q.n, q.type_out == RONDO_F32 ? 5e-5 : 6e-3);
    for (int64_t i = 0; i < to->n; i++)
        if (stored(to, i) != to->value[i]) {
            printf("    %s: the padding changed\n", what);
            failures++;
            break;
        }
    release(&a), release(&other), release(&c), release(&out), free(wanted), free(got);
}

/* What was recorded is computed at each launch, from the values of then. */
static void recorded(rondo_stream *s)
{
    enum { M = 20, N = 24, K = 32 };
    uint16_t a[M * K], b[K * N];
    float out[M * N] = {0};
    double wanted[M * N];
    rondo_graph *graph;
    if (rondo_capture_begin(s) == RONDO_UNSUPPORTED) return;
    call(rondo_matmul(s, 1, M, N, K, 1, a, RONDO_BF16, 0, K, 0, b, RONDO_BF16, 0, N, 0, 0, 0, 0, 0, out, RONDO_F32, N, 0, 0));
    call(rondo_capture_end(s, &graph));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < M * K; i++) a[i] = to_bf16(normal());
        for (int i = 0; i < K * N; i++) b[i] = to_bf16(normal());
        for (int i = 0; i < M * N; i++) {
            wanted[i] = 0;
            for (int p = 0; p < K; p++) wanted[i] += (double) from_bf16(a[i / N * K + p]) * from_bf16(b[p * N + i % N]);
        }
        call(rondo_graph_launch(s, graph));
        call(rondo_stream_synchronize(s));
        check("recorded product", out, wanted, M * N, 5e-5);
    }
    call(rondo_graph_destroy(graph));
}

/* A stand-in for cuBLASLt has been at work, products that it refuses have worked all the same, and its table may overflow. */
static void stand_in(rondo_stream *s)
{
    void *library = strstr(rondo_describe(), "cuBLASLt ") ? dlopen(getenv("RONDO_CUBLASLT"), RTLD_NOW) : 0;
    long (*calls)(void) = library ? (long (*)(void)) dlsym(library, "fake_cublaslt_calls") : 0;
    struct product q = {.batch = 2, .m = 33, .n = 20, .k = 77, .type_a = 1, .type_b = 1, .alpha = 1};
    long before = calls ? calls() : 0;
    one(s, q);
    if (!calls) return;
    if (calls() != before || before == 0) printf("    cuBLASLt multiplied what it has no algorithm for, or nothing at all\n"), failures++;
    for (q.k = 76, q.batch = 1, q.m = 1, q.n = 1; q.n <= 600; q.n++) one(s, q);
    q.n = 1;
    one(s, q);
    if (calls() != before + 601) printf("    cuBLASLt was called %ld times, expected 601\n", calls() - before), failures++;
    dlclose(library);
}

void test_bf16_products(rondo_stream *s)
{
    const int64_t sizes[] = {1, 2, 7, 16, 17, 63, 64, 65, 127, 128, 129, 200};
    int count = COUNT(sizes), round = 0;
    for (int t = 0; t < 4; t++)
        for (int i = 0; i < count; i++, round++) {
            struct product q = {.batch = 1, .m = sizes[i], .n = sizes[(5 * i + 3 + t) % count], .k = sizes[(7 * i + 5 + 2 * t) % count],
                .ta = t & 1, .tb = t >> 1, .type_a = 1, .type_b = 1, .alpha = 1};
            /* The widths decide where rows begin, then pads do. */
            q.type_out = round & 1;
            one(s, q);
            q.type_out = !q.type_out, q.alpha = 0.5f, q.beta = -0.25f, q.in_place = round / 2 & 1;
            q.pad = 8 + round % 3, q.offset = round % 4 == 3, q.out_pad = round % 5, q.out_offset = round % 6 == 5;
            one(s, q);
        }
    for (int t = 0; t < 4; t++) {
        /* Rows at multiples of 16 bytes for every transpose: tiles of 128, then of 64. */
        struct product q = {.batch = 1, .m = 200, .n = 136, .k = 72, .ta = t & 1, .tb = t >> 1, .type_a = 1, .type_b = 1,
            .type_out = t & 1, .alpha = 2};
        one(s, q);
        q.batch = 3, q.beta = 1, q.m = 136, q.k = 40, q.in_place = 1;
        one(s, q);
        q.batch = 2, q.m = 24, q.n = 40, q.pad = 8, q.out_pad = 4, q.in_place = 0;
        one(s, q);
        q.k = 0;
        one(s, q);
    }
    stand_in(s);
    recorded(s);
}

/* A few small shapes for tiles of both sizes, operands aligned and not, and the symmetric ones: what a sanitizer has time for. */
void test_tensor_products(rondo_stream *s)
{
    for (int t = 0; t < 4; t++) {
        struct product q = {.batch = 1, .m = 20, .n = 40, .k = 72, .ta = t & 1, .tb = t >> 1, .type_a = 1, .type_b = 1, .type_out = t & 1,
            .alpha = 1};
        one(s, q);
        q.beta = 1, q.in_place = 1, q.pad = 1, q.offset = 1;
        one(s, q);
    }
    one(s, (struct product){.batch = 1, .m = 136, .n = 136, .k = 40, .tb = 1, .type_a = 1, .type_b = 1, .alpha = 2});
    one(s, (struct product){.batch = 1, .m = 72, .n = 72, .k = 24, .type_a = 1, .type_b = 1, .alpha = 1, .symmetric = 1});
}

void test_bf16_symmetric(rondo_stream *s)
{
    const int64_t shapes[][3] = {{1, 1, 5}, {1, 7, 3}, {1, 64, 64}, {3, 65, 100}, {1, 200, 70}, {2, 136, 72}, {1, 300, 40}};
    for (int i = 0; i < COUNT(shapes); i++)
        for (int t = 0; t < 4; t++)
            one(s, (struct product){.batch = shapes[i][0], .m = shapes[i][1], .n = shapes[i][1], .k = shapes[i][2], .ta = t & 1,
                .type_a = 1, .type_b = 1, .type_out = t >> 1, .alpha = 0.5f, .beta = t == 1 ? 0 : -2, .in_place = t == 2,
                .symmetric = 1, .pad = t == 3, .out_pad = t & 1});
}

void test_few_rows(rondo_stream *s)
{
    const int64_t depths[] = {1, 7, 8, 64, 200, 513, 2100}, columns[] = {1, 3, 4, 18};
    int round = 0;
    for (int64_t m = 1; m <= 17; m++)
        for (int types = 0; types < 4; types++, round++) {
            struct product q = {.batch = 1 + (round % 5 == 4), .m = m, .n = columns[round % 4], .k = depths[round % 7], .tb = 1,
                .type_a = types & 1, .type_b = types >> 1, .type_out = round / 3 & 1, .alpha = 1};
            one(s, q);
            q.k = depths[(round + 3) % 7], q.alpha = -2, q.beta = 0.5f, q.in_place = round / 2 & 1, q.pad = round % 3 * 4;
            q.offset = round % 8 == 7, q.out_pad = round % 2;
            one(s, q);
        }
    one(s, (struct product){.batch = 1, .m = 5, .n = 9, .tb = 1, .type_a = 1, .type_b = 1, .alpha = 1, .beta = 2});
}

/* The value of an e4m3 code by its definition. */
static double e4m3(int code)
{
    int exponent = code >> 3 & 15, fraction = code & 7;
    double size = exponent ? ldexp(8 + fraction, exponent - 10) : ldexp(fraction, -9);
    return code & 0x80 ? -size : size;
}

/* The code nearest to v, the even one of two. */
static int nearest(double v, int type)
{
    if (type == RONDO_I8) return (int) rint(fmax(-127, fmin(127, v)));
    int best = 0;
    for (int code = 1; code < 0x7f; code++) {
        double nearer = fabs(fabs(v) - e4m3(best)) - fabs(fabs(v) - e4m3(code));
        if (nearer > 0 || (nearer == 0 && code % 2 == 0)) best = code;
    }
    return v < 0 ? best | 0x80 : best;
}

void test_eight_bits(rondo_stream *s)
{
    const int64_t shapes[][3] = {{1, 1, 1}, {1, 5, 15}, {2, 7, 16}, {3, 64, 130}, {4, 9, 520}, {5, 3, 17}, {8, 10, 4500}, {9, 21, 33},
        {15, 6, 256}, {16, 8, 96}, {17, 12, 48}, {40, 5, 100}};
    static int said;
    int skipped = 0;
    for (int i = 0; i < COUNT(shapes); i++)
        for (int type = RONDO_I8; type <= RONDO_E4M3; type++) {
            int64_t rows = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
            double most = type == RONDO_I8 ? 127 : 448;
            float *w = floats(n * k), *scale = floats(n), *x = floats(rows * k), *y = floats(rows * n);
            uint8_t *q = malloc(n * k), *wanted_q = malloc(n * k);
            double *wanted = doubles(rows * n);
            if (i == 1) memset(w, 0, k * sizeof(float));
            /* A row whose scale is 1: ties, the smallest steps, and one of wide range. */
            const float ties[] = {0.5f, 1.5f, -2.5f, 126.5f, 0x1p-10f, 0x3p-10f, -0x1.8p-8f, 0x1.fp-7f, 17, 19, -27, 436, 0x1p-30f};
            for (int t = 0; i == 3 && t < COUNT(ties); t++) w[t] = type == RONDO_I8 && fabsf(ties[t]) > 127 ? 3.5f : ties[t];
            if (i == 3) w[COUNT(ties)] = (float) -most;
            for (int64_t p = 0; i == 4 && p < k; p++) w[p] *= (float) exp(-0.1 * p);
            call(rondo_quantize_rows(s, w, n, k, q, type, scale));
            for (int64_t j = 0; j < n; j++) {
                float top = 0;
                for (int64_t p = 0; p < k; p++) top = fmaxf(top, fabsf(w[j * k + p]));
                float unit = top / (float) most;
                equal("scale", &scale[j], &unit, 4);
                for (int64_t p = 0; p < k; p++) wanted_q[j * k + p] = (uint8_t) nearest(top > 0 ? (double) w[j * k + p] / unit : 0, type);
            }
            equal(type == RONDO_I8 ? "int8 weights" : "e4m3 weights", q, wanted_q, n * k);
            for (int half = 0; half < 2; half++) {
                uint16_t *narrow_x = halves(x, rows * k), *narrow_y = halves(y, rows * n);
                for (int64_t e = 0; half && e < rows * k; e++) x[e] = from_bf16(narrow_x[e]);
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t j = 0; j < n; j++) {
                        double sum = 0;
                        for (int64_t p = 0; p < k; p++)
                            sum += (double) x[r * k + p] * (type == RONDO_I8 ? (int8_t) q[j * k + p] : e4m3(q[j * k + p]));
                        wanted[r * n + j] = scale[j] * sum;
                    }
                int32_t code = half ? rondo_quantized_linear(s, RONDO_BF16, narrow_x, rows, q, type, scale, n, k, narrow_y)
                                    : rondo_quantized_linear(s, RONDO_F32, x, rows, q, type, scale, n, k, y);
                if (half && code == RONDO_UNSUPPORTED) skipped = 1;
                else {
                    call(code);
                    for (int64_t e = 0; half && e < rows * n; e++) y[e] = from_bf16(narrow_y[e]);
                    check(half ? "bf16 rows" : "f32 rows", y, wanted, rows * n, half ? 6e-3 : 5e-5);
                }
                free(narrow_x), free(narrow_y);
            }
            free(w), free(scale), free(x), free(y), free(q), free(wanted_q), free(wanted);
        }
    if (skipped && !said++) printf("    rows of bf16: skipped, this library has them not\n");
    /* What is no number shows in the scale, and so in every product. */
    float wrong[] = {1, NAN, 2, 3, INFINITY, 4}, scale[2], one_row[] = {1, 1, 1}, y[2];
    uint8_t q[6];
    for (int type = RONDO_I8; type <= RONDO_E4M3; type++) {
        call(rondo_quantize_rows(s, wrong, 2, 3, q, type, scale));
        call(rondo_quantized_linear(s, RONDO_F32, one_row, 1, q, type, scale, 2, 3, y));
        if (!isnan(y[0]) || !isnan(y[1])) printf("    a row that is no number gives %g, %g\n", y[0], y[1]), failures++;
    }
}
