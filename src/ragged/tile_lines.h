// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tile_lines.h: tiles of short rows that lie by sequence on one side and by step on the other. Of
// each sequence a line at a time is laid beside those of the others. So its memory is touched once
// per line, not per row, which matters where sequences of equal lengths lie so that the nearest
// cache has no room for a line of each.
#ifndef PACKSEQ_RAGGED_TILE_LINES_H
#define PACKSEQ_RAGGED_TILE_LINES_H

#include "ragged/tile_work.h"

// Lines are asked for so many rounds before they are read: 64 places are more than a processor
// follows by itself.
enum { LINES_AHEAD = 4 };

typedef char lines[PSQ_TILE_SEQS][PSQ_LINE];

// The line with the step that comes LINES_AHEAD rounds after the one at `src`; it need not exist.
PSQ_INLINE void fetch_line(const char *src) {
    __builtin_prefetch((const void *)((uintptr_t)src + LINES_AHEAD * PSQ_LINE));
}

PSQ_INLINE void copy_part(char *dst, const char *src, size_t n) {
    if (n == PSQ_LINE) {
        memcpy(dst, src, PSQ_LINE);
    } else {
        psq_line_copy(dst, src, n);
    }
}

// Rows of all lines, `at` bytes from their beginnings, to n rows one after the other; and back.
PSQ_INLINE void rows_of_lines(psq_row_kind kind, char *dst, lines from, size_t at, int64_t n,
                              size_t row_bytes) {
    for (int64_t i = 0; i < n; i++) {
        psq_row_copy(kind, dst + (size_t)i * row_bytes, from[i] + at, row_bytes);
    }
}

PSQ_INLINE void rows_to_lines(psq_row_kind kind, lines to, const char *src, size_t at, int64_t n,
                              size_t row_bytes) {
    for (int64_t i = 0; i < n; i++) {
        psq_row_copy(kind, to[i] + at, src + (size_t)i * row_bytes, row_bytes);
    }
}

static int64_t alive_in(const work *w, const tile *x, int64_t t) {
    const int64_t n = t < w->layout->n_steps ? w->layout->batch_sizes[t] - x->i0 : 0;
    return psq_max_count(psq_min_count(n, x->n), 0);
}

PSQ_INLINE void lines_to_ranks(psq_row_kind kind, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const int64_t n_steps = (int64_t)(PSQ_LINE / row_bytes);
    _Alignas(PSQ_LINE) lines part;
    for (int64_t s = x->s0; s < x->s1; s += n_steps) {
        const int64_t s1 = psq_min_count(s + n_steps, x->s1);
        const int64_t n = alive_in(w, x, s);
        for (int64_t i = 0; i < n; i++) {
            fetch_line(x->src[i] + (size_t)s * row_bytes);
            copy_part(part[i], x->src[i] + (size_t)s * row_bytes,
                      (size_t)(psq_min_count(x->end[i], s1) - s) * row_bytes);
        }
        for (int64_t t = s; t < s1; t++) {
            rows_of_lines(kind, x->dst[0] + (size_t)w->layout->step_offsets[t] * row_bytes, part,
                          (size_t)(t - s) * row_bytes, alive_in(w, x, t), row_bytes);
        }
    }
}

// Where the tile's rows of step t are, of which there are to be some.
static const char *step_rows(const work *w, const tile *x, int64_t t) {
    return x->src[0] + psq_place_step(w->src, t);
}

// Asks for the tile's rows of step t, if there is such a step.
static void fetch_rows(const work *w, const tile *x, int64_t t) {
    if (w->stream && t < w->layout->n_steps) {
        const uintptr_t rows = (uintptr_t)step_rows(w, x, t);
        for (size_t at = 0; at < (size_t)x->n * w->src->row_bytes; at += PSQ_LINE) {
            __builtin_prefetch((const void *)(rows + at));
        }
    }
}

// The rows of step t to all lines: of ranks that are alive, or of a padded source, whose padding is
// not read, those that are elements.
PSQ_INLINE void step_to_lines(psq_row_kind kind, bool is_packed, const work *w, const tile *x,
                              lines to, size_t at, int64_t t, int64_t shortest) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const char *const src = step_rows(w, x, t);
    if (is_packed || t < shortest) {
        rows_to_lines(kind, to, src, at, is_packed ? alive_in(w, x, t) : x->n, row_bytes);
        return;
    }
    for (int64_t i = 0; i < x->n; i++) {
        if (t < x->end[i]) {
            psq_row_copy(kind, to[i] + at, src + (size_t)i * row_bytes, row_bytes);
        }
    }
}

// is_packed must be a constant too: elements are few bytes.
PSQ_INLINE void steps_to_lines(psq_row_kind kind, bool is_packed, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const int64_t n_steps = (int64_t)(PSQ_LINE / row_bytes);
    int64_t shortest = x->end[0];
    for (int64_t i = 1; i < x->n; i++) {
        shortest = psq_min_count(shortest, x->end[i]);
    }
    _Alignas(PSQ_LINE) lines part;
    for (int64_t s = x->s0; s < x->s1; s += n_steps) {
        const int64_t s1 = psq_min_count(s + n_steps, x->s1);
        const int64_t n = is_packed ? alive_in(w, x, s) : x->n;
        // A padded target has steps that the layout has not.
        const int64_t last = psq_min_count(s1, w->layout->n_steps);
        for (int64_t t = s; t < last; t++) {
            fetch_rows(w, x, t + n_steps);
            step_to_lines(kind, is_packed, w, x, part, (size_t)(t - s) * row_bytes, t, shortest);
        }
        for (int64_t i = 0; i < n; i++) {
            const int64_t end = psq_min_count(x->end[i], s1);
            if (s < end) {
                copy_part(x->dst[i] + (size_t)s * row_bytes, part[i],
                          (size_t)(end - s) * row_bytes);
            }
        }
    }
    fill_ends(w, x);
}

PSQ_INLINE void lines_to_cells(psq_row_kind kind, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const int64_t n_steps = (int64_t)(PSQ_LINE / row_bytes);
    _Alignas(PSQ_LINE) lines part;
    for (int64_t s = x->s0; s < x->s1; s += n_steps) {
        const int64_t s1 = psq_min_count(s + n_steps, x->s1);
        for (int64_t i = 0; i < x->n; i++) {
            const int64_t from = psq_min_count(psq_max_count(x->first[i], s), s1);
            const int64_t to = psq_max_count(psq_min_count(x->end[i], s1), from);
            if (to - from < n_steps) {
                memcpy(part[i], w->pattern.bytes, PSQ_LINE);
            }
            if (from < to) {
                fetch_line(x->src[i] + (size_t)(from - x->first[i]) * row_bytes);
                copy_part(part[i] + (size_t)(from - s) * row_bytes,
                          x->src[i] + (size_t)(from - x->first[i]) * row_bytes,
                          (size_t)(to - from) * row_bytes);
            }
        }
        for (int64_t t = s; t < s1; t++) {
            rows_of_lines(kind, w->dst->rows + (size_t)(t * w->layout->n_seq + x->i0) * row_bytes,
                          part, (size_t)(t - s) * row_bytes, x->n, row_bytes);
        }
    }
}

// Whether one of these was right.
PSQ_INLINE bool copy_by_lines(psq_row_kind kind, const work *w, const tile *x) {
    const bool from_sequences = psq_is_by_sequence(w->src->storage.order);
    if (kind > PSQ_ROW_NARROW || kind == PSQ_ROW_16 || x->n < FEW_SEQS) {
        return false;
    }
    if (w->walk == ACROSS_RANKS && from_sequences) {
        lines_to_ranks(kind, w, x);
    } else if (w->walk == ACROSS_CELLS && from_sequences) {
        lines_to_cells(kind, w, x);
    } else if (w->walk == ALONG && w->src->steps != NULL && !w->dst->storage.pad_left) {
        steps_to_lines(kind, true, w, x);
    } else if (w->walk == ALONG && !from_sequences && !w->src->storage.pad_left &&
               !w->dst->storage.pad_left) {
        steps_to_lines(kind, false, w, x);
    } else {
        return false;
    }
    return true;
}

#endif
