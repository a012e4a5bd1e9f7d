// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// embed.c: input rows of a batch. With a vocabulary they are rows of the embedding, whose gradient
// is the sum of its rows' dx in the batch's jagged order; without one they are the samples' own.
#include <string.h>

#include "ragged/layout.h"
#include "train/batch.h"

void psq_embed_gather(const psq_model *model, const void *weights, psq_batch *batch) {
    const psq_samples *const samples = batch->choice->samples;
    const int64_t I = model->spec.rnn.input_size;
    const size_t row_bytes = (size_t)I * model->size;
    int64_t row = 0;
    if (row_bytes == 0) {
        return;
    }
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t first = samples->offsets[psq_chosen(batch->choice, b)];
        const int64_t length = batch->layout->lengths[b];
        if (model->spec.vocab_size == 0 && length > 0) {
            memcpy(psq_model_at(model, batch->x, row * I),
                   psq_model_at_const(model, samples->rows, first * I), (size_t)length * row_bytes);
        }
        for (int64_t t = 0; model->spec.vocab_size > 0 && t < length; t++) {
            const int64_t token = samples->tokens[first + t];
            memcpy(psq_model_at(model, batch->x, (row + t) * I),
                   psq_model_at_const(model, weights, token * I), row_bytes);
        }
        row += length;
    }
}

void psq_embed_backward(const psq_model *model, const psq_batch *batch, void *dweights) {
    const psq_samples *const samples = batch->choice->samples;
    const int64_t I = model->spec.rnn.input_size;
    int64_t row = 0;
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t first = samples->offsets[psq_chosen(batch->choice, b)];
        for (int64_t t = 0; t < batch->layout->lengths[b]; t++) {
            void *const sum = psq_model_at(model, dweights, samples->tokens[first + t] * I);
            model->kern->add(I, sum, psq_model_at_const(model, batch->dx, row * I), sum);
            row++;
        }
    }
}
