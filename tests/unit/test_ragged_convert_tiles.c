// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_convert_tiles.c: batches larger than a tile, rows of every size that is copied in a
// way of its own, memory at odd addresses, streaming, and threads: each time from every order to
// every other, against a naive loop over elements, whole arrays with guards at a time.
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>

#include "base/ctx.h"
#include "base/rng.h"
#include "packseq/ragged.h"
#include "testing.h"

enum { GUARD = 64, N_FORMS = 8, LIST = N_FORMS - 1, MANY = 300 };

static psq_error err;

// An array of rows, and where it is a list its pointers.
typedef struct array {
    int form;
    psq_storage storage;
    size_t n_bytes; // without guards
    unsigned char *memory;
    unsigned char *rows;
    void *seqs[MANY];
} array;

// The context that streams everything, or nothing; with threads, however small the call.
static psq_ctx *make_ctx(const char *cache_bytes, const char *threads) {
    psq_ctx *ctx = NULL;
    const char *const names[3] = {"PSQ_CACHE_BYTES", "PSQ_THREADS", "PSQ_EAGER"};
    char old[3][32] = {"", "", ""};
    for (int i = 0; i < 3; i++) {
        const char *const text = getenv(names[i]);
        if (text != NULL && strlen(text) < sizeof old[i]) {
            memcpy(old[i], text, strlen(text) + 1);
        }
    }
    assert_int_equal(setenv(names[0], cache_bytes, 1), 0);
    assert_int_equal(setenv(names[1], threads, 1), 0);
    assert_int_equal(setenv(names[2], "1", 1), 0);
    assert_int_equal(psq_ctx_create(NULL, &ctx, &err), PSQ_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(setenv(names[i], old[i], 1), 0);
    }
    return ctx;
}

static int64_t form_row(const psq_layout *layout, const array *x, int64_t b, int64_t t) {
    return psq_storage_row(layout, x->storage, b, t) + (x->form == LIST ? b : 0);
}

// Packed, jagged, both padded ones with padding on the right, with it on the left and two steps
// more, and a list, which is jagged with a row between sequences.
static void array_make(const psq_layout *layout, int form, size_t row_bytes, size_t shift,
                       array *x) {
    static const psq_storage storages[N_FORMS] = {
        {PSQ_PACKED, false, 0},       {PSQ_JAGGED, false, 0},     {PSQ_PADDED_TIME, false, 0},
        {PSQ_PADDED_BATCH, false, 0}, {PSQ_PADDED_TIME, true, 0}, {PSQ_PADDED_BATCH, true, 0},
        {PSQ_PADDED_TIME, false, 0},  {PSQ_JAGGED, false, 0},
    };
    x->form = form;
    x->storage = storages[form];
    x->storage.n_steps = form >= 4 && form < LIST ? psq_layout_n_steps(layout) + 2 : 0;
    int64_t n_rows = 0;
    assert_int_equal(psq_storage_n_rows(layout, x->storage, &n_rows, &err), PSQ_OK);
    n_rows += form == LIST ? psq_layout_n_seq(layout) : 0;
    x->n_bytes = (size_t)n_rows * row_bytes;
    x->memory = (unsigned char *)test_malloc(x->n_bytes + 2 * GUARD + shift);
    x->rows = x->memory + GUARD + shift;
    memset(x->memory, 0x5a, x->n_bytes + 2 * GUARD + shift);
    for (int64_t b = 0; b < psq_layout_n_seq(layout); b++) {
        const size_t row = (size_t)(psq_layout_offsets(layout)[b] + b);
        x->seqs[b] = psq_layout_lengths(layout)[b] > 0 ? x->rows + row * row_bytes : NULL;
    }
}

static void array_write(const psq_layout *layout, array *x, size_t row_bytes, psq_fill fill) {
    if (x->form >= 2 && x->form < LIST) {
        memset(x->rows, 0, x->n_bytes);
        for (size_t at = 0; at < x->n_bytes && fill.value != NULL; at += fill.size) {
            memcpy(x->rows + at, fill.value, fill.size);
        }
    }
    for (int64_t b = 0; b < psq_layout_n_seq(layout); b++) {
        for (int64_t t = 0; t < psq_layout_lengths(layout)[b]; t++) {
            unsigned char *const row = x->rows + (size_t)form_row(layout, x, b, t) * row_bytes;
            memset(row, (int)(b * 89 + t * 31) & 0xff, row_bytes);
            row[0] = (unsigned char)t;
            row[row_bytes - 1] = (unsigned char)b;
        }
    }
}

static psq_status convert(const psq_layout *layout, const array *src, const array *dst,
                          size_t row_bytes, psq_fill fill) {
    if (src->form == LIST) {
        return psq_convert_from_list(layout, (const void *const *)src->seqs, dst->storage,
                                     dst->rows, row_bytes, fill, &err);
    }
    if (dst->form == LIST) {
        return psq_convert_to_list(layout, src->storage, src->rows, dst->seqs, row_bytes, &err);
    }
    return psq_convert(layout, src->storage, src->rows, dst->storage, dst->rows, row_bytes, fill,
                       &err);
}

// Every order to every other, from an array at an address that is `shift` off.
static void check_all(const psq_layout *layout, size_t row_bytes, psq_fill fill, size_t shift) {
    static const unsigned char poison[1] = {0xee};
    for (int from = 0; from < N_FORMS; from++) {
        array src;
        array_make(layout, from, row_bytes, shift, &src);
        array_write(layout, &src, row_bytes, (psq_fill){poison, 1});
        for (int to = 0; to < N_FORMS - (from == LIST ? 1 : 0); to++) {
            array got;
            array wanted;
            const size_t dst_shift = shift == 0 ? 0 : (shift + (size_t)to) % 16;
            array_make(layout, to, row_bytes, dst_shift, &got);
            array_make(layout, to, row_bytes, dst_shift, &wanted);
            array_write(layout, &wanted, row_bytes, fill);
            assert_int_equal(convert(layout, &src, &got, row_bytes, fill), PSQ_OK);
            if (memcmp(got.memory, wanted.memory, got.n_bytes + 2 * GUARD + dst_shift) != 0) {
                fail_msg("%zu bytes a row, form %d to form %d", row_bytes, from, to);
            }
            test_free(got.memory);
            test_free(wanted.memory);
        }
        test_free(src.memory);
    }
}

static psq_layout *random_layout(const psq_ctx *ctx, int64_t B, int64_t longest, uint32_t round) {
    int64_t lengths[MANY];
    for (int64_t b = 0; b < B; b++) {
        uint32_t words[4];
        psq_random(23, PSQ_STREAM_TEST, round, (uint32_t)b, 0, words);
        lengths[b] = round % 3 == 0 ? longest : words[0] % (longest + 1);
        if (round % 3 == 2 && b != B / 2) {
            lengths[b] = words[0] % 3; // one giant among short ones
        }
    }
    lengths[B / 2] = longest;
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layout, &err), PSQ_OK);
    return layout;
}

static void check_sizes(const char *cache_bytes, const char *threads) {
    static const struct {
        size_t row_bytes, fill_bytes;
        int64_t B, longest;
    } cases[] = {
        {1, 0, 70, 300},  {2, 1, 130, 40},    {3, 3, 9, 70},   {4, 4, 70, 300}, {5, 5, 40, 20},
        {7, 7, 20, 20},   {8, 4, 70, 300},    {12, 4, 65, 20}, {15, 5, 8, 40},  {16, 8, 70, 30},
        {17, 17, 12, 9},  {20, 4, 64, 12},    {48, 0, 20, 20}, {64, 8, 66, 30}, {100, 4, 30, 9},
        {256, 4, 66, 20}, {272, 0, 70, 8},    {1040, 8, 9, 9}, {4096, 4, 9, 7}, {4099, 1, 3, 5},
        {16384, 0, 9, 5}, {3000, 1500, 4, 6},
    };
    psq_ctx *const ctx = make_ctx(cache_bytes, threads);
    static unsigned char value[1500];
    for (size_t i = 0; i < sizeof value; i++) {
        value[i] = (unsigned char)(0xc0 + i * 7);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint32_t round = 0; round < 3; round++) {
            psq_layout *const layout =
                random_layout(ctx, cases[i].B, cases[i].longest, 3 * (uint32_t)i + round);
            const psq_fill fill = {cases[i].fill_bytes > 0 ? value : NULL, cases[i].fill_bytes};
            check_all(layout, cases[i].row_bytes, fill, round == 1 ? 1 + i % 15 : 0);
            psq_layout_destroy(layout);
        }
    }
    psq_ctx_destroy(ctx);
}

static void convert_in_cache(void **state) {
    (void)state;
    check_sizes("1000000000", "1");
}

static void convert_streams(void **state) {
    (void)state;
    check_sizes("1", "1");
}

static void convert_with_threads(void **state) {
    (void)state;
    check_sizes("1", "3");
}

// One sequence is the same in all orders; a row may be larger than a tile.
static void convert_large_rows(void **state) {
    (void)state;
    psq_ctx *const ctx = make_ctx("1", "2");
    for (int64_t B = 1; B < 4; B++) {
        psq_layout *const layout = random_layout(ctx, B, 3, 1);
        check_all(layout, 300000, (psq_fill){NULL, 0}, 0);
        check_all(layout, 300001, (psq_fill){NULL, 0}, 3);
        psq_layout_destroy(layout);
    }
    psq_layout *const layout = random_layout(ctx, 1, 70000, 1);
    check_all(layout, 4, (psq_fill){NULL, 0}, 0);
    psq_layout_destroy(layout);
    psq_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convert_in_cache),
        cmocka_unit_test(convert_streams),
        cmocka_unit_test(convert_with_threads),
        cmocka_unit_test(convert_large_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
