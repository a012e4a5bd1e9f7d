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

static void fill_weights(const psq_rnn *rnn, int64_t layer, const void *w_ih, const void *w_hh,
                         const psq_panels *panels) {
    const psq_kern *const kern = rnn->kern;
    const int64_t n_in = psq_layer_input(rnn, layer);
    const int64_t n_rows = rnn->cell->n_gates * rnn->H;
    kern->panel(1, n_in, n_rows, w_ih, 1, n_in, panels->ih_t);
    for (int64_t i = 0; i < rnn->cell->n_segments; i++) {
        const psq_segment segment = rnn->cell->segments[i];
        const int64_t n = segment.n_gates * rnn->H;
        const void *const in = psq_at_const(rnn, w_ih, segment.gate * rnn->H * n_in);
        const void *const w = psq_at_const(rnn, w_hh, segment.gate * rnn->H * rnn->R);
        kern->panel(segment.n_gates, n, n_in, in, n_in, 1, panels->ih[i]);
        kern->panel(segment.n_gates, n, rnn->R, w, rnn->R, 1, panels->hh[i]);
        kern->panel(1, rnn->R, n, w, 1, rnn->R, panels->hh_t[i]);
    }
}

static void fill(const psq_rnn *rnn, int64_t layer, int64_t direction, const void *weights,
                 const psq_panels *panels) {
    const void *from[PSQ_N_PARAM_KIND] = {0};
    for (int kind = 0; kind < PSQ_N_PARAM_KIND; kind++) {
        const psq_param *const param = psq_param_get(rnn, layer, direction, (psq_param_kind)kind);
        from[kind] = param != NULL ? psq_at_const(rnn, weights, param->offset) : NULL;
    }
    fill_weights(rnn, layer, from[PSQ_W_IH], from[PSQ_W_HH], panels);
    if (rnn->spec.bias) {
        fill_bias(rnn, from[PSQ_B_IH], from[PSQ_B_HH], panels->bias);
    } else {
        memset(panels->bias, 0, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));
    }
    if (rnn->spec.proj_size > 0) {
        const int64_t P = rnn->spec.proj_size;
        rnn->kern->panel(1, P, rnn->H, from[PSQ_W_HR], rnn->H, 1, panels->hr);
        rnn->kern->panel(1, rnn->H, P, from[PSQ_W_HR], 1, rnn->H, panels->hr_t);
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
    const psq_fpenv saved = psq_fpenv_enter();
    for (int64_t layer = 0; layer < rnn->spec.n_layers; layer++) {
        for (int64_t direction = 0; direction < rnn->D; direction++) {
            const psq_panels into = psq_panels_get(rnn, panels, layer, direction);
            fill(rnn, layer, direction, weights, &into);
        }
    }
    psq_fpenv_leave(saved);
    return PSQ_OK;
}
