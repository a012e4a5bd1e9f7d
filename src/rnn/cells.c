// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cells.c: the table of cells. Gate order is PyTorch's and is written here once: LSTM i f g o, GRU
// r z n, RNN one gate. GRU's slots are r z n q.
#include "rnn/cells.h"

static const psq_cell_info cells[PSQ_N_CELL] = {
    [PSQ_RNN_TANH] = {.name = "rnn_tanh",
                      .n_gates = 1,
                      .n_slots = 1,
                      .n_segments = 1,
                      .segments = {{0, 1, 0, 0}}},
    [PSQ_RNN_RELU] = {.name = "rnn_relu",
                      .n_gates = 1,
                      .n_slots = 1,
                      .n_segments = 1,
                      .segments = {{0, 1, 0, 0}}},
    [PSQ_LSTM] = {.name = "lstm",
                  .n_gates = 4,
                  .n_slots = 4,
                  .n_segments = 1,
                  .segments = {{0, 4, 0, 0}},
                  .saves_gates = true,
                  .has_c = true},
    [PSQ_GRU] = {.name = "gru",
                 .n_gates = 3,
                 .n_slots = 4,
                 .n_segments = 2,
                 .segments = {{0, 2, 0, 0}, {2, 1, 2, 3}},
                 .saves_gates = true,
                 .carries_dh = true},
};

const psq_cell_info *psq_cell_get(psq_cell cell) {
    return (unsigned)cell < PSQ_N_CELL ? &cells[cell] : NULL;
}

const char *psq_cell_name(psq_cell cell) {
    const psq_cell_info *const info = psq_cell_get(cell);
    return info != NULL ? info->name : NULL;
}
