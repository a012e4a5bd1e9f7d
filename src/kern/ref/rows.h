// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// rows.h: element-wise operations and sums to one value.

#define BINARY(name, expression)                                           \
    static void name(int64_t n, const void *a, const void *b, void *out) { \
        const REAL *const x = (const REAL *)a;                             \
        const REAL *const y = (const REAL *)b;                             \
        REAL *const z = (REAL *)out;                                       \
        for (int64_t i = 0; i < n; i++) {                                  \
            z[i] = (expression);                                           \
        }                                                                  \
    }

BINARY(k_add, x[i] + y[i])
BINARY(k_mul, x[i] * y[i])
BINARY(k_max, max_real(x[i], y[i]))

static void k_scale(int64_t n, double factor, const void *a, void *out) {
    const REAL f = (REAL)factor;
    const REAL *const x = (const REAL *)a;
    REAL *const z = (REAL *)out;
    for (int64_t i = 0; i < n; i++) {
        z[i] = x[i] * f;
    }
}

// Sums to one value: element i goes to chain i mod 16, and the chains are added as a fixed tree
// (docs/bits.md, rule 3), whatever the width of a vector.
enum { N_CHAINS = 16 };

static REAL tree(REAL s[N_CHAINS]) {
    for (int half = N_CHAINS / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            s[i] += s[i + half];
        }
    }
    return s[0];
}

static double k_sum(int64_t n, const void *a) {
    const REAL *const x = (const REAL *)a;
    REAL s[N_CHAINS] = {0};
    for (int64_t i = 0; i < n; i++) {
        s[i % N_CHAINS] += x[i];
    }
    return (double)tree(s);
}

static double k_dot(int64_t n, const void *a, const void *b) {
    const REAL *const x = (const REAL *)a;
    const REAL *const y = (const REAL *)b;
    REAL s[N_CHAINS] = {0};
    for (int64_t i = 0; i < n; i++) {
        s[i % N_CHAINS] = FMA(x[i], y[i], s[i % N_CHAINS]);
    }
    return (double)tree(s);
}
