// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// data_source.h: labelled sequences from the user's files or the embedded word lists, and their
// split into a training and a test part.
#ifndef PACKSEQ_CLI_DATA_SOURCE_H
#define PACKSEQ_CLI_DATA_SOURCE_H

#include "options.h"
#include "packseq/packseq.h"

// The options that commands with data share.
typedef struct data_options {
    int label;          // psq_text_label - PSQ_LABEL_FILE
    char separator;     // default tab
    int64_t max_length; // default 65,536
} data_options;

#define DATA_OPTIONS_INIT \
    { 0, '\t', 65536 }

const char *label_choice(int index);

// Their rows for the table of a command whose struct holds them at `base`.
#define DATA_OPTION_ROWS(base)                                                         \
    {"label",                                                                          \
     0,                                                                                \
     OPTION_CHOICE,                                                                    \
     (base) + offsetof(data_options, label),                                           \
     "WHERE",                                                                          \
     "where a sequence's label stands",                                                \
     0,                                                                                \
     0,                                                                                \
     label_choice},                                                                    \
        {"separator", 0,                                                               \
         OPTION_CHAR, (base) + offsetof(data_options, separator),                      \
         "C",         "ends the label in a line with --label column",                  \
         0,           0,                                                               \
         NULL},                                                                        \
    {                                                                                  \
        "max-length", 0, OPTION_INT, (base) + offsetof(data_options, max_length), "N", \
            "a longer sequence is an error, it is never cut", 1, 1e9, NULL             \
    }

// Reads files ("-": standard input), or the embedded lists if there are none. Returns the exit
// code; *out is NULL unless it is EXIT_SUCCESS.
int data_read(const psq_ctx *ctx, const data_options *options, int n_files, char **files,
              psq_text **out);

// A data set that grows by files, whatever its format.
typedef struct data_taker {
    void *self;
    psq_status (*add)(void *self, const char *name, const char *bytes, size_t size, psq_error *err);
    psq_status (*add_file)(void *self, const char *path, psq_error *err);
    int64_t max_length; // of a line: standard input that can only be refused is not read to its end
} data_taker;

// Adds files ("-": standard input) until one fails. Returns the exit code.
int data_add_files(const data_taker *taker, int n_files, char **files);

typedef enum data_part { PART_ALL, PART_TRAIN, PART_TEST } data_part;

// A tenth of all sequences is the test part: those whose 64-bit FNV-1a hash is a multiple of 10. It
// depends on a sequence's bytes alone, so a word is in the same part in every list, run and
// program.
enum { TEST_EVERY = 10 };

// Samples of a part, with arrays of their own.
typedef struct data_samples {
    psq_samples samples;
    int64_t *offsets;
    int32_t *tokens;
    int32_t *targets;
} data_samples;

// classes maps the text's labels to targets; NULL: as they are.
void data_samples_make(const psq_text *text, data_part part, const int32_t *classes,
                       data_samples *out);
void data_samples_free(data_samples *samples);

#endif
