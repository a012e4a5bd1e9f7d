// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// rng.h: random numbers as functions. Philox4x32-10 of Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011: four words from a 128-bit counter and a 64-bit key. The
// key is the user's seed; the counter says what the numbers are for, so that no two uses share any.
#ifndef PACKSEQ_BASE_RNG_H
#define PACKSEQ_BASE_RNG_H

#include <stdint.h>

typedef enum psq_stream {
    PSQ_STREAM_INIT = 0, // b = 0, the network, and 2, the head: a = element / 4 of its buffer;
                         // b = 1, the embedding: a = element
    PSQ_STREAM_DROPOUT,  // a = sequence id, b = t (32 bits), c = layer << 20 | unit / 4; the
                         // input of a head is layer n_layers
    PSQ_STREAM_SHUFFLE,  // c = psq_shuffle_use; a = position, b = epoch but for
                         // PSQ_SHUFFLE_DROPOUT_SEED, where a = step, b = 0
    PSQ_STREAM_TEST      // free
} psq_stream;

// What is in an order of its own in every epoch.
typedef enum psq_shuffle_use {
    PSQ_SHUFFLE_SAMPLES = 0,  // of a fit
    PSQ_SHUFFLE_DROPOUT_SEED, // of a fit's step: not an order
    PSQ_SHUFFLE_SEQUENCES,    // of a batcher, before they are sorted
    PSQ_SHUFFLE_BATCHES,      // of a batcher
    PSQ_SHUFFLE_MIDDLE        // of a batcher, a = 0: where its cuts from both ends meet
} psq_shuffle_use;

void psq_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

// Four words for (seed, stream, a, b, c); c below 2^28. Counter: {a low, a high, b, stream << 28 |
// c}.
void psq_random(uint64_t seed, psq_stream stream, uint64_t a, uint32_t b, uint32_t c,
                uint32_t out[4]);

// A number from 0 to n - 1, n at least 1, made of the first two words. As a remainder of 64 bits it
// favours small numbers, by less than n / 2^64.
int64_t psq_random_below(uint64_t seed, psq_stream stream, uint64_t a, uint32_t b, uint32_t c,
                         int64_t n);

// The shuffle of Fisher and Yates of items[n], as docs/bits.md defines it.
void psq_shuffle(uint64_t seed, uint32_t epoch, psq_shuffle_use use, int64_t n, int64_t *items);

// A word as a float or double in [0, 1): its upper 24 bits / 2^24; two words' 53 bits / 2^53.
static inline float psq_unit_f32(uint32_t word) {
    return (float)(word >> 8) * 0x1p-24f;
}

static inline double psq_unit_f64(uint32_t high, uint32_t low) {
    return (double)((((uint64_t)high << 32) | low) >> 11) * 0x1p-53;
}

#endif
