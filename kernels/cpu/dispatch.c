/*
 * dispatch.c: the public functions. At load the best instruction set of this processor is chosen; RONDO_CPU=plain|avx2|avx512
 * may ask for a lesser one (a greater is not heeded). Arguments are checked by the operations themselves.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

extern const struct rondo_kernels rondo_kernels_plain;
#if defined(__x86_64__)
extern const struct rondo_kernels rondo_kernels_avx2, rondo_kernels_avx512;
#endif

static const struct rondo_kernels *active = &rondo_kernels_plain;
static int unknown_choice;
static _Thread_local char error_line[256];

__attribute__((constructor)) static void choose(void)
{
    const char *asked = getenv("RONDO_CPU");
    unknown_choice = asked && strcmp(asked, "plain") != 0 && strcmp(asked, "avx2") != 0 && strcmp(asked, "avx512") != 0;
#if defined(__x86_64__)
    if (asked && strcmp(asked, "plain") == 0) return;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
    active = &rondo_kernels_avx2;
    if (asked && strcmp(asked, "avx2") == 0) return;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl"))
        active = &rondo_kernels_avx512;
#endif
}

int32_t rondo_contract(void) { return RONDO_CONTRACT; }
const char *rondo_describe(void) { return active->description; }
const char *rondo_error(void) { return error_line; }

int32_t rondo_check_choice(void)
{
    REQUIRE(!unknown_choice, "RONDO_CPU is \"%.64s\", expected plain, avx2 or avx512", getenv("RONDO_CPU") ? getenv("RONDO_CPU") : "");
    return RONDO_OK;
}

int32_t rondo_fail(int32_t code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error_line, sizeof(error_line), format, arguments);
    va_end(arguments);
    return code;
}

#define FORWARD(name, parameters, arguments) \
    int32_t rondo_##name parameters { return active->name arguments; }

FORWARD(add, (rondo_stream * s, const float *a, const float *b, int64_t n, float *out), (s, a, b, n, out))
FORWARD(scale, (rondo_stream * s, const float *x, float factor, int64_t n, float *out), (s, x, factor, n, out))
FORWARD(cast, (rondo_stream * s, const void *x, int32_t from, int64_t n, void *out, int32_t to), (s, x, from, n, out, to))
FORWARD(gated_silu, (rondo_stream * s, const float *x, int64_t rows, int64_t width, float *y), (s, x, rows, width, y))
FORWARD(gated_silu_grad, (rondo_stream * s, const float *x, const float *dy, int64_t rows, int64_t width, float *dx),
    (s, x, dy, rows, width, dx))
FORWARD(matmul,
    (rondo_stream * s, int64_t batch, int64_t m, int64_t n, int64_t k, float alpha, const void *a, int32_t a_type,
        int32_t transpose_a, int64_t a_ld, int64_t a_step, const void *b, int32_t b_type, int32_t transpose_b, int64_t b_ld,
        int64_t b_step, float beta, const void *c, int64_t c_ld, int64_t c_step, void *out, int32_t out_type, int64_t out_ld,
        int64_t out_step, int32_t symmetric),
    (s, batch, m, n, k, alpha, a, a_type, transpose_a, a_ld, a_step, b, b_type, transpose_b, b_ld, b_step, beta, c, c_ld, c_step,
        out, out_type, out_ld, out_step, symmetric))
FORWARD(embedding,
    (rondo_stream * s, const void *table, int32_t table_type, const int32_t *tokens, int64_t rows, int64_t width, int64_t vocab,
        float scale, float *y),
    (s, table, table_type, tokens, rows, width, vocab, scale, y))
FORWARD(embedding_grad,
    (rondo_stream * s, const int32_t *tokens, const float *dy, int64_t rows, int64_t width, int64_t vocab, float scale,
        int32_t accumulate, float *dtable),
    (s, tokens, dy, rows, width, vocab, scale, accumulate, dtable))
FORWARD(rms_norm,
    (rondo_stream * s, const float *x, const float *residual, const float *gain, float eps, int64_t rows, int64_t width,
        float *sum, float *y, float *rstd),
    (s, x, residual, gain, eps, rows, width, sum, y, rstd))
FORWARD(rms_norm_grad,
    (rondo_stream * s, const float *x, const float *gain, const float *rstd, const float *dy, const float *carry, int64_t rows,
        int64_t width, float *dx, int32_t accumulate_dgain, float *dgain),
    (s, x, gain, rstd, dy, carry, rows, width, dx, accumulate_dgain, dgain))
FORWARD(qk_bias,
    (rondo_stream * s, const float *qkv, const float *bias, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
        float *out),
    (s, qkv, bias, rows, heads, kv_heads, head_dim, out))
FORWARD(qk_bias_grad,
    (rondo_stream * s, const float *dout, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim, int32_t accumulate,
        float *dbias),
    (s, dout, rows, heads, kv_heads, head_dim, accumulate, dbias))
FORWARD(qk_norm,
    (rondo_stream * s, const float *qkv, const float *q_gain, const float *k_gain, float eps, int64_t rows, int64_t heads,
        int64_t kv_heads, int64_t head_dim, float *out, float *rstd),
    (s, qkv, q_gain, k_gain, eps, rows, heads, kv_heads, head_dim, out, rstd))
FORWARD(qk_norm_grad,
    (rondo_stream * s, const float *qkv, const float *q_gain, const float *k_gain, const float *rstd, const float *dout,
        int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim, float *dqkv, int32_t accumulate_gains, float *dq_gain,
        float *dk_gain),
    (s, qkv, q_gain, k_gain, rstd, dout, rows, heads, kv_heads, head_dim, dqkv, accumulate_gains, dq_gain, dk_gain))
FORWARD(rotary,
    (rondo_stream * s, const float *qkv, const int32_t *positions, const float *table, int64_t table_rows, int64_t rows,
        int64_t heads, int64_t kv_heads, int64_t head_dim, int32_t interleaved, int32_t inverse, float *out),
    (s, qkv, positions, table, table_rows, rows, heads, kv_heads, head_dim, interleaved, inverse, out))
FORWARD(attention,
    (rondo_stream * s, const float *qkv, int64_t batch, int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim,
        float scale, float *out, float *lse),
    (s, qkv, batch, time, heads, kv_heads, head_dim, scale, out, lse))
FORWARD(attention_grad,
    (rondo_stream * s, const float *qkv, const float *out, const float *lse, const float *dout, int64_t batch, int64_t time,
        int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float *dqkv),
    (s, qkv, out, lse, dout, batch, time, heads, kv_heads, head_dim, scale, dqkv))
FORWARD(cache_append,
    (rondo_stream * s, const float *qkv, const int32_t *start, int64_t batch, int64_t time, int64_t heads, int64_t kv_heads,
        int64_t head_dim, int64_t capacity, float *cache),
    (s, qkv, start, batch, time, heads, kv_heads, head_dim, capacity, cache))
FORWARD(cached_attention,
    (rondo_stream * s, const float *qkv, const float *cache, const int32_t *start, int64_t batch, int64_t time, int64_t heads,
        int64_t kv_heads, int64_t head_dim, int64_t capacity, float scale, float *out),
    (s, qkv, cache, start, batch, time, heads, kv_heads, head_dim, capacity, scale, out))
FORWARD(truncated_normal, (rondo_stream * s, const int64_t *key, float std, float cut, int64_t n, float *out),
    (s, key, std, cut, n, out))
FORWARD(linear_cross_entropy,
    (rondo_stream * s, const float *x, const float *head, const int32_t *targets, int64_t rows, int64_t width, int64_t vocab,
        int64_t chunk_rows, float grad_scale, float *scratch, float *loss, float *dx, int32_t accumulate_dhead, float *dhead),
    (s, x, head, targets, rows, width, vocab, chunk_rows, grad_scale, scratch, loss, dx, accumulate_dhead, dhead))
FORWARD(sum_squares, (rondo_stream * s, const float *x, int64_t n, float *out), (s, x, n, out))
FORWARD(clip_factor, (rondo_stream * s, const float *sum_squares, float max_norm, float *out), (s, sum_squares, max_norm, out))
FORWARD(adamw,
    (rondo_stream * s, float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n,
        float beta1, float beta2, float eps, float weight_decay),
    (s, p, g, m, v, control, clip, n, beta1, beta2, eps, weight_decay))
FORWARD(muon_momentum, (rondo_stream * s, float *m, const float *g, const float *clip, int64_t n, float momentum, float *u),
    (s, m, g, clip, n, momentum, u))
FORWARD(normalize_matrices,
    (rondo_stream * s, const float *x, int64_t batch, int64_t n, float eps, void *out, int32_t out_type),
    (s, x, batch, n, eps, out, out_type))
FORWARD(muon_apply,
    (rondo_stream * s, float *p, const void *o, int32_t o_type, const float *control, int64_t n, float scale, float weight_decay),
    (s, p, o, o_type, control, n, scale, weight_decay))
