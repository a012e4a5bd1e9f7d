// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_tile.h: the application of a plan, and the copying of one tile of its result.
#ifndef PACKSEQ_RAGGED_PLAN_TILE_H
#define PACKSEQ_RAGGED_PLAN_TILE_H

#include "ragged/fill.h"
#include "ragged/pieces.h"
#include "ragged/row_copy.h"
#include "ragged/tiling.h"

// Constant while it runs.
typedef struct psq_plan_copy {
    const psq_plan *plan;
    const psq_storage *from;
    const void *const *src;
    psq_place dst;
    psq_tiling tiling;
    psq_pattern pattern;
    bool stream; // past the caches
    psq_row_kind kind;
} psq_plan_copy;

// For psq_tiling_run: writes a tile of the result, padding included. arg is the psq_plan_copy.
void psq_plan_copy_tile(const void *arg, int64_t i0, int64_t s0);

#endif
