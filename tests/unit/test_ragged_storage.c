// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_storage.c: where rows lie. The pictures are written by hand; random batches are
// compared with the four formulas of layout.h, whose step offsets and ranks are counted anew here.
#include "batches.h"
#include "packseq/layout.h"
#include "testing.h"

static psq_ctx *ctx;
static psq_error err;
static psq_layout *layout_423;

static int setup(void **state) {
    (void)state;
    const int64_t lengths[3] = {4, 2, 3};
    return psq_ctx_create(NULL, &ctx, NULL) == PSQ_OK &&
                   psq_layout_from_lengths(ctx, lengths, 3, &layout_423, NULL) == PSQ_OK
               ? 0
               : 1;
}

static int teardown(void **state) {
    (void)state;
    psq_layout_destroy(layout_423);
    psq_ctx_destroy(ctx);
    return 0;
}

// `picture` names the element of each row, letter b at its step t times, or '.' for padding:
// "acb" are the first steps of the three sequences. Rows come in the order of the array.
static void assert_picture(psq_storage storage, const char *picture) {
    int64_t n_rows = 0;
    assert_int_equal(psq_storage_n_rows(layout_423, storage, &n_rows, &err), PSQ_OK);
    assert_int_equal(n_rows, strlen(picture));
    int64_t n_cells = 0;
    for (int64_t b = 0; b < 3; b++) {
        int64_t t = 0;
        for (; psq_storage_row(layout_423, storage, b, t) >= 0; t++) {
            const int64_t row = psq_storage_row(layout_423, storage, b, t);
            assert_in_range(row, 0, n_rows - 1);
            assert_int_equal(picture[row], "abc"[b]);
            // Steps of one sequence come in order of time in every storage.
            assert_true(t == 0 || psq_storage_row(layout_423, storage, b, t - 1) < row);
            n_cells++;
        }
        assert_int_equal(t, psq_layout_lengths(layout_423)[b]);
    }
    assert_int_equal(n_cells, 9);
}

static void storage_pictures(void **state) {
    (void)state;
    assert_picture((psq_storage){0}, "acbacbaca");
    assert_picture((psq_storage){PSQ_PACKED, true, 99}, "acbacbaca");
    assert_picture((psq_storage){PSQ_JAGGED, false, 0}, "aaaabbccc");
    assert_picture((psq_storage){PSQ_JAGGED, true, 1}, "aaaabbccc");
    assert_picture((psq_storage){PSQ_PADDED_TIME, false, 0}, "abcabca.ca..");
    assert_picture((psq_storage){PSQ_PADDED_TIME, true, 0}, "a..a.cabcabc");
    assert_picture((psq_storage){PSQ_PADDED_TIME, false, 5}, "abcabca.ca.....");
    assert_picture((psq_storage){PSQ_PADDED_TIME, true, 5}, "...a..a.cabcabc");
    assert_picture((psq_storage){PSQ_PADDED_BATCH, false, 0}, "aaaabb..ccc.");
    assert_picture((psq_storage){PSQ_PADDED_BATCH, true, 0}, "aaaa..bb.ccc");
    assert_picture((psq_storage){PSQ_PADDED_BATCH, false, 4}, "aaaabb..ccc.");
    assert_picture((psq_storage){PSQ_PADDED_BATCH, false, 6}, "aaaa..bb....ccc...");
    assert_picture((psq_storage){PSQ_PADDED_BATCH, true, 6}, "..aaaa....bb...ccc");
}

static void storage_row_out_of_range(void **state) {
    (void)state;
    for (int order = 0; order < PSQ_N_ORDER; order++) {
        const psq_storage storage = {(psq_order)order, false, 7};
        assert_int_equal(psq_storage_row(layout_423, storage, -1, 0), -1);
        assert_int_equal(psq_storage_row(layout_423, storage, 3, 0), -1);
        assert_int_equal(psq_storage_row(layout_423, storage, 1, 2), -1);
        assert_int_equal(psq_storage_row(layout_423, storage, 1, -1), -1);
        assert_int_equal(psq_storage_row(layout_423, storage, INT64_MAX, INT64_MAX), -1);
        assert_int_equal(psq_storage_row(layout_423, storage, INT64_MIN, INT64_MIN), -1);
        assert_true(psq_storage_row(layout_423, storage, 1, 1) >= 0);
    }
}

static int64_t naive_row(const int64_t *lengths, int64_t B, psq_storage storage, int64_t b,
                         int64_t t) {
    int64_t S = storage.n_steps;
    int64_t row = 0;
    for (int64_t other = 0; other < B; other++) {
        const int64_t length = lengths[other];
        S = storage.n_steps == 0 && length > S ? length : S;
        if (storage.order == PSQ_JAGGED) {
            row += other < b ? length : 0;
        } else if (storage.order == PSQ_PACKED) {
            const bool before = length > lengths[b] || (length == lengths[b] && other < b);
            row += length < t ? length : t;
            row += before && length > t ? 1 : 0;
        }
    }
    const int64_t step = storage.pad_left ? S - lengths[b] + t : t;
    if (storage.order == PSQ_JAGGED) {
        return row + t;
    }
    if (storage.order == PSQ_PACKED) {
        return row;
    }
    return storage.order == PSQ_PADDED_TIME ? step * B + b : b * S + step;
}

static void storage_random_batches(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 120; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t B = batch_lengths(round, lengths);
        psq_layout *layout = NULL;
        assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layout, &err), PSQ_OK);
        const int64_t T = psq_layout_n_steps(layout);
        for (int form = 0; form < PSQ_N_ORDER * 4; form++) {
            const psq_storage storage = {(psq_order)(form / 4), form % 2 != 0,
                                         form % 4 < 2 ? 0 : T + 3};
            int64_t n_rows = 0;
            assert_int_equal(psq_storage_n_rows(layout, storage, &n_rows, &err), PSQ_OK);
            assert_int_equal(n_rows,
                             form < 8 ? psq_layout_n_rows(layout) : B * (form % 4 < 2 ? T : T + 3));
            for (int64_t b = 0; b < B; b++) {
                for (int64_t t = 0; t < lengths[b]; t++) {
                    assert_int_equal(psq_storage_row(layout, storage, b, t),
                                     naive_row(lengths, B, storage, b, t));
                }
            }
        }
        psq_layout_destroy(layout);
    }
}

static void storage_bad_input(void **state) {
    (void)state;
    int64_t n_rows = 0;
    assert_fails(psq_storage_n_rows(NULL, (psq_storage){0}, &n_rows, &err), PSQ_INVALID,
                 "layout is NULL");
    assert_fails(psq_storage_n_rows(layout_423, (psq_storage){0}, NULL, &err), PSQ_INVALID,
                 "n_rows is NULL");
#define ROWS(order, n_steps) \
    psq_storage_n_rows(layout_423, (psq_storage){(order), false, (n_steps)}, &n_rows, &err)
    assert_fails(ROWS((psq_order)4, 0), PSQ_INVALID, "storage.order is 4, must be from 0 to 3");
    assert_fails(ROWS((psq_order)-1, 0), PSQ_INVALID, "storage.order is -1, must be from 0 to 3");
    assert_fails(ROWS(PSQ_PADDED_TIME, -1), PSQ_INVALID,
                 "storage.n_steps is -1, must be at least 0");
    assert_fails(ROWS(PSQ_PACKED, -1), PSQ_INVALID, "storage.n_steps is -1, must be at least 0");
    assert_fails(ROWS(PSQ_PADDED_TIME, 3), PSQ_SHAPE,
                 "storage.n_steps is 3, must be at least the longest length, which is 4");
    assert_fails(ROWS(PSQ_PADDED_BATCH, 1), PSQ_SHAPE,
                 "storage.n_steps is 1, must be at least the longest length, which is 4");
    assert_fails(ROWS(PSQ_PADDED_BATCH, INT64_MAX / 2), PSQ_NOMEM,
                 "storage has 3 sequences of 4611686018427387903 steps, which overflows");
    assert_int_equal(ROWS(PSQ_PADDED_BATCH, INT64_MAX / 3), PSQ_OK);
    assert_int_equal(n_rows, INT64_MAX / 3 * 3);
    assert_int_equal(
        psq_storage_n_rows(layout_423, (psq_storage){PSQ_PADDED_TIME, false, 2}, &n_rows, NULL),
        PSQ_SHAPE);
#undef ROWS
}

static void order_names(void **state) {
    (void)state;
    assert_string_equal(psq_order_name(PSQ_PACKED), "packed");
    assert_string_equal(psq_order_name(PSQ_JAGGED), "jagged");
    assert_string_equal(psq_order_name(PSQ_PADDED_TIME), "padded-time");
    assert_string_equal(psq_order_name(PSQ_PADDED_BATCH), "padded-batch");
    assert_null(psq_order_name(PSQ_N_ORDER));
    assert_null(psq_order_name((psq_order)-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_pictures),
        cmocka_unit_test(storage_row_out_of_range),
        cmocka_unit_test(storage_random_batches),
        cmocka_unit_test(storage_bad_input),
        cmocka_unit_test(order_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
