/*
 * loss.cu: softmax cross-entropy of logits = x * head^T, with gradients, a chunk of rows of logits at a time.
 *
 * First the counted targets, and a check of all of them. Then for each chunk: logits by a product into scratch; a block a row for
 * maximum, sum of exponentials and loss, and the logits become (softmax * (1 + 2 * z * logsumexp) - onehot) * grad_scale / count in place; then
 * dx = dlogits * head and dhead += dlogits^T * x by products. Logits are f32, their gradients of the activations' type. Losses are
 * summed in double in an order fixed by the shape.
 */
#include "loss.cuh"

/*
 * partials[block] = the losses of rows block, block + blocks, ...; with gradient the logits become their gradient, of type T and at
 * the beginning of the row's memory: what is written lies below what is still to be read.
 */
template <class T, int N>
__global__ __launch_bounds__(LOSS_THREADS) void rows_kernel(float *logits, const int32_t *targets, int64_t rows, int64_t vocab, float grad_scale,
    float z, int gradient, const float *loss, double *partials)
{
    SHARED_ARRAY(float, slots, WARP);
    SHARED_ARRAY(double, sums, WARP);
    double total = 0;
    float factor = (float) ((double) grad_scale / (double) loss[1]);
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        float *x = logits + r * vocab;
        T *dx = reinterpret_cast<T *>(x);
        int target = targets[r];
        if (target < 0 || target >= vocab) {
            if (gradient)
                for (int64_t i = threadIdx.x; i < vocab; i += LOSS_THREADS) put(dx + i, 0);
            continue;
        }
        /* One pass: the sum is relative to the greatest logit that the thread has seen. */
        float top = -INFINITY;
        double sum = 0;
        for (int64_t i = threadIdx.x * N; i < vocab; i += LOSS_THREADS * N) {
            float v[N], most = top, part = 0;
            load(x + i, v);
            for (int e = 0; e < N; e++) most = fmaxf(most, v[e]);
            for (int e = 0; e < N; e++) part += expf(v[e] - most);
            sum = (most > top ? sum * (double) expf(top - most) : sum) + (double) part;
            top = most;
        }
        float mine = top;
        top = block_max(top, slots);
        sum = block_sum(mine > -INFINITY ? sum * (double) expf(mine - top) : 0, sums);
        if (threadIdx.x == 0) total += log(sum) + top - x[target];
        if (!gradient) continue;
        /* Thread 0 has read the target's logit before any thread overwrites it. */
        __syncthreads();
        float scale = (float) (factor / sum) * (z == 0 ? 1 : 1 + 2 * z * (top + logf((float) sum)));
        for (int64_t start = 0; start < vocab; start += LOSS_THREADS * N) {
            int64_t i = start + threadIdx.x * N;
            float v[N];
            if (i < vocab) {
                load(x + i, v);
                for (int e = 0; e < N; e++) v[e] = expf(v[e] - top) * scale - (i + e == target ? factor : 0);
            }
            if (sizeof(T) < sizeof(float)) __syncthreads();
            if (i < vocab) store(dx + i, v);
        }
    }
    if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

/* T is the type of x, head and dx. */
template <class T>
static int32_t chunk_of_rows(rondo_stream *s, const T *x, const T *head, const int32_t *targets, int64_t n, int64_t width, int64_t vocab,
    float grad_scale, float z, int last, float *scratch, float *loss, T *dx, float *dhead)
{
    int64_t blocks = lesser(n, LOSS_BLOCKS);
    int gradient = dx != nullptr || dhead != nullptr;
    double *partials = s->partials;
    int32_t code = logits_of(s, x, head, n, width, vocab, scratch);
    if (code != RONDO_OK) return code;
    if (vocab % 4 == 0 && aligned16(scratch))
        LAUNCH((rows_kernel<T, 4>), (unsigned) blocks, LOSS_THREADS, 0, s->stream, scratch, targets, n, vocab, grad_scale, z, gradient, loss,
            partials);
    else
        LAUNCH((rows_kernel<T, 1>), (unsigned) blocks, LOSS_THREADS, 0, s->stream, scratch, targets, n, vocab, grad_scale, z, gradient, loss,
            partials);
    LAUNCH((total_kernel<1>), 1, LOSS_THREADS, 0, s->stream, partials, blocks, last, loss);
    return logits_grad(s, scratch, x, head, n, width, vocab, dx, dhead);
}

int32_t device_linear_cross_entropy(rondo_stream *s, int32_t type, const void *x, const void *head, const int32_t *targets, int64_t rows,
    int64_t width, int64_t vocab, int64_t chunk_rows, float grad_scale, float z, float *scratch, float *loss, void *dx,
    int32_t accumulate_dhead, float *dhead)
{
    int32_t code = RONDO_OK;
    if (dhead && !accumulate_dhead) code = rondo_zero(s, dhead, vocab * width * (int64_t) sizeof(float));
    if (code != RONDO_OK) return code;
    if (rows == 0) return rondo_zero(s, loss, 2 * sizeof(float));
    double *partials = s->partials;
    Refusal *refusal = s->refusal;
    LAUNCH((count_kernel<1>), 1, LOSS_THREADS, 0, s->stream, targets, rows, vocab, loss, partials, refusal, CHECK_LOSS);
    by_type(type, [&](auto element) {
        using T = decltype(element);
        for (int64_t r0 = 0; r0 < rows && code == RONDO_OK; r0 += chunk_rows) {
            int64_t n = lesser(chunk_rows, rows - r0);
            code = chunk_of_rows(s, (const T *) x + r0 * width, (const T *) head, targets + r0, n, width, vocab, grad_scale, z, r0 + n == rows,
                scratch, loss, dx ? (T *) dx + r0 * width : nullptr, dhead);
        }
    });
    return code != RONDO_OK ? code : launched(s, "rondo_linear_cross_entropy");
}
