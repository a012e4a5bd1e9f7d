// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// loss.c: the head's linear map and the softmax cross-entropy. A logit is one chain that starts at
// its bias; a batch's loss is one chain in double over its valid targets in the batch's order. In
// the gradient only rows with a valid target take part: the others' are zero.
#include <string.h>

#include "train/batch.h"
#include "train/scalar.h"

static int64_t min_count(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void psq_loss_logits(const psq_model *model, const void *weights, const void *panel,
                     psq_batch *batch) {
    const int64_t C = model->spec.n_classes;
    const int64_t W = model->width;
    const void *const bias = psq_model_at_const(model, weights, model->head_bias);
    for (int64_t first = 0; first < batch->M; first += PSQ_K_BLOCK) {
        const int64_t n = min_count(PSQ_K_BLOCK, batch->M - first);
        const void *in[PSQ_K_BLOCK];
        void *out[PSQ_K_BLOCK];
        for (int64_t i = 0; i < n; i++) {
            in[i] = psq_model_at_const(model, batch->features, (first + i) * W);
            out[i] = psq_model_at(model, batch->logits, (first + i) * C);
            memcpy(out[i], bias, (size_t)C * model->size);
        }
        model->kern->tile(n, 0, C, C, W, in, panel, out);
    }
}

static int32_t largest(psq_dtype dtype, const void *logits, int64_t C) {
    int64_t best = 0;
    for (int64_t c = 1; c < C; c++) {
        if (psq_load(dtype, logits, c) > psq_load(dtype, logits, best)) {
            best = c;
        }
    }
    return (int32_t)best;
}

void psq_loss_sum(const psq_model *model, psq_batch *batch, int32_t *predictions,
                  psq_batch_result *result) {
    const int64_t C = model->spec.n_classes;
    const double factor = batch->n_valid > 0 ? 1.0 / (double)batch->n_valid : 0.0;
    *result = (psq_batch_result){0.0, batch->n_valid, 0};
    for (int64_t m = 0; m < batch->M; m++) {
        void *const logits = psq_model_at(model, batch->logits, m * C);
        const int32_t target = batch->targets[m];
        const int32_t prediction = largest(model->kern->dtype, logits, C);
        if (predictions != NULL) {
            predictions[m] = prediction;
        }
        if (target >= 0) {
            result->n_correct += prediction == target ? 1 : 0;
            result->loss_sum += model->kern->softmax_loss(C, logits, target, factor,
                                                          batch->training ? logits : NULL);
        }
    }
}

// The next rows with a valid target, from *m on, at most PSQ_K_BLOCK; *m moves behind them.
static int64_t next_valid(const psq_batch *batch, int64_t *m, int64_t rows[PSQ_K_BLOCK]) {
    int64_t n = 0;
    for (; *m < batch->M && n < PSQ_K_BLOCK; (*m)++) {
        if (batch->targets[*m] >= 0) {
            rows[n++] = *m;
        }
    }
    return n;
}

void psq_loss_backward(const psq_model *model, const void *panel, psq_batch *batch,
                       void *dweights) {
    const int64_t C = model->spec.n_classes;
    const int64_t W = model->width;
    int64_t rows[PSQ_K_BLOCK];
    const void *dlogits[PSQ_K_BLOCK];
    const void *features[PSQ_K_BLOCK];
    void *dfeatures[PSQ_K_BLOCK];
    memset(batch->dfeatures, 0, (size_t)(batch->M * W) * model->size);
    int64_t m = 0;
    for (int64_t n = next_valid(batch, &m, rows); n > 0; n = next_valid(batch, &m, rows)) {
        for (int64_t i = 0; i < n; i++) {
            dlogits[i] = psq_model_at_const(model, batch->logits, rows[i] * C);
            features[i] = psq_model_at_const(model, batch->features, rows[i] * W);
            dfeatures[i] = psq_model_at(model, batch->dfeatures, rows[i] * W);
        }
        model->kern->tile(n, 0, W, W, C, dlogits, panel, dfeatures);
        model->kern->outer(n, 0, C, W, dlogits, features,
                           psq_model_at(model, dweights, model->head_weight), batch->work);
        model->kern->column_sum(n, 0, C, dlogits, psq_model_at(model, dweights, model->head_bias));
    }
}
