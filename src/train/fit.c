// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// fit.c: the training loop. Everything random in it is a function of the seed and of where the fit
// is: the order of an epoch, the dropout of a step. All memory is taken before the first step, but
// for what sessions grow.
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/fpenv.h"
#include "base/rng.h"
#include "base/size.h"
#include "train/optim.h"
#include "train/session.h"

// Sequences of one evaluation batch of the validation samples.
enum { N_VALID_BATCH = 256 };

typedef struct fit {
    psq_session *session;
    const psq_fit_opts *opts;
    const psq_samples *train;
    const psq_samples *valid;
    void *weights;
    void *dweights;
    void *state;    // the optimiser's
    int64_t *order; // [n_seq] of this epoch
    psq_fpenv caller;
    psq_fit_progress progress;
} fit;

static psq_status check_opts(const psq_fit_opts *opts, psq_error *err) {
    PSQ_REQUIRE(err, opts->struct_size == sizeof *opts, PSQ_INVALID,
                "opts.struct_size is %zu, must be %zu", opts->struct_size, sizeof *opts);
    PSQ_TRY(psq_optim_check("opts.optim", &opts->optim, err));
    PSQ_REQUIRE(err, (unsigned)opts->schedule < PSQ_N_SCHEDULE, PSQ_INVALID,
                "opts.schedule is %d, must be 0 to %d", (int)opts->schedule, PSQ_N_SCHEDULE - 1);
    PSQ_REQUIRE(err, opts->n_warmup >= 0, PSQ_INVALID, "opts.n_warmup is %lld, must be at least 0",
                (long long)opts->n_warmup);
    PSQ_REQUIRE(err, opts->n_epochs >= 0, PSQ_INVALID, "opts.n_epochs is %lld, must be at least 0",
                (long long)opts->n_epochs);
    PSQ_REQUIRE(err, opts->batch_size >= 1, PSQ_INVALID,
                "opts.batch_size is %lld, must be at least 1", (long long)opts->batch_size);
    PSQ_REQUIRE(err, opts->clip >= 0.0 && opts->clip < INFINITY, PSQ_INVALID,
                "opts.clip is %g, must be at least 0 and finite", opts->clip);
    return PSQ_OK;
}

static psq_status check_samples(const psq_model *model, const char *name,
                                const psq_samples *samples, psq_error *err) {
    const psq_choice all = {samples, NULL, 0, samples->n_seq};
    return psq_choice_check(model, name, &all, err);
}

// ---- randomness

static void order_samples(const fit *f) {
    const int64_t n_seq = f->train->n_seq;
    for (int64_t i = 0; i < n_seq; i++) {
        f->order[i] = i;
    }
    psq_shuffle(f->opts->seed, (uint32_t)f->progress.epoch, PSQ_SHUFFLE_SAMPLES, n_seq, f->order);
}

static uint64_t dropout_seed(uint64_t seed, int64_t step) {
    uint32_t word[4];
    psq_random(seed, PSQ_STREAM_SHUFFLE, (uint64_t)step, 0, PSQ_SHUFFLE_DROPOUT_SEED, word);
    return (uint64_t)word[0] << 32 | word[1];
}

// ---- steps

static void add_result(psq_batch_result *sum, const psq_batch_result *batch) {
    sum->loss_sum += batch->loss_sum;
    sum->n_valid += batch->n_valid;
    sum->n_correct += batch->n_correct;
}

static psq_status require_finite(const char *what, double value, int64_t step, psq_error *err) {
    PSQ_REQUIRE(err, isfinite(value), PSQ_INVALID, "%s of step %lld is %s, must be finite", what,
                (long long)step, isnan(value) ? "not a number" : "infinite");
    return PSQ_OK;
}

static psq_status take_step(fit *f, const psq_choice *choice, psq_error *err) {
    const psq_model *const model = f->session->model;
    const psq_dtype dtype = model->kern->dtype;
    const psq_fit_opts *const opts = f->opts;
    psq_fit_progress *const p = &f->progress;
    const double factor = psq_schedule_factor(opts->schedule, p->step, p->n_steps, opts->n_warmup);
    memset(f->dweights, 0, (size_t)model->n_weights * model->size);
    PSQ_TRY(psq_session_run(f->session, f->weights, choice, dropout_seed(opts->seed, p->step),
                            f->dweights, NULL, NULL, &p->batch, err));
    PSQ_TRY(require_finite("the loss", p->batch.loss_sum, p->step, err));
    PSQ_TRY(psq_clip_norm(f->session->ctx, dtype, model->n_weights, f->dweights, opts->clip,
                          &p->grad_norm, err));
    PSQ_TRY(require_finite("the gradient's norm", p->grad_norm, p->step, err));
    PSQ_TRY(psq_optim_step(f->session->ctx, &opts->optim, dtype, model->n_weights, f->weights,
                           f->dweights, f->state, p->step, factor, err));
    p->lr = opts->optim.lr * factor;
    add_result(&p->train, &p->batch);
    for (int64_t b = 0; b < choice->n; b++) {
        const int64_t *const offset = f->train->offsets + choice->index[b];
        p->n_rows += offset[1] - offset[0];
    }
    return PSQ_OK;
}

static psq_status validate(fit *f, psq_error *err) {
    const int64_t n_seq = f->valid != NULL ? f->valid->n_seq : 0;
    for (int64_t first = 0; first < n_seq; first += N_VALID_BATCH) {
        const int64_t n = n_seq - first < N_VALID_BATCH ? n_seq - first : N_VALID_BATCH;
        const psq_choice choice = {f->valid, NULL, first, n};
        psq_batch_result batch;
        PSQ_TRY(psq_session_run(f->session, f->weights, &choice, 0, NULL, NULL, NULL, &batch, err));
        add_result(&f->progress.valid, &batch);
    }
    return PSQ_OK;
}

// The callback is the caller's code and runs in its mode, which it may change for good.
static psq_status report(fit *f, psq_error *err) {
    const psq_fit_opts *const opts = f->opts;
    bool goes_on = true;
    if (opts->progress != NULL) {
        psq_fpenv_leave(f->caller);
        goes_on = opts->progress(opts->progress_self, &f->progress);
        f->caller = psq_fpenv_enter();
    }
    PSQ_REQUIRE(err, goes_on, PSQ_CANCELLED,
                "opts.progress stopped the fit after step %lld of %lld",
                (long long)f->progress.step, (long long)f->progress.n_steps);
    return PSQ_OK;
}

static psq_status run_epoch(fit *f, psq_error *err) {
    psq_fit_progress *const p = &f->progress;
    const int64_t n_seq = f->train->n_seq;
    order_samples(f);
    p->train = (psq_batch_result){0.0, 0, 0};
    p->valid = (psq_batch_result){0.0, 0, 0};
    int64_t n = 0;
    for (int64_t first = 0; first < n_seq; first += n) {
        n = n_seq - first < f->opts->batch_size ? n_seq - first : f->opts->batch_size;
        const psq_choice choice = {f->train, f->order + first, 0, n};
        p->step++;
        p->epoch_end = first + n == n_seq;
        PSQ_TRY(take_step(f, &choice, err));
        if (p->epoch_end) {
            PSQ_TRY(validate(f, err));
        }
        PSQ_TRY(report(f, err));
    }
    return PSQ_OK;
}

// ---- the whole

static psq_status count_steps(fit *f, psq_error *err) {
    const int64_t n_seq = f->train->n_seq;
    const int64_t size = f->opts->batch_size;
    const int64_t n_batches = n_seq / size + (n_seq % size > 0 ? 1 : 0);
    PSQ_REQUIRE(err, psq_count_mul(n_batches, f->opts->n_epochs, &f->progress.n_steps), PSQ_NOMEM,
                "the number of steps overflows: opts.n_epochs %lld of %lld batches",
                (long long)f->opts->n_epochs, (long long)n_batches);
    f->progress.n_epochs = f->opts->n_epochs;
    return PSQ_OK;
}

static psq_status run(fit *f, psq_error *err) {
    const psq_ctx *const ctx = f->session->ctx;
    const psq_model *const model = f->session->model;
    void *order = NULL;
    PSQ_TRY(count_steps(f, err));
    PSQ_TRY(psq_alloc_zero(ctx, model->n_weights, model->size, "gradients", &f->dweights, err));
    PSQ_TRY(psq_alloc_zero(ctx, psq_optim_n_state(&f->opts->optim, model->n_weights), model->size,
                           "the optimiser's state", &f->state, err));
    PSQ_TRY(
        psq_alloc_zero(ctx, f->train->n_seq, sizeof(int64_t), "an order of samples", &order, err));
    f->order = (int64_t *)order;
    while (f->progress.epoch < f->opts->n_epochs) {
        f->progress.epoch++;
        PSQ_TRY(run_epoch(f, err));
    }
    return PSQ_OK;
}

psq_status psq_fit(psq_session *session, void *weights, const psq_samples *train,
                   const psq_samples *valid, const psq_fit_opts *opts, psq_error *err) {
    PSQ_REQUIRE(err, session != NULL, PSQ_INVALID, "session is NULL");
    PSQ_REQUIRE(err, weights != NULL, PSQ_INVALID, "weights is NULL");
    PSQ_REQUIRE(err, train != NULL, PSQ_INVALID, "train is NULL");
    PSQ_REQUIRE(err, opts != NULL, PSQ_INVALID, "opts is NULL");
    PSQ_TRY(check_opts(opts, err));
    PSQ_TRY(check_samples(session->model, "train", train, err));
    if (valid != NULL) {
        PSQ_TRY(check_samples(session->model, "valid", valid, err));
    }
    fit f = {.session = session, .opts = opts, .train = train, .valid = valid, .weights = weights};
    f.caller = psq_fpenv_enter();
    const psq_status status = run(&f, err);
    psq_fpenv_leave(f.caller);
    psq_free(session->ctx, f.dweights);
    psq_free(session->ctx, f.state);
    psq_free(session->ctx, f.order);
    return status;
}
