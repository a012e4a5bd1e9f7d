// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_train_schedule.c: end points and shapes of the schedules, and the scalar functions they
// and the initialisation stand on, against the C library's.
#include <fenv.h>
#include <math.h>

#include "packseq/train.h"
#include "testing.h"
#include "train/scalar.h"

static void schedule_warmup(void **state) {
    (void)state;
    for (int kind = 0; kind < PSQ_N_SCHEDULE; kind++) {
        for (int64_t step = 1; step <= 4; step++) {
            assert_true(psq_schedule_factor((psq_schedule_kind)kind, step, 10, 4) ==
                        (double)step / 4.0);
        }
        assert_true(psq_schedule_factor((psq_schedule_kind)kind, 10, 10, 10) == 1.0);
        assert_true(psq_schedule_factor((psq_schedule_kind)kind, 10, 10, 40) == 0.25);
    }
}

static void schedule_ends(void **state) {
    (void)state;
    assert_true(psq_schedule_factor(PSQ_SCHEDULE_CONSTANT, 10, 10, 0) == 1.0);
    assert_true(psq_schedule_factor(PSQ_SCHEDULE_LINEAR, 10, 10, 4) == 0.0);
    assert_true(psq_schedule_factor(PSQ_SCHEDULE_COSINE, 10, 10, 4) == 0.0);
    assert_true(psq_schedule_factor(PSQ_SCHEDULE_LINEAR, 99, 10, 4) == 0.0);
    assert_true(psq_schedule_factor(PSQ_SCHEDULE_COSINE, 99, 10, 4) == 0.0);
    assert_true(psq_schedule_factor(PSQ_SCHEDULE_LINEAR, 7, 10, 4) == 0.5);
    assert_true(psq_schedule_factor(PSQ_SCHEDULE_COSINE, 7, 10, 4) == 0.5);
}

static void schedule_shapes(void **state) {
    (void)state;
    for (int64_t step = 1; step <= 1000; step++) {
        const double p = (double)step / 1000.0;
        const double linear = psq_schedule_factor(PSQ_SCHEDULE_LINEAR, step, 1000, 0);
        const double cosine = psq_schedule_factor(PSQ_SCHEDULE_COSINE, step, 1000, 0);
        assert_true(fabs(linear - (1.0 - p)) < 1e-15);
        assert_true(fabs(cosine - 0.5 * (1.0 + cos(acos(-1.0) * p))) < 1e-15);
    }
}

// The caller's rounding mode neither matters nor changes.
static void schedule_rounding_mode(void **state) {
    (void)state;
    for (int64_t step = 1; step <= 10; step++) {
        const double wanted = psq_schedule_factor(PSQ_SCHEDULE_COSINE, step, 10, 0);
        assert_int_equal(fesetround(FE_UPWARD), 0);
        const double got = psq_schedule_factor(PSQ_SCHEDULE_COSINE, step, 10, 0);
        assert_int_equal(fegetround(), FE_UPWARD);
        assert_int_equal(fesetround(FE_TONEAREST), 0);
        assert_true(got == wanted);
    }
}

static void schedule_names(void **state) {
    (void)state;
    assert_string_equal(psq_schedule_name(PSQ_SCHEDULE_CONSTANT), "constant");
    assert_string_equal(psq_schedule_name(PSQ_SCHEDULE_LINEAR), "linear");
    assert_string_equal(psq_schedule_name(PSQ_SCHEDULE_COSINE), "cosine");
    assert_null(psq_schedule_name(PSQ_N_SCHEDULE));
}

static void scalar_log(void **state) {
    (void)state;
    for (int e = -60; e <= 20; e++) {
        for (int k = 0; k < 64; k++) {
            const double x = ldexp(1.0 + k / 64.0 + 1e-9, e);
            assert_true(fabs(psq_scalar_log(x) - log(x)) <= 1e-15 * fabs(log(x)));
        }
    }
    assert_true(psq_scalar_log(1.0) == 0.0);
}

static void scalar_cos_pi(void **state) {
    (void)state;
    for (int k = 0; k <= 4096; k++) {
        const double x = k / 4096.0;
        assert_true(fabs(psq_scalar_cos_pi(x) - cos(acos(-1.0) * x)) <= 1e-15);
    }
    assert_true(psq_scalar_cos_pi(0.0) == 1.0);
    assert_true(psq_scalar_cos_pi(0.5) == 0.0);
    assert_true(psq_scalar_cos_pi(1.0) == -1.0);
}

static void scalar_power(void **state) {
    (void)state;
    assert_true(psq_scalar_power(0.5, 0) == 1.0);
    assert_true(psq_scalar_power(0.9, 1) == 0.9);
    assert_true(psq_scalar_power(0.0, 3) == 0.0);
    assert_true(fabs(psq_scalar_power(0.999, 12345) / pow(0.999, 12345) - 1.0) < 1e-11);
    assert_true(psq_scalar_power(0.999, INT64_MAX) == 0.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_warmup), cmocka_unit_test(schedule_ends),
        cmocka_unit_test(schedule_shapes), cmocka_unit_test(schedule_rounding_mode),
        cmocka_unit_test(schedule_names),  cmocka_unit_test(scalar_log),
        cmocka_unit_test(scalar_cos_pi),   cmocka_unit_test(scalar_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
