// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// place.h: where the rows of a batch lie in memory. In every storage, and in a list of sequences,
// the address of row (b, t) is a sum: one part that depends on the sequence alone and one that
// depends on the step alone. So a loop over sequences and steps adds, and knows no orders.
#ifndef PACKSEQ_RAGGED_PLACE_H
#define PACKSEQ_RAGGED_PLACE_H

#include "ragged/layout.h"

// Rows of row_bytes bytes, by psq_place_array or psq_place_list. A place that is only read may have
// been made of const memory by a cast.
typedef struct psq_place {
    const psq_layout *layout;
    psq_storage storage;  // a list's is jagged, which it is like within a sequence
    char *rows;           // of an array
    char *const *seqs;    // of a list: the first row of each sequence; else NULL
    size_t row_bytes;     //
    int64_t n_steps;      // S of a padded storage, else 0
    const int64_t *steps; // packed: the step's part is steps[t] rows,
    size_t stride;        // else t times this many bytes
} psq_place;

static inline bool psq_is_padded(psq_order order) {
    return order == PSQ_PADDED_TIME || order == PSQ_PADDED_BATCH;
}

// Whether the rows of a sequence lie one after the other.
static inline bool psq_is_by_sequence(psq_order order) {
    return order == PSQ_JAGGED || order == PSQ_PADDED_BATCH;
}

static inline psq_place psq_place_array(const psq_layout *layout, psq_storage storage, void *rows,
                                        size_t row_bytes) {
    const size_t n_between = storage.order == PSQ_PADDED_TIME ? (size_t)layout->n_seq : 1;
    return (psq_place){
        .layout = layout,
        .storage = storage,
        .rows = (char *)rows,
        .row_bytes = row_bytes,
        .n_steps = psq_is_padded(storage.order) ? psq_storage_steps(layout, storage) : 0,
        .steps = storage.order == PSQ_PACKED ? layout->step_offsets : NULL,
        .stride = n_between * row_bytes,
    };
}

static inline psq_place psq_place_list(const psq_layout *layout, void *const *seqs,
                                       size_t row_bytes) {
    psq_place place = psq_place_array(layout, (psq_storage){PSQ_JAGGED, false, 0}, NULL, row_bytes);
    place.seqs = (char *const *)seqs;
    return place;
}

// base + bytes. An array or a sequence without rows may be NULL, of which C has no sums.
static inline char *psq_address(const char *base, size_t bytes) {
    return (char *)((uintptr_t)base + bytes);
}

// The stored step of element (b, 0): where padding is on the left, behind it.
static inline int64_t psq_place_first(const psq_place *place, int64_t b) {
    return place->n_steps > 0 && place->storage.pad_left
               ? place->n_steps - place->layout->lengths[b]
               : 0;
}

// The address of element (b, 0), if there is one, without the step's part.
static inline char *psq_place_seq(const psq_place *place, int64_t b) {
    if (place->seqs != NULL) {
        return place->seqs[b];
    }
    int64_t row = 0;
    switch (place->storage.order) {
    case PSQ_PACKED:
        row = place->layout->unsorted_indices[b];
        break;
    case PSQ_JAGGED:
        row = place->layout->offsets[b];
        break;
    case PSQ_PADDED_TIME:
        row = psq_place_first(place, b) * place->layout->n_seq + b;
        break;
    default:
        row = b * place->n_steps + psq_place_first(place, b);
        break;
    }
    return psq_address(place->rows, (size_t)row * place->row_bytes);
}

// What step t adds to it.
static inline size_t psq_place_step(const psq_place *place, int64_t t) {
    return place->steps != NULL ? (size_t)place->steps[t] * place->row_bytes
                                : (size_t)t * place->stride;
}

static inline char *psq_place_row(const psq_place *place, int64_t b, int64_t t) {
    return psq_place_seq(place, b) + psq_place_step(place, t);
}

#endif
