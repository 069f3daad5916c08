/*
 * embedding.cu: rows of a table by token, and the gradient of the table.
 *
 * Forward: y[r] = scale * table[tokens[r]], bound by memory. Gradient: the block of the first row with a token adds all rows with
 * that token in their order, so that no two blocks write one row of the table: deterministic without atomics. Every block reads all
 * tokens once, from the caches. Tokens are checked on the device.
 */
#include "device.h"

constexpr int THREADS = 128;

template <class T>
__global__ void embedding_kernel(const T *table, const int32_t *tokens, int64_t width, int64_t vocab, float scale, float *y, Refusal *refusal)
{
    int64_t r = blockIdx.x;
    int token = tokens[r];
    if (token < 0 || token >= vocab) {
        if (threadIdx.x == 0) refuse(refusal, CHECK_EMBEDDING, r, token, vocab - 1);
        return;
    }
    for (int64_t i = threadIdx.x; i < width; i += THREADS) y[r * width + i] = scale * get(table[token * width + i]);
}

int32_t rondo_embedding(rondo_stream *s, const void *table, int32_t table_type, const int32_t *tokens, int64_t rows, int64_t width,
    int64_t vocab, float scale, float *y)
{
    NEED(embedding, s);
    EXTENT(embedding, rows, 0);
    EXTENT(embedding, width, 0);
    EXTENT(embedding, vocab, 0);
    REQUIRE(table_type == RONDO_F32 || table_type == RONDO_BF16, "rondo_embedding: table_type is %d, expected f32 (0) or bf16 (1)",
        table_type);
    if (rows == 0 || width == 0) return RONDO_OK;
    NEED(embedding, table);
    NEED(embedding, tokens);
    NEED(embedding, y);
    Refusal *refusal = s->refusal;
    if (table_type == RONDO_F32) {
        const float *from = (const float *) table;
        LAUNCH(embedding_kernel<float>, (unsigned) rows, THREADS, 0, s->stream, from, tokens, width, vocab, scale, y, refusal);
    } else {
        const uint16_t *from = (const uint16_t *) table;
        LAUNCH(embedding_kernel<uint16_t>, (unsigned) rows, THREADS, 0, s->stream, from, tokens, width, vocab, scale, y, refusal);
    }
    return launched(s, "rondo_embedding");
}

__global__ void embedding_grad_kernel(const int32_t *tokens, const float *dy, int64_t rows, int64_t width, int64_t vocab, float scale,
    float *dtable, Refusal *refusal)
{
    SHARED_ARRAY(float, slots, WARP);
    SHARED_ARRAY(int, match, THREADS);
    int64_t r = blockIdx.x;
    int token = tokens[r];
    if (token < 0 || token >= vocab) {
        if (threadIdx.x == 0) refuse(refusal, CHECK_EMBEDDING_GRAD, r, token, vocab - 1);
        return;
    }
    float earlier = 0;
    for (int64_t i = threadIdx.x; i < r; i += THREADS) earlier = tokens[i] == token ? 1 : earlier;
    if (block_max(earlier, slots) > 0) return;
    float *to = dtable + token * width;
    for (int64_t start = r; start < rows; start += THREADS) {
        int64_t mine = start + threadIdx.x;
        match[threadIdx.x] = mine < rows && tokens[mine] == token;
        __syncthreads();
        for (int i = 0; i < THREADS; i++) {
            if (!match[i]) continue;
            const float *from = dy + (start + i) * width;
            for (int64_t c = threadIdx.x; c < width; c += THREADS) to[c] += scale * from[c];
        }
        __syncthreads();
    }
}

int32_t rondo_embedding_grad(rondo_stream *s, const int32_t *tokens, const float *dy, int64_t rows, int64_t width, int64_t vocab,
    float scale, int32_t accumulate, float *dtable)
{
    NEED(embedding_grad, s);
    EXTENT(embedding_grad, rows, 0);
    EXTENT(embedding_grad, width, 0);
    EXTENT(embedding_grad, vocab, 0);
    if (width == 0 || vocab == 0) return RONDO_OK;
    NEED(embedding_grad, dtable);
    if (!accumulate) {
        int32_t code = rondo_zero(s, dtable, vocab * width * (int64_t) sizeof(float));
        if (code != RONDO_OK) return code;
    }
    if (rows == 0) return RONDO_OK;
    NEED(embedding_grad, tokens);
    NEED(embedding_grad, dy);
    Refusal *refusal = s->refusal;
    LAUNCH(embedding_grad_kernel, (unsigned) rows, THREADS, 0, s->stream, tokens, dy, rows, width, vocab, scale, dtable, refusal);
    return launched(s, "rondo_embedding_grad");
}
