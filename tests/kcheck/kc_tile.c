// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_tile.c: panels and the tile. A panel's order is a table's own affair, so that a panel shows by
// what a tile makes of it.
#include <string.h>

#include "kc.h"

enum { MAX_GATES = 4 };

typedef struct tile_args {
    int64_t n_gates, n_rows, first, end, n_out, n_k, stride_j, stride_k;
    const kc_array *w, *panel;
    const kc_array *a[KC_ROWS];
    const kc_array *out[KC_ROWS];
} tile_args;

// The lists of rows end where their arrays end: a list read too far is read outside.
static void call_tile(const psq_kern *k, const void *args) {
    const tile_args *const t = (const tile_args *)args;
    const void *a[KC_ROWS];
    void *out[KC_ROWS];
    const int64_t skip = KC_ROWS - t->n_rows;
    for (int64_t m = 0; m < t->n_rows; m++) {
        a[skip + m] = t->a[m]->p;
        out[skip + m] = t->out[m]->p;
    }
    k->panel(t->n_gates, t->n_out, t->n_k, t->w->p, t->stride_j, t->stride_k, t->panel->p);
    k->tile(t->n_rows, t->first, t->end, t->n_out, t->n_k, a + skip, t->panel->p, out + skip);
}

// W lies by rows or by columns, with or without a gap between them.
static void take_panel(kc *c, tile_args *t, kc_make make) {
    const bool by_columns = kc_below(c, 3) == 0;
    const int64_t gap = kc_below(c, 3);
    t->stride_j = by_columns ? 1 : t->n_k + gap;
    t->stride_k = by_columns ? t->n_out + gap : 1;
    const int64_t n = t->n_out > 0 && t->n_k > 0
                          ? (t->n_out - 1) * t->stride_j + (t->n_k - 1) * t->stride_k + 1
                          : 0;
    t->w = kc_take(c, KC_IN, "w", n, make);
    t->panel = kc_take_scratch(c, "panel", c->ref->panel_size(t->n_out, t->n_k),
                               c->table->panel_size(t->n_out, t->n_k));
}

static void check_tile_size(kc *c, int64_t n_gates, int64_t H, int64_t n_k, int64_t n_rows,
                            kc_make make) {
    tile_args t = {.n_gates = n_gates, .n_rows = n_rows, .n_out = n_gates * H, .n_k = n_k};
    kc_units(c, t.n_out, &t.first, &t.end);
    kc_begin(c, "%lld gates of %lld, n_k %lld, %lld rows, outputs %lld to %lld", (long long)n_gates,
             (long long)H, (long long)n_k, (long long)n_rows, (long long)t.first, (long long)t.end);
    take_panel(c, &t, make);
    for (int64_t m = 0; m < n_rows; m++) {
        kc_array *const out = kc_take(c, KC_OUT, "out", t.n_out, make);
        kc_range(out, t.n_out > 0 ? t.n_out : 1, t.first, t.end);
        t.a[m] = kc_take(c, KC_IN, "a", n_k, make);
        t.out[m] = out;
    }
    kc_run(c, call_tile, &t);
}

void kc_check_tile(kc *c) {
    for (int64_t n_gates = 1; n_gates <= MAX_GATES; n_gates++) {
        for (int i = 0; i < KC_N_SIZES; i++) {
            const int64_t n_k = kc_size((int)kc_below(c, KC_N_SIZES));
            check_tile_size(c, n_gates, kc_size(i), n_k, 1 + (i + n_gates) % KC_ROWS, kc_plain);
        }
    }
    for (int i = 0; i < KC_N_SIZES; i++) { // by n_k, and chains too short to be all NaN
        const int64_t n_out = kc_size((int)kc_below(c, KC_N_SIZES));
        check_tile_size(c, 1, n_out, kc_size(i), 1 + i % KC_ROWS, kc_fading);
        check_tile_size(c, 1, kc_size(i), 1 + i % 4, 1 + i % KC_ROWS, kc_awkward);
    }
    for (int64_t n_rows = 0; n_rows <= KC_ROWS; n_rows++) {
        for (int64_t n_out = 1; n_out <= 130; n_out += 43) {
            check_tile_size(c, 1, n_out, 33, n_rows, kc_plain);
        }
        check_tile_size(c, 1, 17, 0, n_rows, kc_awkward);
        check_tile_size(c, 4, 0, 3, n_rows, kc_awkward);
    }
}

// Rows of a unit matrix, continued from zeros, give back W in the panel's order.
static void check_panel_size(kc *c, int64_t n_gates, int64_t H, int64_t n_k) {
    tile_args t = {
        .n_gates = n_gates, .n_rows = n_k, .end = n_gates * H, .n_out = n_gates * H, .n_k = n_k};
    kc_begin(c, "%lld gates of %lld, n_k %lld", (long long)n_gates, (long long)H, (long long)n_k);
    take_panel(c, &t, kc_plain);
    for (int64_t k = 0; k < n_k; k++) {
        kc_array *const a = kc_take(c, KC_IN, "a", n_k, kc_zero);
        kc_put(c, a->content, k, 1.0);
        t.a[k] = a;
        t.out[k] = kc_take(c, KC_OUT, "out", t.n_out, kc_zero);
    }
    kc_run(c, call_tile, &t);
    for (int64_t j = 0; j < t.n_out * n_k; j++) {
        const int64_t row = j % t.n_out;
        const int64_t k = j / t.n_out;
        const int64_t place = psq_k_place(n_gates, H, row / H, row % H);
        const double wanted = kc_get(c, t.w->content, row * t.stride_j + k * t.stride_k);
        const double got = kc_get(c, (const unsigned char *)t.out[k]->p, place);
        if (got != wanted) {
            kc_wrong(c, "W(%lld, %lld) is %a, not %a", (long long)row, (long long)k, got, wanted);
            return;
        }
    }
}

void kc_check_panel(kc *c) {
    for (int64_t n_gates = 1; n_gates <= MAX_GATES; n_gates++) {
        for (int i = 0; i < KC_N_SIZES; i++) {
            check_panel_size(c, n_gates, kc_size(i), (i + 2 * n_gates) % (KC_ROWS + 1));
        }
    }
}
