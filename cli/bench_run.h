// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// bench_run.h: a network on a batch, run again and again with the clock beside it.
#ifndef PACKSEQ_CLI_BENCH_RUN_H
#define PACKSEQ_CLI_BENCH_RUN_H

#include "packseq/packseq.h"

// What is run: everything that a pass reads and writes. Letters as in rnn.h.
typedef struct bench_net {
    const psq_ctx *ctx;
    const psq_layout *layout; // borrowed
    bool train;
    bool recompute; // PSQ_RECOMPUTE
    psq_rnn *rnn;
    float *weights;
    void *panels;
    float *x;
    float *y;
    float *dy; // train only, as are the next two
    float *dx;
    float *dweights;
    void *reserve;
    void *scratch;
    size_t panel_bytes;
    size_t reserve_bytes;
    size_t scratch_bytes;
} bench_net;

// Makes the network and fills its weights and inputs with random numbers. Returns the exit code;
// bench_net_free takes *net in any case.
int bench_net_make(const psq_ctx *ctx, const psq_rnn_spec *spec, const psq_layout *layout,
                   bool train, bool recompute, uint64_t seed, bench_net *net);
void bench_net_free(bench_net *net);

// Multiplications and additions, two for each of a product's terms, that the passes cannot do
// without: no padding, no activations. Training counts three times the forward pass.
double bench_net_flops(const bench_net *net);

typedef struct bench_times {
    int64_t n_passes;
    double median; // seconds of a pass
    double q1;
    double q3;
    double peak; // floating-point operations per second of one core; the best that was seen
} bench_times;

// Runs passes for about this many seconds, and at least three, after one that does not count. A
// pass is forward; with `train` it is packing the weights, forward, and backward to inputs and
// weights. Between passes short runs of psq_kernel_peak take a twentieth of the time. Returns the
// exit code.
int bench_measure(const bench_net *net, double seconds, bench_times *times);

#endif
