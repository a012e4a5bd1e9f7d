// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// fill.h: what padding is filled with, checked; written at once, for whoever meets it now and then;
// and prepared as a pattern, for those who write much of it in ways of their own.
#ifndef PACKSEQ_RAGGED_FILL_H
#define PACKSEQ_RAGGED_FILL_H

#include <string.h>

#include "base/error.h"
#include "packseq/ragged.h"

static inline psq_status psq_fill_check(psq_fill fill, const char *row_name, size_t row_bytes,
                                        psq_error *err) {
    if (fill.value != NULL) {
        PSQ_REQUIRE(err, fill.size > 0, PSQ_INVALID, "fill.size is 0, must be at least 1");
        PSQ_REQUIRE(err, row_bytes % fill.size == 0, PSQ_INVALID,
                    "fill.size is %zu, does not divide %s, which is %zu", fill.size, row_name,
                    row_bytes);
    }
    return PSQ_OK;
}

// n bytes, whole rows.
static inline void psq_fill_bytes(char *dst, size_t n, psq_fill fill) {
    if (fill.value == NULL && n > 0) {
        memset(dst, 0, n);
    }
    for (size_t done = 0; fill.value != NULL && done < n; done += fill.size) {
        memcpy(dst + done, fill.value, fill.size);
    }
}

enum { PSQ_PATTERN_BYTES = 1024 };

// What the padding of a row begins with, again and again: whole fills, zeros if there is none.
typedef struct psq_pattern {
    const char *bytes; // `prepared`, or a fill that is larger than that
    size_t n;
    bool is_zero;
    _Alignas(64) char prepared[PSQ_PATTERN_BYTES];
} psq_pattern;

// The pattern must stay where it is.
static inline void psq_pattern_make(psq_pattern *pattern, psq_fill fill) {
    pattern->bytes = pattern->prepared;
    pattern->n = PSQ_PATTERN_BYTES;
    pattern->is_zero = fill.value == NULL;
    if (fill.value == NULL) {
        memset(pattern->prepared, 0, PSQ_PATTERN_BYTES);
    } else if (fill.size > PSQ_PATTERN_BYTES) {
        pattern->bytes = (const char *)fill.value;
        pattern->n = fill.size;
    } else {
        pattern->n = PSQ_PATTERN_BYTES / fill.size * fill.size;
        psq_fill_bytes(pattern->prepared, pattern->n, fill);
    }
}

#endif
