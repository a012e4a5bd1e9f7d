// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// schedule.c: the factor of the learning rate as a function of the step, and nothing else: no
// state, so that a fit may begin anywhere.
#include "base/fpenv.h"
#include "packseq/train.h"
#include "train/scalar.h"

const char *psq_schedule_name(psq_schedule_kind kind) {
    static const char *const names[PSQ_N_SCHEDULE] = {[PSQ_SCHEDULE_CONSTANT] = "constant",
                                                      [PSQ_SCHEDULE_LINEAR] = "linear",
                                                      [PSQ_SCHEDULE_COSINE] = "cosine"};
    return (unsigned)kind < PSQ_N_SCHEDULE ? names[kind] : NULL;
}

// The kind's factor at progress p, 0 at the end of the warm-up, 1 at the last step.
static double decay(psq_schedule_kind kind, double p) {
    if (kind == PSQ_SCHEDULE_LINEAR) {
        return 1.0 - p;
    }
    if (kind == PSQ_SCHEDULE_COSINE) {
        return 0.5 * (1.0 + psq_scalar_cos_pi(p));
    }
    return 1.0;
}

double psq_schedule_factor(psq_schedule_kind kind, int64_t step, int64_t n_steps,
                           int64_t n_warmup) {
    step = step < n_steps ? step : n_steps;
    step = step > 0 ? step : 0;
    n_warmup = n_warmup > 0 ? n_warmup : 0;
    const psq_fpenv saved = psq_fpenv_enter();
    double factor = 1.0;
    if (step < n_warmup) {
        factor = (double)step / (double)n_warmup;
    } else if (n_warmup < n_steps) {
        factor = decay(kind, (double)(step - n_warmup) / (double)(n_steps - n_warmup));
    }
    psq_fpenv_leave(saved);
    return factor;
}
