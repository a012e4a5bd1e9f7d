// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// scalar.c: logarithm, cosine and power of one double. They run a few times a step or once a
// weight, so plain series that are easy to bound were chosen over fast ones.
#include "train/scalar.h"

#include <string.h>

// x = m 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(f) with f = (m - 1) / (m + 1), and f^2
// is below 0.0295: the first term left out of the series is f^20 / 21 < 3e-17 of the result.
double psq_scalar_log(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t e = (int64_t)(bits >> 52) - 1023;
    bits = (bits & 0x000FFFFFFFFFFFFFU) | 0x3FF0000000000000U;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m >= 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        e++;
    }
    const double f = (m - 1.0) / (m + 1.0);
    const double f2 = f * f;
    double tail = 0.0; // f2 / 3 + f2^2 / 5 + ...
    for (int k = 9; k >= 1; k--) {
        tail = (tail + 1.0 / (2 * k + 1)) * f2;
    }
    // ln 2 in two parts: the first has 32 bits, so that its product with e is exact.
    const double high = (double)e * 0x1.62e42fefp-1;
    const double low = (double)e * 0x1.473de6af278edp-34;
    return high + (2.0 * f + (2.0 * f * tail + low));
}

// sin(y) for y in [0, pi / 4]: the first term left out, y^17 / 17!, is below 1e-16.
static double sin_small(double y) {
    const double y2 = y * y;
    double s = 1.0;
    for (int k = 7; k >= 1; k--) {
        s = 1.0 - s * y2 / (2 * k * (2 * k + 1));
    }
    return y * s;
}

// cos(pi x) = 1 - 2 sin^2(pi x / 2), and cos(pi (1 - x)) = -cos(pi x).
double psq_scalar_cos_pi(double x) {
    assert(x >= 0.0 && x <= 1.0);
    const double half_pi = 0x1.921fb54442d18p+0;
    if (x == 0.5) {
        return 0.0;
    }
    const double s = sin_small((x < 0.5 ? x : 1.0 - x) * half_pi);
    return x < 0.5 ? 1.0 - 2.0 * (s * s) : 2.0 * (s * s) - 1.0;
}

double psq_scalar_power(double base, int64_t n) {
    assert(n >= 0);
    double power = 1.0;
    for (double square = base; n > 0; n /= 2) {
        if (n % 2 == 1) {
            power *= square;
        }
        square *= square;
    }
    return power;
}
