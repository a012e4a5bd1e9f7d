// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// softmax.c: softmax over each sequence: three passes forward (the largest, exp and its sum, the
// quotient), two backward.
#include "packseq/pool.h"

#include <string.h>

#include "base/error.h"
#include "pool/walk.h"

void psq_pool_softmax(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_top(strip);
    psq_pool_finite(strip, true);
    psq_pool_fill(strip, 0.0, strip->v);
    psq_pool_walk(strip, PSQ_K_POOL_EXP_SUM, &job->a, NULL, &job->out);
    memcpy(strip->u, strip->v, (size_t)psq_pool_n(strip) * job->size);
    psq_pool_walk(strip, PSQ_K_POOL_DIV, &job->out, NULL, &job->out);
    psq_pool_pad(strip, &job->out);
}

void psq_pool_softmax_back(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_fill(strip, 0.0, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_FMA, &job->a, &job->b, NULL);
    psq_pool_walk(strip, PSQ_K_POOL_SOFTMAX_BACK, &job->a, &job->b, &job->out);
    psq_pool_pad(strip, &job->out);
}

psq_status psq_softmax_forward(const psq_layout *layout, psq_dtype dtype, psq_storage storage,
                               const void *x, int64_t n_cols, void *y, psq_error *err) {
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(psq_pool_array(&job, "x", x, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "y", y, n_rows, n_cols, err));
    job.a = psq_pool_rows(x, n_cols);
    job.out = psq_pool_rows(y, n_cols);
    job.run = psq_pool_softmax;
    psq_pool_run(&job);
    return PSQ_OK;
}

psq_status psq_softmax_backward(const psq_layout *layout, psq_dtype dtype, psq_storage storage,
                                const void *y, const void *dy, int64_t n_cols, void *dx,
                                psq_error *err) {
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(psq_pool_array(&job, "y", y, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "dy", dy, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "dx", dx, n_rows, n_cols, err));
    job.a = psq_pool_rows(dy, n_cols);
    job.b = psq_pool_rows(y, n_cols);
    job.out = psq_pool_rows(dx, n_cols);
    job.run = psq_pool_softmax_back;
    psq_pool_run(&job);
    return PSQ_OK;
}
