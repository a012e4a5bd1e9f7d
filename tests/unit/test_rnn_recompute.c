// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_recompute.c: with PSQ_RECOMPUTE every result and gradient has the bits that it has
// without, on any number of threads, and with PSQ_KEEP the reserve stays as it was.
#define _POSIX_C_SOURCE 200809L // setenv
#include "netcall.h"

static psq_error err;

// More rows than two products hold, and sequences that end inside of them.
static const int64_t lengths[] = {5, 0, 31, 1, 17, 48, 2, 0, 9};
enum { N_SEQ = 9 };

static psq_ctx *ctx_with(const char *n_threads, const char *eager) {
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    psq_ctx *ctx = NULL;
    assert_int_equal(setenv("PSQ_THREADS", n_threads, 1), 0);
    assert_int_equal(setenv("PSQ_EAGER", eager, 1), 0);
    net_must(psq_ctx_create(&opts, &ctx, &err), &err);
    return ctx;
}

static psq_net net_of(const psq_ctx *ctx, const psq_rnn_spec *spec) {
    psq_net net = net_create(ctx, spec, NULL);
    float *const floats = net_weights(net.n_weights, 1);
    void *const weights = net_array(&net, PSQ_F32, floats, net.n_weights);
    net_pack(&net, weights);
    free(weights);
    free(floats);
    return net;
}

static netcall call_of(const psq_net *net, unsigned flags, bool given) {
    netcall call = netcall_create(net, lengths, N_SEQ, flags);
    call.io.seed = 99;
    if (!given) {
        free((void *)(uintptr_t)call.io.h0);
        free((void *)(uintptr_t)call.io.c0);
        call.io.h0 = call.io.c0 = NULL;
    }
    return call;
}

static void expect_same(const netcall *a, const netcall *b) {
    const size_t size = a->net->size;
    assert_memory_equal(a->io.y, b->io.y, (size_t)a->n_y * size);
    assert_memory_equal(a->io.hn, b->io.hn, (size_t)a->n_h * size);
    assert_memory_equal(a->grads.dx, b->grads.dx, (size_t)a->n_x * size);
    assert_memory_equal(a->grads.dh0, b->grads.dh0, (size_t)a->n_h * size);
    assert_memory_equal(a->grads.dweights, b->grads.dweights, (size_t)a->net->n_weights * size);
    if (a->n_c > 0) {
        assert_memory_equal(a->io.cn, b->io.cn, (size_t)a->n_c * size);
        assert_memory_equal(a->io.cells, b->io.cells, (size_t)a->n_cells * size);
        assert_memory_equal(a->grads.dc0, b->grads.dc0, (size_t)a->n_c * size);
    }
}

// Backward twice; the reserve, of which no byte may change, is compared after each.
static void run_keeping(const netcall *call) {
    netcall_forward(call);
    void *const before = malloc(call->reserve_bytes + 1);
    assert_non_null(before);
    memcpy(before, call->reserve, call->reserve_bytes);
    for (int i = 0; i < 2; i++) {
        memset(call->grads.dweights, 0, (size_t)call->net->n_weights * call->net->size);
        netcall_backward(call);
        assert_memory_equal(call->reserve, before, call->reserve_bytes);
    }
    free(before);
}

static void check(const psq_ctx *ctx, const psq_rnn_spec *spec, bool given, const netcall *wanted) {
    psq_net net = net_of(ctx, spec);
    netcall again = call_of(&net, PSQ_TRAIN | PSQ_RECOMPUTE, given);
    netcall_forward(&again);
    netcall_backward(&again);
    expect_same(&again, wanted);
    netcall_destroy(&again);
    netcall kept = call_of(&net, PSQ_TRAIN | PSQ_RECOMPUTE | PSQ_KEEP, given);
    run_keeping(&kept);
    expect_same(&kept, wanted);
    netcall_destroy(&kept);
    net_destroy(&net);
}

static void check_spec(const psq_rnn_spec *spec, bool given) {
    psq_ctx *const alone = ctx_with("1", "0");
    psq_ctx *const three = ctx_with("3", "1");
    psq_net net = net_of(alone, spec);
    netcall wanted = call_of(&net, PSQ_TRAIN, given);
    netcall_forward(&wanted);
    netcall_backward(&wanted);
    check(alone, spec, given, &wanted);
    check(three, spec, given, &wanted);
    netcall_destroy(&wanted);
    net_destroy(&net);
    psq_ctx_destroy(three);
    psq_ctx_destroy(alone);
}

static void recomputing_changes_no_bits(void **state) {
    (void)state;
    for (int i = 0; i < NET_N_SPECS; i++) {
        const psq_rnn_spec spec = net_spec(i);
        check_spec(&spec, i % 2 == 0);
        check_spec(&spec, i % 2 == 1);
    }
}

// Double promises no bits, but one network on one machine computes the same things.
static void doubles_are_recomputed(void **state) {
    (void)state;
    for (int i = 0; i < NET_N_SPECS; i += 3) {
        psq_rnn_spec spec = net_spec(i);
        spec.dtype = PSQ_F64;
        check_spec(&spec, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recomputing_changes_no_bits),
        cmocka_unit_test(doubles_are_recomputed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
