/*
 * optimizers.cu: sums of squares, gradient clipping, AdamW, ELLISAdam, and the elementwise parts of Muon.
 *
 * All bound by memory: AdamW moves 28 bytes a parameter, ELLISAdam 36 in two passes, Muon's momentum 16, its application 12 (10 with
 * bf16), a sum of squares 4.
 * Sums are taken in double over chunks fixed by the length and added in chunk order. Learning rate, bias corrections and clip
 * factor are read from the device, so that a captured step follows them. 16 bytes a thread and access where pointers allow.
 */
#include "vectors.cuh"

constexpr int THREADS = 256, CHUNK = 16384;

/* How many elements a call of a body takes. */
template <int COUNT> struct Count { static constexpr int N = COUNT; };

/* body(i, Count<N>) for elements i to i + N - 1, from start to end, N = WIDTH as long as that many are left: by threads thread,
 * thread + threads, ... */
template <int WIDTH, class Body> __device__ __forceinline__ void each(int64_t start, int64_t end, int64_t thread, int64_t threads, Body body)
{
    int64_t rest = start + (end - start) / WIDTH * WIDTH;
    for (int64_t i = start + thread * WIDTH; i < rest; i += threads * WIDTH) body(i, Count<WIDTH>());
    for (int64_t i = rest + thread; i < end; i += threads) body(i, Count<1>());
}

/* partials[matrix, chunk] = sum of squares of one chunk of one matrix. */
template <int WIDTH> __global__ void squares_kernel(const float *x, int64_t n, int64_t chunk, double *partials)
{
    SHARED_ARRAY(double, slots, WARP);
    const float *from = x + (int64_t) blockIdx.y * n;
    int64_t start = (int64_t) blockIdx.x * chunk, end = lesser(start + chunk, n);
    double sum = 0;
    each<WIDTH>(start, end, threadIdx.x, THREADS, [&](int64_t i, auto count) {
        float v[decltype(count)::N];
        load(from + i, v);
        for (float f : v) sum += (double) f * f;
    });
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

/* A multiple of four, so that chunks keep the alignment. */
static int64_t chunk_of(int64_t n, int64_t most_chunks) { return round_up(greater(CHUNK, pieces(n, most_chunks)), 4); }

int32_t device_sum_squares(rondo_stream *s, const float *x, int64_t n, float *out)
{
    int64_t chunk = chunk_of(n, PARTIALS), chunks = pieces(n, chunk);
    double *partials = s->partials;
    unsigned blocks = (unsigned) chunks;
    if (n > 0 && aligned16(x)) LAUNCH(squares_kernel<4>, blocks, THREADS, 0, s->stream, x, n, chunk, partials);
    else if (n > 0) LAUNCH(squares_kernel<1>, blocks, THREADS, 0, s->stream, x, n, chunk, partials);
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

template <int WIDTH>
__global__ void adamw_kernel(float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n, float beta1,
    float beta2, float eps, float weight_decay)
{
    float keep = 1 - control[0] * weight_decay, rate = control[0] / control[1], second = control[2], factor = clip[1];
    each<WIDTH>(0, n, first_index(), index_step(), [&](int64_t i, auto count) {
        constexpr int N = decltype(count)::N;
        float weight[N], gradient[N], mean[N], square[N];
        load(p + i, weight);
        load(g + i, gradient);
        load(m + i, mean);
        load(v + i, square);
        for (int e = 0; e < N; e++) {
            float d = gradient[e] * factor;
            mean[e] = beta1 * mean[e] + (1 - beta1) * d;
            square[e] = beta2 * square[e] + (1 - beta2) * d * d;
            weight[e] = weight[e] * keep - rate * mean[e] / (sqrtf(square[e] / second) + eps);
        }
        store(m + i, mean);
        store(v + i, square);
        store(p + i, weight);
    });
}

int32_t device_adamw(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n,
    float beta1, float beta2, float eps, float weight_decay)
{
    unsigned blocks = blocks_for(pieces(n, 4), THREADS);
    if (aligned16(p, g, m, v))
        LAUNCH(adamw_kernel<4>, blocks, THREADS, 0, s->stream, p, g, m, v, control, clip, n, beta1, beta2, eps, weight_decay);
    else LAUNCH(adamw_kernel<1>, blocks, THREADS, 0, s->stream, p, g, m, v, control, clip, n, beta1, beta2, eps, weight_decay);
    return launched(s, "rondo_adamw");
}

/* ELLISAdam's first pass: the moments, and partials[chunk] = the sum of g'^2 / v of one chunk. */
template <int WIDTH>
__global__ void ellis_moments_kernel(const float *g, float *m, float *v, const float *control, const float *clip, int64_t n, int64_t chunk,
    float beta1, float beta2, float least_square, double *partials)
{
    SHARED_ARRAY(double, slots, WARP);
    int64_t start = (int64_t) blockIdx.x * chunk, end = lesser(start + chunk, n);
    float factor = clip[1];
    bool begins = control[4] != 0;
    double sum = 0;
    each<WIDTH>(start, end, threadIdx.x, THREADS, [&](int64_t i, auto count) {
        constexpr int N = decltype(count)::N;
        float gradient[N], mean[N], square[N];
        load(g + i, gradient);
        load(m + i, mean);
        load(v + i, square);
        for (int e = 0; e < N; e++) {
            float d = gradient[e] * factor;
            if (begins) mean[e] = d, square[e] = d * d;
            mean[e] += (1 - beta1) * (d - mean[e]);
            square[e] = beta2 * square[e] + (1 - beta2) * d * d;
            square[e] = square[e] < least_square ? least_square : square[e];
            /* Without a least square nobody reads the sum, which may then be 0 / 0. */
            float ratio = d / sqrtf(square[e]);
            sum += (double) ratio * ratio;
        }
        store(m + i, mean);
        store(v + i, square);
    });
    sum = block_sum(sum, slots);
    if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

/* The second pass: every block adds the partials, in the same order. */
template <int WIDTH>
__global__ void ellis_update_kernel(float *p, const float *m, const float *v, const float *control, const double *partials, int64_t n,
    int64_t chunk, float eps, float weight_decay, int clipping, int use_atan2)
{
    SHARED_ARRAY(double, slots, WARP);
    float rho = clipping ? (float) sqrt(sum_partials(partials, gridDim.x, slots) / n) : 0;
    float keep = 1 - control[3] * weight_decay, rate = control[0] / (rho > 1 ? rho : 1) / control[1], root = sqrtf(control[2]);
    int64_t start = (int64_t) blockIdx.x * chunk, end = lesser(start + chunk, n);
    each<WIDTH>(start, end, threadIdx.x, THREADS, [&](int64_t i, auto count) {
        constexpr int N = decltype(count)::N;
        float weight[N], mean[N], square[N];
        load(p + i, weight);
        load(m + i, mean);
        load(v + i, square);
        for (int e = 0; e < N; e++) {
            float d = sqrtf(square[e]) / root;
            weight[e] = weight[e] * keep - rate * (use_atan2 ? atan2f(mean[e], d) : mean[e] / (d + eps));
        }
        store(p + i, weight);
    });
}

int32_t device_ellis_adam(rondo_stream *s, float *p, const float *g, float *m, float *v, const float *control, const float *clip, int64_t n,
    float beta1, float beta2, float eps, float weight_decay, int32_t update_clipping, int32_t use_atan2)
{
    int64_t chunk = chunk_of(n, PARTIALS);
    unsigned blocks = (unsigned) pieces(n, chunk);
    double *partials = s->partials;
    float least_square = update_clipping ? eps * eps : 0;
    if (aligned16(p, g, m, v)) {
        LAUNCH(ellis_moments_kernel<4>, blocks, THREADS, 0, s->stream, g, m, v, control, clip, n, chunk, beta1, beta2, least_square, partials);
        LAUNCH(ellis_update_kernel<4>, blocks, THREADS, 0, s->stream, p, m, v, control, partials, n, chunk, eps, weight_decay,
            update_clipping, use_atan2);
    } else {
        LAUNCH(ellis_moments_kernel<1>, blocks, THREADS, 0, s->stream, g, m, v, control, clip, n, chunk, beta1, beta2, least_square, partials);
        LAUNCH(ellis_update_kernel<1>, blocks, THREADS, 0, s->stream, p, m, v, control, partials, n, chunk, eps, weight_decay,
            update_clipping, use_atan2);
    }
    return launched(s, "rondo_ellis_adam");
}

template <int WIDTH> __global__ void momentum_kernel(float *m, const float *g, const float *clip, int64_t n, float momentum, float *u)
{
    float factor = clip[1];
    each<WIDTH>(0, n, first_index(), index_step(), [&](int64_t i, auto count) {
        constexpr int N = decltype(count)::N;
        float mean[N], gradient[N];
        load(m + i, mean);
        load(g + i, gradient);
        for (int e = 0; e < N; e++) {
            float d = gradient[e] * factor;
            mean[e] += (1 - momentum) * (d - mean[e]);
            gradient[e] = d + momentum * (mean[e] - d);
        }
        store(m + i, mean);
        store(u + i, gradient);
    });
}

int32_t device_muon_momentum(rondo_stream *s, float *m, const float *g, const float *clip, int64_t n, float momentum, float *u)
{
    unsigned blocks = blocks_for(pieces(n, 4), THREADS);
    if (aligned16(m, g, u)) LAUNCH(momentum_kernel<4>, blocks, THREADS, 0, s->stream, m, g, clip, n, momentum, u);
    else LAUNCH(momentum_kernel<1>, blocks, THREADS, 0, s->stream, m, g, clip, n, momentum, u);
    return launched(s, "rondo_muon_momentum");
}

template <class T, int WIDTH>
__global__ void normalize_kernel(const float *x, int64_t n, int64_t chunk, const double *partials, float eps, T *out)
{
    SHARED_ARRAY(double, slots, WARP);
    double sum = sum_partials(partials + (int64_t) blockIdx.y * gridDim.x, gridDim.x, slots);
    float factor = (float) (1 / (sqrt(sum) + eps));
    int64_t start = (int64_t) blockIdx.x * chunk, end = lesser(start + chunk, n), matrix = (int64_t) blockIdx.y * n;
    each<WIDTH>(start, end, threadIdx.x, THREADS, [&](int64_t i, auto count) {
        float v[decltype(count)::N];
        load(x + matrix + i, v);
        for (float &f : v) f *= factor;
        store(out + matrix + i, v);
    });
}

int32_t device_normalize_matrices(rondo_stream *s, const float *x, int64_t batch, int64_t n, float eps, void *out, int32_t out_type)
{
    /* Matrices go in groups, because there are PARTIALS partial sums; chunks depend on n alone. */
    int64_t chunk = chunk_of(n, 256), chunks = pieces(n, chunk), group = PARTIALS / chunks;
    double *partials = s->partials;
    bool wide = n % 4 == 0 && aligned16(x, out);
    for (int64_t first = 0; first < batch; first += group) {
        dim3 blocks((unsigned) chunks, (unsigned) lesser(group, batch - first));
        const float *from = x + first * n;
        if (wide) LAUNCH(squares_kernel<4>, blocks, THREADS, 0, s->stream, from, n, chunk, partials);
        else LAUNCH(squares_kernel<1>, blocks, THREADS, 0, s->stream, from, n, chunk, partials);
        by_type(out_type, [&](auto element) {
            using T = decltype(element);
            T *to = (T *) out + first * n;
            if (wide) LAUNCH((normalize_kernel<T, 4>), blocks, THREADS, 0, s->stream, from, n, chunk, partials, eps, to);
            else LAUNCH((normalize_kernel<T, 1>), blocks, THREADS, 0, s->stream, from, n, chunk, partials, eps, to);
        });
    }
    return launched(s, "rondo_normalize_matrices");
}

template <class T, int WIDTH> __global__ void apply_kernel(float *p, const T *o, const float *control, int64_t n, float scale, float weight_decay)
{
    float keep = 1 - control[0] * weight_decay, rate = control[0] * scale;
    each<WIDTH>(0, n, first_index(), index_step(), [&](int64_t i, auto count) {
        constexpr int N = decltype(count)::N;
        float weight[N], direction[N];
        load(p + i, weight);
        load(o + i, direction);
        for (int e = 0; e < N; e++) weight[e] = weight[e] * keep - rate * direction[e];
        store(p + i, weight);
    });
}

int32_t device_muon_apply(rondo_stream *s, float *p, const void *o, int32_t o_type, const float *control, int64_t n, float scale,
    float weight_decay)
{
    by_type(o_type, [&](auto element) {
        using T = decltype(element);
        const T *from = (const T *) o;
        unsigned blocks = blocks_for(pieces(n, 8), THREADS);
        if (aligned16(p, o)) LAUNCH((apply_kernel<T, 8>), blocks, THREADS, 0, s->stream, p, from, control, n, scale, weight_decay);
        else LAUNCH((apply_kernel<T, 1>), blocks, THREADS, 0, s->stream, p, from, control, n, scale, weight_decay);
    });
    return launched(s, "rondo_muon_apply");
}
