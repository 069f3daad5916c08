/*
 * distillation.cu: softmax cross-entropy mixed with the divergence from a teacher, with gradients, a chunk of rows at a time.
 *
 * As loss.cu, with two products for a chunk's logits, the student's s and the teacher's t; a block a row reads both once for the sums
 * of exp(s), exp(s/T), exp(t/T) and exp(t/T) * (t - s), each relative to the greatest that the thread has seen, and s becomes
 * ((1 - w) * (softmax(s) - onehot) + 2 * z * logsumexp * softmax(s) + w * T * (softmax(s/T) - softmax(t/T))) * grad_scale / count.
 * Logits are f32, their gradients of the activations' type. Losses are summed in double in an order fixed by the shape.
 */
#include "loss.cuh"

struct Mixture {
    float grad_scale, z, temperature, weight;
    int gradient;
};

/* What a thread has seen of one row of logits: the greatest, and sums relative to it. */
struct Seen {
    float top = -INFINITY;
    double hard = 0, soft = 0, cross = 0;
    /* Makes the sums relative to a greater one. */
    __device__ void raise(float most, float inverse)
    {
        if (!(most > top)) return;
        double factor = (double) expf((top - most) * inverse);
        hard *= (double) expf(top - most), soft *= factor, cross *= factor, top = most;
    }
};

/*
 * partials[block] = the cross-entropies of rows block, block + blocks, ..., and their divergences LOSS_BLOCKS further on; with
 * gradient the student's logits become their gradient, of type T and at the beginning of the row's memory.
 */
template <class T, int N>
__global__ __launch_bounds__(LOSS_THREADS) void distilled_rows_kernel(float *logits, const float *teacher, const int32_t *targets, int64_t rows,
    int64_t vocab, Mixture job, const float *loss, double *partials)
{
    SHARED_ARRAY(float, slots, WARP);
    SHARED_ARRAY(double, sums, WARP);
    double total = 0, divergence = 0;
    float inverse = 1 / job.temperature;
    double factor = (double) job.grad_scale / (double) loss[1];
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        float *x = logits + r * vocab;
        const float *y = teacher + r * vocab;
        T *dx = reinterpret_cast<T *>(x);
        int target = targets[r];
        if (target < 0 || target >= vocab) {
            if (job.gradient)
                for (int64_t i = threadIdx.x; i < vocab; i += LOSS_THREADS) put(dx + i, 0);
            continue;
        }
        Seen mine, other;
        for (int64_t i = threadIdx.x * N; i < vocab; i += LOSS_THREADS * N) {
            float v[N], u[N], most = mine.top, above = other.top, hard = 0, soft = 0, weights = 0, cross = 0;
            load(x + i, v);
            load(y + i, u);
            for (int e = 0; e < N; e++) most = fmaxf(most, v[e]), above = fmaxf(above, u[e]);
            mine.raise(most, inverse);
            other.raise(above, inverse);
            for (int e = 0; e < N; e++) {
                float w = expf((u[e] - above) * inverse);
                hard += expf(v[e] - most);
                soft += expf((v[e] - most) * inverse);
                weights += w;
                cross += w * (u[e] - v[e]);
            }
            mine.hard += (double) hard, mine.soft += (double) soft, other.soft += (double) weights, other.cross += (double) cross;
        }
        float top = block_max(mine.top, slots), above = block_max(other.top, slots);
        mine.raise(top, inverse);
        other.raise(above, inverse);
        double hard = block_sum(mine.hard, sums), soft = block_sum(mine.soft, sums), weights = block_sum(other.soft, sums),
            cross = block_sum(other.cross, sums);
        double logsumexp = log(hard) + top;
        if (threadIdx.x == 0) {
            total += logsumexp - x[target];
            divergence += (cross / weights + top - above) * inverse + log(soft) - log(weights);
        }
        if (!job.gradient) continue;
        /* Thread 0 has read the target's logit before any thread overwrites it. */
        __syncthreads();
        double mixed = factor * job.weight * job.temperature;
        float own = (float) (factor * (1 - job.weight)), by_hard = (float) ((own + 2 * factor * job.z * logsumexp) / hard),
              by_soft = (float) (mixed / soft), pull = (float) (mixed / weights);
        for (int64_t start = 0; start < vocab; start += LOSS_THREADS * N) {
            int64_t i = start + threadIdx.x * N;
            float v[N], u[N];
            if (i < vocab) {
                load(x + i, v);
                load(y + i, u);
                for (int e = 0; e < N; e++)
                    v[e] = by_hard * expf(v[e] - top) + by_soft * expf((v[e] - top) * inverse) - pull * expf((u[e] - above) * inverse)
                        - (i + e == target ? own : 0);
            }
            if (sizeof(T) < sizeof(float)) __syncthreads();
            if (i < vocab) store(dx + i, v);
        }
    }
    if (threadIdx.x == 0) partials[blockIdx.x] = total, partials[LOSS_BLOCKS + blockIdx.x] = divergence;
}

int32_t device_linear_distillation(rondo_stream *s, int32_t type, const void *x, const void *head, const void *teacher,
    const void *teacher_head, const int32_t *targets, int64_t rows, int64_t width, int64_t teacher_width, int64_t vocab,
    int64_t chunk_rows, float grad_scale, float z, float temperature, float weight, float *scratch, float *loss, void *dx,
    int32_t accumulate_dhead, float *dhead)
{
    int32_t code = RONDO_OK;
    if (dhead && !accumulate_dhead) code = rondo_zero(s, dhead, vocab * width * (int64_t) sizeof(float));
    if (code != RONDO_OK) return code;
    if (rows == 0) return rondo_zero(s, loss, 3 * sizeof(float));
    double *partials = s->partials;
    Refusal *refusal = s->refusal;
    Mixture job = {grad_scale, z, temperature, weight, dx != nullptr || dhead != nullptr};
    LAUNCH((count_kernel<2>), 1, LOSS_THREADS, 0, s->stream, targets, rows, vocab, loss, partials, refusal, CHECK_DISTILLATION);
    by_type(type, [&](auto element) {
        using T = decltype(element);
        for (int64_t r0 = 0; r0 < rows && code == RONDO_OK; r0 += chunk_rows) {
            int64_t n = lesser(chunk_rows, rows - r0), blocks = lesser(n, LOSS_BLOCKS);
            const T *part = (const T *) x + r0 * width, *beside = (const T *) teacher + r0 * teacher_width;
            const int32_t *wanted = targets + r0;
            float *others = scratch + chunk_rows * vocab;
            code = logits_of(s, part, (const T *) head, n, width, vocab, scratch);
            if (code == RONDO_OK) code = logits_of(s, beside, (const T *) teacher_head, n, teacher_width, vocab, others);
            if (code != RONDO_OK) return;
            if (vocab % 4 == 0 && aligned16(scratch))
                LAUNCH((distilled_rows_kernel<T, 4>), (unsigned) blocks, LOSS_THREADS, 0, s->stream, scratch, others, wanted, n, vocab, job, loss,
                    partials);
            else
                LAUNCH((distilled_rows_kernel<T, 1>), (unsigned) blocks, LOSS_THREADS, 0, s->stream, scratch, others, wanted, n, vocab, job, loss,
                    partials);
            LAUNCH((total_kernel<2>), 2, LOSS_THREADS, 0, s->stream, partials, blocks, (int) (r0 + n == rows), loss);
            code = logits_grad(s, scratch, part, (const T *) head, n, width, vocab, dx ? (T *) dx + r0 * width : nullptr, dhead);
        }
    });
    return code != RONDO_OK ? code : launched(s, "rondo_linear_distillation");
}
