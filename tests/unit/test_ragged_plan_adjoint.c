// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_ragged_plan_adjoint.c: <A x, y> = <x, A' y> in whole numbers, so exactly, for plans of any
// pieces; that gradients are added in the promised order, to what was there, by any number of
// threads; and that nothing else is touched.
#define _POSIX_C_SOURCE 200809L // setenv

#include <stdlib.h>

#include "batches.h"
#include "packseq/plan.h"
#include "with_ctx.h"

enum { N_FORMS = PSQ_N_ORDER * 4, N_SOURCES = 2, MAX_PIECES = 64, MAX_SEQS = 24 };

static psq_storage form(const psq_layout *layout, uint32_t i) {
    return (psq_storage){(psq_order)(i / 4 % PSQ_N_ORDER), i % 2 != 0,
                         i % 4 < 2 ? 0 : psq_layout_n_steps(layout) + 3};
}

static int64_t n_rows_of(const psq_layout *layout, psq_storage storage) {
    int64_t n_rows = 0;
    assert_int_equal(psq_storage_n_rows(layout, storage, &n_rows, &err), PSQ_OK);
    return n_rows;
}

// Rows that are used once, often and never, in both directions.
static psq_plan *random_plan(const psq_ctx *of, uint32_t round, const psq_layout *const *layouts) {
    psq_piece pieces[MAX_PIECES];
    int64_t offsets[MAX_SEQS + 1] = {0};
    int64_t n = 0;
    uint32_t word = 500;
    for (int64_t i = 0; i < MAX_SEQS; i++) {
        for (uint32_t left = batch_word(round, word++) % 3; left > 0; left--) {
            const int64_t k = batch_word(round, word++) % N_SOURCES;
            const int64_t B = psq_layout_n_seq(layouts[k]);
            if (B > 0) {
                const int64_t b = batch_word(round, word++) % (uint32_t)B;
                const int64_t length = psq_layout_lengths(layouts[k])[b];
                const int64_t first = batch_word(round, word++) % (uint32_t)(length + 1);
                const int64_t rows = batch_word(round, word++) % (uint32_t)(length - first + 1);
                pieces[n++] = (psq_piece){k, b, first, rows, batch_word(round, word++) % 2 == 0};
            }
        }
        offsets[i + 1] = n;
    }
    psq_plan *plan = NULL;
    assert_int_equal(
        psq_plan_from_pieces(of, layouts, N_SOURCES, pieces, offsets, MAX_SEQS, &plan, &err),
        PSQ_OK);
    return plan;
}

static double *numbers(uint32_t round, uint32_t which, int64_t n) {
    double *const x = (double *)test_malloc((size_t)(n + 1) * sizeof *x);
    for (int64_t i = 0; i < n; i++) {
        x[i] = (double)(batch_word(round, which + (uint32_t)i) % 2001) - 1000;
    }
    x[n] = 0x5a; // a guard
    return x;
}

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// With dsrc zeros before, padding of dsrc stays zero and padding of A x is, so whole arrays count.
static void check_identity(const psq_plan *plan, uint32_t round, const psq_layout *const *layouts,
                           uint32_t i) {
    const int64_t D = 1 + i % 3;
    const psq_storage to = form(psq_plan_layout(plan), i);
    const int64_t n_y = n_rows_of(psq_plan_layout(plan), to) * D;
    double *const y = numbers(round, 7000, n_y);
    double *const Ax = numbers(round, 0, n_y);
    psq_storage from[N_SOURCES];
    double *x[N_SOURCES];
    double *Aty[N_SOURCES];
    int64_t n_x[N_SOURCES];
    for (uint32_t k = 0; k < N_SOURCES; k++) {
        from[k] = form(layouts[k], i + 7 * k);
        n_x[k] = n_rows_of(layouts[k], from[k]) * D;
        x[k] = numbers(round, 20000 + 9000 * k, n_x[k]);
        Aty[k] = numbers(round, 0, n_x[k]);
        memset(Aty[k], 0, (size_t)n_x[k] * sizeof(double));
    }
    assert_int_equal(psq_plan_apply(plan, from, (const void *const *)x, to, Ax,
                                    (size_t)D * sizeof(double), (psq_fill){NULL, 0}, &err),
                     PSQ_OK);
    assert_int_equal(psq_plan_adjoint(plan, PSQ_F64, to, y, from, (void *const *)Aty, D, &err),
                     PSQ_OK);
    double sum = 0;
    for (int k = 0; k < N_SOURCES; k++) {
        sum += dot(x[k], Aty[k], n_x[k]);
        assert_true(Aty[k][n_x[k]] == 0x5a);
        test_free(Aty[k]);
        test_free(x[k]);
    }
    assert_true(dot(Ax, y, n_y) == sum);
    test_free(Ax);
    test_free(y);
}

static void adjoint_identity(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 12; round++) {
        psq_layout *layouts[N_SOURCES] = {NULL};
        for (uint32_t k = 0; k < N_SOURCES; k++) {
            int64_t lengths[BATCH_MAX];
            const int64_t B = batch_lengths(round + 40 * k, lengths);
            assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layouts[k], &err), PSQ_OK);
        }
        psq_plan *const plan = random_plan(ctx, round, (const psq_layout *const *)layouts);
        for (uint32_t i = 0; i < N_FORMS; i++) {
            check_identity(plan, round, (const psq_layout *const *)layouts, i);
        }
        psq_plan_destroy(plan);
        for (int k = 0; k < N_SOURCES; k++) {
            psq_layout_destroy(layouts[k]);
        }
    }
}

// Sums that differ with every other order: values of many magnitudes in float.
static float any_float(uint32_t round, uint32_t i) {
    const uint32_t word = batch_word(round, i);
    return ((float)(word % 4001) - 2000) * (float)(1 << (word >> 12) % 24) / 1024;
}

// The plan of `of`, whose threads share the columns, into float gradients of 150 columns that are
// not 0 before, against the order of plan.h written down.
static void check_order(const psq_ctx *of, uint32_t round) {
    enum { D = 150 };
    psq_layout *layouts[N_SOURCES] = {NULL};
    static const int64_t lengths[N_SOURCES][3] = {{5, 0, 9}, {2, 30, 4}};
    for (int k = 0; k < N_SOURCES; k++) {
        assert_int_equal(psq_layout_from_lengths(ctx, lengths[k], 3, &layouts[k], &err), PSQ_OK);
    }
    psq_plan *const plan = random_plan(of, round, (const psq_layout *const *)layouts);
    const psq_layout *const layout = psq_plan_layout(plan);
    const psq_storage to = form(layout, round);
    const int64_t n_y = n_rows_of(layout, to) * D;
    float *const y = (float *)test_malloc((size_t)(n_y + 1) * sizeof *y);
    for (int64_t i = 0; i < n_y; i++) {
        y[i] = any_float(round, (uint32_t)i);
    }
    float *got[N_SOURCES];
    float *wanted[N_SOURCES];
    psq_storage from[N_SOURCES];
    int64_t n_x[N_SOURCES];
    for (uint32_t k = 0; k < N_SOURCES; k++) {
        from[k] = form(layouts[k], round / 2 + 3 * k);
        n_x[k] = n_rows_of(layouts[k], from[k]) * D;
        got[k] = (float *)test_malloc((size_t)(n_x[k] + 1) * sizeof(float));
        wanted[k] = (float *)test_malloc((size_t)(n_x[k] + 1) * sizeof(float));
        for (int64_t i = 0; i < n_x[k]; i++) {
            got[k][i] = wanted[k][i] = any_float(round + 1, (uint32_t)i);
        }
    }
    const psq_piece *piece = psq_plan_pieces(plan);
    for (int64_t i = 0; i < psq_layout_n_seq(layout); i++) {
        int64_t t = 0;
        for (int64_t n = psq_plan_piece_offsets(plan)[i]; n < psq_plan_piece_offsets(plan)[i + 1];
             n++, piece++) {
            for (int64_t r = 0; r < piece->n_rows; r++, t++) {
                const int64_t s = piece->first + (piece->reversed ? piece->n_rows - 1 - r : r);
                const int64_t k = piece->source;
                float *const row =
                    wanted[k] + D * psq_storage_row(layouts[k], from[k], piece->seq, s);
                for (int j = 0; j < D; j++) {
                    row[j] += y[D * psq_storage_row(layout, to, i, t) + j];
                }
            }
        }
    }
    void *dsrc[N_SOURCES] = {got[0], round % 3 == 0 ? NULL : got[1]}; // sometimes not wanted
    assert_int_equal(psq_plan_adjoint(plan, PSQ_F32, to, y, from, dsrc, D, &err), PSQ_OK);
    for (int k = 0; k < N_SOURCES; k++) {
        if (dsrc[k] != NULL) {
            assert_memory_equal(got[k], wanted[k], (size_t)n_x[k] * sizeof(float));
        }
        test_free(wanted[k]);
        test_free(got[k]);
        psq_layout_destroy(layouts[k]);
    }
    test_free(y);
    psq_plan_destroy(plan);
}

static void adjoint_order(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 32; round++) {
        check_order(ctx, round);
    }
}

// Three members that all have to come, on any machine.
static void adjoint_threads(void **state) {
    (void)state;
    assert_int_equal(setenv("PSQ_THREADS", "3", 1), 0);
    assert_int_equal(setenv("PSQ_EAGER", "1", 1), 0);
    psq_ctx *three = NULL;
    assert_int_equal(psq_ctx_create(NULL, &three, &err), PSQ_OK);
    for (uint32_t round = 0; round < 32; round++) {
        check_order(three, round);
    }
    psq_ctx_destroy(three);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjoint_identity),
        cmocka_unit_test(adjoint_order),
        cmocka_unit_test(adjoint_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
