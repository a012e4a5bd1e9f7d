// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_numbers.c: sizes, ranges, random and awkward numbers, elements of both types.
#include <math.h>
#include <string.h>

#include "kc.h"

// 1 to 70, and some around powers of two and beyond them.
int64_t kc_size(int i) {
    static const int64_t large[] = {100, 127, 128, 129, 130, 200, 272};
    const int n_small = KC_N_SIZES - (int)(sizeof large / sizeof large[0]);
    return i < n_small ? i + 1 : large[i - n_small];
}

uint64_t kc_word(kc *c) {
    c->random += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t x = c->random;
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

int64_t kc_below(kc *c, int64_t n) {
    return (int64_t)(kc_word(c) % (uint64_t)n);
}

double kc_plain(kc *c) {
    return (double)(kc_word(c) >> 40) * 0x1p-22 - 2.0;
}

double kc_fading(kc *c) {
    const int exponent = (int)kc_below(c, 128) - 120;
    return (double)(float)ldexp(kc_plain(c), exponent);
}

double kc_any(kc *c) {
    const uint32_t bits = (uint32_t)kc_word(c);
    float x;
    memcpy(&x, &bits, sizeof x);
    return isnan(x) ? (double)NAN : (double)x;
}

double kc_awkward(kc *c) {
    static const double awkward[] = {0.0,
                                     -0.0,
                                     (double)INFINITY,
                                     -(double)INFINITY,
                                     (double)NAN,
                                     0x1p-149,
                                     -0x1p-126,
                                     0x1.8p-130,
                                     0x1.fffffep+127,
                                     -0x1.fffffep+127,
                                     0x1p-100,
                                     -0x1p-100,
                                     0x1.8p-101,
                                     -0x1.8p-101,
                                     0x1.fffffep-101,
                                     -0x1.000002p-100,
                                     0x1p+60,
                                     100.0,
                                     1.0,
                                     -1.0,
                                     -88.5,
                                     -0x1.600002p+6, // sigmoid is 0 below -88
                                     -0x1.6p+6,
                                     9.1,
                                     -9.2,
                                     0x1.62e42ep+6,
                                     -103.9,
                                     -104.5};
    const uint64_t word = kc_word(c);
    return word % 8 == 0 ? awkward[(word >> 8) % (sizeof awkward / sizeof awkward[0])]
                         : kc_plain(c);
}

double kc_zero(kc *c) {
    (void)c;
    return 0.0;
}

void kc_units(kc *c, int64_t n, int64_t *first, int64_t *end) {
    const int64_t n_units = (n + PSQ_K_UNIT - 1) / PSQ_K_UNIT;
    const bool everything = kc_below(c, 3) == 0;
    const int64_t unit = everything ? 0 : kc_below(c, n_units + 1);
    const int64_t last = everything ? n_units : unit + kc_below(c, n_units - unit + 1);
    *first = unit * PSQ_K_UNIT < n ? unit * PSQ_K_UNIT : n;
    *end = last * PSQ_K_UNIT < n ? last * PSQ_K_UNIT : n;
}

double kc_get(const kc *c, const unsigned char *content, int64_t i) {
    if (c->size == sizeof(double)) {
        double x;
        memcpy(&x, content + (size_t)i * sizeof x, sizeof x);
        return x;
    }
    float x;
    memcpy(&x, content + (size_t)i * sizeof x, sizeof x);
    return (double)x;
}

void kc_put(const kc *c, unsigned char *content, int64_t i, double value) {
    if (c->size == sizeof(double)) {
        memcpy(content + (size_t)i * sizeof value, &value, sizeof value);
    } else {
        const float x = (float)value;
        memcpy(content + (size_t)i * sizeof x, &x, sizeof x);
    }
}
