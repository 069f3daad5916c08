/*
 * distillation.c: softmax cross-entropy mixed with the divergence from a teacher, with gradients, a chunk of rows at a time.
 *
 * For each chunk: the student's and the teacher's logits s and t by products into scratch; per row the greatest of each, the sums of
 * exponentials of s, s/T and t/T and the cross term sum(exp(t/T) * (t - s)), and s becomes
 * ((1 - w) * (softmax(s) - onehot) + 2 * z * logsumexp * softmax(s) + w * T * (softmax(s/T) - softmax(t/T))) * grad_scale / count in
 * place; then the gradients of x and head by products. Sums of losses are in double, in row order.
 */
#include <math.h>
#include <string.h>

#include "glibc.h"
#include "loss.h"
#include "simd.h"

struct job {
    float *student, *teacher;
    const int32_t *targets;
    /* Of each chunk: cross-entropy, divergence. */
    double (*losses)[2];
    int64_t rows, vocab, chunk;
    float factor, z, temperature, weight;
    int gradient;
};

static float greatest(const float *x, int64_t n)
{
    vf best = splat(-INFINITY);
    int64_t i = 0;
    for (; i + VW <= n; i += VW) best = larger(best, load(x + i));
    float top = lane_max(best);
    for (; i < n; i++) top = x[i] > top ? x[i] : top;
    return top;
}

/* Sums of exp(s), exp(s/T) and exp(t/T), each over the greatest, and of exp(t/T) * (t - s). */
struct sums {
    double hard, soft, teacher, cross;
};

/* The teacher's logits become their exponentials. */
static struct sums row_sums(const float *x, float *y, int64_t n, float top, float teacher_top, float inverse)
{
    struct sums total = {0};
    int64_t i = 0;
    while (i + VW <= n) {
        /* Partial sums of 64 vectors keep a long sum of small terms exact enough. */
        vf hard = {0}, soft = {0}, teacher = {0}, cross = {0};
        for (int64_t end = least(n - VW, i + 63 * VW); i <= end; i += VW) {
            vf s = load(x + i) - splat(top), t = load(y + i), e = exponential_softmax((t - splat(teacher_top)) * splat(inverse));
            store(y + i, e);
            hard += exponential_softmax(s);
            soft += exponential_softmax(s * splat(inverse));
            teacher += e;
            cross += e * (t - load(x + i));
        }
        total.hard += lane_sum(hard);
        total.soft += lane_sum(soft);
        total.teacher += lane_sum(teacher);
        total.cross += lane_sum(cross);
    }
    for (; i < n; i++) {
        float t = y[i], e = exponential_one((t - teacher_top) * inverse);
        y[i] = e;
        total.hard += exponential_one(x[i] - top);
        total.soft += exponential_one((x[i] - top) * inverse);
        total.teacher += e;
        total.cross += e * (t - x[i]);
    }
    return total;
}

static void row_loss(const struct job *j, float *x, float *y, int32_t target, double *losses)
{
    int64_t n = j->vocab, i = 0;
    if (target < 0) {
        if (j->gradient) memset(x, 0, n * sizeof(float));
        return;
    }
    float inverse = 1 / j->temperature, top = greatest(x, n), teacher_top = greatest(y, n), chosen = x[target];
    struct sums sums = row_sums(x, y, n, top, teacher_top, inverse);
    double logsumexp = log(sums.hard) + top;
    losses[0] += logsumexp - chosen;
    /* KL(p || q) = sum(p * (t - s)) / T + logsumexp(s/T) - logsumexp(t/T). */
    losses[1] += (sums.cross / sums.teacher + top - teacher_top) * inverse + log(sums.soft) - log(sums.teacher);
    if (!j->gradient) return;
    double mixed = (double) j->factor * j->weight * j->temperature;
    float own = (float) (j->factor * (1 - j->weight)), hard = (float) ((own + 2.0 * j->factor * j->z * logsumexp) / sums.hard),
        soft = (float) (mixed / sums.soft), pull = (float) (mixed / sums.teacher);
    for (; i + VW <= n; i += VW) {
        vf s = load(x + i) - splat(top);
        store(x + i, splat(hard) * exponential_softmax(s) + splat(soft) * exponential_softmax(s * splat(inverse)) - splat(pull) * load(y + i));
    }
    for (; i < n; i++) {
        float s = x[i] - top;
        x[i] = hard * exponential_one(s) + soft * exponential_one(s * inverse) - pull * y[i];
    }
    x[target] -= own;
}

static void loss_rows(const void *job, int64_t chunk, float *scratch)
{
    const struct job *j = job;
    int64_t end = least((chunk + 1) * j->chunk, j->rows);
    double *losses = j->losses[chunk];
    losses[0] = losses[1] = 0;
    for (int64_t r = chunk * j->chunk; r < end; r++)
        row_loss(j, j->student + r * j->vocab, j->teacher + r * j->vocab, j->targets[r], losses);
}

int32_t K(linear_distillation)(rondo_stream *s, int32_t type, const void *x, const void *head, const void *teacher,
    const void *teacher_head, const int32_t *targets, int64_t rows, int64_t width, int64_t teacher_width, int64_t vocab,
    int64_t chunk_rows_wanted, float grad_scale, float z, float temperature, float weight, float *scratch, float *loss, void *dx,
    int32_t accumulate_dhead, float *dhead)
{
    int64_t count;
    int32_t code = K(counted_targets)("rondo_linear_distillation", targets, rows, vocab, &count);
    if (code != RONDO_OK) return code;
    if (dhead && !accumulate_dhead) rondo_zero(s, dhead, vocab * width * (int64_t) sizeof(float));
    loss[0] = loss[2] = 0;
    loss[1] = (float) count;
    if (count == 0) {
        if (dx) rondo_zero(s, dx, rows * width * (int64_t) sizeof(float));
        return RONDO_OK;
    }
    double total = 0, divergence = 0;
    for (int64_t r0 = 0; r0 < rows; r0 += chunk_rows_wanted) {
        int64_t n = least(chunk_rows_wanted, rows - r0);
        const float *part = (const float *) x + r0 * width, *beside = (const float *) teacher + r0 * teacher_width;
        K(logits)(s, part, head, n, width, vocab, scratch);
        K(logits)(s, beside, teacher_head, n, teacher_width, vocab, scratch + n * vocab);
        struct job job = {scratch, scratch + n * vocab, targets + r0, (double (*)[2]) rondo_partials(s), n, vocab,
            chunk_rows(n, pieces(16384, vocab), RONDO_PARTIALS / 2), (float) ((double) grad_scale / count), z, temperature, weight,
            dx || dhead};
        int64_t chunks = pieces(n, job.chunk);
        rondo_parallel(s, chunks, n * vocab * 12, loss_rows, &job);
        for (int64_t i = 0; i < chunks; i++) total += job.losses[i][0], divergence += job.losses[i][1];
        K(logits_grad)(s, scratch, part, head, n, width, vocab, dx ? (float *) dx + r0 * width : NULL, dhead);
    }
    loss[0] = (float) (total / count);
    loss[2] = (float) (divergence / count);
    return RONDO_OK;
}
