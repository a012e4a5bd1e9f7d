// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_pool_gradients.c: in double, every backward pass against central differences of its forward
// pass, and the adjoint identities of the linear ones.
#include <math.h>

#include "batches.h"
#include "packseq/pool.h"
#include "with_ctx.h"

enum { B = 5, D = 3, N = 13, ROOM = 64 };

static const int64_t lengths[B] = {4, 0, 1, 6, 2};

// What an operation reads, and what it makes of it; the loss is the dot product of that with g.
typedef struct operands {
    double x[ROOM], w[ROOM], v[ROOM]; // rows, numbers a row, rows a sequence
} operands;

static psq_layout *layout;
static psq_storage storage;
static operands in;
static double g[ROOM];

typedef int64_t (*operation)(const operands *o, double *result); // the number of results

static int64_t rows(void) {
    int64_t n = 0;
    assert_int_equal(psq_storage_n_rows(layout, storage, &n, &err), PSQ_OK);
    return n;
}

static void begin(psq_storage s) {
    storage = s;
    for (uint32_t i = 0; i < ROOM; i++) {
        in.x[i] = (double)(batch_word(1, i) % 4001) / 1000.0 - 2.0;
        in.w[i] = (double)(batch_word(2, i) % 4001) / 1000.0 - 2.0;
        in.v[i] = (double)(batch_word(3, i) % 4001) / 1000.0 - 2.0;
        g[i] = (double)(batch_word(4, i) % 4001) / 1000.0 - 2.0;
    }
}

// Without what is infinite: the log-sum-exp of no rows.
static double dot(int64_t n, const double *a, const double *b) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        sum += isinf(a[i]) ? 0.0 : a[i] * b[i];
    }
    return sum;
}

// gradient[i] of element i of `at`, a part of `in`, by central differences.
static void assert_gradient(operation f, double *at, int64_t n, const double *gradient) {
    static double result[ROOM];
    for (int64_t i = 0; i < n; i++) {
        const double kept = at[i];
        const double step = 1e-5;
        at[i] = kept + step;
        const double above = dot(f(&in, result), result, g);
        at[i] = kept - step;
        const double below = dot(f(&in, result), result, g);
        at[i] = kept;
        const double difference = (above - below) / (2.0 * step);
        if (!(fabs(difference - gradient[i]) < 1e-7)) {
            fail_msg("%s: gradient[%lld] is %.9g, by differences %.9g",
                     psq_order_name(storage.order), (long long)i, gradient[i], difference);
        }
    }
}

// ---- operations

static psq_pool kind;

static int64_t pool(const operands *o, double *result) {
    assert_int_equal(psq_pool_forward(layout, kind, PSQ_F64, storage, o->x, D, result, &err),
                     PSQ_OK);
    return B * D;
}

static int64_t softmax(const operands *o, double *result) {
    assert_int_equal(psq_softmax_forward(layout, PSQ_F64, storage, o->x, D, result, &err), PSQ_OK);
    return rows() * D;
}

static int64_t attend(const operands *o, double *result) {
    double weights[ROOM];
    assert_int_equal(
        psq_attend_forward(layout, PSQ_F64, storage, o->w, o->x, D, weights, result, &err), PSQ_OK);
    return B * D;
}

static int64_t add(const operands *o, double *result) {
    assert_int_equal(psq_add_to_rows(layout, PSQ_F64, storage, o->x, o->v, D, result, &err),
                     PSQ_OK);
    return rows() * D;
}

static int64_t scale(const operands *o, double *result) {
    assert_int_equal(psq_scale_rows(layout, PSQ_F64, storage, o->x, o->w, D, result, &err), PSQ_OK);
    return rows() * D;
}

// ---- their gradients

static void check_all(void) {
    double y[ROOM];
    double dx[ROOM];
    double dw[ROOM];
    double dv[ROOM];
    for (int k = 0; k < PSQ_N_POOL; k++) {
        kind = (psq_pool)k;
        pool(&in, y);
        assert_int_equal(psq_pool_backward(layout, kind, PSQ_F64, storage, in.x, y, g, D, dx, &err),
                         PSQ_OK);
        assert_gradient(pool, in.x, rows() * D, dx);
    }
    softmax(&in, y);
    assert_int_equal(psq_softmax_backward(layout, PSQ_F64, storage, y, g, D, dx, &err), PSQ_OK);
    assert_gradient(softmax, in.x, rows() * D, dx);

    double weights[ROOM];
    assert_int_equal(psq_attend_forward(layout, PSQ_F64, storage, in.w, in.x, D, weights, y, &err),
                     PSQ_OK);
    assert_int_equal(
        psq_attend_backward(layout, PSQ_F64, storage, in.x, weights, g, D, dw, dx, &err), PSQ_OK);
    assert_gradient(attend, in.x, rows() * D, dx);
    assert_gradient(attend, in.w, rows(), dw);

    assert_int_equal(psq_pool_forward(layout, PSQ_POOL_SUM, PSQ_F64, storage, g, D, dv, &err),
                     PSQ_OK);
    assert_gradient(add, in.v, B * D, dv);

    assert_int_equal(psq_scale_rows(layout, PSQ_F64, storage, g, in.w, D, dx, &err), PSQ_OK);
    assert_int_equal(psq_scale_rows_weights(layout, PSQ_F64, storage, in.x, g, D, dw, &err),
                     PSQ_OK);
    assert_gradient(scale, in.x, rows() * D, dx);
    assert_gradient(scale, in.w, rows(), dw);
}

static void central_differences(void **state) {
    (void)state;
    static const psq_storage all[] = {{PSQ_PACKED, false, 0}, {PSQ_JAGGED, false, 0}};
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layout, &err), PSQ_OK);
    assert_int_equal(psq_layout_n_rows(layout), N);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        begin(all[i]);
        check_all();
    }
    psq_layout_destroy(layout);
}

// <A x, y> = <x, A' y> for sum, mean, add and scale: exact in integers. Lengths are powers of two,
// so that a mean is exact too.
static void adjoints(void **state) {
    (void)state;
    static const int64_t halves[B] = {4, 0, 1, 8, 2};
    static const psq_storage all[] = {{PSQ_PACKED, false, 0}, {PSQ_JAGGED, false, 0}};
    double y[ROOM];
    double back[ROOM];
    assert_int_equal(psq_layout_from_lengths(ctx, halves, B, &layout, &err), PSQ_OK);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        begin(all[i]);
        for (int64_t j = 0; j < ROOM; j++) {
            in.x[j] = floor(in.x[j] * 100.0);
            g[j] = floor(g[j] * 100.0);
        }
        for (int k = PSQ_POOL_SUM; k <= PSQ_POOL_MEAN; k++) {
            kind = (psq_pool)k;
            pool(&in, y);
            assert_int_equal(
                psq_pool_backward(layout, kind, PSQ_F64, storage, NULL, NULL, g, D, back, &err),
                PSQ_OK);
            assert_true(dot(B * D, y, g) == dot(rows() * D, in.x, back));
        }
        scale(&in, y);
        assert_int_equal(psq_scale_rows(layout, PSQ_F64, storage, g, in.w, D, back, &err), PSQ_OK);
        assert_true(fabs(dot(rows() * D, y, g) - dot(rows() * D, in.x, back)) < 1e-9);
    }
    psq_layout_destroy(layout);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(central_differences),
        cmocka_unit_test(adjoints),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
