/*
 * cublaslt.cu: products by cuBLASLt. See cublaslt.h for where it is looked for.
 *
 * Rondo's matrices are row-major and the library's column-major, so it is asked for out^T = op(b)^T * op(a)^T: its A is b and its B
 * is a, with the same leading dimensions and transposes. Sums that it splits along the depth must stay f32 and be added in a step of
 * their own: then the result depends on the arguments alone. f32 operands are multiplied as f32, not TF32.
 *
 * Of its epilogues beta * C is used, for residuals and for gradients that accumulate. The others have no place here: a bias goes with the
 * rotation that follows it, a norm takes in the residual sum, and a gated SiLU of two halves of a row is none of its functions.
 *
 * What the library needs to know of a product (descriptors, and the algorithm its heuristic names) is kept in a table of the
 * stream, by everything but addresses; a full table starts over. The heuristic enqueues nothing, so a product may be first met
 * while the stream captures.
 */
#include "cublaslt.h"
#include "product.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>

/* Of NVIDIA's interface what is used here: the values and layouts of cublasLt.h, the same in versions 12 and 13. */
using Status = int;
struct Algorithm {
    uint64_t data[8];
};
struct Heuristic {
    Algorithm algorithm;
    size_t workspace;
    Status state;
    float waves;
    int reserved[4];
};
static_assert(sizeof(Heuristic) == 96, "cublasLtMatmulHeuristicResult_t");
enum : int {
    STATUS_SUCCESS = 0,
    TYPE_F32 = 0, TYPE_BF16 = 14,
    COMPUTE_F32 = 68,
    OPERATION_PLAIN = 0, OPERATION_TRANSPOSED = 1,
    MATMUL_TRANSPOSE_A = 3, MATMUL_TRANSPOSE_B = 4,
    LAYOUT_BATCH_COUNT = 5, LAYOUT_BATCH_OFFSET = 6,
    PREFERENCE_WORKSPACE = 1, PREFERENCE_REDUCTIONS = 3,
    PREFERENCE_ALIGNMENT_A = 5, PREFERENCE_ALIGNMENT_B = 6, PREFERENCE_ALIGNMENT_C = 7, PREFERENCE_ALIGNMENT_D = 8,
    REDUCTION_COMPUTE_TYPE = 2
};

/* Functions of the library; opaque pointers are void *. */
#define FUNCTIONS(X) \
    X(size_t, GetVersion, (void)) \
    X(Status, Create, (void **handle)) \
    X(Status, Destroy, (void *handle)) \
    X(Status, MatmulDescCreate, (void **matmul, int compute_type, int scale_type)) \
    X(Status, MatmulDescDestroy, (void *matmul)) \
    X(Status, MatmulDescSetAttribute, (void *matmul, int attribute, const void *value, size_t bytes)) \
    X(Status, MatrixLayoutCreate, (void **layout, int type, uint64_t rows, uint64_t columns, int64_t ld)) \
    X(Status, MatrixLayoutDestroy, (void *layout)) \
    X(Status, MatrixLayoutSetAttribute, (void *layout, int attribute, const void *value, size_t bytes)) \
    X(Status, MatmulPreferenceCreate, (void **preference)) \
    X(Status, MatmulPreferenceDestroy, (void *preference)) \
    X(Status, MatmulPreferenceSetAttribute, (void *preference, int attribute, const void *value, size_t bytes)) \
    X(Status, MatmulAlgoGetHeuristic, (void *handle, void *matmul, void *a, void *b, void *c, void *d, void *preference, int wanted, \
        Heuristic *found, int *count)) \
    X(Status, Matmul, (void *handle, void *matmul, const void *alpha, const void *a, void *a_layout, const void *b, void *b_layout, \
        const void *beta, const void *c, void *c_layout, void *d, void *d_layout, const Algorithm *algorithm, void *workspace, \
        size_t workspace_bytes, cudaStream_t stream))

namespace {

constexpr size_t WORKSPACE = 32 << 20;
constexpr int SLOTS = 1024, MOST_PLANS = SLOTS / 2;

struct Library {
#define FIELD(result, name, parameters) result(*name) parameters;
    FUNCTIONS(FIELD)
#undef FIELD
    bool present = false;
    /* Why the library that RONDO_CUBLASLT names is not present. */
    char trouble[256] = "";
    char name[32] = "";
    char description[64] = "products by Rondo's own kernels";

    /* Opens a library that has all functions. Whether it works with the driver, a stream finds out: that makes a context. */
    bool open(const char *path)
    {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            snprintf(trouble, sizeof(trouble), "%s", dlerror());
            return false;
        }
#define FIND(result, name, parameters) \
    name = reinterpret_cast<result(*) parameters>(dlsym(library, "cublasLt" #name)); \
    if (!name) { \
        snprintf(trouble, sizeof(trouble), "%s lacks cublasLt" #name, path); \
        dlclose(library); \
        return false; \
    }
        FUNCTIONS(FIND)
#undef FIND
        unsigned version = (unsigned) GetVersion();
        snprintf(name, sizeof(name), "cuBLASLt %u.%u.%u", version / 10000, version / 100 % 100, version % 100);
        snprintf(description, sizeof(description), "products by %s", name);
        trouble[0] = 0;
        return present = true;
    }

    Library()
    {
        const char *asked = getenv("RONDO_CUBLASLT");
        if (asked && *asked) {
            if (strcmp(asked, "none") != 0 && !open(asked)) snprintf(description, sizeof(description), "RONDO_CUBLASLT cannot be used");
            return;
        }
#ifndef RONDO_EMULATED
        char folder[256] = "";
        const char *toolkit = getenv("CUDA_PATH");
        if (toolkit && strlen(toolkit) < 200) snprintf(folder, sizeof(folder), "%s/lib64/", toolkit);
        for (const char *where : {"", static_cast<const char *>(folder), "/usr/local/cuda/lib64/"})
            for (const char *file : {"libcublasLt.so.13", "libcublasLt.so.12"}) {
                char path[320];
                snprintf(path, sizeof(path), "%s%s", where, file);
                if (open(path)) return;
            }
        trouble[0] = 0;
#endif
    }
};

const Library &library()
{
    static const Library found;
    return found;
}

/* All that a plan depends on; compared and hashed as bytes. */
struct Key {
    int64_t batch, m, n, k, a_ld, a_step, b_ld, b_step, c_ld, c_step, out_ld, out_step;
    int32_t a_type, b_type, out_type, a_transposed, b_transposed, with_c;
    int32_t a_alignment, b_alignment, c_alignment, out_alignment;
};
static_assert(sizeof(Key) == 12 * 8 + 10 * 4, "no bytes between the fields");

struct Plan {
    Key key;
    bool used, fits;
    void *matmul, *a, *b, *c, *d;
    Algorithm algorithm;
};

} // namespace

struct Cublaslt {
    void *handle, *workspace;
    int plans;
    Plan slots[SLOTS];
};

const char *cublaslt_describe() { return library().description; }

int32_t cublaslt_open(Cublaslt **lt)
{
    const Library &l = library();
    *lt = nullptr;
    if (l.trouble[0]) return rondo_fail(RONDO_INVALID, "RONDO_CUBLASLT: %s; expected a libcublasLt that works here, or none", l.trouble);
    if (!l.present) return RONDO_OK;
    Cublaslt *opened = new Cublaslt();
    *lt = opened;
    Status status = l.Create(&opened->handle);
    if (status != STATUS_SUCCESS)
        return rondo_fail(RONDO_DEVICE_ERROR, "rondo_stream_create: cublasLtCreate of %s: status %d; RONDO_CUBLASLT=none does without",
            l.name, status);
    if (cudaMalloc(&opened->workspace, WORKSPACE) != cudaSuccess)
        return rondo_fail(RONDO_NO_MEMORY, "rondo_stream_create: %zu bytes of workspace for cuBLASLt: %s", WORKSPACE,
            cudaGetErrorString(cudaGetLastError()));
    return RONDO_OK;
}

static void forget(Plan &plan)
{
    const Library &l = library();
    if (plan.matmul) l.MatmulDescDestroy(plan.matmul);
    for (void *layout : {plan.a, plan.b, plan.c, plan.d})
        if (layout) l.MatrixLayoutDestroy(layout);
    plan = {};
}

void cublaslt_close(Cublaslt *lt)
{
    if (!lt) return;
    for (Plan &plan : lt->slots) forget(plan);
    if (lt->workspace) cudaFree(lt->workspace);
    if (lt->handle) library().Destroy(lt->handle);
    delete lt;
}

static int data_type(int32_t type) { return type == RONDO_F32 ? TYPE_F32 : TYPE_BF16; }

/* The greatest power of two up to 64 at which it lies. */
static int32_t alignment(const void *address)
{
    uintptr_t bits = (uintptr_t) address | 64;
    return (int32_t) (bits & -bits);
}

static Key key_of(const Product &p)
{
    int64_t several = p.batch > 1;
    bool with_c = p.beta != 0;
    return {p.batch, p.m, p.n, p.k, p.a.ld, several * p.a.step, p.b.ld, several * p.b.step, with_c ? p.c_ld : p.out_ld,
        several * (with_c ? p.c_step : p.out_step), p.out_ld, several * p.out_step, p.a.type, p.b.type, p.out_type, p.a.transposed != 0,
        p.b.transposed != 0, with_c, alignment(p.a.data), alignment(p.b.data), alignment(with_c ? p.c : p.out), alignment(p.out)};
}

/* A layout of one matrix as the library sees it, a column of ours being a row of its. */
static bool lay_out(void **layout, int32_t type, int64_t rows, int64_t columns, int64_t ld, int64_t batch, int64_t step)
{
    const Library &l = library();
    if (l.MatrixLayoutCreate(layout, data_type(type), (uint64_t) rows, (uint64_t) columns, ld) != STATUS_SUCCESS) return false;
    int32_t count = (int32_t) batch;
    return batch == 1
        || (l.MatrixLayoutSetAttribute(*layout, LAYOUT_BATCH_COUNT, &count, sizeof(count)) == STATUS_SUCCESS
            && l.MatrixLayoutSetAttribute(*layout, LAYOUT_BATCH_OFFSET, &step, sizeof(step)) == STATUS_SUCCESS);
}

/* Whether the library has an algorithm for the plan's key; then the plan holds it. */
static bool prepare(Cublaslt *lt, Plan &plan)
{
    const Library &l = library();
    const Key &key = plan.key;
    if (key.batch > INT32_MAX) return false;
    int32_t transpose_a = key.a_transposed ? OPERATION_TRANSPOSED : OPERATION_PLAIN;
    int32_t transpose_b = key.b_transposed ? OPERATION_TRANSPOSED : OPERATION_PLAIN;
    bool described = l.MatmulDescCreate(&plan.matmul, COMPUTE_F32, TYPE_F32) == STATUS_SUCCESS
        && l.MatmulDescSetAttribute(plan.matmul, MATMUL_TRANSPOSE_A, &transpose_b, sizeof(transpose_b)) == STATUS_SUCCESS
        && l.MatmulDescSetAttribute(plan.matmul, MATMUL_TRANSPOSE_B, &transpose_a, sizeof(transpose_a)) == STATUS_SUCCESS
        && lay_out(&plan.a, key.b_type, key.b_transposed ? key.k : key.n, key.b_transposed ? key.n : key.k, key.b_ld, key.batch, key.b_step)
        && lay_out(&plan.b, key.a_type, key.a_transposed ? key.m : key.k, key.a_transposed ? key.k : key.m, key.a_ld, key.batch, key.a_step)
        && lay_out(&plan.c, key.out_type, key.n, key.m, key.c_ld, key.batch, key.c_step)
        && lay_out(&plan.d, key.out_type, key.n, key.m, key.out_ld, key.batch, key.out_step);
    void *preference = nullptr;
    if (!described || l.MatmulPreferenceCreate(&preference) != STATUS_SUCCESS) return false;
    uint64_t workspace = WORKSPACE;
    uint32_t reductions = REDUCTION_COMPUTE_TYPE;
    auto prefer = [&](int attribute, const auto &value) {
        return l.MatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)) == STATUS_SUCCESS;
    };
    Heuristic found = {};
    int count = 0;
    bool fits = prefer(PREFERENCE_WORKSPACE, workspace) && prefer(PREFERENCE_REDUCTIONS, reductions)
        && prefer(PREFERENCE_ALIGNMENT_A, (uint32_t) key.b_alignment) && prefer(PREFERENCE_ALIGNMENT_B, (uint32_t) key.a_alignment)
        && prefer(PREFERENCE_ALIGNMENT_C, (uint32_t) key.c_alignment) && prefer(PREFERENCE_ALIGNMENT_D, (uint32_t) key.out_alignment)
        && l.MatmulAlgoGetHeuristic(lt->handle, plan.matmul, plan.a, plan.b, plan.c, plan.d, preference, 1, &found, &count)
            == STATUS_SUCCESS
        && count == 1 && found.state == STATUS_SUCCESS && found.workspace <= WORKSPACE;
    l.MatmulPreferenceDestroy(preference);
    plan.algorithm = found.algorithm;
    return fits;
}

static Plan &plan_for(Cublaslt *lt, const Key &key)
{
    uint64_t hash = 0xcbf29ce484222325u;
    const unsigned char *bytes = reinterpret_cast<const unsigned char *>(&key);
    for (size_t i = 0; i < sizeof(key); i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    if (lt->plans >= MOST_PLANS) {
        for (Plan &plan : lt->slots) forget(plan);
        lt->plans = 0;
    }
    size_t slot = (hash ^ hash >> 32) % SLOTS;
    while (lt->slots[slot].used && memcmp(&lt->slots[slot].key, &key, sizeof(key)) != 0) slot = (slot + 1) % SLOTS;
    Plan &plan = lt->slots[slot];
    if (plan.used) return plan;
    lt->plans++;
    plan.key = key;
    plan.used = true;
    plan.fits = prepare(lt, plan);
    return plan;
}

static Status enqueue(rondo_stream *s, const Product &p)
{
    const Plan &plan = plan_for(s->cublaslt, key_of(p));
    const void *c = p.beta != 0 ? p.c : p.out;
    return library().Matmul(s->cublaslt->handle, plan.matmul, &p.alpha, p.b.data, plan.a, p.a.data, plan.b, &p.beta, c, plan.c, p.out,
        plan.d, &plan.algorithm, s->cublaslt->workspace, WORKSPACE, s->stream);
}

int32_t cublaslt_product(rondo_stream *s, const Product &p, bool *done)
{
    *done = p.k > 0 && plan_for(s->cublaslt, key_of(p)).fits;
    if (!*done) return RONDO_OK;
#ifdef RONDO_EMULATED
    /* A library on the host computes at once; the emulator orders it, and records it, like a kernel. */
    emulated::launch("cublasLtMatmul", 1, 1, 0, s->stream, [=] {
        Status status = enqueue(s, p);
        if (status != STATUS_SUCCESS) emulated::fail("cublasLtMatmul: status %d", status);
    });
#else
    Status status = enqueue(s, p);
    if (status != STATUS_SUCCESS) return rondo_fail(RONDO_DEVICE_ERROR, "rondo_matmul: cublasLtMatmul: status %d", status);
#endif
    return RONDO_OK;
}
