// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_memory.c: what a call takes and touches: no allocation, not a byte behind reserve and
// scratch, no more per row than promised; and which optional outputs hold what.
#include <stdio.h>

#include "netcall.h"

static psq_error err;

static const int64_t lengths[] = {5, 0, 9, 1, 3};
enum { N_SEQ = 5, GUARD = 64 };

static void forward_and_backward_allocate_nothing(void **state) {
    (void)state;
    for (int i = 0; i < NET_N_SPECS; i++) {
        psq_fault fault = {0};
        psq_ctx *const ctx = fault_ctx(&fault);
        psq_rnn_spec spec = net_spec(i);
        spec.n_tokens = i % 3 == 0 ? 4 : 0;
        const int64_t before = fault.n_allocs;
        psq_net net = net_random(ctx, &spec);
        assert_int_equal(fault.n_allocs, before + 2); // the network and its table
        netcall call = netcall_create(&net, lengths, N_SEQ, PSQ_TRAIN);
        const int64_t ready = fault.n_allocs;
        netcall_forward(&call);
        netcall_backward(&call);
        assert_int_equal(fault.n_allocs, ready);
        netcall_destroy(&call);
        net_destroy(&net);
        psq_ctx_destroy(ctx);
    }
}

static void *guarded(void *block, size_t bytes) {
    free(block);
    char *const with_guard = (char *)aligned_alloc(64, bytes + GUARD);
    assert_non_null(with_guard);
    memset(with_guard, 0xff, bytes);
    memset(with_guard + bytes, 0x5a, GUARD);
    return with_guard;
}

static void expect_guard(const void *block, size_t bytes) {
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(((const unsigned char *)block)[bytes + i], 0x5a);
    }
}

static void sizes_suffice_for(const psq_net *net) {
    static const unsigned flags[] = {0, PSQ_TRAIN, PSQ_TRAIN | PSQ_KEEP, PSQ_TRAIN | PSQ_RECOMPUTE,
                                     PSQ_TRAIN | PSQ_KEEP | PSQ_RECOMPUTE};
    for (int f = 0; f < 5; f++) {
        netcall call = netcall_create(net, lengths, N_SEQ, flags[f]);
        call.reserve = guarded(call.reserve, call.reserve_bytes);
        call.scratch = guarded(call.scratch, call.scratch_bytes);
        netcall_forward(&call);
        if (flags[f] != 0) {
            netcall_backward(&call);
        }
        expect_guard(call.reserve, call.reserve_bytes);
        expect_guard(call.scratch, call.scratch_bytes);
        netcall_destroy(&call);
    }
}

static void sizes_suffice(void **state) {
    (void)state;
    net_for_each(sizes_suffice_for);
}

// Few tokens that repeat, and so many that each occurs once.
static void sizes_suffice_with_tokens(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    for (int i = 0; i < 2 * NET_N_SPECS; i++) {
        psq_rnn_spec spec = net_spec(i / 2);
        spec.n_tokens = i % 2 == 0 ? 3 : 70000;
        psq_net net = net_random(ctx, &spec);
        sizes_suffice_for(&net);
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

// ---- how much

// Bytes of reserve and scratch for one sequence of n rows.
static void measure(const psq_ctx *ctx, const psq_rnn_spec *spec, int64_t n, unsigned flags,
                    size_t *reserve, size_t *scratch) {
    psq_rnn *rnn = NULL;
    psq_layout *const layout = net_layout(ctx, &n, 1);
    net_must(psq_rnn_create(ctx, spec, &rnn, &err), &err);
    net_must(psq_rnn_sizes(rnn, layout, flags, reserve, scratch, &err), &err);
    psq_rnn_destroy(rnn);
    psq_layout_destroy(layout);
}

// Floats per further row and hidden unit, of reserve and of scratch.
static void expect_per_row(const psq_rnn_spec *spec, unsigned flags, int64_t reserve_floats,
                           int64_t scratch_floats) {
    psq_ctx *const ctx = net_ctx(NULL);
    size_t reserve[2];
    size_t scratch[2];
    const int64_t n = 1000;
    for (int i = 0; i < 2; i++) {
        measure(ctx, spec, n * (1 + i), flags, &reserve[i], &scratch[i]);
    }
    const size_t unit = (size_t)(n * spec->hidden_size) * sizeof(float);
    assert_int_equal(reserve[1] - reserve[0], (size_t)reserve_floats * unit);
    assert_int_equal(scratch[1] - scratch[0], (size_t)scratch_floats * unit);
    psq_ctx_destroy(ctx);
}

static psq_rnn_spec spec_of(psq_cell cell, int64_t n_layers, bool bidirectional) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = cell;
    spec.input_size = 16;
    spec.hidden_size = 32;
    spec.n_layers = n_layers;
    spec.bidirectional = bidirectional;
    return spec;
}

static void training_takes_what_is_promised(void **state) {
    (void)state;
    const int64_t per_layer[PSQ_N_CELL] = {1, 1, 6, 5};
    for (int cell = 0; cell < PSQ_N_CELL; cell++) {
        const bool is_rnn = per_layer[cell] == 1; // its dgates need the rows of dy
        for (int64_t n_layers = 1; n_layers <= 3; n_layers++) {
            const int64_t rows = is_rnn || n_layers > 1 ? 1 : 0;
            psq_rnn_spec spec = spec_of((psq_cell)cell, n_layers, false);
            expect_per_row(&spec, PSQ_TRAIN, n_layers * per_layer[cell], rows);
            spec = spec_of((psq_cell)cell, n_layers, true);
            expect_per_row(&spec, PSQ_TRAIN, 2 * n_layers * per_layer[cell], 2 * rows);
            spec.dropout = 0.5;
            expect_per_row(&spec, PSQ_TRAIN, 2 * n_layers * per_layer[cell], 2 * rows);
        }
    }
}

// The reserve holds h and c; the slots of one layer are in scratch.
static void recomputing_takes_what_is_promised(void **state) {
    (void)state;
    const int64_t per_layer[PSQ_N_CELL] = {1, 1, 2, 1};
    const int64_t slots[PSQ_N_CELL] = {0, 0, 4, 4};
    for (int cell = 0; cell < PSQ_N_CELL; cell++) {
        for (int64_t n_layers = 1; n_layers <= 3; n_layers++) {
            const int64_t rows = slots[cell] + (slots[cell] == 0 || n_layers > 1 ? 1 : 0);
            for (int64_t D = 1; D <= 2; D++) {
                psq_rnn_spec spec = spec_of((psq_cell)cell, n_layers, D == 2);
                spec.dropout = n_layers == 2 ? 0.5 : 0.0;
                expect_per_row(&spec, PSQ_TRAIN | PSQ_RECOMPUTE, D * n_layers * per_layer[cell],
                               D * rows);
                expect_per_row(&spec, PSQ_TRAIN | PSQ_RECOMPUTE | PSQ_KEEP,
                               D * n_layers * per_layer[cell], D * rows);
            }
        }
    }
}

static void inference_takes_what_is_promised(void **state) {
    (void)state;
    for (int cell = 0; cell < PSQ_N_CELL; cell++) {
        for (int64_t n_layers = 1; n_layers <= 5; n_layers++) {
            const int64_t buffers = n_layers < 3 ? n_layers - 1 : 2;
            const psq_rnn_spec spec = spec_of((psq_cell)cell, n_layers, true);
            expect_per_row(&spec, 0, 0, 2 * buffers);
        }
    }
}

static void sizes_overflow_is_refused(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.hidden_size = (int64_t)1 << 54;
    spec.proj_size = 1;
    spec.bias = false;
    psq_rnn *rnn = NULL;
    net_must(psq_rnn_create(ctx, &spec, &rnn, &err), &err);
    const int64_t length = 100;
    psq_layout *const layout = net_layout(ctx, &length, 1);
    size_t reserve = 0;
    size_t scratch = 0;
    assert_fails(psq_rnn_sizes(rnn, layout, PSQ_TRAIN, &reserve, &scratch, &err), PSQ_NOMEM,
                 "reserve and scratch overflow: 100 rows, hidden_size 18014398509481984");
    psq_layout_destroy(layout);
    psq_rnn_destroy(rnn);
    psq_ctx_destroy(ctx);
}

// ---- optional outputs

static void states_need_no_y_of(const psq_net *net) {
    netcall with = netcall_create(net, lengths, N_SEQ, 0);
    netcall without = netcall_create(net, lengths, N_SEQ, 0);
    netcall_forward(&with);
    void *const y = without.io.y;
    void *const layers = without.io.layer_outputs;
    void *const cells = without.io.cells;
    without.io.y = without.io.layer_outputs = without.io.cells = NULL;
    netcall_forward(&without);
    assert_memory_equal(with.io.hn, without.io.hn, (size_t)with.n_h * net->size);
    if (with.n_c > 0) {
        assert_memory_equal(with.io.cn, without.io.cn, (size_t)with.n_c * net->size);
    }
    without.io.y = y;
    without.io.layer_outputs = layers;
    without.io.cells = cells;
    netcall_destroy(&with);
    netcall_destroy(&without);
}

static void states_need_no_y(void **state) {
    (void)state;
    net_for_each(states_need_no_y_of);
}

// The first layers' weights are the beginning of the buffer, and without dropout a layer's outputs
// are those of the network that ends with it.
static void layer_outputs_are_those_of_shorter_networks(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    for (int i = 0; i < NET_N_SPECS; i++) {
        psq_rnn_spec spec = net_spec(i);
        spec.dropout = 0.0;
        spec.n_layers = 3;
        psq_net net = net_random(ctx, &spec);
        netcall call = netcall_create(&net, lengths, N_SEQ, 0);
        netcall_forward(&call);
        for (int64_t n_layers = 1; n_layers <= 3; n_layers++) {
            spec.n_layers = n_layers;
            psq_net shorter = net_random(ctx, &spec);
            netcall ends = netcall_create(&shorter, lengths, N_SEQ, 0);
            netcall_forward(&ends);
            const size_t bytes = (size_t)call.n_y * net.size;
            assert_memory_equal((const char *)call.io.layer_outputs +
                                    (size_t)(n_layers - 1) * bytes,
                                ends.io.y, bytes);
            netcall_destroy(&ends);
            net_destroy(&shorter);
        }
        netcall_destroy(&call);
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

// c_t is the final cell state of the sequence that ends with step t; in reverse, of the one that
// begins with it.
static void cells_are_final_states_of_parts(void **state) {
    (void)state;
    enum { T = 6, H = 5, I = 4 };
    psq_ctx *const ctx = net_ctx(NULL);
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.input_size = I;
    spec.hidden_size = H;
    spec.bidirectional = true;
    psq_net net = net_random(ctx, &spec);
    const int64_t whole = T;
    netcall call = netcall_create(&net, &whole, 1, 0);
    netcall_forward(&call);
    const float *const cells = (const float *)call.io.cells;
    const float *const x = (const float *)call.io.x;
    for (int64_t t = 0; t < T; t++) {
        for (int d = 0; d < 2; d++) {
            const int64_t length = d == 0 ? t + 1 : T - t;
            netcall part = netcall_create(&net, &length, 1, 0);
            memcpy((void *)(uintptr_t)part.io.x, x + (d == 0 ? 0 : t * I),
                   (size_t)(length * I) * sizeof *x);
            netcall_forward(&part);
            assert_memory_equal((const float *)part.io.cn + d * H, cells + (d * T + t) * H,
                                H * sizeof *cells);
            netcall_destroy(&part);
        }
    }
    netcall_destroy(&call);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
}

// h0 may be hn and c0 may be cn, with a sequence of length 0 among the others.
static void states_are_carried_in_place_by(const psq_net *net) {
    netcall apart = netcall_create(net, lengths, N_SEQ, 0);
    netcall in_place = netcall_create(net, lengths, N_SEQ, 0);
    netcall_forward(&apart);
    void *const hn = in_place.io.hn;
    void *const cn = in_place.io.cn;
    in_place.io.hn = (void *)(uintptr_t)in_place.io.h0;
    in_place.io.cn = (void *)(uintptr_t)in_place.io.c0;
    netcall_forward(&in_place);
    assert_memory_equal(apart.io.hn, in_place.io.hn, (size_t)apart.n_h * net->size);
    assert_memory_equal(apart.io.y, in_place.io.y, (size_t)apart.n_y * net->size);
    if (apart.n_c > 0) {
        assert_memory_equal(apart.io.cn, in_place.io.cn, (size_t)apart.n_c * net->size);
    }
    in_place.io.hn = hn;
    in_place.io.cn = cn;
    netcall_destroy(&apart);
    netcall_destroy(&in_place);
}

static void states_are_carried_in_place(void **state) {
    (void)state;
    net_for_each(states_are_carried_in_place_by);
}

// The shapes of an LSTM 128 -> 64 in 3 layers; its final states are others when it starts from
// them.
static void states_fed_back_change(void **state) {
    (void)state;
    enum { T = 10, B = 16, I = 128, H = 64, L = 3 };
    psq_ctx *const ctx = net_ctx(NULL);
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.input_size = I;
    spec.hidden_size = H;
    spec.n_layers = L;
    spec.dropout = 0.2;
    psq_net net = net_random(ctx, &spec);
    int64_t equal[B];
    for (int b = 0; b < B; b++) {
        equal[b] = T;
    }
    netcall call = netcall_create(&net, equal, B, 0);
    assert_int_equal(call.n_y, T * B * H);
    assert_int_equal(call.n_h, L * B * H);
    assert_int_equal(call.n_c, L * B * H);
    netcall_forward(&call);
    memcpy((void *)(uintptr_t)call.io.h0, call.io.hn, (size_t)call.n_h * net.size);
    memcpy((void *)(uintptr_t)call.io.c0, call.io.cn, (size_t)call.n_c * net.size);
    netcall_forward(&call);
    assert_memory_not_equal(call.io.h0, call.io.hn, (size_t)call.n_h * net.size);
    assert_memory_not_equal(call.io.c0, call.io.cn, (size_t)call.n_c * net.size);
    netcall_destroy(&call);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_and_backward_allocate_nothing),
        cmocka_unit_test(sizes_suffice),
        cmocka_unit_test(sizes_suffice_with_tokens),
        cmocka_unit_test(training_takes_what_is_promised),
        cmocka_unit_test(recomputing_takes_what_is_promised),
        cmocka_unit_test(inference_takes_what_is_promised),
        cmocka_unit_test(sizes_overflow_is_refused),
        cmocka_unit_test(states_need_no_y),
        cmocka_unit_test(layer_outputs_are_those_of_shorter_networks),
        cmocka_unit_test(cells_are_final_states_of_parts),
        cmocka_unit_test(states_are_carried_in_place),
        cmocka_unit_test(states_fed_back_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
