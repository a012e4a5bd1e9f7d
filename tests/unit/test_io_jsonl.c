// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// JSONL data sets: what a line may be, what is refused and with which words, and that a call that
// fails leaves no trace, also where it had made floats of integers.
#include <stdio.h>
#include <stdlib.h>

#include "packseq/io.h"
#include "with_ctx.h"

static psq_series *make(int64_t max_length) {
    psq_series_opts opts = PSQ_SERIES_OPTS_INIT;
    opts.max_length = max_length;
    psq_series *series;
    assert_int_equal(psq_series_create(ctx, &opts, &series, &err), PSQ_OK);
    return series;
}

static int put_row(char *out, const psq_series *series, int64_t row) {
    const int64_t width = psq_series_width(series);
    const void *const values = psq_series_values(series);
    if (psq_series_dtype(series) == PSQ_U8) {
        return sprintf(out, "%c", ((const char *)values)[row]);
    }
    if (psq_series_dtype(series) == PSQ_I32) {
        return sprintf(out, " %d", (int)((const int32_t *)values)[row]);
    }
    int used = width > 0 ? sprintf(out, " (") : 0;
    for (int64_t k = 0; k < (width > 0 ? width : 1); k++) {
        const float value = ((const float *)values)[row * (width > 0 ? width : 1) + k];
        used += sprintf(out + used, " %.9g", (double)value);
    }
    return used + (width > 0 ? sprintf(out + used, ")") : 0);
}

// The whole data set as one string: dtype, then "label:rows|" for each sequence.
static const char *shown(const psq_series *series) {
    static char out[1024];
    const int64_t *const offsets = psq_series_offsets(series);
    char *at = out + sprintf(out, "%s ", psq_dtype_name(psq_series_dtype(series)));
    assert_int_equal(offsets[0], 0);
    for (int64_t b = 0; b < psq_series_n_seq(series); b++) {
        const int32_t label = psq_series_labels(series)[b];
        at += sprintf(at, "%s:", label < 0 ? "-" : psq_series_label_name(series, label));
        for (int64_t row = offsets[b]; row < offsets[b + 1]; row++) {
            at += put_row(at, series, row);
        }
        at += sprintf(at, "|");
    }
    return out;
}

static psq_status add(psq_series *series, const char *bytes) {
    return psq_series_add_jsonl(series, "d/f.jsonl", bytes, strlen(bytes), &err);
}

typedef struct good_case {
    const char *bytes;
    const char *shown;
} good_case;

static const good_case good_cases[] = {
    {"", "I32 "},
    {"\n \t \r\n\n", "I32 "},
    {"\xef\xbb\xbf{\"x\":\"a\"}\r\n{\"x\":\"b\"}", "U8 -:a|-:b|"},
    {"{\"x\":\"\"}\n{\"x\":\"z\\u0142\\n\\\"\\ud83d\\ude00\"}",
     "U8 -:|-:z\xc5\x82\n\"\xf0\x9f\x98\x80|"},
    {"{\"x\":[1,-2,2147483647,-2147483648]}", "I32 -: 1 -2 2147483647 -2147483648|"},
    {"{\"x\":[1]}\n{\"x\":[2,0.5]}\n{\"x\":[3]}", "F32 -: 1|-: 2 0.5|-: 3|"},
    {"{\"x\":[16777217]}\n{\"x\":[1.0]}", "F32 -: 16777216|-: 1|"},
    {"{\"x\":[1]}\n{\"x\":[1e0]}", "F32 -: 1|-: 1|"},
    {"{\"x\":[2147483648]}\n{\"x\":[7]}", "F32 -: 2.14748365e+09|-: 7|"},
    {"{\"x\":[1e-60, 3.4028235e38, -3.4028235e38]}", "F32 -: 0 3.40282347e+38 -3.40282347e+38|"},
    {"{\"x\":[]}", "I32 -:|"},
    {"{\"x\":[]}\n{\"x\":[1]}\n{\"x\":[]}", "I32 -:|-: 1|-:|"},
    {"{\"x\":[]}\n{\"x\":[[1,2.5],[3,4]]}\n{\"x\":[]}\n{\"x\":[[5,6]]}",
     "F32 -:|-: ( 1 2.5) ( 3 4)|-:|-: ( 5 6)|"},
    {"{\"x\":[[1]]}", "F32 -: ( 1)|"},
    {"{\"y\":\"b\",\"x\":\"1\"}\n{\"x\":\"2\",\"y\":\"a\"}\n{\"x\":\"3\",\"y\":\"b\"}",
     "U8 b:1|a:2|b:3|"},
    {"{\"y\":-7,\"x\":\"1\"}\n{\"x\":\"2\"}\n{\"y\":\"-7\",\"x\":\"3\"}", "U8 -7:1|-:2|-7:3|"},
    {"{\"y\":9223372036854775807,\"x\":\"1\"}", "U8 9223372036854775807:1|"},
    {"{\"id\":{\"a\":[1,\"x\"]},\"x\":[1],\"\":null}", "I32 -: 1|"},
};

static void lines_become_sequences(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good_cases / sizeof *good_cases; i++) {
        const good_case *const c = &good_cases[i];
        psq_series *const series = make(1000);
        if (add(series, c->bytes) != PSQ_OK || strcmp(shown(series), c->shown) != 0) {
            fail_msg("%s: \"%s\" %s", c->bytes, shown(series), err.text);
        }
        psq_series_destroy(series);
    }
}

static void labels_keep_their_first_order(void **state) {
    (void)state;
    psq_series *const series = make(1000);
    assert_int_equal(add(series, "{\"x\":[],\"y\":\"z\"}\n{\"x\":[],\"y\":3}"), PSQ_OK);
    assert_int_equal(add(series, "{\"x\":[],\"y\":\"a\"}\n{\"x\":[],\"y\":\"z\"}"), PSQ_OK);
    assert_int_equal(psq_series_n_labels(series), 3);
    assert_string_equal(psq_series_label_name(series, 0), "z");
    assert_string_equal(psq_series_label_name(series, 1), "3");
    assert_string_equal(psq_series_label_name(series, 2), "a");
    assert_null(psq_series_label_name(series, 3));
    assert_null(psq_series_label_name(series, -1));
    assert_int_equal(psq_series_labels(series)[3], 0);
    psq_series_destroy(series);
}

static void later_files_decide_too(void **state) {
    (void)state;
    psq_series *const series = make(1000);
    assert_int_equal(add(series, "{\"x\":[1,16777217]}"), PSQ_OK);
    assert_string_equal(shown(series), "I32 -: 1 16777217|");
    assert_int_equal(add(series, "{\"x\":[3]}\n{\"x\":[0.5]}"), PSQ_OK);
    assert_string_equal(shown(series), "F32 -: 1 16777216|-: 3|-: 0.5|");
    psq_series_destroy(series);
}

// ---- refusals

typedef struct bad_case {
    const char *before; // added first
    const char *bytes;
    const char *text;
} bad_case;

#define I "{\"x\":[1,16777217],\"y\":\"l\"}"
#define V "{\"x\":[[1,2]],\"y\":\"l\"}"
#define S "{\"x\":\"s\",\"y\":\"l\"}"

// The lines before the bad one must vanish again.
static const bad_case bad_cases[] = {
    {I, I "\n{\"x\":[1]", "d/f.jsonl:2: byte 8 of the line: '}' expected"},
    {I, "{\"x\":[1,]}", "d/f.jsonl:1: byte 9 of the line: unexpected token near ']'"},
    {I, "{\"x\":[01]}", "d/f.jsonl:1: byte 7 of the line: "},
    {I, "{\"x\":[NaN]}", "d/f.jsonl:1: byte 9 of the line: invalid token near 'NaN'"},
    {I, "{\"x\":[1]} {}", "d/f.jsonl:1: byte 11 of the line: end of file expected near '{'"},
    {I, "{\"x\":[1],\"x\":[1]}",
     "d/f.jsonl:1: byte 12 of the line: duplicate object key near '\"x\"'"},
    {I, "{\"x\":[1e999]}", "d/f.jsonl:1: byte 11 of the line: real number overflow near '1e999'"},
    {I, "{\"x\":[99999999999999999999]}", "d/f.jsonl:1: byte 26 of the line: too big integer"},
    {S, "{\"x\":\"a\\u0000\"}", "d/f.jsonl:1: byte 14 of the line: \\u0000 is not allowed"},
    {S, "{\"x\":\"\\ud800\"}", "d/f.jsonl:1: byte 13 of the line: invalid Unicode"},
    {S, "{\"x\":\"a\xff\"}", "d/f.jsonl:1: byte 8 of the line is no UTF-8: 0xff"},
    {S, "[1]", "d/f.jsonl:1: the line is a list, must be an object"},
    {S, "\n\n3", "d/f.jsonl:3: the line is a number, must be an object"},
    {S, "{\"y\":1}", "d/f.jsonl:1: the object has no x"},
    {S, "{\"x\":null}", "d/f.jsonl:1: x is null, must be a string or a list"},
    {S, "{\"x\":{}}", "d/f.jsonl:1: x is an object, must be a string or a list"},
    {S, "{\"x\":1}", "d/f.jsonl:1: x is a number, must be a string or a list"},
    {I, "{\"x\":[1,true]}", "d/f.jsonl:1: x[1] is true, must be a number"},
    {I, "{\"x\":[1,[2]]}", "d/f.jsonl:1: x[1] is a list, must be a number"},
    {I, "{\"x\":[0.5]}\n{\"x\":[1e39]}",
     "d/f.jsonl:2: x[0] is 1e+39, must be from -3.40282e+38 to 3.40282e+38"},
    {V, "{\"x\":[[1,2],[3,-1e39]]}",
     "d/f.jsonl:1: x[1][1] is -1e+39, must be from -3.40282e+38 to 3.40282e+38"},
    {V, "{\"x\":[[1,2],[3,\"4\"]]}", "d/f.jsonl:1: x[1][1] is a string, must be a number"},
    {V, "{\"x\":[[1,2],3]}", "d/f.jsonl:1: x[1] is a number, must be a list of 2 numbers"},
    {V, "{\"x\":[[1,2],[3]]}", "d/f.jsonl:1: x[1] has 1 numbers, must have 2 as x[0]"},
    {V, "{\"x\":[[]]}", "d/f.jsonl:1: x[0] has no numbers, must have at least 1"},
    {V, V "\n{\"x\":[[1,2,3]]}", "d/f.jsonl:2: x has vectors of 3 numbers, must have 2 as before"},
    {V, "{\"x\":[1]}", "d/f.jsonl:1: x is a list of numbers, must be a list of lists as before"},
    {V, "{\"x\":\"\"}", "d/f.jsonl:1: x is a string, must be a list of lists as before"},
    {I, "{\"x\":[[1]]}", "d/f.jsonl:1: x is a list of lists, must be a list of numbers as before"},
    {S, "{\"x\":[]}", "d/f.jsonl:1: x is a list, must be a string as before"},
    {"{\"x\":[],\"y\":\"l\"}", "{\"x\":\"\"}",
     "d/f.jsonl:1: x is a string, must be a list as before"},
    {I, "{\"x\":[0.5],\"y\":1.0}",
     "d/f.jsonl:1: y is a number with a fraction or an exponent, must be a string or an integer"},
    {I, "{\"x\":[0.5],\"y\":null}", "d/f.jsonl:1: y is null, must be a string or an integer"},
    {I, "{\"x\":[0.5],\"y\":\"new\"}\n{\"x\":[1],\"y\":\"\"}", "d/f.jsonl:2: the label is empty"},
    {I, "{\"x\":[1],\"y\":\"\\u001b[2J\"}", "d/f.jsonl:1: the label has a control character"},
};

static void bad_line_is_refused_without_trace(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const bad_case *const c = &bad_cases[i];
        psq_series *const series = make(100);
        char before[256];
        assert_int_equal(add(series, c->before), PSQ_OK);
        strcpy(before, shown(series));
        const psq_status status = add(series, c->bytes);
        if (status != PSQ_FORMAT || strstr(err.text, c->text) != err.text) {
            fail_msg("%s: %s \"%s\"", c->bytes, psq_status_name(status), err.text);
        }
        assert_string_equal(shown(series), before);
        assert_int_equal(psq_series_n_labels(series), 1);
        // What came before may come again.
        assert_int_equal(add(series, c->before), PSQ_OK);
        assert_int_equal(psq_series_n_seq(series), 2);
        psq_series_destroy(series);
    }
}

static void first_line_decides_nothing_if_it_fails(void **state) {
    (void)state;
    psq_series *const series = make(100);
    assert_int_equal(add(series, V "\n{"), PSQ_FORMAT);
    assert_string_equal(shown(series), "I32 ");
    assert_int_equal(psq_series_width(series), 0);
    assert_int_equal(add(series, I "\n{\"x\":[0.5]}\n{"), PSQ_FORMAT);
    assert_int_equal(add(series, S), PSQ_OK);
    assert_string_equal(shown(series), "U8 l:s|");
    psq_series_destroy(series);
}

static void bytes_of_a_line_are_limited(void **state) {
    (void)state;
    psq_series *const series = make(9);
    assert_int_equal(add(series, "{\"x\":[1]}\r\n"), PSQ_OK);
    assert_fails(add(series, "{\"x\":[12]}"), PSQ_FORMAT,
                 "d/f.jsonl:1: the line has 10 bytes, must be at most 9");
    assert_fails(psq_series_add_jsonl(series, "f", "{\0}", 3, &err), PSQ_FORMAT,
                 "f:1: byte 2 of the line is NUL");
    psq_series_destroy(series);
}

// One long list and many that are none: the product of both is never asked for.
static void rows_are_counted_before_there_is_room_for_them(void **state) {
    (void)state;
    enum { N = 200000 };
    static char line[8 + 4 * N + 3] = "{\"x\":[[0";
    char *at = line + strlen(line);
    for (int i = 1; i < 2 * N; i++) {
        at += sprintf(at, i == N ? "],0" : ",0");
    }
    strcpy(at, "]}");
    psq_series *const series = make(1 << 22);
    assert_fails(add(series, line), PSQ_FORMAT,
                 "d/f.jsonl:1: x[1] is a number, must be a list of 200000 numbers");
    psq_series_destroy(series);
}

static void deep_nesting_is_refused(void **state) {
    (void)state;
    static char line[100001];
    memset(line, '[', sizeof line - 1);
    psq_series *const series = make(1000000);
    assert_fails(add(series, line), PSQ_FORMAT, "maximum parsing depth reached");
    psq_series_destroy(series);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    psq_series *series = NULL;
    psq_series_opts opts = PSQ_SERIES_OPTS_INIT;
    assert_fails(psq_series_create(NULL, NULL, &series, &err), PSQ_INVALID, "ctx is NULL");
    assert_fails(psq_series_create(ctx, NULL, NULL, &err), PSQ_INVALID, "out is NULL");
    opts.struct_size = 3;
    assert_fails(psq_series_create(ctx, &opts, &series, &err), PSQ_INVALID,
                 "opts->struct_size is 3, must be ");
    opts = (psq_series_opts)PSQ_SERIES_OPTS_INIT;
    opts.max_length = 0;
    assert_fails(psq_series_create(ctx, &opts, &series, &err), PSQ_INVALID,
                 "opts->max_length is 0, must be at least 1");
    assert_null(series);
    assert_int_equal(psq_series_create(ctx, NULL, &series, &err), PSQ_OK);
    assert_fails(psq_series_add_jsonl(NULL, "f", "", 0, &err), PSQ_INVALID, "series is NULL");
    assert_fails(psq_series_add_jsonl(series, NULL, "", 0, &err), PSQ_INVALID, "name is NULL");
    assert_fails(psq_series_add_jsonl(series, "f", NULL, 1, &err), PSQ_INVALID,
                 "bytes is NULL, size is 1");
    assert_int_equal(psq_series_add_jsonl(series, "f", NULL, 0, &err), PSQ_OK);
    assert_fails(psq_series_add_jsonl_file(NULL, "f", &err), PSQ_INVALID, "series is NULL");
    assert_fails(psq_series_add_jsonl_file(series, NULL, &err), PSQ_INVALID, "path is NULL");
    assert_fails(psq_series_add_jsonl_file(series, "no-such.jsonl", &err), PSQ_IO,
                 "no-such.jsonl: No such file");
    psq_series_destroy(series);
    psq_series_destroy(NULL);
}

// ---- files

static const char path[] = "test_io_jsonl.tmp.jsonl";

static FILE *begin(void) {
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    return file;
}

static void file_of_many_lines(void **state) {
    (void)state;
    enum { N = 20000 };
    FILE *const file = begin();
    int64_t n_rows = 0;
    for (int b = 0; b < N; b++) {
        const int length = b * 7919 % 13;
        fprintf(file, "{\"x\": [");
        for (int t = 0; t < length; t++) {
            fprintf(file, "%s[%d, %d.25]", t > 0 ? ", " : "", b, t);
        }
        fprintf(file, "], \"y\": %d}\n", b % 5);
        n_rows += length;
    }
    assert_int_equal(fclose(file), 0);
    psq_series *const series = make(1 << 20);
    assert_int_equal(psq_series_add_jsonl_file(series, path, &err), PSQ_OK);
    assert_int_equal(psq_series_n_seq(series), N);
    assert_int_equal(psq_series_offsets(series)[N], n_rows);
    const float *at = (const float *)psq_series_values(series);
    for (int b = 0; b < N; b++) {
        const int length = b * 7919 % 13;
        assert_int_equal(psq_series_offsets(series)[b + 1] - psq_series_offsets(series)[b], length);
        assert_int_equal(psq_series_labels(series)[b], b % 5);
        for (int t = 0; t < length; t++, at += 2) {
            assert_true(at[0] == (float)b && at[1] == (float)t + 0.25F);
        }
    }
    psq_series_destroy(series);
    assert_int_equal(remove(path), 0);
}

static psq_status run_add(const psq_ctx *faulty, void *arg) {
    (void)arg;
    psq_series *series;
    psq_status status = psq_series_create(faulty, NULL, &series, NULL);
    if (status != PSQ_OK) {
        assert_null(series);
        return status;
    }
    const char line[] = "{\"x\":[16777217],\"y\":\"a\"}";
    status = psq_series_add_jsonl(series, "f", line, strlen(line), NULL);
    const char *const before = status == PSQ_OK ? "I32 a: 16777217|" : "I32 ";
    assert_string_equal(shown(series), before);
    if (status == PSQ_OK) {
        status = psq_series_add_jsonl_file(series, path, NULL);
        assert_string_equal(
            shown(series), status == PSQ_OK ? "F32 a: 16777216|b: 1 2 3 4 5 6|c: 0.5|-:|" : before);
        assert_int_equal(psq_series_n_labels(series), status == PSQ_OK ? 3 : 1);
    }
    psq_series_destroy(series);
    return status;
}

static void faults_are_reported_without_trace(void **state) {
    (void)state;
    FILE *const file = begin();
    assert_true(fputs("{\"x\":[1,2,3,4,5,6],\"y\":\"b\"}\n{\"x\":[0.5],\"y\":\"c\"}\n{\"x\":[]}",
                      file) >= 0);
    assert_int_equal(fclose(file), 0);
    fault_each_alloc(run_add, NULL);
    fault_each_io(run_add, NULL);
    assert_int_equal(remove(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_sequences),
        cmocka_unit_test(labels_keep_their_first_order),
        cmocka_unit_test(later_files_decide_too),
        cmocka_unit_test(bad_line_is_refused_without_trace),
        cmocka_unit_test(first_line_decides_nothing_if_it_fails),
        cmocka_unit_test(bytes_of_a_line_are_limited),
        cmocka_unit_test(rows_are_counted_before_there_is_room_for_them),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(file_of_many_lines),
        cmocka_unit_test(faults_are_reported_without_trace),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
