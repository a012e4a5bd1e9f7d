// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// ragged_tour.c: a list of sequences, packed; the last row and the mean of each; the batch split in
// balanced parts and put together again; inputs and targets of a language model. Each row is one
// number here; it could be a vector.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packseq/plan.h"
#include "packseq/pool.h"

enum { B = 4, N = 10 };

static const psq_storage packed = {PSQ_PACKED, false, 0};
static const psq_storage jagged = {PSQ_JAGGED, false, 0};
static const psq_fill zeros = {NULL, 0};
static psq_error error;

static void require(psq_status status) {
    if (status != PSQ_OK) {
        fprintf(stderr, "%s: %s\n", psq_status_name(status), error.text);
        exit(EXIT_FAILURE);
    }
}

// Rows in the user's order, a bar between sequences.
static void print_rows(const char *name, const psq_layout *layout, const float *rows) {
    printf("%-8s", name);
    for (int64_t b = 0; b < psq_layout_n_seq(layout); b++) {
        for (int64_t t = 0; t < psq_layout_lengths(layout)[b]; t++) {
            printf(" %g", (double)*rows++);
        }
        printf(" |");
    }
    printf("\n");
}

// Applies a plan of packed rows and prints what comes out.
static void show(const char *name, const psq_plan *plan, const float *rows) {
    float out[N];
    require(psq_plan_apply(plan, &packed, (const void *const[]){rows}, jagged, out, sizeof *out,
                           zeros, &error));
    print_rows(name, psq_plan_layout(plan), out);
}

// One number for each sequence.
static void print_each(const char *name, const float values[B]) {
    printf("%-8s %g, %g, %g, %g\n", name, (double)values[0], (double)values[1], (double)values[2],
           (double)values[3]);
}

static void last_and_mean(const psq_ctx *ctx, const psq_layout *layout, const float *rows) {
    const psq_storage one_each = {PSQ_PADDED_BATCH, false, 1};
    float values[B];
    psq_plan *last = NULL;
    require(psq_plan_slice(ctx, layout, -1, PSQ_END, &last, &error));
    require(psq_plan_apply(last, &packed, (const void *const[]){rows}, one_each, values,
                           sizeof *values, zeros, &error));
    psq_plan_destroy(last);
    print_each("last", values);
    require(psq_pool_forward(layout, PSQ_POOL_MEAN, PSQ_F32, packed, rows, 1, values, &error));
    print_each("mean", values);
}

// As two workers would get it, and as their results come back.
static void split_and_join(const psq_ctx *ctx, const psq_layout *layout, const float *rows) {
    psq_plan *parts[2];
    psq_plan *back = NULL;
    float part_rows[2][N];
    float again[N];
    require(psq_plan_split(ctx, layout, 2, parts, &error));
    for (int p = 0; p < 2; p++) {
        show(p == 0 ? "part 0" : "part 1", parts[p], rows);
        require(psq_plan_apply(parts[p], &packed, (const void *const[]){rows}, packed, part_rows[p],
                               sizeof(float), zeros, &error));
    }
    require(psq_plan_inverse(ctx, (const psq_plan *const *)parts, 2, &back, &error));
    require(psq_plan_apply(back, (const psq_storage[]){packed, packed},
                           (const void *const[]){part_rows[0], part_rows[1]}, packed, again,
                           sizeof *again, zeros, &error));
    printf("joined   %s\n", memcmp(again, rows, sizeof again) == 0 ? "the same rows" : "differs");
    psq_plan_destroy(back);
    psq_plan_destroy(parts[0]);
    psq_plan_destroy(parts[1]);
}

static void shift(const psq_ctx *ctx, const psq_layout *layout, const float *rows) {
    psq_plan *inputs = NULL;
    psq_plan *targets = NULL;
    require(psq_plan_slice(ctx, layout, 0, -1, &inputs, &error));
    require(psq_plan_slice(ctx, layout, 1, PSQ_END, &targets, &error));
    show("inputs", inputs, rows);
    show("targets", targets, rows);
    psq_plan_destroy(targets);
    psq_plan_destroy(inputs);
}

int main(void) {
    static const float a[] = {1, 2, 3};
    static const float c[] = {4, 5, 6, 7, 8};
    static const float d[] = {9, 10};
    const void *const list[B] = {a, NULL, c, d};
    const int64_t lengths[B] = {3, 0, 5, 2};
    psq_ctx *ctx = NULL;
    psq_layout *layout = NULL;
    float rows[N];
    require(psq_ctx_create(NULL, &ctx, &error));
    require(psq_layout_from_lengths(ctx, lengths, B, &layout, &error));
    require(psq_convert_from_list(layout, list, packed, rows, sizeof *rows, zeros, &error));
    printf("packed  ");
    for (int i = 0; i < N; i++) {
        printf(" %g", (double)rows[i]);
    }
    printf("\n");
    last_and_mean(ctx, layout, rows);
    split_and_join(ctx, layout, rows);
    shift(ctx, layout, rows);
    psq_layout_destroy(layout);
    psq_ctx_destroy(ctx);
    return EXIT_SUCCESS;
}
