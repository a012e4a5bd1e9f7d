// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_train_model.c: the parameter table and first values of a model; its way to named tensors and
// pairs and back; and every sentence with which a stranger's pairs and tensors are refused.
#include <fenv.h>
#include <math.h>
#include <stdlib.h>

#include "packseq/train.h"
#include "with_ctx.h"

static psq_model_spec small_spec(void) {
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.vocab_size = 5;
    spec.n_classes = 3;
    spec.rnn.cell = PSQ_GRU;
    spec.rnn.input_size = 2;
    spec.rnn.hidden_size = 4;
    return spec;
}

static psq_model *create(const psq_model_spec *spec) {
    psq_model *model = NULL;
    if (psq_model_create(ctx, spec, &model, &err) != PSQ_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

static void model_table(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.rnn.bidirectional = true;
    psq_model *const model = create(&spec);
    static const psq_param wanted[] = {
        {"embedding.weight", 0, 5, 2},
        {"rnn.weight_ih_l0", 10, 12, 2},
        {"rnn.weight_hh_l0", 34, 12, 4},
        {"rnn.bias_ih_l0", 82, 12, 0},
        {"rnn.bias_hh_l0", 94, 12, 0},
        {"rnn.weight_ih_l0_reverse", 106, 12, 2},
        {"rnn.weight_hh_l0_reverse", 130, 12, 4},
        {"rnn.bias_ih_l0_reverse", 178, 12, 0},
        {"rnn.bias_hh_l0_reverse", 190, 12, 0},
        {"head.weight", 202, 3, 8},
        {"head.bias", 226, 3, 0},
    };
    const int64_t n = (int64_t)(sizeof wanted / sizeof *wanted);
    assert_int_equal(psq_model_n_params(model), n);
    assert_int_equal(psq_model_n_weights(model), 229);
    for (int64_t i = 0; i < n; i++) {
        const psq_param *const param = &psq_model_params(model)[i];
        assert_string_equal(param->name, wanted[i].name);
        assert_int_equal(param->offset, wanted[i].offset);
        assert_int_equal(param->n_rows, wanted[i].n_rows);
        assert_int_equal(param->n_cols, wanted[i].n_cols);
    }
    assert_int_equal(psq_model_get_spec(model)->n_classes, 3);
    psq_model_destroy(model);
    psq_model_destroy(NULL);
    assert_string_equal(psq_head_name(PSQ_HEAD_LAST), "last");
    assert_string_equal(psq_head_name(PSQ_HEAD_MEAN), "mean");
    assert_string_equal(psq_head_name(PSQ_HEAD_MAX), "max");
    assert_string_equal(psq_head_name(PSQ_HEAD_TOKEN), "token");
    assert_null(psq_head_name(PSQ_N_HEAD));
}

// ---- first values

// Mean, variance and fourth moment of 20,000 normal numbers; every element its own.
static void init_embedding_is_normal(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.vocab_size = 2500;
    spec.rnn.input_size = 8;
    psq_model *const model = create(&spec);
    float *const w = (float *)calloc((size_t)psq_model_n_weights(model), sizeof *w);
    assert_non_null(w);
    psq_model_init(model, 11, w);
    double moment[5] = {0};
    for (int i = 0; i < 20000; i++) {
        double power = 1.0;
        for (int k = 1; k <= 4; k++) {
            power *= (double)w[i];
            moment[k] += power / 20000.0;
        }
    }
    assert_true(fabs(moment[1]) < 0.03);
    assert_true(fabs(moment[2] - 1.0) < 0.04);
    assert_true(fabs(moment[3]) < 0.1);
    assert_true(fabs(moment[4] - 3.0) < 0.3);
    float again[20000];
    memcpy(again, w, sizeof again);
    psq_model_init(model, 11, w);
    assert_memory_equal(again, w, sizeof again);
    psq_model_init(model, 12, w);
    assert_memory_not_equal(again, w, 4 * sizeof *w);
    free(w);
    psq_model_destroy(model);
}

// The head is uniform in +-1 / sqrt(W), the network what psq_rnn_init makes of the same seed.
static void init_head_and_network(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.n_classes = 500;
    spec.rnn.hidden_size = 16;
    psq_model *const model = create(&spec);
    psq_rnn *rnn = NULL;
    assert_int_equal(psq_rnn_create(ctx, &spec.rnn, &rnn, &err), PSQ_OK);
    const int64_t n = psq_model_n_weights(model);
    const int64_t n_rnn = psq_rnn_n_weights(rnn);
    float *const w = (float *)calloc((size_t)n, sizeof *w);
    float *const w_rnn = (float *)calloc((size_t)n_rnn, sizeof *w);
    psq_model_init(model, 3, w);
    psq_rnn_init(rnn, 3, w_rnn);
    assert_memory_equal(w + 10, w_rnn, (size_t)n_rnn * sizeof *w);
    // The same bound as the network's, but other numbers.
    for (int64_t i = 10; i < 14; i++) {
        assert_true(fabsf(w[i] - w[i + n_rnn]) > 1e-4F);
    }
    float low = 1.0F;
    float high = -1.0F;
    for (int64_t i = 10 + n_rnn; i < n; i++) {
        low = w[i] < low ? w[i] : low;
        high = w[i] > high ? w[i] : high;
    }
    assert_true(low >= -0.25F && low < -0.249F);
    assert_true(high <= 0.25F && high > 0.249F);
    free(w);
    free(w_rnn);
    psq_rnn_destroy(rnn);
    psq_model_destroy(model);
}

// ---- export and import

// Dropouts that a decimal fraction gives back, and two that none of 15 digits does.
static void export_import_identity(void **state) {
    (void)state;
    static const double dropouts[] = {0.0,   1.0,       0.25,      0.1,
                                      0.015, 1.0 / 3.0, 0x1p-1040, 0.7 + 1e-16};
    for (size_t k = 0; k < sizeof dropouts / sizeof *dropouts; k++) {
        psq_model_spec spec = small_spec();
        spec.head = PSQ_HEAD_MAX;
        spec.dropout = dropouts[k];
        spec.rnn.dropout = dropouts[(k + 1) % (sizeof dropouts / sizeof *dropouts)];
        spec.rnn.cell = PSQ_LSTM;
        spec.rnn.proj_size = 3;
        spec.rnn.n_layers = 2;
        spec.rnn.bias = k % 2 == 0;
        spec.rnn.bidirectional = k % 2 == 1;
        spec.rnn.dtype = k % 2 == 0 ? PSQ_F32 : PSQ_F64;
        psq_model *const model = create(&spec);
        const size_t bytes = (size_t)psq_model_n_weights(model) * psq_dtype_size(spec.rnn.dtype);
        void *const weights = calloc(1, bytes);
        void *const copy = calloc(1, bytes);
        psq_tensor tensors[32];
        psq_model_meta meta;
        psq_model_init(model, 5, weights);
        psq_model_export(model, weights, tensors, &meta);
        psq_model_spec read;
        if (psq_model_spec_from_pairs(meta.pairs, meta.n_pairs, &read, &err) != PSQ_OK) {
            fail_msg("%s", err.text);
        }
        assert_true(read.dropout == spec.dropout && read.rnn.dropout == spec.rnn.dropout);
        assert_true(read.vocab_size == 5 && read.n_classes == 3 && read.head == PSQ_HEAD_MAX);
        assert_true(read.rnn.cell == PSQ_LSTM && read.rnn.dtype == spec.rnn.dtype);
        assert_true(read.rnn.input_size == 2 && read.rnn.hidden_size == 4);
        assert_true(read.rnn.proj_size == 3 && read.rnn.n_layers == 2);
        assert_true(read.rnn.bias == spec.rnn.bias);
        assert_true(read.rnn.bidirectional == spec.rnn.bidirectional);
        psq_model *const other = create(&read);
        if (psq_model_import(other, tensors, psq_model_n_params(model), copy, &err) != PSQ_OK) {
            fail_msg("%s", err.text);
        }
        assert_memory_equal(weights, copy, bytes);
        free(weights);
        free(copy);
        psq_model_destroy(model);
        psq_model_destroy(other);
    }
}

static void export_spelling(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.dropout = 0.1;
    psq_model *const model = create(&spec);
    float weights[400];
    psq_tensor tensors[16];
    psq_model_meta meta;
    psq_model_export(model, weights, tensors, &meta);
    static const char *const wanted[][2] = {
        {"packseq.format", "1"},
        {"packseq.vocab_size", "5"},
        {"packseq.n_classes", "3"},
        {"packseq.head", "last"},
        {"packseq.dropout", "0.1"},
        {"packseq.cell", "gru"},
        {"packseq.dtype", "F32"},
        {"packseq.input_size", "2"},
        {"packseq.hidden_size", "4"},
        {"packseq.proj_size", "0"},
        {"packseq.n_layers", "1"},
        {"packseq.bias", "true"},
        {"packseq.bidirectional", "false"},
        {"packseq.rnn_dropout", "0"},
    };
    assert_int_equal(meta.n_pairs, sizeof wanted / sizeof *wanted);
    for (int64_t i = 0; i < meta.n_pairs; i++) {
        assert_string_equal(meta.pairs[i].key, wanted[i][0]);
        assert_string_equal(meta.pairs[i].value, wanted[i][1]);
    }
    assert_int_equal(tensors[0].n_dims, 2);
    assert_int_equal(tensors[0].dims[0], 5);
    assert_int_equal(tensors[0].dims[1], 2);
    assert_ptr_equal(tensors[1].data, weights + 10);
    assert_int_equal(tensors[6].n_dims, 1);
    assert_int_equal(tensors[6].dims[0], 3);
    assert_string_equal(tensors[6].name, "head.bias");
    psq_model_destroy(model);
}

// Decimal fractions that rounding upward would miss on either way, and weights.
static void model_whatever_the_rounding(void **state) {
    (void)state;
    static const int modes[3] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (int i = 0; i < 3; i++) {
        psq_model_spec spec = small_spec();
        spec.dropout = 0.3;
        spec.rnn.dropout = 0.015;
        spec.rnn.hidden_size = 5; // no exact square root
        psq_model *const model = create(&spec);
        float weights[200] = {0};
        float wanted[200] = {0};
        assert_in_range(psq_model_n_weights(model), 100, 200);
        psq_model_init(model, 3, wanted);
        psq_rnn *rnn = NULL;
        float rnn_weights[200];
        assert_int_equal(psq_rnn_create(ctx, &spec.rnn, &rnn, &err), PSQ_OK);
        psq_tensor tensors[16];
        psq_model_meta meta;
        psq_model_spec read = PSQ_MODEL_SPEC_INIT;
        assert_int_equal(fesetround(modes[i]), 0);
        psq_model_init(model, 3, weights);
        psq_rnn_init(rnn, 3, rnn_weights);
        psq_model_export(model, weights, tensors, &meta);
        const psq_status status = psq_model_spec_from_pairs(meta.pairs, meta.n_pairs, &read, &err);
        const int mode_after = fegetround();
        fesetround(FE_TONEAREST);
        assert_int_equal(mode_after, modes[i]);
        assert_int_equal(status, PSQ_OK);
        assert_memory_equal(weights, wanted, sizeof weights);
        assert_memory_equal(rnn_weights, wanted + 10,
                            (size_t)psq_rnn_n_weights(rnn) * sizeof *wanted);
        psq_rnn_destroy(rnn);
        assert_string_equal(meta.values[4], "0.3");
        assert_string_equal(meta.values[13], "0.015");
        assert_true(read.dropout == 0.3 && read.rnn.dropout == 0.015);
        psq_model_destroy(model);
    }
}

// Weights of an input of size 0 are matrices all the same.
static void export_empty_input(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.vocab_size = 0;
    spec.rnn.input_size = 0;
    psq_model *const model = create(&spec);
    float weights[200] = {0};
    psq_tensor tensors[16];
    psq_model_meta meta;
    psq_model_export(model, weights, tensors, &meta);
    assert_string_equal(tensors[0].name, "rnn.weight_ih_l0");
    assert_int_equal(tensors[0].n_dims, 2);
    assert_int_equal(tensors[0].dims[1], 0);
    assert_int_equal(psq_model_import(model, tensors, psq_model_n_params(model), weights, &err),
                     PSQ_OK);
    psq_model_destroy(model);
}

// ---- bad pairs

static psq_model_meta good_meta(void) {
    const psq_model_spec spec = small_spec();
    psq_model *const model = create(&spec);
    static float weights[400];
    psq_tensor tensors[16];
    psq_model_meta meta;
    psq_model_export(model, weights, tensors, &meta);
    psq_model_destroy(model);
    return meta;
}

static void pairs_bad_values(void **state) {
    (void)state;
    static const struct {
        int pair;
        const char *value;
        const char *text;
    } cases[] = {
        {0, "2", "packseq.format is \"2\", must be 1"},
        {1, "", "packseq.vocab_size is \"\", must be a whole number"},
        {1, "05", "packseq.vocab_size is \"05\", must be a whole number"},
        {1, "-5", "packseq.vocab_size is \"-5\", must be a whole number"},
        {1, "5 ", "packseq.vocab_size is \"5 \", must be a whole number"},
        {1, "9223372036854775808", "must be a whole number"},
        {3, "first", "packseq.head is \"first\", must be last or mean or max or token"},
        {4, "1.5", "packseq.dropout is \"1.5\", must be a number from 0 to 1"},
        {4, "2", "packseq.dropout is \"2\", must be a number"},
        {4, "-0.5", "must be a number"},
        {4, "0.", "must be a number"},
        {4, ".5", "must be a number"},
        {4, "00.5", "must be a number"},
        {4, "0.1234567890123456", "must be a number"},
        {4, "nan", "must be a number"},
        {4, "3/2^1", "must be a number"},
        {4, "1/2^1075", "must be a number"},
        {4, "1/3", "must be a number"},
        {4, "9007199254740993/2^54", "must be a number"},
        {4, "9223372036854775807.5", "must be a number"},
        {5, "lstn\n\x1b[2J", "packseq.cell is \"lstn??[2J\", must be rnn_tanh or rnn_relu or lstm"},
        {6, "F16", "packseq.dtype is \"F16\", must be F32 or F64"},
        {11, "1", "packseq.bias is \"1\", must be false or true"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        psq_model_meta meta = good_meta();
        for (int i = 0; i < meta.n_pairs; i++) {
            meta.pairs[i].value = i == cases[k].pair ? cases[k].value : meta.values[i];
        }
        psq_model_spec spec;
        assert_fails(psq_model_spec_from_pairs(meta.pairs, meta.n_pairs, &spec, &err), PSQ_FORMAT,
                     cases[k].text);
    }
}

static void pairs_bad_keys(void **state) {
    (void)state;
    const psq_model_meta good = good_meta();
    psq_pair pairs[PSQ_MODEL_N_PAIRS + 1];
    const int64_t n = good.n_pairs;
    psq_model_spec spec;
    for (int64_t i = 0; i < n; i++) {
        pairs[i] = (psq_pair){good.pairs[i].key, good.values[i]};
    }
    pairs[n] = (psq_pair){"language", "Dutch"};
    assert_int_equal(psq_model_spec_from_pairs(pairs, n + 1, &spec, &err), PSQ_OK);
    pairs[n].key = "packseq.colour";
    assert_fails(psq_model_spec_from_pairs(pairs, n + 1, &spec, &err), PSQ_FORMAT,
                 "\"packseq.colour\" is no key of a model");
    pairs[n] = pairs[5];
    assert_fails(psq_model_spec_from_pairs(pairs, n + 1, &spec, &err), PSQ_FORMAT,
                 "packseq.cell is given twice");
    assert_fails(psq_model_spec_from_pairs(pairs, n - 1, &spec, &err), PSQ_FORMAT,
                 "packseq.rnn_dropout is missing");
    assert_fails(psq_model_spec_from_pairs(NULL, 0, &spec, &err), PSQ_FORMAT,
                 "packseq.format is missing");
    pairs[1].key = NULL;
    assert_fails(psq_model_spec_from_pairs(pairs, n, &spec, &err), PSQ_INVALID,
                 "pairs[1].key is NULL");
    pairs[0].value = NULL;
    assert_fails(psq_model_spec_from_pairs(pairs, n, &spec, &err), PSQ_INVALID,
                 "pairs[0].value is NULL");
    assert_fails(psq_model_spec_from_pairs(NULL, 2, &spec, &err), PSQ_INVALID,
                 "pairs is NULL, n_pairs is 2");
    assert_fails(psq_model_spec_from_pairs(pairs, -1, &spec, &err), PSQ_INVALID,
                 "n_pairs is -1, must be at least 0");
    assert_fails(psq_model_spec_from_pairs(pairs, n, NULL, &err), PSQ_INVALID, "spec is NULL");
}

// ---- bad tensors

static void import_bad_tensors(void **state) {
    (void)state;
    const psq_model_spec spec = small_spec();
    psq_model *const model = create(&spec);
    float weights[400] = {0};
    float read[400];
    psq_tensor good[16];
    psq_tensor bad[16];
    psq_model_meta meta;
    psq_model_export(model, weights, good, &meta);
    const int64_t n = psq_model_n_params(model);
    memset(read, 7, sizeof read);
    float untouched[400];
    memcpy(untouched, read, sizeof read);
#define TRY(change, n_tensors, status, text)                                                   \
    do {                                                                                       \
        memcpy(bad, good, sizeof bad);                                                         \
        change;                                                                                \
        assert_fails(psq_model_import(model, bad, (n_tensors), read, &err), (status), (text)); \
    } while (0)
    TRY((void)0, n - 1, PSQ_FORMAT, "head.bias is missing");
    TRY(bad[n] = bad[2], n + 1, PSQ_FORMAT, "rnn.weight_hh_l0 is given twice");
    TRY(bad[2].name = "rnn.weight_hh_l1", n, PSQ_FORMAT,
        "\"rnn.weight_hh_l1\" is no parameter of this model");
    TRY(bad[2].dtype = PSQ_F64, n, PSQ_FORMAT, "rnn.weight_hh_l0 is F64, must be F32");
    TRY(bad[2].dtype = PSQ_N_DTYPE, n, PSQ_FORMAT, "is of an unknown dtype, must be F32");
    TRY(bad[2].dims[1] = 5, n, PSQ_FORMAT, "rnn.weight_hh_l0 is [12][5], must be [12][4]");
    TRY(bad[2].n_dims = 1, n, PSQ_FORMAT, "rnn.weight_hh_l0 is [12], must be [12][4]");
    TRY(bad[2].n_dims = 0, n, PSQ_FORMAT, "rnn.weight_hh_l0 is a scalar, must be [12][4]");
    TRY(bad[2].data = NULL, n, PSQ_INVALID, "the data of rnn.weight_hh_l0 is NULL");
    TRY(bad[2].name = NULL, n, PSQ_INVALID, "tensors[2].name is NULL");
#undef TRY
    assert_fails(psq_model_import(NULL, good, n, read, &err), PSQ_INVALID, "model is NULL");
    assert_fails(psq_model_import(model, NULL, n, read, &err), PSQ_INVALID,
                 "tensors is NULL, n_tensors is 7");
    assert_fails(psq_model_import(model, good, -1, read, &err), PSQ_INVALID,
                 "n_tensors is -1, must be at least 0");
    assert_memory_equal(read, untouched, sizeof read);
    assert_int_equal(psq_model_import(model, good, n, NULL, &err), PSQ_OK);
    psq_model_destroy(model);
}

// 300 layers, their tensors from the last to the first; then one name for another in the middle.
static void import_many_tensors(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    spec.rnn.n_layers = 300;
    spec.rnn.hidden_size = 1;
    psq_model *const model = create(&spec);
    const int64_t n = psq_model_n_params(model);
    const size_t bytes = (size_t)psq_model_n_weights(model) * sizeof(float);
    float *const weights = (float *)malloc(bytes);
    float *const copy = (float *)calloc(1, bytes);
    psq_tensor *const tensors = (psq_tensor *)calloc((size_t)n, sizeof *tensors);
    assert_true(n == 1203 && weights != NULL && copy != NULL && tensors != NULL);
    psq_model_meta meta;
    psq_model_init(model, 5, weights);
    psq_model_export(model, weights, tensors, &meta);
    for (int64_t i = 0; i < n / 2; i++) {
        const psq_tensor moved = tensors[i];
        tensors[i] = tensors[n - 1 - i];
        tensors[n - 1 - i] = moved;
    }
    assert_int_equal(psq_model_import(model, tensors, n, copy, &err), PSQ_OK);
    assert_memory_equal(weights, copy, bytes);
    memset(copy, 0, bytes);
    const char *const name = tensors[604].name;
    tensors[604].name = tensors[600].name;
    assert_fails(psq_model_import(model, tensors, n, copy, &err), PSQ_FORMAT,
                 "rnn.weight_hh_l150 is given twice");
    tensors[604].name = name;
    tensors[600].name = "rnn.weight_hh_l300";
    assert_fails(psq_model_import(model, tensors, n, copy, &err), PSQ_FORMAT,
                 "\"rnn.weight_hh_l300\" is no parameter of this model");
    tensors[600] = tensors[n - 1];
    assert_fails(psq_model_import(model, tensors, n - 1, copy, &err), PSQ_FORMAT,
                 "rnn.weight_hh_l150 is missing");
    for (size_t i = 0; i < bytes / sizeof *copy; i++) {
        assert_true(copy[i] == 0.0F);
    }
    free(weights);
    free(copy);
    free(tensors);
    psq_model_destroy(model);
}

static psq_status run_import(const psq_ctx *c, void *arg) {
    const psq_model_spec spec = small_spec();
    psq_model *model = NULL;
    float weights[200];
    for (int i = 0; i < 200; i++) {
        weights[i] = 7.0F;
    }
    psq_status status = psq_model_create(c, &spec, &model, NULL);
    if (status == PSQ_OK) {
        status = psq_model_import(model, (const psq_tensor *)arg, psq_model_n_params(model),
                                  weights, NULL);
        assert_true(weights[0] == (status == PSQ_OK ? 1.0F : 7.0F));
    }
    psq_model_destroy(model);
    return status;
}

static void import_out_of_memory(void **state) {
    (void)state;
    const psq_model_spec spec = small_spec();
    psq_model *const model = create(&spec);
    float weights[200] = {1.0F};
    psq_tensor tensors[16];
    psq_model_meta meta;
    psq_model_export(model, weights, tensors, &meta);
    fault_each_alloc(run_import, tensors);
    psq_model_destroy(model);
}

// ---- creation

static void create_bad_specs(void **state) {
    (void)state;
    psq_model *model = NULL;
    const psq_model_spec good = small_spec();
    assert_fails(psq_model_create(NULL, &good, &model, &err), PSQ_INVALID, "ctx is NULL");
    assert_fails(psq_model_create(ctx, NULL, &model, &err), PSQ_INVALID, "spec is NULL");
    assert_fails(psq_model_create(ctx, &good, NULL, &err), PSQ_INVALID, "out is NULL");
#define TRY(change, status, text)                                                   \
    do {                                                                            \
        psq_model_spec spec = good;                                                 \
        change;                                                                     \
        assert_fails(psq_model_create(ctx, &spec, &model, &err), (status), (text)); \
        assert_null(model);                                                         \
    } while (0)
    TRY(spec.struct_size = 3, PSQ_INVALID, "spec.struct_size is 3, must be");
    TRY(spec.vocab_size = -1, PSQ_INVALID, "spec.vocab_size is -1, must be 0 to 2147483647");
    TRY(spec.rnn.n_tokens = 4, PSQ_INVALID, "spec.rnn.n_tokens is 4, must be 0 or vocab_size 5");
    TRY(spec.n_classes = 0, PSQ_INVALID, "spec.n_classes is 0, must be 1 to 2147483647");
    TRY(spec.n_classes = 2147483648, PSQ_INVALID, "spec.n_classes is 2147483648, must be");
    TRY(spec.head = PSQ_N_HEAD, PSQ_INVALID, "spec.head is 4, must be 0 to 3");
    TRY(spec.dropout = 1.5, PSQ_INVALID, "spec.dropout is 1.5, must be 0 to 1");
    TRY(spec.dropout = (double)NAN, PSQ_INVALID, "must be 0 to 1");
    TRY(spec.rnn.hidden_size = 0, PSQ_INVALID, "hidden_size is 0");
    TRY(spec.rnn.proj_size = 1, PSQ_INVALID, "proj_size is 1");
    TRY(spec.rnn.dtype = PSQ_BF16, PSQ_UNSUPPORTED, "dtype");
    TRY((spec.dropout = 0.5, spec.rnn.n_layers = 256), PSQ_UNSUPPORTED,
        "spec.rnn.n_layers is 256, with dropout it must be below 256");
    TRY((spec.dropout = 0.5, spec.rnn.hidden_size = (4 << 20) + 1), PSQ_UNSUPPORTED,
        "the head's input has 4194305 values, with dropout they must be at most 4194304");
    TRY((spec.vocab_size = INT32_MAX, spec.rnn.input_size = INT32_MAX), PSQ_NOMEM, "");
#undef TRY
}

static psq_status run_create(const psq_ctx *c, void *arg) {
    psq_model *model = NULL;
    const psq_status status = psq_model_create(c, (const psq_model_spec *)arg, &model, NULL);
    assert_true((status == PSQ_OK) == (model != NULL));
    psq_model_destroy(model);
    return status;
}

static void create_out_of_memory(void **state) {
    (void)state;
    psq_model_spec spec = small_spec();
    fault_each_alloc(run_create, &spec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_table),           cmocka_unit_test(init_embedding_is_normal),
        cmocka_unit_test(init_head_and_network), cmocka_unit_test(export_import_identity),
        cmocka_unit_test(export_spelling),       cmocka_unit_test(export_empty_input),
        cmocka_unit_test(pairs_bad_values),      cmocka_unit_test(pairs_bad_keys),
        cmocka_unit_test(import_bad_tensors),    cmocka_unit_test(import_many_tensors),
        cmocka_unit_test(import_out_of_memory),  cmocka_unit_test(create_bad_specs),
        cmocka_unit_test(create_out_of_memory),  cmocka_unit_test(model_whatever_the_rounding),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
