// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan.c: the object. All plans are one form, pieces with offsets, checked where they come from
// outside and trusted from then on, so that applying a plan needs no checks and operations only
// write pieces. A plan is one allocation, itself at its start.
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"
#include "ragged/pieces.h"

// The plan's own struct lies first; returns it, or NULL while measuring.
static psq_plan *carve(psq_plan *sizes, psq_arena *arena) {
    psq_plan *const plan = (psq_plan *)psq_arena_take(arena, 1, sizeof *plan);
    sizes->sources =
        (const psq_layout **)psq_arena_take(arena, sizes->n_sources, sizeof *sizes->sources);
    sizes->piece_offsets =
        (int64_t *)psq_arena_take(arena, sizes->n_seq + 1, sizeof *sizes->piece_offsets);
    sizes->pieces = (psq_piece *)psq_arena_take(arena, sizes->n_pieces, sizeof *sizes->pieces);
    sizes->starts = (int64_t *)psq_arena_take(arena, sizes->n_pieces, sizeof *sizes->starts);
    return plan;
}

psq_status psq_plan_open(const psq_ctx *ctx, const psq_layout *const *sources, int64_t n_sources,
                         int64_t n_seq, int64_t n_pieces, psq_plan **out, psq_error *err) {
    psq_plan sizes = {.ctx = ctx, .n_sources = n_sources, .n_seq = n_seq, .n_pieces = n_pieces};
    psq_arena arena = {NULL, 0};
    char *memory = NULL;
    if (n_seq < INT64_MAX) { // carve counts n_seq + 1
        (void)carve(&sizes, &arena);
        memory = (char *)psq_malloc(ctx, arena.used);
    }
    PSQ_REQUIRE(err, memory != NULL, PSQ_NOMEM,
                "out of memory for a plan of %lld sequences and %lld pieces", (long long)n_seq,
                (long long)n_pieces);
    arena = (psq_arena){memory, 0};
    psq_plan *const plan = carve(&sizes, &arena);
    *plan = sizes;
    if (sources != NULL && n_sources > 0) {
        memcpy(plan->sources, sources, (size_t)n_sources * sizeof(const psq_layout *));
    }
    *out = plan;
    return PSQ_OK;
}

void psq_plan_destroy(psq_plan *plan) {
    if (plan != NULL) {
        psq_layout_destroy(plan->layout);
        psq_free(plan->ctx, plan);
    }
}

static psq_status start_pieces(psq_plan *plan, psq_error *err) {
    for (int64_t i = 0; i < plan->n_seq; i++) {
        int64_t t = 0;
        for (int64_t k = plan->piece_offsets[i]; k < plan->piece_offsets[i + 1]; k++) {
            const int64_t n_rows = plan->pieces[k].n_rows;
            plan->starts[k] = t;
            PSQ_REQUIRE(err, psq_count_add(t, n_rows, &t), PSQ_NOMEM,
                        "pieces[%lld] has %lld rows, overflows the length of sequence %lld",
                        (long long)k, (long long)n_rows, (long long)i);
        }
    }
    return PSQ_OK;
}

static psq_status make_layout(psq_plan *plan, const psq_layout *like, psq_error *err) {
    PSQ_TRY(start_pieces(plan, err));
    if (like != NULL) {
        return psq_layout_from_batch_sizes(plan->ctx, like->batch_sizes, like->n_steps,
                                           like->sorted_indices, like->n_seq, like->n_rows,
                                           &plan->layout, err);
    }
    int64_t *lengths = NULL;
    PSQ_TRY(psq_alloc_zero(plan->ctx, plan->n_seq, sizeof *lengths, "the lengths of a plan",
                           (void **)&lengths, err));
    for (int64_t i = 0; i < plan->n_seq; i++) {
        const int64_t last = plan->piece_offsets[i + 1] - 1;
        if (last >= plan->piece_offsets[i]) {
            lengths[i] = plan->starts[last] + plan->pieces[last].n_rows;
        }
    }
    const psq_status status =
        psq_layout_from_lengths(plan->ctx, lengths, plan->n_seq, &plan->layout, err);
    psq_free(plan->ctx, lengths);
    return status;
}

psq_status psq_plan_close(psq_plan *plan, const psq_layout *like, psq_plan **out, psq_error *err) {
    const psq_status status = make_layout(plan, like, err);
    if (status != PSQ_OK) {
        psq_plan_destroy(plan);
        return status;
    }
    *out = plan;
    return PSQ_OK;
}

psq_status psq_plan_check(const psq_ctx *ctx, const psq_layout *const *sources, int64_t n_sources,
                          psq_plan **out, psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, n_sources >= 0, PSQ_INVALID, "n_sources is %lld, must be at least 0",
                (long long)n_sources);
    PSQ_REQUIRE(err, sources != NULL || n_sources == 0, PSQ_INVALID,
                "sources is NULL, n_sources is %lld", (long long)n_sources);
    for (int64_t k = 0; k < n_sources; k++) {
        PSQ_REQUIRE(err, sources[k] != NULL, PSQ_INVALID, "sources[%lld] is NULL", (long long)k);
    }
    return PSQ_OK;
}

// ---- the general form

static psq_status check_offsets(const psq_piece *pieces, const int64_t *piece_offsets,
                                int64_t n_seq, psq_error *err) {
    PSQ_REQUIRE(err, n_seq >= 0, PSQ_INVALID, "n_seq is %lld, must be at least 0",
                (long long)n_seq);
    PSQ_REQUIRE(err, piece_offsets != NULL, PSQ_INVALID, "piece_offsets is NULL");
    PSQ_REQUIRE(err, piece_offsets[0] == 0, PSQ_INVALID, "piece_offsets[0] is %lld, must be 0",
                (long long)piece_offsets[0]);
    for (int64_t i = 0; i < n_seq; i++) {
        PSQ_REQUIRE(
            err, piece_offsets[i + 1] >= piece_offsets[i], PSQ_INVALID,
            "piece_offsets[%lld] is %lld, must be at least piece_offsets[%lld], which is %lld",
            (long long)(i + 1), (long long)piece_offsets[i + 1], (long long)i,
            (long long)piece_offsets[i]);
    }
    PSQ_REQUIRE(err, pieces != NULL || piece_offsets[n_seq] == 0, PSQ_INVALID,
                "pieces is NULL, must have %lld", (long long)piece_offsets[n_seq]);
    return PSQ_OK;
}

static psq_status check_piece(const psq_layout *const *sources, int64_t n_sources,
                              const psq_piece *piece, int64_t k, psq_error *err) {
    PSQ_REQUIRE(err, piece->source >= 0 && piece->source < n_sources, PSQ_INVALID,
                "pieces[%lld].source is %lld, must be at least 0 and below %lld", (long long)k,
                (long long)piece->source, (long long)n_sources);
    const psq_layout *const source = sources[piece->source];
    PSQ_REQUIRE(err, piece->seq >= 0 && piece->seq < source->n_seq, PSQ_INVALID,
                "pieces[%lld].seq is %lld, must be at least 0 and below %lld, the sequences of "
                "sources[%lld]",
                (long long)k, (long long)piece->seq, (long long)source->n_seq,
                (long long)piece->source);
    const int64_t length = source->lengths[piece->seq];
    PSQ_REQUIRE(err, piece->first >= 0 && piece->first <= length, PSQ_INVALID,
                "pieces[%lld].first is %lld, must be from 0 to %lld, the length of its sequence",
                (long long)k, (long long)piece->first, (long long)length);
    PSQ_REQUIRE(err, piece->n_rows >= 0 && piece->n_rows <= length - piece->first, PSQ_INVALID,
                "pieces[%lld].n_rows is %lld, must be from 0 to %lld, the rows from %lld to the "
                "end of its sequence",
                (long long)k, (long long)piece->n_rows, (long long)(length - piece->first),
                (long long)piece->first);
    return PSQ_OK;
}

psq_status psq_plan_from_pieces(const psq_ctx *ctx, const psq_layout *const *sources,
                                int64_t n_sources, const psq_piece *pieces,
                                const int64_t *piece_offsets, int64_t n_seq, psq_plan **out,
                                psq_error *err) {
    PSQ_TRY(psq_plan_check(ctx, sources, n_sources, out, err));
    PSQ_TRY(check_offsets(pieces, piece_offsets, n_seq, err));
    const int64_t n_pieces = piece_offsets[n_seq];
    for (int64_t k = 0; k < n_pieces; k++) {
        PSQ_TRY(check_piece(sources, n_sources, &pieces[k], k, err));
    }
    psq_plan *plan = NULL;
    PSQ_TRY(psq_plan_open(ctx, sources, n_sources, n_seq, n_pieces, &plan, err));
    memcpy(plan->piece_offsets, piece_offsets, (size_t)(n_seq + 1) * sizeof *piece_offsets);
    if (n_pieces > 0) {
        memcpy(plan->pieces, pieces, (size_t)n_pieces * sizeof *pieces);
    }
    return psq_plan_close(plan, NULL, out, err);
}

// ---- what it says

const psq_layout *psq_plan_layout(const psq_plan *plan) {
    return plan->layout;
}

int64_t psq_plan_n_sources(const psq_plan *plan) {
    return plan->n_sources;
}

const psq_piece *psq_plan_pieces(const psq_plan *plan) {
    return plan->pieces;
}

const int64_t *psq_plan_piece_offsets(const psq_plan *plan) {
    return plan->piece_offsets;
}
