// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pass.h: one layer in one direction, as forward, backward and the weight gradients see it.
#ifndef PACKSEQ_RNN_PASS_H
#define PACKSEQ_RNN_PASS_H

#include "rnn/dropout.h"
#include "rnn/memory.h"
#include "rnn/panels.h"

typedef struct psq_pass {
    const psq_rnn *rnn;
    const psq_layout *layout;
    const psq_rnn_io *io;
    const void *zeros; // rows of +0
    int64_t layer;
    int64_t direction; // 0 forward, 1 reverse
    psq_panels panels;
    psq_reserve reserve; // of this layer; all NULL without PSQ_TRAIN
    psq_in x;            // this layer's input rows, before dropout
    int64_t n_inputs;    // I_l
    bool drops;          // dropout on x

    // Layer 0 of a network with a table, of which x are the rows.
    const int32_t *tokens; // by rows of x.storage; NULL: x has a row for each element
    const void *projected; // [distinct tokens][S*H] their pre-activations; NULL: there are none
    const int32_t *places; // [N] in jagged order: row of `projected`
} psq_pass;

// forward.c, for a share's units of n rows, at most PSQ_PROJECT_ROWS: pre-activations from the
// biases and the input rows x; and what the states h before the steps add to them.
void psq_project_rows(const psq_pass *pass, const psq_share *share, int64_t n, const void *const *x,
                      void *const *pre);
void psq_add_states(const psq_pass *pass, const psq_share *share, int64_t n, const void *const *h,
                    void *const *pre);

// The time of a direction's step.
static inline int64_t psq_pass_time(const psq_pass *pass, int64_t b, int64_t step) {
    return pass->direction == 0 ? step : pass->layout->lengths[b] - 1 - step;
}

// Row b of this layer and direction in states [L*D][B][width].
static inline int64_t psq_pass_state(const psq_pass *pass, int64_t b, int64_t width) {
    const int64_t index = pass->layer * pass->rnn->D + pass->direction;
    return (index * pass->layout->n_seq + b) * width;
}

// That row, or +0 where there are no states.
static inline const void *psq_pass_initial(const psq_pass *pass, const void *states, int64_t b,
                                           int64_t width) {
    return states == NULL ? pass->zeros
                          : psq_at_const(pass->rnn, states, psq_pass_state(pass, b, width));
}

static inline const void *psq_pass_row(const psq_pass *pass, int64_t b, int64_t t) {
    const int64_t row = psq_row(pass->layout, pass->x.storage, b, t);
    return pass->x.base + (size_t)(pass->tokens != NULL ? pass->tokens[row] : row) * pass->x.stride;
}

// Input row (b, t): where it lies or, with dropout, its product with the factors in `dropped`.
static inline const void *psq_pass_input(const psq_pass *pass, int64_t b, int64_t t, void *factors,
                                         void *dropped) {
    const void *const row = psq_pass_row(pass, b, t);
    if (!pass->drops) {
        return row;
    }
    psq_dropout_factors(pass->rnn, pass->io, pass->layer - 1, b, t, factors);
    pass->rnn->kern->mul(pass->n_inputs, row, factors, dropped);
    return dropped;
}

// The state from which a direction's step computed time t: row of the reserve's h, or h0's.
static inline const void *psq_pass_h_prev(const psq_pass *pass, int64_t b, int64_t t) {
    const psq_rnn *const rnn = pass->rnn;
    const int64_t before = pass->direction == 0 ? t - 1 : t + 1;
    if (before < 0 || before == pass->layout->lengths[b]) {
        return psq_pass_initial(pass, pass->io->h0, b, rnn->R);
    }
    const int64_t row = pass->layout->offsets[b] + before;
    return psq_at_const(rnn, pass->reserve.h, (row * rnn->D + pass->direction) * rnn->R);
}

static inline const void *psq_pass_c_prev(const psq_pass *pass, int64_t b, int64_t t) {
    const int64_t before = pass->direction == 0 ? t - 1 : t + 1;
    if (before < 0 || before == pass->layout->lengths[b]) {
        return psq_pass_initial(pass, pass->io->c0, b, pass->rnn->H);
    }
    const int64_t row = pass->layout->offsets[b] + before;
    return psq_at_const(pass->rnn, pass->reserve.c[pass->direction], row * pass->rnn->H);
}

#endif
