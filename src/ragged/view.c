// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// view.c: the rows of one sequence, and the element of one row: psq_storage_row said in one number
// for a whole sequence, and its inverse.
#include "base/error.h"
#include "base/size.h"
#include "ragged/place.h"

psq_status psq_layout_view(const psq_layout *layout, psq_storage storage, int64_t b, psq_view *view,
                           psq_error *err) {
    int64_t n_rows = 0;
    PSQ_REQUIRE(err, view != NULL, PSQ_INVALID, "view is NULL");
    PSQ_TRY(psq_storage_check(layout, "storage", storage, &n_rows, err));
    PSQ_REQUIRE(err, b >= 0 && b < layout->n_seq, PSQ_INVALID,
                "b is %lld, must be at least 0 and below %lld", (long long)b,
                (long long)layout->n_seq);
    // Rows of one byte at address 0: a place in rows.
    const psq_place place = psq_place_array(layout, storage, NULL, 1);
    const bool is_empty = layout->lengths[b] == 0;
    *view = (psq_view){
        .n_rows = layout->lengths[b],
        .first = is_empty ? 0 : psq_row(layout, storage, b, 0),
        .stride = storage.order == PSQ_PACKED ? 0 : (int64_t)place.stride,
        .steps = place.steps,
    };
    return PSQ_OK;
}

// The last i with starts[i] <= row, of starts that ascend from 0, where 0 <= row < starts[n].
static int64_t find_start(const int64_t *starts, int64_t n, int64_t row) {
    int64_t low = 0;
    int64_t high = n;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (starts[middle] <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

bool psq_storage_element(const psq_layout *layout, psq_storage storage, int64_t row, int64_t *b,
                         int64_t *t) {
    const bool is_padded = psq_is_padded(storage.order);
    const int64_t S = is_padded ? psq_storage_steps(layout, storage) : 0;
    if (row < 0 || row >= (is_padded ? S * layout->n_seq : layout->n_rows)) {
        return false;
    }
    if (storage.order == PSQ_PACKED) {
        *t = find_start(layout->step_offsets, layout->n_steps, row);
        *b = layout->sorted_indices[row - layout->step_offsets[*t]];
        return true;
    }
    if (storage.order == PSQ_JAGGED) {
        *b = find_start(layout->offsets, layout->n_seq, row);
        *t = row - layout->offsets[*b];
        return true;
    }
    const bool by_time = storage.order == PSQ_PADDED_TIME;
    const int64_t owner = by_time ? row % layout->n_seq : row / S;
    const int64_t step = by_time ? row / layout->n_seq : row % S;
    const int64_t length = layout->lengths[owner];
    const int64_t element = storage.pad_left ? step - (S - length) : step;
    if (element < 0 || element >= length) {
        return false;
    }
    *b = owner;
    *t = element;
    return true;
}

psq_status psq_storage_round_up(const psq_layout *layout, int64_t multiple, psq_storage *storage,
                                psq_error *err) {
    int64_t n_rows = 0;
    PSQ_REQUIRE(err, storage != NULL, PSQ_INVALID, "storage is NULL");
    PSQ_REQUIRE(err, multiple >= 1, PSQ_INVALID, "multiple is %lld, must be at least 1",
                (long long)multiple);
    PSQ_REQUIRE(err, layout != NULL, PSQ_INVALID, "layout is NULL");
    psq_storage rounded = *storage;
    const int64_t least = psq_max_count(layout->n_steps, storage->n_steps);
    if (rounded.n_steps >= 0) { // else it is for the check to say
        const int64_t n = least / multiple + (least % multiple > 0 ? 1 : 0);
        PSQ_REQUIRE(err, psq_count_mul(n, multiple, &rounded.n_steps), PSQ_NOMEM,
                    "the multiple of %lld from %lld on overflows", (long long)multiple,
                    (long long)least);
    }
    PSQ_TRY(psq_storage_check(layout, "storage", rounded, &n_rows, err));
    *storage = rounded;
    return PSQ_OK;
}
