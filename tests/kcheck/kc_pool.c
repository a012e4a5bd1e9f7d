// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_pool.c: reductions over rows, and what is spread over them: rows that get shorter, results in
// the rows that are read, one weight or one result a row; and sequences that become lanes.
#include "kc.h"

enum { N_ROWS = 9 };

typedef struct pool_args {
    int op;
    int64_t n_rows;
    int64_t n[N_ROWS];
    const kc_array *a[N_ROWS], *b[N_ROWS], *out[N_ROWS]; // out[0] may be NULL
    const kc_array *u, *v;
} pool_args;

static void call_pool(const psq_kern *k, const void *args) {
    const pool_args *const t = (const pool_args *)args;
    const void *a[N_ROWS];
    const void *b[N_ROWS];
    void *out[N_ROWS];
    for (int64_t r = 0; r < t->n_rows; r++) {
        a[r] = t->a[r]->p;
        b[r] = t->b[r]->p;
        out[r] = t->out[0] != NULL ? t->out[r]->p : NULL;
    }
    const psq_k_steps steps = {t->n_rows, t->n, a, b, t->out[0] != NULL ? out : NULL};
    k->pool[t->op](&steps, t->u->p, t->v->p);
}

static bool writes_rows(int op) {
    return op > PSQ_K_POOL_FMA_ROW;
}

// out lies apart, in a or in b; or is not wanted.
static void check_pool(kc *c, int64_t n, kc_make make, int out_in) {
    static const char *const words[] = {"", ", out in a", ", out in b", ", no out"};
    const int op = c->slot_index;
    const bool weight = op == PSQ_K_POOL_FMA_ROW || op == PSQ_K_POOL_MUL_ROW;
    const bool dot = op == PSQ_K_POOL_DOT_ROW;
    pool_args t = {.op = op, .n_rows = kc_below(c, N_ROWS + 1)};
    kc_begin(c, "%lld rows, n %lld%s", (long long)t.n_rows, (long long)n, words[out_in]);
    t.u = kc_take(c, writes_rows(op) ? KC_IN : KC_OUT, "u", n, make);
    t.v = kc_take(c, KC_OUT, "v", n, make);
    for (int64_t r = 0; r < t.n_rows; r++) {
        t.n[r] = r == 0 ? n : kc_below(c, 2) == 0 ? t.n[r - 1] : kc_below(c, t.n[r - 1] + 1);
        t.a[r] = kc_take(c, out_in == 1 ? KC_OUT : KC_IN, "a", t.n[r], make);
        t.b[r] = kc_take(c, out_in == 2 ? KC_OUT : KC_IN, "b", weight ? 1 : t.n[r], make);
        if (out_in < 3) {
            t.out[r] = out_in == 1   ? t.a[r]
                       : out_in == 2 ? t.b[r]
                                     : kc_take(c, KC_OUT, "out", dot ? 1 : t.n[r], make);
        }
    }
    kc_run(c, call_pool, &t);
}

void kc_check_pool(kc *c) {
    static const kc_make makes[] = {kc_plain, kc_awkward, kc_fading};
    const int op = c->slot_index;
    for (int i = -1; i < KC_N_SIZES; i++) {
        const int64_t n = i < 0 ? 0 : kc_size(i);
        for (int j = 0; j < 3; j++) {
            check_pool(c, n, makes[j], writes_rows(op) ? 0 : 3);
            if (writes_rows(op) && op != PSQ_K_POOL_DOT_ROW) {
                check_pool(c, n, makes[j], 1);
            }
            if (op == PSQ_K_POOL_MUL || op == PSQ_K_POOL_SOFTMAX_BACK) {
                check_pool(c, n, makes[j], 2);
            }
            if (op == PSQ_K_POOL_EXP_SUM) {
                check_pool(c, n, makes[j], 3);
            }
        }
    }
}

// ---- lanes

enum { MOST_LANES = 40 };

typedef struct lanes_args {
    int64_t n_lanes, n_steps;
    int64_t n[MOST_LANES];
    const kc_array *lane[MOST_LANES];
    const kc_array *all;
} lanes_args;

static void call_to_lanes(const psq_kern *k, const void *args) {
    const lanes_args *const t = (const lanes_args *)args;
    const void *from[MOST_LANES];
    for (int64_t i = 0; i < t->n_lanes; i++) {
        from[i] = t->lane[i]->p;
    }
    k->to_lanes(t->n_lanes, t->n_steps, from, t->n, t->all->p);
}

static void call_from_lanes(const psq_kern *k, const void *args) {
    const lanes_args *const t = (const lanes_args *)args;
    void *to[MOST_LANES];
    for (int64_t i = 0; i < t->n_lanes; i++) {
        to[i] = t->lane[i]->p;
    }
    k->from_lanes(t->n_lanes, t->n_steps, t->all->p, t->n, to);
}

// Lanes that end before, at or after the last step.
static void check_lanes(kc *c, kc_call call, kc_role lane_role, kc_role all_role) {
    for (int i = 0; i < 300; i++) {
        lanes_args t = {.n_lanes = kc_below(c, MOST_LANES + 1), .n_steps = kc_below(c, 41)};
        kc_begin(c, "%lld lanes of %lld steps", (long long)t.n_lanes, (long long)t.n_steps);
        for (int64_t lane = 0; lane < t.n_lanes; lane++) {
            t.n[lane] = kc_below(c, 2) == 0 ? t.n_steps + kc_below(c, 3) : kc_below(c, 41);
            t.lane[lane] = kc_take(c, lane_role, "lane", t.n[lane], kc_any);
        }
        t.all = kc_take(c, all_role, "all", t.n_lanes * t.n_steps, kc_any);
        kc_run(c, call, &t);
    }
}

void kc_check_to_lanes(kc *c) {
    check_lanes(c, call_to_lanes, KC_IN, KC_OUT);
}

void kc_check_from_lanes(kc *c) {
    check_lanes(c, call_from_lanes, KC_OUT, KC_IN);
}
