// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_fpenv.c: inside, arithmetic is the contract's whatever the caller had set; afterwards
// the caller has everything back.
#include "base/fpenv.h"

#include <fenv.h>
#include <float.h>

#include "testing.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

// Volatile locals (parameters would not do: compilers see through them), so that each is computed
// where it is written, neither at compile time nor after the mode has changed.
static float add(float a, float b) {
    const volatile float x = a;
    const volatile float y = b;
    const volatile float sum = x + y;
    return sum;
}

static float mul(float a, float b) {
    const volatile float x = a;
    const volatile float y = b;
    const volatile float product = x * y;
    return product;
}

static bool rounds_to_nearest(void) {
    return add(1.0f, 0x1p-25f) == 1.0f && add(1.0f, 0x1.8p-24f) == 1.0f + FLT_EPSILON &&
           add(-1.0f, -0x1p-25f) == -1.0f && add(-1.0f, -0x1.8p-24f) == -1.0f - FLT_EPSILON;
}

// By bits: a comparison would flush its operands too.
static bool keeps_denormals(void) {
    static const float half_min = 0x1p-127f;
    const float result = mul(FLT_MIN, 0.5f);
    return memcmp(&result, &half_min, sizeof result) == 0 && mul(0x1p-140f, 0x1p+20f) == 0x1p-120f;
}

static void fpenv_rounding_is_restored(void **state) {
    (void)state;
    static const int modes[3] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fesetround(modes[i]), 0);
        const bool nearest_before = rounds_to_nearest();
        const psq_fpenv saved = psq_fpenv_enter();
        const bool nearest_inside = rounds_to_nearest();
        psq_fpenv_leave(saved);
        const int mode_after = fegetround();
        const bool nearest_after = rounds_to_nearest();
        fesetround(FE_TONEAREST);
        assert_false(nearest_before);
        assert_true(nearest_inside);
        assert_int_equal(mode_after, modes[i]);
        assert_false(nearest_after);
    }
}

#if defined(__x86_64__)
static void fpenv_flushing_is_restored(void **state) {
    (void)state;
    const unsigned usual = _mm_getcsr();
    const unsigned flushing = usual | 0x8040U; // FTZ and DAZ
    _mm_setcsr(flushing);
    const bool kept_before = keeps_denormals();
    const psq_fpenv saved = psq_fpenv_enter();
    const bool kept_inside = keeps_denormals();
    psq_fpenv_leave(saved);
    const unsigned after = _mm_getcsr();
    const bool kept_after = keeps_denormals();
    _mm_setcsr(usual);
    assert_false(kept_before);
    assert_true(kept_inside);
    assert_int_equal(after & ~0x3fU, flushing & ~0x3fU);
    assert_false(kept_after);
}
#endif

static void fpenv_nests(void **state) {
    (void)state;
    fesetround(FE_UPWARD);
    const psq_fpenv outer = psq_fpenv_enter();
    const psq_fpenv inner = psq_fpenv_enter();
    psq_fpenv_leave(inner);
    const bool nearest = rounds_to_nearest() && keeps_denormals();
    psq_fpenv_leave(outer);
    const int mode = fegetround();
    fesetround(FE_TONEAREST);
    assert_true(nearest);
    assert_int_equal(mode, FE_UPWARD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fpenv_rounding_is_restored),
#if defined(__x86_64__)
        cmocka_unit_test(fpenv_flushing_is_restored),
#endif
        cmocka_unit_test(fpenv_nests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
