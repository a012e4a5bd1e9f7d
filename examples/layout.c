// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// layout.c: what a 4 in batch_sizes means, and the way back to lengths. Three sequences a, b, c of
// 4, 2 and 3 elements are packed; then another batch has a length 4 twice and no 4 in batch_sizes.
#include <stdio.h>
#include <stdlib.h>

#include "packseq/layout.h"

static psq_error error;

static void require(psq_status status) {
    if (status != PSQ_OK) {
        fprintf(stderr, "%s: %s\n", psq_status_name(status), error.text);
        exit(EXIT_FAILURE);
    }
}

static void print(const char *name, const int64_t *values, int64_t n) {
    printf("%-17s", name);
    for (int64_t i = 0; i < n; i++) {
        printf(" %lld", (long long)values[i]);
    }
    printf("\n");
}

int main(void) {
    psq_ctx *ctx = NULL;
    require(psq_ctx_create(NULL, &ctx, &error));

    const int64_t lengths[] = {4, 2, 3};
    psq_layout *layout = NULL;
    require(psq_layout_from_lengths(ctx, lengths, 3, &layout, &error));
    const int64_t *const batch_sizes = psq_layout_batch_sizes(layout);
    const int64_t *const ranks = psq_layout_unsorted_indices(layout);
    print("lengths", psq_layout_lengths(layout), psq_layout_n_seq(layout));
    print("batch_sizes", batch_sizes, psq_layout_n_steps(layout));
    print("sorted_indices", psq_layout_sorted_indices(layout), psq_layout_n_seq(layout));

    const psq_storage packed = {PSQ_PACKED, false, 0};
    for (int64_t b = 0; b < 3; b++) {
        printf("rows of %c        ", "abc"[b]);
        for (int64_t t = 0; t < lengths[b]; t++) {
            printf(" %lld", (long long)psq_storage_row(layout, packed, b, t));
        }
        printf("\n");
    }

    // Back to lengths. Without the ranks they come in the order of ranks, not in the user's.
    int64_t back[3];
    require(psq_lengths_from_batch_sizes(batch_sizes, 4, NULL, 3, back, &error));
    print("lengths by rank", back, 3);
    require(psq_lengths_from_batch_sizes(batch_sizes, 4, ranks, 3, back, &error));
    print("lengths by user", back, 3);
    psq_layout_destroy(layout);

    const int64_t more[] = {6, 4, 4, 3, 3};
    require(psq_layout_from_lengths(ctx, more, 5, &layout, &error));
    print("lengths", more, 5);
    print("batch_sizes", psq_layout_batch_sizes(layout), psq_layout_n_steps(layout));
    psq_layout_destroy(layout);
    psq_ctx_destroy(ctx);
    return EXIT_SUCCESS;
}
