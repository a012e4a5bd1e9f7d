// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// Gold values: networks so small that their results can be printed and, in part, checked by hand.
// The loss is the sum of all outputs. Integers must come out exactly; the rest as torch printed it.
#include "net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

// A network and what comes out. Inputs and dx are in jagged order, outputs packed, unless `padded`:
// then both are padded, time first. Sizes follow from the spec; NULL: not stated.
typedef struct gold {
    const char *title;
    psq_cell cell;
    int64_t I, H, P, L;
    bool bias, bidirectional, padded;
    int64_t n_seq;
    const int64_t *lengths;
    const double *weights; // NULL: zeros
    const double *x, *h0, *c0;
    const double *y, *hn, *cn, *dx, *dh0;
    const double *dweights;
    int64_t dweights_skip;               // how many weights come before the first of dweights
    double tolerance_f32, tolerance_f64; // of the larger of 1 and |value|; 0: exact
} gold;

#define LIST(...) ((const double[]){__VA_ARGS__})
#define COUNTS(...) ((const int64_t[]){__VA_ARGS__})

static void compare(const gold *g, const char *name, psq_dtype dtype, const void *actual,
                    const double *expected, int64_t n) {
    const double tolerance = dtype == PSQ_F32 ? g->tolerance_f32 : g->tolerance_f64;
    for (int64_t i = 0; expected != NULL && i < n; i++) {
        const double value = net_value(dtype, actual, i);
        if (!(fabs(value - expected[i]) <= tolerance * fmax(1.0, fabs(expected[i])))) {
            fail_msg("%s %s: %s[%lld] is %.10g, must be %.10g", g->title, psq_dtype_name(dtype),
                     name, (long long)i, value, expected[i]);
        }
    }
}

static psq_rnn_spec make_spec(const gold *g, psq_dtype dtype) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = g->cell;
    spec.dtype = dtype;
    spec.input_size = g->I;
    spec.hidden_size = g->H;
    spec.proj_size = g->P;
    spec.n_layers = g->L;
    spec.bias = g->bias;
    spec.bidirectional = g->bidirectional;
    return spec;
}

static void run_dtype(const psq_ctx *ctx, const gold *g, psq_dtype dtype) {
    const psq_rnn_spec spec = make_spec(g, dtype);
    psq_net net = net_create(ctx, &spec, NULL);
    psq_layout *const layout = net_layout(ctx, g->lengths, g->n_seq);
    const psq_storage padded = {.order = PSQ_PADDED_TIME}, jagged = {.order = PSQ_JAGGED};
    const bool lstm = g->cell == PSQ_LSTM;
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x_storage = g->padded ? padded : jagged;
    io.y_storage = g->padded ? padded : io.y_storage;
    const int64_t n_x = net_n_rows(layout, io.x_storage) * g->I;
    const int64_t n_y = net_n_rows(layout, io.y_storage) * net.D * net.R;
    const int64_t n_h = net.n_states * g->n_seq * net.R, n_c = net.n_states * g->n_seq * g->H;

    void *const weights = net_array(&net, PSQ_F64, g->weights, net.n_weights);
    if (weights != NULL) {
        net_pack(&net, weights);
    }
    void *const x = net_array(&net, PSQ_F64, g->x, n_x);
    void *const h0 = net_array(&net, PSQ_F64, g->h0, n_h);
    void *const c0 = net_array(&net, PSQ_F64, g->c0, n_c);
    double *const ones = malloc((size_t)n_y * sizeof *ones);
    assert_non_null(ones);
    for (int64_t i = 0; i < n_y; i++) {
        ones[i] = 1.0;
    }
    void *const dy = net_array(&net, PSQ_F64, ones, n_y);
    void *const y = net_zeros(&net, n_y), *const hn = net_zeros(&net, n_h);
    void *const cn = net_zeros(&net, n_c), *const dx = net_zeros(&net, n_x);
    void *const dh0 = net_zeros(&net, n_h), *const dweights = net_zeros(&net, net.n_weights);

    io.x = x;
    io.h0 = h0;
    io.c0 = c0;
    io.y = y;
    io.hn = hn;
    io.cn = lstm ? cn : NULL;
    psq_rnn_grads grads = PSQ_RNN_GRADS_INIT;
    grads.dy = dy;
    grads.dx = dx;
    grads.dh0 = dh0;
    grads.dweights = dweights;
    net_run(&net, layout, &io, &grads);

    compare(g, "y", dtype, y, g->y, n_y);
    compare(g, "hn", dtype, hn, g->hn, n_h);
    compare(g, "cn", dtype, cn, g->cn, n_c);
    compare(g, "dx", dtype, dx, g->dx, n_x);
    compare(g, "dh0", dtype, dh0, g->dh0, n_h);
    compare(g, "dweights", dtype, (const char *)dweights + (size_t)g->dweights_skip * net.size,
            g->dweights, net.n_weights - g->dweights_skip);

    void *const arrays[] = {weights, x, h0, c0, ones, dy, y, hn, cn, dx, dh0, dweights};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        free(arrays[i]);
    }
    psq_layout_destroy(layout);
    net_destroy(&net);
}

static void run(const gold *g) {
    psq_ctx *const ctx = net_ctx(NULL);
    run_dtype(ctx, g, PSQ_F32);
    run_dtype(ctx, g, PSQ_F64);
    psq_ctx_destroy(ctx);
}

// G1: relu with all weights 1 and no bias turns A = 1 2 3 4, B = 5 6, C = 7 8 9 into prefix sums
// forward and suffix sums in reverse; every number is an integer.
static gold sums(const char *title) {
    static const int64_t lengths[] = {4, 2, 3};
    static const double weights[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    return (gold){.title = title,
                  .cell = PSQ_RNN_RELU,
                  .I = 1,
                  .H = 1,
                  .L = 1,
                  .n_seq = 3,
                  .lengths = lengths,
                  .weights = weights,
                  .x = x};
}

static void relu_gives_prefix_sums(void **state) {
    (void)state;
    gold g = sums("G1 one direction");
    g.y = LIST(1, 7, 5, 3, 15, 11, 6, 24, 10);
    g.hn = LIST(10, 11, 24);
    g.dx = LIST(4, 3, 2, 1, 2, 1, 3, 2, 1);
    g.dweights = LIST(82, 49);
    run(&g);
}

static void relu_gives_suffix_sums_in_reverse(void **state) {
    (void)state;
    gold g = sums("G1 two directions");
    g.bidirectional = true;
    g.y = LIST(1, 10, 7, 24, 5, 11, 3, 9, 15, 17, 11, 6, 6, 7, 24, 9, 10, 4);
    g.hn = LIST(10, 11, 24, 10, 11, 24);
    g.dx = LIST(5, 5, 5, 5, 3, 3, 4, 4, 4);
    g.dweights = LIST(82, 49, 97, 76);
    run(&g);
}

static void relu_layers_sum_sums(void **state) {
    (void)state;
    gold g = sums("G1 two layers");
    g.bidirectional = true;
    g.L = 2;
    g.y = LIST(11, 50, 31, 96, 16, 33, 23, 39, 63, 65, 33, 17, 36, 27, 96, 33, 50, 14);
    g.hn = LIST(10, 11, 24, 10, 11, 24, 50, 33, 96, 50, 33, 96);
    g.dx = LIST(25, 25, 25, 25, 9, 9, 16, 16, 16);
    g.dweights = LIST(332, 206, 401, 333, 131, 228, 256, 201, 173, 283);
    run(&g);
}

// First states are in the user's order and start each sequence at its own end.
static void relu_adds_first_states(void **state) {
    (void)state;
    gold g = sums("G1 first states");
    g.h0 = LIST(10, 20, 30);
    g.y = LIST(11, 37, 25, 13, 45, 31, 16, 54, 20);
    g.hn = LIST(20, 31, 54);
    g.dh0 = LIST(4, 2, 3);
    g.dweights = LIST(82, 389);
    run(&g);

    gold both = sums("G1 first states of both directions");
    both.bidirectional = true;
    both.h0 = LIST(10, 20, 30, 100, 200, 300);
    both.y = LIST(11, 110, 37, 324, 25, 211, 13, 109, 45, 317, 31, 206, 16, 107, 54, 309, 20, 104);
    both.hn = LIST(20, 31, 54, 110, 211, 324);
    both.dh0 = LIST(4, 2, 3, 4, 2, 3);
    both.dweights = LIST(82, 389, 97, 3476);
    run(&both);
}

// G2 to G5: sequences 1 2 3 and -1.
static gold small(const char *title, psq_cell cell) {
    static const int64_t lengths[] = {3, 1};
    static const double x[] = {1, 2, 3, -1};
    return (gold){.title = title,
                  .cell = cell,
                  .I = 1,
                  .H = 1,
                  .L = 1,
                  .bias = true,
                  .n_seq = 2,
                  .lengths = lengths,
                  .x = x,
                  .tolerance_f32 = 1e-6,
                  .tolerance_f64 = 1e-9};
}

static void tanh_matches(void **state) {
    (void)state;
    gold g = small("G2", PSQ_RNN_TANH);
    g.weights = LIST(.5, .25, .1, -.05);
    g.y = LIST(.5005202112, -.4218990053, .8259097998, .9421082724);
    g.hn = LIST(.9421082724, -.4218990053);
    g.dx = LIST(.405356726, .1634038886, .0562160015, .4110006147);
    g.dweights = LIST(.9796237862, .2564325908, 2.0719544616, 2.0719544616);
    run(&g);
}

static void lstm_matches(void **state) {
    (void)state;
    gold g = small("G3", PSQ_LSTM);
    g.weights = LIST(.1, .2, .3, .4, .5, .6, .7, .8, .01, .02, .03, .04, .05, .06, .07, .08);
    g.y = LIST(.1268783445, -.0415016632, .3466631465, .5941034772);
    g.cn = LIST(.8960549554, -.09671417);
    g.dx = LIST(.244601549, .1648616511, .0785126441, .0486882316);
    g.dweights = LIST(.7125603045, .2216492123, 1.3379923527, .6104774328, .0476166092, .0207937255,
                      .0658993005, .0486115436, .354001063, .0892938383, 1.2736068845, .2533078411,
                      .354001063, .0892938383, 1.2736068845, .2533078411);
    run(&g);
}

static void lstm_matches_with_first_states(void **state) {
    (void)state;
    gold g = small("G3 first states", PSQ_LSTM);
    g.weights = LIST(.1, .2, .3, .4, .5, .6, .7, .8, .01, .02, .03, .04, .05, .06, .07, .08);
    g.h0 = LIST(.5, -.5);
    g.c0 = LIST(1, -1);
    g.y = LIST(.5513145507, -.1831442927, .6658967942, .7827954271);
    g.cn = LIST(1.5022051344, -.6107413361);
    g.dx = LIST(.1875720501, .1127224293, .0586555022, -.0400806404);
    run(&g);
}

static void gru_matches(void **state) {
    (void)state;
    gold g = small("G4", PSQ_GRU);
    g.weights = LIST(.1, .2, .3, .4, .5, .6, .01, .02, .03, .04, .05, .06);
    g.y = LIST(.1503012966, -.1257677748, .3207768294, .4648433);
    g.dx = LIST(.2070043721, .0806812748, .0140571556, .1633383273);
    g.dweights =
        LIST(.0527317018, -.9051220544, 1.4098376734, .0042593775, -.0595993182, .0555412352,
             .0403585845, -.4044526529, 1.806452673, .0403585845, -.4044526529, .969888193);
    run(&g);
}

static void projected_lstm_matches(void **state) {
    (void)state;
    gold g = small("G5", PSQ_LSTM);
    g.H = 2;
    g.P = 1;
    g.weights = LIST(.1, .2, .3, .4, .5, .6, .7, .8, -.1, -.2, -.3, -.4, -.5, -.6, -.7, -.8, 0, 0,
                     0, 0, 0, 0, 0, 0, .1, .1, .1, .1, .1, .1, .1, .1, 1, -.5);
    g.y = LIST(.0793375798, -.0306729482, .1894522051, .2941450478);
    g.cn = LIST(1.0030073359, 1.2186089216, -.1899744811, -.2195152675);
    g.dx = LIST(.1138732244, .0838563427, .0501580031, .0271706555);
    g.dweights_skip = 32;
    g.dweights = LIST(1.2291613948, 1.4261100276);
    run(&g);
}

// G6: with weights 0, whatever the input, each step halves the GRU's state and the LSTM's cell.
static void zero_weights_halve(void **state) {
    (void)state;
    gold g = small("G6 GRU", PSQ_GRU);
    g.n_seq = 3;
    g.lengths = COUNTS(4, 2, 1);
    g.x = LIST(3, -1, 4, -1, 5, -9, 2);
    g.h0 = LIST(2, 2, 2);
    g.y = LIST(1, 1, 1, .5, .5, .25, .125);
    g.hn = LIST(.125, .5, 1);
    g.tolerance_f32 = g.tolerance_f64 = 0.0;
    run(&g);

    gold l = g;
    l.title = "G6 LSTM";
    l.cell = PSQ_LSTM;
    l.h0 = NULL;
    l.c0 = LIST(4, 4, 4);
    l.y = LIST(.4820137900, .4820137900, .4820137900, .3807970780, .3807970780, .2310585786,
               .1224593312);
    l.hn = LIST(.1224593312, .3807970780, .4820137900);
    l.cn = LIST(.25, 1, 2);
    l.tolerance_f32 = 1e-6;
    l.tolerance_f64 = 1e-9;
    run(&l);
}

// G7: the test of torch's C++ interface; each parameter is 0/n, 1/n ... of its n elements.
static void lstm_matches_padded(void **state) {
    (void)state;
    static const int sizes[] = {16, 16, 8, 8};
    double weights[48], x[24];
    for (int p = 0, at = 0; p < 4; at += sizes[p++]) {
        for (int i = 0; i < sizes[p]; i++) {
            weights[at + i] = (double)i / sizes[p];
        }
    }
    for (int i = 0; i < 24; i++) {
        x[i] = (24 - i) / 24.0;
    }
    gold g = small("G7", PSQ_LSTM);
    g.I = g.H = 2;
    g.padded = true;
    g.n_seq = 4;
    g.lengths = COUNTS(3, 3, 3, 3);
    g.weights = weights;
    g.x = x;
    g.y = LIST(.4391, .5402, .4330, .5324, .4261, .5239, .4183, .5147, .6822, .8064, .6726, .7968,
               .6620, .7860, .6501, .7741, .7889, .9003, .7769, .8905, .7635, .8794, .7484, .8666);
    g.cn = LIST(1.1647, 1.6106, 1.1425, 1.5726, 1.1187, 1.5329, 1.0931, 1.4911);
    g.tolerance_f32 = g.tolerance_f64 = 5.1e-5; // four decimals were printed
    run(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relu_gives_prefix_sums),
        cmocka_unit_test(relu_gives_suffix_sums_in_reverse),
        cmocka_unit_test(relu_layers_sum_sums),
        cmocka_unit_test(relu_adds_first_states),
        cmocka_unit_test(tanh_matches),
        cmocka_unit_test(lstm_matches),
        cmocka_unit_test(lstm_matches_with_first_states),
        cmocka_unit_test(gru_matches),
        cmocka_unit_test(projected_lstm_matches),
        cmocka_unit_test(zero_weights_halve),
        cmocka_unit_test(lstm_matches_padded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
