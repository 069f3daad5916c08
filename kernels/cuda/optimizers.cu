/*
 * optimizers.cu: sums of squares, gradient clipping, AdamW, and the elementwise parts of Muon.
 *
 * All bound by memory: AdamW moves 28 bytes a parameter, Muon's momentum 16, its application 12 (10 with bf16), a sum of squares 4.
 * Sums are taken in double over chunks fixed by the length and added in chunk order. Learning rate, bias corrections and clip
 * factor are read from the device, so that a captured step follows them.
 */
#include "device.h"

constexpr int THREADS = 256, CHUNK = 16384;

/* partials[matrix, chunk] = sum of squares of one chunk of one matrix. */
__global__ void squares_kernel(const float *x, int64_t n, int64_t chunk, double *partials)
{
    SHARED_ARRAY(double, slots, WARP);
    const float *from = x + (int64_t) blockIdx.y * n;
    int64_t start = (int64_t) blockIdx.x * chunk, end = lesser(start + chunk, n);
    double sum = 0;
    for (int64_t i = start + threadIdx.x; i < end; i += THREADS) sum += (double) from[i] * from[i];
    sum = block_sum(sum, slots);
    if (threadIdx.x == 0) partials[(int64_t) blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

/* In every thread of the block: the sum of count partials, in a fixed order. */
__device__ __forceinline__ double sum_partials(const double *partials, int64_t count, double *slots)
{
    double sum = 0;
    for (int64_t i = threadIdx.x; i < count; i += THREADS) sum += partials[i];
    return block_sum(sum, slots);
}

__global__ void sum_kernel(const double *partials, int64_t count, float *out)
{
    SHARED_ARRAY(double, slots, WARP);
    double sum = sum_partials(partials, count, slots);
    if (threadIdx.x == 0) out[0] = (float) sum;
}

static int64_t chunk_of(int64_t n, int64_t most_chunks) { return greater(CHUNK, pieces(n, most_chunks)); }

int32_t device_sum_squares(rondo_stream *s, const float *x, int64_t n, float *out)
{
    int64_t chunk = chunk_of(n, PARTIALS), chunks = pieces(n, chunk);
    double *partials = s->partials;
    if (n > 0) LAUNCH(squares_kernel, (unsigned) chunks, THREADS, 0, s->stream, x, n, chunk, partials);
    LAUNCH(sum_kernel, 1, THREADS, 0, s->stream, partials, chunks, out);
    return launched(s, "rondo_sum_squares");
}

__global__ void clip_kernel(const float *sum_squares, float max_norm, float *out)
{
    float norm = sqrtf(sum_squares[0]), factor = max_norm / (norm + 1e-6f);
    out[0] = norm;
    /* Written so that a norm that is not a number gives a factor that is not one. */
    out[1] = max_norm <= 0 || factor > 1 ? 1 : factor;
}

int32_t device_clip_factor(rondo_stream *s, const float *sum_squares, float max_norm, float *out)
{
    LAUNCH(clip_kernel, 1, 1, 0, s->stream, sum_squares, max_norm, out);
    return launched(s, "rondo_clip_factor");
}

__global__ void adamw_kernel(float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n, float beta1,
    float beta2, float eps, float weight_decay)
{
    float keep = 1 - control[0] * weight_decay, rate = control[0] / control[1], second = control[2], factor = clip[1];
    for (int64_t i = first_index(); i < n; i += index_step()) {
        float gradient = g[i] * factor;
        float mean = beta1 * m[i] + (1 - beta1) * gradient;
        float square = beta2 * v[i] + (1 - beta2) * gradient * gradient;
        m[i] = mean;
        v[i] = square;
        p[i] = p[i] * keep - rate * mean / (sqrtf(square / second) + eps);
    }
}

int32_t device_adamw(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n,
    float beta1, float beta2, float eps, float weight_decay)
{
    LAUNCH(adamw_kernel, blocks_for(n, THREADS), THREADS, 0, s->stream, p, g, m, v, control, clip, n, beta1, beta2, eps, weight_decay);
    return launched(s, "rondo_adamw");
}

__global__ void momentum_kernel(float *m, const float *g, const float *clip, int64_t n, float momentum, float *u)
{
    float factor = clip[1];
    for (int64_t i = first_index(); i < n; i += index_step()) {
        float gradient = g[i] * factor;
        float mean = m[i] + (1 - momentum) * (gradient - m[i]);
        m[i] = mean;
        u[i] = gradient + momentum * (mean - gradient);
    }
}

int32_t device_muon_momentum(rondo_stream *s, float *m, const float *g, const float *clip, int64_t n, float momentum, float *u)
{
    LAUNCH(momentum_kernel, blocks_for(n, THREADS), THREADS, 0, s->stream, m, g, clip, n, momentum, u);
    return launched(s, "rondo_muon_momentum");
}

template <class T>
__global__ void normalize_kernel(const float *x, int64_t n, int64_t chunk, const double *partials, float eps, T *out)
{
    SHARED_ARRAY(double, slots, WARP);
    double sum = sum_partials(partials + (int64_t) blockIdx.y * gridDim.x, gridDim.x, slots);
    float factor = (float) (1 / (sqrt(sum) + eps));
    int64_t start = (int64_t) blockIdx.x * chunk, end = lesser(start + chunk, n), matrix = (int64_t) blockIdx.y * n;
    for (int64_t i = start + threadIdx.x; i < end; i += THREADS) put(out + matrix + i, factor * x[matrix + i]);
}

int32_t device_normalize_matrices(rondo_stream *s, const float *x, int64_t batch, int64_t n, float eps, void *out, int32_t out_type)
{
    /* Matrices go in groups, because there are PARTIALS partial sums; chunks depend on n alone. */
    int64_t chunk = chunk_of(n, 256), chunks = pieces(n, chunk), group = PARTIALS / chunks;
    double *partials = s->partials;
    for (int64_t first = 0; first < batch; first += group) {
        dim3 blocks((unsigned) chunks, (unsigned) lesser(group, batch - first));
        const float *from = x + first * n;
        LAUNCH(squares_kernel, blocks, THREADS, 0, s->stream, from, n, chunk, partials);
        if (out_type == RONDO_F32) {
            float *to = (float *) out + first * n;
            LAUNCH(normalize_kernel<float>, blocks, THREADS, 0, s->stream, from, n, chunk, partials, eps, to);
        } else {
            uint16_t *to = (uint16_t *) out + first * n;
            LAUNCH(normalize_kernel<uint16_t>, blocks, THREADS, 0, s->stream, from, n, chunk, partials, eps, to);
        }
    }
    return launched(s, "rondo_normalize_matrices");
}

template <class T> __global__ void apply_kernel(float *p, const T *o, const float *control, int64_t n, float scale, float weight_decay)
{
    float keep = 1 - control[0] * weight_decay, rate = control[0] * scale;
    for (int64_t i = first_index(); i < n; i += index_step()) p[i] = p[i] * keep - rate * get(o[i]);
}

int32_t device_muon_apply(rondo_stream *s, float *p, const void *o, int32_t o_type, const float *control, int64_t n, float scale,
    float weight_decay)
{
    if (o_type == RONDO_F32) {
        const float *from = (const float *) o;
        LAUNCH(apply_kernel<float>, blocks_for(n, THREADS), THREADS, 0, s->stream, p, from, control, n, scale, weight_decay);
    } else {
        const uint16_t *from = (const uint16_t *) o;
        LAUNCH(apply_kernel<uint16_t>, blocks_for(n, THREADS), THREADS, 0, s->stream, p, from, control, n, scale, weight_decay);
    }
    return launched(s, "rondo_muon_apply");
}
