// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// head.c: from the network's outputs to the head's input, one row of W values a target, and the
// gradient's way back.
#include <string.h>

#include "base/error.h"
#include "packseq/pool.h"
#include "ragged/layout.h"
#include "rnn/dropout.h"
#include "train/batch.h"

// The state of direction d of the last layer, of sequence b, in an array [L*D][B][R].
static int64_t last_state(const psq_model *model, const psq_batch *batch, int64_t d, int64_t b) {
    const int64_t k = (model->spec.rnn.n_layers - 1) * model->D + d;
    return (k * batch->B + b) * model->R;
}

static void gather_last(const psq_model *model, psq_batch *batch) {
    const size_t bytes = (size_t)model->R * model->size;
    for (int64_t b = 0; b < batch->B; b++) {
        for (int64_t d = 0; d < model->D; d++) {
            memcpy(psq_model_at(model, batch->features, b * model->width + d * model->R),
                   psq_model_at_const(model, batch->hn, last_state(model, batch, d, b)), bytes);
        }
    }
}

static void scatter_last(const psq_model *model, psq_batch *batch) {
    const size_t bytes = (size_t)model->R * model->size;
    const int64_t n_states = model->spec.rnn.n_layers * model->D;
    memset(batch->dhn, 0, (size_t)(n_states * batch->B) * bytes);
    for (int64_t b = 0; b < batch->B; b++) {
        for (int64_t d = 0; d < model->D; d++) {
            memcpy(psq_model_at(model, batch->dhn, last_state(model, batch, d, b)),
                   psq_model_at_const(model, batch->dfeatures, b * model->width + d * model->R),
                   bytes);
        }
    }
}

// One row for each sequence from its outputs, and its gradient's way back.
static psq_status pool(const psq_model *model, psq_pool kind, psq_batch *batch, psq_error *err) {
    const psq_storage jagged = {PSQ_JAGGED, false, 0};
    return psq_pool_forward(batch->layout, kind, model->kern->dtype, jagged, batch->y, model->width,
                            batch->pooled, err);
}

static psq_status unpool(const psq_model *model, psq_pool kind, psq_batch *batch, psq_error *err) {
    const psq_storage jagged = {PSQ_JAGGED, false, 0};
    return psq_pool_backward(batch->layout, kind, model->kern->dtype, jagged, batch->y,
                             batch->pooled, batch->dfeatures, model->width, batch->dy, err);
}

// Dropout on the head's input, which is one layer more than the network has.
static void drop_features(const psq_model *model, psq_batch *batch) {
    const bool per_row = model->spec.head == PSQ_HEAD_TOKEN;
    const psq_drop drop = psq_drop_of(model->spec.dropout);
    const int64_t W = model->width;
    int64_t m = 0;
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t n = per_row ? batch->layout->lengths[b] : 1;
        for (int64_t t = 0; t < n; t++) {
            psq_drop_factors(&drop, model->kern->dtype, batch->seed,
                             (uint64_t)psq_chosen(batch->choice, b), (uint32_t)t,
                             model->spec.rnn.n_layers, W, psq_model_at(model, batch->drop, m * W));
            m++;
        }
    }
    model->kern->mul(batch->M * W, batch->pooled, batch->drop, batch->features);
}

psq_status psq_head_gather(const psq_model *model, psq_batch *batch, psq_error *err) {
    switch (model->spec.head) {
    case PSQ_HEAD_LAST:
        gather_last(model, batch);
        break;
    case PSQ_HEAD_MEAN:
        PSQ_TRY(pool(model, PSQ_POOL_MEAN, batch, err));
        break;
    case PSQ_HEAD_MAX:
        PSQ_TRY(pool(model, PSQ_POOL_MAX, batch, err));
        break;
    case PSQ_HEAD_TOKEN: // features are y
    case PSQ_N_HEAD:
        break;
    }
    if (batch->drop != NULL) {
        drop_features(model, batch);
    }
    return PSQ_OK;
}

psq_status psq_head_scatter(const psq_model *model, psq_batch *batch, psq_error *err) {
    if (batch->drop != NULL) {
        model->kern->mul(batch->M * model->width, batch->dfeatures, batch->drop, batch->dfeatures);
    }
    switch (model->spec.head) {
    case PSQ_HEAD_LAST:
        scatter_last(model, batch);
        break;
    case PSQ_HEAD_MEAN:
        PSQ_TRY(unpool(model, PSQ_POOL_MEAN, batch, err));
        break;
    case PSQ_HEAD_MAX:
        PSQ_TRY(unpool(model, PSQ_POOL_MAX, batch, err));
        break;
    case PSQ_HEAD_TOKEN: // dy is dfeatures
    case PSQ_N_HEAD:
        break;
    }
    return PSQ_OK;
}
