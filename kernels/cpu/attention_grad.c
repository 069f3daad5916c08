/*
 * attention_grad.c: gradient of causal grouped-query attention.
 *
 * P = exp(scale*q k^T - lse), delta = rowsum(dout*out), dS = P * (dout v^T - delta) * scale,
 * dq = dS k, dk = dS^T q, dv = P^T dout. (FlashAttention, arXiv 2205.14135, algorithm 4.)
 *
 * A task is one key/value head of one sequence: it alone writes that head's dk and dv and the dq of the heads that read it, in a
 * fixed order. Outer loop over blocks of BLOCK keys (packed transposed for the scores, plain for dq), inner over the group's
 * heads and blocks of QUERIES rows from the diagonal on; dk and dv of the block stay in scratch, dq is added to in dqkv.
 * Five products of register tiles a block; bound by arithmetic. Limit: head_dim at most RONDO_MOST_HEAD_DIM.
 */
#include "attention.h"

enum { BLOCK = 96 };
_Static_assert(BLOCK % NR == 0 && BLOCK % MR == 0, "a block of keys holds whole tiles");

struct job {
    const float *qkv, *out, *lse, *dout;
    float *dqkv;
    int64_t time, heads, kv_heads, head_dim;
    float scale;
};

/* p [QUERIES, BLOCK] = exp(scores - lse), causal; ds = p * (dp - delta), in place of dp. */
static void probabilities(float *p, float *dp, int64_t rows, int64_t whole, int64_t columns, int64_t first_row, int64_t first_key,
    const float *lse, const float *delta)
{
    int masked = first_key + columns > first_row + 1;
    for (int64_t i = 0; i < rows; i++) {
        vf shift = splat(lse[i]), mean = splat(delta[i]);
        vi limit = splat_int((int32_t) most(-1, least(first_row + i - first_key, BLOCK)));
        for (int64_t j = 0; j < columns; j += VW) {
            vf x = exponential_softmax(load(p + i * BLOCK + j) - shift);
            if (masked) x = (vf) ((vi) x & ~(vi) (IOTA + splat_int((int32_t) j) > limit));
            store(p + i * BLOCK + j, x);
            store(dp + i * BLOCK + j, x * (load(dp + i * BLOCK + j) - mean));
        }
    }
    memset(p + rows * BLOCK, 0, (whole - rows) * BLOCK * sizeof(float));
    memset(dp + rows * BLOCK, 0, (whole - rows) * BLOCK * sizeof(float));
}

static float row_dot(const float *a, const float *b, int64_t n)
{
    vf sum = {0};
    int64_t i = 0;
    for (; i + VW <= n; i += VW) sum += load(a + i) * load(b + i);
    float total = lane_sum(sum);
    for (; i < n; i++) total += a[i] * b[i];
    return total;
}

static void backward_head(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t kv = chunk % j->kv_heads, b = chunk / j->kv_heads, n = j->head_dim, group = j->heads / j->kv_heads, time = j->time;
    int64_t ld = (j->heads + 2 * j->kv_heads) * n, out_ld = j->heads * n, width = round_up(n, VW);
    const float *qkv = j->qkv + b * time * ld, *k = qkv + (j->heads + kv) * n, *v = k + j->kv_heads * n;
    float *dqkv = j->dqkv + b * time * ld, *dk_out = dqkv + (j->heads + kv) * n, *dv_out = dk_out + j->kv_heads * n;
    int64_t tile = RONDO_MOST_HEAD_DIM * BLOCK, block = query_rows(time);
    float *keys_t = scratch, *values_t = keys_t + tile, *keys = values_t + tile, *dk = keys + tile, *dv = dk + tile, *q = dv + tile;
    float *dout = q + tile, *dq = dout + tile, *p = dq + tile, *ds = p + QUERIES * BLOCK, *delta = ds + QUERIES * BLOCK;
    for (int64_t k0 = 0; k0 < time; k0 += BLOCK) {
        int64_t columns = least(BLOCK, time - k0), padded = round_up(columns, VW), dk_rows = round_up(columns, MR);
        pack_keys(k + k0 * ld, ld, columns, n, keys_t);
        pack_keys(v + k0 * ld, ld, columns, n, values_t);
        copy_block(k + k0 * ld, ld, columns, n, j->scale, columns, width, keys);
        memset(dk, 0, dk_rows * width * sizeof(float));
        memset(dv, 0, dk_rows * width * sizeof(float));
        for (int64_t g = 0; g < group; g++) {
            int64_t h = kv * group + g;
            for (int64_t i0 = k0 / block * block; i0 < time; i0 += block) {
                int64_t rows = least(block, time - i0), whole = round_up(rows, MR);
                int64_t seen = least(columns, i0 + rows - k0), seen_padded = least(padded, round_up(seen, VW));
                const float *o = j->out + (b * time + i0) * out_ld + h * n, *d = j->dout + (b * time + i0) * out_ld + h * n;
                float *dq_out = dqkv + i0 * ld + h * n;
                copy_block(qkv + i0 * ld + h * n, ld, rows, n, j->scale, whole, width, q);
                copy_block(d, out_ld, rows, n, 1, whole, width, dout);
                for (int64_t i = 0; i < rows; i++) delta[i] = row_dot(o + i * out_ld, d + i * out_ld, n);
                block_product(whole, seen_padded, n, q, width, 1, keys_t, NR, NR * n, 0, p, BLOCK);
                block_product(whole, seen_padded, n, dout, width, 1, values_t, NR, NR * n, 0, ds, BLOCK);
                probabilities(p, ds, rows, whole, seen_padded, i0, k0, j->lse + (b * j->heads + h) * time + i0, delta);
                int64_t seen_rows = round_up(seen, MR);
                for (int64_t i = 0; seen_rows > seen_padded && i < rows; i++)
                    for (int64_t c = seen_padded; c < seen_rows; c++) p[i * BLOCK + c] = ds[i * BLOCK + c] = 0;
                block_product(seen_rows, width, rows, p, 1, BLOCK, dout, width, NR, 1, dv, width);
                block_product(seen_rows, width, rows, ds, 1, BLOCK, q, width, NR, 1, dk, width);
                block_product(whole, width, seen, ds, BLOCK, 1, keys, width, NR, 0, dq, width);
                for (int64_t i = 0; i < rows; i++) {
                    float *to = dq_out + i * ld;
                    const float *from = dq + i * width;
                    if (k0 == 0) for (int64_t c = 0; c < n; c++) to[c] = from[c];
                    else for (int64_t c = 0; c < n; c++) to[c] += from[c];
                }
            }
        }
        for (int64_t i = 0; i < columns; i++) {
            memcpy(dk_out + (k0 + i) * ld, dk + i * width, n * sizeof(float));
            memcpy(dv_out + (k0 + i) * ld, dv + i * width, n * sizeof(float));
        }
    }
}

int32_t K(attention_grad)(rondo_stream *s, int32_t type, const void *qkv, const void *out, const float *lse, const void *dout,
    int64_t batch, int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, float scale, float *scratch, void *dqkv)
{
    struct job job = {qkv, out, lse, dout, dqkv, time, heads, kv_heads, head_dim, scale};
    int64_t work = (int64_t) ((double) batch * heads * time * time * (head_dim + 4) / 8);
    rondo_parallel(s, batch * kv_heads, work, backward_head, &job);
    return RONDO_OK;
}
