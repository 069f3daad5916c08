/* check.h: what the self-tests share: random numbers, comparison, references. */
#ifndef RONDO_TEST_CHECK_H
#define RONDO_TEST_CHECK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../rondo.h"

#define COUNT(array) ((int) (sizeof(array) / sizeof((array)[0])))

extern int failures;

void seed(uint64_t value);
double uniform(void);
float normal(void);
float *floats(int64_t n);
float *copy_of(const float *x, int64_t n);
int32_t *integers(int64_t n, int64_t below);
uint16_t *halves(const float *x, int64_t n);
float from_bf16(uint16_t h);
uint16_t to_bf16(float x);

/* Fails on an error code. */
void call(int32_t code);
/* got against wanted; tolerance is relative. */
void check(const char *what, const float *got, const double *wanted, int64_t n, double tolerance);
void equal(const char *what, const void *a, const void *b, int64_t bytes);
/* code, or what the stream says once its work is done: a GPU looks at tokens and positions only then. */
int32_t settled(rondo_stream *s, int32_t code);
/* The call was refused with this code and a message that contains part. */
void refused(const char *what, int32_t code, int32_t wanted, const char *part);

struct heads {
    int64_t batch, time, heads, kv_heads, head_dim;
};

/* Attention in double: out, lse [batch, heads, time], and dqkv, which is added to. */
void attention_reference(const float *qkv, const float *dout, struct heads q, float scale, double *out, double *lse, double *dqkv);

static inline double *doubles(int64_t n) { return calloc(n > 0 ? n : 1, sizeof(double)); }

#endif
