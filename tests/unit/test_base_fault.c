// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_fault.c: the failing contexts that every other test relies on: they count, fail once or
// forever, and the loops visit every call.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault.h"

static void alloc_fails_once(void **state) {
    (void)state;
    psq_fault fault = {.alloc_countdown = 2};
    psq_ctx *const ctx = fault_ctx(&fault);
    void *const first = psq_malloc(ctx, 1);
    void *const second = psq_malloc(ctx, 1);
    void *const third = psq_malloc(ctx, 1);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    assert_int_equal(fault.n_allocs, 3);
    assert_int_equal(fault.n_live, 2);
    psq_free(ctx, first);
    psq_free(ctx, third);
    assert_int_equal(fault.n_live, 0);
    psq_ctx_destroy(ctx);
    assert_int_equal(fault.n_live, 0);
}

static void alloc_fails_forever(void **state) {
    (void)state;
    psq_fault fault = {.alloc_countdown = 2, .forever = true};
    psq_ctx *const ctx = fault_ctx(&fault);
    void *const first = psq_malloc(ctx, 1);
    assert_non_null(first);
    assert_null(psq_malloc(ctx, 1));
    assert_null(psq_malloc(ctx, 1));
    psq_free(ctx, first);
    psq_ctx_destroy(ctx);
}

// Makes three allocations; arg counts the runs.
static psq_status three_allocs(const psq_ctx *ctx, void *arg) {
    *(int64_t *)arg += 1;
    void *ptrs[3];
    psq_status status = PSQ_OK;
    for (int i = 0; i < 3; i++) {
        ptrs[i] = psq_malloc(ctx, 8);
        status = ptrs[i] == NULL ? PSQ_NOMEM : status;
    }
    for (int i = 0; i < 3; i++) {
        psq_free(ctx, ptrs[i]);
    }
    return status;
}

static void each_alloc_visits_all(void **state) {
    (void)state;
    int64_t n_runs = 0;
    fault_each_alloc(three_allocs, &n_runs);
    assert_int_equal(n_runs, 2 * (3 + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_fails_once),
        cmocka_unit_test(alloc_fails_forever),
        cmocka_unit_test(each_alloc_visits_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
