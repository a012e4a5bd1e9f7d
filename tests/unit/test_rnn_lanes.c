// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_lanes.c: nothing of the schedule shows: any number of threads, cores that walk alone or
// together, come late or not at all, give the bits of one thread, in every result and gradient.
#define _POSIX_C_SOURCE 200809L // setenv
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "netbatch.h"

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

// Panels beyond the caches are fetched from farther ahead.
static void large_panels_change_no_bits(void **state) {
    int64_t lengths[N_SEQ];
    (void)state;
    make_lengths(lengths);
    psq_ctx *const ctx = ctx_with("1", "0", NULL);
    psq_rnn_spec spec = net_spec(0);
    spec.cell = PSQ_LSTM;
    spec.proj_size = 0;
    spec.n_layers = 1;
    spec.bidirectional = false;
    spec.hidden_size = 640;
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_no_bits),
        cmocka_unit_test(split_units_change_no_bits),
        cmocka_unit_test(executors_change_no_bits),
        cmocka_unit_test(large_panels_change_no_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
