// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// rng.c: Philox4x32-10, as in the paper that rng.h names: ten rounds of two 32 x 32 -> 64 bit
// products, the key stepped by the golden ratio and sqrt(3) - 1 between rounds; and the shuffle,
// which whoever has an order by chance uses.
#include "base/rng.h"

#include <string.h>

void psq_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t x[4];
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    memcpy(x, counter, sizeof x);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53U * x[0];
        const uint64_t p1 = (uint64_t)0xCD9E8D57U * x[2];
        const uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ x[1] ^ k0, (uint32_t)p1,
                                  (uint32_t)(p0 >> 32) ^ x[3] ^ k1, (uint32_t)p0};
        memcpy(x, next, sizeof x);
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
    memcpy(out, x, sizeof x);
}

void psq_random(uint64_t seed, psq_stream stream, uint64_t a, uint32_t b, uint32_t c,
                uint32_t out[4]) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)a, (uint32_t)(a >> 32), b, (uint32_t)stream << 28 | c};
    psq_philox(counter, key, out);
}

int64_t psq_random_below(uint64_t seed, psq_stream stream, uint64_t a, uint32_t b, uint32_t c,
                         int64_t n) {
    uint32_t word[4];
    psq_random(seed, stream, a, b, c, word);
    return (int64_t)(((uint64_t)word[0] << 32 | word[1]) % (uint64_t)n);
}

void psq_shuffle(uint64_t seed, uint32_t epoch, psq_shuffle_use use, int64_t n, int64_t *items) {
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j =
            psq_random_below(seed, PSQ_STREAM_SHUFFLE, (uint64_t)i, epoch, use, i + 1);
        const int64_t moved = items[i];
        items[i] = items[j];
        items[j] = moved;
    }
}
