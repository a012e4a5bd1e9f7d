// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_train_session.c: one batch. The value of every head by a plain loop, sequences and masks
// whose bits do not depend on their batch, memory, and every way to be wrong.
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "sample_set.h"
#include "with_ctx.h"

enum { N_SEQ = 6 };

static const int64_t lengths[N_SEQ] = {3, 0, 5, 1, 2, 5};

// ---- values

// The logits that a head makes of the network's outputs y [N][W] and last states, for sequence b or
// row b.
static double plain_logit(const model_set *m, const psq_layout *layout, const double *y,
                          const double *hn, int64_t b, int64_t c) {
    const psq_model_spec *const spec = psq_model_get_spec(m->model);
    const int64_t R = spec->rnn.hidden_size;
    const int64_t W = 2 * R;
    const double *const w = (const double *)m->weights + m->n - 3 - 3 * W + c * W;
    const double *const bias = (const double *)m->weights + m->n - 3 + c;
    const bool per_row = spec->head == PSQ_HEAD_TOKEN;
    const int64_t first = per_row ? b : psq_layout_offsets(layout)[b];
    const int64_t end = per_row ? b + 1 : psq_layout_offsets(layout)[b + 1];
    double sum = *bias;
    for (int64_t u = 0; u < W; u++) {
        double feature = 0.0;
        for (int64_t row = first; row < end; row++) {
            const double value = y[row * W + u];
            feature = spec->head == PSQ_HEAD_MAX
                          ? (row == first || value > feature ? value : feature)
                          : feature + value / (double)(end - first);
        }
        if (spec->head == PSQ_HEAD_LAST) {
            feature = hn[((2 + u / R) * N_SEQ + b) * R + u % R];
        }
        sum += feature * w[u];
    }
    return sum;
}

static void check_eval_values(psq_head head) {
    const psq_model_spec spec = sample_set_spec(PSQ_LSTM, head, false, PSQ_F64);
    model_set m = model_set_create(ctx, &spec, 4);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 5);
    double logits[16 * 3];
    int32_t predictions[16];
    const psq_batch_result result = model_set_eval(&m, &s, NULL, N_SEQ, logits, predictions);

    psq_rnn *rnn = NULL;
    psq_layout *layout = NULL;
    assert_int_equal(psq_rnn_create(ctx, &spec.rnn, &rnn, &err), PSQ_OK);
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, N_SEQ, &layout, &err), PSQ_OK);
    void *const panels = psq_malloc(ctx, psq_rnn_panel_bytes(rnn));
    assert_int_equal(psq_rnn_pack(rnn, m.weights, panels, &err), PSQ_OK);
    size_t reserve = 0;
    size_t scratch = 0;
    assert_int_equal(psq_rnn_sizes(rnn, layout, 0, &reserve, &scratch, &err), PSQ_OK);
    void *const memory = psq_malloc(ctx, scratch);
    double y[16 * 6];
    double hn[4 * N_SEQ * 3];
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x_storage.order = PSQ_JAGGED;
    io.y_storage.order = PSQ_JAGGED;
    io.x = s.rows;
    io.y = y;
    io.hn = hn;
    assert_int_equal(psq_rnn_forward(rnn, layout, panels, &io, 0, NULL, memory, &err), PSQ_OK);

    double loss = 0.0;
    int64_t n_valid = 0;
    int64_t n_correct = 0;
    for (int64_t i = 0; i < (head == PSQ_HEAD_TOKEN ? 16 : N_SEQ); i++) {
        double wanted[3];
        double total = 0.0;
        int32_t best = 0;
        for (int32_t c = 0; c < 3; c++) {
            wanted[c] = plain_logit(&m, layout, y, hn, i, c);
            assert_true(fabs(wanted[c] - logits[i * 3 + c]) < 1e-14);
            total += exp(wanted[c]);
            best = wanted[c] > wanted[best] ? c : best;
        }
        assert_int_equal(predictions[i], best);
        if (s.targets[i] >= 0) {
            n_valid++;
            n_correct += s.targets[i] == best ? 1 : 0;
            loss += log(total) - wanted[s.targets[i]];
        }
    }
    assert_true(n_valid > 0 && n_valid < (head == PSQ_HEAD_TOKEN ? 16 : N_SEQ));
    assert_int_equal(result.n_valid, n_valid);
    assert_int_equal(result.n_correct, n_correct);
    assert_true(fabs(result.loss_sum - loss) < 1e-13);
    psq_free(ctx, panels);
    psq_free(ctx, memory);
    psq_layout_destroy(layout);
    psq_rnn_destroy(rnn);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

static void eval_values(void **state) {
    (void)state;
    for (int head = 0; head < PSQ_N_HEAD; head++) {
        check_eval_values((psq_head)head);
    }
}

// A model whose output is its input: one relu layer of one unit, no bias, weights 1 and 0; the head
// passes it on as the first of two logits.
static void run_identity(psq_head head, const float *x, int64_t n, float *logit, float *dweights) {
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.n_classes = 2;
    spec.head = head;
    spec.rnn =
        (psq_rnn_spec){sizeof spec.rnn, PSQ_RNN_RELU, PSQ_F32, 1, 1, 0, 1, false, false, 0, 0};
    model_set m = model_set_create(ctx, &spec, 0);
    const float weights[6] = {1, 0, 1, 0, 0, 0}; // w_ih, w_hh, head [2][1], its bias
    memcpy(m.weights, weights, sizeof weights);
    const int64_t offsets[2] = {0, n};
    const int32_t target = 1;
    const psq_samples samples = {1, offsets, NULL, x, &target};
    psq_batch_result result;
    float logits[2];
    assert_int_equal(
        psq_session_eval(m.session, m.weights, &samples, NULL, 1, logits, NULL, &result, &err),
        PSQ_OK);
    *logit = logits[0];
    memset(dweights, 0, sizeof weights);
    assert_int_equal(
        psq_session_grad(m.session, m.weights, &samples, NULL, 1, 0, dweights, &result, &err),
        PSQ_OK);
    model_set_destroy(&m);
}

// Of equal maxima the earliest row gets the gradient: with w_hh, dw_hh = dlogit * h of the row
// before it.
static void max_first_of_equals(void **state) {
    (void)state;
    float logit = 0;
    float d[6];
    run_identity(PSQ_HEAD_MAX, (const float[]){1, 3, 2, 3}, 4, &logit, d);
    assert_true(logit == 3.0F);
    assert_true(fabsf(d[0] - 3.0F / (1.0F + expf(-3.0F))) < 1e-6F);
    assert_true(fabsf(d[1] - 1.0F / (1.0F + expf(-3.0F))) < 1e-6F);
}

static void max_passes_nan(void **state) {
    (void)state;
    float logit = 0;
    float d[6];
    run_identity(PSQ_HEAD_MAX, (const float[]){1, NAN, 2, 7}, 4, &logit, d);
    assert_true(isnan(logit));
    run_identity(PSQ_HEAD_MEAN, (const float[]){1, 2, 6}, 3, &logit, d);
    assert_true(logit == 3.0F);
    run_identity(PSQ_HEAD_LAST, (const float[]){1, 2, 6}, 3, &logit, d);
    assert_true(logit == 6.0F);
}

// Of equal logits the first class is predicted.
static void predict_first_of_equals(void **state) {
    (void)state;
    const psq_model_spec spec = sample_set_spec(PSQ_GRU, PSQ_HEAD_LAST, true, PSQ_F32);
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    memset(m.weights, 0, (size_t)m.n * sizeof(float));
    int32_t predictions[N_SEQ];
    float logits[N_SEQ * 3];
    const psq_batch_result result = model_set_eval(&m, &s, NULL, N_SEQ, logits, predictions);
    int64_t n_zero = 0;
    for (int64_t b = 0; b < N_SEQ; b++) {
        assert_true(logits[b * 3] == 0.0F && predictions[b] == 0);
        n_zero += s.targets[b] == 0 ? 1 : 0;
    }
    assert_int_equal(result.n_correct, n_zero);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

// ---- bits

static void eval_bits_whatever_the_batch(void **state) {
    (void)state;
    for (int head = 0; head < PSQ_N_HEAD; head++) {
        const psq_model_spec spec =
            sample_set_spec(PSQ_LSTM, (psq_head)head, head % 2 == 0, PSQ_F32);
        model_set m = model_set_create(ctx, &spec, 1);
        sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
        float all[16 * 3];
        float some[2 * 16 * 3];
        model_set_eval(&m, &s, NULL, N_SEQ, all, NULL);
        const int64_t index[9] = {5, 2, 2, 0, 1, 4, 3, 5, 0};
        model_set_eval(&m, &s, index, 9, some, NULL);
        const float *row = some;
        for (int64_t k = 0; k < 9; k++) {
            const int64_t i = index[k];
            const int64_t first = head == PSQ_HEAD_TOKEN ? s.offsets[i] : i;
            const int64_t n = head == PSQ_HEAD_TOKEN ? lengths[i] : 1;
            float alone[5 * 3];
            model_set_eval(&m, &s, &i, 1, alone, NULL);
            assert_memory_equal(row, all + first * 3, (size_t)n * 3 * sizeof(float));
            assert_memory_equal(alone, all + first * 3, (size_t)n * 3 * sizeof(float));
            row += n * 3;
        }
        sample_set_destroy(&s);
        model_set_destroy(&m);
    }
}

// A sequence keeps its mask: the loss of a batch is the sum of the losses of its sequences, to the
// last bit. Another seed makes other masks.
static void dropout_follows_the_sequence(void **state) {
    (void)state;
    for (int head = 0; head < PSQ_N_HEAD; head++) {
        psq_model_spec spec = sample_set_spec(PSQ_GRU, (psq_head)head, true, PSQ_F32);
        spec.dropout = 0.5;
        spec.rnn.dropout = 0.5;
        model_set m = model_set_create(ctx, &spec, 1);
        sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
        for (int64_t i = 0; head == PSQ_HEAD_TOKEN && i < 16; i++) {
            // One valid target a sequence, so that both sums have the same terms in one order.
            s.targets[i] = i == 2 || i == 7 || i == 8 || i == 10 || i == 11 ? s.targets[i] : -1;
        }
        const int64_t index[N_SEQ] = {5, 2, 0, 1, 4, 3};
        const psq_batch_result whole = model_set_grad(&m, &s, index, N_SEQ, 7, m.dweights);
        double sum = 0.0;
        for (int64_t k = 0; k < N_SEQ; k++) {
            sum += model_set_grad(&m, &s, &index[k], 1, 7, m.dweights).loss_sum;
        }
        assert_true(whole.loss_sum == sum && whole.n_valid > 0);
        assert_true(model_set_grad(&m, &s, index, N_SEQ, 8, m.dweights).loss_sum != sum);
        assert_true(model_set_eval(&m, &s, index, N_SEQ, NULL, NULL).loss_sum != sum);
        sample_set_destroy(&s);
        model_set_destroy(&m);
    }
}

// The network's own masks follow the seed too.
static void dropout_between_layers(void **state) {
    (void)state;
    psq_model_spec spec = sample_set_spec(PSQ_GRU, PSQ_HEAD_LAST, true, PSQ_F32);
    spec.rnn.dropout = 0.5;
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    const double first = model_set_grad(&m, &s, NULL, N_SEQ, 7, m.dweights).loss_sum;
    assert_true(model_set_grad(&m, &s, NULL, N_SEQ, 7, m.dweights).loss_sum == first);
    assert_true(model_set_grad(&m, &s, NULL, N_SEQ, 8, m.dweights).loss_sum != first);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

// The head's mask is the documented function of (seed, id, t, layer, unit). Units that pass the
// input 1 on show it: where one is dropped, its head weights get no gradient.
static void dropout_mask_of_the_head(void **state) {
    (void)state;
    enum { H = 10, T = 3, ID = 1, SEED = 77 };
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.n_classes = 2;
    spec.head = PSQ_HEAD_TOKEN;
    spec.dropout = 0.3;
    spec.rnn =
        (psq_rnn_spec){sizeof spec.rnn, PSQ_RNN_RELU, PSQ_F64, 1, H, 0, 1, false, false, 0, 0};
    model_set m = model_set_create(ctx, &spec, 1);
    double *const weights = (double *)m.weights; // w_ih [H][1], w_hh [H][H], head [2][H], bias
    memset(weights, 0, (size_t)m.n * sizeof *weights);
    for (int64_t u = 0; u < H; u++) {
        weights[u] = 1.0;
    }
    const int64_t offsets[3] = {0, 1, 1 + T};
    const double rows[1 + T] = {1, 1, 1, 1};
    for (int64_t t = 0; t < T; t++) {
        int32_t targets[1 + T] = {-1, -1, -1, -1};
        targets[1 + t] = 1;
        const psq_samples samples = {2, offsets, NULL, rows, targets};
        const int64_t index = ID;
        psq_batch_result r;
        memset(m.dweights, 0, (size_t)m.n * sizeof *weights);
        assert_int_equal(
            psq_session_grad(m.session, m.weights, &samples, &index, 1, SEED, m.dweights, &r, &err),
            PSQ_OK);
        const double *const dhead = (const double *)m.dweights + H + H * H;
        for (uint32_t u = 0; u < H; u++) {
            uint32_t words[4];
            psq_random(SEED, PSQ_STREAM_DROPOUT, ID, (uint32_t)t, 1U << 20 | u / 4, words);
            const bool kept = words[u % 4] >= (uint64_t)(0.3 * 0x1p32);
            assert_true(fabs(dhead[u] - (kept ? 0.5 / 0.7 : 0.0)) < 1e-15);
        }
    }
    model_set_destroy(&m);
}

// Everything dropped: logits are the bias.
static void dropout_of_everything(void **state) {
    (void)state;
    psq_model_spec spec = sample_set_spec(PSQ_GRU, PSQ_HEAD_LAST, true, PSQ_F64);
    spec.dropout = 1.0;
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    const double *const bias = (const double *)m.weights + m.n - 3;
    const double total = exp(bias[0]) + exp(bias[1]) + exp(bias[2]);
    double loss = 0.0;
    for (int64_t b = 0; b < N_SEQ; b++) {
        loss += s.targets[b] >= 0 ? log(total) - bias[s.targets[b]] : 0.0;
    }
    const psq_batch_result result = model_set_grad(&m, &s, NULL, N_SEQ, 0, m.dweights);
    assert_true(fabs(result.loss_sum - loss) < 1e-13);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

// ---- bad input

static void session_bad_samples(void **state) {
    (void)state;
    const psq_model_spec spec = sample_set_spec(PSQ_GRU, PSQ_HEAD_LAST, true, PSQ_F32);
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    const psq_samples good = s.samples;
    psq_batch_result r;
    int64_t index[3] = {0, 2, 5};
#define TRY(list, n, text)                                                                      \
    do {                                                                                        \
        assert_fails(                                                                           \
            psq_session_eval(m.session, m.weights, &bad, (list), (n), NULL, NULL, &r, &err),    \
            PSQ_INVALID, (text));                                                               \
        assert_fails(                                                                           \
            psq_session_grad(m.session, m.weights, &bad, (list), (n), 0, m.dweights, &r, &err), \
            PSQ_INVALID, (text));                                                               \
        bad = good;                                                                             \
    } while (0)
    psq_samples bad = good;
    TRY(index, -1, "n is -1, must be at least 0");
    TRY(NULL, 5, "n is 5, without an index it must be samples.n_seq, 6");
    bad.n_seq = -2;
    TRY(index, 3, "samples.n_seq is -2, must be at least 0");
    bad.offsets = NULL;
    TRY(index, 3, "samples.offsets is NULL");
    bad.tokens = NULL;
    TRY(index, 3, "samples.tokens is NULL, the model has a vocabulary of 6");
    index[1] = 6;
    TRY(index, 3, "index[1] is 6, must be at least 0 and below samples.n_seq, 6");
    index[1] = -1;
    TRY(index, 3, "index[1] is -1, must be at least 0");
    index[1] = 2;
    s.offsets[0] = 1;
    TRY(index, 3, "samples.offsets[0] is 1, must be 0");
    s.offsets[0] = 0;
    s.offsets[2] = 9;
    TRY(NULL, 6, "samples.offsets[3] is 8, must be at least offsets[2], 9");
    s.offsets[2] = 3;
    s.tokens[4] = 6;
    TRY(index, 3, "samples.tokens[4] is 6, must be 0 to 5");
    s.tokens[4] = -1;
    TRY(index, 3, "samples.tokens[4] is -1, must be 0 to 5");
    s.tokens[4] = 0;
    s.targets[5] = 3;
    TRY(index, 3, "samples.targets[5] is 3, must be -1 to 2");
    s.targets[5] = -2;
    TRY(index, 3, "samples.targets[5] is -2, must be -1 to 2");
    s.targets[5] = 0;
    s.targets[4] = 9; // not chosen
    model_set_grad(&m, &s, index, 3, 0, m.dweights);
#undef TRY
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

static void session_bad_rows_and_token_targets(void **state) {
    (void)state;
    const psq_model_spec spec = sample_set_spec(PSQ_GRU, PSQ_HEAD_TOKEN, false, PSQ_F32);
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    psq_batch_result r;
    s.targets[15] = 4;
    assert_fails(
        psq_session_eval(m.session, m.weights, &s.samples, NULL, N_SEQ, NULL, NULL, &r, &err),
        PSQ_INVALID, "samples.targets[15] is 4, must be -1 to 2");
    s.samples.rows = NULL;
    assert_fails(
        psq_session_eval(m.session, m.weights, &s.samples, NULL, N_SEQ, NULL, NULL, &r, &err),
        PSQ_INVALID, "samples.rows is NULL, the model takes rows of 2 values");
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

static void session_null_arguments(void **state) {
    (void)state;
    const psq_model_spec spec = sample_set_spec(PSQ_GRU, PSQ_HEAD_LAST, true, PSQ_F32);
    model_set m = model_set_create(ctx, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    const psq_samples *const g = &s.samples;
    psq_session *session = NULL;
    psq_batch_result r;
    assert_fails(psq_session_create(NULL, m.model, &session, &err), PSQ_INVALID, "ctx is NULL");
    assert_fails(psq_session_create(ctx, NULL, &session, &err), PSQ_INVALID, "model is NULL");
    assert_fails(psq_session_create(ctx, m.model, NULL, &err), PSQ_INVALID, "out is NULL");
    assert_fails(psq_session_eval(NULL, m.weights, g, NULL, 6, NULL, NULL, &r, &err), PSQ_INVALID,
                 "session is NULL");
    assert_fails(psq_session_eval(m.session, NULL, g, NULL, 6, NULL, NULL, &r, &err), PSQ_INVALID,
                 "weights is NULL");
    assert_fails(psq_session_eval(m.session, m.weights, NULL, NULL, 6, NULL, NULL, &r, &err),
                 PSQ_INVALID, "samples is NULL");
    assert_fails(psq_session_eval(m.session, m.weights, g, NULL, 6, NULL, NULL, NULL, &err),
                 PSQ_INVALID, "result is NULL");
    assert_fails(psq_session_grad(NULL, m.weights, g, NULL, 6, 0, m.dweights, &r, &err),
                 PSQ_INVALID, "session is NULL");
    assert_fails(psq_session_grad(m.session, NULL, g, NULL, 6, 0, m.dweights, &r, &err),
                 PSQ_INVALID, "weights is NULL");
    assert_fails(psq_session_grad(m.session, m.weights, NULL, NULL, 6, 0, m.dweights, &r, &err),
                 PSQ_INVALID, "samples is NULL");
    assert_fails(psq_session_grad(m.session, m.weights, g, NULL, 6, 0, NULL, &r, &err), PSQ_INVALID,
                 "dweights is NULL");
    assert_fails(psq_session_grad(m.session, m.weights, g, NULL, 6, 0, m.dweights, NULL, &err),
                 PSQ_INVALID, "result is NULL");
    psq_session_destroy(NULL);
    sample_set_destroy(&s);
    model_set_destroy(&m);
}

// ---- memory

typedef struct memory_case {
    psq_model_spec spec;
    const sample_set *samples;
    bool training;
} memory_case;

// A small batch, then a larger one, so that regions grow in mid-life.
static psq_status run_batches(const psq_ctx *c, void *arg) {
    const memory_case *const m = (const memory_case *)arg;
    psq_model *model = NULL;
    psq_session *session = NULL;
    float weights[1000] = {0};
    float dweights[1000] = {0};
    const int64_t one = 3;
    psq_batch_result r;
    psq_status status = psq_model_create(c, &m->spec, &model, NULL);
    status = status == PSQ_OK ? psq_session_create(c, model, &session, NULL) : status;
    assert_true((status == PSQ_OK) == (session != NULL));
    for (int k = 0; k < 2 && status == PSQ_OK; k++) {
        const psq_samples *const s = &m->samples->samples;
        status = m->training ? psq_session_grad(session, weights, s, k == 0 ? &one : NULL,
                                                k == 0 ? 1 : N_SEQ, 0, dweights, &r, NULL)
                             : psq_session_eval(session, weights, s, k == 0 ? &one : NULL,
                                                k == 0 ? 1 : N_SEQ, NULL, NULL, &r, NULL);
    }
    psq_session_destroy(session);
    psq_model_destroy(model);
    return status;
}

static void session_out_of_memory(void **state) {
    (void)state;
    for (int head = 0; head < PSQ_N_HEAD; head++) {
        memory_case m = {.spec = sample_set_spec(PSQ_LSTM, (psq_head)head, true, PSQ_F32)};
        sample_set s = sample_set_create(&m.spec, lengths, N_SEQ, 2);
        s.targets[3] = 0;
        m.samples = &s;
        fault_each_alloc(run_batches, &m);
        m.training = true;
        fault_each_alloc(run_batches, &m);
        sample_set_destroy(&s);
    }
}

// After the largest batch only the layout is allocated.
static void session_grows_once(void **state) {
    (void)state;
    psq_fault fault = {0};
    psq_ctx *const counted = fault_ctx(&fault);
    const psq_model_spec spec = sample_set_spec(PSQ_LSTM, PSQ_HEAD_MAX, true, PSQ_F32);
    model_set m = model_set_create(counted, &spec, 1);
    sample_set s = sample_set_create(&spec, lengths, N_SEQ, 2);
    model_set_grad(&m, &s, NULL, N_SEQ, 0, m.dweights);
    const int64_t before = fault.n_allocs;
    model_set_grad(&m, &s, NULL, N_SEQ, 0, m.dweights);
    const int64_t per_batch = fault.n_allocs - before;
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_lengths(counted, lengths, N_SEQ, &layout, &err), PSQ_OK);
    assert_int_equal(per_batch, fault.n_allocs - before - per_batch);
    psq_layout_destroy(layout);
    sample_set_destroy(&s);
    model_set_destroy(&m);
    psq_ctx_destroy(counted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eval_values),
        cmocka_unit_test(max_first_of_equals),
        cmocka_unit_test(max_passes_nan),
        cmocka_unit_test(predict_first_of_equals),
        cmocka_unit_test(eval_bits_whatever_the_batch),
        cmocka_unit_test(dropout_follows_the_sequence),
        cmocka_unit_test(dropout_between_layers),
        cmocka_unit_test(dropout_mask_of_the_head),
        cmocka_unit_test(dropout_of_everything),
        cmocka_unit_test(session_bad_samples),
        cmocka_unit_test(session_bad_rows_and_token_targets),
        cmocka_unit_test(session_null_arguments),
        cmocka_unit_test(session_out_of_memory),
        cmocka_unit_test(session_grows_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
