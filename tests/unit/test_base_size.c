// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_size.c: every edge at which a size or a count stops fitting.
#include "base/size.h"

#include "testing.h"

static void size_add_edges(void **state) {
    (void)state;
    assert_true(psq_size_add(0, 0) == 0);
    assert_true(psq_size_add(2, 3) == 5);
    assert_true(psq_size_add(SIZE_MAX - 2, 1) == SIZE_MAX - 1);
    assert_true(psq_size_add(SIZE_MAX - 1, 1) == SIZE_MAX);
    assert_true(psq_size_add(SIZE_MAX, 0) == SIZE_MAX);
    assert_true(psq_size_add(SIZE_MAX, 1) == SIZE_MAX);
    assert_true(psq_size_add(1, SIZE_MAX) == SIZE_MAX);
    assert_true(psq_size_add(SIZE_MAX, SIZE_MAX) == SIZE_MAX);
}

static void size_mul_edges(void **state) {
    (void)state;
    assert_true(psq_size_mul(6, 7) == 42);
    assert_true(psq_size_mul(0, SIZE_MAX) == 0);
    assert_true(psq_size_mul(SIZE_MAX, 0) == 0);
    assert_true(psq_size_mul(SIZE_MAX, 1) == SIZE_MAX);
    assert_true(psq_size_mul(SIZE_MAX / 2, 2) == SIZE_MAX - 1);
    assert_true(psq_size_mul(SIZE_MAX / 2 + 1, 2) == SIZE_MAX); // wraps to 0 unchecked
    assert_true(psq_size_mul(2, SIZE_MAX / 2 + 1) == SIZE_MAX);
    assert_true(psq_size_mul(SIZE_MAX, SIZE_MAX) == SIZE_MAX); // wraps to 1 unchecked
}

static void size_of_edges(void **state) {
    (void)state;
    assert_true(psq_size_of(0, 4) == 0);
    assert_true(psq_size_of(5, 4) == 20);
    assert_true(psq_size_of(5, 0) == 0);
    assert_true(psq_size_of(-1, 4) == SIZE_MAX);
    assert_true(psq_size_of(INT64_MIN, 0) == SIZE_MAX);
    assert_true(psq_size_of(INT64_MAX, 4) == SIZE_MAX);
#if SIZE_MAX > INT64_MAX
    assert_true(psq_size_of(INT64_MAX, 1) == (size_t)INT64_MAX);
    assert_true(psq_size_of(INT64_MAX, 2) == SIZE_MAX - 1);
    assert_true(psq_size_of(INT64_MAX, 3) == SIZE_MAX);
#endif
}

static void count_add_edges(void **state) {
    (void)state;
    int64_t sum = 0;
    assert_true(psq_count_add(2, 3, &sum));
    assert_int_equal(sum, 5);
    assert_true(psq_count_add(INT64_MAX - 1, 1, &sum));
    assert_true(sum == INT64_MAX);
    assert_false(psq_count_add(INT64_MAX, 1, &sum));
    assert_true(psq_count_add(INT64_MIN, INT64_MAX, &sum));
    assert_int_equal(sum, -1);
    assert_false(psq_count_add(INT64_MIN, -1, &sum));
}

static void count_mul_edges(void **state) {
    (void)state;
    int64_t product = 0;
    assert_true(psq_count_mul(-6, 7, &product));
    assert_int_equal(product, -42);
    assert_true(psq_count_mul(INT64_MAX, 1, &product));
    assert_true(product == INT64_MAX);
    assert_true(psq_count_mul(INT64_MAX / 2, 2, &product));
    assert_true(product == INT64_MAX - 1);
    assert_false(psq_count_mul(INT64_MAX / 2 + 1, 2, &product));
    assert_false(psq_count_mul(INT64_MIN, -1, &product));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_add_edges),  cmocka_unit_test(size_mul_edges),
        cmocka_unit_test(size_of_edges),   cmocka_unit_test(count_add_edges),
        cmocka_unit_test(count_mul_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
