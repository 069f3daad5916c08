/* test_attention.c: attention forward and backward, and over a cache. */
#include "check.h"

/* A head at a time: q, k, v and dout rows ld apart; probabilities of a row at a time. */
void attention_reference(const float *qkv, const float *dout, struct heads q, float scale, double *out, double *lse, double *dqkv)
{
    int64_t d = q.head_dim, ld = (q.heads + 2 * q.kv_heads) * d, group = q.heads / q.kv_heads;
    double *p = doubles(q.time), *dp = doubles(q.time);
    for (int64_t b = 0; b < q.batch; b++)
        for (int64_t h = 0; h < q.heads; h++)
            for (int64_t i = 0; i < q.time; i++) {
                int64_t qi = (b * q.time + i) * ld + h * d, oi = ((b * q.time + i) * q.heads + h) * d, kv = h / group * d;
                int64_t k = b * q.time * ld + q.heads * d + kv, v = k + q.kv_heads * d;
                double top = -1e300, sum = 0, delta = 0;
                for (int64_t j = 0; j <= i; j++) {
                    p[j] = 0;
                    for (int64_t c = 0; c < d; c++) p[j] += (double) qkv[qi + c] * qkv[k + j * ld + c];
                    p[j] *= scale;
                    top = fmax(top, p[j]);
                }
                for (int64_t j = 0; j <= i; j++) sum += p[j] = exp(p[j] - top);
                lse[(b * q.heads + h) * q.time + i] = top + log(sum);
                for (int64_t j = 0; j <= i; j++) {
                    p[j] /= sum;
                    dp[j] = 0;
                    for (int64_t c = 0; c < d; c++) {
                        out[oi + c] += p[j] * qkv[v + j * ld + c];
                        dp[j] += (double) dout[oi + c] * qkv[v + j * ld + c];
                    }
                    delta += p[j] * dp[j];
                }
                for (int64_t j = 0; j <= i; j++) {
                    double ds = p[j] * (dp[j] - delta) * scale;
                    for (int64_t c = 0; c < d; c++) {
                        dqkv[qi + c] += ds * qkv[k + j * ld + c];
                        dqkv[k + j * ld + c] += ds * qkv[qi + c];
                        dqkv[v + j * ld + c] += p[j] * dout[oi + c];
                    }
                }
            }
    free(p), free(dp);
}

static const struct heads shapes[] = {{1, 1, 1, 1, 8}, {2, 5, 2, 1, 16}, {1, 64, 4, 2, 32}, {2, 97, 3, 3, 24}, {1, 130, 2, 1, 64},
    {1, 200, 6, 2, 40}, {3, 49, 2, 2, 7}, {1, 300, 1, 1, 13}, {1, 160, 2, 1, 128}, {1, 60, 1, 1, 256}, {1, 700, 2, 2, 16},
    {1, 600, 2, 1, 256}};

void test_attention(rondo_stream *s)
{
    for (int i = 0; i < COUNT(shapes); i++) {
        struct heads q = shapes[i];
        int64_t rows = q.batch * q.time, n = rows * (q.heads + 2 * q.kv_heads) * q.head_dim, m = rows * q.heads * q.head_dim;
        float scale = 1.3f / sqrtf((float) q.head_dim);
        float *qkv = floats(n), *out = floats(m), *lse = floats(rows * q.heads), *dout = floats(m), *dqkv = floats(n), *other = floats(m), *scratch = floats(rows * q.heads);
        double *wanted = doubles(m), *wanted_lse = doubles(rows * q.heads), *grad = doubles(n);
        attention_reference(qkv, dout, q, scale, wanted, wanted_lse, grad);
        call(rondo_attention(s, RONDO_F32, qkv, q.batch, q.time, q.heads, q.kv_heads, q.head_dim, scale, out, lse));
        check("out", out, wanted, m, 3e-5);
        check("lse", lse, wanted_lse, rows * q.heads, 3e-6);
        call(rondo_attention(s, RONDO_F32, qkv, q.batch, q.time, q.heads, q.kv_heads, q.head_dim, scale, other, 0));
        equal("without lse", other, out, m * 4);
        call(rondo_attention_grad(s, RONDO_F32, qkv, out, lse, dout, q.batch, q.time, q.heads, q.kv_heads, q.head_dim, scale, scratch, dqkv));
        check("dqkv", dqkv, grad, n, 2e-4);
        /* What only the last token says reaches no row before it, whatever it is. */
        for (int64_t j = 0; j < q.kv_heads * q.head_dim; j++) qkv[n - 1 - j] = j % 3 ? NAN : INFINITY;
        call(rondo_attention(s, RONDO_F32, qkv, q.batch, q.time, q.heads, q.kv_heads, q.head_dim, scale, other, 0));
        equal("behind the last value", other, out, (m - q.heads * q.head_dim) * 4);
        free(qkv), free(out), free(lse), free(dout), free(dqkv), free(other), free(scratch), free(wanted), free(wanted_lse), free(grad);
    }
}

/* A sequence fed in pieces through the cache gives what attention over the whole gives. */
void test_cached_attention(rondo_stream *s)
{
    const int64_t cuts[][4] = {{1, 1, 1, 1}, {40, 1, 3, 2}, {7, 64, 1, 1}, {100, 100, 1, 1}, {540, 60, 1, 1}};
    const struct heads cases[] = {{2, 0, 2, 1, 16}, {1, 0, 4, 4, 24}, {3, 0, 8, 2, 64}, {1, 0, 3, 1, 9}, {1, 0, 2, 1, 260}, {1, 0, 32, 4, 8}, {1, 0, 2, 1, 256}};
    for (int i = 0; i < COUNT(cases); i++)
        for (int c = 0; c < COUNT(cuts); c++) {
            struct heads q = cases[i];
            /* Several stretches of stored keys, which only the widest heads need for so few. */
            if ((cuts[c][0] > 500) != (q.head_dim == 256)) continue;
            /* Half of the combinations where every thread is emulated. */
            if (strstr(rondo_describe(), "emulated") && (i + c) % 2) continue;
            for (int t = 0; t < 4; t++) q.time += cuts[c][t];
            int64_t d = q.head_dim, ld = (q.heads + 2 * q.kv_heads) * d, n = q.batch * q.time * ld, m = q.batch * q.time * q.heads * d;
            int64_t capacity = q.time + 3, slot = 2 * q.kv_heads * d;
            float scale = d == 256 ? 0.1f : 0.3f, *qkv = floats(n), *cache = floats(q.batch * capacity * slot);
            double *wanted = doubles(m), *lse = doubles(q.batch * q.time * q.heads), *grad = doubles(n);
            float *dout = floats(m);
            attention_reference(qkv, dout, q, scale, wanted, lse, grad);
            int32_t *start = integers(q.batch, 1);
            for (int t = 0, at = 0; t < 4; at += (int) cuts[c][t], t++) {
                int64_t time = cuts[c][t], part = q.batch * time;
                float *piece = floats(part * ld), *out = floats(part * q.heads * d);
                double *expected = doubles(part * q.heads * d);
                for (int64_t b = 0; b < q.batch; b++) {
                    start[b] = at;
                    memcpy(piece + b * time * ld, qkv + (b * q.time + at) * ld, time * ld * 4);
                    for (int64_t j = 0; j < time * q.heads * d; j++)
                        expected[b * time * q.heads * d + j] = wanted[(b * q.time + at) * q.heads * d + j];
                }
                call(rondo_cache_append(s, RONDO_F32, piece, start, q.batch, time, q.heads, q.kv_heads, d, capacity, cache));
                call(rondo_cached_attention(s, RONDO_F32, piece, cache, start, q.batch, time, q.heads, q.kv_heads, d, capacity, scale, out));
                check("out", out, expected, part * q.heads * d, 3e-5);
                float *other = copy_of(out, part * q.heads * d);
                for (int64_t j = 0; j < slot / 2; j++) cache[((q.batch - 1) * capacity + at + time) * slot - 1 - j] = NAN;
                call(rondo_cached_attention(s, RONDO_F32, piece, cache, start, q.batch, time, q.heads, q.kv_heads, d, capacity, scale, other));
                equal("behind the last value", other, out, (part - 1) * q.heads * d * 4);
                call(rondo_cache_append(s, RONDO_F32, piece, start, q.batch, time, q.heads, q.kv_heads, d, capacity, cache));
                free(piece), free(out), free(other), free(expected);
            }
            free(qkv), free(cache), free(wanted), free(lse), free(grad), free(dout), free(start);
        }
    /* Sequences of one batch at different lengths: a few keys and more than one block of them. */
    int32_t start[2] = {0, 150};
    float *qkv = floats(2 * 4 * 8), *cache = floats(2 * 160 * 2 * 8), *out = floats(2 * 2 * 8);
    double wanted[32] = {0};
    for (int b = 0; b < 2; b++)
        for (int h = 0; h < 2; h++) {
            double weights[160], sum = 0;
            for (int j = 0; j <= start[b]; j++) {
                double dot = 0;
                for (int c = 0; c < 8; c++) dot += (double) qkv[b * 32 + h * 8 + c] * cache[(b * 160 + j) * 16 + c];
                sum += weights[j] = exp(dot);
            }
            for (int j = 0; j <= start[b]; j++)
                for (int c = 0; c < 8; c++) wanted[b * 16 + h * 8 + c] += weights[j] / sum * cache[(b * 160 + j) * 16 + 8 + c];
        }
    call(rondo_cached_attention(s, RONDO_F32, qkv, cache, start, 2, 1, 2, 1, 8, 160, 1, out));
    check("ragged", out, wanted, 32, 3e-5);
    free(qkv), free(cache), free(out);
}
