// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// net.h: a network with all it needs to run, for tests that ask what comes out. Every call must
// succeed, or the test fails with its sentence. Memory is the C library's, so that a sanitizer sees
// the edges of each array.
#ifndef PACKSEQ_TESTS_NET_H
#define PACKSEQ_TESTS_NET_H

#include "packseq/rnn.h"

typedef struct psq_net {
    const psq_ctx *ctx;
    psq_rnn *rnn;
    const psq_rnn_spec *spec; // the network's own copy
    int64_t D, R;
    int64_t n_states;  // L * D
    int64_t n_weights; // elements
    size_t size;       // bytes of an element
    void *panels;
} psq_net;

// n elements of net's dtype: zeros, or converted from `dtype`; values NULL gives NULL.
void *net_zeros(const psq_net *net, int64_t n);
void *net_array(const psq_net *net, psq_dtype dtype, const void *values, int64_t n);

// Element i of an array of PSQ_F32 or PSQ_F64.
static inline double net_value(psq_dtype dtype, const void *array, int64_t i) {
    return dtype == PSQ_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

// spec->dtype weights [n_weights], in PyTorch's order; NULL: zeros.
psq_net net_create(const psq_ctx *ctx, const psq_rnn_spec *spec, const void *weights);
void net_destroy(psq_net *net);
// Makes the panels anew.
void net_pack(psq_net *net, const void *weights);

// A context that may use these kernel tables; NULL: all.
psq_ctx *net_ctx(const char *cpu);

// The networks of the property tests: five kinds (the last an LSTM with projection) x 1 and 2
// layers (the latter with dropout between them) x 1 and 2 directions, in odd sizes so that kernels
// meet their tails.
enum { NET_N_SPECS = 20 };
psq_rnn_spec net_spec(int i);
// n weights, a function of seed; freed with free.
float *net_weights(int64_t n, uint64_t seed);
// A network with weights of seed 1.
psq_net net_random(const psq_ctx *ctx, const psq_rnn_spec *spec);
void net_for_each(void (*property)(const psq_net *net));

// n floats in [-scale, scale), a function of seed.
void net_fill(float *array, int64_t n, float scale, uint64_t seed);

psq_layout *net_layout(const psq_ctx *ctx, const int64_t *lengths, int64_t n_seq);
int64_t net_n_rows(const psq_layout *layout, psq_storage storage);

// Forward alone; with grads, forward with PSQ_TRAIN and backward.
void net_run(const psq_net *net, const psq_layout *layout, const psq_rnn_io *io,
             const psq_rnn_grads *grads);

// Fails the test with the sentence unless status is PSQ_OK.
void net_must(psq_status status, const psq_error *err);

#endif
