// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// panels.c: carving and filling the panels. All layers above the first are of one size, so the
// place of any is computed and no table of pointers is needed.
#include "rnn/panels.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fpenv.h"
#include "base/size.h"
#include "rnn/lanes.h"

static void *take_panel(const psq_rnn *rnn, psq_arena *arena, int64_t n_out, int64_t n_k) {
    return psq_arena_take(arena, rnn->kern->panel_size(n_out, n_k), rnn->size);
}

static psq_panels carve(const psq_rnn *rnn, int64_t layer, psq_arena *arena) {
    const psq_cell_info *const cell = rnn->cell;
    const int64_t n_in = psq_layer_input(rnn, layer);
    const int64_t P = rnn->spec.proj_size;
    psq_panels panels = {0};
    panels.bias = psq_arena_take(arena, cell->n_slots * rnn->H, rnn->size);
    panels.ih_t = take_panel(rnn, arena, n_in, cell->n_gates * rnn->H);
    for (int64_t i = 0; i < cell->n_segments; i++) {
        const int64_t n = cell->segments[i].n_gates * rnn->H;
        panels.ih[i] = take_panel(rnn, arena, n, n_in);
        panels.hh[i] = take_panel(rnn, arena, n, rnn->R);
        panels.hh_t[i] = take_panel(rnn, arena, rnn->R, n);
    }
    if (P > 0) {
        panels.hr = take_panel(rnn, arena, P, rnn->H);
        panels.hr_t = take_panel(rnn, arena, rnn->H, P);
    }
    return panels;
}

// Bytes of one direction of a layer.
static size_t direction_bytes(const psq_rnn *rnn, int64_t layer) {
    psq_arena measure = {NULL, 0};
    carve(rnn, layer, &measure);
    return measure.used;
}

// Bytes before (layer, direction); also the whole size, as that of (n_layers, 0).
static size_t bytes_before(const psq_rnn *rnn, int64_t layer, int64_t direction) {
    if (layer == 0) {
        return (size_t)direction * direction_bytes(rnn, 0);
    }
    const size_t n_next = (size_t)((layer - 1) * rnn->D + direction);
    return psq_size_add(psq_size_mul((size_t)rnn->D, direction_bytes(rnn, 0)),
                        n_next > 0 ? psq_size_mul(n_next, direction_bytes(rnn, 1)) : 0);
}

size_t psq_rnn_panel_bytes(const psq_rnn *rnn) {
    return bytes_before(rnn, rnn->spec.n_layers, 0);
}

psq_panels psq_panels_get(const psq_rnn *rnn, const void *panels, int64_t layer,
                          int64_t direction) {
    // An arena carves memory to write; forward and backward only read what they get from here.
    psq_arena arena = {(char *)panels, bytes_before(rnn, layer, direction)};
    return carve(rnn, layer, &arena);
}

// The bias of one gate, where its pre-activations lie; two biases are added.
static void place_bias(const psq_rnn *rnn, int64_t n_gates, int64_t gate, const void *a,
                       const void *b, void *bias) {
    for (int64_t u = 0; u < rnn->H; u += PSQ_K_UNIT) {
        const int64_t n = rnn->H - u < PSQ_K_UNIT ? rnn->H - u : PSQ_K_UNIT;
        void *const out = psq_at(rnn, bias, psq_k_place(n_gates, rnn->H, gate, u));
        if (b != NULL) {
            rnn->kern->add(n, psq_at_const(rnn, a, u), psq_at_const(rnn, b, u), out);
        } else {
            memcpy(out, psq_at_const(rnn, a, u), psq_bytes(rnn, n));
        }
    }
}

// A slot starts at b_ih + b_hh or, where input and hidden side have slots of their own, at its own.
static void fill_bias(const psq_rnn *rnn, const void *b_ih, const void *b_hh, void *bias) {
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment segment = rnn->cell->segments[i];
        void *const in = psq_at(rnn, bias, segment.in_slot * rnn->H);
        void *const out = psq_at(rnn, bias, segment.slot * rnn->H);
        for (int64_t g = 0; g < segment.n_gates; g++) {
            const int64_t row = (segment.gate + g) * rnn->H;
            const void *const a = psq_at_const(rnn, b_ih, row);
            const void *const b = psq_at_const(rnn, b_hh, row);
            place_bias(rnn, segment.n_gates, g, a, in == out ? b : NULL, in);
            if (in != out) {
                place_bias(rnn, segment.n_gates, g, b, NULL, out);
            }
        }
    }
}

// A panel, or two that belong together, is a chunk that any thread may fill.
typedef enum chunk { BIAS, INPUTS, INPUTS_BACK, STATES, STATES_BACK, PROJECTION, N_CHUNKS } chunk;

typedef struct job {
    const psq_rnn *rnn;
    const void *weights;
    void *panels;
} job;

// The parameters of one direction of a layer; NULL where there is none.
typedef struct sources {
    const void *of[PSQ_N_PARAM_KIND];
} sources;

static sources sources_of(const job *j, int64_t layer, int64_t direction) {
    sources from = {{NULL}};
    for (int kind = 0; kind < PSQ_N_PARAM_KIND; kind++) {
        const psq_param *const param =
            psq_param_get(j->rnn, layer, direction, (psq_param_kind)kind);
        from.of[kind] = param != NULL ? psq_at_const(j->rnn, j->weights, param->offset) : NULL;
    }
    return from;
}

// Forward: the segments of W, interleaved; back: their transposes.
static void fill_segments(const psq_rnn *rnn, const void *w, int64_t n_cols, bool back,
                          void *const *panels) {
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment segment = rnn->cell->segments[i];
        const int64_t n = segment.n_gates * rnn->H;
        const void *const part = psq_at_const(rnn, w, segment.gate * rnn->H * n_cols);
        if (back) {
            rnn->kern->panel(1, n_cols, n, part, 1, n_cols, panels[i]);
        } else {
            rnn->kern->panel(segment.n_gates, n, n_cols, part, n_cols, 1, panels[i]);
        }
    }
}

static void fill_projection(const psq_rnn *rnn, const void *w_hr, const psq_panels *panels) {
    const int64_t P = rnn->spec.proj_size;
    if (P > 0) {
        rnn->kern->panel(1, P, rnn->H, w_hr, rnn->H, 1, panels->hr);
        rnn->kern->panel(1, rnn->H, P, w_hr, 1, rnn->H, panels->hr_t);
    }
}

static void fill_chunk(void *arg, int64_t index, int64_t member) {
    const job *const j = (const job *)arg;
    const psq_rnn *const rnn = j->rnn;
    const int64_t layer = index / N_CHUNKS / rnn->D;
    const int64_t direction = index / N_CHUNKS % rnn->D;
    const int64_t n_in = psq_layer_input(rnn, layer);
    const sources from = sources_of(j, layer, direction);
    const psq_panels panels = psq_panels_get(rnn, j->panels, layer, direction);
    (void)member;
    switch ((chunk)(index % N_CHUNKS)) {
    case BIAS:
        if (rnn->spec.bias) {
            fill_bias(rnn, from.of[PSQ_B_IH], from.of[PSQ_B_HH], panels.bias);
        } else {
            memset(panels.bias, 0, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));
        }
        break;
    case INPUTS:
        fill_segments(rnn, from.of[PSQ_W_IH], n_in, false, panels.ih);
        break;
    case INPUTS_BACK: {
        const int64_t n_rows = rnn->cell->n_gates * rnn->H;
        rnn->kern->panel(1, n_in, n_rows, from.of[PSQ_W_IH], 1, n_in, panels.ih_t);
        break;
    }
    case STATES:
        fill_segments(rnn, from.of[PSQ_W_HH], rnn->R, false, panels.hh);
        break;
    case STATES_BACK:
        fill_segments(rnn, from.of[PSQ_W_HH], rnn->R, true, panels.hh_t);
        break;
    case PROJECTION:
        fill_projection(rnn, from.of[PSQ_W_HR], &panels);
        break;
    case N_CHUNKS:
        break;
    }
}

psq_status psq_rnn_pack(const psq_rnn *rnn, const void *weights, void *panels, psq_error *err) {
    PSQ_REQUIRE(err, rnn != NULL, PSQ_INVALID, "rnn is NULL");
    PSQ_REQUIRE(err, weights != NULL, PSQ_INVALID, "weights is NULL");
    PSQ_REQUIRE(err, (uintptr_t)weights % rnn->size == 0, PSQ_INVALID,
                "weights is not aligned to its elements of %zu bytes", rnn->size);
    PSQ_REQUIRE(err, panels != NULL, PSQ_INVALID, "panels is NULL");
    PSQ_REQUIRE(err, (uintptr_t)panels % PSQ_ALIGN == 0, PSQ_INVALID,
                "panels is not aligned to %d bytes", PSQ_ALIGN);
    // Worth a thread more for each so many elements: some 20 microseconds.
    enum { WORTH = 1 << 17 };
    const int64_t worth = rnn->ctx->eager ? PSQ_MAX_THREADS : 1 + rnn->n_weights / WORTH;
    const psq_fpenv saved = psq_fpenv_enter();
    job j = {rnn, weights, panels};
    psq_each_chunk(rnn->ctx, worth, rnn->spec.n_layers * rnn->D * N_CHUNKS, fill_chunk, &j);
    psq_fpenv_leave(saved);
    return PSQ_OK;
}
