// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_inverse.c: the way back from the results of plans to their source. All pieces are ordered by
// where their rows come from, with two counting sorts, which need no comparisons and no memory but
// a second array; then one pass sees whether they cover every row once, and the pieces, read the
// other way, are the inverse's.
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"
#include "ragged/pieces.h"

// A piece of the inverse, and the rows of the source that it gives: `at` and following of `seq`.
typedef struct origin {
    psq_piece piece;
    int64_t seq;
    int64_t at;
} origin;

// What the inverse is made from: all pieces that have rows, twice for sorting, and counts.
typedef struct workbench {
    origin *from;
    origin *to;
    int64_t *counts; // [max(B, T)]
    int64_t n;
} workbench;

static psq_status check_plans(const psq_plan *const *plans, int64_t n_plans, int64_t *n_pieces,
                              psq_error *err) {
    PSQ_REQUIRE(err, n_plans >= 1, PSQ_INVALID, "n_plans is %lld, must be at least 1",
                (long long)n_plans);
    PSQ_REQUIRE(err, plans != NULL, PSQ_INVALID, "plans is NULL");
    *n_pieces = 0;
    for (int64_t p = 0; p < n_plans; p++) {
        PSQ_REQUIRE(err, plans[p] != NULL, PSQ_INVALID, "plans[%lld] is NULL", (long long)p);
        PSQ_REQUIRE(err, plans[p]->n_sources == 1, PSQ_SHAPE,
                    "plans[%lld] has %lld sources, must have 1", (long long)p,
                    (long long)plans[p]->n_sources);
        PSQ_REQUIRE(err, plans[p]->sources[0] == plans[0]->sources[0], PSQ_SHAPE,
                    "plans[%lld] and plans[0] have different sources", (long long)p);
        PSQ_REQUIRE(err, psq_count_add(*n_pieces, plans[p]->n_pieces, n_pieces), PSQ_NOMEM,
                    "plans[%lld] has %lld pieces, overflows their number", (long long)p,
                    (long long)plans[p]->n_pieces);
    }
    return PSQ_OK;
}

static void collect(const psq_plan *const *plans, int64_t n_plans, workbench *work) {
    work->n = 0;
    for (int64_t p = 0; p < n_plans; p++) {
        for (int64_t i = 0; i < plans[p]->n_seq; i++) {
            for (int64_t k = plans[p]->piece_offsets[i]; k < plans[p]->piece_offsets[i + 1]; k++) {
                const psq_piece *const piece = &plans[p]->pieces[k];
                if (piece->n_rows > 0) {
                    work->from[work->n++] =
                        (origin){{p, i, plans[p]->starts[k], piece->n_rows, piece->reversed},
                                 piece->seq,
                                 piece->first};
                }
            }
        }
    }
}

// A stable counting sort by `seq`, or by `at`, whose values are below n_keys, into the other array.
// Afterwards counts[key] is where the next key's begin.
static void sort_origins(workbench *work, bool by_seq, int64_t n_keys) {
    int64_t *const counts = work->counts;
    memset(counts, 0, (size_t)n_keys * sizeof *counts);
    for (int64_t k = 0; k < work->n; k++) {
        counts[by_seq ? work->from[k].seq : work->from[k].at]++;
    }
    int64_t sum = 0;
    for (int64_t key = 0; key < n_keys; key++) {
        const int64_t count = counts[key];
        counts[key] = sum;
        sum += count;
    }
    for (int64_t k = 0; k < work->n; k++) {
        work->to[counts[by_seq ? work->from[k].seq : work->from[k].at]++] = work->from[k];
    }
    origin *const sorted = work->to;
    work->to = work->from;
    work->from = sorted;
}

// Sorted pieces must continue each other from 0 to the length of each sequence.
static psq_status check_cover(const psq_layout *source, const workbench *work, psq_error *err) {
    int64_t k = 0;
    for (int64_t b = 0; b < source->n_seq; b++) {
        int64_t done = 0;
        for (; k < work->counts[b]; k++) {
            const origin *const next = &work->from[k];
            PSQ_REQUIRE(err, next->at >= done, PSQ_SHAPE,
                        "row %lld of sequence %lld is used twice, the second time by plans[%lld]",
                        (long long)next->at, (long long)b, (long long)next->piece.source);
            PSQ_REQUIRE(err, next->at == done, PSQ_SHAPE,
                        "row %lld of sequence %lld is used by no plan", (long long)done,
                        (long long)b);
            done += next->piece.n_rows;
        }
        PSQ_REQUIRE(err, done == source->lengths[b], PSQ_SHAPE,
                    "row %lld of sequence %lld is used by no plan", (long long)done, (long long)b);
    }
    return PSQ_OK;
}

static psq_status make_inverse(const psq_ctx *ctx, const psq_plan *const *plans, int64_t n_plans,
                               const workbench *work, psq_plan **out, psq_error *err) {
    const psq_layout *const source = plans[0]->sources[0];
    PSQ_TRY(check_cover(source, work, err));
    psq_plan *plan = NULL;
    PSQ_TRY(psq_plan_open(ctx, NULL, n_plans, source->n_seq, work->n, &plan, err));
    for (int64_t p = 0; p < n_plans; p++) {
        plan->sources[p] = plans[p]->layout;
    }
    for (int64_t k = 0; k < work->n; k++) {
        plan->pieces[k] = work->from[k].piece;
    }
    plan->piece_offsets[0] = 0;
    for (int64_t b = 0; b < source->n_seq; b++) {
        plan->piece_offsets[b + 1] = work->counts[b];
    }
    return psq_plan_close(plan, source, out, err);
}

psq_status psq_plan_inverse(const psq_ctx *ctx, const psq_plan *const *plans, int64_t n_plans,
                            psq_plan **out, psq_error *err) {
    PSQ_TRY(psq_plan_check(ctx, NULL, 0, out, err));
    int64_t n_pieces = 0;
    PSQ_TRY(check_plans(plans, n_plans, &n_pieces, err));
    const psq_layout *const source = plans[0]->sources[0];
    const int64_t n_keys = psq_max_count(source->n_seq, source->n_steps);
    workbench work = {NULL, NULL, NULL, 0};
    psq_status status = PSQ_OK;
    PSQ_TRY_GOTO(end, psq_alloc_zero(ctx, n_pieces, sizeof *work.from, "an inverse plan",
                                     (void **)&work.from, err));
    PSQ_TRY_GOTO(end, psq_alloc_zero(ctx, n_pieces, sizeof *work.to, "an inverse plan",
                                     (void **)&work.to, err));
    PSQ_TRY_GOTO(end, psq_alloc_zero(ctx, n_keys, sizeof *work.counts, "an inverse plan",
                                     (void **)&work.counts, err));
    collect(plans, n_plans, &work);
    sort_origins(&work, false, source->n_steps);
    sort_origins(&work, true, source->n_seq);
    PSQ_TRY_GOTO(end, make_inverse(ctx, plans, n_plans, &work, out, err));
end:
    psq_free(ctx, work.counts);
    psq_free(ctx, work.to);
    psq_free(ctx, work.from);
    return status;
}
