// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_pool_api.c: the border of the pooling calls; what infinities, NaN, zeros and empty sequences
// give, by hand; nothing is allocated; a sequence alone has the bits that it has among 100,000.
#include <math.h>
#include <stdlib.h>

#include "batches.h"
#include "packseq/pool.h"
#include "with_ctx.h"

static const psq_storage jagged = {PSQ_JAGGED, false, 0};

static psq_layout *layout_of(const psq_ctx *with, const int64_t *lengths, int64_t B) {
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_lengths(with, lengths, B, &layout, &err), PSQ_OK);
    return layout;
}

// ---- the border

static void bad_arguments(void **state) {
    (void)state;
    const int64_t lengths[2] = {2, 1};
    psq_layout *const layout = layout_of(ctx, lengths, 2);
    const psq_storage order = {(psq_order)9, false, 0};
    const psq_storage small = {PSQ_PADDED_TIME, false, 1};
    float x[6] = {0};
    float y[6] = {0};
    assert_fails(psq_pool_forward(NULL, PSQ_POOL_SUM, PSQ_F32, jagged, x, 2, y, &err), PSQ_INVALID,
                 "layout is NULL");
    assert_fails(psq_pool_forward(layout, (psq_pool)7, PSQ_F32, jagged, x, 2, y, &err), PSQ_INVALID,
                 "kind is 7, must be from 0 to 3");
    assert_fails(psq_pool_forward(layout, PSQ_POOL_SUM, (psq_dtype)99, jagged, x, 2, y, &err),
                 PSQ_INVALID, "dtype is 99, must be from 0 to 12");
    assert_fails(psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_I32, jagged, x, 2, y, &err),
                 PSQ_UNSUPPORTED, "dtype is I32, must be F32 or F64");
    assert_fails(psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_F32, order, x, 2, y, &err), PSQ_INVALID,
                 "storage.order is 9");
    assert_fails(psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_F32, small, x, 2, y, &err), PSQ_SHAPE,
                 "storage.n_steps is 1, must be at least the longest length, which is 2");
    assert_fails(psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_F32, jagged, x, -1, y, &err),
                 PSQ_INVALID, "n_cols is -1, must be at least 0");
    assert_fails(psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_F32, jagged, NULL, 2, y, &err),
                 PSQ_INVALID, "x is NULL, must have 3 rows of 2 elements");
    assert_fails(psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_F32, jagged, x, 2, NULL, &err),
                 PSQ_INVALID, "y is NULL, must have 2 rows of 2 elements");
    assert_fails(psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_F32, jagged, x, INT64_MAX, y, &err),
                 PSQ_NOMEM, "x has 3 rows of 9223372036854775807 elements, which overflows");
    psq_layout_destroy(layout);
}

// Every array of every other call, left out in turn.
static void missing_arrays(void **state) {
    (void)state;
    const int64_t lengths[2] = {2, 1};
    psq_layout *const l = layout_of(ctx, lengths, 2);
    const psq_dtype f = PSQ_F32;
    float a[6] = {0};
    float b[6] = {0};
    float d[6] = {0};
    float e[6] = {0};
#define MISSING(call, words) assert_fails(call, PSQ_INVALID, words " is NULL, must have")
    MISSING(psq_pool_backward(l, PSQ_POOL_MAX, f, jagged, NULL, a, b, 2, d, &err), "x");
    MISSING(psq_pool_backward(l, PSQ_POOL_MAX, f, jagged, a, NULL, b, 2, d, &err), "y");
    MISSING(psq_pool_backward(l, PSQ_POOL_SUM, f, jagged, NULL, NULL, NULL, 2, d, &err), "dy");
    MISSING(psq_pool_backward(l, PSQ_POOL_SUM, f, jagged, NULL, NULL, a, 2, NULL, &err), "dx");
    MISSING(psq_softmax_forward(l, f, jagged, NULL, 2, a, &err), "x");
    MISSING(psq_softmax_forward(l, f, jagged, a, 2, NULL, &err), "y");
    MISSING(psq_softmax_backward(l, f, jagged, NULL, a, 2, b, &err), "y");
    MISSING(psq_softmax_backward(l, f, jagged, a, NULL, 2, b, &err), "dy");
    MISSING(psq_softmax_backward(l, f, jagged, a, b, 2, NULL, &err), "dx");
    MISSING(psq_attend_forward(l, f, jagged, NULL, a, 2, b, d, &err), "scores");
    MISSING(psq_attend_forward(l, f, jagged, a, NULL, 2, b, d, &err), "x");
    MISSING(psq_attend_forward(l, f, jagged, a, b, 2, NULL, d, &err), "weights");
    MISSING(psq_attend_forward(l, f, jagged, a, b, 2, d, NULL, &err), "y");
    MISSING(psq_attend_backward(l, f, jagged, NULL, a, b, 2, d, e, &err), "x");
    MISSING(psq_attend_backward(l, f, jagged, a, NULL, b, 2, d, e, &err), "weights");
    MISSING(psq_attend_backward(l, f, jagged, a, b, NULL, 2, d, e, &err), "dy");
    MISSING(psq_attend_backward(l, f, jagged, a, b, d, 2, NULL, e, &err), "dscores");
    MISSING(psq_attend_backward(l, f, jagged, a, b, d, 2, e, NULL, &err), "dx");
    MISSING(psq_add_to_rows(l, f, jagged, NULL, a, 2, b, &err), "x");
    MISSING(psq_add_to_rows(l, f, jagged, a, NULL, 2, b, &err), "v");
    MISSING(psq_add_to_rows(l, f, jagged, a, b, 2, NULL, &err), "y");
    MISSING(psq_scale_rows(l, f, jagged, NULL, a, 2, b, &err), "x");
    MISSING(psq_scale_rows(l, f, jagged, a, NULL, 2, b, &err), "w");
    MISSING(psq_scale_rows(l, f, jagged, a, b, 2, NULL, &err), "y");
    MISSING(psq_scale_rows_weights(l, f, jagged, NULL, a, 2, b, &err), "x");
    MISSING(psq_scale_rows_weights(l, f, jagged, a, NULL, 2, b, &err), "dy");
    MISSING(psq_scale_rows_weights(l, f, jagged, a, b, 2, NULL, &err), "dw");
    MISSING(psq_inverse_lengths(l, f, jagged, NULL, &err), "w");
#undef MISSING
    psq_layout_destroy(l);
}

static void names(void **state) {
    (void)state;
    assert_string_equal(psq_pool_name(PSQ_POOL_SUM), "sum");
    assert_string_equal(psq_pool_name(PSQ_POOL_MEAN), "mean");
    assert_string_equal(psq_pool_name(PSQ_POOL_MAX), "max");
    assert_string_equal(psq_pool_name(PSQ_POOL_LOGSUMEXP), "logsumexp");
    assert_null(psq_pool_name(PSQ_N_POOL));
}

static int64_t stored_rows(const psq_layout *layout, psq_storage storage) {
    int64_t n = 0;
    assert_int_equal(psq_storage_n_rows(layout, storage, &n, &err), PSQ_OK);
    return n;
}

// The first n are zeros, padding too; the others, which were 7, are untouched.
static void assert_zeros(const float dw[4], int64_t n) {
    for (int64_t i = 0; i < 4; i++) {
        assert_true(dw[i] == (i < n ? 0.0F : 7.0F));
    }
}

// No sequences or no columns: all arrays may be NULL; but attention has weights without columns.
static void nothing(void **state) {
    (void)state;
    const int64_t lengths[2] = {2, 1};
    psq_layout *const none = layout_of(ctx, NULL, 0);
    psq_layout *const some = layout_of(ctx, lengths, 2);
    for (int i = 0; i < 2; i++) {
        const psq_layout *const l = i == 0 ? none : some;
        const int64_t D = i == 0 ? 3 : 0;
        for (int order = 0; order < PSQ_N_ORDER; order++) {
            const psq_storage s = {(psq_order)order, false, 0};
            float w[4] = {0.0F, 0.0F, 0.0F, 0.0F};
            float dw[4] = {7.0F, 7.0F, 7.0F, 7.0F};
            for (int kind = 0; kind < PSQ_N_POOL; kind++) {
                assert_int_equal(
                    psq_pool_forward(l, (psq_pool)kind, PSQ_F32, s, NULL, D, NULL, &err), PSQ_OK);
                assert_int_equal(psq_pool_backward(l, (psq_pool)kind, PSQ_F32, s, NULL, NULL, NULL,
                                                   D, NULL, &err),
                                 PSQ_OK);
            }
            assert_int_equal(psq_softmax_forward(l, PSQ_F32, s, NULL, D, NULL, &err), PSQ_OK);
            assert_int_equal(psq_softmax_backward(l, PSQ_F32, s, NULL, NULL, D, NULL, &err),
                             PSQ_OK);
            assert_int_equal(psq_add_to_rows(l, PSQ_F32, s, NULL, NULL, D, NULL, &err), PSQ_OK);
            assert_int_equal(psq_scale_rows(l, PSQ_F32, s, NULL, w, D, NULL, &err), PSQ_OK);
            assert_int_equal(psq_scale_rows_weights(l, PSQ_F32, s, NULL, NULL, D, dw, &err),
                             PSQ_OK);
            assert_int_equal(psq_attend_forward(l, PSQ_F32, s, w, NULL, D, w, NULL, &err), PSQ_OK);
            assert_true(i == 0 || w[0] == 0.5F);
            assert_zeros(dw, i == 0 ? 0 : stored_rows(l, s));
            dw[0] = dw[1] = dw[2] = dw[3] = 7.0F;
            assert_int_equal(psq_attend_backward(l, PSQ_F32, s, NULL, w, NULL, D, dw, NULL, &err),
                             PSQ_OK);
            assert_zeros(dw, i == 0 ? 0 : stored_rows(l, s));
        }
    }
    psq_layout_destroy(none);
    psq_layout_destroy(some);
}

// x and y that would fault: sum and mean do not look at them, nor touch their memory.
static void sum_and_mean_read_dy_only(void **state) {
    (void)state;
    const int64_t lengths[2] = {2, 1};
    psq_layout *const layout = layout_of(ctx, lengths, 2);
    const float *const nowhere = (const float *)(uintptr_t)64;
    const float dy[2] = {6.0F, 8.0F};
    const psq_pool kinds[] = {PSQ_POOL_SUM, PSQ_POOL_MEAN};
    for (int i = 0; i < 2; i++) {
        for (int order = 0; order < PSQ_N_ORDER; order++) {
            const psq_storage storage = {(psq_order)order, false, 0};
            float dx[4] = {0.0F};
            assert_int_equal(psq_pool_backward(layout, kinds[i], PSQ_F32, storage, nowhere, nowhere,
                                               dy, 1, dx, &err),
                             PSQ_OK);
            assert_true(dx[0] == (i == 0 ? 6.0F : 3.0F));
        }
    }
    psq_layout_destroy(layout);
}

// ---- special values

static void infinities(void **state) {
    (void)state;
    const float inf = INFINITY;
    const int64_t lengths[] = {2, 2, 2, 0, 3, 2, 2};
    const float x[] = {-inf, -inf, inf,   1.0F,  -inf,  5.0F, NAN,
                       1.0F, NAN,  3e38F, 3e38F, -0.0F, 0.0F};
    psq_layout *const layout = layout_of(ctx, lengths, 7);
    float y[7];
    assert_int_equal(psq_pool_forward(layout, PSQ_POOL_MAX, PSQ_F32, jagged, x, 1, y, &err),
                     PSQ_OK);
    assert_true(y[0] == -inf && y[1] == inf && y[2] == 5.0F && y[3] == 0.0F && isnan(y[4]));
    assert_true(y[6] == 0.0F && signbit(y[6])); // of equal ones the earliest
    const float dy[7] = {1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F, 7.0F};
    const float dmax[13] = {1, 0, 2, 0, 0, 3, 5, 0, 0, 6, 0, 7, 0};
    float dx[13];
    assert_int_equal(
        psq_pool_backward(layout, PSQ_POOL_MAX, PSQ_F32, jagged, x, y, dy, 1, dx, &err), PSQ_OK);
    assert_memory_equal(dx, dmax, sizeof dx);

    assert_int_equal(psq_pool_forward(layout, PSQ_POOL_LOGSUMEXP, PSQ_F32, jagged, x, 1, y, &err),
                     PSQ_OK);
    assert_true(y[0] == -inf && y[1] == inf && y[2] == 5.0F && y[3] == -inf && isnan(y[4]));
    assert_true(y[5] == 3e38F && fabsf(y[6] - (float)log(2.0)) < 1e-6F);
    assert_int_equal(
        psq_pool_backward(layout, PSQ_POOL_LOGSUMEXP, PSQ_F32, jagged, x, y, dy, 1, dx, &err),
        PSQ_OK);
    assert_true(dx[0] == 0.0F && dx[1] == 0.0F && isnan(dx[2]) && dx[3] == 0.0F);
    assert_true(dx[4] == 0.0F && dx[5] == 3.0F && isnan(dx[6]) && isnan(dx[7]) && dx[9] == 6.0F);

    assert_int_equal(psq_softmax_forward(layout, PSQ_F32, jagged, x, 1, dx, &err), PSQ_OK);
    assert_true(isnan(dx[0]) && isnan(dx[1]) && isnan(dx[2]) && dx[3] == 0.0F);
    assert_true(dx[4] == 0.0F && dx[5] == 1.0F && isnan(dx[6]) && isnan(dx[7]) && dx[9] == 0.5F);
    psq_layout_destroy(layout);
}

// ---- nothing is allocated

static void call_all(const psq_layout *layout) {
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    float w[4] = {1, 2, 3, 4};
    float y[6];
    assert_int_equal(psq_pool_forward(layout, PSQ_POOL_LOGSUMEXP, PSQ_F32, jagged, x, 2, y, &err),
                     PSQ_OK);
    assert_int_equal(
        psq_pool_backward(layout, PSQ_POOL_LOGSUMEXP, PSQ_F32, jagged, x, y, y, 2, x, &err),
        PSQ_OK);
    assert_int_equal(psq_attend_forward(layout, PSQ_F32, jagged, w, x, 2, w, y, &err), PSQ_OK);
    assert_int_equal(psq_attend_backward(layout, PSQ_F32, jagged, x, w, y, 2, w, x, &err), PSQ_OK);
    assert_int_equal(psq_add_to_rows(layout, PSQ_F32, jagged, x, y, 2, x, &err), PSQ_OK);
}

static void no_allocations(void **state) {
    (void)state;
    const int64_t lengths[3] = {3, 0, 1};
    psq_fault fault = {0};
    psq_ctx *const counted = fault_ctx(&fault);
    psq_layout *const layout = layout_of(counted, lengths, 3);
    const int64_t before = fault.n_allocs;
    call_all(layout);
    assert_int_equal(fault.n_allocs, before);
    psq_layout_destroy(layout);
    psq_ctx_destroy(counted);
}

// ---- 100,000 sequences

enum { MANY = 100000, LONGEST = 20 };

static float *floats(int64_t n) {
    float *const p = (float *)test_malloc((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++) {
        p[i] = (float)((i * 2654435761) % 4001) * 1e-3F - 2.0F;
    }
    return p;
}

// Sequence b alone, by the same calls: the same bits.
static void check_alone(const psq_layout *layout, int64_t b, const float *x, const float *y,
                        const float *soft) {
    const int64_t L = psq_layout_lengths(layout)[b];
    const int64_t first = psq_layout_offsets(layout)[b];
    psq_layout *const one = layout_of(ctx, &L, 1);
    float alone[LONGEST];
    assert_int_equal(
        psq_pool_forward(one, PSQ_POOL_LOGSUMEXP, PSQ_F32, jagged, x + first, 1, alone, &err),
        PSQ_OK);
    assert_memory_equal(alone, y + b, sizeof *y);
    assert_int_equal(psq_softmax_forward(one, PSQ_F32, jagged, x + first, 1, alone, &err), PSQ_OK);
    assert_int_equal(memcmp(alone, soft + first, (size_t)L * sizeof *soft), 0);
    psq_layout_destroy(one);
}

static void many_sequences(void **state) {
    (void)state;
    int64_t *const lengths = (int64_t *)test_malloc(MANY * sizeof *lengths);
    for (int64_t b = 0; b < MANY; b++) {
        lengths[b] = batch_word(1, (uint32_t)b) % (LONGEST + 1);
    }
    psq_layout *const layout = layout_of(ctx, lengths, MANY);
    float *const x = floats(MANY * LONGEST);
    float *const y = floats(MANY);
    float *const soft = floats(MANY * LONGEST);
    float *const back = floats(MANY);
    assert_int_equal(psq_pool_forward(layout, PSQ_POOL_LOGSUMEXP, PSQ_F32, jagged, x, 1, y, &err),
                     PSQ_OK);
    assert_int_equal(psq_softmax_forward(layout, PSQ_F32, jagged, x, 1, soft, &err), PSQ_OK);
    for (int64_t b = 0; b < MANY; b += 61) {
        check_alone(layout, b, x, y, soft);
    }
    // Inverse lengths sum to 1, whatever storage they are in.
    for (int order = 0; order < PSQ_N_ORDER; order++) {
        const psq_storage storage = {(psq_order)order, order % 2 == 0, 0};
        assert_int_equal(psq_inverse_lengths(layout, PSQ_F32, storage, soft, &err), PSQ_OK);
        assert_int_equal(
            psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_F32, storage, soft, 1, back, &err), PSQ_OK);
        int64_t n_right = 0;
        for (int64_t b = 0; b < MANY; b++) {
            n_right += lengths[b] == 0 ? back[b] == 0.0F : fabsf(back[b] - 1.0F) < 1e-5F;
        }
        assert_int_equal(n_right, MANY);
    }
    test_free(x);
    test_free(y);
    test_free(soft);
    test_free(back);
    test_free(lengths);
    psq_layout_destroy(layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(missing_arrays),
        cmocka_unit_test(names),
        cmocka_unit_test(nothing),
        cmocka_unit_test(sum_and_mean_read_dy_only),
        cmocka_unit_test(infinities),
        cmocka_unit_test(no_allocations),
        cmocka_unit_test(many_sequences),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
