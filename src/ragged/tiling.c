// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tiling.c: how large tiles are, in which order they come and who takes which. Tiles lie in rows:
// some sequences at all their steps, or some steps of all sequences, as the target does.
#include "ragged/tiling.h"

#include <stdatomic.h>

#include "base/size.h"
#include "base/team.h"
#include "ragged/row_copy.h"

enum {
    TILE_BYTES = 256 * 1024,   // about; smaller where rows are short
    TILE_ROWS = 16 * 1024,     // at most
    BYTES_PER_MEMBER = 1 << 19 // below two of these a call stays with its caller
};

psq_tiling psq_tiling_of(const psq_place *dst) {
    const psq_layout *const layout = dst->layout;
    return (psq_tiling){
        .dst = dst,
        .n_rows = psq_is_padded(dst->storage.order) ? layout->n_seq * dst->n_steps : layout->n_rows,
        .n_steps = dst->n_steps > 0 ? dst->n_steps : layout->n_steps,
    };
}

void psq_tiling_cut(psq_tiling *tiling) {
    const int64_t B = tiling->dst->layout->n_seq;
    const int64_t room = psq_max_count((int64_t)(TILE_BYTES / tiling->dst->row_bytes), 1);
    const int64_t rows = psq_min_count(room, TILE_ROWS);
    const int64_t mean = psq_max_count(tiling->n_rows / B, 1);
    const int64_t seqs = tiling->whole ? psq_max_count(rows / mean, 1) : rows;
    tiling->tile_seqs = psq_min_count(psq_min_count(seqs, PSQ_TILE_SEQS), B);
    tiling->tile_steps = tiling->whole ? room : psq_max_count(rows / tiling->tile_seqs, 1);
}

static int64_t n_tiles(int64_t n, int64_t size) {
    return n / size + (n % size > 0 ? 1 : 0);
}

static int64_t n_tile_rows(const psq_tiling *tiling) {
    return tiling->by_sequence ? n_tiles(tiling->dst->layout->n_seq, tiling->tile_seqs)
                               : n_tiles(tiling->n_steps, tiling->tile_steps);
}

// What no sequence reaches has no tiles.
static int64_t n_tiles_in_row(const psq_tiling *tiling, int64_t row) {
    const psq_layout *const layout = tiling->dst->layout;
    if (!tiling->by_sequence) {
        const int64_t n = tiling->dst->steps != NULL ? layout->batch_sizes[row * tiling->tile_steps]
                                                     : layout->n_seq;
        return n_tiles(n, tiling->tile_seqs);
    }
    int64_t n_steps = tiling->dst->n_steps;
    const int64_t i0 = row * tiling->tile_seqs;
    const int64_t i1 = psq_min_count(i0 + tiling->tile_seqs, layout->n_seq);
    for (int64_t i = i0; i < i1 && tiling->dst->n_steps == 0; i++) {
        n_steps = psq_max_count(n_steps, layout->lengths[psq_tiling_seq(tiling, i)]);
    }
    return n_tiles(n_steps, tiling->tile_steps);
}

typedef struct queue {
    const psq_tiling *tiling;
    void (*copy)(const void *arg, int64_t i0, int64_t s0);
    const void *arg;
    _Atomic int64_t next; // the number of the next tile, which nobody has taken
} queue;

static void copy_tiles(void *arg, int64_t member) {
    (void)member;
    queue *const q = (queue *)arg;
    const psq_tiling *const tiling = q->tiling;
    const int64_t n_rows = n_tile_rows(tiling);
    int64_t row = 0;
    int64_t begin = 0; // the number of the row's first tile
    int64_t n = n_rows > 0 ? n_tiles_in_row(tiling, 0) : 0;
    while (row < n_rows) {
        const int64_t number = atomic_fetch_add_explicit(&q->next, 1, memory_order_relaxed);
        while (row < n_rows && number >= begin + n) {
            begin += n;
            row++;
            n = row < n_rows ? n_tiles_in_row(tiling, row) : 0;
        }
        if (row < n_rows) {
            const int64_t across = tiling->by_sequence ? row : number - begin;
            const int64_t along = tiling->by_sequence ? number - begin : row;
            q->copy(q->arg, across * tiling->tile_seqs, along * tiling->tile_steps);
        }
    }
    psq_row_stream_end();
}

void psq_tiling_run(const psq_tiling *tiling, const psq_ctx *ctx,
                    void (*copy)(const void *arg, int64_t i0, int64_t s0), const void *arg) {
    queue q = {.tiling = tiling, .copy = copy, .arg = arg};
    const size_t bytes = (size_t)tiling->n_rows * tiling->dst->row_bytes;
    const int64_t n_wanted =
        ctx->eager ? psq_team_size(ctx)
                   : psq_min_count(psq_team_size(ctx), (int64_t)(bytes / BYTES_PER_MEMBER));
    psq_team_run(ctx, n_wanted, copy_tiles, &q);
}
