// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// backward.c: back-propagation through time, layer by layer from the top, each sequence alone.
//
// Memory: a row's dgates overwrite its gates in the reserve, and with a projection m overwrites c,
// which the earlier steps no longer need; with PSQ_KEEP they go to scratch. One array of rows
// [N][D*R] holds in turn, per layer: the gradient of its outputs (given by the layer above; for the
// last layer it is the caller's dy); the whole dh of a projection, or a plain RNN's dgates, over
// it; the gradient of its inputs, which are the outputs of the layer below.
#include <string.h>

#include "rnn/run.h"

// One layer: both directions' rows.
typedef struct layer {
    psq_in dy; // [D*R]; base NULL: zeros
    psq_pass passes[2];
    psq_grad_rows rows[2];
} layer;

static void *row_at(const psq_in *rows, int64_t row) {
    return (char *)rows->base + (size_t)row * rows->stride; // our own memory
}

static const void *dy_row(const layer *l, const psq_pass *pass, int64_t b, int64_t t) {
    return l->dy.base == NULL ? pass->zeros
                              : psq_at_const(pass->rnn, psq_in_row(pass->layout, &l->dy, b, t),
                                             pass->direction * pass->rnn->R);
}

// dh goes on through the hidden side of the dgates of the step after it, k = gate * H + unit.
static void through_gates(const psq_pass *pass, const void *dgates, void *dh) {
    const psq_rnn *const rnn = pass->rnn;
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment segment = rnn->cell->segments[i];
        const void *const slot = psq_at_const(rnn, dgates, segment.slot * rnn->H);
        rnn->kern->tile(1, 0, rnn->R, rnn->R, segment.n_gates * rnn->H, &slot, pass->panels.hh_t[i],
                        &dh);
    }
}

// The gradient of h after step `step`: from y, from hn at the last step or else from what GRU's
// next step passed by its gates, and from the next step's gates.
static void sum_dh(const layer *l, const psq_pass *pass, const psq_rnn_grads *grads,
                   const psq_backward_scratch *scratch, int64_t b, int64_t step) {
    const psq_rnn *const rnn = pass->rnn;
    const psq_in *const dgates = &l->rows[pass->direction].dgates;
    const void *const dy = dy_row(l, pass, b, psq_pass_time(pass, b, step));
    if (step == pass->layout->lengths[b] - 1) {
        rnn->kern->add(rnn->R, dy, psq_pass_initial(pass, grads->dhn, b, rnn->R), scratch->dh);
        through_gates(pass, pass->zeros, scratch->dh);
        return;
    }
    if (rnn->cell->carries_dh) {
        rnn->kern->add(rnn->R, dy, scratch->dcarry, scratch->dh);
    } else {
        memcpy(scratch->dh, dy, psq_bytes(rnn, rnn->R));
    }
    const int64_t next = pass->layout->offsets[b] + psq_pass_time(pass, b, step + 1);
    through_gates(pass, row_at(dgates, next), scratch->dh);
}

// Stores the whole dh for the weights of the projection and takes it through it to dm.
static const void *through_projection(const psq_pass *pass, const psq_grad_rows *rows,
                                      const psq_backward_scratch *scratch, int64_t row) {
    const psq_rnn *const rnn = pass->rnn;
    rnn->kern->flush(rnn->R, scratch->dh);
    void *const stored = row_at(&rows->dh, row);
    memcpy(stored, scratch->dh, psq_bytes(rnn, rnn->R));
    memset(scratch->dm, 0, psq_bytes(rnn, rnn->H));
    const void *const dh = scratch->dh;
    void *dm = scratch->dm;
    rnn->kern->tile(1, 0, rnn->H, rnn->H, rnn->R, &dh, pass->panels.hr_t, &dm);
    rnn->kern->flush(rnn->H, dm);
    return dm;
}

static void one_step(const layer *l, const psq_pass *pass, const psq_rnn_grads *grads,
                     const psq_backward_scratch *scratch, int64_t b, int64_t step) {
    const psq_rnn *const rnn = pass->rnn;
    const int64_t d = pass->direction;
    const psq_grad_rows *const rows = &l->rows[d];
    const int64_t t = psq_pass_time(pass, b, step);
    const int64_t row = pass->layout->offsets[b] + t;
    sum_dh(l, pass, grads, scratch, b, step);
    psq_k_row k = {.dgates = row_at(&rows->dgates, row),
                   .h_prev = psq_pass_h_prev(pass, b, t),
                   .h = psq_at(rnn, pass->reserve.h, (row * rnn->D + d) * rnn->R),
                   .dh = scratch->dh,
                   .dcarry = scratch->dcarry};
    if (rnn->cell->saves_gates) {
        k.gates = psq_at(rnn, pass->reserve.gates[d], row * rnn->cell->n_slots * rnn->H);
    }
    if (rnn->cell->has_c) {
        k.c = psq_at(rnn, pass->reserve.c[d], row * rnn->H);
        k.c_prev = psq_pass_c_prev(pass, b, t);
    }
    if (rnn->spec.proj_size > 0) {
        k.dh = through_projection(pass, rows, scratch, row);
        k.m = row_at(&rows->m, row);
    }
    rnn->kern->backward[rnn->spec.cell](1, 0, rnn->H, rnn->H, &k);
}

// dh0 and dc0 from what the direction's first step left.
static void store_initial(const layer *l, const psq_pass *pass, const psq_rnn_grads *grads,
                          const psq_backward_scratch *scratch, int64_t b) {
    const psq_rnn *const rnn = pass->rnn;
    if (grads->dh0 != NULL) {
        void *const dh0 = psq_at(rnn, grads->dh0, psq_pass_state(pass, b, rnn->R));
        const int64_t first = pass->layout->offsets[b] + psq_pass_time(pass, b, 0);
        memcpy(dh0, rnn->cell->carries_dh ? scratch->dcarry : pass->zeros, psq_bytes(rnn, rnn->R));
        through_gates(pass, row_at(&l->rows[pass->direction].dgates, first), dh0);
        rnn->kern->flush(rnn->R, dh0);
    }
    if (grads->dc0 != NULL) {
        memcpy(psq_at(rnn, grads->dc0, psq_pass_state(pass, b, rnn->H)), scratch->dcarry,
               psq_bytes(rnn, rnn->H));
    }
}

// A sequence without steps: its final states are its initial ones. dhn may be dh0.
static void pass_states_by(const psq_pass *pass, const psq_rnn_grads *grads, int64_t b) {
    const psq_rnn *const rnn = pass->rnn;
    if (grads->dh0 != NULL) {
        memmove(psq_at(rnn, grads->dh0, psq_pass_state(pass, b, rnn->R)),
                psq_pass_initial(pass, grads->dhn, b, rnn->R), psq_bytes(rnn, rnn->R));
    }
    if (grads->dc0 != NULL) {
        memmove(psq_at(rnn, grads->dc0, psq_pass_state(pass, b, rnn->H)),
                psq_pass_initial(pass, grads->dcn, b, rnn->H), psq_bytes(rnn, rnn->H));
    }
}

static void run_pass(const layer *l, const psq_pass *pass, const psq_rnn_grads *grads,
                     const psq_backward_scratch *scratch) {
    const psq_rnn *const rnn = pass->rnn;
    for (int64_t b = 0; b < pass->layout->n_seq; b++) {
        const int64_t length = pass->layout->lengths[b];
        if (length == 0) {
            pass_states_by(pass, grads, b);
            continue;
        }
        if (rnn->cell->has_c) {
            memcpy(scratch->dcarry, psq_pass_initial(pass, grads->dcn, b, rnn->H),
                   psq_bytes(rnn, rnn->H));
        }
        for (int64_t step = length - 1; step >= 0; step--) {
            one_step(l, pass, grads, scratch, b, step);
        }
        store_initial(l, pass, grads, scratch, b);
    }
}

// ---- inputs

// dx = the chain over the forward direction's input-side dgates, continued by the reverse one's.
static void sum_dx(const layer *l, int64_t row, void *dx) {
    const psq_rnn *const rnn = l->passes[0].rnn;
    const int64_t n_inputs = l->passes[0].n_inputs;
    memset(dx, 0, psq_bytes(rnn, n_inputs));
    for (int64_t d = 0; d < rnn->D; d++) {
        const void *const dgates = row_at(&l->rows[d].dgates, row);
        rnn->kern->tile(1, 0, n_inputs, n_inputs, rnn->cell->n_gates * rnn->H, &dgates,
                        l->passes[d].panels.ih_t, &dx);
    }
}

// The caller's dx.
static void write_dx(const layer *l, const psq_out *dx) {
    const psq_layout *const layout = l->passes[0].layout;
    for (int64_t b = 0; b < layout->n_seq; b++) {
        for (int64_t t = 0; t < layout->lengths[b]; t++) {
            sum_dx(l, layout->offsets[b] + t, psq_out_row(layout, dx, b, t));
        }
    }
    psq_zero_padding(layout, dx);
}

// The gradient of the outputs of the layer below, in place of this layer's rows.
static void write_rows(const layer *l, const psq_backward_scratch *scratch) {
    const psq_pass *const pass = &l->passes[0];
    const psq_rnn *const rnn = pass->rnn;
    const psq_layout *const layout = pass->layout;
    for (int64_t b = 0; b < layout->n_seq; b++) {
        for (int64_t t = 0; t < layout->lengths[b]; t++) {
            const int64_t row = layout->offsets[b] + t;
            sum_dx(l, row, scratch->dx);
            if (pass->drops) {
                psq_dropout_factors(rnn, pass->io, pass->layer - 1, b, t, scratch->factors);
                rnn->kern->mul(pass->n_inputs, scratch->dx, scratch->factors, scratch->dx);
            }
            memcpy(psq_at(rnn, scratch->rows, row * pass->n_inputs), scratch->dx,
                   psq_bytes(rnn, pass->n_inputs));
        }
    }
}

// ---- layers

// Where one direction's gradient rows lie, see the head of this file.
static psq_grad_rows rows_of(const psq_pass *pass, const psq_backward_scratch *scratch, bool keep) {
    const psq_rnn *const rnn = pass->rnn;
    const int64_t d = pass->direction;
    const psq_storage jagged = {.order = PSQ_JAGGED};
    const psq_in none = {.base = NULL};
    psq_in part = none;
    if (scratch->rows != NULL) {
        part = psq_in_rows(rnn, psq_at(rnn, scratch->rows, d * rnn->R), rnn->D * rnn->R, jagged);
    }
    psq_grad_rows rows = {.dgates = part, .dh = none, .m = none};
    if (rnn->cell->saves_gates) {
        rows.dgates = psq_in_rows(rnn, keep ? scratch->dgates[d] : pass->reserve.gates[d],
                                  rnn->cell->n_slots * rnn->H, jagged);
    }
    if (rnn->spec.proj_size > 0) {
        rows.dh = part;
        rows.m = psq_in_rows(rnn, keep ? scratch->m : pass->reserve.c[d], rnn->H, jagged);
    }
    return rows;
}

static psq_in x_of(const psq_call *call, int64_t index, const void *zeros) {
    if (index == 0) {
        return psq_call_x(call, zeros);
    }
    const psq_reserve below = psq_reserve_get(call->rnn, call->layout, call->reserve, index - 1);
    const psq_storage jagged = {.order = PSQ_JAGGED};
    return psq_in_rows(call->rnn, below.h, call->rnn->D * call->rnn->R, jagged);
}

static psq_in dy_of(const psq_call *call, int64_t index, const psq_rnn_grads *grads,
                    const psq_backward_scratch *scratch) {
    const int64_t width = call->rnn->D * call->rnn->R;
    const psq_storage jagged = {.order = PSQ_JAGGED};
    return index == call->rnn->spec.n_layers - 1
               ? psq_in_rows(call->rnn, grads->dy, width, call->io->y_storage)
               : psq_in_rows(call->rnn, scratch->rows, width, jagged);
}

static layer layer_of(const psq_call *call, int64_t index, const psq_rnn_grads *grads,
                      const psq_backward_scratch *scratch) {
    const psq_rnn *const rnn = call->rnn;
    layer l = {.dy = dy_of(call, index, grads, scratch)};
    for (int64_t d = 0; d < rnn->D; d++) {
        l.passes[d] = (psq_pass){
            .rnn = rnn,
            .layout = call->layout,
            .io = call->io,
            .zeros = scratch->zeros,
            .layer = index,
            .direction = d,
            .panels = psq_panels_get(rnn, call->panels, index, d),
            .reserve = psq_reserve_get(rnn, call->layout, call->reserve, index),
            .x = x_of(call, index, scratch->zeros),
            .n_inputs = psq_layer_input(rnn, index),
            .drops = index > 0 && rnn->drops,
        };
        l.rows[d] = rows_of(&l.passes[d], scratch, (call->flags & PSQ_KEEP) != 0);
    }
    return l;
}

void psq_run_backward(const psq_call *call, const psq_rnn_grads *grads) {
    const psq_rnn *const rnn = call->rnn;
    psq_arena arena = {(char *)call->scratch, 0};
    const psq_backward_scratch scratch = psq_backward_carve(rnn, call->layout, call->flags, &arena);
    memset(scratch.zeros, 0, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));

    for (int64_t index = rnn->spec.n_layers - 1; index >= 0; index--) {
        const layer l = layer_of(call, index, grads, &scratch);
        for (int64_t d = 0; d < rnn->D; d++) {
            run_pass(&l, &l.passes[d], grads, &scratch);
            if (grads->dweights != NULL) {
                psq_weight_grads(&l.passes[d], &l.rows[d], &scratch, grads->dweights);
            }
        }
        if (index > 0) {
            write_rows(&l, &scratch);
        } else if (grads->dx != NULL) {
            const psq_out dx =
                psq_out_rows(rnn, grads->dx, rnn->spec.input_size, call->io->x_storage);
            write_dx(&l, &dx);
        }
    }
}
