// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_train_gradients.c: gradients of whole models. Every head, input, cell and dropout by finite
// differences in double, sums over more rows than a block holds, and batches without targets.
#include <math.h>
#include <stdlib.h>

#include "sample_set.h"
#include "with_ctx.h"

enum { N_SEQ = 6 };

static const int64_t lengths[N_SEQ] = {3, 0, 5, 1, 2, 5};

// The loss of the training mode, with its dropout, as a function of the weights.
static double loss_of(const model_set *m, const sample_set *s) {
    double *const unused = (double *)calloc((size_t)m->n, sizeof *unused);
    assert_non_null(unused);
    const psq_batch_result result = model_set_grad(m, s, NULL, N_SEQ, 9, unused);
    free(unused);
    return result.loss_sum / (double)result.n_valid;
}

static void check_gradients(const psq_model_spec *spec) {
    model_set m = model_set_create(ctx, spec, 1);
    sample_set s = sample_set_create(spec, lengths, N_SEQ, 2);
    double *const weights = (double *)m.weights;
    double *const dweights = (double *)m.dweights;
    for (int64_t i = 0; i < m.n; i++) {
        weights[i] *= 2.0; // gradients far above the noise of the differences
    }
    model_set_grad(&m, &s, NULL, N_SEQ, 9, dweights);
    for (int64_t p = 0; p < psq_model_n_params(m.model); p++) {
        const psq_param *const param = &psq_model_params(m.model)[p];
        const int64_t n = param->n_rows * (param->n_cols > 0 ? param->n_cols : 1);
        double largest = 0.0;
        double worst = 0.0;
        for (int64_t i = param->offset; i < param->offset + n; i++) {
            const double before = weights[i];
            const double step = 1e-5;
            weights[i] = before + step;
            const double above = loss_of(&m, &s);
            weights[i] = before - step;
            const double below = loss_of(&m, &s);
            weights[i] = before;
            const double wanted = (above - below) / (2.0 * step);
            largest = fabs(wanted) > largest ? fabs(wanted) : largest;
            worst = fabs(dweights[i] - wanted) > worst ? fabs(dweights[i] - wanted) : worst;
        }
        if (!(largest > 1e-4) || !(worst <= 1e-6 * largest)) {
            fail_msg("%s, head %s, dropout %g, %s: off by %g of %g", psq_cell_name(spec->rnn.cell),
                     psq_head_name(spec->head), spec->dropout, param->name, worst, largest);
        }
    }
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

static void grad_finite_differences(void **state) {
    (void)state;
    for (int head = 0; head < PSQ_N_HEAD; head++) {
        for (int tokens = 0; tokens < 2; tokens++) {
            const psq_cell cells[2] = {PSQ_LSTM, PSQ_GRU};
            for (int cell = 0; cell < 2; cell++) {
                const psq_model_spec spec =
                    sample_set_spec(cells[cell], (psq_head)head, tokens == 1, PSQ_F64);
                check_gradients(&spec);
            }
        }
    }
}

static void grad_finite_differences_dropout(void **state) {
    (void)state;
    for (int head = 0; head < PSQ_N_HEAD; head++) {
        psq_model_spec spec = sample_set_spec(PSQ_GRU, (psq_head)head, true, PSQ_F64);
        spec.dropout = 0.4;
        spec.rnn.dropout = 0.25;
        check_gradients(&spec);
    }
}

static void grad_projection(void **state) {
    (void)state;
    psq_model_spec spec = sample_set_spec(PSQ_LSTM, PSQ_HEAD_LAST, false, PSQ_F64);
    spec.rnn.proj_size = 2;
    check_gradients(&spec);
}

// More valid rows than one block of a sum holds, and some that are not valid between them.
static void grad_many_rows(void **state) {
    (void)state;
    psq_model_spec spec = sample_set_spec(PSQ_GRU, PSQ_HEAD_TOKEN, true, PSQ_F64);
    spec.rnn.n_layers = 1;
    spec.rnn.bidirectional = false;
    const int64_t many[4] = {190, 80, 0, 130};
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, many, 4, 2);
    // The batch's gradient is the mean of the sequences' own, weighted by their valid targets.
    const psq_batch_result whole = model_set_grad(&m, &s, NULL, 4, 0, m.dweights);
    assert_true(whole.n_valid > 256 && whole.n_valid < 400);
    double *const sum = (double *)calloc((size_t)m.n, sizeof *sum);
    double *const part = (double *)calloc((size_t)m.n, sizeof *part);
    for (int64_t b = 0; b < 4; b++) {
        memset(part, 0, (size_t)m.n * sizeof *part);
        const psq_batch_result one = model_set_grad(&m, &s, &b, 1, 0, part);
        for (int64_t i = 0; i < m.n; i++) {
            sum[i] += part[i] * (double)one.n_valid / (double)whole.n_valid;
        }
    }
    for (int64_t i = 0; i < m.n; i++) {
        assert_true(fabs(sum[i] - ((double *)m.dweights)[i]) < 1e-14);
    }
    free(sum);
    free(part);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

// Gradients are added; in float, in one order only.
static void grad_adds(void **state) {
    (void)state;
    const psq_model_spec spec = sample_set_spec(PSQ_LSTM, PSQ_HEAD_MEAN, true, PSQ_F64);
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    double *const twice = (double *)calloc((size_t)m.n, sizeof *twice);
    model_set_grad(&m, &s, NULL, N_SEQ, 0, m.dweights);
    model_set_grad(&m, &s, NULL, N_SEQ, 0, twice);
    model_set_grad(&m, &s, NULL, N_SEQ, 0, twice);
    for (int64_t i = 0; i < m.n; i++) {
        assert_true(fabs(twice[i] - 2.0 * ((double *)m.dweights)[i]) < 1e-15);
    }
    free(twice);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

static void assert_zeros(const model_set *m) {
    for (int64_t i = 0; i < m->n; i++) {
        assert_true(((const float *)m->dweights)[i] == 0.0F);
    }
}

static void grad_without_targets(void **state) {
    (void)state;
    for (int head = 0; head < PSQ_N_HEAD; head++) {
        const psq_model_spec spec = sample_set_spec(PSQ_GRU, (psq_head)head, true, PSQ_F32);
        model_set m = model_set_create(ctx, &spec, 1);
        sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
        const int64_t none = 1; // no rows
        psq_batch_result r = model_set_grad(&m, &s, NULL, 0, 0, m.dweights);
        assert_true(r.loss_sum == 0.0 && r.n_valid == 0 && r.n_correct == 0);
        assert_zeros(&m);
        s.samples.targets = NULL;
        r = model_set_grad(&m, &s, NULL, N_SEQ, 0, m.dweights);
        assert_true(r.loss_sum == 0.0 && r.n_valid == 0);
        assert_zeros(&m);
        // Not even from weights that are no numbers.
        float *const weights = (float *)m.weights;
        const float before = weights[m.n / 2];
        weights[m.n / 2] = NAN;
        model_set_grad(&m, &s, NULL, N_SEQ, 0, m.dweights);
        assert_zeros(&m);
        weights[m.n / 2] = before;
        r = model_set_eval(&m, &s, &none, 1, NULL, NULL);
        assert_true(r.loss_sum == 0.0 && r.n_valid == 0);
        const psq_samples empty = {0, NULL, NULL, NULL, NULL};
        assert_int_equal(
            psq_session_eval(m.session, m.weights, &empty, NULL, 0, NULL, NULL, &r, &err), PSQ_OK);
        assert_true(r.loss_sum == 0.0 && r.n_valid == 0);
        sample_set_destroy(&s);
        model_set_destroy(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grad_finite_differences),
        cmocka_unit_test(grad_finite_differences_dropout),
        cmocka_unit_test(grad_projection),
        cmocka_unit_test(grad_many_rows),
        cmocka_unit_test(grad_adds),
        cmocka_unit_test(grad_without_targets),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
