// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pieces.h: the inside of a plan, and how operations make one: open it, write pieces and offsets,
// close it.
#ifndef PACKSEQ_RAGGED_PIECES_H
#define PACKSEQ_RAGGED_PIECES_H

#include "packseq/plan.h"
#include "ragged/layout.h"

struct psq_plan {
    const psq_ctx *ctx;
    int64_t n_sources;
    int64_t n_seq;    // of the result
    int64_t n_pieces; // all
    const psq_layout **sources;
    psq_piece *pieces;
    int64_t *piece_offsets;
    int64_t *starts;    // [n_pieces]: the t of the result with which each piece begins
    psq_layout *layout; // NULL until the plan is closed
};

// A plan with copied sources, or with sources NULL room for them, and room for offsets and pieces,
// which are not yet written.
PSQ_MUST psq_status psq_plan_open(const psq_ctx *ctx, const psq_layout *const *sources,
                                  int64_t n_sources, int64_t n_seq, int64_t n_pieces,
                                  psq_plan **out, psq_error *err);

// Makes the result's layout, a copy of `like` where the result is known to have its lengths, else
// NULL, and gives the plan to *out. On failure the plan is destroyed.
PSQ_MUST psq_status psq_plan_close(psq_plan *plan, const psq_layout *like, psq_plan **out,
                                   psq_error *err);

// sources[n_sources] of a constructor: *out becomes NULL; all that is not to be NULL is not.
PSQ_MUST psq_status psq_plan_check(const psq_ctx *ctx, const psq_layout *const *sources,
                                   int64_t n_sources, psq_plan **out, psq_error *err);

// The arrays of a call, and what its arguments are called.
typedef struct psq_plan_call {
    const psq_plan *plan;
    const psq_storage *from;
    const void *const *src;
    const char *src_name;
    bool src_is_optional; // each array, not src itself
    psq_storage to;
    const void *dst;
    const char *dst_name;
    size_t row_bytes;
} psq_plan_call;

PSQ_MUST psq_status psq_plan_check_call(const psq_plan_call *call, psq_error *err);

#endif
