// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// backward.c: back-propagation as the reference has it: layers from the top, in each direction one
// sequence after the other against its steps, then the sums over rows, then the gradient of the
// layer's input. The gradients of the gates go to scratch, so the reserve stays as it was, with or
// without PSQ_KEEP.
#include <string.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "ragged/layout.h"
#include "rnn/work.h"

typedef struct back_work {
    void *dgates[2]; // [N][S*H] by direction
    void *dout[2];   // [N][D*R] gradient of a layer's outputs; layers take turns
    void *dh;        // [N][R] flushed, with a projection; else [R]
    void *m;         // [N][H] with a projection
    void *dm;        // [H]
    void *carry;     // [H]
    void *zeros;     // [S*H]
    void *dropped;   // [PSQ_K_BLOCK][D*R]
    const void **a;  // [PSQ_K_BLOCK]
    const void **b;  // [PSQ_K_BLOCK]
} back_work;

typedef struct back_call {
    const psq_rnn *rnn;
    const psq_layout *layout;
    const psq_rnn_io *io;
    const psq_rnn_grads *grads;
    back_work work;
} back_call;

// One layer and direction.
typedef struct back_dir {
    int64_t l, d;
    psq_dir_panels panels;
    psq_dir_reserve reserve;
    const void *outputs; // of this layer
    const void *below;   // outputs of the layer below; NULL: x
    const void *dout;    // [N][D*R] jagged; NULL: the caller's dy
} back_dir;

static back_work carve_work(const psq_rnn *rnn, int64_t N, psq_arena *arena) {
    const int64_t H = rnn->spec.hidden_size;
    const int64_t slots = rnn->cell->n_slots * H;
    const int64_t width = rnn->D * rnn->R;
    const bool projects = rnn->spec.proj_size > 0;
    back_work work = {0};
    for (int64_t i = 0; i < 2; i++) {
        work.dgates[i] = i < rnn->D ? psq_arena_take(arena, N * slots, rnn->element) : NULL;
        work.dout[i] =
            rnn->spec.n_layers > 1 ? psq_arena_take(arena, N * width, rnn->element) : NULL;
    }
    work.dh = psq_arena_take(arena, (projects ? N : 1) * rnn->R, rnn->element);
    work.m = psq_arena_take(arena, projects ? N * H : 0, rnn->element);
    work.dm = psq_arena_take(arena, H, rnn->element);
    work.carry = psq_arena_take(arena, H, rnn->element);
    work.zeros = psq_arena_take(arena, slots, rnn->element);
    work.dropped = psq_arena_take(arena, PSQ_K_BLOCK * width, rnn->element);
    work.a = (const void **)psq_arena_take(arena, PSQ_K_BLOCK, sizeof(void *));
    work.b = (const void **)psq_arena_take(arena, PSQ_K_BLOCK, sizeof(void *));
    return work;
}

size_t psq_backward_bytes(const psq_rnn *rnn, int64_t N) {
    psq_arena arena = {NULL, 0};
    (void)carve_work(rnn, N, &arena);
    return arena.used;
}

static const void *state_row(const back_call *call, const void *states, const back_dir *dir,
                             int64_t b, int64_t width) {
    const int64_t index = dir->l * call->rnn->D + dir->d;
    return states == NULL ? call->work.zeros
                          : psq_at(call->rnn, states, (index * call->layout->n_seq + b) * width);
}

static void copy_row(const psq_rnn *rnn, void *to, const void *from, int64_t n) {
    memmove(to, from, (size_t)n * rnn->element);
}

static void clear(const psq_rnn *rnn, void *array, int64_t n) {
    if (n > 0) {
        memset(array, 0, (size_t)n * rnn->element);
    }
}

static void *dgates_row(const back_call *call, int64_t d, int64_t n) {
    const psq_rnn *const rnn = call->rnn;
    return psq_at(rnn, call->work.dgates[d], n * rnn->cell->n_slots * rnn->spec.hidden_size);
}

static const void *dy_row(const back_call *call, const back_dir *dir, int64_t b, int64_t t) {
    const psq_rnn *const rnn = call->rnn;
    const int64_t width = rnn->D * rnn->R;
    const void *rows = dir->dout;
    int64_t row = call->layout->offsets[b] + t;
    if (rows == NULL) {
        rows = call->grads->dy;
        row = psq_row(call->layout, call->io->y_storage, b, t);
    }
    return rows == NULL ? call->work.zeros : psq_at(rnn, rows, row * width + dir->d * rnn->R);
}

// The state that (b, t) started from.
static const void *prev_row(const back_call *call, const back_dir *dir, int64_t b, int64_t t,
                            const void *rows, const void *states, int64_t stride, int64_t at,
                            int64_t width) {
    const int64_t prev = dir->d == 0 ? t - 1 : t + 1;
    if (prev < 0 || prev >= call->layout->lengths[b]) {
        return state_row(call, states, dir, b, width);
    }
    return psq_at(call->rnn, rows, (call->layout->offsets[b] + prev) * stride + at);
}

static const void *h_prev_row(const back_call *call, const back_dir *dir, int64_t b, int64_t t) {
    const int64_t R = call->rnn->R;
    return prev_row(call, dir, b, t, dir->outputs, call->io->h0, call->rnn->D * R, dir->d * R, R);
}

// dh += the chain over the hidden-side gradients of a row of gates.
static void chain_hidden(const psq_rnn *rnn, const psq_dir_panels *panels, const void *dgates,
                         void *dh) {
    const int64_t H = rnn->spec.hidden_size;
    for (int s = 0; s < rnn->cell->n_segments; s++) {
        const psq_segment *const segment = &rnn->cell->segments[s];
        const void *const a = psq_at(rnn, dgates, segment->slot * H);
        rnn->kern->tile(1, rnn->R, segment->n_gates * H, &a, panels->hh_t[s], &dh);
    }
}

// From the gradient of h to that of m, through a projection.
static void *unproject(const back_call *call, const back_dir *dir, void *dh) {
    const psq_rnn *const rnn = call->rnn;
    const int64_t H = rnn->spec.hidden_size;
    const void *const a = dh;
    void *dm = call->work.dm;
    rnn->kern->flush(rnn->R, dh);
    clear(rnn, dm, H);
    rnn->kern->tile(1, H, rnn->R, &a, dir->panels.hr_t, &dm);
    rnn->kern->flush(H, dm);
    return dm;
}

static void run_step(const back_call *call, const back_dir *dir, int64_t b, int64_t t, bool last,
                     const void *dgates_next) {
    const psq_rnn *const rnn = call->rnn;
    const int64_t H = rnn->spec.hidden_size;
    const int64_t n = call->layout->offsets[b] + t;
    const bool projects = rnn->spec.proj_size > 0;
    void *const dh = projects ? psq_at(rnn, call->work.dh, n * rnn->R) : call->work.dh;
    copy_row(rnn, dh, dy_row(call, dir, b, t), rnn->R);
    if (last) {
        rnn->kern->add(rnn->R, dh, state_row(call, call->grads->dhn, dir, b, rnn->R), dh);
    } else if (rnn->spec.cell == PSQ_GRU) {
        rnn->kern->add(rnn->R, dh, call->work.carry, dh);
    }
    chain_hidden(rnn, &dir->panels, dgates_next, dh);
    const psq_k_row row = {
        .gates = dir->reserve.gates != NULL
                     ? psq_at(rnn, dir->reserve.gates, n * rnn->cell->n_slots * H)
                     : NULL,
        .dgates = dgates_row(call, dir->d, n),
        .h_prev = h_prev_row(call, dir, b, t),
        .c_prev = rnn->cell->has_c
                      ? prev_row(call, dir, b, t, dir->reserve.c, call->io->c0, H, 0, H)
                      : NULL,
        .c = rnn->cell->has_c ? psq_at(rnn, dir->reserve.c, n * H) : NULL,
        .h = psq_at(rnn, dir->outputs, n * rnn->D * rnn->R + dir->d * rnn->R),
        .dh = projects ? unproject(call, dir, dh) : dh,
        .dcarry = call->work.carry,
        .m = projects ? psq_at(rnn, call->work.m, n * H) : NULL,
    };
    rnn->kern->backward[rnn->spec.cell](1, H, &row);
}

static void store_state(const back_call *call, void *states, const back_dir *dir, int64_t b,
                        int64_t width, const void *row) {
    if (states != NULL) {
        copy_row(call->rnn, (void *)(uintptr_t)state_row(call, states, dir, b, width), row, width);
    }
}

static void run_sequence(const back_call *call, const back_dir *dir, int64_t b) {
    const psq_rnn *const rnn = call->rnn;
    const int64_t H = rnn->spec.hidden_size;
    const int64_t length = call->layout->lengths[b];
    if (length == 0) {
        store_state(call, call->grads->dh0, dir, b, rnn->R,
                    state_row(call, call->grads->dhn, dir, b, rnn->R));
        store_state(call, call->grads->dc0, dir, b, H,
                    state_row(call, call->grads->dcn, dir, b, H));
        return;
    }
    const void *dgates = call->work.zeros;
    if (rnn->cell->has_c) {
        copy_row(rnn, call->work.carry, state_row(call, call->grads->dcn, dir, b, H), H);
    }
    for (int64_t i = length - 1; i >= 0; i--) {
        const int64_t t = dir->d == 0 ? i : length - 1 - i;
        run_step(call, dir, b, t, i == length - 1, dgates);
        dgates = dgates_row(call, dir->d, call->layout->offsets[b] + t);
    }
    store_state(call, call->grads->dc0, dir, b, H, call->work.carry);
    if (call->grads->dh0 != NULL) {
        void *const dh0 = (void *)(uintptr_t)state_row(call, call->grads->dh0, dir, b, rnn->R);
        copy_row(rnn, dh0, rnn->spec.cell == PSQ_GRU ? call->work.carry : call->work.zeros, rnn->R);
        chain_hidden(rnn, &dir->panels, dgates, dh0);
        rnn->kern->flush(rnn->R, dh0);
    }
}

// ---- sums over rows, in blocks of jagged rows

static const void *x_row(const back_call *call, const back_dir *dir, int64_t b, int64_t t,
                         int64_t i) {
    const psq_rnn *const rnn = call->rnn;
    if (dir->l == 0) {
        return psq_at(rnn, call->io->x,
                      psq_row(call->layout, call->io->x_storage, b, t) * rnn->spec.input_size);
    }
    const int64_t width = rnn->D * rnn->R;
    const void *const row = psq_at(rnn, dir->below, (call->layout->offsets[b] + t) * width);
    if (rnn->spec.dropout == 0.0) {
        return row;
    }
    void *const dropped = psq_at(rnn, call->work.dropped, i * width);
    psq_drop_row(rnn, call->io, dir->l - 1, b, t, row, dropped);
    return dropped;
}

// Adds a block's sums for one operand of the gates: which = 0 x, 1 h_prev, 2 the projection's m.
typedef enum operand { OPERAND_X, OPERAND_H, OPERAND_M, N_OPERANDS } operand;

static void fill_row(const back_call *call, const back_dir *dir, operand which, int64_t b,
                     int64_t t, int64_t i) {
    const psq_rnn *const rnn = call->rnn;
    const int64_t n = call->layout->offsets[b] + t;
    call->work.a[i] =
        which == OPERAND_M ? psq_at(rnn, call->work.dh, n * rnn->R) : dgates_row(call, dir->d, n);
    call->work.b[i] = which == OPERAND_X   ? x_row(call, dir, b, t, i)
                      : which == OPERAND_H ? h_prev_row(call, dir, b, t)
                                           : psq_at(rnn, call->work.m, n * rnn->spec.hidden_size);
}

static void add_hidden(const back_call *call, const psq_dir_params *at, int64_t n) {
    const psq_rnn *const rnn = call->rnn;
    const int64_t H = rnn->spec.hidden_size;
    for (int s = 0; s < rnn->cell->n_segments; s++) {
        const psq_segment *const segment = &rnn->cell->segments[s];
        const void **const a = call->work.a;
        for (int64_t i = 0; i < n; i++) {
            a[i] = psq_at(rnn, a[i], (segment->slot - (s > 0 ? segment[-1].slot : 0)) * H);
        }
        rnn->kern->outer(n, segment->n_gates * H, rnn->R, a, call->work.b,
                         psq_at(rnn, call->grads->dweights, at->w_hh + segment->gate * H * rnn->R));
        if (at->b_hh >= 0) {
            rnn->kern->column_sum(n, segment->n_gates * H, a,
                                  psq_at(rnn, call->grads->dweights, at->b_hh + segment->gate * H));
        }
    }
}

static void add_block(const back_call *call, const back_dir *dir, operand which, int64_t n) {
    const psq_rnn *const rnn = call->rnn;
    const psq_dir_params *const at = &rnn->dirs[dir->l * rnn->D + dir->d];
    const int64_t n_gates = rnn->cell->n_gates * rnn->spec.hidden_size;
    void *const dw = call->grads->dweights;
    if (which == OPERAND_H) {
        add_hidden(call, at, n);
    } else if (which == OPERAND_M) {
        rnn->kern->outer(n, rnn->R, rnn->spec.hidden_size, call->work.a, call->work.b,
                         psq_at(rnn, dw, at->w_hr));
    } else {
        rnn->kern->outer(n, n_gates, psq_input_size(rnn, dir->l), call->work.a, call->work.b,
                         psq_at(rnn, dw, at->w_ih));
        if (at->b_ih >= 0) {
            rnn->kern->column_sum(n, n_gates, call->work.a, psq_at(rnn, dw, at->b_ih));
        }
    }
}

static void add_rows(const back_call *call, const back_dir *dir, operand which) {
    int64_t n = 0;
    for (int64_t b = 0; b < call->layout->n_seq; b++) {
        for (int64_t t = 0; t < call->layout->lengths[b]; t++) {
            fill_row(call, dir, which, b, t, n++);
            if (n == PSQ_K_BLOCK) {
                add_block(call, dir, which, n);
                n = 0;
            }
        }
    }
    if (n > 0) {
        add_block(call, dir, which, n);
    }
}

// ---- the gradient of a layer's input

static void input_gradient(const back_call *call, int64_t l, const psq_dir_panels *panels,
                           void *to) {
    const psq_rnn *const rnn = call->rnn;
    const psq_layout *const layout = call->layout;
    const int64_t I = psq_input_size(rnn, l);
    for (int64_t b = 0; b < layout->n_seq; b++) {
        for (int64_t t = 0; t < layout->lengths[b]; t++) {
            const int64_t n = layout->offsets[b] + t;
            void *out =
                psq_at(rnn, to, (l == 0 ? psq_row(layout, call->io->x_storage, b, t) : n) * I);
            clear(rnn, out, I);
            for (int64_t d = 0; d < rnn->D; d++) {
                const void *const a = dgates_row(call, d, n);
                rnn->kern->tile(1, I, rnn->cell->n_gates * rnn->spec.hidden_size, &a,
                                panels[d].ih_t, &out);
            }
            if (l > 0 && rnn->spec.dropout > 0.0) {
                psq_drop_row(rnn, call->io, l - 1, b, t, out, out);
            }
        }
    }
}

// Outputs, directions' reserves and panels of layer l, found by walking the arenas from their
// beginnings.
static const void *find_layer(const back_call *call, int64_t l, const void *panels,
                              const void *reserve, psq_dir_panels found[2],
                              psq_dir_reserve kept[2]) {
    const psq_rnn *const rnn = call->rnn;
    psq_arena panel_arena = {(char *)(uintptr_t)panels, 0};
    psq_arena reserve_arena = {(char *)(uintptr_t)reserve, 0};
    const void *outputs = NULL;
    for (int64_t i = 0; i <= l; i++) {
        outputs = psq_carve_outputs(rnn, call->layout->n_rows, &reserve_arena);
        for (int64_t d = 0; d < rnn->D; d++) {
            kept[d] = psq_carve_dir(rnn, call->layout->n_rows, &reserve_arena);
            found[d] = psq_carve_panels(rnn, &panel_arena, i);
        }
    }
    return outputs;
}

static void run_layer(const back_call *call, int64_t l, const void *panels, const void *reserve) {
    const psq_rnn *const rnn = call->rnn;
    psq_dir_panels found[2];
    psq_dir_reserve kept[2];
    psq_dir_panels unused[2];
    psq_dir_reserve unused_kept[2];
    const void *const below =
        l > 0 ? find_layer(call, l - 1, panels, reserve, unused, unused_kept) : NULL;
    const void *const outputs = find_layer(call, l, panels, reserve, found, kept);
    const void *const dout = l + 1 < rnn->spec.n_layers ? call->work.dout[(l + 1) % 2] : NULL;
    for (int64_t d = 0; d < rnn->D; d++) {
        const back_dir dir = {l, d, found[d], kept[d], outputs, below, dout};
        for (int64_t b = 0; b < call->layout->n_seq; b++) {
            run_sequence(call, &dir, b);
        }
        for (int which = 0; which < N_OPERANDS && call->grads->dweights != NULL; which++) {
            if (which != OPERAND_M || rnn->spec.proj_size > 0) {
                add_rows(call, &dir, (operand)which);
            }
        }
    }
    void *const to = l > 0 ? call->work.dout[l % 2] : call->grads->dx;
    if (to != NULL) {
        input_gradient(call, l, found, to);
    }
}

psq_status psq_rnn_backward(const psq_rnn *rnn, const psq_layout *layout, const void *panels,
                            const psq_rnn_io *io, const psq_rnn_grads *grads, unsigned flags,
                            void *reserve, void *scratch, psq_error *err) {
    size_t n_reserve = 0;
    size_t n_scratch = 0;
    int64_t y_rows = 0;
    int64_t x_rows = 0;
    PSQ_TRY(psq_rnn_sizes(rnn, layout, flags, &n_reserve, &n_scratch, err));
    PSQ_REQUIRE(err, (flags & PSQ_TRAIN) != 0, PSQ_INVALID, "flags is %u, must have PSQ_TRAIN",
                flags);
    PSQ_TRY(psq_check_io(rnn, layout, io, &y_rows, err));
    PSQ_TRY(psq_storage_n_rows(layout, io->x_storage, &x_rows, err));
    PSQ_REQUIRE(err, grads != NULL, PSQ_INVALID, "grads is NULL");
    PSQ_REQUIRE(err, grads->struct_size == sizeof *grads, PSQ_INVALID,
                "grads.struct_size is %zu, must be %zu", grads->struct_size, sizeof *grads);
    PSQ_REQUIRE(err, rnn->cell->has_c || (grads->dcn == NULL && grads->dc0 == NULL), PSQ_INVALID,
                "grads.dcn or grads.dc0 is given, %s has no cell state", rnn->cell->name);
    PSQ_TRY(psq_check_aligned("panels", panels, psq_rnn_panel_bytes(rnn), err));
    PSQ_TRY(psq_check_aligned("reserve", reserve, n_reserve, err));
    PSQ_TRY(psq_check_aligned("scratch", scratch, n_scratch, err));
    const psq_fpenv saved = psq_fpenv_enter();
    psq_arena arena = {(char *)scratch, 0};
    const back_call call = {rnn, layout, io, grads, carve_work(rnn, layout->n_rows, &arena)};
    clear(rnn, call.work.zeros, rnn->cell->n_slots * rnn->spec.hidden_size);
    if (grads->dx != NULL) {
        clear(rnn, grads->dx, x_rows * rnn->spec.input_size);
    }
    for (int64_t l = rnn->spec.n_layers - 1; l >= 0; l--) {
        run_layer(&call, l, panels, reserve);
    }
    psq_fpenv_leave(saved);
    return PSQ_OK;
}
