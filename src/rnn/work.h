// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// work.h: what forward and backward share: the reserve's carving, dropout, checks of a call.
#ifndef PACKSEQ_RNN_WORK_H
#define PACKSEQ_RNN_WORK_H

#include "rnn/plan.h"

// From forward to backward, for one layer and direction; NULL in inference.
typedef struct psq_dir_reserve {
    void *gates; // [N][S*H], not for RNN, whose gates are h
    void *c;     // [N][H], LSTM
} psq_dir_reserve;

// The reserve holds, for each layer in order, its outputs [N][D*R] and then its directions.
void *psq_carve_outputs(const psq_rnn *rnn, int64_t N, psq_arena *arena);
psq_dir_reserve psq_carve_dir(const psq_rnn *rnn, int64_t N, psq_arena *arena);
size_t psq_backward_bytes(const psq_rnn *rnn, int64_t N);

// out = in times the dropout factors of row (b, t) of layer l's outputs; out may be in.
void psq_drop_row(const psq_rnn *rnn, const psq_rnn_io *io, int64_t l, int64_t b, int64_t t,
                  const void *in, void *out);

psq_status psq_check_aligned(const char *name, const void *region, size_t bytes, psq_error *err);
psq_status psq_check_io(const psq_rnn *rnn, const psq_layout *layout, const psq_rnn_io *io,
                        int64_t *y_rows, psq_error *err);

#endif
