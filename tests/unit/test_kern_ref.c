// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_kern_ref.c: every float table that this CPU can run against chains written out here, by
// memcmp, and the activations against the C library in double. New tables are tested without an
// edit.
#include <float.h>
#include <math.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "kern/kern.h"
#include "testing.h"

enum { MAX = 200 };

static float value(uint32_t seed, uint32_t i) {
    uint32_t word[4];
    psq_random(seed, PSQ_STREAM_TEST, i, 0, 0, word);
    return psq_unit_f32(word[0]) * 2.0F - 1.0F;
}

typedef void (*check)(const psq_kern *kern);

static void each_f32(check run) {
    int n = 0;
    for (const psq_kern *const *table = psq_kern_tables; *table != NULL; table++) {
        if ((*table)->dtype == PSQ_F32 && ((*table)->cpu & ~psq_cpu_detect()) == 0) {
            run(*table);
            n++;
        }
    }
    assert_true(n > 0);
}

static void tile_size(const psq_kern *kern, int64_t n_out, int64_t n_k) {
    static float w[MAX * MAX];
    static float panel[MAX * MAX];
    static float a[3][MAX];
    static float out[3][MAX + 1];
    const void *rows[3] = {a[0], a[1], a[2]};
    void *outs[3] = {out[0], out[1], out[2]};
    for (int64_t i = 0; i < n_out * n_k; i++) {
        w[i] = value(1, (uint32_t)i);
    }
    for (int64_t m = 0; m < 3; m++) {
        for (int64_t i = 0; i < MAX; i++) {
            a[m][i] = value(2, (uint32_t)(m * MAX + i));
            out[m][i] = value(3, (uint32_t)(m * MAX + i));
        }
    }
    kern->panel(n_out, n_k, w, n_k, 1, panel);
    kern->tile(3, n_out, n_k, rows, panel, outs);
    for (int64_t m = 0; m < 3; m++) {
        for (int64_t j = 0; j < MAX; j++) {
            float s = value(3, (uint32_t)(m * MAX + j)); // beyond n_out nothing is written
            for (int64_t k = 0; j < n_out && k < n_k; k++) {
                s = fmaf(a[m][k], w[j * n_k + k], s);
            }
            assert_memory_equal(&out[m][j], &s, sizeof s);
        }
    }
}

static void check_tile(const psq_kern *kern) {
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 16, 33, 63, 64, 65, 100, 128, 130};
    enum { N = sizeof sizes / sizeof sizes[0] };
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            tile_size(kern, sizes[i], sizes[j]);
        }
    }
}

static void check_outer(const psq_kern *kern) {
    enum { A = 5, B = 70, R = 256 };
    static float a[R][A];
    static float b[R][B];
    static const void *rows_a[R];
    static const void *rows_b[R];
    static float dw[A * B];
    for (uint32_t r = 0; r < R; r++) {
        rows_a[r] = a[r];
        rows_b[r] = b[r];
        for (uint32_t i = 0; i < A; i++) {
            a[r][i] = value(4, r * A + i);
        }
        for (uint32_t j = 0; j < B; j++) {
            b[r][j] = value(5, r * B + j);
        }
    }
    for (uint32_t i = 0; i < A * B; i++) {
        dw[i] = value(6, i);
    }
    kern->outer(R, A, B, rows_a, rows_b, dw);
    for (uint32_t i = 0; i < A * B; i++) {
        float s = 0.0F;
        for (int r = 0; r < R; r++) {
            s = fmaf(a[r][i / B], b[r][i % B], s);
        }
        s = value(6, i) + s;
        assert_memory_equal(&dw[i], &s, sizeof s);
    }
}

// Distance in units of the last place of the true value.
static double ulps(float got, double wanted) {
    int exponent;
    (void)frexp(fmax(fabs(wanted), FLT_MIN), &exponent);
    return fabs((double)got - wanted) / ldexp(1.0, exponent - FLT_MANT_DIG);
}

static double true_sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

static void check_function(void (*run)(int64_t, const void *, void *), double (*truth)(double)) {
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 2017) {
        const uint32_t low = (uint32_t)bits;
        float x;
        float y;
        memcpy(&x, &low, sizeof x);
        run(1, &x, &y);
        const double wanted = truth((double)x);
        if (isnan(wanted)) {
            assert_true(isnan(y));
        } else if (isinf(wanted) || fabs(wanted) > (double)FLT_MAX) {
            assert_true(isinf(y) && (y > 0.0F) == (wanted > 0.0));
        } else if (fabs(wanted) < (double)FLT_MIN) {
            assert_true(fabs((double)y - wanted) < (double)FLT_MIN);
        } else {
            assert_true(ulps(y, wanted) <= 3.0);
        }
    }
}

static void check_activations(const psq_kern *kern) {
    check_function(kern->sigmoid, true_sigmoid);
    check_function(kern->tanh, tanh);
    check_function(kern->exp, exp);
    check_function(kern->log, log);
    const float in[6] = {-INFINITY, INFINITY, -0.0F, NAN, 0.0F, -88.5F};
    const float sigmoid[6] = {0.0F, 1.0F, 0.5F, 0.0F, 0.5F, 0.0F};
    const float tanh_of[6] = {-1.0F, 1.0F, -0.0F, 0.0F, 0.0F, -1.0F};
    float out[6];
    kern->sigmoid(6, in, out);
    assert_true(isnan(out[3]));
    out[3] = 0.0F;
    assert_memory_equal(out, sigmoid, sizeof out);
    kern->tanh(6, in, out);
    assert_true(isnan(out[3]));
    out[3] = 0.0F;
    assert_memory_equal(out, tanh_of, sizeof out);
}

// All float tables agree on everything else: activations, cells, sums, loss and steps give equal
// bytes.
static void run_cells(const psq_kern *kern, int64_t H, unsigned char *result, size_t *used) {
    enum { N = 12 * 40 };
    for (int cell = 0; cell < PSQ_N_CELL; cell++) {
        float x[N];
        float dgates[4 * 40];
        for (uint32_t i = 0; i < N; i++) {
            x[i] = value(7, i) * 3.0F;
        }
        float *const m = x + 440;
        const psq_k_row row = {x, dgates, x + 160, x + 200, x + 240, x + 280, x + 320, x + 360, m};
        kern->forward[cell](1, H, &row);
        memset(dgates, 0, sizeof dgates);
        kern->backward[cell](1, H, &row);
        memcpy(result + *used, x, sizeof x);
        memcpy(result + *used + sizeof x, dgates, sizeof dgates);
        *used += sizeof x + sizeof dgates;
    }
    float logits[40];
    for (uint32_t i = 0; i < 40; i++) {
        logits[i] = value(8, i) * 9.0F;
    }
    const double loss = kern->softmax_loss(H, logits, H / 2, 0.25, logits);
    const double sums[2] = {kern->sum(H, logits), kern->dot(H, logits, logits)};
    float w[40] = {0.5F};
    float state[80] = {0.1F};
    const psq_k_adam adam = {1e-3, 0.9, 0.999, 1e-8, 0.01, 0.1, 0.001, true};
    kern->adam(H, &adam, w, logits, state, state + 40);
    const psq_k_sgd sgd = {1e-2, 0.9, 0.01, false};
    kern->sgd(H, &sgd, w, logits, state);
    memcpy(result + *used, &loss, sizeof loss);
    memcpy(result + *used + sizeof loss, sums, sizeof sums);
    *used += sizeof loss + sizeof sums;
    memcpy(result + *used, w, sizeof w);
    memcpy(result + *used + sizeof w, logits, sizeof logits);
    *used += sizeof w + sizeof logits;
}

static void check_against_ref(const psq_kern *kern) {
    static unsigned char wanted[16384];
    static unsigned char got[16384];
    const psq_kern *ref = NULL;
    for (const psq_kern *const *table = psq_kern_tables; *table != NULL; table++) {
        ref = (*table)->dtype == PSQ_F32 && strcmp((*table)->name, "ref") == 0 ? *table : ref;
    }
    static const int64_t sizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 40};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t n_wanted = 0;
        size_t n_got = 0;
        run_cells(ref, sizes[i], wanted, &n_wanted);
        run_cells(kern, sizes[i], got, &n_got);
        assert_int_equal(n_got, n_wanted);
        assert_memory_equal(got, wanted, n_got);
    }
}

static void tables_tile(void **state) {
    (void)state;
    each_f32(check_tile);
}

static void tables_outer(void **state) {
    (void)state;
    each_f32(check_outer);
}

static void tables_activations(void **state) {
    (void)state;
    each_f32(check_activations);
}

static void tables_agree(void **state) {
    (void)state;
    each_f32(check_against_ref);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_tile),
        cmocka_unit_test(tables_outer),
        cmocka_unit_test(tables_activations),
        cmocka_unit_test(tables_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
