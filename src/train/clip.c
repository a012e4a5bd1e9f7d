// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// clip.c: the norm of a gradient and its clipping. The sum of squares is accumulated in double: 16
// chains and the tree of docs/bits.md, rule 3, so that no float gradient's norm overflows.
#include <math.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "kern/kern.h"
#include "packseq/train.h"
#include "train/scalar.h"

enum { N_CHAINS = 16 };

static double norm_of(psq_dtype dtype, int64_t n, const void *grads) {
    double s[N_CHAINS] = {0};
    for (int64_t i = 0; i < n; i++) {
        const double g = psq_load(dtype, grads, i);
        s[i % N_CHAINS] += g * g;
    }
    for (int half = N_CHAINS / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            s[i] += s[i + half];
        }
    }
    return sqrt(s[0]); // correctly rounded everywhere, as IEEE 754 asks
}

psq_status psq_clip_norm(const psq_ctx *ctx, psq_dtype dtype, int64_t n, void *grads,
                         double max_norm, double *norm, psq_error *err) {
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    const psq_kern *const kern = psq_kern_choose(ctx, dtype);
    PSQ_REQUIRE(err, kern != NULL, PSQ_INVALID, "dtype is %d, must be PSQ_F32 or PSQ_F64",
                (int)dtype);
    PSQ_REQUIRE(err, n >= 0, PSQ_INVALID, "n is %lld, must be at least 0", (long long)n);
    PSQ_REQUIRE(err, n == 0 || grads != NULL, PSQ_INVALID, "grads is NULL, n is %lld",
                (long long)n);
    PSQ_REQUIRE(err, !isnan(max_norm), PSQ_INVALID, "max_norm is not a number");
    const psq_fpenv saved = psq_fpenv_enter();
    const double before = norm_of(dtype, n, grads);
    if (max_norm > 0.0 && before > max_norm) {
        kern->scale(n, max_norm / (before + 1e-6), grads, grads);
    }
    psq_fpenv_leave(saved);
    if (norm != NULL) {
        *norm = before;
    }
    return PSQ_OK;
}
