// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// token_grads.c: gradients of the table and of the weights that read it. All elements with one
// token have one input row, so their dgates are summed first, and what is left are products over
// the distinct tokens. Tokens come in blocks of PSQ_K_BLOCK, v ascending, so that the sums take
// memory for one block, however many tokens there are.
#include <string.h>

#include "rnn/run.h"

typedef struct job {
    const psq_pass *passes; // of all directions
    const psq_grad_rows *rows;
    const psq_backward_scratch *scratch;
    void *dw[2];   // of W_ih per direction; NULL: not wanted
    void *dx;      // of the table; NULL: not wanted
    int64_t first; // the block: places from here on
    int64_t n;
    int64_t n_slices; // of the rows of dw
    int64_t n_outer;  // chunks that are slices of products
} job;

static void *sum_row(const job *j, int64_t d, int64_t i) {
    const psq_rnn *const rnn = j->passes[d].rnn;
    return psq_at(rnn, j->scratch->token_sums[d], i * rnn->cell->n_gates * rnn->H);
}

static const void *table_row(const job *j, int64_t i) {
    const size_t token = (size_t)j->scratch->tokens.list[j->first + i];
    return j->passes[0].x.base + token * j->passes[0].x.stride;
}

// Some columns of the sums of one direction: each a chain from +0 over the elements in jagged
// order.
static void sum_slice(void *arg, int64_t chunk, int64_t member) {
    const job *const j = (const job *)arg;
    const int64_t d = chunk / j->n_slices;
    const psq_rnn *const rnn = j->passes[d].rnn;
    const psq_tokens *const tokens = &j->scratch->tokens;
    const psq_in *const dgates = &j->rows[d].dgates;
    const psq_range slice =
        psq_slice(rnn->cell->n_gates * rnn->H, chunk % j->n_slices, j->n_slices);
    const int64_t width = slice.end - slice.first;
    (void)member;
    for (int64_t i = 0; i < j->n; i++) {
        void *const sum = psq_at(rnn, sum_row(j, d, i), slice.first);
        memset(sum, 0, psq_bytes(rnn, width));
        const int64_t end = tokens->starts[j->first + i + 1];
        for (int64_t k = tokens->starts[j->first + i]; k < end; k++) {
            const void *const row = dgates->base + (size_t)tokens->elements[k] * dgates->stride;
            rnn->kern->add(width, sum, psq_at_const(rnn, row, slice.first), sum);
        }
    }
}

static void add_slice(const job *j, int64_t chunk, const psq_sums_work *work) {
    const int64_t d = chunk / j->n_slices;
    const psq_rnn *const rnn = j->passes[d].rnn;
    const psq_range slice =
        psq_slice(rnn->cell->n_gates * rnn->H, chunk % j->n_slices, j->n_slices);
    for (int64_t i = 0; i < j->n; i++) {
        work->a[i] = sum_row(j, d, i);
        work->b[i] = table_row(j, i);
    }
    rnn->kern->outer(j->n, slice.first, slice.end, rnn->spec.input_size, work->a, work->b, j->dw[d],
                     work->outer);
}

static void add_rows(const job *j, int64_t chunk, const psq_sums_work *work) {
    const psq_rnn *const rnn = j->passes[0].rnn;
    const int64_t I = rnn->spec.input_size;
    const int64_t first = chunk * PSQ_PROJECT_ROWS;
    const int64_t n = j->n - first < PSQ_PROJECT_ROWS ? j->n - first : PSQ_PROJECT_ROWS;
    const void *sums[PSQ_PROJECT_ROWS];
    void *dx[PSQ_PROJECT_ROWS];
    memset(work->token_dx, 0, psq_bytes(rnn, n * I));
    for (int64_t d = 0; d < rnn->D; d++) {
        for (int64_t i = 0; i < n; i++) {
            sums[i] = sum_row(j, d, first + i);
            dx[i] = psq_at(rnn, work->token_dx, i * I);
        }
        rnn->kern->tile(n, 0, I, I, rnn->cell->n_gates * rnn->H, sums, j->passes[d].panels.ih_t,
                        dx);
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t token = j->scratch->tokens.list[j->first + first + i];
        void *const grad = psq_at(rnn, j->dx, token * I);
        rnn->kern->add(I, grad, psq_at_const(rnn, work->token_dx, i * I), grad);
    }
}

static void add_chunk(void *arg, int64_t chunk, int64_t member) {
    const job *const j = (const job *)arg;
    const psq_sums_work *const work = &j->scratch->sums[member];
    if (chunk < j->n_outer) {
        add_slice(j, chunk, work);
    } else {
        add_rows(j, chunk - j->n_outer, work);
    }
}

// A row of sums costs about a sixteenth of what a row of products does.
// A row of sums costs about a sixteenth of what a row of products does.
static void add_block(job *j) {
    const psq_rnn *const rnn = j->passes[0].rnn;
    const int64_t *const starts = j->scratch->tokens.starts + j->first;
    const int64_t n_elements = starts[j->n] - starts[0];
    const int64_t n_threads = psq_worth_threads(rnn, rnn->D * (j->n + n_elements / 16));
    j->n_slices = psq_n_slices(rnn->cell->n_gates * rnn->H, n_threads);
    psq_each_chunk(rnn->ctx, n_threads, rnn->D * j->n_slices, sum_slice, j);
    j->n_outer = j->dw[0] != NULL ? rnn->D * j->n_slices : 0;
    const int64_t n_rows = j->dx != NULL ? (j->n + PSQ_PROJECT_ROWS - 1) / PSQ_PROJECT_ROWS : 0;
    psq_each_chunk(rnn->ctx, n_threads, j->n_outer + n_rows, add_chunk, j);
}

void psq_token_grads(const psq_pass *passes, const psq_grad_rows *rows,
                     psq_backward_scratch *scratch, const psq_rnn_grads *grads) {
    const psq_rnn *const rnn = passes[0].rnn;
    psq_tokens *const tokens = &scratch->tokens;
    if (passes[0].layout->n_rows == 0 || (grads->dweights == NULL && grads->dx == NULL)) {
        return;
    }
    psq_tokens_find(rnn, passes[0].layout, passes[0].io, tokens);
    psq_tokens_group(passes[0].layout, tokens);
    job j = {.passes = passes, .rows = rows, .scratch = scratch, .dx = grads->dx};
    for (int64_t d = 0; d < rnn->D && grads->dweights != NULL; d++) {
        j.dw[d] = psq_at(rnn, grads->dweights, psq_param_get(rnn, 0, d, PSQ_W_IH)->offset);
    }
    for (; j.first < tokens->n; j.first += PSQ_K_BLOCK) {
        const int64_t left = tokens->n - j.first;
        j.n = left < PSQ_K_BLOCK ? left : PSQ_K_BLOCK;
        add_block(&j);
    }
}
