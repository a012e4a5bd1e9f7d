// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// Ten steps of training against torch's in tests/golden/train.bin: embedding -> two bidirectional
// layers -> each head -> cross-entropy over the valid targets -> SGD with momentum, Adam, AdamW, on
// a ragged batch with sequences of length 0 and targets of -1. Compared are the ten losses and the
// weights at the end.
#include "golden.h"
#include "net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packseq/train.h"

enum { N_STEPS = 10 };

typedef struct fixture {
    const golden *file;
    int64_t index;
    double losses, weights; // largest distances so far
} fixture;

static psq_model_spec read_spec(const fixture *f) {
    const int64_t *const v = golden_i64(f->file, f->index, "spec");
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.rnn.cell = (psq_cell)v[0];
    spec.vocab_size = v[1];
    spec.n_classes = v[2];
    spec.head = (psq_head)v[3];
    spec.rnn.input_size = v[4];
    spec.rnn.hidden_size = v[5];
    spec.rnn.n_layers = v[6];
    spec.rnn.bidirectional = true;
    return spec;
}

static psq_optim read_optim(const fixture *f) {
    const double *const v = golden_f64(f->file, f->index, "options");
    psq_optim optim = PSQ_OPTIM_INIT;
    optim.kind = (psq_optim_kind)golden_i64(f->file, f->index, "spec")[7];
    optim.lr = v[0];
    optim.momentum = v[1];
    optim.weight_decay = v[2];
    return optim;
}

// An array of int64 as the int32 that samples hold.
static int32_t *read_ints(const fixture *f, const char *name) {
    const int64_t *const values = golden_i64(f->file, f->index, name);
    const int64_t n = golden_size(golden_find(f->file, f->index, name));
    int32_t *const ints = calloc((size_t)n + 1, sizeof *ints);
    assert_non_null(ints);
    for (int64_t i = 0; i < n; i++) {
        ints[i] = (int32_t)values[i];
    }
    return ints;
}

static void train(const psq_ctx *ctx, const fixture *f, psq_session *session,
                  const psq_samples *samples, int64_t n_weights, float *weights,
                  float losses[N_STEPS]) {
    psq_error err;
    const psq_optim optim = read_optim(f);
    float *const grads = calloc((size_t)n_weights, sizeof *grads);
    float *const state = calloc((size_t)psq_optim_n_state(&optim, n_weights) + 1, sizeof *state);
    assert_non_null(grads);
    assert_non_null(state);
    for (int64_t step = 1; step <= N_STEPS; step++) {
        psq_batch_result result;
        memset(grads, 0, (size_t)n_weights * sizeof *grads);
        net_must(psq_session_grad(session, weights, samples, NULL, samples->n_seq, 0, grads,
                                  &result, &err),
                 &err);
        losses[step - 1] = (float)(result.loss_sum / (double)result.n_valid);
        net_must(
            psq_optim_step(ctx, &optim, PSQ_F32, n_weights, weights, grads, state, step, 1.0, &err),
            &err);
    }
    free(grads);
    free(state);
}

static void run_case(fixture *f, const psq_ctx *ctx) {
    psq_error err;
    psq_model *model = NULL;
    psq_session *session = NULL;
    const psq_model_spec spec = read_spec(f);
    net_must(psq_model_create(ctx, &spec, &model, &err), &err);
    net_must(psq_session_create(ctx, model, &session, &err), &err);
    const psq_tensor *const first = golden_find(f->file, f->index, "weights");
    const int64_t n_weights = psq_model_n_weights(model);
    assert_int_equal(golden_size(first), n_weights);
    float *const weights = malloc((size_t)n_weights * sizeof *weights);
    assert_non_null(weights);
    memcpy(weights, first->data, (size_t)n_weights * sizeof *weights);

    int32_t *const tokens = read_ints(f, "tokens"), *const targets = read_ints(f, "targets");
    const psq_samples samples = {
        .n_seq = golden_size(golden_find(f->file, f->index, "offsets")) - 1,
        .offsets = golden_i64(f->file, f->index, "offsets"),
        .tokens = tokens,
        .targets = targets,
    };
    float losses[N_STEPS];
    train(ctx, f, session, &samples, n_weights, weights, losses);
    const char *const title = golden_title(f->file, f->index);
    const double loss = golden_check(title, "losses", PSQ_F32, losses,
                                     golden_f32(f->file, f->index, "losses"), N_STEPS, 1.0, 1e-6);
    const double weight =
        golden_check(title, "trained", PSQ_F32, weights, golden_f32(f->file, f->index, "trained"),
                     n_weights, 1.0, 1e-5);
    f->losses = loss > f->losses ? loss : f->losses;
    f->weights = weight > f->weights ? weight : f->weights;

    free(weights);
    free(tokens);
    free(targets);
    psq_session_destroy(session);
    psq_model_destroy(model);
}

static void training_matches_torch(void **state) {
    (void)state;
    psq_ctx *const ctx = net_ctx(NULL);
    golden *const file = golden_open(PSQ_TEST_DATA "/train.bin");
    assert_int_equal(golden_n_cases(file), 19);
    fixture f = {.file = file};
    for (f.index = 0; f.index < golden_n_cases(file); f.index++) {
        run_case(&f, ctx);
    }
    print_message("largest distance: losses %.2g, weights %.2g\n", f.losses, f.weights);
    golden_close(file);
    psq_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_matches_torch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
