// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// dropout.h: the multipliers between layers, as a function of what is multiplied: never stored,
// made again wherever they are needed.
#ifndef PACKSEQ_RNN_DROPOUT_H
#define PACKSEQ_RNN_DROPOUT_H

#include "rnn/plan.h"

// factors[D*R] of the outputs of `layer` at (b, t): 0 or 1 / (1 - p).
void psq_dropout_factors(const psq_rnn *rnn, const psq_rnn_io *io, int64_t layer, int64_t b,
                         int64_t t, void *factors);

#endif
