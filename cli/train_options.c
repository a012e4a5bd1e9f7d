// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// train_options.c: the options of `packseq train`. The defaults are chosen for the embedded word
// lists: about 93 % of held-out words right after a few seconds.
#include "train_options.h"

#include "cli.h"

#include <inttypes.h>

const train_options train_options_defaults = {
    .data = DATA_OPTIONS_INIT,
    .cell = PSQ_LSTM,
    .hidden = 64,
    .layers = 1,
    .proj = 0,
    .bidirectional = true,
    .embed = 32,
    .head = PSQ_HEAD_MEAN,
    .dropout = 0.4,
    .epochs = 10,
    .batch = 32,
    .optim = PSQ_ADAMW,
    .lr = 4e-3,
    .weight_decay = 0.01,
    .schedule = PSQ_SCHEDULE_COSINE,
    .warmup = 100,
    .clip = 1.0,
    .seed = 1,
    .out = "model.safetensors",
};

const char *train_options_cell(int cell) {
    return cell == PSQ_RNN_TANH ? "rnn" : psq_cell_name((psq_cell)cell);
}

static const char *head_choice(int index) {
    return index == PSQ_HEAD_TOKEN ? NULL : psq_head_name((psq_head)index);
}

static const char *optim_choice(int index) {
    return psq_optim_name((psq_optim_kind)index);
}

static const char *schedule_choice(int index) {
    return psq_schedule_name((psq_schedule_kind)index);
}

#define AT(field) offsetof(train_options, field)
const option_row train_options_table[] = {
    DATA_OPTION_ROWS(AT(data)),
    {"cell", 'c', OPTION_CHOICE, AT(cell), "CELL", "recurrent cell", 0, 0, train_options_cell},
    {"hidden", 0, OPTION_INT, AT(hidden), "N", "units of a layer and direction", 1, 65536, NULL},
    {"layers", 0, OPTION_INT, AT(layers), "N", "layers", 1, 64, NULL},
    {"proj", 0, OPTION_INT, AT(proj), "N", "lstm: projection size, 0 for none", 0, 65535, NULL},
    {"bidirectional", 0, OPTION_SWITCH, AT(bidirectional), NULL, "read both ways", 0, 0, NULL},
    {"embed", 0, OPTION_INT, AT(embed), "N", "values that stand for a byte", 1, 65536, NULL},
    {"head", 0, OPTION_CHOICE, AT(head), "HEAD", "what of a sequence is classified", 0, 0,
     head_choice},
    {"dropout", 0, OPTION_REAL, AT(dropout), "P", "between layers and before the head", 0, 1, NULL},
    {"epochs", 'n', OPTION_INT, AT(epochs), "N", "passes over the data", 1, 1e6, NULL},
    {"batch", 'b', OPTION_INT, AT(batch), "N", "sequences per step", 1, 1e6, NULL},
    {"optim", 0, OPTION_CHOICE, AT(optim), "OPTIM", "optimiser", 0, 0, optim_choice},
    {"lr", 0, OPTION_REAL, AT(lr), "RATE", "learning rate", 0, 1e3, NULL},
    {"weight-decay", 0, OPTION_REAL, AT(weight_decay), "W", "weight decay", 0, 1e3, NULL},
    {"schedule", 0, OPTION_CHOICE, AT(schedule), "KIND", "course of the learning rate", 0, 0,
     schedule_choice},
    {"warmup", 0, OPTION_INT, AT(warmup), "STEPS",
     "steps in which it rises, at most a tenth of all", 0, 1e9, NULL},
    {"clip", 0, OPTION_REAL, AT(clip), "NORM", "largest norm of a gradient, 0 for any", 0, 1e9,
     NULL},
    {"seed", 's', OPTION_INT, AT(seed), "N", "of weights, order and dropout", 0, 9e15, NULL},
    THREADS_OPTION_ROW(AT(threads)),
    {"out", 'o', OPTION_TEXT, AT(out), "FILE", "where the model goes", 0, 0, NULL},
    {"ascii", 0, OPTION_FLAG, AT(ascii), NULL, "draw with ASCII characters only", 0, 0, NULL},
    {"quiet", 'q', OPTION_FLAG, AT(quiet), NULL, "no picture, no progress", 0, 0, NULL},
    {"json", 0, OPTION_FLAG, AT(json), NULL, "print the result as JSON", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};
#undef AT

int train_options_check_proj(int64_t proj, int64_t hidden, int cell) {
    if (proj > 0 && cell != PSQ_LSTM) {
        return fail_usage("--proj is %" PRId64 ", but only lstm has projections, --cell is %s",
                          proj, train_options_cell(cell));
    }
    if (proj >= hidden) {
        return fail_usage("--proj is %" PRId64 ", must be below --hidden, which is %" PRId64, proj,
                          hidden);
    }
    return EXIT_SUCCESS;
}

int train_options_check(const train_options *o) {
    return train_options_check_proj(o->proj, o->hidden, o->cell);
}
