// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// memory.h: where everything lies in a call: rows in the caller's storages and in our own, and the
// parts of reserve and scratch. Our own rows are in jagged order: row offsets[b] + t.
#ifndef PACKSEQ_RNN_MEMORY_H
#define PACKSEQ_RNN_MEMORY_H

#include "base/arena.h"
#include "ragged/layout.h"
#include "rnn/plan.h"

// ---- rows

// Rows to read, or to write; base NULL: there are none.
typedef struct psq_in {
    const char *base;
    size_t stride; // bytes from row to row
    psq_storage storage;
} psq_in;

typedef struct psq_out {
    char *base;
    size_t stride;
    psq_storage storage;
} psq_out;

static inline psq_in psq_in_rows(const psq_rnn *rnn, const void *base, int64_t width,
                                 psq_storage storage) {
    return (psq_in){(const char *)base, psq_bytes(rnn, width), storage};
}

static inline psq_out psq_out_rows(const psq_rnn *rnn, void *base, int64_t width,
                                   psq_storage storage) {
    return (psq_out){(char *)base, psq_bytes(rnn, width), storage};
}

static inline psq_in psq_read(psq_out rows) {
    return (psq_in){rows.base, rows.stride, rows.storage};
}

static inline const void *psq_in_row(const psq_layout *layout, const psq_in *rows, int64_t b,
                                     int64_t t) {
    return rows->base + (size_t)psq_row(layout, rows->storage, b, t) * rows->stride;
}

static inline void *psq_out_row(const psq_layout *layout, const psq_out *rows, int64_t b,
                                int64_t t) {
    return rows->base + (size_t)psq_row(layout, rows->storage, b, t) * rows->stride;
}

// Sets rows that are no element to 0; only padded storages have some.
void psq_zero_padding(const psq_layout *layout, const psq_out *rows);

// ---- reserve

// What forward leaves for backward, of one layer.
typedef struct psq_reserve {
    void *h;        // [N][D*R]
    void *gates[2]; // [N][S*H] per direction; NULL for cells whose backward needs h alone
    void *c[2];     // [N][H], LSTM
} psq_reserve;

psq_reserve psq_reserve_get(const psq_rnn *rnn, const psq_layout *layout, void *reserve,
                            int64_t layer);
size_t psq_reserve_bytes(const psq_rnn *rnn, const psq_layout *layout);

// ---- scratch

typedef struct psq_forward_scratch {
    void *zeros;     // [S*H] the rows of +0 that stand for what is absent
    void *pre;       // [S*H] pre-activations
    void *m;         // [H] before a projection
    void *h[2];      // [R] states of steps in turn, where they go nowhere else
    void *c[2];      // [H] likewise
    void *factors;   // [D*R] dropout
    void *input;     // [D*R] a row after dropout
    void *layers[2]; // [N][D*R] outputs of the layers below the last, in turn; without reserve
} psq_forward_scratch;

typedef struct psq_backward_scratch {
    void *zeros;     // [S*H]
    void *dh;        // [R] a row
    void *dm;        // [H] a row, with projection
    void *dcarry;    // [H] a row
    void *dx;        // [D*R] a row
    void *factors;   // [D*R]
    void *inputs;    // [PSQ_K_BLOCK][D*R] a block of rows after dropout
    const void **a;  // [PSQ_K_BLOCK] rows of a block: gradients
    const void **b;  // [PSQ_K_BLOCK] what they are multiplied with
    void *work;      // of the outer products
    void *rows;      // [N][D*R] gradients of a layer's outputs, see backward.c
    void *dgates[2]; // [N][S*H] per direction, where the reserve must be kept
    void *m;         // [N][H] likewise, with projection
} psq_backward_scratch;

psq_forward_scratch psq_forward_carve(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                                      psq_arena *arena);
psq_backward_scratch psq_backward_carve(const psq_rnn *rnn, const psq_layout *layout,
                                        unsigned flags, psq_arena *arena);

// Bytes for forward and, with PSQ_TRAIN, backward.
size_t psq_scratch_bytes(const psq_rnn *rnn, const psq_layout *layout, unsigned flags);

#endif
