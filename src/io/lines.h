// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// lines.h: the lines of a file or of bytes in memory, one after the other, each of them UTF-8
// without NUL and not too long. What a line means is its taker's to say.
#ifndef PACKSEQ_IO_LINES_H
#define PACKSEQ_IO_LINES_H

#include "io/names.h"

// A line without its end, and where it is, for errors.
typedef struct psq_line {
    const char *file;
    int64_t number; // from 1
    psq_span text;
} psq_line;

// Who takes the lines. The text is borrowed for the call.
typedef struct psq_line_taker {
    psq_status (*take)(void *self, const psq_line *line, psq_error *err);
    void *self;
    int64_t max_length; // bytes of a line
} psq_line_taker;

// Hands over every line up to the first fault: separated by LF or CRLF, the last one with or
// without; a byte order mark at the start is skipped. A file is read piece by piece, so that one
// that never ends is refused at its first bad line. PSQ_FORMAT: "file:line: ..." a line that is too
// long, has a NUL byte or is no UTF-8. PSQ_IO, PSQ_NOMEM, and what `take` returns.
PSQ_MUST psq_status psq_lines_of_file(const psq_ctx *ctx, const char *path,
                                      const psq_line_taker *taker, psq_error *err);
PSQ_MUST psq_status psq_lines_of_bytes(const char *name, psq_span bytes,
                                       const psq_line_taker *taker, psq_error *err);

#endif
