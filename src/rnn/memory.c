// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// memory.c: carving reserve and scratch. Nothing here is stored between calls: the same functions,
// run on an arena without a base, give the sizes.
#include "rnn/memory.h"

#include <string.h>

#include "base/size.h"

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

static psq_reserve carve_reserve(const psq_rnn *rnn, const psq_layout *layout, psq_arena *arena) {
    const int64_t N = layout->n_rows;
    psq_reserve reserve = {0};
    reserve.h = psq_arena_take(arena, N, psq_bytes(rnn, rnn->D * rnn->R));
    for (int64_t d = 0; d < rnn->D; d++) {
        if (rnn->cell->saves_gates) {
            reserve.gates[d] =
                psq_arena_take(arena, N, psq_bytes(rnn, rnn->cell->n_slots * rnn->H));
        }
        if (rnn->cell->has_c) {
            reserve.c[d] = psq_arena_take(arena, N, psq_bytes(rnn, rnn->H));
        }
    }
    return reserve;
}

static size_t layer_bytes(const psq_rnn *rnn, const psq_layout *layout) {
    psq_arena measure = {NULL, 0};
    carve_reserve(rnn, layout, &measure);
    return measure.used;
}

size_t psq_reserve_bytes(const psq_rnn *rnn, const psq_layout *layout) {
    return psq_size_mul((size_t)rnn->spec.n_layers, layer_bytes(rnn, layout));
}

psq_reserve psq_reserve_get(const psq_rnn *rnn, const psq_layout *layout, void *reserve,
                            int64_t layer) {
    psq_arena arena = {(char *)reserve, (size_t)layer * layer_bytes(rnn, layout)};
    return carve_reserve(rnn, layout, &arena);
}

// ---- scratch

psq_forward_scratch psq_forward_carve(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                                      psq_arena *arena) {
    const bool training = (flags & PSQ_TRAIN) != 0;
    const size_t units = psq_bytes(rnn, rnn->H);
    const size_t state = psq_bytes(rnn, rnn->R);
    const size_t outputs = psq_bytes(rnn, rnn->D * rnn->R);
    const int64_t S = rnn->cell->n_slots;
    psq_forward_scratch scratch = {0};
    scratch.zeros = psq_arena_take(arena, S, units);
    scratch.pre = psq_arena_take(arena, S, units);
    if (rnn->spec.proj_size > 0) {
        scratch.m = psq_arena_take(arena, 1, units);
    }
    if (training && rnn->drops) {
        scratch.factors = psq_arena_take(arena, 1, outputs);
        scratch.input = psq_arena_take(arena, 1, outputs);
    }
    for (int64_t i = 0; i < 2 && !training; i++) {
        scratch.h[i] = psq_arena_take(arena, 1, state);
        if (rnn->cell->has_c) {
            scratch.c[i] = psq_arena_take(arena, 1, units);
        }
        if (i < rnn->spec.n_layers - 1) {
            scratch.layers[i] = psq_arena_take(arena, layout->n_rows, outputs);
        }
    }
    return scratch;
}

// Gradients of the outputs are ours below the last layer; a plain RNN stores its only gate's there,
// and a projection needs the whole gradient of its output for its weights.
static bool needs_rows(const psq_rnn *rnn) {
    return rnn->spec.n_layers > 1 || !rnn->cell->saves_gates || rnn->spec.proj_size > 0;
}

psq_backward_scratch psq_backward_carve(const psq_rnn *rnn, const psq_layout *layout,
                                        unsigned flags, psq_arena *arena) {
    const int64_t N = layout->n_rows;
    const int64_t n_block = N < PSQ_K_BLOCK ? N : PSQ_K_BLOCK;
    const size_t units = psq_bytes(rnn, rnn->H);
    const size_t outputs = psq_bytes(rnn, rnn->D * rnn->R);
    const size_t slots = psq_bytes(rnn, rnn->cell->n_slots * rnn->H);
    const bool keep = (flags & PSQ_KEEP) != 0;
    psq_backward_scratch scratch = {0};
    scratch.zeros = psq_arena_take(arena, 1, slots);
    scratch.dh = psq_arena_take(arena, 1, psq_bytes(rnn, rnn->R));
    scratch.dcarry = psq_arena_take(arena, 1, units);
    scratch.dx = psq_arena_take(arena, 1, outputs);
    scratch.a = (const void **)psq_arena_take(arena, n_block, sizeof *scratch.a);
    scratch.b = (const void **)psq_arena_take(arena, n_block, sizeof *scratch.b);
    const int64_t widest =
        psq_max_count(rnn->spec.input_size, psq_max_count(rnn->H, rnn->D * rnn->R));
    scratch.work = psq_arena_take(arena, rnn->kern->outer_work(widest), rnn->size);
    if (rnn->drops) {
        scratch.factors = psq_arena_take(arena, 1, outputs);
        scratch.inputs = psq_arena_take(arena, n_block, outputs);
    }
    if (needs_rows(rnn)) {
        scratch.rows = psq_arena_take(arena, N, outputs);
    }
    if (rnn->spec.proj_size > 0) {
        scratch.dm = psq_arena_take(arena, 1, units);
        scratch.m = keep ? psq_arena_take(arena, N, units) : NULL;
    }
    for (int64_t d = 0; d < rnn->D && keep && rnn->cell->saves_gates; d++) {
        scratch.dgates[d] = psq_arena_take(arena, N, slots);
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
