// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pool.h: what reduces sequences and what spreads a result over their rows again. Columns never
// meet; rows come in the order of time. A fold goes on from what u, or v, holds. A spread writes a
// row for every row; it may be the row that it reads, so it computes in strips.

static const REAL *operand(const void *const *rows, int64_t r) {
    return rows != NULL ? (const REAL *)rows[r] : NULL;
}

#define FOLD(name, expression)                                           \
    static void name(const psq_k_steps *steps, void *to_u, void *to_v) { \
        REAL *const restrict u = (REAL *)to_u;                           \
        (void)to_v;                                                      \
        for (int64_t r = 0; r < steps->n_rows; r++) {                    \
            const int64_t n = steps->n[r];                               \
            const REAL *const restrict a = (const REAL *)steps->a[r];    \
            const REAL *const restrict b = operand(steps->b, r);         \
            (void)b;                                                     \
            for (int64_t i = 0; i < n; i++) {                            \
                u[i] = (expression);                                     \
            }                                                            \
        }                                                                \
    }

// A NaN beats every value and stays; of equal values the earliest stays.
static inline REAL later_max(REAL a, REAL u) {
    return a > u || a != a ? a : u;
}

FOLD(k_pool_sum, u[i] + a[i])
FOLD(k_pool_max, later_max(a[i], u[i]))
FOLD(k_pool_fma, FMA(a[i], b[i], u[i]))
FOLD(k_pool_fma_row, FMA(*b, a[i], u[i]))

// The statement makes out[i] of x[i] and y[i], which are a's and b's, and of u[i] and v[i].
#define SPREAD(name, statement)                                            \
    static void name(const psq_k_steps *steps, void *to_u, void *to_v) {   \
        for (int64_t r = 0; r < steps->n_rows; r++) {                      \
            const REAL *const a = operand(steps->a, r);                    \
            const REAL *const b = operand(steps->b, r);                    \
            REAL *const to = steps->out != NULL ? steps->out[r] : NULL;    \
            for (int64_t first = 0; first < steps->n[r]; first += STRIP) { \
                const int64_t n = strip_at(first, steps->n[r]);            \
                const REAL *const restrict u = (const REAL *)to_u + first; \
                REAL *const restrict v = (REAL *)to_v + first;             \
                REAL x[STRIP], y[STRIP], out[STRIP];                       \
                (void)u, (void)v, (void)x, (void)y;                        \
                if (a != NULL) {                                           \
                    copy(n, a + first, x);                                 \
                }                                                          \
                if (b != NULL) {                                           \
                    copy(n, b + first, y);                                 \
                }                                                          \
                for (int64_t i = 0; i < n; i++) {                          \
                    statement                                              \
                }                                                          \
                if (to != NULL) {                                          \
                    copy(n, out, to + first);                              \
                }                                                          \
            }                                                              \
        }                                                                  \
    }

static inline bool is_it(REAL x, REAL u) {
    return x == u || (x != x && u != u);
}

SPREAD(k_pool_add, out[i] = x[i] + u[i];)
SPREAD(k_pool_mul, out[i] = x[i] * y[i];)
SPREAD(k_pool_div, out[i] = x[i] / u[i];)
SPREAD(k_pool_exp_sum, out[i] = exp_real(x[i] - u[i]); v[i] += out[i];)
SPREAD(k_pool_exp_mul, out[i] = v[i] * exp_real(x[i] - u[i]);)
SPREAD(k_pool_softmax_back, out[i] = y[i] * (x[i] - u[i]);)
SPREAD(k_pool_first, const bool hit = is_it(x[i], u[i]); out[i] = hit ? v[i] : (REAL)0;
       v[i] = hit ? (REAL)0 : v[i];)

static void k_pool_copy(const psq_k_steps *steps, void *u, void *v) {
    (void)v;
    for (int64_t r = 0; r < steps->n_rows; r++) {
        memcpy(steps->out[r], u, (size_t)steps->n[r] * sizeof(REAL));
    }
}

static void k_pool_mul_row(const psq_k_steps *steps, void *u, void *v) {
    (void)u, (void)v;
    for (int64_t r = 0; r < steps->n_rows; r++) {
        const REAL w = *(const REAL *)steps->b[r];
        for (int64_t first = 0; first < steps->n[r]; first += STRIP) {
            const int64_t n = strip_at(first, steps->n[r]);
            REAL *const out = (REAL *)steps->out[r] + first;
            REAL x[STRIP];
            copy(n, (const REAL *)steps->a[r] + first, x);
            for (int64_t i = 0; i < n; i++) {
                out[i] = x[i] * w;
            }
        }
    }
}

static void k_pool_dot_row(const psq_k_steps *steps, void *u, void *v) {
    (void)u, (void)v;
    for (int64_t r = 0; r < steps->n_rows; r++) {
        *(REAL *)steps->out[r] = (REAL)k_dot(steps->n[r], steps->a[r], steps->b[r]);
    }
}

static void k_to_lanes(int64_t n_lanes, int64_t n_steps, const void *const *from, const int64_t *n,
                       void *to) {
    REAL *const out = (REAL *)to;
    for (int64_t lane = 0; lane < n_lanes; lane++) {
        const REAL *const in = (const REAL *)from[lane];
        for (int64_t t = 0; t < n_steps; t++) {
            out[t * n_lanes + lane] = t < n[lane] ? in[t] : (REAL)0;
        }
    }
}

static void k_from_lanes(int64_t n_lanes, int64_t n_steps, const void *from, const int64_t *n,
                         void *const *to) {
    const REAL *const in = (const REAL *)from;
    for (int64_t lane = 0; lane < n_lanes; lane++) {
        REAL *const out = (REAL *)to[lane];
        for (int64_t t = 0; t < n_steps && t < n[lane]; t++) {
            out[t] = in[t * n_lanes + lane];
        }
    }
}
