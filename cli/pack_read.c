// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pack_read.c: safetensors files that hold one ragged batch. One tensor of integers says where rows
// lie: offsets (jagged), batch_sizes (packed, as torch's PackedSequence) or lengths (padded, batch
// first); another one, values or data, has the rows. Files come from anybody: every count is held
// against what the file has before it is used, and rows without bytes are refused, because only
// bytes bound how many rows there can be.
#include "pack_data.h"

#include "cli.h"
#include "json_out.h"

#include <inttypes.h>
#include <string.h>

typedef struct reader {
    const psq_ctx *ctx;
    const char *path;
    pack_data *data;
    const psq_tensor *values; // [N][...], or [B][S][...]
} reader;

// Integers of a file, as int64_t whatever they were.
typedef struct ints {
    bool there;
    const int64_t *items;
    int64_t n;
    int64_t *own;
} ints;

// Integers of a tensor of one dimension, if it is there; own is freed in any case.
static int read_ints(const reader *r, const char *name, ints *out) {
    const psq_tensor *const tensor = psq_safetensors_find(r->data->file, name);
    *out = (ints){tensor != NULL, NULL, 0, NULL};
    if (!tensor) {
        return EXIT_SUCCESS;
    }
    if (tensor->n_dims != 1 || (tensor->dtype != PSQ_I64 && tensor->dtype != PSQ_I32)) {
        return fail_data("%s: %s is %s with %d dimensions, must be I64 or I32 with 1", r->path,
                         name, psq_dtype_name(tensor->dtype), (int)tensor->n_dims);
    }
    out->n = tensor->dims[0];
    out->items = tensor->data;
    if (tensor->dtype == PSQ_I32) {
        const int32_t *const items = tensor->data;
        out->own = cli_alloc((size_t)out->n, sizeof(*out->own));
        for (int64_t i = 0; i < out->n; i++) {
            out->own[i] = items[i];
        }
        out->items = out->own;
    }
    return EXIT_SUCCESS;
}

// The rows' tensor, and what a row is: its dimensions behind the first `n_outer`.
static int read_values(reader *r, int32_t n_outer) {
    const psq_tensor *const values = psq_safetensors_find(r->data->file, "values");
    const psq_tensor *const rows = psq_safetensors_find(r->data->file, "data");
    if (!values == !rows) {
        return fail_data("%s: must have one of the tensors values and data, has %s", r->path,
                         values ? "both" : "neither");
    }
    r->values = values ? values : rows;
    if (r->values->n_dims < n_outer) {
        return fail_data("%s: %s has %d dimensions, must have at least %d", r->path,
                         r->values->name, (int)r->values->n_dims, (int)n_outer);
    }
    psq_tensor *const row = &r->data->row;
    row->dtype = r->values->dtype;
    row->n_dims = r->values->n_dims - n_outer;
    r->data->row_bytes = psq_dtype_size(row->dtype);
    for (int32_t i = 0; i < row->n_dims; i++) {
        row->dims[i] = r->values->dims[n_outer + i];
        if (row->dims[i] == 0 || (uint64_t)row->dims[i] > SIZE_MAX / r->data->row_bytes) {
            return fail_data("%s: dimension %d of %s is %" PRId64
                             ", a row must have at least 1 byte and at most %zu",
                             r->path, (int)(n_outer + i), r->values->name, row->dims[i], SIZE_MAX);
        }
        r->data->row_bytes *= (size_t)row->dims[i];
    }
    r->data->rows = r->values->data;
    return EXIT_SUCCESS;
}

static int read_jagged(reader *r, const ints *offsets) {
    psq_error err;
    const int code = read_values(r, 1);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    if (offsets->n == 0) {
        return fail_data("%s: offsets has 0 elements, must have one more than sequences", r->path);
    }
    const int64_t end = offsets->items[offsets->n - 1];
    if (end != r->values->dims[0]) { // before a layout is made of what no row stands behind
        return fail_data("%s: offsets end at %" PRId64 ", %s has %" PRId64 " rows", r->path, end,
                         r->values->name, r->values->dims[0]);
    }
    if (psq_layout_from_offsets(r->ctx, offsets->items, offsets->n - 1, &r->data->layout, &err) !=
        PSQ_OK) {
        return fail_file(r->path, &err);
    }
    r->data->storage = (psq_storage){PSQ_JAGGED, false, 0};
    return EXIT_SUCCESS;
}

// sorted[r] from unsorted, which psq_layout_from_batch_sizes then checks to be a permutation.
static int invert(const reader *r, const ints *unsorted, int64_t *sorted) {
    memset(sorted, 0xff, (size_t)unsorted->n * sizeof(*sorted)); // -1: nobody's
    for (int64_t b = 0; b < unsorted->n; b++) {
        const int64_t rank = unsorted->items[b];
        if (rank < 0 || rank >= unsorted->n || sorted[rank] >= 0) {
            return fail_data("%s: unsorted_indices[%" PRId64 "] is %" PRId64
                             ", must be a permutation of 0 to %" PRId64,
                             r->path, b, rank, unsorted->n - 1);
        }
        sorted[rank] = b;
    }
    return EXIT_SUCCESS;
}

static int check_inverse(const reader *r, const ints *sorted, const int64_t *inverted, int64_t n) {
    if (sorted->n != n) {
        return fail_data("%s: sorted_indices has %" PRId64
                         " elements, unsorted_indices has %" PRId64,
                         r->path, sorted->n, n);
    }
    for (int64_t i = 0; i < n; i++) {
        if (sorted->items[i] != inverted[i]) {
            return fail_data("%s: sorted_indices[%" PRId64 "] is %" PRId64
                             ", unsorted_indices says %" PRId64,
                             r->path, i, sorted->items[i], inverted[i]);
        }
    }
    return EXIT_SUCCESS;
}

// *n_seq and *indices, NULL: the order of ranks. *own is freed in any case.
static int choose_indices(const reader *r, const ints *batch_sizes, const ints *sorted,
                          const ints *unsorted, const int64_t **indices, int64_t *n_seq,
                          int64_t **own) {
    *indices = sorted->there ? sorted->items : NULL;
    *n_seq = sorted->n;
    if (unsorted->there) {
        *own = cli_alloc((size_t)unsorted->n, sizeof(**own));
        const int code = invert(r, unsorted, *own);
        if (code != EXIT_SUCCESS || sorted->there) {
            return code != EXIT_SUCCESS ? code : check_inverse(r, sorted, *own, unsorted->n);
        }
        *indices = *own;
        *n_seq = unsorted->n;
    } else if (!sorted->there) {
        *n_seq = batch_sizes->n > 0 ? batch_sizes->items[0] : 0;
    }
    return EXIT_SUCCESS;
}

// Before the library sees them, which would call a sum that overflows a want of memory.
static int check_batch_sizes(const reader *r, const ints *batch_sizes) {
    const int64_t n_rows = r->values->dims[0];
    int64_t left = n_rows;
    for (int64_t t = 0; t < batch_sizes->n; t++) {
        const int64_t size = batch_sizes->items[t];
        if (size < 1 || size > left) {
            return fail_data(
                "%s: batch_sizes[%" PRId64 "] is %" PRId64
                ", must be at least 1 and at most the rows of %s that are left, %" PRId64,
                r->path, t, size, r->values->name, left);
        }
        left -= size;
    }
    return left == 0 ? EXIT_SUCCESS
                     : fail_data("%s: batch_sizes sum to %" PRId64 ", %s has %" PRId64 " rows",
                                 r->path, n_rows - left, r->values->name, n_rows);
}

static int make_packed(reader *r, const ints *batch_sizes, const ints *sorted,
                       const ints *unsorted) {
    psq_error err;
    int64_t *own = NULL;
    const int64_t *indices = NULL;
    int64_t n_seq = 0;
    int code = check_batch_sizes(r, batch_sizes);
    if (code == EXIT_SUCCESS) {
        code = choose_indices(r, batch_sizes, sorted, unsorted, &indices, &n_seq, &own);
    }
    if (code == EXIT_SUCCESS &&
        psq_layout_from_batch_sizes(r->ctx, batch_sizes->items, batch_sizes->n, indices, n_seq,
                                    r->values->dims[0], &r->data->layout, &err) != PSQ_OK) {
        code = fail_file(r->path, &err);
    }
    r->data->storage = (psq_storage){PSQ_PACKED, false, 0};
    free(own);
    return code;
}

static int read_packed(reader *r, const ints *batch_sizes) {
    ints sorted = {.there = false};
    ints unsorted = {.there = false};
    int code = read_values(r, 1);
    if (code == EXIT_SUCCESS) {
        code = read_ints(r, "sorted_indices", &sorted);
    }
    if (code == EXIT_SUCCESS) {
        code = read_ints(r, "unsorted_indices", &unsorted);
    }
    if (code == EXIT_SUCCESS) {
        code = make_packed(r, batch_sizes, &sorted, &unsorted);
    }
    free(sorted.own);
    free(unsorted.own);
    return code;
}

static int read_padded(reader *r, const ints *lengths) {
    psq_error err;
    const int code = read_values(r, 2);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    if (lengths->n != r->values->dims[0]) {
        return fail_data("%s: lengths has %" PRId64 " elements, %s has %" PRId64 " sequences",
                         r->path, lengths->n, r->values->name, r->values->dims[0]);
    }
    const int64_t n_steps = r->values->dims[1];
    for (int64_t b = 0; b < lengths->n; b++) {
        if (lengths->items[b] > n_steps) {
            return fail_data("%s: lengths[%" PRId64 "] is %" PRId64 ", %s has %" PRId64 " steps",
                             r->path, b, lengths->items[b], r->values->name, n_steps);
        }
    }
    if (psq_layout_from_lengths(r->ctx, lengths->items, lengths->n, &r->data->layout, &err) !=
        PSQ_OK) {
        return fail_file(r->path, &err);
    }
    r->data->storage = (psq_storage){PSQ_PADDED_BATCH, false, n_steps};
    return EXIT_SUCCESS;
}

// ---- labels

static int read_label_names(const reader *r) {
    const char *const text = psq_safetensors_get(r->data->file, PACK_LABELS_KEY);
    if (!text) {
        return EXIT_SUCCESS;
    }
    json_t *const names = json_loads(text, 0, NULL);
    r->data->label_names = names;
    bool good = json_is_array(names);
    for (size_t i = 0; good && i < json_array_size(names); i++) {
        good = json_is_string(json_array_get(names, i));
    }
    return good ? EXIT_SUCCESS
                : fail_data("%s: the metadata %s is no list of strings", r->path, PACK_LABELS_KEY);
}

static int take_labels(const reader *r, const ints *labels) {
    const int64_t n_seq = psq_layout_n_seq(r->data->layout);
    const bool named = r->data->label_names;
    const int64_t most = named ? (int64_t)json_array_size(r->data->label_names) - 1 : INT32_MAX;
    if (labels->n != n_seq) {
        return fail_data("%s: labels has %" PRId64 " elements, there are %" PRId64 " sequences",
                         r->path, labels->n, n_seq);
    }
    r->data->own_labels = cli_alloc((size_t)n_seq, sizeof(int32_t));
    for (int64_t b = 0; b < n_seq; b++) {
        const int64_t label = labels->items[b];
        if (label < (named ? -1 : INT32_MIN) || label > most) {
            return fail_data("%s: labels[%" PRId64 "] is %" PRId64 ", must be at most %" PRId64
                             " and at least %d",
                             r->path, b, label, most, named ? -1 : INT32_MIN);
        }
        r->data->own_labels[b] = (int32_t)label;
    }
    r->data->labels = r->data->own_labels;
    return EXIT_SUCCESS;
}

static int read_labels(const reader *r) {
    ints labels;
    int code = read_ints(r, "labels", &labels);
    if (code == EXIT_SUCCESS && labels.there) {
        code = read_label_names(r);
    }
    if (code == EXIT_SUCCESS && labels.there) {
        code = take_labels(r, &labels);
    }
    free(labels.own);
    return code;
}

// ---- what the file is

static int check_version(const reader *r) {
    const char *const version = psq_safetensors_get(r->data->file, PACK_VERSION_KEY);
    if (version && strcmp(version, PACK_VERSION) != 0) {
        return fail_data("%s: %s is '%.20s', this version reads '%s'", r->path, PACK_VERSION_KEY,
                         version, PACK_VERSION);
    }
    return EXIT_SUCCESS;
}

// What is no part of a batch is not carried along; silence would hide that.
static void say_left_out(const reader *r) {
    static const char *const known[] = {"offsets", "batch_sizes",    "lengths",          "values",
                                        "data",    "sorted_indices", "unsorted_indices", "labels"};
    const psq_tensor *const tensors = psq_safetensors_tensors(r->data->file);
    for (int64_t i = 0; i < psq_safetensors_n_tensors(r->data->file); i++) {
        size_t k = 0;
        while (k < sizeof(known) / sizeof(known[0]) && strcmp(tensors[i].name, known[k]) != 0) {
            k++;
        }
        if (k == sizeof(known) / sizeof(known[0])) {
            say("%s: '%.60s' is no part of a batch and left out", r->path, tensors[i].name);
        }
    }
}

typedef struct order_row {
    const char *index; // the tensor that tells it
    int (*read)(reader *r, const ints *index);
} order_row;

static const order_row orders[] = {
    {"offsets", read_jagged}, {"batch_sizes", read_packed}, {"lengths", read_padded}};
enum { N_ORDERS = sizeof(orders) / sizeof(orders[0]) };

static int find_order(const reader *r, const order_row **out) {
    *out = NULL;
    for (size_t i = 0; i < N_ORDERS; i++) {
        if (!psq_safetensors_find(r->data->file, orders[i].index)) {
            continue;
        }
        if (*out) {
            return fail_data("%s: has the tensors %s and %s, must have one of them", r->path,
                             (*out)->index, orders[i].index);
        }
        *out = &orders[i];
    }
    return *out ? EXIT_SUCCESS
                : fail_data("%s: must have one of the tensors offsets (jagged), batch_sizes "
                            "(packed) and lengths (padded), has none",
                            r->path);
}

int pack_data_from_file(const psq_ctx *ctx, const char *path, pack_data *out) {
    psq_error err;
    if (psq_safetensors_read(ctx, path, &out->file, &err) != PSQ_OK) {
        return fail_error(&err);
    }
    reader r = {ctx, path, out, NULL};
    const order_row *order = NULL;
    ints index = {.there = false};
    int code = check_version(&r);
    if (code == EXIT_SUCCESS) {
        code = find_order(&r, &order);
    }
    if (code == EXIT_SUCCESS) {
        code = read_ints(&r, order->index, &index);
    }
    if (code == EXIT_SUCCESS) {
        code = order->read(&r, &index);
    }
    if (code == EXIT_SUCCESS) {
        code = read_labels(&r);
    }
    if (code == EXIT_SUCCESS) {
        say_left_out(&r);
    }
    free(index.own);
    return code;
}
