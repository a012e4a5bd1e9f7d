// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// jsonl.c: a line is an object {"x": sequence, "y": label}. jansson reads one line at a time, so
// the memory of its tree is bounded by the longest line. A sequence is looked through once to learn
// what it is and once to take its numbers.
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "io/series.h"

// A line and where in its x we are; column is -1 in a list of numbers.
typedef struct place {
    const psq_line *line;
    size_t row;
    int64_t column;
} place;

#define FAIL(line, ...) psq_line_fail(err, PSQ_FORMAT, (line)->file, (line)->number, __VA_ARGS__)

static const char *type_text(const json_t *value) {
    static const char *const texts[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return texts[json_typeof(value)];
}

static psq_status parse_line(const psq_line *line, json_t **out, psq_error *err) {
    json_error_t error;
    *out = json_loadb(line->text.at, line->text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                      &error);
    if (*out != NULL) {
        return PSQ_OK;
    }
    // As in psq_cut_parse: jansson does not always say that its memory ran out.
    if (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory) {
        return psq_line_fail(err, PSQ_NOMEM, line->file, line->number,
                             "out of memory for %zu bytes of JSON", line->text.size);
    }
    return FAIL(line, "byte %lld of the line: %s", (long long)error.position, error.text);
}

// ---- numbers

// "x[3]" or "x[3][1]".
static const char *place_text(const place *where, char *text, size_t size) {
    if (where->column < 0) {
        (void)snprintf(text, size, "x[%zu]", where->row);
    } else {
        (void)snprintf(text, size, "x[%zu][%lld]", where->row, (long long)where->column);
    }
    return text;
}

static psq_status read_float(const place *where, const json_t *value, float *out, psq_error *err) {
    char text[64];
    if (!json_is_number(value)) {
        return FAIL(where->line, "%s is %s, must be a number", place_text(where, text, sizeof text),
                    type_text(value));
    }
    const double number = json_number_value(value);
    *out = (float)number;
    if (!isfinite(*out)) {
        return FAIL(where->line, "%s is %g, must be from %g to %g",
                    place_text(where, text, sizeof text), number, -(double)FLT_MAX,
                    (double)FLT_MAX);
    }
    return PSQ_OK;
}

static psq_status read_numbers(place where, json_t *list, float *out, psq_error *err) {
    const size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        if (where.column < 0) {
            where.row = i;
        } else {
            where.column = (int64_t)i;
        }
        PSQ_TRY(read_float(&where, json_array_get(list, i), &out[i], err));
    }
    return PSQ_OK;
}

static bool is_int32(const json_t *value) {
    return json_is_integer(value) && json_integer_value(value) >= INT32_MIN &&
           json_integer_value(value) <= INT32_MAX;
}

// ---- sequences

static psq_status add_string(psq_series *series, const psq_line *line, json_t *x, psq_error *err) {
    void *rows;
    const size_t size = json_string_length(x);
    PSQ_TRY(psq_series_open(series, line, PSQ_SERIES_TEXT, (int64_t)size, 1, &rows, err));
    memcpy(rows, json_string_value(x), size);
    return PSQ_OK;
}

static psq_status add_numbers(psq_series *series, const psq_line *line, json_t *x, psq_error *err) {
    const size_t n = json_array_size(x);
    size_t n_whole = 0;
    while (n_whole < n && is_int32(json_array_get(x, n_whole))) {
        n_whole++;
    }
    void *rows;
    PSQ_TRY(psq_series_open(series, line, n_whole == n ? PSQ_SERIES_INTEGERS : PSQ_SERIES_REALS,
                            (int64_t)n, 1, &rows, err));
    if (psq_series_dtype(series) == PSQ_F32) {
        return read_numbers((place){line, 0, -1}, x, (float *)rows, err);
    }
    for (size_t i = 0; i < n; i++) {
        ((int32_t *)rows)[i] = (int32_t)json_integer_value(json_array_get(x, i));
    }
    return PSQ_OK;
}

// Before there is room for them: a line of one long list and many that are none could ask for more
// memory than any file has bytes.
static psq_status check_vectors(const psq_line *line, const json_t *x, size_t width,
                                psq_error *err) {
    if (width == 0) {
        return FAIL(line, "x[0] has no numbers, must have at least 1");
    }
    for (size_t t = 0; t < json_array_size(x); t++) {
        const json_t *const row = json_array_get(x, t);
        if (!json_is_array(row)) {
            return FAIL(line, "x[%zu] is %s, must be a list of %zu numbers", t, type_text(row),
                        width);
        }
        if (json_array_size(row) != width) {
            return FAIL(line, "x[%zu] has %zu numbers, must have %zu as x[0]", t,
                        json_array_size(row), width);
        }
    }
    return PSQ_OK;
}

static psq_status add_vectors(psq_series *series, const psq_line *line, json_t *x, psq_error *err) {
    const size_t n = json_array_size(x), width = json_array_size(json_array_get(x, 0));
    void *rows;
    PSQ_TRY(check_vectors(line, x, width, err));
    PSQ_TRY(
        psq_series_open(series, line, PSQ_SERIES_VECTORS, (int64_t)n, (int64_t)width, &rows, err));
    for (size_t t = 0; t < n; t++) {
        PSQ_TRY(read_numbers((place){line, t, 0}, json_array_get(x, t), (float *)rows + t * width,
                             err));
    }
    return PSQ_OK;
}

static psq_status add_x(psq_series *series, const psq_line *line, json_t *x, psq_error *err) {
    if (x == NULL) {
        return FAIL(line, "the object has no x");
    }
    if (json_is_string(x)) {
        return add_string(series, line, x, err);
    }
    if (!json_is_array(x)) {
        return FAIL(line, "x is %s, must be a string or a list", type_text(x));
    }
    if (json_array_size(x) == 0) {
        void *rows;
        return psq_series_open(series, line, PSQ_SERIES_EMPTY, 0, 1, &rows, err);
    }
    return (json_is_array(json_array_get(x, 0)) ? add_vectors : add_numbers)(series, line, x, err);
}

// `digits` has room for an integer. A sequence without label: {NULL, 0}.
static psq_status read_y(const psq_line *line, const json_t *y, char *digits, size_t size,
                         psq_span *label, psq_error *err) {
    *label = (psq_span){NULL, 0};
    if (y == NULL) {
        return PSQ_OK;
    }
    if (json_is_integer(y)) {
        const int n = snprintf(digits, size, "%lld", (long long)json_integer_value(y));
        *label = (psq_span){digits, (size_t)n};
        return PSQ_OK;
    }
    if (!json_is_string(y)) {
        return FAIL(line, "y is %s, must be a string or an integer",
                    json_is_real(y) ? "a number with a fraction or an exponent" : type_text(y));
    }
    *label = (psq_span){json_string_value(y), json_string_length(y)};
    const char *const fault = label->size > 0 ? psq_name_fault(label->at, label->size) : "is empty";
    return fault == NULL ? PSQ_OK : FAIL(line, "the label %s", fault);
}

static psq_status add_object(psq_series *series, const psq_line *line, json_t *object,
                             psq_error *err) {
    if (!json_is_object(object)) {
        return FAIL(line, "the line is %s, must be an object", type_text(object));
    }
    char digits[24];
    psq_span label;
    PSQ_TRY(add_x(series, line, json_object_get(object, "x"), err));
    PSQ_TRY(read_y(line, json_object_get(object, "y"), digits, sizeof digits, &label, err));
    return psq_series_close(series, label, err);
}

// psq_line_taker.take; self is the series.
static psq_status add_line(void *self, const psq_line *line, psq_error *err) {
    size_t blanks = 0;
    while (blanks < line->text.size && strchr(" \t\r", line->text.at[blanks]) != NULL) {
        blanks++;
    }
    if (blanks == line->text.size) {
        return PSQ_OK;
    }
    json_t *object;
    PSQ_TRY(parse_line(line, &object, err));
    const psq_status status = add_object((psq_series *)self, line, object, err);
    json_decref(object);
    return status;
}

psq_status psq_series_add_jsonl(psq_series *series, const char *name, const char *bytes,
                                size_t size, psq_error *err) {
    PSQ_REQUIRE(err, series != NULL, PSQ_INVALID, "series is NULL");
    PSQ_REQUIRE(err, name != NULL, PSQ_INVALID, "name is NULL");
    PSQ_REQUIRE(err, bytes != NULL || size == 0, PSQ_INVALID, "bytes is NULL, size is %zu", size);
    const psq_span span = {bytes, size};
    return psq_series_read(series, name, &span, add_line, err);
}

psq_status psq_series_add_jsonl_file(psq_series *series, const char *path, psq_error *err) {
    PSQ_REQUIRE(err, series != NULL, PSQ_INVALID, "series is NULL");
    PSQ_REQUIRE(err, path != NULL, PSQ_INVALID, "path is NULL");
    return psq_series_read(series, path, NULL, add_line, err);
}
