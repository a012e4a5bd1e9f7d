// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// samples.c: the border of a batch. Only what was chosen is looked at, so that a step costs what
// its batch does, however many samples there are.
#include <stddef.h>

#include "base/error.h"
#include "train/batch.h"

static psq_status check_index(const char *name, const psq_choice *choice, psq_error *err) {
    const int64_t n_seq = choice->samples->n_seq;
    PSQ_REQUIRE(err, n_seq >= 0, PSQ_INVALID, "%s.n_seq is %lld, must be at least 0", name,
                (long long)n_seq);
    PSQ_REQUIRE(err, choice->n >= 0, PSQ_INVALID, "n is %lld, must be at least 0",
                (long long)choice->n);
    PSQ_REQUIRE(err, choice->index != NULL || choice->n == n_seq || choice->n == 0, PSQ_INVALID,
                "n is %lld, without an index it must be %s.n_seq, %lld", (long long)choice->n, name,
                (long long)n_seq);
    for (int64_t b = 0; choice->index != NULL && b < choice->n; b++) {
        PSQ_REQUIRE(err, choice->index[b] >= 0 && choice->index[b] < n_seq, PSQ_INVALID,
                    "index[%lld] is %lld, must be at least 0 and below %s.n_seq, %lld",
                    (long long)b, (long long)choice->index[b], name, (long long)n_seq);
    }
    return PSQ_OK;
}

static psq_status check_arrays(const psq_model *model, const char *name, const psq_choice *choice,
                               psq_error *err) {
    const psq_samples *const samples = choice->samples;
    const int64_t V = model->spec.vocab_size;
    PSQ_REQUIRE(err, samples->offsets != NULL, PSQ_INVALID, "%s.offsets is NULL", name);
    PSQ_REQUIRE(err, samples->offsets[0] == 0, PSQ_INVALID, "%s.offsets[0] is %lld, must be 0",
                name, (long long)samples->offsets[0]);
    bool has_rows = false;
    for (int64_t b = 0; b < choice->n; b++) {
        const int64_t i = psq_chosen(choice, b);
        const int64_t first = samples->offsets[i];
        const int64_t end = samples->offsets[i + 1];
        PSQ_REQUIRE(err, first >= 0, PSQ_INVALID, "%s.offsets[%lld] is %lld, must be at least 0",
                    name, (long long)i, (long long)first);
        PSQ_REQUIRE(err, end >= first, PSQ_INVALID,
                    "%s.offsets[%lld] is %lld, must be at least offsets[%lld], %lld", name,
                    (long long)i + 1, (long long)end, (long long)i, (long long)first);
        has_rows = has_rows || end > first;
    }
    PSQ_REQUIRE(err, !has_rows || V == 0 || samples->tokens != NULL, PSQ_INVALID,
                "%s.tokens is NULL, the model has a vocabulary of %lld", name, (long long)V);
    PSQ_REQUIRE(err, !has_rows || V > 0 || samples->rows != NULL || model->spec.rnn.input_size == 0,
                PSQ_INVALID, "%s.rows is NULL, the model takes rows of %lld values", name,
                (long long)model->spec.rnn.input_size);
    return PSQ_OK;
}

// values[first to end - 1] lie in [low, high).
static psq_status check_range(const char *name, const char *field, const int32_t *values,
                              int64_t first, int64_t end, int64_t low, int64_t high,
                              psq_error *err) {
    for (int64_t i = first; i < end; i++) {
        PSQ_REQUIRE(err, values[i] >= low && values[i] < high, PSQ_INVALID,
                    "%s.%s[%lld] is %ld, must be %lld to %lld", name, field, (long long)i,
                    (long)values[i], (long long)low, (long long)high - 1);
    }
    return PSQ_OK;
}

psq_status psq_choice_check(const psq_model *model, const char *name, const psq_choice *choice,
                            psq_error *err) {
    const psq_samples *const samples = choice->samples;
    PSQ_TRY(check_index(name, choice, err));
    if (choice->n == 0) {
        return PSQ_OK;
    }
    PSQ_TRY(check_arrays(model, name, choice, err));
    const bool per_row = model->spec.head == PSQ_HEAD_TOKEN;
    for (int64_t b = 0; b < choice->n; b++) {
        const int64_t i = psq_chosen(choice, b);
        const int64_t first = samples->offsets[i];
        const int64_t end = samples->offsets[i + 1];
        if (model->spec.vocab_size > 0) {
            PSQ_TRY(check_range(name, "tokens", samples->tokens, first, end, 0,
                                model->spec.vocab_size, err));
        }
        if (samples->targets != NULL) {
            PSQ_TRY(check_range(name, "targets", samples->targets, per_row ? first : i,
                                per_row ? end : i + 1, -1, model->spec.n_classes, err));
        }
    }
    return PSQ_OK;
}
