// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// dropout.h: the multipliers of dropout, as a function of what is multiplied: never stored between
// layers, made again wherever they are needed. Needs no plan, so that what lies above a network can
// drop as its layers do.
#ifndef PACKSEQ_RNN_DROPOUT_H
#define PACKSEQ_RNN_DROPOUT_H

#include "packseq/rnn.h"

// Fields of the random counter (base/rng.h): layers, of which a head's input is one more than its
// network has, and outputs of a layer.
enum { PSQ_MAX_DROP_LAYERS = 256, PSQ_MAX_DROP_UNITS = 4 << 20 };

typedef struct psq_drop {
    uint64_t threshold; // a random word below it drops
    double scale;       // what is kept is multiplied by it
} psq_drop;

// Of probability p, 0 to 1. To be called in round-to-nearest.
psq_drop psq_drop_of(double p);

// factors[n_units], PSQ_F32 or PSQ_F64, of element (id, t): 0 or the scale.
void psq_drop_factors(const psq_drop *drop, psq_dtype dtype, uint64_t seed, uint64_t id, uint32_t t,
                      int64_t layer, int64_t n_units, void *factors);

// factors[D*R] of the outputs of a network's `layer` at (b, t).
void psq_dropout_factors(const psq_rnn *rnn, const psq_rnn_io *io, int64_t layer, int64_t b,
                         int64_t t, void *factors);

#endif
