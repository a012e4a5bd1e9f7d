// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// model_file.h: a classifier of byte sequences and its file: PyTorch's parameter names, the
// architecture in the metadata ("packseq.*", by the library) and what the command adds to it:
// "cli.input" = "bytes" and "cli.classes" = a JSON array of the class names.
#ifndef PACKSEQ_CLI_MODEL_FILE_H
#define PACKSEQ_CLI_MODEL_FILE_H

#include "packseq/packseq.h"

// Bytes are tokens.
enum { N_TOKENS = 256, MAX_CLASSES = 1000 };

typedef struct classifier {
    psq_model *model;
    psq_session *session;
    void *weights;
    int64_t n_classes;
    char **classes;
} classifier;

// A classifier with weights that are all 0; copies the names. Returns the exit code.
int classifier_create(const psq_ctx *ctx, const psq_model_spec *spec, const char *const *classes,
                      classifier *out);
void classifier_destroy(const psq_ctx *ctx, classifier *c);

int classifier_save(const psq_ctx *ctx, const classifier *c, const char *path);
int classifier_load(const psq_ctx *ctx, const char *path, classifier *out);

#endif
