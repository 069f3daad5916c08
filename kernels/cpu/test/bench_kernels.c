/*
 * bench_kernels.c: rates of the operations that matter, for development: GFLOP/s of products and attention, GB/s of what is bound
 * by memory beside memcpy. Best of several runs; one thread is timed in processor time, which other programs disturb less. bench_kernels [threads] [part of a name] [path of a cblas library]
 */
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../rondo.h"

static rondo_stream *s;
static const char *filter = "";
static void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

static clockid_t clock_used = CLOCK_MONOTONIC;

static double now(void)
{
    struct timespec t;
    clock_gettime(clock_used, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static float *floats(int64_t n)
{
    void *memory;
    if (rondo_allocate(s, n * 4, &memory) != RONDO_OK) exit(1);
    float *x = memory;
    for (int64_t i = 0; i < n; i++) x[i] = (float) ((i * 2654435761u >> 7) % 1000) / 500 - 1;
    return x;
}

/* Seconds of the fastest of many runs, within about a quarter of a second. */
#define BEST(statement) \
    ({ \
        double best = 1e9, began = now(); \
        statement; \
        for (int runs = 0; runs < 4 || now() - began < 0.25; runs++) { \
            double start = now(); \
            statement; \
            double took = now() - start; \
            if (took < best) best = took; \
        } \
        best; \
    })

static void product(int64_t batch, int64_t m, int64_t n, int64_t k, int ta, int tb, int type)
{
    char name[96];
    snprintf(name, sizeof(name), "matmul %s %c%c %lldx %lld x %lld x %lld", type ? "bf16" : "f32", ta ? 'T' : 'N', tb ? 'T' : 'N', (long long) batch,
        (long long) m, (long long) n, (long long) k);
    if (!strstr(name, filter)) return;
    float *a = floats(batch * m * k), *b = floats(batch * k * n), *c = floats(batch * m * n);
    double flops = 2.0 * batch * m * n * k;
    /* By turns, since the machine's speed drifts. */
    double t = 1e9, u = 1e9, began = now();
    for (int runs = 0; runs < 6 || now() - began < 0.5; runs++) {
        double start = now();
        rondo_matmul(s, batch, m, n, k, 1, a, 0, ta, ta ? m : k, m * k, b, type, tb, tb ? k : n, k * n, 0, 0, 0, 0, c, 0, n, m * n, 0);
        double middle = now();
        if (sgemm && !type)
            for (int i = 0; i < batch; i++)
                sgemm(101, ta ? 112 : 111, tb ? 112 : 111, m, n, k, 1, a + i * m * k, ta ? m : k, b + i * k * n, tb ? k : n, 0,
                    c + i * m * n, n);
        double end = now();
        if (middle - start < t) t = middle - start;
        if (end - middle < u) u = end - middle;
    }
    printf("%-48s %9.1f us %8.1f GFLOP/s %6.1f GB/s of b", name, t * 1e6, flops / t / 1e9, batch * k * n * (type ? 2.0 : 4.0) / t / 1e9);
    if (sgemm && !type) printf("   blas %8.1f   ratio %.2f", flops / u / 1e9, u / t);
    printf("\n");
    rondo_release(s, a, 0), rondo_release(s, b, 0), rondo_release(s, c, 0);
}

static void attention(int64_t batch, int64_t time, int64_t heads, int64_t kv, int64_t d)
{
    char name[96];
    snprintf(name, sizeof(name), "attention b %lld t %lld h %lld/%lld d %lld", (long long) batch, (long long) time, (long long) heads, (long long) kv,
        (long long) d);
    if (!strstr(name, filter)) return;
    int64_t n = batch * time * (heads + 2 * kv) * d, m = batch * time * heads * d;
    float *qkv = floats(n), *out = floats(m), *lse = floats(batch * time * heads), *dout = floats(m), *dqkv = floats(n), *scratch = floats(batch * time * heads);
    double flops = 2.0 * batch * heads * time * (time + 1) * d;
    double f = BEST(rondo_attention(s, RONDO_F32, qkv, batch, time, heads, kv, d, 0.2f, out, lse));
    double b = BEST(rondo_attention_grad(s, RONDO_F32, qkv, out, lse, dout, batch, time, heads, kv, d, 0.2f, scratch, dqkv));
    printf("%-48s forward %8.1f us %6.1f GFLOP/s   backward %8.1f us %6.1f GFLOP/s\n", name, f * 1e6, flops / f / 1e9, b * 1e6, 2.5 * flops / b / 1e9);
    rondo_release(s, qkv, 0), rondo_release(s, out, 0), rondo_release(s, lse, 0), rondo_release(s, dout, 0), rondo_release(s, dqkv, 0), rondo_release(s, scratch, 0);
}

static void report(const char *name, double bytes, double t)
{
    printf("%-48s %9.1f us %8.2f GB/s\n", name, t * 1e6, bytes / t / 1e9);
}

static void rows(void)
{
    const int64_t r = 8192, w = 512, n = r * w;
    float *a = floats(n), *b = floats(2 * n), *c = floats(2 * n), *d = floats(n), *gain = floats(w), *rstd = floats(r);
    int64_t key[2] = {1, 2};
    float control[5] = {1e-3f, 0.5f, 0.5f, 1, 0}, clip[2] = {1, 1}, out[2];
    report("memcpy (one thread)", 8.0 * n, BEST(memcpy(c, a, n * 4)));
    report("copy", 8.0 * n, BEST(rondo_copy(s, a, c, n * 4)));
    report("add", 12.0 * n, BEST(rondo_add(s, RONDO_F32, a, d, n, c)));
    report("cast to bf16", 6.0 * n, BEST(rondo_cast(s, a, RONDO_F32, n, c, RONDO_BF16)));
    report("gated_silu", 12.0 * n, BEST(rondo_gated_silu(s, RONDO_F32, b, r, w, c)));
    report("gated_silu_grad", 20.0 * n, BEST(rondo_gated_silu_grad(s, RONDO_F32, b, a, r, w, c)));
    report("rms_norm", 8.0 * n, BEST(rondo_rms_norm(s, RONDO_F32, a, 0, gain, 1e-5f, r, w, 0, c, rstd)));
    report("rms_norm with residual", 16.0 * n, BEST(rondo_rms_norm(s, RONDO_F32, a, d, gain, 1e-5f, r, w, b, c, rstd)));
    report("rms_norm_grad", 16.0 * n, BEST(rondo_rms_norm_grad(s, RONDO_F32, a, gain, rstd, d, b, r, w, c, 1, gain)));
    report("truncated_normal", 4.0 * n, BEST(rondo_truncated_normal(s, key, 1, 3, n, c)));
    report("sum_squares", 4.0 * n, BEST(rondo_sum_squares(s, a, n, out)));
    report("adamw", 28.0 * n, BEST(rondo_adamw(s, a, d, b, b + n, control, clip, n, 0.9f, 0.95f, 1e-8f, 0.1f)));
    report("ellis_adam", 36.0 * n, BEST(rondo_ellis_adam(s, a, d, b, b + n, control, clip, n, 0.9f, 0.95f, 1e-6f, 0.1f, 1, 1)));
    report("small add (1024)", 12.0 * 1024, BEST(rondo_add(s, RONDO_F32, a, d, 1024, c)));
}

static void loss(int64_t r, int64_t w, int64_t v, int64_t chunk)
{
    float *x = floats(r * w), *head = floats(v * w), *scratch = floats(chunk * v), *dx = floats(r * w), *dhead = floats(v * w), out[2];
    int32_t *targets = malloc(r * 4);
    for (int64_t i = 0; i < r; i++) targets[i] = i % v;
    double t = BEST(rondo_linear_cross_entropy(s, RONDO_F32, x, head, targets, r, w, v, chunk, 1, 0, scratch, out, dx, 0, dhead));
    printf("linear_cross_entropy %lld x %lld x %lld chunk %lld  %9.1f us %8.1f GFLOP/s\n", (long long) r, (long long) w, (long long) v,
        (long long) chunk, t * 1e6, 6.0 * r * w * v / t / 1e9);
}

int main(int count, char **arguments)
{
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    if (threads == 1) clock_used = CLOCK_THREAD_CPUTIME_ID;
    if (count > 2) filter = arguments[2];
    if (count > 3) {
        void *library = dlopen(arguments[3], RTLD_NOW);
        if (!library) return printf("%s\n", dlerror()), 1;
        *(void **) &sgemm = dlsym(library, "cblas_sgemm");
        void (*set_threads)(int);
        *(void **) &set_threads = dlsym(library, "openblas_set_num_threads");
        if (set_threads) set_threads(threads);
    }
    if (rondo_stream_create(0, threads, &s) != RONDO_OK) return printf("%s\n", rondo_error()), 1;
    printf("%s, %d threads\n", rondo_describe(), threads);
    for (int64_t n = 256; n <= 2048; n *= 2)
        for (int t = 0; t < 3; t++) product(1, n, n, n, t == 2, t == 1, 0);
    /* [rows, out, in]: the layers of the quickstart's model, then wider ones. */
    const int64_t shapes[][3] = {{4096, 256, 128}, {4096, 128, 128}, {4096, 768, 128}, {4096, 128, 384}, {2048, 688, 256},
        {2048, 1024, 384}, {2048, 2048, 512}, {64, 512, 512}};
    for (int i = 0; i < 8; i++) {
        product(1, shapes[i][0], shapes[i][1], shapes[i][2], 0, 1, 0);
        product(1, shapes[i][0], shapes[i][2], shapes[i][1], 0, 0, 0);
        product(1, shapes[i][1], shapes[i][2], shapes[i][0], 1, 0, 0);
    }
    product(8, 128, 128, 128, 0, 1, 0);
    product(16, 64, 64, 64, 0, 1, 0);
    for (int64_t m = 1; m <= 32; m *= 2) product(1, m, 2048, 2048, 0, 1, 0);
    for (int64_t m = 1; m <= 32; m *= 2) product(1, m, 2048, 2048, 0, 1, 1);
    product(1, 1, 8192, 4096, 0, 1, 0);
    product(1, 512, 512, 512, 0, 1, 1);
    attention(16, 128, 4, 4, 16);
    attention(16, 128, 4, 4, 32);
    attention(8, 256, 8, 4, 32);
    attention(8, 512, 8, 8, 64);
    attention(1, 2048, 8, 2, 64);
    if (strstr("rows", filter)) rows();
    if (strstr("loss", filter)) {
        loss(2048, 256, 4096, 512);
        loss(512, 256, 32000, 128);
    }
    rondo_stream_destroy(s);
    return 0;
}
