// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// netbatch.h: the inputs and results of one training run in one canonical form, so that runs of the
// same sequences in other storages, companies and cuts can be compared bit for bit.
#ifndef PACKSEQ_TESTS_NETBATCH_H
#define PACKSEQ_TESTS_NETBATCH_H

#include "net.h"

typedef enum batch_array {
    // inputs
    BATCH_X,
    BATCH_DY,
    BATCH_H0,
    BATCH_C0,
    BATCH_DHN,
    BATCH_DCN,
    // results
    BATCH_Y,
    BATCH_LAYERS,
    BATCH_CELLS,
    BATCH_HN,
    BATCH_CN,
    BATCH_DX,
    BATCH_DH0,
    BATCH_DC0,
    BATCH_DWEIGHTS,
    BATCH_N
} batch_array;

// Sets of results, 1 << batch_array.
enum {
    BATCH_FORWARD =
        1 << BATCH_Y | 1 << BATCH_LAYERS | 1 << BATCH_CELLS | 1 << BATCH_HN | 1 << BATCH_CN,
    BATCH_STATES = 1 << BATCH_HN | 1 << BATCH_CN,
    // what belongs to one sequence, whatever else is in the batch
    BATCH_OWN = BATCH_FORWARD | 1 << BATCH_DX | 1 << BATCH_DH0 | 1 << BATCH_DC0,
    BATCH_ALL = BATCH_OWN | 1 << BATCH_DWEIGHTS
};

// What an array holds in `planes` equal parts: a row of `width` floats for each element of the
// batch in jagged order, a row for each sequence, or the weights.
typedef enum batch_kind { BATCH_OF_ROWS, BATCH_OF_STATES, BATCH_OF_WEIGHTS } batch_kind;

typedef struct batch_shape {
    batch_kind kind;
    int64_t planes; // 0: the cell has no such array
    int64_t width;
} batch_shape;

typedef struct psq_batch {
    const psq_net *net; // PSQ_F32
    int64_t n_seq, n_rows;
    int64_t *lengths, *offsets, *ids, *starts;
    bool given; // default true: h0 and c0 are passed
    uint64_t seed;
    float *arrays[BATCH_N];
} psq_batch;

batch_shape batch_shape_of(const psq_net *net, batch_array array);

// Inputs random, a function of seed; ids are the indices.
psq_batch batch_create(const psq_net *net, const int64_t *lengths, int64_t n_seq, uint64_t seed);
void batch_destroy(psq_batch *batch);

// Elements from[i] to to[i] - 1 of sequences index[i], with their states and ids. from NULL: 0; to
// NULL: the length.
psq_batch batch_select(const psq_batch *src, const int64_t *index, int64_t n, const int64_t *from,
                       const int64_t *to);

// Forward and backward with x and dx in x_storage, y and dy in y_storage, their padding poisoned.
// Asserts that padding of results is +0. layout NULL: from the lengths.
void batch_run(psq_batch *batch, psq_storage x_storage, psq_storage y_storage,
               const psq_layout *layout);
// The same, packed.
void batch_run_packed(psq_batch *batch);

// Assert equal bits of a set of results: of all; of sequence i of `part` and elements from, from +
// 1 ... of sequence b of `whole` (states are compared unless the set leaves them out).
void batch_same(const psq_batch *a, const psq_batch *b, unsigned set);
void batch_same_sequence(const psq_batch *whole, int64_t b, int64_t from, const psq_batch *part,
                         int64_t i, unsigned set);

#endif
