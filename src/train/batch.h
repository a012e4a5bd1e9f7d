// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// batch.h: one batch on its way through a model: what was chosen, and the arrays that inputs,
// network, head and loss hand to each other. All but the first lie in one region of the session.
//
// B sequences, N rows in jagged order, M targets (B, or N for PSQ_HEAD_TOKEN), W = D*R.
#ifndef PACKSEQ_TRAIN_BATCH_H
#define PACKSEQ_TRAIN_BATCH_H

#include "base/arena.h"
#include "train/model.h"

// Sequences of samples: index[0 to n - 1], or with index NULL first to first + n - 1.
typedef struct psq_choice {
    const psq_samples *samples;
    const int64_t *index;
    int64_t first;
    int64_t n;
} psq_choice;

static inline int64_t psq_chosen(const psq_choice *choice, int64_t b) {
    return choice->index != NULL ? choice->index[b] : choice->first + b;
}

// PSQ_INVALID: an index, offset, token or target that the model cannot take (named). index and n
// are checked first.
PSQ_MUST psq_status psq_choice_check(const psq_model *model, const char *name,
                                     const psq_choice *choice, psq_error *err);

typedef struct psq_batch {
    const psq_choice *choice;
    const psq_layout *layout;
    int64_t B, N, M;
    bool training;
    uint64_t seed; // of dropout
    int64_t n_valid;

    void *reserve, *scratch; // the network's
    int32_t *targets;        // [M]
    void *rows;              // [N][I]; without a vocabulary
    int32_t *tokens;         // [N]; with one
    const void *x;           // rows, or the embedding
    void *y;                 // [N][W]; NULL for PSQ_HEAD_LAST
    void *hn;                // [L*D][B][R]; PSQ_HEAD_LAST only
    void *features;          // [M][W], the head's input; y for PSQ_HEAD_TOKEN
    void *drop;              // [M][W] multipliers; NULL: no dropout
    void *pooled;            // [M][W] features before dropout, which PSQ_HEAD_MAX needs again
    void *logits;            // [M][C]; then their gradient
    void *work;              // of outer products; training only, as all below
    void *dfeatures;         // [M][W]
    void *dy;                // [N][W]; dfeatures for PSQ_HEAD_TOKEN, NULL for PSQ_HEAD_LAST
    void *dhn;               // [L*D][B][R]; PSQ_HEAD_LAST only
} psq_batch;

// Carves the arrays; B, N, M and training must be set.
void psq_batch_carve(const psq_model *model, size_t reserve, size_t scratch, psq_arena *arena,
                     psq_batch *batch);

// inputs.c: x, and rows or tokens from the chosen samples.
void psq_inputs_gather(const psq_model *model, const void *weights, psq_batch *batch);

// head.c: features from y or hn, and dropout on them; dy or dhn from dfeatures.
PSQ_MUST psq_status psq_head_gather(const psq_model *model, psq_batch *batch, psq_error *err);
PSQ_MUST psq_status psq_head_scatter(const psq_model *model, psq_batch *batch, psq_error *err);

// loss.c: logits from features, the sums over the batch's targets, and backwards.
void psq_loss_logits(const psq_model *model, const void *weights, const void *panel,
                     psq_batch *batch);
// With batch->training, logits become their gradient.
void psq_loss_sum(const psq_model *model, psq_batch *batch, int32_t *predictions,
                  psq_batch_result *result);
// dfeatures, and the head's gradients added to dweights. panel is of the transposed weights.
void psq_loss_backward(const psq_model *model, const void *panel, psq_batch *batch, void *dweights);

#endif
