// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// forward.c: the forward pass as the reference has it: one sequence after the other, one step after
// the other. Rows lie in jagged order inside; input and outputs are reached in the caller's
// storage. Measuring and running carve the same structs.
#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "base/rng.h"
#include "base/size.h"
#include "ragged/layout.h"
#include "rnn/plan.h"
#include "rnn/work.h"

typedef struct forward_work {
    void *outputs[2]; // [N][D*R], layers take turns; in training each layer has its own in the
                      // reserve
    void *gates;      // [S*H]
    void *c;          // [H]
    void *m;          // [H], before a projection
    void *zeros;      // [max(R, H)]
    void *input;      // [I] after dropout
} forward_work;

typedef struct forward_call {
    const psq_rnn *rnn;
    const psq_layout *layout;
    const psq_rnn_io *io;
    bool train;
    forward_work work;
} forward_call;

static void carve_work(const psq_rnn *rnn, int64_t N, bool train, psq_arena *arena,
                       forward_work *work) {
    const int64_t H = rnn->spec.hidden_size;
    const int64_t width = rnn->D * rnn->R;
    for (int i = 0; i < 2 && !train; i++) {
        const bool used = i == 0 || rnn->spec.n_layers > 1;
        work->outputs[i] = used ? psq_arena_take(arena, N * width, rnn->element) : NULL;
    }
    work->gates = psq_arena_take(arena, rnn->cell->n_slots * H, rnn->element);
    work->c = psq_arena_take(arena, H, rnn->element);
    work->m = psq_arena_take(arena, H, rnn->element);
    work->zeros = psq_arena_take(arena, H, rnn->element);
    work->input = psq_arena_take(arena, width, rnn->element);
}

// The outputs of one layer; its directions' reserves follow.
void *psq_carve_outputs(const psq_rnn *rnn, int64_t N, psq_arena *arena) {
    return psq_arena_take(arena, N * rnn->D * rnn->R, rnn->element);
}

psq_dir_reserve psq_carve_dir(const psq_rnn *rnn, int64_t N, psq_arena *arena) {
    const int64_t H = rnn->spec.hidden_size;
    psq_dir_reserve dir = {NULL, NULL};
    if (rnn->cell->n_slots > 1) {
        dir.gates = psq_arena_take(arena, N * rnn->cell->n_slots * H, rnn->element);
    }
    if (rnn->cell->has_c) {
        dir.c = psq_arena_take(arena, N * H, rnn->element);
    }
    return dir;
}

static size_t reserve_bytes(const psq_rnn *rnn, int64_t N) {
    psq_arena arena = {NULL, 0};
    for (int64_t l = 0; l < rnn->spec.n_layers; l++) {
        (void)psq_carve_outputs(rnn, N, &arena);
        for (int64_t d = 0; d < rnn->D; d++) {
            (void)psq_carve_dir(rnn, N, &arena);
        }
    }
    return arena.used;
}

psq_status psq_rnn_sizes(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                         size_t *reserve, size_t *scratch, psq_error *err) {
    PSQ_REQUIRE(err, rnn != NULL, PSQ_INVALID, "rnn is NULL");
    PSQ_REQUIRE(err, layout != NULL, PSQ_INVALID, "layout is NULL");
    PSQ_REQUIRE(err, flags == 0 || flags == PSQ_TRAIN || flags == (PSQ_TRAIN | PSQ_KEEP),
                PSQ_INVALID, "flags is %u, must be 0 or PSQ_TRAIN, with or without PSQ_KEEP",
                flags);
    PSQ_REQUIRE(err, reserve != NULL && scratch != NULL, PSQ_INVALID,
                "reserve_bytes or scratch_bytes is NULL");
    const bool train = (flags & PSQ_TRAIN) != 0;
    int64_t elements = 0;
    const int64_t per_row = psq_input_size(rnn, 1) + rnn->cell->n_slots * rnn->spec.hidden_size;
    PSQ_REQUIRE(err, psq_count_mul(layout->n_rows, per_row, &elements), PSQ_NOMEM,
                "%lld rows overflow", (long long)layout->n_rows);
    psq_arena arena = {NULL, 0};
    forward_work work;
    carve_work(rnn, layout->n_rows, train, &arena, &work);
    *scratch = arena.used;
    if (train) {
        const size_t backward = psq_backward_bytes(rnn, layout->n_rows);
        *scratch = backward > *scratch ? backward : *scratch;
    }
    *reserve = train ? reserve_bytes(rnn, layout->n_rows) : 0;
    PSQ_REQUIRE(err, *scratch < SIZE_MAX && *reserve < SIZE_MAX, PSQ_NOMEM,
                "memory for %lld rows overflows", (long long)layout->n_rows);
    return PSQ_OK;
}

// out = in times the dropout factors of row (b, t) of layer l's outputs (docs/bits.md).
void psq_drop_row(const psq_rnn *rnn, const psq_rnn_io *io, int64_t l, int64_t b, int64_t t,
                  const void *in, void *out) {
    const double p = rnn->spec.dropout;
    const uint64_t threshold = (uint64_t)(p * 0x1p32);
    const double keep = p < 1.0 ? 1.0 / (1.0 - p) : 0.0;
    const uint64_t id = (uint64_t)(io->ids != NULL ? io->ids[b] : b);
    const int64_t time = (io->starts != NULL ? io->starts[b] : 0) + t;
    uint32_t words[4] = {0};
    for (int64_t u = 0; u < rnn->D * rnn->R; u++) {
        if (u % 4 == 0) {
            psq_random(io->seed, PSQ_STREAM_DROPOUT, id, (uint32_t)time,
                       (uint32_t)(l << 20 | u / 4), words);
        }
        rnn->kern->scale(1, words[u % 4] >= threshold ? keep : 0.0, psq_at(rnn, in, u),
                         psq_at(rnn, out, u));
    }
}

// What layer l reads at (b, t).
static const void *input_row(const forward_call *call, int64_t l, const void *below, int64_t b,
                             int64_t t) {
    const psq_rnn *const rnn = call->rnn;
    if (l == 0) {
        return psq_at(rnn, call->io->x,
                      psq_row(call->layout, call->io->x_storage, b, t) * rnn->spec.input_size);
    }
    const int64_t width = rnn->D * rnn->R;
    const void *const row = psq_at(rnn, below, (call->layout->offsets[b] + t) * width);
    if (!call->train || rnn->spec.dropout == 0.0) {
        return row;
    }
    psq_drop_row(rnn, call->io, l - 1, b, t, row, call->work.input);
    return call->work.input;
}

// One step of one row: gates from x and h_prev, then the cell, then the projection. h is [R].
static void step(const forward_call *call, const psq_dir_panels *panels, int64_t I, const void *x,
                 const psq_k_row *row, void *h) {
    const psq_rnn *const rnn = call->rnn;
    const psq_cell_row *const cell = rnn->cell;
    const int64_t H = rnn->spec.hidden_size;
    memcpy(row->gates, panels->start, (size_t)(cell->n_slots * H) * rnn->element);
    rnn->kern->tile(1, cell->n_gates * H, I, &x, panels->ih, &row->gates);
    for (int s = 0; s < cell->n_segments; s++) {
        void *const out = psq_at(rnn, row->gates, cell->segments[s].slot * H);
        rnn->kern->tile(1, cell->segments[s].n_gates * H, rnn->R, &row->h_prev, panels->hh[s],
                        &out);
    }
    rnn->kern->forward[rnn->spec.cell](1, H, row);
    if (rnn->spec.proj_size > 0) {
        const void *const m = row->h;
        memset(h, 0, (size_t)rnn->R * rnn->element);
        rnn->kern->tile(1, rnn->R, H, &m, panels->hr, &h);
    }
}

// Row b of state array index l * D + d, or zeros.
static const void *state_row(const forward_call *call, const void *states, int64_t dir, int64_t b,
                             int64_t width) {
    return states == NULL ? call->work.zeros
                          : psq_at(call->rnn, states, (dir * call->layout->n_seq + b) * width);
}

static void store_state(const forward_call *call, void *states, int64_t dir, int64_t b,
                        int64_t width, const void *row) {
    if (states != NULL) {
        memmove(psq_at(call->rnn, states, (dir * call->layout->n_seq + b) * width), row,
                (size_t)width * call->rnn->element);
    }
}

static void run_sequence(const forward_call *call, int64_t l, int64_t d,
                         const psq_dir_panels *panels, const psq_dir_reserve *reserve,
                         const void *below, void *outputs, int64_t b) {
    const psq_rnn *const rnn = call->rnn;
    const psq_rnn_io *const io = call->io;
    const int64_t H = rnn->spec.hidden_size;
    const int64_t width = rnn->D * rnn->R;
    const int64_t dir = l * rnn->D + d;
    const int64_t length = call->layout->lengths[b];
    const void *h_prev = state_row(call, io->h0, dir, b, rnn->R);
    const void *c_prev = state_row(call, io->c0, dir, b, H);
    for (int64_t i = 0; i < length; i++) {
        const int64_t t = d == 0 ? i : length - 1 - i;
        const int64_t n = call->layout->offsets[b] + t;
        void *const h = psq_at(rnn, outputs, n * width + d * rnn->R);
        void *const c = reserve->c != NULL ? psq_at(rnn, reserve->c, n * H) : call->work.c;
        const psq_k_row row = {
            .gates = reserve->gates != NULL
                         ? psq_at(rnn, reserve->gates, n * rnn->cell->n_slots * H)
                         : call->work.gates,
            .h_prev = h_prev,
            .c_prev = c_prev,
            .c = c,
            .h = rnn->spec.proj_size > 0 ? call->work.m : h,
        };
        step(call, panels, psq_input_size(rnn, l), input_row(call, l, below, b, t), &row, h);
        if (io->cells != NULL) {
            int64_t n_rows = 0;
            const psq_status status =
                psq_storage_n_rows(call->layout, io->y_storage, &n_rows, NULL);
            assert(status == PSQ_OK);
            (void)status;
            const int64_t at = dir * n_rows + psq_row(call->layout, io->y_storage, b, t);
            memcpy(psq_at(rnn, io->cells, at * H), c, (size_t)H * rnn->element);
        }
        h_prev = h;
        c_prev = c;
    }
    store_state(call, io->hn, dir, b, rnn->R, h_prev);
    store_state(call, io->cn, dir, b, H, c_prev);
}

// Jagged rows of `width` elements into the caller's storage; padding was set to 0 before.
static void copy_out(const forward_call *call, const void *outputs, void *to) {
    const psq_layout *const layout = call->layout;
    const int64_t width = call->rnn->D * call->rnn->R;
    for (int64_t b = 0; to != NULL && b < layout->n_seq; b++) {
        for (int64_t t = 0; t < layout->lengths[b]; t++) {
            memcpy(psq_at(call->rnn, to, psq_row(layout, call->io->y_storage, b, t) * width),
                   psq_at(call->rnn, outputs, (layout->offsets[b] + t) * width),
                   (size_t)width * call->rnn->element);
        }
    }
}

static void clear(const psq_rnn *rnn, void *array, int64_t n) {
    if (array != NULL && n > 0) {
        memset(array, 0, (size_t)n * rnn->element);
    }
}

static void run(const forward_call *call, const void *panels, void *reserve, int64_t y_rows) {
    const psq_rnn *const rnn = call->rnn;
    const psq_rnn_io *const io = call->io;
    const int64_t L = rnn->spec.n_layers;
    const int64_t N = call->layout->n_rows;
    const int64_t width = rnn->D * rnn->R;
    clear(rnn, call->work.zeros, rnn->spec.hidden_size);
    clear(rnn, io->y, y_rows * width);
    clear(rnn, io->layer_outputs, L * y_rows * width);
    clear(rnn, io->cells, L * rnn->D * y_rows * rnn->spec.hidden_size);
    psq_arena panel_arena = {(char *)(uintptr_t)panels, 0};
    psq_arena reserve_arena = {(char *)reserve, 0};
    const void *below = NULL;
    for (int64_t l = 0; l < L; l++) {
        void *const outputs =
            call->train ? psq_carve_outputs(rnn, N, &reserve_arena) : call->work.outputs[l % 2];
        for (int64_t d = 0; d < rnn->D; d++) {
            const psq_dir_panels dir = psq_carve_panels(rnn, &panel_arena, l);
            const psq_dir_reserve kept =
                call->train ? psq_carve_dir(rnn, N, &reserve_arena) : (psq_dir_reserve){NULL, NULL};
            for (int64_t b = 0; b < call->layout->n_seq; b++) {
                run_sequence(call, l, d, &dir, &kept, below, outputs, b);
            }
        }
        if (io->layer_outputs != NULL) {
            copy_out(call, outputs, psq_at(rnn, io->layer_outputs, l * y_rows * width));
        }
        below = outputs;
    }
    copy_out(call, below, io->y);
}

psq_status psq_check_aligned(const char *name, const void *region, size_t bytes, psq_error *err) {
    PSQ_REQUIRE(err, bytes == 0 || (region != NULL && (uintptr_t)region % PSQ_ALIGN == 0),
                PSQ_INVALID, "%s is NULL or no multiple of %d", name, PSQ_ALIGN);
    return PSQ_OK;
}

psq_status psq_check_io(const psq_rnn *rnn, const psq_layout *layout, const psq_rnn_io *io,
                        int64_t *y_rows, psq_error *err) {
    PSQ_REQUIRE(err, io != NULL, PSQ_INVALID, "io is NULL");
    PSQ_REQUIRE(err, io->struct_size == sizeof *io, PSQ_INVALID,
                "io.struct_size is %zu, must be %zu", io->struct_size, sizeof *io);
    int64_t x_rows = 0;
    PSQ_TRY(psq_storage_n_rows(layout, io->x_storage, &x_rows, err));
    PSQ_TRY(psq_storage_n_rows(layout, io->y_storage, y_rows, err));
    PSQ_REQUIRE(err, io->x != NULL || layout->n_rows == 0 || rnn->spec.input_size == 0, PSQ_INVALID,
                "io.x is NULL, the batch has %lld rows", (long long)layout->n_rows);
    PSQ_REQUIRE(err, rnn->cell->has_c || (io->c0 == NULL && io->cn == NULL && io->cells == NULL),
                PSQ_INVALID, "io.c0, io.cn or io.cells is given, %s has no cell state",
                rnn->cell->name);
    return PSQ_OK;
}

psq_status psq_rnn_forward(const psq_rnn *rnn, const psq_layout *layout, const void *panels,
                           const psq_rnn_io *io, unsigned flags, void *reserve, void *scratch,
                           psq_error *err) {
    size_t n_reserve = 0;
    size_t n_scratch = 0;
    int64_t y_rows = 0;
    PSQ_TRY(psq_rnn_sizes(rnn, layout, flags, &n_reserve, &n_scratch, err));
    PSQ_TRY(psq_check_io(rnn, layout, io, &y_rows, err));
    PSQ_TRY(psq_check_aligned("panels", panels, psq_rnn_panel_bytes(rnn), err));
    PSQ_TRY(psq_check_aligned("reserve", reserve, n_reserve, err));
    PSQ_TRY(psq_check_aligned("scratch", scratch, n_scratch, err));
    const psq_fpenv saved = psq_fpenv_enter();
    forward_call call = {
        rnn, layout, io, (flags & PSQ_TRAIN) != 0, {{NULL, NULL}, NULL, NULL, NULL, NULL, NULL}};
    psq_arena arena = {(char *)scratch, 0};
    carve_work(rnn, layout->n_rows, call.train, &arena, &call.work);
    run(&call, panels, reserve, y_rows);
    psq_fpenv_leave(saved);
    return PSQ_OK;
}
