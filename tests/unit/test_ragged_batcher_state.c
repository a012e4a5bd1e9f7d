// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_batcher_state.c: epochs that are left and taken up again, on as many ranks and on
// others; bad input and failing allocations; and what batches of real words must be like.
#include <stdio.h>

#include "epochs.h"

// ---- states

static void assert_same_rest(psq_batcher *a, psq_batcher *b) {
    bool more = true;
    while (more) {
        const int64_t *index[2] = {NULL, NULL};
        int64_t n[2] = {0, 0};
        more = psq_batcher_next(a, &index[0], &n[0]);
        assert_int_equal(psq_batcher_next(b, &index[1], &n[1]), more);
        assert_int_equal(n[0], n[1]);
        if (n[0] > 0) {
            assert_memory_equal(index[0], index[1], (size_t)n[0] * sizeof(int64_t));
        }
    }
}

static void pass_over(psq_batcher *batcher, int64_t n_steps) {
    const int64_t *index = NULL;
    int64_t n = 0;
    for (int64_t step = 0; step < n_steps; step++) {
        (void)psq_batcher_next(batcher, &index, &n);
    }
}

// After any number of steps a new batcher of the same rank goes on as the old one.
static void state_resumes(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t n = batch_lengths(round, lengths);
        psq_batcher_opts opts = random_opts(round);
        opts.drop_last = round % 3 == 0;
        opts.world = 1 + round % 4;
        opts.rank = round % opts.world;
        psq_batcher *const first = create(lengths, n, &opts);
        psq_batcher *const second = create(lengths, n, &opts);
        for (int64_t step = 0; step <= psq_batcher_n_batches(first); step++) {
            psq_batcher_state at;
            psq_batcher_state again;
            assert_int_equal(psq_batcher_set_epoch(first, 3, &err), PSQ_OK);
            pass_over(first, step);
            psq_batcher_get_state(first, &at);
            assert_int_equal(psq_batcher_set_state(second, &at, &err), PSQ_OK);
            psq_batcher_get_state(second, &again);
            assert_memory_equal(&at, &again, sizeof at);
            assert_same_rest(first, second);
        }
        psq_batcher_destroy(first);
        psq_batcher_destroy(second);
    }
}

// Another world takes over twice: 2 ranks, then 3, then 2 again, which resume once more. What they
// take is the list of a world of one.
static void state_goes_to_another_world(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t n = batch_lengths(round, lengths);
        const psq_batcher_opts opts = random_opts(round);
        psq_batcher *const one = create(lengths, n, &opts);
        const list l = list_of(one, n);
        psq_batcher_destroy(one);
        static const int64_t worlds[] = {2, 3, 2, 2};
        psq_batcher_state at;
        for (size_t w = 0; w < 4; w++) {
            epoch e;
            open_ranks(&e, lengths, n, opts, worlds[w]);
            psq_batcher_state next = {0};
            for (int64_t rank = 0; rank < e.world; rank++) {
                if (w > 0) {
                    assert_int_equal(psq_batcher_set_state(e.ranks[rank], &at, &err), PSQ_OK);
                }
            }
            if (w < 3) {
                for (int64_t rank = 0; rank < e.world; rank++) {
                    pass_over(e.ranks[rank], 1);
                    psq_batcher_get_state(e.ranks[rank], &next);
                }
                at = next;
            } else {
                assert_steps_follow(&e, &l, at.position);
            }
            close_ranks(&e);
        }
        assert_int_equal(at.position, l.n < 7 ? l.n : 7);
        free_list(l);
    }
}

static void state_bad(void **state) {
    (void)state;
    static const int64_t lengths[5] = {1, 2, 3, 4, 5};
    psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
    opts.limit = 1;
    opts.pool_size = 1; // so that epochs differ in the order of sequences, too
    opts.world = 2;
    psq_batcher *const batcher = create(lengths, 5, &opts);
    psq_batcher *const twin = create(lengths, 5, &opts);
    pass_over(batcher, 1);
    pass_over(twin, 1);
    psq_batcher_state good;
    psq_batcher_get_state(batcher, &good);
    assert_int_equal(good.epoch, 0);
    assert_int_equal(good.position, 2);
    assert_int_equal(good.origin, 0);
    assert_int_equal(good.world, 2);
#define BAD(field, value, words)                                                      \
    do {                                                                              \
        psq_batcher_state bad = good;                                                 \
        bad.epoch = 1;                                                                \
        bad.field = (value);                                                          \
        assert_fails(psq_batcher_set_state(batcher, &bad, &err), PSQ_INVALID, words); \
    } while (0)
    BAD(epoch, -1, "state.epoch is -1, must be from 0 to 4294967295");
    BAD(epoch, INT64_C(1) << 32, "state.epoch is 4294967296, must be from 0 to 4294967295");
    BAD(world, 0, "state.world is 0, must be at least 1");
    BAD(origin, -1, "state.origin is -1, must be at least 0");
    BAD(origin, 3, "state.position is 2, must be at least state.origin, 3");
    BAD(position, 6, "state.position is 6, must be at most the number of batches, 5");
    BAD(position, 3, "state.position is 3, must be whole steps of 2 batches from 0 on");
    BAD(fingerprint, 17, "state.fingerprint is 0000000000000011, the batcher's is ");
#undef BAD
    assert_fails(psq_batcher_set_state(NULL, &good, &err), PSQ_INVALID, "batcher is NULL");
    assert_fails(psq_batcher_set_state(batcher, NULL, &err), PSQ_INVALID, "state is NULL");
    assert_fails(psq_batcher_set_epoch(NULL, 0, &err), PSQ_INVALID, "batcher is NULL");
    assert_fails(psq_batcher_set_epoch(batcher, -1, &err), PSQ_INVALID,
                 "epoch is -1, must be from 0 to 4294967295");
    assert_same_rest(batcher, twin); // it has stayed where it was
    psq_batcher_destroy(batcher);
    psq_batcher_destroy(twin);
}

// Every length and option that the list depends on shows in the fingerprint; rank and world do not.
static void state_fingerprints(void **state) {
    (void)state;
    int64_t lengths[3] = {1, 2, 3};
    psq_batcher_opts variants[12];
    for (size_t i = 0; i < 12; i++) {
        variants[i] = (psq_batcher_opts)PSQ_BATCHER_OPTS_INIT;
    }
    variants[0].world = 4;
    variants[0].rank = 3;
    variants[2].budget = PSQ_BUDGET_ROWS;
    variants[3].limit = 33;
    variants[4].max_sequences = 1;
    variants[5].pool_size = 1;
    variants[6].shuffle = false;
    variants[7].drop_last = true;
    variants[8].oversize_alone = true;
    variants[9].seed = 1;
    psq_batcher_state states[12];
    for (size_t i = 0; i < 12; i++) {
        lengths[2] = i == 10 ? 4 : 3;
        psq_batcher *const batcher = create(lengths, i == 11 ? 2 : 3, &variants[i]);
        psq_batcher_get_state(batcher, &states[i]);
        for (size_t k = 1; k < i; k++) {
            assert_true(states[k].fingerprint != states[i].fingerprint);
        }
        psq_batcher_destroy(batcher);
    }
    assert_true(states[0].fingerprint == states[1].fingerprint);
}

// ---- creation

static void create_bad(void **state) {
    (void)state;
    static const int64_t lengths[3] = {1, 40, 3};
    psq_batcher *batcher = NULL;
#define BAD(field, value, words)                                                             \
    do {                                                                                     \
        psq_batcher_opts bad = PSQ_BATCHER_OPTS_INIT;                                        \
        bad.field = (value);                                                                 \
        assert_fails(psq_batcher_create(ctx, lengths, 3, &bad, &batcher, &err), PSQ_INVALID, \
                     words);                                                                 \
        assert_null(batcher);                                                                \
    } while (0)
    BAD(struct_size, 8, "opts.struct_size is 8, must be ");
    BAD(budget, (psq_budget)3, "opts.budget is 3, must be from 0 to 2");
    BAD(limit, 0, "opts.limit is 0, must be at least 1");
    BAD(max_sequences, -1, "opts.max_sequences is -1, must be at least 0");
    BAD(pool_size, -1, "opts.pool_size is -1, must be at least 0");
    BAD(world, 0, "opts.world is 0, must be at least 1");
    BAD(rank, 1, "opts.rank is 1, must be from 0 to 0");
    BAD(rank, -1, "opts.rank is -1, must be from 0 to 0");
    BAD(budget, PSQ_BUDGET_ROWS, "lengths[1] is 40, must be at most opts.limit, 32");
    BAD(budget, PSQ_BUDGET_PADDED, "lengths[1] is 40, must be at most opts.limit, 32");
#undef BAD
#define CREATE(lengths, n, ...) psq_batcher_create(ctx, lengths, n, __VA_ARGS__, &batcher, &err)
    assert_fails(CREATE(lengths, -1, NULL), PSQ_INVALID, "n_seq is -1, must be at least 0");
    assert_fails(CREATE(NULL, 3, NULL), PSQ_INVALID, "lengths is NULL, n_seq is 3");
    assert_fails(CREATE(((const int64_t[]){0, -2}), 2, NULL), PSQ_INVALID,
                 "lengths[1] is -2, must be at least 0");
    assert_fails(CREATE(((const int64_t[]){0, INT64_MAX}), 2, NULL), PSQ_NOMEM,
                 "2 sequences of the longest length, 9223372036854775807, overflow");
    psq_batcher_opts vast = PSQ_BATCHER_OPTS_INIT;
    vast.world = INT64_MAX;
    assert_fails(CREATE(lengths, 3, &vast), PSQ_NOMEM,
                 "out of memory for batches of 3 sequences for 9223372036854775807 ranks");
#undef CREATE
    assert_fails(psq_batcher_create(NULL, lengths, 3, NULL, &batcher, &err), PSQ_INVALID,
                 "ctx is NULL");
    assert_fails(psq_batcher_create(ctx, lengths, 3, NULL, NULL, &err), PSQ_INVALID, "out is NULL");
    assert_int_equal(psq_batcher_create(NULL, lengths, 3, NULL, &batcher, NULL), PSQ_INVALID);
    psq_batcher_destroy(NULL);
}

static psq_status create_and_destroy(const psq_ctx *own, void *arg) {
    (void)arg;
    static const int64_t lengths[3] = {1, 40, 3};
    psq_batcher *batcher = NULL;
    psq_error ignored;
    const psq_status status = psq_batcher_create(own, lengths, 3, NULL, &batcher, &ignored);
    assert_int_equal(batcher != NULL, status == PSQ_OK);
    psq_batcher_destroy(batcher);
    return status;
}

static void create_without_memory(void **state) {
    (void)state;
    fault_each_alloc(create_and_destroy, NULL);
}

static void create_nothing(void **state) {
    (void)state;
    psq_batcher *const batcher = create(NULL, 0, NULL);
    const int64_t *index = NULL;
    int64_t n = 0;
    psq_batcher_report report;
    assert_int_equal(psq_batcher_n_batches(batcher), 0);
    assert_false(psq_batcher_next(batcher, &index, &n));
    psq_batcher_get_report(batcher, &report);
    assert_int_equal(report.n_batches, 0);
    assert_true(report.fill == 1.0 && report.worst_step == 1.0 && report.mean_cost == 0.0);
    psq_batcher_destroy(batcher);
}

// ---- real words

// The lengths in bytes of the words of one file, a word a line, from lengths[n] on; returns how
// many there are then.
static int64_t read_words(const char *name, int64_t *lengths, int64_t n, int64_t most) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.txt", PSQ_TEST_WORDS, name);
    FILE *const file = fopen(path, "r");
    assert_non_null(file);
    int64_t length = 0;
    for (int c = getc(file); c != EOF; c = getc(file)) {
        length++;
        if (c == '\n') {
            assert_true(n < most);
            lengths[n++] = length - 1;
            length = 0;
        }
    }
    (void)fclose(file);
    return n;
}

// Over all words and over each language: fill of at least 0.95, a most burdened rank of 8 with at
// most 1.05 of the mean, and less padding than without sorting.
static void assert_good_batches(const int64_t *lengths, int64_t n, psq_budget budget,
                                int64_t limit) {
    psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
    opts.budget = budget;
    opts.limit = limit;
    opts.world = 8;
    psq_batcher *const batcher = create(lengths, n, &opts);
    for (int64_t number = 0; number < 5; number++) {
        psq_batcher_report report;
        assert_int_equal(psq_batcher_set_epoch(batcher, number, &err), PSQ_OK);
        psq_batcher_get_report(batcher, &report);
        const double balance = (double)report.max_cost / report.mean_cost;
        assert_true(report.fill >= 0.95);
        assert_true(balance <= 1.05);
        assert_true(report.n_padded_random > report.n_padded);
    }
    psq_batcher_destroy(batcher);
}

static void words_make_good_batches(void **state) {
    (void)state;
    enum { MOST = 10000 };
    static const char *const names[] = {"dutch", "english", "polish", "spanish"};
    static int64_t lengths[MOST];
    int64_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        const int64_t end = read_words(names[i], lengths, n, MOST);
        assert_true(end > n);
        assert_good_batches(lengths + n, end - n, PSQ_BUDGET_ROWS, 128);
        n = end;
    }
    static const int64_t limits[] = {128, 256, 512};
    for (size_t i = 0; i < 3; i++) {
        assert_good_batches(lengths, n, PSQ_BUDGET_ROWS, limits[i]);
        assert_good_batches(lengths, n, PSQ_BUDGET_PADDED, limits[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_resumes),  cmocka_unit_test(state_goes_to_another_world),
        cmocka_unit_test(state_bad),      cmocka_unit_test(state_fingerprints),
        cmocka_unit_test(create_bad),     cmocka_unit_test(create_without_memory),
        cmocka_unit_test(create_nothing), cmocka_unit_test(words_make_good_batches),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
