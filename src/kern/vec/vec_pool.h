// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_pool.h: ref/pool.h in vectors. Rows are often short and end one by one, so the rest of a row
// is one masked vector, never a loop. Sequences become lanes by transposing squares of WIDTH.

// e^x as ref/act.h has it. n is halved downwards by rounding n / 2 - 1/4.
static inline vec v_exp(vec x) {
    const vec magic = v_set(0x1.8p+23F);
    const vec y = v_max(v_set(-104.0F), v_min(v_set(89.0F), x));
    const vec n = v_sub(v_fma(y, v_set(0x1.715476p+0F), magic), magic);
    const vec half = v_add(v_fma(n, v_set(0.5F), v_set(-0.25F)), magic);
    const vec rest = v_add(v_sub(n, v_sub(half, magic)), magic);
    const vec low = v_pow2(half);
    vec p;
    (void)v_exp_core(y, &p);
    return v_mul(v_fma(low, p, low), v_pow2(rest));
}

// ---- folds

// A NaN beats every value and stays: the bits of a NaN or-ed into any others are one.
static INLINE vec folded(psq_k_pool op, vec s, vec a, vec b) {
    switch ((int)op) {
    case PSQ_K_POOL_SUM:
        return v_add(s, a);
    case PSQ_K_POOL_MAX:
        return v_or(v_max(a, s), v_where_same(a, v_set(NAN), a));
    default: // PSQ_K_POOL_FMA, PSQ_K_POOL_FMA_ROW
        return v_fma(a, b, s);
    }
}

// n elements, up to WIDTH, from element i of row r, into s.
static INLINE vec fold_some(psq_k_pool op, const psq_k_steps *steps, int64_t r, int64_t i,
                            int64_t n, vec s) {
    const vec a = v_load_some((const float *)steps->a[r] + i, n);
    const vec b = op == PSQ_K_POOL_FMA       ? v_load_some((const float *)steps->b[r] + i, n)
                  : op == PSQ_K_POOL_FMA_ROW ? v_set(*(const float *)steps->b[r])
                                             : v_zero();
    return folded(op, s, a, b);
}

enum { NARROW = 32 }; // elements: rows of two cache lines

// Narrow rows: all rows of some columns before the next columns, in a register. Rows that have
// ended leave the last elements as they are.
static INLINE void fold_columns(psq_k_pool op, const psq_k_steps *steps, float *u) {
    for (int64_t i = 0; i < steps->n[0]; i += WIDTH) {
        const int64_t width = steps->n[0] - i < WIDTH ? steps->n[0] - i : WIDTH;
        vec s = v_load_some(u + i, width);
        int64_t r = 0;
        for (; r < steps->n_rows && steps->n[r] >= i + WIDTH; r++) {
            s = fold_some(op, steps, r, i, WIDTH, s);
        }
        for (; r < steps->n_rows && steps->n[r] > i; r++) {
            s = v_first(fold_some(op, steps, r, i, steps->n[r] - i, s), s, steps->n[r] - i);
        }
        v_store_some(u + i, s, width);
    }
}

// Wide rows: one after the other, as they lie in memory.
static INLINE void fold_rows(psq_k_pool op, const psq_k_steps *steps, float *u) {
    for (int64_t r = 0; r < steps->n_rows; r++) {
        const int64_t n = steps->n[r];
        int64_t i = 0;
        for (; i + WIDTH <= n; i += WIDTH) {
            v_store(u + i, fold_some(op, steps, r, i, WIDTH, v_load(u + i)));
        }
        if (i < n) {
            v_store_first(u + i, fold_some(op, steps, r, i, n - i, v_load_first(u + i, n - i)),
                          n - i);
        }
    }
}

#define FOLD(name, op)                                             \
    static void name(const psq_k_steps *steps, void *u, void *v) { \
        (void)v;                                                   \
        if (steps->n_rows > 0 && steps->n[0] <= NARROW) {          \
            fold_columns(op, steps, (float *)u);                   \
        } else {                                                   \
            fold_rows(op, steps, (float *)u);                      \
        }                                                          \
    }

FOLD(k_pool_sum, PSQ_K_POOL_SUM)
FOLD(k_pool_max, PSQ_K_POOL_MAX)
FOLD(k_pool_fma, PSQ_K_POOL_FMA)
FOLD(k_pool_fma_row, PSQ_K_POOL_FMA_ROW)

// ---- spreads

// n elements, up to WIDTH, of a row; x and y are a's and b's.
static INLINE vec spread_some(psq_k_pool op, int64_t n, vec x, vec y, const float *u, float *v) {
    const vec w = v_load_some(u, n);
    const vec old = v_load_some(v, n);
    switch ((int)op) {
    case PSQ_K_POOL_COPY:
        return w;
    case PSQ_K_POOL_ADD:
        return v_add(x, w);
    case PSQ_K_POOL_DIV:
        return v_div(x, w);
    case PSQ_K_POOL_EXP_MUL:
        return v_mul(old, v_exp(v_sub(x, w)));
    case PSQ_K_POOL_SOFTMAX_BACK:
        return v_mul(y, v_sub(x, w));
    case PSQ_K_POOL_EXP_SUM: {
        const vec e = v_exp(v_sub(x, w));
        v_store_some(v, v_add(old, e), n);
        return e;
    }
    case PSQ_K_POOL_FIRST:
        v_store_some(v, v_unless_same(x, w, old), n);
        return v_where_same(x, w, old);
    default: // PSQ_K_POOL_MUL, PSQ_K_POOL_MUL_ROW
        return v_mul(x, y);
    }
}

static INLINE void spread_at(psq_k_pool op, const psq_k_steps *steps, int64_t r, int64_t i,
                             int64_t n, const float *u, float *v) {
    const bool reads_b = op == PSQ_K_POOL_MUL || op == PSQ_K_POOL_SOFTMAX_BACK;
    const vec x = op != PSQ_K_POOL_COPY ? v_load_some((const float *)steps->a[r] + i, n) : v_zero();
    const vec y = reads_b                    ? v_load_some((const float *)steps->b[r] + i, n)
                  : op == PSQ_K_POOL_MUL_ROW ? v_set(*(const float *)steps->b[r])
                                             : v_zero();
    const vec out = spread_some(op, n, x, y, u + i, v + i);
    if (op != PSQ_K_POOL_EXP_SUM || steps->out != NULL) {
        v_store_some((float *)steps->out[r] + i, out, n);
    }
}

static INLINE void spread(psq_k_pool op, const psq_k_steps *steps, const float *u, float *v) {
    for (int64_t r = 0; r < steps->n_rows; r++) {
        const int64_t n = steps->n[r];
        int64_t i = 0;
        for (; i + WIDTH <= n; i += WIDTH) {
            spread_at(op, steps, r, i, WIDTH, u, v);
        }
        if (i < n) {
            spread_at(op, steps, r, i, n - i, u, v);
        }
    }
}

#define SPREAD(name, op)                                           \
    static void name(const psq_k_steps *steps, void *u, void *v) { \
        spread(op, steps, (const float *)u, (float *)v);           \
    }

SPREAD(k_pool_exp_sum, PSQ_K_POOL_EXP_SUM)
SPREAD(k_pool_copy, PSQ_K_POOL_COPY)
SPREAD(k_pool_add, PSQ_K_POOL_ADD)
SPREAD(k_pool_mul, PSQ_K_POOL_MUL)
SPREAD(k_pool_div, PSQ_K_POOL_DIV)
SPREAD(k_pool_exp_mul, PSQ_K_POOL_EXP_MUL)
SPREAD(k_pool_softmax_back, PSQ_K_POOL_SOFTMAX_BACK)
SPREAD(k_pool_first, PSQ_K_POOL_FIRST)
SPREAD(k_pool_mul_row, PSQ_K_POOL_MUL_ROW)

// ---- dot products

static float dot_of(int64_t n, const float *a, const float *b) {
    enum { N_SUMS = N_CHAINS / WIDTH };
    float chains[N_CHAINS];
    vec s[N_SUMS];
    UNROLL
    for (int j = 0; j < N_SUMS; j++) {
        s[j] = v_zero();
    }
    int64_t i = 0;
    for (; i + N_CHAINS <= n; i += N_CHAINS) {
        UNROLL
        for (int j = 0; j < N_SUMS; j++) {
            s[j] = v_fma(v_load(a + i + j * WIDTH), v_load(b + i + j * WIDTH), s[j]);
        }
    }
    UNROLL
    for (int j = 0; j < N_SUMS; j++) {
        v_store(chains + j * WIDTH, s[j]);
    }
    for (int64_t j = 0; i + j < n; j++) {
        chains[j] = fmaf(a[i + j], b[i + j], chains[j]);
    }
    return tree(chains);
}

static void k_pool_dot_row(const psq_k_steps *steps, void *u, void *v) {
    (void)u, (void)v;
    for (int64_t r = 0; r < steps->n_rows; r++) {
        *(float *)steps->out[r] =
            dot_of(steps->n[r], (const float *)steps->a[r], (const float *)steps->b[r]);
    }
}

// ---- lanes

// How many of the WIDTH steps from t on there are.
static inline int64_t steps_left(int64_t n, int64_t t) {
    return n <= t ? 0 : n - t < WIDTH ? n - t : WIDTH;
}

// Masked, whether or not all are there: where lanes end nobody foresees.
static inline vec load_lane(const float *lane, int64_t n, int64_t t) {
    return v_load_first(lane + (t < n ? t : n), steps_left(n, t));
}

static inline void store_lane(float *lane, int64_t n, int64_t t, int64_t height, vec a) {
    const int64_t left = steps_left(n, t);
    v_store_first(lane + (t < n ? t : n), a, left < height ? left : height);
}

static void k_to_lanes(int64_t n_lanes, int64_t n_steps, const void *const *from, const int64_t *n,
                       void *to) {
    for (int64_t lane = 0; lane < n_lanes; lane += WIDTH) {
        const int64_t width = steps_left(n_lanes, lane);
        for (int64_t t = 0; t < n_steps; t += WIDTH) {
            const int64_t height = steps_left(n_steps, t);
            vec square[WIDTH];
            UNROLL
            for (int i = 0; i < WIDTH; i++) {
                square[i] =
                    i < width ? load_lane((const float *)from[lane + i], n[lane + i], t) : v_zero();
            }
            v_transpose(square);
            UNROLL
            for (int i = 0; i < WIDTH; i++) {
                if (i < height) {
                    v_store_some((float *)to + (t + i) * n_lanes + lane, square[i], width);
                }
            }
        }
    }
}

static void k_from_lanes(int64_t n_lanes, int64_t n_steps, const void *from, const int64_t *n,
                         void *const *to) {
    for (int64_t lane = 0; lane < n_lanes; lane += WIDTH) {
        const int64_t width = steps_left(n_lanes, lane);
        for (int64_t t = 0; t < n_steps; t += WIDTH) {
            const int64_t height = steps_left(n_steps, t);
            vec square[WIDTH];
            UNROLL
            for (int i = 0; i < WIDTH; i++) {
                square[i] = i < height
                                ? v_load_some((const float *)from + (t + i) * n_lanes + lane, width)
                                : v_zero();
            }
            v_transpose(square);
            UNROLL
            for (int i = 0; i < WIDTH; i++) {
                if (i < width) {
                    store_lane((float *)to[lane + i], n[lane + i], t, height, square[i]);
                }
            }
        }
    }
}
