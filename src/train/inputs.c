// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// inputs.c: what a batch's elements read, in its jagged order: rows of the samples or, with a
// vocabulary, tokens, which choose rows of the embedding.
#include <string.h>

#include "ragged/layout.h"
#include "train/batch.h"

void psq_inputs_gather(const psq_model *model, const void *weights, psq_batch *batch) {
    const psq_samples *const samples = batch->choice->samples;
    const bool has_tokens = model->spec.vocab_size > 0;
    const size_t row_bytes = (size_t)model->spec.rnn.input_size * model->size;
    char *to = has_tokens ? (char *)batch->tokens : (char *)batch->rows;
    const char *const from =
        has_tokens ? (const char *)samples->tokens : (const char *)samples->rows;
    const size_t size = has_tokens ? sizeof *batch->tokens : row_bytes;
    batch->x = has_tokens ? weights : batch->rows;
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t first = samples->offsets[psq_chosen(batch->choice, b)];
        const size_t bytes = (size_t)batch->layout->lengths[b] * size;
        if (bytes > 0) {
            memcpy(to, from + (size_t)first * size, bytes);
            to += bytes;
        }
    }
}
