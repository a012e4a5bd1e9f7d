// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// fill.h: what padding is filled with, checked and written row by row, for whoever meets it now and
// then. tiles.c has its own ways of writing much of it.
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

#endif
