// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// run.h: what rnn_api.c calls once everything has been checked. Neither can fail.
#ifndef PACKSEQ_RNN_RUN_H
#define PACKSEQ_RNN_RUN_H

#include "rnn/memory.h"
#include "rnn/pass.h"

typedef struct psq_call {
    const psq_rnn *rnn;
    const psq_layout *layout;
    const void *panels;
    const psq_rnn_io *io;
    int64_t n_y_rows; // rows of y_storage
    unsigned flags;
    void *reserve;
    void *scratch;
} psq_call;

// The rows of x, or of the table that tokens choose from; where rows have no elements and x is
// NULL, any address will do.
static inline psq_in psq_call_x(const psq_call *call, const void *zeros) {
    return psq_in_rows(call->rnn, call->io->x != NULL ? call->io->x : zeros,
                       call->rnn->spec.input_size, call->io->x_storage);
}

void psq_run_forward(const psq_call *call);
void psq_run_backward(const psq_call *call, const psq_rnn_grads *grads);

// weight_grads.c: adds one layer and direction to dweights. dgates are rows of slots; with a
// projection dh rows are the gradients of its outputs and m rows its operands.
typedef struct psq_grad_rows {
    psq_in dgates;
    psq_in dh;
    psq_in m;
} psq_grad_rows;

// recompute.c: the gates of all rows of a layer, of both directions, into the passes'
// reserve.gates.
void psq_recompute_gates(const psq_pass *passes, const psq_backward_scratch *scratch);

// input_grads.c, of both directions: the caller's dx; and the gradients of the outputs of the layer
// below, in place of this layer's rows.
void psq_input_grads(const psq_pass *passes, const psq_grad_rows *rows, const psq_out *dx);
void psq_row_grads(const psq_pass *passes, const psq_grad_rows *rows,
                   const psq_backward_scratch *scratch);

// W_ih is left to token_grads.c where the inputs are tokens.
void psq_weight_grads(const psq_pass *pass, const psq_grad_rows *rows,
                      const psq_backward_scratch *scratch, void *dweights);

// How many slices to cut n rows of a gradient into, none of them empty, because an empty one walks
// all that is summed too; and the rows that slice `slice` of n_slices has.
int64_t psq_n_slices(int64_t n, int64_t n_threads);
psq_range psq_slice(int64_t n, int64_t slice, int64_t n_slices);

// tokens.c: before layer 0's walk. Where tokens repeat enough, projects the distinct ones and gives
// the passes what they then take their rows from.
void psq_project_tokens(psq_pass *passes, psq_forward_scratch *scratch);

// token_grads.c: the gradients of layer 0's W_ih and of the table, both added to.
void psq_token_grads(const psq_pass *passes, const psq_grad_rows *rows,
                     psq_backward_scratch *scratch, const psq_rnn_grads *grads);

#endif
