// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pack_data.h: the batch that `packseq pack` reads and writes, whatever it came from.
#ifndef PACKSEQ_CLI_PACK_DATA_H
#define PACKSEQ_CLI_PACK_DATA_H

#include "packseq/packseq.h"

#include <jansson.h>

typedef struct pack_data {
    psq_layout *layout;
    psq_storage storage; // of the rows
    psq_tensor row;      // dtype and dims of one row; no name and no data
    const void *rows;    // [rows of the storage][row_bytes], borrowed from one of the below
    size_t row_bytes;
    const int32_t *labels; // [B], borrowed too; NULL: none
    json_t *label_names;   // array of strings, by label; NULL: none
    psq_text *text;
    psq_series *series;
    psq_safetensors *file;
    void *own_rows;
    int32_t *own_labels;
} pack_data;

// Readers, into a zeroed struct. They return the exit code; pack_data_free takes what they leave in
// any case. Text comes from data_source.h: pack_data_from_text gives the text to the batch.
int pack_data_from_text(const psq_ctx *ctx, psq_text *text, pack_data *out);
int pack_data_from_jsonl(const psq_ctx *ctx, int64_t max_length, int n_files, char **files,
                         pack_data *out);
void pack_data_free(pack_data *data);

// A safetensors file with one ragged batch: in, and out as jagged or packed rows. Its metadata:
#define PACK_VERSION_KEY "packseq.ragged"
#define PACK_VERSION "1"
#define PACK_ORDER_KEY "packseq.order"   // psq_order_name
#define PACK_LABELS_KEY "packseq.labels" // label_names as JSON
int pack_data_from_file(const psq_ctx *ctx, const char *path, pack_data *out);
int pack_data_write(const psq_ctx *ctx, const pack_data *data, psq_order order, const char *path);

#endif
