/*
 * matvec.c: products of few rows with a weight [n, k] whose rows are contiguous (decoding): dot products along the depth.
 *
 * out[i, j] = alpha * sum over p of a[i, p] * b[j, p] + beta * c. Up to three rows read the weights straight from memory, each
 * once, with ROWS * 4 vector sums: bound by the bandwidth of reading b, bf16 widening on the way. More rows (up to FEW) go in
 * groups of three over four weight rows that were first gathered, widened and interleaved in scratch, as the rows of a were: all
 * later reads run through the nearest caches in sequence, whatever the leading dimensions.
 * Limit: depth at most MOST_DEPTH, else the blocked product is used.
 */
#include <string.h>

#include "product.h"
#include "simd.h"

enum { FEW = 16, COLUMNS = 4, GROUP = 3, CHUNK_ELEMENTS = 65536, MOST_DEPTH = 65536 };

struct job {
    const struct product *product;
    /* f32 rows of a, a_ld apart; or, when gathered, groups of rows interleaved by vectors, depth padded to whole vectors. */
    const float *a;
    int64_t a_ld, chunk, padded;
    int gathered;
};

INLINE vf load_as(const void *data, int64_t index, int32_t type)
{
    return type == RONDO_F32 ? load((const float *) data + index) : load_bf16((const uint16_t *) data + index);
}
INLINE float load_one(const void *data, int64_t index, int32_t type)
{
    return type == RONDO_F32 ? ((const float *) data)[index] : widen_one(((const uint16_t *) data)[index]);
}

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
        UNROLL for (int r = 0; r < rows; r++) x[r] = load(a + r * job->a_ld + at);
        UNROLL for (int c = 0; c < columns; c++) {
            vf w = load_as(b, c * ld + at, type);
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
    if (job->product->m == 3) dots(job, 0, j, 3, columns, type);
    else if (job->product->m == 2) dots(job, 0, j, 2, columns, type);
    else dots(job, 0, j, 1, columns, type);
}

INLINE void range(const struct job *job, int64_t chunk, int32_t type)
{
    int64_t j = chunk * job->chunk, end = least(j + job->chunk, job->product->n);
    for (; j + COLUMNS <= end; j += COLUMNS) columns_of(job, j, COLUMNS, type);
    for (; j < end; j++) columns_of(job, j, 1, type);
}

/* to[(p/VW*count + i)*VW + p%VW] = element p of row i, i < present; zero beyond the depth. */
INLINE void interleave(struct operand rows, int64_t step, int64_t present, int64_t count, int64_t k, int32_t type, float *to)
{
    for (int64_t i = 0; i < present; i++) {
        int64_t p = 0;
        for (; p + VW <= k; p += VW) store(to + p * count + i * VW, load_as(rows.data, i * step + p, type));
        for (int64_t v = 0; p < k && v < VW; v++) to[p * count + i * VW + v] = p + v < k ? load_one(rows.data, i * step + p + v, type) : 0;
    }
}

static void interleave_rows(struct operand rows, int64_t step, int64_t present, int64_t count, int64_t k, float *to)
{
    if (rows.type == RONDO_F32) interleave(rows, step, present, count, k, RONDO_F32, to);
    else interleave(rows, step, present, count, k, RONDO_BF16, to);
}

/* Rows of the group that begins at row i: three, but no group of one where two pairs do. */
static int64_t group_rows(int64_t m, int64_t i) { return m - i == 4 ? 2 : least(GROUP, m - i); }

/* rows x COLUMNS dot products of interleaved rows and weights, of which the first columns are wanted. */
INLINE void gathered_dots(const struct job *job, const float *a, const float *w, int64_t i, int64_t j, int64_t columns, int rows)
{
    vf sum[GROUP][COLUMNS] = {{{0}}};
    for (int64_t p = 0; p < job->padded; p += VW, a += rows * VW, w += COLUMNS * VW) {
        vf x[GROUP];
        UNROLL for (int r = 0; r < rows; r++) x[r] = load(a + r * VW);
        UNROLL for (int c = 0; c < COLUMNS; c++) {
            vf weight = load(w + c * VW);
            UNROLL for (int r = 0; r < rows; r++) sum[r][c] += x[r] * weight;
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int c = 0; c < COLUMNS; c++)
            if (c < columns) put(job->product, i + r, j + c, lane_sum(sum[r][c]));
}

static void gathered_range(const struct job *job, int64_t chunk, float *w)
{
    const struct product *p = job->product;
    int64_t end = least((chunk + 1) * job->chunk, p->n);
    for (int64_t j = chunk * job->chunk; j < end; j += COLUMNS) {
        int64_t columns = least(COLUMNS, end - j);
        if (columns < COLUMNS) memset(w, 0, COLUMNS * job->padded * sizeof(float));
        interleave_rows(operand_at(p->b, 0, j), p->b.column, columns, COLUMNS, p->k, w);
        const float *a = job->a;
        for (int64_t i = 0, rows; i < p->m; i += rows, a += rows * job->padded) {
            rows = group_rows(p->m, i);
            if (rows == 3) gathered_dots(job, a, w, i, j, columns, 3);
            else if (rows == 2) gathered_dots(job, a, w, i, j, columns, 2);
            else gathered_dots(job, a, w, i, j, columns, 1);
        }
    }
}

static void multiply_columns(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    if (j->gathered) gathered_range(j, chunk, scratch);
    else if (j->product->b.type == RONDO_F32) range(j, chunk, RONDO_F32);
    else range(j, chunk, RONDO_BF16);
}

int K(few_rows_fit)(const struct product *job)
{
    return job->m <= FEW && !job->lower && job->a.column == 1 && job->b.row == 1 && job->k <= MOST_DEPTH;
}

void K(few_rows_product)(rondo_stream *s, const struct product *product, float *scratch)
{
    struct job job = {.product = product, .a = product->a.data, .a_ld = product->a.row, .padded = round_up(product->k, VW)};
    /* Rows of a that need scratch lie in the stream's, or behind what this thread's tasks use when it works alone. */
    float *rows = s ? rondo_shared_scratch(s) : scratch + COLUMNS * job.padded;
    job.gathered = product->m > GROUP;
    if (job.gathered) {
        float *to = rows;
        for (int64_t i = 0, count; i < product->m; i += count, to += count * job.padded) {
            count = group_rows(product->m, i);
            interleave_rows(operand_at(product->a, i, 0), product->a.row, count, count, product->k, to);
        }
        job.a = rows;
    } else if (product->a.type == RONDO_BF16) {
        for (int64_t i = 0; i < product->m; i++) interleave_rows(operand_at(product->a, i, 0), 0, 1, 1, product->k, rows + i * job.padded);
        job.a = rows;
        job.a_ld = job.padded;
    }
    job.chunk = most(COLUMNS, round_up(pieces(CHUNK_ELEMENTS, product->k), COLUMNS));
    int64_t chunks = pieces(product->n, job.chunk);
    if (s) rondo_parallel(s, chunks, product->m * product->n * product->k / 4, multiply_columns, &job);
    else
        for (int64_t chunk = 0; chunk < chunks; chunk++) multiply_columns(&job, chunk, scratch);
}
