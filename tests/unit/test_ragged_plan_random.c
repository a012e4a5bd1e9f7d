// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_plan_random.c: every operation on random batches against the same operation written
// as loops over a list of sequences, from and to every storage, whole buffers with guard bytes; and
// that the inverse of a plan gives the source back.
#define _POSIX_C_SOURCE 200809L // setenv

#include <stdlib.h>

#include "batches.h"
#include "packseq/plan.h"
#include "rowlist.h"
#include "with_ctx.h"

enum {
    GUARD = 64,
    N_FORMS = PSQ_N_ORDER * 4, // orders x sides x steps T or T + 3
    MAX_SOURCES = 3,
    WIDEST = 272,
    ROOM = 900 * 1024,
};

static _Alignas(64) unsigned char sources[MAX_SOURCES][ROOM];
static _Alignas(64) unsigned char result[ROOM];
static _Alignas(64) unsigned char wanted[ROOM];
static _Alignas(64) unsigned char again[ROOM];

// The batches of a round and what an operation must make of them.
static rowlist lists[MAX_SOURCES];
static psq_layout *layouts[MAX_SOURCES];
static rowlist model;
static uint32_t n_rounds = 24;
static uint32_t turn; // chooses storages and row sizes, a little further with each check

static psq_storage form(const psq_layout *layout, uint32_t i) {
    return (psq_storage){(psq_order)(i / 4 % PSQ_N_ORDER), i % 2 != 0,
                         i % 4 < 2 ? 0 : psq_layout_n_steps(layout) + 3};
}

static size_t any_size(uint32_t i) {
    static const size_t sizes[] = {4, 1, 3, 40, 8, 0, 16, 2, 64, 256, 36, WIDEST};
    return sizes[i % (sizeof sizes / sizeof *sizes)];
}

// Sources with poison in their padding, to `to` with a fill; all of the buffer must be as wanted.
static void check_apply(const psq_plan *plan, const rowlist *list, uint32_t to_form) {
    static const unsigned char poison[1] = {0xee};
    static const unsigned char none[1] = {0};
    static const unsigned char value[4] = {0xc0, 0xc1, 0xc2, 0xc3};
    const psq_layout *const layout = psq_plan_layout(plan);
    const psq_storage to = form(layout, to_form);
    int64_t n_rows = 0;
    assert_int_equal(psq_storage_n_rows(layout, to, &n_rows, &err), PSQ_OK);
    psq_storage from[MAX_SOURCES];
    const void *src[MAX_SOURCES];
    for (uint32_t k = 0; k < (uint32_t)psq_plan_n_sources(plan); k++) {
        int64_t n = 0;
        from[k] = form(layouts[k], turn + 5 * k);
        assert_int_equal(psq_storage_n_rows(layouts[k], from[k], &n, &err), PSQ_OK);
        n_rows = n > n_rows ? n : n_rows;
    }
    size_t row_bytes = any_size(turn);
    row_bytes = (size_t)n_rows * row_bytes + 3 * GUARD > ROOM ? 4 : row_bytes;
    const size_t at = GUARD + (turn % 3 == 0 ? 0 : 4 * (turn % 16)); // not always aligned
    const bool filled = row_bytes % sizeof value == 0 && turn % 2 == 0;
    for (uint32_t k = 0; k < (uint32_t)psq_plan_n_sources(plan); k++) {
        src[k] = sources[k] + GUARD;
        rowlist_write(&lists[k], layouts[k], from[k], row_bytes, poison, 1, sources[k] + GUARD);
    }
    memset(result, 0x5a, ROOM);
    memset(wanted, 0x5a, ROOM);
    rowlist_write(list, layout, to, row_bytes, filled ? value : none, filled ? sizeof value : 1,
                  wanted + at);
    const psq_fill fill = {filled ? value : NULL, filled ? sizeof value : 0};
    assert_int_equal(psq_plan_apply(plan, from, src, to, result + at, row_bytes, fill, &err),
                     PSQ_OK);
    assert_true(memcmp(result, wanted, ROOM) == 0);
    turn++;
}

static void check_lengths(const psq_layout *layout, const rowlist *list) {
    assert_int_equal(psq_layout_n_seq(layout), list->n);
    assert_memory_equal(psq_layout_lengths(layout), list->lengths,
                        (size_t)list->n * sizeof *list->lengths);
}

// What a constructor has returned and, by its address since that call comes first, its plan.
static void check(psq_status status, psq_plan *const *made) {
    psq_plan *const plan = *made;
    assert_int_equal(status, PSQ_OK);
    check_lengths(psq_plan_layout(plan), &model);
    for (uint32_t to = 0; to < N_FORMS; to++) {
        check_apply(plan, &model, to);
    }
    psq_plan_destroy(plan);
}

static void make_batch(int64_t k, const int64_t *lengths, int64_t B) {
    psq_layout_destroy(layouts[k]);
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layouts[k], &err), PSQ_OK);
    rowlist_source(&lists[k], k, lengths, B);
}

// Batches of one round, the second and third with as many sequences as the first, or any.
static void make_batches(uint32_t round, bool same_number) {
    int64_t first[BATCH_MAX];
    const int64_t B = batch_lengths(round, first);
    make_batch(0, first, B);
    for (uint32_t k = 1; k < MAX_SOURCES; k++) {
        int64_t lengths[BATCH_MAX];
        int64_t n = batch_lengths(round + 31 * k, lengths);
        for (; same_number && n < B; n++) {
            lengths[n] = batch_word(round, 50 + (uint32_t)n) % 4;
        }
        make_batch(k, lengths, same_number ? B : n);
    }
}

static const psq_layout *const *all_layouts(void) {
    return (const psq_layout *const *)layouts;
}

// ---- one piece a sequence

static void plan_select_random(void **state) {
    (void)state;
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, false);
        int64_t indices[2 * BATCH_MAX];
        const int64_t n = lists[0].n > 0 ? batch_word(round, 90) % (2 * BATCH_MAX) : 0;
        rowlist_clear(&model);
        for (int64_t i = 0; i < n; i++) {
            indices[i] = batch_word(round, 100 + (uint32_t)i) % (uint32_t)lists[0].n;
            rowlist_new_seq(&model);
            rowlist_add_range(&model, &lists[0], indices[i], 0, lists[0].lengths[indices[i]]);
        }
        psq_plan *plan = NULL;
        check(psq_plan_select(ctx, layouts[0], indices, n, &plan, &err), &plan);
    }
}

static void plan_reverse_random(void **state) {
    (void)state;
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, false);
        rowlist_clear(&model);
        for (int64_t b = 0; b < lists[0].n; b++) {
            rowlist_new_seq(&model);
            for (int64_t t = lists[0].lengths[b]; t > 0; t--) {
                rowlist_add(&model, rowlist_at(&lists[0], b, t - 1));
            }
        }
        psq_plan *plan = NULL;
        check(psq_plan_reverse(ctx, layouts[0], &plan, &err), &plan);
    }
}

// What Python's slice does, said as which t are in it.
static bool in_slice(int64_t t, int64_t length, int64_t first, int64_t end) {
    const bool from = first >= 0 ? t >= first : first < -length || t >= length + first;
    const bool to = end >= 0 ? t < end : end >= -length && t < length + end;
    return from && to;
}

static void plan_slice_random(void **state) {
    (void)state;
    static const int64_t cuts[][2] = {
        {0, PSQ_END},
        {0, 1},
        {-1, PSQ_END},
        {1, PSQ_END},
        {0, -1},
        {2, 5},
        {-3, -1},
        {5, 2},
        {-1, 1},
        {INT64_MIN, INT64_MAX},
        {3, 3},
        {INT64_MIN, 0},
        {INT64_MAX, INT64_MIN},
        {-5, 3},
        {7, 8},
        {-4, PSQ_END},
        {1, -1},
    };
    for (uint32_t round = 0; round < 2 * n_rounds; round++) {
        make_batches(round % n_rounds, false);
        const int64_t *const cut = cuts[round % (sizeof cuts / sizeof *cuts)];
        rowlist_clear(&model);
        for (int64_t b = 0; b < lists[0].n; b++) {
            rowlist_new_seq(&model);
            for (int64_t t = 0; t < lists[0].lengths[b]; t++) {
                if (in_slice(t, lists[0].lengths[b], cut[0], cut[1])) {
                    rowlist_add(&model, rowlist_at(&lists[0], b, t));
                }
            }
        }
        psq_plan *plan = NULL;
        check(psq_plan_slice(ctx, layouts[0], cut[0], cut[1], &plan, &err), &plan);
    }
}

static void plan_limit_random(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 2 * n_rounds; round++) {
        make_batches(round % n_rounds, false);
        const int64_t most = batch_word(round, 91) % 9;
        const psq_truncate how = round % 2 == 0 ? PSQ_TRUNCATE_END : PSQ_TRUNCATE_START;
        rowlist_clear(&model);
        for (int64_t b = 0; b < lists[0].n; b++) {
            const int64_t length = lists[0].lengths[b];
            const int64_t cut = length > most ? length - most : 0;
            rowlist_new_seq(&model);
            rowlist_add_range(&model, &lists[0], b, how == PSQ_TRUNCATE_START ? cut : 0,
                              how == PSQ_TRUNCATE_START ? length : length - cut);
        }
        psq_plan *plan = NULL;
        check(psq_plan_limit(ctx, layouts[0], most, how, &plan, &err), &plan);
    }
}

// ---- several sources

static void plan_concat_random(void **state) {
    (void)state;
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, false);
        const int64_t n_sources = round % (MAX_SOURCES + 1);
        rowlist_clear(&model);
        for (int64_t k = 0; k < n_sources; k++) {
            for (int64_t b = 0; b < lists[k].n; b++) {
                rowlist_new_seq(&model);
                rowlist_add_range(&model, &lists[k], b, 0, lists[k].lengths[b]);
            }
        }
        psq_plan *plan = NULL;
        check(psq_plan_concat(ctx, all_layouts(), n_sources, &plan, &err), &plan);
    }
}

static void plan_join_random(void **state) {
    (void)state;
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, true);
        const int64_t n_sources = 1 + round % MAX_SOURCES;
        rowlist_clear(&model);
        for (int64_t b = 0; b < lists[0].n; b++) {
            rowlist_new_seq(&model);
            for (int64_t k = 0; k < n_sources; k++) {
                rowlist_add_range(&model, &lists[k], b, 0, lists[k].lengths[b]);
            }
        }
        psq_plan *plan = NULL;
        check(psq_plan_join(ctx, all_layouts(), n_sources, &plan, &err), &plan);
    }
}

// Pieces of any source, sequence, range and direction, none and many to a sequence.
static void plan_pieces_random(void **state) {
    (void)state;
    enum { SEQS = 40, PIECES = 3 };
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, false);
        psq_piece pieces[SEQS * PIECES];
        int64_t offsets[SEQS + 1] = {0};
        int64_t n = 0;
        uint32_t word = 1000;
        rowlist_clear(&model);
        for (int64_t i = 0; i < SEQS; i++) {
            rowlist_new_seq(&model);
            for (uint32_t left = batch_word(round, word++) % (PIECES + 1); left > 0; left--) {
                const int64_t k = batch_word(round, word++) % MAX_SOURCES;
                const int64_t b = lists[k].n > 0 ? batch_word(round, word++) % lists[k].n : -1;
                if (b < 0) {
                    continue;
                }
                const int64_t first = batch_word(round, word++) % (lists[k].lengths[b] + 1);
                const int64_t rows = batch_word(round, word++) % (lists[k].lengths[b] - first + 1);
                const bool reversed = batch_word(round, word++) % 2 == 0;
                pieces[n++] = (psq_piece){k, b, first, rows, reversed};
                for (int64_t t = 0; t < rows; t++) {
                    rowlist_add(&model, rowlist_at(&lists[k], b,
                                                   reversed ? first + rows - 1 - t : first + t));
                }
            }
            offsets[i + 1] = n;
        }
        psq_plan *plan = NULL;
        assert_int_equal(psq_plan_from_pieces(ctx, all_layouts(), MAX_SOURCES, pieces, offsets,
                                              SEQS, &plan, &err),
                         PSQ_OK);
        assert_memory_equal(psq_plan_piece_offsets(plan), offsets, sizeof offsets);
        assert_int_equal(psq_plan_n_sources(plan), MAX_SOURCES);
        for (int64_t k = 0; k < n; k++) {
            assert_int_equal(psq_plan_pieces(plan)[k].first, pieces[k].first);
        }
        check(PSQ_OK, &plan);
    }
}

// ---- there and back

// Rows in some storage through the plans, then through their inverse, to the same storage again.
static void check_inverse(psq_plan *const *plans, int64_t n_plans) {
    enum { MOST = 8 };
    assert_true(n_plans <= MOST);
    psq_plan *inverse = NULL;
    assert_int_equal(psq_plan_inverse(ctx, (const psq_plan *const *)plans, n_plans, &inverse, &err),
                     PSQ_OK);
    assert_int_equal(psq_plan_n_sources(inverse), n_plans);
    check_lengths(psq_plan_layout(inverse), &lists[0]);
    assert_memory_equal(psq_layout_sorted_indices(psq_plan_layout(inverse)),
                        psq_layout_sorted_indices(layouts[0]),
                        (size_t)lists[0].n * sizeof(int64_t));
    static const unsigned char zero[1] = {0};
    const psq_fill zeros = {NULL, 0};
    for (uint32_t i = 0; i < N_FORMS; i++) {
        const psq_storage source = form(layouts[0], i);
        memset(wanted, 0x5a, ROOM);
        rowlist_write(&lists[0], layouts[0], source, 12, zero, 1, wanted);
        psq_storage from[MOST];
        const void *src[MOST];
        unsigned char *next = again;
        for (int64_t p = 0; p < n_plans; p++) {
            int64_t n_rows = 0;
            from[p] = form(psq_plan_layout(plans[p]), i + (uint32_t)p);
            assert_int_equal(psq_storage_n_rows(psq_plan_layout(plans[p]), from[p], &n_rows, &err),
                             PSQ_OK);
            const void *const one[1] = {wanted};
            assert_int_equal(psq_plan_apply(plans[p], &source, one, from[p], next, 12, zeros, &err),
                             PSQ_OK);
            src[p] = next;
            next += n_rows * 12;
            assert_true(next <= again + ROOM);
        }
        memset(result, 0x5a, ROOM);
        assert_int_equal(psq_plan_apply(inverse, from, src, source, result, 12, zeros, &err),
                         PSQ_OK);
        assert_true(memcmp(result, wanted, ROOM) == 0);
    }
    psq_plan_destroy(inverse);
}

static void plan_inverse_of_reverse_and_permutation(void **state) {
    (void)state;
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, false);
        const int64_t B = lists[0].n;
        psq_plan *plan = NULL;
        assert_int_equal(psq_plan_reverse(ctx, layouts[0], &plan, &err), PSQ_OK);
        check_inverse(&plan, 1);
        psq_plan_destroy(plan);
        int64_t indices[BATCH_MAX];
        for (int64_t i = 0; i < B; i++) { // a shuffle from the front
            const int64_t j = batch_word(round, 70 + (uint32_t)i) % (uint32_t)(i + 1);
            indices[i] = indices[j];
            indices[j] = i;
        }
        assert_int_equal(psq_plan_select(ctx, layouts[0], indices, B, &plan, &err), PSQ_OK);
        check_inverse(&plan, 1);
        psq_plan_destroy(plan);
    }
}

// Every sequence cut into pieces of 1 to 3 rows, which two plans get shuffled, in any direction,
// and several to a sequence.
static void plan_inverse_of_shuffled_pieces(void **state) {
    (void)state;
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, false);
        psq_piece pieces[ROWLIST_SEQS];
        int64_t n = 0;
        uint32_t word = 3000;
        for (int64_t b = 0; b < lists[0].n; b++) {
            for (int64_t t = 0; t < lists[0].lengths[b];) {
                const int64_t left = lists[0].lengths[b] - t;
                const int64_t rows = 1 + batch_word(round, word++) % (left < 3 ? left : 3);
                const int64_t at = batch_word(round, word++) % (uint32_t)(n + 1);
                pieces[n++] = pieces[at];
                pieces[at] = (psq_piece){0, b, t, rows, batch_word(round, word++) % 2 == 0};
                t += rows;
            }
        }
        const int64_t half = n / 2;
        const int64_t first[3] = {0, half / 3, half};
        const int64_t second[4] = {0, n - half, n - half, n - half};
        psq_plan *plans[2] = {NULL, NULL};
        assert_int_equal(
            psq_plan_from_pieces(ctx, all_layouts(), 1, pieces, first, 2, &plans[0], &err), PSQ_OK);
        assert_int_equal(
            psq_plan_from_pieces(ctx, all_layouts(), 1, pieces + half, second, 3, &plans[1], &err),
            PSQ_OK);
        check_inverse(plans, 2);
        psq_plan_destroy(plans[0]);
        psq_plan_destroy(plans[1]);
    }
}

static void plan_split_and_back(void **state) {
    (void)state;
    enum { MOST = 5 };
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, false);
        const int64_t n_parts = 1 + round % MOST;
        psq_plan *parts[MOST];
        assert_int_equal(psq_plan_split(ctx, layouts[0], n_parts, parts, &err), PSQ_OK);
        int64_t n_seq = 0;
        for (int64_t p = 0; p < n_parts; p++) {
            int64_t last = -1;
            rowlist_clear(&model);
            for (int64_t i = 0; i < psq_layout_n_seq(psq_plan_layout(parts[p])); i++) {
                const int64_t b = psq_plan_pieces(parts[p])[i].seq;
                assert_true(b > last); // the user's order
                last = b;
                rowlist_new_seq(&model);
                rowlist_add_range(&model, &lists[0], b, 0, lists[0].lengths[b]);
            }
            n_seq += model.n;
            check_lengths(psq_plan_layout(parts[p]), &model);
            check_apply(parts[p], &model, round);
        }
        assert_int_equal(n_seq, lists[0].n);
        check_inverse(parts, n_parts);
        for (int64_t p = 0; p < n_parts; p++) {
            psq_plan_destroy(parts[p]);
        }
    }
}

static void plan_split_at_and_back(void **state) {
    (void)state;
    for (uint32_t round = 0; round < n_rounds; round++) {
        make_batches(round, false);
        for (uint32_t i = 0; i < N_FORMS; i++) {
            const psq_storage storage = form(layouts[0], i);
            memset(again, 0xee, ROOM); // padding has flags too
            rowlist_clear(&model);
            for (int64_t b = 0; b < lists[0].n; b++) {
                rowlist_new_seq(&model);
                for (int64_t t = 0; t < lists[0].lengths[b]; t++) {
                    const int64_t row = psq_storage_row(layouts[0], storage, b, t);
                    const uint32_t word = batch_word(round + i, (uint32_t)(200 + b * 128 + t));
                    again[row] = word % 4 == 0 ? (unsigned char)(1 + word / 4 % 255) : 0;
                    if (again[row] != 0 && t > 0) {
                        rowlist_new_seq(&model);
                    }
                    rowlist_add(&model, rowlist_at(&lists[0], b, t));
                }
            }
            psq_plan *plan = NULL;
            assert_int_equal(psq_plan_split_at(ctx, layouts[0], storage, again, &plan, &err),
                             PSQ_OK);
            check_lengths(psq_plan_layout(plan), &model);
            check_apply(plan, &model, i);
            if (i % 4 == 0) {
                check_inverse(&plan, 1);
            }
            psq_plan_destroy(plan);
        }
    }
}

// ---- batches of several tiles in both directions

static void plan_large_batches(void **state) {
    (void)state;
    enum { SEQS = 150 };
    int64_t lengths[SEQS];
    int64_t indices[SEQS];
    for (int64_t b = 0; b < SEQS; b++) {
        lengths[b] = batch_word(5, (uint32_t)b) % 30;
        indices[b] = b * 7 % SEQS;
    }
    lengths[99] = 700;
    make_batch(0, lengths, SEQS);
    psq_plan *plan = NULL;
    rowlist_clear(&model); // the last sequence first, cut at both ends, in two pieces
    psq_piece pieces[2 * SEQS];
    int64_t offsets[SEQS + 1] = {0};
    int64_t n = 0;
    for (int64_t i = 0; i < SEQS; i++) {
        const int64_t b = SEQS - 1 - i;
        const int64_t half = lengths[b] / 2;
        rowlist_new_seq(&model);
        if (half > 0 && b % 3 != 0) { // some have one piece
            pieces[n++] = (psq_piece){0, b, 1, half - 1, false};
            rowlist_add_range(&model, &lists[0], b, 1, half);
        }
        pieces[n++] = (psq_piece){0, b, half, lengths[b] - half, b % 2 != 0};
        for (int64_t t = half; t < lengths[b]; t++) {
            const int64_t s = b % 2 != 0 ? lengths[b] - 1 - (t - half) : t;
            rowlist_add(&model, rowlist_at(&lists[0], b, s));
        }
        offsets[i + 1] = n;
    }
    check(psq_plan_from_pieces(ctx, all_layouts(), 1, pieces, offsets, SEQS, &plan, &err), &plan);
    rowlist_clear(&model);
    for (int64_t i = 0; i < SEQS; i++) {
        rowlist_new_seq(&model);
        rowlist_add_range(&model, &lists[0], indices[i], 0, lengths[indices[i]]);
    }
    check(psq_plan_select(ctx, layouts[0], indices, SEQS, &plan, &err), &plan);
    rowlist_clear(&model);
    for (int64_t b = 0; b < SEQS; b++) {
        rowlist_new_seq(&model);
        rowlist_add_range(&model, &lists[0], b, lengths[b] > 0 ? 1 : 0, lengths[b]);
    }
    check(psq_plan_slice(ctx, layouts[0], 1, PSQ_END, &plan, &err), &plan);
}

// Everything once more with three threads and past the caches.
static int setup_threads(void **state) {
    assert_int_equal(setenv("PSQ_THREADS", "3", 1), 0);
    assert_int_equal(setenv("PSQ_EAGER", "1", 1), 0);
    assert_int_equal(setenv("PSQ_CACHE_BYTES", "1", 1), 0);
    n_rounds = 6; // each kind of lengths once
    return setup(state);
}

static int end(void **state) {
    for (int64_t k = 0; k < MAX_SOURCES; k++) {
        psq_layout_destroy(layouts[k]);
        layouts[k] = NULL;
    }
    return teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_select_random),
        cmocka_unit_test(plan_reverse_random),
        cmocka_unit_test(plan_slice_random),
        cmocka_unit_test(plan_limit_random),
        cmocka_unit_test(plan_concat_random),
        cmocka_unit_test(plan_join_random),
        cmocka_unit_test(plan_pieces_random),
        cmocka_unit_test(plan_inverse_of_reverse_and_permutation),
        cmocka_unit_test(plan_inverse_of_shuffled_pieces),
        cmocka_unit_test(plan_split_and_back),
        cmocka_unit_test(plan_split_at_and_back),
        cmocka_unit_test(plan_large_batches),
    };
    const int n_failed = cmocka_run_group_tests(tests, setup, end);
    return n_failed + cmocka_run_group_tests(tests, setup_threads, end);
}
