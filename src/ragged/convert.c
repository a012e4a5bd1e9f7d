// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// convert.c: the border of the conversions: what is checked before tiles.c copies. An array or a
// list becomes a place, after which nobody asks which of them it was.
#include "packseq/ragged.h"

#include "base/error.h"
#include "base/size.h"
#include "ragged/fill.h"
#include "ragged/place.h"
#include "ragged/tiles.h"

static psq_status check_rows(const psq_layout *layout, const char *order_name, psq_storage storage,
                             const char *name, const void *rows, size_t row_bytes, psq_error *err) {
    int64_t n_rows = 0;
    PSQ_TRY(psq_storage_check(layout, order_name, storage, &n_rows, err));
    return psq_rows_check(name, rows == NULL, n_rows, row_bytes, err);
}

static psq_status check_seqs(const psq_layout *layout, const void *const *seqs, size_t row_bytes,
                             psq_error *err) {
    PSQ_REQUIRE(err, layout != NULL, PSQ_INVALID, "layout is NULL");
    PSQ_REQUIRE(err, psq_size_of(layout->n_rows, row_bytes) != SIZE_MAX, PSQ_NOMEM,
                "seqs have %lld rows of %zu bytes, which overflows", (long long)layout->n_rows,
                row_bytes);
    if (layout->n_rows == 0 || row_bytes == 0) {
        return PSQ_OK;
    }
    PSQ_REQUIRE(err, seqs != NULL, PSQ_INVALID, "seqs is NULL, must have %lld pointers",
                (long long)layout->n_seq);
    for (int64_t b = 0; b < layout->n_seq; b++) {
        PSQ_REQUIRE(err, seqs[b] != NULL || layout->lengths[b] == 0, PSQ_INVALID,
                    "seqs[%lld] is NULL, must have %lld rows", (long long)b,
                    (long long)layout->lengths[b]);
    }
    return PSQ_OK;
}

psq_status psq_convert(const psq_layout *layout, psq_storage from, const void *src, psq_storage to,
                       void *dst, size_t row_bytes, psq_fill fill, psq_error *err) {
    PSQ_TRY(check_rows(layout, "from", from, "src", src, row_bytes, err));
    PSQ_TRY(check_rows(layout, "to", to, "dst", dst, row_bytes, err));
    PSQ_TRY(psq_fill_check(fill, "row_bytes", row_bytes, err));
    const psq_place source = psq_place_array(layout, from, (void *)src, row_bytes);
    const psq_place target = psq_place_array(layout, to, dst, row_bytes);
    psq_tiles_copy(&source, &target, fill);
    return PSQ_OK;
}

psq_status psq_convert_from_list(const psq_layout *layout, const void *const *seqs, psq_storage to,
                                 void *dst, size_t row_bytes, psq_fill fill, psq_error *err) {
    PSQ_TRY(check_seqs(layout, seqs, row_bytes, err));
    PSQ_TRY(check_rows(layout, "to", to, "dst", dst, row_bytes, err));
    PSQ_TRY(psq_fill_check(fill, "row_bytes", row_bytes, err));
    const psq_place source = psq_place_list(layout, (void *const *)seqs, row_bytes);
    const psq_place target = psq_place_array(layout, to, dst, row_bytes);
    psq_tiles_copy(&source, &target, fill);
    return PSQ_OK;
}

psq_status psq_convert_to_list(const psq_layout *layout, psq_storage from, const void *src,
                               void *const *seqs, size_t row_bytes, psq_error *err) {
    PSQ_TRY(check_rows(layout, "from", from, "src", src, row_bytes, err));
    PSQ_TRY(check_seqs(layout, (const void *const *)seqs, row_bytes, err));
    const psq_place source = psq_place_array(layout, from, (void *)src, row_bytes);
    const psq_place target = psq_place_list(layout, seqs, row_bytes);
    psq_tiles_copy(&source, &target, (psq_fill){NULL, 0});
    return PSQ_OK;
}
