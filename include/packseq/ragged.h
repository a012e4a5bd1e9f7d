// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// ragged.h: rows from one order to another in one pass, without a temporary.
//
// pack, pad and unpack are one function. Rows are bytes here, of any type and size. The adjoint
// (the gradient) of a conversion from storage a to storage b is the conversion from b to a with
// fill NULL: values flow back to their element and padding gets exact zeros. Likewise the two list
// functions are each other's adjoint. Calls may run at the same time on different destinations;
// nothing is allocated. The layout's context lends its threads to calls of a megabyte and more,
// except from packed to packed rows, which is one memcpy; what exceeds the last-level cache is
// written past it.
#ifndef PACKSEQ_RAGGED_H
#define PACKSEQ_RAGGED_H

#include "packseq/base.h"
#include "packseq/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

// What to write into the padding of a padded destination: `value` points to one element of `size`
// bytes, repeated over the row; row_bytes must be a multiple of it. value NULL: zero bytes.
typedef struct psq_fill {
    const void *value;
    size_t size;
} psq_fill;

// dst[row of (b, t) in `to`] = src[row of (b, t) in `from`] for every element; padding rows of dst
// are filled, padding rows of src are never read. src is [psq_storage_n_rows(from)][row_bytes], dst
// likewise. src and dst must not overlap. Both may be NULL when they have no rows or row_bytes is
// 0. PSQ_INVALID: a NULL array that has rows, a fill of size 0 or that does not divide row_bytes.
// PSQ_SHAPE, PSQ_NOMEM: as psq_storage_n_rows; byte counts that overflow.
PSQ_API PSQ_MUST psq_status psq_convert(const psq_layout *layout, psq_storage from, const void *src,
                                        psq_storage to, void *dst, size_t row_bytes, psq_fill fill,
                                        psq_error *err);

// The same from a list: seqs[b] points to the L[b] rows of sequence b, contiguous; it may be NULL
// where L[b] is 0. Packing a list never makes a padded copy.
PSQ_API PSQ_MUST psq_status psq_convert_from_list(const psq_layout *layout, const void *const *seqs,
                                                  psq_storage to, void *dst, size_t row_bytes,
                                                  psq_fill fill, psq_error *err);

// And back: seqs[b] receives the L[b] rows of sequence b.
PSQ_API PSQ_MUST psq_status psq_convert_to_list(const psq_layout *layout, psq_storage from,
                                                const void *src, void *const *seqs,
                                                size_t row_bytes, psq_error *err);

// Makes n_rows rows of dst out of as many of src, which may be the same memory. What it returns
// other than PSQ_OK ends psq_map.
typedef psq_status (*psq_map_fn)(void *arg, int64_t n_rows, const void *src, void *dst);

// Every element of an array through a function: dst[row] = fn(src[row]) for the rows of elements,
// and the padding of dst is filled. Both arrays are in the same storage; their rows may have
// different sizes, also 0, and where they have the same size dst may be src. fn is called with
// stretches of rows that lie together, as long as they go, in the array's order, by the calling
// thread: packed and jagged rows are one stretch. PSQ_INVALID, PSQ_SHAPE, PSQ_NOMEM: as
// psq_convert; fn NULL. What fn returned, if it is not PSQ_OK: the rows from its stretch on are not
// written then.
PSQ_API PSQ_MUST psq_status psq_map(const psq_layout *layout, psq_storage storage, const void *src,
                                    size_t src_row_bytes, void *dst, size_t dst_row_bytes,
                                    psq_fill fill, psq_map_fn fn, void *arg, psq_error *err);

#ifdef __cplusplus
}
#endif

#endif
