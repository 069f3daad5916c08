/*
 * quantized.cu: weights of 8 bits, int8 or e4m3, with one f32 scale a row; see few_rows.cuh for their product.
 *
 * A block quantises a row: its greatest magnitude, then each element divided by the scale and rounded once, to even. The division is in
 * double because a quotient of two floats that is no tie is then none after it either. A row with an infinity or a value that is
 * no number has a scale that is none, so that it shows in every product.
 */
#include "few_rows.cuh"

constexpr int QUANTIZE_THREADS = 256;

__device__ __forceinline__ int8_t quantize(double v, int8_t) { return (int8_t) fmin(fmax(rint(v), -127.0), 127.0); }

/* Steps of 2^-9 below 2^-6, else of an eighth of the power of two below; what rounds up to the next power carries into its code. */
__device__ __forceinline__ E4m3 quantize(double v, E4m3)
{
    double size = fabs(v);
    int exponent = size < 0x1p-6 ? -6 : ilogb(size);
    int code = (exponent + 6) * 8 + (int) rint(ldexp(size, 3 - exponent));
    return {(uint8_t) ((v < 0 ? 0x80 : 0) | (size >= 448 ? 0x7e : code))};
}

template <class Q>
__global__ __launch_bounds__(QUANTIZE_THREADS) void quantize_kernel(const float *w, int64_t rows, int64_t width, float most, Q *q,
    float *scale)
{
    SHARED_ARRAY(float, slots, WARP);
    for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
        const float *from = w + r * width;
        float top = 0, wrong = 0;
        for (int64_t i = threadIdx.x; i < width; i += QUANTIZE_THREADS) {
            top = fmaxf(top, fabsf(from[i]));
            if (!(fabsf(from[i]) < INFINITY)) wrong = 1;
        }
        top = block_max(top, slots);
        wrong = block_max(wrong, slots);
        float unit = wrong > 0 ? NAN : top / most;
        if (threadIdx.x == 0) scale[r] = unit;
        for (int64_t i = threadIdx.x; i < width; i += QUANTIZE_THREADS)
            q[r * width + i] = quantize(unit > 0 ? (double) from[i] / (double) unit : 0, Q());
    }
}

int32_t device_quantize_rows(rondo_stream *s, const float *w, int64_t rows, int64_t width, void *q, int32_t q_type, float *scale)
{
    unsigned blocks = (unsigned) lesser(rows, 1 << 20);
    if (q_type == RONDO_I8)
        LAUNCH(quantize_kernel<int8_t>, blocks, QUANTIZE_THREADS, 0, s->stream, w, rows, width, 127.0f, static_cast<int8_t *>(q), scale);
    else LAUNCH(quantize_kernel<E4m3>, blocks, QUANTIZE_THREADS, 0, s->stream, w, rows, width, 448.0f, static_cast<E4m3 *>(q), scale);
    return launched(s, "rondo_quantize_rows");
}

int32_t device_quantized_linear(rondo_stream *s, int32_t type, const void *x, int64_t rows, const void *q, int32_t q_type,
    const float *scale, int64_t n, int64_t k, void *y)
{
    int64_t groups = pieces(rows, FEW_ROWS), group = lesser(rows, FEW_ROWS);
    FewRows job = {.entries = groups, .n = n, .k = k, .rows = (int) group, .last_rows = (int) (rows - (groups - 1) * group), .x = x, .w = q,
        .x_ld = k, .x_step = group * k, .w_ld = k, .w_step = 0, .alpha = 1, .beta = 0, .scale = scale, .c = nullptr, .out = y, .c_ld = 0,
        .c_step = 0, .out_ld = n, .out_step = group * n, .out_type = type,
        .aligned = rows_aligned(x, element_bytes(type), k, 1, 0) && rows_aligned(q, 1, k, 1, 0)};
    if (type == RONDO_F32 && q_type == RONDO_I8) start_few_rows<float, int8_t>(s, job);
    else if (type == RONDO_F32) start_few_rows<float, E4m3>(s, job);
    else if (q_type == RONDO_I8) start_few_rows<uint16_t, int8_t>(s, job);
    else start_few_rows<uint16_t, E4m3>(s, job);
    return launched(s, "rondo_quantized_linear");
}
