// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// rowlist.h: a batch as a plain list of sequences of numbers, one number a row, for tests that do
// with lists what the library does with plans. Bytes of a row are made of its number.
#ifndef PACKSEQ_TESTS_ROWLIST_H
#define PACKSEQ_TESTS_ROWLIST_H

#include "packseq/layout.h"
#include "testing.h"

enum { ROWLIST_SEQS = 512, ROWLIST_ROWS = 4096 };

typedef struct rowlist {
    int64_t n;
    int64_t lengths[ROWLIST_SEQS];
    int64_t starts[ROWLIST_SEQS];
    int64_t n_rows;
    int64_t rows[ROWLIST_ROWS];
} rowlist;

static inline void rowlist_clear(rowlist *list) {
    list->n = 0;
    list->n_rows = 0;
}

static inline void rowlist_new_seq(rowlist *list) {
    assert_true(list->n < ROWLIST_SEQS);
    list->lengths[list->n] = 0;
    list->starts[list->n] = list->n_rows;
    list->n++;
}

// Adds a row to the last sequence.
static inline void rowlist_add(rowlist *list, int64_t number) {
    assert_true(list->n > 0 && list->n_rows < ROWLIST_ROWS);
    list->rows[list->n_rows++] = number;
    list->lengths[list->n - 1]++;
}

static inline int64_t rowlist_at(const rowlist *list, int64_t b, int64_t t) {
    assert_true(b >= 0 && b < list->n && t >= 0 && t < list->lengths[b]);
    return list->rows[list->starts[b] + t];
}

// Rows `from` to before `to` of a sequence, at the end of the last one of `list`.
static inline void rowlist_add_range(rowlist *list, const rowlist *of, int64_t b, int64_t from,
                                     int64_t to) {
    for (int64_t t = from; t < to; t++) {
        rowlist_add(list, rowlist_at(of, b, t));
    }
}

// Row t of sequence b of source number `source`: no other row has its number.
static inline void rowlist_source(rowlist *list, int64_t source, const int64_t *lengths,
                                  int64_t B) {
    rowlist_clear(list);
    for (int64_t b = 0; b < B; b++) {
        rowlist_new_seq(list);
        for (int64_t t = 0; t < lengths[b]; t++) {
            rowlist_add(list, 1 + t + 1000 * (b + 1000 * source));
        }
    }
}

static inline unsigned char rowlist_byte(int64_t number, size_t k) {
    return (unsigned char)(number * 37 + number / 1000 * 11 + number / 1000000 * 5 +
                           (int64_t)k * (7 + number % 3));
}

// The array that holds the list in a storage of `layout`; other rows are `value` again and again.
static inline void rowlist_write(const rowlist *list, const psq_layout *layout, psq_storage storage,
                                 size_t row_bytes, const unsigned char *value, size_t size,
                                 unsigned char *array) {
    int64_t n_rows = 0;
    assert_int_equal(psq_storage_n_rows(layout, storage, &n_rows, NULL), PSQ_OK);
    for (size_t i = 0; i < (size_t)n_rows * row_bytes; i++) {
        array[i] = value[i % size];
    }
    for (int64_t b = 0; b < list->n; b++) {
        for (int64_t t = 0; t < list->lengths[b]; t++) {
            const int64_t row = psq_storage_row(layout, storage, b, t);
            for (size_t k = 0; k < row_bytes; k++) {
                array[(size_t)row * row_bytes + k] = rowlist_byte(rowlist_at(list, b, t), k);
            }
        }
    }
}

#endif
