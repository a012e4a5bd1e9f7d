// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_kern_dispatch.c: which table a context gets, and that every table is complete.
#include "kern_naive.h"

static psq_ctx *ctx_with(const char *cpu) {
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.cpu = cpu;
    psq_ctx *ctx;
    psq_error err;
    assert_int_equal(psq_ctx_create(&opts, &ctx, &err), PSQ_OK);
    return ctx;
}

static void choose_ref_alone(void **state) {
    (void)state;
    psq_ctx *const ctx = ctx_with("ref");
    assert_string_equal(psq_kern_choose(ctx, PSQ_F32)->name, "ref");
    assert_string_equal(psq_kern_choose(ctx, PSQ_F64)->name, "ref");
    assert_string_equal(psq_kernel_name(ctx, PSQ_F32), "ref");
    psq_ctx_destroy(ctx);
}

// The first table of the list that is allowed.
static void choose_best_first(void **state) {
    (void)state;
    const psq_ctx all = {.cpu_found = ~0U, .cpu_allowed = ~0U};
    for (psq_dtype dtype = PSQ_F32; dtype <= PSQ_F64; dtype++) {
        const psq_kern *const *table = psq_kern_tables;
        while ((*table)->dtype != dtype) {
            table++;
        }
        assert_ptr_equal(psq_kern_choose(&all, dtype), *table);
        assert_string_equal(psq_kernel_name(&all, dtype), (*table)->name);
    }
}

static void choose_what_the_cpu_has(void **state) {
    (void)state;
    psq_ctx *const ctx = ctx_with(NULL);
    const psq_kern *const k = psq_kern_choose(ctx, PSQ_F32);
    assert_non_null(k);
    assert_int_equal(k->cpu & ~psq_cpu_detect(), 0);
    psq_ctx_destroy(ctx);
}

static void choose_other_dtype(void **state) {
    (void)state;
    psq_ctx *const ctx = ctx_with("ref");
    assert_null(psq_kern_choose(ctx, PSQ_F16));
    assert_null(psq_kern_choose(ctx, PSQ_I64));
    assert_string_equal(psq_kernel_name(ctx, PSQ_F16), "none");
    psq_ctx_destroy(ctx);
}

static void peak_counts_operations(void **state) {
    (void)state;
    psq_ctx *const ctx = ctx_with(NULL);
    for (psq_dtype dtype = PSQ_F32; dtype <= PSQ_F64; dtype++) {
        const int64_t once = psq_kernel_peak(ctx, dtype, 1);
        assert_true(once > 0 && once % 2 == 0);
        assert_int_equal(psq_kernel_peak(ctx, dtype, 7), 7 * once);
        assert_int_equal(psq_kernel_peak(ctx, dtype, 0), 0);
        assert_int_equal(psq_kernel_peak(ctx, dtype, -1), 0);
    }
    assert_int_equal(psq_kernel_peak(ctx, PSQ_F16, 1), 0);
    psq_ctx_destroy(ctx);
}

static void tables_complete(void **state) {
    (void)state;
    for (const psq_kern *const *table = psq_kern_tables; *table != NULL; table++) {
        const psq_kern *const k = *table;
        assert_true(k->dtype == PSQ_F32 || k->dtype == PSQ_F64);
        assert_true(k->cpu != 0);
        assert_non_null(k->name);
        assert_true(k->panel_size != NULL && k->panel != NULL && k->tile != NULL);
        for (int cell = 0; cell < PSQ_N_CELL; cell++) {
            assert_true(k->forward[cell] != NULL && k->backward[cell] != NULL);
        }
        assert_true(k->outer != NULL && k->column_sum != NULL);
        assert_true(k->sigmoid != NULL && k->tanh != NULL && k->exp != NULL && k->log != NULL);
        assert_true(k->add != NULL && k->mul != NULL && k->scale != NULL && k->max != NULL);
        assert_true(k->flush != NULL && k->sum != NULL && k->dot != NULL);
        assert_true(k->softmax_loss != NULL && k->sgd != NULL && k->adam != NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choose_ref_alone),        cmocka_unit_test(choose_best_first),
        cmocka_unit_test(choose_what_the_cpu_has), cmocka_unit_test(choose_other_dtype),
        cmocka_unit_test(peak_counts_operations),  cmocka_unit_test(tables_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
