// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// panels.c: weights in the order in which the kernels read them, straight and transposed.
#include <string.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "rnn/plan.h"

static void *take(const psq_rnn *rnn, psq_arena *arena, int64_t n_out, int64_t n_k) {
    return psq_arena_take(arena, rnn->kern->panel_size(n_out, n_k), rnn->element);
}

psq_dir_panels psq_carve_panels(const psq_rnn *rnn, psq_arena *arena, int64_t l) {
    const psq_cell_row *const cell = rnn->cell;
    const int64_t H = rnn->spec.hidden_size;
    const int64_t I = psq_input_size(rnn, l);
    psq_dir_panels panels = {0};
    panels.ih = take(rnn, arena, cell->n_gates * H, I);
    panels.ih_t = take(rnn, arena, I, cell->n_gates * H);
    for (int s = 0; s < cell->n_segments; s++) {
        panels.hh[s] = take(rnn, arena, cell->segments[s].n_gates * H, rnn->R);
        panels.hh_t[s] = take(rnn, arena, rnn->R, cell->segments[s].n_gates * H);
    }
    panels.start = psq_arena_take(arena, cell->n_slots * H, rnn->element);
    if (rnn->spec.proj_size > 0) {
        panels.hr = take(rnn, arena, rnn->spec.proj_size, H);
        panels.hr_t = take(rnn, arena, H, rnn->spec.proj_size);
    }
    return panels;
}

size_t psq_rnn_panel_bytes(const psq_rnn *rnn) {
    psq_arena arena = {NULL, 0};
    for (int64_t i = 0; i < rnn->spec.n_layers * rnn->D; i++) {
        (void)psq_carve_panels(rnn, &arena, i / rnn->D);
    }
    return arena.used;
}

// b_ih + b_hh, except where the GRU keeps the hidden part of n apart.
static void pack_start(const psq_rnn *rnn, const psq_dir_params *dir, const void *weights,
                       void *start) {
    const psq_cell_row *const cell = rnn->cell;
    const int64_t H = rnn->spec.hidden_size;
    memset(start, 0, (size_t)(cell->n_slots * H) * rnn->element);
    if (dir->b_ih < 0) {
        return;
    }
    const size_t bytes = (size_t)(cell->n_gates * H) * rnn->element;
    memcpy(start, psq_at(rnn, weights, dir->b_ih), bytes);
    for (int s = 0; s < cell->n_segments; s++) {
        const psq_segment *const segment = &cell->segments[s];
        void *const to = psq_at(rnn, start, segment->slot * H);
        rnn->kern->add(segment->n_gates * H, to,
                       psq_at(rnn, weights, dir->b_hh + segment->gate * H), to);
    }
}

static void pack_dir(const psq_rnn *rnn, const psq_dir_params *dir, int64_t l, const void *weights,
                     const psq_dir_panels *panels) {
    const psq_kern *const kern = rnn->kern;
    const int64_t H = rnn->spec.hidden_size;
    const int64_t n = rnn->cell->n_gates * H;
    const int64_t I = psq_input_size(rnn, l);
    const void *const w_ih = psq_at(rnn, weights, dir->w_ih);
    kern->panel(n, I, w_ih, I, 1, panels->ih);
    kern->panel(I, n, w_ih, 1, I, panels->ih_t);
    for (int s = 0; s < rnn->cell->n_segments; s++) {
        const psq_segment *const segment = &rnn->cell->segments[s];
        const void *const w = psq_at(rnn, weights, dir->w_hh + segment->gate * H * rnn->R);
        kern->panel(segment->n_gates * H, rnn->R, w, rnn->R, 1, panels->hh[s]);
        kern->panel(rnn->R, segment->n_gates * H, w, 1, rnn->R, panels->hh_t[s]);
    }
    pack_start(rnn, dir, weights, panels->start);
    if (dir->w_hr >= 0) {
        const void *const w_hr = psq_at(rnn, weights, dir->w_hr);
        kern->panel(rnn->spec.proj_size, H, w_hr, H, 1, panels->hr);
        kern->panel(H, rnn->spec.proj_size, w_hr, 1, H, panels->hr_t);
    }
}

psq_status psq_rnn_pack(const psq_rnn *rnn, const void *weights, void *panels, psq_error *err) {
    PSQ_REQUIRE(err, rnn != NULL, PSQ_INVALID, "rnn is NULL");
    PSQ_REQUIRE(err, weights != NULL, PSQ_INVALID, "weights is NULL");
    PSQ_REQUIRE(err, panels != NULL && (uintptr_t)panels % PSQ_ALIGN == 0, PSQ_INVALID,
                "panels is NULL or no multiple of %d", PSQ_ALIGN);
    const psq_fpenv saved = psq_fpenv_enter();
    psq_arena arena = {(char *)panels, 0};
    for (int64_t i = 0; i < rnn->spec.n_layers * rnn->D; i++) {
        const psq_dir_panels dir = psq_carve_panels(rnn, &arena, i / rnn->D);
        pack_dir(rnn, &rnn->dirs[i], i / rnn->D, weights, &dir);
    }
    psq_fpenv_leave(saved);
    return PSQ_OK;
}
