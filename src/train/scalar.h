// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// scalar.h: the few functions of one double whose values reach weights and saved files, and so may
// not be the C library's (docs/bits.md, rule 4). Additions, products, quotients and square roots
// only, in a fixed order. Also elements of either dtype, read and written as doubles.
#ifndef PACKSEQ_TRAIN_SCALAR_H
#define PACKSEQ_TRAIN_SCALAR_H

#include <assert.h>
#include <stdint.h>

#include "packseq/base.h"

// The natural logarithm of x, finite, normal and above 0: relative error below 1e-15.
double psq_scalar_log(double x);
// cos(pi x) for x in [0, 1]: absolute error below 1e-15; exactly 1, 0 and -1 at 0, 1/2 and 1.
double psq_scalar_cos_pi(double x);
// base to the power n >= 0, by squaring.
double psq_scalar_power(double base, int64_t n);

// Element i of x, which holds PSQ_F32 or PSQ_F64.
static inline double psq_load(psq_dtype dtype, const void *x, int64_t i) {
    assert(dtype == PSQ_F32 || dtype == PSQ_F64);
    return dtype == PSQ_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static inline void psq_store(psq_dtype dtype, void *x, int64_t i, double value) {
    assert(dtype == PSQ_F32 || dtype == PSQ_F64);
    if (dtype == PSQ_F32) {
        ((float *)x)[i] = (float)value;
    } else {
        ((double *)x)[i] = value;
    }
}

#endif
