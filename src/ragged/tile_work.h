// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tile_work.h: what the loops over a tile know: the conversion, the tile, and its padding.
#ifndef PACKSEQ_RAGGED_TILE_WORK_H
#define PACKSEQ_RAGGED_TILE_WORK_H

#include "base/size.h"
#include "ragged/fill.h"
#include "ragged/tiling.h"
#include "ragged/writer.h"

enum { FEW_SEQS = 8 }; // fewer are copied one by one

// The ways to walk the rows of a tile.
typedef enum walk {
    ACROSS_RANKS, // packed target: step by step, the ranks that are alive
    ACROSS_CELLS, // padded target, time first: step by step, elements and padding
    ALONG         // target by sequence: sequence by sequence, its elements and padding
} walk;

// A conversion; constant while it runs.
typedef struct work {
    const psq_layout *layout;
    const psq_place *src;
    const psq_place *dst;
    psq_tiling tiling;
    walk walk;
    bool stream; // past the caches
    psq_row_kind kind;
    psq_pattern pattern;
} work;

// Sequences i0 to i0 + n - 1, in the order of the tiles, and stored steps s0 to s1 - 1.
typedef struct tile {
    int64_t i0, n, s0, s1;
    char *src[PSQ_TILE_SEQS]; // element (b, 0)
    char *dst[PSQ_TILE_SEQS];
    int64_t first[PSQ_TILE_SEQS]; // the stored step of (b, 0), and that of the row after the last
    int64_t end[PSQ_TILE_SEQS];
} tile;

// ---- padding

// n whole rows, one after the other.
static void fill_rows(const work *w, char *dst, int64_t n) {
    size_t left = (size_t)n * w->dst->row_bytes;
    if (w->pattern.is_zero && !w->stream) {
        memset(dst, 0, left);
        return;
    }
    while (left > 0) {
        const size_t size = left < w->pattern.n ? left : w->pattern.n;
        psq_bytes_copy(dst, w->pattern.bytes, size, w->stream);
        dst += size;
        left -= size;
    }
}

// Stored steps s to s + n - 1 of the target's sequence whose step 0 is at `dst`.
static void fill_steps(const work *w, char *dst, int64_t s, int64_t n) {
    const size_t stride = w->dst->stride;
    if (stride == w->dst->row_bytes) {
        fill_rows(w, dst + (size_t)s * stride, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        fill_rows(w, dst + (size_t)(s + i) * stride, 1);
    }
}

// The padding behind the tile's sequences.
static void fill_ends(const work *w, const tile *x) {
    for (int64_t i = 0; i < x->n && w->dst->n_steps > 0; i++) {
        const int64_t s = psq_min_count(psq_max_count(x->end[i], x->s0), x->s1);
        fill_steps(w, x->dst[i], s, x->s1 - s);
    }
}

#endif
