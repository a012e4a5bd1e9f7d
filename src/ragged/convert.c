// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// convert.c: rows from any order to any other. There is one copy loop, over "where is (b, t)" of a
// source and a target; lists are one more place where rows can be. The target's order decides which
// loop is the outer one, so that the target is written from its first row to its last; where both
// sides keep a sequence's rows together, a sequence is one copy. Padding is filled by itself, valid
// rows are written once.
#include "packseq/ragged.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/size.h"
#include "ragged/layout.h"

// Where rows come from: seqs, if not NULL, else rows in storage's order.
typedef struct source {
    psq_storage storage;
    const char *rows;
    const void *const *seqs;
} source;

typedef struct target {
    psq_storage storage;
    char *rows;
    void *const *seqs;
} target;

static const char *source_row(const psq_layout *layout, const source *src, int64_t b, int64_t t,
                              size_t row_bytes) {
    return src->seqs != NULL ? (const char *)src->seqs[b] + (size_t)t * row_bytes
                             : src->rows + (size_t)psq_row(layout, src->storage, b, t) * row_bytes;
}

static char *target_row(const psq_layout *layout, const target *dst, int64_t b, int64_t t,
                        size_t row_bytes) {
    return dst->seqs != NULL ? (char *)dst->seqs[b] + (size_t)t * row_bytes
                             : dst->rows + (size_t)psq_row(layout, dst->storage, b, t) * row_bytes;
}

// Rows of one sequence lie one after the other.
static bool by_sequence(psq_order order) {
    return order == PSQ_JAGGED || order == PSQ_PADDED_BATCH;
}

static void copy_row(const psq_layout *layout, const source *src, const target *dst, int64_t b,
                     int64_t t, size_t row_bytes) {
    memcpy(target_row(layout, dst, b, t, row_bytes), source_row(layout, src, b, t, row_bytes),
           row_bytes);
}

static void copy_sequences(const psq_layout *layout, const source *src, const target *dst,
                           size_t row_bytes) {
    const bool whole = src->seqs != NULL || by_sequence(src->storage.order);
    for (int64_t b = 0; b < layout->n_seq; b++) {
        const int64_t length = layout->lengths[b];
        if (whole && length > 0) {
            memcpy(target_row(layout, dst, b, 0, row_bytes),
                   source_row(layout, src, b, 0, row_bytes), (size_t)length * row_bytes);
        }
        for (int64_t t = 0; t < length && !whole; t++) {
            copy_row(layout, src, dst, b, t, row_bytes);
        }
    }
}

static void copy_steps(const psq_layout *layout, const source *src, const target *dst,
                       size_t row_bytes) {
    for (int64_t t = 0; t < layout->n_steps; t++) {
        for (int64_t rank = 0; rank < layout->batch_sizes[t]; rank++) {
            copy_row(layout, src, dst, layout->sorted_indices[rank], t, row_bytes);
        }
    }
}

static void copy_rows(const psq_layout *layout, const source *src, const target *dst,
                      size_t row_bytes) {
    if (dst->seqs != NULL || by_sequence(dst->storage.order)) {
        copy_sequences(layout, src, dst, row_bytes);
    } else {
        copy_steps(layout, src, dst, row_bytes);
    }
}

// The value again and again over `bytes` bytes: what is filled doubles with each copy.
static void fill_bytes(char *dst, size_t bytes, psq_fill fill) {
    if (bytes == 0) {
        return;
    }
    if (fill.value == NULL) {
        memset(dst, 0, bytes);
        return;
    }
    assert(fill.size > 0 && bytes % fill.size == 0);
    memcpy(dst, fill.value, fill.size);
    for (size_t done = fill.size; done < bytes;) {
        const size_t more = done < bytes - done ? done : bytes - done;
        memcpy(dst + done, dst, more);
        done += more;
    }
}

// All cells of a padded target that no element has.
static void fill_padding(const psq_layout *layout, const target *dst, size_t row_bytes,
                         psq_fill fill) {
    const int64_t B = layout->n_seq;
    const int64_t S = psq_storage_steps(layout, dst->storage);
    const bool left = dst->storage.pad_left;
    if (dst->storage.order == PSQ_PADDED_BATCH) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t length = layout->lengths[b];
            const size_t row = (size_t)(b * S + (left ? 0 : length));
            fill_bytes(dst->rows + row * row_bytes, (size_t)(S - length) * row_bytes, fill);
        }
        return;
    }
    for (int64_t s = 0; s < S; s++) {
        for (int64_t b = 0; b < B; b++) {
            const int64_t length = layout->lengths[b];
            if (left ? s < S - length : s >= length) {
                fill_bytes(dst->rows + (size_t)(s * B + b) * row_bytes, row_bytes, fill);
            }
        }
    }
}

static bool padded(psq_order order) {
    return order == PSQ_PADDED_TIME || order == PSQ_PADDED_BATCH;
}

// ---- the border

static psq_status check_rows(const psq_layout *layout, const char *order_name, psq_storage storage,
                             const char *name, const void *rows, size_t row_bytes, psq_error *err) {
    int64_t n_rows = 0;
    PSQ_TRY(psq_storage_check(layout, order_name, storage, &n_rows, err));
    PSQ_REQUIRE(err, psq_size_of(n_rows, row_bytes) != SIZE_MAX, PSQ_NOMEM,
                "%s has %lld rows of %zu bytes, which overflows", name, (long long)n_rows,
                row_bytes);
    PSQ_REQUIRE(err, rows != NULL || n_rows == 0 || row_bytes == 0, PSQ_INVALID,
                "%s is NULL, must have %lld rows of %zu bytes", name, (long long)n_rows, row_bytes);
    return PSQ_OK;
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

static psq_status check_fill(psq_fill fill, size_t row_bytes, psq_error *err) {
    if (fill.value != NULL) {
        PSQ_REQUIRE(err, fill.size > 0, PSQ_INVALID, "fill.size is 0, must be at least 1");
        PSQ_REQUIRE(err, row_bytes % fill.size == 0, PSQ_INVALID,
                    "fill.size is %zu, does not divide row_bytes, which is %zu", fill.size,
                    row_bytes);
    }
    return PSQ_OK;
}

static void convert(const psq_layout *layout, const source *src, const target *dst,
                    size_t row_bytes, psq_fill fill) {
    if (row_bytes == 0 || layout->n_seq == 0) {
        return;
    }
    if (dst->rows != NULL && padded(dst->storage.order)) {
        fill_padding(layout, dst, row_bytes, fill);
    }
    if (layout->n_rows > 0) {
        copy_rows(layout, src, dst, row_bytes);
    }
}

psq_status psq_convert(const psq_layout *layout, psq_storage from, const void *src, psq_storage to,
                       void *dst, size_t row_bytes, psq_fill fill, psq_error *err) {
    PSQ_TRY(check_rows(layout, "from", from, "src", src, row_bytes, err));
    PSQ_TRY(check_rows(layout, "to", to, "dst", dst, row_bytes, err));
    PSQ_TRY(check_fill(fill, row_bytes, err));
    convert(layout, &(source){from, (const char *)src, NULL}, &(target){to, (char *)dst, NULL},
            row_bytes, fill);
    return PSQ_OK;
}

psq_status psq_convert_from_list(const psq_layout *layout, const void *const *seqs, psq_storage to,
                                 void *dst, size_t row_bytes, psq_fill fill, psq_error *err) {
    PSQ_TRY(check_seqs(layout, seqs, row_bytes, err));
    PSQ_TRY(check_rows(layout, "to", to, "dst", dst, row_bytes, err));
    PSQ_TRY(check_fill(fill, row_bytes, err));
    convert(layout, &(source){{PSQ_JAGGED, false, 0}, NULL, seqs}, &(target){to, (char *)dst, NULL},
            row_bytes, fill);
    return PSQ_OK;
}

psq_status psq_convert_to_list(const psq_layout *layout, psq_storage from, const void *src,
                               void *const *seqs, size_t row_bytes, psq_error *err) {
    PSQ_TRY(check_rows(layout, "from", from, "src", src, row_bytes, err));
    PSQ_TRY(check_seqs(layout, (const void *const *)seqs, row_bytes, err));
    convert(layout, &(source){from, (const char *)src, NULL},
            &(target){{PSQ_JAGGED, false, 0}, NULL, seqs}, row_bytes, (psq_fill){NULL, 0});
    return PSQ_OK;
}
