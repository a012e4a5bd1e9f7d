// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_train_clip.c: clipping against torch 2.13.0's clip_grad_norm_, which gave norm 13 and
// gradients 1.49999988 -1.99999988 5.99999952 for 3 -4 12 and a largest norm of 6.5.
#include <math.h>

#include "packseq/train.h"
#include "with_ctx.h"

static void clip_above(void **state) {
    (void)state;
    float grads[3] = {3, -4, 12};
    double norm = 0;
    assert_int_equal(psq_clip_norm(ctx, PSQ_F32, 3, grads, 6.5, &norm, &err), PSQ_OK);
    assert_true(norm == 13.0);
    const double wanted[3] = {1.49999988, -1.99999988, 5.99999952};
    for (int i = 0; i < 3; i++) {
        assert_true(fabs((double)grads[i] - wanted[i]) < 1e-7 * fabs(wanted[i]));
    }
}

static void clip_below_or_only_measured(void **state) {
    (void)state;
    const double before[3] = {3, -4, 12};
    const double limits[3] = {13.0, 0.0, -1.0};
    for (int k = 0; k < 3; k++) {
        double grads[3];
        double norm = 0;
        memcpy(grads, before, sizeof grads);
        assert_int_equal(psq_clip_norm(ctx, PSQ_F64, 3, grads, limits[k], &norm, &err), PSQ_OK);
        assert_true(norm == 13.0);
        assert_memory_equal(grads, before, sizeof grads);
    }
}

// 50 gradients whose squares overflow a float, more than there are chains; none at all.
static void clip_extremes(void **state) {
    (void)state;
    float grads[50];
    for (int i = 0; i < 50; i++) {
        grads[i] = 2e30F;
    }
    double norm = 0;
    assert_int_equal(psq_clip_norm(ctx, PSQ_F32, 50, grads, 1.0, &norm, &err), PSQ_OK);
    assert_true(fabs(norm - 1.41421356237e31) < 1e25);
    assert_true(fabsf(grads[49] - 0.141421356F) < 1e-7F);
    assert_int_equal(psq_clip_norm(ctx, PSQ_F32, 0, NULL, 1.0, &norm, &err), PSQ_OK);
    assert_true(norm == 0.0);
    assert_int_equal(psq_clip_norm(ctx, PSQ_F32, 0, NULL, 1.0, NULL, NULL), PSQ_OK);
}

static void clip_bad_arguments(void **state) {
    (void)state;
    float grads[1] = {1};
    assert_fails(psq_clip_norm(NULL, PSQ_F32, 1, grads, 1, NULL, &err), PSQ_INVALID, "ctx is NULL");
    assert_fails(psq_clip_norm(ctx, PSQ_I32, 1, grads, 1, NULL, &err), PSQ_INVALID,
                 "dtype is 6, must be PSQ_F32 or PSQ_F64");
    assert_fails(psq_clip_norm(ctx, PSQ_F32, -2, grads, 1, NULL, &err), PSQ_INVALID,
                 "n is -2, must be at least 0");
    assert_fails(psq_clip_norm(ctx, PSQ_F32, 1, NULL, 1, NULL, &err), PSQ_INVALID,
                 "grads is NULL, n is 1");
    assert_fails(psq_clip_norm(ctx, PSQ_F32, 1, grads, (double)NAN, NULL, &err), PSQ_INVALID,
                 "max_norm is not a number");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip_above),
        cmocka_unit_test(clip_below_or_only_measured),
        cmocka_unit_test(clip_extremes),
        cmocka_unit_test(clip_bad_arguments),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
