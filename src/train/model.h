// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// model.h: the inside of a model: a network between an embedding and a head, and where the
// parameters of each lie in the one flat buffer.
#ifndef PACKSEQ_TRAIN_MODEL_H
#define PACKSEQ_TRAIN_MODEL_H

#include "kern/kern.h"
#include "packseq/train.h"

struct psq_model {
    const psq_ctx *ctx;
    psq_model_spec spec;
    const psq_kern *kern;
    psq_rnn *rnn;
    size_t size;         // bytes of an element
    int64_t R;           // elements of a state
    int64_t D;           // directions
    int64_t width;       // D*R, elements of the head's input
    int64_t n_embedding; // V*I elements, at the front
    int64_t head_weight; // offsets in elements; the network lies between embedding and head
    int64_t head_bias;
    int64_t n_weights;
    int64_t n_params;
    psq_param *params;
};

// Element i of an array of the model's dtype.
static inline void *psq_model_at(const psq_model *model, void *array, int64_t i) {
    return (char *)array + (size_t)i * model->size;
}

static inline const void *psq_model_at_const(const psq_model *model, const void *array, int64_t i) {
    return (const char *)array + (size_t)i * model->size;
}

// Whether a parameter is a vector, which n_cols = 0 does not say where input_size is 0.
bool psq_param_is_bias(const psq_param *param);

// The architecture part of psq_model_export.
void psq_model_write_pairs(const psq_model_spec *spec, psq_model_meta *meta);

// A stranger's string, fit for an error text: cut, and only what can be printed.
typedef struct psq_shown {
    char text[48];
} psq_shown;
psq_shown psq_show(const char *text);

#endif
