// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// forward.c: the reference walk: layer by layer, direction by direction, sequence by sequence, each
// alone and step by step. Nothing here knows a kernel's width or another sequence, which is why the
// bits of a sequence cannot depend on its batch.
#include <string.h>

#include "rnn/run.h"

// Where the results of a pass go; rows are [R] or [H] with this direction's part at their base.
typedef struct outputs {
    psq_out h;         // the one that later steps read; base NULL: scratch
    psq_out copies[2]; // y, layer_outputs
    psq_out cells;
} outputs;

// The state between steps.
typedef struct state {
    const void *h;
    const void *c;
} state;

static void *gates_row(const psq_pass *pass, int64_t row) {
    void *const gates = pass->reserve.gates[pass->direction];
    return gates != NULL ? psq_at(pass->rnn, gates, row * pass->rnn->cell->n_slots * pass->rnn->H)
                         : NULL;
}

// pre = bias, then the chains over x and over the previous h.
static void preactivate(const psq_pass *pass, const void *x, const void *h_prev, void *pre) {
    const psq_rnn *const rnn = pass->rnn;
    const psq_cell_info *const cell = rnn->cell;
    memcpy(pre, pass->panels.bias, psq_bytes(rnn, cell->n_slots * rnn->H));
    for (int64_t i = 0; i < cell->n_segments; i++) {
        const psq_segment segment = cell->segments[i];
        const int64_t n = segment.n_gates * rnn->H;
        void *const in = psq_at(rnn, pre, segment.in_slot * rnn->H);
        void *const slot = psq_at(rnn, pre, segment.slot * rnn->H);
        rnn->kern->tile(1, 0, n, n, pass->n_inputs, &x, pass->panels.ih[i], &in);
        rnn->kern->tile(1, 0, n, n, rnn->R, &h_prev, pass->panels.hh[i], &slot);
    }
}

// The cell's epilogue, and the projection if there is one.
static void activate(const psq_pass *pass, const void *pre, void *gates, const state *before,
                     void *m, void *c, void *h) {
    const psq_rnn *const rnn = pass->rnn;
    const bool projects = rnn->spec.proj_size > 0;
    const psq_k_row row = {.pre = pre,
                           .gates = gates,
                           .h_prev = before->h,
                           .c_prev = before->c,
                           .c = c,
                           .h = projects ? m : h};
    rnn->kern->forward[rnn->spec.cell](1, 0, rnn->H, rnn->H, &row);
    if (projects) {
        const void *const operand = m;
        memset(h, 0, psq_bytes(rnn, rnn->R));
        rnn->kern->tile(1, 0, rnn->R, rnn->R, rnn->H, &operand, pass->panels.hr, &h);
    }
}

static void copy_row(const psq_pass *pass, const psq_out *rows, int64_t b, int64_t t,
                     const void *row, int64_t width) {
    if (rows->base != NULL) {
        memcpy(psq_out_row(pass->layout, rows, b, t), row, psq_bytes(pass->rnn, width));
    }
}

static state one_step(const psq_pass *pass, const outputs *out, const psq_forward_scratch *scratch,
                      int64_t b, int64_t step, const state *before) {
    const psq_rnn *const rnn = pass->rnn;
    const int64_t t = psq_pass_time(pass, b, step);
    const int64_t row = pass->layout->offsets[b] + t;
    void *const cells = pass->reserve.c[pass->direction];
    void *const gates = gates_row(pass, row);
    void *const c = cells != NULL ? psq_at(rnn, cells, row * rnn->H) : scratch->c[step % 2];
    void *const h =
        out->h.base != NULL ? psq_out_row(pass->layout, &out->h, b, t) : scratch->h[step % 2];

    const void *const x = psq_pass_input(pass, b, t, scratch->factors, scratch->input);
    preactivate(pass, x, before->h, scratch->pre);
    activate(pass, scratch->pre, gates, before, scratch->m, c, h);
    copy_row(pass, &out->copies[0], b, t, h, rnn->R);
    copy_row(pass, &out->copies[1], b, t, h, rnn->R);
    copy_row(pass, &out->cells, b, t, c, rnn->H);
    return (state){h, c};
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

static void run_pass(const psq_pass *pass, const outputs *out, const psq_forward_scratch *scratch) {
    const psq_rnn *const rnn = pass->rnn;
    for (int64_t b = 0; b < pass->layout->n_seq; b++) {
        state now = {psq_pass_initial(pass, pass->io->h0, b, rnn->R), NULL};
        if (rnn->cell->has_c) {
            now.c = psq_pass_initial(pass, pass->io->c0, b, rnn->H);
        }
        for (int64_t step = 0; step < pass->layout->lengths[b]; step++) {
            now = one_step(pass, out, scratch, b, step, &now);
        }
        store_state(pass, pass->io->hn, b, now.h, rnn->R);
        store_state(pass, pass->io->cn, b, now.c, rnn->H);
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

static psq_out part(const psq_rnn *rnn, psq_out rows, int64_t first) {
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
                      const psq_forward_scratch *scratch, const layer_arrays *arrays) {
    const psq_rnn *const rnn = call->rnn;
    for (int64_t d = 0; d < rnn->D; d++) {
        const psq_pass pass = {
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
        };
        const outputs out = {
            .h = part(rnn, arrays->h, d * rnn->R),
            .copies = {part(rnn, arrays->y, d * rnn->R), part(rnn, arrays->all, d * rnn->R)},
            .cells = part_of_all(call, call->io->cells, layer * rnn->D + d, rnn->H),
        };
        run_pass(&pass, &out, scratch);
        psq_zero_padding(call->layout, &out.cells);
    }
    psq_zero_padding(call->layout, &arrays->all);
}

void psq_run_forward(const psq_call *call) {
    const psq_rnn *const rnn = call->rnn;
    psq_arena arena = {(char *)call->scratch, 0};
    const psq_forward_scratch scratch = psq_forward_carve(rnn, call->layout, call->flags, &arena);
    memset(scratch.zeros, 0, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));

    psq_in x = psq_call_x(call, scratch.zeros);
    for (int64_t layer = 0; layer < rnn->spec.n_layers; layer++) {
        psq_reserve reserve = {0};
        if ((call->flags & PSQ_TRAIN) != 0) {
            reserve = psq_reserve_get(rnn, call->layout, call->reserve, layer);
        }
        const layer_arrays arrays = arrays_of(call, layer, &reserve, &scratch, x);
        run_layer(call, layer, &reserve, &scratch, &arrays);
        x = psq_read(arrays.h);
    }
    const psq_out y = psq_out_rows(rnn, call->io->y, rnn->D * rnn->R, call->io->y_storage);
    psq_zero_padding(call->layout, &y);
}
