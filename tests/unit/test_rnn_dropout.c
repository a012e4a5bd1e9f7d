// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_dropout.c: what is dropped, where, and on what the mask depends.
#include <math.h>

#include "base/rng.h"
#include "netcall.h"
#include "rnn/dropout.h"
#include "with_ctx.h"

// ---- the factors

static psq_rnn_spec spec_of(double dropout) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.input_size = 2;
    spec.hidden_size = 11;
    spec.n_layers = 3;
    spec.bidirectional = true;
    spec.dropout = dropout;
    return spec;
}

enum { UNITS = 22 };

static void factors_follow_the_random_words(void **state) {
    (void)state;
    const double p = 0.3;
    const psq_rnn_spec spec = spec_of(p);
    psq_net net = net_create(ctx, &spec, NULL);
    static const int64_t ids[] = {5, -1};
    static const int64_t starts[] = {100, ((int64_t)1 << 32) + 2};
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.seed = 77;
    for (int given = 0; given < 2; given++) {
        io.ids = given ? ids : NULL;
        io.starts = given ? starts : NULL;
        for (int64_t i = 0; i < 2 * 3 * 2; i++) {
            const int64_t b = i % 2;
            const int64_t t = i / 2 % 3;
            const int64_t layer = i / 6;
            float factors[UNITS];
            psq_dropout_factors(net.rnn, &io, layer, b, t, factors);
            for (int64_t unit = 0; unit < UNITS; unit++) {
                uint32_t words[4];
                psq_random(77, PSQ_STREAM_DROPOUT, (uint64_t)(given ? ids[b] : b),
                           (uint32_t)((given ? starts[b] : 0) + t),
                           (uint32_t)(layer << 20 | unit / 4), words);
                const bool kept = (double)words[unit % 4] >= floor(p * 4294967296.0);
                assert_true(factors[unit] == (kept ? (float)(1.0 / (1.0 - p)) : 0.0f));
            }
        }
    }
    net_destroy(&net);
}

static void share_dropped_is_p(void **state) {
    (void)state;
    static const double shares[] = {0.1, 0.5, 0.8, 1.0};
    for (int k = 0; k < 4; k++) {
        const psq_rnn_spec spec = spec_of(shares[k]);
        psq_net net = net_create(ctx, &spec, NULL);
        psq_rnn_io io = PSQ_RNN_IO_INIT;
        double n_dropped = 0.0;
        double n = 0.0;
        for (int64_t t = 0; t < 1000; t++) {
            float factors[UNITS];
            psq_dropout_factors(net.rnn, &io, 0, 0, t, factors);
            for (int64_t unit = 0; unit < UNITS; unit++, n++) {
                n_dropped += factors[unit] == 0.0f;
            }
        }
        const double error = sqrt(shares[k] * (1.0 - shares[k]) / n);
        assert_true(fabs(n_dropped / n - shares[k]) <= 5.0 * error);
        net_destroy(&net);
    }
}

// ---- in a network

// Two layers of plain relu cells, 10 -> 1000, all weights 1, one input row of ones: the first
// layer gives 10 everywhere, the second the sum of what was not dropped.
static void dropout_lies_between_layers(void **state) {
    (void)state;
    enum { I = 10, H = 1000 };
    static const double shares[] = {0.0, 0.25, 0.5, 0.75, 1.0};
    static const int64_t length = 1;
    for (int k = 0; k < 5; k++) {
        psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
        spec.cell = PSQ_RNN_RELU;
        spec.input_size = I;
        spec.hidden_size = H;
        spec.n_layers = 2;
        spec.bias = false;
        spec.dropout = shares[k];
        psq_net net = net_create(ctx, &spec, NULL);
        float *const weights = (float *)net_zeros(&net, net.n_weights);
        for (int64_t i = 0; i < net.n_weights; i++) {
            weights[i] = 1.0f;
        }
        net_pack(&net, weights);
        netcall call = netcall_create(&net, &length, 1, PSQ_TRAIN);
        for (int i = 0; i < I; i++) {
            ((float *)(uintptr_t)call.io.x)[i] = 1.0f;
        }
        memset((void *)(uintptr_t)call.io.h0, 0, (size_t)call.n_h * sizeof(float));
        netcall_forward(&call);
        const float *const hn = (const float *)call.io.hn;
        const float *const y = (const float *)call.io.y;
        for (int u = 0; u < H; u++) {
            assert_true(hn[u] == 10.0f); // before dropout
            assert_true(y[u] == y[0]);
            assert_true(hn[H + u] == y[u]); // none after the last layer
        }
        if (shares[k] == 0.0) {
            assert_true(y[0] == 10000.0f);
        } else if (shares[k] == 1.0) {
            assert_true(y[0] == 0.0f);
        } else {
            assert_true(y[0] > 8000.0f && y[0] < 12000.0f);
            const double kept = (double)y[0] * (1.0 - shares[k]) / 10.0;
            assert_true(fabs(kept - nearbyint(kept)) < 0.01);
        }
        free(weights);
        netcall_destroy(&call);
        net_destroy(&net);
    }
}

// Without PSQ_TRAIN nothing is dropped, and dropout 0 drops nothing.
static void inference_drops_nothing(void **state) {
    (void)state;
    static const int64_t lengths[] = {4, 2};
    for (int i = 0; i < NET_N_SPECS; i++) {
        psq_rnn_spec spec = net_spec(i);
        spec.n_layers = 2;
        void *outputs[3]; // dropout in inference, none in training, dropout in training
        int64_t n_y = 0;
        for (int k = 0; k < 3; k++) {
            spec.dropout = k == 1 ? 0.0 : 0.4;
            psq_net net = net_random(ctx, &spec);
            netcall call = netcall_create(&net, lengths, 2, k == 0 ? 0 : PSQ_TRAIN);
            netcall_forward(&call);
            n_y = call.n_y;
            outputs[k] = call.io.y;
            call.io.y = NULL;
            netcall_destroy(&call);
            net_destroy(&net);
        }
        assert_memory_equal(outputs[0], outputs[1], (size_t)n_y * sizeof(float));
        assert_memory_not_equal(outputs[0], outputs[2], (size_t)n_y * sizeof(float));
        for (int k = 0; k < 3; k++) {
            free(outputs[k]);
        }
    }
}

static void run_with_seed(const psq_net *net, uint64_t seed, float *y) {
    static const int64_t lengths[] = {4, 2};
    netcall call = netcall_create(net, lengths, 2, PSQ_TRAIN);
    call.io.seed = seed;
    netcall_forward(&call);
    memcpy(y, call.io.y, (size_t)call.n_y * sizeof *y);
    netcall_destroy(&call);
}

static void seed_decides(void **state) {
    (void)state;
    const psq_rnn_spec spec = spec_of(0.4);
    psq_net net = net_random(ctx, &spec);
    float y[3][6 * UNITS];
    run_with_seed(&net, 1, y[0]);
    run_with_seed(&net, 2, y[1]);
    run_with_seed(&net, 1, y[2]);
    assert_memory_equal(y[0], y[2], sizeof y[0]);
    assert_memory_not_equal(y[0], y[1], sizeof y[0]);
    net_destroy(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_follow_the_random_words),
        cmocka_unit_test(share_dropped_is_p),
        cmocka_unit_test(dropout_lies_between_layers),
        cmocka_unit_test(inference_drops_nothing),
        cmocka_unit_test(seed_decides),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
