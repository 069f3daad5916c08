/*
 * cached_attention.c: the key/value cache of decoding: append, and attention over its slots.
 *
 * cache [batch, capacity, 2, kv_heads*head_dim]. With many query rows a task runs the blocked kernel of attention.c over the
 * cache; with few (decoding) it goes over the keys in blocks of KEYS, dot products for every row of the group, online softmax,
 * then the values: each key and value is read once for the whole group. Bound by the bandwidth of reading the cache.
 */
#include "attention.h"

enum { FEW_ROWS = 8 };

struct job {
    const float *qkv, *cache;
    const int32_t *start;
    float *out;
    int64_t batch, time, heads, kv_heads, head_dim, capacity, span, spans;
    float scale;
};

static void append_row(const void *job, int64_t row, float *scratch)
{
    const struct job *j = job;
    int64_t b = row / j->time, t = row % j->time, n = j->kv_heads * j->head_dim, ld = j->heads * j->head_dim + 2 * n;
    memcpy(j->out + (b * j->capacity + j->start[b] + t) * 2 * n, j->qkv + row * ld + j->heads * j->head_dim, 2 * n * sizeof(float));
}

static int32_t check_slots(const char *op, const int32_t *start, int64_t batch, int64_t time, int64_t capacity)
{
    for (int64_t b = 0; b < batch; b++)
        REQUIRE(start[b] >= 0 && start[b] + time <= capacity,
            "%s: start[%lld] is %d with %lld rows, expected 0 and up within a capacity of %lld", op, (long long) b, start[b],
            (long long) time, (long long) capacity);
    return RONDO_OK;
}

int32_t K(cache_append)(rondo_stream *s, int32_t type, const void *qkv, const int32_t *start, int64_t batch, int64_t time,
    int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, void *cache)
{
    int32_t code = check_slots("rondo_cache_append", start, batch, time, capacity);
    if (code != RONDO_OK) return code;
    struct job job = {.qkv = qkv, .start = start, .out = cache, .time = time, .heads = heads, .kv_heads = kv_heads,
        .head_dim = head_dim, .capacity = capacity};
    rondo_parallel(s, batch * time, batch * time * kv_heads * head_dim * 2, append_row, &job);
    return RONDO_OK;
}

/* scores[r][key] for count keys and up to FEW_ROWS rows of q. */
static void dot_keys(const float *q, const float *k, int64_t ld, int64_t rows, int64_t count, int64_t n, float *scores)
{
    for (int64_t key = 0; key < count; key++, k += ld)
        for (int64_t r = 0; r < rows; r++) {
            vf sum = {0};
            int64_t i = 0;
            for (; i + VW <= n; i += VW) sum += load(q + r * n + i) * load(k + i);
            float total = lane_sum(sum);
            for (; i < n; i++) total += q[r * n + i] * k[i];
            scores[r * KEYS + key] = total;
        }
}

/* Rows row0 .. row0+rows-1 of the group's (time x group) rows; row = t*group + g. */
static void attend_few(const struct head *head, int64_t row0, int64_t rows, float *scratch)
{
    int64_t n = head->head_dim, group = head->group;
    float *q = scratch, *acc = q + FEW_ROWS * n, *scores = acc + FEW_ROWS * n, maximum[FEW_ROWS], sum[FEW_ROWS];
    for (int64_t r = 0; r < rows; r++) {
        const float *from = head->q + (row0 + r) / group * head->q_ld + (row0 + r) % group * n;
        for (int64_t i = 0; i < n; i++) q[r * n + i] = head->scale * from[i];
        maximum[r] = -INFINITY;
        sum[r] = 0;
    }
    memset(acc, 0, rows * n * sizeof(float));
    int64_t keys = head->offset + (row0 + rows - 1) / group + 1;
    for (int64_t k0 = 0; k0 < keys; k0 += KEYS) {
        int64_t count = least(KEYS, keys - k0), padded = round_up(count, VW);
        int64_t seen[FEW_ROWS];
        dot_keys(q, head->k + k0 * head->kv_ld, head->kv_ld, rows, count, n, scores);
        for (int64_t r = 0; r < rows; r++) {
            float *row = scores + r * KEYS;
            seen[r] = most(0, least(count, head->offset + (row0 + r) / group + 1 - k0));
            for (int64_t i = seen[r]; i < padded; i++) row[i] = -INFINITY;
            vf best = splat(maximum[r]), total = {0};
            for (int64_t i = 0; i < padded; i += VW) best = larger(best, load(row + i));
            float now = lane_max(best), shrink = exponential_one(maximum[r] - now);
            for (int64_t i = 0; i < padded; i += VW) {
                vf p = exponential_softmax(load(row + i) - splat(now));
                store(row + i, p);
                total += p;
            }
            sum[r] = sum[r] * shrink + lane_sum(total);
            maximum[r] = now;
            for (int64_t i = 0; i < n; i++) acc[r * n + i] *= shrink;
        }
        for (int64_t key = 0; key < count; key++) {
            const float *restrict v = head->v + (k0 + key) * head->kv_ld;
            for (int64_t r = 0; r < rows; r++) {
                /* Not even times zero: the value may be no number. */
                if (key >= seen[r]) continue;
                float p = scores[r * KEYS + key], *restrict to = acc + r * n;
                for (int64_t i = 0; i < n; i++) to[i] += p * v[i];
            }
        }
    }
    for (int64_t r = 0; r < rows; r++) {
        float *out = head->out + (row0 + r) / group * head->out_ld + (row0 + r) % group * n;
        for (int64_t i = 0; i < n; i++) out[i] = acc[r * n + i] / sum[r];
    }
}

static void attend_cache(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t span = j->spans - 1 - chunk % j->spans, kv = chunk / j->spans % j->kv_heads, b = chunk / j->spans / j->kv_heads;
    int64_t n = j->head_dim, group = j->heads / j->kv_heads, ld = (j->heads + 2 * j->kv_heads) * n, slot = 2 * j->kv_heads * n;
    const float *k = j->cache + b * j->capacity * slot + kv * n;
    struct head head = {.q = j->qkv + b * j->time * ld + kv * group * n, .k = k, .v = k + j->kv_heads * n, .q_ld = ld, .kv_ld = slot,
        .offset = j->start[b], .group = group, .head_dim = n, .scale = j->scale,
        .out = j->out + (b * j->time * j->heads + kv * group) * n, .out_ld = j->heads * n};
    int64_t first = span * j->span, last = least(first + j->span, j->time);
    /* Packing the keys pays from a few dozen query rows on. */
    if ((last - first) * group < 4 * FEW_ROWS || n > RONDO_MOST_HEAD_DIM || group > RONDO_MOST_GROUP)
        for (int64_t row = first * group; row < last * group; row += FEW_ROWS)
            attend_few(&head, row, least(FEW_ROWS, last * group - row), scratch);
    else K(attend)(&head, first, last, scratch);
}

int32_t K(cached_attention)(rondo_stream *s, int32_t type, const void *qkv, const void *cache, const int32_t *start, int64_t batch,
    int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, float scale, void *out)
{
    int32_t code = check_slots("rondo_cached_attention", start, batch, time, capacity);
    if (code != RONDO_OK) return code;
    struct job job = {qkv, cache, start, out, batch, time, heads, kv_heads, head_dim, capacity, 0, 0, scale};
    job.span = least(span_rows(heads / kv_heads), 4 * QUERIES);
    job.spans = pieces(time, job.span);
    int64_t longest = 0;
    for (int64_t b = 0; b < batch; b++) longest = most(longest, start[b] + time);
    rondo_parallel(s, batch * kv_heads * job.spans, batch * heads * time * longest * head_dim / 4, attend_cache, &job);
    return RONDO_OK;
}
