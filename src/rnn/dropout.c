// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// dropout.c: a unit is dropped where its random word is below p * 2^32; compared in 64 bits, so
// that p = 1 drops everything. The word depends on (seed, sequence id, t, layer, unit) only, so a
// sequence keeps its mask in any batch, and a part of it that knows where it starts does too.
#include "rnn/dropout.h"

#include "base/rng.h"
#include "rnn/plan.h"

psq_drop psq_drop_of(double p) {
    return (psq_drop){.threshold = (uint64_t)(p * 0x1p32),
                      .scale = p < 1.0 ? 1.0 / (1.0 - p) : 0.0};
}

void psq_drop_factors(const psq_drop *drop, psq_dtype dtype, uint64_t seed, uint64_t id, uint32_t t,
                      int64_t layer, int64_t n_units, void *factors) {
    for (int64_t unit = 0; unit < n_units; unit += 4) {
        uint32_t words[4];
        psq_random(seed, PSQ_STREAM_DROPOUT, id, t, (uint32_t)layer << 20 | (uint32_t)(unit / 4),
                   words);
        for (int64_t k = 0; k < 4 && unit + k < n_units; k++) {
            const double factor = words[k] >= drop->threshold ? drop->scale : 0.0;
            if (dtype == PSQ_F32) {
                ((float *)factors)[unit + k] = (float)factor;
            } else {
                ((double *)factors)[unit + k] = factor;
            }
        }
    }
}

void psq_dropout_factors(const psq_rnn *rnn, const psq_rnn_io *io, int64_t layer, int64_t b,
                         int64_t t, void *factors) {
    const uint64_t id = (uint64_t)(io->ids != NULL ? io->ids[b] : b);
    const uint64_t start = io->starts != NULL ? (uint64_t)io->starts[b] : 0;
    psq_drop_factors(&rnn->drop, rnn->spec.dtype, io->seed, id, (uint32_t)(start + (uint64_t)t),
                     layer, rnn->D * rnn->R, factors);
}
