// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// storage.c: the layout's arrays for the public, and where rows lie in each order.
#include "base/error.h"
#include "base/size.h"
#include "ragged/layout.h"

int64_t psq_layout_n_seq(const psq_layout *layout) {
    return layout->n_seq;
}

int64_t psq_layout_n_steps(const psq_layout *layout) {
    return layout->n_steps;
}

int64_t psq_layout_n_rows(const psq_layout *layout) {
    return layout->n_rows;
}

const int64_t *psq_layout_lengths(const psq_layout *layout) {
    return layout->lengths;
}

const int64_t *psq_layout_offsets(const psq_layout *layout) {
    return layout->offsets;
}

const int64_t *psq_layout_sorted_indices(const psq_layout *layout) {
    return layout->sorted_indices;
}

const int64_t *psq_layout_unsorted_indices(const psq_layout *layout) {
    return layout->unsorted_indices;
}

const int64_t *psq_layout_batch_sizes(const psq_layout *layout) {
    return layout->batch_sizes;
}

const int64_t *psq_layout_step_offsets(const psq_layout *layout) {
    return layout->step_offsets;
}

const char *psq_order_name(psq_order order) {
    static const char *const names[PSQ_N_ORDER] = {
        [PSQ_PACKED] = "packed",
        [PSQ_JAGGED] = "jagged",
        [PSQ_PADDED_TIME] = "padded-time",
        [PSQ_PADDED_BATCH] = "padded-batch",
    };
    return (unsigned)order < PSQ_N_ORDER ? names[order] : NULL;
}

psq_status psq_storage_check(const psq_layout *layout, const char *name, psq_storage storage,
                             int64_t *n_rows, psq_error *err) {
    PSQ_REQUIRE(err, layout != NULL, PSQ_INVALID, "layout is NULL");
    PSQ_REQUIRE(err, (unsigned)storage.order < PSQ_N_ORDER, PSQ_INVALID,
                "%s.order is %d, must be from 0 to %d", name, (int)storage.order, PSQ_N_ORDER - 1);
    PSQ_REQUIRE(err, storage.n_steps >= 0, PSQ_INVALID, "%s.n_steps is %lld, must be at least 0",
                name, (long long)storage.n_steps);
    if (storage.order == PSQ_PACKED || storage.order == PSQ_JAGGED) {
        *n_rows = layout->n_rows;
        return PSQ_OK;
    }
    const int64_t n_steps = psq_storage_steps(layout, storage);
    PSQ_REQUIRE(err, n_steps >= layout->n_steps, PSQ_SHAPE,
                "%s.n_steps is %lld, must be at least the longest length, which is %lld", name,
                (long long)n_steps, (long long)layout->n_steps);
    PSQ_REQUIRE(err, psq_count_mul(n_steps, layout->n_seq, n_rows), PSQ_NOMEM,
                "%s has %lld sequences of %lld steps, which overflows", name,
                (long long)layout->n_seq, (long long)n_steps);
    return PSQ_OK;
}

psq_status psq_rows_check(const char *name, bool is_null, int64_t n_rows, size_t row_bytes,
                          psq_error *err) {
    PSQ_REQUIRE(err, psq_size_of(n_rows, row_bytes) != SIZE_MAX, PSQ_NOMEM,
                "%s has %lld rows of %zu bytes, which overflows", name, (long long)n_rows,
                row_bytes);
    PSQ_REQUIRE(err, !is_null || n_rows == 0 || row_bytes == 0, PSQ_INVALID,
                "%s is NULL, must have %lld rows of %zu bytes", name, (long long)n_rows, row_bytes);
    return PSQ_OK;
}

psq_status psq_storage_n_rows(const psq_layout *layout, psq_storage storage, int64_t *n_rows,
                              psq_error *err) {
    PSQ_REQUIRE(err, n_rows != NULL, PSQ_INVALID, "n_rows is NULL");
    return psq_storage_check(layout, "storage", storage, n_rows, err);
}

int64_t psq_storage_row(const psq_layout *layout, psq_storage storage, int64_t b, int64_t t) {
    if (b < 0 || b >= layout->n_seq || t < 0 || t >= layout->lengths[b]) {
        return -1;
    }
    return psq_row(layout, storage, b, t);
}
