/*
 * loss.h: what the losses of a head share, for a chunk of rows (loss.c has them).
 */
#ifndef RONDO_CPU_LOSS_H
#define RONDO_CPU_LOSS_H

#include "product.h"

/* The number of targets that are not -100; refuses one outside of the vocabulary. */
int32_t K(counted_targets)(const char *function, const int32_t *targets, int64_t rows, int64_t vocab, int64_t *counted);

/* logits [rows, vocab] = x * head^T. */
void K(logits)(rondo_stream *s, const float *x, const float *head, int64_t rows, int64_t width, int64_t vocab, float *logits);

/* dx = dlogits * head and dhead += dlogits^T * x, each where it is not null. */
void K(logits_grad)(rondo_stream *s, const float *dlogits, const float *x, const float *head, int64_t rows, int64_t width, int64_t vocab,
    float *dx, float *dhead);

#endif
