/*
 * fake_cublaslt.cpp: a stand-in for libcublasLt on the host, for the tests of cuda/cublaslt.cu on the emulator (RONDO_CUBLASLT).
 *
 * Column-major products by plain loops in double, as the descriptors say: types, operations, leading dimensions, batches, alpha
 * and beta. Refuses what the real library refuses: attributes it does not know or of another size, layouts whose shapes do not
 * meet, leading dimensions below the rows, a product without the algorithm and workspace that its heuristic asked for. It has no
 * algorithm for a depth of 77, so that a refusal can be tested. Numbers are those of NVIDIA's documentation, written down apart
 * from cublaslt.cu.
 */
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define API extern "C" __attribute__((visibility("default")))

namespace {

constexpr int OK = 0, INVALID = 7, NOT_SUPPORTED = 15, NO_ALGORITHM_DEPTH = 77;
constexpr uint64_t MARK = 0x52444f464b414c47;
constexpr size_t WANTED_WORKSPACE = 4096;

struct Descriptor {
    int32_t operation_a = 0, operation_b = 0;
};
struct Layout {
    int type;
    uint64_t rows, columns;
    int64_t ld, offset = 0;
    int32_t batch = 1;
};
struct Preference {
    uint64_t workspace = 0;
    uint32_t reductions = 7, alignment[4] = {256, 256, 256, 256};
};
struct Algorithm {
    uint64_t data[8];
};
struct Result {
    Algorithm algorithm;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

std::atomic<long> calls;

template <class T> int set(T &to, const void *value, size_t bytes)
{
    if (!value || bytes != sizeof(T)) return INVALID;
    memcpy(&to, value, bytes);
    return OK;
}

float get(const void *data, int type, int64_t i)
{
    if (type == 0) return static_cast<const float *>(data)[i];
    uint32_t bits = (uint32_t) static_cast<const uint16_t *>(data)[i] << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

void put(void *data, int type, int64_t i, float x)
{
    if (type == 0) {
        static_cast<float *>(data)[i] = x;
        return;
    }
    uint32_t bits;
    memcpy(&bits, &x, 4);
    static_cast<uint16_t *>(data)[i] = x != x ? 0x7fff : (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

bool same_shape(const Layout &x, const Layout &y) { return x.rows == y.rows && x.columns == y.columns && x.batch == y.batch; }

/* Shapes that meet, and types that the library knows: both operands f32 and the result too, or both bf16 and the result either. */
bool agrees(const Descriptor &d, const Layout &a, const Layout &b, const Layout &c, const Layout &out)
{
    uint64_t m = d.operation_a ? a.columns : a.rows, k = d.operation_a ? a.rows : a.columns;
    uint64_t depth = d.operation_b ? b.columns : b.rows, n = d.operation_b ? b.rows : b.columns;
    if (k != depth || m != out.rows || n != out.columns || !same_shape(c, out) || c.type != out.type) return false;
    if (a.batch != out.batch || b.batch != out.batch || a.type != b.type || (a.type == 0 && out.type != 0)) return false;
    for (const Layout *l : {&a, &b, &c, &out})
        if (l->ld < (int64_t) l->rows) return false;
    return true;
}

bool aligned(const void *data, uint64_t bytes) { return (uintptr_t) data % bytes == 0; }

} // namespace

API long fake_cublaslt_calls() { return calls; }

API size_t cublasLtGetVersion() { return 130203; }
API int cublasLtCreate(void **handle) { return *handle = new uint64_t(MARK), OK; }
API int cublasLtDestroy(void *handle) { return delete static_cast<uint64_t *>(handle), OK; }

API int cublasLtMatmulDescCreate(Descriptor **d, int compute, int scale)
{
    if (compute != 68 || scale != 0) return NOT_SUPPORTED;
    return *d = new Descriptor(), OK;
}
API int cublasLtMatmulDescDestroy(Descriptor *d) { return delete d, OK; }
API int cublasLtMatmulDescSetAttribute(Descriptor *d, int attribute, const void *value, size_t bytes)
{
    int code = attribute == 3 ? set(d->operation_a, value, bytes) : attribute == 4 ? set(d->operation_b, value, bytes) : INVALID;
    return code == OK && (d->operation_a | d->operation_b) > 1 ? INVALID : code;
}

API int cublasLtMatrixLayoutCreate(Layout **l, int type, uint64_t rows, uint64_t columns, int64_t ld)
{
    if (type != 0 && type != 14) return NOT_SUPPORTED;
    return *l = new Layout{type, rows, columns, ld}, OK;
}
API int cublasLtMatrixLayoutDestroy(Layout *l) { return delete l, OK; }
API int cublasLtMatrixLayoutSetAttribute(Layout *l, int attribute, const void *value, size_t bytes)
{
    return attribute == 5 ? set(l->batch, value, bytes) : attribute == 6 ? set(l->offset, value, bytes) : INVALID;
}

API int cublasLtMatmulPreferenceCreate(Preference **p) { return *p = new Preference(), OK; }
API int cublasLtMatmulPreferenceDestroy(Preference *p) { return delete p, OK; }
API int cublasLtMatmulPreferenceSetAttribute(Preference *p, int attribute, const void *value, size_t bytes)
{
    if (attribute == 1) return set(p->workspace, value, bytes);
    if (attribute == 3) return set(p->reductions, value, bytes);
    return attribute >= 5 && attribute <= 8 ? set(p->alignment[attribute - 5], value, bytes) : INVALID;
}

API int cublasLtMatmulAlgoGetHeuristic(void *handle, Descriptor *d, Layout *a, Layout *b, Layout *c, Layout *out, Preference *p, int wanted,
    Result *results, int *count)
{
    *count = 0;
    if (*static_cast<uint64_t *>(handle) != MARK || wanted < 1) return INVALID;
    if (!agrees(*d, *a, *b, *c, *out) || p->workspace < WANTED_WORKSPACE) return NOT_SUPPORTED;
    if ((d->operation_a ? a->rows : a->columns) == NO_ALGORITHM_DEPTH) return NOT_SUPPORTED;
    results[0] = {{{MARK, p->alignment[0], p->alignment[1], p->alignment[2], p->alignment[3]}}, WANTED_WORKSPACE, OK, 1, {}};
    *count = 1;
    return OK;
}

API int cublasLtMatmul(void *handle, Descriptor *d, const float *alpha, const void *a, Layout *la, const void *b, Layout *lb,
    const float *beta, const void *c, Layout *lc, void *out, Layout *lo, const Algorithm *algorithm, void *workspace,
    size_t workspace_bytes, void *)
{
    calls++;
    if (*static_cast<uint64_t *>(handle) != MARK || !agrees(*d, *la, *lb, *lc, *lo)) return INVALID;
    if (algorithm->data[0] != MARK || !workspace || workspace_bytes < WANTED_WORKSPACE) return INVALID;
    const void *matrices[] = {a, b, c, out};
    for (int i = 0; i < 4; i++)
        if (!aligned(matrices[i], algorithm->data[1 + i])) return INVALID;
    int64_t depth = (int64_t) (d->operation_a ? la->rows : la->columns);
    for (int64_t e = 0; e < lo->batch; e++)
        for (int64_t j = 0; j < (int64_t) lo->columns; j++)
            for (int64_t i = 0; i < (int64_t) lo->rows; i++) {
                double sum = 0;
                for (int64_t p = 0; p < depth; p++) {
                    float x = get(a, la->type, e * la->offset + (d->operation_a ? i * la->ld + p : p * la->ld + i));
                    float y = get(b, lb->type, e * lb->offset + (d->operation_b ? p * lb->ld + j : j * lb->ld + p));
                    sum += (double) x * y;
                }
                float value = (float) (*alpha * sum);
                if (*beta != 0) value += *beta * get(c, lc->type, e * lc->offset + j * lc->ld + i);
                put(out, lo->type, e * lo->offset + j * lo->ld + i, value);
            }
    return OK;
}
