/*
 * noise.c: truncated normal numbers as a pure function of (key, index).
 *
 * Philox4x32-10 (Salmon et al. 2011, table 2 and section 4.3) gives word i%4 of counter (i/4, key[1]) under key[0]; the word
 * becomes a uniform number and then a normal quantile by Wichura's algorithm AS 241, PPND16 (1988), in double. Blocks of BLOCK
 * elements: words first, then the central formula for all of them, then the tails (|p - 1/2| > 0.425)
 * gathered together; all loops vectorise. Bound by arithmetic.
 */
#include <math.h>

#include "kernels.h"
#include "simd.h"

enum { BLOCK = 256, CHUNK = 4096 };

struct job {
    float *out;
    double low, range;
    float std;
    uint32_t key[2], high[2];
    int64_t n;
};

/* words[w][c]: word w of counter first + c. */
static void philox(const struct job *j, uint64_t first, int count, uint32_t words[4][BLOCK / 4])
{
    for (int c = 0; c < count; c++) {
        uint64_t index = first + (uint64_t) c;
        uint32_t x0 = (uint32_t) index, x1 = (uint32_t) (index >> 32), x2 = j->high[0], x3 = j->high[1];
        uint32_t k0 = j->key[0], k1 = j->key[1];
        UNROLL for (int round = 0; round < 10; round++) {
            uint64_t p0 = (uint64_t) x0 * 0xD2511F53u, p1 = (uint64_t) x2 * 0xCD9E8D57u;
            uint32_t y0 = (uint32_t) (p1 >> 32) ^ x1 ^ k0, y2 = (uint32_t) (p0 >> 32) ^ x3 ^ k1;
            x1 = (uint32_t) p1;
            x3 = (uint32_t) p0;
            x0 = y0;
            x2 = y2;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        words[0][c] = x0;
        words[1][c] = x1;
        words[2][c] = x2;
        words[3][c] = x3;
    }
}

#define POLYNOMIAL(x, a0, a1, a2, a3, a4, a5, a6, a7) \
    (((((((a7 * x + a6) * x + a5) * x + a4) * x + a3) * x + a2) * x + a1) * x + a0)

/* AS 241 for |q| <= 0.425, q = p - 1/2. */
INLINE double central_quantile(double q)
{
    double r = 0.180625 - q * q;
    return q
        * (POLYNOMIAL(r, 3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
            4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3))
        / (POLYNOMIAL(r, 1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
            3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3));
}

/*
 * ln x for normal x > 0, to about 2 ulp: x = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh(t), t = (m - 1)/(m + 1) by its
 * series. Branch-free, so that a loop of it vectorises.
 */
INLINE double logarithm(double x)
{
    union { double value; int64_t bits; } u = {x};
    int64_t shifted = u.bits - 0x3fe6a09e667f3bcd, exponent = shifted & (int64_t) 0xfff0000000000000;
    union { int64_t bits; double value; } m = {u.bits - exponent};
    double t = (m.value - 1) / (m.value + 1), r = t * t;
    double series = 1.0 / 19;
    UNROLL for (int i = 17; i >= 1; i -= 2) series = series * r + 1.0 / i;
    return (double) (int32_t) (exponent >> 52) * 0.69314718055994530942 + 2 * t * series;
}

/* AS 241 for |q| > 0.425. Of its two tail formulas only the first is needed: a 32-bit word keeps p above 2^-34, r below 5. */
INLINE double tail_quantile(double q)
{
    double r = sqrt(-logarithm(0.5 - fabs(q))) - 1.6;
    double z = (POLYNOMIAL(r, 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
                   1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4))
        / (POLYNOMIAL(r, 1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
            1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9));
    return copysign(z, q);
}

static void noise_chunk(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t end = least((chunk + 1) * CHUNK, j->n);
    for (int64_t start = chunk * CHUNK; start < end; start += BLOCK) {
        uint32_t words[4][BLOCK / 4];
        double q[BLOCK], z[BLOCK], tails[BLOCK];
        int32_t where[BLOCK], count = 0;
        philox(j, (uint64_t) start / 4, BLOCK / 4, words);
        /* Unsigned to double by way of signed, which every instruction set has. */
        for (int i = 0; i < BLOCK / 4; i++)
            for (int w = 0; w < 4; w++) q[4 * i + w] = (double) (int32_t) (words[w][i] ^ 0x80000000u);
        for (int i = 0; i < BLOCK; i++) q[i] = j->low + (q[i] + 2147483648.5) * 0x1p-32 * j->range - 0.5;
        for (int i = 0; i < BLOCK; i++) z[i] = central_quantile(q[i]);
        for (int i = 0; i < BLOCK; i++) {
            where[count] = i;
            tails[count] = q[i];
            count += fabs(q[i]) > 0.425;
        }
        for (int i = 0; i < count; i++) tails[i] = tail_quantile(tails[i]);
        for (int i = 0; i < count; i++) z[where[i]] = tails[i];
        int64_t n = least(BLOCK, end - start);
        for (int i = 0; i < n; i++) j->out[start + i] = (float) (j->std * z[i]);
    }
}

int32_t K(truncated_normal)(rondo_stream *s, const int64_t *key, float std, float cut, int64_t n, float *out)
{
    uint64_t low = (uint64_t) key[0], high = (uint64_t) key[1];
    double below = 0.5 * erfc(cut / sqrt(2.0));
    struct job job = {.out = out, .low = below, .range = 1 - 2 * below, .std = std,
        .key = {(uint32_t) low, (uint32_t) (low >> 32)}, .high = {(uint32_t) high, (uint32_t) (high >> 32)}, .n = n};
    rondo_parallel(s, pieces(n, CHUNK), n * 20, noise_chunk, &job);
    return RONDO_OK;
}
