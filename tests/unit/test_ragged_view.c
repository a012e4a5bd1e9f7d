// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_view.c: views, elements of rows and rounded steps against psq_storage_row, for every
// row of random batches.
#include "batches.h"
#include "layouts.h"
#include "packseq/layout.h"

// All orders, on both sides, with T and with T + 3 steps.
enum { N_FORMS = PSQ_N_ORDER * 4 };

static psq_storage form(const psq_layout *layout, int i) {
    return (psq_storage){(psq_order)(i / 4), i % 2 != 0,
                         i % 4 < 2 ? 0 : psq_layout_n_steps(layout) + 3};
}

static void assert_views(const psq_layout *layout, psq_storage storage) {
    for (int64_t b = 0; b < psq_layout_n_seq(layout); b++) {
        psq_view view;
        assert_int_equal(psq_layout_view(layout, storage, b, &view, &err), PSQ_OK);
        assert_int_equal(view.n_rows, psq_layout_lengths(layout)[b]);
        for (int64_t t = 0; t < view.n_rows; t++) {
            assert_int_equal(psq_view_row(&view, t), psq_storage_row(layout, storage, b, t));
        }
    }
}

// As many rows have an element as there are elements, and the row of that element is that row.
static void assert_elements(const psq_layout *layout, psq_storage storage) {
    int64_t n_rows = 0;
    int64_t n_elements = 0;
    assert_int_equal(psq_storage_n_rows(layout, storage, &n_rows, &err), PSQ_OK);
    for (int64_t row = -2; row < n_rows + 2; row++) {
        int64_t b = -7;
        int64_t t = -7;
        if (psq_storage_element(layout, storage, row, &b, &t)) {
            assert_int_equal(psq_storage_row(layout, storage, b, t), row);
            n_elements++;
        } else {
            assert_int_equal(b, -7);
            assert_int_equal(t, -7);
        }
    }
    assert_int_equal(n_elements, psq_layout_n_rows(layout));
    int64_t none = 0;
    assert_false(psq_storage_element(layout, storage, INT64_MAX, &none, &none));
    assert_false(psq_storage_element(layout, storage, INT64_MIN, &none, &none));
}

static void view_random_batches(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 240; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t B = batch_lengths(round, lengths);
        psq_layout *const layout = from_lengths(lengths, B);
        for (int i = 0; i < N_FORMS; i++) {
            assert_views(layout, form(layout, i));
            assert_elements(layout, form(layout, i));
        }
        psq_layout_destroy(layout);
    }
}

static void view_of_many(void **state) {
    (void)state;
    enum { B = 100000 };
    int64_t *const lengths = (int64_t *)test_malloc(B * sizeof *lengths);
    for (uint32_t b = 0; b < B; b++) {
        lengths[b] = batch_word(5, b) % 4;
    }
    psq_layout *const layout = from_lengths(lengths, B);
    for (int order = 0; order < PSQ_N_ORDER; order++) {
        assert_elements(layout, (psq_storage){(psq_order)order, order % 2 != 0, 0});
    }
    psq_layout_destroy(layout);
    test_free(lengths);
}

// With padding beyond all memory rows are numbers all the same; a sequence without rows has none
// that could overflow.
static void view_of_far_rows(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){0, 1}, 2);
    const psq_storage far = {PSQ_PADDED_TIME, true, INT64_MAX / 2};
    psq_view view;
    int64_t b = 0;
    int64_t t = 0;
    assert_int_equal(psq_layout_view(layout, far, 0, &view, &err), PSQ_OK);
    assert_int_equal(view.n_rows, 0);
    assert_int_equal(view.first, 0);
    assert_int_equal(psq_layout_view(layout, far, 1, &view, &err), PSQ_OK);
    assert_int_equal(psq_view_row(&view, 0), INT64_MAX - 2);
    assert_true(psq_storage_element(layout, far, INT64_MAX - 2, &b, &t));
    assert_int_equal(b, 1);
    assert_int_equal(t, 0);
    assert_false(psq_storage_element(layout, far, INT64_MAX - 1, &b, &t));
    psq_layout_destroy(layout);
}

static void view_bad_input(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){2, 1}, 2);
    psq_view view;
    const psq_storage short_one = {PSQ_PADDED_TIME, false, 1};
#define VIEW(storage, b) psq_layout_view(layout, storage, b, &view, &err)
    assert_fails(VIEW((psq_storage){0}, 2), PSQ_INVALID, "b is 2, must be at least 0 and below 2");
    assert_fails(VIEW((psq_storage){0}, -1), PSQ_INVALID,
                 "b is -1, must be at least 0 and below 2");
    assert_fails(VIEW(short_one, 0), PSQ_SHAPE,
                 "storage.n_steps is 1, must be at least the longest length, which is 2");
#undef VIEW
    assert_fails(psq_layout_view(NULL, short_one, 0, &view, &err), PSQ_INVALID, "layout is NULL");
    assert_fails(psq_layout_view(layout, short_one, 0, NULL, &err), PSQ_INVALID, "view is NULL");
    psq_layout_destroy(layout);
}

static void round_up_steps(void **state) {
    (void)state;
    psq_layout *const five = from_lengths((const int64_t[]){2, 5, 0}, 3);
    psq_layout *const none = from_lengths(NULL, 0);
    static const struct {
        int64_t multiple, before, wanted;
    } cases[] = {{1, 0, 5}, {2, 0, 6},  {5, 0, 5},  {8, 0, 8},
                 {4, 3, 8}, {4, 8, 8},  {4, 9, 12}, {INT64_C(1) << 60, 0, INT64_C(1) << 60},
                 {7, 7, 7}, {3, 14, 15}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        psq_storage storage = {PSQ_PADDED_BATCH, true, cases[i].before};
        assert_int_equal(psq_storage_round_up(five, cases[i].multiple, &storage, &err), PSQ_OK);
        assert_int_equal(storage.n_steps, cases[i].wanted);
        assert_int_equal(storage.order, PSQ_PADDED_BATCH);
        assert_true(storage.pad_left);
    }
    psq_storage storage = {PSQ_PADDED_TIME, false, 0};
    assert_int_equal(psq_storage_round_up(none, 8, &storage, &err), PSQ_OK);
    assert_int_equal(storage.n_steps, 0);
#define ROUND(multiple) psq_storage_round_up(five, multiple, &storage, &err)
    assert_fails(ROUND(0), PSQ_INVALID, "multiple is 0, must be at least 1");
    assert_fails(ROUND(INT64_MAX), PSQ_NOMEM,
                 "storage has 3 sequences of 9223372036854775807 steps, which overflows");
    storage.n_steps = INT64_MAX;
    assert_fails(ROUND(2), PSQ_NOMEM, "the multiple of 2 from 9223372036854775807 on overflows");
    assert_int_equal(storage.n_steps, INT64_MAX);
    storage.n_steps = -1;
    assert_fails(ROUND(2), PSQ_INVALID, "storage.n_steps is -1, must be at least 0");
    assert_fails(psq_storage_round_up(five, 2, NULL, &err), PSQ_INVALID, "storage is NULL");
    assert_fails(psq_storage_round_up(NULL, 2, &storage, &err), PSQ_INVALID, "layout is NULL");
#undef ROUND
    psq_layout_destroy(five);
    psq_layout_destroy(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(view_random_batches), cmocka_unit_test(view_of_many),
        cmocka_unit_test(view_of_far_rows),    cmocka_unit_test(view_bad_input),
        cmocka_unit_test(round_up_steps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
