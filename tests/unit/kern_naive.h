// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kern_naive.h: what the kernel tests share: a walk over the tables that this CPU runs, rows with
// guards, awkward numbers, a comparison of bits, and the activations of docs/bits.md, rule 4,
// written a second time in another way (exponents by rint, ldexp and frexp instead of bit
// operations).
#ifndef PACKSEQ_TESTS_KERN_NAIVE_H
#define PACKSEQ_TESTS_KERN_NAIVE_H

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "kern/kern.h"

typedef void (*kern_check)(const psq_kern *k);

static inline void each_table(psq_dtype dtype, kern_check check) {
    int n = 0;
    for (const psq_kern *const *table = psq_kern_tables; *table != NULL; table++) {
        if ((*table)->dtype == dtype && ((*table)->cpu & ~psq_cpu_detect()) == 0) {
            check(*table);
            n++;
        }
    }
    assert_true(n > 0);
}

static const int64_t odd_sizes[] = {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 133};
enum { N_ODD_SIZES = sizeof odd_sizes / sizeof odd_sizes[0] };

// ---- numbers

static inline uint32_t random_word(uint32_t *state) {
    *state = *state * 1664525U + 1013904223U;
    uint32_t x = *state;
    x ^= x >> 16;
    x *= 0x85ebca6bU;
    return x ^ (x >> 13);
}

// Uniform in [-2, 2).
static inline float random_float(uint32_t *state) {
    return (float)(random_word(state) >> 8) * 0x1p-22F - 2.0F;
}

// One in eight is awkward.
static inline float random_awkward(uint32_t *state) {
    static const float awkward[] = {0.0F,     -0.0F,   INFINITY, -INFINITY,   NAN,       0x1p-149F,
                                    -FLT_MIN, FLT_MAX, -FLT_MAX, 0x1.8p-130F, 0x1p-100F, -88.5F,
                                    1.0F,     -1.0F,   100.0F,   0x1.8p-101F, 0x1p+60F};
    const uint32_t word = random_word(state);
    return word % 8 == 0 ? awkward[(word >> 8) % (sizeof awkward / sizeof awkward[0])]
                         : random_float(state);
}

// From 2^-120 to 2^8, so that products fall on both sides of the flush threshold.
static inline float random_fading(uint32_t *state) {
    const int exponent = (int)(random_word(state) >> 8) % 128 - 120;
    return ldexpf(random_float(state), exponent);
}

static inline uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return isnan(x) ? 0x7fc00000U : bits;
}

static inline float bits_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline void assert_bits(const char *table, const char *what, int64_t n, const float *got,
                               const float *wanted) {
    for (int64_t i = 0; i < n; i++) {
        if (float_bits(got[i]) != float_bits(wanted[i])) {
            fail_msg("%s: %s[%lld] of %lld is %a, not %a", table, what, (long long)i, (long long)n,
                     (double)got[i], (double)wanted[i]);
        }
    }
}

// ---- rows: n floats at a misaligned address, with guards on both sides

enum { GUARD = 16 };
#define GUARD_VALUE (-12345.678F)

typedef struct guarded {
    float *all;
    float *row;
    int64_t n;
    int64_t n_all;
} guarded;

static inline guarded guarded_new(int64_t n, int64_t misalign) {
    guarded g = {NULL, NULL, n, n + 2 * GUARD + misalign};
    g.all = malloc((size_t)g.n_all * sizeof *g.all);
    assert_non_null(g.all);
    for (int64_t i = 0; i < g.n_all; i++) {
        g.all[i] = GUARD_VALUE;
    }
    g.row = g.all + GUARD + misalign;
    return g;
}

// At a multiple of 64 bytes.
static inline guarded guarded_new_aligned(int64_t n) {
    guarded g = guarded_new(n, 16);
    g.row -= ((uintptr_t)g.row % 64) / sizeof *g.row;
    return g;
}

static inline guarded guarded_fill(int64_t n, int64_t misalign, float (*make)(uint32_t *),
                                   uint32_t *state) {
    const guarded g = guarded_new(n, misalign);
    for (int64_t i = 0; i < n; i++) {
        g.row[i] = make(state);
    }
    return g;
}

static inline guarded guarded_copy(const guarded *from, int64_t misalign) {
    const guarded g = guarded_new(from->n, misalign);
    memcpy(g.row, from->row, (size_t)from->n * sizeof *g.row);
    return g;
}

// Frees, after looking at the guards.
static inline void guarded_end(const char *table, const char *what, guarded *g) {
    for (int64_t i = 0; i < g->n_all; i++) {
        const float *const p = g->all + i;
        if ((p < g->row || p >= g->row + g->n) && float_bits(*p) != float_bits(GUARD_VALUE)) {
            fail_msg("%s: %s of %lld written at %lld", table, what, (long long)g->n,
                     (long long)(p - g->row));
        }
    }
    free(g->all);
    g->all = NULL;
}

// ---- docs/bits.md, rule 4, a second time

// p of e^y = 2^n (1 + p).
static inline float naive_exp_core(float y, int *n) {
    const double rounded = rint((double)y * (double)0x1.715476p+0F); // the product is exact
    const float r = fmaf((float)rounded, -0x1.7f7d1cp-20F, fmaf((float)rounded, -0x1.62e4p-1F, y));
    const float q[] = {0x1p-1F, 0x1.5554bp-3F, 0x1.555486p-5F, 0x1.12281cp-7F, 0x1.6d9932p-10F};
    float s = q[4];
    for (int i = 3; i >= 0; i--) {
        s = fmaf(s, r, q[i]);
    }
    *n = isnan(y) ? 0 : (int)rounded;
    return fmaf(r * r, s, r);
}

static inline float naive_sigmoid(float x) {
    if (x < -88.0F) {
        return 0.0F;
    }
    int n;
    const float y = x > 88.0F ? -88.0F : -x;
    const float p = naive_exp_core(y, &n);
    const float scale = n == -127 ? 0.0F : ldexpf(1.0F, n);
    return 1.0F / (fmaf(scale, p, scale) + 1.0F);
}

static inline float naive_tanh(float x) {
    if (isnan(x)) {
        return x;
    }
    int n;
    const float a = fabsf(x) > 9.1F ? 9.1F : fabsf(x);
    const float p = naive_exp_core(2.0F * a, &n);
    const float e = fmaf(ldexpf(1.0F, n), p, ldexpf(1.0F, n) - 1.0F);
    return copysignf(e / (e + 2.0F), x);
}

static inline float naive_exp(float x) {
    int n;
    const float y = x > 89.0F ? 89.0F : x < -104.0F ? -104.0F : x;
    const float p = naive_exp_core(y, &n);
    const int half = (n - (n % 2 != 0 && n < 0 ? 1 : 0)) / 2;
    return fmaf(ldexpf(1.0F, half), p, ldexpf(1.0F, half)) * ldexpf(1.0F, n - half);
}

static inline float naive_log(float x) {
    if (isnan(x) || x < 0.0F) {
        return NAN;
    }
    if (x == 0.0F || x == INFINITY) {
        return x == 0.0F ? -INFINITY : x;
    }
    int exponent;
    float m = frexpf(x, &exponent); // from 1/2 to 1
    if (m < 0x1.6a09e6p-1F) {
        m *= 2.0F;
        exponent--;
    }
    const float e = (float)exponent;
    const float f = m - 1.0F;
    const float s = f / (2.0F + f);
    const float z = s * s;
    const float c[] = {2.0F / 3.0F, 2.0F / 5.0F, 2.0F / 7.0F, 2.0F / 9.0F, 2.0F / 11.0F};
    float t = c[4];
    for (int i = 3; i >= 0; i--) {
        t = fmaf(t, z, c[i]);
    }
    const float rest = fmaf(s, f - t * z, e * -0x1.7f7d1cp-20F);
    return fmaf(e, 0x1.62e4p-1F, f - rest);
}

static inline float naive_flush(float x) {
    return fabsf(x) < 0x1p-100F ? 0.0F : x;
}

// The fixed tree over 16 chains (rule 3).
static inline float naive_tree(const float s[16]) {
    float t[16];
    memcpy(t, s, sizeof t);
    for (int half = 8; half >= 1; half /= 2) {
        for (int i = 0; i < half; i++) {
            t[i] = t[i] + t[i + half];
        }
    }
    return t[0];
}

#endif
