// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// size.h: sizes that cannot wrap. An overflow saturates at SIZE_MAX, which no allocator grants, so
// a chain of these needs one check at its end.
#ifndef PACKSEQ_BASE_SIZE_H
#define PACKSEQ_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t psq_size_add(size_t a, size_t b) {
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

static inline size_t psq_size_mul(size_t a, size_t b) {
    return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

// count elements of `size` bytes; a negative count is SIZE_MAX.
static inline size_t psq_size_of(int64_t count, size_t size) {
    if (count < 0 || (uint64_t)count > SIZE_MAX) {
        return SIZE_MAX;
    }
    return psq_size_mul((size_t)count, size);
}

static inline int64_t psq_max_count(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t psq_min_count(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// *sum = a + b, or false where it overflows.
static inline bool psq_count_add(int64_t a, int64_t b, int64_t *sum) {
    return !__builtin_add_overflow(a, b, sum);
}

static inline bool psq_count_mul(int64_t a, int64_t b, int64_t *product) {
    return !__builtin_mul_overflow(a, b, product);
}

#endif
