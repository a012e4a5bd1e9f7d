// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// rnn.h: recurrent networks on ragged batches: RNN, LSTM (with projection) and GRU with the meaning
// and the parameters of torch.nn's, forward and backward.
//
// Letters, as in docs/math.md: B sequences, T longest length, N rows; I input size, H hidden size,
// P projection size, R = P if P > 0 else H (what a state and an output hold), L layers, D
// directions (1 or 2), G gates (LSTM 4: i f g o; GRU 3: r z n; RNN 1). Every buffer holds elements
// of the network's dtype and is row-major. Sequences are in the user's order everywhere; nothing is
// sorted for or by the caller.
//
// Life of a call: psq_rnn_create -> parameters (psq_rnn_init or the caller's own) -> psq_rnn_pack
// makes panels of them, again after each change -> psq_rnn_sizes for a layout -> psq_rnn_forward ->
// psq_rnn_backward. The network is immutable and may be shared by threads; so may panels that
// nobody is packing. A reserve and a scratch belong to one call at a time. Panels, and the sizes of
// panels and scratch, depend on the kernels and threads of the network's context: they are for
// networks with this spec in this context only. Forward and backward allocate nothing; they and
// psq_rnn_pack run on the caller and on those of the context's threads that come.
//
// The bit contract (docs/bits.md): in PSQ_F32 the same sequence with the same weights gives the
// same output bits whatever else is in the batch and in whatever storage; cutting a sequence in
// time and carrying the state changes nothing; the same batch gives the same gradient bits in every
// storage; and all of it on any number of threads and with any kernel table. In PSQ_F64 the C
// library's exp and tanh are used and no bits are promised: it is what gradients are checked
// against.
#ifndef PACKSEQ_RNN_H
#define PACKSEQ_RNN_H

#include "packseq/base.h"
#include "packseq/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum psq_cell { PSQ_RNN_TANH = 0, PSQ_RNN_RELU, PSQ_LSTM, PSQ_GRU, PSQ_N_CELL } psq_cell;

// "rnn_tanh", "rnn_relu", "lstm", "gru"; NULL for a value outside the enum.
PSQ_API const char *psq_cell_name(psq_cell cell);

typedef struct psq_rnn_spec {
    size_t struct_size;  // set by PSQ_RNN_SPEC_INIT
    psq_cell cell;       // default PSQ_LSTM
    psq_dtype dtype;     // default PSQ_F32; or PSQ_F64
    int64_t input_size;  // I, at least 0; to be set
    int64_t hidden_size; // H, at least 1; to be set
    int64_t proj_size;   // P, default 0: no projection; LSTM only, 0 <= P < H
    int64_t n_layers;    // L, default 1
    bool bias;           // default true
    bool bidirectional;  // default false
    double dropout;      // default 0; on the outputs of all layers but the last, 0 to 1
    int64_t n_tokens;    // V, default 0: inputs are rows; V > 0: rows of a table of V rows, chosen
                         // by tokens, at most 2,147,483,647
} psq_rnn_spec;

#define PSQ_RNN_SPEC_INIT \
    { sizeof(psq_rnn_spec), PSQ_LSTM, PSQ_F32, 0, 0, 0, 1, true, false, 0.0, 0 }

typedef struct psq_rnn psq_rnn;

// Makes the network's plan: sizes, parameter table, kernels. Copies the spec. PSQ_INVALID: a value
// outside its range; PSQ_UNSUPPORTED: another dtype, or dropout with more than 256 layers or
// 4,194,304 outputs of a layer (D*R); PSQ_NOMEM: memory, or a parameter count that overflows.
PSQ_API PSQ_MUST psq_status psq_rnn_create(const psq_ctx *ctx, const psq_rnn_spec *spec,
                                           psq_rnn **out, psq_error *err);
PSQ_API void psq_rnn_destroy(psq_rnn *rnn);
PSQ_API const psq_rnn_spec *psq_rnn_get_spec(const psq_rnn *rnn);

// The kernel table that a network with this dtype uses in this context: "ref", "avx2", "avx512" or
// "neon"; "none" for another dtype.
PSQ_API const char *psq_kernel_name(const psq_ctx *ctx, psq_dtype dtype);

// Keeps this core's fused multiply-add units as busy as that kernel table can, n_rounds times some
// fixed work, and returns the number of floating-point operations, two for each multiply-add. What
// the fastest of several short calls does in a second is the most that one thread of a network can;
// 0 for another dtype or n_rounds below 1.
PSQ_API int64_t psq_kernel_peak(const psq_ctx *ctx, psq_dtype dtype, int64_t n_rounds);

// ---- parameters

// One parameter in the flat buffer: PyTorch's name, element offset and shape. Biases have n_cols 0.
typedef struct psq_param {
    char name[32];
    int64_t offset;
    int64_t n_rows;
    int64_t n_cols;
} psq_param;

// The table is in PyTorch's order: per layer, per direction (suffix _reverse): weight_ih_l#
// [G*H][I_l], weight_hh_l# [G*H][R], bias_ih_l# [G*H] and bias_hh_l# [G*H] if bias, weight_hr_l#
// [P][H] if P > 0; I_0 = I, I_l = D*R. The views lie one after the other, without gaps. Gradients
// have the same shape.
PSQ_API int64_t psq_rnn_n_params(const psq_rnn *rnn);        // entries of the table
PSQ_API int64_t psq_rnn_n_weights(const psq_rnn *rnn);       // elements of the flat buffer
PSQ_API const psq_param *psq_rnn_params(const psq_rnn *rnn); // the table

// PyTorch's initialisation: every element uniform in [-1/sqrt(H), 1/sqrt(H)); element i of the
// buffer is a function of (seed, i). weights is [psq_rnn_n_weights].
PSQ_API void psq_rnn_init(const psq_rnn *rnn, uint64_t seed, void *weights);

// Panels: the weights in the order in which the kernels read them. panels is the caller's,
// psq_rnn_panel_bytes long and 64-byte aligned (else PSQ_INVALID). Pack again whenever weights
// change.
PSQ_API size_t psq_rnn_panel_bytes(const psq_rnn *rnn);
PSQ_API PSQ_MUST psq_status psq_rnn_pack(const psq_rnn *rnn, const void *weights, void *panels,
                                         psq_error *err);

// ---- sizes

enum {
    PSQ_TRAIN = 1, // forward fills the reserve, and dropout is active; backward will follow
    PSQ_KEEP = 2,  // backward leaves the reserve as it was, so that it may run again; more scratch
    PSQ_RECOMPUTE = 4 // the reserve holds h and c only; backward computes the gates again, layer by
                      // layer, into scratch. Same bits. Nothing changes for cells without gates
};

// Floats of the reserve for a row and a unit of a layer and direction (R = H): LSTM 6, GRU 5, RNN
// 1; with PSQ_RECOMPUTE LSTM 2, GRU 1. Scratch has 1 more for RNN and for networks of several
// layers, and with PSQ_KEEP or PSQ_RECOMPUTE 4 for LSTM and GRU; those count for one layer only.
// With n_tokens it also has what min(V, N / 2) rows of a layer need before their activation, 4 for
// LSTM and GRU and 1 for RNN, and less than a fifth of a byte for each row of the table.
//
// Bytes of reserve and scratch for calls with this layout and these flags (the same for forward and
// backward). Without PSQ_TRAIN the reserve is 0. Both buffers must be 64-byte aligned.
// PSQ_INVALID: unknown flags, or others without PSQ_TRAIN. PSQ_NOMEM: a size overflows.
PSQ_API PSQ_MUST psq_status psq_rnn_sizes(const psq_rnn *rnn, const psq_layout *layout,
                                          unsigned flags, size_t *reserve_bytes,
                                          size_t *scratch_bytes, psq_error *err);

// ---- forward

// Arrays of a call. `rows(s)` is psq_storage_n_rows of storage s. Inputs and outputs must not
// overlap.
typedef struct psq_rnn_io {
    size_t struct_size;    // set by PSQ_RNN_IO_INIT
    psq_storage x_storage; // default packed
    psq_storage y_storage; // default packed
    const void *x;  // [rows(x_storage)][I]; padding is not read. With n_tokens: the table, [V][I].
                    // NULL if there are no elements
    void *y;        // [rows(y_storage)][D*R]: forward direction's R, then reverse's; padding is set
                    // to 0. NULL: not wanted
    const void *h0; // [L*D][B][R], index layer*D + direction; NULL: zeros
    const void *c0; // [L*D][B][H], LSTM only; NULL: zeros
    void *hn;       // [L*D][B][R]: state after each sequence's own last step (reverse: after its
                    // t = 0); h0 where the length is 0. NULL: not wanted
    void *cn;       // [L*D][B][H], LSTM only. NULL: not wanted
    void *layer_outputs; // [L][rows(y_storage)][D*R]: outputs of all layers, before dropout;
                         // padding 0. NULL: not wanted
    void *cells;   // [L*D][rows(y_storage)][H], LSTM only: every c_t; padding 0. NULL: not wanted
    uint64_t seed; // dropout: the mask is a function of (seed, sequence id, t, layer, unit)
    const int64_t *ids;    // [B] sequence ids for dropout; NULL: the index in the batch
    const int64_t *starts; // [B] t of each sequence's first row for dropout, for a sequence that
                           // was cut in time; at least 0; NULL: 0
    const int32_t *tokens; // [rows(x_storage)], with n_tokens: the row of the table that each
                           // element has as its input, 0 to V-1; padding is not read. Else NULL
} psq_rnn_io;

#define PSQ_RNN_IO_INIT                                                                       \
    {                                                                                         \
        sizeof(psq_rnn_io), {PSQ_PACKED, false, 0}, {PSQ_PACKED, false, 0}, NULL, NULL, NULL, \
            NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL                                 \
    }

// Runs the network. flags: 0, or PSQ_TRAIN, with PSQ_RECOMPUTE where backward will have it;
// PSQ_KEEP changes nothing here but the size of scratch. reserve may be NULL without PSQ_TRAIN;
// scratch may be NULL if its size is 0. h0 may be hn and c0 may be cn (the state is carried in
// place). PSQ_INVALID: NULL or misaligned buffers, unknown flags, a struct_size that is not this
// version's, a negative start, a token outside the table, c0, cn or cells with a cell that has
// none. PSQ_SHAPE, PSQ_NOMEM: as psq_storage_n_rows.
PSQ_API PSQ_MUST psq_status psq_rnn_forward(const psq_rnn *rnn, const psq_layout *layout,
                                            const void *panels, const psq_rnn_io *io,
                                            unsigned flags, void *reserve, void *scratch,
                                            psq_error *err);

// ---- backward

// Gradients of a scalar with respect to everything. Inputs that are NULL are zeros, outputs that
// are NULL are not wanted.
typedef struct psq_rnn_grads {
    size_t struct_size; // set by PSQ_RNN_GRADS_INIT
    const void *dy;     // in:  [rows(y_storage)][D*R]; padding is not read
    const void *dhn;    // in:  [L*D][B][R]
    const void *dcn;    // in:  [L*D][B][H], LSTM only
    void *dx;           // out: [rows(x_storage)][I]; overwritten, padding is set to 0. With
                        // n_tokens: the table's, [V][I]; ADDED to, as a parameter's gradient is
    void *dh0;          // out: [L*D][B][R]; overwritten
    void *dc0;          // out: [L*D][B][H], LSTM only; overwritten
    void *dweights;     // out: [psq_rnn_n_weights], the shape of the weights; ADDED to
} psq_rnn_grads;

#define PSQ_RNN_GRADS_INIT \
    { sizeof(psq_rnn_grads), NULL, NULL, NULL, NULL, NULL, NULL, NULL }

// Back-propagation through the last forward with PSQ_TRAIN on this reserve. layout, panels and io
// must be those of that forward; io's x, tokens, h0, c0, seed, ids and starts are read again, h0
// and c0 must still hold what they held (so not where hn replaced them), its outputs are not looked
// at. flags: PSQ_TRAIN, with PSQ_RECOMPUTE where forward had it, optionally with PSQ_KEEP. Without
// PSQ_KEEP the reserve is used up. dhn may be dh0 and dcn may be dc0. Errors as psq_rnn_forward;
// PSQ_INVALID also for flags without PSQ_TRAIN.
PSQ_API PSQ_MUST psq_status psq_rnn_backward(const psq_rnn *rnn, const psq_layout *layout,
                                             const void *panels, const psq_rnn_io *io,
                                             const psq_rnn_grads *grads, unsigned flags,
                                             void *reserve, void *scratch, psq_error *err);

// ---- self test

typedef struct psq_selftest_result {
    const char *name;  // "lstm forward" ...
    uint64_t hash;     // of the bits computed here
    uint64_t expected; // of the bits that docs/bits.md defines
} psq_selftest_result;

// Runs fixed small networks forward and backward in PSQ_F32 with this context's kernels and hashes
// every output and gradient. *n_results is the capacity of results on entry (at most the number of
// tests is written) and the number of tests on return; results may be NULL with capacity 0.
// PSQ_INTERNAL: some hash differs (results are valid then). PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_selftest(const psq_ctx *ctx, psq_selftest_result *results,
                                         int64_t *n_results, psq_error *err);

#ifdef __cplusplus
}
#endif

#endif
