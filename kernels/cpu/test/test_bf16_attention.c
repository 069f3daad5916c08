/*
 * test_bf16_attention.c: attention on bf16 activations against loops in double over the same, already rounded numbers. Head sizes
 * for tensor cores and not, tiles full and ragged, operands aligned and, for some shapes again, one element off.
 */
#include "check.h"

/* n elements of bf16, off elements behind an aligned address, and what they are worth. */
struct half {
    uint16_t *at;
    float *worth;
    void *memory;
};

static struct half half(int64_t n, int off)
{
    struct half h = {0, floats(n), malloc((n + off) * 2)};
    h.at = (uint16_t *) h.memory + off;
    for (int64_t i = 0; i < n; i++) {
        h.at[i] = to_bf16(h.worth[i]);
        h.worth[i] = from_bf16(h.at[i]);
    }
    return h;
}

static void drop(struct half h) { free(h.worth), free(h.memory); }

/* Within tolerance of the element and of the root of the mean square. */
static void near(const char *what, const uint16_t *got, const double *wanted, int64_t n, double tolerance)
{
    double squares = 0;
    for (int64_t i = 0; i < n; i++) squares += wanted[i] * wanted[i];
    double rms = sqrt(squares / (double) n);
    for (int64_t i = 0; i < n; i++) {
        double error = fabs(from_bf16(got[i]) - wanted[i]) / (fabs(wanted[i]) + rms + 1e-30);
        if (error <= tolerance) continue;
        printf("    %s[%lld] is %.5g, expected %.5g (error %.3g, allowed %.3g)\n", what, (long long) i, from_bf16(got[i]), wanted[i], error,
            tolerance);
        failures++;
        return;
    }
}

static int supported(rondo_stream *s)
{
    uint16_t x[1] = {0};
    static int said;
    if (rondo_add(s, RONDO_BF16, x, x, 1, x) != RONDO_UNSUPPORTED) return 1;
    if (!said++) printf("  attention on bf16: skipped, %s\n", rondo_error());
    return 0;
}

static const struct heads shapes[] = {{1, 1, 1, 1, 8}, {2, 2, 2, 1, 24}, {1, 17, 4, 1, 32}, {1, 63, 2, 2, 40}, {2, 64, 2, 1, 64},
    {1, 65, 4, 2, 80}, {1, 127, 2, 1, 96}, {1, 128, 7, 1, 104}, {1, 130, 2, 1, 128}, {1, 200, 4, 2, 64}, {3, 65, 1, 1, 128},
    {1, 130, 1, 1, 136}, {1, 65, 4, 1, 33}, {1, 64, 1, 1, 256},
    /* With those above every multiple of 8 up to 128. */
    {1, 33, 1, 1, 16}, {1, 33, 1, 1, 48}, {1, 33, 1, 1, 56}, {1, 33, 2, 1, 72}, {1, 33, 1, 1, 88}, {1, 33, 1, 1, 112}, {1, 33, 1, 1, 120}};

/* What token at says reaches no row before it, whatever it is, and those from there on. */
static void unseen(rondo_stream *s, struct heads q, float scale, struct half qkv, const uint16_t *out, int64_t at, int keys)
{
    int64_t d = q.head_dim, ld = (q.heads + 2 * q.kv_heads) * d, row = q.heads * d, rows = q.batch * q.time;
    struct half other = half(rows * row, 0);
    uint16_t *from = qkv.at + at * ld + (q.heads + (keys ? 0 : q.kv_heads)) * d, kept[2] = {from[0], from[d - 1]};
    from[0] = to_bf16(INFINITY);
    from[d - 1] = to_bf16(NAN);
    call(rondo_attention(s, RONDO_BF16, qkv.at, q.batch, q.time, q.heads, q.kv_heads, d, scale, other.at, 0));
    equal(keys ? "before a key that is no number" : "before a value that is no number", other.at, out, at * row * 2);
    for (int64_t i = at; i < q.time; i++)
        if (isfinite(from_bf16(other.at[i * row])) || isfinite(from_bf16(other.at[i * row + d - 1]))) {
            printf("    row %lld is finite behind token %lld that is not\n", (long long) i, (long long) at);
            failures++;
            break;
        }
    from[0] = kept[0];
    from[d - 1] = kept[1];
    drop(other);
}

/* Forward and backward, operands off elements behind an aligned address; hidden: and what later tokens must not reach. */
static void both_ways(rondo_stream *s, struct heads q, int off, int hidden)
{
    int64_t d = q.head_dim, rows = q.batch * q.time, n = rows * (q.heads + 2 * q.kv_heads) * d, l = rows * q.heads, m = l * d;
    float scale = 1.3f / sqrtf((float) d), *lse = floats(l), *scratch = floats(l);
    struct half qkv = half(n, off), dout = half(m, off), out = half(m, off), other = half(m, off);
    struct half dqkv = half(n, off), again = half(n, off);
    double *wanted = doubles(m), *wanted_lse = doubles(l), *grad = doubles(n);
    attention_reference(qkv.worth, dout.worth, q, scale, wanted, wanted_lse, grad);
    call(rondo_attention(s, RONDO_BF16, qkv.at, q.batch, q.time, q.heads, q.kv_heads, d, scale, out.at, lse));
    near("out", out.at, wanted, m, 1e-2);
    check("lse", lse, wanted_lse, l, 1e-5);
    call(rondo_attention(s, RONDO_BF16, qkv.at, q.batch, q.time, q.heads, q.kv_heads, d, scale, other.at, 0));
    equal("without lse", other.at, out.at, m * 2);
    call(rondo_attention_grad(s, RONDO_BF16, qkv.at, out.at, lse, dout.at, q.batch, q.time, q.heads, q.kv_heads, d, scale, scratch,
        dqkv.at));
    /* P, dS and out are rounded: with no other error the largest of an array lies between 0.012 and 0.031 (60 draws of 130 x 128). */
    near("dqkv", dqkv.at, grad, n, 4.5e-2);
    call(rondo_attention_grad(s, RONDO_BF16, qkv.at, out.at, lse, dout.at, q.batch, q.time, q.heads, q.kv_heads, d, scale, scratch,
        again.at));
    equal("gradient again", again.at, dqkv.at, n * 2);
    if (hidden) {
        unseen(s, q, scale, qkv, out.at, q.time - 1, 1);
        unseen(s, q, scale, qkv, out.at, q.time - 1, 0);
        unseen(s, q, scale, qkv, out.at, q.time / 2, 0);
    }
    drop(qkv), drop(dout), drop(out), drop(other), drop(dqkv), drop(again);
    free(lse), free(scratch), free(wanted), free(wanted_lse), free(grad);
}

void test_bf16_attention(rondo_stream *s)
{
    if (!supported(s)) return;
    for (int i = 0; i < COUNT(shapes); i++) both_ways(s, shapes[i], 0, i % 2 == 0);
    for (int i = 2; i < 9; i += 3) both_ways(s, shapes[i], 1, 1);
}

/* Attention of time queries at start[b] over a cache, in double. */
static void cached_reference(const float *qkv, const float *cache, const int32_t *start, struct heads q, int64_t capacity, float scale,
    double *out)
{
    int64_t d = q.head_dim, ld = (q.heads + 2 * q.kv_heads) * d, slot = 2 * q.kv_heads * d;
    double *p = doubles(capacity);
    for (int64_t row = 0; row < q.batch * q.time * q.heads; row++) {
        int64_t h = row % q.heads, t = row / q.heads % q.time, b = row / q.heads / q.time, last = start[b] + t;
        const float *query = qkv + (b * q.time + t) * ld + h * d, *keys = cache + b * capacity * slot + h / (q.heads / q.kv_heads) * d;
        double top = -INFINITY, sum = 0;
        for (int64_t j = 0; j <= last; j++) {
            p[j] = 0;
            for (int64_t c = 0; c < d; c++) p[j] += (double) query[c] * keys[j * slot + c];
            p[j] *= scale;
            top = fmax(top, p[j]);
        }
        for (int64_t j = 0; j <= last; j++) sum += p[j] = exp(p[j] - top);
        for (int64_t c = 0; c < d; c++) {
            out[row * d + c] = 0;
            for (int64_t j = 0; j <= last; j++) out[row * d + c] += p[j] / sum * keys[j * slot + slot / 2 + c];
        }
    }
    free(p);
}

/* Heads, the cache's capacity, where the first and the last sequence stand. */
struct cache {
    struct heads q;
    int64_t capacity, first, last;
};
static const struct cache caches[] = {{{1, 1, 1, 1, 8}, 1, 0, 0}, {{2, 1, 4, 2, 64}, 700, 0, 699}, {{1, 3, 8, 1, 128}, 300, 250, 250},
    {{2, 5, 7, 1, 80}, 200, 3, 190}, {{3, 2, 2, 2, 40}, 1100, 127, 1098}, {{1, 2, 2, 1, 33}, 300, 297, 297},
    {{2, 1, 2, 1, 256}, 200, 0, 150}, {{1, 1, 2, 2, 1200}, 290, 280, 280}, {{2, 70, 2, 1, 64}, 200, 0, 101},
    {{1, 65, 2, 1, 24}, 130, 60, 60}, {{1, 64, 1, 1, 136}, 150, 70, 70},
    /* With those above every multiple of 8 up to 128. */
    {{1, 1, 2, 1, 16}, 90, 70, 70}, {{1, 1, 2, 1, 32}, 90, 70, 70}, {{1, 1, 2, 1, 48}, 90, 70, 70}, {{1, 1, 2, 1, 56}, 90, 70, 70},
    {{1, 1, 2, 1, 72}, 90, 70, 70}, {{1, 1, 2, 1, 88}, 90, 70, 70}, {{1, 1, 2, 1, 96}, 90, 70, 70}, {{1, 1, 2, 1, 104}, 90, 70, 70},
    {{1, 1, 2, 1, 112}, 90, 70, 70}, {{1, 1, 2, 1, 120}, 90, 70, 70}};

static void over_cache(rondo_stream *s, struct cache of, int off)
{
    struct heads q = of.q;
    int64_t d = q.head_dim, capacity = of.capacity, slot = 2 * q.kv_heads * d, row = q.heads * d, rows = q.batch * q.time;
    int64_t ld = row + slot, n = q.batch * capacity * slot;
    int32_t *start = integers(q.batch, 1);
    float scale = 1.3f / sqrtf((float) d);
    struct half qkv = half(rows * ld, off), cache = half(n, off), out = half(rows * row, off), other = half(rows * row, off);
    double *wanted = doubles(rows * row);
    for (int64_t b = 0; b < q.batch; b++) start[b] = (int32_t) (b == q.batch - 1 ? of.last : of.first);
    for (int64_t b = 0; b < q.batch; b++)
        for (int64_t t = 0; t < q.time; t++)
            memcpy(cache.worth + (b * capacity + start[b] + t) * slot, qkv.worth + (b * q.time + t) * ld + row, slot * 4);
    call(rondo_cache_append(s, RONDO_BF16, qkv.at, start, q.batch, q.time, q.heads, q.kv_heads, d, capacity, cache.at));
    for (int64_t j = 0; j < n; j++)
        if (from_bf16(cache.at[j]) != cache.worth[j]) {
            printf("    cache[%lld] is %g, expected %g\n", (long long) j, from_bf16(cache.at[j]), cache.worth[j]);
            failures++;
            break;
        }
    cached_reference(qkv.worth, cache.worth, start, q, capacity, scale, wanted);
    /* Of qkv the queries alone are read, of the cache what is seen. */
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = row; c < ld; c++) qkv.at[r * ld + c] = to_bf16(NAN);
    for (int64_t b = 0; b < q.batch; b++)
        for (int64_t j = (start[b] + q.time) * slot; j < capacity * slot; j++) cache.at[b * capacity * slot + j] = to_bf16(NAN);
    call(rondo_cached_attention(s, RONDO_BF16, qkv.at, cache.at, start, q.batch, q.time, q.heads, q.kv_heads, d, capacity, scale,
        out.at));
    near("out", out.at, wanted, rows * row, 1e-2);
    for (int64_t b = 0; b < q.batch; b++) {
        uint16_t *last = cache.at + (b * capacity + start[b] + q.time - 1) * slot;
        last[slot / 2] = to_bf16(INFINITY);
        last[slot / 2 + d - 1] = to_bf16(NAN);
    }
    call(rondo_cached_attention(s, RONDO_BF16, qkv.at, cache.at, start, q.batch, q.time, q.heads, q.kv_heads, d, capacity, scale,
        other.at));
    for (int64_t b = 0; b < q.batch; b++) {
        int64_t at = b * q.time * row, before = (q.time - 1) * row;
        equal("before a value that is no number", other.at + at, out.at + at, before * 2);
        if (isfinite(from_bf16(other.at[at + before])) || isfinite(from_bf16(other.at[at + before + d - 1]))) {
            printf("    the last row is finite behind a value that is not\n");
            failures++;
        }
    }
    for (int wrong = 0; wrong < 2; wrong++) {
        start[q.batch - 1] = wrong ? (int32_t) (capacity - q.time + 1) : -1;
        int32_t code = rondo_cached_attention(s, RONDO_BF16, qkv.at, cache.at, start, q.batch, q.time, q.heads, q.kv_heads, d, capacity,
            scale, other.at);
        refused("start of the cache", settled(s, code), RONDO_INVALID, "rondo_cached_attention: start[");
        code = rondo_cache_append(s, RONDO_BF16, qkv.at, start, q.batch, q.time, q.heads, q.kv_heads, d, capacity, cache.at);
        refused("start of what is appended", settled(s, code), RONDO_INVALID, "rondo_cache_append: start[");
    }
    drop(qkv), drop(cache), drop(out), drop(other), free(start), free(wanted);
}

void test_bf16_cached_attention(rondo_stream *s)
{
    if (!supported(s)) return;
    for (int i = 0; i < COUNT(caches); i++) over_cache(s, caches[i], 0);
    over_cache(s, caches[3], 1);
}

/* One small shape for each kernel on tensor cores: what a sanitizer has time for. */
void test_tensor_attention(rondo_stream *s)
{
    if (!supported(s)) return;
    both_ways(s, (struct heads){1, 65, 2, 1, 64}, 0, 0);
    over_cache(s, (struct cache){{1, 2, 2, 1, 64}, 300, 0, 200}, 0);
}
