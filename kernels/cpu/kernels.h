/*
 * kernels.h: what the sources of librondo_cpu share.
 *
 * Every operation source is compiled once per instruction set with RONDO_ISA set to its name (plain, avx2, avx512); K(add)
 * is then add_avx2 and so on. table.c gathers them in one rondo_kernels per instruction set and dispatch.c picks one at load.
 */
#ifndef RONDO_CPU_KERNELS_H
#define RONDO_CPU_KERNELS_H

#include "../contract.h"
#include "stream.h"

#define RONDO_JOIN_(a, b) a##_##b
#define RONDO_JOIN(a, b) RONDO_JOIN_(a, b)
#define K(name) RONDO_JOIN(name, RONDO_ISA)

/* Declared from the public signatures, so that the compiler compares the definitions with rondo.h. */
#ifdef RONDO_ISA
#define RONDO_DECLARE(name) __typeof__(rondo_##name) K(name);
RONDO_OPERATIONS(RONDO_DECLARE)
#undef RONDO_DECLARE
#endif

/* Refuses an unknown RONDO_CPU. */
int32_t rondo_check_choice(void);

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
