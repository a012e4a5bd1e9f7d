// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// safetensors_read.c: the header is checked to its end before the data is read, the data is all
// there before memory for the tensors is asked for, and nothing is read beyond what the header
// says, so that no file can ask for more than it holds. Then every tensor is copied to a multiple
// of 64 bytes: offsets in strange files need not suit the type.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/file.h"
#include "base/size.h"
#include "io/json_cut.h"
#include "io/names.h"
#include "io/safetensors.h"
#include "io/source.h"
#include "packseq/io.h"

struct psq_safetensors {
    const psq_ctx *ctx;
    int64_t n_tensors, n_metadata;
    psq_tensor *tensors; // [n_tensors], by name
    psq_pair *metadata;  // [n_metadata], by key
    char *strings;       // all names, keys and values, each with a 0 behind it
    char *data;          // each tensor at a multiple of 64 bytes
};

typedef struct extent {
    int64_t begin, end; // in the data
    int64_t tensor;     // index in the order of the header
} extent;

typedef struct reader {
    const char *file; // for errors
    psq_source source;
    psq_rope header_bytes;
    psq_span header;
    psq_rope data;
    size_t used; // of the strings
    bool has_metadata;
    extent *extents; // [n_tensors]
    psq_safetensors *out;
    psq_error *err;
} reader;

// ---- strings

// Longest JSON text of a name: every byte as \u00xx, two quotes.
enum { MAX_NAME_TEXT = 6 * PSQ_MAX_NAME + 2 };

// A piece that begins with a quote, decoded into the strings. There is room: a text is longer than
// what it stands for by its quotes at least.
static psq_status read_string(reader *r, const psq_cut *cut, psq_span text, const char **out) {
    assert(text.at[0] == '"');
    json_t *json;
    PSQ_TRY(psq_cut_parse(cut, text, &json, r->err));
    char *const copy = r->out->strings + r->used;
    memcpy(copy, json_string_value(json), json_string_length(json) + 1);
    r->used += json_string_length(json) + 1;
    *out = copy;
    json_decref(json);
    return PSQ_OK;
}

static psq_status read_name(reader *r, const psq_cut *cut, psq_span text, const char **out) {
    const char *fault = "is longer than 1024 bytes";
    if (text.size <= MAX_NAME_TEXT) {
        PSQ_TRY(read_string(r, cut, text, out));
        fault = psq_name_fault(*out, strlen(*out));
    }
    if (fault != NULL) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file, "byte %zu of the header: the name %s",
                             (size_t)(text.at - r->header.at), fault);
    }
    return PSQ_OK;
}

// ---- one tensor

#define TENSOR "tensor \"%.*s\""
#define NAME(tensor) psq_name_shown((tensor)->name), (tensor)->name

// The precision for a text that need not be a name; what could not be one is not shown.
static int shown(const char *text) {
    return psq_name_fault(text, strlen(text)) == NULL ? psq_name_shown(text) : 0;
}

static psq_status read_integer(reader *r, const psq_tensor *tensor, const char *array, size_t index,
                               const json_t *json, int64_t *out) {
    if (!json_is_integer(json)) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR ": %s[%zu] is no integer",
                             NAME(tensor), array, index);
    }
    *out = json_integer_value(json);
    if (*out < 0) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                             TENSOR ": %s[%zu] is %lld, must be at least 0", NAME(tensor), array,
                             index, (long long)*out);
    }
    return PSQ_OK;
}

static psq_status read_dtype(reader *r, psq_tensor *tensor, const json_t *json) {
    // Types that the format knows and psq_dtype does not.
    static const char *const other[] = {"F4",          "F6_E2M3",     "F6_E3M2",
                                        "F8_E5M2",     "F8_E4M3",     "F8_E8M0",
                                        "F8_E4M3FNUZ", "F8_E5M2FNUZ", "C64"};
    const char *const name = json_string_value(json);
    if (name == NULL) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR ": dtype is no string",
                             NAME(tensor));
    }
    for (int dtype = 0; dtype < PSQ_N_DTYPE; dtype++) {
        if (strcmp(name, psq_dtype_name((psq_dtype)dtype)) == 0) {
            tensor->dtype = (psq_dtype)dtype;
            return PSQ_OK;
        }
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        if (strcmp(name, other[i]) == 0) {
            return psq_file_fail(r->err, PSQ_UNSUPPORTED, r->file,
                                 TENSOR ": dtype %s is not supported", NAME(tensor), name);
        }
    }
    return psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR ": dtype \"%.*s\" is unknown",
                         NAME(tensor), shown(name), name);
}

static psq_status read_shape(reader *r, psq_tensor *tensor, const json_t *json, size_t *bytes) {
    if (!json_is_array(json)) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR ": shape is no array",
                             NAME(tensor));
    }
    const size_t n = json_array_size(json);
    if (n > PSQ_MAX_DIMS) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                             TENSOR ": shape has %zu dimensions, must be at most %d", NAME(tensor),
                             n, PSQ_MAX_DIMS);
    }
    *bytes = psq_dtype_size(tensor->dtype);
    tensor->n_dims = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        PSQ_TRY(read_integer(r, tensor, "shape", i, json_array_get(json, i), &tensor->dims[i]));
        *bytes = psq_size_of(tensor->dims[i], *bytes);
        if (*bytes == SIZE_MAX) {
            return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                                 TENSOR ": the size overflows at shape[%zu] = %lld", NAME(tensor),
                                 i, (long long)tensor->dims[i]);
        }
    }
    return PSQ_OK;
}

static psq_status read_offsets(reader *r, const psq_tensor *tensor, const json_t *json,
                               size_t bytes, extent *out) {
    if (!json_is_array(json) || json_array_size(json) != 2) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                             TENSOR ": data_offsets is no array of 2 integers", NAME(tensor));
    }
    PSQ_TRY(read_integer(r, tensor, "data_offsets", 0, json_array_get(json, 0), &out->begin));
    PSQ_TRY(read_integer(r, tensor, "data_offsets", 1, json_array_get(json, 1), &out->end));
    const long long begin = out->begin, end = out->end;
    if (begin > end) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                             TENSOR ": data_offsets begin at %lld and end before, at %lld",
                             NAME(tensor), begin, end);
    }
    if ((uint64_t)(end - begin) != bytes) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                             TENSOR ": data_offsets span %lld bytes, dtype and shape need %zu",
                             NAME(tensor), end - begin, bytes);
    }
    return PSQ_OK;
}

// The three keys of an entry; each must be there and no other.
static psq_status check_keys(reader *r, const psq_tensor *tensor, json_t *entry) {
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (json_object_get(entry, keys[i]) == NULL) {
            return psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR " has no %s", NAME(tensor),
                                 keys[i]);
        }
    }
    const char *key;
    json_t *value;
    json_object_foreach(entry, key, value) {
        if (strcmp(key, keys[0]) != 0 && strcmp(key, keys[1]) != 0 && strcmp(key, keys[2]) != 0) {
            return psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR " has an unknown key \"%.*s\"",
                                 NAME(tensor), shown(key), key);
        }
    }
    return PSQ_OK;
}

static psq_status read_fields(reader *r, json_t *entry, psq_tensor *tensor, extent *where) {
    size_t bytes;
    PSQ_TRY(check_keys(r, tensor, entry));
    PSQ_TRY(read_dtype(r, tensor, json_object_get(entry, "dtype")));
    PSQ_TRY(read_shape(r, tensor, json_object_get(entry, "shape"), &bytes));
    return read_offsets(r, tensor, json_object_get(entry, "data_offsets"), bytes, where);
}

static psq_status read_tensor(reader *r, const psq_cut *cut, psq_span text, psq_tensor *tensor,
                              extent *where) {
    if (text.at[0] != '{') {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR " is no object", NAME(tensor));
    }
    if (text.size > PSQ_ST_MAX_ENTRY) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                             TENSOR ": its entry has %zu bytes, must be at most %d", NAME(tensor),
                             text.size, PSQ_ST_MAX_ENTRY);
    }
    json_t *entry;
    PSQ_TRY(psq_cut_parse(cut, text, &entry, r->err));
    psq_status status = read_fields(r, entry, tensor, where);
    json_decref(entry);
    // jansson takes -0 for 0. No valid entry has a '-' anywhere.
    if (status == PSQ_OK && memchr(text.at, '-', text.size) != NULL) {
        status = psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR ": an integer has a sign",
                               NAME(tensor));
    }
    return status;
}

// ---- the header

static int compare_pairs(const void *a, const void *b) {
    return strcmp(((const psq_pair *)a)->key, ((const psq_pair *)b)->key);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const psq_tensor *)a)->name, ((const psq_tensor *)b)->name);
}

static int compare_extents(const void *a, const void *b) {
    const extent *const x = (const extent *)a, *const y = (const extent *)b;
    if (x->begin != y->begin) {
        return x->begin < y->begin ? -1 : 1;
    }
    return (x->end > y->end) - (x->end < y->end);
}

static void sort(void *base, int64_t count, size_t size,
                 int (*compare)(const void *, const void *)) {
    if (count > 1) {
        qsort(base, (size_t)count, size, compare);
    }
}

static psq_status count_members(const reader *r, const psq_cut *cut, int64_t most, const char *what,
                                int64_t *count) {
    PSQ_TRY(psq_cut_count(*cut, count, r->err));
    if (*count > most) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file, "%lld %s, must be at most %lld",
                             (long long)*count, what, (long long)most);
    }
    return PSQ_OK;
}

static psq_status read_metadata(reader *r, psq_span text) {
    psq_safetensors *const out = r->out;
    if (r->has_metadata) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file, "two members " PSQ_ST_METADATA);
    }
    r->has_metadata = true;
    psq_cut cut = psq_cut_object(r->file, r->header.at, text);
    int64_t count;
    PSQ_TRY(count_members(r, &cut, PSQ_ST_MAX_METADATA, "metadata", &count));
    PSQ_TRY(psq_alloc_zero(out->ctx, count, sizeof(psq_pair), "metadata", (void **)&out->metadata,
                           r->err));
    for (;;) {
        bool more;
        psq_span key, value;
        PSQ_TRY(psq_cut_next(&cut, &more, &key, &value, r->err));
        if (!more) {
            break;
        }
        psq_pair *const pair = &out->metadata[out->n_metadata++];
        PSQ_TRY(read_name(r, &cut, key, &pair->key));
        if (value.at[0] != '"') {
            return psq_file_fail(r->err, PSQ_FORMAT, r->file, "metadata \"%.*s\" is no string",
                                 psq_name_shown(pair->key), pair->key);
        }
        PSQ_TRY(read_string(r, &cut, value, &pair->value));
    }
    sort(out->metadata, count, sizeof(psq_pair), compare_pairs);
    for (int64_t i = 1; i < count; i++) {
        const char *const key = out->metadata[i].key;
        if (strcmp(out->metadata[i - 1].key, key) == 0) {
            return psq_file_fail(r->err, PSQ_FORMAT, r->file, "metadata \"%.*s\" is there twice",
                                 psq_name_shown(key), key);
        }
    }
    return PSQ_OK;
}

static psq_status read_members(reader *r, psq_cut *cut) {
    psq_safetensors *const out = r->out;
    for (;;) {
        bool more;
        psq_span key, value;
        PSQ_TRY(psq_cut_next(cut, &more, &key, &value, r->err));
        if (!more) {
            return PSQ_OK;
        }
        const char *name;
        PSQ_TRY(read_name(r, cut, key, &name));
        if (strcmp(name, PSQ_ST_METADATA) == 0) {
            PSQ_TRY(read_metadata(r, value));
        } else {
            const int64_t i = out->n_tensors++;
            out->tensors[i].name = name;
            r->extents[i].tensor = i;
            PSQ_TRY(read_tensor(r, cut, value, &out->tensors[i], &r->extents[i]));
        }
    }
}

static psq_status read_header(reader *r) {
    psq_safetensors *const out = r->out;
    psq_cut cut = psq_cut_object(r->file, r->header.at, r->header);
    int64_t count;
    PSQ_TRY(count_members(r, &cut, PSQ_ST_MAX_TENSORS + 1, "members", &count));
    PSQ_TRY(psq_alloc_zero(out->ctx, count, sizeof(psq_tensor), "tensors", (void **)&out->tensors,
                           r->err));
    PSQ_TRY(
        psq_alloc_zero(out->ctx, count, sizeof(extent), "offsets", (void **)&r->extents, r->err));
    PSQ_TRY(psq_alloc_zero(out->ctx, (int64_t)r->header.size, 1, "names", (void **)&out->strings,
                           r->err));
    PSQ_TRY(read_members(r, &cut));
    if (out->n_tensors > PSQ_ST_MAX_TENSORS) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file, "%lld tensors, must be at most %d",
                             (long long)out->n_tensors, PSQ_ST_MAX_TENSORS);
    }
    return PSQ_OK;
}

// ---- the data

// In the order of the data every tensor must begin where the one before ends. *size becomes the end
// of the last one.
static psq_status check_extents(reader *r, int64_t *size) {
    const psq_safetensors *const out = r->out;
    sort(r->extents, out->n_tensors, sizeof(extent), compare_extents);
    int64_t end = 0;
    for (int64_t i = 0; i < out->n_tensors; i++) {
        const extent *const e = &r->extents[i];
        if (e->begin != end) {
            return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                                 TENSOR " begins at %lld, the data before it ends at %lld",
                                 NAME(&out->tensors[e->tensor]), (long long)e->begin,
                                 (long long)end);
        }
        end = e->end;
    }
    *size = end;
    return PSQ_OK;
}

// The bytes behind the data that was to be the last.
static psq_status check_end(reader *r) {
    size_t more = r->source.left;
    if (r->source.file != NULL) {
        char byte;
        PSQ_TRY(psq_file_next(r->source.file, &byte, 1, &more, r->err));
    }
    if (more > 0) {
        return psq_file_fail(
            r->err, PSQ_FORMAT, r->file, "the tensors end at %zu, the file has %s%zu bytes of data",
            r->data.size, r->source.file != NULL ? "at least " : "", r->data.size + more);
    }
    return PSQ_OK;
}

// All data, and nothing behind it.
static psq_status take_data(reader *r, int64_t size) {
    PSQ_TRY(psq_source_take(&r->source, psq_size_of(size, 1), &r->data, r->err));
    for (int64_t i = 0; i < r->out->n_tensors; i++) {
        const extent *const e = &r->extents[i];
        if ((uint64_t)e->end > r->data.size) {
            return psq_file_fail(
                r->err, PSQ_FORMAT, r->file,
                TENSOR ": data_offsets end at %lld, the file has %zu bytes of data",
                NAME(&r->out->tensors[e->tensor]), (long long)e->end, r->data.size);
        }
    }
    return check_end(r);
}

static size_t padded(const extent *e) {
    return ((size_t)(e->end - e->begin) + PSQ_ALIGN - 1) / PSQ_ALIGN * PSQ_ALIGN;
}

static psq_status copy_data(reader *r) {
    psq_safetensors *const out = r->out;
    size_t total = 0;
    for (int64_t i = 0; i < out->n_tensors; i++) {
        total = psq_size_add(total, padded(&r->extents[i]));
    }
    out->data = (char *)psq_malloc(out->ctx, total);
    if (out->data == NULL) {
        return psq_file_fail(r->err, PSQ_NOMEM, r->file, "out of memory for the data: %zu bytes",
                             total);
    }
    char *at = out->data;
    for (int64_t i = 0; i < out->n_tensors; i++) {
        const extent *const e = &r->extents[i];
        out->tensors[e->tensor].data = at;
        psq_rope_copy(&r->data, (size_t)e->begin, (size_t)(e->end - e->begin), at);
        at += padded(e);
    }
    return PSQ_OK;
}

static psq_status sort_tensors(reader *r) {
    const psq_safetensors *const out = r->out;
    sort(out->tensors, out->n_tensors, sizeof(psq_tensor), compare_names);
    for (int64_t i = 1; i < out->n_tensors; i++) {
        if (strcmp(out->tensors[i - 1].name, out->tensors[i].name) == 0) {
            return psq_file_fail(r->err, PSQ_FORMAT, r->file, TENSOR " is there twice",
                                 NAME(&out->tensors[i]));
        }
    }
    return PSQ_OK;
}

// ---- the file

static psq_status take_header_size(reader *r, size_t *size) {
    psq_rope rope = {.ctx = r->out->ctx};
    unsigned char bytes[PSQ_ST_SIZE_BYTES] = {0};
    psq_status status = psq_source_take(&r->source, sizeof bytes, &rope, r->err);
    if (status == PSQ_OK && rope.size < sizeof bytes) {
        status = psq_file_fail(r->err, PSQ_FORMAT, r->file,
                               "the file has %zu bytes, the size of its header alone takes 8",
                               rope.size);
    }
    psq_rope_copy(&rope, 0, rope.size, (char *)bytes);
    psq_rope_free(&rope);
    uint64_t header = 0;
    for (int i = PSQ_ST_SIZE_BYTES - 1; i >= 0; i--) {
        header = header << 8 | bytes[i];
    }
    if (status == PSQ_OK && header > PSQ_ST_MAX_HEADER) {
        status = psq_file_fail(r->err, PSQ_FORMAT, r->file,
                               "the header has %llu bytes, must be at most %d",
                               (unsigned long long)header, PSQ_ST_MAX_HEADER);
    }
    *size = (size_t)header;
    return status;
}

static psq_status take_header(reader *r) {
    size_t size = 0;
    PSQ_TRY(take_header_size(r, &size));
    PSQ_TRY(psq_source_take(&r->source, size, &r->header_bytes, r->err));
    if (r->header_bytes.size < size) {
        return psq_file_fail(r->err, PSQ_FORMAT, r->file,
                             "the header has %zu bytes, the file only %zu behind its size", size,
                             r->header_bytes.size);
    }
    PSQ_TRY(psq_rope_join(&r->header_bytes, r->file, r->err));
    r->header = (psq_span){(const char *)r->header_bytes.pieces[0].bytes, size};
    return PSQ_OK;
}

static psq_status take_all(reader *r) {
    int64_t size = 0;
    PSQ_TRY(take_header(r));
    PSQ_TRY(read_header(r));
    psq_rope_free(&r->header_bytes); // the strings are copies
    PSQ_TRY(check_extents(r, &size));
    PSQ_TRY(take_data(r, size));
    PSQ_TRY(copy_data(r));
    return sort_tensors(r);
}

static psq_status read_source(const psq_ctx *ctx, const char *name, psq_source source,
                              psq_safetensors **out, psq_error *err) {
    psq_safetensors *file;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof *file, name, (void **)&file, err));
    file->ctx = ctx;
    reader r = {.file = name,
                .source = source,
                .header_bytes.ctx = ctx,
                .data.ctx = ctx,
                .out = file,
                .err = err};
    const psq_status status = take_all(&r);
    psq_rope_free(&r.header_bytes);
    psq_rope_free(&r.data);
    psq_free(ctx, r.extents);
    if (status == PSQ_OK) {
        *out = file;
    } else {
        psq_safetensors_destroy(file);
    }
    return status;
}

psq_status psq_safetensors_parse(const psq_ctx *ctx, const char *name, const void *bytes,
                                 size_t size, psq_safetensors **out, psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, name != NULL, PSQ_INVALID, "name is NULL");
    PSQ_REQUIRE(err, bytes != NULL || size == 0, PSQ_INVALID, "bytes is NULL, size is %zu", size);
    PSQ_REQUIRE(err, psq_little_endian(), PSQ_UNSUPPORTED,
                "safetensors files on a big-endian machine");
    return read_source(ctx, name, (psq_source){NULL, (const char *)bytes, size}, out, err);
}

psq_status psq_safetensors_read(const psq_ctx *ctx, const char *path, psq_safetensors **out,
                                psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, path != NULL, PSQ_INVALID, "path is NULL");
    PSQ_REQUIRE(err, psq_little_endian(), PSQ_UNSUPPORTED,
                "safetensors files on a big-endian machine");
    psq_file file;
    PSQ_TRY(psq_file_open(ctx, path, &file, err));
    const psq_status status = read_source(ctx, path, (psq_source){&file, NULL, 0}, out, err);
    psq_file_close(&file);
    return status;
}

void psq_safetensors_destroy(psq_safetensors *file) {
    if (file != NULL) {
        const psq_ctx *const ctx = file->ctx;
        psq_free(ctx, file->tensors);
        psq_free(ctx, file->metadata);
        psq_free(ctx, file->strings);
        psq_free(ctx, file->data);
        psq_free(ctx, file);
    }
}

// ---- what is in it

int64_t psq_safetensors_n_tensors(const psq_safetensors *file) {
    return file->n_tensors;
}

const psq_tensor *psq_safetensors_tensors(const psq_safetensors *file) {
    return file->tensors;
}

int64_t psq_safetensors_n_metadata(const psq_safetensors *file) {
    return file->n_metadata;
}

const psq_pair *psq_safetensors_metadata(const psq_safetensors *file) {
    return file->metadata;
}

const psq_tensor *psq_safetensors_find(const psq_safetensors *file, const char *name) {
    int64_t low = 0, high = file->n_tensors;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = strcmp(name, file->tensors[middle].name);
        if (order == 0) {
            return &file->tensors[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const char *psq_safetensors_get(const psq_safetensors *file, const char *key) {
    for (int64_t i = 0; i < file->n_metadata; i++) {
        if (strcmp(key, file->metadata[i].key) == 0) {
            return file->metadata[i].value;
        }
    }
    return NULL;
}
