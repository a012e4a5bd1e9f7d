// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_layout.c: the three examples everything rests on, stability, and every way to be
// wrong.
#include "base/rng.h"
#include "packseq/layout.h"
#include "testing.h"

static psq_ctx *ctx;
static psq_error err;

static int setup(void **state) {
    (void)state;
    return psq_ctx_create(NULL, &ctx, NULL) == PSQ_OK ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    psq_ctx_destroy(ctx);
    return 0;
}

static psq_layout *from_lengths(const int64_t *lengths, int64_t n) {
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, n, &layout, &err), PSQ_OK);
    return layout;
}

static void assert_ints(const int64_t *got, const int64_t *wanted, size_t n) {
    assert_memory_equal(got, wanted, n * sizeof *got);
}

// Values 1 2 3 4 / 5 6 / 7 8 9 packed are 1 7 5 2 8 6 3 9 4.
static void layout_example_one(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2, 3}, 3);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){3, 3, 2, 1}, 4);
    assert_ints(psq_layout_step_offsets(layout), (const int64_t[]){0, 3, 6, 8, 9}, 5);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){0, 2, 1}, 3);
    assert_ints(psq_layout_unsorted_indices(layout), (const int64_t[]){0, 2, 1}, 3);
    assert_ints(psq_layout_offsets(layout), (const int64_t[]){0, 4, 6, 9}, 4);
    static const int64_t packed[9] = {1, 7, 5, 2, 8, 6, 3, 9, 4};
    const psq_storage storage = {PSQ_PACKED, false, 0};
    int64_t value = 1;
    for (int64_t b = 0; b < 3; b++) {
        for (int64_t t = 0; t < psq_layout_lengths(layout)[b]; t++) {
            assert_int_equal(packed[psq_storage_row(layout, storage, b, t)], value++);
        }
    }
    assert_int_equal(psq_storage_row(layout, storage, 1, 2), -1);
    assert_int_equal(psq_storage_row(layout, storage, 3, 0), -1);
    psq_layout_destroy(layout);
}

// Lengths by rank are not lengths in the user's order.
static void lengths_by_rank_and_by_user(void **state) {
    (void)state;
    static const int64_t batch_sizes[4] = {3, 3, 2, 1};
    static const int64_t unsorted[3] = {0, 2, 1};
    int64_t lengths[3];
    assert_int_equal(psq_lengths_from_batch_sizes(batch_sizes, 4, NULL, 3, lengths, &err), PSQ_OK);
    assert_ints(lengths, (const int64_t[]){4, 3, 2}, 3);
    assert_int_equal(psq_lengths_from_batch_sizes(batch_sizes, 4, unsorted, 3, lengths, &err),
                     PSQ_OK);
    assert_ints(lengths, (const int64_t[]){4, 2, 3}, 3);
}

// No 4 appears although two sequences have length 4.
static void layout_example_three(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){6, 4, 4, 3, 3}, 5);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){5, 5, 5, 3, 1, 1}, 6);
    psq_layout_destroy(layout);
}

static void layout_ties_are_stable(void **state) {
    (void)state;
    int64_t lengths[40];
    for (int i = 0; i < 40; i++) {
        lengths[i] = 7;
    }
    psq_layout *const layout = from_lengths(lengths, 40);
    for (int64_t i = 0; i < 40; i++) {
        assert_int_equal(psq_layout_sorted_indices(layout)[i], i);
    }
    psq_layout_destroy(layout);
}

static void layout_empty_and_zero_lengths(void **state) {
    (void)state;
    psq_layout *layout = from_lengths(NULL, 0);
    assert_int_equal(psq_layout_n_rows(layout), 0);
    assert_int_equal(psq_layout_n_steps(layout), 0);
    psq_layout_destroy(layout);
    layout = from_lengths((const int64_t[]){0, 2, 0, 1}, 4);
    assert_ints(psq_layout_batch_sizes(layout), (const int64_t[]){2, 1}, 2);
    assert_ints(psq_layout_sorted_indices(layout), (const int64_t[]){1, 3, 0, 2}, 4);
    psq_layout_destroy(layout);
}

// Random lengths: every element has its own row in every order, and the other constructors agree.
static void layout_random_batches(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        int64_t lengths[12];
        uint32_t word[4];
        psq_random(1, PSQ_STREAM_TEST, round, 0, 0, word);
        const int64_t B = word[0] % 13;
        for (int64_t b = 0; b < B; b++) {
            psq_random(2, PSQ_STREAM_TEST, round, (uint32_t)b, 0, word);
            lengths[b] = word[1] % 3 == 0 ? 0 : word[0] % 9;
        }
        psq_layout *const layout = from_lengths(lengths, B);
        const int64_t T = psq_layout_n_steps(layout);
        for (int form = 0; form < PSQ_N_ORDER * 4; form++) {
            const psq_storage storage = {(psq_order)(form / 4), form % 2 != 0,
                                         form % 4 < 2 ? 0 : T + 3};
            char seen[12 * 12] = {0};
            int64_t n_rows = 0;
            assert_int_equal(psq_storage_n_rows(layout, storage, &n_rows, &err), PSQ_OK);
            for (int64_t b = 0; b < B; b++) {
                for (int64_t t = 0; t < lengths[b]; t++) {
                    const int64_t row = psq_storage_row(layout, storage, b, t);
                    assert_true(row >= 0 && row < n_rows && !seen[row]);
                    seen[row] = 1;
                }
            }
        }
        psq_layout *again = NULL;
        assert_int_equal(psq_layout_from_offsets(ctx, psq_layout_offsets(layout), B, &again, &err),
                         PSQ_OK);
        assert_ints(psq_layout_lengths(again), lengths, (size_t)B);
        psq_layout_destroy(again);
        assert_int_equal(psq_layout_from_batch_sizes(ctx, psq_layout_batch_sizes(layout), T,
                                                     psq_layout_sorted_indices(layout), B,
                                                     psq_layout_n_rows(layout), &again, &err),
                         PSQ_OK);
        assert_ints(psq_layout_lengths(again), lengths, (size_t)B);
        assert_ints(psq_layout_step_offsets(again), psq_layout_step_offsets(layout), (size_t)T + 1);
        psq_layout_destroy(again);
        psq_layout_destroy(layout);
    }
}

static void layout_bad_input(void **state) {
    (void)state;
    psq_layout *out = NULL;
    assert_fails(psq_layout_from_lengths(ctx, (const int64_t[]){1, 2, -1}, 3, &out, &err),
                 PSQ_INVALID, "lengths[2] is -1");
    assert_fails(psq_layout_from_lengths(ctx, NULL, 3, &out, &err), PSQ_INVALID, "lengths is NULL");
    assert_fails(psq_layout_from_lengths(ctx, NULL, -3, &out, &err), PSQ_INVALID, "n_seq is -3");
    assert_fails(psq_layout_from_lengths(ctx, (const int64_t[]){INT64_MAX, 1}, 2, &out, &err),
                 PSQ_NOMEM, "lengths[1]");
    assert_fails(psq_layout_from_lengths(ctx, (const int64_t[]){INT64_MAX / 2}, 1, &out, &err),
                 PSQ_NOMEM, "out of memory");
    assert_fails(psq_layout_from_offsets(ctx, (const int64_t[]){1, 2}, 1, &out, &err), PSQ_INVALID,
                 "offsets[0] is 1");
    assert_fails(psq_layout_from_offsets(ctx, (const int64_t[]){0, 3, 2}, 2, &out, &err),
                 PSQ_INVALID, "offsets[2] is 2");
    const int64_t rising[2] = {1, 2};
    assert_fails(psq_layout_from_batch_sizes(ctx, rising, 2, NULL, 2, -1, &out, &err), PSQ_INVALID,
                 "batch_sizes[1] is 2, must be at most batch_sizes[0], which is 1");
    const int64_t zero[2] = {2, 0};
    assert_fails(psq_layout_from_batch_sizes(ctx, zero, 2, NULL, 2, -1, &out, &err), PSQ_INVALID,
                 "batch_sizes[1] is 0");
    const int64_t sizes[2] = {2, 1};
    assert_fails(psq_layout_from_batch_sizes(ctx, sizes, 2, NULL, 2, 4, &out, &err), PSQ_INVALID,
                 "sum to 3, n_rows is 4");
    assert_fails(psq_layout_from_batch_sizes(ctx, sizes, 2, NULL, 1, -1, &out, &err), PSQ_INVALID,
                 "batch_sizes[0] is 2, must be at most n_seq, which is 1");
    assert_fails(
        psq_layout_from_batch_sizes(ctx, sizes, 2, (const int64_t[]){1, 1}, 2, -1, &out, &err),
        PSQ_INVALID, "sorted_indices[1] is 1, which sorted_indices[0] is already");
    assert_fails(
        psq_layout_from_batch_sizes(ctx, sizes, 2, (const int64_t[]){0, 2}, 2, -1, &out, &err),
        PSQ_INVALID, "sorted_indices[1] is 2");
    assert_null(out);
    int64_t lengths[2];
    assert_fails(psq_lengths_from_batch_sizes(sizes, 2, (const int64_t[]){1, 1}, 2, lengths, &err),
                 PSQ_INVALID, "unsorted_indices[1] is 1");
}

static psq_status make_and_destroy(const psq_ctx *with, void *arg) {
    (void)arg;
    psq_layout *layout = NULL;
    const psq_status status =
        psq_layout_from_lengths(with, (const int64_t[]){4, 2, 3}, 3, &layout, NULL);
    psq_layout_destroy(layout);
    return status;
}

static psq_status make_from_batch_sizes(const psq_ctx *with, void *arg) {
    (void)arg;
    psq_layout *layout = NULL;
    const psq_status status = psq_layout_from_batch_sizes(with, (const int64_t[]){3, 3, 2, 1}, 4,
                                                          NULL, 3, 9, &layout, NULL);
    psq_layout_destroy(layout);
    return status;
}

static void layout_out_of_memory(void **state) {
    (void)state;
    fault_each_alloc(make_and_destroy, NULL);
    fault_each_alloc(make_from_batch_sizes, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_example_one),
        cmocka_unit_test(lengths_by_rank_and_by_user),
        cmocka_unit_test(layout_example_three),
        cmocka_unit_test(layout_ties_are_stable),
        cmocka_unit_test(layout_empty_and_zero_lengths),
        cmocka_unit_test(layout_random_batches),
        cmocka_unit_test(layout_bad_input),
        cmocka_unit_test(layout_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
