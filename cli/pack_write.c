// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pack_write.c: a batch as a safetensors file with the tensors that others know: values and offsets
// of nested tensors, or what torch's PackedSequence has. The bytes depend on the batch alone.
#include "pack_data.h"

#include "cli.h"

// What is written, gathered.
typedef struct writer {
    const pack_data *data;
    psq_tensor tensors[5];
    int64_t n_tensors;
    psq_pair pairs[3];
    int64_t n_pairs;
} writer;

// Tensors are only read from here on, psq_tensor has no pointer to const.
static void put_ints(writer *w, const char *name, psq_dtype dtype, const void *items, int64_t n) {
    w->tensors[w->n_tensors++] = (psq_tensor){name, dtype, 1, {n}, (void *)items};
}

static void put_rows(writer *w, const char *name, const void *rows) {
    psq_tensor *const tensor = &w->tensors[w->n_tensors++];
    const psq_tensor *const row = &w->data->row;
    *tensor = (psq_tensor){.name = name, .dtype = row->dtype, .data = (void *)rows};
    tensor->n_dims = row->n_dims + 1;
    tensor->dims[0] = psq_layout_n_rows(w->data->layout);
    for (int32_t i = 0; i < row->n_dims; i++) {
        tensor->dims[i + 1] = row->dims[i];
    }
}

static void put_layout(writer *w, psq_order order) {
    const psq_layout *const l = w->data->layout;
    const int64_t n_seq = psq_layout_n_seq(l);
    if (order == PSQ_JAGGED) {
        put_ints(w, "offsets", PSQ_I64, psq_layout_offsets(l), n_seq + 1);
    } else {
        put_ints(w, "batch_sizes", PSQ_I64, psq_layout_batch_sizes(l), psq_layout_n_steps(l));
        put_ints(w, "sorted_indices", PSQ_I64, psq_layout_sorted_indices(l), n_seq);
        put_ints(w, "unsorted_indices", PSQ_I64, psq_layout_unsorted_indices(l), n_seq);
    }
}

static char *names_text(const json_t *names) {
    char *const text = json_dumps(names, JSON_COMPACT);
    if (!text) {
        cli_no_memory();
    }
    return text;
}

static int write_rows(const psq_ctx *ctx, const pack_data *data, psq_order order, const void *rows,
                      const char *path) {
    psq_error err;
    writer w = {.data = data};
    put_rows(&w, order == PSQ_JAGGED ? "values" : "data", rows);
    put_layout(&w, order);
    w.pairs[w.n_pairs++] = (psq_pair){PACK_VERSION_KEY, PACK_VERSION};
    w.pairs[w.n_pairs++] = (psq_pair){PACK_ORDER_KEY, psq_order_name(order)};
    char *text = NULL;
    if (data->labels) {
        put_ints(&w, "labels", PSQ_I32, data->labels, psq_layout_n_seq(data->layout));
    }
    if (data->labels && data->label_names) {
        text = names_text(data->label_names);
        w.pairs[w.n_pairs++] = (psq_pair){PACK_LABELS_KEY, text};
    }
    const psq_status status =
        psq_safetensors_write(ctx, path, w.tensors, w.n_tensors, w.pairs, w.n_pairs, &err);
    free(text);
    if (status == PSQ_INVALID) { // the only thing that may be too large
        return fail_data("%s: the names of %zu labels are too long together: %s", path,
                         json_array_size(data->label_names), err.text);
    }
    return status == PSQ_OK ? EXIT_SUCCESS : fail_error(&err);
}

int pack_data_write(const psq_ctx *ctx, const pack_data *data, psq_order order, const char *path) {
    psq_error err;
    if (data->storage.order == order) {
        return write_rows(ctx, data, order, data->rows, path);
    }
    const int64_t n_rows = psq_layout_n_rows(data->layout);
    const psq_storage to = {order, false, 0};
    void *const rows = cli_alloc((size_t)n_rows * data->row_bytes, 1);
    const psq_status status = psq_convert(data->layout, data->storage, data->rows, to, rows,
                                          data->row_bytes, (psq_fill){NULL, 0}, &err);
    const int code = status == PSQ_OK ? write_rows(ctx, data, order, rows, path) : fail_error(&err);
    free(rows);
    return code;
}
