// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// arena.h: carving a caller's region into arrays. Sizes are found by running the same carving code
// with a NULL base, so that size and use cannot drift apart. Every array begins at a multiple of 64
// bytes.
#ifndef PACKSEQ_BASE_ARENA_H
#define PACKSEQ_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum { PSQ_ALIGN = 64 };

typedef struct psq_arena {
    char *base;  // NULL: only measure
    size_t used; // SIZE_MAX: overflowed
} psq_arena;

// The next array of count elements of `size` bytes; NULL while measuring.
void *psq_arena_take(psq_arena *arena, int64_t count, size_t size);

#endif
