// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_tile.h: the application of a plan, and the copying of one tile of its result.
#ifndef PACKSEQ_RAGGED_PLAN_TILE_H
#define PACKSEQ_RAGGED_PLAN_TILE_H

#include "ragged/fill.h"
#include "ragged/pieces.h"
#include "ragged/place.h"
#include "ragged/row_copy.h"

enum { PSQ_PLAN_TILE_SEQS = 64 }; // at most

// Constant while it runs.
typedef struct psq_plan_copy {
    const psq_plan *plan;
    const psq_storage *from;
    const void *const *src;
    psq_place dst;
    psq_pattern pattern;
    bool by_rank; // tiles hold neighbouring ranks, else neighbouring sequences of the user's
    bool stream;  // past the caches
    psq_row_kind kind;
    int64_t n_steps; // stored steps of the result, T if it is not padded
    int64_t tile_seqs;
    int64_t tile_steps;
} psq_plan_copy;

// Writes stored steps s0 to s0 + tile_steps - 1 of tile_seqs sequences from number i0 on, padding
// included, as far as the result has such.
void psq_plan_copy_tile(const psq_plan_copy *copy, int64_t i0, int64_t s0);

#endif
