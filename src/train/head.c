// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// head.c: from the network's outputs to the head's input, one row of W values a target, and the
// gradient's way back. Sums over the rows of a sequence are chains from +0, time ascending; a
// maximum remembers its row.
#include <string.h>

#include "ragged/layout.h"
#include "rnn/dropout.h"
#include "train/batch.h"
#include "train/scalar.h"

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

static void gather_mean(const psq_model *model, psq_batch *batch) {
    const int64_t W = model->width;
    memset(batch->features, 0, (size_t)(batch->B * W) * model->size);
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t length = batch->layout->lengths[b];
        void *const mean = psq_model_at(model, batch->features, b * W);
        for (int64_t t = 0; t < length; t++) {
            const int64_t row = batch->layout->offsets[b] + t;
            model->kern->add(W, mean, psq_model_at_const(model, batch->y, row * W), mean);
        }
        if (length > 0) {
            model->kern->scale(W, 1.0 / (double)length, mean, mean);
        }
    }
}

static void scatter_mean(const psq_model *model, psq_batch *batch) {
    const int64_t W = model->width;
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t length = batch->layout->lengths[b];
        for (int64_t t = 0; t < length; t++) {
            const int64_t row = batch->layout->offsets[b] + t;
            model->kern->scale(W, 1.0 / (double)length,
                               psq_model_at_const(model, batch->dfeatures, b * W),
                               psq_model_at(model, batch->dy, row * W));
        }
    }
}

// Whether value replaces best: larger, or NaN, which then stays.
static bool beats(double value, double best) {
    return value > best || value != value;
}

static void gather_max(const psq_model *model, psq_batch *batch) {
    const int64_t W = model->width;
    const psq_dtype dtype = model->kern->dtype;
    for (int64_t b = 0; b < batch->B; b++) {
        int64_t *const winners = batch->winners + b * W;
        const int64_t first = batch->layout->offsets[b];
        const int64_t end = batch->layout->offsets[b + 1];
        for (int64_t u = 0; u < W; u++) {
            winners[u] = end > first ? first : -1;
        }
        for (int64_t row = first + 1; row < end; row++) {
            for (int64_t u = 0; u < W; u++) {
                if (beats(psq_load(dtype, batch->y, row * W + u),
                          psq_load(dtype, batch->y, winners[u] * W + u))) {
                    winners[u] = row;
                }
            }
        }
        for (int64_t u = 0; u < W; u++) {
            const double top =
                winners[u] >= 0 ? psq_load(dtype, batch->y, winners[u] * W + u) : 0.0;
            psq_store(dtype, batch->features, b * W + u, top);
        }
    }
}

static void scatter_max(const psq_model *model, psq_batch *batch) {
    const int64_t W = model->width;
    const psq_dtype dtype = model->kern->dtype;
    memset(batch->dy, 0, (size_t)(batch->N * W) * model->size);
    for (int64_t i = 0; i < batch->B * W; i++) {
        if (batch->winners[i] >= 0) {
            psq_store(dtype, batch->dy, batch->winners[i] * W + i % W,
                      psq_load(dtype, batch->dfeatures, i));
        }
    }
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
    model->kern->mul(batch->M * W, batch->features, batch->drop, batch->features);
}

void psq_head_gather(const psq_model *model, psq_batch *batch) {
    switch (model->spec.head) {
    case PSQ_HEAD_LAST:
        gather_last(model, batch);
        break;
    case PSQ_HEAD_MEAN:
        gather_mean(model, batch);
        break;
    case PSQ_HEAD_MAX:
        gather_max(model, batch);
        break;
    case PSQ_HEAD_TOKEN: // features are y
    case PSQ_N_HEAD:
        break;
    }
    if (batch->drop != NULL) {
        drop_features(model, batch);
    }
}

void psq_head_scatter(const psq_model *model, psq_batch *batch) {
    if (batch->drop != NULL) {
        model->kern->mul(batch->M * model->width, batch->dfeatures, batch->drop, batch->dfeatures);
    }
    switch (model->spec.head) {
    case PSQ_HEAD_LAST:
        scatter_last(model, batch);
        break;
    case PSQ_HEAD_MEAN:
        scatter_mean(model, batch);
        break;
    case PSQ_HEAD_MAX:
        scatter_max(model, batch);
        break;
    case PSQ_HEAD_TOKEN: // dy is dfeatures
    case PSQ_N_HEAD:
        break;
    }
}
