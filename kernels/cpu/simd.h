/*
 * simd.h: vectors of VW floats by GCC's vector extension, the same source for every instruction set, and the exponential.
 *
 * Loads and stores take any alignment of a float. splat(x) subtracts a zero vector because x - 0 is x for every x, which the
 * compiler turns into a broadcast; x + 0 would have to change -0.
 */
#ifndef RONDO_CPU_SIMD_H
#define RONDO_CPU_SIMD_H

#include <math.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define VW 16
#define RONDO_DESCRIPTION "avx512"
#elif defined(__AVX2__)
#define VW 8
#define RONDO_DESCRIPTION "avx2+fma"
#elif defined(__x86_64__)
#define VW 4
#define RONDO_DESCRIPTION "plain x86-64"
#else
#define VW 4
#define RONDO_DESCRIPTION "plain"
#endif

/* Floats of a cache line: what is loaded from many rows at once is used up line by line, for rows that share a cache set. */
#define LINE 16

#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("GCC unroll 32")
/* The loop's iterations are independent: pointers are equal or apart (rondo.h). */
#define INDEPENDENT _Pragma("GCC ivdep")

typedef float vf __attribute__((vector_size(4 * VW)));
typedef int32_t vi __attribute__((vector_size(4 * VW)));
typedef uint32_t vu __attribute__((vector_size(4 * VW)));
typedef uint16_t vh __attribute__((vector_size(2 * VW)));
typedef float vf_any __attribute__((vector_size(4 * VW), aligned(4), may_alias));
typedef uint16_t vh_any __attribute__((vector_size(2 * VW), aligned(2), may_alias));

INLINE vf load(const float *p) { return *(const vf_any *) p; }
INLINE void store(float *p, vf v) { *(vf_any *) p = v; }
INLINE vf splat(float x) { return x - (vf){0}; }
INLINE vi splat_int(int32_t x) { return x - (vi){0}; }
INLINE vf pick(vi mask, vf yes, vf no) { return (vf) ((mask & (vi) yes) | (~mask & (vi) no)); }

/* Keeps a loaded vector in its register: the compiler would rather load it again for each product that uses it. */
#if defined(__x86_64__)
#define KEEP(vector) __asm__("" : "+v"(vector))
#elif defined(__aarch64__)
#define KEEP(vector) __asm__("" : "+w"(vector))
#else
#define KEEP(vector) ((void) 0)
#endif

/* larger(a, b): b where either is not a number, so a NaN in b survives a constant a. */
#if VW == 16
INLINE vf larger(vf a, vf b) { return (vf) _mm512_max_ps((__m512) a, (__m512) b); }
INLINE vf smaller(vf a, vf b) { return (vf) _mm512_min_ps((__m512) a, (__m512) b); }
#elif VW == 8
INLINE vf larger(vf a, vf b) { return (vf) _mm256_max_ps((__m256) a, (__m256) b); }
INLINE vf smaller(vf a, vf b) { return (vf) _mm256_min_ps((__m256) a, (__m256) b); }
#elif defined(__x86_64__)
INLINE vf larger(vf a, vf b) { return (vf) _mm_max_ps((__m128) a, (__m128) b); }
INLINE vf smaller(vf a, vf b) { return (vf) _mm_min_ps((__m128) a, (__m128) b); }
#else
INLINE vf larger(vf a, vf b) { return pick(a > b, a, b); }
INLINE vf smaller(vf a, vf b) { return pick(a < b, a, b); }
#endif

/* 0, 1, 2, ... */
#if VW == 16
#define IOTA ((vi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
#elif VW == 8
#define IOTA ((vi){0, 1, 2, 3, 4, 5, 6, 7})
#else
#define IOTA ((vi){0, 1, 2, 3})
#endif

/* Sum and maximum of the lanes, by halving. */
INLINE float lane_sum(vf v)
{
    UNROLL for (int32_t step = VW / 2; step > 0; step /= 2) v += __builtin_shuffle(v, (IOTA + step) & (VW - 1));
    return v[0];
}
INLINE float lane_max(vf v)
{
    UNROLL for (int32_t step = VW / 2; step > 0; step /= 2) v = larger(v, __builtin_shuffle(v, (IOTA + step) & (VW - 1)));
    return v[0];
}

/* bf16: the upper half of a float. */
#if VW == 16
INLINE vf widen(vh h) { return (vf) ((vu) _mm512_cvtepu16_epi32((__m256i) h) << 16); }
#elif VW == 8
INLINE vf widen(vh h) { return (vf) ((vu) _mm256_cvtepu16_epi32((__m128i) h) << 16); }
#else
INLINE vf widen(vh h) { return (vf) (__builtin_convertvector(h, vu) << 16); }
#endif
INLINE float widen_one(uint16_t h)
{
    union { uint32_t bits; float value; } u = {(uint32_t) h << 16};
    return u.value;
}
/* Round to nearest even; a NaN stays one (its quiet bit is set, else the upper half could become an infinity). */
INLINE uint16_t narrow_one(float x)
{
    union { float value; uint32_t bits; } u = {x};
    uint32_t rounded = (u.bits + 0x7fffu + ((u.bits >> 16) & 1)) >> 16;
    return (uint16_t) ((u.bits & 0x7fffffffu) > 0x7f800000u ? (u.bits >> 16) | 0x40u : rounded);
}
INLINE vf load_bf16(const uint16_t *p) { return widen(*(const vh_any *) p); }

/*
 * e^x, relative error below 1.2e-7 plus rounding; 0 below -87.33 (no subnormals), about 2^127.8 above 88.6.
 * x = n ln2 + r with |r| <= ln2/2: n by adding 1.5 * 2^23, ln2 in two parts, e^r = 1 + r + r^2 p(r) with p of degree 4 fitted
 * to the least relative error, and 2^n by adding n to the exponent.
 */
INLINE vf exponential_within(vf bounded)
{
    vf shifted = bounded * splat(1.44269504f) + splat(12582912.0f);
    vf n = shifted - splat(12582912.0f);
    vf r = bounded - n * splat(0.693359375f);
    r = r - n * splat(-2.12194440e-4f);
    vf p = splat(0x1.6a1a72p-10f);
    p = p * r + splat(0x1.123fc6p-7f);
    p = p * r + splat(0x1.555916p-5f);
    p = p * r + splat(0x1.55548ap-3f);
    p = p * r + splat(0x1.fffffcp-2f);
    p = p * (r * r) + r + splat(1.0f);
    return (vf) ((vi) p + (((vi) shifted) << 23));
}

INLINE vf exponential(vf x)
{
    vf power = exponential_within(smaller(splat(88.6f), larger(splat(-87.33f), x)));
    return (vf) ((vi) power & ~(x < splat(-87.33f)));
}

/* The same for x <= 0 in a softmax: what lies below -87.33, minus infinity too, becomes 1e-38, which adds nothing beside the 1 of
 * the maximum. */
INLINE vf exponential_softmax(vf x) { return exponential_within(larger(splat(-87.33f), x)); }

INLINE float exponential_one(float x) { return exponential(splat(x))[0]; }

#endif
