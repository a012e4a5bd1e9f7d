// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// layout.c: from lengths, offsets or batch sizes to a layout's arrays. Lengths and offsets give the
// ranks by a stable counting sort; batch sizes come with their ranks, whose ties are kept. The
// arrays lie in one allocation, and sorting borrows step_offsets before it has its own values, so
// that a layout of B sequences and T steps needs 4 B + 2 T numbers and nothing else.
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

// A layout for B sequences, the longest of T steps, with arrays that are not yet written.
static psq_status create(const psq_ctx *ctx, int64_t B, int64_t T, psq_layout **out,
                         psq_error *err) {
    psq_layout sizes = {.ctx = ctx, .n_seq = B, .n_steps = T};
    psq_arena arena = {NULL, 0};
    psq_layout *layout = NULL;
    psq_status status = PSQ_OK;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof *layout, "a layout", (void **)&layout, err));
    layout->ctx = ctx;
    if (B < INT64_MAX && T < INT64_MAX) { // carve counts B + 1 and T + 1
        carve(&sizes, &arena);
        layout->memory = psq_malloc(ctx, arena.used);
    }
    if (layout->memory == NULL) {
        status =
            psq_fail(err, PSQ_NOMEM, "out of memory for a layout of %lld sequences and %lld steps",
                     (long long)B, (long long)T);
        goto fail;
    }
    sizes.memory = layout->memory;
    arena = (psq_arena){(char *)sizes.memory, 0};
    carve(&sizes, &arena);
    *layout = sizes;
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
        int64_t next = 0;
        PSQ_REQUIRE(err, psq_count_add(sum, lengths[b], &next), PSQ_NOMEM,
                    "lengths[%lld] is %lld, overflows the sum of those before it, %lld",
                    (long long)b, (long long)lengths[b], (long long)sum);
        sum = next;
        *longest = lengths[b] > *longest ? lengths[b] : *longest;
    }
    return PSQ_OK;
}

// batch_sizes and ranks from lengths. next[n] counts the sequences of length n, then becomes the
// number of longer ones, which is batch_sizes[n] and the first rank of length n; handing the ranks
// out in the user's order makes the sort stable.
static void sort_stably(psq_layout *layout) {
    const int64_t B = layout->n_seq;
    const int64_t T = layout->n_steps;
    int64_t *const next = layout->step_offsets;
    memset(next, 0, (size_t)(T + 1) * sizeof *next); // cannot wrap: next is that large
    for (int64_t b = 0; b < B; b++) {
        next[layout->lengths[b]]++;
    }
    int64_t longer = B;
    for (int64_t n = 0; n <= T; n++) {
        longer -= next[n];
        next[n] = longer;
        if (n < T) {
            layout->batch_sizes[n] = longer;
        }
    }
    for (int64_t b = 0; b < B; b++) {
        const int64_t rank = next[layout->lengths[b]]++;
        layout->unsorted_indices[b] = rank;
        layout->sorted_indices[rank] = b;
    }
}

// sums[i] = counts[0] + ... + counts[i - 1], for i from 0 to n.
static void prefix_sums(const int64_t *counts, int64_t n, int64_t *sums) {
    sums[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        sums[i + 1] = sums[i] + counts[i];
    }
}

// The last step of every constructor: rows from lengths and batch_sizes.
static void lay_rows(psq_layout *layout) {
    prefix_sums(layout->lengths, layout->n_seq, layout->offsets);
    prefix_sums(layout->batch_sizes, layout->n_steps, layout->step_offsets);
    layout->n_rows = layout->offsets[layout->n_seq];
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
        memcpy((*out)->lengths, lengths, (size_t)n_seq * sizeof *lengths);
    }
    sort_stably(*out);
    lay_rows(*out);
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
    sort_stably(*out);
    lay_rows(*out);
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
        int64_t next = 0;
        PSQ_REQUIRE(err, psq_count_add(*n_rows, batch_sizes[t], &next), PSQ_NOMEM,
                    "batch_sizes[%lld] is %lld, overflows the sum of those before it, %lld",
                    (long long)t, (long long)batch_sizes[t], (long long)*n_rows);
        *n_rows = next;
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

// inverse[indices[i]] = i, or PSQ_INVALID where the indices are no permutation of 0 to n - 1.
static psq_status invert(const char *name, const int64_t *indices, int64_t n, int64_t *inverse,
                         psq_error *err) {
    for (int64_t i = 0; i < n; i++) {
        inverse[i] = -1;
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t index = indices[i];
        PSQ_REQUIRE(err, index >= 0 && index < n, PSQ_INVALID,
                    "%s[%lld] is %lld, must be from 0 to %lld", name, (long long)i,
                    (long long)index, (long long)(n - 1));
        PSQ_REQUIRE(err, inverse[index] == -1, PSQ_INVALID,
                    "%s[%lld] is %lld, which %s[%lld] is too", name, (long long)i, (long long)index,
                    name, (long long)inverse[index]);
        inverse[index] = i;
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
    PSQ_TRY_GOTO(fail, invert("sorted_indices", layout->sorted_indices, n_seq,
                              layout->unsorted_indices, err));
    if (n_steps > 0) {
        memcpy(layout->batch_sizes, batch_sizes, (size_t)n_steps * sizeof *batch_sizes);
    }
    lengths_by_rank(batch_sizes, n_steps, n_seq, layout->sorted_indices, layout->lengths);
    lay_rows(layout);
    *out = layout;
    return PSQ_OK;
fail:
    psq_layout_destroy(layout);
    return status;
}

// The number of t with batch_sizes[t] > rank, by bisection: with it lengths in the user's order
// need no second array.
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
    // lengths holds the inverse for a moment, only to see that it exists.
    PSQ_TRY(invert("unsorted_indices", unsorted_indices, n_seq, lengths, err));
    for (int64_t b = 0; b < n_seq; b++) {
        lengths[b] = length_of_rank(batch_sizes, n_steps, unsorted_indices[b]);
    }
    return PSQ_OK;
}
