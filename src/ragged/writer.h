// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// writer.h: rows that are written one after the other. Past the caches memory takes whole lines
// only: a line of which half is written, then some loads wait, then the other half, costs about
// three times as much. So what does not fill a line is kept until the next row completes it, and
// rows need no alignment.
#ifndef PACKSEQ_RAGGED_WRITER_H
#define PACKSEQ_RAGGED_WRITER_H

#include "ragged/row_copy.h"

enum {
    PSQ_LINE = 64,
    PSQ_FETCH_BYTES = 8192, // asked for before they are copied,
    PSQ_FETCH_PIECE = 512   // so many at a time
};

// Between psq_writer_at and psq_writer_end.
typedef struct psq_writer {
    char *at;    // where the next row goes; PSQ_ROW_STREAM: the line that is next
    size_t lead; // bytes of that line that are not the writer's, and
    size_t have; // those and what is kept of it
    char line[PSQ_LINE];
} psq_writer;

PSQ_INLINE void psq_writer_at(psq_row_kind kind, psq_writer *w, char *dst) {
    w->at = dst;
    if (kind == PSQ_ROW_STREAM) {
        w->have = (uintptr_t)dst % PSQ_LINE;
        w->lead = w->have;
        w->at = (char *)((uintptr_t)dst - w->have);
    }
}

// Fewer bytes than a line has.
PSQ_INLINE void psq_line_copy(char *dst, const char *src, size_t n) {
    if (n >= 16) {
        psq_row_copy_wide(dst, src, n);
    } else {
        psq_row_copy_narrow(dst, src, n);
    }
}

PSQ_INLINE void psq_writer_stream(psq_writer *w, const char *src, size_t n) {
    if (w->have > 0) {
        const size_t more = n < PSQ_LINE - w->have ? n : PSQ_LINE - w->have;
        psq_line_copy(w->line + w->have, src, more);
        w->have += more;
        src += more;
        n -= more;
        if (w->have < PSQ_LINE) {
            return;
        }
        if (w->lead > 0) {
            psq_line_copy(w->at + w->lead, w->line + w->lead, PSQ_LINE - w->lead);
            w->lead = 0;
        } else {
            psq_row_stream(w->at, w->line, PSQ_LINE);
        }
        w->at += PSQ_LINE;
        w->have = 0;
    }
    const size_t lines = n / PSQ_LINE * PSQ_LINE;
    psq_row_stream(w->at, src, lines);
    psq_line_copy(w->line, src + lines, n - lines);
    w->at += lines;
    w->have = n - lines;
}

// n bytes more; any number with PSQ_ROW_STREAM, else that of a row of this kind.
PSQ_INLINE void psq_writer_row(psq_row_kind kind, psq_writer *w, const char *src, size_t n) {
    if (kind == PSQ_ROW_STREAM) {
        psq_writer_stream(w, src, n);
    } else {
        psq_row_copy(kind, w->at, src, n);
        w->at += n;
    }
}

// Rows that go past the caches come from beyond them too, from as many places as a tile has
// sequences or steps, which is more than a processor follows by itself: so it is told, some rows
// before they are copied, piece by piece while it copies. What lies at `next` need not exist.
PSQ_INLINE void psq_writer_row_ahead(psq_row_kind kind, psq_writer *w, const char *src,
                                     uintptr_t next, size_t n) {
    if (kind != PSQ_ROW_STREAM) {
        psq_writer_row(kind, w, src, n);
        return;
    }
    for (size_t at = 0; at < n; at += PSQ_FETCH_PIECE) {
        const size_t left = n - at;
        const size_t piece = left < PSQ_FETCH_PIECE ? left : PSQ_FETCH_PIECE;
        for (size_t i = 0; i < piece; i += PSQ_LINE) {
            __builtin_prefetch((const void *)(next + at + i));
        }
        psq_writer_row(kind, w, src + at, piece);
    }
    __builtin_prefetch((const void *)(next + n - 1)); // in a line more, or not
}

// How many rows before.
PSQ_INLINE int64_t psq_rows_ahead(size_t row_bytes) {
    return row_bytes < PSQ_FETCH_BYTES ? (int64_t)(PSQ_FETCH_BYTES / row_bytes) : 1;
}

PSQ_INLINE void psq_writer_end(psq_row_kind kind, psq_writer *w) {
    if (kind == PSQ_ROW_STREAM && w->have > w->lead) {
        psq_line_copy(w->at + w->lead, w->line + w->lead, w->have - w->lead);
    }
}

#endif
