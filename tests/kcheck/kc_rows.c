// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_rows.c: functions of one element, element-wise operations, sums to one value. The slot's place
// in the table says which one is meant.
#include <string.h>

#include "kc.h"

typedef struct rows_args {
    size_t slot;
    int64_t n;
    double factor;
    const kc_array *x, *y, *out;
} rows_args;

static void call_map(const psq_kern *k, const void *args) {
    const rows_args *const t = (const rows_args *)args;
    void (*map)(int64_t, const void *, void *);
    KC_FUNCTION(k, t->slot, map);
    map(t->n, t->x->p, t->out->p);
}

static void call_binary(const psq_kern *k, const void *args) {
    const rows_args *const t = (const rows_args *)args;
    void (*binary)(int64_t, const void *, const void *, void *);
    KC_FUNCTION(k, t->slot, binary);
    binary(t->n, t->x->p, t->y->p, t->out->p);
}

static void call_scale(const psq_kern *k, const void *args) {
    const rows_args *const t = (const rows_args *)args;
    k->scale(t->n, t->factor, t->x->p, t->out->p);
}

static void call_flush(const psq_kern *k, const void *args) {
    const rows_args *const t = (const rows_args *)args;
    k->flush(t->n, t->out->p);
}

static void call_sum(const psq_kern *k, const void *args) {
    const rows_args *const t = (const rows_args *)args;
    kc_put_result(t->out, k->sum(t->n, t->x->p));
}

static void call_dot(const psq_kern *k, const void *args) {
    const rows_args *const t = (const rows_args *)args;
    kc_put_result(t->out, k->dot(t->n, t->x->p, t->y->p));
}

// out lies apart, in x or in y.
static void check_rows(kc *c, kc_call call, int64_t n, kc_make make, int out_in, double factor) {
    static const char *const words[] = {"", ", out in x", ", out in y"};
    rows_args t = {.slot = c->slot_offset, .n = n, .factor = factor};
    kc_begin(c, "n %lld, factor %a%s", (long long)n, factor, words[out_in]);
    t.x = kc_take(c, out_in == 1 ? KC_OUT : KC_IN, "x", n, make);
    t.y = kc_take(c, out_in == 2 ? KC_OUT : KC_IN, "y", n, make);
    t.out = out_in == 1 ? t.x : out_in == 2 ? t.y : kc_take(c, KC_OUT, "out", n, make);
    kc_run(c, call, &t);
}

static void check_all_rows(kc *c, kc_call call, int n_operands, double factor) {
    static const kc_make makes[] = {kc_plain, kc_awkward, kc_fading, kc_any};
    for (int i = -1; i < KC_N_SIZES; i++) {
        const int64_t n = i < 0 ? 0 : kc_size(i);
        for (int j = 0; j < 4; j++) {
            for (int out_in = 0; out_in <= n_operands; out_in++) {
                check_rows(c, call, n, makes[j], out_in, factor);
            }
        }
    }
}

// Sixty thousand floats of all exponents, besides the sizes.
void kc_check_map(kc *c) {
    check_all_rows(c, call_map, 1, 0.0);
    for (int i = 0; i < 15; i++) {
        check_rows(c, call_map, 4097, kc_any, i % 2, 0.0);
    }
}

void kc_check_binary(kc *c) {
    check_all_rows(c, call_binary, 2, 0.0);
}

void kc_check_scale(kc *c) {
    static const double factors[] = {1.0 / 3.0, 0.0, -0x1p-40, 1e-60, 1.7e38};
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        check_all_rows(c, call_scale, 1, factors[i]);
    }
}

void kc_check_flush(kc *c) {
    check_all_rows(c, call_flush, 0, 0.0);
}

static void check_sums(kc *c, kc_call call) {
    static const kc_make makes[] = {kc_plain, kc_awkward, kc_fading, kc_plain, kc_plain};
    for (int i = -1; i < KC_N_SIZES; i++) {
        const int64_t n = i < 0 ? 0 : kc_size(i);
        for (int j = 0; j < 5; j++) { // one row may be both operands
            kc_begin(c, "n %lld%s", (long long)n, j == 4 ? ", a is b" : "");
            rows_args t = {.n = n};
            t.x = kc_take(c, KC_IN, "a", n, makes[j]);
            t.y = j == 4 ? t.x : kc_take(c, KC_IN, "b", n, makes[j]);
            t.out = kc_take_result(c);
            kc_run(c, call, &t);
        }
    }
}

void kc_check_sum(kc *c) {
    check_sums(c, call_sum);
}

void kc_check_dot(kc *c) {
    check_sums(c, call_dot);
}
