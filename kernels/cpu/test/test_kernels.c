/*
 * test_kernels.c: every operation of a library against plain loops in double, on regular, odd, one-row and ragged shapes; on a
 * processor with 1, 2 and 3 threads, whose bits must agree, and RONDO_CPU picks the instruction set. Device memory must be the
 * host's, so a GPU's sources run here on the emulator. Prints one line per operation. Arguments are the groups to run, in this order; all
 * without; --list names them.
 */
#include "check.h"

struct test {
    const char *name;
    void (*run)(rondo_stream *s);
};

#define TESTS(X) \
    X(library) X(memory) X(add) X(scale) X(cast) X(first_nonfinite) X(gated_silu) X(matmul) X(matmul_symmetric) \
    X(bf16_products) X(bf16_symmetric) X(few_rows) X(quantized) X(eight_bits) X(embedding) X(rms_norm) \
    X(qk_bias) X(qk_norm) X(rotary) X(attention) X(cached_attention) X(truncated_normal) X(linear_cross_entropy) X(linear_distillation) \
    X(sum_squares) X(adamw) X(ellis_adam) X(muon) \
    X(bf16_elementwise) X(bf16_embedding) X(bf16_rms_norm) X(bf16_rotary) X(bf16_loss) X(bf16_attention) \
    X(bf16_cached_attention) X(errors) X(tensor_products) X(tensor_attention)

#define DECLARE(name) void test_##name(rondo_stream *s);
TESTS(DECLARE)
static const struct test tests[] = {
#define ENTRY(name) {#name, test_##name},
    TESTS(ENTRY)
};

double worst;
int failures;
uint64_t bits;
static uint64_t random_state;

void seed(uint64_t value) { random_state = value * 0x9E3779B97F4A7C15u + 1; }

double uniform(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double) (random_state >> 11) * 0x1p-53;
}

/* About normal: the sum of four uniforms. */
float normal(void) { return (float) ((uniform() + uniform() + uniform() + uniform() - 2) * 1.7320508); }

/* Exactly n floats, so that the address sanitizer sees every step outside. */
float *floats(int64_t n)
{
    float *x = malloc(n > 0 ? n * sizeof(float) : 1);
    for (int64_t i = 0; i < n; i++) x[i] = normal();
    return x;
}

float *copy_of(const float *x, int64_t n)
{
    float *y = malloc(n > 0 ? n * sizeof(float) : 1);
    memcpy(y, x, n * sizeof(float));
    return y;
}

int32_t *integers(int64_t n, int64_t below)
{
    int32_t *x = malloc(n > 0 ? n * sizeof(int32_t) : 1);
    for (int64_t i = 0; i < n; i++) x[i] = (int32_t) (uniform() * below);
    return x;
}

float from_bf16(uint16_t h)
{
    uint32_t u = (uint32_t) h << 16;
    float x;
    memcpy(&x, &u, 4);
    return x;
}

uint16_t to_bf16(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    if (isnan(x)) return (uint16_t) (u >> 16 | 0x40);
    return (uint16_t) ((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

uint16_t *halves(const float *x, int64_t n)
{
    uint16_t *y = malloc(n > 0 ? n * 2 : 1);
    for (int64_t i = 0; i < n; i++) y[i] = to_bf16(x[i]);
    return y;
}

void call(int32_t code)
{
    if (code == RONDO_OK) return;
    printf("    error %d: %s\n", code, rondo_error());
    failures++;
}

void mix(const void *memory, int64_t bytes)
{
    const unsigned char *p = memory;
    for (int64_t i = 0; i < bytes; i++) bits = (bits ^ p[i]) * 0x100000001B3u;
}

void check(const char *what, const float *got, const double *wanted, int64_t n, double tolerance)
{
    double scale = 0;
    mix(got, n * 4);
    for (int64_t i = 0; i < n; i++) scale = fmax(scale, fabs(wanted[i]));
    for (int64_t i = 0; i < n; i++) {
        /* Relative to the element, or to a tenth of the largest one. */
        double error = fabs(got[i] - wanted[i]) / fmax(fmax(fabs(wanted[i]), scale / 10), 1e-30);
        if (error <= tolerance) {
            worst = fmax(worst, error);
            continue;
        }
        printf("    %s[%lld] is %.9g, expected %.9g (error %.3g, allowed %.3g)\n", what, (long long) i, got[i], wanted[i], error,
            tolerance);
        failures++;
        return;
    }
}

void equal(const char *what, const void *a, const void *b, int64_t bytes)
{
    mix(a, bytes);
    if (memcmp(a, b, bytes) == 0) return;
    printf("    %s: bits differ\n", what);
    failures++;
}

int32_t settled(rondo_stream *s, int32_t code) { return code == RONDO_OK ? rondo_stream_synchronize(s) : code; }

void refused(const char *what, int32_t code, int32_t wanted, const char *part)
{
    if (code == wanted && strstr(rondo_error(), part)) return;
    printf("    %s: code %d \"%s\", expected code %d with \"%s\"\n", what, code, rondo_error(), wanted, part);
    failures++;
}

static const struct test *named(const char *name)
{
    for (int t = 0; t < COUNT(tests); t++)
        if (strcmp(name, tests[t].name) == 0) return &tests[t];
    return 0;
}

/* One group, on a processor by 1, 2 and 3 threads; a GPU ignores their number. Returns how often it failed. */
static int run(const struct test *test)
{
    int processor = strncmp(rondo_describe(), "cpu", 3) == 0;
    uint64_t first = 0;
    worst = 0;
    failures = 0;
    for (int32_t threads = 1; threads <= (processor ? 3 : 1); threads++) {
        rondo_stream *s;
        if (rondo_stream_create(0, threads, &s) != RONDO_OK) {
            printf("%s\n", rondo_error());
            return 1;
        }
        bits = 0xcbf29ce484222325u;
        seed((uint64_t) (test - tests) + 1);
        test->run(s);
        call(rondo_stream_destroy(s));
        if (threads == 1) first = bits;
        if (bits != first) {
            printf("    %d threads give other bits than one\n", threads);
            failures++;
        }
    }
    printf("  %-22s %s  largest error %.2e\n", test->name, failures ? "FAILED" : "ok", worst);
    fflush(stdout);
    return failures;
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        for (int t = 0; t < COUNT(tests); t++) puts(tests[t].name);
        return 0;
    }
    const char *asked = getenv("RONDO_CPU");
    const char *marks[] = {"plain", "avx2", "avx512"};
    for (int i = 0; asked && i < 3; i++)
        if (strcmp(asked, marks[i]) == 0 && !strstr(rondo_describe(), marks[i])) {
            printf("%s: skipped, this processor lacks it (%s)\n", asked, rondo_describe());
            return 0;
        }
    printf("%s\n", rondo_describe());
    int failed = 0;
    for (int i = 1; i < count; i++)
        if (!named(arguments[i])) {
            fprintf(stderr, "\"%s\": no such group, expected some of", arguments[i]);
            for (int t = 0; t < COUNT(tests); t++) fprintf(stderr, " %s", tests[t].name);
            return fprintf(stderr, "\n"), 2;
        }
    for (int i = 1; i < count; i++) failed += run(named(arguments[i]));
    for (int t = 0; count == 1 && t < COUNT(tests); t++) failed += run(&tests[t]);
    return failed ? 1 : 0;
}
