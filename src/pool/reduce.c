// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// reduce.c: one row for each sequence, and its gradient's way back to the rows.
#include "packseq/pool.h"

#include "base/error.h"
#include "pool/walk.h"

const char *psq_pool_name(psq_pool kind) {
    static const char *const names[PSQ_N_POOL] = {
        [PSQ_POOL_SUM] = "sum",
        [PSQ_POOL_MEAN] = "mean",
        [PSQ_POOL_MAX] = "max",
        [PSQ_POOL_LOGSUMEXP] = "logsumexp",
    };
    return (unsigned)kind < PSQ_N_POOL ? names[kind] : NULL;
}

// ---- forward

static void sum(pool_strip *strip) {
    psq_pool_fill(strip, 0.0, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_SUM, &strip->job->a, NULL, NULL);
    psq_pool_put(strip, strip->u, strip->job->result);
}

static void mean(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_fill(strip, 0.0, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_SUM, &job->a, NULL, NULL);
    psq_pool_shares(strip, strip->v);
    job->kern->mul(psq_pool_n(strip), strip->u, strip->v, strip->u);
    psq_pool_put(strip, strip->u, job->result);
}

static void max(pool_strip *strip) {
    psq_pool_top(strip);
    psq_pool_fill_empty(strip, 0.0, strip->u);
    psq_pool_put(strip, strip->u, strip->job->result);
}

static void logsumexp(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_top(strip);
    psq_pool_finite(strip, true);
    psq_pool_fill(strip, 0.0, strip->v);
    psq_pool_walk(strip, PSQ_K_POOL_EXP_SUM, &job->a, NULL, NULL);
    job->kern->log(psq_pool_n(strip), strip->v, strip->v);
    job->kern->add(psq_pool_n(strip), strip->u, strip->v, strip->u);
    psq_pool_put(strip, strip->u, job->result);
}

static psq_status check_kind(psq_pool kind, psq_error *err) {
    PSQ_REQUIRE(err, (unsigned)kind < PSQ_N_POOL, PSQ_INVALID, "kind is %d, must be from 0 to %d",
                (int)kind, PSQ_N_POOL - 1);
    return PSQ_OK;
}

psq_status psq_pool_forward(const psq_layout *layout, psq_pool kind, psq_dtype dtype,
                            psq_storage storage, const void *x, int64_t n_cols, void *y,
                            psq_error *err) {
    static void (*const runs[PSQ_N_POOL])(pool_strip *) = {[PSQ_POOL_SUM] = sum,
                                                           [PSQ_POOL_MEAN] = mean,
                                                           [PSQ_POOL_MAX] = max,
                                                           [PSQ_POOL_LOGSUMEXP] = logsumexp};
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(check_kind(kind, err));
    PSQ_TRY(psq_pool_array(&job, "x", x, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "y", y, layout->n_seq, n_cols, err));
    job.a = psq_pool_rows(x, n_cols);
    job.result = y;
    job.run = runs[kind];
    psq_pool_run(&job);
    return PSQ_OK;
}

// ---- backward

static void sum_back(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_get(strip, job->in_u, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_COPY, NULL, NULL, &job->out);
    psq_pool_pad(strip, &job->out);
}

static void mean_back(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_get(strip, job->in_u, strip->u);
    psq_pool_shares(strip, strip->v);
    job->kern->mul(psq_pool_n(strip), strip->u, strip->v, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_COPY, NULL, NULL, &job->out);
    psq_pool_pad(strip, &job->out);
}

static void max_back(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_get(strip, job->in_u, strip->u);
    psq_pool_get(strip, job->in_v, strip->v);
    psq_pool_walk(strip, PSQ_K_POOL_FIRST, &job->a, NULL, &job->out);
    psq_pool_pad(strip, &job->out);
}

static void logsumexp_back(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_get(strip, job->in_u, strip->u);
    psq_pool_get(strip, job->in_v, strip->v);
    psq_pool_finite(strip, false);
    psq_pool_walk(strip, PSQ_K_POOL_EXP_MUL, &job->a, NULL, &job->out);
    psq_pool_pad(strip, &job->out);
}

psq_status psq_pool_backward(const psq_layout *layout, psq_pool kind, psq_dtype dtype,
                             psq_storage storage, const void *x, const void *y, const void *dy,
                             int64_t n_cols, void *dx, psq_error *err) {
    static void (*const runs[PSQ_N_POOL])(pool_strip *) = {[PSQ_POOL_SUM] = sum_back,
                                                           [PSQ_POOL_MEAN] = mean_back,
                                                           [PSQ_POOL_MAX] = max_back,
                                                           [PSQ_POOL_LOGSUMEXP] = logsumexp_back};
    const bool looks = kind == PSQ_POOL_MAX || kind == PSQ_POOL_LOGSUMEXP;
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(check_kind(kind, err));
    if (looks) {
        PSQ_TRY(psq_pool_array(&job, "x", x, n_rows, n_cols, err));
        PSQ_TRY(psq_pool_array(&job, "y", y, layout->n_seq, n_cols, err));
    }
    PSQ_TRY(psq_pool_array(&job, "dy", dy, layout->n_seq, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "dx", dx, n_rows, n_cols, err));
    job.a = psq_pool_rows(looks ? x : NULL, n_cols);
    job.out = psq_pool_rows(dx, n_cols);
    job.in_u = looks ? y : dy;
    job.in_v = dy;
    job.run = runs[kind];
    psq_pool_run(&job);
    return PSQ_OK;
}
