// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// batches.h: random lengths for property tests, of every kind that has its own trouble. The same
// round gives the same batch everywhere.
#ifndef PACKSEQ_TESTS_BATCHES_H
#define PACKSEQ_TESTS_BATCHES_H

#include "base/rng.h"

enum { BATCH_MAX = 12, BATCH_GIANT = 100 };

static inline uint32_t batch_word(uint32_t round, uint32_t i) {
    uint32_t words[4];
    psq_random(17, PSQ_STREAM_TEST, round, i, 0, words);
    return words[0];
}

// Writes lengths[B] and returns B. By round mod 6: any, mostly zeros, all equal, one giant among
// short ones, all zero, none or one.
static inline int64_t batch_lengths(uint32_t round, int64_t lengths[BATCH_MAX]) {
    const uint32_t kind = round % 6;
    const int64_t B = kind == 5 ? round / 6 % 2 : 1 + batch_word(round, 0) % BATCH_MAX;
    for (int64_t b = 0; b < B; b++) {
        const uint32_t word = batch_word(round, 1 + (uint32_t)b);
        lengths[b] = word % 9;
        if (kind == 1) {
            lengths[b] = word % 3 == 0 ? word / 3 % 5 : 0;
        } else if (kind == 2) {
            lengths[b] = round % 7;
        } else if (kind == 4) {
            lengths[b] = 0;
        }
    }
    if (kind == 3) {
        lengths[batch_word(round, 20) % (uint32_t)B] = BATCH_GIANT;
    }
    return B;
}

#endif
