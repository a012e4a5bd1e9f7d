// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_tile.c: the rows of one tile of a plan's result. What a piece gives to a tile is a run: rows
// at a constant distance, which is negative where the piece is reversed, or, of packed rows, at a
// constant distance in step_offsets. Sequences are written run by run. Packed rows and padded steps
// are written across sequences, from the tile's first row to its last, where each sequence has one
// run in the tile, which is nearly always so; else run by run too, which the tile's size makes
// bearable.
#include "ragged/plan_tile.h"

#include <string.h>

#include "base/size.h"
#include "ragged/writer.h"

// Rows of a source: row j is at src + j * step or, with steps, at src + steps[j * step] rows.
typedef struct run {
    const char *src;
    const int64_t *steps;
    ptrdiff_t step;
    int64_t n;
} run;

typedef struct tile {
    int64_t i0, n, s0, s1;
    int64_t b[PSQ_TILE_SEQS];    // the user's number
    int64_t from[PSQ_TILE_SEQS]; // stored steps that are elements, within the tile:
    int64_t to[PSQ_TILE_SEQS];   // from `from` to before `to`
    run runs[PSQ_TILE_SEQS];     // that begins with `from`; n 0: there is none
    bool is_simple;              // each run reaches its `to`, and all have steps or none
    bool has_steps;
    bool together; // the rows of a step lie one after the other in the source too
} tile;

// ---- runs

// The piece that has row t of sequence i of the result.
static int64_t find_piece(const psq_plan *plan, int64_t i, int64_t t) {
    int64_t low = plan->piece_offsets[i];
    int64_t high = plan->piece_offsets[i + 1] - 1;
    while (low < high) { // the last piece that begins at t or before
        const int64_t k = high - (high - low) / 2;
        if (plan->starts[k] <= t) {
            low = k;
        } else {
            high = k - 1;
        }
    }
    return low;
}

// What piece k has of rows t to t1 - 1 of its sequence, of which t is its own.
static run make_run(const psq_plan_copy *copy, int64_t k, int64_t t, int64_t t1) {
    const psq_piece *const piece = &copy->plan->pieces[k];
    const psq_place src =
        psq_place_array(copy->plan->sources[piece->source], copy->from[piece->source],
                        (void *)copy->src[piece->source], copy->dst.row_bytes);
    const int64_t skipped = t - copy->plan->starts[k];
    const int64_t left = piece->n_rows - skipped;
    const int64_t s = piece->first + (piece->reversed ? left - 1 : skipped);
    const ptrdiff_t sign = piece->reversed ? -1 : 1;
    const char *const seq = psq_place_seq(&src, piece->seq);
    const int64_t n = psq_min_count(left, t1 - t);
    if (src.steps != NULL) {
        return (run){seq, src.steps + s, sign, n};
    }
    return (run){psq_address(seq, (size_t)s * src.stride), NULL, sign * (ptrdiff_t)src.stride, n};
}

PSQ_INLINE const char *run_row(const run *r, bool has_steps, int64_t j, size_t row_bytes) {
    return has_steps ? r->src + (size_t)r->steps[j * r->step] * row_bytes : r->src + j * r->step;
}

// Writes row j and asks for that `ahead` rows on, or for the last where step_offsets end.
PSQ_INLINE void write_run_row(psq_row_kind kind, bool has_steps, psq_writer *w, const run *r,
                              int64_t j, int64_t ahead, size_t row_bytes) {
    uintptr_t next = 0;
    if (kind == PSQ_ROW_STREAM && has_steps) {
        next = (uintptr_t)run_row(r, true, psq_min_count(j + ahead, r->n - 1), row_bytes);
    } else if (kind == PSQ_ROW_STREAM) {
        next = (uintptr_t)r->src + (uintptr_t)(j + ahead) * (uintptr_t)r->step;
    }
    psq_writer_row_ahead(kind, w, run_row(r, has_steps, j, row_bytes), next, row_bytes);
}

// ---- padding

PSQ_INLINE void fill_row(psq_row_kind kind, const psq_plan_copy *copy, psq_writer *w) {
    size_t left = copy->dst.row_bytes;
    while (left > 0) {
        const size_t size = left < copy->pattern.n ? left : copy->pattern.n;
        if (kind == PSQ_ROW_STREAM) {
            psq_writer_row(kind, w, copy->pattern.bytes, size);
        } else {
            memcpy(w->at, copy->pattern.bytes, size);
            w->at += size;
        }
        left -= size;
    }
}

// Stored steps s to s1 - 1 of sequence b of a padded result.
PSQ_INLINE void fill_steps(psq_row_kind kind, const psq_plan_copy *copy, int64_t b, int64_t s,
                           int64_t s1) {
    const psq_place *const to = &copy->dst;
    const bool by_sequence = to->storage.order == PSQ_PADDED_BATCH;
    for (psq_writer w; s < s1; s++) {
        const int64_t row = by_sequence ? b * to->n_steps + s : s * to->layout->n_seq + b;
        psq_writer_at(kind, &w, to->rows + (size_t)row * to->row_bytes);
        fill_row(kind, copy, &w);
        psq_writer_end(kind, &w);
    }
}

// ---- along sequences

PSQ_INLINE void copy_rows(psq_row_kind kind, bool to_steps, bool from_steps, const psq_place *to,
                          char *seq, int64_t t, const run *r) {
    const size_t row_bytes = psq_row_size(kind, to->row_bytes);
    for (int64_t j = 0; j < r->n; j++) {
        char *const dst =
            seq + (to_steps ? (size_t)to->steps[t + j] * row_bytes : (size_t)(t + j) * to->stride);
        psq_row_copy(kind, dst, run_row(r, from_steps, j, row_bytes), row_bytes);
    }
}

// Where the result's rows of a sequence lie one after the other.
PSQ_INLINE void write_rows(psq_row_kind kind, bool from_steps, char *dst, const run *r,
                           size_t row_bytes) {
    const int64_t ahead = psq_rows_ahead(row_bytes);
    psq_writer w;
    psq_writer_at(kind, &w, dst);
    for (int64_t j = 0; j < r->n; j++) {
        write_run_row(kind, from_steps, &w, r, j, ahead, row_bytes);
    }
    psq_writer_end(kind, &w);
}

// A run to rows t and following of the result's sequence whose part of an address is `seq`.
PSQ_INLINE void copy_run(psq_row_kind kind, const psq_plan_copy *copy, char *seq, int64_t t,
                         const run *r) {
    const psq_place *const to = &copy->dst;
    const size_t row_bytes = psq_row_size(kind, to->row_bytes);
    if (to->steps != NULL && r->steps != NULL) {
        copy_rows(kind, true, true, to, seq, t, r);
    } else if (to->steps != NULL) {
        copy_rows(kind, true, false, to, seq, t, r);
    } else if (to->stride != row_bytes && r->steps != NULL) {
        copy_rows(kind, false, true, to, seq, t, r);
    } else if (to->stride != row_bytes) {
        copy_rows(kind, false, false, to, seq, t, r);
    } else if (r->steps != NULL) {
        write_rows(kind, true, seq + (size_t)t * row_bytes, r, row_bytes);
    } else if (r->step != (ptrdiff_t)row_bytes) {
        write_rows(kind, false, seq + (size_t)t * row_bytes, r, row_bytes);
    } else {
        psq_bytes_copy(seq + (size_t)t * row_bytes, r->src, (size_t)r->n * row_bytes, copy->stream);
    }
}

PSQ_INLINE void copy_along(psq_row_kind kind, const psq_plan_copy *copy, const tile *x) {
    for (int64_t i = 0; i < x->n; i++) {
        if (copy->dst.n_steps > 0) {
            fill_steps(kind, copy, x->b[i], x->s0, x->from[i]);
            fill_steps(kind, copy, x->b[i], x->to[i], x->s1);
        }
        if (x->from[i] == x->to[i]) {
            continue;
        }
        const int64_t first = psq_place_first(&copy->dst, x->b[i]);
        char *const seq = psq_place_seq(&copy->dst, x->b[i]);
        const int64_t end = x->to[i] - first;
        int64_t t = x->from[i] - first;
        run r = x->runs[i];
        int64_t k = find_piece(copy->plan, x->b[i], t);
        for (;;) {
            copy_run(kind, copy, seq, t, &r);
            t += r.n;
            if (t == end) {
                break;
            }
            do {
                k++;
            } while (copy->plan->pieces[k].n_rows == 0);
            r = make_run(copy, k, t, end);
        }
    }
}

// ---- across sequences

// Sequences are written step by step, past the caches, where the elements of a step lie near each
// other in the source: long stretches are read, and rows that fill lines may be written anywhere.
PSQ_INLINE void copy_along_steps(psq_row_kind kind, const psq_plan_copy *copy, const tile *x) {
    const psq_place *const to = &copy->dst;
    const size_t row_bytes = psq_row_size(kind, to->row_bytes);
    const int64_t ahead = psq_rows_ahead(row_bytes);
    psq_writer writers[PSQ_TILE_SEQS];
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t t = x->from[i] - psq_place_first(to, x->b[i]);
        psq_writer_at(kind, &writers[i],
                      psq_address(psq_place_seq(to, x->b[i]), (size_t)t * row_bytes));
    }
    for (int64_t s = x->s0; s < x->s1; s++) {
        for (int64_t i = 0; i < x->n; i++) {
            if (s >= x->from[i] && s < x->to[i]) {
                write_run_row(kind, true, &writers[i], &x->runs[i], s - x->from[i], ahead / x->n,
                              row_bytes);
            }
        }
    }
    for (int64_t i = 0; i < x->n; i++) {
        psq_writer_end(kind, &writers[i]);
        if (to->n_steps > 0) {
            fill_steps(kind, copy, x->b[i], x->s0, x->from[i]);
            fill_steps(kind, copy, x->b[i], x->to[i], x->s1);
        }
    }
}

// How many steps on the rows are that will be copied psq_rows_ahead from now.
PSQ_INLINE int64_t steps_ahead(const tile *x, size_t row_bytes) {
    return psq_max_count(psq_rows_ahead(row_bytes) / x->n, 1);
}

PSQ_INLINE void copy_step_packed(psq_row_kind kind, bool has_steps, const psq_plan_copy *copy,
                                 const tile *x, int64_t s) {
    const size_t row_bytes = psq_row_size(kind, copy->dst.row_bytes);
    const int64_t n = psq_min_count(copy->plan->layout->batch_sizes[s] - x->i0, x->n);
    char *const dst =
        copy->dst.rows + (size_t)(copy->plan->layout->step_offsets[s] + x->i0) * row_bytes;
    if (x->together && n > 0) {
        psq_bytes_copy(dst, run_row(&x->runs[0], has_steps, s - x->s0, row_bytes),
                       (size_t)n * row_bytes, copy->stream);
        return;
    }
    const int64_t ahead = steps_ahead(x, row_bytes);
    psq_writer w;
    psq_writer_at(kind, &w, dst);
    for (int64_t i = 0; i < n; i++) {
        write_run_row(kind, has_steps, &w, &x->runs[i], s - x->s0, ahead, row_bytes);
    }
    psq_writer_end(kind, &w);
}

PSQ_INLINE void copy_step_padded(psq_row_kind kind, bool has_steps, const psq_plan_copy *copy,
                                 const tile *x, int64_t s) {
    const size_t row_bytes = psq_row_size(kind, copy->dst.row_bytes);
    const int64_t ahead = steps_ahead(x, row_bytes);
    psq_writer w;
    psq_writer_at(kind, &w, copy->dst.rows + (size_t)(s * copy->plan->n_seq + x->i0) * row_bytes);
    for (int64_t i = 0; i < x->n; i++) {
        if (s >= x->from[i] && s < x->to[i]) {
            write_run_row(kind, has_steps, &w, &x->runs[i], s - x->from[i], ahead, row_bytes);
        } else {
            fill_row(kind, copy, &w);
        }
    }
    psq_writer_end(kind, &w);
}

PSQ_INLINE void copy_across(psq_row_kind kind, bool has_steps, const psq_plan_copy *copy,
                            const tile *x) {
    for (int64_t s = x->s0; s < x->s1; s++) {
        if (copy->dst.steps != NULL) {
            copy_step_packed(kind, has_steps, copy, x, s);
        } else {
            copy_step_padded(kind, has_steps, copy, x, s);
        }
    }
}

// ---- the tile

PSQ_INLINE void copy_tile(psq_row_kind kind, const psq_plan_copy *copy, const tile *x) {
    const bool by_sequence = psq_is_by_sequence(copy->dst.storage.order);
    if (kind == PSQ_ROW_STREAM && by_sequence && x->is_simple && x->has_steps) {
        copy_along_steps(kind, copy, x);
    } else if (by_sequence || !x->is_simple) {
        copy_along(kind, copy, x);
    } else if (x->has_steps) {
        copy_across(kind, true, copy, x);
    } else {
        copy_across(kind, false, copy, x);
    }
}

// Where its sequences are and what their first runs are; whether they are simple.
static void open_tile(const psq_plan_copy *copy, tile *x) {
    const psq_layout *const layout = copy->plan->layout;
    int64_t n_runs = 0;
    int64_t n_with_steps = 0;
    x->is_simple = true;
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t b = psq_tiling_seq(&copy->tiling, x->i0 + i);
        const int64_t first = psq_place_first(&copy->dst, b);
        x->b[i] = b;
        x->from[i] = psq_min_count(psq_max_count(first, x->s0), x->s1);
        x->to[i] = psq_max_count(psq_min_count(first + layout->lengths[b], x->s1), x->from[i]);
        x->runs[i].n = 0;
        if (x->from[i] < x->to[i]) {
            const int64_t t = x->from[i] - first;
            x->runs[i] = make_run(copy, find_piece(copy->plan, b, t), t, x->to[i] - first);
            x->is_simple = x->is_simple && x->runs[i].n == x->to[i] - x->from[i];
            n_runs++;
            n_with_steps += x->runs[i].steps != NULL ? 1 : 0;
        }
    }
    x->has_steps = n_with_steps > 0;
    x->is_simple = x->is_simple && (n_with_steps == 0 || n_with_steps == n_runs);
}

// Packed rows: all sequences that a step has are neighbours in the source.
static bool are_neighbours(const tile *x, size_t row_bytes) {
    int64_t i = 1;
    while (i < x->n && x->runs[i].n > 0 &&
           x->runs[i].src == psq_address(x->runs[i - 1].src, row_bytes) &&
           x->runs[i].steps == x->runs[i - 1].steps && x->runs[i].step == x->runs[i - 1].step) {
        i++;
    }
    return i == x->n;
}

// copy_tile for each kind.
#define COPY(name, kind, target)                                        \
    target static void name(const psq_plan_copy *copy, const tile *x) { \
        copy_tile(kind, copy, x);                                       \
    }
PSQ_EACH_ROW_KIND(COPY)
#undef COPY

static void (*const copies[PSQ_N_ROW_KIND])(const psq_plan_copy *copy,
                                            const tile *x) = PSQ_ROW_KIND_TABLE;

void psq_plan_copy_tile(const void *arg, int64_t i0, int64_t s0) {
    const psq_plan_copy *const copy = (const psq_plan_copy *)arg;
    const psq_tiling *const tiling = &copy->tiling;
    const psq_layout *const layout = copy->plan->layout;
    tile x = {.i0 = i0,
              .n = psq_min_count(tiling->tile_seqs, layout->n_seq - i0),
              .s0 = s0,
              .s1 = psq_min_count(tiling->tile_steps, tiling->n_steps - s0) + s0};
    if (copy->dst.steps != NULL) {
        x.n = psq_min_count(x.n, layout->batch_sizes[s0] - i0);
    }
    if (x.n <= 0) {
        return;
    }
    open_tile(copy, &x);
    x.together = copy->dst.steps != NULL && are_neighbours(&x, copy->dst.row_bytes);
    const bool in_order = x.is_simple || psq_is_by_sequence(copy->dst.storage.order);
    const bool is_wide = copy->dst.row_bytes >= PSQ_ROW_STREAM_BYTES;
    copies[copy->stream && in_order && is_wide ? PSQ_ROW_STREAM : copy->kind](copy, &x);
}
