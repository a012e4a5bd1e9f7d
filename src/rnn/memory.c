// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// memory.c: carving reserve and scratch. Nothing here is stored between calls: the same functions,
// run on an arena without a base, give the sizes.
#include "rnn/memory.h"

#include <string.h>

#include "base/size.h"

psq_element psq_element_at(const psq_layout *layout, int64_t row) {
    int64_t first = 0;
    int64_t end = layout->n_seq;
    while (end - first > 1) {
        const int64_t middle = first + (end - first) / 2;
        if (layout->offsets[middle] <= row) {
            first = middle;
        } else {
            end = middle;
        }
    }
    return (psq_element){row, first, row - layout->offsets[first]};
}

void psq_element_next(const psq_layout *layout, psq_element *at) {
    at->row++;
    at->t++;
    while (at->b < layout->n_seq && at->t >= layout->lengths[at->b]) {
        at->b++;
        at->t = 0;
    }
}

void psq_zero_padding(const psq_layout *layout, const psq_out *rows) {
    const psq_storage storage = rows->storage;
    if (rows->base == NULL || storage.order == PSQ_PACKED || storage.order == PSQ_JAGGED) {
        return;
    }
    const int64_t n_steps = psq_storage_steps(layout, storage);
    for (int64_t b = 0; b < layout->n_seq; b++) {
        const int64_t n_padding = n_steps - layout->lengths[b];
        const int64_t first = storage.pad_left ? 0 : layout->lengths[b];
        for (int64_t step = first; step < first + n_padding; step++) {
            const int64_t row =
                storage.order == PSQ_PADDED_TIME ? step * layout->n_seq + b : b * n_steps + step;
            memset(rows->base + (size_t)row * rows->stride, 0, rows->stride);
        }
    }
}

// ---- reserve

static psq_reserve carve_reserve(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                                 psq_arena *arena) {
    const int64_t N = layout->n_rows;
    psq_reserve reserve = {0};
    reserve.h = psq_arena_take(arena, N, psq_bytes(rnn, rnn->D * rnn->R));
    for (int64_t d = 0; d < rnn->D; d++) {
        if (rnn->cell->saves_gates && (flags & PSQ_RECOMPUTE) == 0) {
            reserve.gates[d] =
                psq_arena_take(arena, N, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));
        }
        if (rnn->cell->has_c) {
            reserve.c[d] = psq_arena_take(arena, N, psq_bytes(rnn, rnn->H));
        }
    }
    return reserve;
}

static size_t layer_bytes(const psq_rnn *rnn, const psq_layout *layout, unsigned flags) {
    psq_arena measure = {NULL, 0};
    carve_reserve(rnn, layout, flags, &measure);
    return measure.used;
}

size_t psq_reserve_bytes(const psq_rnn *rnn, const psq_layout *layout, unsigned flags) {
    return psq_size_mul((size_t)rnn->spec.n_layers, layer_bytes(rnn, layout, flags));
}

psq_reserve psq_reserve_get(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                            void *reserve, int64_t layer) {
    psq_arena arena = {(char *)reserve, (size_t)layer * layer_bytes(rnn, layout, flags)};
    return carve_reserve(rnn, layout, flags, &arena);
}

// ---- scratch

// Bytes from the arena's base on of an array that is taken from it.
static size_t take_at(psq_arena *arena, int64_t count, size_t size) {
    const size_t at = arena->used;
    psq_arena_take(arena, count, size);
    return at;
}

psq_dropped psq_dropped_carve(const psq_rnn *rnn, int64_t n_rows, psq_arena *arena) {
    const size_t outputs = psq_bytes(rnn, rnn->D * rnn->R);
    psq_dropped dropped = {0};
    dropped.factors = psq_arena_take(arena, rnn->drops ? 1 : 0, outputs);
    dropped.rows = psq_arena_take(arena, n_rows, outputs);
    return dropped;
}

static size_t carve_forward_rows(const psq_rnn *rnn, bool training, psq_forward_rows *rows) {
    const size_t units = psq_bytes(rnn, rnn->H);
    psq_arena measure = {NULL, 0};
    rows->pre = take_at(&measure, PSQ_K_WINDOW * rnn->cell->n_slots, units);
    rows->h[0] = take_at(&measure, training ? 0 : 1, psq_bytes(rnn, rnn->R));
    rows->h[1] = take_at(&measure, training ? 0 : 1, psq_bytes(rnn, rnn->R));
    rows->c = take_at(&measure, training || !rnn->cell->has_c ? 0 : 1, units);
    rows->m = take_at(&measure, rnn->spec.proj_size > 0 ? 1 : 0, units);
    return measure.used;
}

psq_forward_scratch psq_forward_carve(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                                      psq_arena *arena) {
    const bool training = (flags & PSQ_TRAIN) != 0;
    psq_forward_scratch scratch = {0};
    scratch.zeros = psq_arena_take(arena, rnn->cell->n_slots, psq_bytes(rnn, rnn->H));
    for (int64_t i = 0; i < 2 && i < rnn->spec.n_layers - 1 && !training; i++) {
        scratch.layers[i] = psq_arena_take(arena, layout->n_rows, psq_bytes(rnn, rnn->D * rnn->R));
    }
    scratch.tokens = psq_tokens_carve(rnn, layout, false, arena);
    const int64_t n_projected = psq_min_count(rnn->spec.n_tokens, layout->n_rows / 2);
    for (int64_t d = 0; d < rnn->D && rnn->spec.n_tokens > 0; d++) {
        scratch.projected[d] =
            psq_arena_take(arena, n_projected, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));
    }
    psq_arena work = {NULL, 0};
    if (training && rnn->drops) {
        psq_dropped_carve(rnn, PSQ_PROJECT_ROWS, &work);
    }
    const size_t lane_bytes = carve_forward_rows(rnn, training, &scratch.rows);
    psq_walk_carve(&scratch.walk, rnn, layout, lane_bytes, work.used, arena);
    return scratch;
}

static size_t carve_backward_rows(const psq_rnn *rnn, psq_backward_rows *rows) {
    const size_t units = psq_bytes(rnn, rnn->H);
    psq_arena measure = {NULL, 0};
    rows->dh = take_at(&measure, 1, psq_bytes(rnn, rnn->R));
    rows->dm = take_at(&measure, rnn->spec.proj_size > 0 ? 1 : 0, units);
    rows->dcarry = take_at(&measure, 1, units);
    return measure.used;
}

static psq_again carve_again(const psq_rnn *rnn, psq_arena *arena) {
    const size_t units = psq_bytes(rnn, rnn->H);
    psq_again again = {0};
    again.pre = psq_arena_take(arena, PSQ_PROJECT_ROWS * rnn->cell->n_slots, units);
    again.h = psq_arena_take(arena, PSQ_PROJECT_ROWS, units);
    again.c = psq_arena_take(arena, PSQ_PROJECT_ROWS, units);
    return again;
}

static psq_sums_work carve_sums(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                                psq_arena *arena) {
    const int64_t n_block = layout->n_rows < PSQ_K_BLOCK ? layout->n_rows : PSQ_K_BLOCK;
    const int64_t widest =
        psq_max_count(rnn->spec.input_size, psq_max_count(rnn->H, rnn->D * rnn->R));
    const bool keeps_rows = rnn->drops || rnn->spec.n_layers > 1;
    psq_sums_work work = {0};
    work.dropped = psq_dropped_carve(rnn, keeps_rows ? n_block : 0, arena);
    work.a = (const void **)psq_arena_take(arena, n_block, sizeof *work.a);
    work.b = (const void **)psq_arena_take(arena, n_block, sizeof *work.b);
    work.outer = psq_arena_take(arena, rnn->kern->outer_work(widest), rnn->size);
    if (rnn->cell->saves_gates && (flags & PSQ_RECOMPUTE) != 0) {
        work.again = carve_again(rnn, arena);
    }
    if (rnn->spec.n_tokens > 0) {
        work.token_dx =
            psq_arena_take(arena, PSQ_PROJECT_ROWS, psq_bytes(rnn, rnn->spec.input_size));
    }
    return work;
}

// Gradients of the outputs are ours below the last layer; a plain RNN stores its only gate's there,
// and a projection needs the whole gradient of its output for its weights.
static bool needs_rows(const psq_rnn *rnn) {
    return rnn->spec.n_layers > 1 || !rnn->cell->saves_gates || rnn->spec.proj_size > 0;
}

psq_backward_scratch psq_backward_carve(const psq_rnn *rnn, const psq_layout *layout,
                                        unsigned flags, psq_arena *arena) {
    const int64_t N = layout->n_rows;
    const int64_t n_cores = psq_team_size(rnn->ctx);
    const size_t slots = psq_bytes(rnn, rnn->cell->n_slots * rnn->H);
    const bool keep = (flags & PSQ_KEEP) != 0;
    const bool own_gates = rnn->cell->saves_gates && (flags & (PSQ_KEEP | PSQ_RECOMPUTE)) != 0;
    psq_backward_scratch scratch = {0};
    scratch.zeros = psq_arena_take(arena, 1, slots);
    if (needs_rows(rnn)) {
        scratch.rows = psq_arena_take(arena, N, psq_bytes(rnn, rnn->D * rnn->R));
    }
    for (int64_t d = 0; d < rnn->D && own_gates; d++) {
        scratch.dgates[d] = psq_arena_take(arena, N, slots);
        if (keep && rnn->spec.proj_size > 0) {
            scratch.m[d] = psq_arena_take(arena, N, psq_bytes(rnn, rnn->H));
        }
    }
    scratch.tokens = psq_tokens_carve(rnn, layout, true, arena);
    const int64_t n_sums = psq_min_count(psq_min_count(rnn->spec.n_tokens, N), PSQ_K_BLOCK);
    for (int64_t d = 0; d < rnn->D && rnn->spec.n_tokens > 0; d++) {
        scratch.token_sums[d] =
            psq_arena_take(arena, n_sums, psq_bytes(rnn, rnn->cell->n_gates * rnn->H));
    }
    const size_t lane_bytes = carve_backward_rows(rnn, &scratch.lane);
    psq_walk_carve(&scratch.walk, rnn, layout, lane_bytes, 0, arena);
    scratch.sums = (psq_sums_work *)psq_arena_take(arena, n_cores, sizeof *scratch.sums);
    for (int64_t i = 0; i < n_cores; i++) {
        const psq_sums_work work = carve_sums(rnn, layout, flags, arena);
        if (scratch.sums != NULL) {
            scratch.sums[i] = work;
        }
    }
    return scratch;
}

size_t psq_scratch_bytes(const psq_rnn *rnn, const psq_layout *layout, unsigned flags) {
    psq_arena forward = {NULL, 0};
    psq_arena backward = {NULL, 0};
    psq_forward_carve(rnn, layout, flags, &forward);
    if ((flags & PSQ_TRAIN) != 0) {
        psq_backward_carve(rnn, layout, flags, &backward);
    }
    return forward.used > backward.used ? forward.used : backward.used;
}
