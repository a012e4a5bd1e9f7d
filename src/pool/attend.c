// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// attend.c: attention pooling: softmax of one score a row, then the weighted sum of the rows. Each
// step is a job of its own, since scores have one column and rows have many.
#include "packseq/pool.h"

#include "base/error.h"
#include "pool/walk.h"

static pool_job job_of_scores(const pool_job *rows, void (*run)(pool_strip *), pool_array a,
                              pool_array b, void *out) {
    pool_job job = *rows;
    job.D = 1;
    job.run = run;
    job.a = a;
    job.b = b;
    job.out = psq_pool_rows(out, 1);
    return job;
}

// Where a row has one column, a number for a row is one for an element, and strips need not be
// single.
static void weighted_sum(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_fill(strip, 0.0, strip->u);
    psq_pool_walk(strip, job->D == 1 ? PSQ_K_POOL_FMA : PSQ_K_POOL_FMA_ROW, &job->a, &job->b, NULL);
    psq_pool_put(strip, strip->u, job->result);
}

psq_status psq_attend_forward(const psq_layout *layout, psq_dtype dtype, psq_storage storage,
                              const void *scores, const void *x, int64_t n_cols, void *weights,
                              void *y, psq_error *err) {
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(psq_pool_array(&job, "scores", scores, n_rows, 1, err));
    PSQ_TRY(psq_pool_array(&job, "x", x, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "weights", weights, n_rows, 1, err));
    PSQ_TRY(psq_pool_array(&job, "y", y, layout->n_seq, n_cols, err));
    const pool_job softmax = job_of_scores(&job, psq_pool_softmax, psq_pool_rows(scores, 1),
                                           psq_pool_rows(NULL, 1), weights);
    psq_pool_run(&softmax);
    job.a = psq_pool_rows(x, n_cols);
    job.b = psq_pool_rows(weights, 1);
    job.result = y;
    job.single = n_cols > 1;
    job.run = weighted_sum;
    psq_pool_run(&job);
    return PSQ_OK;
}

static void dot_rows(pool_strip *strip) {
    psq_pool_walk(strip, PSQ_K_POOL_DOT_ROW, &strip->job->a, &strip->job->b, &strip->job->out);
    psq_pool_pad(strip, &strip->job->out);
}

// out = a * b; a may be one number for each sequence.
static void multiply(pool_strip *strip) {
    const pool_job *const job = strip->job;
    const pool_array *a = &job->a;
    if (a->per_sequence) {
        psq_pool_get(strip, a->p, strip->u);
        psq_pool_walk(strip, PSQ_K_POOL_COPY, NULL, NULL, &job->out);
        a = &job->out;
    }
    psq_pool_walk(strip, PSQ_K_POOL_MUL, a, &job->b, &job->out);
    psq_pool_pad(strip, &job->out);
}

// The dot product of one column: the product, and + 0 of the sum that it is.
static void multiply_add(pool_strip *strip) {
    const pool_job *const job = strip->job;
    multiply(strip);
    psq_pool_fill(strip, 0.0, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_ADD, &job->out, NULL, &job->out);
}

static void scale_rows(pool_strip *strip) {
    psq_pool_walk(strip, PSQ_K_POOL_MUL_ROW, &strip->job->a, &strip->job->b, &strip->job->out);
    psq_pool_pad(strip, &strip->job->out);
}

static void zeros(pool_strip *strip) {
    psq_pool_fill(strip, 0.0, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_COPY, NULL, NULL, &strip->job->out);
    psq_pool_pad(strip, &strip->job->out);
}

static void run_dots(pool_job job, pool_array x, pool_array dy, void *dots) {
    job.a = dy;
    job.b = x;
    job.out = psq_pool_rows(dots, 1);
    job.single = job.D > 1;
    job.run = job.D > 1 ? dot_rows : job.D == 1 ? multiply_add : zeros;
    job.D = psq_max_count(job.D, 1);
    job.n_block = job.D > 1 ? job.D : POOL_COLS;
    psq_pool_run(&job);
}

static void run_scale(pool_job job, pool_array x, const void *weights, void *y) {
    job.a = x;
    job.b = psq_pool_rows(weights, 1);
    job.out = psq_pool_rows(y, job.D);
    job.single = job.D > 1;
    job.run = job.D > 1 ? scale_rows : multiply;
    psq_pool_run(&job);
}

psq_status psq_attend_backward(const psq_layout *layout, psq_dtype dtype, psq_storage storage,
                               const void *x, const void *weights, const void *dy, int64_t n_cols,
                               void *dscores, void *dx, psq_error *err) {
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(psq_pool_array(&job, "x", x, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "weights", weights, n_rows, 1, err));
    PSQ_TRY(psq_pool_array(&job, "dy", dy, layout->n_seq, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "dscores", dscores, n_rows, 1, err));
    PSQ_TRY(psq_pool_array(&job, "dx", dx, n_rows, n_cols, err));
    pool_array each = psq_pool_rows(dy, n_cols);
    each.per_sequence = true;
    run_dots(job, psq_pool_rows(x, n_cols), each, dscores);
    const pool_job softmax = job_of_scores(&job, psq_pool_softmax_back, psq_pool_rows(dscores, 1),
                                           psq_pool_rows(weights, 1), dscores);
    psq_pool_run(&softmax);
    run_scale(job, each, weights, dx);
    return PSQ_OK;
}

psq_status psq_scale_rows(const psq_layout *layout, psq_dtype dtype, psq_storage storage,
                          const void *x, const void *w, int64_t n_cols, void *y, psq_error *err) {
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(psq_pool_array(&job, "x", x, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "w", w, n_rows, 1, err));
    PSQ_TRY(psq_pool_array(&job, "y", y, n_rows, n_cols, err));
    run_scale(job, psq_pool_rows(x, n_cols), w, y);
    return PSQ_OK;
}

psq_status psq_scale_rows_weights(const psq_layout *layout, psq_dtype dtype, psq_storage storage,
                                  const void *x, const void *dy, int64_t n_cols, void *dw,
                                  psq_error *err) {
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(psq_pool_array(&job, "x", x, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "dy", dy, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "dw", dw, n_rows, 1, err));
    run_dots(job, psq_pool_rows(x, n_cols), psq_pool_rows(dy, n_cols), dw);
    return PSQ_OK;
}
