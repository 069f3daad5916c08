/*
 * cached_attention.cu: appends keys and values to a cache, and attends to it.
 *
 * Where a sequence stands is read from the device, so that a recorded step follows it. A prompt goes through the tiles of attention.cu;
 * a few queries through decoding, whose keys are split over blocks (flash_decode.cuh), on tensor cores where its limits hold, else
 * here on ordinary cores for any head. A last kernel adds the splits in their order.
 */
#include "flash_decode.cuh"

template <class Unit>
__global__ void append_kernel(const Unit *qkv, const int32_t *start, int64_t time, int64_t width, int64_t values, int64_t capacity,
    Unit *cache, Refusal *refusal)
{
    int64_t row = blockIdx.x, b = row / time, t = row % time;
    int first = start[b];
    if (first < 0 || first + time > capacity) {
        if (threadIdx.x == 0) refuse(refusal, CHECK_CACHE_APPEND, b, first, capacity - time);
        return;
    }
    const Unit *from = qkv + row * width + width - values;
    Unit *to = cache + (b * capacity + first + t) * values;
    for (int64_t i = threadIdx.x; i < values; i += blockDim.x) to[i] = from[i];
}

int32_t device_cache_append(rondo_stream *s, int32_t type, const void *qkv, const int32_t *start, int64_t batch, int64_t time,
    int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, void *cache)
{
    by_type(type, [&](auto element) {
        auto append = [&](auto unit) {
            using Unit = decltype(unit);
            constexpr int64_t EACH = sizeof(Unit) / sizeof(element);
            int64_t width = (heads + 2 * kv_heads) * head_dim / EACH, values = 2 * kv_heads * head_dim / EACH;
            const Unit *from = (const Unit *) qkv;
            Unit *to = (Unit *) cache;
            Refusal *refusal = s->refusal;
            unsigned blocks = (unsigned) (batch * time);
            LAUNCH(append_kernel<Unit>, blocks, DECODE_THREADS, 0, s->stream, from, start, time, width, values, capacity, to, refusal);
        };
        if (head_dim * (int64_t) sizeof(element) % 16 == 0 && aligned16(qkv, cache)) append(uint4());
        else append(element);
    });
    return launched(s, "rondo_cache_append");
}

/*
 * On ordinary cores: of a chunk of keys a warp computes the scores of all ROWS, four keys at a time and its lanes over the head; then a
 * warp a row the softmax; then a thread a column the weighted values, whose sums lie in shared memory.
 */
template <class T, int ROWS> __global__ __launch_bounds__(DECODE_THREADS) void decode_kernel(DecodeJob<T> job)
{
    constexpr int CHUNK = 64, AT_ONCE = 4;
    SHARED_ARRAY(float, p, ROWS * CHUNK);
    SHARED_ARRAY(float, tops, ROWS);
    SHARED_ARRAY(float, totals, ROWS);
    SHARED_ARRAY(float, shrinks, ROWS);
    DYNAMIC_SHARED(float, sums);
    Span at;
    if (!find_span<ROWS>(job, at)) return;
    int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP, n = job.head_dim, rows = job.time * job.group();
    int64_t ld = 2 * (int64_t) job.kv_heads * n;
    const T *keys = job.cache + at.sequence * job.capacity * ld + at.kv_head * n, *values = keys + job.kv_heads * n, *query[ROWS];
    /* The last key that each row sees here; the first is seen by all that count. */
    int limit[ROWS], least = at.last - 1;
    for (int r = 0; r < ROWS; r++) {
        bool exists = at.row + r < rows;
        query[r] = job.query(at.sequence, at.kv_head, exists ? at.row + r : 0);
        limit[r] = exists ? (int) lesser(at.start + (at.row + r) / job.group(), at.last - 1) : -1;
        if (exists) least = (int) lesser(least, limit[r]);
    }
    if (threadIdx.x < ROWS) {
        tops[threadIdx.x] = -INFINITY;
        totals[threadIdx.x] = 0;
    }
    for (int i = threadIdx.x; i < ROWS * n; i += DECODE_THREADS) sums[i] = 0;
    __syncthreads();
    for (int key0 = at.first; key0 < at.last; key0 += CHUNK) {
        for (int j = warp * AT_ONCE; j < CHUNK; j += DECODE_WARPS * AT_ONCE) {
            float dot[AT_ONCE][ROWS] = {};
            const T *key[AT_ONCE];
            for (int i = 0; i < AT_ONCE; i++) key[i] = keys + lesser(key0 + j + i, at.last - 1) * ld;
            for (int c = lane; c < n; c += WARP) {
                float x[AT_ONCE];
                for (int i = 0; i < AT_ONCE; i++) x[i] = get(key[i][c]);
                for (int r = 0; r < ROWS; r++) {
                    float y = get(query[r][c]);
                    for (int i = 0; i < AT_ONCE; i++) dot[i][r] += x[i] * y;
                }
            }
            for (int i = 0; i < AT_ONCE; i++)
                for (int r = 0; r < ROWS; r++) {
                    float score = warp_sum(dot[i][r]) * job.scale;
                    if (lane == 0) p[r * CHUNK + j + i] = key0 + j + i > limit[r] ? -INFINITY : score;
                }
        }
        __syncthreads();
        for (int r = warp; r < ROWS; r += DECODE_WARPS) {
            float x = p[r * CHUNK + lane], y = p[r * CHUNK + WARP + lane], top = tops[r], best = fmaxf(top, warp_max(fmaxf(x, y)));
            /* A row that has seen nothing yet, or only scores of minus infinity. */
            float base = best == -INFINITY ? 0 : best;
            p[r * CHUNK + lane] = x = expf(x - base);
            p[r * CHUNK + WARP + lane] = y = expf(y - base);
            float sum = warp_sum(x + y);
            if (lane == 0) {
                shrinks[r] = expf(top - base);
                totals[r] = totals[r] * shrinks[r] + sum;
                tops[r] = best;
            }
        }
        __syncthreads();
        int count = (int) lesser(CHUNK, at.last - key0), common = (int) lesser(count, greater(least - key0 + 1, 0));
        for (int c = threadIdx.x; c < n; c += DECODE_THREADS) {
            float sum[ROWS] = {};
            for (int j = 0; j < common; j++) {
                float x = get(values[(key0 + j) * ld + c]);
                for (int r = 0; r < ROWS; r++) sum[r] += p[r * CHUNK + j] * x;
            }
            /* What a row does not see is left out, not weighed with 0. */
            for (int j = common; j < count; j++) {
                float x = get(values[(key0 + j) * ld + c]);
                for (int r = 0; r < ROWS; r++)
                    if (key0 + j <= limit[r]) sum[r] += p[r * CHUNK + j] * x;
            }
            for (int r = 0; r < ROWS; r++) sums[r * n + c] = sums[r * n + c] * shrinks[r] + sum[r];
        }
        __syncthreads();
    }
    for (int r = 0; r < ROWS && at.row + r < rows; r++) {
        int64_t row = job.row(at.sequence, at.kv_head, at.row + r);
        for (int c = threadIdx.x; c < n; c += DECODE_THREADS) put_part(job, row, at.split, c, sums[r * n + c], totals[r]);
        if (threadIdx.x == 0) put_statistics(job, row, at.split, tops[r], totals[r]);
    }
}

constexpr int COMBINE_THREADS = 256, COLUMNS = 4;

/* A block adds the splits of one row that it has, lanes over its columns and the other threads over splits. */
template <class T> __global__ __launch_bounds__(COMBINE_THREADS) void combine_kernel(DecodeJob<T> job, int lanes)
{
    SHARED_ARRAY(float, slots, WARP);
    SHARED_ARRAY(float, weights, MOST_SPLITS);
    SHARED_ARRAY(float4, parts, COMBINE_THREADS);
    int64_t row = blockIdx.x;
    int t = (int) (row / job.heads % job.time), b = (int) (row / job.heads / job.time), start;
    if (!standing(job, b, start)) return;
    int count = (int) pieces(start + t + 1, job.span(start + job.time)), i = threadIdx.x, groups = COMBINE_THREADS / lanes;
    const float *statistics = job.statistics + 2 * row * job.splits, *values = job.values + row * job.splits * job.width();
    float top = i < count ? statistics[2 * i] : -INFINITY, best = block_max(top, slots);
    float weight = i < count && top > -INFINITY ? expf(top - best) : 0;
    if (i < MOST_SPLITS) weights[i] = weight;
    float total = block_sum(i < count ? weight * statistics[2 * i + 1] : 0, slots);
    for (int c0 = 0; c0 < job.width(); c0 += COLUMNS * lanes) {
        int c = c0 + COLUMNS * (i % lanes);
        float4 sum = {0, 0, 0, 0};
        if (c < job.width())
            for (int split = i / lanes; split < count; split += groups) {
                float4 x = load_as<float4>(values + (int64_t) split * job.width() + c);
                float w = weights[split];
                sum.x += w * x.x, sum.y += w * x.y, sum.z += w * x.z, sum.w += w * x.w;
            }
        parts[i] = sum;
        __syncthreads();
        if (i < lanes && c < job.width()) {
            for (int group = 1; group < groups; group++) {
                float4 x = parts[group * lanes + i];
                sum.x += x.x, sum.y += x.y, sum.z += x.z, sum.w += x.w;
            }
            const float all[COLUMNS] = {sum.x, sum.y, sum.z, sum.w};
            for (int e = 0; e < COLUMNS; e++)
                if (c + e < job.head_dim) put(job.out + row * job.head_dim + c + e, all[e] / total);
        }
        __syncthreads();
    }
}

/* As many splits as give each processor two blocks, if a full cache then has LEAST_SPAN keys for each and the scratch holds them. */
template <class T> static void choose_splits(const rondo_stream *s, DecodeJob<T> &job, int rows_at_once)
{
    int64_t rows = (int64_t) job.batch * job.time * job.heads;
    int64_t blocks = (int64_t) job.batch * job.kv_heads * pieces((int64_t) job.time * job.group(), rows_at_once);
    int64_t splits = lesser(pieces(2 * s->processors, blocks), lesser(job.capacity / LEAST_SPAN, MOST_SPLITS));
    job.splits = (int) greater(1, lesser(splits, SCRATCH_FLOATS / (rows * (job.width() + 2))));
    job.values = s->scratch;
    job.statistics = s->scratch + rows * job.splits * job.width();
}

template <class T, class Kernel> static void decode(rondo_stream *s, DecodeJob<T> job, Kernel kernel, int rows_at_once, int bytes)
{
    choose_splits(s, job, rows_at_once);
    int64_t parts = pieces((int64_t) job.time * job.group(), rows_at_once);
    unsigned blocks = (unsigned) (parts * job.kv_heads * job.batch * job.splits);
    LAUNCH_WIDE(kernel, blocks, DECODE_THREADS, bytes, s->stream, job);
    if (job.splits == 1) return;
    int lanes = 1;
    while (lanes < 64 && lanes * COLUMNS < job.width()) lanes *= 2;
    unsigned rows = (unsigned) (job.batch * job.time * job.heads);
    LAUNCH(combine_kernel<T>, rows, COMBINE_THREADS, 0, s->stream, job, lanes);
}

template <class T> static void decode_on_ordinary_cores(rondo_stream *s, const DecodeJob<T> &job)
{
    constexpr int ROWS = 8, MOST_DIM = 1024;
    if (job.time * job.group() == 1 || job.head_dim > MOST_DIM)
        decode(s, job, decode_kernel<T, 1>, 1, job.head_dim * (int) sizeof(float));
    else decode(s, job, decode_kernel<T, ROWS>, ROWS, ROWS * job.head_dim * (int) sizeof(float));
}

static void decode_on_tensor_cores(rondo_stream *s, const DecodeJob<uint16_t> &job)
{
    constexpr int ROWS = 16;
    auto with = [&](auto dim) {
        constexpr int DIM = decltype(dim)::value;
        decode(s, job, decode_flash<DIM>, ROWS, DECODE_WARPS * ROWS * DIM * (int) sizeof(float));
    };
    if (job.head_dim <= 64) with(Dim<64>());
    else with(Dim<128>());
}

template <class T>
static void cached_attention(rondo_stream *s, const T *qkv, const T *cache, const int32_t *start, int64_t batch, int64_t time,
    int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, float scale, T *out)
{
    /* From so many queries on tiles of them pay; tiles end at this head. */
    constexpr int PROMPT = sizeof(T) == sizeof(float) ? 32 : 64;
    int t = (int) time, h = (int) heads, kv = (int) kv_heads, n = (int) head_dim, slots = (int) capacity;
    if (time >= PROMPT && head_dim <= RONDO_MOST_HEAD_DIM) {
        int64_t ld = (heads + 2 * kv_heads) * head_dim, half = kv_heads * head_dim;
        attend(s, AttentionJob<T>{qkv, cache, cache + half, ld, time * ld, 2 * half, 2 * half * capacity, start, slots, t, h, kv, n, scale,
            out, nullptr, s->refusal, (int) batch, 0});
        return;
    }
    DecodeJob<T> job = {qkv, cache, start, (int) batch, t, h, kv, n, slots, scale, out, s->refusal, 1, nullptr, nullptr};
    if constexpr (sizeof(T) == sizeof(uint16_t))
        if (fits_tiles(head_dim, scale) && aligned16(qkv, cache)) return decode_on_tensor_cores(s, job);
    decode_on_ordinary_cores(s, job);
}

int32_t device_cached_attention(rondo_stream *s, int32_t type, const void *qkv, const void *cache, const int32_t *start, int64_t batch,
    int64_t time, int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t capacity, float scale, void *out)
{
    by_type(type, [&](auto element) {
        using T = decltype(element);
        cached_attention(s, (const T *) qkv, (const T *) cache, start, batch, time, heads, kv_heads, head_dim, capacity, scale, (T *) out);
    });
    return launched(s, "rondo_cached_attention");
}
