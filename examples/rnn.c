// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// rnn.c: the life of a call, on a network whose numbers can be checked in the head: a plain relu
// cell with one unit and all weights 1 adds up its input. The rows are read and written as they
// lie, one sequence after the other; nothing is sorted or padded.
#include <stdio.h>
#include <stdlib.h>

#include "packseq/rnn.h"

static psq_error error;

static void require(psq_status status) {
    if (status != PSQ_OK) {
        fprintf(stderr, "%s: %s\n", psq_status_name(status), error.text);
        exit(EXIT_FAILURE);
    }
}

static void *memory(const psq_ctx *ctx, size_t size) {
    void *const ptr = psq_malloc(ctx, size);
    if (ptr == NULL) {
        exit(EXIT_FAILURE);
    }
    return ptr;
}

static void print(const char *name, const float *values, int64_t n) {
    printf("%-22s", name);
    for (int64_t i = 0; i < n; i++) {
        printf(" %g", (double)values[i]);
    }
    printf("\n");
}

int main(void) {
    const int64_t lengths[] = {4, 0, 3};
    const float x[] = {1, 2, 3, 4, 7, 8, 9};
    float y[7], hn[3], dx[7], dweights[2] = {0, 0};
    const float dhn[] = {1, 1, 1}; // the gradient of the sum of the final states

    psq_ctx *ctx = NULL;
    psq_layout *layout = NULL;
    psq_rnn *rnn = NULL;
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = PSQ_RNN_RELU;
    spec.input_size = 1;
    spec.hidden_size = 1;
    spec.bias = false;
    require(psq_ctx_create(NULL, &ctx, &error));
    require(psq_layout_from_lengths(ctx, lengths, 3, &layout, &error));
    require(psq_rnn_create(ctx, &spec, &rnn, &error));

    // Weights are one flat buffer with a table of PyTorch's names. Panels are made from it again
    // whenever it has changed.
    const float weights[] = {1, 1};
    for (int64_t i = 0; i < psq_rnn_n_params(rnn); i++) {
        const psq_param *const param = &psq_rnn_params(rnn)[i];
        printf("%-22s %lld x %lld\n", param->name, (long long)param->n_rows,
               (long long)param->n_cols);
    }
    void *const panels = memory(ctx, psq_rnn_panel_bytes(rnn));
    require(psq_rnn_pack(rnn, weights, panels, &error));

    size_t reserve_bytes = 0, scratch_bytes = 0;
    require(psq_rnn_sizes(rnn, layout, PSQ_TRAIN, &reserve_bytes, &scratch_bytes, &error));
    void *const reserve = memory(ctx, reserve_bytes);
    void *const scratch = memory(ctx, scratch_bytes);

    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x_storage.order = PSQ_JAGGED;
    io.y_storage.order = PSQ_JAGGED;
    io.x = x;
    io.y = y;
    io.hn = hn;
    require(psq_rnn_forward(rnn, layout, panels, &io, PSQ_TRAIN, reserve, scratch, &error));
    print("outputs", y, 7);
    print("final states", hn, 3);

    psq_rnn_grads grads = PSQ_RNN_GRADS_INIT;
    grads.dhn = dhn;
    grads.dx = dx;
    grads.dweights = dweights;
    require(
        psq_rnn_backward(rnn, layout, panels, &io, &grads, PSQ_TRAIN, reserve, scratch, &error));
    print("gradient of inputs", dx, 7);
    print("gradient of weights", dweights, 2); // sums of the inputs and of the states before them

    psq_free(ctx, scratch);
    psq_free(ctx, reserve);
    psq_free(ctx, panels);
    psq_rnn_destroy(rnn);
    psq_layout_destroy(layout);
    psq_ctx_destroy(ctx);
    return EXIT_SUCCESS;
}
