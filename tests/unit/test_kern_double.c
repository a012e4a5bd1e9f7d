// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_kern_double.c: the double tables, which promise no bits: they agree with the float reference
// to float's precision, and their cell gradients with central differences of their forward.
#include "kern_naive.h"

enum { MAX = 133, ROWS = 5 };

static const psq_kern *float_ref(void) {
    for (const psq_kern *const *table = psq_kern_tables; *table != NULL; table++) {
        if ((*table)->dtype == PSQ_F32 && strcmp((*table)->name, "ref") == 0) {
            return *table;
        }
    }
    return NULL;
}

// The same numbers in both types.
static void fill_both(int64_t n, float *f, double *d, uint32_t *random) {
    for (int64_t i = 0; i < n; i++) {
        f[i] = random_float(random);
        d[i] = (double)f[i];
    }
}

static void assert_near(const char *what, int64_t n, const float *f, const double *d,
                        double tolerance) {
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(d[i] - (double)f[i]) <= tolerance * fmax(1.0, fabs(d[i])))) {
            fail_msg("%s[%lld] is %.17g, float has %.9g", what, (long long)i, d[i], (double)f[i]);
        }
    }
}

static void check_chains_size(const psq_kern *k, int64_t n_out, int64_t n_k) {
    static _Alignas(64) float pf[MAX * MAX + 64 * MAX], work_f[MAX * 512];
    static float wf[MAX * MAX], af[ROWS][MAX], of[ROWS][MAX], sf[MAX];
    static _Alignas(64) double pd[MAX * MAX + 64 * MAX], work_d[MAX * 512];
    static double wd[MAX * MAX], ad[ROWS][MAX], od[ROWS][MAX], sd[MAX];
    const psq_kern *const ref = float_ref();
    const void *a_rows[2][ROWS];
    void *o_rows[2][ROWS];
    const void *b_rows[2][ROWS];
    uint32_t random = (uint32_t)(n_out * 200 + n_k);
    fill_both(n_out * n_k, wf, wd, &random);
    fill_both(MAX, sf, sd, &random);
    for (int m = 0; m < ROWS; m++) {
        fill_both(n_k, af[m], ad[m], &random);
        fill_both(n_out, of[m], od[m], &random);
        a_rows[0][m] = af[m];
        a_rows[1][m] = ad[m];
        b_rows[0][m] = o_rows[0][m] = of[m];
        b_rows[1][m] = o_rows[1][m] = od[m];
    }
    assert_true(ref->panel_size(n_out, n_k) <= MAX * MAX + 64 * MAX);
    assert_true(k->panel_size(n_out, n_k) <= MAX * MAX + 64 * MAX);
    assert_true(ref->outer_work(n_out) <= MAX * 512);
    assert_true(k->outer_work(n_out) <= MAX * 512);
    ref->panel(1, n_out, n_k, wf, n_k, 1, pf);
    k->panel(1, n_out, n_k, wd, n_k, 1, pd);
    ref->tile(ROWS, 0, n_out, n_out, n_k, a_rows[0], pf, o_rows[0]);
    k->tile(ROWS, 0, n_out, n_out, n_k, a_rows[1], pd, o_rows[1]);
    for (int m = 0; m < ROWS; m++) {
        assert_near("tile", n_out, of[m], od[m], 1e-4);
    }
    ref->outer(ROWS, 0, n_k, n_out, a_rows[0], b_rows[0], wf, work_f);
    k->outer(ROWS, 0, n_k, n_out, a_rows[1], b_rows[1], wd, work_d);
    assert_near("outer", n_out * n_k, wf, wd, 1e-4);
    ref->column_sum(ROWS, 0, n_k, a_rows[0], sf);
    k->column_sum(ROWS, 0, n_k, a_rows[1], sd);
    assert_near("column_sum", MAX, sf, sd, 1e-6);
}

static void check_chains(const psq_kern *k) {
    for (int i = 0; i < N_ODD_SIZES; i++) {
        check_chains_size(k, odd_sizes[i], odd_sizes[(i * 4 + 1) % N_ODD_SIZES]);
    }
}

static void double_chains(void **state) {
    (void)state;
    each_table(PSQ_F64, check_chains);
}

static void check_rows(const psq_kern *k) {
    float xf[MAX], yf[MAX], zf[MAX];
    double xd[MAX], yd[MAX], zd[MAX];
    const psq_kern *const ref = float_ref();
    uint32_t random = 5;
    fill_both(MAX, xf, xd, &random);
    fill_both(MAX, yf, yd, &random);
#define BOTH(call_f, call_d, n, tolerance)          \
    do {                                            \
        ref->call_f;                                \
        k->call_d;                                  \
        assert_near(#call_f, n, zf, zd, tolerance); \
    } while (0)
    BOTH(sigmoid(MAX, xf, zf), sigmoid(MAX, xd, zd), MAX, 1e-6);
    BOTH(tanh(MAX, xf, zf), tanh(MAX, xd, zd), MAX, 1e-6);
    BOTH(exp(MAX, xf, zf), exp(MAX, xd, zd), MAX, 1e-6);
    BOTH(log(MAX, zf, zf), log(MAX, zd, zd), MAX, 1e-6);
    BOTH(add(MAX, xf, yf, zf), add(MAX, xd, yd, zd), MAX, 1e-6);
    BOTH(mul(MAX, xf, yf, zf), mul(MAX, xd, yd, zd), MAX, 1e-6);
    BOTH(max(MAX, xf, yf, zf), max(MAX, xd, yd, zd), MAX, 0.0);
    BOTH(scale(MAX, 0.3, xf, zf), scale(MAX, 0.3, xd, zd), MAX, 1e-6);
#undef BOTH
    assert_true(fabs(k->sum(MAX, xd) - ref->sum(MAX, xf)) < 1e-4);
    assert_true(fabs(k->dot(MAX, xd, yd) - ref->dot(MAX, xf, yf)) < 1e-4);
    const double loss = ref->softmax_loss(MAX, xf, 7, 0.5, zf);
    assert_true(fabs(k->softmax_loss(MAX, xd, 7, 0.5, zd) - loss) < 1e-5);
    assert_near("dlogits", MAX, zf, zd, 1e-6);
    double small[3] = {0x1p-100, -0x1.fp-101, 1e-300};
    k->flush(3, small);
    assert_true(small[0] == 0x1p-100 && small[1] == 0.0 && small[2] == 0.0);
}

static void double_rows(void **state) {
    (void)state;
    each_table(PSQ_F64, check_rows);
}

// Double's own precision: known values to 1e-15.
static void check_precision(const psq_kern *k) {
    const double x[3] = {1.0, -0.5, 30.0};
    double y[3];
    k->sigmoid(3, x, y);
    assert_true(fabs(y[0] - 0.7310585786300048793) < 1e-15);
    assert_true(fabs(y[1] - 0.3775406687981454353) < 1e-15);
    k->tanh(3, x, y);
    assert_true(fabs(y[0] - 0.7615941559557648881) < 1e-15);
    k->exp(3, x, y);
    assert_true(fabs(y[0] - 2.7182818284590452354) < 1e-15);
    const double logits[2] = {0.0, 0.0};
    assert_true(fabs(k->softmax_loss(2, logits, 1, 1.0, NULL) - 0.6931471805599453094) < 1e-15);
    double w = 1.0;
    double m = 0.0;
    double v = 0.0;
    const double g = 0.1;
    const psq_k_adam adam = {1e-3, 0.9, 0.999, 0.0, 0.0, 0.1, 0.001, false};
    k->adam(1, &adam, &w, &g, &m, &v); // the first step without eps is lr
    assert_true(fabs(w - 0.999) < 1e-12);
    const psq_k_sgd sgd = {0.1, 0.0, 0.0, false};
    k->sgd(1, &sgd, &w, &g, NULL);
    assert_true(fabs(w - 0.989) < 1e-12);
}

static void double_precision(void **state) {
    (void)state;
    each_table(PSQ_F64, check_precision);
}

// ---- finite differences

enum { H = 5, N_IN = 6 * H }; // 4 gates (of one block of units: in no other order), h_prev, c_prev

// The scalar: dh . h + dc . c of one row.
static double objective(const psq_kern *k, psq_cell cell, const double *in, const double *dh,
                        const double *dc) {
    double c[H] = {0};
    double h[H];
    const psq_k_row row = {.pre = in, .h_prev = in + 4 * H, .c_prev = in + 5 * H, .c = c, .h = h};
    k->forward[cell](1, 0, H, H, &row);
    return k->dot(H, dh, h) + (cell == PSQ_LSTM ? k->dot(H, dc, c) : 0.0);
}

static void check_gradient(const psq_kern *k, psq_cell cell) {
    double in[N_IN], gates[4 * H], dgates[4 * H], c[H], h[H], dh[H], dc[H], carry[H], m[H];
    uint32_t random = 40 + (uint32_t)cell;
    for (int i = 0; i < N_IN; i++) {
        in[i] = (double)random_float(&random);
    }
    for (int i = 0; i < H; i++) {
        dh[i] = (double)random_float(&random);
        dc[i] = carry[i] = (double)random_float(&random);
    }
    const psq_k_row row = {in, gates, dgates, in + 4 * H, in + 5 * H, c, h, dh, carry, m};
    k->forward[cell](1, 0, H, H, &row);
    k->backward[cell](1, 0, H, H, &row);
    const int n_in = cell < PSQ_LSTM ? H : N_IN;
    for (int i = 0; i < n_in; i++) {
        const double kept = in[i];
        const double step = 1e-5;
        in[i] = kept + step;
        const double above = objective(k, cell, in, dh, dc);
        in[i] = kept - step;
        const double below = objective(k, cell, in, dh, dc);
        in[i] = kept;
        double wanted = 0.0; // GRU looks at no c, LSTM's epilogue at no h of the step before
        if (i < 4 * H) {
            wanted = dgates[i];
        } else if (cell == (i < 5 * H ? PSQ_GRU : PSQ_LSTM)) {
            wanted = carry[i % H];
        }
        if (!(fabs((above - below) / (2.0 * step) - wanted) < 1e-8)) {
            fail_msg("%s, cell %d: gradient %d is %.12g, the difference %.12g", k->name, (int)cell,
                     i, wanted, (above - below) / (2.0 * step));
        }
    }
    if (cell == PSQ_LSTM) {
        assert_memory_equal(m, h, sizeof m);
    }
}

static void check_gradients(const psq_kern *k) {
    for (psq_cell cell = 0; cell < PSQ_N_CELL; cell++) {
        check_gradient(k, cell);
    }
}

static void double_gradients(void **state) {
    (void)state;
    each_table(PSQ_F64, check_gradients);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(double_chains),
        cmocka_unit_test(double_rows),
        cmocka_unit_test(double_precision),
        cmocka_unit_test(double_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
