// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tiles.c: conversions as fast as memory. The batch is cut into tiles of some sequences and some
// steps, small enough that all memory they touch stays in the nearest caches however far apart its
// parts lie; tiles follow each other in the target's order, and threads take them from a counter.
#include "ragged/tiles.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/team.h"
#include "ragged/tile_copy.h"

enum {
    TILE_BYTES = 256 * 1024,   // about; smaller where rows are short
    TILE_ROWS = 16 * 1024,     // at most
    BYTES_PER_MEMBER = 1 << 19 // below two of these a call stays with its caller
};

// psq_tile_copy for each kind.
#define COPY(name, kind, target)                            \
    target static void name(const work *w, const tile *x) { \
        psq_tile_copy(kind, w, x);                          \
    }
PSQ_EACH_ROW_KIND(COPY)
#undef COPY

static void (*const copies[PSQ_N_ROW_KIND])(const work *w, const tile *x) = PSQ_ROW_KIND_TABLE;

static void do_tile(const work *w, int64_t i0, int64_t s0) {
    tile x = {.i0 = i0,
              .n = psq_min_count(w->tile_seqs, w->layout->n_seq - i0),
              .s0 = s0,
              .s1 = psq_min_count(s0 + w->tile_steps, w->n_steps)};
    for (int64_t i = 0; i < x.n; i++) {
        const int64_t b = w->by_rank ? w->layout->sorted_indices[i0 + i] : i0 + i;
        x.src[i] = psq_place_seq(w->src, b);
        x.dst[i] = psq_place_seq(w->dst, b);
        x.first[i] = psq_place_first(w->dst, b);
        x.end[i] = x.first[i] + w->layout->lengths[b];
    }
    copies[w->kind](w, &x);
}

static int64_t n_tiles(int64_t n, int64_t size) {
    return n / size + (n % size > 0 ? 1 : 0);
}

// Tiles lie in rows: steps of all sequences, or sequences at all steps, as the target does. What no
// sequence reaches has no tiles.
static int64_t n_tile_rows(const work *w) {
    return w->walk == ALONG ? n_tiles(w->layout->n_seq, w->tile_seqs)
                            : n_tiles(w->n_steps, w->tile_steps);
}

static int64_t n_tiles_in_row(const work *w, int64_t row) {
    if (w->walk == ACROSS_CELLS) {
        return n_tiles(w->layout->n_seq, w->tile_seqs);
    }
    if (w->walk == ACROSS_RANKS) {
        return n_tiles(w->layout->batch_sizes[row * w->tile_steps], w->tile_seqs);
    }
    int64_t n_steps = w->dst->n_steps;
    const int64_t i0 = row * w->tile_seqs;
    const int64_t i1 = psq_min_count(i0 + w->tile_seqs, w->layout->n_seq);
    for (int64_t i = i0; i < i1 && w->dst->n_steps == 0; i++) {
        const int64_t b = w->by_rank ? w->layout->sorted_indices[i] : i;
        n_steps = psq_max_count(n_steps, w->layout->lengths[b]);
    }
    return n_tiles(n_steps, w->tile_steps);
}

// The conversion and the number of the next tile, which nobody has taken.
typedef struct queue {
    work work;
    _Atomic int64_t next;
} queue;

static void do_tiles(void *arg, int64_t member) {
    (void)member;
    queue *const q = (queue *)arg;
    const work *const w = &q->work;
    const int64_t n_rows = n_tile_rows(w);
    int64_t row = 0;
    int64_t begin = 0; // the number of the row's first tile
    int64_t n = n_rows > 0 ? n_tiles_in_row(w, 0) : 0;
    while (row < n_rows) {
        const int64_t mine = atomic_fetch_add_explicit(&q->next, 1, memory_order_relaxed);
        while (row < n_rows && mine >= begin + n) {
            begin += n;
            row++;
            n = row < n_rows ? n_tiles_in_row(w, row) : 0;
        }
        if (row < n_rows && w->walk == ALONG) {
            do_tile(w, row * w->tile_seqs, (mine - begin) * w->tile_steps);
        } else if (row < n_rows) {
            do_tile(w, (mine - begin) * w->tile_seqs, row * w->tile_steps);
        }
    }
    psq_row_stream_end();
}

// ---- how it is done

static void choose_walk(work *w) {
    const psq_order to = w->dst->storage.order;
    const bool one = w->layout->n_seq == 1; // its rows lie one after the other everywhere
    w->walk = one || psq_is_by_sequence(to) ? ALONG
              : to == PSQ_PACKED            ? ACROSS_RANKS
                                            : ACROSS_CELLS;
    w->whole = w->walk == ALONG && (one || psq_is_by_sequence(w->src->storage.order));
    w->by_rank =
        w->walk == ACROSS_RANKS || (w->walk == ALONG && w->src->storage.order == PSQ_PACKED);
    w->n_steps = w->dst->n_steps > 0 ? w->dst->n_steps : w->layout->n_steps;
}

static void choose_tiles(work *w, int64_t n_rows) {
    const size_t row_bytes = w->src->row_bytes;
    const int64_t room = row_bytes < TILE_BYTES ? (int64_t)(TILE_BYTES / row_bytes) : 1;
    const int64_t rows = psq_min_count(room, TILE_ROWS);
    const int64_t mean = psq_max_count(n_rows / w->layout->n_seq, 1);
    const int64_t seqs = w->whole ? psq_max_count(rows / mean, 1) : rows;
    w->tile_seqs = psq_min_count(psq_min_count(seqs, TILE_SEQS), w->layout->n_seq);
    w->tile_steps = w->whole ? room : psq_max_count(rows / w->tile_seqs, 1);
}

void psq_tiles_copy(const psq_place *src, const psq_place *dst, psq_fill fill) {
    const psq_layout *const layout = src->layout;
    const psq_ctx *const ctx = layout->ctx;
    const int64_t n_rows = dst->n_steps > 0 ? layout->n_seq * dst->n_steps : layout->n_rows;
    if (src->row_bytes == 0 || n_rows == 0) {
        return;
    }
    const size_t bytes = (size_t)n_rows * src->row_bytes;
    if (src->steps != NULL && dst->steps != NULL) {
        memcpy(dst->rows, src->rows, bytes);
        return;
    }
    queue q = {.work = {.layout = layout,
                        .src = src,
                        .dst = dst,
                        .stream = bytes > ctx->cache_bytes / 2, // which is read, and written
                        .kind = psq_row_kind_of(src->row_bytes, ctx->cpu_allowed)}};
    if (q.work.stream && src->row_bytes >= PSQ_ROW_STREAM_BYTES) {
        q.work.kind = PSQ_ROW_STREAM;
    }
    choose_walk(&q.work);
    choose_tiles(&q.work, n_rows);
    psq_pattern_make(&q.work.pattern, fill);
    const int64_t n_wanted =
        ctx->eager ? psq_team_size(ctx)
                   : psq_min_count(psq_team_size(ctx), (int64_t)(bytes / BYTES_PER_MEMBER));
    psq_team_run(ctx, n_wanted, do_tiles, &q);
}
