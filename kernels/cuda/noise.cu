/*
 * noise.cu: truncated normal numbers as a pure function of (key, index); rondo.h has the formula.
 *
 * Philox4x32-10 (Salmon et al. 2011), a counter of four words a thread; quantiles by Wichura's AS 241, PPND16 (1988), in double,
 * so that every device agrees to rounding. Bound by double arithmetic.
 */
#include "device.h"

#include <cmath>

constexpr int THREADS = 256;

#define POLYNOMIAL(x, a0, a1, a2, a3, a4, a5, a6, a7) \
    (((((((a7 * x + a6) * x + a5) * x + a4) * x + a3) * x + a2) * x + a1) * x + a0)

__device__ __forceinline__ double quantile(double q)
{
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q
            * (POLYNOMIAL(r, 3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
                4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3))
            / (POLYNOMIAL(r, 1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
                3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3));
    }
    /* Of the two tail formulas only the first is needed: a 32-bit word keeps the probability above 2^-34, r below 5. */
    double r = sqrt(-log(0.5 - fabs(q))) - 1.6;
    double z = (POLYNOMIAL(r, 1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
                   1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4))
        / (POLYNOMIAL(r, 1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
            1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9));
    return q < 0 ? -z : z;
}

__device__ __forceinline__ uint4 philox(uint64_t key, uint64_t index, uint64_t high)
{
    unsigned x0 = (unsigned) index, x1 = (unsigned) (index >> 32), x2 = (unsigned) high, x3 = (unsigned) (high >> 32);
    unsigned k0 = (unsigned) key, k1 = (unsigned) (key >> 32);
    for (int round = 0; round < 10; round++) {
        unsigned y0 = __umulhi(x2, 0xCD9E8D57u) ^ x1 ^ k0, y2 = __umulhi(x0, 0xD2511F53u) ^ x3 ^ k1;
        x1 = x2 * 0xCD9E8D57u;
        x3 = x0 * 0xD2511F53u;
        x0 = y0;
        x2 = y2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return uint4{x0, x1, x2, x3};
}

/* key is read here, so that a captured launch draws anew after the host has changed it. */
__global__ void noise_kernel(const int64_t *key, double low, double range, float std, int64_t n, float *out)
{
    for (int64_t i = first_index(); i < (n + 3) / 4; i += index_step()) {
        uint4 words = philox((uint64_t) key[0], (uint64_t) i, (uint64_t) key[1]);
        unsigned word[4] = {words.x, words.y, words.z, words.w};
        for (int w = 0; w < 4 && 4 * i + w < n; w++) {
            double u = ((double) word[w] + 0.5) * 0x1p-32;
            out[4 * i + w] = (float) ((double) std * quantile(low + u * range - 0.5));
        }
    }
}

int32_t device_truncated_normal(rondo_stream *s, const int64_t *key, float std, float cut, int64_t n, float *out)
{
    double low = 0.5 * erfc(cut / sqrt(2.0)), range = 1 - 2 * low;
    LAUNCH(noise_kernel, blocks_for(pieces(n, 4), THREADS), THREADS, 0, s->stream, key, low, range, std, n, out);
    return launched(s, "rondo_truncated_normal");
}
