// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_arena.c: measuring and carving agree, arrays are aligned and apart, overflow sticks.
#include "base/arena.h"

#include "testing.h"

enum { N_ARRAYS = 5 };

// Takes arrays of several sizes, an empty one among them.
static void carve(psq_arena *arena, char *arrays[N_ARRAYS]) {
    static const int64_t counts[N_ARRAYS] = {1, 64, 0, 33, 7};
    static const size_t sizes[N_ARRAYS] = {1, 1, 8, 4, 24};
    for (int i = 0; i < N_ARRAYS; i++) {
        arrays[i] = (char *)psq_arena_take(arena, counts[i], sizes[i]);
    }
}

static void arena_measures_what_it_uses(void **state) {
    (void)state;
    char *none[N_ARRAYS];
    psq_arena measured = {0};
    carve(&measured, none);
    for (int i = 0; i < N_ARRAYS; i++) {
        assert_null(none[i]);
    }
    static const size_t offsets[N_ARRAYS + 1] = {0, 64, 128, 128, 320, 512};
    assert_int_equal(measured.used, offsets[N_ARRAYS]);

    static _Alignas(PSQ_ALIGN) char region[512];
    char *arrays[N_ARRAYS];
    psq_arena used = {region, 0};
    carve(&used, arrays);
    assert_int_equal(used.used, measured.used);
    for (int i = 0; i < N_ARRAYS; i++) {
        assert_ptr_equal(arrays[i], region + offsets[i]);
    }
}

static void assert_overflow(size_t used, int64_t count, size_t size) {
    static char region[PSQ_ALIGN];
    psq_arena arena = {region, used};
    assert_null(psq_arena_take(&arena, count, size));
    assert_true(arena.used == SIZE_MAX);
    assert_null(psq_arena_take(&arena, 1, 1)); // it stays overflowed
    assert_true(arena.used == SIZE_MAX);
    arena = (psq_arena){NULL, used};
    assert_null(psq_arena_take(&arena, count, size));
    assert_true(arena.used == SIZE_MAX);
}

static void arena_overflow_sticks(void **state) {
    (void)state;
    assert_overflow(0, -1, 4);                                   // a negative count
    assert_overflow(0, INT64_MAX, 8);                            // the product
    assert_overflow(0, 1, SIZE_MAX - PSQ_ALIGN + 2);             // rounding up
    assert_overflow(PSQ_ALIGN * 4, 1, SIZE_MAX - PSQ_ALIGN * 4); // the sum
    assert_overflow(SIZE_MAX, 0, 1);                             // after an earlier overflow
}

// The largest that fits: SIZE_MAX rounded down.
static void arena_measures_up_to_the_end(void **state) {
    (void)state;
    psq_arena arena = {NULL, 0};
    assert_null(psq_arena_take(&arena, 1, SIZE_MAX - 2 * PSQ_ALIGN));
    assert_true(arena.used == SIZE_MAX - 2 * PSQ_ALIGN + 1);
    assert_null(psq_arena_take(&arena, 1, PSQ_ALIGN));
    assert_true(arena.used == SIZE_MAX - PSQ_ALIGN + 1);
    assert_null(psq_arena_take(&arena, 1, 1));
    assert_true(arena.used == SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_measures_what_it_uses),
        cmocka_unit_test(arena_overflow_sticks),
        cmocka_unit_test(arena_measures_up_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
