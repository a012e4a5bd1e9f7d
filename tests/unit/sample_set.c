// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// sample_set.c: see sample_set.h. Memory is the C library's, so that a sanitizer sees the edges of
// each array.
#include "sample_set.h"

#include <stdlib.h>

#include "base/rng.h"
#include "testing.h"

static uint32_t word_at(uint64_t seed, int64_t i, uint32_t what) {
    uint32_t words[4];
    psq_random(seed, PSQ_STREAM_TEST, (uint64_t)i, what, 0, words);
    return words[0];
}

static void *zeros(int64_t n, size_t size) {
    void *const memory = calloc((size_t)n, size);
    assert_true(memory != NULL || n == 0);
    return memory;
}

psq_model_spec sample_set_spec(psq_cell cell, psq_head head, bool tokens, psq_dtype dtype) {
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.vocab_size = tokens ? 6 : 0;
    spec.n_classes = 3;
    spec.head = head;
    spec.rnn.cell = cell;
    spec.rnn.dtype = dtype;
    spec.rnn.input_size = 2;
    spec.rnn.hidden_size = 3;
    spec.rnn.n_layers = 2;
    spec.rnn.bidirectional = true;
    return spec;
}

sample_set sample_set_create(const psq_model_spec *spec, const int64_t *lengths, int64_t n_seq,
                             uint64_t seed) {
    sample_set set = {.offsets = (int64_t *)zeros(n_seq + 1, sizeof(int64_t))};
    for (int64_t b = 0; b < n_seq; b++) {
        set.offsets[b + 1] = set.offsets[b] + lengths[b];
    }
    const int64_t N = set.offsets[n_seq];
    if (spec->vocab_size > 0) {
        set.tokens = (int32_t *)zeros(N, sizeof(int32_t));
        for (int64_t i = 0; i < N; i++) {
            set.tokens[i] = (int32_t)(word_at(seed, i, 0) % (uint32_t)spec->vocab_size);
        }
    } else {
        const int64_t n = N * spec->rnn.input_size;
        set.rows = zeros(n, psq_dtype_size(spec->rnn.dtype));
        for (int64_t i = 0; i < n; i++) {
            const double value = 2.0 * (double)psq_unit_f32(word_at(seed, i, 1)) - 1.0;
            if (spec->rnn.dtype == PSQ_F32) {
                ((float *)set.rows)[i] = (float)value;
            } else {
                ((double *)set.rows)[i] = value;
            }
        }
    }
    const int64_t M = spec->head == PSQ_HEAD_TOKEN ? N : n_seq;
    set.targets = (int32_t *)zeros(M, sizeof(int32_t));
    for (int64_t m = 0; m < M; m++) {
        const uint32_t word = word_at(seed, m, 2);
        set.targets[m] = word % 4 == 0 ? -1 : (int32_t)(word / 4 % (uint32_t)spec->n_classes);
    }
    set.samples = (psq_samples){n_seq, set.offsets, set.tokens, set.rows, set.targets};
    return set;
}

void sample_set_destroy(sample_set *set) {
    free(set->offsets);
    free(set->tokens);
    free(set->rows);
    free(set->targets);
}

static void must(psq_status status, const psq_error *err) {
    if (status != PSQ_OK) {
        fail_msg("%s: %s", psq_status_name(status), err->text);
    }
}

model_set model_set_create(const psq_ctx *ctx, const psq_model_spec *spec, uint64_t seed) {
    psq_error err = {PSQ_OK, ""};
    model_set set = {.size = psq_dtype_size(spec->rnn.dtype)};
    must(psq_model_create(ctx, spec, &set.model, &err), &err);
    must(psq_session_create(ctx, set.model, &set.session, &err), &err);
    set.n = psq_model_n_weights(set.model);
    set.weights = zeros(set.n, set.size);
    set.dweights = zeros(set.n, set.size);
    psq_model_init(set.model, seed, set.weights);
    return set;
}

void model_set_destroy(model_set *set) {
    free(set->weights);
    free(set->dweights);
    psq_session_destroy(set->session);
    psq_model_destroy(set->model);
}

psq_batch_result model_set_grad(const model_set *m, const sample_set *s, const int64_t *index,
                                int64_t n, uint64_t seed, void *dweights) {
    psq_error err = {PSQ_OK, ""};
    psq_batch_result result;
    must(psq_session_grad(m->session, m->weights, &s->samples, index, n, seed, dweights, &result,
                          &err),
         &err);
    return result;
}

psq_batch_result model_set_eval(const model_set *m, const sample_set *s, const int64_t *index,
                                int64_t n, void *logits, int32_t *predictions) {
    psq_error err = {PSQ_OK, ""};
    psq_batch_result result;
    must(psq_session_eval(m->session, m->weights, &s->samples, index, n, logits, predictions,
                          &result, &err),
         &err);
    return result;
}
