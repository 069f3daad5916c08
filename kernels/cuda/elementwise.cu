/*
 * elementwise.cu: out = a + b, out = factor * x, casts between f32 and bf16.
 *
 * Bound by memory: 12, 8 and 6 bytes an element. Four elements a thread by 16-byte accesses where pointers allow, else one.
 */
#include "device.h"

constexpr int THREADS = 256;

static bool aligned(const void *a, const void *b, const void *c, int bytes)
{
    return ((uintptr_t) a | (uintptr_t) b | (uintptr_t) c) % bytes == 0;
}

template <bool WIDE> __global__ void add_kernel(const float *a, const float *b, int64_t n, float *out)
{
    int64_t quads = WIDE ? n / 4 : 0;
    for (int64_t i = first_index(); i < quads; i += index_step()) {
        float4 x = reinterpret_cast<const float4 *>(a)[i], y = reinterpret_cast<const float4 *>(b)[i];
        reinterpret_cast<float4 *>(out)[i] = float4{x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w};
    }
    for (int64_t i = 4 * quads + first_index(); i < n; i += index_step()) out[i] = a[i] + b[i];
}

int32_t rondo_add(rondo_stream *s, const float *a, const float *b, int64_t n, float *out)
{
    NEED(add, s);
    EXTENT(add, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(add, a);
    NEED(add, b);
    NEED(add, out);
    unsigned blocks = blocks_for(pieces(n, 4), THREADS);
    if (aligned(a, b, out, 16)) LAUNCH(add_kernel<true>, blocks, THREADS, 0, s->stream, a, b, n, out);
    else LAUNCH(add_kernel<false>, blocks, THREADS, 0, s->stream, a, b, n, out);
    return launched(s, "rondo_add");
}

template <bool WIDE> __global__ void scale_kernel(const float *x, float factor, int64_t n, float *out)
{
    int64_t quads = WIDE ? n / 4 : 0;
    for (int64_t i = first_index(); i < quads; i += index_step()) {
        float4 v = reinterpret_cast<const float4 *>(x)[i];
        reinterpret_cast<float4 *>(out)[i] = float4{factor * v.x, factor * v.y, factor * v.z, factor * v.w};
    }
    for (int64_t i = 4 * quads + first_index(); i < n; i += index_step()) out[i] = factor * x[i];
}

int32_t rondo_scale(rondo_stream *s, const float *x, float factor, int64_t n, float *out)
{
    NEED(scale, s);
    EXTENT(scale, n, 0);
    if (n == 0) return RONDO_OK;
    NEED(scale, x);
    NEED(scale, out);
    unsigned blocks = blocks_for(pieces(n, 4), THREADS);
    if (aligned(x, out, 0, 16)) LAUNCH(scale_kernel<true>, blocks, THREADS, 0, s->stream, x, factor, n, out);
    else LAUNCH(scale_kernel<false>, blocks, THREADS, 0, s->stream, x, factor, n, out);
    return launched(s, "rondo_scale");
}

template <bool WIDE> __global__ void narrow_kernel(const float *x, int64_t n, uint16_t *out)
{
    int64_t quads = WIDE ? n / 4 : 0;
    for (int64_t i = first_index(); i < quads; i += index_step()) {
        float4 v = reinterpret_cast<const float4 *>(x)[i];
        reinterpret_cast<uint2 *>(out)[i] = uint2{narrow2(v.x, v.y), narrow2(v.z, v.w)};
    }
    for (int64_t i = 4 * quads + first_index(); i < n; i += index_step()) out[i] = narrow(x[i]);
}

template <bool WIDE> __global__ void widen_kernel(const uint16_t *x, int64_t n, float *out)
{
    int64_t quads = WIDE ? n / 4 : 0;
    for (int64_t i = first_index(); i < quads; i += index_step()) {
        uint2 v = reinterpret_cast<const uint2 *>(x)[i];
        reinterpret_cast<float4 *>(out)[i]
            = float4{widen((uint16_t) v.x), widen((uint16_t) (v.x >> 16)), widen((uint16_t) v.y), widen((uint16_t) (v.y >> 16))};
    }
    for (int64_t i = 4 * quads + first_index(); i < n; i += index_step()) out[i] = widen(x[i]);
}

int32_t rondo_cast(rondo_stream *s, const void *x, int32_t from, int64_t n, void *out, int32_t to)
{
    NEED(cast, s);
    EXTENT(cast, n, 0);
    REQUIRE((from == RONDO_F32 || from == RONDO_BF16) && (to == RONDO_F32 || to == RONDO_BF16),
        "rondo_cast: from type %d to type %d, expected f32 (0) or bf16 (1)", from, to);
    if (n == 0) return RONDO_OK;
    NEED(cast, x);
    NEED(cast, out);
    if (from == to) return rondo_copy(s, x, out, n * (from == RONDO_F32 ? 4 : 2));
    unsigned blocks = blocks_for(pieces(n, 4), THREADS);
    bool wide = aligned(x, out, 0, 16);
    if (from == RONDO_F32) {
        const float *source = (const float *) x;
        uint16_t *target = (uint16_t *) out;
        if (wide) LAUNCH(narrow_kernel<true>, blocks, THREADS, 0, s->stream, source, n, target);
        else LAUNCH(narrow_kernel<false>, blocks, THREADS, 0, s->stream, source, n, target);
    } else {
        const uint16_t *source = (const uint16_t *) x;
        float *target = (float *) out;
        if (wide) LAUNCH(widen_kernel<true>, blocks, THREADS, 0, s->stream, source, n, target);
        else LAUNCH(widen_kernel<false>, blocks, THREADS, 0, s->stream, source, n, target);
    }
    return launched(s, "rondo_cast");
}
