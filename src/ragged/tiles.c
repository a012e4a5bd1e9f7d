// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tiles.c: conversions as fast as memory: which way the rows of a tile are walked, and with what
// code rows of their size are copied.
#include "ragged/tiles.h"

#include <string.h>

#include "ragged/tile_copy.h"

// psq_tile_copy for each kind.
#define COPY(name, kind, target)                            \
    target static void name(const work *w, const tile *x) { \
        psq_tile_copy(kind, w, x);                          \
    }
PSQ_EACH_ROW_KIND(COPY)
#undef COPY

static void (*const copies[PSQ_N_ROW_KIND])(const work *w, const tile *x) = PSQ_ROW_KIND_TABLE;

static void do_tile(const void *arg, int64_t i0, int64_t s0) {
    const work *const w = (const work *)arg;
    const psq_tiling *const tiling = &w->tiling;
    tile x = {.i0 = i0,
              .n = psq_min_count(tiling->tile_seqs, w->layout->n_seq - i0),
              .s0 = s0,
              .s1 = psq_min_count(s0 + tiling->tile_steps, tiling->n_steps)};
    for (int64_t i = 0; i < x.n; i++) {
        const int64_t b = psq_tiling_seq(tiling, i0 + i);
        x.src[i] = psq_place_seq(w->src, b);
        x.dst[i] = psq_place_seq(w->dst, b);
        x.first[i] = psq_place_first(w->dst, b);
        x.end[i] = x.first[i] + w->layout->lengths[b];
    }
    copies[w->kind](w, &x);
}

// ---- how it is done

static void choose_walk(work *w) {
    const psq_order from = w->src->storage.order;
    const psq_order to = w->dst->storage.order;
    const bool one = w->layout->n_seq == 1; // its rows lie one after the other everywhere
    w->walk = one || psq_is_by_sequence(to) ? ALONG
              : to == PSQ_PACKED            ? ACROSS_RANKS
                                            : ACROSS_CELLS;
    w->tiling.by_sequence = w->walk == ALONG;
    w->tiling.by_rank = w->walk == ACROSS_RANKS || (w->walk == ALONG && from == PSQ_PACKED);
    w->tiling.whole = w->walk == ALONG && (one || psq_is_by_sequence(from));
}

// Whether step by step all rows are in the same order, none of them padding.
static bool are_alike(const psq_place *src, const psq_place *dst) {
    const psq_layout *const layout = src->layout;
    const psq_place *const places[2] = {src, dst};
    for (int k = 0; k < 2; k++) {
        const psq_place *const place = places[k];
        if (psq_is_by_sequence(place->storage.order) ||
            (place->steps == NULL && place->n_steps * layout->n_seq != layout->n_rows)) {
            return false;
        }
    }
    int64_t b = (src->steps != NULL) == (dst->steps != NULL) ? layout->n_seq : 0;
    while (b < layout->n_seq && layout->sorted_indices[b] == b) {
        b++;
    }
    return b == layout->n_seq;
}

void psq_tiles_copy(const psq_place *src, const psq_place *dst, psq_fill fill) {
    const psq_layout *const layout = src->layout;
    const psq_ctx *const ctx = layout->ctx;
    work w = {.layout = layout, .src = src, .dst = dst, .tiling = psq_tiling_of(dst)};
    if (src->row_bytes == 0 || w.tiling.n_rows == 0) {
        return;
    }
    const size_t bytes = (size_t)w.tiling.n_rows * src->row_bytes;
    if (are_alike(src, dst)) {
        memcpy(dst->rows, src->rows, bytes);
        return;
    }
    w.stream = bytes > ctx->cache_bytes / 2; // which is read, and written
    w.kind = w.stream && src->row_bytes >= PSQ_ROW_STREAM_BYTES
                 ? PSQ_ROW_STREAM
                 : psq_row_kind_of(src->row_bytes, ctx->cpu_allowed);
    choose_walk(&w);
    psq_tiling_cut(&w.tiling);
    psq_pattern_make(&w.pattern, fill);
    psq_tiling_run(&w.tiling, ctx, do_tile, &w);
}
