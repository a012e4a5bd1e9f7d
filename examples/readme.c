// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>

#include "packseq/packseq.h"

int main(void) {
    const void *const words[] = {"pack", "no", "pad"}; // rows of any type and size, here char
    const int64_t lengths[] = {4, 2, 3};               // in any order, zeros too
    char rows[9];
    psq_ctx *ctx = NULL;
    psq_layout *batch = NULL;
    if (psq_ctx_create(NULL, &ctx, NULL) ||
        psq_layout_from_lengths(ctx, lengths, 3, &batch, NULL) ||
        psq_convert_from_list(batch, words, (psq_storage){0}, rows, 1, (psq_fill){0}, NULL)) {
        return 1;
    }
    printf("%.9s: %d words have a third letter\n", rows, (int)psq_layout_batch_sizes(batch)[2]);
    psq_layout_destroy(batch);
    psq_ctx_destroy(ctx);
}
