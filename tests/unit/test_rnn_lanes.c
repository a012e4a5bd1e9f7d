// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_lanes.c: nothing of the schedule shows: any number of threads, cores that walk alone or
// together, come late or not at all, give the bits of one thread, in every result and gradient.
#define _POSIX_C_SOURCE 200809L // setenv, nanosleep
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "netbatch.h"
#include "rnn/lanes.h"

// Longer than a window, equal, short, none; more than all lanes of four cores.
enum { N_SEQ = 31 };

static void make_lengths(int64_t lengths[N_SEQ]) {
    static const int64_t some[] = {9, 1, 0, 23, 8, 8, 17, 2, 3, 40};
    for (int i = 0; i < N_SEQ; i++) {
        lengths[i] = some[i % 10];
    }
}

static psq_ctx *ctx_with(const char *n_threads, const char *eager, const psq_executor *executor) {
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    psq_ctx *ctx = NULL;
    psq_error err;
    opts.executor = executor;
    assert_int_equal(setenv("PSQ_THREADS", n_threads, 1), 0);
    assert_int_equal(setenv("PSQ_EAGER", eager, 1), 0);
    net_must(psq_ctx_create(&opts, &ctx, &err), &err);
    return ctx;
}

// All of one network on this context against the wanted results.
static void check_on(const psq_ctx *ctx, const psq_rnn_spec *spec, const int64_t *lengths,
                     int64_t n_seq, const psq_batch *wanted) {
    psq_net net = net_random(ctx, spec);
    psq_batch batch = batch_create(&net, lengths, n_seq, 5);
    batch_run_packed(&batch);
    batch_same(&batch, wanted, BATCH_ALL);
    batch_destroy(&batch);
    net_destroy(&net);
}

typedef struct many {
    const char *n_threads;
    const char *eager;
} many;

static const many schedules[] = {{"2", "1"}, {"3", "1"}, {"5", "1"}, {"2", "0"}};
enum { N_SCHEDULES = sizeof schedules / sizeof schedules[0] };

static void check_spec(const psq_rnn_spec *spec, const int64_t *lengths, int64_t n_seq,
                       const psq_executor *executor) {
    psq_ctx *const alone = ctx_with("1", "0", NULL);
    psq_net net = net_random(alone, spec);
    psq_batch wanted = batch_create(&net, lengths, n_seq, 5);
    batch_run_packed(&wanted);
    for (int i = 0; i < N_SCHEDULES; i++) {
        psq_ctx *const ctx = ctx_with(schedules[i].n_threads, schedules[i].eager, executor);
        check_on(ctx, spec, lengths, n_seq, &wanted);
        psq_ctx_destroy(ctx);
    }
    batch_destroy(&wanted);
    net_destroy(&net);
    psq_ctx_destroy(alone);
}

static void threads_change_no_bits(void **state) {
    int64_t lengths[N_SEQ];
    (void)state;
    make_lengths(lengths);
    for (int i = 0; i < NET_N_SPECS; i++) {
        const psq_rnn_spec spec = net_spec(i);
        check_spec(&spec, lengths, N_SEQ, NULL);
    }
}

// Units enough that every core gets some, and not the same number.
static void split_units_change_no_bits(void **state) {
    static const int64_t lengths[] = {1, 12, 0, 5, 30};
    (void)state;
    for (int i = 0; i < NET_N_SPECS; i++) {
        psq_rnn_spec spec = net_spec(i);
        spec.hidden_size = 72;
        spec.proj_size = spec.proj_size > 0 ? 50 : 0;
        check_spec(&spec, lengths, 5, NULL);
        check_spec(&spec, lengths + 4, 1, NULL);
    }
}

// Members that are called one after the other find the work done.
static void run_in_turn(void *self, int64_t n, void (*fn)(void *arg), void *arg) {
    (void)self;
    for (int64_t i = 0; i < n; i++) {
        fn(arg);
    }
}

static void executors_change_no_bits(void **state) {
    const psq_executor executor = {NULL, run_in_turn};
    int64_t lengths[N_SEQ];
    (void)state;
    make_lengths(lengths);
    for (int i = 0; i < NET_N_SPECS; i += 3) {
        const psq_rnn_spec spec = net_spec(i);
        check_spec(&spec, lengths, N_SEQ, &executor);
    }
}

// The threads of this executor come one after the other, while the first walk: cores are let in
// between steps, or come when all is over.
typedef struct visitor {
    void (*fn)(void *arg);
    void *arg;
    long delay; // microseconds
    pthread_t thread;
} visitor;

static void *visit(void *arg) {
    const visitor *const v = (const visitor *)arg;
    const struct timespec t = {0, v->delay * 1000};
    nanosleep(&t, NULL);
    v->fn(v->arg);
    return NULL;
}

static void run_late(void *self, int64_t n, void (*fn)(void *arg), void *arg) {
    enum { MOST = 5 };
    visitor visitors[MOST];
    (void)self;
    assert_in_range(n, 1, MOST);
    for (int64_t i = 0; i < n; i++) {
        visitors[i] = (visitor){.fn = fn, .arg = arg, .delay = i * 150};
        assert_int_equal(pthread_create(&visitors[i].thread, NULL, visit, &visitors[i]), 0);
    }
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(pthread_join(visitors[i].thread, NULL), 0);
    }
}

static void late_cores_change_no_bits(void **state) {
    static const int64_t lengths[] = {90, 1, 0, 30, 90, 7, 60};
    const psq_executor executor = {NULL, run_late};
    (void)state;
    for (int i = 0; i < NET_N_SPECS; i += 3) {
        psq_rnn_spec spec = net_spec(i);
        spec.hidden_size = 72;
        spec.proj_size = spec.proj_size > 0 ? 50 : 0;
        check_spec(&spec, lengths, 7, &executor);
    }
}

// Steps that do nothing but count.
typedef struct seen {
    int64_t n_steps;
    int64_t most; // lanes of one step
} seen;

static void count_begin(const psq_walk *walk, psq_lane *lane) {
    (void)walk;
    (void)lane;
}

static void count_part(const psq_walk *walk, const psq_core *core, int64_t part,
                       const psq_share *share, psq_lane *lanes, int64_t n) {
    seen *const s = (seen *)(uintptr_t)walk->job;
    (void)core;
    (void)part;
    (void)share;
    (void)lanes;
    s->n_steps += n;
    s->most = n > s->most ? n : s->most;
}

static void count_end(const psq_walk *walk, const psq_lane *lane) {
    (void)walk;
    (void)lane;
}

// Lanes are left to cores that may come, but not for ever.
static void lonely_core_takes_all_places(void **state) {
    static const psq_steps counting = {count_begin, count_part, count_begin, count_end, false};
    static const int64_t lengths[] = {30, 30, 30, 30, 30, 30, 30, 30};
    const psq_executor executor = {NULL, run_in_turn};
    (void)state;
    psq_ctx *const ctx = ctx_with("8", "1", &executor);
    psq_rnn_spec spec = net_spec(0);
    spec.bidirectional = false;
    psq_net net = net_random(ctx, &spec);
    psq_layout *const layout = net_layout(ctx, lengths, 8);
    psq_walk walk;
    psq_arena measure = {NULL, 0};
    psq_walk_carve(&walk, net.rnn, layout, 64, 0, &measure);
    psq_arena arena = {(char *)psq_malloc(ctx, measure.used), 0};
    assert_non_null(arena.base);
    psq_walk_carve(&walk, net.rnn, layout, 64, 0, &arena);
    seen s = {0};
    walk.steps = &counting;
    walk.job = &s;
    walk.n_parts = 1;
    psq_walk_run(&walk);
    assert_int_equal(s.n_steps, 8 * 30);
    assert_int_equal(s.most, PSQ_K_LANES);
    psq_free(ctx, arena.base);
    psq_layout_destroy(layout);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
}

static size_t scratch_with(const char *n_threads, const int64_t *lengths, int64_t n_seq) {
    psq_ctx *const ctx = ctx_with(n_threads, "0", NULL);
    const psq_rnn_spec spec = net_spec(0);
    psq_net net = net_random(ctx, &spec);
    psq_layout *const layout = net_layout(ctx, lengths, n_seq);
    psq_error err;
    size_t reserve = 0;
    size_t scratch = 0;
    net_must(psq_rnn_sizes(net.rnn, layout, 0, &reserve, &scratch, &err), &err);
    psq_layout_destroy(layout);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
    return scratch;
}

// Each core has room for all lanes, but there are no more lanes than sequences.
static void scratch_is_linear_in_threads(void **state) {
    static const int64_t lengths[] = {4, 4, 4, 4, 4, 4, 4, 4};
    (void)state;
    const size_t one = scratch_with("1", lengths, 8);
    assert_in_range(scratch_with("256", lengths, 8), one, 256 * one + 65536);
}

// Panels beyond the caches are fetched from farther ahead, for more lanes.
static void large_panels_change_no_bits(void **state) {
    int64_t lengths[N_SEQ];
    (void)state;
    for (int i = 0; i < N_SEQ; i++) { // so that two tiles of lanes can be filled
        lengths[i] = 3 + i % 3;
    }
    psq_ctx *const ctx = ctx_with("1", "0", NULL);
    psq_rnn_spec spec = net_spec(0);
    spec.cell = PSQ_LSTM;
    spec.proj_size = 0;
    spec.n_layers = 1;
    spec.bidirectional = false;
    spec.hidden_size = 736; // 8.7 MB of weights a step
    psq_net net = net_random(ctx, &spec);
    psq_batch all = batch_create(&net, lengths, N_SEQ, 5);
    batch_run_packed(&all);
    for (int64_t b = 0; b < N_SEQ; b += 10) {
        psq_batch one = batch_select(&all, &b, 1, NULL, NULL);
        batch_run_packed(&one);
        batch_same_sequence(&all, b, 0, &one, 0, BATCH_OWN);
        batch_destroy(&one);
    }
    batch_destroy(&all);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
}

// One core's tracks: cut sequences, which pause and go on, are as they are alone.
static void tracks_change_no_bits(void **state) {
    static const int64_t kinds[][11] = {
        {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7},   {30, 1, 1, 2, 1, 1, 9, 1, 3, 1, 1},
        {5, 4, 9, 16, 8, 3, 3, 12, 0, 7, 6}, {20, 20, 19, 20, 1, 20, 20, 20, 20, 20, 2},
        {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    };
    enum { N = 11, N_KINDS = sizeof kinds / sizeof kinds[0] };
    (void)state;
    psq_ctx *const ctx = ctx_with("1", "0", NULL);
    for (int i = 0; i < NET_N_SPECS; i++) {
        const psq_rnn_spec spec = net_spec(i);
        psq_net net = net_random(ctx, &spec);
        for (int kind = 0; kind < N_KINDS; kind++) {
            psq_batch all = batch_create(&net, kinds[kind], N, 5);
            batch_run_packed(&all);
            for (int64_t b = 0; b < N; b++) {
                psq_batch one = batch_select(&all, &b, 1, NULL, NULL);
                batch_run_packed(&one);
                batch_same_sequence(&all, b, 0, &one, 0, BATCH_OWN);
                batch_destroy(&one);
            }
            batch_destroy(&all);
        }
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracks_change_no_bits),
        cmocka_unit_test(threads_change_no_bits),
        cmocka_unit_test(split_units_change_no_bits),
        cmocka_unit_test(executors_change_no_bits),
        cmocka_unit_test(late_cores_change_no_bits),
        cmocka_unit_test(lonely_core_takes_all_places),
        cmocka_unit_test(scratch_is_linear_in_threads),
        cmocka_unit_test(large_panels_change_no_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
