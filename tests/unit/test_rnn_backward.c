// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_backward.c: what backward does with its arguments: it may run again where the reserve is
// kept, adds to the weights' gradients only, and neither an array that is not wanted nor one that
// is zeros changes the others' bits.
#include "netcall.h"

static const int64_t lengths[] = {5, 0, 9, 1, 300};
enum { N_SEQ = 5 };

typedef struct results {
    void *arrays[4]; // dx, dh0, dc0, dweights
} results;

static const char *const names[4] = {"dx", "dh0", "dc0", "dweights"};

static void sizes_of(const netcall *call, int64_t sizes[4]) {
    sizes[0] = call->n_x;
    sizes[1] = call->n_h;
    sizes[2] = call->n_c;
    sizes[3] = call->net->n_weights;
}

// Runs backward from zero gradients and copies them.
static results gradients(const netcall *call) {
    int64_t sizes[4];
    sizes_of(call, sizes);
    const size_t size = call->net->size;
    void *const outputs[4] = {call->grads.dx, call->grads.dh0, call->grads.dc0,
                              call->grads.dweights};
    if (outputs[3] != NULL) {
        memset(outputs[3], 0, (size_t)sizes[3] * size);
    }
    netcall_backward(call);
    results r;
    for (int i = 0; i < 4; i++) {
        r.arrays[i] = net_zeros(call->net, sizes[i]);
        if (outputs[i] != NULL) {
            memcpy(r.arrays[i], outputs[i], (size_t)sizes[i] * size);
        }
    }
    return r;
}

static void destroy(results *r) {
    for (int i = 0; i < 4; i++) {
        free(r->arrays[i]);
    }
}

static void expect_same(const netcall *call, const results *a, const results *b, int i) {
    int64_t sizes[4];
    sizes_of(call, sizes);
    if (memcmp(a->arrays[i], b->arrays[i], (size_t)sizes[i] * call->net->size) != 0) {
        fail_msg("%s, P %d, %d layers, %d directions: %s differs",
                 psq_cell_name(call->net->spec->cell), (int)call->net->spec->proj_size,
                 (int)call->net->spec->n_layers, (int)call->net->D, names[i]);
    }
}

static void expect_all_same(const netcall *call, const results *a, const results *b) {
    for (int i = 0; i < 4; i++) {
        expect_same(call, a, b, i);
    }
}

static void kept_reserve_serves_five_times(const psq_net *net) {
    netcall call = netcall_create(net, lengths, N_SEQ, PSQ_TRAIN | PSQ_KEEP);
    netcall_forward(&call);
    char *const before = (char *)malloc(call.reserve_bytes);
    assert_non_null(before);
    memcpy(before, call.reserve, call.reserve_bytes);
    results first = gradients(&call);
    for (int i = 0; i < 4; i++) {
        results again = gradients(&call);
        expect_all_same(&call, &first, &again);
        destroy(&again);
    }
    assert_memory_equal(before, call.reserve, call.reserve_bytes);
    free(before);
    destroy(&first);
    netcall_destroy(&call);
}

static void keep_changes_no_bits_of(const psq_net *net) {
    netcall kept = netcall_create(net, lengths, N_SEQ, PSQ_TRAIN | PSQ_KEEP);
    netcall used = netcall_create(net, lengths, N_SEQ, PSQ_TRAIN);
    netcall_forward(&kept);
    netcall_forward(&used);
    results a = gradients(&kept);
    results b = gradients(&used);
    expect_all_same(&kept, &a, &b);
    destroy(&a);
    destroy(&b);
    netcall_destroy(&kept);
    netcall_destroy(&used);
}

// One block of rows adds one sum, so the result is one rounded addition.
static void gradients_are_added_to(const psq_net *net) {
    netcall call = netcall_create(net, lengths, N_SEQ - 1, PSQ_TRAIN | PSQ_KEEP);
    netcall_forward(&call);
    results alone = gradients(&call);
    float *const given = net_weights(net->n_weights, 5);
    memcpy(call.grads.dweights, given, (size_t)net->n_weights * sizeof *given);
    netcall_backward(&call);
    for (int64_t i = 0; i < net->n_weights; i++) {
        const float wanted = given[i] + ((const float *)alone.arrays[3])[i];
        assert_memory_equal(&((const float *)call.grads.dweights)[i], &wanted, sizeof wanted);
    }
    free(given);
    destroy(&alone);
    netcall_destroy(&call);
}

static void unwanted_gradients_change_no_bits_of(const psq_net *net) {
    netcall call = netcall_create(net, lengths, N_SEQ, PSQ_TRAIN | PSQ_KEEP);
    netcall_forward(&call);
    results all = gradients(&call);
    void **const outputs[4] = {&call.grads.dx, &call.grads.dh0, &call.grads.dc0,
                               &call.grads.dweights};
    for (int missing = 0; missing < 4; missing++) {
        void *const array = *outputs[missing];
        *outputs[missing] = NULL;
        results r = gradients(&call);
        for (int i = 0; i < 4; i++) {
            if (i != missing) {
                expect_same(&call, &all, &r, i);
            }
        }
        destroy(&r);
        *outputs[missing] = array;
    }
    destroy(&all);
    netcall_destroy(&call);
}

static void absent_gradients_are_zeros_for(const psq_net *net) {
    netcall call = netcall_create(net, lengths, N_SEQ, PSQ_TRAIN | PSQ_KEEP);
    netcall_forward(&call);
    const void **const inputs[3] = {&call.grads.dy, &call.grads.dhn, &call.grads.dcn};
    const int64_t sizes[3] = {call.n_y, call.n_h, call.n_c};
    for (int i = 0; i < 3 && sizes[i] > 0; i++) {
        const void *const array = *inputs[i];
        void *const zeros = net_zeros(net, sizes[i]);
        *inputs[i] = zeros;
        results with_zeros = gradients(&call);
        *inputs[i] = NULL;
        results without = gradients(&call);
        expect_all_same(&call, &with_zeros, &without);
        destroy(&with_zeros);
        destroy(&without);
        *inputs[i] = array;
        free(zeros);
    }
    netcall_destroy(&call);
}

// dhn may be dh0 and dcn may be dc0.
static void states_may_be_passed_in_place_by(const psq_net *net) {
    netcall call = netcall_create(net, lengths, N_SEQ, PSQ_TRAIN | PSQ_KEEP);
    netcall_forward(&call);
    results apart = gradients(&call);
    memcpy(call.grads.dh0, call.grads.dhn, (size_t)call.n_h * net->size);
    const void *const dhn = call.grads.dhn;
    const void *const dcn = call.grads.dcn;
    call.grads.dhn = call.grads.dh0;
    if (call.n_c > 0) {
        memcpy(call.grads.dc0, dcn, (size_t)call.n_c * net->size);
        call.grads.dcn = call.grads.dc0;
    }
    results in_place = gradients(&call);
    expect_all_same(&call, &apart, &in_place);
    call.grads.dhn = dhn;
    call.grads.dcn = dcn;
    destroy(&apart);
    destroy(&in_place);
    netcall_destroy(&call);
}

// ---- fading gradients

// dh0 of one step of a plain network at h = 0 is dhn * W_hh; below 2^-100 it is +0.
static void small_state_gradients_are_flushed(void **state) {
    (void)state;
    static const int64_t length = 1;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = PSQ_RNN_TANH;
    spec.hidden_size = 1;
    spec.bias = false;
    for (int k = 0; k < 2; k++) {
        const float weight = k == 0 ? -0x1p-1f : -0x1p-2f;
        psq_net net = net_create(ctx, &spec, &weight);
        netcall call = netcall_create(&net, &length, 1, PSQ_TRAIN);
        memset((void *)(uintptr_t)call.io.h0, 0, sizeof(float));
        memset((void *)(uintptr_t)call.grads.dy, 0, sizeof(float));
        *(float *)(uintptr_t)call.grads.dhn = 0x1p-99f;
        netcall_forward(&call);
        netcall_backward(&call);
        const float wanted = k == 0 ? -0x1p-100f : 0.0f;
        assert_memory_equal(call.grads.dh0, &wanted, sizeof wanted);
        netcall_destroy(&call);
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

// One step of an LSTM with i = o = 1 and g = c = 0 has dg = dcn + dm, dm = dhn * W_hr. Both the
// gradient before the projection and the one after it are +0 below 2^-100.
static void small_gradients_of_projections_are_flushed(void **state) {
    (void)state;
    static const struct {
        float dhn, w_hr, dg;
    } cases[] = {
        {0x1p-99f, 0x1p0f, 0x1p-98f}, {0x1p-99f, 0x1p-2f, 0x1p-99f}, {0x1p-101f, 0x1p2f, 0x1p-99f}};
    static const int64_t length = 1;
    enum { H = 2, ROWS = 4 * H, BIAS = ROWS, PROJECTION = 3 * ROWS };
    psq_ctx *const ctx = net_ctx(NULL);
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.hidden_size = H;
    spec.proj_size = 1;
    for (int k = 0; k < 3; k++) {
        float weights[PROJECTION + H] = {0.0f};
        for (int u = 0; u < H; u++) {
            weights[BIAS + u] = 30.0f;
            weights[BIAS + 3 * H + u] = 30.0f;
            weights[PROJECTION + u] = cases[k].w_hr;
        }
        psq_net net = net_create(ctx, &spec, weights);
        netcall call = netcall_create(&net, &length, 1, PSQ_TRAIN);
        memset((void *)(uintptr_t)call.io.h0, 0, sizeof(float));
        memset((void *)(uintptr_t)call.io.c0, 0, H * sizeof(float));
        memset((void *)(uintptr_t)call.grads.dy, 0, sizeof(float));
        *(float *)(uintptr_t)call.grads.dhn = cases[k].dhn;
        for (int u = 0; u < H; u++) {
            ((float *)(uintptr_t)call.grads.dcn)[u] = 0x1p-99f;
        }
        netcall_forward(&call);
        netcall_backward(&call);
        assert_true(((float *)call.grads.dweights)[BIAS + 2 * H] == cases[k].dg);
        netcall_destroy(&call);
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

static void keep_serves_five_times(void **state) {
    (void)state;
    net_for_each(kept_reserve_serves_five_times);
}

static void keep_changes_no_bits(void **state) {
    (void)state;
    net_for_each(keep_changes_no_bits_of);
}

static void weight_gradients_are_added(void **state) {
    (void)state;
    net_for_each(gradients_are_added_to);
}

static void unwanted_outputs_change_no_bits(void **state) {
    (void)state;
    net_for_each(unwanted_gradients_change_no_bits_of);
}

static void absent_inputs_are_zeros(void **state) {
    (void)state;
    net_for_each(absent_gradients_are_zeros_for);
}

static void state_gradients_in_place(void **state) {
    (void)state;
    net_for_each(states_may_be_passed_in_place_by);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keep_serves_five_times),
        cmocka_unit_test(keep_changes_no_bits),
        cmocka_unit_test(weight_gradients_are_added),
        cmocka_unit_test(unwanted_outputs_change_no_bits),
        cmocka_unit_test(absent_inputs_are_zeros),
        cmocka_unit_test(state_gradients_in_place),
        cmocka_unit_test(small_state_gradients_are_flushed),
        cmocka_unit_test(small_gradients_of_projections_are_flushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
