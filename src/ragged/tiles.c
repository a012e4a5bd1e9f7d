// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tiles.c: conversions as fast as memory. The batch is cut into tiles of some sequences and some
// steps, small enough that all memory they touch stays in the nearest caches however far apart its
// parts lie; tiles follow each other in the target's order, and threads take them from a counter.
// What is done within a tile depends on the target: packed rows and padded steps are written across
// sequences, sequences along their steps, each from its beginning to its end.
#include "ragged/tiles.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/size.h"
#include "base/team.h"
#include "ragged/row_copy.h"

enum {
    TILE_SEQS = 64,            // at most
    TILE_BYTES = 256 * 1024,   // about; smaller where rows are short
    TILE_ROWS = 16 * 1024,     // at most
    FEW_SEQS = 8,              // fewer are copied one by one
    PATTERN_BYTES = 1024,      // how much of the padding is prepared
    BYTES_PER_MEMBER = 1 << 19 // below two of these a call stays with its caller
};

// The ways to walk the rows of a tile.
typedef enum walk {
    ACROSS_RANKS, // packed target: step by step, the ranks that are alive
    ACROSS_CELLS, // padded target, time first: step by step, elements and padding
    ALONG         // target by sequence: sequence by sequence, its elements and padding
} walk;

// A conversion. All but the counter is constant while it runs.
typedef struct work {
    const psq_layout *layout;
    const psq_place *src;
    const psq_place *dst;
    walk walk;
    bool by_rank; // tiles hold neighbouring ranks, else neighbouring sequences of the user's
    bool whole;   // on both sides a sequence's rows lie one after the other
    bool stream;
    bool zeros; // in the padding
    psq_row_kind kind;
    int64_t n_steps; // stored steps of the target, T if it is not padded
    int64_t tile_seqs;
    int64_t tile_steps;
    const char *pattern; // what the padding of a row begins with, again and again
    size_t pattern_bytes;
    _Atomic int64_t next; // the next tile that nobody has taken
} work;

// Sequences i0 to i0 + n - 1, in the order of the tiles, and stored steps s0 to s1 - 1.
typedef struct tile {
    int64_t i0, n, s0, s1;
    bool stream;
    char *src[TILE_SEQS]; // element (b, 0)
    char *dst[TILE_SEQS];
    int64_t first[TILE_SEQS]; // the stored step of (b, 0), and that of the row after the last
    int64_t end[TILE_SEQS];
} tile;

// ---- padding

// n whole rows, one after the other.
static void fill_rows(const work *w, char *dst, int64_t n) {
    size_t left = (size_t)n * w->dst->row_bytes;
    if (w->zeros && !w->stream) {
        memset(dst, 0, left);
        return;
    }
    while (left > 0) {
        const size_t size = left < w->pattern_bytes ? left : w->pattern_bytes;
        psq_bytes_copy(dst, w->pattern, size, w->stream);
        dst += size;
        left -= size;
    }
}

// Stored steps s to s + n - 1 of the target's sequence whose step 0 is at `dst`.
static void fill_steps(const work *w, char *dst, int64_t s, int64_t n) {
    const size_t stride = w->dst->stride;
    if (stride == w->dst->row_bytes) {
        fill_rows(w, dst + (size_t)s * stride, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        fill_rows(w, dst + (size_t)(s + i) * stride, 1);
    }
}

// ---- tiles of a target by sequence, and any with few sequences

// n rows, between addresses that rise by constant strides.
PSQ_INLINE void copy_strides(psq_row_kind kind, char *dst, size_t dst_stride, const char *src,
                             size_t src_stride, int64_t n, size_t row_bytes) {
    for (int64_t t = 0; t < n; t++) {
        psq_row_copy(kind, dst, src, row_bytes);
        dst += dst_stride;
        src += src_stride;
    }
}

// Elements t0 to t1 - 1 of the tile's sequence i.
PSQ_INLINE void copy_sequence(psq_row_kind kind, const work *w, const tile *x, int64_t i,
                              int64_t t0, int64_t t1) {
    const psq_place *const from = w->src;
    const psq_place *const to = w->dst;
    const size_t row_bytes = psq_row_size(kind, from->row_bytes);
    char *dst = x->dst[i] + psq_place_step(to, t0);
    const char *src = x->src[i] + psq_place_step(from, t0);
    if (from->steps != NULL) {
        for (int64_t t = t0; t < t1; t++) {
            psq_row_copy(kind, dst, x->src[i] + (size_t)from->steps[t] * row_bytes, row_bytes);
            dst += to->stride;
        }
    } else if (to->steps != NULL) {
        for (int64_t t = t0; t < t1; t++) {
            psq_row_copy(kind, x->dst[i] + (size_t)to->steps[t] * row_bytes, src, row_bytes);
            src += from->stride;
        }
    } else {
        copy_strides(kind, dst, to->stride, src, from->stride, t1 - t0, row_bytes);
    }
}

PSQ_INLINE void copy_along(psq_row_kind kind, const work *w, const tile *x) {
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t first = x->first[i];
        const int64_t s0 = psq_min_count(psq_max_count(first, x->s0), x->s1);
        const int64_t s1 = psq_max_count(psq_min_count(x->end[i], x->s1), s0);
        char *const dst = x->dst[i] - (size_t)first * w->dst->stride;
        const bool padded = w->dst->n_steps > 0;
        if (padded) {
            fill_steps(w, dst, x->s0, s0 - x->s0);
        }
        if (s0 < s1 && w->whole) {
            psq_bytes_copy(dst + (size_t)s0 * w->dst->stride,
                           x->src[i] + (size_t)(s0 - first) * w->src->stride,
                           (size_t)(s1 - s0) * w->dst->row_bytes, x->stream);
        } else if (s0 < s1) {
            copy_sequence(kind, w, x, i, s0 - first, s1 - first);
        }
        if (padded) {
            fill_steps(w, dst, s1, x->s1 - s1);
        }
    }
}

// ---- tiles of packed rows

// Whether the source's rows of a step lie one after the other too.
static bool are_neighbours(const work *w, const tile *x) {
    int64_t i = 1;
    while (i < x->n && x->src[i] == x->src[i - 1] + w->src->row_bytes) {
        i++;
    }
    return i == x->n;
}

PSQ_INLINE void copy_across_ranks(psq_row_kind kind, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const bool together = are_neighbours(w, x);
    for (int64_t t = x->s0; t < x->s1; t++) {
        const int64_t n = psq_min_count(w->layout->batch_sizes[t] - x->i0, x->n);
        const size_t step = (size_t)t * w->src->stride;
        char *dst = x->dst[0] + (size_t)w->layout->step_offsets[t] * row_bytes;
        if (together && n > 0) {
            psq_bytes_copy(dst, x->src[0] + step, (size_t)n * row_bytes, x->stream);
            continue;
        }
        for (int64_t i = 0; i < n; i++) {
            psq_row_copy(kind, dst, x->src[i] + step, row_bytes);
            dst += row_bytes;
        }
    }
}

// ---- tiles of padded steps

// A short row is copied from the pattern where it is padding, because a choice of addresses costs
// less than a jump that cannot be foretold.
PSQ_INLINE void copy_cell(psq_row_kind kind, const work *w, char *dst, const char *src,
                          bool is_element, size_t row_bytes) {
    if (kind <= PSQ_ROW_NARROW) {
        psq_row_copy(kind, dst, is_element ? src : w->pattern, row_bytes);
    } else if (is_element) {
        psq_row_copy(kind, dst, src, row_bytes);
    } else {
        fill_rows(w, dst, 1);
    }
}

PSQ_INLINE void copy_across_cells(psq_row_kind kind, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const int64_t *const steps = w->src->steps;
    const int64_t last = w->layout->n_steps - 1;
    for (int64_t s = x->s0; s < x->s1; s++) {
        char *dst = w->dst->rows + (size_t)(s * w->layout->n_seq + x->i0) * row_bytes;
        for (int64_t i = 0; i < x->n; i++) {
            const int64_t t = s - x->first[i];
            const bool is_element = (t >= 0) & (s < x->end[i]);
            const int64_t known = t < 0 ? 0 : t > last ? last : t;
            const size_t step =
                steps != NULL ? (size_t)steps[known] * row_bytes : (size_t)t * w->src->stride;
            copy_cell(kind, w, dst, (const char *)((uintptr_t)x->src[i] + step), is_element,
                      row_bytes);
            dst += row_bytes;
        }
    }
}

// ---- the work

PSQ_INLINE void copy_tile(psq_row_kind kind, const work *w, const tile *x) {
    if (w->walk == ALONG || x->n < FEW_SEQS) {
        copy_along(kind, w, x);
    } else if (w->walk == ACROSS_RANKS) {
        copy_across_ranks(kind, w, x);
    } else {
        copy_across_cells(kind, w, x);
    }
}

static bool is_aligned(const tile *x) {
    uintptr_t bits = 0;
    for (int64_t i = 0; i < x->n; i++) {
        bits |= (uintptr_t)x->dst[i];
    }
    return bits % PSQ_ROW_STREAM_ALIGN == 0;
}

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
    psq_row_kind kind = w->kind;
    x.stream = w->stream;
    if (w->stream && w->src->row_bytes % PSQ_ROW_STREAM_ALIGN == 0 &&
        w->src->row_bytes >= PSQ_ROW_STREAM_BYTES && is_aligned(&x)) {
        kind = PSQ_ROW_STREAM;
    }
#define COPY_TILE(constant) copy_tile(constant, w, &x)
    PSQ_ROW_KINDS(kind, COPY_TILE);
#undef COPY_TILE
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

static void do_tiles(void *arg, int64_t member) {
    (void)member;
    work *const w = (work *)arg;
    const int64_t n_rows = n_tile_rows(w);
    int64_t row = 0;
    int64_t begin = 0; // the number of the row's first tile
    int64_t n = n_rows > 0 ? n_tiles_in_row(w, 0) : 0;
    while (row < n_rows) {
        const int64_t mine = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed);
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

static void choose_pattern(work *w, psq_fill fill, char *buffer) {
    w->zeros = fill.value == NULL;
    w->pattern = buffer;
    w->pattern_bytes = PATTERN_BYTES;
    if (w->zeros) {
        memset(buffer, 0, PATTERN_BYTES);
    } else if (fill.size > PATTERN_BYTES) {
        w->pattern = (const char *)fill.value;
        w->pattern_bytes = fill.size;
    } else {
        w->pattern_bytes = PATTERN_BYTES / fill.size * fill.size;
        for (size_t at = 0; at < w->pattern_bytes; at += fill.size) {
            memcpy(buffer + at, fill.value, fill.size);
        }
    }
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
    char pattern[PATTERN_BYTES];
    work w = {.layout = layout, .src = src, .dst = dst, .kind = psq_row_kind_of(src->row_bytes)};
    w.stream = bytes > ctx->cache_bytes / 2; // which is read, and written
    choose_walk(&w);
    choose_tiles(&w, n_rows);
    choose_pattern(&w, fill, pattern);
    const int64_t n_wanted =
        ctx->eager ? psq_team_size(ctx)
                   : psq_min_count(psq_team_size(ctx), (int64_t)(bytes / BYTES_PER_MEMBER));
    psq_team_run(ctx, n_wanted, do_tiles, &w);
}
