// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// The calls of a run in their order, with buffers that live for one run. Reserve and scratch start
// as 0xff bytes (NaN as floats), so that a value nobody computed shows.
#include "net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

void net_must(psq_status status, const psq_error *err) {
    if (status != PSQ_OK) {
        fail_msg("%s: %s", psq_status_name(status), err->text);
    }
}

// Aligned as the library asks; at least one byte, so that NULL means no memory.
static void *aligned(size_t bytes, int value) {
    void *const ptr = aligned_alloc(64, (bytes / 64 + 1) * 64);
    assert_non_null(ptr);
    return memset(ptr, value, (bytes / 64 + 1) * 64);
}

void *net_zeros(const psq_net *net, int64_t n) {
    void *const array = calloc((size_t)n + 1, net->size);
    assert_non_null(array);
    return array;
}

void *net_array(const psq_net *net, psq_dtype dtype, const void *values, int64_t n) {
    if (values == NULL) {
        return NULL;
    }
    void *const array = net_zeros(net, n);
    for (int64_t i = 0; i < n; i++) {
        const double value = net_value(dtype, values, i);
        if (net->size == sizeof(float)) {
            ((float *)array)[i] = (float)value;
        } else {
            ((double *)array)[i] = value;
        }
    }
    return array;
}

psq_net net_create(const psq_ctx *ctx, const psq_rnn_spec *spec, const void *weights) {
    psq_error err;
    psq_net net = {.ctx = ctx};
    net_must(psq_rnn_create(ctx, spec, &net.rnn, &err), &err);
    net.spec = psq_rnn_get_spec(net.rnn);
    net.D = spec->bidirectional ? 2 : 1;
    net.R = spec->proj_size > 0 ? spec->proj_size : spec->hidden_size;
    net.n_states = spec->n_layers * net.D;
    net.n_weights = psq_rnn_n_weights(net.rnn);
    net.size = psq_dtype_size(spec->dtype);
    net.panels = aligned(psq_rnn_panel_bytes(net.rnn), 0xff);
    void *const zeros = weights == NULL ? net_zeros(&net, net.n_weights) : NULL;
    net_pack(&net, weights == NULL ? zeros : weights);
    free(zeros);
    return net;
}

void net_destroy(psq_net *net) {
    free(net->panels);
    psq_rnn_destroy(net->rnn);
}

void net_pack(psq_net *net, const void *weights) {
    psq_error err;
    net_must(psq_rnn_pack(net->rnn, weights, net->panels, &err), &err);
}

psq_ctx *net_ctx(const char *cpu) {
    psq_error err;
    psq_ctx *ctx = NULL;
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.cpu = cpu;
    net_must(psq_ctx_create(&opts, &ctx, &err), &err);
    return ctx;
}

psq_rnn_spec net_spec(int i) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = i % 5 < 4 ? (psq_cell)(i % 5) : PSQ_LSTM;
    spec.proj_size = i % 5 < 4 ? 0 : 7;
    spec.n_layers = 1 + i / 5 % 2;
    spec.bidirectional = i / 10 == 1;
    spec.input_size = 9;
    spec.hidden_size = 19;
    spec.dropout = spec.n_layers > 1 ? 0.4 : 0.0;
    return spec;
}

void net_fill(float *array, int64_t n, float scale, uint64_t seed) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t words[4];
        psq_random(seed, PSQ_STREAM_TEST, (uint64_t)i, 0, 0, words);
        array[i] = scale * (2.0f * psq_unit_f32(words[0]) - 1.0f);
    }
}

float *net_weights(int64_t n, uint64_t seed) {
    float *const weights = malloc((size_t)n * sizeof *weights);
    assert_non_null(weights);
    net_fill(weights, n, 0.4f, seed);
    return weights;
}

psq_net net_random(const psq_ctx *ctx, const psq_rnn_spec *spec) {
    psq_net net = net_create(ctx, spec, NULL);
    float *const weights = net_weights(net.n_weights, 1);
    net_pack(&net, weights);
    free(weights);
    return net;
}

void net_for_each(void (*property)(const psq_net *net)) {
    psq_ctx *const ctx = net_ctx(NULL);
    for (int i = 0; i < NET_N_SPECS; i++) {
        const psq_rnn_spec spec = net_spec(i);
        psq_net net = net_random(ctx, &spec);
        property(&net);
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

psq_layout *net_layout(const psq_ctx *ctx, const int64_t *lengths, int64_t n_seq) {
    psq_error err;
    psq_layout *layout = NULL;
    net_must(psq_layout_from_lengths(ctx, lengths, n_seq, &layout, &err), &err);
    return layout;
}

int64_t net_n_rows(const psq_layout *layout, psq_storage storage) {
    psq_error err;
    int64_t n_rows = 0;
    net_must(psq_storage_n_rows(layout, storage, &n_rows, &err), &err);
    return n_rows;
}

void net_run(const psq_net *net, const psq_layout *layout, const psq_rnn_io *io,
             const psq_rnn_grads *grads) {
    psq_error err;
    const unsigned flags = grads != NULL ? PSQ_TRAIN : 0;
    size_t reserve_bytes = 0, scratch_bytes = 0;
    net_must(psq_rnn_sizes(net->rnn, layout, flags, &reserve_bytes, &scratch_bytes, &err), &err);
    void *const reserve = aligned(reserve_bytes, 0xff);
    void *const scratch = aligned(scratch_bytes, 0xff);
    net_must(psq_rnn_forward(net->rnn, layout, net->panels, io, flags, reserve, scratch, &err),
             &err);
    if (grads != NULL) {
        memset(scratch, 0xff, scratch_bytes);
        net_must(psq_rnn_backward(net->rnn, layout, net->panels, io, grads, flags, reserve, scratch,
                                  &err),
                 &err);
    }
    free(reserve);
    free(scratch);
}
