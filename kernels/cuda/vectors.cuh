/*
 * vectors.cuh: elements by 16-byte accesses where rows and pointers allow, else one at a time; computed with as floats.
 */
#ifndef RONDO_CUDA_VECTORS_CUH
#define RONDO_CUDA_VECTORS_CUH

#include "device.h"

/* Elements that a thread takes at once. */
template <class T, bool WIDE> constexpr int STEP = WIDE ? 16 / (int) sizeof(T) : 1;

template <class T, int N> __device__ __forceinline__ void load(const T *from, float (&x)[N])
{
    if constexpr (N == 1) {
        x[0] = get(*from);
    } else if constexpr (sizeof(T) == 4) {
        static_assert(N % 4 == 0);
        for (int i = 0; i < N; i += 4) {
            float4 v = reinterpret_cast<const float4 *>(from)[i / 4];
            x[i] = v.x, x[i + 1] = v.y, x[i + 2] = v.z, x[i + 3] = v.w;
        }
    } else {
        static_assert(N % 8 == 0);
        for (int i = 0; i < N; i += 8) {
            uint4 v = reinterpret_cast<const uint4 *>(from)[i / 8];
            unsigned words[4] = {v.x, v.y, v.z, v.w};
            for (int w = 0; w < 4; w++) {
                x[i + 2 * w] = widen((uint16_t) words[w]);
                x[i + 2 * w + 1] = widen((uint16_t) (words[w] >> 16));
            }
        }
    }
}

template <class T, int N> __device__ __forceinline__ void store(T *to, const float (&x)[N])
{
    if constexpr (N == 1) {
        put(to, x[0]);
    } else if constexpr (sizeof(T) == 4) {
        for (int i = 0; i < N; i += 4) reinterpret_cast<float4 *>(to)[i / 4] = float4{x[i], x[i + 1], x[i + 2], x[i + 3]};
    } else if constexpr (N == 4) {
        reinterpret_cast<uint2 *>(to)[0] = uint2{narrow2(x[0], x[1]), narrow2(x[2], x[3])};
    } else {
        for (int i = 0; i < N; i += 8)
            reinterpret_cast<uint4 *>(to)[i / 8] = uint4{narrow2(x[i], x[i + 1]), narrow2(x[i + 2], x[i + 3]), narrow2(x[i + 4], x[i + 5]),
                narrow2(x[i + 6], x[i + 7])};
    }
}

/* What storing as T and loading again makes of x. */
template <class T> __device__ __forceinline__ float rounded(float x)
{
    if constexpr (sizeof(T) == 4) return x;
    else return widen(narrow(x));
}

/* Whether all pointers, null ones too, are aligned to 16 bytes. */
template <class... P> bool aligned16(P... pointers) { return ((reinterpret_cast<uintptr_t>(pointers) | ...) % 16) == 0; }

/* Calls work with an element of the activations' type, whose value means nothing. */
template <class Work> void by_type(int32_t type, Work work)
{
    if (type == RONDO_F32) work(0.0f);
    else work((uint16_t) 0);
}

#endif
