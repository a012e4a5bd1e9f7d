// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tokens.h: what repeats in a batch whose inputs are rows of a table: the distinct tokens of a call
// and where they occur. They take memory by the rows of the call, beside six bits for each token of
// the table, because a table may be much larger than a call.
#ifndef PACKSEQ_RNN_TOKENS_H
#define PACKSEQ_RNN_TOKENS_H

#include "base/arena.h"
#include "ragged/layout.h"
#include "rnn/plan.h"

typedef struct psq_tokens {
    int64_t n;         // distinct tokens, at most V and at most N
    int32_t *list;     // [n] ascending
    int32_t *places;   // [N] in jagged order: where in the list an element's token is
    int64_t *starts;   // [n + 1] first of `elements` of each place; for backward, as elements are
    int64_t *elements; // [N] rows of the jagged order, place by place, ascending within one
    uint64_t *words;   // [V / 64, rounded up] a bit for each token that occurs
    int32_t *before;   // of each word: tokens that occur and lie in words before
} psq_tokens;

// All NULL if the network has no table.
psq_tokens psq_tokens_carve(const psq_rnn *rnn, const psq_layout *layout, bool backward,
                            psq_arena *arena);

// Finds n, list and places.
void psq_tokens_find(const psq_rnn *rnn, const psq_layout *layout, const psq_rnn_io *io,
                     psq_tokens *tokens);

// Then starts and elements.
void psq_tokens_group(const psq_layout *layout, psq_tokens *tokens);

#endif
