// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// slots.h: the table itself. The files included before define what it names.
#include "base/ctx.h"
#include "kern/kern.h"

const psq_kern TABLE = {
    .name = NAME,
    .dtype = REAL_IS_FLOAT ? PSQ_F32 : PSQ_F64,
    .cpu = CPU,
    .panel_size = k_panel_size,
    .panel = k_panel,
    .tile = k_tile,
    .forward = {[PSQ_RNN_TANH] = k_forward_tanh,
                [PSQ_RNN_RELU] = k_forward_relu,
                [PSQ_LSTM] = k_forward_lstm,
                [PSQ_GRU] = k_forward_gru},
    .backward = {[PSQ_RNN_TANH] = k_backward_tanh,
                 [PSQ_RNN_RELU] = k_backward_relu,
                 [PSQ_LSTM] = k_backward_lstm,
                 [PSQ_GRU] = k_backward_gru},
    .outer = k_outer,
    .outer_work = k_outer_work,
    .column_sum = k_column_sum,
    .peak = k_peak,
    .sigmoid = k_sigmoid,
    .tanh = k_tanh,
    .exp = k_exp,
    .log = k_log,
    .add = k_add,
    .mul = k_mul,
    .scale = k_scale,
    .max = k_max,
    .flush = k_flush,
    .sum = k_sum,
    .dot = k_dot,
    .softmax_loss = k_softmax_loss,
    .sgd = k_sgd,
    .adam = k_adam,
};
