// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// epochs.h: batchers of all ranks side by side, and the list of an epoch's batches to hold them
// against.
#ifndef PACKSEQ_TESTS_EPOCHS_H
#define PACKSEQ_TESTS_EPOCHS_H

#include "base/rng.h"
#include "batches.h"
#include "packseq/batcher.h"
#include "with_ctx.h"

static inline uint32_t word_of(uint32_t a, uint32_t b) {
    uint32_t words[4];
    psq_random(23, PSQ_STREAM_TEST, a, b, 0, words);
    return words[0];
}

static inline psq_batcher *create(const int64_t *lengths, int64_t n, const psq_batcher_opts *opts) {
    psq_batcher *batcher = NULL;
    assert_int_equal(psq_batcher_create(ctx, lengths, n, opts, &batcher, &err), PSQ_OK);
    return batcher;
}

static inline psq_batcher_opts random_opts(uint32_t round) {
    psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
    opts.budget = (psq_budget)(word_of(round, 1) % PSQ_N_BUDGET);
    opts.limit = opts.budget == PSQ_BUDGET_SEQUENCES ? 1 + word_of(round, 2) % 4
                                                     : 8 + word_of(round, 2) % 12;
    opts.max_sequences = word_of(round, 3) % 2 ? 1 + word_of(round, 3) % 5 : 0;
    opts.pool_size = word_of(round, 4) % 7;
    opts.shuffle = word_of(round, 5) % 4 > 0;
    opts.oversize_alone = true;
    opts.seed = word_of(round, 6);
    return opts;
}

typedef struct epoch {
    psq_batcher *ranks[16];
    int64_t world;
    int64_t n_seq;
    const int64_t *lengths;
    psq_batcher_opts opts;
} epoch;

static inline void open_ranks(epoch *e, const int64_t *lengths, int64_t n, psq_batcher_opts opts,
                              int64_t world) {
    *e = (epoch){.world = world, .n_seq = n, .lengths = lengths, .opts = opts};
    e->opts.world = world;
    for (int64_t rank = 0; rank < world; rank++) {
        psq_batcher_opts own = e->opts;
        own.rank = rank;
        e->ranks[rank] = create(lengths, n, &own);
    }
}

static inline void close_ranks(epoch *e) {
    for (int64_t rank = 0; rank < e->world; rank++) {
        psq_batcher_destroy(e->ranks[rank]);
    }
}

// The batches of a world of one.
typedef struct list {
    int64_t *index; // [n_seq]
    int64_t *first; // [n_seq + 1]
    int64_t n;
} list;

static inline list list_of(psq_batcher *batcher, int64_t n_seq) {
    list l = {(int64_t *)test_malloc((size_t)(n_seq + 1) * sizeof(int64_t)),
              (int64_t *)test_malloc((size_t)(n_seq + 1) * sizeof(int64_t)), 0};
    const int64_t *index = NULL;
    int64_t n = 0;
    l.first[0] = 0;
    while (psq_batcher_next(batcher, &index, &n)) {
        memcpy(l.index + l.first[l.n], index, (size_t)n * sizeof *index);
        l.first[l.n + 1] = l.first[l.n] + n;
        l.n++;
    }
    return l;
}

static inline void free_list(list l) {
    test_free(l.index);
    test_free(l.first);
}

// Finds this batch among list[from] to list[end - 1] that are not yet found.
static inline void find_batch(const list *l, int64_t from, int64_t end, bool *found,
                              const int64_t *index, int64_t n) {
    for (int64_t i = from; i < end && i < l->n; i++) {
        if (!found[i - from] && l->first[i + 1] - l->first[i] == n &&
            memcmp(l->index + l->first[i], index, (size_t)n * sizeof *index) == 0) {
            found[i - from] = true;
            return;
        }
    }
    fail_msg("a batch of %lld sequences is not of this step", (long long)n);
}

// From place `at` of the list of a world of one, the ranks' steps are the list's, in their order.
static inline void assert_steps_follow(const epoch *e, const list *l, int64_t at) {
    for (; at < l->n; at += e->world) {
        bool found[16] = {false};
        for (int64_t rank = 0; rank < e->world; rank++) {
            const int64_t *index = NULL;
            int64_t n = 0;
            assert_true(psq_batcher_next(e->ranks[rank], &index, &n));
            if (n > 0) {
                find_batch(l, at, at + e->world, found, index, n);
            }
        }
        for (int64_t i = 0; i < e->world && at + i < l->n; i++) {
            assert_true(found[i]);
        }
    }
    for (int64_t rank = 0; rank < e->world; rank++) {
        const int64_t *index = NULL;
        int64_t n = 0;
        assert_false(psq_batcher_next(e->ranks[rank], &index, &n));
    }
}

#endif
