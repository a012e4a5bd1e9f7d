// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// io.c: text and JSONL become ragged batches; named arrays go to a safetensors file and come back;
// a damaged file says what is wrong with it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packseq/io.h"

static psq_error error;

static void require(psq_status status) {
    if (status != PSQ_OK) {
        fprintf(stderr, "%s: %s\n", psq_status_name(status), error.text);
        exit(EXIT_FAILURE);
    }
}

static void read_text(const psq_ctx *ctx) {
    const char lines[] = "en\tragged\nnl\tkat\nen\tbatch\n";
    psq_text_opts opts = PSQ_TEXT_OPTS_INIT;
    opts.label = PSQ_LABEL_COLUMN;
    psq_text *text = NULL;
    require(psq_text_create(ctx, &opts, &text, &error));
    require(psq_text_add(text, "words.tsv", lines, strlen(lines), &error));
    const int64_t *const offsets = psq_text_offsets(text);
    for (int64_t b = 0; b < psq_text_n_seq(text); b++) {
        printf("sequence %lld (%s):", (long long)b,
               psq_text_label_name(text, psq_text_labels(text)[b]));
        for (int64_t i = offsets[b]; i < offsets[b + 1]; i++) {
            printf(" %d", (int)psq_text_tokens(text)[i]);
        }
        printf("\n");
    }
    psq_text_destroy(text);
}

static void read_jsonl(const psq_ctx *ctx) {
    const char lines[] = "{\"x\": [[1, 2], [3, 4.5]], \"y\": \"up\"}\n{\"x\": [[6, 5]]}\n";
    psq_series *series = NULL;
    require(psq_series_create(ctx, NULL, &series, &error));
    require(psq_series_add_jsonl(series, "series.jsonl", lines, strlen(lines), &error));
    const int64_t *const offsets = psq_series_offsets(series);
    const int64_t width = psq_series_width(series);
    const float *const values = (const float *)psq_series_values(series); // psq_series_dtype: F32
    for (int64_t b = 0; b < psq_series_n_seq(series); b++) {
        const char *const name = psq_series_label_name(series, psq_series_labels(series)[b]);
        printf("sequence %lld (%s):", (long long)b, name != NULL ? name : "no label");
        for (int64_t i = offsets[b] * width; i < offsets[b + 1] * width; i++) {
            printf(" %g", (double)values[i]);
        }
        printf("\n");
    }
    psq_series_destroy(series);
}

static void write_and_read(const psq_ctx *ctx, const char *path) {
    float weight[] = {1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F};
    const psq_tensor tensor = {"weight", PSQ_F32, 2, {2, 3}, weight};
    const psq_pair format = {"format", "pt"};
    require(psq_safetensors_write(ctx, path, &tensor, 1, &format, 1, &error));

    psq_safetensors *file = NULL;
    require(psq_safetensors_read(ctx, path, &file, &error));
    const psq_tensor *const found = psq_safetensors_find(file, "weight");
    printf("%s: %s [%lld, %lld], last %g, format %s\n", found->name, psq_dtype_name(found->dtype),
           (long long)found->dims[0], (long long)found->dims[1],
           (double)((const float *)found->data)[5], psq_safetensors_get(file, "format"));
    psq_safetensors_destroy(file);
}

int main(void) {
    psq_ctx *ctx = NULL;
    require(psq_ctx_create(NULL, &ctx, &error));
    read_text(ctx);
    read_jsonl(ctx);

    const char path[] = "example_io.safetensors";
    write_and_read(ctx, path);
    (void)remove(path);

    const char damaged[] = "\x40\0\0\0\0\0\0\0{\"weight\":";
    psq_safetensors *file = NULL;
    const psq_status status = psq_safetensors_parse(ctx, "damaged.safetensors", damaged,
                                                    sizeof damaged - 1, &file, &error);
    printf("%s: %s\n", psq_status_name(status), error.text);
    psq_ctx_destroy(ctx);
    return status == PSQ_FORMAT ? EXIT_SUCCESS : EXIT_FAILURE;
}
