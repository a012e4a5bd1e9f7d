// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_mask.c: masks against psq_storage_row, one row at a time; back to lengths; every hole
// that a small mask can have.
#include <stdio.h>

#include "batches.h"
#include "layouts.h"
#include "packseq/layout.h"

enum { N_SIDES = 4, MOST_ROWS = BATCH_MAX * (BATCH_GIANT + 3), GUARD = 0x5a };

// The padded storages: two orders, two sides.
static psq_storage side(int i, int64_t n_steps) {
    return (psq_storage){i < 2 ? PSQ_PADDED_TIME : PSQ_PADDED_BATCH, i % 2 != 0, n_steps};
}

static void set_row(unsigned char *mask, psq_mask_kind kind, int64_t row) {
    if (kind == PSQ_MASK_BITS) {
        mask[row / 8] = (unsigned char)(mask[row / 8] | 1 << row % 8);
    } else {
        mask[row] = 1;
    }
}

// Every byte of the mask must be written, and none behind it.
static void assert_mask(const psq_layout *layout, psq_storage storage, psq_mask_kind kind) {
    static unsigned char got[MOST_ROWS + 1];
    static unsigned char wanted[MOST_ROWS + 1];
    int64_t n_rows = 0;
    assert_int_equal(psq_storage_n_rows(layout, storage, &n_rows, &err), PSQ_OK);
    const size_t size = psq_mask_size(kind, n_rows);
    assert_int_equal(size, kind == PSQ_MASK_BYTES ? n_rows : (n_rows + 7) / 8);
    memset(got, GUARD, sizeof got);
    memset(wanted, 0, size);
    wanted[size] = GUARD;
    for (int64_t b = 0; b < psq_layout_n_seq(layout); b++) {
        for (int64_t t = 0; t < psq_layout_lengths(layout)[b]; t++) {
            set_row(wanted, kind, psq_storage_row(layout, storage, b, t));
        }
    }
    assert_int_equal(psq_layout_mask(layout, storage, kind, got, &err), PSQ_OK);
    assert_memory_equal(got, wanted, size + 1);
}

static void assert_comes_back(const psq_layout *layout, psq_storage storage, psq_mask_kind kind) {
    static unsigned char mask[MOST_ROWS];
    psq_layout *again = NULL;
    const int64_t B = psq_layout_n_seq(layout);
    assert_int_equal(psq_layout_mask(layout, storage, kind, mask, &err), PSQ_OK);
    assert_int_equal(psq_layout_from_mask(ctx, storage, B, kind, mask, &again, &err), PSQ_OK);
    assert_int_equal(psq_layout_n_seq(again), B);
    assert_memory_equal(psq_layout_lengths(again), psq_layout_lengths(layout),
                        (size_t)B * sizeof(int64_t));
    assert_memory_equal(psq_layout_sorted_indices(again), psq_layout_sorted_indices(layout),
                        (size_t)B * sizeof(int64_t));
    psq_layout_destroy(again);
}

static void mask_random_batches(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 240; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t B = batch_lengths(round, lengths);
        psq_layout *const layout = from_lengths(lengths, B);
        for (int kind = 0; kind < PSQ_N_MASK_KIND; kind++) {
            assert_mask(layout, (psq_storage){PSQ_PACKED, false, 0}, (psq_mask_kind)kind);
            assert_mask(layout, (psq_storage){PSQ_JAGGED, false, 0}, (psq_mask_kind)kind);
            for (int i = 0; i < N_SIDES; i++) {
                const int64_t T = psq_layout_n_steps(layout);
                assert_mask(layout, side(i, 0), (psq_mask_kind)kind);
                assert_mask(layout, side(i, T + round % 4), (psq_mask_kind)kind);
                assert_comes_back(layout, side(i, T), (psq_mask_kind)kind);
                assert_comes_back(layout, side(i, T + round % 4), (psq_mask_kind)kind);
            }
        }
        psq_layout_destroy(layout);
    }
}

// Sequences that begin at any bit and have more and fewer bits than a word of the machine.
static void mask_of_long_ones(void **state) {
    (void)state;
    enum { B = 5 };
    for (int64_t S = 50; S < 200; S++) {
        int64_t lengths[B];
        for (uint32_t b = 0; b < B; b++) {
            const uint32_t word = batch_word((uint32_t)S, 40 + b);
            lengths[b] = word % 3 == 0 ? S : word % (uint32_t)(S + 1);
        }
        psq_layout *const layout = from_lengths(lengths, B);
        for (int i = 0; i < N_SIDES * PSQ_N_MASK_KIND; i++) {
            assert_mask(layout, side(i % N_SIDES, S), (psq_mask_kind)(i / N_SIDES));
            assert_comes_back(layout, side(i % N_SIDES, S), (psq_mask_kind)(i / N_SIDES));
        }
        psq_layout_destroy(layout);
    }
}

// Each mask of 3 sequences of 4 steps is either that of some lengths, or the first sequence with a
// hole is named, with both steps.
static void mask_every_small_one(void **state) {
    (void)state;
    enum { B = 3, S = 4 };
    for (int bits = 0; bits < 1 << (B * S); bits++) {
        for (int i = 0; i < N_SIDES * PSQ_N_MASK_KIND; i++) {
            const psq_storage storage = side(i % N_SIDES, S);
            const psq_mask_kind kind = (psq_mask_kind)(i / N_SIDES);
            unsigned char mask[B * S] = {0};
            int64_t lengths[B] = {0};
            char words[128] = "";
            bool seen_by_step[B * S] = {false};
            for (int b = B - 1; b >= 0; b--) {
                const int seq = bits >> b * S & 15;
                for (int t = 0; t < S; t++) {
                    if (seq >> t & 1) {
                        const int row = storage.order == PSQ_PADDED_TIME ? t * B + b : b * S + t;
                        lengths[b]++;
                        set_row(mask, kind, row);
                        if (kind == PSQ_MASK_BYTES) {
                            mask[row] = (unsigned char)(1 + bits % 255); // any that is not 0
                        }
                    }
                }
                for (int t = S - 2; t >= 0; t--) {
                    const int left = storage.pad_left;
                    seen_by_step[t * B + b] =
                        (seq >> t & 1) == left && (seq >> (t + 1) & 1) != left;
                }
            }
            // By time the earliest step shows first, and of its sequences the first; else the
            // first sequence.
            for (int n = B * S - 1; n >= 0; n--) {
                const int b = storage.order == PSQ_PADDED_TIME ? n % B : n / S;
                const int t = storage.order == PSQ_PADDED_TIME ? n / B : n % S;
                if (seen_by_step[t * B + b]) {
                    snprintf(words, sizeof words,
                             "mask of sequence %d is %d at step %d and %d at step %d, "
                             "must have its 0 on the %s",
                             b, storage.pad_left, t, !storage.pad_left, t + 1,
                             storage.pad_left ? "left" : "right");
                }
            }
            psq_layout *layout = NULL;
            const psq_status status =
                psq_layout_from_mask(ctx, storage, B, kind, mask, &layout, &err);
            if (words[0] != '\0') {
                assert_int_equal(status, PSQ_INVALID);
                assert_string_equal(err.text, words);
                assert_null(layout);
            } else {
                assert_int_equal(status, PSQ_OK);
                assert_memory_equal(psq_layout_lengths(layout), lengths, sizeof lengths);
                psq_layout_destroy(layout);
            }
        }
    }
}

static void mask_of_many(void **state) {
    (void)state;
    enum { B = 100000, S = 21 };
    int64_t *const lengths = (int64_t *)test_malloc(B * sizeof *lengths);
    unsigned char *const mask = (unsigned char *)test_malloc(B * S);
    for (uint32_t b = 0; b < B; b++) {
        lengths[b] = batch_word(3, b) % (S + 1);
    }
    psq_layout *const layout = from_lengths(lengths, B);
    for (int i = 0; i < N_SIDES * PSQ_N_MASK_KIND; i++) {
        const psq_mask_kind kind = (psq_mask_kind)(i / N_SIDES);
        const psq_storage storage = side(i % N_SIDES, S);
        psq_layout *again = NULL;
        assert_int_equal(psq_layout_mask(layout, storage, kind, mask, &err), PSQ_OK);
        assert_int_equal(psq_layout_from_mask(ctx, storage, B, kind, mask, &again, &err), PSQ_OK);
        assert_memory_equal(psq_layout_lengths(again), lengths, B * sizeof *lengths);
        psq_layout_destroy(again);
    }
    psq_layout_destroy(layout);
    test_free(mask);
    test_free(lengths);
}

// The last byte's other bits are not read.
static void mask_ignores_bits_behind(void **state) {
    (void)state;
    static const unsigned char bits[1] = {0xf9}; // 1 0 0 | 1 1, then three that are nobody's
    psq_layout *layout = NULL;
    assert_fails(psq_layout_from_mask(ctx, side(2, 5), 1, PSQ_MASK_BITS, bits, &layout, &err),
                 PSQ_INVALID, "mask of sequence 0 is 0 at step 2 and 1 at step 3");
    assert_int_equal(psq_layout_from_mask(ctx, side(2, 3), 1, PSQ_MASK_BITS, bits, &layout, &err),
                     PSQ_OK);
    assert_int_equal(psq_layout_n_rows(layout), 1);
    psq_layout_destroy(layout);
}

static void mask_bad_input(void **state) {
    (void)state;
    static const int64_t lengths[2] = {2, 1};
    unsigned char mask[8] = {0};
    psq_layout *const layout = from_lengths(lengths, 2);
    psq_layout *out = NULL;
#define MASK(storage, kind, mask) psq_layout_mask(layout, storage, kind, mask, &err)
    assert_fails(MASK(side(0, 1), PSQ_MASK_BYTES, mask), PSQ_SHAPE,
                 "storage.n_steps is 1, must be at least the longest length, which is 2");
    assert_fails(MASK(side(0, 0), (psq_mask_kind)2, mask), PSQ_INVALID,
                 "kind is 2, must be from 0 to 1");
    assert_fails(MASK(side(0, 0), PSQ_MASK_BITS, NULL), PSQ_INVALID,
                 "mask is NULL, must have 4 rows");
    assert_fails(psq_layout_mask(NULL, side(0, 0), PSQ_MASK_BITS, mask, &err), PSQ_INVALID,
                 "layout is NULL");
#undef MASK
#define FROM(storage, B, kind, mask) psq_layout_from_mask(ctx, storage, B, kind, mask, &out, &err)
    const psq_storage packed = {PSQ_PACKED, false, 2};
    assert_fails(FROM(packed, 2, PSQ_MASK_BYTES, mask), PSQ_INVALID,
                 "storage.order is 0, must be padded: 2 or 3");
    assert_fails(FROM(side(0, 2), -1, PSQ_MASK_BYTES, mask), PSQ_INVALID,
                 "n_seq is -1, must be at least 0");
    assert_fails(FROM(side(0, -2), 1, PSQ_MASK_BYTES, mask), PSQ_INVALID,
                 "storage.n_steps is -2, must be at least 0");
    assert_fails(FROM(side(0, INT64_MAX), 2, PSQ_MASK_BYTES, mask), PSQ_NOMEM,
                 "a mask of 2 sequences of 9223372036854775807 steps overflows");
    assert_fails(FROM(side(0, 2), 2, (psq_mask_kind)-1, mask), PSQ_INVALID,
                 "kind is -1, must be from 0 to 1");
    assert_fails(FROM(side(0, 2), 2, PSQ_MASK_BITS, NULL), PSQ_INVALID,
                 "mask is NULL, must have 4 rows");
    assert_null(out);
#undef FROM
    assert_fails(psq_layout_from_mask(NULL, side(0, 2), 2, PSQ_MASK_BYTES, mask, &out, &err),
                 PSQ_INVALID, "ctx is NULL");
    assert_fails(psq_layout_from_mask(ctx, side(0, 2), 2, PSQ_MASK_BYTES, mask, NULL, &err),
                 PSQ_INVALID, "out is NULL");
    assert_int_equal(psq_mask_size((psq_mask_kind)2, 8), 0);
    assert_true(psq_mask_size(PSQ_MASK_BYTES, -1) == SIZE_MAX);
    assert_true(psq_mask_size(PSQ_MASK_BITS, -1) == SIZE_MAX);
    psq_layout_destroy(layout);
}

static psq_status read_mask(const psq_ctx *own, void *arg) {
    psq_layout *layout = NULL;
    psq_error ignored;
    const psq_status status = psq_layout_from_mask(own, *(const psq_storage *)arg, 2,
                                                   PSQ_MASK_BYTES, "\1\1\1", &layout, &ignored);
    assert_int_equal(layout != NULL, status == PSQ_OK);
    psq_layout_destroy(layout);
    return status;
}

static void mask_without_memory(void **state) {
    (void)state;
    psq_storage by_time = side(0, 2);
    psq_storage by_sequence = side(2, 2);
    fault_each_alloc(read_mask, &by_time);
    fault_each_alloc(read_mask, &by_sequence);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_random_batches),      cmocka_unit_test(mask_of_long_ones),
        cmocka_unit_test(mask_every_small_one),     cmocka_unit_test(mask_of_many),
        cmocka_unit_test(mask_ignores_bits_behind), cmocka_unit_test(mask_bad_input),
        cmocka_unit_test(mask_without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
