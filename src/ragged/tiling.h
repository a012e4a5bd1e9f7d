// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tiling.h: a target cut into tiles of some sequences and some steps, small enough that all memory
// they touch stays in the nearest caches however far apart its parts lie. Tiles follow each other
// in the target's order, and threads take them from a counter.
#ifndef PACKSEQ_RAGGED_TILING_H
#define PACKSEQ_RAGGED_TILING_H

#include "ragged/place.h"

enum { PSQ_TILE_SEQS = 64 }; // at most

typedef struct psq_tiling {
    const psq_place *dst;
    bool by_sequence; // a sequence's tiles follow each other, else those of a step
    bool by_rank;     // tiles hold neighbouring ranks, else neighbouring sequences of the user's
    bool whole; // rows are copied in stretches of a sequence: tiles need no cuts but for threads
    int64_t n_rows;  // of the target, padding included
    int64_t n_steps; // stored steps of the target, T if it is not padded
    int64_t tile_seqs;
    int64_t tile_steps;
} psq_tiling;

// A tiling that has dst, n_rows and n_steps; the caller decides by_sequence, by_rank and whole and
// then cuts.
psq_tiling psq_tiling_of(const psq_place *dst);

// Decides tile_seqs and tile_steps. There are rows, and they have bytes.
void psq_tiling_cut(psq_tiling *tiling);

// The user's number of the tiling's sequence i.
static inline int64_t psq_tiling_seq(const psq_tiling *tiling, int64_t i) {
    return tiling->by_rank ? tiling->dst->layout->sorted_indices[i] : i;
}

// Calls copy(arg, i0, s0) for every tile: sequences i0 to i0 + tile_seqs - 1 at steps s0 to s0 +
// tile_steps - 1, as far as there are such. Large targets are shared with the context's team.
void psq_tiling_run(const psq_tiling *tiling, const psq_ctx *ctx,
                    void (*copy)(const void *arg, int64_t i0, int64_t s0), const void *arg);

#endif
