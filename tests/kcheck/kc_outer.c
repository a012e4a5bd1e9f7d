// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_outer.c: the sums over the rows of one block.
#include <string.h>

#include "kc.h"

typedef struct outer_args {
    int64_t n_rows, first, end, n_b;
    const kc_array *a[PSQ_K_BLOCK];
    const kc_array *b[PSQ_K_BLOCK];
    const kc_array *out, *work;
} outer_args;

// The lists of rows end where their arrays end: a list read too far is read outside.
static void call_outer(const psq_kern *k, const void *args) {
    const outer_args *const t = (const outer_args *)args;
    const void *a[PSQ_K_BLOCK];
    const void *b[PSQ_K_BLOCK];
    const int64_t skip = PSQ_K_BLOCK - t->n_rows;
    for (int64_t r = 0; r < t->n_rows; r++) {
        a[skip + r] = t->a[r]->p;
        b[skip + r] = t->b[r]->p;
    }
    k->outer(t->n_rows, t->first, t->end, t->n_b, a + skip, b + skip, t->out->p, t->work->p);
}

static void call_column_sum(const psq_kern *k, const void *args) {
    const outer_args *const t = (const outer_args *)args;
    const void *a[PSQ_K_BLOCK];
    const int64_t skip = PSQ_K_BLOCK - t->n_rows;
    for (int64_t r = 0; r < t->n_rows; r++) {
        a[skip + r] = t->a[r]->p;
    }
    k->column_sum(t->n_rows, t->first, t->end, a + skip, t->out->p);
}

static void check_outer_size(kc *c, int64_t n_rows, int64_t n_a, int64_t n_b, kc_make make) {
    outer_args t = {.n_rows = n_rows, .n_b = n_b};
    kc_units(c, n_a, &t.first, &t.end);
    kc_begin(c, "%lld rows of %lld and %lld, a's %lld to %lld", (long long)n_rows, (long long)n_a,
             (long long)n_b, (long long)t.first, (long long)t.end);
    for (int64_t r = 0; r < n_rows; r++) {
        t.a[r] = kc_take(c, KC_IN, "a", n_a, make);
        t.b[r] = kc_take(c, KC_IN, "b", n_b, make);
    }
    kc_array *const dw = kc_take(c, KC_OUT, "dw", n_a * n_b, make);
    kc_range(dw, n_a * n_b > 0 ? n_a * n_b : 1, t.first * n_b, t.end * n_b);
    t.out = dw;
    t.work = kc_take_scratch(c, "work", c->ref->outer_work(n_b), c->table->outer_work(n_b));
    kc_run(c, call_outer, &t);
}

static void check_column_sum_size(kc *c, int64_t n_rows, int64_t n_a, int64_t n_b, kc_make make) {
    outer_args t = {.n_rows = n_rows};
    (void)n_b;
    kc_units(c, n_a, &t.first, &t.end);
    kc_begin(c, "%lld rows of %lld, a's %lld to %lld", (long long)n_rows, (long long)n_a,
             (long long)t.first, (long long)t.end);
    for (int64_t r = 0; r < n_rows; r++) {
        t.a[r] = kc_take(c, KC_IN, "a", n_a, make);
    }
    kc_array *const sum = kc_take(c, KC_OUT, "sum", n_a, make);
    kc_range(sum, n_a > 0 ? n_a : 1, t.first, t.end);
    t.out = sum;
    kc_run(c, call_column_sum, &t);
}

typedef void (*size_check)(kc *c, int64_t n_rows, int64_t n_a, int64_t n_b, kc_make make);

static void check_sizes(kc *c, size_check check) {
    static const kc_make makes[] = {kc_plain, kc_awkward, kc_fading};
    for (int i = 0; i < KC_N_SIZES; i++) { // every size as n_a and as n_b
        const int64_t other = kc_size((int)kc_below(c, KC_N_SIZES));
        check(c, 1 + i % KC_ROWS, kc_size(i), other, kc_plain);
        check(c, 1 + i % 7, other, kc_size(i), kc_fading);
        check(c, 1 + i % 3, 1 + i % 40, kc_size(i), kc_awkward);
    }
    static const int64_t rows[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 100, 255, 256};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(c, rows[i], 18, 50, makes[i % 3]);
        check(c, rows[i], 33, 17, kc_plain);
        check(c, rows[i], 0, 5, kc_plain);
        check(c, rows[i], 5, 0, kc_plain);
    }
}

void kc_check_outer(kc *c) {
    check_sizes(c, check_outer_size);
}

void kc_check_column_sum(kc *c) {
    check_sizes(c, check_column_sum_size);
}

void kc_check_peak(kc *c) {
    kc_begin(c, "64 rounds and 128");
    const int64_t once = c->table->peak(64);
    const int64_t twice = c->table->peak(128);
    if (once <= 0 || twice != 2 * once) {
        kc_wrong(c, "%lld operations and %lld", (long long)once, (long long)twice);
    }
}
