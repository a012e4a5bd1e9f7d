// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// score.h: how well a classifier does on samples, as a table and as JSON.
#ifndef PACKSEQ_CLI_SCORE_H
#define PACKSEQ_CLI_SCORE_H

#include "json_out.h"
#include "model_file.h"

#include <stdio.h>

typedef struct score {
    psq_batch_result total;
    int64_t *confusion; // [C][C]: true class, predicted class
} score;

// The next samples from `begin` on that make one batch: limited in number and, because memory goes
// with rows, in rows; at least one.
int64_t score_batch_end(const psq_samples *samples, int64_t begin);

// Returns the exit code: 128 + signal if signals_noted.
int score_measure(const classifier *c, const psq_samples *samples, score *out);
void score_free(score *s);

// "accuracy 0.9000 (9 of 10), loss 0.3210", the confusion matrix, precision and recall.
void score_print(const score *s, const classifier *c, FILE *out);
json_t *score_json(const score *s, const classifier *c);

#endif
