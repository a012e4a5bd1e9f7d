// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// netcall.h: one training call with every array given, packed, in the network's dtype, for tests
// that look at the call itself: its memory, its arguments, its gradients. Reserve and scratch are
// blocks of exactly the size that was asked for, so that a sanitizer sees their edges. With a table
// of tokens x and dx are the table's.
#ifndef PACKSEQ_TESTS_NETCALL_H
#define PACKSEQ_TESTS_NETCALL_H

#include <stdlib.h>

#include "net.h"
#include "testing.h"

typedef struct netcall {
    const psq_net *net;
    psq_layout *layout;
    int64_t n_x, n_y, n_h, n_c, n_cells; // elements of the arrays; n_c 0: no cell state
    psq_rnn_io io;
    psq_rnn_grads grads;
    unsigned flags;
    size_t reserve_bytes, scratch_bytes;
    void *reserve, *scratch;
} netcall;

static inline void *netcall_random(const psq_net *net, int64_t n, uint64_t seed) {
    float *const values = (float *)malloc(((size_t)n + 1) * sizeof *values);
    assert_non_null(values);
    net_fill(values, n, 1.0f, seed);
    void *const array = net_array(net, PSQ_F32, values, n);
    free(values);
    return array;
}

// n tokens below n_tokens, a function of seed.
static inline int32_t *netcall_tokens(int64_t n_tokens, int64_t n, uint64_t seed) {
    float *const values = (float *)malloc(((size_t)n + 1) * sizeof *values);
    int32_t *const tokens = (int32_t *)malloc(((size_t)n + 1) * sizeof *tokens);
    assert_non_null(values);
    assert_non_null(tokens);
    net_fill(values, n, 0.5f, seed);
    for (int64_t i = 0; i < n; i++) {
        tokens[i] = (int32_t)((values[i] + 0.5f) * (float)n_tokens);
        tokens[i] = tokens[i] < n_tokens ? tokens[i] : (int32_t)n_tokens - 1;
    }
    free(values);
    return tokens;
}

// NULL for 0 bytes.
static inline void *netcall_block(size_t bytes) {
    void *const block = bytes > 0 ? aligned_alloc(64, bytes) : NULL;
    assert_true(bytes == 0 || block != NULL);
    return bytes > 0 ? memset(block, 0xff, bytes) : NULL;
}

static inline netcall netcall_create(const psq_net *net, const int64_t *lengths, int64_t n_seq,
                                     unsigned flags) {
    netcall call = {.net = net, .flags = flags, .io = PSQ_RNN_IO_INIT, .grads = PSQ_RNN_GRADS_INIT};
    call.layout = net_layout(net->ctx, lengths, n_seq);
    const int64_t N = psq_layout_n_rows(call.layout);
    const bool has_c = net->spec->cell == PSQ_LSTM;
    const int64_t V = net->spec->n_tokens;
    call.n_x = (V > 0 ? V : N) * net->spec->input_size;
    call.io.tokens = V > 0 ? netcall_tokens(V, N, 17) : NULL;
    call.n_y = N * net->D * net->R;
    call.n_h = net->n_states * n_seq * net->R;
    call.n_c = has_c ? net->n_states * n_seq * net->spec->hidden_size : 0;
    call.n_cells = has_c ? net->n_states * N * net->spec->hidden_size : 0;
    call.io.x = netcall_random(net, call.n_x, 11);
    call.io.h0 = netcall_random(net, call.n_h, 12);
    call.io.y = net_zeros(net, call.n_y);
    call.io.hn = net_zeros(net, call.n_h);
    call.io.layer_outputs = net_zeros(net, call.n_y * net->spec->n_layers);
    call.grads.dy = netcall_random(net, call.n_y, 13);
    call.grads.dhn = netcall_random(net, call.n_h, 14);
    call.grads.dx = net_zeros(net, call.n_x);
    call.grads.dh0 = net_zeros(net, call.n_h);
    call.grads.dweights = net_zeros(net, net->n_weights);
    if (has_c) {
        call.io.c0 = netcall_random(net, call.n_c, 15);
        call.io.cn = net_zeros(net, call.n_c);
        call.io.cells = net_zeros(net, call.n_cells);
        call.grads.dcn = netcall_random(net, call.n_c, 16);
        call.grads.dc0 = net_zeros(net, call.n_c);
    }
    psq_error err;
    net_must(
        psq_rnn_sizes(net->rnn, call.layout, flags, &call.reserve_bytes, &call.scratch_bytes, &err),
        &err);
    call.reserve = netcall_block(call.reserve_bytes);
    call.scratch = netcall_block(call.scratch_bytes);
    return call;
}

static inline void netcall_destroy(netcall *call) {
    void *const arrays[] = {(void *)(uintptr_t)call->io.x,
                            (void *)(uintptr_t)call->io.tokens,
                            (void *)(uintptr_t)call->io.h0,
                            (void *)(uintptr_t)call->io.c0,
                            (void *)(uintptr_t)call->grads.dy,
                            (void *)(uintptr_t)call->grads.dhn,
                            (void *)(uintptr_t)call->grads.dcn,
                            call->io.y,
                            call->io.hn,
                            call->io.cn,
                            call->io.layer_outputs,
                            call->io.cells,
                            call->grads.dx,
                            call->grads.dh0,
                            call->grads.dc0,
                            call->grads.dweights,
                            call->reserve,
                            call->scratch};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        free(arrays[i]);
    }
    psq_layout_destroy(call->layout);
}

static inline void netcall_forward(const netcall *call) {
    psq_error err;
    net_must(psq_rnn_forward(call->net->rnn, call->layout, call->net->panels, &call->io,
                             call->flags, call->reserve, call->scratch, &err),
             &err);
}

// Scratch is spoilt first: nothing may be left in it from forward.
static inline void netcall_backward(const netcall *call) {
    psq_error err;
    memset(call->scratch, 0xff, call->scratch_bytes);
    net_must(psq_rnn_backward(call->net->rnn, call->layout, call->net->panels, &call->io,
                              &call->grads, call->flags, call->reserve, call->scratch, &err),
             &err);
}

#endif
