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

// The inverse: the element that lies in this row. false, with *b and *t untouched, where that is
// padding or no row of the array. Constant time in padded storages, a bisection in the others.
// storage must be one that psq_storage_n_rows accepts.
PSQ_API bool psq_storage_element(const psq_layout *layout, psq_storage storage, int64_t row,
                                 int64_t *b, int64_t *t);

// Raises storage->n_steps to the smallest multiple of `multiple` that is at least T and at least
// what it was. Packed and jagged storages do not look at it. PSQ_INVALID: `multiple` below 1; as
// psq_storage_n_rows. PSQ_NOMEM: B * S overflows. The storage is untouched then.
PSQ_API PSQ_MUST psq_status psq_storage_round_up(const psq_layout *layout, int64_t multiple,
                                                 psq_storage *storage, psq_error *err);

// The rows of one sequence in a storage, for loops over them in any order:
//     for (int64_t t = 0; t < view.n_rows; t++) { use(x + psq_view_row(&view, t) * D); }
typedef struct psq_view {
    int64_t n_rows;       // L[b]
    int64_t first;        // the row of t = 0, without the step's part; 0 where there is none
    int64_t stride;       // rows from t to t + 1; packed: 0
    const int64_t *steps; // packed: the step's part is steps[t], borrowed from the layout; else
                          // NULL: t * stride
} psq_view;

// PSQ_INVALID: b is no sequence, view is NULL; else as psq_storage_n_rows.
PSQ_API PSQ_MUST psq_status psq_layout_view(const psq_layout *layout, psq_storage storage,
                                            int64_t b, psq_view *view, psq_error *err);

// The row of element t, from 0 to n_rows - 1.
static inline int64_t psq_view_row(const psq_view *view, int64_t t) {
    return view->first + (view->steps != NULL ? view->steps[t] : t * view->stride);
}

// ---- masks

// A mask says which rows of an array are elements.
typedef enum psq_mask_kind {
    PSQ_MASK_BYTES = 0, // row i: byte i, not 0; 1 is written
    PSQ_MASK_BITS,      // row i: bit i % 8 of byte i / 8, the lowest bit being 0 (Arrow, NumPy's
                        // bitorder="little"); the last byte's other bits are written as 0 and not
                        // read
    PSQ_N_MASK_KIND
} psq_mask_kind;

// The bytes of a mask of so many rows; 0 for a value outside the enum, SIZE_MAX for a negative
// number.
PSQ_API size_t psq_mask_size(psq_mask_kind kind, int64_t n_rows);

// Writes the mask of an array in this storage, psq_mask_size(kind, psq_storage_n_rows) bytes; that
// of packed and jagged rows says yes to all. mask may be NULL if there are no rows. PSQ_INVALID: an
// unknown kind, mask NULL; else as psq_storage_n_rows.
PSQ_API PSQ_MUST psq_status psq_layout_mask(const psq_layout *layout, psq_storage storage,
                                            psq_mask_kind kind, void *mask, psq_error *err);

// The layout of n_seq sequences whose padded array has this mask. storage says the order, the side
// of the padding, and in n_steps the S that the mask has: 0 is no step here, not T. Three
// allocations. PSQ_INVALID: a mask with an element behind padding, or padding behind an element
// where it should be on the left (the sequence and both steps are named): holes are never closed,
// nor is a side guessed; an order that is not padded; an unknown kind; a negative count; mask NULL
// with rows. PSQ_NOMEM: as psq_layout_from_lengths; n_seq * S overflows.
PSQ_API PSQ_MUST psq_status psq_layout_from_mask(const psq_ctx *ctx, psq_storage storage,
                                                 int64_t n_seq, psq_mask_kind kind,
                                                 const void *mask, psq_layout **out,
                                                 psq_error *err);

#ifdef __cplusplus
}
#endif

#endif
