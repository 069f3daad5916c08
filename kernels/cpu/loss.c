/*
 * loss.c: softmax cross-entropy of logits = x * head^T, with gradients, a chunk of rows of logits at a time.
 *
 * For each chunk: logits by the blocked product into scratch; per row maximum, sum of exponentials and loss, and the logits
 * become (softmax * (1 + 2 * z * logsumexp) - onehot) * grad_scale / count in place; then dx = dlogits * head and dhead += dlogits^T * x by products.
 * Three passes over a row of logits, which fits the second-level cache. Losses are summed in double, in row order.
 */
#include <math.h>
#include <string.h>

#include "glibc.h"
#include "loss.h"
#include "simd.h"

struct job {
    float *logits;
    const int32_t *targets;
    double *losses;
    int64_t rows, vocab, chunk;
    float factor, z;
    int gradient;
};

static double row_loss(float *x, int64_t n, int32_t target, float factor, float z, int gradient)
{
    if (target < 0) {
        if (gradient) memset(x, 0, n * sizeof(float));
        return 0;
    }
    vf best = splat(-INFINITY);
    int64_t i = 0;
    for (; i + VW <= n; i += VW) best = larger(best, load(x + i));
    float top = lane_max(best), chosen = x[target];
    for (; i < n; i++) top = x[i] > top ? x[i] : top;
    double total = 0;
    for (i = 0; i + VW <= n;) {
        /* Partial sums of 64 vectors keep a long sum of small terms exact enough. */
        vf sum = {0};
        for (int64_t end = least(n - VW, i + 63 * VW); i <= end; i += VW) {
            vf e = exponential_softmax(load(x + i) - splat(top));
            if (gradient) store(x + i, e);
            sum += e;
        }
        total += lane_sum(sum);
    }
    for (; i < n; i++) {
        float e = exponential_one(x[i] - top);
        if (gradient) x[i] = e;
        total += e;
    }
    double logsumexp = log(total) + top;
    if (gradient) {
        float scale = (float) (factor * (1 + 2 * z * logsumexp) / total);
        for (i = 0; i < n; i++) x[i] *= scale;
        x[target] -= factor;
    }
    return logsumexp - chosen;
}

static void loss_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t end = least((chunk + 1) * j->chunk, j->rows);
    double sum = 0;
    for (int64_t r = chunk * j->chunk; r < end; r++)
        sum += row_loss(j->logits + r * j->vocab, j->vocab, j->targets[r], j->factor, j->z, j->gradient);
    j->losses[chunk] = sum;
}

void K(logits)(rondo_stream *s, const float *x, const float *head, int64_t rows, int64_t width, int64_t vocab, float *logits)
{
    struct product job = {.m = rows, .n = vocab, .k = width, .a = {x, RONDO_F32, width, 1}, .b = {head, RONDO_F32, 1, width}, .alpha = 1,
        .out = logits, .out_ld = vocab};
    K(product)(s, &job);
}

void K(logits_grad)(rondo_stream *s, const float *dlogits, const float *x, const float *head, int64_t rows, int64_t width, int64_t vocab,
    float *dx, float *dhead)
{
    if (dx) {
        struct product back = {.m = rows, .n = width, .k = vocab, .a = {dlogits, RONDO_F32, vocab, 1}, .b = {head, RONDO_F32, width, 1},
            .alpha = 1, .out = dx, .out_ld = width};
        K(product)(s, &back);
    }
    if (dhead) {
        struct product weight = {.m = vocab, .n = width, .k = rows, .a = {dlogits, RONDO_F32, 1, vocab}, .b = {x, RONDO_F32, width, 1},
            .alpha = 1, .beta = 1, .c = dhead, .c_ld = width, .out = dhead, .out_ld = width};
        K(product)(s, &weight);
    }
}

int32_t K(counted_targets)(const char *function, const int32_t *targets, int64_t rows, int64_t vocab, int64_t *counted)
{
    *counted = 0;
    for (int64_t r = 0; r < rows; r++) {
        REQUIRE(targets[r] == -100 || (targets[r] >= 0 && targets[r] < vocab), "%s: targets[%lld] is %d, expected 0 to %lld or -100",
            function, (long long) r, targets[r], (long long) vocab - 1);
        *counted += targets[r] >= 0;
    }
    return RONDO_OK;
}

int32_t K(linear_cross_entropy)(rondo_stream *s, int32_t type, const void *x, const void *head, const int32_t *targets, int64_t rows,
    int64_t width, int64_t vocab, int64_t chunk_rows_wanted, float grad_scale, float z, float *scratch, float *loss, void *dx,
    int32_t accumulate_dhead, float *dhead)
{
    int64_t count;
    int32_t code = K(counted_targets)("rondo_linear_cross_entropy", targets, rows, vocab, &count);
    if (code != RONDO_OK) return code;
    if (dhead && !accumulate_dhead) rondo_zero(s, dhead, vocab * width * (int64_t) sizeof(float));
    loss[0] = 0;
    loss[1] = (float) count;
    if (count == 0) {
        if (dx) rondo_zero(s, dx, rows * width * (int64_t) sizeof(float));
        return RONDO_OK;
    }
    double total = 0;
    for (int64_t r0 = 0; r0 < rows; r0 += chunk_rows_wanted) {
        int64_t n = least(chunk_rows_wanted, rows - r0);
        const float *part = (const float *) x + r0 * width;
        K(logits)(s, part, head, n, width, vocab, scratch);
        struct job job = {scratch, targets + r0, rondo_partials(s), n, vocab, chunk_rows(n, pieces(16384, vocab), RONDO_PARTIALS),
            (float) ((double) grad_scale / count), z, dx || dhead};
        int64_t chunks = pieces(n, job.chunk);
        rondo_parallel(s, chunks, n * vocab * 4, loss_rows, &job);
        for (int64_t i = 0; i < chunks; i++) total += job.losses[i];
        K(logits_grad)(s, scratch, part, head, n, width, vocab, dx ? (float *) dx + r0 * width : NULL, dhead);
    }
    loss[0] = (float) (total / count);
    return RONDO_OK;
}
