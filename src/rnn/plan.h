// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan.h: the inside of a network. What distinguishes cells is one row of a table; what
// distinguishes layers and directions is a handful of offsets. Letters as in packseq/rnn.h; S is
// the number of slots in a row of gates.
#ifndef PACKSEQ_RNN_PLAN_H
#define PACKSEQ_RNN_PLAN_H

#include "base/arena.h"
#include "kern/kern.h"
#include "packseq/rnn.h"

// Gates [gate, gate + n_gates) of W_hh add to slots from `slot` on. The GRU's n gate has its hidden
// part apart.
typedef struct psq_segment {
    int64_t gate;
    int64_t n_gates;
    int64_t slot;
} psq_segment;

typedef struct psq_cell_row {
    const char *name;
    int64_t n_gates; // G
    int64_t n_slots; // S
    int n_segments;
    psq_segment segments[2];
    bool has_c;
} psq_cell_row;

extern const psq_cell_row psq_cells[PSQ_N_CELL];

// Element offsets of one layer's and direction's parameters in the flat buffer; -1: absent.
typedef struct psq_dir_params {
    int64_t w_ih, w_hh, b_ih, b_hh, w_hr;
} psq_dir_params;

struct psq_rnn {
    const psq_ctx *ctx;
    psq_rnn_spec spec;
    const psq_cell_row *cell;
    const psq_kern *kern;
    size_t element; // bytes
    int64_t R, D;   // state size, directions
    int64_t n_params;
    int64_t n_weights;
    psq_param *params;    // [n_params]
    psq_dir_params *dirs; // [L * D]
};

// Panels of one layer and direction.
typedef struct psq_dir_panels {
    void *ih;      // W_ih, [G*H] outputs over I_l
    void *hh[2];   // W_hh by segment, outputs over R
    void *start;   // [S*H] what a row of gates starts from
    void *ih_t;    // [I_l] outputs over G*H
    void *hh_t[2]; // by segment, [R] outputs over its gates
    void *hr;      // W_hr, [P] outputs over H
    void *hr_t;    // [H] outputs over P
} psq_dir_panels;

// Carves the panels of layer l, direction d; call for all in order.
psq_dir_panels psq_carve_panels(const psq_rnn *rnn, psq_arena *arena, int64_t l);

// I_l: what layer l reads.
static inline int64_t psq_input_size(const psq_rnn *rnn, int64_t l) {
    return l == 0 ? rnn->spec.input_size : rnn->D * rnn->R;
}

// Element i of an array of the network's dtype.
static inline void *psq_at(const psq_rnn *rnn, const void *base, int64_t i) {
    return (char *)(uintptr_t)base + (size_t)i * rnn->element;
}

#endif
