// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_selftest.c: every kernel table gives the committed hashes, and the call's arguments.
#include "net.h"
#include "testing.h"

enum { N_TESTS = 12 };

static psq_error err;

static void hashes_are_those_of(const char *cpu) {
    psq_ctx *const ctx = net_ctx(cpu);
    psq_selftest_result results[N_TESTS + 1] = {{NULL, 0, 0}};
    int64_t n = N_TESTS + 1;
    net_must(psq_selftest(ctx, results, &n, &err), &err);
    assert_int_equal(n, N_TESTS);
    for (int i = 0; i < N_TESTS; i++) {
        assert_int_equal(results[i].hash, results[i].expected);
        assert_int_not_equal(results[i].hash, 0);
    }
    assert_string_equal(results[0].name, "rnn_tanh forward");
    assert_string_equal(results[5].name, "lstm backward");
    assert_null(results[N_TESTS].name);
    psq_ctx_destroy(ctx);
}

static void reference_gives_the_hashes(void **state) {
    (void)state;
    hashes_are_those_of("ref");
}

static void best_table_gives_the_hashes(void **state) {
    (void)state;
    hashes_are_those_of(NULL);
}

static void capacity_is_kept(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    int64_t n = 0;
    net_must(psq_selftest(ctx, NULL, &n, &err), &err);
    assert_int_equal(n, N_TESTS);
    psq_selftest_result results[N_TESTS] = {{NULL, 0, 0}};
    n = 3;
    net_must(psq_selftest(ctx, results, &n, &err), &err);
    assert_int_equal(n, N_TESTS);
    assert_non_null(results[2].name);
    assert_null(results[3].name);
    psq_ctx_destroy(ctx);
}

static void arguments_are_checked(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_selftest_result result;
    int64_t n = 1;
    assert_fails(psq_selftest(NULL, &result, &n, &err), PSQ_INVALID, "ctx is NULL");
    assert_fails(psq_selftest(ctx, &result, NULL, &err), PSQ_INVALID, "n_results is NULL");
    assert_fails(psq_selftest(ctx, NULL, &n, &err), PSQ_INVALID,
                 "results is NULL, must hold *n_results 1");
    n = -1;
    assert_fails(psq_selftest(ctx, &result, &n, &err), PSQ_INVALID,
                 "*n_results is -1, must be at least 0");
    psq_ctx_destroy(ctx);
}

static psq_status run(const psq_ctx *ctx, void *arg) {
    (void)arg;
    int64_t n = 0;
    return psq_selftest(ctx, NULL, &n, NULL);
}

static void missing_memory_fails_cleanly(void **state) {
    (void)state;
    fault_each_alloc(run, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_gives_the_hashes),
        cmocka_unit_test(best_table_gives_the_hashes),
        cmocka_unit_test(capacity_is_kept),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(missing_memory_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
