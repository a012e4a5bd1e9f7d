// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// head.c: from the network's outputs to the head's input, one row of W values a target, and the
// gradient's way back. Sums over the rows of a sequence are chains from +0, time ascending; a
// maximum remembers its row.
#include <string.h>

#include "base/rng.h"
#include "ragged/layout.h"
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
            memcpy(psq_at_mut(model, batch->features, b * model->width + d * model->R),
                   psq_at(model, batch->hn, last_state(model, batch, d, b)), bytes);
        }
    }
}

static void scatter_last(const psq_model *model, psq_batch *batch) {
    const size_t bytes = (size_t)model->R * model->size;
    const int64_t n_states = model->spec.rnn.n_layers * model->D;
    memset(batch->dhn, 0, (size_t)(n_states * batch->B) * bytes);
    for (int64_t b = 0; b < batch->B; b++) {
        for (int64_t d = 0; d < model->D; d++) {
            memcpy(psq_at_mut(model, batch->dhn, last_state(model, batch, d, b)),
                   psq_at(model, batch->dfeatures, b * model->width + d * model->R), bytes);
        }
    }
}

static void gather_mean(const psq_model *model, psq_batch *batch) {
    const int64_t W = model->width;
    memset(batch->features, 0, (size_t)(batch->B * W) * model->size);
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t length = batch->layout->lengths[b];
        void *const mean = psq_at_mut(model, batch->features, b * W);
        for (int64_t t = 0; t < length; t++) {
            const int64_t row = batch->layout->offsets[b] + t;
            model->kern->add(W, mean, psq_at(model, batch->y, row * W), mean);
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
            model->kern->scale(W, 1.0 / (double)length, psq_at(model, batch->dfeatures, b * W),
                               psq_at_mut(model, batch->dy, row * W));
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

// The multipliers of target row m, which is element (id, t): docs/bits.md's dropout, the head
// being one layer more than the network has.
static void make_drop(const psq_model *model, psq_batch *batch, int64_t m, int64_t id, int64_t t) {
    const double p = model->spec.dropout;
    const uint64_t threshold = (uint64_t)(p * 0x1p32);
    const double factor = p < 1.0 ? 1.0 / (1.0 - p) : 0.0;
    const uint32_t layer = (uint32_t)model->spec.rnn.n_layers;
    for (int64_t u = 0; u < model->width; u += 4) {
        uint32_t words[4];
        psq_random(batch->seed, PSQ_STREAM_DROPOUT, (uint64_t)id, (uint32_t)t,
                   layer << 20 | (uint32_t)(u / 4), words);
        for (int64_t k = 0; k < 4 && u + k < model->width; k++) {
            psq_store(model->kern->dtype, batch->drop, m * model->width + u + k,
                      words[k] >= threshold ? factor : 0.0);
        }
    }
}

static void drop_features(const psq_model *model, psq_batch *batch) {
    const bool per_row = model->spec.head == PSQ_HEAD_TOKEN;
    int64_t m = 0;
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t n = per_row ? batch->layout->lengths[b] : 1;
        for (int64_t t = 0; t < n; t++) {
            make_drop(model, batch, m, psq_chosen(batch->choice, b), t);
            m++;
        }
    }
    model->kern->mul(batch->M * model->width, batch->features, batch->drop, batch->features);
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
