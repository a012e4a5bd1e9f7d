// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// check.c: what all calls of this room check, and the job that they begin with.
#include "base/error.h"
#include "pool/walk.h"

psq_status psq_pool_begin(pool_job *job, const psq_layout *layout, psq_dtype dtype,
                          psq_storage storage, int64_t n_cols, int64_t *n_rows, psq_error *err) {
    PSQ_TRY(psq_storage_check(layout, "storage", storage, n_rows, err));
    PSQ_REQUIRE(err, (unsigned)dtype < PSQ_N_DTYPE, PSQ_INVALID,
                "dtype is %d, must be from 0 to %d", (int)dtype, PSQ_N_DTYPE - 1);
    PSQ_REQUIRE(err, dtype == PSQ_F32 || dtype == PSQ_F64, PSQ_UNSUPPORTED,
                "dtype is %s, must be F32 or F64", psq_dtype_name(dtype));
    PSQ_REQUIRE(err, n_cols >= 0, PSQ_INVALID, "n_cols is %lld, must be at least 0",
                (long long)n_cols);
    *job = (pool_job){.layout = layout,
                      .kern = psq_kern_choose(layout->ctx, dtype),
                      .storage = storage,
                      .size = psq_dtype_size(dtype),
                      .D = n_cols,
                      .n_block = POOL_COLS};
    return PSQ_OK;
}

psq_status psq_pool_array(const pool_job *job, const char *name, const void *p, int64_t n,
                          int64_t n_cols, psq_error *err) {
    PSQ_REQUIRE(err, psq_size_mul(psq_size_of(n, job->size), (size_t)n_cols) != SIZE_MAX, PSQ_NOMEM,
                "%s has %lld rows of %lld elements, which overflows", name, (long long)n,
                (long long)n_cols);
    PSQ_REQUIRE(err, p != NULL || n == 0 || n_cols == 0, PSQ_INVALID,
                "%s is NULL, must have %lld rows of %lld elements", name, (long long)n,
                (long long)n_cols);
    return PSQ_OK;
}
