/*
 * loss.cuh: what the losses of a head share: counting and checking targets, the products around a chunk of logits, sums of losses.
 */
#ifndef RONDO_CUDA_LOSS_CUH
#define RONDO_CUDA_LOSS_CUH

#include "vectors.cuh"

/* Partial sums of loss i of a block lie at i * LOSS_BLOCKS, its total at TOTAL - i. */
constexpr int LOSS_THREADS = 256, LOSS_BLOCKS = 1024, TOTAL = PARTIALS - 1;

/* loss[1] = counted rows; the totals begin at 0. */
template <int LOSSES>
__global__ void count_kernel(const int32_t *targets, int64_t rows, int64_t vocab, float *loss, double *partials, Refusal *refusal,
    Checked operation)
{
    SHARED_ARRAY(double, slots, WARP);
    double count = 0;
    for (int64_t r = threadIdx.x; r < rows; r += LOSS_THREADS) {
        int target = targets[r];
        if (target != -100 && (target < 0 || target >= vocab)) refuse(refusal, operation, r, target, vocab - 1);
        count += target >= 0;
    }
    count = block_sum(count, slots);
    if (threadIdx.x > 0) return;
    loss[1] = (float) count;
    for (int i = 0; i < LOSSES; i++) partials[TOTAL - i] = 0;
}

/* A block for each loss adds the other kernel's blocks' sums to its total; after the last chunk the mean becomes loss[0], loss[2]. */
template <int LOSSES> __global__ void total_kernel(double *partials, int64_t blocks, int last, float *loss)
{
    SHARED_ARRAY(double, slots, WARP);
    int which = LOSSES == 1 ? 0 : (int) blockIdx.x;
    double sum = 0;
    for (int64_t i = threadIdx.x; i < blocks; i += LOSS_THREADS) sum += partials[which * LOSS_BLOCKS + i];
    sum = block_sum(sum, slots);
    if (threadIdx.x > 0) return;
    sum += partials[TOTAL - which];
    partials[TOTAL - which] = sum;
    if (last) loss[2 * which] = loss[1] > 0 ? (float) (sum / (double) loss[1]) : 0;
}

/* logits [rows, vocab] = x * head^T, f32. */
template <class T>
int32_t logits_of(rondo_stream *s, const T *x, const T *head, int64_t rows, int64_t width, int64_t vocab, float *logits)
{
    constexpr int32_t type = sizeof(T) == sizeof(float) ? RONDO_F32 : RONDO_BF16;
    return device_matmul(s, 1, rows, vocab, width, 1, x, type, 0, width, 0, head, type, 1, width, 0, 0, nullptr, 0, 0, logits, RONDO_F32, vocab,
        0, 0);
}

/* dx = dlogits * head and dhead += dlogits^T * x, each where it is not null; dlogits are of type T at the beginning of rows of floats. */
template <class T>
int32_t logits_grad(rondo_stream *s, const float *dlogits, const T *x, const T *head, int64_t rows, int64_t width, int64_t vocab, T *dx,
    float *dhead)
{
    constexpr int32_t type = sizeof(T) == sizeof(float) ? RONDO_F32 : RONDO_BF16;
    int64_t ld = vocab * (int64_t) (sizeof(float) / sizeof(T));
    int32_t code = RONDO_OK;
    if (dx)
        code = device_matmul(s, 1, rows, width, vocab, 1, dlogits, type, 0, ld, 0, head, type, 0, width, 0, 0, nullptr, 0, 0, dx, type, width, 0,
            0);
    if (code == RONDO_OK && dhead)
        code = device_matmul(s, 1, vocab, width, rows, 1, dlogits, type, 1, ld, 0, x, type, 0, width, 0, 1, dhead, width, 0, dhead, RONDO_F32,
            width, 0, 0);
    return code;
}

#endif
