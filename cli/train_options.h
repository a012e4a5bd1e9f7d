// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// train_options.h: what `packseq train` can be told.
#ifndef PACKSEQ_CLI_TRAIN_OPTIONS_H
#define PACKSEQ_CLI_TRAIN_OPTIONS_H

#include "data_source.h"

typedef struct train_options {
    data_options data;
    int cell;
    int64_t hidden;
    int64_t layers;
    int64_t proj;
    bool bidirectional;
    int64_t embed;
    int head;
    double dropout;
    int64_t epochs;
    int64_t batch;
    int optim;
    double lr;
    double weight_decay;
    int schedule;
    int64_t warmup;
    double clip;
    int64_t seed;
    int64_t threads;
    const char *out;
    bool ascii;
    bool quiet;
    bool json;
} train_options;

extern const train_options train_options_defaults;
extern const option_row train_options_table[];

// The name of a cell as --cell has it: "rnn" for the library's "rnn_tanh".
const char *train_options_cell(int cell);

// What the table cannot check, because it is about two options. Return the exit code.
int train_options_check(const train_options *o);
int train_options_check_proj(int64_t proj, int64_t hidden, int cell);

#endif
