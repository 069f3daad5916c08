/*
 * rotary.cu: rotates the pairs of every query and key head by the angle of their position (RoPE, arXiv 2104.09864).
 *
 * A thread turns one pair; positions are checked on the device. Bound by memory: 8 bytes an element (values move only when not in
 * place); cosines and sines come from the caches.
 */
#include "device.h"

constexpr int THREADS = 256;

__global__ void rotary_kernel(const float *qkv, const int32_t *positions, const float *table, int64_t table_rows, int64_t rows,
    int64_t heads, int64_t kv_heads, int64_t half, int interleaved, float sign, int copies, float *out, Refusal *refusal)
{
    int64_t turned = (heads + kv_heads) * half, pairs = turned + (copies ? kv_heads * half : 0), width = 2 * (turned + kv_heads * half);
    for (int64_t i = first_index(); i < rows * pairs; i += index_step()) {
        int64_t r = i / pairs, p = i % pairs, h = p / half, j = p % half;
        const float *x = qkv + r * width + 2 * h * half;
        float *to = out + r * width + 2 * h * half;
        if (p >= turned) {
            float a = x[2 * j], b = x[2 * j + 1];
            to[2 * j] = a;
            to[2 * j + 1] = b;
            continue;
        }
        int position = positions[r];
        if (position < 0 || position >= table_rows) {
            if (p == 0) refuse(refusal, CHECK_ROTARY, r, position, table_rows - 1);
            continue;
        }
        const float *angle = table + (position * half + j) * 2;
        int64_t first = interleaved ? 2 * j : j, second = interleaved ? 2 * j + 1 : j + half;
        float a = x[first], b = x[second], cosine = angle[0], sine = sign * angle[1];
        to[first] = a * cosine - b * sine;
        to[second] = a * sine + b * cosine;
    }
}

int32_t rondo_rotary(rondo_stream *s, const float *qkv, const int32_t *positions, const float *table, int64_t table_rows, int64_t rows,
    int64_t heads, int64_t kv_heads, int64_t head_dim, int32_t interleaved, int32_t inverse, float *out)
{
    NEED(rotary, s);
    EXTENT(rotary, rows, 0);
    EXTENT(rotary, heads, 1);
    EXTENT(rotary, kv_heads, 1);
    EXTENT(rotary, head_dim, 2);
    REQUIRE(head_dim % 2 == 0, "rondo_rotary: head_dim is %lld, expected an even number", (long long) head_dim);
    if (rows == 0) return RONDO_OK;
    NEED(rotary, qkv);
    NEED(rotary, positions);
    NEED(rotary, table);
    NEED(rotary, out);
    int64_t half = head_dim / 2;
    int copies = out != qkv;
    unsigned blocks = blocks_for(rows * (heads + (copies ? 2 : 1) * kv_heads) * half, THREADS);
    float sign = inverse ? -1.0f : 1.0f;
    Refusal *refusal = s->refusal;
    LAUNCH(rotary_kernel, blocks, THREADS, 0, s->stream, qkv, positions, table, table_rows, rows, heads, kv_heads, half, interleaved, sign,
        copies, out, refusal);
    return launched(s, "rondo_rotary");
}
