// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// recompute.c: the gates of a layer's rows again, for PSQ_RECOMPUTE. All states are known, so rows
// do not depend on each other: chunks of rows in jagged order that any thread may take, each the
// same chains and the same cell as in the forward pass, and so the same bits.
#include "rnn/run.h"

typedef struct job {
    const psq_pass *passes; // of all directions
    const psq_backward_scratch *scratch;
} job;

typedef struct rows {
    int64_t n;
    psq_element at[PSQ_PROJECT_ROWS];
    const void *x[PSQ_PROJECT_ROWS];
} rows;

static void compute(const psq_pass *pass, const psq_again *again, const rows *r) {
    const psq_rnn *const rnn = pass->rnn;
    const int64_t slots = rnn->cell->n_slots * rnn->H;
    const psq_share all = {{0, rnn->H}, {0, rnn->R}};
    void *pre[PSQ_PROJECT_ROWS];
    const void *h[PSQ_PROJECT_ROWS];
    psq_k_row cells[PSQ_PROJECT_ROWS];
    for (int64_t i = 0; i < r->n; i++) {
        const psq_element at = r->at[i];
        pre[i] = psq_at(rnn, again->pre, i * slots);
        h[i] = psq_pass_h_prev(pass, at.b, at.t);
        cells[i] =
            (psq_k_row){.pre = pre[i],
                        .gates = psq_at(rnn, pass->reserve.gates[pass->direction], at.row * slots),
                        .h_prev = h[i],
                        .c_prev = rnn->cell->has_c ? psq_pass_c_prev(pass, at.b, at.t) : NULL,
                        .c = psq_at(rnn, again->c, i * rnn->H),
                        .h = psq_at(rnn, again->h, i * rnn->H)};
    }
    psq_project_rows(pass, &all, r->n, r->x, pre);
    psq_add_states(pass, &all, r->n, h, pre);
    rnn->kern->forward[rnn->spec.cell](r->n, 0, rnn->H, rnn->H, cells);
}

static void compute_chunk(void *arg, int64_t chunk, int64_t member) {
    const job *const j = (const job *)arg;
    const psq_pass *const pass = &j->passes[0];
    const psq_rnn *const rnn = pass->rnn;
    const psq_sums_work *const work = &j->scratch->sums[member];
    const int64_t first = chunk * PSQ_PROJECT_ROWS;
    const int64_t left = pass->layout->n_rows - first;
    rows r = {.n = left < PSQ_PROJECT_ROWS ? left : PSQ_PROJECT_ROWS};
    psq_element at = psq_element_at(pass->layout, first);
    for (int64_t i = 0; i < r.n; i++) {
        void *const dropped =
            pass->drops ? psq_at(rnn, work->dropped.rows, i * pass->n_inputs) : NULL;
        r.at[i] = at;
        r.x[i] = psq_pass_input(pass, at.b, at.t, work->dropped.factors, dropped);
        psq_element_next(pass->layout, &at);
    }
    for (int64_t d = 0; d < rnn->D; d++) {
        compute(&j->passes[d], &work->again, &r);
    }
}

void psq_recompute_gates(const psq_pass *passes, const psq_backward_scratch *scratch) {
    job j = {passes, scratch};
    const psq_rnn *const rnn = passes[0].rnn;
    const int64_t N = passes[0].layout->n_rows;
    psq_each_chunk(rnn->ctx, psq_worth_threads(rnn, rnn->D * N),
                   (N + PSQ_PROJECT_ROWS - 1) / PSQ_PROJECT_ROWS, compute_chunk, &j);
}
