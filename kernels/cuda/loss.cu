/*
 * loss.cu: softmax cross-entropy of logits = x * head^T, with gradients, a chunk of rows of logits at a time.
 *
 * First the counted targets, and a check of all of them. Then for each chunk: logits by a product into scratch; a block a row for
 * maximum, sum of exponentials and loss, and the logits become (softmax - onehot) * grad_scale / count in place; then
 * dx = dlogits * head and dhead += dlogits^T * x by products. Losses are summed in double in an order fixed by the shape.
 */
#include "device.h"

constexpr int THREADS = 256, LOSS_BLOCKS = 1024, TOTAL = PARTIALS - 1;

/* loss[1] = counted rows; the total begins at 0. */
__global__ void count_kernel(const int32_t *targets, int64_t rows, int64_t vocab, float *loss, double *partials, Refusal *refusal)
{
    SHARED_ARRAY(double, slots, WARP);
    double count = 0;
    for (int64_t r = threadIdx.x; r < rows; r += THREADS) {
        int target = targets[r];
        if (target != -100 && (target < 0 || target >= vocab)) refuse(refusal, CHECK_LOSS, r, target, vocab - 1);
        count += target >= 0;
    }
    count = block_sum(count, slots);
    if (threadIdx.x > 0) return;
    loss[1] = (float) count;
    partials[TOTAL] = 0;
}

/* partials[block] = the losses of rows block, block + blocks, ...; with gradient the logits become their gradient. */
__global__ void rows_kernel(float *logits, const int32_t *targets, int64_t rows, int64_t vocab, float grad_scale, int gradient,
    const float *loss, double *partials)
{
    SHARED_ARRAY(float, slots, WARP);
    SHARED_ARRAY(double, sums, WARP);
    double total = 0;
    float factor = (float) ((double) grad_scale / (double) loss[1]);
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        float *x = logits + r * vocab;
        int target = targets[r];
        if (target < 0 || target >= vocab) {
            if (gradient)
                for (int64_t i = threadIdx.x; i < vocab; i += THREADS) x[i] = 0;
            continue;
        }
        float top = -INFINITY;
        for (int64_t i = threadIdx.x; i < vocab; i += THREADS) top = fmaxf(top, x[i]);
        top = block_max(top, slots);
        double sum = 0;
        for (int64_t i = threadIdx.x; i < vocab; i += THREADS) sum += expf(x[i] - top);
        sum = block_sum(sum, sums);
        if (threadIdx.x == 0) total += log(sum) + top - x[target];
        if (!gradient) continue;
        /* Thread 0 has read the target's logit before any thread overwrites it. */
        __syncthreads();
        float scale = (float) (factor / sum);
        for (int64_t i = threadIdx.x; i < vocab; i += THREADS) x[i] = expf(x[i] - top) * scale - (i == target ? factor : 0);
    }
    if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

/* Adds the blocks' sums to the total; after the last chunk the mean becomes loss[0]. */
__global__ void total_kernel(double *partials, int64_t blocks, int last, float *loss)
{
    SHARED_ARRAY(double, slots, WARP);
    double sum = 0;
    for (int64_t i = threadIdx.x; i < blocks; i += THREADS) sum += partials[i];
    sum = block_sum(sum, slots);
    if (threadIdx.x > 0) return;
    sum += partials[TOTAL];
    partials[TOTAL] = sum;
    if (last) loss[0] = loss[1] > 0 ? (float) (sum / (double) loss[1]) : 0;
}

int32_t rondo_linear_cross_entropy(rondo_stream *s, const float *x, const float *head, const int32_t *targets, int64_t rows, int64_t width,
    int64_t vocab, int64_t chunk_rows, float grad_scale, float *scratch, float *loss, float *dx, int32_t accumulate_dhead, float *dhead)
{
    NEED(linear_cross_entropy, s);
    EXTENT(linear_cross_entropy, rows, 0);
    EXTENT(linear_cross_entropy, width, 1);
    EXTENT(linear_cross_entropy, vocab, 1);
    NEED(linear_cross_entropy, loss);
    if (rows > 0) {
        NEED(linear_cross_entropy, x);
        NEED(linear_cross_entropy, head);
        NEED(linear_cross_entropy, targets);
        NEED(linear_cross_entropy, scratch);
        REQUIRE(chunk_rows >= 1, "rondo_linear_cross_entropy: chunk_rows is %lld, expected at least 1", (long long) chunk_rows);
    }
    if (dhead && !accumulate_dhead) {
        int32_t code = rondo_zero(s, dhead, vocab * width * (int64_t) sizeof(float));
        if (code != RONDO_OK) return code;
    }
    if (rows == 0) return rondo_zero(s, loss, 2 * sizeof(float));
    double *partials = s->partials;
    Refusal *refusal = s->refusal;
    LAUNCH(count_kernel, 1, THREADS, 0, s->stream, targets, rows, vocab, loss, partials, refusal);
    int gradient = dx != nullptr || dhead != nullptr;
    for (int64_t r0 = 0; r0 < rows; r0 += chunk_rows) {
        int64_t n = lesser(chunk_rows, rows - r0), blocks = lesser(n, LOSS_BLOCKS);
        const float *part = x + r0 * width;
        const int32_t *wanted = targets + r0;
        int32_t code = rondo_matmul(s, 1, n, vocab, width, 1, part, RONDO_F32, 0, width, 0, head, RONDO_F32, 1, width, 0, 0, nullptr, 0, 0,
            scratch, RONDO_F32, vocab, 0, 0);
        if (code != RONDO_OK) return code;
        LAUNCH(rows_kernel, (unsigned) blocks, THREADS, 0, s->stream, scratch, wanted, n, vocab, grad_scale, gradient, loss, partials);
        int last = r0 + n == rows;
        LAUNCH(total_kernel, 1, THREADS, 0, s->stream, partials, blocks, last, loss);
        if (dx)
            code = rondo_matmul(s, 1, n, width, vocab, 1, scratch, RONDO_F32, 0, vocab, 0, head, RONDO_F32, 0, width, 0, 0, nullptr, 0, 0,
                dx + r0 * width, RONDO_F32, width, 0, 0);
        if (code == RONDO_OK && dhead)
            code = rondo_matmul(s, 1, vocab, width, n, 1, scratch, RONDO_F32, 1, vocab, 0, part, RONDO_F32, 0, width, 0, 1, dhead, width, 0,
                dhead, RONDO_F32, width, 0, 0);
        if (code != RONDO_OK) return code;
    }
    return launched(s, "rondo_linear_cross_entropy");
}
