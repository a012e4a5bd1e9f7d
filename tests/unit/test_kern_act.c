// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_kern_act.c: the activations of every float table: their bits against a second writing of
// docs/bits.md, their error against the C library in double, their edges. The environment variable
// PSQ_EXHAUSTIVE=1 makes it all 2^32 floats instead of every 4093rd.
#include "kern_naive.h"

enum { N_CHUNK = 4096, N_FUNCTIONS = 4 };

typedef struct act {
    const char *name;
    float (*naive)(float);
    double (*exact)(double);
    double max_ulp;
    double max_denormal_error; // where the exact result is below FLT_MIN
} act;

static double exact_sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

static const act acts[N_FUNCTIONS] = {
    {"sigmoid", naive_sigmoid, exact_sigmoid, 3.0, (double)FLT_MIN},
    {"tanh", naive_tanh, tanh, 3.0, 3 * 0x1p-149},
    {"exp", naive_exp, exp, 3.0, 3 * 0x1p-149},
    {"log", naive_log, log, 3.0, 3 * 0x1p-149},
};

static void call(const psq_kern *k, int which, int64_t n, const float *x, float *y) {
    void (*const f[N_FUNCTIONS])(int64_t, const void *, void *) = {k->sigmoid, k->tanh, k->exp,
                                                                   k->log};
    f[which](n, x, y);
}

// The error in units of the last place of the exact value; 0 where both overflow or are NaN.
static double ulp_error(double exact, float got, const act *a) {
    if (isnan(exact) || isnan(got)) {
        return isnan(exact) && isnan(got) ? 0.0 : INFINITY;
    }
    if (fabs(exact) > (double)FLT_MAX) {
        const double limit = (double)FLT_MAX + 0x1p+103; // rounds to infinity from here
        return fabs(exact) >= limit ? (isinf(got) ? 0.0 : INFINITY)
                                    : (isinf(got) ? 0.5 : fabs(exact - (double)got) * 0x1p-104);
    }
    if (isinf(got)) {
        return INFINITY;
    }
    const double error = fabs(exact - (double)got);
    if (fabs(exact) < (double)FLT_MIN) {
        return error < a->max_denormal_error || error == 0.0 ? 0.0 : INFINITY;
    }
    return error / ldexp(1.0, ilogb(exact) - (FLT_MANT_DIG - 1));
}

static double check_chunk(const psq_kern *k, int which, int64_t n, const float *x, float *y) {
    const act *const a = &acts[which];
    double worst = 0.0;
    call(k, which, n, x, y);
    for (int64_t i = 0; i < n; i++) {
        const float naive = a->naive(x[i]);
        if (float_bits(y[i]) != float_bits(naive)) {
            fail_msg("%s: %s(%a) is %a, not %a", k->name, a->name, (double)x[i], (double)y[i],
                     (double)naive);
        }
        const double error = ulp_error(a->exact((double)x[i]), y[i], a);
        if (error > a->max_ulp) {
            fail_msg("%s: %s(%a) is %a, off by %f ulp", k->name, a->name, (double)x[i],
                     (double)y[i], error);
        }
        worst = error > worst ? error : worst;
    }
    return worst;
}

static void check_all_floats(const psq_kern *k) {
    const char *const exhaustive = getenv("PSQ_EXHAUSTIVE");
    const uint64_t stride = exhaustive != NULL && exhaustive[0] == '1' ? 1 : 4093;
    static float x[N_CHUNK];
    static float y[N_CHUNK];
    for (int which = 0; which < N_FUNCTIONS; which++) {
        double worst = 0.0;
        for (uint64_t next = 0; next <= UINT32_MAX;) {
            int64_t n = 0;
            for (; n < N_CHUNK && next <= UINT32_MAX; next += stride) {
                x[n++] = bits_float((uint32_t)next);
            }
            const double error = check_chunk(k, which, n, x, y);
            worst = error > worst ? error : worst;
        }
        print_message("%s %s: %.3f ulp\n", k->name, acts[which].name, worst);
    }
}

static void act_all_floats(void **state) {
    (void)state;
    each_table(PSQ_F32, check_all_floats);
}

// Both neighbours of everything where a formula changes.
static void check_borders(const psq_kern *k) {
    static const float borders[] = {
        0.0F,       FLT_MIN,        FLT_MAX,       88.0F,     87.336544F, 88.72284F, 89.0F,
        104.0F,     103.97208F,     9.1F,          9.010913F, 0x1p-149F,  1.0F,      2.0F,
        0.5F,       0x1.6a09e6p-1F, 0x1.62e43p-2F, 0.173287F, 1.0397208F, 0x1p-24F,  0x1p-12F,
        16777216.F, 0x1.6a09e6p+0F, 44.0F,         16.635532F};
    const int n_borders = sizeof borders / sizeof borders[0];
    float x[6 * sizeof borders / sizeof borders[0]];
    float y[6 * sizeof borders / sizeof borders[0]];
    int64_t n = 0;
    for (int i = 0; i < n_borders; i++) {
        for (float sign = -1.0F; sign <= 1.0F; sign += 2.0F) {
            x[n++] = sign * nextafterf(borders[i], -INFINITY);
            x[n++] = sign * borders[i];
            x[n++] = sign * nextafterf(borders[i], INFINITY);
        }
    }
    for (int which = 0; which < N_FUNCTIONS; which++) {
        (void)check_chunk(k, which, n, x, y);
    }
}

static void act_borders(void **state) {
    (void)state;
    each_table(PSQ_F32, check_borders);
}

static void check_edges(const psq_kern *k) {
    static const float x[] = {0.0F, -0.0F, INFINITY, -INFINITY, NAN, -1.0F, 1.0F, -NAN};
    enum { N = sizeof x / sizeof x[0] };
    static const float wanted[N_FUNCTIONS][N] = {
        {0.5F, 0.5F, 1.0F, 0.0F, NAN, 0x1.136562p-2F, 0x1.764d5p-1F, NAN},
        {0.0F, -0.0F, 1.0F, -1.0F, NAN, -0x1.85efacp-1F, 0x1.85efacp-1F, NAN},
        {1.0F, 1.0F, INFINITY, 0.0F, NAN, 0x1.78b564p-2F, 0x1.5bf0a8p+1F, NAN},
        {-INFINITY, -INFINITY, INFINITY, NAN, NAN, NAN, 0.0F, NAN},
    };
    float y[N];
    for (int which = 0; which < N_FUNCTIONS; which++) {
        call(k, which, N, x, y);
        for (int i = 0; i < N; i++) {
            if (x[i] != 1.0F && x[i] != -1.0F) {
                assert_bits(k->name, acts[which].name, 1, &y[i], &wanted[which][i]);
            } else { // nearest floats of the true values
                assert_true(isnan(wanted[which][i]) ? isnan(y[i])
                                                    : fabsf(y[i] - wanted[which][i]) <= 0x1p-23F);
            }
        }
    }
}

static void act_edges(void **state) {
    (void)state;
    each_table(PSQ_F32, check_edges);
}

// Every length, in place and misaligned, with nothing written outside.
static void check_rows(const psq_kern *k) {
    uint32_t random = 1;
    for (int64_t n = 0; n <= 40; n++) {
        for (int which = 0; which < N_FUNCTIONS; which++) {
            guarded x = guarded_fill(n, n % 3, random_awkward, &random);
            guarded y = guarded_new(n, n % 4);
            call(k, which, n, x.row, y.row);
            for (int64_t i = 0; i < n; i++) {
                const float wanted = acts[which].naive(x.row[i]);
                assert_bits(k->name, acts[which].name, 1, &y.row[i], &wanted);
            }
            call(k, which, n, x.row, x.row);
            assert_bits(k->name, "in place", n, x.row, y.row);
            guarded_end(k->name, acts[which].name, &x);
            guarded_end(k->name, acts[which].name, &y);
        }
    }
}

static void act_rows(void **state) {
    (void)state;
    each_table(PSQ_F32, check_rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(act_all_floats),
        cmocka_unit_test(act_borders),
        cmocka_unit_test(act_edges),
        cmocka_unit_test(act_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
