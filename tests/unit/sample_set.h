// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// sample_set.h: a model with weights, a session and random samples that fit it, for tests of
// training. Every call must succeed, or the test fails with its sentence.
#ifndef PACKSEQ_TESTS_SAMPLE_SET_H
#define PACKSEQ_TESTS_SAMPLE_SET_H

#include "packseq/train.h"

typedef struct sample_set {
    psq_samples samples;
    int64_t *offsets;
    int32_t *tokens;
    void *rows;
    int32_t *targets;
} sample_set;

// Two bidirectional layers of 3 units on 6 tokens or rows of 2 values, 3 classes.
psq_model_spec sample_set_spec(psq_cell cell, psq_head head, bool tokens, psq_dtype dtype);

// Random samples of these lengths: tokens below vocab_size or rows in [-1, 1), targets of which
// every fourth or so is -1.
sample_set sample_set_create(const psq_model_spec *spec, const int64_t *lengths, int64_t n_seq,
                             uint64_t seed);
void sample_set_destroy(sample_set *set);

typedef struct model_set {
    psq_model *model;
    psq_session *session;
    int64_t n; // weights
    size_t size;
    void *weights;
    void *dweights; // zeros
} model_set;

// Weights from psq_model_init.
model_set model_set_create(const psq_ctx *ctx, const psq_model_spec *spec, uint64_t seed);
void model_set_destroy(model_set *set);

// psq_session_grad and psq_session_eval.
psq_batch_result model_set_grad(const model_set *m, const sample_set *s, const int64_t *index,
                                int64_t n, uint64_t seed, void *dweights);
psq_batch_result model_set_eval(const model_set *m, const sample_set *s, const int64_t *index,
                                int64_t n, void *logits, int32_t *predictions);

#endif
