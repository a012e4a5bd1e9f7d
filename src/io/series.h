// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// series.h: how the reader of a format fills a psq_series: psq_series_read around the file, and for
// each sequence psq_series_open, its rows, psq_series_close.
#ifndef PACKSEQ_IO_SERIES_H
#define PACKSEQ_IO_SERIES_H

#include "io/lines.h"
#include "packseq/io.h"

// What a sequence is. The empty list of a JSONL file may be one of numbers or of vectors.
typedef enum psq_series_kind {
    PSQ_SERIES_NOTHING = 0, // no sequence yet
    PSQ_SERIES_EMPTY,       // lists without elements only
    PSQ_SERIES_TEXT,        // U8, bytes
    PSQ_SERIES_INTEGERS,    // I32
    PSQ_SERIES_REALS,       // F32
    PSQ_SERIES_VECTORS      // F32, width of them in a row
} psq_series_kind;

// Opens the next sequence: `length` rows of `kind`, `width` numbers each (1 where rows are no
// vectors). Its rows are written to *rows, of psq_series_dtype: integers as floats where reals came
// before; reals make floats of the integers that came before. PSQ_FORMAT, with the line: strings,
// numbers and vectors mixed, another width. PSQ_NOMEM.
PSQ_MUST psq_status psq_series_open(psq_series *series, const psq_line *line, psq_series_kind kind,
                                    int64_t length, int64_t width, void **rows, psq_error *err);

// Ends it. A label at NULL: none.
PSQ_MUST psq_status psq_series_close(psq_series *series, psq_span label, psq_error *err);

// Hands the lines of the file at `name`, or of the bytes if there are any, to `take`, whose self is
// the series. After a failure the series is as it was.
PSQ_MUST psq_status psq_series_read(psq_series *series, const char *name, const psq_span *bytes,
                                    psq_status (*take)(void *self, const psq_line *line,
                                                       psq_error *err),
                                    psq_error *err);

#endif
