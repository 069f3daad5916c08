/*
 * embedding.cu: rows of a table by token, and the gradient of the table.
 *
 * Forward: y[r] = scale * table[tokens[r]], bound by memory. Gradient: the block of the first row with a token adds all rows with
 * that token in their order, so that no two blocks write one row of the table: deterministic without atomics. Every block reads all
 * tokens once, from the caches. Tokens are checked on the device.
 */
#include "vectors.cuh"

constexpr int THREADS = 128;

template <class From, class To, bool WIDE>
__global__ void embedding_kernel(const From *table, const int32_t *tokens, int64_t width, int64_t vocab, float scale, To *y, Refusal *refusal)
{
    constexpr int N = WIDE ? 8 : 1;
    int64_t r = blockIdx.x;
    int token = tokens[r];
    if (token < 0 || token >= vocab) {
        if (threadIdx.x == 0) refuse(refusal, CHECK_EMBEDDING, r, token, vocab - 1);
        return;
    }
    for (int64_t c = threadIdx.x * N; c < width; c += THREADS * N) {
        float x[N];
        load(table + token * width + c, x);
        for (int e = 0; e < N; e++) x[e] *= scale;
        store(y + r * width + c, x);
    }
}

int32_t device_embedding(rondo_stream *s, int32_t type, const void *table, int32_t table_type, const int32_t *tokens, int64_t rows,
    int64_t width, int64_t vocab, float scale, void *y)
{
    Refusal *refusal = s->refusal;
    bool wide = width % 8 == 0 && aligned16(table, y);
    by_type(type, [&](auto element) {
        by_type(table_type, [&](auto entry) {
            using From = decltype(entry);
            using To = decltype(element);
            const From *from = (const From *) table;
            To *to = (To *) y;
            unsigned blocks = (unsigned) rows;
            if (wide) LAUNCH((embedding_kernel<From, To, true>), blocks, THREADS, 0, s->stream, from, tokens, width, vocab, scale, to, refusal);
            else LAUNCH((embedding_kernel<From, To, false>), blocks, THREADS, 0, s->stream, from, tokens, width, vocab, scale, to, refusal);
        });
    });
    return launched(s, "rondo_embedding");
}

template <class T>
__global__ void embedding_grad_kernel(const int32_t *tokens, const T *dy, int64_t rows, int64_t width, int64_t vocab, float scale,
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
            const T *from = dy + (start + i) * width;
            for (int64_t c = threadIdx.x; c < width; c += THREADS) to[c] += scale * get(from[c]);
        }
        __syncthreads();
    }
}

int32_t device_embedding_grad(rondo_stream *s, int32_t type, const int32_t *tokens, const void *dy, int64_t rows, int64_t width,
    int64_t vocab, float scale, int32_t accumulate, float *dtable)
{
    if (!accumulate) {
        int32_t code = rondo_zero(s, dtable, vocab * width * (int64_t) sizeof(float));
        if (code != RONDO_OK) return code;
    }
    if (rows == 0) return RONDO_OK;
    Refusal *refusal = s->refusal;
    by_type(type, [&](auto element) {
        using T = decltype(element);
        const T *d = (const T *) dy;
        LAUNCH(embedding_grad_kernel<T>, (unsigned) rows, THREADS, 0, s->stream, tokens, d, rows, width, vocab, scale, dtable, refusal);
    });
    return launched(s, "rondo_embedding_grad");
}
