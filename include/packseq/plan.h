// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan.h: structure operations on ragged batches, planned once and applied to any row arrays.
//
// A plan says of which pieces of which source batches each sequence of a result batch consists. It
// is made from layouts alone, before there is any data; it is immutable, may be shared by threads,
// owns the layout of its result, and is applied to any number of row arrays of any row size in any
// storage. Its memory is O(sequences + pieces + steps), never O(rows). The layouts that it was made
// from are borrowed and must outlive it.
//
//   select, reorder, repeat sequences   psq_plan_select
//   last, first, t-th row               psq_plan_slice (-1, PSQ_END), (0, 1), (t, t + 1); stored
//                                       as PSQ_PADDED_BATCH with n_steps 1 the result is [B][row],
//                                       with the fill where a sequence has no such row
//   inputs and targets of a             psq_plan_slice (0, -1) and (1, PSQ_END)
//     language model
//   append a step                       psq_plan_join with a layout of B ones
#ifndef PACKSEQ_PLAN_H
#define PACKSEQ_PLAN_H

#include "packseq/base.h"
#include "packseq/layout.h"
#include "packseq/ragged.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct psq_plan psq_plan;

// n_rows rows of sequence `seq` of source number `source`: t from `first` upwards or, reversed,
// from first + n_rows - 1 down to `first`. n_rows 0 is legal and contributes nothing.
typedef struct psq_piece {
    int64_t source;
    int64_t seq;
    int64_t first;
    int64_t n_rows;
    bool reversed;
} psq_piece;

// ---- making plans
//
// Errors of all of them, besides their own. PSQ_INVALID: ctx, a layout, out or an array that has
// elements is NULL, a negative count. PSQ_NOMEM: memory is refused, or the rows of the result
// overflow. Two allocations for the result's layout and one for the rest; what a constructor needs
// on the way it gives back.

// The general form: sequence i of n_seq of the result is pieces[piece_offsets[i]] to
// pieces[piece_offsets[i + 1] - 1], one after the other; piece_offsets[n_seq + 1] begins with 0.
// Everything is copied but the layouts. Other plans are this with pieces that they find themselves.
// PSQ_INVALID: piece_offsets is NULL, even with n_seq = 0, does not begin with 0 or decreases; a
// source, sequence or range of rows that does not exist, named with the piece.
PSQ_API PSQ_MUST psq_status psq_plan_from_pieces(const psq_ctx *ctx,
                                                 const psq_layout *const *sources,
                                                 int64_t n_sources, const psq_piece *pieces,
                                                 const int64_t *piece_offsets, int64_t n_seq,
                                                 psq_plan **out, psq_error *err);

// Sequence i of n of the result is sequence indices[i]. A sequence may be taken several times.
// PSQ_INVALID: an index that is no sequence.
PSQ_API PSQ_MUST psq_status psq_plan_select(const psq_ctx *ctx, const psq_layout *layout,
                                            const int64_t *indices, int64_t n, psq_plan **out,
                                            psq_error *err);

// All sequences of sources[0], then all of sources[1] and so on: one batch. n_sources may be 0.
PSQ_API PSQ_MUST psq_status psq_plan_concat(const psq_ctx *ctx, const psq_layout *const *sources,
                                            int64_t n_sources, psq_plan **out, psq_error *err);

// Joined in time: sequence b of the result is sequence b of sources[0], then that of sources[1] and
// so on. PSQ_INVALID: n_sources is below 1. PSQ_SHAPE: sources with different numbers of sequences.
PSQ_API PSQ_MUST psq_status psq_plan_join(const psq_ctx *ctx, const psq_layout *const *sources,
                                          int64_t n_sources, psq_plan **out, psq_error *err);

// Rows first to end - 1 of every sequence with the meaning of Python's x[first:end]: a negative
// number counts from the sequence's own end, what lies beyond a sequence is cut off, and where
// nothing is left the sequence stays, empty. Every first and every end is legal.
#define PSQ_END INT64_MAX
PSQ_API PSQ_MUST psq_status psq_plan_slice(const psq_ctx *ctx, const psq_layout *layout,
                                           int64_t first, int64_t end, psq_plan **out,
                                           psq_error *err);

// Every sequence from its own last row to its first. The result's layout equals the source's, ranks
// of ties included.
PSQ_API PSQ_MUST psq_status psq_plan_reverse(const psq_ctx *ctx, const psq_layout *layout,
                                             psq_plan **out, psq_error *err);

typedef enum psq_truncate {
    PSQ_TRUNCATE_NEVER = 0, // a sequence that is too long is an error
    PSQ_TRUNCATE_END,       // its end is cut off, the first rows stay
    PSQ_TRUNCATE_START,     // its start is cut off, the last rows stay
    PSQ_N_TRUNCATE
} psq_truncate;

// No sequence longer than max_length. PSQ_INVALID: a negative max_length, unknown `how`. PSQ_SHAPE:
// with PSQ_TRUNCATE_NEVER the first sequence that is longer, named with its length.
PSQ_API PSQ_MUST psq_status psq_plan_limit(const psq_ctx *ctx, const psq_layout *layout,
                                           int64_t max_length, psq_truncate how, psq_plan **out,
                                           psq_error *err);

// n_parts plans, out[n_parts], that deal out whole sequences so that parts have about equally many
// rows: the longest first, in order of rank, each to the part with the fewest rows so far; among
// those to the one with the fewest sequences, then to the lowest. Within a part sequences keep the
// user's order. Parts without sequences are legal. On failure every out[k] is NULL. PSQ_INVALID:
// n_parts is below 1.
PSQ_API PSQ_MUST psq_status psq_plan_split(const psq_ctx *ctx, const psq_layout *layout,
                                           int64_t n_parts, psq_plan **out, psq_error *err);

// Episodes: every sequence is cut before each row that has a flag, and its parts follow each other
// in the result. flags holds a byte for each row of `storage`, not 0 where a new sequence begins;
// the flag of t = 0 changes nothing, bytes of padding are not read, and an empty sequence stays one
// empty sequence. PSQ_INVALID, PSQ_SHAPE, PSQ_NOMEM: as psq_storage_n_rows.
PSQ_API PSQ_MUST psq_status psq_plan_split_at(const psq_ctx *ctx, const psq_layout *layout,
                                              psq_storage storage, const uint8_t *flags,
                                              psq_plan **out, psq_error *err);

// The way back, for plans that have one: they have one and the same single source, and together
// they use each of its rows exactly once, as those of psq_plan_split, psq_plan_split_at,
// psq_plan_reverse and of a permutation do. The sources of the inverse are the results of the
// plans, which it borrows and which must outlive it; its result is the source, with an equal
// layout, ranks of ties included. PSQ_INVALID: n_plans is below 1. PSQ_SHAPE: a plan with another
// number of sources or another source than plans[0], a row that is used twice or never, named.
PSQ_API PSQ_MUST psq_status psq_plan_inverse(const psq_ctx *ctx, const psq_plan *const *plans,
                                             int64_t n_plans, psq_plan **out, psq_error *err);

PSQ_API void psq_plan_destroy(psq_plan *plan);

// ---- what a plan says; arrays are borrowed from it and never NULL

PSQ_API const psq_layout *psq_plan_layout(const psq_plan *plan); // of the result
PSQ_API int64_t psq_plan_n_sources(const psq_plan *plan);
PSQ_API const psq_piece *psq_plan_pieces(const psq_plan *plan);
PSQ_API const int64_t *psq_plan_piece_offsets(const psq_plan *plan); // [B + 1], of the result

// ---- applying plans

// dst[row of (i, t) in `to`] = the source row that the plan names for (i, t) of the result. src and
// from have an entry for each source; src[k] is [psq_storage_n_rows of source k in
// from[k]][row_bytes], dst is [psq_storage_n_rows of the result in `to`][row_bytes]. Padding of dst
// is filled, padding of sources is never read. dst must not overlap a source; sources may be the
// same array. An array that has no rows may be NULL, and all may when row_bytes is 0. Nothing is
// allocated; large arrays are written by the threads of the plan's context. PSQ_INVALID: plan is
// NULL, from or src is NULL and there are sources, a NULL array that has rows, a fill of size 0 or
// that does not divide row_bytes. PSQ_SHAPE, PSQ_NOMEM: as psq_storage_n_rows, byte counts that
// overflow.
PSQ_API PSQ_MUST psq_status psq_plan_apply(const psq_plan *plan, const psq_storage *from,
                                           const void *const *src, psq_storage to, void *dst,
                                           size_t row_bytes, psq_fill fill, psq_error *err);

// The adjoint (the gradient) of psq_plan_apply with fill NULL: for every element (i, t) of the
// result, sequences in the user's order and t ascending, the row ddst[row of (i, t) in `to`] of
// n_cols numbers of `dtype`, PSQ_F32 or PSQ_F64, is added to the row of dsrc[source] that the plan
// names. So a row that is used several times has one defined sum, with any number of threads. dsrc
// is added to, not overwritten; dsrc[k] NULL: not wanted. Padding is neither read nor changed.
// dsrc must not overlap ddst. PSQ_INVALID: plan is NULL, ddst is NULL and has rows, n_cols is
// negative, another dtype. PSQ_SHAPE, PSQ_NOMEM: as psq_plan_apply.
PSQ_API PSQ_MUST psq_status psq_plan_adjoint(const psq_plan *plan, psq_dtype dtype, psq_storage to,
                                             const void *ddst, const psq_storage *from,
                                             void *const *dsrc, int64_t n_cols, psq_error *err);

#ifdef __cplusplus
}
#endif

#endif
