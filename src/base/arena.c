// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// arena.c: see arena.h. Measuring and carving take the same path; only the returned pointer
// differs.
#include "base/arena.h"

#include "base/size.h"

void *psq_arena_take(psq_arena *arena, int64_t count, size_t size) {
    const size_t start = arena->used;
    const size_t bytes = psq_size_add(psq_size_of(count, size), PSQ_ALIGN - 1);
    if (bytes == SIZE_MAX || start == SIZE_MAX) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    arena->used = psq_size_add(start, bytes / PSQ_ALIGN * PSQ_ALIGN);
    return arena->base == NULL || arena->used == SIZE_MAX ? NULL : arena->base + start;
}
