// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_layout.c: layouts from lengths, offsets and batch sizes. Every layout made here is
// compared with the definitions in layout.h, written out naively; every error with its sentence.
#include "base/ctx.h"
#include "batches.h"
#include "packseq/layout.h"
#include "with_ctx.h"

static void assert_ints(const int64_t *got, const int64_t *wanted, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(got[i], wanted[i]);
    }
}

// All that a layout of these lengths must hold, but for the order of ties.
static void assert_layout(const psq_layout *layout, const int64_t *lengths, int64_t B) {
    const int64_t T = psq_layout_n_steps(layout);
    const int64_t *const offsets = psq_layout_offsets(layout);
    const int64_t *const sorted = psq_layout_sorted_indices(layout);
    const int64_t *const unsorted = psq_layout_unsorted_indices(layout);
    const int64_t *const batch_sizes = psq_layout_batch_sizes(layout);
    const int64_t *const step_offsets = psq_layout_step_offsets(layout);
    assert_non_null(psq_layout_lengths(layout));
    assert_non_null(offsets);
    assert_non_null(sorted);
    assert_non_null(unsorted);
    assert_non_null(batch_sizes);
    assert_non_null(step_offsets);
    assert_int_equal(psq_layout_n_seq(layout), B);
    assert_ints(psq_layout_lengths(layout), lengths, B);

    int64_t longest = 0;
    int64_t n_rows = 0;
    for (int64_t b = 0; b < B; b++) {
        assert_int_equal(offsets[b], n_rows);
        n_rows += lengths[b];
        longest = lengths[b] > longest ? lengths[b] : longest;
        assert_in_range(unsorted[b], 0, B - 1);
        assert_int_equal(sorted[unsorted[b]], b);
        assert_true(b == 0 || lengths[sorted[b - 1]] >= lengths[sorted[b]]);
    }
    assert_int_equal(offsets[B], n_rows);
    assert_int_equal(psq_layout_n_rows(layout), n_rows);
    assert_int_equal(T, longest);

    int64_t row = 0;
    for (int64_t t = 0; t < T; t++) {
        int64_t alive = 0;
        for (int64_t b = 0; b < B; b++) {
            alive += lengths[b] > t ? 1 : 0;
        }
        assert_int_equal(batch_sizes[t], alive);
        assert_int_equal(step_offsets[t], row);
        row += alive;
    }
    assert_int_equal(step_offsets[T], n_rows);
}

static void assert_stable(const psq_layout *layout) {
    const int64_t *const sorted = psq_layout_sorted_indices(layout);
    const int64_t *const lengths = psq_layout_lengths(layout);
    for (int64_t r = 1; r < psq_layout_n_seq(layout); r++) {
        assert_true(lengths[sorted[r - 1]] > lengths[sorted[r]] || sorted[r - 1] < sorted[r]);
    }
}

static psq_layout *from_lengths(const int64_t *lengths, int64_t B) {
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layout, &err), PSQ_OK);
    assert_layout(layout, lengths, B);
    assert_stable(layout);
    return layout;
}

static psq_layout *from_batch_sizes(const int64_t *batch_sizes, int64_t T, const int64_t *sorted,
                                    int64_t B, int64_t n_rows) {
    psq_layout *layout = NULL;
    assert_int_equal(
        psq_layout_from_batch_sizes(ctx, batch_sizes, T, sorted, B, n_rows, &layout, &err), PSQ_OK);
    return layout;
}

static void layout_of_4_2_3(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2, 3}, 3);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){3, 3, 2, 1}, 4);
    assert_ints(psq_layout_step_offsets(layout), (const int64_t[]){0, 3, 6, 8, 9}, 5);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){0, 2, 1}, 3);
    assert_ints(psq_layout_unsorted_indices(layout), (const int64_t[]){0, 2, 1}, 3);
    assert_ints(psq_layout_offsets(layout), (const int64_t[]){0, 4, 6, 9}, 4);
    psq_layout_destroy(layout);
}

// No 4 appears in batch_sizes although two sequences have length 4.
static void layout_of_6_4_4_3_3(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){6, 4, 4, 3, 3}, 5);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){5, 5, 5, 3, 1, 1}, 6);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){0, 1, 2, 3, 4}, 5);
    psq_layout_destroy(layout);
}

// What torch refuses with "must be sorted in decreasing order" is just another batch here.
static void layout_of_unsorted_lengths(void **state) {
    (void)state;
    psq_layout *layout = from_lengths((const int64_t[]){3, 2, 1}, 3);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){3, 2, 1}, 3);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){0, 1, 2}, 3);
    assert_ints(psq_layout_unsorted_indices(layout), (const int64_t[]){0, 1, 2}, 3);
    psq_layout_destroy(layout);
    layout = from_lengths((const int64_t[]){2, 1, 3}, 3);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){3, 2, 1}, 3);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){2, 0, 1}, 3);
    assert_ints(psq_layout_unsorted_indices(layout), (const int64_t[]){1, 2, 0}, 3);
    psq_layout_destroy(layout);
    layout = from_lengths((const int64_t[]){1, 3, 2}, 3);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){1, 2, 0}, 3);
    assert_ints(psq_layout_unsorted_indices(layout), (const int64_t[]){2, 0, 1}, 3);
    psq_layout_destroy(layout);
}

static void layout_of_known_batch_sizes(void **state) {
    (void)state;
    psq_layout *layout = from_lengths((const int64_t[]){10, 8, 4, 2, 2, 2, 1}, 7);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){7, 6, 3, 3, 2, 2, 2, 2, 1, 1},
                10);
    psq_layout_destroy(layout);
    layout = from_lengths((const int64_t[]){11, 10, 8, 6, 4, 3, 1}, 7);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){7, 6, 6, 5, 4, 4, 3, 3, 2, 2, 1},
                11);
    psq_layout_destroy(layout);
}

// A batch of different lengths, shuffled: the rank of a sequence is where it came from.
static void layout_of_shuffled_batch(void **state) {
    (void)state;
    static const int64_t lengths[7] = {11, 10, 8, 6, 4, 3, 1};
    static const int64_t from[7] = {4, 0, 6, 2, 5, 1, 3};
    int64_t shuffled[7];
    for (int b = 0; b < 7; b++) {
        shuffled[b] = lengths[from[b]];
    }
    psq_layout *const layout = from_lengths(shuffled, 7);
    assert_ints(psq_layout_unsorted_indices(layout), from, 7);
    psq_layout_destroy(layout);
}

// 17 and more: from there on sorts that are not stable show it.
static void layout_ties_in_user_order(void **state) {
    (void)state;
    int64_t lengths[40];
    for (int i = 0; i < 40; i++) {
        lengths[i] = 7;
    }
    for (int64_t B = 15; B <= 40; B++) {
        psq_layout_destroy(from_lengths(lengths, B)); // checks stability
    }
    for (int i = 0; i < 40; i++) {
        lengths[i] = i % 3;
    }
    psq_layout *const layout = from_lengths(lengths, 40);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){2, 5, 8, 11}, 4);
    assert_ints(psq_layout_sorted_indices(layout) + 13, (const int64_t[]){1, 4, 7}, 3);
    assert_ints(psq_layout_sorted_indices(layout) + 26, (const int64_t[]){0, 3, 6}, 3);
    psq_layout_destroy(layout);
}

static void layout_of_nothing(void **state) {
    (void)state;
    psq_layout *layout = from_lengths(NULL, 0);
    assert_int_equal(psq_layout_n_rows(layout), 0);
    assert_int_equal(psq_layout_n_steps(layout), 0);
    psq_layout_destroy(layout);
    assert_int_equal(psq_layout_from_offsets(ctx, (const int64_t[]){0}, 0, &layout, &err), PSQ_OK);
    assert_layout(layout, NULL, 0);
    psq_layout_destroy(layout);
    layout = from_batch_sizes(NULL, 0, NULL, 0, 0);
    assert_layout(layout, NULL, 0);
    psq_layout_destroy(layout);
    psq_layout_destroy(NULL);
}

static void layout_of_zero_lengths(void **state) {
    (void)state;
    psq_layout *layout = from_lengths((const int64_t[]){0, 0, 0}, 3);
    assert_int_equal(psq_layout_n_steps(layout), 0);
    psq_layout_destroy(layout);
    layout = from_lengths((const int64_t[]){0, 2, 0, 1}, 4);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){2, 1}, 2);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){1, 3, 0, 2}, 4);
    psq_layout_destroy(layout);
    assert_int_equal(
        psq_layout_from_offsets(ctx, (const int64_t[]){0, 0, 2, 2, 3}, 4, &layout, &err), PSQ_OK);
    assert_layout(layout, (const int64_t[]){0, 2, 0, 1}, 4);
    psq_layout_destroy(layout);
}

// Without indices the ranks are the user's order.
static void layout_from_batch_sizes_alone(void **state) {
    (void)state;
    psq_layout *const layout = from_batch_sizes((const int64_t[]){3, 3, 2, 1}, 4, NULL, 3, -1);
    assert_layout(layout, (const int64_t[]){4, 3, 2}, 3);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){0, 1, 2}, 3);
    psq_layout_destroy(layout);
}

static void layout_from_batch_sizes_and_indices(void **state) {
    (void)state;
    const int64_t sorted[] = {0, 2, 1};
    psq_layout *layout = from_batch_sizes((const int64_t[]){3, 3, 2, 1}, 4, sorted, 3, 9);
    assert_layout(layout, (const int64_t[]){4, 2, 3}, 3);
    psq_layout_destroy(layout);
    const int64_t turned[] = {2, 0, 1};
    layout = from_batch_sizes((const int64_t[]){3, 2, 1}, 3, turned, 3, 6);
    assert_layout(layout, (const int64_t[]){2, 1, 3}, 3);
    psq_layout_destroy(layout);
}

// torch.sort scrambles 17 equal lengths like this; its packed rows are in that order, so it stays.
static void layout_keeps_given_ties(void **state) {
    (void)state;
    static const int64_t sorted[17] = {8, 16, 15, 14, 13, 12, 11, 10, 9, 0, 7, 6, 5, 4, 3, 2, 1};
    int64_t lengths[17];
    for (int i = 0; i < 17; i++) {
        lengths[i] = 2;
    }
    psq_layout *const layout = from_batch_sizes((const int64_t[]){17, 17}, 2, sorted, 17, 34);
    assert_layout(layout, lengths, 17);
    assert_ints(psq_layout_sorted_indices(layout), sorted, 17);
    const psq_storage packed = {PSQ_PACKED, false, 0};
    assert_int_equal(psq_storage_row(layout, packed, 16, 1), 17 + 1);
    psq_layout_destroy(layout);
}

// Ranks beyond batch_sizes[0] are sequences of length 0.
static void layout_from_batch_sizes_below_n_seq(void **state) {
    (void)state;
    psq_layout *layout = from_batch_sizes((const int64_t[]){2, 1}, 2, NULL, 5, 3);
    assert_layout(layout, (const int64_t[]){2, 1, 0, 0, 0}, 5);
    psq_layout_destroy(layout);
    const int64_t sorted[] = {3, 1, 4, 0, 2};
    layout = from_batch_sizes((const int64_t[]){2, 1}, 2, sorted, 5, 3);
    assert_layout(layout, (const int64_t[]){0, 1, 0, 2, 0}, 5);
    assert_ints(psq_layout_sorted_indices(layout), sorted, 5);
    psq_layout_destroy(layout);
    layout = from_batch_sizes(NULL, 0, sorted, 5, 0);
    assert_layout(layout, (const int64_t[]){0, 0, 0, 0, 0}, 5);
    psq_layout_destroy(layout);
}

// Lengths by rank are not lengths in the user's order.
static void lengths_by_rank_and_by_user(void **state) {
    (void)state;
    static const int64_t batch_sizes[4] = {3, 3, 2, 1};
    static const int64_t unsorted[3] = {0, 2, 1};
    int64_t lengths[5];
    assert_int_equal(psq_lengths_from_batch_sizes(batch_sizes, 4, NULL, 3, lengths, &err), PSQ_OK);
    assert_ints(lengths, (const int64_t[]){4, 3, 2}, 3);
    assert_int_equal(psq_lengths_from_batch_sizes(batch_sizes, 4, unsorted, 3, lengths, &err),
                     PSQ_OK);
    assert_ints(lengths, (const int64_t[]){4, 2, 3}, 3);
    assert_int_equal(psq_lengths_from_batch_sizes(batch_sizes, 4, NULL, 5, lengths, &err), PSQ_OK);
    assert_ints(lengths, (const int64_t[]){4, 3, 2, 0, 0}, 5);
    static const int64_t ranks[5] = {4, 2, 0, 3, 1};
    assert_int_equal(psq_lengths_from_batch_sizes(batch_sizes, 4, ranks, 5, lengths, &err), PSQ_OK);
    assert_ints(lengths, (const int64_t[]){0, 2, 4, 0, 3}, 5);
    assert_int_equal(psq_lengths_from_batch_sizes(NULL, 0, NULL, 0, NULL, &err), PSQ_OK);
}

// Random lengths: the definitions hold, and offsets and batch sizes lead back to the same layout.
static void layout_random_batches(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 300; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t B = batch_lengths(round, lengths);
        psq_layout *const layout = from_lengths(lengths, B);
        const int64_t T = psq_layout_n_steps(layout);
        psq_layout *again = NULL;
        assert_int_equal(psq_layout_from_offsets(ctx, psq_layout_offsets(layout), B, &again, &err),
                         PSQ_OK);
        assert_layout(again, lengths, B);
        assert_stable(again);
        psq_layout_destroy(again);
        again = from_batch_sizes(psq_layout_batch_sizes(layout), T,
                                 psq_layout_sorted_indices(layout), B, psq_layout_n_rows(layout));
        assert_layout(again, lengths, B);
        assert_stable(again);
        psq_layout_destroy(again);
        int64_t back[BATCH_MAX];
        assert_int_equal(psq_lengths_from_batch_sizes(psq_layout_batch_sizes(layout), T,
                                                      psq_layout_unsorted_indices(layout), B, back,
                                                      &err),
                         PSQ_OK);
        assert_ints(back, lengths, B);
        psq_layout_destroy(layout);
    }
}

// ---- bad input

#define assert_no_layout(call, status, words) \
    do {                                      \
        out = (psq_layout *)&err;             \
        assert_fails(call, status, words);    \
        assert_null(out);                     \
    } while (0)

static void layout_from_bad_lengths(void **state) {
    (void)state;
    psq_layout *out = NULL;
    const int64_t good[2] = {1, 2};
    assert_fails(psq_layout_from_lengths(ctx, good, 2, NULL, &err), PSQ_INVALID, "out is NULL");
    assert_no_layout(psq_layout_from_lengths(NULL, good, 2, &out, &err), PSQ_INVALID,
                     "ctx is NULL");
    assert_no_layout(psq_layout_from_lengths(ctx, (const int64_t[]){1, 2, -1}, 3, &out, &err),
                     PSQ_INVALID, "lengths[2] is -1, must be at least 0");
    assert_no_layout(psq_layout_from_lengths(ctx, (const int64_t[]){INT64_MIN}, 1, &out, &err),
                     PSQ_INVALID, "lengths[0] is -9223372036854775808, must be at least 0");
    assert_no_layout(psq_layout_from_lengths(ctx, NULL, 3, &out, &err), PSQ_INVALID,
                     "lengths is NULL, n_seq is 3");
    assert_no_layout(psq_layout_from_lengths(ctx, NULL, -3, &out, &err), PSQ_INVALID,
                     "n_seq is -3, must be at least 0");
    assert_int_equal(psq_layout_from_lengths(ctx, NULL, -3, &out, NULL), PSQ_INVALID);
}

static void layout_from_bad_offsets(void **state) {
    (void)state;
    psq_layout *out = NULL;
    const int64_t good[2] = {0, 2};
    assert_fails(psq_layout_from_offsets(ctx, good, 1, NULL, &err), PSQ_INVALID, "out is NULL");
    assert_no_layout(psq_layout_from_offsets(NULL, good, 1, &out, &err), PSQ_INVALID,
                     "ctx is NULL");
    assert_no_layout(psq_layout_from_offsets(ctx, NULL, 0, &out, &err), PSQ_INVALID,
                     "offsets is NULL");
    assert_no_layout(psq_layout_from_offsets(ctx, good, -1, &out, &err), PSQ_INVALID,
                     "n_seq is -1, must be at least 0");
    assert_no_layout(psq_layout_from_offsets(ctx, (const int64_t[]){1, 2}, 1, &out, &err),
                     PSQ_INVALID, "offsets[0] is 1, must be 0");
    assert_no_layout(psq_layout_from_offsets(ctx, (const int64_t[]){0, 3, 2}, 2, &out, &err),
                     PSQ_INVALID, "offsets[2] is 2, must be at least offsets[1], which is 3");
    assert_no_layout(psq_layout_from_offsets(ctx, (const int64_t[]){0, INT64_MIN}, 1, &out, &err),
                     PSQ_INVALID,
                     "offsets[1] is -9223372036854775808, must be at least offsets[0]");
}

static void layout_from_bad_batch_sizes(void **state) {
    (void)state;
    psq_layout *out = NULL;
    const int64_t sizes[2] = {2, 1};
#define FROM(sizes, T, sorted, B, rows) \
    psq_layout_from_batch_sizes(ctx, (sizes), (T), (sorted), (B), (rows), &out, &err)
    assert_fails(psq_layout_from_batch_sizes(ctx, sizes, 2, NULL, 2, 3, NULL, &err), PSQ_INVALID,
                 "out is NULL");
    assert_no_layout(psq_layout_from_batch_sizes(NULL, sizes, 2, NULL, 2, 3, &out, &err),
                     PSQ_INVALID, "ctx is NULL");
    assert_no_layout(FROM(NULL, 2, NULL, 2, 3), PSQ_INVALID, "batch_sizes is NULL, n_steps is 2");
    assert_no_layout(FROM(sizes, -2, NULL, 2, 3), PSQ_INVALID, "n_steps is -2, must be at least 0");
    assert_no_layout(FROM(sizes, 2, NULL, -2, 3), PSQ_INVALID, "n_seq is -2, must be at least 0");
    const int64_t rising[3] = {2, 1, 2};
    assert_no_layout(FROM(rising, 3, NULL, 2, -1), PSQ_INVALID,
                     "batch_sizes[2] is 2, must not exceed batch_sizes[1], which is 1");
    const int64_t zero[2] = {2, 0};
    assert_no_layout(FROM(zero, 2, NULL, 2, -1), PSQ_INVALID,
                     "batch_sizes[1] is 0, must be at least 1");
    const int64_t negative[1] = {-4};
    assert_no_layout(FROM(negative, 1, NULL, 2, -1), PSQ_INVALID,
                     "batch_sizes[0] is -4, must be at least 1");
    assert_no_layout(FROM(sizes, 2, NULL, 2, 4), PSQ_INVALID, "batch_sizes sum to 3, n_rows is 4");
    assert_no_layout(FROM(sizes, 2, NULL, 2, -2), PSQ_INVALID,
                     "batch_sizes sum to 3, n_rows is -2");
    assert_no_layout(FROM(sizes, 2, NULL, 1, -1), PSQ_INVALID,
                     "batch_sizes[0] is 2, n_seq is 1, must be at least that");
    const int64_t twice[3] = {1, 0, 1};
    assert_no_layout(FROM(sizes, 2, twice, 3, -1), PSQ_INVALID,
                     "sorted_indices[2] is 1, which sorted_indices[0] is too");
    const int64_t above[2] = {0, 2};
    assert_no_layout(FROM(sizes, 2, above, 2, -1), PSQ_INVALID,
                     "sorted_indices[1] is 2, must be from 0 to 1");
    const int64_t below[2] = {-1, 0};
    assert_no_layout(FROM(sizes, 2, below, 2, -1), PSQ_INVALID,
                     "sorted_indices[0] is -1, must be from 0 to 1");
#undef FROM
}

static void lengths_from_bad_batch_sizes(void **state) {
    (void)state;
    const int64_t sizes[2] = {2, 1};
    int64_t lengths[3];
#define FROM(sizes, T, unsorted, B) \
    psq_lengths_from_batch_sizes((sizes), (T), (unsorted), (B), lengths, &err)
    assert_fails(psq_lengths_from_batch_sizes(sizes, 2, NULL, 2, NULL, &err), PSQ_INVALID,
                 "lengths is NULL, n_seq is 2");
    assert_fails(FROM(NULL, 2, NULL, 2), PSQ_INVALID, "batch_sizes is NULL, n_steps is 2");
    assert_fails(FROM(sizes, -1, NULL, 2), PSQ_INVALID, "n_steps is -1, must be at least 0");
    assert_fails(FROM(sizes, 2, NULL, -1), PSQ_INVALID, "n_seq is -1, must be at least 0");
    assert_fails(FROM(sizes, 2, NULL, 1), PSQ_INVALID,
                 "batch_sizes[0] is 2, n_seq is 1, must be at least that");
    const int64_t rising[2] = {1, 2};
    assert_fails(FROM(rising, 2, NULL, 2), PSQ_INVALID,
                 "batch_sizes[1] is 2, must not exceed batch_sizes[0], which is 1");
    const int64_t twice[2] = {1, 1};
    assert_fails(FROM(sizes, 2, twice, 2), PSQ_INVALID,
                 "unsorted_indices[1] is 1, which unsorted_indices[0] is too");
    const int64_t above[2] = {7, 0};
    assert_fails(FROM(sizes, 2, above, 2), PSQ_INVALID,
                 "unsorted_indices[0] is 7, must be from 0 to 1");
#undef FROM
}

// ---- memory

static void *alloc_small(void *self, size_t size, size_t align) {
    (void)self;
    return size <= (size_t)1 << 30 ? psq_default_allocator.alloc(NULL, size, align) : NULL;
}

static void free_small(void *self, void *ptr) {
    (void)self;
    psq_default_allocator.free(NULL, ptr);
}

// Sums and sizes that overflow, and one that is merely more than there is.
static void layout_of_giants(void **state) {
    (void)state;
    psq_layout *out = NULL;
    const int64_t two[3] = {5, INT64_MAX, 1};
    assert_no_layout(psq_layout_from_lengths(ctx, two, 3, &out, &err), PSQ_NOMEM,
                     "lengths[1] is 9223372036854775807, overflows the sum of those before it, 5");
    const int64_t one[1] = {INT64_MAX};
    assert_no_layout(psq_layout_from_lengths(ctx, one, 1, &out, &err), PSQ_NOMEM,
                     "out of memory for a layout of 1 sequences and 9223372036854775807 steps");
    const int64_t half[1] = {INT64_MAX / 2};
    assert_no_layout(psq_layout_from_lengths(ctx, half, 1, &out, &err), PSQ_NOMEM,
                     "out of memory for a layout of 1 sequences and 4611686018427387903 steps");
    const int64_t offsets[2] = {0, INT64_MAX};
    assert_no_layout(psq_layout_from_offsets(ctx, offsets, 1, &out, &err), PSQ_NOMEM,
                     "out of memory for a layout of 1 sequences and 9223372036854775807 steps");
    const int64_t sizes[2] = {INT64_MAX, INT64_MAX};
    assert_no_layout(
        psq_layout_from_batch_sizes(ctx, sizes, 2, NULL, INT64_MAX, -1, &out, &err), PSQ_NOMEM,
        "batch_sizes[1] is 9223372036854775807, overflows the sum of those before it, 922337");
    assert_no_layout(psq_layout_from_batch_sizes(ctx, NULL, 0, NULL, INT64_MAX, -1, &out, &err),
                     PSQ_NOMEM,
                     "out of memory for a layout of 9223372036854775807 sequences and 0 steps");

    const psq_allocator small = {NULL, alloc_small, free_small};
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.allocator = &small;
    psq_ctx *tight = NULL;
    assert_int_equal(psq_ctx_create(&opts, &tight, &err), PSQ_OK);
    const int64_t long_one[2] = {3, (int64_t)1 << 40};
    assert_no_layout(psq_layout_from_lengths(tight, long_one, 2, &out, &err), PSQ_NOMEM,
                     "out of memory for a layout of 2 sequences and 1099511627776 steps");
    psq_ctx_destroy(tight);
}

static psq_status make_from_lengths(const psq_ctx *with, void *arg) {
    (void)arg;
    psq_layout *layout = NULL;
    const psq_status status =
        psq_layout_from_lengths(with, (const int64_t[]){4, 2, 3}, 3, &layout, NULL);
    assert_true((status == PSQ_OK) == (layout != NULL));
    psq_layout_destroy(layout);
    return status;
}

static psq_status make_from_offsets(const psq_ctx *with, void *arg) {
    (void)arg;
    psq_layout *layout = NULL;
    const psq_status status =
        psq_layout_from_offsets(with, (const int64_t[]){0, 4, 6, 9}, 3, &layout, NULL);
    assert_true((status == PSQ_OK) == (layout != NULL));
    psq_layout_destroy(layout);
    return status;
}

static psq_status make_from_batch_sizes(const psq_ctx *with, void *arg) {
    (void)arg;
    psq_layout *layout = NULL;
    const psq_status status = psq_layout_from_batch_sizes(with, (const int64_t[]){3, 3, 2, 1}, 4,
                                                          NULL, 3, 9, &layout, NULL);
    assert_true((status == PSQ_OK) == (layout != NULL));
    psq_layout_destroy(layout);
    return status;
}

static void layout_out_of_memory(void **state) {
    (void)state;
    fault_each_alloc(make_from_lengths, NULL);
    fault_each_alloc(make_from_offsets, NULL);
    fault_each_alloc(make_from_batch_sizes, NULL);
}

// Two allocations per layout, and an error after them gives both back.
static void layout_counts_allocations(void **state) {
    (void)state;
    psq_fault fault = {0};
    psq_ctx *const counting = fault_ctx(&fault);
    assert_int_equal(make_from_lengths(counting, NULL), PSQ_OK);
    assert_int_equal(fault.n_allocs, 2);
    psq_layout *out = NULL;
    const int64_t sizes[1] = {2};
    const int64_t twice[2] = {1, 1};
    assert_int_equal(psq_layout_from_batch_sizes(counting, sizes, 1, twice, 2, 2, &out, &err),
                     PSQ_INVALID);
    assert_int_equal(fault.n_live, 0);
    psq_ctx_destroy(counting);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_of_4_2_3),
        cmocka_unit_test(layout_of_6_4_4_3_3),
        cmocka_unit_test(layout_of_unsorted_lengths),
        cmocka_unit_test(layout_of_known_batch_sizes),
        cmocka_unit_test(layout_of_shuffled_batch),
        cmocka_unit_test(layout_ties_in_user_order),
        cmocka_unit_test(layout_of_nothing),
        cmocka_unit_test(layout_of_zero_lengths),
        cmocka_unit_test(layout_from_batch_sizes_alone),
        cmocka_unit_test(layout_from_batch_sizes_and_indices),
        cmocka_unit_test(layout_keeps_given_ties),
        cmocka_unit_test(layout_from_batch_sizes_below_n_seq),
        cmocka_unit_test(lengths_by_rank_and_by_user),
        cmocka_unit_test(layout_random_batches),
        cmocka_unit_test(layout_from_bad_lengths),
        cmocka_unit_test(layout_from_bad_offsets),
        cmocka_unit_test(layout_from_bad_batch_sizes),
        cmocka_unit_test(lengths_from_bad_batch_sizes),
        cmocka_unit_test(layout_of_giants),
        cmocka_unit_test(layout_out_of_memory),
        cmocka_unit_test(layout_counts_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
