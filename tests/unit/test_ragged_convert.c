// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_convert.c: pack, pad and unpack on values written by hand, most of them those of
// PyTorch's own tests and documentation, and every error with its sentence.
#include "layouts.h"
#include "packseq/ragged.h"

static const psq_storage packed = {PSQ_PACKED, false, 0};
static const psq_storage jagged = {PSQ_JAGGED, false, 0};
static const psq_storage time_first = {PSQ_PADDED_TIME, false, 0};
static const psq_storage batch_first = {PSQ_PADDED_BATCH, false, 0};
static const psq_fill zeros = {NULL, 0};

// Converts rows of `width` int32 each and compares the n_rows that must come out; what lies behind
// them must stay.
static void assert_converts(const psq_layout *layout, psq_storage from, const int32_t *src,
                            psq_storage to, psq_fill fill, const int32_t *wanted, int64_t n_rows,
                            size_t width) {
    int32_t got[512];
    memset(got, 0x5a, sizeof got);
    const size_t bytes = (size_t)n_rows * width * sizeof *got;
    assert_true(bytes + sizeof *got <= sizeof got);
    assert_int_equal(psq_convert(layout, from, src, to, got, width * sizeof *got, fill, &err),
                     PSQ_OK);
    assert_memory_equal(got, wanted, bytes);
    assert_int_equal(got[(size_t)n_rows * width], 0x5a5a5a5a);
}

static void convert_4_2_3(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){4, 2, 3}, 3);
    static const int32_t rows[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const int32_t wanted[9] = {1, 7, 5, 2, 8, 6, 3, 9, 4};
    assert_converts(layout, jagged, rows, packed, zeros, wanted, 9, 1);
    assert_converts(layout, packed, wanted, jagged, zeros, rows, 9, 1);
    const void *const list[3] = {rows, rows + 4, rows + 6};
    int32_t got[9];
    assert_int_equal(psq_convert_from_list(layout, list, packed, got, sizeof *got, zeros, &err),
                     PSQ_OK);
    assert_memory_equal(got, wanted, sizeof got);
    psq_layout_destroy(layout);
}

// Stable ties make the row order of this one certain.
static void convert_6_4_4_3_3(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){6, 4, 4, 3, 3}, 5);
    static const int32_t rows[20] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                     11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    static const int32_t wanted[20] = {1, 7, 11, 15, 18, 2, 8,  12, 16, 19,
                                       3, 9, 13, 17, 20, 4, 10, 14, 5,  6};
    assert_converts(layout, jagged, rows, packed, zeros, wanted, 20, 1);
    psq_layout_destroy(layout);
}

static void convert_list_packs_in_any_order(void **state) {
    (void)state;
    static const int32_t a[3] = {1, 2, 3};
    static const int32_t b[2] = {4, 5};
    static const int32_t c[1] = {6};
    static const int32_t wanted[6] = {1, 4, 6, 2, 5, 3};
    int32_t got[6];
    psq_layout *layout = from_lengths((const int64_t[]){3, 2, 1}, 3);
    const void *const abc[3] = {a, b, c};
    assert_int_equal(psq_convert_from_list(layout, abc, packed, got, sizeof *got, zeros, &err),
                     PSQ_OK);
    assert_memory_equal(got, wanted, sizeof got);
    psq_layout_destroy(layout);
    layout = from_lengths((const int64_t[]){2, 1, 3}, 3);
    const void *const bca[3] = {b, c, a};
    assert_int_equal(psq_convert_from_list(layout, bca, packed, got, sizeof *got, zeros, &err),
                     PSQ_OK);
    assert_memory_equal(got, wanted, sizeof got);
    psq_layout_destroy(layout);
}

static void convert_list_pads(void **state) {
    (void)state;
    static const int32_t a[3] = {1, 2, 3};
    static const int32_t b[2] = {4, 5};
    static const int32_t c[1] = {6};
    const int32_t one = 1;
    const psq_fill ones = {&one, sizeof one};
    int32_t got[9];
    psq_layout *layout = from_lengths((const int64_t[]){2, 3, 1}, 3);
    const void *const bac[3] = {b, a, c};
#define PADS(list, to, fill, ...)                                                               \
    do {                                                                                        \
        assert_int_equal(psq_convert_from_list(layout, list, to, got, sizeof *got, fill, &err), \
                         PSQ_OK);                                                               \
        assert_memory_equal(got, ((const int32_t[]){__VA_ARGS__}), sizeof got);                 \
    } while (0)
    PADS(bac, batch_first, zeros, 4, 5, 0, 1, 2, 3, 6, 0, 0);
    PADS(bac, time_first, zeros, 4, 1, 6, 5, 2, 0, 0, 3, 0);
    PADS(bac, batch_first, ones, 4, 5, 1, 1, 2, 3, 6, 1, 1);
    PADS(bac, time_first, ones, 4, 1, 6, 5, 2, 1, 1, 3, 1);
    const psq_storage left = {PSQ_PADDED_BATCH, true, 0};
    PADS(bac, left, zeros, 0, 4, 5, 1, 2, 3, 0, 0, 6);
    const psq_storage time_left = {PSQ_PADDED_TIME, true, 0};
    PADS(bac, time_left, zeros, 0, 1, 0, 4, 2, 0, 5, 3, 6);
    psq_layout_destroy(layout);
    layout = from_lengths((const int64_t[]){3, 2, 1}, 3);
    const void *const abc[3] = {a, b, c};
    PADS(abc, batch_first, zeros, 1, 2, 3, 4, 5, 0, 6, 0, 0);
#undef PADS
    psq_layout_destroy(layout);
}

// Equal lengths: packed rows are padded ones, but for the order of ranks.
static void convert_equal_lengths(void **state) {
    (void)state;
    static const int32_t rows[6] = {1, 2, 3, 4, 5, 6};
    psq_layout *layout = from_lengths((const int64_t[]){2, 2, 2}, 3);
    assert_converts(layout, packed, rows, time_first, zeros, rows, 6, 1);
    assert_converts(layout, time_first, rows, packed, zeros, rows, 6, 1);
    psq_layout_destroy(layout);
    assert_int_equal(psq_layout_from_batch_sizes(ctx, (const int64_t[]){3, 3}, 2,
                                                 (const int64_t[]){2, 0, 1}, 3, 6, &layout, &err),
                     PSQ_OK);
    static const int32_t turned[6] = {2, 3, 1, 5, 6, 4};
    assert_converts(layout, packed, rows, time_first, zeros, turned, 6, 1);
    assert_converts(layout, time_first, turned, packed, zeros, rows, 6, 1);
    psq_layout_destroy(layout);
}

// A (2, 1, 2) array is the list of its two slices, sequences of one row of two.
static void convert_list_of_slices(void **state) {
    (void)state;
    static const int32_t slices[4] = {1, 2, 3, 4};
    psq_layout *const layout = from_lengths((const int64_t[]){1, 1}, 2);
    const void *const list[2] = {slices, slices + 2};
    int32_t got[4];
    assert_int_equal(
        psq_convert_from_list(layout, list, time_first, got, 2 * sizeof *got, zeros, &err), PSQ_OK);
    assert_memory_equal(got, slices, sizeof got); // [1][2][2]
    psq_layout_destroy(layout);
}

static void convert_documented_examples(void **state) {
    (void)state;
    psq_layout *layout = from_lengths((const int64_t[]){2, 1, 3}, 3);
    static const int32_t padded[9] = {1, 2, 0, 3, 0, 0, 4, 5, 6};
    static const int32_t rows[6] = {4, 1, 3, 5, 2, 6};
    assert_converts(layout, batch_first, padded, packed, zeros, rows, 6, 1);
    assert_converts(layout, packed, rows, batch_first, zeros, padded, 9, 1);
    psq_layout_destroy(layout);
    layout = from_lengths((const int64_t[]){3, 1}, 2);
    const void *const list[2] = {"abc", "x"};
    char got[4];
    assert_int_equal(psq_convert_from_list(layout, list, packed, got, 1, zeros, &err), PSQ_OK);
    assert_memory_equal(got, "axbc", 4);
    psq_layout_destroy(layout);
}

// Cell (b, t) is 100 (b + 1) + {1..5} + 5 t, as wide as 5.
static void recipe(const int64_t *lengths, const int64_t *number, int64_t B, int64_t S,
                   bool batch_is_first, int32_t *cells) {
    for (int64_t b = 0; b < B; b++) {
        for (int64_t t = 0; t < S; t++) {
            int32_t *const cell = cells + 5 * (batch_is_first ? b * S + t : t * B + b);
            for (int k = 0; k < 5; k++) {
                cell[k] = t < lengths[b] ? (int32_t)(100 * (number[b] + 1) + k + 1 + 5 * t) : 0;
            }
        }
    }
}

// Packs such a batch from both padded orders, compares each row, and pads it again.
static void assert_recipe(const int64_t *lengths, const int64_t *number, int64_t B) {
    psq_layout *const layout = from_lengths(lengths, B);
    const int64_t S = psq_layout_n_steps(layout);
    const int64_t N = psq_layout_n_rows(layout);
    int32_t wanted[512];
    int32_t *row = wanted;
    for (int64_t t = 0; t < S; t++) {
        for (int64_t rank = 0; rank < psq_layout_batch_sizes(layout)[t]; rank++) {
            for (int k = 0; k < 5; k++) {
                *row++ = (int32_t)(100 * (rank + 1) + k + 1 + 5 * t);
            }
        }
    }
    assert_int_equal(row - wanted, 5 * N);
    for (int first = 0; first < 2; first++) {
        int32_t cells[512];
        recipe(lengths, number, B, S, first == 1, cells);
        const psq_storage storage = first == 1 ? batch_first : time_first;
        assert_converts(layout, storage, cells, packed, zeros, wanted, N, 5);
        assert_converts(layout, packed, wanted, storage, zeros, cells, B * S, 5);
    }
    psq_layout_destroy(layout);
}

static void convert_padded_round_trip(void **state) {
    (void)state;
    static const int64_t in_order[7] = {0, 1, 2, 3, 4, 5, 6};
    static const int64_t with_ties[7] = {10, 8, 4, 2, 2, 2, 1};
    static const int64_t distinct[7] = {11, 10, 8, 6, 4, 3, 1};
    static const int64_t from[7] = {4, 0, 6, 2, 5, 1, 3};
    assert_recipe(with_ties, in_order, 7);
    assert_recipe(distinct, in_order, 7);
    int64_t shuffled[7];
    for (int b = 0; b < 7; b++) {
        shuffled[b] = distinct[from[b]];
    }
    assert_recipe(shuffled, from, 7); // the same packed rows as in order
}

// Gradient of padding packed rows, then of packing padded ones: valid cells keep theirs, padding
// gets zero.
static void convert_gradient(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){2, 1, 3}, 3);
    static const int32_t gradient[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const int32_t of_rows[6] = {7, 1, 4, 8, 2, 9};
    static const int32_t of_cells[9] = {1, 2, 0, 4, 0, 0, 7, 8, 9};
    assert_converts(layout, batch_first, gradient, packed, zeros, of_rows, 6, 1);
    assert_converts(layout, packed, of_rows, batch_first, zeros, of_cells, 9, 1);
    psq_layout_destroy(layout);
}

// More steps than the longest sequence: a plain padded array with columns, or rows, of zeros.
static void convert_to_more_steps(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){2, 1, 3}, 3);
    static const int32_t rows[6] = {4, 1, 3, 5, 2, 6};
    static const int64_t more[3] = {0, 1, 8};
    for (int i = 0; i < 3; i++) {
        const int64_t S = 3 + more[i];
        int32_t by_batch[33] = {0};
        int32_t by_time[33] = {0};
        static const int32_t padded[9] = {1, 2, 0, 3, 0, 0, 4, 5, 6};
        for (int64_t b = 0; b < 3; b++) {
            for (int64_t t = 0; t < 3; t++) {
                by_batch[b * S + t] = padded[b * 3 + t];
                by_time[t * 3 + b] = padded[b * 3 + t];
            }
        }
        const psq_storage batch = {PSQ_PADDED_BATCH, false, S};
        const psq_storage time = {PSQ_PADDED_TIME, false, S};
        assert_converts(layout, packed, rows, batch, zeros, by_batch, 3 * S, 1);
        assert_converts(layout, packed, rows, time, zeros, by_time, 3 * S, 1);
        assert_converts(layout, batch, by_batch, packed, zeros, rows, 6, 1);
        assert_converts(layout, time, by_time, batch, zeros, by_batch, 3 * S, 1);
    }
    psq_layout_destroy(layout);
}

// Lengths 1, 4, 9 ... 81 in another order, rows of 5, 20, 80 and 320 floats: a list padded is each
// sequence padded alone; packed from the list or from the padded array it is the same; and both
// lead back to the list.
static void convert_squares(void **state) {
    (void)state;
    enum { WIDEST = 320, ROWS = 285, CELLS = 9 * 81 };
    static const int64_t lengths[9] = {25, 1, 81, 16, 4, 64, 9, 49, 36};
    static const size_t widths[4] = {5, 20, 80, WIDEST};
    static float rows[ROWS * WIDEST];
    static float padded[CELLS * WIDEST];
    static float wanted[CELLS * WIDEST];
    static float packed_rows[ROWS * WIDEST];
    static float again[ROWS * WIDEST];
    for (size_t i = 0; i < ROWS * WIDEST; i++) {
        rows[i] = (float)i + 1;
    }
    psq_layout *const layout = from_lengths(lengths, 9);
    assert_int_equal(psq_layout_n_rows(layout), ROWS);
    for (int i = 0; i < 8; i++) {
        const size_t width = widths[i / 2];
        const size_t bytes = width * sizeof(float);
        const psq_storage storage = i % 2 == 0 ? time_first : batch_first;
        const void *list[9];
        void *back[9];
        memset(wanted, 0, sizeof wanted);
        memset(again, 0, sizeof again);
        for (int64_t b = 0; b < 9; b++) {
            const float *const seq = rows + (size_t)psq_layout_offsets(layout)[b] * width;
            list[b] = seq;
            back[b] = again + (seq - rows);
            for (int64_t t = 0; t < lengths[b]; t++) {
                const int64_t cell = i % 2 == 0 ? t * 9 + b : b * 81 + t;
                memcpy(wanted + (size_t)cell * width, seq + (size_t)t * width, bytes);
            }
        }
        assert_int_equal(psq_convert_from_list(layout, list, storage, padded, bytes, zeros, &err),
                         PSQ_OK);
        assert_memory_equal(padded, wanted, CELLS * bytes);
        assert_int_equal(psq_convert_to_list(layout, storage, padded, back, bytes, &err), PSQ_OK);
        assert_memory_equal(again, rows, ROWS * bytes);
        assert_int_equal(psq_convert(layout, storage, padded, packed, again, bytes, zeros, &err),
                         PSQ_OK);
        assert_int_equal(
            psq_convert_from_list(layout, list, packed, packed_rows, bytes, zeros, &err), PSQ_OK);
        assert_memory_equal(again, packed_rows, ROWS * bytes);
        assert_int_equal(psq_convert_to_list(layout, packed, packed_rows, back, bytes, &err),
                         PSQ_OK);
        assert_memory_equal(again, rows, ROWS * bytes);
    }
    psq_layout_destroy(layout);
}

static void convert_fills_any_type(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){0, 1}, 2);
    const psq_storage two = {PSQ_PADDED_BATCH, false, 2};
    const char row[24] = "row of twenty-four bytes";
    char got[4 * 24];
    const uint64_t number = UINT64_C(0x0123456789abcdef);
    const size_t sizes[6] = {1, 2, 4, 8, 3, 24};
    for (int i = 0; i < 6; i++) {
        const size_t size = sizes[i];
        const void *const value = size <= 8 ? (const void *)&number : "a whole row as its value";
        assert_int_equal(
            psq_convert(layout, packed, row, two, got, sizeof row, (psq_fill){value, size}, &err),
            PSQ_OK);
        assert_memory_equal(got + 48, row, sizeof row);
        for (size_t at = 0; at < sizeof got; at += size) {
            assert_true((at >= 48 && at < 72) || memcmp(got + at, value, size) == 0);
        }
    }
    const uint32_t nan_bits = 0x7fc00123;
    float nans[4];
    const float one = 1.0f;
    assert_int_equal(psq_convert(layout, packed, &one, two, nans, sizeof one,
                                 (psq_fill){&nan_bits, sizeof nan_bits}, &err),
                     PSQ_OK);
    assert_memory_equal(&nans[0], &nan_bits, sizeof nan_bits);
    assert_memory_equal(&nans[3], &nan_bits, sizeof nan_bits);
    assert_memory_equal(&nans[2], &one, sizeof one);
    psq_layout_destroy(layout);
}

// No rows, no bytes: nothing is touched, NULL is an array.
static void convert_nothing(void **state) {
    (void)state;
    psq_layout *layout = from_lengths(NULL, 0);
    assert_int_equal(psq_convert(layout, packed, NULL, batch_first, NULL, 4, zeros, &err), PSQ_OK);
    char untouched = 'u';
    // No sequences have no rows, however many steps are stored.
    const psq_storage forever = {PSQ_PADDED_TIME, false, INT64_MAX};
    assert_int_equal(psq_convert(layout, packed, NULL, forever, &untouched, 1, zeros, &err),
                     PSQ_OK);
    assert_int_equal(psq_convert_from_list(layout, NULL, packed, NULL, 4, zeros, &err), PSQ_OK);
    assert_int_equal(psq_convert_to_list(layout, packed, NULL, NULL, 4, &err), PSQ_OK);
    psq_layout_destroy(layout);

    layout = from_lengths((const int64_t[]){0, 0}, 2);
    const void *const list[2] = {NULL, NULL};
    void *const to_list[2] = {NULL, NULL};
    assert_int_equal(psq_convert_from_list(layout, list, time_first, NULL, 4, zeros, &err), PSQ_OK);
    assert_int_equal(psq_convert_to_list(layout, batch_first, NULL, to_list, 4, &err), PSQ_OK);
    assert_int_equal(psq_convert(layout, jagged, NULL, time_first, NULL, 4, zeros, &err), PSQ_OK);
    char cells[4] = "xxxx";
    const psq_storage two = {PSQ_PADDED_TIME, true, 2};
    assert_int_equal(psq_convert_from_list(layout, list, two, cells, 1, (psq_fill){"-", 1}, &err),
                     PSQ_OK);
    assert_memory_equal(cells, "----", 4);
    psq_layout_destroy(layout);

    layout = from_lengths((const int64_t[]){2, 1}, 2);
    assert_int_equal(psq_convert(layout, packed, NULL, batch_first, NULL, 0, zeros, &err), PSQ_OK);
    assert_int_equal(
        psq_convert(layout, packed, NULL, two, &untouched, 0, (psq_fill){"-", 1}, &err), PSQ_OK);
    assert_int_equal(psq_convert_from_list(layout, NULL, packed, NULL, 0, zeros, &err), PSQ_OK);
    assert_int_equal(psq_convert_to_list(layout, packed, NULL, to_list, 0, &err), PSQ_OK);
    psq_layout_destroy(layout);
    assert_int_equal(untouched, 'u');
}

// A refused call has written nothing.
static void convert_bad_input(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){2, 0, 1}, 3);
    const char src[16] = {0};
    char dst[16] = "untouched";
    const psq_storage one = {PSQ_PADDED_TIME, false, 1};
    const psq_storage negative = {PSQ_PADDED_BATCH, false, -1};
    const psq_storage unknown = {(psq_order)9, false, 0};
    const psq_storage forever = {PSQ_PADDED_TIME, false, INT64_MAX};
    const psq_fill of_none = {src, 0};
    const psq_fill of_four = {src, 4};
#define CONVERT(from, in, to, out, row_bytes, fill) \
    psq_convert(layout, from, in, to, out, row_bytes, fill, &err)
    assert_fails(CONVERT(packed, NULL, jagged, dst, 4, zeros), PSQ_INVALID,
                 "src is NULL, must have 3 rows of 4 bytes");
    assert_fails(CONVERT(packed, src, batch_first, NULL, 2, zeros), PSQ_INVALID,
                 "dst is NULL, must have 6 rows of 2 bytes");
    assert_fails(CONVERT(packed, src, batch_first, dst, 2, of_none), PSQ_INVALID,
                 "fill.size is 0, must be at least 1");
    assert_fails(CONVERT(packed, src, batch_first, dst, 2, of_four), PSQ_INVALID,
                 "fill.size is 4, does not divide row_bytes, which is 2");
    assert_fails(CONVERT(one, src, packed, dst, 1, zeros), PSQ_SHAPE,
                 "from.n_steps is 1, must be at least the longest length, which is 2");
    assert_fails(CONVERT(packed, src, one, dst, 1, zeros), PSQ_SHAPE,
                 "to.n_steps is 1, must be at least the longest length, which is 2");
    assert_fails(CONVERT(packed, src, negative, dst, 1, zeros), PSQ_INVALID,
                 "to.n_steps is -1, must be at least 0");
    assert_fails(CONVERT(unknown, src, packed, dst, 1, zeros), PSQ_INVALID,
                 "from.order is 9, must be from 0 to 3");
    assert_fails(CONVERT(packed, src, forever, dst, 1, zeros), PSQ_NOMEM,
                 "to has 3 sequences of 9223372036854775807 steps, which overflows");
    assert_fails(CONVERT(packed, src, jagged, dst, SIZE_MAX / 2, zeros), PSQ_NOMEM,
                 "src has 3 rows of 9223372036854775807 bytes, which overflows");
    assert_fails(CONVERT(packed, src, batch_first, dst, SIZE_MAX / 4, zeros), PSQ_NOMEM,
                 "dst has 6 rows of 4611686018427387903 bytes, which overflows");
#undef CONVERT
    assert_fails(psq_convert(NULL, packed, src, jagged, dst, 1, zeros, &err), PSQ_INVALID,
                 "layout is NULL");
    assert_int_equal(psq_convert(NULL, packed, src, jagged, dst, 1, zeros, NULL), PSQ_INVALID);
    assert_string_equal(dst, "untouched");
    psq_layout_destroy(layout);
}

static void convert_bad_lists(void **state) {
    (void)state;
    psq_layout *const layout = from_lengths((const int64_t[]){2, 0, 1}, 3);
    const char src[16] = {0};
    char dst[16] = "untouched";
    const void *const list[3] = {src, NULL, NULL};
    void *const to_list[3] = {NULL, NULL, dst};
    const void *const good[3] = {src, NULL, src};
    void *const to_good[3] = {dst, NULL, dst};
    const psq_storage one = {PSQ_PADDED_BATCH, false, 1};
    assert_fails(psq_convert_from_list(NULL, good, packed, dst, 1, zeros, &err), PSQ_INVALID,
                 "layout is NULL");
    assert_fails(psq_convert_from_list(layout, NULL, packed, dst, 1, zeros, &err), PSQ_INVALID,
                 "seqs is NULL, must have 3 pointers");
    assert_fails(psq_convert_from_list(layout, list, packed, dst, 1, zeros, &err), PSQ_INVALID,
                 "seqs[2] is NULL, must have 1 rows");
    assert_fails(psq_convert_from_list(layout, good, packed, NULL, 1, zeros, &err), PSQ_INVALID,
                 "dst is NULL, must have 3 rows of 1 bytes");
    assert_fails(psq_convert_from_list(layout, good, one, dst, 1, zeros, &err), PSQ_SHAPE,
                 "to.n_steps is 1, must be at least the longest length, which is 2");
    assert_fails(psq_convert_from_list(layout, good, packed, dst, 3, (psq_fill){src, 2}, &err),
                 PSQ_INVALID, "fill.size is 2, does not divide row_bytes, which is 3");
    assert_fails(psq_convert_from_list(layout, good, packed, dst, SIZE_MAX / 2, zeros, &err),
                 PSQ_NOMEM, "seqs have 3 rows of 9223372036854775807 bytes, which overflows");
    assert_fails(psq_convert_to_list(NULL, packed, src, to_good, 1, &err), PSQ_INVALID,
                 "layout is NULL");
    assert_fails(psq_convert_to_list(layout, packed, src, NULL, 1, &err), PSQ_INVALID,
                 "seqs is NULL, must have 3 pointers");
    assert_fails(psq_convert_to_list(layout, packed, src, to_list, 1, &err), PSQ_INVALID,
                 "seqs[0] is NULL, must have 2 rows");
    assert_fails(psq_convert_to_list(layout, packed, NULL, to_good, 1, &err), PSQ_INVALID,
                 "src is NULL, must have 3 rows of 1 bytes");
    assert_fails(psq_convert_to_list(layout, one, src, to_good, 1, &err), PSQ_SHAPE,
                 "from.n_steps is 1, must be at least the longest length, which is 2");
    assert_string_equal(dst, "untouched");
    psq_layout_destroy(layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convert_4_2_3),
        cmocka_unit_test(convert_6_4_4_3_3),
        cmocka_unit_test(convert_list_packs_in_any_order),
        cmocka_unit_test(convert_list_pads),
        cmocka_unit_test(convert_equal_lengths),
        cmocka_unit_test(convert_list_of_slices),
        cmocka_unit_test(convert_documented_examples),
        cmocka_unit_test(convert_padded_round_trip),
        cmocka_unit_test(convert_gradient),
        cmocka_unit_test(convert_to_more_steps),
        cmocka_unit_test(convert_squares),
        cmocka_unit_test(convert_fills_any_type),
        cmocka_unit_test(convert_nothing),
        cmocka_unit_test(convert_bad_input),
        cmocka_unit_test(convert_bad_lists),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
