// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// forward.c: what a lane does in the forward pass: projects the inputs of its next steps, then step
// by step adds the recurrent part and lets the cell make a state of it; and the layers, one after
// the other. A step's rows are of any lanes, its units those of one core's share, and nothing here
// depends on either: so the bits of a sequence cannot depend on its batch.
#include <string.h>

#include "rnn/run.h"

// Where the results of a pass go; rows are [R] or [H] with this direction's part at their base.
typedef struct outputs {
    psq_out h;         // the one that later steps read; base NULL: the lane's own memory
    psq_out copies[2]; // y, layer_outputs
    psq_out cells;
} outputs;

typedef struct job {
    psq_pass passes[2];
    outputs out[2];
    psq_forward_rows rows;
} job;

// ---- a lane's arrays

static void *h_row(const psq_walk *walk, const psq_lane *lane) {
    const job *const j = (const job *)walk->job;
    const psq_out *const h = &j->out[lane->direction].h;
    return h->base != NULL ? psq_out_row(walk->layout, h, lane->b, lane->t)
                           : psq_lane_row(lane, j->rows.h[lane->left % 2]);
}

static void *c_row(const psq_walk *walk, const psq_lane *lane) {
    const job *const j = (const job *)walk->job;
    void *const c = j->passes[lane->direction].reserve.c[lane->direction];
    const int64_t row = walk->layout->offsets[lane->b] + lane->t;
    return c != NULL ? psq_at(walk->rnn, c, row * walk->rnn->H) : psq_lane_row(lane, j->rows.c);
}

static void *gates_row(const psq_walk *walk, const psq_lane *lane) {
    const job *const j = (const job *)walk->job;
    void *const gates = j->passes[lane->direction].reserve.gates[lane->direction];
    const int64_t row = walk->layout->offsets[lane->b] + lane->t;
    return gates != NULL ? psq_at(walk->rnn, gates, row * walk->rnn->cell->n_slots * walk->rnn->H)
                         : NULL;
}

static void *pre_row(const psq_walk *walk, const psq_lane *lane, int64_t at) {
    const psq_rnn *const rnn = walk->rnn;
    const size_t row = psq_bytes(rnn, rnn->cell->n_slots * rnn->H);
    return psq_lane_row(lane, ((const job *)walk->job)->rows.pre + (size_t)at * row);
}

// ---- inputs

// Pre-activations of a share start at those in `from`: biases, or a token's.
static void start_row(const psq_rnn *rnn, const psq_share *share, const void *from, void *pre) {
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment segment = rnn->cell->segments[i];
        const int64_t n = segment.n_gates * (share->units.end - share->units.first);
        const int64_t inside = segment.n_gates * share->units.first;
        const int64_t in = segment.in_slot * rnn->H + inside;
        memcpy(psq_at(rnn, pre, in), psq_at_const(rnn, from, in), psq_bytes(rnn, n));
        if (segment.slot != segment.in_slot) {
            const int64_t own = segment.slot * rnn->H + inside;
            memcpy(psq_at(rnn, pre, own), psq_at_const(rnn, from, own), psq_bytes(rnn, n));
        }
    }
}

// The slots at `slot` of n rows += a chain over a panel, for a share's units.
static void add_products(const psq_rnn *rnn, const psq_share *share, int64_t n, int64_t n_k,
                         const void *const *a, const psq_segment *segment, int64_t slot,
                         const void *panel, void *const *pre) {
    void *out[PSQ_PROJECT_ROWS];
    for (int64_t i = 0; i < n; i++) {
        out[i] = psq_at(rnn, pre[i], slot * rnn->H);
    }
    const int64_t G = segment->n_gates;
    rnn->kern->tile(n, G * share->units.first, G * share->units.end, G * rnn->H, n_k, a, panel,
                    out);
}

void psq_project_rows(const psq_pass *pass, const psq_share *share, int64_t n, const void *const *x,
                      void *const *pre) {
    const psq_rnn *const rnn = pass->rnn;
    for (int64_t i = 0; i < n; i++) {
        start_row(rnn, share, pass->panels.bias, pre[i]);
    }
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment *const segment = &rnn->cell->segments[i];
        add_products(rnn, share, n, pass->n_inputs, x, segment, segment->in_slot,
                     pass->panels.ih[i], pre);
    }
}

void psq_add_states(const psq_pass *pass, const psq_share *share, int64_t n, const void *const *h,
                    void *const *pre) {
    const psq_rnn *const rnn = pass->rnn;
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment *const segment = &rnn->cell->segments[i];
        add_products(rnn, share, n, rnn->R, h, segment, segment->slot, pass->panels.hh[i], pre);
    }
}

// Steps that a lane without projected inputs projects: up to where all lanes begin a window anew,
// so that they do it together; what is left of a short sequence at once.
static int64_t window_of(const psq_core *core, const psq_lane *lane) {
    return lane->left <= PSQ_K_WINDOW ? lane->left : PSQ_K_WINDOW - core->phase;
}

// The step's row of what was projected for all tokens.
static void take_projected(const psq_walk *walk, const psq_share *share, psq_lane *lane) {
    const psq_rnn *const rnn = walk->rnn;
    const psq_pass *const pass = &((const job *)walk->job)->passes[lane->direction];
    const int64_t place = pass->places[walk->layout->offsets[lane->b] + lane->t];
    start_row(rnn, share, psq_at_const(rnn, pass->projected, place * rnn->cell->n_slots * rnn->H),
              pre_row(walk, lane, 0));
    lane->ready = 1;
    lane->at = 0;
}

static void project(const psq_walk *walk, const psq_core *core, const psq_share *share,
                    psq_lane *lanes, int64_t n) {
    const job *const j = (const job *)walk->job;
    const psq_pass *const pass = &j->passes[lanes[0].direction];
    psq_arena work = {(char *)core->work, 0};
    const psq_dropped dropped =
        pass->drops ? psq_dropped_carve(walk->rnn, PSQ_PROJECT_ROWS, &work) : (psq_dropped){0};
    const void *x[PSQ_PROJECT_ROWS];
    void *pre[PSQ_PROJECT_ROWS];
    int64_t n_rows = 0;
    for (int64_t i = 0; i < n; i++) {
        psq_lane *const lane = &lanes[i];
        if (lane->ready > 0) {
            continue;
        }
        if (pass->projected != NULL) {
            take_projected(walk, share, lane);
            continue;
        }
        lane->ready = window_of(core, lane);
        lane->at = 0;
        for (int64_t k = 0; k < lane->ready; k++) {
            const int64_t t = lane->direction == 0 ? lane->t + k : lane->t - k;
            void *const row =
                pass->drops ? psq_at(walk->rnn, dropped.rows, n_rows * pass->n_inputs) : NULL;
            x[n_rows] = psq_pass_input(pass, lane->b, t, dropped.factors, row);
            pre[n_rows++] = pre_row(walk, lane, k);
            if (n_rows == PSQ_PROJECT_ROWS) {
                psq_project_rows(pass, share, n_rows, x, pre);
                n_rows = 0;
            }
        }
    }
    if (n_rows > 0) {
        psq_project_rows(pass, share, n_rows, x, pre);
    }
}

// ---- steps

static void copy_part(const psq_walk *walk, const psq_out *rows, const psq_lane *lane,
                      const void *row, int64_t first, int64_t end) {
    if (rows->base != NULL) {
        void *const to = psq_out_row(walk->layout, rows, lane->b, lane->t);
        memcpy(psq_at(walk->rnn, to, first), psq_at_const(walk->rnn, row, first),
               psq_bytes(walk->rnn, end - first));
    }
}

static void copy_states(const psq_walk *walk, const psq_lane *lane, int64_t first, int64_t end) {
    const outputs *const out = &((const job *)walk->job)->out[lane->direction];
    const void *const h = h_row(walk, lane);
    copy_part(walk, &out->copies[0], lane, h, first, end);
    copy_part(walk, &out->copies[1], lane, h, first, end);
}

// The recurrent part and the cell, of at most PSQ_PROJECT_ROWS lanes.
static void step_rows(const psq_walk *walk, const psq_share *share, const psq_lane *lanes,
                      int64_t n) {
    const psq_rnn *const rnn = walk->rnn;
    const job *const j = (const job *)walk->job;
    const psq_pass *const pass = &j->passes[lanes[0].direction];
    const bool projects = rnn->spec.proj_size > 0;
    const void *h[PSQ_PROJECT_ROWS];
    void *pre[PSQ_PROJECT_ROWS];
    psq_k_row rows[PSQ_PROJECT_ROWS];
    for (int64_t i = 0; i < n; i++) {
        const psq_lane *const lane = &lanes[i];
        h[i] = lane->h;
        pre[i] = pre_row(walk, lane, lane->at);
        rows[i] = (psq_k_row){.pre = pre[i],
                              .gates = gates_row(walk, lane),
                              .h_prev = lane->h,
                              .c_prev = lane->c,
                              .c = rnn->cell->has_c ? c_row(walk, lane) : NULL,
                              .h = projects ? psq_lane_row(lane, j->rows.m) : h_row(walk, lane)};
    }
    psq_add_states(pass, share, n, h, pre);
    rnn->kern->forward[rnn->spec.cell](n, share->units.first, share->units.end, rnn->H, rows);
    for (int64_t i = 0; i < n; i++) {
        copy_part(walk, &j->out[lanes[i].direction].cells, &lanes[i], rows[i].c, share->units.first,
                  share->units.end);
        if (!projects) {
            copy_states(walk, &lanes[i], share->units.first, share->units.end);
        }
    }
}

static void project_states(const psq_walk *walk, const psq_share *share, const psq_lane *lanes,
                           int64_t n) {
    const psq_rnn *const rnn = walk->rnn;
    const job *const j = (const job *)walk->job;
    const psq_pass *const pass = &j->passes[lanes[0].direction];
    const int64_t first = share->outs.first;
    const int64_t end = share->outs.end;
    const void *m[PSQ_PROJECT_ROWS];
    void *h[PSQ_PROJECT_ROWS];
    for (int64_t i = 0; i < n; i++) {
        m[i] = psq_lane_row(&lanes[i], j->rows.m);
        h[i] = h_row(walk, &lanes[i]);
        memset(psq_at(rnn, h[i], first), 0, psq_bytes(rnn, end - first));
    }
    rnn->kern->tile(n, first, end, rnn->R, rnn->H, m, pass->panels.hr, h);
    for (int64_t i = 0; i < n; i++) {
        copy_states(walk, &lanes[i], first, end);
    }
}

static void run_part(const psq_walk *walk, const psq_core *core, int64_t part,
                     const psq_share *share, psq_lane *lanes, int64_t n) {
    const job *const j = (const job *)walk->job;
    const size_t bytes = psq_bytes(walk->rnn, part == 0 ? walk->rnn->R : walk->rnn->H);
    for (int64_t i = 0; i < n && core->n_members > 1; i++) {
        psq_fetch_row(part == 0 ? lanes[i].h : psq_lane_row(&lanes[i], j->rows.m), bytes);
    }
    if (part == 0) {
        project(walk, core, share, lanes, n);
    }
    for (int64_t first = 0; first < n; first += PSQ_PROJECT_ROWS) {
        const int64_t n_rows = n - first < PSQ_PROJECT_ROWS ? n - first : PSQ_PROJECT_ROWS;
        if (part == 0) {
            step_rows(walk, share, lanes + first, n_rows);
        } else {
            project_states(walk, share, lanes + first, n_rows);
        }
    }
}

static void begin(const psq_walk *walk, psq_lane *lane) {
    const psq_pass *const pass = &((const job *)walk->job)->passes[lane->direction];
    lane->h = psq_pass_initial(pass, pass->io->h0, lane->b, walk->rnn->R);
    if (walk->rnn->cell->has_c) {
        lane->c = psq_pass_initial(pass, pass->io->c0, lane->b, walk->rnn->H);
    }
}

static void advance(const psq_walk *walk, psq_lane *lane) {
    lane->h = h_row(walk, lane);
    if (walk->rnn->cell->has_c) {
        lane->c = c_row(walk, lane);
    }
    lane->ready--;
    lane->at++;
}

// states may be the array that `row` points into: a state carried in place through a sequence of
// length 0.
static void store_state(const psq_pass *pass, void *states, int64_t b, const void *row,
                        int64_t width) {
    if (states != NULL) {
        memmove(psq_at(pass->rnn, states, psq_pass_state(pass, b, width)), row,
                psq_bytes(pass->rnn, width));
    }
}

static void end(const psq_walk *walk, const psq_lane *lane) {
    const psq_pass *const pass = &((const job *)walk->job)->passes[lane->direction];
    store_state(pass, pass->io->hn, lane->b, lane->h, walk->rnn->R);
    store_state(pass, pass->io->cn, lane->b, lane->c, walk->rnn->H);
}

static const psq_steps steps = {begin, run_part, advance, end, false};

// Sequences without steps keep their states.
static void pass_states_by(const psq_pass *pass) {
    const psq_rnn *const rnn = pass->rnn;
    for (int64_t b = 0; b < pass->layout->n_seq; b++) {
        if (pass->layout->lengths[b] == 0) {
            store_state(pass, pass->io->hn, b, psq_pass_initial(pass, pass->io->h0, b, rnn->R),
                        rnn->R);
            store_state(pass, pass->io->cn, b, psq_pass_initial(pass, pass->io->c0, b, rnn->H),
                        rnn->H);
        }
    }
}

// ---- layers

// The arrays of a call that have one part per layer; rows are [D*R].
typedef struct layer_arrays {
    psq_in x;
    psq_out h; // base NULL: the last layer of a call that wants final states only
    psq_out y; // base NULL: not wanted, not the last layer, or it is h
    psq_out all;
} layer_arrays;

static psq_out part_of_rows(const psq_rnn *rnn, psq_out rows, int64_t first) {
    rows.base = rows.base != NULL ? (char *)psq_at(rnn, rows.base, first) : NULL;
    return rows;
}

// One layer's part of layer_outputs, or one layer and direction's of cells.
static psq_out part_of_all(const psq_call *call, void *all, int64_t index, int64_t width) {
    psq_out rows = psq_out_rows(call->rnn, all, width, call->io->y_storage);
    if (all != NULL) {
        rows.base += (size_t)(index * call->n_y_rows) * rows.stride;
    }
    return rows;
}

static layer_arrays arrays_of(const psq_call *call, int64_t layer, const psq_reserve *reserve,
                              const psq_forward_scratch *scratch, psq_in x) {
    const psq_rnn *const rnn = call->rnn;
    const int64_t width = rnn->D * rnn->R;
    const psq_storage jagged = {.order = PSQ_JAGGED};
    const bool last = layer == rnn->spec.n_layers - 1;
    const psq_out y = psq_out_rows(rnn, last ? call->io->y : NULL, width, call->io->y_storage);
    const psq_out reserved = psq_out_rows(rnn, reserve->h, width, jagged);
    const psq_out passing = psq_out_rows(rnn, scratch->layers[layer % 2], width, jagged);
    layer_arrays arrays = {.x = x, .h = last ? y : passing};
    if ((call->flags & PSQ_TRAIN) != 0) {
        arrays.h = reserved;
        arrays.y = y;
    }
    arrays.all = part_of_all(call, call->io->layer_outputs, layer, width);
    return arrays;
}

static void run_layer(const psq_call *call, int64_t layer, const psq_reserve *reserve,
                      psq_forward_scratch *scratch, const layer_arrays *arrays) {
    const psq_rnn *const rnn = call->rnn;
    job j = {.rows = scratch->rows};
    for (int64_t d = 0; d < rnn->D; d++) {
        j.passes[d] = (psq_pass){
            .rnn = rnn,
            .layout = call->layout,
            .io = call->io,
            .zeros = scratch->zeros,
            .layer = layer,
            .direction = d,
            .panels = psq_panels_get(rnn, call->panels, layer, d),
            .reserve = *reserve,
            .x = arrays->x,
            .n_inputs = psq_layer_input(rnn, layer),
            .drops = layer > 0 && rnn->drops && (call->flags & PSQ_TRAIN) != 0,
            .tokens = layer == 0 ? call->io->tokens : NULL,
        };
        j.out[d] = (outputs){
            .h = part_of_rows(rnn, arrays->h, d * rnn->R),
            .copies = {part_of_rows(rnn, arrays->y, d * rnn->R),
                       part_of_rows(rnn, arrays->all, d * rnn->R)},
            .cells = part_of_all(call, call->io->cells, layer * rnn->D + d, rnn->H),
        };
        pass_states_by(&j.passes[d]);
        psq_zero_padding(call->layout, &j.out[d].cells);
    }
    psq_project_tokens(j.passes, scratch);
    psq_walk walk = scratch->walk;
    walk.steps = &steps;
    walk.job = &j;
    walk.n_parts = rnn->spec.proj_size > 0 ? 2 : 1;
    psq_walk_run(&walk);
    psq_zero_padding(call->layout, &arrays->all);
}

void psq_run_forward(const psq_call *call) {
    const psq_rnn *const rnn = call->rnn;
    psq_arena arena = {(char *)call->scratch, 0};
    psq_forward_scratch scratch = psq_forward_carve(rnn, call->layout, call->flags, &arena);
    memset(scratch.zeros, 0, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));

    psq_in x = psq_call_x(call, scratch.zeros);
    for (int64_t layer = 0; layer < rnn->spec.n_layers; layer++) {
        psq_reserve reserve = {0};
        if ((call->flags & PSQ_TRAIN) != 0) {
            reserve = psq_reserve_get(rnn, call->layout, call->flags, call->reserve, layer);
        }
        const layer_arrays arrays = arrays_of(call, layer, &reserve, &scratch, x);
        run_layer(call, layer, &reserve, &scratch, &arrays);
        x = psq_read(arrays.h);
    }
    const psq_out y = psq_out_rows(rnn, call->io->y, rnn->D * rnn->R, call->io->y_storage);
    psq_zero_padding(call->layout, &y);
}
