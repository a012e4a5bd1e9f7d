// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// rows.c: a sequence's own vector, and the inverse of its length, for each of its rows.
#include "packseq/pool.h"

#include "base/error.h"
#include "pool/walk.h"

static void add(pool_strip *strip) {
    const pool_job *const job = strip->job;
    psq_pool_get(strip, job->in_u, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_ADD, &job->a, NULL, &job->out);
    psq_pool_pad(strip, &job->out);
}

psq_status psq_add_to_rows(const psq_layout *layout, psq_dtype dtype, psq_storage storage,
                           const void *x, const void *v, int64_t n_cols, void *y, psq_error *err) {
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, n_cols, &n_rows, err));
    PSQ_TRY(psq_pool_array(&job, "x", x, n_rows, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "v", v, layout->n_seq, n_cols, err));
    PSQ_TRY(psq_pool_array(&job, "y", y, n_rows, n_cols, err));
    job.a = psq_pool_rows(x, n_cols);
    job.out = psq_pool_rows(y, n_cols);
    job.in_u = v;
    job.run = add;
    psq_pool_run(&job);
    return PSQ_OK;
}

static void shares(pool_strip *strip) {
    psq_pool_shares(strip, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_COPY, NULL, NULL, &strip->job->out);
    psq_pool_pad(strip, &strip->job->out);
}

psq_status psq_inverse_lengths(const psq_layout *layout, psq_dtype dtype, psq_storage storage,
                               void *w, psq_error *err) {
    pool_job job;
    int64_t n_rows = 0;
    PSQ_TRY(psq_pool_begin(&job, layout, dtype, storage, 1, &n_rows, err));
    PSQ_TRY(psq_pool_array(&job, "w", w, n_rows, 1, err));
    job.out = psq_pool_rows(w, 1);
    job.run = shares;
    psq_pool_run(&job);
    return PSQ_OK;
}
