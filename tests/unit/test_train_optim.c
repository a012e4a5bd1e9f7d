// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_train_optim.c: five steps of every optimiser against numbers that torch 2.13.0 gave, float
// against a plain loop in double, and every way to be wrong.
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "packseq/train.h"
#include "with_ctx.h"

enum { N = 5, N_STEPS = 5 };

static const double first_weights[N] = {0.5, -1.25, 2.0, -0.125, 3.0};

static double gradient(int64_t step, int64_t i) {
    return (double)((step * 7 + i * 3) % 11 - 5) / 4.0;
}

// name; kind, lr, momentum, betas, eps, decay; weights after N_STEPS steps of torch.optim in
// float64.
static const struct {
    psq_optim optim;
    double weights[N];
} gold[] = {
    {{sizeof(psq_optim), PSQ_SGD, 0.1, 0, 0, 0, 0, 0}, {0.425, -1.425, 2.0, 0.05, 3.075}},
    {{sizeof(psq_optim), PSQ_SGD, 0.1, 0, 0, 0, 0, 0.05},
     {0.414242520280, -1.391454625855, 1.950001231291, 0.052224518360, 3.000865043694}},
    {{sizeof(psq_optim), PSQ_SGD, 0.1, 0.9, 0, 0, 0, 0.05},
     {0.127987565155, -1.742548875543, 1.945930637041, 0.193065931516, 2.880905299194}},
    {{sizeof(psq_optim), PSQ_ADAM, 0.05, 0, 0.9, 0.999, 1e-8, 0},
     {0.391698020214, -1.393930963698, 2.044885456070, -0.050771179104, 2.966493213156}},
    {{sizeof(psq_optim), PSQ_ADAM, 0.05, 0, 0.8, 0.95, 1e-3, 0.1},
     {0.384333229096, -1.360882388142, 1.993908305479, -0.002161246608, 2.905070895186}},
    {{sizeof(psq_optim), PSQ_ADAMW, 0.05, 0, 0.9, 0.999, 1e-8, 0},
     {0.391698020214, -1.393930963698, 2.044885456070, -0.050771179104, 2.966493213156}},
    {{sizeof(psq_optim), PSQ_ADAMW, 0.05, 0, 0.8, 0.95, 1e-3, 0.1},
     {0.384754619986, -1.353300516377, 1.990756577568, -0.047585861846, 2.902880075994}},
};

// lr_scale halves a learning rate that is twice as high.
static void optim_torch_double(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof gold / sizeof *gold; k++) {
        psq_optim optim = gold[k].optim;
        optim.lr *= 2.0;
        double weights[N];
        double moments[2 * N] = {0};
        memcpy(weights, first_weights, sizeof weights);
        for (int64_t step = 1; step <= N_STEPS; step++) {
            double grads[N];
            for (int64_t i = 0; i < N; i++) {
                grads[i] = gradient(step, i);
            }
            assert_int_equal(
                psq_optim_step(ctx, &optim, PSQ_F64, N, weights, grads, moments, step, 0.5, &err),
                PSQ_OK);
        }
        for (int64_t i = 0; i < N; i++) {
            assert_true(fabs(weights[i] - gold[k].weights[i]) <= 1e-11);
        }
    }
}

static void optim_torch_float(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof gold / sizeof *gold; k++) {
        float weights[N];
        float moments[2 * N] = {0};
        for (int64_t i = 0; i < N; i++) {
            weights[i] = (float)first_weights[i];
        }
        for (int64_t step = 1; step <= N_STEPS; step++) {
            float grads[N];
            for (int64_t i = 0; i < N; i++) {
                grads[i] = (float)gradient(step, i);
            }
            assert_int_equal(psq_optim_step(ctx, &gold[k].optim, PSQ_F32, N, weights, grads,
                                            moments, step, 1.0, &err),
                             PSQ_OK);
        }
        for (int64_t i = 0; i < N; i++) {
            assert_true(fabs((double)weights[i] - gold[k].weights[i]) <= 1e-6);
        }
    }
}

// Adam as its paper states it, with the moments' corrections as quotients.
static void plain_adam(const psq_optim *optim, int64_t n, double *w, const double *g, double *m,
                       double *v, int64_t step) {
    for (int64_t i = 0; i < n; i++) {
        const bool decoupled = optim->kind == PSQ_ADAMW;
        const double d = g[i] + (decoupled ? 0.0 : optim->weight_decay * w[i]);
        w[i] -= decoupled ? optim->lr * optim->weight_decay * w[i] : 0.0;
        m[i] = optim->beta1 * m[i] + (1.0 - optim->beta1) * d;
        v[i] = optim->beta2 * v[i] + (1.0 - optim->beta2) * d * d;
        const double m_hat = m[i] / (1.0 - pow(optim->beta1, (double)step));
        const double v_hat = v[i] / (1.0 - pow(optim->beta2, (double)step));
        w[i] -= optim->lr * m_hat / (sqrt(v_hat) + optim->eps);
    }
}

static void adam_long_run(void **state) {
    (void)state;
    enum { M = 37 };
    const psq_optim_kind kinds[2] = {PSQ_ADAM, PSQ_ADAMW};
    for (int k = 0; k < 2; k++) {
        psq_optim optim = PSQ_OPTIM_INIT;
        optim.kind = kinds[k];
        optim.weight_decay = 0.02;
        double w[M] = {0};
        double moments[2 * M] = {0};
        double plain[M] = {0};
        double m[M] = {0};
        double v[M] = {0};
        for (int64_t step = 1; step <= 200; step++) {
            double g[M];
            for (int64_t i = 0; i < M; i++) {
                uint32_t word[4];
                psq_random(7, PSQ_STREAM_TEST, (uint64_t)i, (uint32_t)step, 0, word);
                g[i] = psq_unit_f64(word[0], word[1]) - 0.25;
            }
            assert_int_equal(
                psq_optim_step(ctx, &optim, PSQ_F64, M, w, g, moments, step, 1.0, &err), PSQ_OK);
            plain_adam(&optim, M, plain, g, m, v, step);
        }
        for (int64_t i = 0; i < M; i++) {
            assert_true(fabs(w[i] - plain[i]) <= 1e-12);
        }
    }
}

static void optim_sizes_and_names(void **state) {
    (void)state;
    psq_optim optim = PSQ_OPTIM_INIT;
    assert_int_equal(psq_optim_n_state(&optim, 7), 14);
    optim.kind = PSQ_SGD;
    assert_int_equal(psq_optim_n_state(&optim, 7), 0);
    optim.momentum = 0.5;
    assert_int_equal(psq_optim_n_state(&optim, 7), 7);
    assert_string_equal(psq_optim_name(PSQ_SGD), "sgd");
    assert_string_equal(psq_optim_name(PSQ_ADAM), "adam");
    assert_string_equal(psq_optim_name(PSQ_ADAMW), "adamw");
    assert_null(psq_optim_name(PSQ_N_OPTIM));
}

static void optim_no_weights(void **state) {
    (void)state;
    const psq_optim optim = PSQ_OPTIM_INIT;
    assert_int_equal(psq_optim_step(ctx, &optim, PSQ_F32, 0, NULL, NULL, NULL, 1, 1.0, &err),
                     PSQ_OK);
}

static psq_status step_with(psq_optim optim, psq_dtype dtype, int64_t n, int64_t step,
                            double scale) {
    float w[2] = {1, 2};
    float g[2] = {1, 2};
    float s[4] = {0};
    return psq_optim_step(ctx, &optim, dtype, n, w, g, s, step, scale, &err);
}

static void optim_bad_arguments(void **state) {
    (void)state;
    const psq_optim good = PSQ_OPTIM_INIT;
    float w[2] = {1, 2};
    assert_fails(psq_optim_step(NULL, &good, PSQ_F32, 2, w, w, w, 1, 1, &err), PSQ_INVALID,
                 "ctx is NULL");
    assert_fails(psq_optim_step(ctx, NULL, PSQ_F32, 2, w, w, w, 1, 1, &err), PSQ_INVALID,
                 "optim is NULL");
    assert_fails(psq_optim_step(ctx, &good, PSQ_F32, 2, NULL, w, w, 1, 1, &err), PSQ_INVALID,
                 "weights is NULL, n is 2");
    assert_fails(psq_optim_step(ctx, &good, PSQ_F32, 2, w, NULL, w, 1, 1, &err), PSQ_INVALID,
                 "grads is NULL, n is 2");
    assert_fails(psq_optim_step(ctx, &good, PSQ_F32, 2, w, w, NULL, 1, 1, &err), PSQ_INVALID,
                 "state is NULL, adamw wants 2 elements for each of 2 weights");
    assert_fails(step_with(good, PSQ_F16, 2, 1, 1), PSQ_INVALID,
                 "dtype is 2, must be PSQ_F32 or PSQ_F64");
    assert_fails(step_with(good, PSQ_F32, -1, 1, 1), PSQ_INVALID, "n is -1, must be at least 0");
    assert_fails(step_with(good, PSQ_F32, 2, 0, 1), PSQ_INVALID, "step is 0, must be at least 1");
    assert_fails(step_with(good, PSQ_F32, 2, 1, -1), PSQ_INVALID,
                 "lr_scale is -1, must be at least 0 and finite");
    assert_fails(step_with(good, PSQ_F32, 2, 1, (double)INFINITY), PSQ_INVALID, "lr_scale is inf");
}

static void optim_bad_values(void **state) {
    (void)state;
    psq_optim optim = PSQ_OPTIM_INIT;
    optim.struct_size = 1;
    assert_fails(step_with(optim, PSQ_F32, 2, 1, 1), PSQ_INVALID, "optim.struct_size is 1, must");
    optim = (psq_optim)PSQ_OPTIM_INIT;
    optim.kind = PSQ_N_OPTIM;
    assert_fails(step_with(optim, PSQ_F32, 2, 1, 1), PSQ_INVALID,
                 "optim.kind is 3, must be 0 to 2");
    static const struct {
        size_t offset;
        double value;
        const char *text;
    } cases[] = {
        {offsetof(psq_optim, lr), -0.5, "optim.lr is -0.5, must be at least 0 and finite"},
        {offsetof(psq_optim, momentum), (double)INFINITY, "optim.momentum is inf, must be"},
        {offsetof(psq_optim, beta1), 1.0, "optim.beta1 is 1, must be at least 0 and below 1"},
        {offsetof(psq_optim, beta2), 2.0, "optim.beta2 is 2, must be at least 0 and below 1"},
        {offsetof(psq_optim, eps), -1.0,
         "optim.eps is -1, must be at least 1.17549e-38 and finite"},
        {offsetof(psq_optim, eps), 0.0, "optim.eps is 0, must be at least 1.17549e-38 and finite"},
        {offsetof(psq_optim, eps), 1e-50, "optim.eps is 1e-50, must be at least"}, // 0 in float
        {offsetof(psq_optim, weight_decay), (double)NAN, "optim.weight_decay is"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        optim = (psq_optim)PSQ_OPTIM_INIT;
        memcpy((char *)&optim + cases[k].offset, &cases[k].value, sizeof cases[k].value);
        assert_fails(step_with(optim, PSQ_F32, 2, 1, 1), PSQ_INVALID, cases[k].text);
    }
}

// A weight without a gradient stays, with the smallest eps too. SGD has no use for one.
static void optim_smallest_eps(void **state) {
    (void)state;
    for (int kind = 0; kind < PSQ_N_OPTIM; kind++) {
        psq_optim optim = PSQ_OPTIM_INIT;
        optim.kind = (psq_optim_kind)kind;
        optim.eps = kind == PSQ_SGD ? 0.0 : (double)FLT_MIN;
        float w[2] = {1, 2};
        const float g[2] = {0, 0};
        float s[4] = {0};
        assert_int_equal(psq_optim_step(ctx, &optim, PSQ_F32, 2, w, g, s, 1, 1.0, &err), PSQ_OK);
        assert_true(w[0] == 1.0F && w[1] == 2.0F);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optim_torch_double), cmocka_unit_test(optim_torch_float),
        cmocka_unit_test(adam_long_run),      cmocka_unit_test(optim_sizes_and_names),
        cmocka_unit_test(optim_no_weights),   cmocka_unit_test(optim_bad_arguments),
        cmocka_unit_test(optim_bad_values),   cmocka_unit_test(optim_smallest_eps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
