/* test_elementwise.c: memory, elementwise operations, optimisers, noise, errors. */
#include "check.h"

static const int64_t sizes[] = {1, 7, 16, 1000, 16385, 300001};

void test_library(rondo_stream *s)
{
    (void) s;
    if (rondo_contract() != RONDO_CONTRACT) failures++;
    if (strncmp(rondo_describe(), "cpu: ", 5) != 0 && strncmp(rondo_describe(), "cuda: ", 6) != 0) failures++;
}

void test_memory(rondo_stream *s)
{
    for (int i = 0; i < COUNT(sizes); i++) {
        int64_t bytes = sizes[i] * 11;
        void *a, *b;
        call(rondo_allocate(s, bytes, &a));
        call(rondo_allocate(s, bytes, &b));
        if ((uintptr_t) a % 64 || (uintptr_t) b % 64) failures++;
        for (int64_t j = 0; j < bytes; j++)
            if (((char *) a)[j]) failures++;
        for (int64_t j = 0; j < bytes; j++) ((char *) a)[j] = (char) j;
        call(rondo_copy(s, a, b, bytes));
        equal("copy", a, b, bytes);
        call(rondo_zero(s, b, bytes));
        for (int64_t j = 0; j < bytes; j++)
            if (((char *) b)[j]) failures++;
        call(rondo_stream_synchronize(s));
        call(rondo_release(s, a, bytes));
        call(rondo_release(s, b, bytes));
    }
}

void test_add(rondo_stream *s)
{
    for (int i = 0; i < COUNT(sizes); i++) {
        int64_t n = sizes[i];
        float *a = floats(n), *b = floats(n), *out = floats(n);
        double *wanted = doubles(n);
        for (int64_t j = 0; j < n; j++) wanted[j] = (double) a[j] + b[j];
        call(rondo_add(s, RONDO_F32, a, b, n, out));
        check("out", out, wanted, n, 1e-6);
        call(rondo_add(s, RONDO_F32, a, b, n, a));
        equal("in place", a, out, n * 4);
        free(a), free(b), free(out), free(wanted);
    }
}

void test_scale(rondo_stream *s)
{
    for (int i = 0; i < COUNT(sizes); i++) {
        int64_t n = sizes[i];
        float *x = floats(n), *out = floats(n);
        double *wanted = doubles(n);
        for (int64_t j = 0; j < n; j++) wanted[j] = -0.75 * x[j];
        call(rondo_scale(s, RONDO_F32, x, -0.75f, n, out));
        check("out", out, wanted, n, 1e-7);
        call(rondo_scale(s, RONDO_F32, x, -0.75f, n, x));
        equal("in place", x, out, n * 4);
        free(x), free(out), free(wanted);
    }
}

void test_cast(rondo_stream *s)
{
    for (int i = 0; i < COUNT(sizes); i++) {
        int64_t n = sizes[i];
        float *x = floats(n), *back = floats(n);
        if (n > 6) x[0] = NAN, x[1] = INFINITY, x[2] = -INFINITY, x[3] = -0.0f, x[4] = 3.4e38f, x[5] = 1e-40f;
        if (n > 15) {
            uint32_t subtle = 0x7f800001; /* a signalling NaN whose upper half alone would be an infinity */
            memcpy(x + 6, &subtle, 4);
        }
        uint16_t *out = halves(x, n), *wanted = halves(x, n);
        memset(out, 0, n * 2);
        call(rondo_cast(s, x, RONDO_F32, n, out, RONDO_BF16));
        /* A NaN must stay one; which one is the device's choice. */
        for (int64_t i = 0; i < n; i++)
            if (isnan(from_bf16(out[i])) && isnan(from_bf16(wanted[i]))) out[i] = wanted[i];
        equal("to bf16", out, wanted, n * 2);
        call(rondo_cast(s, out, RONDO_BF16, n, back, RONDO_F32));
        for (int64_t j = 0; j < n; j++) x[j] = from_bf16(out[j]);
        equal("to f32", back, x, n * 4);
        call(rondo_cast(s, back, RONDO_F32, n, x, RONDO_F32));
        equal("same type", back, x, n * 4);
        free(x), free(back), free(out), free(wanted);
    }
}

void test_first_nonfinite(rondo_stream *s)
{
    const int64_t sizes[] = {1, 7, 1000, 40001};
    for (int i = 0; i < COUNT(sizes); i++)
        for (int type = RONDO_F32; type <= RONDO_BF16; type++) {
            int64_t n = sizes[i], found = 7;
            float *x = floats(n);
            for (int64_t at = n; at > -1; at = at / 2 - (at == 0)) {
                if (at < n) x[at] = at % 2 ? NAN : -INFINITY;
                uint16_t *half = halves(x, n);
                call(settled(s, rondo_first_nonfinite(s, type, type ? (void *) half : x, n, &found)));
                if (found != (at < n ? at : -1)) {
                    printf("    first of %lld is %lld, expected %lld\n", (long long) n, (long long) found, (long long) at);
                    failures++;
                }
                free(half);
            }
            free(x);
        }
}

void test_gated_silu(rondo_stream *s)
{
    const int64_t shapes[][2] = {{1, 1}, {3, 5}, {1, 64}, {7, 100}, {33, 344}, {300, 129}};
    for (int i = 0; i < COUNT(shapes); i++) {
        int64_t rows = shapes[i][0], width = shapes[i][1], n = rows * width;
        float *x = floats(2 * n), *dy = floats(n), *y = floats(n), *dx = floats(2 * n);
        for (int64_t j = 0; j < 2 * n; j += 3) x[j] *= 8;
        if (n > 64) x[0] = -200, x[1] = 200;
        double *wanted = doubles(n), *grad = doubles(2 * n);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < width; j++) {
                double g = x[r * 2 * width + j], u = x[r * 2 * width + width + j], sigma = 1 / (1 + exp(-g)), d = dy[r * width + j];
                wanted[r * width + j] = g * sigma * u;
                grad[r * 2 * width + j] = d * u * sigma * (1 + g * (1 - sigma));
                grad[r * 2 * width + width + j] = d * g * sigma;
            }
        call(rondo_gated_silu(s, RONDO_F32, x, rows, width, y));
        check("y", y, wanted, n, 1e-6);
        call(rondo_gated_silu_grad(s, RONDO_F32, x, dy, rows, width, dx));
        check("dx", dx, grad, 2 * n, 3e-6);
        free(x), free(dy), free(y), free(dx), free(wanted), free(grad);
    }
}

void test_sum_squares(rondo_stream *s)
{
    for (int i = 0; i < COUNT(sizes); i++) {
        int64_t n = sizes[i];
        float *x = floats(n), out[2], clip[2];
        double wanted = 0;
        for (int64_t j = 0; j < n; j++) wanted += (double) x[j] * x[j];
        call(rondo_sum_squares(s, x, n, out));
        check("sum", out, &wanted, 1, 1e-7);
        const float limits[] = {0, 0.5f, 1e9f};
        for (int l = 0; l < 3; l++) {
            double norm = sqrt((double) out[0]), pair[2] = {norm, limits[l] <= 0 ? 1 : fmin(1, limits[l] / (norm + 1e-6))};
            call(rondo_clip_factor(s, out, limits[l], clip));
            check("clip", clip, pair, 2, 1e-6);
        }
        free(x);
    }
    float none;
    double zero = 0;
    call(rondo_sum_squares(s, 0, 0, &none));
    check("empty", &none, &zero, 1, 0);
}

void test_adamw(rondo_stream *s)
{
    for (int i = 0; i < COUNT(sizes); i++) {
        int64_t n = sizes[i];
        float *p = floats(n), *g = floats(n), *m = floats(n), *v = floats(n), control[3] = {3e-3f, 0.19f, 0.0975f}, clip[2] = {3, 0.4f};
        for (int64_t j = 0; j < n; j++) v[j] = fabsf(v[j]);
        double *wp = doubles(n), *wm = doubles(n), *wv = doubles(n);
        for (int64_t j = 0; j < n; j++) {
            double d = (double) g[j] * clip[1];
            wm[j] = (double) 0.9f * m[j] + (1 - (double) 0.9f) * d;
            wv[j] = (double) 0.95f * v[j] + (1 - (double) 0.95f) * d * d;
            wp[j] = p[j] * (1 - (double) control[0] * 0.1f)
                - control[0] * (wm[j] / control[1]) / (sqrt(wv[j] / control[2]) + (double) 1e-8f);
        }
        call(rondo_adamw(s, p, g, m, v, control, clip, n, 0.9f, 0.95f, 1e-8f, 0.1f));
        check("m", m, wm, n, 3e-6);
        check("v", v, wv, n, 3e-6);
        check("p", p, wp, n, 3e-6);
        free(p), free(g), free(m), free(v), free(wp), free(wm), free(wv);
    }
}

/* Two steps, of which the first one begins the moments; the first gradients are 0, so that eps^2 is the second moment. */
static void ellis_adam(rondo_stream *s, int64_t n, int clipping, int use_atan2)
{
    float *p = floats(n), *g = floats(n), *m = floats(n), *v = floats(n), clip[2] = {3, 0.4f}, eps = 1e-4f;
    double *wp = doubles(n), *wm = doubles(n), *wv = doubles(n);
    for (int64_t j = 0; j < n; j++) wp[j] = p[j];
    for (int step = 1; step <= 2; step++) {
        float control[5] = {3e-3f, step == 1 ? 0.1f : 0.19f, step == 1 ? 0.05f : 0.0975f, 0.5f, step == 1};
        double ratios = 0;
        for (int64_t j = 0; j < n; j++) {
            g[j] = j < 2 ? 0 : (step == 1 ? 1 : 30) * normal();
            double d = (double) g[j] * clip[1];
            wm[j] = step == 1 ? d : (double) 0.9f * wm[j] + (1 - (double) 0.9f) * d;
            wv[j] = step == 1 ? d * d : (double) 0.95f * wv[j] + (1 - (double) 0.95f) * d * d;
            if (clipping) wv[j] = fmax(wv[j], (double) eps * eps);
            if (clipping) ratios += d * d / wv[j];
        }
        double rho = sqrt(ratios / n), alpha = control[0] / fmax(1, rho) / control[1];
        for (int64_t j = 0; j < n; j++) {
            double size = sqrt(wv[j]) / sqrt(control[2]);
            wp[j] = wp[j] * (1 - control[3] * (double) 0.1f) - alpha * (use_atan2 ? atan2(wm[j], size) : wm[j] / (size + eps));
        }
        call(rondo_ellis_adam(s, p, g, m, v, control, clip, n, 0.9f, 0.95f, eps, 0.1f, clipping, use_atan2));
    }
    check("m", m, wm, n, 3e-6);
    check("v", v, wv, n, 3e-6);
    check("p", p, wp, n, 3e-6);
    free(p), free(g), free(m), free(v), free(wp), free(wm), free(wv);
}

void test_ellis_adam(rondo_stream *s)
{
    for (int i = 0; i < COUNT(sizes); i++)
        for (int switches = 0; switches < 4; switches++) ellis_adam(s, sizes[i], switches & 1, switches >> 1);
}

void test_muon(rondo_stream *s)
{
    const int64_t shapes[][2] = {{1, 1}, {3, 77}, {2, 20000}, {5, 4096}, {300, 50}};
    for (int i = 0; i < COUNT(shapes); i++) {
        int64_t batch = shapes[i][0], each = shapes[i][1], n = batch * each;
        float *p = floats(n), *g = floats(n), *m = floats(n), *u = floats(n), *o = floats(n), control[3] = {0.02f, 1, 1}, clip[2] = {3, 0.4f};
        double *wm = doubles(n), *wu = doubles(n), *wo = doubles(n), *wp = doubles(n);
        for (int64_t j = 0; j < n; j++) {
            double d = (double) g[j] * clip[1];
            wm[j] = m[j] + (1 - (double) 0.95f) * (d - m[j]);
            wu[j] = d + (double) 0.95f * (wm[j] - d);
        }
        call(rondo_muon_momentum(s, m, g, clip, n, 0.95f, u));
        check("m", m, wm, n, 3e-6);
        check("u", u, wu, n, 3e-6);
        for (int64_t b = 0; b < batch; b++) {
            double sum = 0;
            for (int64_t j = 0; j < each; j++) sum += (double) u[b * each + j] * u[b * each + j];
            for (int64_t j = 0; j < each; j++) wo[b * each + j] = u[b * each + j] / (sqrt(sum) + (double) 1e-7f);
        }
        call(rondo_normalize_matrices(s, u, batch, each, 1e-7f, o, RONDO_F32));
        check("normalized", o, wo, n, 1e-6);
        uint16_t *half = halves(o, n);
        call(rondo_normalize_matrices(s, u, batch, each, 1e-7f, half, RONDO_BF16));
        for (int64_t j = 0; j < n; j++) u[j] = from_bf16(half[j]);
        check("normalized bf16", u, wo, n, 5e-3);
        float *other = copy_of(p, n);
        for (int64_t j = 0; j < n; j++) wp[j] = p[j] * (1 - (double) 0.02f * 0.1f) - (double) 0.02f * 1.5f * o[j];
        call(rondo_muon_apply(s, p, o, RONDO_F32, control, n, 1.5f, 0.1f));
        check("p", p, wp, n, 1e-6);
        for (int64_t j = 0; j < n; j++) wp[j] = other[j] * (1 - (double) 0.02f * 0.1f) - (double) 0.02f * 1.5f * u[j];
        call(rondo_muon_apply(s, other, half, RONDO_BF16, control, n, 1.5f, 0.1f));
        check("p bf16", other, wp, n, 1e-6);
        free(p), free(g), free(m), free(u), free(o), free(half), free(other), free(wm), free(wu), free(wo), free(wp);
    }
}

static uint32_t philox_word(uint64_t index, uint64_t high, uint64_t key, int word)
{
    uint32_t x[4] = {(uint32_t) index, (uint32_t) (index >> 32), (uint32_t) high, (uint32_t) (high >> 32)};
    uint32_t k[2] = {(uint32_t) key, (uint32_t) (key >> 32)};
    for (int r = 0; r < 10; r++) {
        uint64_t a = (uint64_t) 0xD2511F53u * x[0], b = (uint64_t) 0xCD9E8D57u * x[2];
        uint32_t y[4] = {(uint32_t) (b >> 32) ^ x[1] ^ k[0], (uint32_t) b, (uint32_t) (a >> 32) ^ x[3] ^ k[1], (uint32_t) a};
        memcpy(x, y, sizeof(x));
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return x[word];
}

/* Phi^-1 by bisection of erfc: slow and independent of the library's formula. */
static double quantile(double p)
{
    double low = -10, high = 10;
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        if (0.5 * erfc(-middle / sqrt(2)) < p) low = middle;
        else high = middle;
    }
    return (low + high) / 2;
}

void test_truncated_normal(rondo_stream *s)
{
    /* Known answers of Philox4x32-10: all zero, and all ones. */
    const uint32_t zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    for (int w = 0; w < 4; w++)
        if (philox_word(0, 0, 0, w) != zero[w]) failures++;
    if (philox_word(~0ull, ~0ull, ~0ull, 0) != 0x408f276d) failures++;
    const int64_t counts[] = {1, 3, 257, 20011};
    const float cuts[] = {3, 2, 0.5f, 6};
    for (int i = 0; i < 4; i++) {
        int64_t n = counts[i], key[2] = {i == 0 ? 0 : -0x123456789abcdefll, i * 77};
        float *out = floats(n);
        double *wanted = doubles(n), below = 0.5 * erfc(cuts[i] / sqrt(2));
        for (int64_t j = 0; j < n; j++) {
            double u = (philox_word(j / 4, key[1], key[0], j % 4) + 0.5) * 0x1p-32;
            wanted[j] = 0.7 * quantile(below + u * (1 - 2 * below));
        }
        call(rondo_truncated_normal(s, key, 0.7f, cuts[i], n, out));
        check("z", out, wanted, n, 1e-6);
        free(out), free(wanted);
    }
}

void test_errors(rondo_stream *s)
{
    /* What is refused on a GPU has run as far as it could: results lie apart from operands. */
    float x[16] = {0}, out[16], scratch[16];
    int32_t tokens[2] = {1, 9}, start[1] = {3};
    rondo_stream *none;
    refused("threads", rondo_stream_create(0, 0, &none), RONDO_INVALID, "rondo_stream_create: threads is 0");
    refused("null", rondo_add(s, RONDO_F32, x, 0, 4, x), RONDO_INVALID, "rondo_add: b is null");
    refused("extent", rondo_add(s, RONDO_F32, x, x, -1, x), RONDO_INVALID, "n is -1, expected at least 0");
    refused("token", settled(s, rondo_embedding(s, RONDO_F32, x, RONDO_F32, tokens, 2, 4, 4, 1, out)), RONDO_INVALID, "tokens[1] is 9, expected 0 to 3");
    if (strncmp(rondo_describe(), "cpu", 3) == 0)
        refused("bf16", rondo_add(s, RONDO_BF16, x, x, 1, x), RONDO_UNSUPPORTED, "bf16 are for a GPU, expected f32 here");
    refused("type", rondo_cast(s, x, 5, 4, x, RONDO_F32), RONDO_INVALID, "from is 5");
    refused("ld",
        rondo_matmul(s, 1, 2, 2, 4, 1, x, 0, 0, 3, 0, x, 0, 0, 2, 0, 0, 0, 0, 0, x + 8, 0, 2, 0, 0), RONDO_INVALID,
        "a_ld is 3, expected at least 4");
    refused("heads", rondo_attention(s, RONDO_F32, x, 1, 1, 3, 2, 8, 1, x, 0), RONDO_INVALID, "heads is 3, expected a multiple of kv_heads = 2");
    refused("capacity", settled(s, rondo_cache_append(s, RONDO_F32, x, start, 1, 2, 1, 1, 1, 4, out)), RONDO_INVALID, "start[0] is 3");
    refused("position", settled(s, rondo_rotary(s, RONDO_F32, x, 0, 0, 0, 0, tokens, x, 4, 2, 1, 1, 2, 0, 0, out, 0)), RONDO_INVALID, "positions[1] is 9, expected 0 to 3");
    refused("target", settled(s, rondo_linear_cross_entropy(s, RONDO_F32, x, x, tokens, 2, 2, 4, 2, 1, 0, scratch, out, 0, 0, 0)), RONDO_INVALID, "targets[1] is 9");
    refused("z", rondo_linear_cross_entropy(s, RONDO_F32, x, x, tokens, 2, 2, 4, 2, 1, -1, x, x, 0, 0, 0), RONDO_INVALID, "z is -1, expected at least 0");
    refused("target", settled(s, rondo_linear_distillation(s, RONDO_F32, x, x, x, x, tokens, 2, 2, 2, 4, 1, 1, 0, 1, 1, scratch, out, 0, 0, 0)),
        RONDO_INVALID, "rondo_linear_distillation: targets[1] is 9");
    refused("temperature", rondo_linear_distillation(s, RONDO_F32, x, x, x, x, tokens, 2, 2, 2, 4, 1, 1, 0, 0, 1, x, x, 0, 0, 0), RONDO_INVALID,
        "temperature is 0, expected 0.001 to 1000");
    refused("weight", rondo_linear_distillation(s, RONDO_F32, x, x, x, x, tokens, 2, 2, 2, 4, 1, 1, 0, 1, 2, x, x, 0, 0, 0), RONDO_INVALID,
        "weight is 2, expected 0 to 1");
    refused("teacher", rondo_linear_distillation(s, RONDO_F32, x, x, 0, x, tokens, 2, 2, 2, 4, 1, 1, 0, 1, 1, x, x, 0, 0, 0), RONDO_INVALID,
        "teacher is null");
    refused("eps", rondo_ellis_adam(s, x, x, x, x, x, x, 1, 0.9f, 0.95f, 0, 0, 1, 1), RONDO_INVALID, "eps is 0, expected at least 1.1e-19");
}
