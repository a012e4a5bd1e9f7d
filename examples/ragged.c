// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// ragged.c: pack a list of sequences, and pad the packed rows, on the right and on the left. The
// rows are characters here; they could be vectors of any type.
#include <stdio.h>
#include <stdlib.h>

#include "packseq/ragged.h"

static psq_error error;

static void require(psq_status status) {
    if (status != PSQ_OK) {
        fprintf(stderr, "%s: %s\n", psq_status_name(status), error.text);
        exit(EXIT_FAILURE);
    }
}

int main(void) {
    const char *const words[] = {"ragged", "row", "", "pack"};
    const int64_t lengths[] = {6, 3, 0, 4};
    psq_ctx *ctx = NULL;
    psq_layout *layout = NULL;
    require(psq_ctx_create(NULL, &ctx, &error));
    require(psq_layout_from_lengths(ctx, lengths, 4, &layout, &error));

    char rows[13];
    const void *const list[] = {words[0], words[1], words[2], words[3]};
    const psq_storage packed = {PSQ_PACKED, false, 0};
    const psq_fill dot = {".", 1};
    require(psq_convert_from_list(layout, list, packed, rows, 1, dot, &error));
    printf("packed        %.13s\n", rows);

    for (int left = 0; left < 2; left++) {
        char cells[4 * 8];
        const psq_storage padded = {PSQ_PADDED_BATCH, left == 1, 8};
        require(psq_convert(layout, packed, rows, padded, cells, 1, dot, &error));
        for (int b = 0; b < 4; b++) {
            printf("%-13s %.8s\n", left == 1 ? "padded left" : "padded right", cells + 8 * b);
        }
    }
    psq_layout_destroy(layout);
    psq_ctx_destroy(ctx);
    return EXIT_SUCCESS;
}
