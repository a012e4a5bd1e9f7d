// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// safetensors_write.c: everything is checked, then the header is written twice by the same code,
// once to count its bytes and once into memory of that size. The bytes follow from the arguments
// alone: what has no order (metadata, tensors) is sorted. Nothing is written that safetensors_read
// would refuse.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/file.h"
#include "base/size.h"
#include "io/names.h"
#include "io/safetensors.h"
#include "packseq/io.h"

typedef struct writer {
    const psq_ctx *ctx;
    const psq_tensor *tensors; // the caller's
    const psq_pair *metadata;
    int64_t n_tensors, n_metadata;
    const psq_tensor **by_place; // [n_tensors], in the order of the data
    const psq_pair **by_key;     // [n_metadata]
    psq_chunk *chunks;           // [1 + n_tensors]
    char *header;
    psq_error *err;
} writer;

// Text that is written, or only counted while `base` is NULL.
typedef struct text {
    char *base;
    size_t used;
} text;

static void put(text *t, const char *bytes, size_t size) {
    if (t->base != NULL) {
        memcpy(t->base + t->used, bytes, size);
    }
    t->used = psq_size_add(t->used, size);
}

static void put_mark(text *t, const char *mark) {
    put(t, mark, strlen(mark));
}

// A JSON string: only what JSON demands is escaped.
static void put_string(text *t, const char *string) {
    put_mark(t, "\"");
    for (const char *at = string; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            put_mark(t, "\\");
        }
        if ((unsigned char)*at < 0x20) {
            char escape[7];
            (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*at);
            put_mark(t, escape);
        } else {
            put(t, at, 1);
        }
    }
    put_mark(t, "\"");
}

static void put_integer(text *t, uint64_t value) {
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    put_mark(t, digits);
}

// ---- checks

static size_t tensor_bytes(const psq_tensor *tensor) {
    size_t bytes = psq_dtype_size(tensor->dtype);
    for (int32_t i = 0; i < tensor->n_dims; i++) {
        bytes = psq_size_of(tensor->dims[i], bytes);
    }
    return bytes;
}

static psq_status check_name(const char *array, int64_t index, const char *field, const char *name,
                             psq_error *err) {
    const long long i = index;
    PSQ_REQUIRE(err, name != NULL, PSQ_INVALID, "%s[%lld].%s is NULL", array, i, field);
    const char *const fault = psq_name_fault(name, strlen(name));
    PSQ_REQUIRE(err, fault == NULL, PSQ_INVALID, "%s[%lld].%s %s", array, i, field, fault);
    PSQ_REQUIRE(err, strcmp(name, PSQ_ST_METADATA) != 0, PSQ_INVALID,
                "%s[%lld].%s is " PSQ_ST_METADATA ", which the format keeps for itself", array, i,
                field);
    return PSQ_OK;
}

static psq_status check_tensor(const psq_tensor *tensor, int64_t index, psq_error *err) {
    const long long i = index;
    PSQ_TRY(check_name("tensors", index, "name", tensor->name, err));
    PSQ_REQUIRE(err, psq_dtype_size(tensor->dtype) > 0, PSQ_INVALID,
                "tensors[%lld].dtype is %d, must be below %d", i, (int)tensor->dtype, PSQ_N_DTYPE);
    PSQ_REQUIRE(err, tensor->n_dims >= 0 && tensor->n_dims <= PSQ_MAX_DIMS, PSQ_INVALID,
                "tensors[%lld].n_dims is %d, must be 0 to %d", i, (int)tensor->n_dims,
                PSQ_MAX_DIMS);
    for (int32_t k = 0; k < tensor->n_dims; k++) {
        PSQ_REQUIRE(err, tensor->dims[k] >= 0, PSQ_INVALID,
                    "tensors[%lld].dims[%d] is %lld, must be at least 0", i, (int)k,
                    (long long)tensor->dims[k]);
    }
    const size_t bytes = tensor_bytes(tensor);
    PSQ_REQUIRE(err, bytes != SIZE_MAX, PSQ_INVALID,
                "tensors[%lld]: the size of \"%.*s\" overflows", i, psq_name_shown(tensor->name),
                tensor->name);
    PSQ_REQUIRE(err, tensor->data != NULL || bytes == 0, PSQ_INVALID,
                "tensors[%lld].data is NULL, \"%.*s\" has %zu bytes", i,
                psq_name_shown(tensor->name), tensor->name, bytes);
    return PSQ_OK;
}

static psq_status check_pair(const psq_pair *pair, int64_t index, psq_error *err) {
    const long long i = index;
    PSQ_TRY(check_name("metadata", index, "key", pair->key, err));
    PSQ_REQUIRE(err, pair->value != NULL, PSQ_INVALID, "metadata[%lld].value is NULL", i);
    const size_t size = strlen(pair->value);
    PSQ_REQUIRE(err, psq_utf8_prefix(pair->value, size) == size, PSQ_INVALID,
                "metadata[%lld].value is no UTF-8", i);
    return PSQ_OK;
}

static psq_status check_arguments(const writer *w) {
    PSQ_REQUIRE(w->err, w->n_tensors >= 0 && w->n_tensors <= PSQ_ST_MAX_TENSORS, PSQ_INVALID,
                "n_tensors is %lld, must be 0 to %d", (long long)w->n_tensors, PSQ_ST_MAX_TENSORS);
    PSQ_REQUIRE(w->err, w->tensors != NULL || w->n_tensors == 0, PSQ_INVALID,
                "tensors is NULL, n_tensors is %lld", (long long)w->n_tensors);
    PSQ_REQUIRE(w->err, w->n_metadata >= 0 && w->n_metadata <= PSQ_ST_MAX_METADATA, PSQ_INVALID,
                "n_metadata is %lld, must be 0 to %d", (long long)w->n_metadata,
                PSQ_ST_MAX_METADATA);
    PSQ_REQUIRE(w->err, w->metadata != NULL || w->n_metadata == 0, PSQ_INVALID,
                "metadata is NULL, n_metadata is %lld", (long long)w->n_metadata);
    size_t total = 0;
    for (int64_t i = 0; i < w->n_tensors; i++) {
        const psq_tensor *const tensor = &w->tensors[i];
        PSQ_TRY(check_tensor(tensor, i, w->err));
        total = psq_size_add(total, tensor_bytes(tensor));
        PSQ_REQUIRE(w->err, total <= INT64_MAX, PSQ_INVALID,
                    "tensors[%lld]: the data up to \"%.*s\" overflow", (long long)i,
                    psq_name_shown(tensor->name), tensor->name);
    }
    for (int64_t i = 0; i < w->n_metadata; i++) {
        PSQ_TRY(check_pair(&w->metadata[i], i, w->err));
    }
    return PSQ_OK;
}

// ---- order

// Equal names keep the caller's order, so that errors name the later one.
static int compare_tensors(const void *a, const void *b) {
    const psq_tensor *const x = *(const psq_tensor *const *)a;
    const psq_tensor *const y = *(const psq_tensor *const *)b;
    const int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x > y) - (x < y);
}

static int compare_places(const void *a, const void *b) {
    const size_t x = psq_dtype_size((*(const psq_tensor *const *)a)->dtype);
    const size_t y = psq_dtype_size((*(const psq_tensor *const *)b)->dtype);
    return x != y ? (x < y ? 1 : -1) : compare_tensors(a, b);
}

static int compare_keys(const void *a, const void *b) {
    const psq_pair *const x = *(const psq_pair *const *)a;
    const psq_pair *const y = *(const psq_pair *const *)b;
    const int order = strcmp(x->key, y->key);
    return order != 0 ? order : (x > y) - (x < y);
}

static psq_status order_tensors(writer *w) {
    for (int64_t i = 0; i < w->n_tensors; i++) {
        w->by_place[i] = &w->tensors[i];
    }
    qsort((void *)w->by_place, (size_t)w->n_tensors, sizeof *w->by_place, compare_tensors);
    for (int64_t i = 1; i < w->n_tensors; i++) {
        const psq_tensor *const x = w->by_place[i - 1], *const y = w->by_place[i];
        PSQ_REQUIRE(w->err, strcmp(x->name, y->name) != 0, PSQ_INVALID,
                    "tensors[%lld].name is \"%.*s\", as tensors[%lld].name",
                    (long long)(y - w->tensors), psq_name_shown(y->name), y->name,
                    (long long)(x - w->tensors));
    }
    qsort((void *)w->by_place, (size_t)w->n_tensors, sizeof *w->by_place, compare_places);
    return PSQ_OK;
}

static psq_status order_metadata(writer *w) {
    for (int64_t i = 0; i < w->n_metadata; i++) {
        w->by_key[i] = &w->metadata[i];
    }
    qsort((void *)w->by_key, (size_t)w->n_metadata, sizeof *w->by_key, compare_keys);
    for (int64_t i = 1; i < w->n_metadata; i++) {
        const psq_pair *const x = w->by_key[i - 1], *const y = w->by_key[i];
        PSQ_REQUIRE(w->err, strcmp(x->key, y->key) != 0, PSQ_INVALID,
                    "metadata[%lld].key is \"%.*s\", as metadata[%lld].key",
                    (long long)(y - w->metadata), psq_name_shown(y->key), y->key,
                    (long long)(x - w->metadata));
    }
    return PSQ_OK;
}

// ---- the header

static void put_tensor(text *t, const psq_tensor *tensor, size_t begin, size_t end) {
    put_string(t, tensor->name);
    put_mark(t, ":{\"dtype\":\"");
    put_mark(t, psq_dtype_name(tensor->dtype));
    put_mark(t, "\",\"shape\":[");
    for (int32_t i = 0; i < tensor->n_dims; i++) {
        put_mark(t, i > 0 ? "," : "");
        put_integer(t, (uint64_t)tensor->dims[i]);
    }
    put_mark(t, "],\"data_offsets\":[");
    put_integer(t, begin);
    put_mark(t, ",");
    put_integer(t, end);
    put_mark(t, "]}");
}

static void put_header(text *t, const writer *w) {
    put_mark(t, "{");
    if (w->n_metadata > 0) {
        put_mark(t, "\"" PSQ_ST_METADATA "\":{");
        for (int64_t i = 0; i < w->n_metadata; i++) {
            put_mark(t, i > 0 ? "," : "");
            put_string(t, w->by_key[i]->key);
            put_mark(t, ":");
            put_string(t, w->by_key[i]->value);
        }
        put_mark(t, w->n_tensors > 0 ? "}," : "}");
    }
    size_t begin = 0;
    for (int64_t i = 0; i < w->n_tensors; i++) {
        const size_t end = psq_size_add(begin, tensor_bytes(w->by_place[i]));
        put_mark(t, i > 0 ? "," : "");
        put_tensor(t, w->by_place[i], begin, end);
        begin = end;
    }
    put_mark(t, "}");
    while ((PSQ_ST_SIZE_BYTES + t->used) % PSQ_ALIGN != 0) {
        put_mark(t, " ");
    }
}

static psq_status make_header(writer *w) {
    text t = {NULL, 0};
    put_header(&t, w);
    const size_t size = t.used;
    PSQ_REQUIRE(w->err, size <= PSQ_ST_MAX_HEADER, PSQ_INVALID,
                "the names and metadata make a header of %zu bytes, must be at most %d", size,
                PSQ_ST_MAX_HEADER);
    PSQ_TRY(psq_alloc_zero(w->ctx, (int64_t)(PSQ_ST_SIZE_BYTES + size), 1, "the header",
                           (void **)&w->header, w->err));
    for (int i = 0; i < PSQ_ST_SIZE_BYTES; i++) {
        w->header[i] = (char)(unsigned char)((uint64_t)size >> 8 * i & 0xFF);
    }
    t = (text){w->header + PSQ_ST_SIZE_BYTES, 0};
    put_header(&t, w);
    w->chunks[0] = (psq_chunk){w->header, PSQ_ST_SIZE_BYTES + size};
    return PSQ_OK;
}

static psq_status write_file(writer *w, const char *path) {
    PSQ_TRY(check_arguments(w));
    PSQ_TRY(psq_alloc_zero(w->ctx, w->n_tensors, sizeof *w->by_place, "the order of tensors",
                           (void **)&w->by_place, w->err));
    PSQ_TRY(psq_alloc_zero(w->ctx, w->n_metadata, sizeof *w->by_key, "the order of metadata",
                           (void **)&w->by_key, w->err));
    PSQ_TRY(psq_alloc_zero(w->ctx, w->n_tensors + 1, sizeof *w->chunks, "the list of tensors",
                           (void **)&w->chunks, w->err));
    PSQ_TRY(order_tensors(w));
    PSQ_TRY(order_metadata(w));
    PSQ_TRY(make_header(w));
    for (int64_t i = 0; i < w->n_tensors; i++) {
        w->chunks[1 + i] = (psq_chunk){w->by_place[i]->data, tensor_bytes(w->by_place[i])};
    }
    return psq_file_replace(w->ctx, path, w->chunks, 1 + w->n_tensors, w->err);
}

psq_status psq_safetensors_write(const psq_ctx *ctx, const char *path, const psq_tensor *tensors,
                                 int64_t n_tensors, const psq_pair *metadata, int64_t n_metadata,
                                 psq_error *err) {
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, path != NULL, PSQ_INVALID, "path is NULL");
    PSQ_REQUIRE(err, path[0] != '\0', PSQ_INVALID, "path is empty");
    PSQ_REQUIRE(err, psq_little_endian(), PSQ_UNSUPPORTED,
                "safetensors files on a big-endian machine");
    writer w = {.ctx = ctx,
                .tensors = tensors,
                .n_tensors = n_tensors,
                .metadata = metadata,
                .n_metadata = n_metadata,
                .err = err};
    const psq_status status = write_file(&w, path);
    psq_free(ctx, (void *)w.by_place);
    psq_free(ctx, (void *)w.by_key);
    psq_free(ctx, w.chunks);
    psq_free(ctx, w.header);
    return status;
}
