// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_make.c: the operations whose result has one piece, or one of each source, for a sequence.
// Each only says which rows; the form, the copying and the gradient are those of every plan.
#include "base/error.h"
#include "base/size.h"
#include "ragged/pieces.h"

// Sequence b of a source from `first` to before `end`.
static psq_piece piece_of(int64_t source, int64_t b, int64_t first, int64_t end) {
    return (psq_piece){.source = source, .seq = b, .first = first, .n_rows = end - first};
}

// A plan of one source, with n_seq sequences of one piece each; pieces are not yet written.
static psq_status open_single(const psq_ctx *ctx, const psq_layout *layout, int64_t n_seq,
                              psq_plan **plan, psq_error *err) {
    PSQ_TRY(psq_plan_open(ctx, &layout, 1, n_seq, n_seq, plan, err));
    for (int64_t i = 0; i <= n_seq; i++) {
        (*plan)->piece_offsets[i] = i;
    }
    return PSQ_OK;
}

static psq_status check_single(const psq_ctx *ctx, const psq_layout *layout, psq_plan **out,
                               psq_error *err) {
    PSQ_TRY(psq_plan_check(ctx, NULL, 0, out, err));
    PSQ_REQUIRE(err, layout != NULL, PSQ_INVALID, "layout is NULL");
    return PSQ_OK;
}

psq_status psq_plan_select(const psq_ctx *ctx, const psq_layout *layout, const int64_t *indices,
                           int64_t n, psq_plan **out, psq_error *err) {
    PSQ_TRY(check_single(ctx, layout, out, err));
    PSQ_REQUIRE(err, n >= 0, PSQ_INVALID, "n is %lld, must be at least 0", (long long)n);
    PSQ_REQUIRE(err, indices != NULL || n == 0, PSQ_INVALID, "indices is NULL, n is %lld",
                (long long)n);
    for (int64_t i = 0; i < n; i++) {
        PSQ_REQUIRE(err, indices[i] >= 0 && indices[i] < layout->n_seq, PSQ_INVALID,
                    "indices[%lld] is %lld, must be at least 0 and below %lld", (long long)i,
                    (long long)indices[i], (long long)layout->n_seq);
    }
    psq_plan *plan = NULL;
    PSQ_TRY(open_single(ctx, layout, n, &plan, err));
    for (int64_t i = 0; i < n; i++) {
        plan->pieces[i] = piece_of(0, indices[i], 0, layout->lengths[indices[i]]);
    }
    return psq_plan_close(plan, NULL, out, err);
}

psq_status psq_plan_concat(const psq_ctx *ctx, const psq_layout *const *sources, int64_t n_sources,
                           psq_plan **out, psq_error *err) {
    PSQ_TRY(psq_plan_check(ctx, sources, n_sources, out, err));
    int64_t n_seq = 0;
    for (int64_t k = 0; k < n_sources; k++) {
        PSQ_REQUIRE(err, psq_count_add(n_seq, sources[k]->n_seq, &n_seq), PSQ_NOMEM,
                    "sources[%lld] has %lld sequences, overflows their number", (long long)k,
                    (long long)sources[k]->n_seq);
    }
    psq_plan *plan = NULL;
    PSQ_TRY(psq_plan_open(ctx, sources, n_sources, n_seq, n_seq, &plan, err));
    int64_t i = 0;
    for (int64_t k = 0; k < n_sources; k++) {
        for (int64_t b = 0; b < sources[k]->n_seq; b++, i++) {
            plan->piece_offsets[i] = i;
            plan->pieces[i] = piece_of(k, b, 0, sources[k]->lengths[b]);
        }
    }
    plan->piece_offsets[n_seq] = n_seq;
    return psq_plan_close(plan, NULL, out, err);
}

psq_status psq_plan_join(const psq_ctx *ctx, const psq_layout *const *sources, int64_t n_sources,
                         psq_plan **out, psq_error *err) {
    PSQ_TRY(psq_plan_check(ctx, sources, n_sources, out, err));
    PSQ_REQUIRE(err, n_sources >= 1, PSQ_INVALID, "n_sources is 0, must be at least 1");
    const int64_t B = sources[0]->n_seq;
    for (int64_t k = 1; k < n_sources; k++) {
        PSQ_REQUIRE(err, sources[k]->n_seq == B, PSQ_SHAPE,
                    "sources[%lld] has %lld sequences, must have those of sources[0], %lld",
                    (long long)k, (long long)sources[k]->n_seq, (long long)B);
    }
    int64_t n_pieces = 0;
    PSQ_REQUIRE(err, psq_count_mul(B, n_sources, &n_pieces), PSQ_NOMEM,
                "%lld sources of %lld sequences overflow the number of pieces",
                (long long)n_sources, (long long)B);
    psq_plan *plan = NULL;
    PSQ_TRY(psq_plan_open(ctx, sources, n_sources, B, n_pieces, &plan, err));
    for (int64_t b = 0; b < B; b++) {
        plan->piece_offsets[b] = b * n_sources;
        for (int64_t k = 0; k < n_sources; k++) {
            plan->pieces[b * n_sources + k] = piece_of(k, b, 0, sources[k]->lengths[b]);
        }
    }
    plan->piece_offsets[B] = n_pieces;
    return psq_plan_close(plan, NULL, out, err);
}

// Where x[at:] begins in a sequence of this length: from 0 to length.
static int64_t slice_bound(int64_t at, int64_t length) {
    return at < 0 ? psq_max_count(at + length, 0) : psq_min_count(at, length);
}

psq_status psq_plan_slice(const psq_ctx *ctx, const psq_layout *layout, int64_t first, int64_t end,
                          psq_plan **out, psq_error *err) {
    PSQ_TRY(check_single(ctx, layout, out, err));
    psq_plan *plan = NULL;
    PSQ_TRY(open_single(ctx, layout, layout->n_seq, &plan, err));
    for (int64_t b = 0; b < layout->n_seq; b++) {
        const int64_t from = slice_bound(first, layout->lengths[b]);
        const int64_t to = slice_bound(end, layout->lengths[b]);
        plan->pieces[b] = piece_of(0, b, from, psq_max_count(from, to));
    }
    return psq_plan_close(plan, NULL, out, err);
}

psq_status psq_plan_reverse(const psq_ctx *ctx, const psq_layout *layout, psq_plan **out,
                            psq_error *err) {
    PSQ_TRY(check_single(ctx, layout, out, err));
    psq_plan *plan = NULL;
    PSQ_TRY(open_single(ctx, layout, layout->n_seq, &plan, err));
    for (int64_t b = 0; b < layout->n_seq; b++) {
        plan->pieces[b] = piece_of(0, b, 0, layout->lengths[b]);
        plan->pieces[b].reversed = true;
    }
    return psq_plan_close(plan, layout, out, err);
}

psq_status psq_plan_limit(const psq_ctx *ctx, const psq_layout *layout, int64_t max_length,
                          psq_truncate how, psq_plan **out, psq_error *err) {
    PSQ_TRY(check_single(ctx, layout, out, err));
    PSQ_REQUIRE(err, max_length >= 0, PSQ_INVALID, "max_length is %lld, must be at least 0",
                (long long)max_length);
    PSQ_REQUIRE(err, (unsigned)how < PSQ_N_TRUNCATE, PSQ_INVALID, "how is %d, must be from 0 to %d",
                (int)how, PSQ_N_TRUNCATE - 1);
    for (int64_t b = 0; b < layout->n_seq && how == PSQ_TRUNCATE_NEVER; b++) {
        PSQ_REQUIRE(err, layout->lengths[b] <= max_length, PSQ_SHAPE,
                    "sequence %lld has length %lld, max_length is %lld and nothing may be cut off",
                    (long long)b, (long long)layout->lengths[b], (long long)max_length);
    }
    psq_plan *plan = NULL;
    PSQ_TRY(open_single(ctx, layout, layout->n_seq, &plan, err));
    for (int64_t b = 0; b < layout->n_seq; b++) {
        const int64_t length = layout->lengths[b];
        const int64_t kept = psq_min_count(length, max_length);
        const int64_t first = how == PSQ_TRUNCATE_START ? length - kept : 0;
        plan->pieces[b] = piece_of(0, b, first, first + kept);
    }
    return psq_plan_close(plan, NULL, out, err);
}
