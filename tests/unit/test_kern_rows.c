// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_kern_rows.c: element-wise operations and sums to one value (docs/bits.md, rule 3) of every
// float table.
#include "kern_naive.h"

enum { N_BINARY = 3 };

static float naive_binary(int which, float x, float y) {
    return which == 0 ? x + y : which == 1 ? x * y : x > y ? x : y;
}

static void check_binary_size(const psq_kern *k, int64_t n) {
    uint32_t random = (uint32_t)n + 7;
    void (*const f[N_BINARY])(int64_t, const void *, const void *, void *) = {k->add, k->mul,
                                                                              k->max};
    for (int which = 0; which < N_BINARY; which++) {
        guarded x = guarded_fill(n, n % 3, random_awkward, &random);
        guarded y = guarded_fill(n, n % 4, random_awkward, &random);
        guarded out = guarded_new(n, 1);
        guarded wanted = guarded_new(n, 0);
        guarded left = guarded_copy(&x, 2);
        guarded right = guarded_copy(&y, 3);
        for (int64_t i = 0; i < n; i++) {
            wanted.row[i] = naive_binary(which, x.row[i], y.row[i]);
        }
        f[which](n, x.row, y.row, out.row);
        assert_bits(k->name, "binary", n, out.row, wanted.row);
        f[which](n, left.row, y.row, left.row);
        assert_bits(k->name, "out is a", n, left.row, wanted.row);
        f[which](n, x.row, right.row, right.row);
        assert_bits(k->name, "out is b", n, right.row, wanted.row);
        guarded_end(k->name, "x", &x);
        guarded_end(k->name, "y", &y);
        guarded_end(k->name, "out", &out);
        guarded_end(k->name, "wanted", &wanted);
        guarded_end(k->name, "left", &left);
        guarded_end(k->name, "right", &right);
    }
}

static void check_binary(const psq_kern *k) {
    for (int64_t n = 0; n < 70; n++) {
        check_binary_size(k, n);
    }
    check_binary_size(k, 1001);
}

static void rows_binary(void **state) {
    (void)state;
    each_table(PSQ_F32, check_binary);
}

static void check_unary(const psq_kern *k) {
    const double factors[] = {0.1, -3.0, 0.0, 1e-30, 1.0 / 3.0};
    uint32_t random = 3;
    for (int64_t n = 0; n < 70; n++) {
        const double factor = factors[n % 5];
        guarded x = guarded_fill(n, n % 4, n % 2 == 0 ? random_awkward : random_fading, &random);
        guarded out = guarded_new(n, 1);
        guarded wanted = guarded_new(n, 0);
        for (int64_t i = 0; i < n; i++) {
            wanted.row[i] = x.row[i] * (float)factor;
        }
        k->scale(n, factor, x.row, out.row);
        assert_bits(k->name, "scale", n, out.row, wanted.row);
        for (int64_t i = 0; i < n; i++) {
            wanted.row[i] = naive_flush(x.row[i]);
        }
        guarded flushed = guarded_copy(&x, 3);
        k->flush(n, flushed.row);
        assert_bits(k->name, "flush", n, flushed.row, wanted.row);
        k->scale(n, factor, x.row, x.row);
        assert_bits(k->name, "scale in place", n, x.row, out.row);
        guarded_end(k->name, "x", &x);
        guarded_end(k->name, "out", &out);
        guarded_end(k->name, "wanted", &wanted);
        guarded_end(k->name, "flushed", &flushed);
    }
}

static void rows_unary(void **state) {
    (void)state;
    each_table(PSQ_F32, check_unary);
}

static void check_flush(const psq_kern *k) {
    const float below = nextafterf(0x1p-100F, 0.0F);
    float x[] = {0x1p-100F, -0x1p-100F, below, -below, -0.0F, NAN, INFINITY, 0x1p-149F, -FLT_MIN};
    const float wanted[] = {0x1p-100F, -0x1p-100F, 0.0F, 0.0F, 0.0F, NAN, INFINITY, 0.0F, 0.0F};
    k->flush(sizeof x / sizeof x[0], x);
    assert_bits(k->name, "flush", sizeof x / sizeof x[0], x, wanted);
}

static void flush_threshold(void **state) {
    (void)state;
    each_table(PSQ_F32, check_flush);
}

static void check_max(const psq_kern *k) {
    const float a[] = {0.0F, -0.0F, NAN, 1.0F, NAN, -INFINITY};
    const float b[] = {-0.0F, 0.0F, 1.0F, NAN, NAN, -FLT_MAX};
    const float wanted[] = {-0.0F, 0.0F, 1.0F, NAN, NAN, -FLT_MAX}; // b unless a > b
    float out[6];
    k->max(6, a, b, out);
    assert_bits(k->name, "max", 6, out, wanted);
}

static void max_second_operand(void **state) {
    (void)state;
    each_table(PSQ_F32, check_max);
}

static void check_sums_of(const psq_kern *k, int64_t n, float (*make)(uint32_t *)) {
    uint32_t random = (uint32_t)n;
    guarded x = guarded_fill(n, n % 4, make, &random);
    guarded y = guarded_fill(n, n % 3, make, &random);
    float s[16] = {0.0F};
    float d[16] = {0.0F};
    for (int64_t i = 0; i < n; i++) {
        s[i % 16] = s[i % 16] + x.row[i];
        d[i % 16] = fmaf(x.row[i], y.row[i], d[i % 16]);
    }
    const float wanted[2] = {naive_tree(s), naive_tree(d)};
    const double sum = k->sum(n, x.row);
    const double dot = k->dot(n, x.row, y.row);
    const float got[2] = {(float)sum, (float)dot};
    assert_bits(k->name, "sum, dot", 2, got, wanted);
    assert_true(isnan(sum) || sum == (double)got[0]);
    assert_true(isnan(dot) || dot == (double)got[1]);
    guarded_end(k->name, "x", &x);
    guarded_end(k->name, "y", &y);
}

static void check_sums(const psq_kern *k) {
    for (int64_t n = 0; n < 100; n++) {
        check_sums_of(k, n, random_float);
        check_sums_of(k, n, random_fading);
    }
    check_sums_of(k, 5, random_awkward);
    check_sums_of(k, 1000, random_float);
    check_sums_of(k, 4099, random_float);
}

static void sums_sizes(void **state) {
    (void)state;
    each_table(PSQ_F32, check_sums);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_binary),     cmocka_unit_test(rows_unary),
        cmocka_unit_test(flush_threshold), cmocka_unit_test(max_second_operand),
        cmocka_unit_test(sums_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
