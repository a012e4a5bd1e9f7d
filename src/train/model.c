// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// model.c: the plan of a model: sizes, the table of parameters and their first values. The flat
// buffer is embedding, network, head, so that optimisers and files see one array.
#include "train/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/fpenv.h"
#include "base/rng.h"
#include "base/size.h"
#include "rnn/dropout.h"
#include "train/scalar.h"

const char *psq_head_name(psq_head head) {
    static const char *const names[PSQ_N_HEAD] = {[PSQ_HEAD_LAST] = "last",
                                                  [PSQ_HEAD_MEAN] = "mean",
                                                  [PSQ_HEAD_MAX] = "max",
                                                  [PSQ_HEAD_TOKEN] = "token"};
    return (unsigned)head < PSQ_N_HEAD ? names[head] : NULL;
}

// What psq_rnn_create does not check.
static psq_status check_spec(const psq_model_spec *spec, psq_error *err) {
    PSQ_REQUIRE(err, spec->struct_size == sizeof *spec, PSQ_INVALID,
                "spec.struct_size is %zu, must be %zu", spec->struct_size, sizeof *spec);
    PSQ_REQUIRE(err, spec->vocab_size >= 0 && spec->vocab_size <= INT32_MAX, PSQ_INVALID,
                "spec.vocab_size is %lld, must be 0 to %lld", (long long)spec->vocab_size,
                (long long)INT32_MAX);
    PSQ_REQUIRE(err, spec->rnn.n_tokens == 0 || spec->rnn.n_tokens == spec->vocab_size, PSQ_INVALID,
                "spec.rnn.n_tokens is %lld, must be 0 or vocab_size %lld",
                (long long)spec->rnn.n_tokens, (long long)spec->vocab_size);
    PSQ_REQUIRE(err, spec->n_classes >= 1 && spec->n_classes <= INT32_MAX, PSQ_INVALID,
                "spec.n_classes is %lld, must be 1 to %lld", (long long)spec->n_classes,
                (long long)INT32_MAX);
    PSQ_REQUIRE(err, (unsigned)spec->head < PSQ_N_HEAD, PSQ_INVALID,
                "spec.head is %d, must be 0 to %d", (int)spec->head, PSQ_N_HEAD - 1);
    PSQ_REQUIRE(err, spec->dropout >= 0.0 && spec->dropout <= 1.0, PSQ_INVALID,
                "spec.dropout is %g, must be 0 to 1", spec->dropout);
    return PSQ_OK;
}

// The head's dropout is one more layer in the random counter.
static psq_status check_dropout(const psq_model *model, psq_error *err) {
    const int64_t n_layers = model->spec.rnn.n_layers;
    PSQ_REQUIRE(err, model->spec.dropout == 0.0 || n_layers < PSQ_MAX_DROP_LAYERS, PSQ_UNSUPPORTED,
                "spec.rnn.n_layers is %lld, with dropout it must be below %d", (long long)n_layers,
                PSQ_MAX_DROP_LAYERS);
    PSQ_REQUIRE(err, model->spec.dropout == 0.0 || model->width <= PSQ_MAX_DROP_UNITS,
                PSQ_UNSUPPORTED,
                "the head's input has %lld values, with dropout they must be at most %d",
                (long long)model->width, PSQ_MAX_DROP_UNITS);
    return PSQ_OK;
}

static psq_status place_params(psq_model *model, psq_error *err) {
    const psq_model_spec *const spec = &model->spec;
    int64_t n_head = 0;
    const bool fits =
        psq_count_mul(spec->vocab_size, spec->rnn.input_size, &model->n_embedding) &&
        psq_count_add(model->n_embedding, psq_rnn_n_weights(model->rnn), &model->head_weight) &&
        psq_count_mul(spec->n_classes, model->width, &n_head) &&
        psq_count_add(model->head_weight, n_head, &model->head_bias) &&
        psq_count_add(model->head_bias, spec->n_classes, &model->n_weights) &&
        psq_size_of(model->n_weights, model->size) != SIZE_MAX;
    PSQ_REQUIRE(err, fits, PSQ_NOMEM,
                "the weights of vocab_size %lld, input_size %lld, n_classes %lld and their network "
                "are more than memory can hold",
                (long long)spec->vocab_size, (long long)spec->rnn.input_size,
                (long long)spec->n_classes);
    return PSQ_OK;
}

static psq_status make_table(psq_model *model, psq_error *err) {
    const psq_model_spec *const spec = &model->spec;
    const int64_t n_rnn = psq_rnn_n_params(model->rnn);
    const int64_t first = spec->vocab_size > 0 ? 1 : 0;
    model->n_params = first + n_rnn + 2;
    void *memory = NULL;
    PSQ_TRY(psq_alloc_zero(model->ctx, model->n_params, sizeof(psq_param), "the parameter table",
                           &memory, err));
    model->params = (psq_param *)memory;
    psq_param *param = model->params;
    if (spec->vocab_size > 0) {
        *param++ = (psq_param){"embedding.weight", 0, spec->vocab_size, spec->rnn.input_size};
    }
    for (int64_t i = 0; i < n_rnn; i++) {
        const psq_param *const inner = &psq_rnn_params(model->rnn)[i];
        *param = *inner;
        param->offset += model->n_embedding;
        const int length = snprintf(param->name, sizeof param->name, "rnn.%s", inner->name);
        PSQ_REQUIRE(err, (size_t)length < sizeof param->name, PSQ_UNSUPPORTED,
                    "spec.rnn.n_layers is %lld: the name rnn.%s is too long",
                    (long long)spec->rnn.n_layers, inner->name);
        param++;
    }
    *param++ = (psq_param){"head.weight", model->head_weight, spec->n_classes, model->width};
    *param = (psq_param){"head.bias", model->head_bias, spec->n_classes, 0};
    return PSQ_OK;
}

psq_status psq_model_create(const psq_ctx *ctx, const psq_model_spec *spec, psq_model **out,
                            psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, spec != NULL, PSQ_INVALID, "spec is NULL");
    PSQ_TRY(check_spec(spec, err));
    void *memory = NULL;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof(psq_model), "a model", &memory, err));
    psq_model *const model = (psq_model *)memory;
    model->ctx = ctx;
    model->spec = *spec;
    psq_status status = PSQ_OK;
    psq_rnn_spec rnn_spec = spec->rnn;
    rnn_spec.n_tokens = spec->vocab_size; // the embedding is the network's table
    PSQ_TRY_GOTO(fail, psq_rnn_create(ctx, &rnn_spec, &model->rnn, err));
    model->kern = psq_kern_choose(ctx, spec->rnn.dtype);
    model->size = psq_dtype_size(spec->rnn.dtype);
    model->R = spec->rnn.proj_size > 0 ? spec->rnn.proj_size : spec->rnn.hidden_size;
    model->D = spec->rnn.bidirectional ? 2 : 1;
    model->width = model->D * model->R;
    PSQ_TRY_GOTO(fail, check_dropout(model, err));
    PSQ_TRY_GOTO(fail, place_params(model, err));
    PSQ_TRY_GOTO(fail, make_table(model, err));
    *out = model;
    return PSQ_OK;
fail:
    psq_model_destroy(model);
    return status;
}

void psq_model_destroy(psq_model *model) {
    if (model != NULL) {
        psq_rnn_destroy(model->rnn);
        psq_free(model->ctx, model->params);
        psq_free(model->ctx, model);
    }
}

const psq_model_spec *psq_model_get_spec(const psq_model *model) {
    return &model->spec;
}

int64_t psq_model_n_params(const psq_model *model) {
    return model->n_params;
}

int64_t psq_model_n_weights(const psq_model *model) {
    return model->n_weights;
}

const psq_param *psq_model_params(const psq_model *model) {
    return model->params;
}

bool psq_param_is_bias(const psq_param *param) {
    return strstr(param->name, "bias") != NULL;
}

// ---- first values

// Parts of the initialisation stream besides the network's, which is part 0.
enum { PART_EMBEDDING = 1, PART_HEAD = 2 };

// The method of Box and Muller: one normal number from two uniform ones of 53 bits.
static double normal(uint64_t seed, int64_t element) {
    uint32_t word[4];
    psq_random(seed, PSQ_STREAM_INIT, (uint64_t)element, PART_EMBEDDING, 0, word);
    const double above_zero = 1.0 - psq_unit_f64(word[0], word[1]);
    const double turn = 2.0 * psq_unit_f64(word[2], word[3]);
    const double radius = sqrt(-2.0 * psq_scalar_log(above_zero));
    return radius * psq_scalar_cos_pi(turn <= 1.0 ? turn : 2.0 - turn);
}

// Uniform in [-1, 1), as psq_rnn_init has it.
static double uniform(uint64_t seed, int64_t element) {
    uint32_t word[4];
    psq_random(seed, PSQ_STREAM_INIT, (uint64_t)element / 4, PART_HEAD, 0, word);
    return 2.0 * (double)psq_unit_f32(word[element % 4]) - 1.0;
}

void psq_model_init(const psq_model *model, uint64_t seed, void *weights) {
    const psq_dtype dtype = model->kern->dtype;
    const psq_fpenv saved = psq_fpenv_enter();
    for (int64_t i = 0; i < model->n_embedding; i++) {
        psq_store(dtype, weights, i, normal(seed, i));
    }
    psq_rnn_init(model->rnn, seed, psq_model_at(model, weights, model->n_embedding));
    const double bound = 1.0 / sqrt((double)model->width);
    for (int64_t i = model->head_weight; i < model->n_weights; i++) {
        psq_store(dtype, weights, i, uniform(seed, i - model->head_weight) * bound);
    }
    psq_fpenv_leave(saved);
}
