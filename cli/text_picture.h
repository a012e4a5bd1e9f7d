// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// text_picture.h: ragged batches drawn with characters.
#ifndef PACKSEQ_CLI_TEXT_PICTURE_H
#define PACKSEQ_CLI_TEXT_PICTURE_H

#include "packseq/layout.h"

#include <stdio.h>

typedef struct picture_style {
    int width;   // columns at most
    bool ascii;  // nothing but ASCII
    bool colour; // ANSI colours
} picture_style;

// Sequences x steps: the packed batch by rank with its row numbers and batch_sizes under their
// columns, beside or above the padded batch in the user's order. What does not fit is counted.
void picture_draw(const psq_layout *layout, picture_style style, FILE *out);

// One bar per sequence in the user's order: elements, padding, then names[b] (NULL: none); at most
// max_seq of them. Then batch_sizes.
void picture_draw_bars(const psq_layout *layout, const char *const *names, int64_t max_seq,
                       picture_style style, FILE *out);

// One bar alone: `length` elements, then padding up to `width`.
void picture_bar(int64_t length, int64_t width, picture_style style, FILE *out);

// "9 rows packed, 12 padded: packing saves 3 rows (25.0 %)". n_padded is B * T.
void picture_print_saved(const psq_layout *layout, int64_t n_padded, FILE *out);

#endif
