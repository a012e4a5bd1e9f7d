// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_tokens.c: inputs that are rows of a table. Whether the table's rows are projected once
// or each element's own, outputs have the bits of the same rows given densely; gradients of the
// table and of the weights that read it are those that docs/bits.md defines, written down a second
// time.
#define _POSIX_C_SOURCE 200809L // setenv
#include <math.h>

#include "netcall.h"
#include "packseq/ragged.h"

static psq_error err;

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

static int64_t n_distinct(const netcall *call) {
    const int64_t N = psq_layout_n_rows(call->layout);
    int64_t n = 0;
    for (int64_t i = 0; i < N; i++) {
        bool first = true;
        for (int64_t k = 0; k < i; k++) {
            first = first && call->io.tokens[k] != call->io.tokens[i];
        }
        n += first ? 1 : 0;
    }
    return n;
}

// ---- against dense rows

// x of a call without a table: the rows that the tokens choose.
static void gather(const netcall *tokens, netcall *dense) {
    const int64_t I = tokens->net->spec->input_size;
    const int64_t N = psq_layout_n_rows(tokens->layout);
    for (int64_t i = 0; i < N; i++) {
        memcpy((float *)(uintptr_t)dense->io.x + i * I,
               (const float *)tokens->io.x + tokens->io.tokens[i] * I, (size_t)I * sizeof(float));
    }
}

static void expect_same_outputs(const netcall *a, const netcall *b) {
    const size_t size = a->net->size;
    assert_memory_equal(a->io.y, b->io.y, (size_t)a->n_y * size);
    assert_memory_equal(a->io.hn, b->io.hn, (size_t)a->n_h * size);
    assert_memory_equal(a->io.layer_outputs, b->io.layer_outputs,
                        (size_t)(a->n_y * a->net->spec->n_layers) * size);
    if (a->n_c > 0) {
        assert_memory_equal(a->io.cn, b->io.cn, (size_t)a->n_c * size);
        assert_memory_equal(a->io.cells, b->io.cells, (size_t)a->n_cells * size);
    }
}

// All but those that the sums over tokens make.
static void expect_same_gradients(const netcall *a, const netcall *b) {
    const size_t size = a->net->size;
    assert_memory_equal(a->grads.dh0, b->grads.dh0, (size_t)a->n_h * size);
    if (a->n_c > 0) {
        assert_memory_equal(a->grads.dc0, b->grads.dc0, (size_t)a->n_c * size);
    }
    for (int64_t p = 0; p < psq_rnn_n_params(a->net->rnn); p++) {
        const psq_param *const param = &psq_rnn_params(a->net->rnn)[p];
        const int64_t n = param->n_rows * (param->n_cols > 0 ? param->n_cols : 1);
        if (strncmp(param->name, "weight_ih_l0", 12) != 0) {
            assert_memory_equal((const float *)a->grads.dweights + param->offset,
                                (const float *)b->grads.dweights + param->offset, (size_t)n * size);
        }
    }
}

static void check_dense(const psq_ctx *ctx, const psq_rnn_spec *spec, unsigned flags) {
    psq_rnn_spec rows = *spec;
    rows.n_tokens = 0;
    psq_net net = net_random(ctx, spec);
    psq_net dense_net = net_random(ctx, &rows);
    netcall call = netcall_create(&net, lengths, N_SEQ, flags);
    netcall dense = netcall_create(&dense_net, lengths, N_SEQ, flags);
    call.io.seed = dense.io.seed = 5;
    gather(&call, &dense);
    const bool repeats = 2 * n_distinct(&call) <= psq_layout_n_rows(call.layout);
    assert_int_equal(repeats, spec->n_tokens < 1000); // both ways are tested
    netcall_forward(&call);
    netcall_forward(&dense);
    expect_same_outputs(&call, &dense);
    if (flags != 0) {
        netcall_backward(&call);
        netcall_backward(&dense);
        expect_same_gradients(&call, &dense);
    }
    netcall_destroy(&call);
    netcall_destroy(&dense);
    net_destroy(&net);
    net_destroy(&dense_net);
}

static void check_all_dense(const char *n_threads, const char *eager) {
    static const int64_t n_tokens[] = {1, 40, 5000};
    static const unsigned flags[] = {0, PSQ_TRAIN, PSQ_TRAIN | PSQ_RECOMPUTE};
    psq_ctx *const ctx = ctx_with(n_threads, eager);
    for (int i = 0; i < NET_N_SPECS; i++) {
        for (int k = 0; k < 9; k++) {
            psq_rnn_spec spec = net_spec(i);
            spec.n_tokens = n_tokens[k % 3];
            check_dense(ctx, &spec, flags[k / 3]);
        }
    }
    psq_ctx_destroy(ctx);
}

static void tokens_are_their_rows(void **state) {
    (void)state;
    check_all_dense("1", "0");
}

static void tokens_are_their_rows_on_three_threads(void **state) {
    (void)state;
    check_all_dense("3", "1");
}

// ---- gradients as they are defined

enum { H = 5, I_OWN = 4, N_LONG = 40 };

// A dense network whose dx shows its dgates: beside I_OWN inputs each input-side gate of each
// direction has an input of its own, always 0, with the weight 1.
typedef struct shown {
    psq_net net, dense_net;
    netcall call, dense;
    float *weights;
    int64_t GH, I, N;
} shown;

static float *w_ih(const shown *s, float *weights, int64_t d) {
    return weights + psq_rnn_params(s->net.rnn)[d * psq_rnn_n_params(s->net.rnn) / s->net.D].offset;
}

static void set_ones(shown *s) {
    for (int64_t d = 0; d < s->net.D; d++) {
        for (int64_t j = 0; j < s->GH; j++) {
            float *const row = w_ih(s, s->weights, d) + j * s->I;
            memset(row + I_OWN, 0, (size_t)(s->I - I_OWN) * sizeof *row);
            row[I_OWN + d * s->GH + j] = 1.0f;
        }
    }
}

static void begin(shown *s, const psq_ctx *ctx, psq_cell cell, int64_t D, int64_t V,
                  unsigned flags) {
    static const int64_t gates[PSQ_N_CELL] = {1, 1, 4, 3};
    int64_t long_lengths[N_LONG];
    for (int i = 0; i < N_LONG; i++) {
        long_lengths[i] = i * 17 % 41;
    }
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = cell;
    spec.hidden_size = H;
    spec.bidirectional = D == 2;
    spec.n_tokens = V;
    s->GH = gates[cell] * H;
    s->I = spec.input_size = I_OWN + D * s->GH;
    s->net = net_create(ctx, &spec, NULL);
    spec.n_tokens = 0;
    s->dense_net = net_create(ctx, &spec, NULL);
    s->weights = net_weights(s->net.n_weights, 3);
    set_ones(s);
    net_pack(&s->net, s->weights);
    net_pack(&s->dense_net, s->weights);
    s->call = netcall_create(&s->net, long_lengths, N_LONG, flags);
    s->dense = netcall_create(&s->dense_net, long_lengths, N_LONG, PSQ_TRAIN);
    s->N = psq_layout_n_rows(s->call.layout);
    for (int64_t v = 0; v < V; v++) {
        float *const row = (float *)(uintptr_t)s->call.io.x + v * s->I;
        memset(row + I_OWN, 0, (size_t)(s->I - I_OWN) * sizeof *row);
    }
    gather(&s->call, &s->dense);
    net_fill(s->call.grads.dx, V * s->I, 1.0f, 31); // what gradients are added to
    net_fill(s->call.grads.dweights, s->net.n_weights, 1.0f, 32);
}

static void end(shown *s) {
    netcall_destroy(&s->call);
    netcall_destroy(&s->dense);
    net_destroy(&s->net);
    net_destroy(&s->dense_net);
    free(s->weights);
}

// sums[GH] of one token and direction; false if the token does not occur. Packed rows are looked up
// in jagged order.
static bool sum_token(const shown *s, int64_t d, int64_t v, float *sums) {
    const psq_storage packed = {.order = PSQ_PACKED};
    const psq_layout *const layout = s->call.layout;
    const int64_t *const of = psq_layout_lengths(layout);
    bool occurs = false;
    memset(sums, 0, (size_t)s->GH * sizeof *sums);
    for (int64_t b = 0; b < N_LONG; b++) {
        for (int64_t t = 0; t < of[b]; t++) {
            const int64_t row = psq_storage_row(layout, packed, b, t);
            const float *const dgates =
                (const float *)s->dense.grads.dx + row * s->I + I_OWN + d * s->GH;
            for (int64_t j = 0; j < s->GH && s->call.io.tokens[row] == v; j++) {
                sums[j] = sums[j] + dgates[j];
                occurs = true;
            }
        }
    }
    return occurs;
}

// dx of token v, added to what `row` holds.
static void add_dx(shown *s, int64_t v, const float *sums, float *row) {
    for (int64_t i = 0; i < s->I; i++) {
        float chain = 0.0f;
        for (int64_t d = 0; d < s->net.D; d++) {
            for (int64_t j = 0; j < s->GH; j++) {
                chain = fmaf(sums[d * s->GH + j], w_ih(s, s->weights, d)[j * s->I + i], chain);
            }
        }
        row[v * s->I + i] += chain;
    }
}

// One block of tokens, or what is left of it: sums and rows of n of them.
static void add_dw(const shown *s, int64_t n, const float *sums, const int64_t *tokens, float *dw) {
    const float *const x = (const float *)s->call.io.x;
    for (int64_t d = 0; d < s->net.D; d++) {
        for (int64_t j = 0; j < s->GH; j++) {
            for (int64_t i = 0; i < s->I; i++) {
                float chain = 0.0f;
                for (int64_t k = 0; k < n; k++) {
                    chain =
                        fmaf(sums[(k * s->net.D + d) * s->GH + j], x[tokens[k] * s->I + i], chain);
                }
                w_ih(s, dw, d)[j * s->I + i] += chain;
            }
        }
    }
}

static void expect_defined(shown *s, int64_t V) {
    enum { BLOCK = 256 };
    const int64_t width = s->net.D * s->GH;
    float *const dx = net_zeros(&s->net, V * s->I);
    float *const dw = net_zeros(&s->net, s->net.n_weights);
    float *const sums = net_zeros(&s->net, BLOCK * width);
    int64_t tokens[BLOCK];
    int64_t n = 0;
    net_fill(dx, V * s->I, 1.0f, 31);
    net_fill(dw, s->net.n_weights, 1.0f, 32);
    for (int64_t v = 0; v < V; v++) {
        bool occurs = false;
        for (int64_t d = 0; d < s->net.D; d++) {
            occurs = sum_token(s, d, v, sums + n * width + d * s->GH);
        }
        if (occurs) {
            add_dx(s, v, sums + n * width, dx);
            tokens[n++] = v;
        }
        if (n == BLOCK || (v == V - 1 && n > 0)) {
            add_dw(s, n, sums, tokens, dw);
            n = 0;
        }
    }
    assert_memory_equal(s->call.grads.dx, dx, (size_t)(V * s->I) * sizeof *dx);
    for (int64_t d = 0; d < s->net.D; d++) {
        assert_memory_equal(w_ih(s, (float *)s->call.grads.dweights, d), w_ih(s, dw, d),
                            (size_t)(s->GH * s->I) * sizeof *dw);
    }
    free(dx);
    free(dw);
    free(sums);
}

static void check_defined(const psq_ctx *ctx, int64_t V, unsigned flags) {
    for (int cell = 0; cell < PSQ_N_CELL; cell++) {
        for (int64_t D = 1; D <= 2; D++) {
            shown s;
            begin(&s, ctx, (psq_cell)cell, D, V, flags);
            assert_true(V < 500 || n_distinct(&s.call) > 256); // more than a block
            netcall_forward(&s.dense);
            netcall_backward(&s.dense);
            netcall_forward(&s.call);
            netcall_backward(&s.call);
            expect_defined(&s, V);
            end(&s);
        }
    }
}

static void gradients_are_as_defined(void **state) {
    (void)state;
    psq_ctx *const alone = ctx_with("1", "0");
    psq_ctx *const three = ctx_with("3", "1");
    check_defined(alone, 7, PSQ_TRAIN);
    check_defined(alone, 500, PSQ_TRAIN);
    check_defined(three, 7, PSQ_TRAIN | PSQ_KEEP);
    check_defined(three, 500, PSQ_TRAIN | PSQ_RECOMPUTE);
    psq_ctx_destroy(three);
    psq_ctx_destroy(alone);
}

// ---- storages, memory

static void run(const netcall *call) {
    netcall_forward(call);
    netcall_backward(call);
}

static void tokens_of_padding_are_not_read_by(const psq_net *net) {
    const psq_storage padded = {PSQ_PADDED_TIME, true, 60}, packed = {.order = PSQ_PACKED};
    const int32_t poison = INT32_MIN;
    netcall want = netcall_create(net, lengths, N_SEQ, PSQ_TRAIN);
    netcall got = netcall_create(net, lengths, N_SEQ, PSQ_TRAIN);
    const int64_t n = net_n_rows(got.layout, padded);
    int32_t *const tokens = (int32_t *)malloc((size_t)n * sizeof *tokens);
    int32_t *const own = (int32_t *)(uintptr_t)got.io.tokens;
    assert_non_null(tokens);
    net_must(psq_convert(got.layout, packed, own, padded, tokens, sizeof *tokens,
                         (psq_fill){&poison, sizeof poison}, &err),
             &err);
    got.io.tokens = tokens;
    got.io.x_storage = padded;
    run(&want);
    run(&got);
    expect_same_outputs(&want, &got);
    assert_memory_equal(want.grads.dx, got.grads.dx, (size_t)want.n_x * net->size);
    assert_memory_equal(want.grads.dweights, got.grads.dweights,
                        (size_t)net->n_weights * net->size);
    free(tokens);
    got.io.tokens = own;
    netcall_destroy(&want);
    netcall_destroy(&got);
}

static void tokens_of_padding_are_not_read(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    for (int i = 0; i < NET_N_SPECS; i++) {
        psq_rnn_spec spec = net_spec(i);
        spec.n_tokens = i % 2 == 0 ? 10 : 3000;
        psq_net net = net_random(ctx, &spec);
        tokens_of_padding_are_not_read_by(&net);
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

// Which of the gradients are wanted changes none of the others.
static void gradients_are_made_alone(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    psq_rnn_spec spec = net_spec(12);
    spec.n_tokens = 30;
    psq_net net = net_random(ctx, &spec);
    netcall want = netcall_create(&net, lengths, N_SEQ, PSQ_TRAIN);
    run(&want);
    for (int which = 0; which < 3; which++) {
        netcall got = netcall_create(&net, lengths, N_SEQ, PSQ_TRAIN);
        void *const dx = got.grads.dx;
        void *const dweights = got.grads.dweights;
        got.grads.dx = which == 0 ? dx : NULL;
        got.grads.dweights = which == 1 ? dweights : NULL;
        run(&got);
        got.grads.dx = dx;
        got.grads.dweights = dweights;
        if (which == 0) {
            assert_memory_equal(want.grads.dx, dx, (size_t)want.n_x * net.size);
        } else if (which == 1) {
            assert_memory_equal(want.grads.dweights, dweights, (size_t)net.n_weights * net.size);
        }
        netcall_destroy(&got);
    }
    netcall_destroy(&want);
    net_destroy(&net);
    psq_ctx_destroy(ctx);
}

static size_t scratch_of(const psq_ctx *ctx, int64_t n_tokens, int64_t n_rows, unsigned flags) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.input_size = 16;
    spec.hidden_size = 32;
    spec.n_tokens = n_tokens;
    psq_rnn *rnn = NULL;
    psq_layout *const layout = net_layout(ctx, &n_rows, 1);
    size_t reserve = 0;
    size_t scratch = 0;
    net_must(psq_rnn_create(ctx, &spec, &rnn, &err), &err);
    net_must(psq_rnn_sizes(rnn, layout, flags, &reserve, &scratch, &err), &err);
    psq_rnn_destroy(rnn);
    psq_layout_destroy(layout);
    return scratch;
}

// A long batch over a small table: 4 bytes a row, in backward 8 more. A short batch over a large
// table: 12 bytes for 64 tokens of the table.
static void scratch_grows_with_the_smaller(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    const int64_t n = 1 << 16;
    assert_int_equal(scratch_of(ctx, 100, 2 * n, 0) - scratch_of(ctx, 100, n, 0), 4 * n);
    assert_int_equal(scratch_of(ctx, 100, 2 * n, PSQ_TRAIN) - scratch_of(ctx, 100, n, PSQ_TRAIN),
                     12 * n);
    // as many tokens as rows: their list, and pre-activations for half as many
    const int64_t pre = 4 * 32 * (int64_t)sizeof(float);
    assert_int_equal(scratch_of(ctx, 4 * n, 2 * n, PSQ_TRAIN) -
                         scratch_of(ctx, 4 * n, n, PSQ_TRAIN),
                     (8 + pre / 2) * n);
    assert_int_equal(scratch_of(ctx, 128 * n, 64, 0) - scratch_of(ctx, 64 * n, 64, 0), 12 * n);
    assert_int_equal(
        scratch_of(ctx, 128 * n, 64, PSQ_TRAIN) - scratch_of(ctx, 64 * n, 64, PSQ_TRAIN), 12 * n);
    psq_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_their_rows),
        cmocka_unit_test(tokens_are_their_rows_on_three_threads),
        cmocka_unit_test(gradients_are_as_defined),
        cmocka_unit_test(tokens_of_padding_are_not_read),
        cmocka_unit_test(gradients_are_made_alone),
        cmocka_unit_test(scratch_grows_with_the_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
