// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_map.c: a function over all elements, against a loop over (b, t); which stretches it
// gets; in place; and what happens when it gives up.
#include "batches.h"
#include "layouts.h"
#include "packseq/ragged.h"

enum { N_FORMS = PSQ_N_ORDER * 4, MOST_ROWS = BATCH_MAX * (BATCH_GIANT + 3) };

static psq_storage form(const psq_layout *layout, int i) {
    return (psq_storage){(psq_order)(i / 4), i % 2 != 0,
                         i % 4 < 2 ? 0 : psq_layout_n_steps(layout) + 3};
}

// A row of one int32 becomes a row of two int16; the stretches are noted.
typedef struct notes {
    const int32_t *src;
    int64_t first[MOST_ROWS], n[MOST_ROWS];
    int64_t n_calls;
    int64_t fails_at; // the call that gives up, from 0; -1: none
} notes;

static psq_status halve(void *arg, int64_t n_rows, const void *src, void *dst) {
    notes *const to = (notes *)arg;
    const int32_t *const from = (const int32_t *)src;
    int16_t *const halves = (int16_t *)dst;
    if (to->n_calls == to->fails_at) {
        return PSQ_CANCELLED;
    }
    to->first[to->n_calls] = from - to->src;
    to->n[to->n_calls++] = n_rows;
    for (int64_t i = 0; i < n_rows; i++) {
        halves[2 * i] = (int16_t)(from[i] / 1000);
        halves[2 * i + 1] = (int16_t)(from[i] % 1000);
    }
    return PSQ_OK;
}

static void map_random_batches(void **state) {
    (void)state;
    static int32_t src[MOST_ROWS];
    static int16_t got[2 * MOST_ROWS + 1];
    static int16_t wanted[2 * MOST_ROWS + 1];
    static notes calls;
    const int16_t seven = 7;
    for (int32_t i = 0; i < MOST_ROWS; i++) {
        src[i] = i * 3 + 1;
    }
    for (uint32_t round = 0; round < 120; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t B = batch_lengths(round, lengths);
        psq_layout *const layout = from_lengths(lengths, B);
        for (int i = 0; i < N_FORMS; i++) {
            const psq_storage storage = form(layout, i);
            int64_t n_rows = 0;
            assert_int_equal(psq_storage_n_rows(layout, storage, &n_rows, &err), PSQ_OK);
            for (int64_t k = 0; k < 2 * n_rows; k++) {
                wanted[k] = seven;
            }
            bool is_element[MOST_ROWS] = {false};
            for (int64_t b = 0; b < B; b++) {
                for (int64_t t = 0; t < lengths[b]; t++) {
                    const int64_t row = psq_storage_row(layout, storage, b, t);
                    is_element[row] = true;
                    wanted[2 * row] = (int16_t)(src[row] / 1000);
                    wanted[2 * row + 1] = (int16_t)(src[row] % 1000);
                }
            }
            memset(got, 0x5a, sizeof got);
            wanted[2 * n_rows] = 0x5a5a;
            calls = (notes){.src = src, .fails_at = -1};
            assert_int_equal(psq_map(layout, storage, src, sizeof *src, got, 2 * sizeof *got,
                                     (psq_fill){&seven, sizeof seven}, halve, &calls, &err),
                             PSQ_OK);
            assert_memory_equal(got, wanted, (size_t)(2 * n_rows + 1) * sizeof *got);
            // Stretches are as long as they go: between two of them is a row of padding.
            int64_t k = 0;
            for (int64_t row = 0; row < n_rows; row++) {
                if (is_element[row] && (row == 0 || !is_element[row - 1])) {
                    assert_true(k < calls.n_calls);
                    assert_int_equal(calls.first[k], row);
                    for (int64_t n = 0; n < calls.n[k]; n++) {
                        assert_true(is_element[row + n]);
                    }
                    assert_true(row + calls.n[k] == n_rows || !is_element[row + calls.n[k]]);
                    k++;
                }
            }
            assert_int_equal(k, calls.n_calls);
        }
        psq_layout_destroy(layout);
    }
}

static psq_status add_one(void *arg, int64_t n_rows, const void *src, void *dst) {
    const int32_t *const from = (const int32_t *)src;
    (void)arg;
    for (int64_t i = 0; i < n_rows; i++) {
        ((int32_t *)dst)[i] = from[i] + 1;
    }
    return PSQ_OK;
}

static void map_in_place(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){1, 3, 2}, 3);
    int32_t rows[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const int32_t wanted[9] = {0, 0, 4, 5, 6, 7, 0, 9, 10};
    const psq_storage left = {PSQ_PADDED_BATCH, true, 0};
    assert_int_equal(psq_map(layout, left, rows, sizeof *rows, rows, sizeof *rows,
                             (psq_fill){NULL, 0}, add_one, NULL, &err),
                     PSQ_OK);
    assert_memory_equal(rows, wanted, sizeof rows);
    psq_layout_destroy(layout);
}

static psq_status count_calls(void *arg, int64_t n_rows, const void *src, void *dst) {
    assert_null(src);
    assert_null(dst);
    *(int64_t *)arg += n_rows;
    return PSQ_OK;
}

static void map_nothing(void **state) {
    (void)state;
    psq_layout *const none = from_lengths(NULL, 0);
    psq_layout *const zeros = from_lengths((const int64_t[]){0, 0}, 2);
    psq_layout *const some = from_lengths((const int64_t[]){3, 1}, 2);
    for (int order = 0; order < PSQ_N_ORDER; order++) {
        const psq_storage storage = {(psq_order)order, order % 2 != 0, 0};
        int64_t n = 0;
#define MAP(layout, bytes) \
    psq_map(layout, storage, NULL, bytes, NULL, bytes, (psq_fill){NULL, 0}, count_calls, &n, &err)
        assert_int_equal(MAP(none, 4), PSQ_OK);
        assert_int_equal(MAP(zeros, 4), PSQ_OK);
        assert_int_equal(n, 0);
        assert_int_equal(MAP(some, 0), PSQ_OK); // rows without bytes are still rows
        assert_int_equal(n, 4);
#undef MAP
    }
    psq_layout_destroy(none);
    psq_layout_destroy(zeros);
    psq_layout_destroy(some);
}

static void map_that_gives_up(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){2, 2, 1}, 3);
    const psq_storage padded = {PSQ_PADDED_BATCH, false, 3};
    const int32_t src[9] = {0};
    int16_t dst[18];
    notes *const calls = (notes *)test_calloc(1, sizeof *calls);
    calls->src = src;
    calls->fails_at = 1;
    memset(dst, 0x5a, sizeof dst);
    assert_fails(psq_map(layout, padded, src, sizeof *src, dst, 2 * sizeof *dst,
                         (psq_fill){NULL, 0}, halve, calls, &err),
                 PSQ_CANCELLED, "fn gave \"cancelled\" for rows 3 to 4");
    assert_int_equal(dst[5], 0);
    assert_int_equal(dst[6], 0x5a5a);
    test_free(calls);
    psq_layout_destroy(layout);
}

static void map_bad_input(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){2, 1}, 2);
    const psq_storage padded = {PSQ_PADDED_TIME, false, 0};
    const psq_fill zeros = {NULL, 0};
    char rows[16] = {0};
#define MAP(storage, src, src_bytes, dst, dst_bytes, fill, fn) \
    psq_map(layout, storage, src, src_bytes, dst, dst_bytes, fill, fn, NULL, &err)
    assert_fails(MAP(padded, NULL, 1, rows, 1, zeros, add_one), PSQ_INVALID,
                 "src is NULL, must have 4 rows of 1 bytes");
    assert_fails(MAP(padded, rows, 1, NULL, 2, zeros, add_one), PSQ_INVALID,
                 "dst is NULL, must have 4 rows of 2 bytes");
    assert_fails(MAP(padded, rows, 1, rows, 1, zeros, NULL), PSQ_INVALID, "fn is NULL");
    assert_fails(MAP(padded, rows, SIZE_MAX / 2, rows, 1, zeros, add_one), PSQ_NOMEM,
                 "src has 4 rows of 9223372036854775807 bytes, which overflows");
    assert_fails(MAP(padded, rows, 1, rows, SIZE_MAX / 2, zeros, add_one), PSQ_NOMEM,
                 "dst has 4 rows of 9223372036854775807 bytes, which overflows");
    assert_fails(MAP(padded, rows, 3, rows, 3, ((psq_fill){rows, 2}), add_one), PSQ_INVALID,
                 "fill.size is 2, does not divide dst_row_bytes, which is 3");
    assert_fails(MAP(padded, rows, 3, rows, 3, ((psq_fill){rows, 0}), add_one), PSQ_INVALID,
                 "fill.size is 0, must be at least 1");
    assert_fails(MAP(((psq_storage){PSQ_PADDED_TIME, false, 1}), rows, 1, rows, 1, zeros, add_one),
                 PSQ_SHAPE, "storage.n_steps is 1, must be at least the longest length");
#undef MAP
    assert_fails(psq_map(NULL, padded, rows, 1, rows, 1, zeros, add_one, NULL, &err), PSQ_INVALID,
                 "layout is NULL");
    psq_layout_destroy(layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_random_batches), cmocka_unit_test(map_in_place),
        cmocka_unit_test(map_nothing),        cmocka_unit_test(map_that_gives_up),
        cmocka_unit_test(map_bad_input),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
