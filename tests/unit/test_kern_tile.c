// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_kern_tile.c: the chains over k and over rows (docs/bits.md, rules 1 and 2) of every float
// table, by memcmp with chains written out here, on sizes that fit no vector.
#include "kern_naive.h"

enum { MAX_ROWS = 7, N_AWKWARD_RUNS = 2 };

typedef float (*maker)(uint32_t *);

// Gates of n_out: 1 where it has no other divisor here.
static int64_t gates_of(int64_t n_out, int64_t n_k) {
    const int64_t n = 1 + n_k % 4;
    return n_out % n == 0 ? n : 1;
}

// The outputs in one call, or cut into ranges at multiples of PSQ_K_UNIT, the last range first.
static void run_tile(const psq_kern *k, int64_t n_rows, int64_t n_out, int64_t n_k,
                     const void *const *a, const void *panel, void *const *out) {
    const int64_t cut = n_k % 3 * PSQ_K_UNIT;
    for (int64_t first = cut > 0 ? n_out / cut * cut : 0; first >= 0; first -= cut) {
        const int64_t end = cut > 0 && first + cut < n_out ? first + cut : n_out;
        k->tile(n_rows, first, end, n_out, n_k, a, panel, out);
        if (cut == 0) {
            break;
        }
    }
}

static void check_tile_size(const psq_kern *k, int64_t n_rows, int64_t n_out, int64_t n_k,
                            maker make) {
    const int64_t n_gates = gates_of(n_out, n_k);
    const int64_t H = n_out / n_gates;
    uint32_t random = (uint32_t)(n_out * 1000 + n_k * 8 + n_rows);
    const bool transposed = (n_out + n_k) % 2 == 1;
    guarded w = guarded_fill(n_out * n_k, 1, make, &random);
    guarded panel = guarded_new_aligned(k->panel_size(n_out, n_k));
    guarded a[MAX_ROWS];
    guarded out[MAX_ROWS];
    guarded wanted[MAX_ROWS];
    const void *a_rows[MAX_ROWS];
    void *out_rows[MAX_ROWS];
    const int64_t stride_j = transposed ? 1 : n_k;
    const int64_t stride_k = transposed ? n_out : 1;
    k->panel(n_gates, n_out, n_k, w.row, stride_j, stride_k, panel.row);
    for (int64_t m = 0; m < n_rows; m++) {
        a[m] = guarded_fill(n_k, m % 4, make, &random);
        out[m] = guarded_fill(n_out, (m + 1) % 4, make, &random);
        wanted[m] = guarded_copy(&out[m], 0);
        a_rows[m] = a[m].row;
        out_rows[m] = out[m].row;
        for (int64_t j = 0; j < n_out; j++) {
            float *const sum = wanted[m].row + psq_k_place(n_gates, H, j / H, j % H);
            for (int64_t i = 0; i < n_k; i++) {
                *sum = fmaf(a[m].row[i], w.row[j * stride_j + i * stride_k], *sum);
            }
        }
    }
    run_tile(k, n_rows, n_out, n_k, a_rows, panel.row, out_rows);
    for (int64_t m = 0; m < n_rows; m++) {
        assert_bits(k->name, "tile", n_out, out[m].row, wanted[m].row);
        guarded_end(k->name, "a", &a[m]);
        guarded_end(k->name, "out", &out[m]);
        guarded_end(k->name, "wanted", &wanted[m]);
    }
    guarded_end(k->name, "panel", &panel);
    guarded_end(k->name, "w", &w);
}

static void check_tile(const psq_kern *k) {
    for (int i = 0; i < N_ODD_SIZES; i++) {
        for (int j = 0; j < N_ODD_SIZES; j++) {
            check_tile_size(k, (i + j) % (MAX_ROWS + 1), odd_sizes[i], odd_sizes[j], random_float);
        }
    }
    for (int64_t n_rows = 0; n_rows <= MAX_ROWS; n_rows++) {
        check_tile_size(k, n_rows, 66, 5, random_float);
        check_tile_size(k, n_rows, 17, 0, random_float);
        check_tile_size(k, n_rows, 0, 3, random_float);
    }
}

static void tile_sizes(void **state) {
    (void)state;
    each_table(PSQ_F32, check_tile);
}

// Short chains, so that a NaN or infinity does not cover everything.
static void check_tile_awkward(const psq_kern *k) {
    for (int64_t n_k = 1; n_k <= 4; n_k++) {
        for (int64_t n_out = 1; n_out <= 70; n_out++) {
            check_tile_size(k, 3, n_out, n_k, random_awkward);
        }
    }
}

static void tile_awkward(void **state) {
    (void)state;
    each_table(PSQ_F32, check_tile_awkward);
}

// The order of a chain shows: 2^30 + 1 - 2^30 is 1 only in one order.
static void check_tile_order(const psq_kern *k) {
    const float a[4] = {0x1p+30F, -0x1p+30F, 1.0F, 0x1p-30F};
    const float w[4] = {1.0F, 1.0F, 1.0F, 1.0F};
    float out[1] = {1.0F};
    _Alignas(64) float panel[64];
    assert_true(k->panel_size(1, 4) <= 64);
    const void *const a_rows[1] = {a};
    void *const out_rows[1] = {out};
    k->panel(1, 1, 4, w, 4, 1, panel);
    k->tile(1, 0, 1, 1, 4, a_rows, panel, out_rows);
    assert_true(out[0] == 1.0F); // the first 1 is lost, the second is not
}

static void tile_order(void **state) {
    (void)state;
    each_table(PSQ_F32, check_tile_order);
}

static void check_rows_size(const psq_kern *k, int64_t n_rows, int64_t n_a, int64_t n_b,
                            maker make) {
    uint32_t random = (uint32_t)(n_rows * 977 + n_a * 31 + n_b);
    guarded a = guarded_fill(n_rows * n_a, 1, make, &random);
    guarded b = guarded_fill(n_rows * n_b, 2, make, &random);
    guarded dw = guarded_fill(n_a * n_b, 3, make, &random);
    guarded sum = guarded_fill(n_a, 1, make, &random);
    guarded wanted_dw = guarded_copy(&dw, 0);
    guarded wanted_sum = guarded_copy(&sum, 0);
    const void *a_rows[PSQ_K_BLOCK];
    const void *b_rows[PSQ_K_BLOCK];
    for (int64_t r = 0; r < n_rows; r++) { // the last row first: pointers need no order
        a_rows[r] = a.row + (n_rows - 1 - r) * n_a;
        b_rows[r] = b.row + (n_rows - 1 - r) * n_b;
    }
    for (int64_t i = 0; i < n_a; i++) {
        float s = 0.0F;
        for (int64_t r = 0; r < n_rows; r++) {
            s += ((const float *)a_rows[r])[i];
        }
        wanted_sum.row[i] += s;
        for (int64_t j = 0; j < n_b; j++) {
            s = 0.0F;
            for (int64_t r = 0; r < n_rows; r++) {
                s = fmaf(((const float *)a_rows[r])[i], ((const float *)b_rows[r])[j], s);
            }
            wanted_dw.row[i * n_b + j] += s;
        }
    }
    guarded work = guarded_new_aligned(k->outer_work(n_b));
    const int64_t cut = n_a > PSQ_K_UNIT && n_b % 2 == 0 ? PSQ_K_UNIT : 0;
    k->outer(n_rows, cut, n_a, n_b, a_rows, b_rows, dw.row, work.row);
    k->outer(n_rows, 0, cut, n_b, a_rows, b_rows, dw.row, work.row);
    k->column_sum(n_rows, cut, n_a, a_rows, sum.row);
    k->column_sum(n_rows, 0, cut, a_rows, sum.row);
    guarded_end(k->name, "work", &work);
    assert_bits(k->name, "outer", n_a * n_b, dw.row, wanted_dw.row);
    assert_bits(k->name, "column_sum", n_a, sum.row, wanted_sum.row);
    guarded_end(k->name, "a", &a);
    guarded_end(k->name, "b", &b);
    guarded_end(k->name, "dw", &dw);
    guarded_end(k->name, "sum", &sum);
    guarded_end(k->name, "wanted", &wanted_dw);
    guarded_end(k->name, "wanted", &wanted_sum);
}

static void check_rows(const psq_kern *k) {
    static const int64_t n_rows[] = {0, 1, 2, 7, 255, PSQ_K_BLOCK};
    for (int i = 0; i < N_ODD_SIZES; i++) {
        for (size_t r = 0; r < sizeof n_rows / sizeof n_rows[0]; r++) {
            const int64_t n_b = odd_sizes[(i * 7 + (int)r) % N_ODD_SIZES];
            check_rows_size(k, n_rows[r], odd_sizes[i], n_b, random_float);
        }
        check_rows_size(k, 2, odd_sizes[i], 37, random_awkward);
        check_rows_size(k, 5, odd_sizes[i], 37, random_fading);
    }
    check_rows_size(k, 3, 0, 5, random_float);
    check_rows_size(k, 3, 5, 0, random_float);
}

static void rows_sizes(void **state) {
    (void)state;
    each_table(PSQ_F32, check_rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tile_sizes),
        cmocka_unit_test(tile_awkward),
        cmocka_unit_test(tile_order),
        cmocka_unit_test(rows_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
