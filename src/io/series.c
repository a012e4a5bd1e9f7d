// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// series.c: sequences of numbers appended to flat arrays in jagged order, whatever format they come
// from. A call appends as it reads and, on an error, cuts the arrays back to where they were. That
// integers become floats in the middle of a call loses their last bits, so the array with the
// integers is kept until the call has succeeded.
#include "io/series.h"

#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"
#include "io/labels.h"

typedef struct array {
    void *items;
    size_t size; // bytes
} array;

struct psq_series {
    const psq_ctx *ctx;
    psq_series_opts opts;
    psq_labels names;
    psq_series_kind kind;
    int64_t width; // numbers in a row
    int64_t n_seq;
    int64_t open;   // rows of the open sequence
    array offsets;  // int64_t [n_seq + 1]
    array values;   // [offsets[n_seq]][width]
    array labels;   // int32_t [n_seq]
    array integers; // the values as the call found them; NULL unless it made floats of them
};

// What to come back to.
typedef struct mark {
    psq_series_kind kind;
    int64_t width, n_seq, n_labels;
} mark;

static const char *const kind_texts[] = {
    [PSQ_SERIES_TEXT] = "a string",
    [PSQ_SERIES_INTEGERS] = "a list of numbers",
    [PSQ_SERIES_REALS] = "a list of numbers",
    [PSQ_SERIES_VECTORS] = "a list of lists",
    [PSQ_SERIES_EMPTY] = "a list",
};

static psq_dtype dtype_of(psq_series_kind kind) {
    return kind == PSQ_SERIES_TEXT                                  ? PSQ_U8
           : kind == PSQ_SERIES_REALS || kind == PSQ_SERIES_VECTORS ? PSQ_F32
                                                                    : PSQ_I32;
}

// Room for `count` elements where `keep` are in use.
static psq_status reserve(psq_series *series, array *a, int64_t keep, int64_t count, size_t element,
                          psq_error *err) {
    return psq_grow(series->ctx, &a->items, &a->size, psq_size_of(keep, element),
                    psq_size_of(count, element), "the data set", err);
}

psq_status psq_series_create(const psq_ctx *ctx, const psq_series_opts *opts, psq_series **out,
                             psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    const psq_series_opts defaults = PSQ_SERIES_OPTS_INIT;
    const psq_series_opts *const chosen = opts != NULL ? opts : &defaults;
    PSQ_REQUIRE(err, chosen->struct_size == sizeof *chosen, PSQ_INVALID,
                "opts->struct_size is %zu, must be %zu: use PSQ_SERIES_OPTS_INIT",
                chosen->struct_size, sizeof *chosen);
    PSQ_REQUIRE(err, chosen->max_length >= 1, PSQ_INVALID,
                "opts->max_length is %lld, must be at least 1", (long long)chosen->max_length);
    psq_series *series;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof *series, "the data set", (void **)&series, err));
    series->ctx = ctx;
    series->opts = *chosen;
    series->width = 1;
    psq_status status;
    PSQ_TRY_GOTO(fail, reserve(series, &series->offsets, 0, 1, sizeof(int64_t), err));
    *(int64_t *)series->offsets.items = 0;
    PSQ_TRY_GOTO(fail, psq_labels_init(ctx, &series->names, err));
    *out = series;
    return PSQ_OK;
fail:
    psq_series_destroy(series);
    return status;
}

void psq_series_destroy(psq_series *series) {
    if (series != NULL) {
        const psq_ctx *const ctx = series->ctx;
        psq_free(ctx, series->offsets.items);
        psq_free(ctx, series->values.items);
        psq_free(ctx, series->labels.items);
        psq_labels_free(&series->names);
        psq_free(ctx, series);
    }
}

// ---- one kind

// Floats instead of integers, in an array of their own. The integers that the call found are kept.
static psq_status make_floats(psq_series *series, psq_error *err) {
    const int64_t n = psq_series_offsets(series)[series->n_seq];
    const array old = series->values;
    array new = {NULL, 0};
    PSQ_TRY(reserve(series, &new, 0, psq_max_count(n, (int64_t)(old.size / sizeof(float))),
                    sizeof(float), err));
    for (int64_t i = 0; i < n; i++) {
        ((float *)new.items)[i] = (float)((const int32_t *)old.items)[i];
    }
    series->values = new;
    series->integers = old;
    series->kind = PSQ_SERIES_REALS;
    return PSQ_OK;
}

static bool is_scalar(psq_series_kind kind) {
    return kind == PSQ_SERIES_INTEGERS || kind == PSQ_SERIES_REALS;
}

static bool fits(psq_series_kind now, psq_series_kind next) {
    return now == PSQ_SERIES_NOTHING || now == next || (is_scalar(now) && is_scalar(next)) ||
           (now == PSQ_SERIES_EMPTY && next != PSQ_SERIES_TEXT) ||
           (next == PSQ_SERIES_EMPTY && now != PSQ_SERIES_TEXT);
}

// Makes `kind` and `width` what the series is, if they can be.
static psq_status adopt(psq_series *series, const psq_line *line, psq_series_kind kind,
                        int64_t width, psq_error *err) {
    const psq_series_kind now = series->kind;
    if (!fits(now, kind)) {
        return psq_line_fail(err, PSQ_FORMAT, line->file, line->number,
                             "x is %s, must be %s as before", kind_texts[kind], kind_texts[now]);
    }
    if (kind == PSQ_SERIES_VECTORS && now == kind && width != series->width) {
        return psq_line_fail(err, PSQ_FORMAT, line->file, line->number,
                             "x has vectors of %lld numbers, must have %lld as before",
                             (long long)width, (long long)series->width);
    }
    if (now == PSQ_SERIES_INTEGERS && kind == PSQ_SERIES_REALS) {
        return make_floats(series, err);
    }
    if (now == PSQ_SERIES_NOTHING || now == PSQ_SERIES_EMPTY) {
        series->kind = kind;
        series->width = width;
    }
    return PSQ_OK;
}

// ---- one sequence

psq_status psq_series_open(psq_series *series, const psq_line *line, psq_series_kind kind,
                           int64_t length, int64_t width, void **rows, psq_error *err) {
    PSQ_TRY(adopt(series, line, kind, width, err));
    const size_t row = psq_size_of(series->width, psq_dtype_size(dtype_of(series->kind)));
    const int64_t used = psq_series_offsets(series)[series->n_seq];
    PSQ_TRY(reserve(series, &series->values, used, used + length, row, err));
    *rows = (char *)series->values.items + psq_size_of(used, row);
    series->open = length;
    return PSQ_OK;
}

psq_status psq_series_close(psq_series *series, psq_span label, psq_error *err) {
    const int64_t n = series->n_seq;
    PSQ_TRY(reserve(series, &series->offsets, n + 1, n + 2, sizeof(int64_t), err));
    PSQ_TRY(reserve(series, &series->labels, n, n + 1, sizeof(int32_t), err));
    int32_t index = -1;
    if (label.at != NULL) {
        PSQ_TRY(psq_labels_find(&series->names, label, &index, err));
    }
    int64_t *const offsets = (int64_t *)series->offsets.items;
    ((int32_t *)series->labels.items)[n] = index;
    offsets[n + 1] = offsets[n] + series->open;
    series->n_seq = n + 1;
    return PSQ_OK;
}

// ---- one file

static void come_back(psq_series *series, const mark *to) {
    if (series->integers.items != NULL) {
        psq_free(series->ctx, series->values.items);
        series->values = series->integers;
        series->integers = (array){NULL, 0};
    }
    series->kind = to->kind;
    series->width = to->width;
    series->n_seq = to->n_seq;
    psq_labels_cut(&series->names, to->n_labels);
}

psq_status psq_series_read(psq_series *series, const char *name, const psq_span *bytes,
                           psq_status (*take)(void *self, const psq_line *line, psq_error *err),
                           psq_error *err) {
    const psq_line_taker taker = {take, series, series->opts.max_length};
    const mark before = {series->kind, series->width, series->n_seq, series->names.n};
    const psq_status status = bytes != NULL ? psq_lines_of_bytes(name, *bytes, &taker, err)
                                            : psq_lines_of_file(series->ctx, name, &taker, err);
    if (status != PSQ_OK) {
        come_back(series, &before);
    }
    psq_free(series->ctx, series->integers.items);
    series->integers = (array){NULL, 0};
    return status;
}

// ---- what is in it

int64_t psq_series_n_seq(const psq_series *series) {
    return series->n_seq;
}

const int64_t *psq_series_offsets(const psq_series *series) {
    return (const int64_t *)series->offsets.items;
}

psq_dtype psq_series_dtype(const psq_series *series) {
    return dtype_of(series->kind);
}

int64_t psq_series_width(const psq_series *series) {
    return series->kind == PSQ_SERIES_VECTORS ? series->width : 0;
}

const void *psq_series_values(const psq_series *series) {
    return series->values.items;
}

const int32_t *psq_series_labels(const psq_series *series) {
    return (const int32_t *)series->labels.items;
}

int64_t psq_series_n_labels(const psq_series *series) {
    return series->names.n;
}

const char *psq_series_label_name(const psq_series *series, int64_t index) {
    return psq_labels_name(&series->names, index);
}
