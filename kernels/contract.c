/*
 * contract.c: the public operations. Arguments are checked here, once for every library, before its own function is called; what
 * only a look at the data can find is left to that.
 */
#include "contract.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char error_line[512];

int32_t rondo_fail(int32_t code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error_line, sizeof(error_line), format, arguments);
    va_end(arguments);
    return code;
}

int32_t rondo_contract(void) { return RONDO_CONTRACT; }
const char *rondo_error(void) { return error_line; }

#define FLOAT_TYPE(op, type) \
    REQUIRE((type) == RONDO_F32 || (type) == RONDO_BF16, "rondo_" #op ": " #type " is %d, expected f32 (0) or bf16 (1)", (type))
#define BYTE_TYPE(op, type) \
    REQUIRE((type) == RONDO_I8 || (type) == RONDO_E4M3, "rondo_" #op ": " #type " is %d, expected i8 (4) or e4m3 (5)", (type))
#define ACTIVATIONS(op) \
    do { \
        NEED(op, s); \
        FLOAT_TYPE(op, type); \
        LIMIT(type == RONDO_F32 || rondo_device->bf16_activations, "rondo_" #op ": activations of bf16 are for a GPU, expected f32 here"); \
    } while (0)
#define HEADS(op) \
    do { \
        EXTENT(op, kv_heads, 1); \
        EXTENT(op, head_dim, 1); \
        REQUIRE(heads >= kv_heads && heads % kv_heads == 0, "rondo_" #op ": heads is %lld, expected a multiple of kv_heads = %lld", \
            (long long) heads, (long long) kv_heads); \
    } while (0)
#define SUMMED(op, columns) \
    LIMIT((columns) <= RONDO_MOST_SUMMED, "rondo_" #op ": sums over %lld columns, expected at most %d", (long long) (columns), \
        RONDO_MOST_SUMMED)

/* ---- elementwise ---- */

int32_t rondo_add(rondo_stream *s, int32_t type, const void *a, const void *b, int64_t n, void *out)
{
    ACTIVATIONS(add);
    EXTENT(add, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(add, a);
    NEED(add, b);
    NEED(add, out);
    return rondo_device->add(s, type, a, b, n, out);
}

int32_t rondo_scale(rondo_stream *s, int32_t type, const void *x, float factor, int64_t n, void *out)
{
    ACTIVATIONS(scale);
    EXTENT(scale, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(scale, x);
    NEED(scale, out);
    return rondo_device->scale(s, type, x, factor, n, out);
}

int32_t rondo_cast(rondo_stream *s, const void *x, int32_t from, int64_t n, void *out, int32_t to)
{
    NEED(cast, s);
    FLOAT_TYPE(cast, from);
    FLOAT_TYPE(cast, to);
    EXTENT(cast, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(cast, x);
    NEED(cast, out);
    if (from == to) return rondo_copy(s, x, out, n * (from == RONDO_F32 ? 4 : 2));
    return rondo_device->cast(s, x, from, n, out, to);
}

int32_t rondo_first_nonfinite(rondo_stream *s, int32_t type, const void *x, int64_t n, int64_t *out)
{
    NEED(first_nonfinite, s);
    FLOAT_TYPE(first_nonfinite, type);
    EXTENT(first_nonfinite, n, 0);
    if (n > 0) NEED(first_nonfinite, x);
    NEED(first_nonfinite, out);
    return rondo_device->first_nonfinite(s, type, x, n, out);
}

int32_t rondo_gated_silu(rondo_stream *s, int32_t type, const void *x, int64_t rows, int64_t width, void *y)
{
    ACTIVATIONS(gated_silu);
    EXTENT(gated_silu, rows, 0);
    EXTENT(gated_silu, width, 0);
    if (rows == 0 || width == 0) return RONDO_OK;
    NEED(gated_silu, x);
    NEED(gated_silu, y);
    return rondo_device->gated_silu(s, type, x, rows, width, y);
}

int32_t rondo_gated_silu_grad(rondo_stream *s, int32_t type, const void *x, const void *dy, int64_t rows, int64_t width, void *dx)
{
    ACTIVATIONS(gated_silu_grad);
    EXTENT(gated_silu_grad, rows, 0);
    EXTENT(gated_silu_grad, width, 0);
    if (rows == 0 || width == 0) return RONDO_OK;
    NEED(gated_silu_grad, x);
    NEED(gated_silu_grad, dy);
    NEED(gated_silu_grad, dx);
    return rondo_device->gated_silu_grad(s, type, x, dy, rows, width, dx);
}

/* ---- products ---- */

#define LEADING(ld, extent) \
    REQUIRE((ld) >= (extent), "rondo_matmul: " #ld " is %lld, expected at least %lld", (long long) (ld), (long long) (extent))

int32_t rondo_matmul(rondo_stream *s, int64_t batch, int64_t m, int64_t n, int64_t k, float alpha, const void *a, int32_t a_type,
    int32_t transpose_a, int64_t a_ld, int64_t a_step, const void *b, int32_t b_type, int32_t transpose_b, int64_t b_ld, int64_t b_step,
    float beta, const void *c, int64_t c_ld, int64_t c_step, void *out, int32_t out_type, int64_t out_ld, int64_t out_step,
    int32_t symmetric)
{
    NEED(matmul, s);
    EXTENT(matmul, batch, 0);
    EXTENT(matmul, m, 0);
    EXTENT(matmul, n, 0);
    EXTENT(matmul, k, 0);
    FLOAT_TYPE(matmul, a_type);
    FLOAT_TYPE(matmul, b_type);
    FLOAT_TYPE(matmul, out_type);
    if (batch == 0 || m == 0 || n == 0) return RONDO_OK;
    NEED(matmul, out);
    LEADING(out_ld, n);
    if (k > 0) {
        NEED(matmul, a);
        NEED(matmul, b);
        LEADING(a_ld, transpose_a ? m : k);
        LEADING(b_ld, transpose_b ? k : n);
    }
    if (beta != 0) {
        NEED(matmul, c);
        LEADING(c_ld, n);
        REQUIRE(c != out || (c_ld == out_ld && (batch == 1 || c_step == out_step)),
            "rondo_matmul: out is c with another layout, expected c_ld = out_ld and c_step = out_step");
    }
    REQUIRE(!symmetric || m == n, "rondo_matmul: symmetric with m = %lld and n = %lld, expected them equal", (long long) m, (long long) n);
    return rondo_device->matmul(s, batch, m, n, k, alpha, a, a_type, transpose_a, a_ld, a_step, b, b_type, transpose_b, b_ld, b_step,
        beta, beta != 0 ? c : 0, c_ld, c_step, out, out_type, out_ld, out_step, symmetric);
}

int32_t rondo_quantize_rows(rondo_stream *s, const float *w, int64_t rows, int64_t width, void *q, int32_t q_type, float *scale)
{
    NEED(quantize_rows, s);
    BYTE_TYPE(quantize_rows, q_type);
    EXTENT(quantize_rows, rows, 0);
    EXTENT(quantize_rows, width, 1);
    if (rows == 0) return RONDO_OK;
    NEED(quantize_rows, w);
    NEED(quantize_rows, q);
    NEED(quantize_rows, scale);
    return rondo_device->quantize_rows(s, w, rows, width, q, q_type, scale);
}

int32_t rondo_quantized_linear(rondo_stream *s, int32_t type, const void *x, int64_t rows, const void *q, int32_t q_type,
    const float *scale, int64_t n, int64_t k, void *y)
{
    ACTIVATIONS(quantized_linear);
    BYTE_TYPE(quantized_linear, q_type);
    EXTENT(quantized_linear, rows, 0);
    EXTENT(quantized_linear, n, 0);
    EXTENT(quantized_linear, k, 1);
    if (rows == 0 || n == 0) return RONDO_OK;
    NEED(quantized_linear, x);
    NEED(quantized_linear, q);
    NEED(quantized_linear, scale);
    NEED(quantized_linear, y);
    return rondo_device->quantized_linear(s, type, x, rows, q, q_type, scale, n, k, y);
}

/* ---- tokens in ---- */

int32_t rondo_embedding(rondo_stream *s, int32_t type, const void *table, int32_t table_type, const int32_t *tokens, int64_t rows,
    int64_t width, int64_t vocab, float scale, void *y)
{
    ACTIVATIONS(embedding);
    FLOAT_TYPE(embedding, table_type);
    EXTENT(embedding, rows, 0);
    EXTENT(embedding, width, 0);
    EXTENT(embedding, vocab, 0);
    if (rows == 0 || width == 0) return RONDO_OK;
    NEED(embedding, table);
    NEED(embedding, tokens);
    NEED(embedding, y);
    return rondo_device->embedding(s, type, table, table_type, tokens, rows, width, vocab, scale, y);
}

int32_t rondo_embedding_grad(rondo_stream *s, int32_t type, const int32_t *tokens, const void *dy, int64_t rows, int64_t width,
    int64_t vocab, float scale, int32_t accumulate, float *dtable)
{
    ACTIVATIONS(embedding_grad);
    EXTENT(embedding_grad, rows, 0);
    EXTENT(embedding_grad, width, 0);
    EXTENT(embedding_grad, vocab, 0);
    if (width == 0 || vocab == 0) return RONDO_OK;
    NEED(embedding_grad, dtable);
    if (rows > 0) {
        NEED(embedding_grad, tokens);
        NEED(embedding_grad, dy);
    }
    return rondo_device->embedding_grad(s, type, tokens, dy, rows, width, vocab, scale, accumulate, dtable);
}

/* ---- norms ---- */

int32_t rondo_rms_norm(rondo_stream *s, int32_t type, const void *x, const void *residual, const float *gain, float eps, int64_t rows,
    int64_t width, void *sum, void *y, float *rstd)
{
    ACTIVATIONS(rms_norm);
    EXTENT(rms_norm, rows, 0);
    EXTENT(rms_norm, width, 1);
    if (rows == 0) return RONDO_OK;
    NEED(rms_norm, x);
    NEED(rms_norm, gain);
    NEED(rms_norm, y);
    REQUIRE(sum != y, "rondo_rms_norm: sum and y are the same memory, expected two");
    return rondo_device->rms_norm(s, type, x, residual, gain, eps, rows, width, sum, y, rstd);
}

int32_t rondo_rms_norm_grad(rondo_stream *s, int32_t type, const void *x, const float *gain, const float *rstd, const void *dy,
    const void *carry, int64_t rows, int64_t width, void *dx, int32_t accumulate_dgain, float *dgain)
{
    ACTIVATIONS(rms_norm_grad);
    EXTENT(rms_norm_grad, rows, 0);
    EXTENT(rms_norm_grad, width, 1);
    if (rows > 0) {
        NEED(rms_norm_grad, x);
        NEED(rms_norm_grad, gain);
        NEED(rms_norm_grad, rstd);
        NEED(rms_norm_grad, dy);
        NEED(rms_norm_grad, dx);
    }
    if (dgain) SUMMED(rms_norm_grad, width);
    return rondo_device->rms_norm_grad(s, type, x, gain, rstd, dy, carry, rows, width, dx, accumulate_dgain, dgain);
}

/* ---- queries, keys, values ---- */

int32_t rondo_rotary(rondo_stream *s, int32_t type, const void *qkv, const float *bias, const float *q_gain, const float *k_gain, float eps,
    const int32_t *positions, const float *table, int64_t table_rows, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
    int32_t interleaved, int32_t inverse, void *out, float *rstd)
{
    ACTIVATIONS(rotary);
    EXTENT(rotary, rows, 0);
    EXTENT(rotary, heads, 1);
    EXTENT(rotary, kv_heads, 1);
    EXTENT(rotary, head_dim, 2);
    REQUIRE(head_dim % 2 == 0, "rondo_rotary: head_dim is %lld, expected an even number", (long long) head_dim);
    AT_MOST(rotary, head_dim, RONDO_MOST_ROTARY_DIM);
    REQUIRE((q_gain == 0) == (k_gain == 0), "rondo_rotary: one of q_gain and k_gain is null, expected both or neither");
    LIMIT(!bias || !q_gain, "rondo_rotary: bias and gains together, expected one of them at most");
    REQUIRE(!inverse || (!bias && !q_gain), "rondo_rotary: inverse with bias or gains, expected neither");
    if (rows == 0) return RONDO_OK;
    NEED(rotary, qkv);
    NEED(rotary, positions);
    NEED(rotary, table);
    NEED(rotary, out);
    return rondo_device->rotary(s, type, qkv, bias, q_gain, k_gain, eps, positions, table, table_rows, rows, heads, kv_heads, head_dim,
        interleaved, inverse, out, q_gain ? rstd : 0);
}

int32_t rondo_qk_bias_grad(rondo_stream *s, int32_t type, const void *d, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
    int32_t accumulate, float *dbias)
{
    ACTIVATIONS(qk_bias_grad);
    EXTENT(qk_bias_grad, rows, 0);
    EXTENT(qk_bias_grad, heads, 1);
    EXTENT(qk_bias_grad, kv_heads, 1);
    EXTENT(qk_bias_grad, head_dim, 1);
    SUMMED(qk_bias_grad, (heads + kv_heads) * head_dim);
    NEED(qk_bias_grad, dbias);
    if (rows > 0) NEED(qk_bias_grad, d);
    return rondo_device->qk_bias_grad(s, type, d, rows, heads, kv_heads, head_dim, accumulate, dbias);
}

int32_t rondo_qk_norm_grad(rondo_stream *s, int32_t type, const void *qkv, const float *q_gain, const float *k_gain, const float *rstd,
    const void *d, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim, void *dqkv, int32_t accumulate_gains, float *dq_gain,
    float *dk_gain)
{
    ACTIVATIONS(qk_norm_grad);
    EXTENT(qk_norm_grad, rows, 0);
    EXTENT(qk_norm_grad, heads, 1);
    EXTENT(qk_norm_grad, kv_heads, 1);
    EXTENT(qk_norm_grad, head_dim, 1);
    REQUIRE((dq_gain == 0) == (dk_gain == 0), "rondo_qk_norm_grad: one of dq_gain and dk_gain is null, expected both or neither");
    if (dq_gain) SUMMED(qk_norm_grad, (heads + kv_heads) * head_dim);
    if (rows > 0) {
        NEED(qk_norm_grad, qkv);
        NEED(qk_norm_grad, q_gain);
        NEED(qk_norm_grad, k_gain);
        NEED(qk_norm_grad, rstd);
        NEED(qk_norm_grad, d);
        NEED(qk_norm_grad, dqkv);
    }
    return rondo_device->qk_norm_grad(s, type, qkv, q_gain, k_gain, rstd, d, rows, heads, kv_heads, head_dim, dqkv, accumulate_gains,
        dq_gain, dk_gain);
}

/* ---- attention ---- */

int32_t rondo_attention(rondo_stream *s, int32_t type, const void *qkv, int64_t batch, int64_t time, int64_t heads, int64_t kv_heads,
    int64_t head_dim, float scale, void *out, float *lse)
{
    ACTIVATIONS(attention);
    EXTENT(attention, batch, 0);
    EXTENT(attention, time, 0);
    HEADS(attention);
    AT_MOST(attention, head_dim, RONDO_MOST_HEAD_DIM);
    AT_MOST(attention, heads / kv_heads, RONDO_MOST_GROUP);
    if (batch == 0 || time == 0) return RONDO_OK;
    NEED(attention, qkv);
    NEED(attention, out);
    return rondo_device->attention(s, type, qkv, batch, time, heads, kv_heads, head_dim, scale, out, lse);
}

int32_t rondo_attention_grad(rondo_stream *s, int32_t type, const void *qkv, const void *out, const float *lse, const void *dout,
    int64_t batch, int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float *scratch, void *dqkv)
{
    ACTIVATIONS(attention_grad);
    EXTENT(attention_grad, batch, 0);
    EXTENT(attention_grad, time, 0);
    HEADS(attention_grad);
    AT_MOST(attention_grad, head_dim, RONDO_MOST_HEAD_DIM);
    AT_MOST(attention_grad, heads / kv_heads, RONDO_MOST_GROUP);
    if (batch == 0 || time == 0) return RONDO_OK;
    NEED(attention_grad, qkv);
    NEED(attention_grad, out);
    NEED(attention_grad, lse);
    NEED(attention_grad, dout);
    NEED(attention_grad, scratch);
    NEED(attention_grad, dqkv);
    return rondo_device->attention_grad(s, type, qkv, out, lse, dout, batch, time, heads, kv_heads, head_dim, scale, scratch, dqkv);
}

#define CACHE(op) \
    do { \
        ACTIVATIONS(op); \
        EXTENT(op, batch, 0); \
        EXTENT(op, time, 0); \
        EXTENT(op, capacity, 0); \
        HEADS(op); \
        if (batch == 0 || time == 0) return RONDO_OK; \
        NEED(op, qkv); \
        NEED(op, cache); \
        NEED(op, start); \
    } while (0)

int32_t rondo_cache_append(rondo_stream *s, int32_t type, const void *qkv, const int32_t *start, int64_t batch, int64_t time, int64_t heads,
    int64_t kv_heads, int64_t head_dim, int64_t capacity, void *cache)
{
    CACHE(cache_append);
    return rondo_device->cache_append(s, type, qkv, start, batch, time, heads, kv_heads, head_dim, capacity, cache);
}

int32_t rondo_cached_attention(rondo_stream *s, int32_t type, const void *qkv, const void *cache, const int32_t *start, int64_t batch,
    int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, float scale, void *out)
{
    CACHE(cached_attention);
    AT_MOST(cached_attention, head_dim, RONDO_MOST_CACHED_DIM);
    NEED(cached_attention, out);
    return rondo_device->cached_attention(s, type, qkv, cache, start, batch, time, heads, kv_heads, head_dim, capacity, scale, out);
}

/* ---- noise and loss ---- */

int32_t rondo_truncated_normal(rondo_stream *s, const int64_t *key, float std, float cut, int64_t n, float *out)
{
    NEED(truncated_normal, s);
    EXTENT(truncated_normal, n, 0);
    REQUIRE(cut > 0, "rondo_truncated_normal: cut is %g, expected more than 0", cut);
    if (n == 0) return RONDO_OK;
    NEED(truncated_normal, key);
    NEED(truncated_normal, out);
    return rondo_device->truncated_normal(s, key, std, cut, n, out);
}

int32_t rondo_linear_cross_entropy(rondo_stream *s, int32_t type, const void *x, const void *head, const int32_t *targets, int64_t rows,
    int64_t width, int64_t vocab, int64_t chunk_rows, float grad_scale, float z, float *scratch, float *loss, void *dx,
    int32_t accumulate_dhead, float *dhead)
{
    ACTIVATIONS(linear_cross_entropy);
    EXTENT(linear_cross_entropy, rows, 0);
    EXTENT(linear_cross_entropy, width, 1);
    EXTENT(linear_cross_entropy, vocab, 1);
    REQUIRE(z >= 0, "rondo_linear_cross_entropy: z is %g, expected at least 0", z);
    NEED(linear_cross_entropy, loss);
    if (rows > 0) {
        NEED(linear_cross_entropy, x);
        NEED(linear_cross_entropy, head);
        NEED(linear_cross_entropy, targets);
        NEED(linear_cross_entropy, scratch);
        EXTENT(linear_cross_entropy, chunk_rows, 1);
    }
    return rondo_device->linear_cross_entropy(s, type, x, head, targets, rows, width, vocab, chunk_rows, grad_scale, z, scratch, loss, dx,
        accumulate_dhead, dhead);
}

int32_t rondo_linear_distillation(rondo_stream *s, int32_t type, const void *x, const void *head, const void *teacher,
    const void *teacher_head, const int32_t *targets, int64_t rows, int64_t width, int64_t teacher_width, int64_t vocab,
    int64_t chunk_rows, float grad_scale, float z, float temperature, float weight, float *scratch, float *loss, void *dx,
    int32_t accumulate_dhead, float *dhead)
{
    ACTIVATIONS(linear_distillation);
    EXTENT(linear_distillation, rows, 0);
    EXTENT(linear_distillation, width, 1);
    EXTENT(linear_distillation, teacher_width, 1);
    EXTENT(linear_distillation, vocab, 1);
    REQUIRE(z >= 0, "rondo_linear_distillation: z is %g, expected at least 0", z);
    REQUIRE(temperature >= 1e-3f && temperature <= 1e3f, "rondo_linear_distillation: temperature is %g, expected 0.001 to 1000", temperature);
    REQUIRE(weight >= 0 && weight <= 1, "rondo_linear_distillation: weight is %g, expected 0 to 1", weight);
    NEED(linear_distillation, loss);
    if (rows > 0) {
        NEED(linear_distillation, x);
        NEED(linear_distillation, head);
        NEED(linear_distillation, teacher);
        NEED(linear_distillation, teacher_head);
        NEED(linear_distillation, targets);
        NEED(linear_distillation, scratch);
        EXTENT(linear_distillation, chunk_rows, 1);
    }
    return rondo_device->linear_distillation(s, type, x, head, teacher, teacher_head, targets, rows, width, teacher_width, vocab,
        chunk_rows, grad_scale, z, temperature, weight, scratch, loss, dx, accumulate_dhead, dhead);
}

/* ---- optimisers ---- */

int32_t rondo_sum_squares(rondo_stream *s, const float *x, int64_t n, float *out)
{
    NEED(sum_squares, s);
    EXTENT(sum_squares, n, 0);
    NEED(sum_squares, out);
    if (n > 0) NEED(sum_squares, x);
    return rondo_device->sum_squares(s, x, n, out);
}

int32_t rondo_clip_factor(rondo_stream *s, const float *sum_squares, float max_norm, float *out)
{
    NEED(clip_factor, s);
    NEED(clip_factor, sum_squares);
    NEED(clip_factor, out);
    return rondo_device->clip_factor(s, sum_squares, max_norm, out);
}

int32_t rondo_adamw(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n,
    float beta1, float beta2, float eps, float weight_decay)
{
    NEED(adamw, s);
    EXTENT(adamw, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(adamw, p);
    NEED(adamw, g);
    NEED(adamw, m);
    NEED(adamw, v);
    NEED(adamw, control);
    NEED(adamw, clip);
    return rondo_device->adamw(s, p, g, m, v, control, clip, n, beta1, beta2, eps, weight_decay);
}

int32_t rondo_ellis_adam(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n,
    float beta1, float beta2, float eps, float weight_decay, int32_t update_clipping, int32_t use_atan2)
{
    NEED(ellis_adam, s);
    EXTENT(ellis_adam, n, 0);
    REQUIRE(!update_clipping || eps >= 1.1e-19f, "rondo_ellis_adam: eps is %g, expected at least 1.1e-19 with update_clipping", eps);
    if (n == 0) return RONDO_OK;
    NEED(ellis_adam, p);
    NEED(ellis_adam, g);
    NEED(ellis_adam, m);
    NEED(ellis_adam, v);
    NEED(ellis_adam, control);
    NEED(ellis_adam, clip);
    return rondo_device->ellis_adam(s, p, g, m, v, control, clip, n, beta1, beta2, eps, weight_decay, update_clipping, use_atan2);
}

int32_t rondo_muon_momentum(rondo_stream *s, float *m, const float *g, const float *clip, int64_t n, float momentum, float *u)
{
    NEED(muon_momentum, s);
    EXTENT(muon_momentum, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(muon_momentum, m);
    NEED(muon_momentum, g);
    NEED(muon_momentum, clip);
    NEED(muon_momentum, u);
    return rondo_device->muon_momentum(s, m, g, clip, n, momentum, u);
}

int32_t rondo_normalize_matrices(rondo_stream *s, const float *x, int64_t batch, int64_t n, float eps, void *out, int32_t out_type)
{
    NEED(normalize_matrices, s);
    EXTENT(normalize_matrices, batch, 0);
    EXTENT(normalize_matrices, n, 0);
    FLOAT_TYPE(normalize_matrices, out_type);
    if (batch == 0 || n == 0) return RONDO_OK;
    NEED(normalize_matrices, x);
    NEED(normalize_matrices, out);
    return rondo_device->normalize_matrices(s, x, batch, n, eps, out, out_type);
}

int32_t rondo_muon_apply(rondo_stream *s, float *p, const void *o, int32_t o_type, const float *control, int64_t n, float scale,
    float weight_decay)
{
    NEED(muon_apply, s);
    EXTENT(muon_apply, n, 0);
    FLOAT_TYPE(muon_apply, o_type);
    if (n == 0) return RONDO_OK;
    NEED(muon_apply, p);
    NEED(muon_apply, o);
    NEED(muon_apply, control);
    return rondo_device->muon_apply(s, p, o, o_type, control, n, scale, weight_decay);
}
