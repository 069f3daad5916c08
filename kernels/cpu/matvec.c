/*
 * matvec.c: products of few rows with a weight [n, k] whose rows are contiguous (decoding): dot products along the depth.
 *
 * out[i, j] = alpha * sum over p of a[i, p] * b[j, p] + beta * c. Nothing is packed: tiles of up to GROUP rows by COLUMNS weights
 * keep their vector sums in registers; the first group reads the weights from memory, the others from the cache; bf16 widens on
 * the way (rows of a once, into scratch). Bound by the bandwidth of reading b up to about four rows. At most FEW rows and
 * MOST_DEPTH of depth, else the blocked product.
 */
#include "product.h"

enum { FEW = 16, COLUMNS = 4, GROUP = 3, CHUNK_ELEMENTS = 65536, MOST_DEPTH = 32768 };

_Static_assert(FEW * MOST_DEPTH <= RONDO_THREAD_SCRATCH, "widened rows fit");

struct job {
    const struct product *product;
    const float *a;
    int64_t a_ld, chunk;
};

static void put(const struct product *p, int64_t i, int64_t j, float sum)
{
    float value = p->alpha * sum;
    if (p->out_type == RONDO_F32) {
        if (p->beta != 0) value += p->beta * ((const float *) p->c)[i * p->c_ld + j];
        ((float *) p->out)[i * p->out_ld + j] = value;
    } else {
        if (p->beta != 0) value += p->beta * widen_one(((const uint16_t *) p->c)[i * p->c_ld + j]);
        ((uint16_t *) p->out)[i * p->out_ld + j] = narrow_one(value);
    }
}

/* rows x columns dot products, at a row i and a column j. */
INLINE void dots(const struct job *job, int64_t i, int64_t j, int rows, int columns, int32_t type)
{
    const struct product *p = job->product;
    const float *a = job->a + i * job->a_ld;
    int64_t k = p->k, ld = p->b.column, at = 0;
    const char *b = (const char *) p->b.data + j * ld * (type == RONDO_F32 ? 4 : 2);
    vf sum[GROUP][COLUMNS] = {{{0}}};
    for (; at + VW <= k; at += VW) {
        vf x[GROUP];
        UNROLL for (int r = 0; r < rows; r++) {
            x[r] = load(a + r * job->a_ld + at);
            KEEP(x[r]);
        }
        UNROLL for (int c = 0; c < columns; c++) {
            vf w = load_as(b, c * ld + at, type);
            KEEP(w);
            UNROLL for (int r = 0; r < rows; r++) sum[r][c] += x[r] * w;
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int c = 0; c < columns; c++) {
            float total = lane_sum(sum[r][c]);
            for (int64_t q = at; q < k; q++) total += a[r * job->a_ld + q] * load_one(b, c * ld + q, type);
            put(p, i + r, j + c, total);
        }
}

INLINE void columns_of(const struct job *job, int64_t j, int columns, int32_t type)
{
    int64_t m = job->product->m, i = 0;
    /* Groups of three, but no group of one where two pairs do. */
    for (; i + 3 <= m && m - i != 4; i += 3) dots(job, i, j, 3, columns, type);
    for (; i + 2 <= m; i += 2) dots(job, i, j, 2, columns, type);
    if (i < m) dots(job, i, j, 1, columns, type);
}

INLINE void range(const struct job *job, int64_t chunk, int32_t type)
{
    int64_t j = chunk * job->chunk, end = least(j + job->chunk, job->product->n);
    for (; j + COLUMNS <= end; j += COLUMNS) columns_of(job, j, COLUMNS, type);
    for (; j < end; j++) columns_of(job, j, 1, type);
}

static void multiply_columns(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    if (j->product->b.type == RONDO_F32) range(j, chunk, RONDO_F32);
    else range(j, chunk, RONDO_BF16);
}

int K(few_rows_fit)(const struct product *job)
{
    return job->m <= FEW && !job->lower && job->a.column == 1 && job->b.row == 1 && job->k <= MOST_DEPTH;
}

void K(few_rows_product)(rondo_stream *s, const struct product *product, float *scratch)
{
    struct job job = {.product = product, .a = product->a.data, .a_ld = product->a.row};
    if (product->a.type == RONDO_BF16) {
        /* The caller's scratch holds the widened rows while the workers read them; the tasks use none of theirs. */
        for (int64_t i = 0; i < product->m; i++)
            for (int64_t p = 0; p < product->k; p++)
                scratch[i * product->k + p] = widen_one(((const uint16_t *) product->a.data)[i * product->a.row + p]);
        job.a = scratch;
        job.a_ld = product->k;
    }
    job.chunk = most(COLUMNS, round_up(pieces(CHUNK_ELEMENTS, product->k), COLUMNS));
    int64_t chunks = pieces(product->n, job.chunk);
    if (s) rondo_parallel(s, chunks, product->m * product->n * product->k / 4, multiply_columns, &job);
    else
        for (int64_t chunk = 0; chunk < chunks; chunk++) multiply_columns(&job, chunk, scratch);
}
