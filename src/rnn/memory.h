// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// memory.h: where everything lies in a call: rows in the caller's storages and in our own, and the
// parts of reserve and scratch. Our own rows are in jagged order: row offsets[b] + t.
#ifndef PACKSEQ_RNN_MEMORY_H
#define PACKSEQ_RNN_MEMORY_H

#include "base/arena.h"
#include "ragged/layout.h"
#include "rnn/lanes.h"
#include "rnn/plan.h"
#include "rnn/tokens.h"

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

// The element (b, t) that lies in row `row` of the jagged order.
typedef struct psq_element {
    int64_t row;
    int64_t b;
    int64_t t;
} psq_element;

psq_element psq_element_at(const psq_layout *layout, int64_t row);
void psq_element_next(const psq_layout *layout, psq_element *at);

// Sets rows that are no element to 0; only padded storages have some.
void psq_zero_padding(const psq_layout *layout, const psq_out *rows);

// ---- reserve

// What forward leaves for backward, of one layer.
typedef struct psq_reserve {
    void *h;        // [N][D*R]
    void *gates[2]; // [N][S*H] per direction; NULL with PSQ_RECOMPUTE, and for cells whose
                    // backward needs h alone
    void *c[2];     // [N][H], LSTM
} psq_reserve;

psq_reserve psq_reserve_get(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                            void *reserve, int64_t layer);
size_t psq_reserve_bytes(const psq_rnn *rnn, const psq_layout *layout, unsigned flags);

// ---- scratch

// Rows of one lane, as bytes from its memory on; those that are not needed are of no size.
typedef struct psq_forward_rows {
    size_t pre;  // [PSQ_K_WINDOW][S*H] pre-activations
    size_t h[2]; // [R] states of steps in turn, where they go nowhere else
    size_t c;    // [H] likewise; of all steps
    size_t m;    // [H] before a projection
} psq_forward_rows;

typedef struct psq_backward_rows {
    size_t dh;     // [R]
    size_t dm;     // [H] with projection
    size_t dcarry; // [H]
} psq_backward_rows;

// Where a core puts rows after dropout. In all of them rows may be NULL.
typedef struct psq_dropped {
    void *factors; // [D*R]
    void *rows;    // [rows of one product][D*R]
} psq_dropped;

typedef struct psq_forward_scratch {
    void *zeros;     // [S*H] the rows of +0 that stand for what is absent
    void *layers[2]; // [N][D*R] outputs of the layers below the last, in turn; without reserve
    psq_tokens tokens;
    void *projected[2]; // [min(V, N / 2)][S*H] per direction: pre-activations of distinct tokens
    psq_forward_rows rows;
    psq_walk walk; // each core's work: psq_dropped
} psq_forward_scratch;

// Rows of one product that compute gates again; NULL without PSQ_RECOMPUTE. Their h and c are known
// and go nowhere.
typedef struct psq_again {
    void *pre; // [rows of one product][S*H]
    void *h;   // [rows of one product][H]
    void *c;   // [rows of one product][H]
} psq_again;

// A core's part in the sums over rows.
typedef struct psq_sums_work {
    psq_dropped dropped; // [PSQ_K_BLOCK][D*R], also for gradients of inputs
    const void **a;      // [PSQ_K_BLOCK] rows of a block: gradients
    const void **b;      // [PSQ_K_BLOCK] what they are multiplied with
    void *outer;         // of the outer products
    psq_again again;
    void *token_dx; // [rows of one product][I]
} psq_sums_work;

typedef struct psq_backward_scratch {
    void *zeros;     // [S*H]
    void *rows;      // [N][D*R] gradients of a layer's outputs, see backward.c
    void *dgates[2]; // [N][S*H] per direction, where the reserve must be kept or has no gates
    void *m[2];      // [N][H] likewise, with projection
    psq_tokens tokens;
    void *token_sums[2]; // [min(V, N, PSQ_K_BLOCK)][G*H] per direction: sums of dgates
    psq_backward_rows lane;
    psq_walk walk;
    psq_sums_work *sums; // of each core
} psq_backward_scratch;

psq_dropped psq_dropped_carve(const psq_rnn *rnn, int64_t n_rows, psq_arena *arena);
psq_forward_scratch psq_forward_carve(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                                      psq_arena *arena);
psq_backward_scratch psq_backward_carve(const psq_rnn *rnn, const psq_layout *layout,
                                        unsigned flags, psq_arena *arena);

// Bytes for forward and, with PSQ_TRAIN, backward.
size_t psq_scratch_bytes(const psq_rnn *rnn, const psq_layout *layout, unsigned flags);

#endif
