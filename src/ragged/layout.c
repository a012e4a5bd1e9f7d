// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// layout.c: from lengths, offsets or batch sizes to the five arrays and a prefix sum. All three
// ways end in the same two steps: lengths in the user's order, then ranks; only the source of the
// ranks differs.
#include "ragged/layout.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"

static void carve(psq_layout *layout, psq_arena *arena) {
    const int64_t B = layout->n_seq;
    const int64_t T = layout->n_steps;
    layout->lengths = (int64_t *)psq_arena_take(arena, B, sizeof(int64_t));
    layout->offsets = (int64_t *)psq_arena_take(arena, B + 1, sizeof(int64_t));
    layout->sorted_indices = (int64_t *)psq_arena_take(arena, B, sizeof(int64_t));
    layout->unsorted_indices = (int64_t *)psq_arena_take(arena, B, sizeof(int64_t));
    layout->batch_sizes = (int64_t *)psq_arena_take(arena, T, sizeof(int64_t));
    layout->step_offsets = (int64_t *)psq_arena_take(arena, T + 1, sizeof(int64_t));
}

// A layout with zeroed arrays for B sequences of at most T steps.
static psq_status create(const psq_ctx *ctx, int64_t B, int64_t T, psq_layout **out,
                         psq_error *err) {
    PSQ_REQUIRE(err, B < INT64_MAX && T < INT64_MAX, PSQ_NOMEM,
                "out of memory for a layout of %lld sequences and %lld steps", (long long)B,
                (long long)T);
    psq_layout sizes = {.ctx = ctx, .n_seq = B, .n_steps = T};
    psq_arena arena = {NULL, 0};
    carve(&sizes, &arena);
    psq_layout *layout = NULL;
    psq_status status = PSQ_OK;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof *layout, "a layout", (void **)&layout, err));
    *layout = sizes;
    layout->memory = psq_malloc(ctx, arena.used);
    if (layout->memory == NULL) {
        status =
            psq_fail(err, PSQ_NOMEM, "out of memory for a layout of %lld sequences and %lld steps",
                     (long long)B, (long long)T);
        goto fail;
    }
    memset(layout->memory, 0, arena.used);
    arena = (psq_arena){(char *)layout->memory, 0};
    carve(layout, &arena);
    *out = layout;
    return PSQ_OK;
fail:
    psq_layout_destroy(layout);
    return status;
}

void psq_layout_destroy(psq_layout *layout) {
    if (layout != NULL) {
        const psq_ctx *const ctx = layout->ctx;
        psq_free(ctx, layout->memory);
        psq_free(ctx, layout);
    }
}

static psq_status check_lengths(const int64_t *lengths, int64_t n_seq, int64_t *longest,
                                psq_error *err) {
    PSQ_REQUIRE(err, n_seq >= 0, PSQ_INVALID, "n_seq is %lld, must be at least 0",
                (long long)n_seq);
    PSQ_REQUIRE(err, lengths != NULL || n_seq == 0, PSQ_INVALID, "lengths is NULL, n_seq is %lld",
                (long long)n_seq);
    int64_t sum = 0;
    *longest = 0;
    for (int64_t b = 0; b < n_seq; b++) {
        PSQ_REQUIRE(err, lengths[b] >= 0, PSQ_INVALID, "lengths[%lld] is %lld, must be at least 0",
                    (long long)b, (long long)lengths[b]);
        PSQ_REQUIRE(err, psq_count_add(sum, lengths[b], &sum), PSQ_NOMEM,
                    "lengths[%lld] is %lld, the sum of lengths overflows at it", (long long)b,
                    (long long)lengths[b]);
        *longest = lengths[b] > *longest ? lengths[b] : *longest;
    }
    return PSQ_OK;
}

// offsets, batch_sizes and step_offsets from lengths. step_offsets first holds the number of
// sequences of each length, shifted by one: batch_sizes[t] is B less the sequences of at most t
// steps.
static void count_rows(psq_layout *layout) {
    for (int64_t b = 0; b < layout->n_seq; b++) {
        layout->offsets[b + 1] = layout->offsets[b] + layout->lengths[b];
        layout->step_offsets[layout->lengths[b]]++;
    }
    layout->n_rows = layout->offsets[layout->n_seq];
    int64_t alive = layout->n_seq;
    int64_t row = 0;
    for (int64_t t = 0; t < layout->n_steps; t++) {
        alive -= layout->step_offsets[t];
        layout->batch_sizes[t] = alive;
        layout->step_offsets[t] = row;
        row += alive;
    }
    layout->step_offsets[layout->n_steps] = row;
}

// Ranks by a stable counting sort. Sequences of length n are the ranks from (number of longer
// sequences) on, which is batch_sizes[n]; sorted_indices[that rank] is claimed in user order. The
// next free rank of each length is kept where it is unique to that length: in unsorted_indices of
// its first sequence.
static void sort_stable(psq_layout *layout) {
    int64_t *const next =
        layout->step_offsets; // borrowed: next[n] for length n; rebuilt afterwards
    for (int64_t n = 0; n <= layout->n_steps; n++) {
        next[n] = n < layout->n_steps ? layout->batch_sizes[n] : 0;
    }
    for (int64_t b = 0; b < layout->n_seq; b++) {
        const int64_t rank = next[layout->lengths[b]]++;
        layout->unsorted_indices[b] = rank;
        layout->sorted_indices[rank] = b;
    }
    int64_t row = 0;
    for (int64_t t = 0; t < layout->n_steps; t++) {
        next[t] = row;
        row += layout->batch_sizes[t];
    }
    next[layout->n_steps] = row;
}

psq_status psq_layout_from_lengths(const psq_ctx *ctx, const int64_t *lengths, int64_t n_seq,
                                   psq_layout **out, psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    int64_t longest = 0;
    PSQ_TRY(check_lengths(lengths, n_seq, &longest, err));
    PSQ_TRY(create(ctx, n_seq, longest, out, err));
    if (n_seq > 0) {
        memcpy((*out)->lengths, lengths, psq_size_of(n_seq, sizeof *lengths));
    }
    count_rows(*out);
    sort_stable(*out);
    return PSQ_OK;
}

static psq_status check_offsets(const int64_t *offsets, int64_t n_seq, int64_t *longest,
                                psq_error *err) {
    PSQ_REQUIRE(err, n_seq >= 0, PSQ_INVALID, "n_seq is %lld, must be at least 0",
                (long long)n_seq);
    PSQ_REQUIRE(err, offsets != NULL, PSQ_INVALID, "offsets is NULL");
    PSQ_REQUIRE(err, offsets[0] == 0, PSQ_INVALID, "offsets[0] is %lld, must be 0",
                (long long)offsets[0]);
    *longest = 0;
    for (int64_t b = 0; b < n_seq; b++) {
        PSQ_REQUIRE(err, offsets[b + 1] >= offsets[b], PSQ_INVALID,
                    "offsets[%lld] is %lld, must be at least offsets[%lld], which is %lld",
                    (long long)(b + 1), (long long)offsets[b + 1], (long long)b,
                    (long long)offsets[b]);
        const int64_t length = offsets[b + 1] - offsets[b];
        *longest = length > *longest ? length : *longest;
    }
    return PSQ_OK;
}

psq_status psq_layout_from_offsets(const psq_ctx *ctx, const int64_t *offsets, int64_t n_seq,
                                   psq_layout **out, psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    int64_t longest = 0;
    PSQ_TRY(check_offsets(offsets, n_seq, &longest, err));
    PSQ_TRY(create(ctx, n_seq, longest, out, err));
    for (int64_t b = 0; b < n_seq; b++) {
        (*out)->lengths[b] = offsets[b + 1] - offsets[b];
    }
    count_rows(*out);
    sort_stable(*out);
    return PSQ_OK;
}

// ---- from batch sizes

static psq_status check_batch_sizes(const int64_t *batch_sizes, int64_t n_steps, int64_t n_seq,
                                    int64_t *n_rows, psq_error *err) {
    PSQ_REQUIRE(err, n_seq >= 0, PSQ_INVALID, "n_seq is %lld, must be at least 0",
                (long long)n_seq);
    PSQ_REQUIRE(err, n_steps >= 0, PSQ_INVALID, "n_steps is %lld, must be at least 0",
                (long long)n_steps);
    PSQ_REQUIRE(err, batch_sizes != NULL || n_steps == 0, PSQ_INVALID,
                "batch_sizes is NULL, n_steps is %lld", (long long)n_steps);
    *n_rows = 0;
    for (int64_t t = 0; t < n_steps; t++) {
        PSQ_REQUIRE(err, batch_sizes[t] >= 1, PSQ_INVALID,
                    "batch_sizes[%lld] is %lld, must be at least 1", (long long)t,
                    (long long)batch_sizes[t]);
        PSQ_REQUIRE(err, t > 0 || batch_sizes[0] <= n_seq, PSQ_INVALID,
                    "batch_sizes[0] is %lld, n_seq is %lld, must be at least that",
                    (long long)batch_sizes[0], (long long)n_seq);
        PSQ_REQUIRE(err, t == 0 || batch_sizes[t] <= batch_sizes[t - 1], PSQ_INVALID,
                    "batch_sizes[%lld] is %lld, must not exceed batch_sizes[%lld], which is %lld",
                    (long long)t, (long long)batch_sizes[t], (long long)(t - 1),
                    (long long)batch_sizes[t - 1]);
        PSQ_REQUIRE(err, psq_count_add(*n_rows, batch_sizes[t], n_rows), PSQ_NOMEM,
                    "batch_sizes[%lld] is %lld, the sum of batch_sizes overflows at it",
                    (long long)t, (long long)batch_sizes[t]);
    }
    return PSQ_OK;
}

// The length of rank r, for all ranks in one sweep: as t rises, batch_sizes falls, and the ranks
// that it leaves have length t.
static void lengths_by_rank(const int64_t *batch_sizes, int64_t n_steps, int64_t n_seq,
                            const int64_t *user_of_rank, int64_t *lengths) {
    int64_t rank = n_seq;
    for (int64_t t = 0; t <= n_steps; t++) {
        const int64_t alive = t < n_steps ? batch_sizes[t] : 0;
        for (; rank > alive; rank--) {
            lengths[user_of_rank != NULL ? user_of_rank[rank - 1] : rank - 1] = t;
        }
    }
}

static psq_status check_index(const char *name, const int64_t *indices, int64_t i, int64_t n_seq,
                              psq_error *err) {
    PSQ_REQUIRE(err, indices[i] >= 0 && indices[i] < n_seq, PSQ_INVALID,
                "%s[%lld] is %lld, must be from 0 to %lld", name, (long long)i,
                (long long)indices[i], (long long)(n_seq - 1));
    return PSQ_OK;
}

// inverse[indices[i]] = i, for indices that must be a permutation; inverse is written as -1 first.
static psq_status invert(const int64_t *indices, int64_t n_seq, int64_t *inverse, psq_error *err) {
    for (int64_t i = 0; i < n_seq; i++) {
        inverse[i] = -1;
    }
    for (int64_t i = 0; i < n_seq; i++) {
        PSQ_TRY(check_index("sorted_indices", indices, i, n_seq, err));
        PSQ_REQUIRE(err, inverse[indices[i]] < 0, PSQ_INVALID,
                    "sorted_indices[%lld] is %lld, which sorted_indices[%lld] is too", (long long)i,
                    (long long)indices[i], (long long)inverse[indices[i]]);
        inverse[indices[i]] = i;
    }
    return PSQ_OK;
}

psq_status psq_layout_from_batch_sizes(const psq_ctx *ctx, const int64_t *batch_sizes,
                                       int64_t n_steps, const int64_t *sorted_indices,
                                       int64_t n_seq, int64_t n_rows, psq_layout **out,
                                       psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    int64_t sum = 0;
    PSQ_TRY(check_batch_sizes(batch_sizes, n_steps, n_seq, &sum, err));
    PSQ_REQUIRE(err, n_rows == -1 || n_rows == sum, PSQ_INVALID,
                "batch_sizes sum to %lld, n_rows is %lld", (long long)sum, (long long)n_rows);
    psq_layout *layout = NULL;
    psq_status status = PSQ_OK;
    PSQ_TRY(create(ctx, n_seq, n_steps, &layout, err));
    for (int64_t rank = 0; rank < n_seq; rank++) {
        layout->sorted_indices[rank] = sorted_indices != NULL ? sorted_indices[rank] : rank;
    }
    PSQ_TRY_GOTO(fail, invert(layout->sorted_indices, n_seq, layout->unsorted_indices, err));
    lengths_by_rank(batch_sizes, n_steps, n_seq, layout->sorted_indices, layout->lengths);
    count_rows(layout);
    *out = layout;
    return PSQ_OK;
fail:
    psq_layout_destroy(layout);
    return status;
}

// lengths serves as the inverse that finds repetitions, before it receives the lengths:
// unsorted_indices[b] is the rank of b, and lengths_by_rank wants the user of each rank. So the
// sweep runs over ranks first and the result is permuted by reading, which needs no second array
// only if each length is found from its rank: by bisection.
static int64_t length_of_rank(const int64_t *batch_sizes, int64_t n_steps, int64_t rank) {
    int64_t low = 0;
    int64_t high = n_steps;
    while (low < high) {
        const int64_t t = low + (high - low) / 2;
        if (batch_sizes[t] > rank) {
            low = t + 1;
        } else {
            high = t;
        }
    }
    return low;
}

psq_status psq_lengths_from_batch_sizes(const int64_t *batch_sizes, int64_t n_steps,
                                        const int64_t *unsorted_indices, int64_t n_seq,
                                        int64_t *lengths, psq_error *err) {
    int64_t sum = 0;
    PSQ_TRY(check_batch_sizes(batch_sizes, n_steps, n_seq, &sum, err));
    PSQ_REQUIRE(err, lengths != NULL || n_seq == 0, PSQ_INVALID, "lengths is NULL, n_seq is %lld",
                (long long)n_seq);
    if (unsorted_indices == NULL) {
        lengths_by_rank(batch_sizes, n_steps, n_seq, NULL, lengths);
        return PSQ_OK;
    }
    for (int64_t b = 0; b < n_seq; b++) {
        lengths[b] = -1;
    }
    for (int64_t b = 0; b < n_seq; b++) {
        PSQ_TRY(check_index("unsorted_indices", unsorted_indices, b, n_seq, err));
        const int64_t rank = unsorted_indices[b];
        PSQ_REQUIRE(err, lengths[rank] < 0, PSQ_INVALID,
                    "unsorted_indices[%lld] is %lld, which unsorted_indices[%lld] is too",
                    (long long)b, (long long)rank, (long long)lengths[rank]);
        lengths[rank] = b;
    }
    for (int64_t b = 0; b < n_seq; b++) {
        lengths[b] = length_of_rank(batch_sizes, n_steps, unsorted_indices[b]);
    }
    return PSQ_OK;
}
