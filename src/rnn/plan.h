// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan.h: the inside of a network: what follows from its spec alone. Immutable after creation.
// Letters as in packseq/rnn.h.
#ifndef PACKSEQ_RNN_PLAN_H
#define PACKSEQ_RNN_PLAN_H

#include "kern/kern.h"
#include "packseq/rnn.h"
#include "rnn/cells.h"
#include "rnn/dropout.h"

struct psq_rnn {
    const psq_ctx *ctx;
    psq_rnn_spec spec;
    const psq_cell_info *cell;
    const psq_kern *kern;
    size_t size; // bytes of one element
    int64_t H;
    int64_t R;
    int64_t D;
    int64_t n_weights;
    int64_t n_params;
    psq_param *params;
    bool drops; // there is something between layers to drop
    psq_drop drop;
};

// Parameters of one layer and direction, in the order of the table.
typedef enum psq_param_kind {
    PSQ_W_IH,
    PSQ_W_HH,
    PSQ_B_IH,
    PSQ_B_HH,
    PSQ_W_HR,
    PSQ_N_PARAM_KIND
} psq_param_kind;

// params.c: the number of elements of all parameters, or false where it overflows; the table.
bool psq_params_count(const psq_rnn *rnn, int64_t *n_weights, int64_t *n_params);
void psq_params_fill(const psq_rnn *rnn, psq_param *params);
// The table's entry; NULL if the network has none of this kind.
const psq_param *psq_param_get(const psq_rnn *rnn, int64_t layer, int64_t direction,
                               psq_param_kind kind);

// I_l
static inline int64_t psq_layer_input(const psq_rnn *rnn, int64_t layer) {
    return layer == 0 ? rnn->spec.input_size : rnn->D * rnn->R;
}

// Bytes of n elements; n was checked.
static inline size_t psq_bytes(const psq_rnn *rnn, int64_t n) {
    return (size_t)n * rnn->size;
}

// Element `index` of an array.
static inline void *psq_at(const psq_rnn *rnn, void *array, int64_t index) {
    return (char *)array + psq_bytes(rnn, index);
}

static inline const void *psq_at_const(const psq_rnn *rnn, const void *array, int64_t index) {
    return (const char *)array + psq_bytes(rnn, index);
}

#endif
