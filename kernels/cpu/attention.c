/*
 * attention.c: causal grouped-query attention, forward: out = softmax(scale * q k^T) v, lse = log sum exp.
 *
 * A task is one key/value head and a span of queries. It packs up to STORED keys (transposed) and values in its scratch, then
 * for every query head of the group and block of QUERIES rows goes over blocks of KEYS keys: scores by register tiles, running
 * maximum and sum per row (online softmax, arXiv 1805.02867), probabilities times values by register tiles. Nothing of
 * time x time exists; a row's maximum, sum and output are kept between stretches of stored keys when there are several.
 * Moves q, k, v once a task and out once; bound by arithmetic. Limits: RONDO_MOST_HEAD_DIM, RONDO_MOST_GROUP.
 */
#include "attention.h"
#include "glibc.h"

/* Floats of packed keys, and of values. */
enum { STORED_FLOATS = 128 * 1024 };
_Static_assert(QUERIES * (2 * RONDO_MOST_HEAD_DIM + KEYS) + 2 * (QUERIES * RONDO_MOST_GROUP + QUERIES + 64) + 2 * STORED_FLOATS + KEYS * RONDO_MOST_HEAD_DIM
        <= RONDO_THREAD_SCRATCH, "the parts of scratch fit");

/* The last key, counted from first_key, that a row may see; -1 for none. */
INLINE int64_t last_key(int64_t row, int64_t first_key) { return most(-1, least(row - first_key, KEYS)); }

/* scores [QUERIES, KEYS] -> probabilities; maxima, sums and the rows of acc [QUERIES, width] move along. */
static void softmax_block(float *scores, int64_t rows, int64_t columns, int64_t first_row, int64_t first_key, int masked,
    float *maximum, float *sum, float *acc, int64_t width)
{
    const vf lowest = splat(-INFINITY);
    for (int64_t i = 0; i < rows; i++) {
        float *row = scores + i * KEYS;
        vf best = lowest;
        vi limit = splat_int((int32_t) last_key(first_row + i, first_key));
        if (masked) {
            for (int64_t j = 0; j < columns; j += VW) {
                vf x = pick((vi) (IOTA + splat_int((int32_t) j) > limit), lowest, load(row + j));
                store(row + j, x);
                best = larger(best, x);
            }
        } else {
            for (int64_t j = 0; j < columns; j += VW) best = larger(best, load(row + j));
        }
        float before = maximum[i], now = lane_max(larger(splat(before), best));
        vf total = {0}, top = splat(now);
        for (int64_t j = 0; j < columns; j += VW) {
            vf p = exponential_softmax(load(row + j) - top);
            /* Zero, not nearly so: a value that a row may not see adds nothing, however large. */
            if (masked) p = (vf) ((vi) p & ~(vi) (IOTA + splat_int((int32_t) j) > limit));
            store(row + j, p);
            total += p;
        }
        if (now != before) {
            float shrink = exponential_one(before - now);
            sum[i] *= shrink;
            for (int64_t j = 0; j < width; j += VW) store(acc + i * width + j, splat(shrink) * load(acc + i * width + j));
            maximum[i] = now;
        }
        sum[i] += lane_sum(total);
    }
}

/* An exponent of ones is an infinity or a NaN. */
INLINE vi no_number(vf x)
{
    const vi ones = splat_int(0x7f800000);
    return ((vi) x & ones) == ones;
}

static int all_numbers(const float *x, int64_t n)
{
    vi found = {0};
    for (int64_t i = 0; i < n; i += VW) found |= no_number(load(x + i));
    int32_t any = 0;
    UNROLL for (int i = 0; i < VW; i++) any |= found[i];
    return !any;
}

/*
 * acc += p * values where a value that some row may not see is no number, which zero times would bring to that row: such values
 * are left out of the product, by way of clean, and added to the rows that see them.
 */
static void add_apart(const float *p, const float *values, int64_t rows, int64_t whole, int64_t columns, int64_t first_row,
    int64_t first_key, float *clean, float *acc, int64_t width)
{
    for (int64_t i = 0; i < columns * width; i += VW) store(clean + i, pick(no_number(load(values + i)), (vf){0}, load(values + i)));
    block_product(whole, width, columns, p, KEYS, 1, clean, width, NR, 1, acc, width);
    for (int64_t c = 0; c < columns; c++)
        for (int64_t j = 0; j < width; j++) {
            if (isfinite(values[c * width + j])) continue;
            for (int64_t i = most(0, first_key + c - first_row); i < rows; i++) acc[i * width + j] += p[i * KEYS + c] * values[c * width + j];
        }
}

void K(attend)(const struct head *head, int64_t first, int64_t last, float *scratch)
{
    int64_t n = head->head_dim, width = round_up(n, VW), group = head->group, span = last - first;
    int64_t stored = STORED_FLOATS / width / KEYS * KEYS, keys = head->offset + last;
    int64_t block = query_rows(keys);
    float *q = scratch, *scores = q + QUERIES * n, *acc = scores + QUERIES * KEYS, *maximum = acc + QUERIES * width;
    float *sum = maximum + round_up(group * span, VW) + QUERIES, *packed_keys = sum + round_up(group * span, VW) + QUERIES;
    float *values = packed_keys + STORED_FLOATS, *clean = values + STORED_FLOATS;
    for (int64_t stretch = 0; stretch < keys; stretch += stored) {
        int64_t held = least(stored, keys - stretch);
        pack_keys(head->k + stretch * head->kv_ld, head->kv_ld, held, n, packed_keys);
        copy_block(head->v + stretch * head->kv_ld, head->kv_ld, held, n, 1, held, width, values);
        for (int64_t g = 0; g < group; g++)
            for (int64_t i0 = first; i0 < last; i0 += block) {
                int64_t rows = least(block, last - i0), whole = round_up(rows, MR), position = head->offset + i0;
                int64_t seen = least(held, position + rows - stretch);
                if (seen <= 0) continue;
                float *m = maximum + g * span + i0 - first, *l = sum + g * span + i0 - first;
                float *out = head->out + i0 * head->out_ld + g * n;
                copy_block(head->q + i0 * head->q_ld + g * n, head->q_ld, rows, n, head->scale, whole, n, q);
                if (stretch == 0) {
                    for (int64_t i = 0; i < rows; i++) m[i] = -INFINITY, l[i] = 0;
                    memset(acc, 0, whole * width * sizeof(float));
                } else {
                    copy_block(out, head->out_ld, rows, n, 1, whole, width, acc);
                }
                for (int64_t k0 = 0; k0 < seen; k0 += KEYS) {
                    int64_t columns = least(KEYS, seen - k0), padded = round_up(columns, VW);
                    block_product(whole, padded, n, q, n, 1, packed_keys + k0 * n, NR, NR * n, 0, scores, KEYS);
                    int masked = stretch + k0 + padded > position + 1;
                    softmax_block(scores, rows, padded, position, stretch + k0, masked, m, l, acc, width);
                    const float *v = values + k0 * width;
                    int64_t open = most(0, last_key(position, stretch + k0) + 1);
                    if (masked && open < columns && !all_numbers(v + open * width, (columns - open) * width))
                        add_apart(scores, v, rows, whole, columns, position, stretch + k0, clean, acc, width);
                    else block_product(whole, width, columns, scores, KEYS, 1, v, width, NR, 1, acc, width);
                }
                int done = position + rows <= stretch + held;
                for (int64_t i = 0; i < rows; i++) {
                    float factor = done ? 1 / l[i] : 1;
                    for (int64_t j = 0; j < n; j++) out[i * head->out_ld + j] = factor * acc[i * width + j];
                    if (done && head->lse) head->lse[g * head->lse_ld + i0 + i] = m[i] + logf(l[i]);
                }
            }
    }
}

struct job {
    const float *qkv;
    float *out, *lse;
    int64_t time, heads, kv_heads, head_dim, span, spans;
    float scale;
};

static void attend_span(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    /* Later spans of a sequence see more keys: they begin first. */
    int64_t span = j->spans - 1 - chunk % j->spans, kv = chunk / j->spans % j->kv_heads, b = chunk / j->spans / j->kv_heads;
    int64_t n = j->head_dim, group = j->heads / j->kv_heads, ld = (j->heads + 2 * j->kv_heads) * n;
    const float *qkv = j->qkv + b * j->time * ld;
    struct head head = {.q = qkv + kv * group * n, .k = qkv + (j->heads + kv) * n, .v = qkv + (j->heads + j->kv_heads + kv) * n,
        .q_ld = ld, .kv_ld = ld, .group = group, .head_dim = n, .scale = j->scale,
        .out = j->out + (b * j->time * j->heads + kv * group) * n, .out_ld = j->heads * n,
        .lse = j->lse ? j->lse + (b * j->heads + kv * group) * j->time : 0, .lse_ld = j->time};
    K(attend)(&head, span * j->span, least((span + 1) * j->span, j->time), scratch);
}

int32_t K(attention)(rondo_stream *s, int32_t type, const void *qkv, int64_t batch, int64_t time, int64_t heads, int64_t kv_heads,
    int64_t head_dim, float scale, void *out, float *lse)
{
    struct job job = {qkv, out, lse, time, heads, kv_heads, head_dim, span_rows(heads / kv_heads), 0, scale};
    job.span = least(job.span, 10 * QUERIES);
    job.spans = pieces(time, job.span);
    int64_t work = (int64_t) ((double) batch * heads * time * time * (head_dim + 8) / 16);
    rondo_parallel(s, batch * kv_heads * job.spans, work, attend_span, &job);
    return RONDO_OK;
}
