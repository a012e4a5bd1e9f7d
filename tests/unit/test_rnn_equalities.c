// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// The bit contract between networks and machines: what a stack is made of, kernel tables, the
// caller's floating-point state, and what first states, new weights and empty batches mean.
#include "netbatch.h"

#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include <cmocka.h>

static const psq_storage packed = {.order = PSQ_PACKED};
static const int64_t short_lengths[] = {3, 0, 7, 1, 5, 7, 0, 2, 3};
enum { N_SHORT = 9 };

// ---- directions

// Each sequence's rows of `width` floats, in reverse for d = 1.
static void copy_rows(const psq_batch *batch, int64_t d, const float *src, float *dst,
                      int64_t width) {
    for (int64_t b = 0; b < batch->n_seq; b++) {
        for (int64_t t = 0; t < batch->lengths[b]; t++) {
            const int64_t from = d == 1 ? batch->lengths[b] - 1 - t : t;
            memcpy(dst + (batch->offsets[b] + t) * width, src + (batch->offsets[b] + from) * width,
                   (size_t)width * sizeof(float));
        }
    }
}

static void same_floats(const float *a, const float *b, int64_t n) {
    assert_memory_equal(a, b, (size_t)n * sizeof(float));
}

// In one layer and direction the last states are the last rows of outputs and cells.
static void check_last_rows(const psq_batch *own) {
    const int64_t R = own->net->R, H = own->net->spec->hidden_size;
    for (int64_t b = 0; b < own->n_seq; b++) {
        if (own->lengths[b] > 0) {
            const int64_t last = own->offsets[b + 1] - 1;
            same_floats(own->arrays[BATCH_HN] + b * R, own->arrays[BATCH_Y] + last * R, R);
            if (own->arrays[BATCH_CN] != NULL) {
                same_floats(own->arrays[BATCH_CN] + b * H, own->arrays[BATCH_CELLS] + last * H, H);
            }
        }
    }
}

// One direction of one layer of the batch's network as a network of its own, on rows x. Checks its
// states and cells and writes its outputs into columns d * R ... of y.
static void run_direction(const psq_batch *batch, const float *weights, int64_t layer, int64_t d,
                          const float *x, float *y) {
    const psq_net *const net = batch->net;
    psq_rnn_spec spec = *net->spec;
    spec.input_size = layer == 0 ? spec.input_size : net->D * net->R;
    spec.n_layers = 1;
    spec.bidirectional = false;
    psq_net part = net_create(net->ctx, &spec, weights);
    psq_batch own = batch_create(&part, batch->lengths, batch->n_seq, 0);
    const int64_t R = net->R, H = spec.hidden_size, N = batch->n_rows, B = batch->n_seq;
    const int64_t state = layer * net->D + d;
    const bool cells = own.arrays[BATCH_CELLS] != NULL;
    float *const rows = net_zeros(&part, N * (R > H ? R : H));

    copy_rows(batch, d, x, own.arrays[BATCH_X], spec.input_size);
    memcpy(own.arrays[BATCH_H0], batch->arrays[BATCH_H0] + state * B * R,
           (size_t)(B * R) * sizeof(float));
    if (cells) {
        memcpy(own.arrays[BATCH_C0], batch->arrays[BATCH_C0] + state * B * H,
               (size_t)(B * H) * sizeof(float));
    }
    batch_run_packed(&own);
    check_last_rows(&own);
    same_floats(own.arrays[BATCH_HN], batch->arrays[BATCH_HN] + state * B * R, B * R);
    if (cells) {
        same_floats(own.arrays[BATCH_CN], batch->arrays[BATCH_CN] + state * B * H, B * H);
        copy_rows(batch, d, own.arrays[BATCH_CELLS], rows, H);
        same_floats(rows, batch->arrays[BATCH_CELLS] + state * N * H, N * H);
    }
    copy_rows(batch, d, own.arrays[BATCH_Y], rows, R);
    for (int64_t n = 0; n < N; n++) {
        memcpy(y + (n * net->D + d) * R, rows + n * R, (size_t)R * sizeof(float));
    }
    free(rows);
    batch_destroy(&own);
    net_destroy(&part);
}

// Parameters of one layer and direction lie together: from the first one's offset.
static int64_t first_weight(const psq_net *net, int64_t layer, int64_t d) {
    const int64_t per_state = psq_rnn_n_params(net->rnn) / net->n_states;
    return psq_rnn_params(net->rnn)[(layer * net->D + d) * per_state].offset;
}

static void stack_property(const psq_net *dropping) {
    psq_rnn_spec spec = *dropping->spec;
    spec.dropout = 0.0;
    psq_net net = net_create(dropping->ctx, &spec, NULL);
    float *const weights = net_weights(net.n_weights, 10);
    net_pack(&net, weights);
    psq_batch batch = batch_create(&net, short_lengths, N_SHORT, 10);
    batch_run_packed(&batch);

    float *x = net_zeros(&net, batch.n_rows * spec.input_size);
    memcpy(x, batch.arrays[BATCH_X], (size_t)(batch.n_rows * spec.input_size) * sizeof(float));
    for (int64_t layer = 0; layer < spec.n_layers; layer++) {
        float *const y = net_zeros(&net, batch.n_rows * net.D * net.R);
        for (int64_t d = 0; d < net.D; d++) {
            run_direction(&batch, weights + first_weight(&net, layer, d), layer, d, x, y);
        }
        free(x);
        x = y;
        const int64_t n = batch.n_rows * net.D * net.R;
        same_floats(y, batch.arrays[BATCH_LAYERS] + layer * n, n);
    }
    same_floats(x, batch.arrays[BATCH_Y], batch.n_rows * net.D * net.R);
    free(x);
    free(weights);
    batch_destroy(&batch);
    net_destroy(&net);
}

static void stack_equals_single_layers_and_directions(void **state) {
    (void)state;
    net_for_each(stack_property);
}

// ---- kernels and the caller's arithmetic

static void check_table(const psq_ctx *ref, const char *cpu) {
    psq_ctx *const other = net_ctx(cpu);
    for (int i = 0; i < NET_N_SPECS; i++) {
        const psq_rnn_spec spec = net_spec(i);
        psq_net plain = net_random(ref, &spec), fast = net_random(other, &spec);
        psq_batch want = batch_create(&plain, short_lengths, N_SHORT, 11);
        psq_batch got = batch_create(&fast, short_lengths, N_SHORT, 11);
        batch_run_packed(&want);
        batch_run_packed(&got);
        batch_same(&want, &got, BATCH_ALL);
        batch_destroy(&want);
        batch_destroy(&got);
        net_destroy(&plain);
        net_destroy(&fast);
    }
    psq_ctx_destroy(other);
}

static void kernel_table_changes_no_bits(void **state) {
    (void)state;
    psq_ctx *const ref = net_ctx("ref");
    assert_string_equal(psq_kernel_name(ref, PSQ_F32), "ref");
    check_table(ref, "avx2"); // ref again where the CPU has none
    check_table(ref, "avx512");
    check_table(ref, "neon");
    psq_ctx_destroy(ref);
}

// Upward rounding and, where there is such a thing, flushing of denormals.
static void disturb_arithmetic(void) {
    assert_int_equal(fesetround(FE_UPWARD), 0);
#if defined(__SSE2__)
    _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

static void expect_disturbed(void) {
    assert_int_equal(fegetround(), FE_UPWARD);
#if defined(__SSE2__)
    assert_int_equal(_mm_getcsr() & 0x8040, 0x8040);
    _mm_setcsr(_mm_getcsr() & ~0x8040u);
#endif
    assert_int_equal(fesetround(FE_TONEAREST), 0);
}

static void check_arithmetic(const psq_net *net, float scale) {
    psq_batch want = batch_create(net, short_lengths, N_SHORT, 12);
    psq_batch got = batch_create(net, short_lengths, N_SHORT, 12);
    for (int64_t i = 0; i < want.n_rows * net->spec->input_size; i++) {
        want.arrays[BATCH_X][i] *= scale;
        got.arrays[BATCH_X][i] = want.arrays[BATCH_X][i];
    }
    want.given = got.given = scale == 1.0f;
    batch_run_packed(&want);
    disturb_arithmetic();
    batch_run_packed(&got);
    expect_disturbed();
    batch_same(&want, &got, BATCH_ALL);
    if (net->spec->cell == PSQ_RNN_RELU && scale != 1.0f && !net->spec->bias) {
        const int64_t n = want.n_rows * net->D * net->R;
        bool denormal = false;
        for (int64_t i = 0; i < n; i++) {
            denormal = denormal || fpclassify(want.arrays[BATCH_Y][i]) == FP_SUBNORMAL;
        }
        assert_true(denormal); // else this would prove nothing about flushing
    }
    batch_destroy(&want);
    batch_destroy(&got);
}

static void arithmetic_property(const psq_net *net) {
    check_arithmetic(net, 1.0f);
    psq_rnn_spec spec = *net->spec;
    spec.bias = false;
    psq_net bare = net_random(net->ctx, &spec);
    check_arithmetic(&bare, 1e-39f);
    net_destroy(&bare);
}

static void callers_rounding_and_flushing_change_no_bits(void **state) {
    (void)state;
    net_for_each(arithmetic_property);
}

// ---- first states, weights, empty batches

static void zero_states_property(const psq_net *net) {
    psq_batch want = batch_create(net, short_lengths, N_SHORT, 13);
    psq_batch got = batch_create(net, short_lengths, N_SHORT, 13);
    want.given = false;
    batch_run_packed(&want);
    const int64_t n_h = net->n_states * N_SHORT * net->R;
    memset(got.arrays[BATCH_H0], 0, (size_t)n_h * sizeof(float));
    if (got.arrays[BATCH_C0] != NULL) {
        const int64_t n_c = net->n_states * N_SHORT * net->spec->hidden_size;
        memset(got.arrays[BATCH_C0], 0, (size_t)n_c * sizeof(float));
    }
    batch_run_packed(&got);
    batch_same(&want, &got, BATCH_ALL);
    batch_destroy(&want);
    batch_destroy(&got);
}

static void zero_first_states_equal_absent_ones(void **state) {
    (void)state;
    net_for_each(zero_states_property);
}

// New weights count from the next psq_rnn_pack on, as if the network had always had them.
static void repack_property(const psq_net *net) {
    psq_net changed = net_random(net->ctx, net->spec);
    psq_batch first = batch_create(net, short_lengths, N_SHORT, 14);
    psq_batch got = batch_create(&changed, short_lengths, N_SHORT, 14);
    float *const weights = net_weights(net->n_weights, 99);
    batch_run_packed(&first);
    batch_run_packed(&got);
    batch_same(&first, &got, BATCH_ALL);
    net_pack(&changed, weights);
    batch_run_packed(&got);

    psq_net fresh = net_create(net->ctx, net->spec, weights);
    psq_batch want = batch_create(&fresh, short_lengths, N_SHORT, 14);
    batch_run_packed(&want);
    batch_same(&want, &got, BATCH_ALL);
    const size_t bytes = (size_t)(want.n_rows * net->D * net->R) * sizeof(float);
    assert_memory_not_equal(first.arrays[BATCH_Y], got.arrays[BATCH_Y], bytes);
    free(weights);
    batch_destroy(&first);
    batch_destroy(&got);
    batch_destroy(&want);
    net_destroy(&fresh);
    net_destroy(&changed);
}

static void new_weights_are_seen_after_packing(void **state) {
    (void)state;
    net_for_each(repack_property);
}

// No sequences, or only sequences of length 0, in storages that have rows all the same: states pass
// through, gradients too, weights get none.
static void empty_property(const psq_net *net) {
    static const int64_t zeros[3] = {0, 0, 0};
    const psq_storage padded = {PSQ_PADDED_TIME, false, 5}, jagged = {PSQ_JAGGED, false, 0};
    for (int64_t n_seq = 0; n_seq <= 3; n_seq += 3) {
        psq_batch batch = batch_create(net, zeros, n_seq, 15);
        batch_run(&batch, padded, padded, NULL);
        batch_run(&batch, jagged, packed, NULL);
        const size_t n_h = (size_t)(net->n_states * n_seq * net->R) * sizeof(float);
        assert_memory_equal(batch.arrays[BATCH_HN], batch.arrays[BATCH_H0], n_h);
        assert_memory_equal(batch.arrays[BATCH_DH0], batch.arrays[BATCH_DHN], n_h);
        if (batch.arrays[BATCH_C0] != NULL) {
            const size_t n_c =
                (size_t)(net->n_states * n_seq * net->spec->hidden_size) * sizeof(float);
            assert_memory_equal(batch.arrays[BATCH_CN], batch.arrays[BATCH_C0], n_c);
            assert_memory_equal(batch.arrays[BATCH_DC0], batch.arrays[BATCH_DCN], n_c);
        }
        for (int64_t i = 0; i < net->n_weights; i++) {
            assert_true(batch.arrays[BATCH_DWEIGHTS][i] == 0.0f);
        }
        batch_destroy(&batch);
    }
}

static void empty_batches_pass_states_through(void **state) {
    (void)state;
    net_for_each(empty_property);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stack_equals_single_layers_and_directions),
        cmocka_unit_test(kernel_table_changes_no_bits),
        cmocka_unit_test(callers_rounding_and_flushing_change_no_bits),
        cmocka_unit_test(zero_first_states_equal_absent_ones),
        cmocka_unit_test(new_weights_are_seen_after_packing),
        cmocka_unit_test(empty_batches_pass_states_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
