// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tile_copy.h: the rows of one tile, written once for rows of all kinds: tiles.c compiles
// psq_tile_copy for each of them. Packed rows and padded steps are written across sequences,
// sequences along their steps, each from its beginning to its end.
#ifndef PACKSEQ_RAGGED_TILE_COPY_H
#define PACKSEQ_RAGGED_TILE_COPY_H

#include "ragged/tile_lines.h"

// ---- tiles of a target by sequence, and any with few sequences

// Elements t0 to t1 - 1 of the tile's sequence i.
PSQ_INLINE void copy_sequence(psq_row_kind kind, const work *w, const tile *x, int64_t i,
                              int64_t t0, int64_t t1) {
    const psq_place *const from = w->src;
    const psq_place *const to = w->dst;
    const size_t row_bytes = psq_row_size(kind, from->row_bytes);
    const int64_t ahead = psq_rows_ahead(row_bytes);
    const bool together = to->stride == row_bytes && to->steps == NULL;
    const int64_t last = w->layout->n_steps - 1;
    psq_writer writer;
    psq_writer_at(kind, &writer, x->dst[i] + psq_place_step(to, t0));
    for (int64_t t = t0; t < t1; t++) {
        if (!together) {
            psq_writer_end(kind, &writer);
            psq_writer_at(kind, &writer, x->dst[i] + psq_place_step(to, t));
        }
        const size_t next = psq_place_step(from, psq_min_count(t + ahead, last));
        const size_t step =
            from->steps != NULL ? (size_t)from->steps[t] * row_bytes : (size_t)t * from->stride;
        psq_writer_row_ahead(kind, &writer, x->src[i] + step, (uintptr_t)x->src[i] + next,
                             row_bytes);
    }
    psq_writer_end(kind, &writer);
}

PSQ_INLINE void copy_along(psq_row_kind kind, const work *w, const tile *x) {
    for (int64_t i = 0; i < x->n; i++) {
        const int64_t first = x->first[i];
        const int64_t s0 = psq_min_count(psq_max_count(first, x->s0), x->s1);
        const int64_t s1 = psq_max_count(psq_min_count(x->end[i], x->s1), s0);
        char *const dst = psq_address(x->dst[i], 0 - (size_t)first * w->dst->stride);
        const bool padded = w->dst->n_steps > 0;
        if (padded) {
            fill_steps(w, dst, x->s0, s0 - x->s0);
        }
        if (s0 < s1 && w->tiling.whole) {
            psq_bytes_copy(dst + (size_t)s0 * w->dst->stride,
                           x->src[i] + (size_t)(s0 - first) * w->src->stride,
                           (size_t)(s1 - s0) * w->dst->row_bytes, w->stream);
        } else if (s0 < s1) {
            copy_sequence(kind, w, x, i, s0 - first, s1 - first);
        }
        if (padded) {
            fill_steps(w, dst, s1, x->s1 - s1);
        }
    }
}

// The same step by step, where elements of a step lie near each other in the source, and sequences
// begin with their first: long stretches are read, and rows that fill lines may be written
// anywhere.
PSQ_INLINE void copy_along_steps(psq_row_kind kind, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const size_t ahead = (size_t)psq_rows_ahead(row_bytes) * row_bytes;
    psq_writer writers[PSQ_TILE_SEQS];
    for (int64_t i = 0; i < x->n; i++) {
        psq_writer_at(kind, &writers[i], psq_address(x->dst[i], (size_t)x->s0 * row_bytes));
    }
    int64_t n = x->n;
    for (int64_t s = x->s0; s < x->s1; s++) {
        const size_t step = psq_place_step(w->src, psq_min_count(s, w->layout->n_steps));
        while (n > 0 && x->end[n - 1] <= s) {
            n--;
        }
        for (int64_t i = 0; i < n; i++) {
            if (s < x->end[i]) {
                psq_writer_row_ahead(kind, &writers[i], x->src[i] + step,
                                     (uintptr_t)x->src[i] + step + ahead, row_bytes);
            }
        }
    }
    for (int64_t i = 0; i < x->n; i++) {
        psq_writer_end(kind, &writers[i]);
    }
    fill_ends(w, x);
}

// ---- tiles of packed rows

// Whether the source's rows of a step lie one after the other too.
static bool are_neighbours(const work *w, const tile *x) {
    int64_t i = 1;
    while (i < x->n && x->src[i] == psq_address(x->src[i - 1], w->src->row_bytes)) {
        i++;
    }
    return i == x->n;
}

PSQ_INLINE void copy_across_ranks(psq_row_kind kind, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const bool together = are_neighbours(w, x);
    const int64_t ahead = psq_rows_ahead(row_bytes);
    for (int64_t t = x->s0; t < x->s1; t++) {
        const int64_t n = psq_min_count(w->layout->batch_sizes[t] - x->i0, x->n);
        const size_t step = (size_t)t * w->src->stride;
        char *const dst = x->dst[0] + (size_t)w->layout->step_offsets[t] * row_bytes;
        if (together && n > 0) {
            psq_bytes_copy(dst, x->src[0] + step, (size_t)n * row_bytes, w->stream);
            continue;
        }
        const int64_t more_steps = n > 0 ? ahead / n : 0;
        const int64_t more_ranks = n > 0 ? ahead % n : 0;
        psq_writer writer;
        psq_writer_at(kind, &writer, dst);
        for (int64_t i = 0; i < n; i++) {
            const bool over = i + more_ranks >= n;
            const size_t next = step + (size_t)(more_steps + over) * w->src->stride;
            psq_writer_row_ahead(kind, &writer, x->src[i] + step,
                                 (uintptr_t)x->src[i + more_ranks - (over ? n : 0)] + next,
                                 row_bytes);
        }
        psq_writer_end(kind, &writer);
    }
}

// ---- tiles of padded steps

// A short row is copied from the pattern where it is padding, because a choice of addresses costs
// less than a jump that cannot be foretold.
PSQ_INLINE void copy_cell(psq_row_kind kind, const work *w, psq_writer *writer, const char *src,
                          uintptr_t next, bool is_element, size_t row_bytes) {
    if (kind <= PSQ_ROW_NARROW) {
        psq_writer_row(kind, writer, is_element ? src : w->pattern.bytes, row_bytes);
    } else if (is_element) {
        psq_writer_row_ahead(kind, writer, src, next, row_bytes);
    } else if (kind == PSQ_ROW_STREAM) {
        for (size_t at = 0; at < row_bytes; at += w->pattern.n) {
            const size_t left = row_bytes - at;
            psq_writer_row(kind, writer, w->pattern.bytes,
                           left < w->pattern.n ? left : w->pattern.n);
        }
    } else {
        fill_rows(w, writer->at, 1);
        writer->at += row_bytes;
    }
}

// psq_place_step for any t; where there is no such step the result means nothing. n_steps is T:
// steps has T + 1 entries, so that there is one to read even where T is 0.
PSQ_INLINE size_t step_within(const psq_place *src, const int64_t *steps, int64_t t,
                              int64_t n_steps, size_t row_bytes) {
    if (steps == NULL) {
        return (size_t)t * src->stride;
    }
    const int64_t known = psq_min_count(psq_max_count(t, 0), n_steps);
    return (size_t)steps[known] * row_bytes;
}

PSQ_INLINE void copy_across_cells(psq_row_kind kind, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const int64_t *const steps = w->src->steps;
    const int64_t n_steps = w->layout->n_steps;
    const int64_t ahead = psq_max_count(psq_rows_ahead(row_bytes) / x->n, 1);
    for (int64_t s = x->s0; s < x->s1; s++) {
        psq_writer writer;
        psq_writer_at(kind, &writer,
                      w->dst->rows + (size_t)(s * w->layout->n_seq + x->i0) * row_bytes);
        for (int64_t i = 0; i < x->n; i++) {
            const int64_t t = s - x->first[i];
            const bool is_element = (t >= 0) & (s < x->end[i]);
            const size_t step = step_within(w->src, steps, t, n_steps, row_bytes);
            const size_t next = kind == PSQ_ROW_STREAM
                                    ? step_within(w->src, steps, t + ahead, n_steps, row_bytes)
                                    : step;
            copy_cell(kind, w, &writer, psq_address(x->src[i], step), (uintptr_t)x->src[i] + next,
                      is_element, row_bytes);
        }
        psq_writer_end(kind, &writer);
    }
}

// ---- any

// kind must be a constant.
PSQ_INLINE void psq_tile_copy(psq_row_kind kind, const work *w, const tile *x) {
    if (copy_by_lines(kind, w, x)) {
        return;
    }
    if (w->walk == ALONG && !w->tiling.whole && kind == PSQ_ROW_STREAM &&
        !w->dst->storage.pad_left) {
        copy_along_steps(kind, w, x);
    } else if (w->walk == ALONG || x->n < FEW_SEQS) {
        copy_along(kind, w, x);
    } else if (w->walk == ACROSS_RANKS) {
        copy_across_ranks(kind, w, x);
    } else {
        copy_across_cells(kind, w, x);
    }
}

#endif
