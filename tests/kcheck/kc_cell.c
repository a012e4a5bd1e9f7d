// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_cell.c: the epilogues of the cells. A table says which arrays of a row a cell uses and how;
// the others are NULL. Besides separate arrays each cell runs with those left out that may be NULL,
// and with those shared that may be one.
#include <string.h>

#include "kc.h"

typedef enum field {
    AT_PRE,
    AT_GATES,
    AT_DGATES,
    AT_H_PREV,
    AT_C_PREV,
    AT_C,
    AT_H,
    AT_DH,
    AT_DCARRY,
    AT_M,
    N_FIELDS
} field;

static const char *const names[N_FIELDS] = {"pre", "gates", "dgates", "h_prev", "c_prev",
                                            "c",   "h",     "dh",     "dcarry", "m"};

typedef struct use {
    int slots; // of H elements; 0: not used
    kc_role role;
} use;

static const use forward_uses[PSQ_N_CELL][N_FIELDS] = {
    [PSQ_RNN_TANH] = {[AT_PRE] = {1, KC_IN}, [AT_H] = {1, KC_OUT}},
    [PSQ_RNN_RELU] = {[AT_PRE] = {1, KC_IN}, [AT_H] = {1, KC_OUT}},
    [PSQ_LSTM] = {[AT_PRE] = {4, KC_IN},
                  [AT_GATES] = {4, KC_OUT},
                  [AT_C_PREV] = {1, KC_IN},
                  [AT_C] = {1, KC_OUT},
                  [AT_H] = {1, KC_OUT}},
    [PSQ_GRU] = {[AT_PRE] = {4, KC_IN},
                 [AT_GATES] = {4, KC_OUT},
                 [AT_H_PREV] = {1, KC_IN},
                 [AT_H] = {1, KC_OUT}},
};

static const use backward_uses[PSQ_N_CELL][N_FIELDS] = {
    [PSQ_RNN_TANH] = {[AT_DGATES] = {1, KC_OUT}, [AT_H] = {1, KC_IN}, [AT_DH] = {1, KC_IN}},
    [PSQ_RNN_RELU] = {[AT_DGATES] = {1, KC_OUT}, [AT_H] = {1, KC_IN}, [AT_DH] = {1, KC_IN}},
    [PSQ_LSTM] = {[AT_GATES] = {4, KC_IN},
                  [AT_DGATES] = {4, KC_OUT},
                  [AT_C_PREV] = {1, KC_IN},
                  [AT_C] = {1, KC_IN},
                  [AT_DH] = {1, KC_IN},
                  [AT_DCARRY] = {1, KC_OUT},
                  [AT_M] = {1, KC_OUT}},
    [PSQ_GRU] = {[AT_GATES] = {4, KC_IN},
                 [AT_DGATES] = {4, KC_OUT},
                 [AT_H_PREV] = {1, KC_IN},
                 [AT_DH] = {1, KC_IN},
                 [AT_DCARRY] = {1, KC_OUT}},
};

typedef enum variant { SEPARATE, LEFT_OUT, SHARED, N_VARIANTS } variant;
static const field optional[2] = {AT_GATES, AT_M}; // forward, backward
static const field shared[2][2][2] = {
    {{AT_C_PREV, AT_C}, {AT_C_PREV, AT_C}}, // the first lies in the second
    {{AT_GATES, AT_DGATES}, {AT_C, AT_M}}};

typedef struct cell_args {
    bool backward;
    psq_cell cell;
    int64_t n_rows, first, end, H;
    const kc_array *fields[KC_ROWS][N_FIELDS];
} cell_args;

static void *place_of(const kc_array *a) {
    return a != NULL ? a->p : NULL;
}

static void call_cell(const psq_kern *k, const void *args) {
    const cell_args *const t = (const cell_args *)args;
    psq_k_row rows[KC_ROWS];
    psq_k_row *const row = rows + KC_ROWS - t->n_rows;
    for (int64_t m = 0; m < t->n_rows; m++) {
        const kc_array *const *const f = t->fields[m];
        row[m] = (psq_k_row){.pre = place_of(f[AT_PRE]),
                             .gates = place_of(f[AT_GATES]),
                             .dgates = place_of(f[AT_DGATES]),
                             .h_prev = place_of(f[AT_H_PREV]),
                             .c_prev = place_of(f[AT_C_PREV]),
                             .c = place_of(f[AT_C]),
                             .h = place_of(f[AT_H]),
                             .dh = place_of(f[AT_DH]),
                             .dcarry = place_of(f[AT_DCARRY]),
                             .m = place_of(f[AT_M])};
    }
    if (t->backward) {
        k->backward[t->cell](t->n_rows, t->first, t->end, t->H, row);
    } else {
        k->forward[t->cell](t->n_rows, t->first, t->end, t->H, row);
    }
}

static void take_row(kc *c, cell_args *t, variant v, kc_make make, const kc_array **fields) {
    const use *const uses = t->backward ? backward_uses[t->cell] : forward_uses[t->cell];
    for (int f = 0; f < N_FIELDS; f++) {
        if (uses[f].slots == 0 || (v == LEFT_OUT && f == (int)optional[t->backward])) {
            continue;
        }
        kc_array *const a = kc_take(c, uses[f].role, names[f], uses[f].slots * t->H, make);
        if (a->role == KC_OUT) {
            kc_range(a, t->H > 0 ? t->H : 1, t->first, t->end);
        }
        fields[f] = a;
    }
    for (int i = 0; v == SHARED && i < 2; i++) {
        const field *const pair = shared[t->backward][i];
        if (fields[pair[0]] != NULL && fields[pair[1]] != NULL) {
            fields[pair[0]] = fields[pair[1]];
        }
    }
}

static void check_cell_size(kc *c, bool backward, int64_t H, int64_t n_rows, kc_make make) {
    static const char *const words[N_VARIANTS] = {"", ", without the optional row",
                                                  ", in shared rows"};
    for (int v = 0; v < N_VARIANTS; v++) {
        cell_args t = {
            .backward = backward, .cell = (psq_cell)c->slot_index, .n_rows = n_rows, .H = H};
        kc_units(c, H, &t.first, &t.end);
        kc_begin(c, "H %lld, %lld rows, units %lld to %lld%s", (long long)H, (long long)n_rows,
                 (long long)t.first, (long long)t.end, words[v]);
        for (int64_t m = 0; m < n_rows; m++) {
            take_row(c, &t, (variant)v, make, t.fields[m]);
        }
        kc_run(c, call_cell, &t);
    }
}

static void check_cell(kc *c, bool backward) {
    static const kc_make makes[] = {kc_plain, kc_awkward, kc_fading};
    for (int i = 0; i < KC_N_SIZES; i++) {
        for (int j = 0; j < 3; j++) {
            check_cell_size(c, backward, kc_size(i), 1 + (i + j) % KC_ROWS, makes[j]);
        }
    }
    for (int64_t n_rows = 0; n_rows <= KC_ROWS; n_rows++) {
        check_cell_size(c, backward, 37, n_rows, kc_awkward);
        check_cell_size(c, backward, 0, n_rows, kc_plain);
    }
}

void kc_check_forward(kc *c) {
    check_cell(c, false);
}

void kc_check_backward(kc *c) {
    check_cell(c, true);
}
