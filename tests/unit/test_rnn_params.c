// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_params.c: the table of parameters against PyTorch's rules, and the initialisation.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "net.h"
#include "testing.h"

static const int64_t n_gates[PSQ_N_CELL] = {1, 1, 4, 3};

// The next entry must be this one; returns where the one after it begins.
static int64_t expect_param(const psq_param **at, const char *kind, int64_t layer, bool reverse,
                            int64_t n_rows, int64_t n_cols, int64_t offset) {
    char name[32];
    snprintf(name, sizeof name, "%s_l%d%s", kind, (int)layer, reverse ? "_reverse" : "");
    assert_string_equal((*at)->name, name);
    assert_int_equal((*at)->n_rows, n_rows);
    assert_int_equal((*at)->n_cols, n_cols);
    assert_int_equal((*at)->offset, offset);
    const bool is_bias = name[0] == 'b';
    (*at)++;
    return offset + n_rows * (is_bias ? 1 : n_cols);
}

static void check_table(const psq_ctx *ctx, const psq_rnn_spec *spec) {
    psq_error err;
    psq_rnn *rnn = NULL;
    net_must(psq_rnn_create(ctx, spec, &rnn, &err), &err);
    const int64_t R = spec->proj_size > 0 ? spec->proj_size : spec->hidden_size;
    const int64_t D = spec->bidirectional ? 2 : 1;
    const int64_t rows = n_gates[spec->cell] * spec->hidden_size;
    const psq_param *at = psq_rnn_params(rnn);
    int64_t offset = 0;
    for (int64_t l = 0; l < spec->n_layers; l++) {
        for (int64_t d = 0; d < D; d++) {
            const int64_t n_in = l == 0 ? spec->input_size : D * R;
            offset = expect_param(&at, "weight_ih", l, d == 1, rows, n_in, offset);
            offset = expect_param(&at, "weight_hh", l, d == 1, rows, R, offset);
            if (spec->bias) {
                offset = expect_param(&at, "bias_ih", l, d == 1, rows, 0, offset);
                offset = expect_param(&at, "bias_hh", l, d == 1, rows, 0, offset);
            }
            if (spec->proj_size > 0) {
                offset = expect_param(&at, "weight_hr", l, d == 1, spec->proj_size,
                                      spec->hidden_size, offset);
            }
        }
    }
    assert_int_equal(at - psq_rnn_params(rnn), psq_rnn_n_params(rnn));
    assert_int_equal(offset, psq_rnn_n_weights(rnn));
    assert_int_equal(psq_rnn_get_spec(rnn)->input_size, spec->input_size);
    psq_rnn_destroy(rnn);
}

static void table_is_that_of_torch(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    for (int i = 0; i < NET_N_SPECS; i++) {
        psq_rnn_spec spec = net_spec(i);
        check_table(ctx, &spec);
        spec.bias = false;
        check_table(ctx, &spec);
        spec.input_size = 0;
        spec.n_layers = 12;
        check_table(ctx, &spec);
    }
    psq_ctx_destroy(ctx);
}

// An LSTM of 5 inputs, 4 units, 2 projected, 1 layer and direction, as torch prints it.
static void projected_lstm_has_its_sizes(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.input_size = 5;
    spec.hidden_size = 4;
    spec.proj_size = 2;
    psq_net net = net_create(ctx, &spec, NULL);
    assert_int_equal(psq_rnn_n_params(net.rnn), 5);
    assert_int_equal(net.n_weights, 16 * 5 + 16 * 2 + 16 + 16 + 2 * 4);
    assert_string_equal(psq_rnn_params(net.rnn)[4].name, "weight_hr_l0");
    assert_int_equal(psq_rnn_params(net.rnn)[4].offset, 16 * 5 + 16 * 2 + 16 + 16);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
}

static void cells_have_names(void **state) {
    (void)state;
    assert_string_equal(psq_cell_name(PSQ_RNN_TANH), "rnn_tanh");
    assert_string_equal(psq_cell_name(PSQ_RNN_RELU), "rnn_relu");
    assert_string_equal(psq_cell_name(PSQ_LSTM), "lstm");
    assert_string_equal(psq_cell_name(PSQ_GRU), "gru");
    assert_null(psq_cell_name(PSQ_N_CELL));
    assert_null(psq_cell_name((psq_cell)-1));
}

// ---- initialisation

static psq_net net_of(const psq_ctx *ctx, psq_dtype dtype, int64_t n_layers) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.dtype = dtype;
    spec.input_size = 8;
    spec.hidden_size = 16; // the bound is 1/4
    spec.proj_size = 4;
    spec.n_layers = n_layers;
    return net_create(ctx, &spec, NULL);
}

static void init_is_uniform_in_its_bounds(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_net net = net_of(ctx, PSQ_F32, 4);
    float *const weights = (float *)net_zeros(&net, net.n_weights);
    psq_rnn_init(net.rnn, 1, weights);
    double sum = 0.0;
    double squares = 0.0;
    float least = 1.0f;
    float largest = -1.0f;
    for (int64_t i = 0; i < net.n_weights; i++) {
        assert_true(weights[i] >= -0.25f && weights[i] <= 0.25f);
        least = weights[i] < least ? weights[i] : least;
        largest = weights[i] > largest ? weights[i] : largest;
        sum += (double)weights[i];
        squares += (double)weights[i] * (double)weights[i];
    }
    const double n = (double)net.n_weights;
    assert_true(n > 3000.0);
    assert_true(least < -0.249f && largest > 0.249f);
    // mean 0 and variance bound^2 / 3, both within five standard errors
    assert_true(fabs(sum / n) < 5.0 * 0.25 / sqrt(3.0 * n));
    assert_true(fabs(squares / n - 0.0625 / 3.0) < 5.0 * 0.0625 * sqrt(4.0 / 45.0 / n));
    free(weights);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
}

// Element i is a function of seed and i: the same in a longer buffer, another with another seed.
static void init_depends_on_seed_and_place_alone(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_net small = net_of(ctx, PSQ_F32, 1);
    psq_net large = net_of(ctx, PSQ_F32, 3);
    float *const a = (float *)net_zeros(&large, large.n_weights);
    float *const b = (float *)net_zeros(&large, large.n_weights);
    psq_rnn_init(small.rnn, 7, a);
    psq_rnn_init(large.rnn, 7, b);
    assert_memory_equal(a, b, (size_t)small.n_weights * sizeof *a);
    psq_rnn_init(large.rnn, 8, a);
    int64_t n_equal = 0;
    for (int64_t i = 0; i < large.n_weights; i++) {
        n_equal += a[i] == b[i];
    }
    assert_true(n_equal < 5);
    free(a);
    free(b);
    net_destroy(&small);
    net_destroy(&large);
    psq_ctx_destroy(ctx);
}

static void init_is_that_of_docs_bits(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_net net = net_of(ctx, PSQ_F32, 1);
    float *const weights = (float *)net_zeros(&net, net.n_weights);
    psq_rnn_init(net.rnn, 9, weights);
    for (int64_t i = 0; i < net.n_weights; i++) {
        uint32_t words[4];
        psq_random(9, PSQ_STREAM_INIT, (uint64_t)i / 4, 0, 0, words);
        const double unit = (double)(words[i % 4] >> 8) / 16777216.0;
        assert_true(weights[i] == (float)((2.0 * unit - 1.0) * 0.25));
    }
    free(weights);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
}

static void init_of_floats_rounds_that_of_doubles(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_net floats = net_of(ctx, PSQ_F32, 2);
    psq_net doubles = net_of(ctx, PSQ_F64, 2);
    float *const a = (float *)net_zeros(&floats, floats.n_weights);
    double *const b = (double *)net_zeros(&doubles, doubles.n_weights);
    psq_rnn_init(floats.rnn, 3, a);
    psq_rnn_init(doubles.rnn, 3, b);
    for (int64_t i = 0; i < floats.n_weights; i++) {
        assert_true(a[i] == (float)b[i]);
    }
    free(a);
    free(b);
    net_destroy(&floats);
    net_destroy(&doubles);
    psq_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_that_of_torch),
        cmocka_unit_test(projected_lstm_has_its_sizes),
        cmocka_unit_test(cells_have_names),
        cmocka_unit_test(init_is_uniform_in_its_bounds),
        cmocka_unit_test(init_depends_on_seed_and_place_alone),
        cmocka_unit_test(init_is_that_of_docs_bits),
        cmocka_unit_test(init_of_floats_rounds_that_of_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
