// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// input_grads.c: the gradients of a layer's inputs, one product over all rows once all dgates are
// there, in chunks of rows that any thread may take.
#include <string.h>

#include "rnn/run.h"

typedef struct job {
    const psq_pass *passes; // of all directions
    const psq_grad_rows *rows;
    const psq_backward_scratch *scratch;
    const psq_out *dx;
} job;

// dx = the chain over the forward direction's input-side dgates, continued by the reverse one's.
static void sum_dx(const job *j, int64_t first, int64_t n, void *const *dx) {
    const psq_rnn *const rnn = j->passes[0].rnn;
    const int64_t n_inputs = j->passes[0].n_inputs;
    const void *dgates[PSQ_PROJECT_ROWS];
    for (int64_t i = 0; i < n; i++) {
        memset(dx[i], 0, psq_bytes(rnn, n_inputs));
    }
    for (int64_t d = 0; d < rnn->D; d++) {
        const psq_in *const from = &j->rows[d].dgates;
        for (int64_t i = 0; i < n; i++) {
            dgates[i] = from->base + (size_t)(first + i) * from->stride;
        }
        rnn->kern->tile(n, 0, n_inputs, n_inputs, rnn->cell->n_gates * rnn->H, dgates,
                        j->passes[d].panels.ih_t, dx);
    }
}

static int64_t chunk_rows(const psq_layout *layout, int64_t chunk) {
    const int64_t left = layout->n_rows - chunk * PSQ_PROJECT_ROWS;
    return left < PSQ_PROJECT_ROWS ? left : PSQ_PROJECT_ROWS;
}

static void input_chunk(void *arg, int64_t chunk, int64_t member) {
    const job *const j = (const job *)arg;
    const psq_layout *const layout = j->passes[0].layout;
    const int64_t first = chunk * PSQ_PROJECT_ROWS;
    const int64_t n = chunk_rows(layout, chunk);
    void *dx[PSQ_PROJECT_ROWS] = {NULL}; // compilers do not see that n is not 0
    (void)member;
    psq_element at = psq_element_at(layout, first);
    for (int64_t i = 0; i < n; i++) {
        dx[i] = psq_out_row(layout, j->dx, at.b, at.t);
        psq_element_next(layout, &at);
    }
    sum_dx(j, first, n, dx);
}

// The rows may hold the dgates that this is made from, so the sums need another place first.
static void row_chunk(void *arg, int64_t chunk, int64_t member) {
    const job *const j = (const job *)arg;
    const psq_pass *const pass = &j->passes[0];
    const psq_rnn *const rnn = pass->rnn;
    const psq_layout *const layout = pass->layout;
    const psq_dropped *const place = &j->scratch->sums[member].dropped;
    const int64_t first = chunk * PSQ_PROJECT_ROWS;
    const int64_t n = chunk_rows(layout, chunk);
    void *dx[PSQ_PROJECT_ROWS] = {NULL}; // as above
    for (int64_t i = 0; i < n; i++) {
        dx[i] = psq_at(rnn, place->rows, i * pass->n_inputs);
    }
    sum_dx(j, first, n, dx);
    psq_element at = psq_element_at(layout, first);
    for (int64_t i = 0; i < n; i++) {
        if (pass->drops) {
            psq_dropout_factors(rnn, pass->io, pass->layer - 1, at.b, at.t, place->factors);
            rnn->kern->mul(pass->n_inputs, dx[i], place->factors, dx[i]);
        }
        memcpy(psq_at(rnn, j->scratch->rows, at.row * pass->n_inputs), dx[i],
               psq_bytes(rnn, pass->n_inputs));
        psq_element_next(layout, &at);
    }
}

static void run(job *j, psq_chunk_fn fn) {
    const psq_rnn *const rnn = j->passes[0].rnn;
    const int64_t N = j->passes[0].layout->n_rows;
    psq_each_chunk(rnn->ctx, psq_worth_threads(rnn, N),
                   (N + PSQ_PROJECT_ROWS - 1) / PSQ_PROJECT_ROWS, fn, j);
}

void psq_input_grads(const psq_pass *passes, const psq_grad_rows *rows, const psq_out *dx) {
    job j = {.passes = passes, .rows = rows, .dx = dx};
    run(&j, input_chunk);
    psq_zero_padding(passes[0].layout, dx);
}

void psq_row_grads(const psq_pass *passes, const psq_grad_rows *rows,
                   const psq_backward_scratch *scratch) {
    job j = {.passes = passes, .rows = rows, .scratch = scratch};
    run(&j, row_chunk);
}
