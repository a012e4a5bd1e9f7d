// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// weight_grads.c: sums over rows. Rows are taken in jagged order, whatever the direction and the
// storage, in blocks of PSQ_K_BLOCK that are counted over the whole batch; the kernels add one
// block's sums to the gradient (docs/bits.md, rule 2).
#include "rnn/run.h"

// One slice of every gradient, of n_slices: some of its rows. A thread takes whole slices, and each
// element of a gradient is then one thread's alone.
typedef struct sums {
    const psq_pass *pass;
    const psq_grad_rows *rows;
    const psq_sums_work *work;
    void *grads[PSQ_N_PARAM_KIND]; // parts of dweights
    int64_t slice;
    int64_t n_slices;
} sums;

enum { STEP = 48 }; // rows, which all kernels' tiles divide

int64_t psq_n_slices(int64_t n, int64_t n_threads) {
    const int64_t n_steps = (n + STEP - 1) / STEP;
    const int64_t wanted = n_threads == 1 ? 1 : 2 * n_threads;
    return wanted < n_steps ? wanted : n_steps;
}

psq_range psq_slice(int64_t n, int64_t slice, int64_t n_slices) {
    const int64_t n_steps = (n + STEP - 1) / STEP;
    const int64_t first = n_steps * slice / n_slices * STEP;
    const int64_t end = n_steps * (slice + 1) / n_slices * STEP;
    return (psq_range){first < n ? first : n, end < n ? end : n};
}

static void *part_of(const psq_pass *pass, void *dweights, psq_param_kind kind) {
    const psq_param *const param = psq_param_get(pass->rnn, pass->layer, pass->direction, kind);
    return param != NULL ? psq_at(pass->rnn, dweights, param->offset) : NULL;
}

// a[i] = slot `slot` of the block's i-th row of dgates.
static void set_dgates(const sums *s, int64_t first, int64_t n, int64_t slot) {
    const psq_rnn *const rnn = s->pass->rnn;
    for (int64_t i = 0; i < n; i++) {
        const void *const row = s->rows->dgates.base + (size_t)(first + i) * s->rows->dgates.stride;
        s->work->a[i] = psq_at_const(rnn, row, slot * rnn->H);
    }
}

static void set_jagged(const psq_in *rows, int64_t first, int64_t n, const void **out) {
    for (int64_t i = 0; i < n; i++) {
        out[i] = rows->base + (size_t)(first + i) * rows->stride;
    }
}

// Sums of a block over the n_out columns of a, by n_b columns of b, and of a itself, which are a
// bias's; sum NULL: no bias; grad NULL: the bias's only.
static void add_block(const sums *s, int64_t n, int64_t n_out, int64_t n_b, void *grad, void *sum) {
    const psq_kern *const kern = s->pass->rnn->kern;
    const psq_range slice = psq_slice(n_out, s->slice, s->n_slices);
    if (grad != NULL) {
        kern->outer(n, slice.first, slice.end, n_b, s->work->a, s->work->b, grad, s->work->outer);
    }
    if (sum != NULL) {
        kern->column_sum(n, slice.first, slice.end, s->work->a, sum);
    }
}

static void add_input_side(const sums *s, psq_element at, int64_t n) {
    const psq_pass *const pass = s->pass;
    const psq_rnn *const rnn = pass->rnn;
    set_dgates(s, at.row, n, 0);
    for (int64_t i = 0; i < n && s->grads[PSQ_W_IH] != NULL; i++) {
        void *const dropped =
            pass->drops ? psq_at(rnn, s->work->dropped.rows, i * pass->n_inputs) : NULL;
        s->work->b[i] = psq_pass_input(pass, at.b, at.t, s->work->dropped.factors, dropped);
        psq_element_next(pass->layout, &at);
    }
    add_block(s, n, rnn->cell->n_gates * rnn->H, pass->n_inputs, s->grads[PSQ_W_IH],
              s->grads[PSQ_B_IH]);
}

static void add_hidden_side(const sums *s, psq_element at, int64_t n) {
    const psq_pass *const pass = s->pass;
    const psq_rnn *const rnn = pass->rnn;
    const int64_t first = at.row;
    for (int64_t i = 0; i < n; i++) {
        s->work->b[i] = psq_pass_h_prev(pass, at.b, at.t);
        psq_element_next(pass->layout, &at);
    }
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment segment = rnn->cell->segments[i];
        const int64_t row = segment.gate * rnn->H;
        set_dgates(s, first, n, segment.slot);
        add_block(s, n, segment.n_gates * rnn->H, rnn->R,
                  psq_at(rnn, s->grads[PSQ_W_HH], row * rnn->R),
                  rnn->spec.bias ? psq_at(rnn, s->grads[PSQ_B_HH], row) : NULL);
    }
}

static void add_projection(const sums *s, int64_t first, int64_t n) {
    const psq_rnn *const rnn = s->pass->rnn;
    set_jagged(&s->rows->dh, first, n, s->work->a);
    set_jagged(&s->rows->m, first, n, s->work->b);
    add_block(s, n, rnn->R, rnn->H, s->grads[PSQ_W_HR], NULL);
}

typedef struct job {
    sums sums;
    const psq_sums_work *works; // of all members
} job;

static void add_slice(void *arg, int64_t slice, int64_t member) {
    const job *const j = (const job *)arg;
    sums s = j->sums;
    s.slice = slice;
    s.work = &j->works[member];
    const psq_layout *const layout = s.pass->layout;
    psq_element at = psq_element_at(layout, 0);
    while (at.row < layout->n_rows) {
        const int64_t left = layout->n_rows - at.row;
        const int64_t n = left < PSQ_K_BLOCK ? left : PSQ_K_BLOCK;
        add_input_side(&s, at, n);
        add_hidden_side(&s, at, n);
        if (s.pass->rnn->spec.proj_size > 0) {
            add_projection(&s, at.row, n);
        }
        for (int64_t i = 0; i < n; i++) {
            psq_element_next(layout, &at);
        }
    }
}

void psq_weight_grads(const psq_pass *pass, const psq_grad_rows *rows,
                      const psq_backward_scratch *scratch, void *dweights) {
    const psq_ctx *const ctx = pass->rnn->ctx;
    job j = {.sums = {.pass = pass, .rows = rows}, .works = scratch->sums};
    for (psq_param_kind kind = PSQ_W_IH; kind < PSQ_N_PARAM_KIND; kind++) {
        j.sums.grads[kind] = part_of(pass, dweights, kind);
    }
    if (pass->tokens != NULL) {
        j.sums.grads[PSQ_W_IH] = NULL; // token_grads.c adds to it
    }
    const int64_t n_threads = psq_worth_threads(pass->rnn, pass->layout->n_rows);
    j.sums.n_slices = psq_n_slices(pass->rnn->cell->n_gates * pass->rnn->H, n_threads);
    psq_each_chunk(ctx, n_threads, j.sums.n_slices, add_slice, &j);
}
