// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_batcher.c: what every epoch must keep, on random lengths and options; epochs on
// several ranks against the same epoch on one; states; and the goals on real words.
#include "packseq/batcher.h"

#include <stdio.h>
#include <stdlib.h>

#include "epochs.h"

static bool same_report(const psq_batcher_report *a, const psq_batcher_report *b) {
    return a->n_batches == b->n_batches && a->n_steps == b->n_steps && a->n_seq == b->n_seq &&
           a->n_rows == b->n_rows && a->n_padded == b->n_padded &&
           a->n_padded_random == b->n_padded_random && a->n_dropped == b->n_dropped &&
           a->fill == b->fill && a->max_cost == b->max_cost && a->mean_cost == b->mean_cost &&
           a->worst_step == b->worst_step;
}

typedef struct sizes {
    int64_t n, n_rows, longest;
} sizes;

static sizes measure(const int64_t *lengths, const int64_t *index, int64_t n) {
    sizes s = {n, 0, 0};
    for (int64_t i = 0; i < n; i++) {
        s.n_rows += lengths[index[i]];
        s.longest = lengths[index[i]] > s.longest ? lengths[index[i]] : s.longest;
    }
    return s;
}

static int64_t in_budget(const psq_batcher_opts *opts, sizes s) {
    return opts->budget == PSQ_BUDGET_ROWS     ? s.n_rows
           : opts->budget == PSQ_BUDGET_PADDED ? s.n * s.longest
                                               : s.n;
}

static void assert_allowed(const psq_batcher_opts *opts, sizes s) {
    if (opts->oversize_alone && s.n == 1) {
        return;
    }
    assert_true(in_budget(opts, s) <= opts->limit);
    assert_true(opts->max_sequences == 0 || s.n <= opts->max_sequences);
}

// Runs an epoch that nothing was taken of. Every rank has every step; seen[n_seq] counts the
// sequences; budgets are kept; the report says what is so.
static void run_epoch(const epoch *e, int64_t *seen) {
    psq_batcher_report wanted = {0};
    int64_t cost[16] = {0};
    double worst = 1.0;
    const int64_t n_steps = psq_batcher_n_batches(e->ranks[0]);
    for (int64_t step = 0;; step++) {
        int64_t most = 0;
        int64_t sum = 0;
        int64_t n_full = 0;
        int64_t n_going = 0;
        for (int64_t rank = 0; rank < e->world; rank++) {
            const int64_t *index = NULL;
            int64_t n = -1;
            if (!psq_batcher_next(e->ranks[rank], &index, &n)) {
                assert_null(index);
                assert_int_equal(n, 0);
                continue;
            }
            n_going++;
            const sizes s = measure(e->lengths, index, n);
            assert_allowed(&e->opts, s);
            for (int64_t i = 0; i < n; i++) {
                assert_in_range(index[i], 0, e->n_seq - 1);
                seen[index[i]]++;
            }
            const int64_t own = e->opts.budget == PSQ_BUDGET_PADDED ? s.n * s.longest : s.n_rows;
            cost[rank] += own;
            most = own > most ? own : most;
            sum += own;
            n_full += n > 0;
            wanted.n_batches += n > 0;
            wanted.n_seq += n;
            wanted.n_rows += s.n_rows;
            wanted.n_padded += s.n * s.longest;
        }
        if (n_full == e->world && sum > 0) {
            const double ratio = (double)most * (double)e->world / (double)sum;
            worst = ratio > worst ? ratio : worst;
        }
        if (n_going == 0) {
            assert_int_equal(step, n_steps);
            break;
        }
        assert_int_equal(n_going, e->world);
        assert_true(n_full == e->world || (n_full > 0 && !e->opts.drop_last));
    }
    int64_t most = 0;
    int64_t sum = 0;
    for (int64_t rank = 0; rank < e->world; rank++) {
        most = cost[rank] > most ? cost[rank] : most;
        sum += cost[rank];
    }
    for (int64_t rank = 0; rank < e->world; rank++) {
        psq_batcher_report got;
        psq_batcher_get_report(e->ranks[rank], &got);
        wanted.n_steps = n_steps;
        wanted.n_padded_random = got.n_padded_random;
        wanted.n_dropped = e->n_seq - wanted.n_seq;
        wanted.fill = wanted.n_padded > 0 ? (double)wanted.n_rows / (double)wanted.n_padded : 1.0;
        wanted.max_cost = most;
        wanted.mean_cost = (double)sum / (double)e->world;
        wanted.worst_step = worst;
        assert_true(same_report(&got, &wanted));
        assert_true(got.n_padded_random >= got.n_rows || e->opts.drop_last);
    }
}

static void assert_each_once(const int64_t *seen, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(seen[i], 1);
    }
}

// Every sequence exactly once over all ranks, in budget, with and without a last batch.
static void batcher_random_epochs(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 600; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t n = batch_lengths(round, lengths);
        psq_batcher_opts opts = random_opts(round);
        epoch e;
        for (int drop = 0; drop < 2; drop++) {
            opts.drop_last = drop != 0;
            open_ranks(&e, lengths, n, opts, 1 + round % 5);
            for (int64_t number = 0; number < 2; number++) {
                int64_t seen[BATCH_MAX] = {0};
                for (int64_t rank = 0; rank < e.world; rank++) {
                    assert_int_equal(psq_batcher_set_epoch(e.ranks[rank], number, &err), PSQ_OK);
                }
                run_epoch(&e, seen);
                for (int64_t i = 0; i < n; i++) {
                    assert_true(drop ? seen[i] <= 1 : seen[i] == 1);
                }
            }
            close_ranks(&e);
        }
    }
}

static void batcher_same_list_in_any_world(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 200; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t n = batch_lengths(round, lengths);
        const psq_batcher_opts opts = random_opts(round);
        psq_batcher *const one = create(lengths, n, &opts);
        assert_int_equal(psq_batcher_set_epoch(one, 5, &err), PSQ_OK);
        const list l = list_of(one, n);
        static const int64_t worlds[] = {1, 2, 3, 8, 16};
        for (size_t w = 0; w < 5; w++) {
            epoch e;
            open_ranks(&e, lengths, n, opts, worlds[w]);
            for (int64_t rank = 0; rank < e.world; rank++) {
                assert_int_equal(psq_batcher_set_epoch(e.ranks[rank], 5, &err), PSQ_OK);
            }
            assert_steps_follow(&e, &l, 0);
            close_ranks(&e);
        }
        free_list(l);
        psq_batcher_destroy(one);
    }
}

// ---- what is sorted, shuffled, left out

static const int64_t ten[10] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};

// Batches as text: "3 1 / 4 1 /".
static void assert_batches(psq_batcher *batcher, const char *wanted) {
    char got[256] = "";
    size_t at = 0;
    const int64_t *index = NULL;
    int64_t n = 0;
    while (psq_batcher_next(batcher, &index, &n)) {
        for (int64_t i = 0; i < n; i++) {
            at += (size_t)snprintf(got + at, sizeof got - at, "%lld ", (long long)index[i]);
        }
        at += (size_t)snprintf(got + at, sizeof got - at, "/ ");
    }
    assert_string_equal(got, wanted);
}

static void batcher_without_shuffling(void **state) {
    (void)state;
    static const struct {
        psq_budget budget;
        int64_t limit, max_sequences, pool_size;
        bool drop_last;
        const char *wanted;
    } cases[] = {
        {PSQ_BUDGET_SEQUENCES, 4, 0, 1, false, "0 1 2 3 / 4 5 6 7 / 8 9 / "},
        {PSQ_BUDGET_SEQUENCES, 4, 0, 1, true, "0 1 2 3 / 4 5 6 7 / "},
        {PSQ_BUDGET_SEQUENCES, 5, 0, 1, true, "0 1 2 3 4 / 5 6 7 8 9 / "},
        {PSQ_BUDGET_SEQUENCES, 4, 0, 0, false, "1 3 6 0 / 9 2 4 8 / 7 5 / "},
        {PSQ_BUDGET_SEQUENCES, 4, 0, 4, false, "1 3 0 2 / 5 7 4 6 / 9 8 / "},
        {PSQ_BUDGET_SEQUENCES, 4, 3, 0, false, "1 3 6 / 0 9 2 / 4 8 7 / 5 / "},
        {PSQ_BUDGET_ROWS, 9, 0, 1, false, "0 1 2 3 / 4 / 5 / 6 7 / 8 9 / "},
        {PSQ_BUDGET_ROWS, 9, 0, 1, true, "0 1 2 3 / 4 / 5 / 6 7 / "},
        {PSQ_BUDGET_ROWS, 10, 0, 0, false, "1 3 6 0 9 / 2 4 / 8 / 7 / 5 / "},
        {PSQ_BUDGET_ROWS, 9, 2, 1, true, "0 1 / 2 3 / 4 / 5 / 6 7 / 8 9 / "},
        {PSQ_BUDGET_PADDED, 9, 0, 0, false, "1 3 6 / 0 9 / 2 / 4 / 8 / 7 / 5 / "},
        {PSQ_BUDGET_PADDED, 12, 0, 1, false, "0 1 2 / 3 4 / 5 / 6 7 / 8 9 / "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
        opts.shuffle = false;
        opts.budget = cases[i].budget;
        opts.limit = cases[i].limit;
        opts.max_sequences = cases[i].max_sequences;
        opts.pool_size = cases[i].pool_size;
        opts.drop_last = cases[i].drop_last;
        psq_batcher *const batcher = create(ten, 10, &opts);
        assert_batches(batcher, cases[i].wanted);
        psq_batcher_destroy(batcher);
    }
}

// Padded rows of the batches as sorted, and of as many sequences in the order before sorting.
static void batcher_reports_padding_avoided(void **state) {
    (void)state;
    psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
    opts.shuffle = false;
    opts.limit = 4;
    psq_batcher_report report;
    psq_batcher *batcher = create(ten, 10, &opts);
    psq_batcher_get_report(batcher, &report);
    assert_int_equal(report.n_rows, 39);
    assert_int_equal(report.n_padded, 4 * 3 + 4 * 5 + 2 * 9);
    assert_int_equal(report.n_padded_random, 4 * 4 + 4 * 9 + 2 * 5);
    psq_batcher_destroy(batcher);
    opts.drop_last = true;
    batcher = create(ten, 10, &opts);
    psq_batcher_get_report(batcher, &report);
    assert_int_equal(report.n_dropped, 2);
    assert_int_equal(report.n_padded, 4 * 3 + 4 * 5);
    assert_int_equal(report.n_padded_random, 4 * 4 + 4 * 9);
    psq_batcher_destroy(batcher);
}

static void batcher_keeps_oversize_alone(void **state) {
    (void)state;
    psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
    opts.shuffle = false;
    opts.pool_size = 1;
    opts.limit = 4;
    opts.budget = PSQ_BUDGET_ROWS;
    opts.oversize_alone = true;
    opts.drop_last = true;
    static const int64_t lengths[6] = {0, 9, 0, 2, 2, INT64_MAX / 6};
    psq_batcher *const batcher = create(lengths, 6, &opts);
    assert_batches(batcher, "0 / 1 / 2 3 4 / 5 / ");
    psq_batcher_destroy(batcher);
}

static int compare(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

// The list as docs/bits.md defines it, written again: shuffle, sort by (pool, length, place in the
// shuffle), turn every second pool, cut from both ends, shuffle.
static void batcher_follows_the_definition(void **state) {
    (void)state;
    enum { N = 40, LIMIT = 7 };
    for (uint32_t round = 0; round < 50; round++) {
        int64_t lengths[N];
        int64_t order[N];
        int64_t keys[N];
        int64_t first[N + 1];
        int64_t places[N];
        for (uint32_t i = 0; i < N; i++) {
            lengths[i] = word_of(round, 100 + i) % (round % 2 ? 5 : 2000);
            order[i] = i;
        }
        psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
        opts.limit = LIMIT;
        opts.seed = 1000 + round;
        opts.pool_size = (const int64_t[]){0, 9, 1, 20}[round % 4];
        const int64_t pool = opts.pool_size > 0 ? opts.pool_size : N;
        psq_shuffle(opts.seed, round, PSQ_SHUFFLE_SEQUENCES, N, order);
        for (int64_t i = 0; i < N; i++) {
            keys[i] = ((i / pool * 2000 + lengths[order[i]]) * N + i) * N + order[i];
        }
        qsort(keys, N, sizeof *keys, compare);
        for (int64_t i = pool; i < N; i += 2 * pool) {
            const int64_t end = i + pool < N ? i + pool : N;
            for (int64_t k = i; k < end; k++) {
                order[k] = keys[end - 1 - (k - i)];
            }
            memcpy(keys + i, order + i, (size_t)(end - i) * sizeof *keys);
        }
        const int64_t middle =
            psq_random_below(opts.seed, PSQ_STREAM_SHUFFLE, 0, round, PSQ_SHUFFLE_MIDDLE, N);
        int64_t n = 0;
        int64_t low = 0;
        for (; low + LIMIT <= middle; low += LIMIT) {
            first[n++] = low;
        }
        const int64_t n_high = (N - low + LIMIT - 1) / LIMIT;
        for (int64_t i = 0; i <= n_high; i++) {
            const int64_t at = N - (n_high - i) * LIMIT;
            first[n + i] = at > low ? at : low;
        }
        n += n_high;
        for (int64_t i = 0; i < n; i++) {
            places[i] = i;
        }
        psq_shuffle(opts.seed, round, PSQ_SHUFFLE_BATCHES, n, places);
        psq_batcher *const batcher = create(lengths, N, &opts);
        assert_int_equal(psq_batcher_set_epoch(batcher, round, &err), PSQ_OK);
        assert_int_equal(psq_batcher_n_batches(batcher), n);
        for (int64_t i = 0; i < n; i++) {
            const int64_t *index = NULL;
            int64_t n_index = 0;
            assert_true(psq_batcher_next(batcher, &index, &n_index));
            const int64_t at = first[places[i]];
            assert_int_equal(n_index, first[places[i] + 1] - at);
            for (int64_t k = 0; k < n_index; k++) {
                assert_int_equal(index[k], keys[at + k] % N);
            }
        }
        psq_batcher_destroy(batcher);
    }
}

// Who takes which batch of a step, written again: ranks by what they have had before the step, the
// lower of equals first, each the costliest batch that is left, the later of equals.
static void batcher_deals_by_cost(void **state) {
    (void)state;
    enum { N = 60, MOST_WORLD = 6 };
    for (uint32_t round = 0; round < 60; round++) {
        int64_t lengths[N];
        for (uint32_t i = 0; i < N; i++) {
            lengths[i] = word_of(round, 200 + i) % (round % 3 ? 12 : 2);
        }
        psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
        opts.budget = (psq_budget)(round % PSQ_N_BUDGET);
        opts.limit = 12;
        opts.seed = round;
        psq_batcher *const one = create(lengths, N, &opts);
        const list l = list_of(one, N);
        epoch e;
        open_ranks(&e, lengths, N, opts, 2 + round % (MOST_WORLD - 1));
        int64_t had[MOST_WORLD] = {0};
        for (int64_t at = 0; at < l.n; at += e.world) {
            const int64_t end = at + e.world < l.n ? at + e.world : l.n;
            bool dealt[MOST_WORLD] = {false};
            bool served[MOST_WORLD] = {false};
            int64_t more[MOST_WORLD] = {0};
            for (int64_t i = 0; i < e.world; i++) {
                int64_t rank = -1;
                for (int64_t r = 0; r < e.world; r++) {
                    rank = !served[r] && (rank < 0 || had[r] < had[rank]) ? r : rank;
                }
                int64_t costliest = -1;
                for (int64_t k = at; k < end; k++) {
                    const sizes s =
                        measure(lengths, l.index + l.first[k], l.first[k + 1] - l.first[k]);
                    const int64_t cost =
                        opts.budget == PSQ_BUDGET_PADDED ? s.n * s.longest : s.n_rows;
                    if (!dealt[k - at] && (costliest < 0 || cost >= more[rank])) {
                        costliest = k;
                        more[rank] = cost;
                    }
                }
                const int64_t *index = NULL;
                int64_t n = 0;
                served[rank] = true;
                assert_true(psq_batcher_next(e.ranks[rank], &index, &n));
                if (costliest < 0) {
                    assert_int_equal(n, 0);
                    continue;
                }
                dealt[costliest - at] = true;
                assert_int_equal(n, l.first[costliest + 1] - l.first[costliest]);
                assert_memory_equal(index, l.index + l.first[costliest], (size_t)n * sizeof *index);
            }
            for (int64_t r = 0; r < e.world; r++) {
                had[r] += more[r];
            }
        }
        close_ranks(&e);
        free_list(l);
        psq_batcher_destroy(one);
    }
}

// Whole batches of 4 of 10 leave 2 over at either end or in the middle of the order of lengths: in
// 4 of 10, 4 of 10 and 2 of 10 epochs.
static void batcher_drops_from_all_places(void **state) {
    (void)state;
    enum { N_EPOCHS = 2000 };
    int64_t n_dropped[10] = {0};
    psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
    opts.limit = 4;
    opts.drop_last = true;
    psq_batcher *const batcher =
        create((const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 10, &opts);
    for (int64_t number = 0; number < N_EPOCHS; number++) {
        bool seen[10] = {false};
        const int64_t *index = NULL;
        int64_t n = 0;
        assert_int_equal(psq_batcher_set_epoch(batcher, number, &err), PSQ_OK);
        while (psq_batcher_next(batcher, &index, &n)) {
            assert_int_equal(n, 4);
            for (int64_t i = 0; i < n; i++) {
                seen[index[i]] = true;
            }
        }
        for (int64_t i = 0; i < 10; i++) {
            n_dropped[i] += !seen[i];
        }
    }
    for (int64_t i = 0; i < 10; i++) {
        const int64_t wanted = i % 4 > 1 ? 0 : i < 8 ? N_EPOCHS * 4 / 10 : N_EPOCHS * 2 / 10;
        assert_in_range(n_dropped[i], wanted * 9 / 10, wanted * 11 / 10);
    }
    psq_batcher_destroy(batcher);
}

static void batcher_many(void **state) {
    (void)state;
    enum { N = 100000 };
    int64_t *const lengths = (int64_t *)test_malloc(N * sizeof *lengths);
    int64_t *const seen = (int64_t *)test_calloc(N, sizeof *seen);
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t word = word_of(1, i);
        lengths[i] = word % 7 == 0 ? 0 : word % 1000;
    }
    lengths[17] = INT64_C(1) << 40;
    psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
    opts.budget = PSQ_BUDGET_ROWS;
    opts.limit = 4096;
    opts.oversize_alone = true;
    epoch e;
    open_ranks(&e, lengths, N, opts, 3);
    run_epoch(&e, seen);
    assert_each_once(seen, N);
    close_ranks(&e);
    test_free(lengths);
    test_free(seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batcher_random_epochs),
        cmocka_unit_test(batcher_same_list_in_any_world),
        cmocka_unit_test(batcher_without_shuffling),
        cmocka_unit_test(batcher_reports_padding_avoided),
        cmocka_unit_test(batcher_keeps_oversize_alone),
        cmocka_unit_test(batcher_follows_the_definition),
        cmocka_unit_test(batcher_deals_by_cost),
        cmocka_unit_test(batcher_drops_from_all_places),
        cmocka_unit_test(batcher_many),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
