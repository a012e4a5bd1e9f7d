// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_plan_split.c: balanced parts: by hand, of lengths as data sets have them, and of
// 100,000 sequences, there and back.
#include "batches.h"
#include "layouts.h"
#include "packseq/plan.h"

static const psq_storage packed = {PSQ_PACKED, false, 0};
static const psq_storage jagged = {PSQ_JAGGED, false, 0};
static const psq_fill zeros = {NULL, 0};

static void plan_split_by_hand(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){0, 5, 3, 7, 5, 0, 4}, 7);
    psq_plan *parts[3];
    assert_int_equal(psq_plan_split(ctx, layout, 3, parts, &err), PSQ_OK);
    // 7 to part 0; 5 (b 1) to 1; 5 (b 4) to 2; 4 to 1, the lower of two equal ones; 3 to 2, which
    // has 5; then 7, 9 and 8 rows: both empty ones to part 0.
    assert_lengths(parts[0], (const int64_t[]){0, 7, 0}, 3);
    assert_lengths(parts[1], (const int64_t[]){5, 4}, 2);
    assert_lengths(parts[2], (const int64_t[]){3, 5}, 2);
    assert_int_equal(psq_plan_pieces(parts[1])[0].seq, 1);
    assert_int_equal(psq_plan_pieces(parts[0])[2].seq, 5);
    for (int p = 0; p < 3; p++) {
        psq_plan_destroy(parts[p]);
    }
    psq_layout_destroy(layout);
    // Nothing but empty ones: as many to each.
    psq_layout *const empty = from_lengths((const int64_t[5]){0}, 5);
    assert_int_equal(psq_plan_split(ctx, empty, 3, parts, &err), PSQ_OK);
    for (int p = 0; p < 3; p++) {
        assert_lengths(parts[p], (const int64_t[2]){0}, p < 2 ? 2 : 1);
        psq_plan_destroy(parts[p]);
    }
    psq_layout_destroy(empty);
}

enum { MANY = 100000, LONGEST = 20 };

static psq_layout *many_sequences(void) {
    int64_t *const lengths = (int64_t *)test_malloc(MANY * sizeof *lengths);
    for (int64_t b = 0; b < MANY; b++) {
        lengths[b] = batch_word(2, (uint32_t)b) % (LONGEST + 1);
    }
    psq_layout *const layout = from_lengths(lengths, MANY);
    test_free(lengths);
    return layout;
}

// In balanced parts and joined again: rows come back in packed order.
static void plan_many_sequences(void **state) {
    (void)state;
    enum { PARTS = 7 };
    psq_layout *const layout = many_sequences();
    const int64_t N = psq_layout_n_rows(layout);
    psq_plan *parts[PARTS];
    assert_int_equal(psq_plan_split(ctx, layout, PARTS, parts, &err), PSQ_OK);
    uint32_t *const rows = (uint32_t *)test_malloc((size_t)N * 3 * sizeof *rows);
    for (int64_t i = 0; i < N; i++) {
        rows[i] = (uint32_t)i;
    }
    psq_storage from[PARTS];
    const void *src[PARTS];
    uint32_t *next = rows + N;
    int64_t most = 0;
    for (int64_t p = 0; p < PARTS; p++) {
        const int64_t n_rows = psq_layout_n_rows(psq_plan_layout(parts[p]));
        most = n_rows > most ? n_rows : most;
        from[p] = p % 2 == 0 ? packed : jagged;
        src[p] = next;
        const void *const all[1] = {rows};
        assert_int_equal(
            psq_plan_apply(parts[p], &packed, all, from[p], next, sizeof *rows, zeros, &err),
            PSQ_OK);
        next += n_rows;
    }
    assert_true(next == rows + 2 * N);
    assert_true(most <= (N + PARTS - 1) / PARTS + 1); // so many short ones balance to a row
    psq_plan *inverse = NULL;
    assert_int_equal(psq_plan_inverse(ctx, (const psq_plan *const *)parts, PARTS, &inverse, &err),
                     PSQ_OK);
    assert_int_equal(psq_plan_apply(inverse, from, src, packed, next, sizeof *rows, zeros, &err),
                     PSQ_OK);
    assert_true(memcmp(next, rows, (size_t)N * sizeof *rows) == 0);
    psq_plan_destroy(inverse);
    for (int64_t p = 0; p < PARTS; p++) {
        psq_plan_destroy(parts[p]);
    }
    test_free(rows);
    psq_layout_destroy(layout);
}

// Lengths as words and texts have them: no part has much more than its share, nor more than a
// sequence that is alone in it.
static void plan_split_is_balanced(void **state) {
    (void)state;
    enum { PARTS = 8, SEQS = 400 };
    for (uint32_t round = 0; round < 20; round++) {
        int64_t lengths[SEQS];
        int64_t longest = 0;
        for (int64_t b = 0; b < SEQS; b++) {
            const uint32_t word = batch_word(round, (uint32_t)b);
            lengths[b] = word % 40 == 0 ? word % 300 : word % 12;
            longest = lengths[b] > longest ? lengths[b] : longest;
        }
        psq_layout *const layout = from_lengths(lengths, SEQS);
        psq_plan *parts[PARTS];
        assert_int_equal(psq_plan_split(ctx, layout, PARTS, parts, &err), PSQ_OK);
        const double mean = (double)psq_layout_n_rows(layout) / PARTS;
        for (int64_t p = 0; p < PARTS; p++) {
            const double n_rows = (double)psq_layout_n_rows(psq_plan_layout(parts[p]));
            assert_true(n_rows <= 1.02 * mean || n_rows <= (double)longest);
            psq_plan_destroy(parts[p]);
        }
        psq_layout_destroy(layout);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_split_by_hand),
        cmocka_unit_test(plan_many_sequences),
        cmocka_unit_test(plan_split_is_balanced),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
