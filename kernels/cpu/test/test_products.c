/* test_products.c: products of every layout and type, and the loss built on them. */
#include "check.h"

struct shape {
    int64_t batch, m, n, k;
};

struct operand {
    float *value;
    void *data;
    int64_t ld, step;
    int type, transposed;
};

/* rows x columns in op() order, stored with a padded ld, in f32 or bf16. */
static struct operand operand_of(int64_t batch, int64_t rows, int64_t columns, int transposed, int type, int64_t pad)
{
    int64_t stored_rows = transposed ? columns : rows, ld = (transposed ? rows : columns) + pad;
    int64_t n = batch * stored_rows * ld + pad;
    struct operand o = {floats(n), 0, ld, stored_rows * ld + (pad > 0), type, transposed};
    n = (batch - 1) * o.step + stored_rows * ld;
    free(o.value);
    o.value = floats(n);
    if (type == RONDO_BF16) {
        o.data = halves(o.value, n);
        for (int64_t i = 0; i < n; i++) o.value[i] = from_bf16(((uint16_t *) o.data)[i]);
    } else {
        o.data = copy_of(o.value, n);
    }
    return o;
}

static double at(const struct operand *o, int64_t b, int64_t i, int64_t j)
{
    return o->value[b * o->step + (o->transposed ? j * o->ld + i : i * o->ld + j)];
}

static void release(struct operand *o) { free(o->value), free(o->data); }

static void one(rondo_stream *s, struct shape q, int ta, int tb, int type_a, int type_b, int type_out, float alpha, float beta,
    int in_place, int64_t pad)
{
    struct operand a = operand_of(q.batch, q.m, q.k, ta, type_a, pad), b = operand_of(q.batch, q.k, q.n, tb, type_b, pad);
    struct operand c = operand_of(q.batch, q.m, q.n, 0, type_out, pad), out = operand_of(q.batch, q.m, q.n, 0, type_out, pad);
    struct operand *to = in_place ? &c : &out;
    int64_t n = q.batch * q.m * q.n;
    double *wanted = doubles(n);
    float *got = floats(n);
    for (int64_t e = 0, x = 0; e < q.batch; e++)
        for (int64_t i = 0; i < q.m; i++)
            for (int64_t j = 0; j < q.n; j++, x++) {
                double sum = 0;
                for (int64_t p = 0; p < q.k; p++) sum += at(&a, e, i, p) * at(&b, e, p, j);
                wanted[x] = alpha * sum + (beta != 0 ? beta * at(&c, e, i, j) : 0);
            }
    call(rondo_matmul(s, q.batch, q.m, q.n, q.k, alpha, a.data, type_a, ta, a.ld, a.step, b.data, type_b, tb, b.ld, b.step, beta,
        beta != 0 ? c.data : 0, c.ld, c.step, to->data, type_out, to->ld, to->step, 0));
    for (int64_t e = 0, x = 0; e < q.batch; e++)
        for (int64_t i = 0; i < q.m; i++)
            for (int64_t j = 0; j < q.n; j++, x++) {
                int64_t index = e * to->step + i * to->ld + j;
                got[x] = type_out == RONDO_F32 ? ((float *) to->data)[index] : from_bf16(((uint16_t *) to->data)[index]);
            }
    char what[128];
    snprintf(what, sizeof(what), "batch %lld m %lld n %lld k %lld transposes %d%d types %d%d%d alpha %g beta %g", (long long) q.batch,
        (long long) q.m, (long long) q.n, (long long) q.k, ta, tb, type_a, type_b, type_out, alpha, beta);
    check(what, got, wanted, n, type_out == RONDO_F32 ? 5e-5 : 6e-3);
    /* Padding between rows stays as it was. */
    for (int64_t e = 0; e < q.batch; e++)
        for (int64_t i = 0; i < q.m && pad; i++)
            for (int64_t j = q.n; j < to->ld; j++) {
                int64_t index = e * to->step + i * to->ld + j;
                float stored = type_out == RONDO_F32 ? ((float *) to->data)[index] : from_bf16(((uint16_t *) to->data)[index]);
                if (stored != to->value[index]) failures++;
            }
    release(&a), release(&b), release(&c), release(&out), free(wanted), free(got);
}

void test_matmul(rondo_stream *s)
{
    const struct shape shapes[] = {{1, 1, 1, 1}, {1, 1, 37, 65}, {1, 2, 16, 8}, {1, 3, 33, 17}, {1, 4, 64, 129}, {1, 5, 7, 300},
        {1, 8, 40, 31}, {1, 9, 19, 23}, {3, 2, 5, 11}, {1, 6, 16, 256}, {1, 13, 1, 50}, {1, 48, 32, 64}, {2, 50, 70, 90},
        {1, 97, 113, 257}, {1, 130, 47, 515}, {7, 12, 33, 20}, {1, 64, 530, 33}, {2, 5, 6, 0}};
    for (int i = 0; i < COUNT(shapes); i++)
        for (int t = 0; t < 4; t++) {
            one(s, shapes[i], t & 1, t >> 1, 0, 0, 0, 1, 0, 0, 0);
            one(s, shapes[i], t & 1, t >> 1, 0, 0, 0, 0.5f, 1, 1, 3);
            one(s, shapes[i], t & 1, t >> 1, 1, 1, 1, 2, 0, 0, 0);
            one(s, shapes[i], t & 1, t >> 1, 0, 1, 0, 1, -0.5f, 0, 1);
            one(s, shapes[i], t & 1, t >> 1, 1, 0, 1, -1, 0.25f, 1, 2);
        }
    one(s, (struct shape){1, 300, 20, 700}, 1, 0, 0, 0, 0, 1, 1, 1, 0);
    one(s, (struct shape){1, 20, 1100, 300}, 0, 1, 0, 1, 1, 1, 0, 0, 0);
    one(s, (struct shape){1, 9, 10, 70000}, 1, 0, 0, 0, 0, 1, 1, 1, 0);
    one(s, (struct shape){1, 10, 300, 33000}, 1, 1, 0, 0, 0, 1, 0.5f, 1, 0);
    one(s, (struct shape){2, 180, 170, 160}, 0, 1, 0, 0, 0, 1, 0, 0, 0);
}

void test_matmul_symmetric(rondo_stream *s)
{
    const int64_t shapes[][3] = {{1, 1, 5}, {1, 7, 3}, {1, 64, 64}, {3, 65, 100}, {1, 200, 70}, {2, 170, 300}, {1, 300, 40}};
    for (int i = 0; i < COUNT(shapes); i++)
        for (int type = 0; type < 4; type++) {
            int64_t batch = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
            int type_in = type & 1, type_out = type >> 1;
            struct operand a = operand_of(batch, n, k, type == 2, type_in, 1), c = operand_of(batch, n, n, 0, type_out, 2);
            double *wanted = doubles(batch * n * n);
            float *got = floats(batch * n * n);
            /* A symmetric c, so that the promise holds: c + c^T, exact in both types when halved values are small. */
            for (int64_t e = 0; e < batch; e++)
                for (int64_t p = 0; p < n; p++)
                    for (int64_t q = 0; q < n; q++) {
                        int64_t to = e * c.step + p * c.ld + q, from = e * c.step + (p > q ? q * c.ld + p : p * c.ld + q);
                        c.value[to] = c.value[from];
                        if (type_out == RONDO_F32) ((float *) c.data)[to] = c.value[from];
                        else ((uint16_t *) c.data)[to] = ((uint16_t *) c.data)[from];
                    }
            for (int64_t e = 0, x = 0; e < batch; e++)
                for (int64_t p = 0; p < n; p++)
                    for (int64_t q = 0; q < n; q++, x++) {
                        for (int64_t d = 0; d < k; d++) wanted[x] += at(&a, e, p, d) * at(&a, e, q, d);
                        wanted[x] = 0.5 * wanted[x] - 2 * at(&c, e, p, q);
                    }
            call(rondo_matmul(s, batch, n, n, k, 0.5f, a.data, type_in, a.transposed, a.ld, a.step, a.data, type_in, !a.transposed, a.ld,
                a.step, -2, c.data, c.ld, c.step, c.data, type_out, c.ld, c.step, 1));
            for (int64_t e = 0, x = 0; e < batch; e++)
                for (int64_t p = 0; p < n; p++)
                    for (int64_t q = 0; q < n; q++, x++) {
                        int64_t at_pq = e * c.step + p * c.ld + q, at_qp = e * c.step + q * c.ld + p;
                        float v = type_out ? from_bf16(((uint16_t *) c.data)[at_pq]) : ((float *) c.data)[at_pq];
                        float w = type_out ? from_bf16(((uint16_t *) c.data)[at_qp]) : ((float *) c.data)[at_qp];
                        if (v != w) failures++;
                        got[x] = v;
                    }
            check("symmetric", got, wanted, batch * n * n, type_out ? 6e-3 : 5e-5);
            release(&a), release(&c), free(wanted), free(got);
        }
}

/* What an 8-bit code means; no number for the two that e4m3 leaves out. */
static double value_of(int type, int code)
{
    if (type == RONDO_I8) return (int8_t) code;
    int exponent = code >> 3 & 15, mantissa = code & 7;
    double size = exponent ? ldexp(8 + mantissa, exponent - 10) : ldexp(mantissa, -9);
    return (code & 127) == 127 ? NAN : code & 128 ? -size : size;
}

void test_quantized(rondo_stream *s)
{
    const int64_t cases[][3] = {{1, 1, 1}, {1, 5, 7}, {3, 33, 64}, {16, 40, 200}, {17, 9, 130}};
    for (int i = 0; i < COUNT(cases); i++)
        for (int type = RONDO_I8; type <= RONDO_E4M3; type++) {
            int64_t rows = cases[i][0], n = cases[i][1], k = cases[i][2];
            float *w = floats(n * k), *x = floats(rows * k), *scale = floats(n), *y = floats(rows * n);
            double *wanted_scale = doubles(n), *wanted = doubles(rows * n), *values = doubles(n * k);
            uint8_t *q = malloc(n * k);
            for (int64_t j = 0; n > 4 && j < k; j++) w[2 * k + j] = 0;
            call(settled(s, rondo_quantize_rows(s, w, n, k, q, type, scale)));
            for (int64_t r = 0; r < n; r++) {
                float top = 0;
                for (int64_t j = 0; j < k; j++) top = fmaxf(top, fabsf(w[r * k + j]));
                wanted_scale[r] = top / (type == RONDO_I8 ? 127 : 448);
                for (int64_t j = 0; j < k; j++) {
                    /* No other code is nearer. */
                    double exact = scale[r] > 0 ? w[r * k + j] / scale[r] : 0, got = values[r * k + j] = value_of(type, q[r * k + j]);
                    for (int code = 0; code < 256; code++)
                        if (fabs(value_of(type, code) - exact) < fabs(got - exact)) {
                            printf("    type %d: %g became %g, %g is nearer\n", type, exact, got, value_of(type, code));
                            failures++;
                            return;
                        }
                }
            }
            check("scale", scale, wanted_scale, n, 1e-6);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < n; c++) {
                    for (int64_t j = 0; j < k; j++) wanted[r * n + c] += x[r * k + j] * values[c * k + j];
                    wanted[r * n + c] *= scale[c];
                }
            call(settled(s, rondo_quantized_linear(s, RONDO_F32, x, rows, q, type, scale, n, k, y)));
            check("y", y, wanted, rows * n, 1e-5);
            free(w), free(x), free(scale), free(y), free(q), free(wanted_scale), free(wanted), free(values);
        }
}

void test_linear_cross_entropy(rondo_stream *s)
{
    const int64_t shapes[][4] = {{1, 3, 2, 1}, {5, 8, 17, 2}, {64, 24, 300, 64}, {130, 33, 1001, 48}, {7, 16, 5000, 3}};
    for (int i = 0; i < COUNT(shapes); i++)
        for (int mode = 0; mode < 3; mode++) {
            int64_t rows = shapes[i][0], width = shapes[i][1], vocab = shapes[i][2], chunk = shapes[i][3];
            float *x = floats(rows * width), *head = floats(vocab * width), *scratch = floats(chunk * vocab), loss[2];
            float *dx = floats(rows * width), *dhead = floats(vocab * width);
            double z = mode == 1 ? 0.25 : 0;
            int32_t *targets = integers(rows, vocab);
            for (int64_t r = 1; r < rows; r += 3) targets[r] = -100;
            if (mode == 2) for (int64_t r = 0; r < rows; r++) targets[r] = -100;
            double *wx = doubles(rows * width), *wh = doubles(vocab * width), *logits = doubles(vocab), total = 0, count = 0;
            for (int64_t r = 0; r < rows; r++) count += targets[r] >= 0;
            for (int64_t j = 0; j < vocab * width; j++) wh[j] = mode == 1 ? dhead[j] : 0;
            for (int64_t r = 0; r < rows; r++) {
                if (targets[r] < 0) continue;
                double top = -1e300, sum = 0;
                for (int64_t v = 0; v < vocab; v++) {
                    logits[v] = 0;
                    for (int64_t j = 0; j < width; j++) logits[v] += (double) x[r * width + j] * head[v * width + j];
                    top = fmax(top, logits[v]);
                }
                for (int64_t v = 0; v < vocab; v++) sum += exp(logits[v] - top);
                total += log(sum) + top - logits[targets[r]];
                for (int64_t v = 0; v < vocab; v++) {
                    double d = 0.7 / count * (exp(logits[v] - top) / sum * (1 + 2 * z * (log(sum) + top)) - (v == targets[r]));
                    for (int64_t j = 0; j < width; j++) {
                        wx[r * width + j] += d * head[v * width + j];
                        wh[v * width + j] += d * x[r * width + j];
                    }
                }
            }
            double wanted[2] = {count > 0 ? total / count : 0, count};
            call(rondo_linear_cross_entropy(s, RONDO_F32, x, head, targets, rows, width, vocab, chunk, 0.7f, z, scratch, loss, dx,
                mode == 1, dhead));
            check("loss", loss, wanted, 2, 1e-6);
            check("dx", dx, wx, rows * width, 5e-5);
            check("dhead", dhead, wh, vocab * width, 5e-5);
            float alone[2];
            call(rondo_linear_cross_entropy(s, RONDO_F32, x, head, targets, rows, width, vocab, chunk, 0.7f, z, scratch, alone, 0, 0, 0));
            equal("loss alone", alone, loss, 8);
            free(x), free(head), free(scratch), free(dx), free(dhead), free(targets), free(wx), free(wh), free(logits);
        }
}

/* softmax(logits / temperature) in place; returns their logsumexp. */
static double soften(double *logits, int64_t n, double temperature)
{
    double top = -1e300, sum = 0;
    for (int64_t v = 0; v < n; v++) logits[v] /= temperature, top = fmax(top, logits[v]);
    for (int64_t v = 0; v < n; v++) sum += exp(logits[v] - top);
    for (int64_t v = 0; v < n; v++) logits[v] = exp(logits[v] - top) / sum;
    return log(sum) + top;
}

static void row_logits(const float *x, const float *head, int64_t width, int64_t vocab, double *logits)
{
    for (int64_t v = 0; v < vocab; v++) {
        logits[v] = 0;
        for (int64_t j = 0; j < width; j++) logits[v] += (double) x[j] * head[v * width + j];
    }
}

void test_linear_distillation(rondo_stream *s)
{
    const int64_t shapes[][5] = {{1, 3, 2, 2, 1}, {5, 8, 6, 17, 2}, {20, 24, 40, 300, 20}, {14, 33, 16, 1001, 9}, {7, 16, 9, 5000, 3}};
    for (int i = 0; i < COUNT(shapes); i++)
        for (int mode = 0; mode < 3; mode++) {
            int64_t rows = shapes[i][0], width = shapes[i][1], other = shapes[i][2], vocab = shapes[i][3], chunk = shapes[i][4];
            float *x = floats(rows * width), *head = floats(vocab * width), *y = floats(rows * other), *beside = floats(vocab * other),
                *scratch = floats(2 * chunk * vocab), loss[3], alone[3], *dx = floats(rows * width), *dhead = floats(vocab * width);
            float z = mode == 1 ? 0.25f : 0, t = mode == 1 ? 2.5f : 1, w = mode == 1 ? 0.75f : mode == 2 ? 0.4f : 1;
            int32_t *targets = integers(rows, vocab);
            for (int64_t r = 1; r < rows; r += 3) targets[r] = -100;
            if (mode == 2) for (int64_t r = 0; r < rows; r++) targets[r] = -100;
            double *wx = doubles(rows * width), *wh = doubles(vocab * width), *hard = doubles(vocab), *soft = doubles(vocab),
                   *teacher = doubles(vocab), wanted[3] = {0};
            for (int64_t r = 0; r < rows; r++) wanted[1] += targets[r] >= 0;
            for (int64_t j = 0; j < vocab * width; j++) wh[j] = mode == 1 ? dhead[j] : 0;
            for (int64_t r = 0; r < rows; r++) {
                if (targets[r] < 0) continue;
                row_logits(x + r * width, head, width, vocab, hard);
                row_logits(x + r * width, head, width, vocab, soft);
                row_logits(y + r * other, beside, other, vocab, teacher);
                double chosen = hard[targets[r]], logsumexp = soften(hard, vocab, 1);
                soften(soft, vocab, t);
                soften(teacher, vocab, t);
                wanted[0] += (logsumexp - chosen) / wanted[1];
                for (int64_t v = 0; v < vocab; v++) {
                    wanted[2] += teacher[v] * log(teacher[v] / soft[v]) / wanted[1];
                    double d = 0.7 / wanted[1] * ((1 - w) * (hard[v] - (v == targets[r])) + 2 * z * logsumexp * hard[v]
                        + w * t * (soft[v] - teacher[v]));
                    for (int64_t j = 0; j < width; j++) {
                        wx[r * width + j] += d * head[v * width + j];
                        wh[v * width + j] += d * x[r * width + j];
                    }
                }
            }
            call(rondo_linear_distillation(s, RONDO_F32, x, head, y, beside, targets, rows, width, other, vocab, chunk, 0.7f, z, t, w, scratch,
                loss, dx, mode == 1, dhead));
            check("loss", loss, wanted, 3, 2e-6);
            check("dx", dx, wx, rows * width, 5e-5);
            check("dhead", dhead, wh, vocab * width, 5e-5);
            call(rondo_linear_distillation(s, RONDO_F32, x, head, y, beside, targets, rows, width, other, vocab, chunk, 0.7f, z, t, w, scratch,
                alone, 0, 0, 0));
            equal("loss alone", alone, loss, 12);
            free(x), free(head), free(y), free(beside), free(scratch), free(dx), free(dhead), free(targets), free(wx), free(wh), free(hard),
                free(soft), free(teacher);
        }
}
