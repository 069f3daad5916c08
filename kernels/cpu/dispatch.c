/*
 * dispatch.c: at load the best instruction set of this processor is chosen; RONDO_CPU=plain|avx2|avx512 may ask for a lesser one (a
 * greater is not heeded).
 */
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

extern const struct rondo_kernels rondo_kernels_plain;
#if defined(__x86_64__)
extern const struct rondo_kernels rondo_kernels_avx2, rondo_kernels_avx512;
#endif

const struct rondo_kernels *rondo_device = &rondo_kernels_plain;
static int unknown_choice;

__attribute__((constructor)) static void choose(void)
{
    const char *asked = getenv("RONDO_CPU");
    unknown_choice = asked && strcmp(asked, "plain") != 0 && strcmp(asked, "avx2") != 0 && strcmp(asked, "avx512") != 0;
#if defined(__x86_64__)
    if (asked && strcmp(asked, "plain") == 0) return;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
    rondo_device = &rondo_kernels_avx2;
    if (asked && strcmp(asked, "avx2") == 0) return;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl"))
        rondo_device = &rondo_kernels_avx512;
#endif
}

const char *rondo_describe(void) { return rondo_device->description; }

int32_t rondo_check_choice(void)
{
    REQUIRE(!unknown_choice, "RONDO_CPU is \"%.64s\", expected plain, avx2 or avx512", getenv("RONDO_CPU") ? getenv("RONDO_CPU") : "");
    return RONDO_OK;
}
