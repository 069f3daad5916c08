/* table.c: the operations of one instruction set. */
#include "kernels.h"
#include "simd.h"

extern const struct rondo_kernels K(rondo_kernels);

const struct rondo_kernels K(rondo_kernels) = {
    .description = "cpu: " RONDO_DESCRIPTION,
#define RONDO_ENTRY(name) .name = K(name),
    RONDO_OPERATIONS(RONDO_ENTRY)
#undef RONDO_ENTRY
};
