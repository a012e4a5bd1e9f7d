// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// layout.h: which row of a ragged batch is element (b, t).
//
// B sequences of lengths L[b] >= 0 have N = sum of L[b] elements and T = the longest length.
// Sorting the sequences by non-increasing length, ties in user order, gives each a rank.
// batch_sizes[t] is the number of sequences longer than t: a 4 there means that four sequences are
// still running at step t, it is nobody's length. The layout is computed once, is immutable, may be
// shared by threads and owns all its arrays.
#ifndef PACKSEQ_LAYOUT_H
#define PACKSEQ_LAYOUT_H

#include "packseq/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct psq_layout psq_layout;

// From lengths[n_seq], in the user's order; zeros and n_seq = 0 are legal. The sort is stable.
// O(B + T) time, two allocations. PSQ_INVALID: a negative length, n_seq < 0, lengths NULL with
// n_seq > 0. PSQ_NOMEM: the sum of lengths or the memory for the arrays overflows or is refused.
PSQ_API PSQ_MUST psq_status psq_layout_from_lengths(const psq_ctx *ctx, const int64_t *lengths,
                                                    int64_t n_seq, psq_layout **out,
                                                    psq_error *err);

// From offsets[n_seq + 1] of a jagged array (Arrow offsets, row_splits, cu_seqlens): sequence b is
// rows offsets[b] to offsets[b + 1] - 1. PSQ_INVALID: offsets[0] is not 0, offsets decrease,
// or offsets is NULL, even with n_seq = 0. PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_layout_from_offsets(const psq_ctx *ctx, const int64_t *offsets,
                                                    int64_t n_seq, psq_layout **out,
                                                    psq_error *err);

// From the fields of a PackedSequence: batch_sizes[n_steps], at least 1 and never increasing, and
// sorted_indices[n_seq], the user's index of each rank, or NULL when the ranks are the user's
// order. n_seq >= batch_sizes[0]: the ranks from batch_sizes[0] on are sequences of length 0. The
// given order of ties is kept. n_rows is the number of rows the caller has, or -1 if unknown:
// checked against the sum. PSQ_INVALID: batch_sizes that increase, are below 1, above n_seq or do
// not sum to n_rows; indices that are no permutation of 0 to n_seq - 1. PSQ_NOMEM: as
// psq_layout_from_lengths.
PSQ_API PSQ_MUST psq_status psq_layout_from_batch_sizes(const psq_ctx *ctx,
                                                        const int64_t *batch_sizes, int64_t n_steps,
                                                        const int64_t *sorted_indices,
                                                        int64_t n_seq, int64_t n_rows,
                                                        psq_layout **out, psq_error *err);

PSQ_API void psq_layout_destroy(psq_layout *layout);

PSQ_API int64_t psq_layout_n_seq(const psq_layout *layout);   // B
PSQ_API int64_t psq_layout_n_steps(const psq_layout *layout); // T, 0 when all lengths are 0
PSQ_API int64_t psq_layout_n_rows(const psq_layout *layout);  // N

// The arrays; never NULL, borrowed from the layout.
PSQ_API const int64_t *psq_layout_lengths(const psq_layout *layout);          // [B], user order
PSQ_API const int64_t *psq_layout_offsets(const psq_layout *layout);          // [B + 1], user order
PSQ_API const int64_t *psq_layout_sorted_indices(const psq_layout *layout);   // [B], rank -> user
PSQ_API const int64_t *psq_layout_unsorted_indices(const psq_layout *layout); // [B], user -> rank
PSQ_API const int64_t *psq_layout_batch_sizes(const psq_layout *layout);      // [T]
PSQ_API const int64_t *psq_layout_step_offsets(const psq_layout *layout);     // [T + 1]

// Lengths from batch sizes without a layout: the length of rank r is the number of t with
// batch_sizes[t] > r. With unsorted_indices[n_seq] (the rank of each user's sequence)
// lengths[n_seq] is in the user's order, with NULL it is by rank. Forgetting the indices is the
// usual mistake: lengths by rank look right and belong to other sequences. lengths must
// not be unsorted_indices. Errors as psq_layout_from_batch_sizes.
PSQ_API PSQ_MUST psq_status psq_lengths_from_batch_sizes(const int64_t *batch_sizes,
                                                         int64_t n_steps,
                                                         const int64_t *unsorted_indices,
                                                         int64_t n_seq, int64_t *lengths,
                                                         psq_error *err);

// ---- where rows lie

typedef enum psq_order {
    PSQ_PACKED = 0,   // row step_offsets[t] + rank[b]   torch PackedSequence
    PSQ_JAGGED,       // row offsets[b] + t              Arrow, nested tensors, cu_seqlens
    PSQ_PADDED_TIME,  // row t * B + b                   torch padded, ONNX
    PSQ_PADDED_BATCH, // row b * S + t                   batch_first, Keras
    PSQ_N_ORDER
} psq_order;

// An order and, for the padded ones, the number of steps S that are stored and the side of the
// padding. With padding on the left, element (b, t) lies where t + S - L[b] would on the right.
// {0} is packed rows.
typedef struct psq_storage {
    psq_order order;
    bool pad_left;   // padded orders only; default false: padding on the right
    int64_t n_steps; // S, padded orders only; 0: T. Smaller than T is PSQ_SHAPE, never a truncation
} psq_storage;

// "packed", "jagged", "padded-time", "padded-batch"; NULL for a value outside the enum.
PSQ_API const char *psq_order_name(psq_order order);

// The number of rows of an array in this storage: N, or B * S for the padded orders.
// PSQ_INVALID: unknown order, negative n_steps. PSQ_SHAPE: n_steps below T. PSQ_NOMEM: B * S
// overflows.
PSQ_API PSQ_MUST psq_status psq_storage_n_rows(const psq_layout *layout, psq_storage storage,
                                               int64_t *n_rows, psq_error *err);

// The row of element (b, t), or -1 where there is none (b or t out of range).
// storage must be one that psq_storage_n_rows accepts.
PSQ_API int64_t psq_storage_row(const psq_layout *layout, psq_storage storage, int64_t b,
                                int64_t t);

#ifdef __cplusplus
}
#endif

#endif
