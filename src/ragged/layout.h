// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// layout.h: the inside of a layout, for rooms that walk it.
#ifndef PACKSEQ_RAGGED_LAYOUT_H
#define PACKSEQ_RAGGED_LAYOUT_H

#include "packseq/layout.h"

struct psq_layout {
    const psq_ctx *ctx;
    int64_t n_seq;   // B
    int64_t n_steps; // T
    int64_t n_rows;  // N
    int64_t *lengths;
    int64_t *offsets;
    int64_t *sorted_indices;
    int64_t *unsorted_indices;
    int64_t *batch_sizes;
    int64_t *step_offsets;
    void *memory; // holds the arrays
};

// psq_storage_n_rows for a storage that the caller knows as `name`.
PSQ_MUST psq_status psq_storage_check(const psq_layout *layout, const char *name,
                                      psq_storage storage, int64_t *n_rows, psq_error *err);

// n_rows rows of row_bytes bytes in an array that the caller knows as `name`: their bytes can be
// counted, and it is not NULL where there are any.
PSQ_MUST psq_status psq_rows_check(const char *name, bool is_null, int64_t n_rows, size_t row_bytes,
                                   psq_error *err);

// Stored steps S of a padded storage.
static inline int64_t psq_storage_steps(const psq_layout *layout, psq_storage storage) {
    return storage.n_steps > 0 ? storage.n_steps : layout->n_steps;
}

// psq_storage_row for b and t that exist.
static inline int64_t psq_row(const psq_layout *layout, psq_storage storage, int64_t b, int64_t t) {
    if (storage.order == PSQ_JAGGED) {
        return layout->offsets[b] + t;
    }
    if (storage.order == PSQ_PACKED) {
        return layout->step_offsets[t] + layout->unsorted_indices[b];
    }
    const int64_t n_steps = psq_storage_steps(layout, storage);
    const int64_t step = storage.pad_left ? t + n_steps - layout->lengths[b] : t;
    return storage.order == PSQ_PADDED_TIME ? step * layout->n_seq + b : b * n_steps + step;
}

#endif
