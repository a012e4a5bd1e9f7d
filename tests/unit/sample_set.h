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

#endif
