/*
 * kernels.h: what the sources of librondo_cpu share.
 *
 * Every operation source is compiled once per instruction set with RONDO_ISA set to its name (plain, avx2, avx512); K(add)
 * is then add_avx2 and so on. table.c gathers them in one rondo_kernels per instruction set and dispatch.c picks one at load.
 */
#ifndef RONDO_CPU_KERNELS_H
#define RONDO_CPU_KERNELS_H

#include "../rondo.h"
#include "stream.h"

#define RONDO_JOIN_(a, b) a##_##b
#define RONDO_JOIN(a, b) RONDO_JOIN_(a, b)
#define K(name) RONDO_JOIN(name, RONDO_ISA)

/* The operations that exist per instruction set, without the prefix rondo_. */
#define RONDO_OPERATIONS(X) \
    X(add) X(scale) X(cast) X(gated_silu) X(gated_silu_grad) X(matmul) X(embedding) X(embedding_grad) X(rms_norm) \
    X(rms_norm_grad) X(qk_bias) X(qk_bias_grad) X(qk_norm) X(qk_norm_grad) X(rotary) X(attention) X(attention_grad) \
    X(cache_append) X(cached_attention) X(truncated_normal) X(linear_cross_entropy) X(sum_squares) X(clip_factor) X(adamw) \
    X(muon_momentum) X(normalize_matrices) X(muon_apply)

struct rondo_kernels {
    const char *description;
#define RONDO_FIELD(name) __typeof__(rondo_##name) *name;
    RONDO_OPERATIONS(RONDO_FIELD)
#undef RONDO_FIELD
};

/* Declared from the public signatures, so that the compiler compares the definitions with rondo.h. */
#ifdef RONDO_ISA
#define RONDO_DECLARE(name) __typeof__(rondo_##name) K(name);
RONDO_OPERATIONS(RONDO_DECLARE)
#undef RONDO_DECLARE
#endif

/* Refuses an unknown RONDO_CPU. */
int32_t rondo_check_choice(void);

/* Writes the calling thread's error line and returns code. */
int32_t rondo_fail(int32_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define REQUIRE(condition, ...) \
    do { \
        if (!(condition)) return rondo_fail(RONDO_INVALID, __VA_ARGS__); \
    } while (0)
/* What the header allows but this library cannot do. */
#define LIMIT(condition, ...) \
    do { \
        if (!(condition)) return rondo_fail(RONDO_UNSUPPORTED, __VA_ARGS__); \
    } while (0)
#define NEED(op, pointer) REQUIRE((pointer) != 0, "rondo_" #op ": " #pointer " is null, expected memory")
#define EXTENT(op, value, least) \
    REQUIRE((value) >= (least), "rondo_" #op ": " #value " is %lld, expected at least %d", (long long) (value), (least))

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }
static inline int64_t round_up(int64_t n, int64_t step) { return pieces(n, step) * step; }

/*
 * Cuts rows into at most most_chunks chunks of at least least_rows rows. Depends on its arguments alone, never on the number of
 * threads: sums that are combined chunk by chunk keep their bits.
 */
static inline int64_t chunk_rows(int64_t rows, int64_t least_rows, int64_t most_chunks)
{
    return most(most(least_rows, 1), pieces(rows, most_chunks));
}

#endif
