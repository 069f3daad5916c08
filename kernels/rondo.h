/*
 * rondo.h: the whole native contract. Every function that Java may call, in reading order.
 *
 * Each operation enqueues one whole operation on a stream and returns RONDO_OK or an error code; rondo_error() then says what
 * was wrong, in one line, for the calling thread. On the CPU a stream owns its worker threads and a call returns when the work
 * is done; on a GPU the work is ordered behind what the stream already holds. Block shapes, SIMD widths, thread ranges and
 * template dispatch are the library's business and never appear here.
 *
 * Tensors are row-major and dense unless a leading dimension (ld, in elements) is given. "rows" is the product of all leading
 * extents. Pointers are 64-byte aligned unless they are views. Two pointers either are equal, where that is said to be allowed
 * ("in place"), or do not overlap. A pointer marked "or null" means: not wanted, do not compute it.
 *
 * Determinism: the result of every function depends on its arguments alone, never on the number of threads. Sums over many
 * elements are cut into chunks fixed by the shape and combined in a fixed order.
 *
 * One thread at a time uses a stream; several streams may be used at once. What breaks a rule of this header is RONDO_INVALID; a
 * limit of a library that is said here ("at most") is RONDO_UNSUPPORTED beyond it.
 *
 * What only a look at the data can find wrong (a token outside the vocabulary) is refused by the call on the CPU; a GPU leaves out
 * what it concerns and refuses at the next rondo_stream_synchronize, naming the first such value.
 *
 * Nothing is allocated by an operation: a stream owns fixed scratch from its creation; anything that grows with a shape is an
 * argument named "scratch".
 */
#ifndef RONDO_H
#define RONDO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RONDO_API __attribute__((visibility("default")))
#else
#define RONDO_API
#endif

typedef struct rondo_stream rondo_stream;

enum { RONDO_OK = 0, RONDO_INVALID = 1, RONDO_UNSUPPORTED = 2, RONDO_NO_MEMORY = 3, RONDO_DEVICE_ERROR = 4 };

/*
 * Element types. bf16 is carried as uint16_t, e4m3 (arXiv 2209.05433, without infinities) as uint8_t.
 *
 * "type" is the element type of the activations of an operation: what is const void * or void * without a type of its own. It is
 * f32 everywhere and, on a GPU, also bf16: sums, softmax and norms are f32 inside, and so are gains, biases, statistics, losses and
 * the gradients of parameters. A CPU answers RONDO_UNSUPPORTED to bf16 activations.
 */
enum { RONDO_F32 = 0, RONDO_BF16 = 1, RONDO_I32 = 2, RONDO_I64 = 3, RONDO_I8 = 4, RONDO_E4M3 = 5 };

/* ---- the library ------------------------------------------------------------------------------------------------------- */

/* Raised whenever a signature below changes: Java refuses a library of another number. */
#define RONDO_CONTRACT 5
RONDO_API int32_t rondo_contract(void);

/* One line for people: what this library runs on and with which instructions, e.g. "cpu: avx2+fma". Static storage. */
RONDO_API const char *rondo_describe(void);

/* The last error of the calling thread, one line. */
RONDO_API const char *rondo_error(void);

/* ---- streams and memory ------------------------------------------------------------------------------------------------- */

/* device: which GPU, 0 on a CPU. threads: worker count including the caller, 1..256; a GPU ignores it. */
RONDO_API int32_t rondo_stream_create(int32_t device, int32_t threads, rondo_stream **stream);
RONDO_API int32_t rondo_stream_destroy(rondo_stream *s);
RONDO_API int32_t rondo_stream_synchronize(rondo_stream *s);

/* Zeroed device memory, at least 64-byte aligned. */
RONDO_API int32_t rondo_allocate(rondo_stream *s, int64_t bytes, void **memory);
RONDO_API int32_t rondo_release(rondo_stream *s, void *memory, int64_t bytes);

/* Page-locked memory of the host, from and to which a GPU copies while the caller goes on. Zeroed. */
RONDO_API int32_t rondo_allocate_staging(rondo_stream *s, int64_t bytes, void **memory);
RONDO_API int32_t rondo_release_staging(rondo_stream *s, void *memory, int64_t bytes);

/* Bytes of the device's memory: free now, and in all. */
RONDO_API int32_t rondo_memory(rondo_stream *s, int64_t *unused, int64_t *total);

/* The seconds that the stream's work between the two calls took by the device's own clock; end waits for it. */
RONDO_API int32_t rondo_timer_begin(rondo_stream *s);
RONDO_API int32_t rondo_timer_end(rondo_stream *s, double *seconds);

/*
 * Between any two addresses, host or device. Memory of the host may be reused when the call returns; staging memory only after the
 * next rondo_stream_synchronize.
 */
RONDO_API int32_t rondo_copy(rondo_stream *s, const void *from, void *to, int64_t bytes);
RONDO_API int32_t rondo_zero(rondo_stream *s, void *memory, int64_t bytes);

/*
 * What is called on s between begin and end is recorded instead of run; launching the graph runs it all, with the same pointers
 * and scalars. On the CPU RONDO_UNSUPPORTED: calls there cost nothing worth recording.
 */
typedef struct rondo_graph rondo_graph;
RONDO_API int32_t rondo_capture_begin(rondo_stream *s);
RONDO_API int32_t rondo_capture_end(rondo_stream *s, rondo_graph **graph);
RONDO_API int32_t rondo_graph_launch(rondo_stream *s, rondo_graph *graph);
RONDO_API int32_t rondo_graph_destroy(rondo_graph *graph);

/* ---- elementwise -------------------------------------------------------------------------------------------------------- */

/* out = a + b. In place: out may be a or b. */
RONDO_API int32_t rondo_add(rondo_stream *s, int32_t type, const void *a, const void *b, int64_t n, void *out);

/* out = factor * x. In place allowed. */
RONDO_API int32_t rondo_scale(rondo_stream *s, int32_t type, const void *x, float factor, int64_t n, void *out);

/* f32 <-> bf16, round to nearest even (NaN stays NaN). */
RONDO_API int32_t rondo_cast(rondo_stream *s, const void *x, int32_t from, int64_t n, void *out, int32_t to);

/* out[0] = the index of the first element that is infinite or no number, or -1. */
RONDO_API int32_t rondo_first_nonfinite(rondo_stream *s, int32_t type, const void *x, int64_t n, int64_t *out);

/* x: [rows, 2*width], gate half first. y = silu(gate) * up: [rows, width]. (SwiGLU, arXiv 2002.05202.) */
RONDO_API int32_t rondo_gated_silu(rondo_stream *s, int32_t type, const void *x, int64_t rows, int64_t width, void *y);
RONDO_API int32_t rondo_gated_silu_grad(rondo_stream *s, int32_t type, const void *x, const void *dy, int64_t rows, int64_t width,
    void *dx);

/* ---- products ----------------------------------------------------------------------------------------------------------- */

/*
 * out[i] = alpha * op(a[i]) * op(b[i]) + beta * c[i] for i in 0..batch-1, with op(a) [m, k], op(b) [k, n], c and out [m, n].
 * transpose_a: a is stored [k, m]; transpose_b: b is stored [n, k] (a weight [out, in] times rows of inputs is transpose_b).
 * *_ld: elements between rows; *_step: elements between batch entries. beta = 0 reads nothing of c (which may be null).
 * c and out share out_type; out may be c (then c_ld = out_ld and c_step = out_step). Accumulation is f32 for every type.
 * symmetric: the caller promises that the result is symmetric (m = n); the library may compute one triangle and mirror it.
 * With a bf16 result k is at most 65536 on a CPU.
 */
RONDO_API int32_t rondo_matmul(rondo_stream *s, int64_t batch, int64_t m, int64_t n, int64_t k, float alpha, const void *a,
    int32_t a_type, int32_t transpose_a, int64_t a_ld, int64_t a_step, const void *b, int32_t b_type, int32_t transpose_b,
    int64_t b_ld, int64_t b_step, float beta, const void *c, int64_t c_ld, int64_t c_step, void *out, int32_t out_type,
    int64_t out_ld, int64_t out_step, int32_t symmetric);

/*
 * Weights of 8 bits: scale[i] = max |w[i, :]| / 127 (int8) or / 448 (e4m3), q[i, :] = w[i, :] / scale[i] to the nearest, ties to
 * even; a row of zeros has scale 0. w [rows, width] f32, q of q_type (i8 or e4m3), scale [rows] f32.
 */
RONDO_API int32_t rondo_quantize_rows(rondo_stream *s, const float *w, int64_t rows, int64_t width, void *q, int32_t q_type,
    float *scale);

/* y[r, i] = scale[i] * sum over j of x[r, j] * q[i, j]: x [rows, k] of type, q [n, k] as rondo_quantize_rows wrote it, y [rows, n]
 * of type. Meant for the few rows of decoding: q is read once per 16 rows. */
RONDO_API int32_t rondo_quantized_linear(rondo_stream *s, int32_t type, const void *x, int64_t rows, const void *q, int32_t q_type,
    const float *scale, int64_t n, int64_t k, void *y);

/* ---- tokens in ---------------------------------------------------------------------------------------------------------- */

/* y[r, :] = scale * table[tokens[r], :]; table [vocab, width] of table_type, y of type. A token outside 0..vocab-1 is RONDO_INVALID. */
RONDO_API int32_t rondo_embedding(rondo_stream *s, int32_t type, const void *table, int32_t table_type, const int32_t *tokens,
    int64_t rows, int64_t width, int64_t vocab, float scale, void *y);

/* dtable[tokens[r], :] += scale * dy[r, :]; accumulate = 0 clears dtable first. Deterministic. */
RONDO_API int32_t rondo_embedding_grad(rondo_stream *s, int32_t type, const int32_t *tokens, const void *dy, int64_t rows,
    int64_t width, int64_t vocab, float scale, int32_t accumulate, float *dtable);

/* ---- norms -------------------------------------------------------------------------------------------------------------- */

/*
 * sum = x + residual (residual or null: sum = x), rstd = 1/sqrt(mean(sum^2) + eps), y = sum * rstd * gain.
 * sum [rows, width] or null; rstd [rows] or null. In place: sum may be x or residual; y may be x or residual when sum is null;
 * sum and y are never the same.
 * (RMSNorm, arXiv 1910.07467.)
 */
RONDO_API int32_t rondo_rms_norm(rondo_stream *s, int32_t type, const void *x, const void *residual, const float *gain, float eps,
    int64_t rows, int64_t width, void *sum, void *y, float *rstd);

/*
 * x is what was normed (the sum above). xhat = x*rstd, g = dy*gain: dx = rstd*(g - xhat*mean(g*xhat)) + carry,
 * dgain (+)= sum over rows of dy*xhat. carry or null; dgain [width] or null (with it, width is at most 4194304). In place:
 * dx may be dy or carry.
 */
RONDO_API int32_t rondo_rms_norm_grad(rondo_stream *s, int32_t type, const void *x, const float *gain, const float *rstd,
    const void *dy, const void *carry, int64_t rows, int64_t width, void *dx, int32_t accumulate_dgain, float *dgain);

/* ---- queries, keys, values ----------------------------------------------------------------------------------------------
 * qkv is [rows, (heads + 2*kv_heads) * head_dim]: all query heads, then key heads, then value heads. The functions below change
 * queries and keys and leave values alone; values are copied where the result is elsewhere. Gradients of parameters are sums over
 * rows, for which (heads + kv_heads) * head_dim is at most 4194304.
 */

/*
 * out = rotate(norm(qkv + bias)), each part of which is optional but the last, in one pass.
 *
 * bias [(heads + kv_heads) * head_dim] or null. q_gain [heads*head_dim] and k_gain [kv_heads*head_dim], or both null: RMSNorm of the
 * whole query part and of the whole key part (OLMo 2, arXiv 2501.00656); rstd [rows, 2] or null: of queries, of keys. Bias and gains
 * together are RONDO_UNSUPPORTED.
 *
 * Rotates each pair of every query and key head by the angle of its position (RoPE, arXiv 2104.09864). table [table_rows,
 * head_dim/2, 2]: cos, sin; positions [rows], each in 0..table_rows-1 (else RONDO_INVALID). interleaved: pairs (2j, 2j+1), else
 * (j, j + head_dim/2). inverse: rotates by minus the angle, which is the gradient (then without bias and gains). head_dim is even
 * and at most 65536. In place (out = qkv) allowed.
 */
RONDO_API int32_t rondo_rotary(rondo_stream *s, int32_t type, const void *qkv, const float *bias, const float *q_gain,
    const float *k_gain, float eps, const int32_t *positions, const float *table, int64_t table_rows, int64_t rows, int64_t heads,
    int64_t kv_heads, int64_t head_dim, int32_t interleaved, int32_t inverse, void *out, float *rstd);

/* dbias (+)= column sums of the query and key columns of d, the gradient before the rotation. */
RONDO_API int32_t rondo_qk_bias_grad(rondo_stream *s, int32_t type, const void *d, int64_t rows, int64_t heads, int64_t kv_heads,
    int64_t head_dim, int32_t accumulate, float *dbias);

/* d is the gradient before the rotation; dqkv may be d. dq_gain, dk_gain or null (both). */
RONDO_API int32_t rondo_qk_norm_grad(rondo_stream *s, int32_t type, const void *qkv, const float *q_gain, const float *k_gain,
    const float *rstd, const void *d, int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim, void *dqkv,
    int32_t accumulate_gains, float *dq_gain, float *dk_gain);

/* ---- attention ----------------------------------------------------------------------------------------------------------
 * Causal, grouped-query: query head h reads key/value head h / (heads / kv_heads). Never materialises time x time. What a query
 * does not see has no part in its output, even where it is no number.
 */

/* qkv [batch, time, ...] as above; out [batch, time, heads*head_dim]; lse [batch, heads, time] or null: the log-sum-exp of the
 * scaled scores. head_dim is at most 256, heads / kv_heads at most 256. (Online softmax, arXiv 1805.02867; FlashAttention, arXiv
 * 2205.14135.) */
RONDO_API int32_t rondo_attention(rondo_stream *s, int32_t type, const void *qkv, int64_t batch, int64_t time, int64_t heads,
    int64_t kv_heads, int64_t head_dim, float scale, void *out, float *lse);
/* Recomputes the probabilities from lse. dqkv [batch, time, ...] holds dq, dk and dv; scratch [batch, heads, time]. head_dim is at
 * most 256. */
RONDO_API int32_t rondo_attention_grad(rondo_stream *s, int32_t type, const void *qkv, const void *out, const float *lse,
    const void *dout, int64_t batch, int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float *scratch,
    void *dqkv);

/* cache [batch, capacity, 2, kv_heads*head_dim]: keys then values. Row t of sequence b goes to slot start[b] + t;
 * start[b] + time <= capacity (else RONDO_INVALID). */
RONDO_API int32_t rondo_cache_append(rondo_stream *s, int32_t type, const void *qkv, const int32_t *start, int64_t batch,
    int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, void *cache);
/* Query t of sequence b sees slots 0 .. start[b] + t. Only the query part of qkv is read. head_dim is at most
 * 16384. */
RONDO_API int32_t rondo_cached_attention(rondo_stream *s, int32_t type, const void *qkv, const void *cache, const int32_t *start,
    int64_t batch, int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, float scale, void *out);

/* ---- noise and loss ----------------------------------------------------------------------------------------------------- */

/* out[i] = std * z_i, z_i standard normal truncated to [-cut, cut]. Philox4x32-10 (Salmon et al. 2011) with key[0] as the 64-bit
 * key and key[1] as the high half of the 128-bit counter; element i takes word i%4 of counter (i/4, key[1]). The word w becomes
 * u = (w + 0.5) / 2^32, then z = Phi^-1(Phi(-cut) + u * (Phi(cut) - Phi(-cut))) with Wichura's AS 241 in double. key [2] i64. */
RONDO_API int32_t rondo_truncated_normal(rondo_stream *s, const int64_t *key, float std, float cut, int64_t n, float *out);

/*
 * Softmax cross-entropy of logits = x * head^T, rows of targets = -100 ignored; the logits exist for chunk_rows rows at a time,
 * in scratch [chunk_rows, vocab] f32. head is of type. loss [2]: the mean over counted rows (0 when there are none), and their number.
 * dx [rows, width] or null, dhead [vocab, width] or null: gradient of grad_scale * (mean loss + z * mean over counted rows of
 * logsumexp(logits)^2), in the same pass (the z-loss of PaLM, arXiv 2204.02311); loss[0] is without it, z at least 0.
 * accumulate_dhead: dhead += . A target outside 0..vocab-1 other than -100 is RONDO_INVALID.
 */
RONDO_API int32_t rondo_linear_cross_entropy(rondo_stream *s, int32_t type, const void *x, const void *head,
    const int32_t *targets, int64_t rows, int64_t width, int64_t vocab, int64_t chunk_rows, float grad_scale, float z,
    float *scratch, float *loss, void *dx, int32_t accumulate_dhead, float *dhead);

/*
 * The same beside a teacher: teacher [rows, teacher_width] and teacher_head [vocab, teacher_width], of type, give its logits. The
 * gradient is of grad_scale * ((1 - weight) * mean cross-entropy + weight * temperature^2 * mean KL(p || q) + z * mean of
 * logsumexp^2), p and q the softmax of the teacher's and of x's logits over temperature (Hinton et al., arXiv 1503.02531), all means
 * over counted rows. loss [3]: the mean cross-entropy, the number of counted rows, the mean KL(p || q). scratch
 * [2, chunk_rows, vocab] f32. temperature in 0.001..1000, weight in 0..1. Nothing is differentiated with respect to the teacher.
 */
RONDO_API int32_t rondo_linear_distillation(rondo_stream *s, int32_t type, const void *x, const void *head, const void *teacher,
    const void *teacher_head, const int32_t *targets, int64_t rows, int64_t width, int64_t teacher_width, int64_t vocab,
    int64_t chunk_rows, float grad_scale, float z, float temperature, float weight, float *scratch, float *loss, void *dx,
    int32_t accumulate_dhead, float *dhead);

/* ---- optimisers --------------------------------------------------------------------------------------------------------- */

/* out[0] = sum of squares of x (double inside). */
RONDO_API int32_t rondo_sum_squares(rondo_stream *s, const float *x, int64_t n, float *out);

/* out[0] = sqrt(sum_squares[0]); out[1] = min(1, max_norm / (out[0] + 1e-6)), or 1 when max_norm <= 0. */
RONDO_API int32_t rondo_clip_factor(rondo_stream *s, const float *sum_squares, float max_norm, float *out);

/*
 * AdamW (arXiv 1711.05101) on n elements, in place. control [3]: lr, 1 - beta1^t, 1 - beta2^t; clip: the pair of rondo_clip_factor.
 * g' = g*clip[1]; m = beta1*m + (1-beta1)*g'; v = beta2*v + (1-beta2)*g'^2;
 * p = p*(1 - lr*weight_decay) - lr * (m/control[1]) / (sqrt(v/control[2]) + eps).
 */
RONDO_API int32_t rondo_adamw(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control,
    const float *clip, int64_t n, float beta1, float beta2, float eps, float weight_decay);

/*
 * ELLISAdam (Huginn's training code, arXiv 2502.05171; "AdamW*" of arXiv 2511.07384) on one tensor of n elements, in place.
 * control [5]: lr, 1 - beta1^t, 1 - beta2^t, lr / peak lr, and whether m and v begin at this step (1, else 0: running init);
 * clip: the pair of rondo_clip_factor.
 * g' = g*clip[1]; if control[4]: m = g', v = g'^2; m += (1-beta1)*(g' - m); v = beta2*v + (1-beta2)*g'^2;
 * update_clipping: v = max(v, eps^2), rho = sqrt(mean(g'^2 / v)) over the tensor, else rho = 0; alpha = lr / max(1, rho) / control[1];
 * d = sqrt(v) / sqrt(control[2]); p = p*(1 - control[3]*weight_decay) - alpha * (use_atan2 ? atan2(m, d) : m / (d + eps)).
 * With update_clipping eps is at least 1.1e-19, so that eps^2 is a normal number.
 */
RONDO_API int32_t rondo_ellis_adam(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control,
    const float *clip, int64_t n, float beta1, float beta2, float eps, float weight_decay, int32_t update_clipping,
    int32_t use_atan2);

/* Muon's momentum: g' = g*clip[1]; m += (1-momentum)*(g' - m) in place; u = g' + momentum*(m - g') (Nesterov). */
RONDO_API int32_t rondo_muon_momentum(rondo_stream *s, float *m, const float *g, const float *clip, int64_t n, float momentum,
    float *u);

/* out[i] = x[i] / (||x[i]||_F + eps) for each of batch matrices of n elements; out f32 or bf16. */
RONDO_API int32_t rondo_normalize_matrices(rondo_stream *s, const float *x, int64_t batch, int64_t n, float eps, void *out,
    int32_t out_type);

/* p = p*(1 - lr*weight_decay) - lr*scale*o, in place; lr = control[0]; o of o_type. */
RONDO_API int32_t rondo_muon_apply(rondo_stream *s, float *p, const void *o, int32_t o_type, const float *control, int64_t n,
    float scale, float weight_decay);

#ifdef __cplusplus
}
#endif
#endif
