// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kern.h: the kernel table. One const table per instruction set and dtype; the float tables give
// the same bits, which docs/bits.md states and kern/ref defines. Kernels see pointers to rows and
// sizes: no layout, no network. They cannot fail; sizes are at least 0 and were checked by the
// caller. Rows need the alignment of their element only. Arrays named here hold the table's dtype.
#ifndef PACKSEQ_KERN_KERN_H
#define PACKSEQ_KERN_KERN_H

#include "packseq/base.h"
#include "packseq/rnn.h"

enum {
    PSQ_K_BLOCK = 256, // rows of one block of a sum over rows (docs/bits.md, rule 2)
    PSQ_K_UNIT = 16,   // outputs are cut into ranges at multiples of this
    PSQ_K_LANES = 6,   // rows that a tile takes at once: sequences that a core walks together
    PSQ_K_WINDOW = 8   // steps whose inputs a lane projects at once
};

// The interleaved order of n_gates gates of H units: blocks of PSQ_K_UNIT units, within a block
// gate by gate. So units [first, end) of all gates, first a multiple of PSQ_K_UNIT, lie together,
// at [n_gates * first, n_gates * end), and a core that computes some units alone computes one
// range.
static inline int64_t psq_k_place(int64_t n_gates, int64_t H, int64_t gate, int64_t unit) {
    const int64_t first = unit - unit % PSQ_K_UNIT;
    const int64_t width = H - first < PSQ_K_UNIT ? H - first : PSQ_K_UNIT;
    return n_gates * first + gate * width + unit % PSQ_K_UNIT;
}

// One row (b, t) of one layer and direction. Slots of `gates`, H elements each: LSTM i f g o; GRU r
// z n q, q being the hidden part of the n gate; RNN has none. `pre`, the pre-activations, are in
// an order of their own: LSTM i f g o interleaved; GRU r z interleaved, then n [H], then q [H]; RNN
// [H]. A pointer that a cell does not use may be NULL.
typedef struct psq_k_row {
    const void *pre; // forward in
    void *gates;  // forward out, not RNN: activations, and GRU's q; NULL: not wanted. backward: in
    void *dgates; // backward: out, gradients of the pre-activations in the same slots (GRU's q: dn
                  // * r); may be gates
    const void *h_prev; // [H] GRU
    const void *c_prev; // [H] LSTM
    void *c;            // [H] LSTM: forward out, may be c_prev; backward in
    void *h;            // [H] forward out: h, or m before a projection. backward in: RNN
    const void *dh;     // [H] backward in: the whole gradient of h (with a projection: of m)
    void *dcarry; // [H] backward: LSTM in and out, the gradient of c from and to the neighbouring
                  // step; GRU out, dh * z
    void *m; // [H] backward out: LSTM's o * tanh(c), the operand of a projection's gradient; NULL:
             // not wanted; may be c
} psq_k_row;

// Optimiser constants, computed in double by the caller.
typedef struct psq_k_sgd {
    double lr, momentum, weight_decay;
    bool first; // the momentum buffer takes the gradient
} psq_k_sgd;

typedef struct psq_k_adam {
    double lr, beta1, beta2, eps, weight_decay;
    double correction1, correction2; // 1 - beta^step
    bool decoupled;                  // AdamW
} psq_k_adam;

// Rows of consecutive steps of one sequence, or of several that lie side by side, of which those
// that have ended are no longer in n.
typedef struct psq_k_steps {
    int64_t n_rows;
    const int64_t *n;     // [n_rows] elements of row r, never increasing
    const void *const *a; // [n_rows] rows; NULL: not used
    const void *const *b;
    void *const *out;
} psq_k_steps;

// What is done to element i of every row, in the order of the rows. u and v have the elements of
// the longest row and lie apart from all rows; out[r] may be a[r] or b[r].
typedef enum psq_k_pool {
    PSQ_K_POOL_SUM,          // u = u + a
    PSQ_K_POOL_MAX,          // u = a > u or a is NaN ? a : u
    PSQ_K_POOL_FMA,          // u = fma(a, b, u)
    PSQ_K_POOL_FMA_ROW,      // u = fma(b[r][0], a, u)
    PSQ_K_POOL_EXP_SUM,      // e = exp(a - u), v = v + e, out = e unless out is NULL
    PSQ_K_POOL_COPY,         // out = u
    PSQ_K_POOL_ADD,          // out = a + u
    PSQ_K_POOL_MUL,          // out = a * b
    PSQ_K_POOL_DIV,          // out = a / u
    PSQ_K_POOL_EXP_MUL,      // out = v * exp(a - u)
    PSQ_K_POOL_SOFTMAX_BACK, // out = b * (a - u)
    PSQ_K_POOL_FIRST,        // a == u or both NaN ? out = v and then v = 0 : out = 0
    PSQ_K_POOL_MUL_ROW,      // out = a * b[r][0]
    PSQ_K_POOL_DOT_ROW,      // out[r][0] = dot(a, b), which is a sum over the row
    PSQ_K_N_POOL
} psq_k_pool;

typedef struct psq_kern {
    const char *name; // "ref", "avx2", "avx512", "neon"
    psq_dtype dtype;  // PSQ_F32 or PSQ_F64
    unsigned cpu;     // PSQ_CPU_ bits that must be allowed

    // Panels of a matrix W whose element (j, k) is w[j * stride_j + k * stride_k]; j < n_out, k <
    // n_k. Outputs are those of n_gates gates in interleaved order, of which n_out is a multiple,
    // W's rows gate by gate; n_gates 1: as they come. A panel is 64-byte aligned.
    int64_t (*panel_size)(int64_t n_out, int64_t n_k); // elements
    void (*panel)(int64_t n_gates, int64_t n_out, int64_t n_k, const void *w, int64_t stride_j,
                  int64_t stride_k, void *panel);

    // out[m][j] = fma(a[m][k], W(j, k), out[m][j]) for k ascending and first <= j < end: one chain
    // that goes on from what out holds. first and end are multiples of PSQ_K_UNIT or n_out, both of
    // which are n_out where a core has no share. Rows of out are distinct from all rows of a;
    // nothing outside [first, end) is touched.
    void (*tile)(int64_t n_rows, int64_t first, int64_t end, int64_t n_out, int64_t n_k,
                 const void *const *a, const void *panel, void *const *out);

    // Cell epilogues over units [first, end) of n_rows rows of H units, indexed by psq_cell. first
    // and end as above, for H.
    void (*forward[PSQ_N_CELL])(int64_t n_rows, int64_t first, int64_t end, int64_t H,
                                const psq_k_row *rows);
    void (*backward[PSQ_N_CELL])(int64_t n_rows, int64_t first, int64_t end, int64_t H,
                                 const psq_k_row *rows);

    // One block, n_rows <= PSQ_K_BLOCK: s = chain from +0 of fma(a[r][i], b[r][j], s) over r
    // ascending; dw[i * n_b + j] += s, for first <= i < end. work is outer_work(n_b) elements of
    // scratch, 64-byte aligned.
    int64_t (*outer_work)(int64_t n_b);
    void (*outer)(int64_t n_rows, int64_t first, int64_t end, int64_t n_b, const void *const *a,
                  const void *const *b, void *dw, void *work);
    // Likewise s = chain from +0 of s + a[r][i]; sum[i] += s.
    void (*column_sum)(int64_t n_rows, int64_t first, int64_t end, const void *const *a, void *sum);

    // n rounds of fused multiply-adds that nothing holds up: what the machine can do at most.
    // Returns their number of floating-point operations, two for each.
    int64_t (*peak)(int64_t n);

    // y[i] = f(x[i]); y may be x. Cells and losses have these inlined; as slots they, and max, sum
    // and dot below, are what their bits are stated and tested by, on every table.
    void (*sigmoid)(int64_t n, const void *x, void *y);
    void (*tanh)(int64_t n, const void *x, void *y);
    void (*exp)(int64_t n, const void *x, void *y);
    void (*log)(int64_t n, const void *x, void *y);

    // Element-wise, each one rounded operation; out may be any operand. max: a > b ? a : b.
    void (*add)(int64_t n, const void *a, const void *b, void *out);
    void (*mul)(int64_t n, const void *a, const void *b, void *out);
    void (*scale)(int64_t n, double factor, const void *a,
                  void *out); // factor rounded to dtype first
    void (*max)(int64_t n, const void *a, const void *b, void *out);
    void (*flush)(int64_t n, void *a); // |a| < 2^-100 becomes +0

    // Sums to one value: 16 chains and a fixed tree (docs/bits.md, rule 3). The result is the
    // dtype's.
    double (*sum)(int64_t n, const void *a);
    double (*dot)(int64_t n, const void *a, const void *b);

    // Cross-entropy of one row of n logits against class target, in nats; dlogits, if not NULL,
    // gets (softmax - one-hot) * factor. dlogits may be logits.
    double (*softmax_loss)(int64_t n, const void *logits, int64_t target, double factor,
                           void *dlogits);

    // Reductions over the rows of sequences, and what is spread over them.
    void (*pool[PSQ_K_N_POOL])(const psq_k_steps *steps, void *u, void *v);

    // Sequences become the columns of a matrix and columns sequences: to[t * n_lanes + lane] =
    // from[lane][t], 0 from t = n[lane] on, and back, where t < n[lane]; t < n_steps.
    void (*to_lanes)(int64_t n_lanes, int64_t n_steps, const void *const *from, const int64_t *n,
                     void *to);
    void (*from_lanes)(int64_t n_lanes, int64_t n_steps, const void *from, const int64_t *n,
                       void *const *to);

    // Optimiser steps; momentum may be NULL if it is 0.
    void (*sgd)(int64_t n, const psq_k_sgd *k, void *weights, const void *grads, void *momentum);
    void (*adam)(int64_t n, const psq_k_adam *k, void *weights, const void *grads, void *m,
                 void *v);
} psq_kern;

// The best table of this dtype whose cpu bits are all allowed; NULL if dtype is neither PSQ_F32 nor
// PSQ_F64.
const psq_kern *psq_kern_choose(const psq_ctx *ctx, psq_dtype dtype);

// All tables, best first, for tests and for people; NULL-terminated.
extern const psq_kern *const psq_kern_tables[];

#endif
