// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_train_fit.c: the loop. It repeats to the last byte, visits every sample once an epoch, says
// what it does, stops when told to or when numbers end, and learns.
#include <fenv.h>
#include <math.h>
#include <stdlib.h>

#include "packseq/train.h"
#include "sample_set.h"
#include "with_ctx.h"

enum { N_SEQ = 10 };

static const int64_t lengths[N_SEQ] = {3, 0, 5, 1, 2, 5, 4, 4, 1, 2};

static psq_model_spec small_spec(void) {
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.vocab_size = 6;
    spec.n_classes = 3;
    spec.dropout = 0.2;
    spec.rnn.cell = PSQ_GRU;
    spec.rnn.input_size = 2;
    spec.rnn.hidden_size = 3;
    return spec;
}

static psq_fit_opts small_opts(void) {
    psq_fit_opts opts = PSQ_FIT_OPTS_INIT;
    opts.n_epochs = 3;
    opts.batch_size = 4;
    opts.seed = 5;
    return opts;
}

// Weights after a fit from one start; freed by the caller.
static float *fitted(const psq_fit_opts *opts, int64_t *n) {
    const psq_model_spec spec = small_spec();
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    if (psq_fit(m.session, m.weights, &s.samples, NULL, opts, &err) != PSQ_OK) {
        fail_msg("%s", err.text);
    }
    float *const weights = (float *)malloc((size_t)m.n * sizeof *weights);
    assert_non_null(weights);
    memcpy(weights, m.weights, (size_t)m.n * sizeof *weights);
    *n = m.n;
    sample_set_destroy(&s);
    model_set_destroy(&m);
    return weights;
}

static void fit_repeats(void **state) {
    (void)state;
    psq_fit_opts opts = small_opts();
    int64_t n = 0;
    float *const first = fitted(&opts, &n);
    float *const second = fitted(&opts, &n);
    assert_memory_equal(first, second, (size_t)n * sizeof *first);
    opts.seed = 6;
    float *const other = fitted(&opts, &n);
    assert_memory_not_equal(first, other, (size_t)n * sizeof *first);
    free(first);
    free(second);
    free(other);
}

// A fit is what its parts do: with one batch an epoch, gradient, clipping and step by hand give the
// same bytes. Order and dropout are the fit's own, so there is one sample and no dropout.
static void fit_by_hand(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.dropout = 0.0;
    model_set m = model_set_create(ctx, &spec, 1);
    model_set hand = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, 1, 2);
    s.targets[0] = 1;
    psq_fit_opts opts = small_opts();
    opts.n_epochs = 5;
    opts.n_warmup = 2;
    opts.schedule = PSQ_SCHEDULE_COSINE;
    opts.clip = 0.1;
    opts.optim.weight_decay = 0.1;
    assert_int_equal(psq_fit(m.session, m.weights, &s.samples, NULL, &opts, &err), PSQ_OK);
    float *const moments = (float *)calloc((size_t)(2 * m.n), sizeof *moments);
    for (int64_t step = 1; step <= 5; step++) {
        psq_batch_result r;
        memset(hand.dweights, 0, (size_t)hand.n * sizeof(float));
        assert_int_equal(psq_session_grad(hand.session, hand.weights, &s.samples, NULL, 1, 0,
                                          hand.dweights, &r, &err),
                         PSQ_OK);
        assert_int_equal(psq_clip_norm(ctx, PSQ_F32, hand.n, hand.dweights, 0.1, NULL, &err),
                         PSQ_OK);
        assert_int_equal(psq_optim_step(ctx, &opts.optim, PSQ_F32, hand.n, hand.weights,
                                        hand.dweights, moments, step,
                                        psq_schedule_factor(PSQ_SCHEDULE_COSINE, step, 5, 2), &err),
                         PSQ_OK);
    }
    assert_memory_equal(m.weights, hand.weights, (size_t)m.n * sizeof(float));
    free(moments);
    sample_set_destroy(&s);
    model_set_destroy(&m);
    model_set_destroy(&hand);
}

// ---- progress

typedef struct diary {
    int64_t n_calls;
    int64_t stop_at; // 0: never
    psq_fit_progress entries[16];
} diary;

static bool write_diary(void *self, const psq_fit_progress *progress) {
    diary *const d = (diary *)self;
    assert_in_range(d->n_calls, 0, 15);
    d->entries[d->n_calls++] = *progress;
    return d->n_calls != d->stop_at;
}

// 10 samples in batches of 4, 4 and 2. The learning rate is 0, so that an epoch's sums are those of
// an evaluation, in another order.
static void fit_progress(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.dropout = 0.0;
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    psq_fit_opts opts = small_opts();
    diary d = {0};
    opts.progress = write_diary;
    opts.progress_self = &d;
    opts.optim.lr = 0.0;
    assert_int_equal(psq_fit(m.session, m.weights, &s.samples, &s.samples, &opts, &err), PSQ_OK);
    psq_batch_result all;
    assert_int_equal(
        psq_session_eval(m.session, m.weights, &s.samples, NULL, N_SEQ, NULL, NULL, &all, &err),
        PSQ_OK);
    assert_int_equal(d.n_calls, 9);
    for (int64_t k = 0; k < 9; k++) {
        const psq_fit_progress *const p = &d.entries[k];
        assert_int_equal(p->step, k + 1);
        assert_int_equal(p->n_steps, 9);
        assert_int_equal(p->epoch, k / 3 + 1);
        assert_int_equal(p->n_epochs, 3);
        assert_true(p->epoch_end == (k % 3 == 2));
        assert_true(p->lr == 0.0 && p->grad_norm > 0.0);
        const psq_batch_result before = k % 3 == 0 ? (psq_batch_result){0, 0, 0} : p[-1].train;
        assert_true(p->train.loss_sum == before.loss_sum + p->batch.loss_sum);
        assert_int_equal(p->train.n_valid, before.n_valid + p->batch.n_valid);
        assert_int_equal(p->train.n_correct, before.n_correct + p->batch.n_correct);
        assert_int_equal(p->valid.n_valid, p->epoch_end ? all.n_valid : 0);
        if (p->epoch_end) {
            assert_int_equal(p->n_rows, 27 * p->epoch);
            assert_int_equal(p->train.n_valid, all.n_valid);
            assert_int_equal(p->train.n_correct, all.n_correct);
            assert_true(fabs(p->train.loss_sum - all.loss_sum) < 1e-12);
            assert_true(p->valid.loss_sum == all.loss_sum);
        }
    }
    // Epochs differ in their order.
    assert_true(d.entries[0].batch.loss_sum != d.entries[3].batch.loss_sum ||
                d.entries[1].batch.loss_sum != d.entries[4].batch.loss_sum);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

typedef struct mode_diary {
    diary d;
    bool own_mode; // in every call
} mode_diary;

static bool write_mode(void *self, const psq_fit_progress *progress) {
    mode_diary *const m = (mode_diary *)self;
    m->own_mode = m->own_mode && fegetround() == FE_UPWARD;
    return write_diary(&m->d, progress);
}

// Sums, learning rates and weights in double, which any other rounding changes; the callback sees
// the caller's.
static void fit_whatever_the_rounding(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.rnn.dtype = PSQ_F64;
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    model_set nearest = model_set_create(ctx, &spec, 1);
    model_set upward = model_set_create(ctx, &spec, 1);
    psq_fit_opts opts = small_opts();
    opts.n_warmup = 3;
    opts.schedule = PSQ_SCHEDULE_COSINE;
    opts.progress = write_diary;
    diary wanted = {0};
    opts.progress_self = &wanted;
    assert_int_equal(psq_fit(nearest.session, nearest.weights, &s.samples, &s.samples, &opts, &err),
                     PSQ_OK);
    mode_diary seen = {{0}, true};
    opts.progress = write_mode;
    opts.progress_self = &seen;
    assert_int_equal(fesetround(FE_UPWARD), 0);
    const psq_status status =
        psq_fit(upward.session, upward.weights, &s.samples, &s.samples, &opts, &err);
    const int mode_after = fegetround();
    fesetround(FE_TONEAREST);
    assert_int_equal(status, PSQ_OK);
    assert_int_equal(mode_after, FE_UPWARD);
    assert_true(seen.own_mode);
    assert_int_equal(seen.d.n_calls, wanted.n_calls);
    for (int64_t k = 0; k < wanted.n_calls; k++) {
        const psq_fit_progress *const a = &wanted.entries[k];
        const psq_fit_progress *const b = &seen.d.entries[k];
        assert_true(a->lr == b->lr && a->grad_norm == b->grad_norm);
        assert_true(a->train.loss_sum == b->train.loss_sum);
        assert_true(a->valid.loss_sum == b->valid.loss_sum);
    }
    assert_memory_equal(nearest.weights, upward.weights, (size_t)nearest.n * nearest.size);
    sample_set_destroy(&s);
    model_set_destroy(&nearest);
    model_set_destroy(&upward);
}

// One batch, weights that stay: steps differ in their dropout alone.
static void fit_dropout_differs_by_step(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.dropout = 0.5;
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    psq_fit_opts opts = small_opts();
    diary d = {0};
    opts.batch_size = N_SEQ;
    opts.progress = write_diary;
    opts.progress_self = &d;
    opts.optim.lr = 0.0;
    assert_int_equal(psq_fit(m.session, m.weights, &s.samples, NULL, &opts, &err), PSQ_OK);
    assert_int_equal(d.n_calls, 3);
    assert_true(fabs(d.entries[0].batch.loss_sum - d.entries[1].batch.loss_sum) > 1e-3);
    assert_true(fabs(d.entries[1].batch.loss_sum - d.entries[2].batch.loss_sum) > 1e-3);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

// 300 validation samples are more than one evaluation batch.
static void fit_validates_all(void **state) {
    (void)state;
    const psq_model_spec spec = small_spec();
    int64_t many[300];
    for (int64_t i = 0; i < 300; i++) {
        many[i] = i % 3;
    }
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    sample_set v = sample_set_create(&spec, many, 300, 3);
    psq_fit_opts opts = small_opts();
    diary d = {0};
    opts.n_epochs = 1;
    opts.progress = write_diary;
    opts.progress_self = &d;
    assert_int_equal(psq_fit(m.session, m.weights, &s.samples, &v.samples, &opts, &err), PSQ_OK);
    psq_batch_result all;
    assert_int_equal(
        psq_session_eval(m.session, m.weights, &v.samples, NULL, 300, NULL, NULL, &all, &err),
        PSQ_OK);
    const psq_batch_result valid = d.entries[d.n_calls - 1].valid;
    assert_int_equal(valid.n_valid, all.n_valid);
    assert_int_equal(valid.n_correct, all.n_correct);
    assert_true(fabs(valid.loss_sum - all.loss_sum) < 1e-10);
    sample_set_destroy(&s);
    sample_set_destroy(&v);
    model_set_destroy(&m);
}

static void fit_cancelled(void **state) {
    (void)state;
    const psq_model_spec spec = small_spec();
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    psq_fit_opts opts = small_opts();
    diary d = {.stop_at = 4};
    opts.progress = write_diary;
    opts.progress_self = &d;
    assert_fails(psq_fit(m.session, m.weights, &s.samples, NULL, &opts, &err), PSQ_CANCELLED,
                 "opts.progress stopped the fit after step 4 of 9");
    assert_int_equal(d.n_calls, 4);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

static void fit_nothing(void **state) {
    (void)state;
    const psq_model_spec spec = small_spec();
    model_set m = model_set_create(ctx, &spec, 1);
    model_set same = model_set_create(ctx, &spec, 1);
    const psq_samples empty = {0, NULL, NULL, NULL, NULL};
    psq_fit_opts opts = small_opts();
    assert_int_equal(psq_fit(m.session, m.weights, &empty, &empty, &opts, &err), PSQ_OK);
    opts.n_epochs = 0;
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    assert_int_equal(psq_fit(m.session, m.weights, &s.samples, NULL, &opts, &err), PSQ_OK);
    assert_memory_equal(m.weights, same.weights, (size_t)m.n * sizeof(float));
    sample_set_destroy(&s);
    model_set_destroy(&m);
    model_set_destroy(&same);
}

// ---- numbers that end

static void fit_loss_not_finite(void **state) {
    (void)state;
    const psq_model_spec spec = small_spec();
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    const psq_fit_opts opts = small_opts();
    float *const weights = (float *)m.weights;
    weights[m.n - 1] = NAN;
    float *const before = (float *)malloc((size_t)m.n * sizeof *before);
    memcpy(before, weights, (size_t)m.n * sizeof *before);
    assert_fails(psq_fit(m.session, weights, &s.samples, NULL, &opts, &err), PSQ_INVALID,
                 "the loss of step 1 is not a number, must be finite");
    assert_memory_equal(before, weights, (size_t)m.n * sizeof *before);
    free(before);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

// A learning rate that throws the weights to infinity ends with the weights of the step before.
static void fit_diverges(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.rnn.cell = PSQ_RNN_RELU;
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    psq_fit_opts opts = small_opts();
    opts.n_epochs = 1;
    opts.optim.kind = PSQ_SGD;
    opts.optim.lr = 1e39;
    diary d = {0};
    opts.progress = write_diary;
    opts.progress_self = &d;
    assert_int_equal(psq_fit(m.session, m.weights, &s.samples, NULL, &opts, &err), PSQ_INVALID);
    assert_non_null(strstr(err.text, " of step 2 is "));
    assert_non_null(strstr(err.text, ", must be finite"));
    assert_int_equal(d.n_calls, 1);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

// The loss is finite, but the gradient of the input weight is 4 * 3e38.
static void fit_gradient_not_finite(void **state) {
    (void)state;
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.n_classes = 2;
    spec.rnn =
        (psq_rnn_spec){sizeof spec.rnn, PSQ_RNN_RELU, PSQ_F32, 1, 1, 0, 1, false, false, 0, 0};
    model_set m = model_set_create(ctx, &spec, 1);
    const float weights[6] = {1e-38F, 0, 4, 0, 0, 0}; // w_ih, w_hh, head [2][1], its bias
    assert_int_equal(m.n, 6);
    memcpy(m.weights, weights, sizeof weights);
    const int64_t offsets[2] = {0, 1};
    const float row = 3e38F;
    const int32_t target = 1;
    const psq_samples samples = {1, offsets, NULL, &row, &target};
    const psq_fit_opts opts = small_opts();
    assert_fails(psq_fit(m.session, m.weights, &samples, NULL, &opts, &err), PSQ_INVALID,
                 "the gradient's norm of step 1 is infinite, must be finite");
    assert_memory_equal(m.weights, weights, sizeof weights);
    model_set_destroy(&m);
}

// ---- bad input

static void fit_bad_arguments(void **state) {
    (void)state;
    const psq_model_spec spec = small_spec();
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    const psq_fit_opts good = small_opts();
    const psq_samples *const g = &s.samples;
    assert_fails(psq_fit(NULL, m.weights, g, NULL, &good, &err), PSQ_INVALID, "session is NULL");
    assert_fails(psq_fit(m.session, NULL, g, NULL, &good, &err), PSQ_INVALID, "weights is NULL");
    assert_fails(psq_fit(m.session, m.weights, NULL, NULL, &good, &err), PSQ_INVALID,
                 "train is NULL");
    assert_fails(psq_fit(m.session, m.weights, g, NULL, NULL, &err), PSQ_INVALID, "opts is NULL");
#define TRY(change, status, text)                                                            \
    do {                                                                                     \
        psq_fit_opts opts = good;                                                            \
        change;                                                                              \
        assert_fails(psq_fit(m.session, m.weights, g, NULL, &opts, &err), (status), (text)); \
    } while (0)
    TRY(opts.struct_size = 2, PSQ_INVALID, "opts.struct_size is 2, must be");
    TRY(opts.optim.lr = -1, PSQ_INVALID, "opts.optim.lr is -1, must be at least 0");
    TRY(opts.optim.eps = 0, PSQ_INVALID, "opts.optim.eps is 0, must be at least 1.17549e-38");
    TRY(opts.schedule = PSQ_N_SCHEDULE, PSQ_INVALID, "opts.schedule is 3, must be 0 to 2");
    TRY(opts.n_warmup = -1, PSQ_INVALID, "opts.n_warmup is -1, must be at least 0");
    TRY(opts.n_epochs = -1, PSQ_INVALID, "opts.n_epochs is -1, must be at least 0");
    TRY(opts.batch_size = 0, PSQ_INVALID, "opts.batch_size is 0, must be at least 1");
    TRY(opts.clip = -1, PSQ_INVALID, "opts.clip is -1, must be at least 0 and finite");
    TRY(opts.clip = (double)NAN, PSQ_INVALID, "opts.clip is");
    TRY(opts.n_epochs = INT64_MAX, PSQ_NOMEM,
        "the number of steps overflows: opts.n_epochs 9223372036854775807 of 3 batches");
#undef TRY
    s.tokens[7] = 99;
    assert_fails(psq_fit(m.session, m.weights, g, NULL, &good, &err), PSQ_INVALID,
                 "train.tokens[7] is 99, must be 0 to 5");
    s.tokens[7] = 0;
    const int64_t offsets[3] = {0, 2, 1};
    const psq_samples bad = {2, offsets, s.tokens, NULL, s.targets};
    assert_fails(psq_fit(m.session, m.weights, g, &bad, &good, &err), PSQ_INVALID,
                 "valid.offsets[2] is 1, must be at least offsets[1], 2");
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

static psq_status run_fit(const psq_ctx *c, void *arg) {
    const psq_model_spec spec = small_spec();
    const psq_samples *const s = (const psq_samples *)arg;
    const psq_fit_opts opts = small_opts();
    psq_model *model = NULL;
    psq_session *session = NULL;
    float weights[200] = {0};
    psq_status status = psq_model_create(c, &spec, &model, NULL);
    status = status == PSQ_OK ? psq_session_create(c, model, &session, NULL) : status;
    if (status == PSQ_OK) {
        assert_in_range(psq_model_n_weights(model), 1, 200);
        status = psq_fit(session, weights, s, s, &opts, NULL);
    }
    psq_session_destroy(session);
    psq_model_destroy(model);
    return status;
}

static void fit_out_of_memory(void **state) {
    (void)state;
    const psq_model_spec spec = small_spec();
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    fault_each_alloc(run_fit, &s.samples);
    sample_set_destroy(&s);
}

// ---- learning

// The sum of five bits, as one of six classes: all 32 sequences, two layers of 32 units. torch's
// own learning test asks for a loss below 1e-2 within 1500 steps of Adam.
static bool stop_when_learnt(void *self, const psq_fit_progress *p) {
    double *const loss = (double *)self;
    *loss = p->batch.loss_sum / (double)p->batch.n_valid;
    return *loss >= 1e-2;
}

static void learn_sum_of_bits(void **state) {
    (void)state;
    int64_t offsets[33] = {0};
    float rows[32 * 5];
    int32_t targets[32] = {0};
    for (int64_t i = 0; i < 32; i++) {
        offsets[i + 1] = 5 * (i + 1);
        for (int64_t t = 0; t < 5; t++) {
            const int bit = (int)(i >> t) & 1;
            rows[i * 5 + t] = (float)bit;
            targets[i] += bit;
        }
    }
    const psq_samples samples = {32, offsets, NULL, rows, targets};
    for (int cell = 0; cell < PSQ_N_CELL; cell++) {
        psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
        spec.n_classes = 6;
        spec.rnn.cell = (psq_cell)cell;
        spec.rnn.input_size = 1;
        spec.rnn.hidden_size = 32;
        spec.rnn.n_layers = 2;
        model_set m = model_set_create(ctx, &spec, 1);
        psq_fit_opts opts = PSQ_FIT_OPTS_INIT;
        opts.optim.kind = PSQ_ADAM;
        opts.optim.lr = 1e-2;
        opts.n_epochs = 1500;
        double loss = 0;
        opts.progress = stop_when_learnt;
        opts.progress_self = &loss;
        const psq_status status = psq_fit(m.session, m.weights, &samples, NULL, &opts, &err);
        if (status != PSQ_CANCELLED) {
            fail_msg("%s: loss %g after 1500 steps", psq_cell_name(spec.rnn.cell), loss);
        }
        psq_batch_result r;
        assert_int_equal(
            psq_session_eval(m.session, m.weights, &samples, NULL, 32, NULL, NULL, &r, &err),
            PSQ_OK);
        assert_int_equal(r.n_correct, 32);
        model_set_destroy(&m);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_repeats),       cmocka_unit_test(fit_by_hand),
        cmocka_unit_test(fit_progress),      cmocka_unit_test(fit_dropout_differs_by_step),
        cmocka_unit_test(fit_validates_all), cmocka_unit_test(fit_cancelled),
        cmocka_unit_test(fit_nothing),       cmocka_unit_test(fit_loss_not_finite),
        cmocka_unit_test(fit_diverges),      cmocka_unit_test(fit_gradient_not_finite),
        cmocka_unit_test(fit_bad_arguments), cmocka_unit_test(fit_out_of_memory),
        cmocka_unit_test(learn_sum_of_bits), cmocka_unit_test(fit_whatever_the_rounding),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
