// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// weight_grads.c: sums over rows. Rows are taken in jagged order, whatever the direction and the
// storage, in blocks of PSQ_K_BLOCK that are counted over the whole batch; the kernels add one
// block's sums to the gradient (docs/bits.md, rule 2).
#include "rnn/run.h"

// A walk over the rows in jagged order.
typedef struct walk {
    int64_t row;
    int64_t b;
    int64_t t;
} walk;

static void advance(const psq_layout *layout, walk *at) {
    at->row++;
    at->t++;
    while (at->b < layout->n_seq && at->t >= layout->lengths[at->b]) {
        at->b++;
        at->t = 0;
    }
}

static walk first_row(const psq_layout *layout) {
    walk at = {-1, 0, -1};
    advance(layout, &at);
    return at;
}

// What a block of rows adds to.
typedef struct sums {
    const psq_pass *pass;
    const psq_grad_rows *rows;
    const psq_backward_scratch *scratch;
    void *grads[PSQ_N_PARAM_KIND]; // parts of dweights
} sums;

static void *part_of(const psq_pass *pass, void *dweights, psq_param_kind kind) {
    const psq_param *const param = psq_param_get(pass->rnn, pass->layer, pass->direction, kind);
    return param != NULL ? psq_at(pass->rnn, dweights, param->offset) : NULL;
}

// a[i] = slot `slot` of the block's i-th row of dgates.
static void set_dgates(const sums *s, int64_t first, int64_t n, int64_t slot) {
    const psq_rnn *const rnn = s->pass->rnn;
    for (int64_t i = 0; i < n; i++) {
        const void *const row = s->rows->dgates.base + (size_t)(first + i) * s->rows->dgates.stride;
        s->scratch->a[i] = psq_at_const(rnn, row, slot * rnn->H);
    }
}

static void set_jagged(const psq_in *rows, int64_t first, int64_t n, const void **out) {
    for (int64_t i = 0; i < n; i++) {
        out[i] = rows->base + (size_t)(first + i) * rows->stride;
    }
}

static void add_input_side(const sums *s, walk at, int64_t n) {
    const psq_pass *const pass = s->pass;
    const psq_rnn *const rnn = pass->rnn;
    const int64_t n_out = rnn->cell->n_gates * rnn->H;
    set_dgates(s, at.row, n, 0);
    for (int64_t i = 0; i < n; i++) {
        void *const dropped =
            pass->drops ? psq_at(rnn, s->scratch->inputs, i * pass->n_inputs) : NULL;
        s->scratch->b[i] = psq_pass_input(pass, at.b, at.t, s->scratch->factors, dropped);
        advance(pass->layout, &at);
    }
    rnn->kern->outer(n, 0, n_out, pass->n_inputs, s->scratch->a, s->scratch->b, s->grads[PSQ_W_IH],
                     s->scratch->work);
    if (rnn->spec.bias) {
        rnn->kern->column_sum(n, 0, n_out, s->scratch->a, s->grads[PSQ_B_IH]);
    }
}

static void add_hidden_side(const sums *s, walk at, int64_t n) {
    const psq_pass *const pass = s->pass;
    const psq_rnn *const rnn = pass->rnn;
    const int64_t first = at.row;
    for (int64_t i = 0; i < n; i++) {
        s->scratch->b[i] = psq_pass_h_prev(pass, at.b, at.t);
        advance(pass->layout, &at);
    }
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment segment = rnn->cell->segments[i];
        const int64_t row = segment.gate * rnn->H;
        const int64_t n_out = segment.n_gates * rnn->H;
        set_dgates(s, first, n, segment.slot);
        rnn->kern->outer(n, 0, n_out, rnn->R, s->scratch->a, s->scratch->b,
                         psq_at(rnn, s->grads[PSQ_W_HH], row * rnn->R), s->scratch->work);
        if (rnn->spec.bias) {
            rnn->kern->column_sum(n, 0, n_out, s->scratch->a, psq_at(rnn, s->grads[PSQ_B_HH], row));
        }
    }
}

static void add_projection(const sums *s, int64_t first, int64_t n) {
    const psq_rnn *const rnn = s->pass->rnn;
    set_jagged(&s->rows->dh, first, n, s->scratch->a);
    set_jagged(&s->rows->m, first, n, s->scratch->b);
    rnn->kern->outer(n, 0, rnn->R, rnn->H, s->scratch->a, s->scratch->b, s->grads[PSQ_W_HR],
                     s->scratch->work);
}

void psq_weight_grads(const psq_pass *pass, const psq_grad_rows *rows,
                      const psq_backward_scratch *scratch, void *dweights) {
    sums s = {.pass = pass, .rows = rows, .scratch = scratch};
    for (psq_param_kind kind = PSQ_W_IH; kind < PSQ_N_PARAM_KIND; kind++) {
        s.grads[kind] = part_of(pass, dweights, kind);
    }
    walk at = first_row(pass->layout);
    while (at.row < pass->layout->n_rows) {
        const int64_t left = pass->layout->n_rows - at.row;
        const int64_t n = left < PSQ_K_BLOCK ? left : PSQ_K_BLOCK;
        add_input_side(&s, at, n);
        add_hidden_side(&s, at, n);
        if (pass->rnn->spec.proj_size > 0) {
            add_projection(&s, at.row, n);
        }
        for (int64_t i = 0; i < n; i++) {
            advance(pass->layout, &at);
        }
    }
}
