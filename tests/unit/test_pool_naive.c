// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_pool_naive.c: every operation in float on random batches, in every storage, against plain
// loops over single sequences, bit for bit. Rows are made in jagged order, where the loops see
// them; an operation gets them with poison in the padding and must leave zeros there.
#include "batches.h"
#include "packseq/ragged.h"
#include "pool_naive.h"
#include "with_ctx.h"

enum { N_STORAGES = 10, WIDEST = 1100, MOST_ROWS = 700 * 43, ROOM = 60000 };

static const psq_storage storages[N_STORAGES] = {
    {PSQ_PACKED, false, 0},       {PSQ_JAGGED, false, 0},       {PSQ_PADDED_TIME, false, 0},
    {PSQ_PADDED_TIME, true, 0},   {PSQ_PADDED_BATCH, false, 0}, {PSQ_PADDED_BATCH, true, 0},
    {PSQ_PADDED_TIME, false, -3}, {PSQ_PADDED_TIME, true, -3},  {PSQ_PADDED_BATCH, false, -3},
    {PSQ_PADDED_BATCH, true, -3}}; // -3: three steps more than needed

// One case, and its arrays in jagged order: rows, numbers a row, rows a sequence.
static struct batch {
    psq_layout *layout;
    psq_storage storage;
    int64_t B, N, D;
    const int64_t *lengths, *offsets;
    float x[ROOM], dy[ROOM], w[MOST_ROWS], v[ROOM], dv[ROOM];
    float wanted[ROOM], wanted_w[MOST_ROWS];
} c;

static float rows_in[2][ROOM];
static float out_rows[ROOM];
static float out_seqs[ROOM];
static float numbers_in[MOST_ROWS];
static float out_numbers[MOST_ROWS];
static float back[ROOM];

static const psq_storage jagged = {PSQ_JAGGED, false, 0};

static int64_t stored_rows(void) {
    int64_t n = 0;
    assert_int_equal(psq_storage_n_rows(c.layout, c.storage, &n, &err), PSQ_OK);
    return n;
}

static const float *stored(const float *rows, int64_t width, float *to) {
    static const float poison = NAN;
    assert_true(stored_rows() * width <= ROOM);
    assert_int_equal(psq_convert(c.layout, jagged, rows, c.storage, to, (size_t)width * sizeof *to,
                                 (psq_fill){&poison, sizeof poison}, &err),
                     PSQ_OK);
    return to;
}

static void assert_rows(const char *what, const float *got, int64_t width, const float *wanted) {
    assert_int_equal(psq_convert(c.layout, jagged, wanted, c.storage, back,
                                 (size_t)width * sizeof *back, (psq_fill){NULL, 0}, &err),
                     PSQ_OK);
    assert_bits(psq_order_name(c.storage.order), what, stored_rows() * width, got, back);
}

static column column_of(const float *rows, int64_t b, int64_t d, int64_t width) {
    return (column){rows + c.offsets[b] * width + d, c.lengths[b], width};
}

// What is not written, padding first of all, must not pass for what the last call wrote.
static void poison_results(void) {
    memset(out_rows, 0xff, (size_t)(stored_rows() * c.D) * sizeof *out_rows);
    memset(out_numbers, 0xff, (size_t)stored_rows() * sizeof *out_numbers);
    memset(out_seqs, 0xff, (size_t)(c.B * c.D) * sizeof *out_seqs);
}

#define EACH_COLUMN                   \
    for (int64_t b = 0; b < c.B; b++) \
        for (int64_t d = 0; d < c.D; d++)

#define EACH_ELEMENT \
    EACH_COLUMN      \
    for (int64_t t = 0; t < c.lengths[b]; t++)

// ---- operations

static void check_pool(psq_pool kind) {
    poison_results();
    EACH_COLUMN {
        c.v[b * c.D + d] = naive_pool(kind, column_of(c.x, b, d, c.D));
    }
    assert_int_equal(psq_pool_forward(c.layout, kind, PSQ_F32, c.storage,
                                      stored(c.x, c.D, rows_in[0]), c.D, out_seqs, &err),
                     PSQ_OK);
    assert_bits(psq_order_name(c.storage.order), psq_pool_name(kind), c.B * c.D, out_seqs, c.v);
    EACH_ELEMENT {
        c.wanted[(c.offsets[b] + t) * c.D + d] = naive_pool_back(
            kind, column_of(c.x, b, d, c.D), t, c.v[b * c.D + d], c.dv[b * c.D + d]);
    }
    assert_int_equal(psq_pool_backward(c.layout, kind, PSQ_F32, c.storage, rows_in[0], out_seqs,
                                       c.dv, c.D, out_rows, &err),
                     PSQ_OK);
    assert_rows("pool backward", out_rows, c.D, c.wanted);
    assert_int_equal(psq_pool_backward(c.layout, kind, PSQ_F32, c.storage, rows_in[0], out_seqs,
                                       c.dv, c.D, rows_in[0], &err),
                     PSQ_OK);
    assert_rows("pool backward in place", rows_in[0], c.D, c.wanted);
}

static void check_softmax(void) {
    poison_results();
    EACH_ELEMENT {
        c.wanted[(c.offsets[b] + t) * c.D + d] = naive_softmax(column_of(c.x, b, d, c.D), t);
    }
    const float *const x = stored(c.x, c.D, rows_in[0]);
    assert_int_equal(psq_softmax_forward(c.layout, PSQ_F32, c.storage, x, c.D, out_rows, &err),
                     PSQ_OK);
    assert_rows("softmax", out_rows, c.D, c.wanted);
    assert_int_equal(psq_softmax_forward(c.layout, PSQ_F32, c.storage, x, c.D, rows_in[0], &err),
                     PSQ_OK);
    assert_rows("softmax in place", rows_in[0], c.D, c.wanted);
}

// x in the place of softmax's results: what they are does not matter.
static void check_softmax_back(void) {
    poison_results();
    EACH_ELEMENT {
        c.wanted[(c.offsets[b] + t) * c.D + d] =
            naive_softmax_back(column_of(c.x, b, d, c.D), column_of(c.dy, b, d, c.D), t);
    }
    const float *const y = stored(c.x, c.D, rows_in[0]);
    const float *const dy = stored(c.dy, c.D, rows_in[1]);
    for (int i = 0; i < 3; i++) {
        float *const dx = i == 0 ? out_rows : rows_in[2 - i];
        stored(c.x, c.D, rows_in[0]);
        assert_int_equal(psq_softmax_backward(c.layout, PSQ_F32, c.storage, y, dy, c.D, dx, &err),
                         PSQ_OK);
        assert_rows("softmax backward", dx, c.D, c.wanted);
        stored(c.dy, c.D, rows_in[1]);
    }
}

static void check_attend(void) {
    poison_results();
    float *const weights = c.wanted_w;
    EACH_COLUMN {
        const column w = column_of(weights, b, 0, 1);
        float y = 0.0F;
        for (int64_t t = 0; t < c.lengths[b]; t++) {
            if (d == 0) {
                weights[c.offsets[b] + t] = naive_softmax(column_of(c.w, b, 0, 1), t);
            }
            y = fmaf(column_at(w, t), column_at(column_of(c.x, b, d, c.D), t), y);
        }
        c.v[b * c.D + d] = y;
    }
    assert_int_equal(psq_attend_forward(c.layout, PSQ_F32, c.storage, stored(c.w, 1, numbers_in),
                                        stored(c.x, c.D, rows_in[0]), c.D, out_numbers, out_seqs,
                                        &err),
                     PSQ_OK);
    assert_rows("attention weights", out_numbers, 1, weights);
    assert_bits(psq_order_name(c.storage.order), "attention", c.B * c.D, out_seqs, c.v);
}

static void check_attend_back(void) {
    poison_results();
    static float dots[MOST_ROWS];
    for (int64_t b = 0; b < c.B; b++) {
        for (int64_t t = 0; t < c.lengths[b]; t++) {
            const int64_t row = c.offsets[b] + t;
            dots[row] = naive_dot(c.D, c.x + row * c.D, c.dv + b * c.D);
            for (int64_t d = 0; d < c.D; d++) {
                c.wanted[row * c.D + d] = c.dv[b * c.D + d] * c.w[row];
            }
        }
        for (int64_t t = 0; t < c.lengths[b]; t++) {
            c.wanted_w[c.offsets[b] + t] =
                naive_softmax_back(column_of(c.w, b, 0, 1), column_of(dots, b, 0, 1), t);
        }
    }
    assert_int_equal(psq_attend_backward(c.layout, PSQ_F32, c.storage, stored(c.x, c.D, rows_in[0]),
                                         stored(c.w, 1, numbers_in), c.dv, c.D, out_numbers,
                                         out_rows, &err),
                     PSQ_OK);
    assert_rows("attention dscores", out_numbers, 1, c.wanted_w);
    assert_rows("attention dx", out_rows, c.D, c.wanted);
}

static void check_rows(void) {
    poison_results();
    EACH_ELEMENT {
        const int64_t i = (c.offsets[b] + t) * c.D + d;
        c.wanted[i] = c.x[i] + c.dv[b * c.D + d];
    }
    const float *const x = stored(c.x, c.D, rows_in[0]);
    assert_int_equal(psq_add_to_rows(c.layout, PSQ_F32, c.storage, x, c.dv, c.D, out_rows, &err),
                     PSQ_OK);
    assert_rows("add", out_rows, c.D, c.wanted);
    assert_int_equal(psq_add_to_rows(c.layout, PSQ_F32, c.storage, x, c.dv, c.D, rows_in[0], &err),
                     PSQ_OK);
    assert_rows("add in place", rows_in[0], c.D, c.wanted);
    for (int64_t b = 0; b < c.B; b++) {
        for (int64_t t = 0; t < c.lengths[b]; t++) {
            c.wanted_w[c.offsets[b] + t] = naive_share(c.lengths[b]);
        }
    }
    assert_int_equal(psq_inverse_lengths(c.layout, PSQ_F32, c.storage, out_numbers, &err), PSQ_OK);
    assert_rows("inverse lengths", out_numbers, 1, c.wanted_w);
}

static void check_weights(void) {
    poison_results();
    EACH_ELEMENT {
        const int64_t row = c.offsets[b] + t;
        c.wanted[row * c.D + d] = c.x[row * c.D + d] * c.w[row];
        c.wanted_w[row] = naive_dot(c.D, c.x + row * c.D, c.dy + row * c.D);
    }
    const float *const x = stored(c.x, c.D, rows_in[0]);
    const float *const w = stored(c.w, 1, numbers_in);
    assert_int_equal(psq_scale_rows_weights(c.layout, PSQ_F32, c.storage, x,
                                            stored(c.dy, c.D, rows_in[1]), c.D, out_numbers, &err),
                     PSQ_OK);
    assert_rows("gradient of weights", out_numbers, 1, c.wanted_w);
    assert_int_equal(psq_scale_rows(c.layout, PSQ_F32, c.storage, x, w, c.D, out_rows, &err),
                     PSQ_OK);
    assert_rows("scale", out_rows, c.D, c.wanted);
    assert_int_equal(psq_scale_rows(c.layout, PSQ_F32, c.storage, x, w, c.D, rows_in[0], &err),
                     PSQ_OK);
    assert_rows("scale in place", rows_in[0], c.D, c.wanted);
}

// ---- batches

static void fill(float *to, int64_t n, bool awkward, uint32_t *random) {
    for (int64_t i = 0; i < n; i++) {
        to[i] = 3.0F * (awkward ? random_awkward(random) : random_float(random));
        if (i % 7 == 0 && i > 0) {
            to[i] = to[i - 1]; // ties
        }
    }
}

static void check_batch(const int64_t *lengths, int64_t B, int64_t D, bool awkward,
                        uint32_t random) {
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &c.layout, &err), PSQ_OK);
    c.B = B;
    c.N = psq_layout_n_rows(c.layout);
    c.D = D;
    c.lengths = psq_layout_lengths(c.layout);
    c.offsets = psq_layout_offsets(c.layout);
    fill(c.x, c.N * D, awkward, &random);
    fill(c.dy, c.N * D, awkward, &random);
    fill(c.w, c.N, awkward, &random);
    fill(c.dv, B * D, awkward, &random);
    for (int i = 0; i < N_STORAGES; i++) {
        c.storage = storages[i];
        if (c.storage.n_steps < 0) {
            c.storage.n_steps = psq_layout_n_steps(c.layout) + 3;
        }
        for (int kind = 0; kind < PSQ_N_POOL; kind++) {
            check_pool((psq_pool)kind);
        }
        check_softmax();
        check_softmax_back();
        check_attend();
        check_attend_back();
        check_rows();
        check_weights();
    }
    psq_layout_destroy(c.layout);
}

static void random_batches(void **state) {
    (void)state;
    static const int64_t widths[] = {1, 2, 3, 5, 8, 15, 16, 17, 33};
    for (uint32_t round = 0; round < 30; round++) {
        int64_t lengths[BATCH_MAX];
        const int64_t B = batch_lengths(round, lengths);
        check_batch(lengths, B, widths[round % 9], round % 2 != 0, round);
    }
}

// More columns than a strip has.
static void wide_rows(void **state) {
    (void)state;
    const int64_t lengths[] = {0, 5, 3, 0, 5, 1};
    check_batch(lengths, 6, WIDEST, false, 1);
    check_batch(lengths, 6, 512, true, 2);
    check_batch(lengths, 6, 200, false, 3);
}

// More sequences than a strip has, narrow, and more steps than are taken at once.
static void many_lanes(void **state) {
    (void)state;
    int64_t lengths[700];
    for (int64_t b = 0; b < 700; b++) {
        lengths[b] = b % 97 == 5 ? 40 : (int64_t)(batch_word(3, (uint32_t)b) % 4);
    }
    check_batch(lengths, 700, 1, false, 1);
    check_batch(lengths, 300, 2, true, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_batches),
        cmocka_unit_test(wide_rows),
        cmocka_unit_test(many_lanes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
