// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// All arrays have one shape, [planes][rows][width], so that selecting and comparing sequences are
// one loop each.
#include "netbatch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packseq/ragged.h"

static const char *const array_names[BATCH_N] = {"x",   "dy", "h0",     "c0",    "dhn",
                                                 "dcn", "y",  "layers", "cells", "hn",
                                                 "cn",  "dx", "dh0",    "dc0",   "dweights"};

batch_shape batch_shape_of(const psq_net *net, batch_array array) {
    const int64_t H = net->spec->hidden_size, states = net->n_states, outputs = net->D * net->R;
    const int64_t cells = net->spec->cell == PSQ_LSTM ? states : 0;
    switch (array) {
    case BATCH_X:
    case BATCH_DX:
        return (batch_shape){BATCH_OF_ROWS, 1, net->spec->input_size};
    case BATCH_Y:
    case BATCH_DY:
        return (batch_shape){BATCH_OF_ROWS, 1, outputs};
    case BATCH_LAYERS:
        return (batch_shape){BATCH_OF_ROWS, net->spec->n_layers, outputs};
    case BATCH_CELLS:
        return (batch_shape){BATCH_OF_ROWS, cells, H};
    case BATCH_H0:
    case BATCH_HN:
    case BATCH_DH0:
    case BATCH_DHN:
        return (batch_shape){BATCH_OF_STATES, states, net->R};
    case BATCH_C0:
    case BATCH_CN:
    case BATCH_DC0:
    case BATCH_DCN:
        return (batch_shape){BATCH_OF_STATES, cells, H};
    case BATCH_DWEIGHTS:
    default:
        return (batch_shape){BATCH_OF_WEIGHTS, 1, net->n_weights};
    }
}

// Rows of one plane.
static int64_t plane_rows(const psq_batch *batch, batch_shape shape) {
    return shape.kind == BATCH_OF_ROWS     ? batch->n_rows
           : shape.kind == BATCH_OF_STATES ? batch->n_seq
                                           : 1;
}

static int64_t array_size(const psq_batch *batch, batch_array array) {
    const batch_shape shape = batch_shape_of(batch->net, array);
    return shape.planes * plane_rows(batch, shape) * shape.width;
}

// Row of element (b, t), or of sequence b, in one plane.
static float *row_of(const psq_batch *batch, batch_array array, int64_t plane, int64_t b,
                     int64_t t) {
    const batch_shape shape = batch_shape_of(batch->net, array);
    const int64_t row = shape.kind == BATCH_OF_ROWS ? batch->offsets[b] + t : b;
    return batch->arrays[array] + (plane * plane_rows(batch, shape) + row) * shape.width;
}

static psq_batch create_zeros(const psq_net *net, const int64_t *lengths, int64_t n_seq) {
    const size_t n = (size_t)n_seq;
    psq_batch batch = {.net = net, .n_seq = n_seq, .given = true, .seed = 7};
    int64_t *const counts = calloc(4 * n + 1, sizeof *counts);
    assert_non_null(counts);
    batch.lengths = counts;
    batch.ids = counts + n;
    batch.starts = counts + 2 * n;
    batch.offsets = counts + 3 * n; // [n + 1]
    for (int64_t b = 0; b < n_seq; b++) {
        batch.lengths[b] = lengths[b];
        batch.ids[b] = b;
        batch.offsets[b + 1] = batch.offsets[b] + lengths[b];
    }
    batch.n_rows = batch.offsets[n_seq];
    for (int a = 0; a < BATCH_N; a++) {
        const int64_t planes = batch_shape_of(net, (batch_array)a).planes;
        batch.arrays[a] = planes > 0 ? net_zeros(net, array_size(&batch, (batch_array)a)) : NULL;
    }
    return batch;
}

psq_batch batch_create(const psq_net *net, const int64_t *lengths, int64_t n_seq, uint64_t seed) {
    psq_batch batch = create_zeros(net, lengths, n_seq);
    for (int a = 0; a <= BATCH_DCN; a++) {
        if (batch.arrays[a] != NULL) {
            net_fill(batch.arrays[a], array_size(&batch, (batch_array)a), 1.5f,
                     seed * BATCH_N + (uint64_t)a);
        }
    }
    return batch;
}

void batch_destroy(psq_batch *batch) {
    for (int a = 0; a < BATCH_N; a++) {
        free(batch->arrays[a]);
    }
    free(batch->lengths);
}

psq_batch batch_select(const psq_batch *src, const int64_t *index, int64_t n, const int64_t *from,
                       const int64_t *to) {
    int64_t *const lengths = calloc((size_t)n + 1, sizeof *lengths);
    assert_non_null(lengths);
    for (int64_t i = 0; i < n; i++) {
        const int64_t end = to != NULL ? to[i] : src->lengths[index[i]];
        lengths[i] = end - (from != NULL ? from[i] : 0);
    }
    psq_batch batch = create_zeros(src->net, lengths, n);
    free(lengths);
    batch.given = src->given;
    batch.seed = src->seed;
    for (int64_t i = 0; i < n; i++) {
        const int64_t first = from != NULL ? from[i] : 0;
        batch.ids[i] = src->ids[index[i]];
        batch.starts[i] = src->starts[index[i]] + first;
        for (batch_array a = BATCH_X; a <= BATCH_DCN; a++) {
            const batch_shape shape = batch_shape_of(src->net, a);
            const int64_t rows = shape.kind == BATCH_OF_ROWS ? batch.lengths[i] : 1;
            for (int64_t p = 0; p < shape.planes; p++) {
                memcpy(row_of(&batch, a, p, i, 0), row_of(src, a, p, index[i], first),
                       (size_t)(rows * shape.width) * sizeof(float));
            }
        }
    }
    return batch;
}

// ---- runs

static const psq_storage jagged = {.order = PSQ_JAGGED};

// The rows of an array, all planes, in another storage, padding poisoned.
static float *store(const psq_batch *batch, const psq_layout *layout, batch_array array,
                    psq_storage storage) {
    psq_error err;
    const float nan = NAN;
    const batch_shape shape = batch_shape_of(batch->net, array);
    if (shape.planes == 0) {
        return NULL;
    }
    const int64_t rows = net_n_rows(layout, storage);
    float *const stored = net_zeros(batch->net, shape.planes * rows * shape.width);
    for (int64_t p = 0; p < shape.planes; p++) {
        net_must(psq_convert(layout, jagged, batch->arrays[array] + p * batch->n_rows * shape.width,
                             storage, stored + p * rows * shape.width,
                             (size_t)shape.width * sizeof(float), (psq_fill){&nan, sizeof nan},
                             &err),
                 &err);
    }
    return stored;
}

// Back to jagged rows; what was not an element must be +0.
static void load(psq_batch *batch, const psq_layout *layout, batch_array array, psq_storage storage,
                 float *stored) {
    psq_error err;
    const batch_shape shape = batch_shape_of(batch->net, array);
    const int64_t rows = net_n_rows(layout, storage);
    const size_t row_bytes = (size_t)shape.width * sizeof(float);
    for (int64_t p = 0; p < shape.planes; p++) {
        float *const plane = batch->arrays[array] + p * batch->n_rows * shape.width;
        const float *const from = stored + p * rows * shape.width;
        float *const again = net_zeros(batch->net, rows * shape.width);
        net_must(
            psq_convert(layout, storage, from, jagged, plane, row_bytes, (psq_fill){NULL, 0}, &err),
            &err);
        net_must(psq_convert(layout, jagged, plane, storage, again, row_bytes, (psq_fill){NULL, 0},
                             &err),
                 &err);
        if (memcmp(from, again, (size_t)rows * row_bytes) != 0) {
            fail_msg("padding of %s is not 0", array_names[array]);
        }
        free(again);
    }
    free(stored);
}

void batch_run(psq_batch *batch, psq_storage x_storage, psq_storage y_storage,
               const psq_layout *layout) {
    psq_layout *const own =
        layout == NULL ? net_layout(batch->net->ctx, batch->lengths, batch->n_seq) : NULL;
    const psq_layout *const used = layout == NULL ? own : layout;
    float **const arrays = batch->arrays;
    float *const x = store(batch, used, BATCH_X, x_storage);
    float *const dy = store(batch, used, BATCH_DY, y_storage);
    float *const y = store(batch, used, BATCH_Y, y_storage);
    float *const layers = store(batch, used, BATCH_LAYERS, y_storage);
    float *const cells = store(batch, used, BATCH_CELLS, y_storage);
    float *const dx = store(batch, used, BATCH_DX, x_storage);
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x_storage = x_storage;
    io.y_storage = y_storage;
    io.x = x;
    io.y = y;
    io.layer_outputs = layers;
    io.cells = cells;
    io.h0 = batch->given ? arrays[BATCH_H0] : NULL;
    io.c0 = batch->given ? arrays[BATCH_C0] : NULL;
    io.hn = arrays[BATCH_HN];
    io.cn = arrays[BATCH_CN];
    io.seed = batch->seed;
    io.ids = batch->ids;
    io.starts = batch->starts;
    memset(arrays[BATCH_DWEIGHTS], 0, (size_t)batch->net->n_weights * sizeof(float));
    const psq_rnn_grads grads = {sizeof grads,
                                 dy,
                                 arrays[BATCH_DHN],
                                 arrays[BATCH_DCN],
                                 dx,
                                 arrays[BATCH_DH0],
                                 arrays[BATCH_DC0],
                                 arrays[BATCH_DWEIGHTS]};
    net_run(batch->net, used, &io, &grads);
    load(batch, used, BATCH_Y, y_storage, y);
    load(batch, used, BATCH_LAYERS, y_storage, layers);
    load(batch, used, BATCH_CELLS, y_storage, cells);
    load(batch, used, BATCH_DX, x_storage, dx);
    free(x);
    free(dy);
    psq_layout_destroy(own);
}

void batch_run_packed(psq_batch *batch) {
    const psq_storage packed = {.order = PSQ_PACKED};
    batch_run(batch, packed, packed, NULL);
}

// ---- comparisons

static void same_floats(batch_array array, const float *a, const float *b, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0) {
            fail_msg("%s[%lld] of %lld: %a and %a", array_names[array], (long long)i, (long long)n,
                     (double)a[i], (double)b[i]);
        }
    }
}

void batch_same(const psq_batch *a, const psq_batch *b, unsigned set) {
    for (batch_array array = BATCH_X; array < BATCH_N; array++) {
        if ((set >> array & 1) != 0) {
            same_floats(array, a->arrays[array], b->arrays[array], array_size(a, array));
        }
    }
}

void batch_same_sequence(const psq_batch *whole, int64_t b, int64_t from, const psq_batch *part,
                         int64_t i, unsigned set) {
    for (batch_array array = BATCH_X; array < BATCH_N; array++) {
        const batch_shape shape = batch_shape_of(part->net, array);
        const int64_t rows = shape.kind == BATCH_OF_ROWS ? part->lengths[i] : 1;
        for (int64_t p = 0; (set >> array & 1) != 0 && p < shape.planes; p++) {
            same_floats(array, row_of(whole, array, p, b, from), row_of(part, array, p, i, 0),
                        rows * shape.width);
        }
    }
}
