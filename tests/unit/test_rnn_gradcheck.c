// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_gradcheck.c: every gradient in double against central differences of a random linear
// function of y, hn and cn: each cell, with and without projection, bias and dropout, in 1 and 2
// layers and directions, of rows and of tokens.
#include <math.h>
#include <stdio.h>

#include "netcall.h"

// One case of the table below.
typedef struct check {
    netcall call;
    psq_net *net;
    double *weights;
} check;

static double dot(const void *a, const void *b, int64_t n) {
    double s = 0.0;
    for (int64_t i = 0; i < n; i++) {
        s += ((const double *)a)[i] * ((const double *)b)[i];
    }
    return s;
}

static double loss(const check *c) {
    netcall_forward(&c->call);
    const psq_rnn_io *const io = &c->call.io;
    const psq_rnn_grads *const grads = &c->call.grads;
    return dot(io->y, grads->dy, c->call.n_y) + dot(io->hn, grads->dhn, c->call.n_h) +
           dot(io->cn, grads->dcn, c->call.n_c);
}

static double difference(const check *c, double *element, bool is_weight) {
    const double step = 1e-5;
    const double middle = *element;
    double sides[2];
    for (int side = 0; side < 2; side++) {
        *element = middle + (side == 0 ? -step : step);
        if (is_weight) {
            net_pack(c->net, c->weights);
        }
        sides[side] = loss(c);
    }
    *element = middle;
    return (sides[1] - sides[0]) / (2.0 * step);
}

// Largest difference of n gradients, as a part of the largest gradient.
static void check_gradients(const check *c, const char *name, double *values, const double *grads,
                            int64_t n, bool is_weight) {
    double worst = 0.0;
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double error = fabs(difference(c, &values[i], is_weight) - grads[i]);
        worst = error > worst || isnan(error) ? error : worst;
        largest = fabs(grads[i]) > largest ? fabs(grads[i]) : largest;
    }
    if (n > 0 && (!(worst <= 1e-6 * largest) || largest == 0.0)) {
        const psq_rnn_spec *const spec = c->net->spec;
        fail_msg("%s, P %d, %d layers, %d directions: %s differs by %g of %g",
                 psq_cell_name(spec->cell), (int)spec->proj_size, (int)spec->n_layers,
                 (int)c->net->D, name, worst, largest);
    }
}

static void check_all(const check *c) {
    const netcall *const call = &c->call;
    netcall_forward(call);
    netcall_backward(call);
    check_gradients(c, "dx", (double *)(uintptr_t)call->io.x, (double *)call->grads.dx, call->n_x,
                    false);
    check_gradients(c, "dh0", (double *)(uintptr_t)call->io.h0, (double *)call->grads.dh0,
                    call->n_h, false);
    check_gradients(c, "dc0", (double *)(uintptr_t)call->io.c0, (double *)call->grads.dc0,
                    call->n_c, false);
    for (int64_t p = 0; p < psq_rnn_n_params(c->net->rnn); p++) {
        const psq_param *const param = &psq_rnn_params(c->net->rnn)[p];
        const int64_t n = param->n_rows * (param->n_cols > 0 ? param->n_cols : 1);
        check_gradients(c, param->name, c->weights + param->offset,
                        (double *)call->grads.dweights + param->offset, n, true);
    }
}

static void check_spec(const psq_ctx *ctx, const psq_rnn_spec *spec) {
    static const int64_t lengths[] = {2, 0, 4, 1};
    psq_net net = net_create(ctx, spec, NULL);
    check c = {.net = &net, .call = netcall_create(&net, lengths, 4, PSQ_TRAIN)};
    float *const values = net_weights(net.n_weights, 1);
    c.weights = (double *)net_array(&net, PSQ_F32, values, net.n_weights);
    c.call.io.seed = 3;
    net_pack(&net, c.weights);
    check_all(&c);
    free(values);
    free(c.weights);
    netcall_destroy(&c.call);
    net_destroy(&net);
}

static void check_cell(psq_cell cell, int64_t proj_size) {
    psq_ctx *const ctx = net_ctx(NULL);
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = cell;
    spec.dtype = PSQ_F64;
    spec.input_size = 3;
    spec.hidden_size = 4;
    spec.proj_size = proj_size;
    for (int i = 0; i < 12; i++) {
        spec.bidirectional = i % 2 != 0;
        spec.bias = i / 2 % 2 == 0;
        spec.n_layers = i < 4 ? 1 : 2;
        spec.dropout = i < 8 ? 0.0 : 0.4;
        spec.n_tokens = 0;
        check_spec(ctx, &spec);
        spec.n_tokens = i % 3 == 0 ? 9 : 3; // seven rows: most tokens once, or again and again
        check_spec(ctx, &spec);
    }
    psq_ctx_destroy(ctx);
}

static void tanh_gradients_are_differences(void **state) {
    (void)state;
    check_cell(PSQ_RNN_TANH, 0);
}

static void relu_gradients_are_differences(void **state) {
    (void)state;
    check_cell(PSQ_RNN_RELU, 0);
}

static void lstm_gradients_are_differences(void **state) {
    (void)state;
    check_cell(PSQ_LSTM, 0);
}

static void projected_lstm_gradients_are_differences(void **state) {
    (void)state;
    check_cell(PSQ_LSTM, 2);
}

static void gru_gradients_are_differences(void **state) {
    (void)state;
    check_cell(PSQ_GRU, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tanh_gradients_are_differences),
        cmocka_unit_test(relu_gradients_are_differences),
        cmocka_unit_test(lstm_gradients_are_differences),
        cmocka_unit_test(projected_lstm_gradients_are_differences),
        cmocka_unit_test(gru_gradients_are_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
