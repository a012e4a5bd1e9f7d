// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// Networks against torch's results in tests/golden/rnn.bin: {RNN tanh, relu, LSTM, LSTM with
// projection, GRU} x layers x directions x bias x first states, outputs, states and all gradients.
// The batches hold sequences of length 0, which torch never saw. Bounds: outputs and states 1e-6 of
// the largest, at least of 1; each gradient 1e-5 of its largest.
#include "golden.h"
#include "net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    const golden *file;
    int64_t index;
    const char *prefix;       // of the results: "" with first states, "none." without
    double forward, backward; // largest distances so far
} fixture;

// Outputs of one run; names are those of the file.
enum { Y, HN, CN, DX, DH0, DC0, DWEIGHTS, N_OUT };
static const char *const out_names[N_OUT] = {"y", "hn", "cn", "dx", "dh0", "dc0", "dweights"};

static psq_rnn_spec read_spec(const fixture *f, psq_dtype dtype) {
    const int64_t *const v = golden_i64(f->file, f->index, "spec");
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = (psq_cell)v[0];
    spec.dtype = dtype;
    spec.input_size = v[1];
    spec.hidden_size = v[2];
    spec.proj_size = v[3];
    spec.n_layers = v[4];
    spec.bidirectional = v[5] == 2;
    spec.bias = v[6] == 1;
    spec.dropout = *golden_f64(f->file, f->index, "dropout");
    return spec;
}

// An input of the file in the network's dtype; NULL where the file has none.
static void *input(const fixture *f, const psq_net *net, const char *name) {
    const psq_tensor *const tensor = golden_find(f->file, f->index, name);
    return tensor == NULL ? NULL : net_array(net, PSQ_F32, tensor->data, golden_size(tensor));
}

static const psq_tensor *expected(const fixture *f, const char *name) {
    char full[24];
    snprintf(full, sizeof full, "%s%s", f->prefix, name);
    return golden_find(f->file, f->index, full);
}

static void check_weights(fixture *f, const psq_net *net, const void *actual,
                          const psq_tensor *want) {
    assert_int_equal(golden_size(want), net->n_weights);
    const psq_param *const params = psq_rnn_params(net->rnn);
    for (int64_t i = 0; i < psq_rnn_n_params(net->rnn); i++) {
        const int64_t n = params[i].n_rows * (params[i].n_cols > 0 ? params[i].n_cols : 1);
        const double worst =
            golden_check(golden_title(f->file, f->index), params[i].name, net->spec->dtype,
                         (const char *)actual + (size_t)params[i].offset * net->size,
                         (const float *)want->data + params[i].offset, n, 0.0, 1e-5);
        f->backward = worst > f->backward ? worst : f->backward;
    }
}

static void check(fixture *f, const psq_net *net, void *const out[N_OUT]) {
    for (int i = 0; i < N_OUT; i++) {
        const psq_tensor *const want = expected(f, out_names[i]);
        if (out[i] == NULL) {
            assert_null(want);
        } else if (i == DWEIGHTS) {
            check_weights(f, net, out[i], want);
        } else {
            const bool forward = i <= CN;
            double *const worst = forward ? &f->forward : &f->backward;
            const double distance = golden_check(
                golden_title(f->file, f->index), out_names[i], net->spec->dtype, out[i], want->data,
                golden_size(want), forward ? 1.0 : 0.0, forward ? 1e-6 : 1e-5);
            *worst = distance > *worst ? distance : *worst;
        }
    }
}

static void run_case(fixture *f, const psq_ctx *ctx, psq_dtype dtype) {
    const psq_rnn_spec spec = read_spec(f, dtype);
    psq_net net = net_create(ctx, &spec, NULL);
    void *const weights = input(f, &net, "weights");
    net_pack(&net, weights);
    const psq_tensor *const lengths = golden_find(f->file, f->index, "lengths");
    psq_layout *const layout = net_layout(ctx, lengths->data, golden_size(lengths));

    enum { X, DY, H0, C0, DHN, DCN, N_IN };
    static const char *const in_names[N_IN] = {"x", "dy", "h0", "c0", "dhn", "dcn"};
    void *in[N_IN];
    for (int i = 0; i < N_IN; i++) {
        in[i] = input(f, &net, in_names[i]);
    }
    void *out[N_OUT];
    for (int i = 0; i < N_OUT; i++) {
        const psq_tensor *const want = expected(f, out_names[i]);
        out[i] = want == NULL ? NULL : net_zeros(&net, golden_size(want));
    }
    const bool given = f->prefix[0] == '\0';
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x = in[X];
    io.h0 = given ? in[H0] : NULL;
    io.c0 = given ? in[C0] : NULL;
    io.y = out[Y];
    io.hn = out[HN];
    io.cn = out[CN];
    const psq_rnn_grads grads = {sizeof grads, in[DY],   in[DHN],  in[DCN],
                                 out[DX],      out[DH0], out[DC0], out[DWEIGHTS]};
    net_run(&net, layout, &io, &grads);
    check(f, &net, out);

    for (int i = 0; i < N_IN; i++) {
        free(in[i]);
    }
    for (int i = 0; i < N_OUT; i++) {
        free(out[i]);
    }
    psq_layout_destroy(layout);
    free(weights);
    net_destroy(&net);
}

static void run_all(psq_dtype dtype) {
    psq_ctx *const ctx = net_ctx(NULL);
    golden *const file = golden_open(PSQ_TEST_DATA "/rnn.bin");
    fixture f = {.file = file};
    for (f.index = 0; f.index < golden_n_cases(file); f.index++) {
        f.prefix = "";
        run_case(&f, ctx, dtype);
        f.prefix = "none.";
        run_case(&f, ctx, dtype);
    }
    print_message("largest distance: forward %.2g, gradients %.2g\n", f.forward, f.backward);
    golden_close(file);
    psq_ctx_destroy(ctx);
}

static void network_matches_torch_in_f32(void **state) {
    (void)state;
    run_all(PSQ_F32);
}

static void network_matches_torch_in_f64(void **state) {
    (void)state;
    run_all(PSQ_F64);
}

// The file holds the whole grid: 5 kinds x 2 x 2 x 2 and five with dropout 1.
static void file_holds_all_cases(void **state) {
    (void)state;
    golden *const file = golden_open(PSQ_TEST_DATA "/rnn.bin");
    assert_int_equal(golden_n_cases(file), 45);
    golden_close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_holds_all_cases),
        cmocka_unit_test(network_matches_torch_in_f32),
        cmocka_unit_test(network_matches_torch_in_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
