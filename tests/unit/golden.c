// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// Reads a whole golden file and indexes it: tensors in file order, and for each case the number of
// its first one. Data are used where they lie; records are padded so that they are aligned there.
// Only little-endian machines read them, as only those write safetensors.
#include "golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct record {
    char name[24];
    uint32_t dtype;
    uint32_t n_dims;
    int64_t dims[4];
} record;

struct golden {
    char *bytes;
    size_t size;
    psq_tensor *tensors;
    int64_t n_tensors;
    char (*titles)[64];
    int64_t *first; // [n_cases + 1]
    int64_t n_cases;
};

static void read_bytes(golden *file, const char *path) {
    FILE *const stream = fopen(path, "rb");
    if (stream == NULL) {
        fail_msg("cannot open %s", path);
    }
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    file->size = (size_t)ftell(stream);
    rewind(stream);
    file->bytes = malloc(file->size);
    assert_non_null(file->bytes);
    assert_int_equal(fread(file->bytes, 1, file->size, stream), file->size);
    fclose(stream);
}

// The tensor at *at, which moves behind it.
static psq_tensor parse(golden *file, size_t *at) {
    record *const head = (record *)(void *)(file->bytes + *at);
    assert_true(file->size - *at >= sizeof *head);
    assert_true(memchr(head->name, '\0', sizeof head->name) != NULL && head->n_dims <= 4);
    psq_tensor tensor = {.name = head->name,
                         .dtype = (psq_dtype)head->dtype,
                         .n_dims = (int32_t)head->n_dims,
                         .data = head + 1};
    memcpy(tensor.dims, head->dims, sizeof head->dims);
    const size_t bytes = (size_t)golden_size(&tensor) * psq_dtype_size(tensor.dtype);
    *at += sizeof *head + (bytes + 7) / 8 * 8;
    assert_true(*at <= file->size);
    return tensor;
}

static void add_case(golden *file, const psq_tensor *tensor) {
    const size_t n = (size_t)file->n_cases + 1;
    file->titles = realloc(file->titles, n * sizeof *file->titles);
    file->first = realloc(file->first, (n + 1) * sizeof *file->first);
    assert_non_null(file->titles);
    assert_non_null(file->first);
    const int64_t length = golden_size(tensor);
    assert_in_range(length, 1, sizeof file->titles[0] - 1);
    memcpy(file->titles[file->n_cases], tensor->data, (size_t)length);
    file->titles[file->n_cases][length] = '\0';
    file->first[file->n_cases++] = file->n_tensors;
}

golden *golden_open(const char *path) {
    golden *const file = calloc(1, sizeof *file);
    assert_non_null(file);
    read_bytes(file, path);
    file->tensors = calloc(file->size / sizeof(record), sizeof *file->tensors);
    assert_non_null(file->tensors);
    for (size_t at = 0; at < file->size; file->n_tensors++) {
        file->tensors[file->n_tensors] = parse(file, &at);
        if (strcmp(file->tensors[file->n_tensors].name, "case") == 0) {
            add_case(file, &file->tensors[file->n_tensors]);
        }
    }
    assert_true(file->n_cases > 0);
    file->first[file->n_cases] = file->n_tensors;
    return file;
}

void golden_close(golden *file) {
    free(file->first);
    free(file->titles);
    free(file->tensors);
    free(file->bytes);
    free(file);
}

int64_t golden_n_cases(const golden *file) {
    return file->n_cases;
}

const char *golden_title(const golden *file, int64_t index) {
    return file->titles[index];
}

const psq_tensor *golden_find(const golden *file, int64_t index, const char *name) {
    for (int64_t i = file->first[index]; i < file->first[index + 1]; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}

static const void *need(const golden *file, int64_t index, const char *name, psq_dtype dtype) {
    const psq_tensor *const tensor = golden_find(file, index, name);
    if (tensor == NULL || tensor->dtype != dtype) {
        fail_msg("%s: no array %s of this type", golden_title(file, index), name);
        return NULL;
    }
    return tensor->data;
}

const float *golden_f32(const golden *file, int64_t index, const char *name) {
    return need(file, index, name, PSQ_F32);
}

const double *golden_f64(const golden *file, int64_t index, const char *name) {
    return need(file, index, name, PSQ_F64);
}

const int64_t *golden_i64(const golden *file, int64_t index, const char *name) {
    return need(file, index, name, PSQ_I64);
}

int64_t golden_size(const psq_tensor *tensor) {
    int64_t n = 1;
    for (int32_t i = 0; i < tensor->n_dims; i++) {
        n *= tensor->dims[i];
    }
    return n;
}

double golden_check(const char *title, const char *name, psq_dtype dtype, const void *actual,
                    const float *expected, int64_t n, double floor, double tolerance) {
    double scale = floor, worst = 0.0;
    for (int64_t i = 0; i < n; i++) {
        scale = fmax(scale, fabs((double)expected[i]));
    }
    for (int64_t i = 0; i < n; i++) {
        const double value =
            dtype == PSQ_F32 ? (double)((const float *)actual)[i] : ((const double *)actual)[i];
        const double distance = fabs(value - (double)expected[i]);
        if (!(distance <= tolerance * scale)) { // a NaN is no match
            fail_msg("%s: %s[%lld] is %.9g, torch has %.9g, largest %.3g", title, name,
                     (long long)i, value, (double)expected[i], scale);
        }
        worst = fmax(worst, distance);
    }
    return scale > 0.0 ? worst / scale : 0.0;
}
