// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tile_lines.h: tiles of short rows that lie by sequence on one side and by step on the other. Of
// each sequence a line at a time is laid beside those of the others. So its memory is touched once
// per line, not per row, which matters where sequences of equal lengths lie so that the nearest
// cache has no room for a line of each.
#ifndef PACKSEQ_RAGGED_TILE_LINES_H
#define PACKSEQ_RAGGED_TILE_LINES_H

#include "ragged/tile_work.h"

typedef char lines[PSQ_TILE_SEQS][PSQ_LINE];

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
            copy_part(part[i], x->src[i] + (size_t)s * row_bytes,
                      (size_t)(psq_min_count(x->end[i], s1) - s) * row_bytes);
        }
        for (int64_t t = s; t < s1; t++) {
            rows_of_lines(kind, x->dst[0] + (size_t)w->layout->step_offsets[t] * row_bytes, part,
                          (size_t)(t - s) * row_bytes, alive_in(w, x, t), row_bytes);
        }
    }
}

PSQ_INLINE void ranks_to_lines(psq_row_kind kind, const work *w, const tile *x) {
    const size_t row_bytes = psq_row_size(kind, w->src->row_bytes);
    const int64_t n_steps = (int64_t)(PSQ_LINE / row_bytes);
    _Alignas(PSQ_LINE) lines part;
    for (int64_t s = x->s0; s < x->s1; s += n_steps) {
        const int64_t s1 = psq_min_count(s + n_steps, x->s1);
        const int64_t n = alive_in(w, x, s);
        // A padded target has steps that the layout has not.
        const int64_t last = psq_min_count(s1, w->layout->n_steps);
        for (int64_t t = s; t < last; t++) {
            rows_to_lines(kind, part, x->src[0] + (size_t)w->layout->step_offsets[t] * row_bytes,
                          (size_t)(t - s) * row_bytes, alive_in(w, x, t), row_bytes);
        }
        for (int64_t i = 0; i < n; i++) {
            copy_part(x->dst[i] + (size_t)s * row_bytes, part[i],
                      (size_t)(psq_min_count(x->end[i], s1) - s) * row_bytes);
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
        ranks_to_lines(kind, w, x);
    } else {
        return false;
    }
    return true;
}

#endif
