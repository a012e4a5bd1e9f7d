// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pack_data.c: text and JSONL as a batch. What the library holds is borrowed; only text is copied,
// because a file has its bytes as bytes and the library as tokens of four.
#include "pack_data.h"

#include "cli.h"
#include "data_source.h"
#include "json_out.h"

#include <string.h>

void pack_data_free(pack_data *data) {
    psq_layout_destroy(data->layout);
    psq_text_destroy(data->text);
    psq_series_destroy(data->series);
    psq_safetensors_destroy(data->file);
    json_decref(data->label_names);
    free(data->own_rows);
    free(data->own_labels);
    *data = (pack_data){.layout = NULL};
}

static int make_layout(const psq_ctx *ctx, const int64_t *offsets, int64_t n_seq, pack_data *out) {
    psq_error err;
    if (psq_layout_from_offsets(ctx, offsets, n_seq, &out->layout, &err) != PSQ_OK) {
        return fail_error(&err);
    }
    out->storage = (psq_storage){PSQ_JAGGED, false, 0};
    return EXIT_SUCCESS;
}

int pack_data_from_text(const psq_ctx *ctx, psq_text *text, pack_data *out) {
    out->text = text;
    const int code = make_layout(ctx, psq_text_offsets(text), psq_text_n_seq(text), out);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    const int32_t *const tokens = psq_text_tokens(text);
    const int64_t n_rows = psq_layout_n_rows(out->layout);
    unsigned char *const rows = cli_alloc((size_t)n_rows, 1);
    for (int64_t i = 0; i < n_rows; i++) {
        rows[i] = (unsigned char)tokens[i];
    }
    out->own_rows = rows;
    out->rows = rows;
    out->row.dtype = PSQ_U8;
    out->row_bytes = 1;
    out->labels = psq_text_labels(text);
    out->label_names = json_new_array();
    for (int64_t i = 0; i < psq_text_n_labels(text); i++) {
        json_push(out->label_names, json_string(psq_text_label_name(text, i)));
    }
    return EXIT_SUCCESS;
}

// ---- JSONL

static psq_status series_add(void *self, const char *name, const char *bytes, size_t size,
                             psq_error *err) {
    return psq_series_add_jsonl(self, name, bytes, size, err);
}

static psq_status series_add_file(void *self, const char *path, psq_error *err) {
    return psq_series_add_jsonl_file(self, path, err);
}

static void take_series(const psq_series *series, pack_data *out) {
    const int64_t width = psq_series_width(series);
    out->rows = psq_series_values(series);
    out->row.dtype = psq_series_dtype(series);
    out->row.n_dims = width > 0;
    out->row.dims[0] = width;
    out->row_bytes = psq_dtype_size(out->row.dtype) * (size_t)(width > 0 ? width : 1);
    const int64_t n_labels = psq_series_n_labels(series);
    if (n_labels > 0) {
        out->labels = psq_series_labels(series);
        out->label_names = json_new_array();
    }
    for (int64_t i = 0; i < n_labels; i++) {
        json_push(out->label_names, json_string(psq_series_label_name(series, i)));
    }
}

int pack_data_from_jsonl(const psq_ctx *ctx, int64_t max_length, int n_files, char **files,
                         pack_data *out) {
    psq_error err;
    psq_series_opts opts = PSQ_SERIES_OPTS_INIT;
    opts.max_length = max_length;
    if (psq_series_create(ctx, &opts, &out->series, &err) != PSQ_OK) {
        return fail_error(&err);
    }
    const data_taker taker = {out->series, series_add, series_add_file, max_length};
    int code = data_add_files(&taker, n_files, files);
    if (code == EXIT_SUCCESS) {
        code =
            make_layout(ctx, psq_series_offsets(out->series), psq_series_n_seq(out->series), out);
    }
    if (code == EXIT_SUCCESS) {
        take_series(out->series, out);
    }
    return code;
}
