// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pool.h: numbers over sequences: sum, mean, maximum, log-sum-exp, softmax, attention, a vector or
// a weight for every row, each with its gradient.
//
// Arrays of rows are [psq_storage_n_rows(storage)][n_cols] of dtype in `storage`; all arrays of
// rows of a call are in the same storage, and "one number a row" is such an array with n_cols 1.
// Arrays of sequences are [B][n_cols] in the user's order. Columns are independent. Padding of what
// is read is never looked at, padding of what is written becomes 0.
//
// dtype is PSQ_F32, whose results are the same bits in every storage, in every batch, on any number
// of threads and with every kernel table (docs/bits.md, Pooling), or PSQ_F64, which promises none.
//
// Arrays may be NULL where they have no elements. An output overlaps no other array, unless its
// function says that it may be one of them. Nothing is allocated; calls may run at the same time on
// different outputs. Errors of all: PSQ_INVALID: layout NULL, a value outside an enum, n_cols < 0,
// an array NULL that has elements. PSQ_UNSUPPORTED: another dtype. PSQ_SHAPE, PSQ_NOMEM: as
// psq_storage_n_rows; byte counts that overflow.
#ifndef PACKSEQ_POOL_H
#define PACKSEQ_POOL_H

#include "packseq/base.h"
#include "packseq/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- one row for each sequence

typedef enum psq_pool {
    PSQ_POOL_SUM = 0,   // no rows: 0
    PSQ_POOL_MEAN,      // no rows: 0
    PSQ_POOL_MAX,       // NaN over every value; no rows: 0
    PSQ_POOL_LOGSUMEXP, // log of the sum of exp(x), without overflow; no rows: -inf
    PSQ_N_POOL
} psq_pool;

// "sum", "mean", "max", "logsumexp"; NULL for a value outside the enum.
PSQ_API const char *psq_pool_name(psq_pool kind);

// y[b] = the reduction of x[b, t] over t. x rows, y sequences. The reduction of a loss that has one
// number a row is this with n_cols 1.
PSQ_API PSQ_MUST psq_status psq_pool_forward(const psq_layout *layout, psq_pool kind,
                                             psq_dtype dtype, psq_storage storage, const void *x,
                                             int64_t n_cols, void *y, psq_error *err);

// dx from dy, overwritten. sum: dy[b] in every row; mean: dy[b] / L[b]; max: dy[b] in the earliest
// row whose value is y[b], of several NaN the earliest, else 0; logsumexp: dy[b] * exp(x - y[b]),
// y[b] = -inf counting as 0. x and y are those of the forward pass; sum and mean do not look at
// them. dx may be x.
PSQ_API PSQ_MUST psq_status psq_pool_backward(const psq_layout *layout, psq_pool kind,
                                              psq_dtype dtype, psq_storage storage, const void *x,
                                              const void *y, const void *dy, int64_t n_cols,
                                              void *dx, psq_error *err);

// ---- softmax over each sequence

// y[b, t] = exp(x[b, t] - top[b]) / the sum of these over t, top[b] being the largest x[b, t], or 0
// where that is infinite: rows of -inf beside others get 0, a sequence of nothing but -inf gets
// NaN. y may be x.
PSQ_API PSQ_MUST psq_status psq_softmax_forward(const psq_layout *layout, psq_dtype dtype,
                                                psq_storage storage, const void *x, int64_t n_cols,
                                                void *y, psq_error *err);

// dx = y * (dy - the sum of dy * y over t). dx may be dy or y.
PSQ_API PSQ_MUST psq_status psq_softmax_backward(const psq_layout *layout, psq_dtype dtype,
                                                 psq_storage storage, const void *y, const void *dy,
                                                 int64_t n_cols, void *dx, psq_error *err);

// ---- attention pooling

// weights = softmax of scores over each sequence, y[b] = the sum of weights[b, t] * x[b, t] over t,
// 0 where there are no rows. scores and weights are one number a row; weights may be scores.
PSQ_API PSQ_MUST psq_status psq_attend_forward(const psq_layout *layout, psq_dtype dtype,
                                               psq_storage storage, const void *scores,
                                               const void *x, int64_t n_cols, void *weights,
                                               void *y, psq_error *err);

// dscores and dx from dy, overwritten; x and weights are those of the forward pass. dx = weights *
// dy; dscores is the gradient of the softmax for dweights[b, t] = the dot product of x[b, t] and
// dy[b]. dx may be x.
PSQ_API PSQ_MUST psq_status psq_attend_backward(const psq_layout *layout, psq_dtype dtype,
                                                psq_storage storage, const void *x,
                                                const void *weights, const void *dy, int64_t n_cols,
                                                void *dscores, void *dx, psq_error *err);

// ---- a vector or a weight for every row

// y[b, t] = x[b, t] + v[b]: a vector of each sequence, added to its rows. y may be x. The gradient
// of x is dy, that of v psq_pool_forward of dy with PSQ_POOL_SUM.
PSQ_API PSQ_MUST psq_status psq_add_to_rows(const psq_layout *layout, psq_dtype dtype,
                                            psq_storage storage, const void *x, const void *v,
                                            int64_t n_cols, void *y, psq_error *err);

// y[b, t] = x[b, t] * w[b, t], w being one number a row. y may be x.
PSQ_API PSQ_MUST psq_status psq_scale_rows(const psq_layout *layout, psq_dtype dtype,
                                           psq_storage storage, const void *x, const void *w,
                                           int64_t n_cols, void *y, psq_error *err);

// dw[b, t] = the dot product of x[b, t] and dy[b, t]: the gradient of w. That of x is
// psq_scale_rows of dy.
PSQ_API PSQ_MUST psq_status psq_scale_rows_weights(const psq_layout *layout, psq_dtype dtype,
                                                   psq_storage storage, const void *x,
                                                   const void *dy, int64_t n_cols, void *dw,
                                                   psq_error *err);

// w[b, t] = 1 / L[b], one number a row: with these weights every sequence counts alike.
PSQ_API PSQ_MUST psq_status psq_inverse_lengths(const psq_layout *layout, psq_dtype dtype,
                                                psq_storage storage, void *w, psq_error *err);

#ifdef __cplusplus
}
#endif

#endif
