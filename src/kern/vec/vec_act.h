// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_act.h: sigmoid and tanh of a vector: the operations of ref/act.h one by one, so its bits.
// What they compute and why is said there.

static inline vec v_abs(vec x) {
    return v_and(x, v_set(float_of(0x7fffffffU)));
}

static inline vec v_sign(vec x) {
    return v_and(x, v_set(-0.0F));
}

// e^y = scale (1 + p).
static inline vec v_exp_core(vec y, vec *p) {
    const vec t = v_fma(y, v_set(0x1.715476p+0F), v_set(0x1.8p+23F));
    const vec n = v_sub(t, v_set(0x1.8p+23F));
    const vec r = v_fma(n, v_set(-LN2_LOW), v_fma(n, v_set(-LN2_HIGH), y));
    vec q = v_fma(r, v_set(0x1.6d9932p-10F), v_set(0x1.12281cp-7F));
    q = v_fma(q, r, v_set(0x1.555486p-5F));
    q = v_fma(q, r, v_set(0x1.5554bp-3F));
    q = v_fma(q, r, v_set(0x1p-1F));
    *p = v_fma(v_mul(r, r), q, r);
    return v_pow2(t);
}

static inline vec v_sigmoid(vec x) {
    const vec one = v_set(1.0F);
    const vec minus_x = v_xor(x, v_set(-0.0F));
    vec p;
    const vec y = v_max(v_set(-88.0F), v_min(v_set(88.0F), minus_x));
    const vec scale = v_exp_core(y, &p);
    const vec s = v_div(one, v_add(v_fma(scale, p, scale), one));
    return v_unless_less(x, v_set(-88.0F), s);
}

static inline vec v_tanh(vec x) {
    vec p;
    const vec a = v_min(v_set(9.1F), v_abs(x));
    const vec scale = v_exp_core(v_add(a, a), &p);
    const vec e = v_fma(scale, p, v_sub(scale, v_set(1.0F)));
    return v_or(v_div(e, v_add(e, v_set(2.0F))), v_sign(x));
}

// Fading gradients end here (docs/bits.md, rule 5).
static inline vec v_flush(vec x) {
    return v_unless_less(v_abs(x), v_set(0x1p-100F), x);
}

#define VECTOR_MAP(name, function)                                             \
    static void name(int64_t n, const void *x, void *y) {                      \
        const float *const from = (const float *)x;                            \
        float *const to = (float *)y;                                          \
        int64_t i = 0;                                                         \
        for (; i + WIDTH <= n; i += WIDTH) {                                   \
            v_store(to + i, function(v_load(from + i)));                       \
        }                                                                      \
        v_store_first(to + i, function(v_load_first(from + i, n - i)), n - i); \
    }

VECTOR_MAP(k_sigmoid, v_sigmoid)
VECTOR_MAP(k_tanh, v_tanh)
