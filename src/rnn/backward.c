// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// backward.c: back-propagation through time, layer by layer from the top, each sequence alone.
//
// Memory: a row's dgates overwrite its gates in the reserve, and with a projection m overwrites c,
// which the earlier steps no longer need; with PSQ_KEEP they go to scratch. With PSQ_RECOMPUTE the
// gates are not in the reserve but, of one layer at a time, in scratch. One array of rows
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
    const psq_rnn_grads *grads;
    const psq_backward_scratch *scratch;
} layer;

static void *row_at(const psq_in *rows, int64_t row) {
    return (char *)rows->base + (size_t)row * rows->stride; // our own memory
}

static const void *dy_row(const layer *l, const psq_lane *lane) {
    const psq_pass *const pass = &l->passes[lane->direction];
    return l->dy.base == NULL
               ? pass->zeros
               : psq_at_const(pass->rnn, psq_in_row(pass->layout, &l->dy, lane->b, lane->t),
                              pass->direction * pass->rnn->R);
}

static int64_t jagged_row(const psq_walk *walk, const psq_lane *lane) {
    return walk->layout->offsets[lane->b] + lane->t;
}

// dh goes on through the hidden side of the dgates of the step after it, k = gate * H + unit.
static void through_gates(const psq_pass *pass, int64_t n, const psq_lane *lanes, int64_t first,
                          int64_t end, void *const *dh) {
    const psq_rnn *const rnn = pass->rnn;
    const void *slots[PSQ_PROJECT_ROWS];
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment segment = rnn->cell->segments[i];
        for (int64_t k = 0; k < n; k++) {
            slots[k] = psq_at_const(rnn, lanes[k].dgates, segment.slot * rnn->H);
        }
        rnn->kern->tile(n, first, end, rnn->R, segment.n_gates * rnn->H, slots,
                        pass->panels.hh_t[i], dh);
    }
}

// What dh starts from: y's gradient and, at the last step, hn's or else what GRU's next step passed
// by its gates.
static void start_dh(const psq_walk *walk, const psq_lane *lane, int64_t first, int64_t end,
                     void *dh) {
    const psq_rnn *const rnn = walk->rnn;
    const layer *const l = (const layer *)walk->job;
    const psq_pass *const pass = &l->passes[lane->direction];
    const void *const dy = psq_at_const(rnn, dy_row(l, lane), first);
    const void *other = NULL;
    if (lane->left == walk->layout->lengths[lane->b]) {
        other = psq_pass_initial(pass, l->grads->dhn, lane->b, rnn->R);
    } else if (rnn->cell->carries_dh) {
        other = psq_lane_row(lane, l->scratch->lane.dcarry);
    }
    if (other != NULL) {
        rnn->kern->add(end - first, dy, psq_at_const(rnn, other, first), psq_at(rnn, dh, first));
    } else {
        memcpy(psq_at(rnn, dh, first), dy, psq_bytes(rnn, end - first));
    }
}

static void sum_dh(const psq_walk *walk, const psq_lane *lanes, int64_t n, int64_t first,
                   int64_t end, void *const *dh) {
    for (int64_t i = 0; i < n; i++) {
        start_dh(walk, &lanes[i], first, end, dh[i]);
    }
    through_gates(&((const layer *)walk->job)->passes[lanes[0].direction], n, lanes, first, end,
                  dh);
}

// The cells, dh given.
static void through_cells(const psq_walk *walk, const psq_share *share, const psq_lane *lanes,
                          int64_t n, void *const *dh) {
    const psq_rnn *const rnn = walk->rnn;
    const layer *const l = (const layer *)walk->job;
    const int64_t d = lanes[0].direction;
    const psq_pass *const pass = &l->passes[d];
    psq_k_row rows[PSQ_PROJECT_ROWS];
    for (int64_t i = 0; i < n; i++) {
        const psq_lane *const lane = &lanes[i];
        const int64_t row = jagged_row(walk, lane);
        psq_k_row k = {.dgates = row_at(&l->rows[d].dgates, row),
                       .h_prev = psq_pass_h_prev(pass, lane->b, lane->t),
                       .h = psq_at(rnn, pass->reserve.h, (row * rnn->D + d) * rnn->R),
                       .dh = dh[i],
                       .dcarry = psq_lane_row(lane, l->scratch->lane.dcarry)};
        if (rnn->cell->saves_gates) {
            k.gates = psq_at(rnn, pass->reserve.gates[d], row * rnn->cell->n_slots * rnn->H);
        }
        if (rnn->cell->has_c) {
            k.c = psq_at(rnn, pass->reserve.c[d], row * rnn->H);
            k.c_prev = psq_pass_c_prev(pass, lane->b, lane->t);
        }
        if (rnn->spec.proj_size > 0) {
            k.m = row_at(&l->rows[d].m, row);
        }
        rows[i] = k;
    }
    rnn->kern->backward[rnn->spec.cell](n, share->units.first, share->units.end, rnn->H, rows);
}

static void step_rows(const psq_walk *walk, const psq_share *share, const psq_lane *lanes,
                      int64_t n) {
    void *dh[PSQ_PROJECT_ROWS] = {NULL}; // compilers do not see that n is not 0
    for (int64_t i = 0; i < n; i++) {
        dh[i] = psq_lane_row(&lanes[i], ((const layer *)walk->job)->scratch->lane.dh);
    }
    sum_dh(walk, lanes, n, share->units.first, share->units.end, dh);
    through_cells(walk, share, lanes, n, dh);
}

// With a projection: the whole dh, which its weights need as well.
static void sum_projected(const psq_walk *walk, const psq_share *share, const psq_lane *lanes,
                          int64_t n) {
    const layer *const l = (const layer *)walk->job;
    const int64_t first = share->outs.first;
    const int64_t end = share->outs.end;
    void *dh[PSQ_PROJECT_ROWS] = {NULL}; // compilers do not see that n is not 0
    for (int64_t i = 0; i < n; i++) {
        dh[i] = psq_lane_row(&lanes[i], l->scratch->lane.dh);
    }
    sum_dh(walk, lanes, n, first, end, dh);
    for (int64_t i = 0; i < n; i++) {
        void *const part = psq_at(walk->rnn, dh[i], first);
        walk->rnn->kern->flush(end - first, part);
        void *const stored = row_at(&l->rows[lanes[i].direction].dh, jagged_row(walk, &lanes[i]));
        memcpy(psq_at(walk->rnn, stored, first), part, psq_bytes(walk->rnn, end - first));
    }
}

// From dh through the projection to dm, and through the cells.
static void step_projected(const psq_walk *walk, const psq_share *share, const psq_lane *lanes,
                           int64_t n) {
    const psq_rnn *const rnn = walk->rnn;
    const layer *const l = (const layer *)walk->job;
    const int64_t first = share->units.first;
    const int64_t end = share->units.end;
    const void *dh[PSQ_PROJECT_ROWS];
    void *dm[PSQ_PROJECT_ROWS];
    for (int64_t i = 0; i < n; i++) {
        dh[i] = psq_lane_row(&lanes[i], l->scratch->lane.dh);
        dm[i] = psq_lane_row(&lanes[i], l->scratch->lane.dm);
        memset(psq_at(rnn, dm[i], first), 0, psq_bytes(rnn, end - first));
    }
    rnn->kern->tile(n, first, end, rnn->H, rnn->R, dh, l->passes[lanes[0].direction].panels.hr_t,
                    dm);
    for (int64_t i = 0; i < n; i++) {
        rnn->kern->flush(end - first, psq_at(rnn, dm[i], first));
    }
    through_cells(walk, share, lanes, n, dm);
}

static void run_part(const psq_walk *walk, const psq_core *core, int64_t part,
                     const psq_share *share, psq_lane *lanes, int64_t n) {
    const layer *const l = (const layer *)walk->job;
    const size_t row = psq_bytes(walk->rnn, walk->rnn->cell->n_slots * walk->rnn->H);
    for (int64_t i = 0; i < n && core->n_members > 1; i++) {
        if (part == 0) {
            psq_fetch_row(lanes[i].dgates, row);
        } else {
            psq_fetch_row(psq_lane_row(&lanes[i], l->scratch->lane.dh),
                          psq_bytes(walk->rnn, walk->rnn->R));
        }
    }
    for (int64_t first = 0; first < n; first += PSQ_PROJECT_ROWS) {
        const int64_t n_rows = n - first < PSQ_PROJECT_ROWS ? n - first : PSQ_PROJECT_ROWS;
        if (walk->n_parts == 1) {
            step_rows(walk, share, lanes + first, n_rows);
        } else if (part == 0) {
            sum_projected(walk, share, lanes + first, n_rows);
        } else {
            step_projected(walk, share, lanes + first, n_rows);
        }
    }
}

static void begin(const psq_walk *walk, psq_lane *lane) {
    const layer *const l = (const layer *)walk->job;
    const psq_pass *const pass = &l->passes[lane->direction];
    lane->dgates = pass->zeros;
    if (walk->rnn->cell->has_c) {
        memcpy(psq_lane_row(lane, l->scratch->lane.dcarry),
               psq_pass_initial(pass, l->grads->dcn, lane->b, walk->rnn->H),
               psq_bytes(walk->rnn, walk->rnn->H));
    }
}

static void advance(const psq_walk *walk, psq_lane *lane) {
    const layer *const l = (const layer *)walk->job;
    lane->dgates = row_at(&l->rows[lane->direction].dgates, jagged_row(walk, lane));
}

// dh0 and dc0 from what the direction's first step left.
static void end(const psq_walk *walk, const psq_lane *lane) {
    const psq_rnn *const rnn = walk->rnn;
    const layer *const l = (const layer *)walk->job;
    const psq_pass *const pass = &l->passes[lane->direction];
    const void *const dcarry = psq_lane_row(lane, l->scratch->lane.dcarry);
    if (l->grads->dh0 != NULL) {
        void *dh0 = psq_at(rnn, l->grads->dh0, psq_pass_state(pass, lane->b, rnn->R));
        memcpy(dh0, rnn->cell->carries_dh ? dcarry : pass->zeros, psq_bytes(rnn, rnn->R));
        through_gates(pass, 1, lane, 0, rnn->R, &dh0);
        rnn->kern->flush(rnn->R, dh0);
    }
    if (l->grads->dc0 != NULL) {
        memcpy(psq_at(rnn, l->grads->dc0, psq_pass_state(pass, lane->b, rnn->H)), dcarry,
               psq_bytes(rnn, rnn->H));
    }
}

static const psq_steps steps = {begin, run_part, advance, end, true};

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

static void run_steps(const layer *l) {
    const psq_pass *const first = &l->passes[0];
    for (int64_t d = 0; d < first->rnn->D; d++) {
        for (int64_t b = 0; b < first->layout->n_seq; b++) {
            if (first->layout->lengths[b] == 0) {
                pass_states_by(&l->passes[d], l->grads, b);
            }
        }
    }
    psq_walk walk = l->scratch->walk;
    walk.steps = &steps;
    walk.job = l;
    walk.n_parts = first->rnn->spec.proj_size > 0 ? 2 : 1;
    psq_walk_run(&walk);
}

// ---- layers

// Where one direction's gradient rows lie, see the head of this file.
static psq_grad_rows rows_of(const psq_pass *pass, const psq_backward_scratch *scratch,
                             unsigned flags) {
    const psq_rnn *const rnn = pass->rnn;
    const int64_t d = pass->direction;
    const bool keep = (flags & PSQ_KEEP) != 0;
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
        rows.m = psq_in_rows(rnn, keep ? scratch->m[d] : pass->reserve.c[d], rnn->H, jagged);
    }
    return rows;
}

static psq_in x_of(const psq_call *call, int64_t index, const void *zeros) {
    if (index == 0) {
        return psq_call_x(call, zeros);
    }
    const psq_reserve below =
        psq_reserve_get(call->rnn, call->layout, call->flags, call->reserve, index - 1);
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
    layer l = {.dy = dy_of(call, index, grads, scratch), .grads = grads, .scratch = scratch};
    for (int64_t d = 0; d < rnn->D; d++) {
        l.passes[d] = (psq_pass){
            .rnn = rnn,
            .layout = call->layout,
            .io = call->io,
            .zeros = scratch->zeros,
            .layer = index,
            .direction = d,
            .panels = psq_panels_get(rnn, call->panels, index, d),
            .reserve = psq_reserve_get(rnn, call->layout, call->flags, call->reserve, index),
            .x = x_of(call, index, scratch->zeros),
            .n_inputs = psq_layer_input(rnn, index),
            .drops = index > 0 && rnn->drops,
            .tokens = index == 0 ? call->io->tokens : NULL,
        };
        if ((call->flags & PSQ_RECOMPUTE) != 0) {
            l.passes[d].reserve.gates[d] = scratch->dgates[d];
        }
        l.rows[d] = rows_of(&l.passes[d], scratch, call->flags);
    }
    return l;
}

void psq_run_backward(const psq_call *call, const psq_rnn_grads *grads) {
    const psq_rnn *const rnn = call->rnn;
    psq_arena arena = {(char *)call->scratch, 0};
    psq_backward_scratch scratch = psq_backward_carve(rnn, call->layout, call->flags, &arena);
    memset(scratch.zeros, 0, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));

    for (int64_t index = rnn->spec.n_layers - 1; index >= 0; index--) {
        const layer l = layer_of(call, index, grads, &scratch);
        if (rnn->cell->saves_gates && (call->flags & PSQ_RECOMPUTE) != 0) {
            psq_recompute_gates(l.passes, &scratch);
        }
        run_steps(&l);
        for (int64_t d = 0; d < rnn->D && grads->dweights != NULL; d++) {
            psq_weight_grads(&l.passes[d], &l.rows[d], &scratch, grads->dweights);
        }
        if (index > 0) {
            psq_row_grads(l.passes, l.rows, &scratch);
        } else if (rnn->spec.n_tokens > 0) {
            psq_token_grads(l.passes, l.rows, &scratch, grads);
        } else if (grads->dx != NULL) {
            const psq_out dx =
                psq_out_rows(rnn, grads->dx, rnn->spec.input_size, call->io->x_storage);
            psq_input_grads(l.passes, l.rows, &dx);
        }
    }
}
