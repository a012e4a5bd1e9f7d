// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// source.h: bytes taken in order from a file or from memory, in amounts that a stranger named.
// Memory for them grows with what has really come, never with what was promised.
#ifndef PACKSEQ_IO_SOURCE_H
#define PACKSEQ_IO_SOURCE_H

#include "base/file.h"

// From `file`, or from `left` bytes at `at` if that is NULL.
typedef struct psq_source {
    psq_file *file;
    const char *at;
    size_t left;
} psq_source;

// Each piece is at most as large as all before it or PSQ_FIRST_PIECE, so these are enough.
enum { PSQ_MAX_PIECES = 64, PSQ_FIRST_PIECE = 65536 };

// The bytes that were taken. Pieces from memory are borrowed.
typedef struct psq_rope {
    const psq_ctx *ctx;
    psq_chunk pieces[PSQ_MAX_PIECES];
    int n_pieces;
    size_t size;
    bool borrowed;
} psq_rope;

// Takes `size` bytes into an empty rope that holds its context, fewer only where the source ends.
// In use are at most twice the bytes that came, plus PSQ_FIRST_PIECE. Freed with psq_rope_free,
// also after a failure.
PSQ_MUST psq_status psq_source_take(psq_source *source, size_t size, psq_rope *rope,
                                    psq_error *err);

// Makes one piece of them; for a moment twice the memory is in use. `what` is for PSQ_NOMEM.
PSQ_MUST psq_status psq_rope_join(psq_rope *rope, const char *what, psq_error *err);

// Copies the bytes from `begin` on.
void psq_rope_copy(const psq_rope *rope, size_t begin, size_t size, char *out);

// Leaves an empty rope.
void psq_rope_free(psq_rope *rope);

#endif
