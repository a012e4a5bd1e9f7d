// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_convert_random.c: every conversion on random batches, whole buffers at a time. What
// an array in some storage holds is written here by a naive loop over elements; a conversion must
// give exactly that, guard bytes before and after included, and the way back gives the source.
#include "batches.h"
#include "packseq/ragged.h"
#include "testing.h"

enum {
    GUARD = 64,
    N_FORMS = PSQ_N_ORDER * 4 + 1, // orders x sides x steps T or T + 3, and lists
    LIST = N_FORMS - 1,
    WIDEST = 40,
    ROOM = BATCH_MAX * (BATCH_GIANT + 3) * WIDEST + 2 * GUARD
};

static psq_ctx *ctx;
static psq_error err;

// Too large for the stack; the adjoint test keeps int64_t in them.
static _Alignas(64) unsigned char source[ROOM];
static _Alignas(64) unsigned char result[ROOM];
static _Alignas(64) unsigned char wanted[ROOM];
static _Alignas(64) unsigned char again[ROOM];

static int setup(void **state) {
    (void)state;
    return psq_ctx_create(NULL, &ctx, NULL) == PSQ_OK ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    psq_ctx_destroy(ctx);
    return 0;
}

// A list's rows lie in one array too, here in jagged order with one row between sequences, so that
// a row too many shows.
static psq_storage form_storage(const psq_layout *layout, int form) {
    if (form == LIST) {
        return (psq_storage){PSQ_JAGGED, false, 0};
    }
    return (psq_storage){(psq_order)(form / 4), form % 2 != 0,
                         form % 4 < 2 ? 0 : psq_layout_n_steps(layout) + 3};
}

static int64_t form_n_rows(const psq_layout *layout, int form) {
    int64_t n_rows = 0;
    assert_int_equal(psq_storage_n_rows(layout, form_storage(layout, form), &n_rows, &err), PSQ_OK);
    return form == LIST ? n_rows + psq_layout_n_seq(layout) : n_rows;
}

static int64_t form_row(const psq_layout *layout, int form, int64_t b, int64_t t) {
    return psq_storage_row(layout, form_storage(layout, form), b, t) + (form == LIST ? b : 0);
}

// Guards, then every row filled with `value` again and again, then every element over it.
static void write_array(const psq_layout *layout, int form, unsigned char *array, size_t row_bytes,
                        const unsigned char *value, size_t size) {
    memset(array, 0x5a, ROOM);
    unsigned char *const rows = array + GUARD;
    const size_t bytes = (size_t)form_n_rows(layout, form) * row_bytes;
    for (size_t i = 0; i < bytes && form != LIST && form >= PSQ_PADDED_TIME * 4; i++) {
        rows[i] = value[i % size];
    }
    for (int64_t b = 0; b < psq_layout_n_seq(layout); b++) {
        for (int64_t t = 0; t < psq_layout_lengths(layout)[b]; t++) {
            unsigned char *const row = rows + (size_t)form_row(layout, form, b, t) * row_bytes;
            for (size_t k = 0; k < row_bytes; k++) {
                row[k] = (unsigned char)(b * 89 + t * 31 + (int64_t)k * 7);
            }
        }
    }
}

static void make_list(const psq_layout *layout, unsigned char *array, size_t row_bytes,
                      void *list[BATCH_MAX]) {
    for (int64_t b = 0; b < psq_layout_n_seq(layout); b++) {
        const size_t row = (size_t)(psq_layout_offsets(layout)[b] + b);
        list[b] = psq_layout_lengths(layout)[b] > 0 ? array + GUARD + row * row_bytes : NULL;
    }
}

static psq_status convert(const psq_layout *layout, int from, unsigned char *src, int to,
                          unsigned char *dst, size_t row_bytes, psq_fill fill) {
    void *list[BATCH_MAX] = {NULL};
    if (from == LIST) {
        make_list(layout, src, row_bytes, list);
        return psq_convert_from_list(layout, (const void *const *)list, form_storage(layout, to),
                                     dst + GUARD, row_bytes, fill, &err);
    }
    if (to == LIST) {
        make_list(layout, dst, row_bytes, list);
        return psq_convert_to_list(layout, form_storage(layout, from), src + GUARD, list, row_bytes,
                                   &err);
    }
    return psq_convert(layout, form_storage(layout, from), src + GUARD, form_storage(layout, to),
                       dst + GUARD, row_bytes, fill, &err);
}

// There with a fill and back with zeros. The source's padding is poison, which must not arrive.
static void check_pair(const psq_layout *layout, int from, int to, size_t row_bytes, size_t size) {
    static const unsigned char poison[1] = {0xee};
    static const unsigned char none[1] = {0};
    static const unsigned char value[8] = {0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
    const psq_fill fill = {size > 0 ? value : NULL, size};
    write_array(layout, from, source, row_bytes, poison, 1);
    write_array(layout, to, wanted, row_bytes, size > 0 ? value : none, size > 0 ? size : 1);
    memset(result, 0x5a, ROOM);
    assert_int_equal(convert(layout, from, source, to, result, row_bytes, fill), PSQ_OK);
    assert_true(memcmp(result, wanted, ROOM) == 0);

    write_array(layout, from, wanted, row_bytes, none, 1);
    memset(again, 0x5a, ROOM);
    assert_int_equal(convert(layout, to, result, from, again, row_bytes, (psq_fill){NULL, 0}),
                     PSQ_OK);
    assert_true(memcmp(again, wanted, ROOM) == 0);
}

static void convert_random_batches(void **state) {
    (void)state;
    static const struct {
        size_t row_bytes, size;
    } widths[] = {{4, 4}, {1, 1}, {3, 0}, {40, 8}, {0, 4}, {40, 2}, {3, 1}, {40, 0}};
    uint32_t turn = 0;
    for (uint32_t round = 0; round < 24; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t B = batch_lengths(round, lengths);
        psq_layout *layout = NULL;
        assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layout, &err), PSQ_OK);
        for (int from = 0; from < N_FORMS; from++) {
            for (int to = 0; to < N_FORMS; to++) {
                if (from != LIST || to != LIST) {
                    const uint32_t i = turn++ % (uint32_t)(sizeof widths / sizeof *widths);
                    check_pair(layout, from, to, widths[i].row_bytes, widths[i].size);
                }
            }
        }
        psq_layout_destroy(layout);
    }
}

// ---- the adjoint: <A x, y> = <x, A' y> for all x and y, padding included, in exact integers

static void random_cells(uint32_t round, uint32_t which, int64_t *cells, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        cells[i] = (int64_t)(batch_word(round, which + (uint32_t)i) % 2001) - 1000;
    }
}

static int64_t dot(const int64_t *a, const int64_t *b, int64_t n) {
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static void check_adjoint(const psq_layout *layout, uint32_t round, int from, int to) {
    int64_t *const x = (int64_t *)(void *)(source + GUARD);
    int64_t *const Ax = (int64_t *)(void *)(result + GUARD);
    int64_t *const y = (int64_t *)(void *)(wanted + GUARD);
    int64_t *const Aty = (int64_t *)(void *)(again + GUARD);
    const int64_t n_x = form_n_rows(layout, from);
    const int64_t n_y = form_n_rows(layout, to);
    random_cells(round, 1000, x, n_x);
    random_cells(round, 3000, y, n_y);
    memset(result, 0, sizeof result);
    memset(again, 0, sizeof again);
    const psq_fill zeros = {NULL, 0};
    assert_int_equal(convert(layout, from, source, to, result, sizeof *x, zeros), PSQ_OK);
    assert_int_equal(convert(layout, to, wanted, from, again, sizeof *x, zeros), PSQ_OK);
    assert_int_equal(dot(Ax, y, n_y), dot(x, Aty, n_x));
}

static void convert_adjoint(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 6; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t B = batch_lengths(round, lengths);
        psq_layout *layout = NULL;
        assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layout, &err), PSQ_OK);
        for (int from = 0; from < N_FORMS; from++) {
            for (int to = 0; to < N_FORMS - (from == LIST ? 1 : 0); to++) {
                check_adjoint(layout, round, from, to);
            }
        }
        psq_layout_destroy(layout);
    }
}

// Ties in an order that no stable sort gives: packed rows follow the layout, not the lengths.
static void convert_given_ties(void **state) {
    (void)state;
    const int64_t batch_sizes[2] = {5, 4};
    const int64_t sorted[6] = {4, 1, 5, 0, 2, 3};
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_batch_sizes(ctx, batch_sizes, 2, sorted, 6, 9, &layout, &err),
                     PSQ_OK);
    char rows[9];
    const psq_storage packed = {PSQ_PACKED, false, 0};
    const psq_storage jagged = {PSQ_JAGGED, false, 0};
    const psq_fill zeros = {NULL, 0};
    assert_int_equal(psq_convert(layout, packed, "ebfacEBFA", jagged, rows, 1, zeros, &err),
                     PSQ_OK);
    assert_memory_equal(rows, "aAbBceEfF", 9);
    for (int from = 0; from < N_FORMS; from++) {
        for (int to = 0; to < N_FORMS - (from == LIST ? 1 : 0); to++) {
            check_pair(layout, from, to, 4, 4);
        }
    }
    psq_layout_destroy(layout);
}

// 100,000 sequences, once around all orders.
static void convert_many_sequences(void **state) {
    (void)state;
    enum { MANY = 100000, LONGEST = 20 };
    int64_t *const lengths = (int64_t *)test_malloc(MANY * sizeof *lengths);
    for (int64_t b = 0; b < MANY; b++) {
        lengths[b] = batch_word(1, (uint32_t)b) % (LONGEST + 1);
    }
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, MANY, &layout, &err), PSQ_OK);
    assert_int_equal(psq_layout_n_steps(layout), LONGEST);
    const int64_t N = psq_layout_n_rows(layout);
    uint32_t *const rows[2] = {(uint32_t *)test_malloc(MANY * LONGEST * sizeof(uint32_t)),
                               (uint32_t *)test_malloc(MANY * LONGEST * sizeof(uint32_t))};
    for (int64_t i = 0; i < N; i++) {
        rows[0][i] = (uint32_t)i;
    }
    static const psq_storage around[] = {{PSQ_JAGGED, false, 0},     {PSQ_PACKED, false, 0},
                                         {PSQ_PADDED_TIME, true, 0}, {PSQ_PADDED_BATCH, true, 0},
                                         {PSQ_PACKED, false, 0},     {PSQ_JAGGED, false, 0}};
    int at = 0;
    for (size_t i = 1; i < sizeof around / sizeof *around; i++) {
        assert_int_equal(psq_convert(layout, around[i - 1], rows[at], around[i], rows[1 - at],
                                     sizeof(uint32_t), (psq_fill){NULL, 0}, &err),
                         PSQ_OK);
        at = 1 - at;
    }
    int64_t n_right = 0;
    for (int64_t i = 0; i < N; i++) {
        n_right += rows[at][i] == (uint32_t)i ? 1 : 0;
    }
    assert_int_equal(n_right, N);
    test_free(rows[0]);
    test_free(rows[1]);
    test_free(lengths);
    psq_layout_destroy(layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convert_random_batches),
        cmocka_unit_test(convert_adjoint),
        cmocka_unit_test(convert_given_ties),
        cmocka_unit_test(convert_many_sequences),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
