/*
 * product.c: out = alpha*a*b + beta*c by register tiles over packed operands.
 *
 * A panel is a part of b's depth over all columns, or over as many as the buffer holds. It is packed once into slivers of NR
 * columns, each contiguous along the depth. Then tasks of at most MC rows walk over its depth in blocks of KC: MC x KC of a,
 * packed, stays in the second-level cache, KC x NR of b in the first, and MR x NR of out in registers. Later parts of the depth
 * add to the first. bf16 operands widen while packed; a bf16 result is summed at full depth in f32 scratch and narrowed at the
 * end, so its panels are of some columns. Traffic: each packed element of b is used MC times, each of a once per column of the
 * panel, and out moves once per block of depth.
 *
 * Tasks are cut by shape alone. Limit: the depth of a bf16 result is at most RONDO_MOST_BF16_DEPTH.
 */
#include <string.h>

#include "product.h"
#include "tile.h"

enum { KC = 256, MC = 96, BF16_COLUMNS = 256, SPAN = 256 };
enum { LEAST_PANEL = 256 * 1024, MOST_PANEL = 1024 * 1024 };
/* Parts of a thread's scratch: packed a, f32 tile of a bf16 result, packed b when the thread works alone. */
enum { A_FLOATS = MC * KC + 64, C_FLOATS = MC * BF16_COLUMNS, B_FLOATS = RONDO_THREAD_SCRATCH - A_FLOATS - C_FLOATS };

_Static_assert(MC % MR == 0, "a row tile holds whole register tiles");

struct panel {
    const struct product *job;
    float *b;
    /* First column, columns, depth; rows of a task and their number; columns of a task and their number. */
    int64_t j0, columns, depth_start, depth, rows, row_tasks, span, spans, slivers_a_chunk;
    float alpha, beta;
    const void *c;
    int64_t c_ld;
};

/* One sliver of b: to[p*NR + j] = b(p, j), zero for columns beyond count. */
INLINE void pack_sliver(struct operand b, int64_t count, int64_t depth, int32_t type, float *to)
{
    if (b.column == 1 && count == NR) {
        for (int64_t p = 0; p < depth; p++)
            UNROLL for (int v = 0; v < NV; v++) store(to + p * NR + v * VW, load_as(b.data, p * b.row + v * VW, type));
        return;
    }
    int64_t p = 0;
    if (b.row == 1 && count == NR)
        for (; p + LINE <= depth; p += LINE)
            for (int v = 0; v < NV; v++)
                for (int64_t q = p; q < p + LINE; q += VW) {
                    vf block[VW];
                    UNROLL for (int i = 0; i < VW; i++) block[i] = load_as(b.data, (v * VW + i) * b.column + q, type);
                    transpose(block);
                    UNROLL for (int i = 0; i < VW; i++) store(to + (q + i) * NR + v * VW, block[i]);
                }
    for (; p < depth; p++) {
        int64_t j = 0;
        for (; j < count; j++) to[p * NR + j] = load_one(b.data, p * b.row + j * b.column, type);
        for (; j < NR; j++) to[p * NR + j] = 0;
    }
}

static void pack_slivers(const void *job, int64_t chunk, float *scratch)
{
    const struct panel *panel = job;
    const struct product *product = panel->job;
    int64_t end = least((chunk + 1) * panel->slivers_a_chunk, pieces(panel->columns, NR));
    for (int64_t s = chunk * panel->slivers_a_chunk; s < end; s++) {
        int64_t j = s * NR, count = least(NR, panel->columns - j);
        struct operand b = operand_at(product->b, panel->depth_start, panel->j0 + j);
        float *to = panel->b + s * NR * panel->depth;
        if (b.type == RONDO_F32) pack_sliver(b, count, panel->depth, RONDO_F32, to);
        else pack_sliver(b, count, panel->depth, RONDO_BF16, to);
    }
}

/* Slivers of MR rows of a: to[p*MR + i] = a(i, p), zero rows beyond the last. Writes up to VW floats past the end. */
INLINE void pack_rows(struct operand a, int64_t rows, int64_t depth, int32_t type, float *to)
{
    for (int64_t i0 = 0; i0 < rows; i0 += MR, to += MR * depth) {
        int64_t count = least(MR, rows - i0), p = 0;
        struct operand from = operand_at(a, i0, 0);
        if (from.column == 1 && count == MR) {
            for (; p + VW <= depth; p += VW) {
                vf block[VW];
                UNROLL for (int i = 0; i < VW; i++)
                    block[i] = i < MR ? load_as(from.data, i * from.row + p, type) : (vf){0};
                transpose(block);
                UNROLL for (int i = 0; i < VW; i++) store(to + (p + i) * MR, block[i]);
            }
        } else if (from.row == 1 && count == MR) {
            for (; p < depth; p++)
                UNROLL for (int i = 0; i < MR; i++) to[p * MR + i] = load_one(from.data, p * from.column + i, type);
        }
        for (; p < depth; p++)
            for (int64_t i = 0; i < MR; i++)
                to[p * MR + i] = i < count ? load_one(from.data, i * from.row + p * from.column, type) : 0;
    }
}

/* out = alpha*acc + beta*c on rows x columns of one register tile. */
INLINE void put_tile(vf acc[MR][NV], int64_t rows, int64_t columns, float alpha, float beta, const float *c, int64_t c_ld, float *out,
    int64_t out_ld)
{
    if (rows == MR && columns == NR) {
        UNROLL for (int i = 0; i < MR; i++)
            UNROLL for (int v = 0; v < NV; v++) {
                vf value = splat(alpha) * acc[i][v];
                if (beta != 0) value += splat(beta) * load(c + i * c_ld + v * VW);
                store(out + i * out_ld + v * VW, value);
            }
        return;
    }
    float tile[MR * NR];
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int v = 0; v < NV; v++) store(tile + i * NR + v * VW, acc[i][v]);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            out[i * out_ld + j] = alpha * tile[i * NR + j] + (beta != 0 ? beta * c[i * c_ld + j] : 0);
}

/* One block: rows x columns of out, depth of the packed slivers of b beginning at b, b_sliver floats apart. */
static void block(const float *a, int64_t a_sliver, int64_t a_row, int64_t a_column, const float *b, int64_t b_sliver, int64_t depth,
    int64_t rows, int64_t columns, float alpha, float beta, const float *c, int64_t c_ld, float *out, int64_t out_ld)
{
    vf acc[MR][NV];
    for (int64_t j = 0; j < columns; j += NR, b += b_sliver)
        for (int64_t i = 0; i < rows; i += MR) {
            float *to = out + i * out_ld + j;
            for (int r = 0; r < MR && i + r < rows; r++) __builtin_prefetch(to + r * out_ld, 1);
            if (a_row == 1) tile_product(depth, a + i / MR * a_sliver, 1, MR, b, NR, NV, acc);
            else tile_product(depth, a + i / MR * a_sliver, a_row, a_column, b, NR, NV, acc);
            put_tile(acc, least(MR, rows - i), least(NR, columns - j), alpha, beta, beta != 0 ? c + i * c_ld + j : 0, c_ld, to, out_ld);
        }
}

/* Narrows the f32 tile: out = tile + beta*c. */
static void narrow_tile(const float *tile, int64_t rows, int64_t columns, float beta, const uint16_t *c, int64_t c_ld, uint16_t *out,
    int64_t out_ld)
{
    for (int64_t i = 0; i < rows; i++) {
        const float *from = tile + i * BF16_COLUMNS;
        uint16_t *to = out + i * out_ld;
        if (beta != 0)
            INDEPENDENT for (int64_t j = 0; j < columns; j++) to[j] = narrow_one(from[j] + beta * widen_one(c[i * c_ld + j]));
        else
            INDEPENDENT for (int64_t j = 0; j < columns; j++) to[j] = narrow_one(from[j]);
    }
}

static void multiply_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct panel *panel = job;
    const struct product *product = panel->job;
    int64_t i0 = chunk / panel->spans * panel->rows, rows = least(panel->rows, product->m - i0);
    int64_t j0 = chunk % panel->spans * panel->span, columns = least(panel->span, panel->columns - j0);
    if (product->lower) columns = least(columns, i0 + rows - (panel->j0 + j0));
    if (columns <= 0) return;
    int narrow = product->out_type == RONDO_BF16;
    float *packed = scratch, *tile = scratch + A_FLOATS;
    int64_t step = round_up(pieces(panel->depth, pieces(panel->depth, KC)), 8);
    for (int64_t p = 0; p < panel->depth; p += step) {
        int64_t depth = least(step, panel->depth - p);
        struct operand a = operand_at(product->a, i0, panel->depth_start + p);
        if (a.type == RONDO_F32) pack_rows(a, rows, depth, RONDO_F32, packed);
        else pack_rows(a, rows, depth, RONDO_BF16, packed);
        const float *b = panel->b + j0 * panel->depth + p * NR;
        if (narrow) {
            block(packed, MR * depth, 1, MR, b, NR * panel->depth, depth, rows, columns, panel->alpha, p == 0 ? 0 : 1, tile,
                BF16_COLUMNS, tile, BF16_COLUMNS);
        } else {
            float *out = (float *) product->out + i0 * product->out_ld + panel->j0 + j0;
            const float *c = p > 0 ? out : panel->c ? (const float *) panel->c + i0 * panel->c_ld + panel->j0 + j0 : 0;
            block(packed, MR * depth, 1, MR, b, NR * panel->depth, depth, rows, columns, panel->alpha, p == 0 ? panel->beta : 1, c,
                p > 0 ? product->out_ld : panel->c_ld, out, product->out_ld);
        }
    }
    if (narrow) {
        int64_t j = panel->j0 + j0;
        narrow_tile(tile, rows, columns, panel->beta, panel->c ? (const uint16_t *) panel->c + i0 * panel->c_ld + j : 0, panel->c_ld,
            (uint16_t *) product->out + i0 * product->out_ld + j, product->out_ld);
    }
}

static void run(rondo_stream *s, int64_t chunks, int64_t work, rondo_task *task, const void *job, float *scratch)
{
    if (s) rondo_parallel(s, chunks, work, task, job);
    else
        for (int64_t chunk = 0; chunk < chunks; chunk++) task(job, chunk, scratch);
}

void K(blocked_product)(rondo_stream *s, const struct product *job, float *scratch)
{
    struct panel panel = {.job = job};
    int narrow = job->out_type == RONDO_BF16;
    /* A panel is small enough to stay in the last-level cache, smaller still where few rows repay its way through memory. */
    int64_t room = s ? least(MOST_PANEL, most(job->m * 2048, LEAST_PANEL)) : B_FLOATS;
    if (narrow && s) room = most(room, least(job->k * 4 * NR, RONDO_SHARED_SCRATCH));
    panel.b = s ? rondo_shared_scratch(s) : scratch + A_FLOATS + C_FLOATS;
    /* All columns where a depth of KC leaves room for them: then a is packed once. */
    int64_t parts = narrow ? 1 : pieces(job->k, most(KC, room / round_up(job->n, NR) / KC * KC));
    int64_t part = round_up(pieces(job->k, parts), 8);
    /* Rows of a task: enough tasks for several threads, whole register tiles. */
    panel.rows = least(MC, most(round_up(pieces(job->m, 16), MR), least(4 * MR, MC)));
    panel.row_tasks = pieces(job->m, panel.rows);
    panel.span = narrow ? BF16_COLUMNS : panel.row_tasks >= 8 ? job->n : SPAN;
    for (int64_t start = 0; start < job->k; start += part) {
        panel.depth_start = start;
        panel.depth = least(part, job->k - start);
        panel.alpha = job->alpha;
        panel.beta = start == 0 ? job->beta : 1;
        panel.c = start == 0 ? job->c : job->out;
        panel.c_ld = start == 0 ? job->c_ld : job->out_ld;
        int64_t width = most(NR, room / panel.depth / NR * NR);
        if (panel.span < job->n && width > panel.span) width = width / panel.span * panel.span;
        for (panel.j0 = 0; panel.j0 < job->n; panel.j0 += width) {
            panel.columns = least(width, job->n - panel.j0);
            int64_t slivers = pieces(panel.columns, NR);
            panel.slivers_a_chunk = most(1, least(pieces(16384, NR * panel.depth), slivers));
            run(s, pieces(slivers, panel.slivers_a_chunk), panel.columns * panel.depth * 2, pack_slivers, &panel, scratch);
            int64_t whole = panel.span;
            panel.span = least(panel.span, panel.columns);
            panel.spans = pieces(panel.columns, panel.span);
            run(s, panel.row_tasks * panel.spans, (int64_t) ((double) job->m * panel.columns * panel.depth / 16), multiply_rows, &panel,
                scratch);
            panel.span = whole;
        }
    }
}
