// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// optim.c: the border of the optimisers. Constants that depend on the step are computed here in
// double, so that the kernels see numbers only; the state is one flat array that mirrors the
// weights, Adam's first moments before its second ones.
#include "train/optim.h"

#include <float.h>
#include <math.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "kern/kern.h"
#include "train/scalar.h"

const char *psq_optim_name(psq_optim_kind kind) {
    static const char *const names[PSQ_N_OPTIM] = {
        [PSQ_SGD] = "sgd", [PSQ_ADAM] = "adam", [PSQ_ADAMW] = "adamw"};
    return (unsigned)kind < PSQ_N_OPTIM ? names[kind] : NULL;
}

// NaN is in no range.
static psq_status check_value(const char *name, const char *field, double value, double low,
                              double below, psq_error *err) {
    PSQ_REQUIRE(err, value >= low && value < below, PSQ_INVALID,
                "%s.%s is %g, must be at least %g and %s", name, field, value, low,
                below == 1.0 ? "below 1" : "finite");
    return PSQ_OK;
}

psq_status psq_optim_check(const char *name, const psq_optim *optim, psq_error *err) {
    PSQ_REQUIRE(err, optim->struct_size == sizeof *optim, PSQ_INVALID,
                "%s.struct_size is %zu, must be %zu", name, optim->struct_size, sizeof *optim);
    PSQ_REQUIRE(err, (unsigned)optim->kind < PSQ_N_OPTIM, PSQ_INVALID,
                "%s.kind is %d, must be 0 to %d", name, (int)optim->kind, PSQ_N_OPTIM - 1);
    PSQ_TRY(check_value(name, "lr", optim->lr, 0.0, INFINITY, err));
    PSQ_TRY(check_value(name, "momentum", optim->momentum, 0.0, INFINITY, err));
    PSQ_TRY(check_value(name, "beta1", optim->beta1, 0.0, 1.0, err));
    PSQ_TRY(check_value(name, "beta2", optim->beta2, 0.0, 1.0, err));
    // Of a weight without a gradient Adam's quotient is 0 / eps, in float too.
    const double least_eps = optim->kind == PSQ_SGD ? 0.0 : (double)FLT_MIN;
    PSQ_TRY(check_value(name, "eps", optim->eps, least_eps, INFINITY, err));
    return check_value(name, "weight_decay", optim->weight_decay, 0.0, INFINITY, err);
}

int64_t psq_optim_n_state(const psq_optim *optim, int64_t n) {
    if (optim->kind == PSQ_SGD) {
        return optim->momentum != 0.0 ? n : 0;
    }
    return 2 * n;
}

static void step_sgd(const psq_kern *kern, const psq_optim *optim, int64_t n, void *weights,
                     const void *grads, void *state, int64_t step, double lr) {
    const psq_k_sgd k = {.lr = lr,
                         .momentum = optim->momentum,
                         .weight_decay = optim->weight_decay,
                         .first = step == 1};
    kern->sgd(n, &k, weights, grads, optim->momentum != 0.0 ? state : NULL);
}

static void step_adam(const psq_kern *kern, const psq_optim *optim, int64_t n, void *weights,
                      const void *grads, void *state, int64_t step, double lr) {
    const psq_k_adam k = {.lr = lr,
                          .beta1 = optim->beta1,
                          .beta2 = optim->beta2,
                          .eps = optim->eps,
                          .weight_decay = optim->weight_decay,
                          .correction1 = 1.0 - psq_scalar_power(optim->beta1, step),
                          .correction2 = 1.0 - psq_scalar_power(optim->beta2, step),
                          .decoupled = optim->kind == PSQ_ADAMW};
    void *const v = (char *)state + (size_t)n * psq_dtype_size(kern->dtype);
    kern->adam(n, &k, weights, grads, state, v);
}

psq_status psq_optim_step(const psq_ctx *ctx, const psq_optim *optim, psq_dtype dtype, int64_t n,
                          void *weights, const void *grads, void *state, int64_t step,
                          double lr_scale, psq_error *err) {
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, optim != NULL, PSQ_INVALID, "optim is NULL");
    PSQ_TRY(psq_optim_check("optim", optim, err));
    const psq_kern *const kern = psq_kern_choose(ctx, dtype);
    PSQ_REQUIRE(err, kern != NULL, PSQ_INVALID, "dtype is %d, must be PSQ_F32 or PSQ_F64",
                (int)dtype);
    PSQ_REQUIRE(err, n >= 0, PSQ_INVALID, "n is %lld, must be at least 0", (long long)n);
    PSQ_REQUIRE(err, n == 0 || weights != NULL, PSQ_INVALID, "weights is NULL, n is %lld",
                (long long)n);
    PSQ_REQUIRE(err, n == 0 || grads != NULL, PSQ_INVALID, "grads is NULL, n is %lld",
                (long long)n);
    PSQ_REQUIRE(err, n == 0 || state != NULL || psq_optim_n_state(optim, 1) == 0, PSQ_INVALID,
                "state is NULL, %s wants %lld elements for each of %lld weights",
                psq_optim_name(optim->kind), (long long)psq_optim_n_state(optim, 1), (long long)n);
    PSQ_REQUIRE(err, step >= 1, PSQ_INVALID, "step is %lld, must be at least 1", (long long)step);
    PSQ_REQUIRE(err, lr_scale >= 0.0 && lr_scale <= DBL_MAX, PSQ_INVALID,
                "lr_scale is %g, must be at least 0 and finite", lr_scale);
    if (n > 0) {
        const psq_fpenv saved = psq_fpenv_enter();
        const double lr = optim->lr * lr_scale;
        (optim->kind == PSQ_SGD ? step_sgd : step_adam)(kern, optim, n, weights, grads, state, step,
                                                        lr);
        psq_fpenv_leave(saved);
    }
    return PSQ_OK;
}
