/*
 * contract.h: what every library of rondo.h shares: the list of its operations, the table through which contract.c calls them
 * after it has checked their arguments, and the words for a refusal.
 */
#ifndef RONDO_CONTRACT_H
#define RONDO_CONTRACT_H

#include "rondo.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The operations, without the prefix rondo_. */
#define RONDO_OPERATIONS(X) \
    X(add) X(scale) X(cast) X(first_nonfinite) X(gated_silu) X(gated_silu_grad) X(matmul) X(quantize_rows) X(quantized_linear) \
    X(embedding) X(embedding_grad) X(rms_norm) X(rms_norm_grad) X(rotary) X(qk_bias_grad) X(qk_norm_grad) X(attention) \
    X(attention_grad) X(cache_append) X(cached_attention) X(truncated_normal) X(linear_cross_entropy) X(linear_distillation) \
    X(sum_squares) X(clip_factor) X(adamw) X(ellis_adam) X(muon_momentum) X(normalize_matrices) X(muon_apply)

/* A library's own functions, of the public signatures: arguments are checked, and where an extent of 0 leaves nothing to do they
 * are not called. */
struct rondo_kernels {
    const char *description;
    int bf16_activations;
#define RONDO_FIELD(name) __typeof__(rondo_##name) *name;
    RONDO_OPERATIONS(RONDO_FIELD)
#undef RONDO_FIELD
};

/* The table in use. */
extern const struct rondo_kernels *rondo_device;

/* Writes the calling thread's error line and returns code. */
int32_t rondo_fail(int32_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The limits that rondo.h states. */
enum {
    RONDO_MOST_SUMMED = 4 * 1024 * 1024,
    RONDO_MOST_HEAD_DIM = 256,
    RONDO_MOST_GROUP = 256,
    RONDO_MOST_CACHED_DIM = 16384,
    RONDO_MOST_ROTARY_DIM = 65536,
    RONDO_MOST_BF16_DEPTH = 65536
};

#define REQUIRE(condition, ...) \
    do { \
        if (!(condition)) return rondo_fail(RONDO_INVALID, __VA_ARGS__); \
    } while (0)
/* What a library, or every library by rondo.h, cannot do. */
#define LIMIT(condition, ...) \
    do { \
        if (!(condition)) return rondo_fail(RONDO_UNSUPPORTED, __VA_ARGS__); \
    } while (0)
#define NEED(op, pointer) REQUIRE((pointer) != 0, "rondo_" #op ": " #pointer " is null, expected memory")
#define EXTENT(op, value, least) \
    REQUIRE((value) >= (least), "rondo_" #op ": " #value " is %lld, expected at least %d", (long long) (value), (least))
#define AT_MOST(op, value, most) \
    LIMIT((value) <= (most), "rondo_" #op ": " #value " is %lld, expected at most %lld", (long long) (value), (long long) (most))

#ifdef __cplusplus
}
#endif
#endif
