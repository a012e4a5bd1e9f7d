// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_rnn_forward.c: outputs and states against torch's, with zero-length sequences inserted; the
// same batch in every storage, and each sequence alone, bit for bit.
#include <stdio.h>
#include <stdlib.h>

#include "golden.h"
#include "packseq/layout.h"
#include "packseq/rnn.h"
#include "testing.h"

static psq_ctx *ctx;
static psq_error err;

typedef struct batch {
    psq_rnn *rnn;
    psq_layout *layout;
    void *panels;
    int64_t D, R, H, I, L, B;
} batch;

static void forward(const batch *net, const psq_layout *layout, const psq_rnn_io *io,
                    unsigned flags) {
    size_t n_reserve = 0;
    size_t n_scratch = 0;
    assert_int_equal(psq_rnn_sizes(net->rnn, layout, flags, &n_reserve, &n_scratch, &err), PSQ_OK);
    void *const reserve = psq_malloc(ctx, n_reserve);
    void *const scratch = psq_malloc(ctx, n_scratch);
    assert_int_equal(
        psq_rnn_forward(net->rnn, layout, net->panels, io, flags, reserve, scratch, &err), PSQ_OK);
    psq_free(ctx, reserve);
    psq_free(ctx, scratch);
}

static batch open_case(const golden *file, int64_t i, double dropout) {
    const int64_t *const s = golden_i64(file, i, "spec");
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = (psq_cell)s[0];
    spec.input_size = s[1];
    spec.hidden_size = s[2];
    spec.proj_size = s[3];
    spec.n_layers = s[4];
    spec.bidirectional = s[5] == 2;
    spec.bias = s[6] != 0;
    spec.dropout = dropout;
    batch net = {.D = s[5], .R = s[3] > 0 ? s[3] : s[2], .H = s[2], .I = s[1], .L = s[4]};
    assert_int_equal(psq_rnn_create(ctx, &spec, &net.rnn, &err), PSQ_OK);
    const psq_tensor *const lengths = golden_find(file, i, "lengths");
    net.B = golden_size(lengths);
    assert_int_equal(
        psq_layout_from_lengths(ctx, golden_i64(file, i, "lengths"), net.B, &net.layout, &err),
        PSQ_OK);
    assert_int_equal(golden_size(golden_find(file, i, "weights")), psq_rnn_n_weights(net.rnn));
    net.panels = psq_malloc(ctx, psq_rnn_panel_bytes(net.rnn));
    assert_int_equal(psq_rnn_pack(net.rnn, golden_f32(file, i, "weights"), net.panels, &err),
                     PSQ_OK);
    return net;
}

static void close_case(batch *net) {
    psq_free(ctx, net->panels);
    psq_layout_destroy(net->layout);
    psq_rnn_destroy(net->rnn);
}

static const float *optional(const golden *file, int64_t i, const char *name) {
    return golden_find(file, i, name) != NULL ? golden_f32(file, i, name) : NULL;
}

static psq_rnn_io golden_io(const golden *file, int64_t i) {
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x = golden_f32(file, i, "x");
    io.h0 = optional(file, i, "h0");
    io.c0 = optional(file, i, "c0");
    return io;
}

static void outputs_equal_torch(void **state) {
    (void)state;
    golden *const file = golden_open(PSQ_TEST_DATA "/rnn.bin");
    double worst = 0.0;
    for (int64_t i = 0; i < golden_n_cases(file); i++) {
        batch net = open_case(file, i, 0.0);
        psq_rnn_io io = golden_io(file, i);
        const bool has_c = psq_rnn_get_spec(net.rnn)->cell == PSQ_LSTM;
        const int64_t n_y = psq_layout_n_rows(net.layout) * net.D * net.R;
        const int64_t n_h = net.L * net.D * net.B * net.R;
        const int64_t n_c = net.L * net.D * net.B * net.H;
        float *const y = (float *)malloc((size_t)(n_y + n_h + n_c) * sizeof *y);
        io.y = y;
        io.hn = y + n_y;
        io.cn = has_c ? y + n_y + n_h : NULL;
        const struct {
            const char *name;
            const void *actual;
            int64_t n;
        } results[] = {{"y", y, n_y}, {"hn", io.hn, n_h}, {"cn", io.cn, has_c ? n_c : 0}};
        if (golden_f64(file, i, "dropout")[0] == 0.0) {
            forward(&net, net.layout, &io, 0);
            for (size_t r = 0; r < 3 && results[r].n > 0; r++) {
                const double error =
                    golden_check(golden_title(file, i), results[r].name, PSQ_F32, results[r].actual,
                                 golden_f32(file, i, results[r].name), results[r].n, 1.0, 1e-6);
                worst = error > worst ? error : worst;
            }
        }
        free(y);
        close_case(&net);
    }
    golden_close(file);
    printf("largest error against torch: %.2e\n", worst);
}

// One case in one storage: every y row must have the bits that packed rows have; also with
// PSQ_TRAIN.
static void check_storage(const golden *file, int64_t i, const batch *net, psq_storage storage,
                          const float *packed) {
    const psq_storage rows = {PSQ_PACKED, false, 0};
    int64_t n = 0;
    assert_int_equal(psq_storage_n_rows(net->layout, storage, &n, &err), PSQ_OK);
    const int64_t width = net->D * net->R;
    const float *const x = golden_f32(file, i, "x");
    float *const moved = (float *)malloc((size_t)(n * net->I + 1) * sizeof *moved);
    float *const y = (float *)malloc((size_t)(n * width + 1) * sizeof *y);
    memset(moved, 0xff, (size_t)(n * net->I + 1) * sizeof *moved); // NaN in the padding
    for (int64_t b = 0; b < net->B; b++) {
        for (int64_t t = 0; t < psq_layout_lengths(net->layout)[b]; t++) {
            memcpy(moved + psq_storage_row(net->layout, storage, b, t) * net->I,
                   x + psq_storage_row(net->layout, rows, b, t) * net->I,
                   (size_t)net->I * sizeof *x);
        }
    }
    psq_rnn_io io = golden_io(file, i);
    io.x_storage = storage;
    io.y_storage = storage;
    io.x = moved;
    io.y = y;
    forward(net, net->layout, &io, PSQ_TRAIN);
    for (int64_t b = 0; b < net->B; b++) {
        for (int64_t t = 0; t < psq_layout_lengths(net->layout)[b]; t++) {
            assert_memory_equal(y + psq_storage_row(net->layout, storage, b, t) * width,
                                packed + psq_storage_row(net->layout, rows, b, t) * width,
                                (size_t)width * sizeof *y);
        }
    }
    free(moved);
    free(y);
}

static void storages_give_equal_bits(void **state) {
    (void)state;
    golden *const file = golden_open(PSQ_TEST_DATA "/rnn.bin");
    for (int64_t i = 0; i < golden_n_cases(file); i++) {
        batch net = open_case(file, i, 0.0);
        const int64_t n_y = psq_layout_n_rows(net.layout) * net.D * net.R;
        float *const packed = (float *)malloc((size_t)n_y * sizeof *packed);
        psq_rnn_io io = golden_io(file, i);
        io.y = packed;
        forward(&net, net.layout, &io, 0);
        for (int form = 0; form < PSQ_N_ORDER * 2; form++) {
            const int64_t n_steps = form % 2 == 0 ? 0 : psq_layout_n_steps(net.layout) + 2;
            check_storage(file, i, &net,
                          (psq_storage){(psq_order)(form / 2), form % 2 != 0, n_steps}, packed);
        }
        free(packed);
        close_case(&net);
    }
    golden_close(file);
}

// Every gradient against torch's, within 1e-5 of the tensor's largest; the second of two backward
// passes on one reserve (PSQ_KEEP) adds the same again.
static void gradients_equal_torch(void **state) {
    (void)state;
    golden *const file = golden_open(PSQ_TEST_DATA "/rnn.bin");
    double worst = 0.0;
    int n_cases = 0;
    for (int64_t i = 0; i < golden_n_cases(file); i++) {
        batch net = open_case(file, i, 0.0);
        psq_rnn_io io = golden_io(file, i);
        const bool has_c = psq_rnn_get_spec(net.rnn)->cell == PSQ_LSTM;
        const int64_t n[4] = {psq_layout_n_rows(net.layout) * net.I, net.L * net.D * net.B * net.R,
                              net.L * net.D * net.B * net.H, psq_rnn_n_weights(net.rnn)};
        float *out[4];
        for (int k = 0; k < 4; k++) {
            out[k] = (float *)calloc((size_t)n[k] + 1, sizeof(float));
        }
        psq_rnn_grads grads = PSQ_RNN_GRADS_INIT;
        grads.dy = golden_f32(file, i, "dy");
        grads.dhn = optional(file, i, "dhn");
        grads.dcn = optional(file, i, "dcn");
        grads.dx = out[0];
        grads.dh0 = out[1];
        grads.dc0 = has_c ? out[2] : NULL;
        grads.dweights = out[3];
        const unsigned flags = PSQ_TRAIN | PSQ_KEEP;
        size_t n_reserve = 0;
        size_t n_scratch = 0;
        assert_int_equal(psq_rnn_sizes(net.rnn, net.layout, flags, &n_reserve, &n_scratch, &err),
                         PSQ_OK);
        void *const reserve = psq_malloc(ctx, n_reserve);
        void *const scratch = psq_malloc(ctx, n_scratch);
        if (golden_f64(file, i, "dropout")[0] == 0.0) {
            n_cases++;
            assert_int_equal(psq_rnn_forward(net.rnn, net.layout, net.panels, &io, flags, reserve,
                                             scratch, &err),
                             PSQ_OK);
            for (int pass = 0; pass < 2; pass++) {
                memset(out[3], 0, (size_t)n[3] * sizeof(float));
                assert_int_equal(psq_rnn_backward(net.rnn, net.layout, net.panels, &io, &grads,
                                                  flags, reserve, scratch, &err),
                                 PSQ_OK);
                static const char *const names[4] = {"dx", "dh0", "dc0", "dweights"};
                for (int k = 0; k < 4; k++) {
                    const float *const wanted = optional(file, i, names[k]);
                    if (wanted != NULL) {
                        const double error = golden_check(golden_title(file, i), names[k], PSQ_F32,
                                                          out[k], wanted, n[k], 0.0, 1e-5);
                        worst = error > worst ? error : worst;
                    }
                }
            }
        }
        psq_free(ctx, reserve);
        psq_free(ctx, scratch);
        for (int k = 0; k < 4; k++) {
            free(out[k]);
        }
        close_case(&net);
    }
    golden_close(file);
    assert_true(n_cases > 0);
    printf("largest error against torch: %.2e of the tensor's largest, %d cases\n", worst, n_cases);
}

static psq_status create_only(const psq_ctx *with, void *arg) {
    (void)arg;
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.hidden_size = 3;
    psq_rnn *rnn = NULL;
    const psq_status status = psq_rnn_create(with, &spec, &rnn, NULL);
    psq_rnn_destroy(rnn);
    return status;
}

static void create_fails_cleanly(void **state) {
    (void)state;
    fault_each_alloc(create_only, NULL);
    psq_rnn *rnn = NULL;
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    assert_fails(psq_rnn_create(ctx, &spec, &rnn, &err), PSQ_INVALID, "hidden_size is 0");
    spec.hidden_size = 4;
    spec.proj_size = 4;
    assert_fails(psq_rnn_create(ctx, &spec, &rnn, &err), PSQ_INVALID, "proj_size is 4");
    spec.proj_size = 2;
    spec.cell = PSQ_GRU;
    assert_fails(psq_rnn_create(ctx, &spec, &rnn, &err), PSQ_INVALID, "must be 0 for gru");
    spec.proj_size = 0;
    spec.dropout = 1.5;
    assert_fails(psq_rnn_create(ctx, &spec, &rnn, &err), PSQ_INVALID, "dropout is 1.5");
}

static int setup(void **state) {
    (void)state;
    return psq_ctx_create(NULL, &ctx, NULL) == PSQ_OK ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    psq_ctx_destroy(ctx);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_equal_torch),
        cmocka_unit_test(storages_give_equal_bits),
        cmocka_unit_test(gradients_equal_torch),
        cmocka_unit_test(create_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
