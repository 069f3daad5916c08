/*
 * portable.cuh: the only place with PTX for sm_80 and later, and its meaning for the emulator.
 *
 * bf16 is carried as uint16_t. Fragment layouts are those of the PTX ISA, mma.m16n8k16: with g = lane / 4 and t = lane % 4,
 * a[0] holds A(g, 2t..2t+1), a[1] A(g+8, 2t..), a[2] A(g, 2t+8..), a[3] A(g+8, 2t+8..); b[0] holds B(2t..2t+1, g), b[1]
 * B(2t+8.., g); c[0..1] C(g, 2t..2t+1), c[2..3] C(g+8, 2t..).
 */
#ifndef RONDO_CUDA_PORTABLE_CUH
#define RONDO_CUDA_PORTABLE_CUH

__device__ __forceinline__ float widen(uint16_t h) { return __uint_as_float((unsigned) h << 16); }

#ifdef RONDO_EMULATED

inline uint16_t narrow(float x)
{
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t) 0x7fff;
    return (uint16_t) ((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}
inline unsigned narrow2(float low, float high) { return narrow(low) | (unsigned) narrow(high) << 16; }

/* From here on the compiler knows nothing of the value: what follows from it is computed here, not kept from before a loop. */
inline void forget(int &) {}

/* Several elements as one value; the address is a multiple of its size. */
template <class V> V load_as(const void *from)
{
    if ((uintptr_t) from % sizeof(V)) emulated::fail("a load of %d bytes at a misaligned address", (int) sizeof(V));
    V value;
    memcpy(&value, from, sizeof(V));
    return value;
}
template <class V> void store_as(void *to, V value)
{
    if ((uintptr_t) to % sizeof(V)) emulated::fail("a store of %d bytes at a misaligned address", (int) sizeof(V));
    memcpy(to, &value, sizeof(V));
}
inline float exp2_approximate(float x) { return exp2f(x); }

inline void mma_bf16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    struct Fragment { unsigned a[4], b[2]; float c[4]; } mine;
    memcpy(mine.a, a, 16);
    memcpy(mine.b, b, 8);
    memcpy(mine.c, c, 16);
    emulated::collective(
        0xffffffffu, RONDO_PLACE, &mine, sizeof(mine), c, 16,
        [](const unsigned char(*in)[emulated::SLOT], unsigned char(*out)[emulated::SLOT], unsigned, const void *) {
            float A[16][16], B[16][8];
            auto half = [](unsigned pair, int i) { return widen((uint16_t) (pair >> 16 * i)); };
            for (int lane = 0; lane < 32; lane++) {
                const Fragment *f = reinterpret_cast<const Fragment *>(in[lane]);
                int g = lane / 4, t = lane % 4;
                for (int i = 0; i < 2; i++) {
                    A[g][2 * t + i] = half(f->a[0], i);
                    A[g + 8][2 * t + i] = half(f->a[1], i);
                    A[g][2 * t + 8 + i] = half(f->a[2], i);
                    A[g + 8][2 * t + 8 + i] = half(f->a[3], i);
                    B[2 * t + i][g] = half(f->b[0], i);
                    B[2 * t + 8 + i][g] = half(f->b[1], i);
                }
            }
            for (int lane = 0; lane < 32; lane++) {
                const Fragment *f = reinterpret_cast<const Fragment *>(in[lane]);
                float result[4];
                for (int i = 0; i < 4; i++) {
                    int row = lane / 4 + i / 2 * 8, column = 2 * (lane % 4) + i % 2;
                    float sum = f->c[i];
                    for (int k = 0; k < 16; k++) sum += A[row][k] * B[k][column];
                    result[i] = sum;
                }
                memcpy(out[lane], result, 16);
            }
        },
        nullptr);
}

/* Each lane reads its own row here, where sanitizers see it: the meeting itself is hidden from them. */
template <bool TRANSPOSED> inline void ldmatrix4(unsigned (&r)[4], const void *row)
{
    if ((uintptr_t) row % 16)
        emulated::fail("ldmatrix: row %u of matrix %u is not 16-byte aligned", emulated::self->lane % 8, emulated::self->lane / 8);
    uint16_t mine[8];
    memcpy(mine, row, sizeof(mine));
    emulated::collective(
        0xffffffffu, RONDO_PLACE, mine, sizeof(mine), r, 16,
        [](const unsigned char(*in)[emulated::SLOT], unsigned char(*out)[emulated::SLOT], unsigned, const void *) {
            auto at = [&](int matrix, int i, int j) {
                uint16_t element;
                memcpy(&element, in[matrix * 8 + i] + sizeof(element) * j, sizeof(element));
                return element;
            };
            for (int lane = 0; lane < 32; lane++)
                for (int m = 0; m < 4; m++) {
                    int i = lane / 4, j = 2 * (lane % 4);
                    unsigned low = TRANSPOSED ? at(m, j, i) : at(m, i, j), high = TRANSPOSED ? at(m, j + 1, i) : at(m, i, j + 1);
                    unsigned pair = low | high << 16;
                    memcpy(out[lane] + 4 * m, &pair, 4);
                }
        },
        nullptr);
}

/* 16 bytes from global to shared memory, the first used of them read and the rest zero. */
inline void copy16_async(void *to, const void *from, int used) { emulated::copy_async(to, from, 16, used, RONDO_PLACE); }
inline void copy4_async(void *to, const void *from, bool used) { emulated::copy_async(to, from, 4, used ? 4 : 0, RONDO_PLACE); }
inline void copy_commit() { emulated::copy_commit(); }
template <int PENDING> inline void copy_wait() { emulated::copy_wait(PENDING); }

/* 16 bytes that are read once and by nobody else, past the first cache. */
inline uint4 load16_once(const void *from)
{
    if ((uintptr_t) from % 16) emulated::fail("a load of 16 bytes at a misaligned address");
    return *static_cast<const uint4 *>(from);
}

/* The unsigned byte i of a word as the low byte of the float 2^23 + byte. */
inline float byte_over_2_23(unsigned word, int i) { return __uint_as_float(0x4b000000u | (word >> 8 * i & 0xff)); }

#else

__device__ __forceinline__ unsigned narrow2(float low, float high)
{
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}
__device__ __forceinline__ void forget(int &value) { asm volatile("" : "+r"(value)); }
template <class V> __device__ __forceinline__ V load_as(const void *from) { return *reinterpret_cast<const V *>(from); }
template <class V> __device__ __forceinline__ void store_as(void *to, V value) { *reinterpret_cast<V *>(to) = value; }
__device__ __forceinline__ uint16_t narrow(float x) { return (uint16_t) narrow2(x, 0); }
__device__ __forceinline__ float exp2_approximate(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
__device__ __forceinline__ void mma_bf16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ unsigned shared_address(const void *p) { return (unsigned) __cvta_generic_to_shared(p); }
template <bool TRANSPOSED> __device__ __forceinline__ void ldmatrix4(unsigned (&r)[4], const void *row)
{
    unsigned address = shared_address(row);
    if constexpr (TRANSPOSED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
__device__ __forceinline__ void copy16_async(void *to, const void *from, int used)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(used) : "memory");
}
__device__ __forceinline__ void copy4_async(void *to, const void *from, bool used)
{
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(to)), "l"(from), "r"(used ? 4 : 0) : "memory");
}
__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING> __device__ __forceinline__ void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory"); }
__device__ __forceinline__ uint4 load16_once(const void *from)
{
    uint4 x;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w) : "l"(from));
    return x;
}
__device__ __forceinline__ float byte_over_2_23(unsigned word, int i)
{
    return __uint_as_float(__byte_perm(word, 0x4b000000u, 0x7650 + i));
}

#endif

/* Two bf16 of one register as float: the one at the lower address, the one at the higher. */
__device__ __forceinline__ float low(unsigned pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }

/* Elements of either type as float. */
__device__ __forceinline__ float get(float x) { return x; }
__device__ __forceinline__ float get(uint16_t x) { return widen(x); }
__device__ __forceinline__ void put(float *to, float x) { *to = x; }
__device__ __forceinline__ void put(uint16_t *to, float x) { *to = narrow(x); }

#endif
