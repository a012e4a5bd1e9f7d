// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// The strict reader: what it accepts, a table of hostile files with the status and words that each
// must give, every truncation and every flipped header bit of a small file.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image.h"

static psq_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    return psq_ctx_create(NULL, &ctx, NULL) == PSQ_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    psq_ctx_destroy(ctx);
    return 0;
}

// ---- what is legal

static void file_is_read_by_name(void **state) {
    (void)state;
    image f = image_of(TWO, 28);
    psq_safetensors *out;
    psq_error err;
    assert_int_equal(image_parse(ctx, &f, &out, &err), PSQ_OK);
    free(f.bytes);
    assert_int_equal(psq_safetensors_n_tensors(out), 2);
    const psq_tensor *const b = &psq_safetensors_tensors(out)[0];
    const psq_tensor *const w = &psq_safetensors_tensors(out)[1];
    assert_string_equal(b->name, "b");
    assert_int_equal(b->dtype, PSQ_BF16);
    assert_int_equal(b->n_dims, 1);
    assert_int_equal(b->dims[0], 2);
    assert_memory_equal(b->data, "\0\1\2\3", 4);
    assert_string_equal(w->name, "w");
    assert_int_equal(w->dtype, PSQ_F32);
    assert_int_equal(w->n_dims, 2);
    assert_int_equal(w->dims[0], 2);
    assert_int_equal(w->dims[1], 3);
    assert_int_equal((uintptr_t)w->data % 64, 0);
    for (int i = 0; i < 24; i++) {
        assert_int_equal(((const unsigned char *)w->data)[i], 4 + i);
    }
    assert_ptr_equal(psq_safetensors_find(out, "w"), w);
    assert_ptr_equal(psq_safetensors_find(out, "b"), b);
    assert_null(psq_safetensors_find(out, "c"));
    assert_int_equal(psq_safetensors_n_metadata(out), 2);
    assert_string_equal(psq_safetensors_metadata(out)[0].key, "a");
    assert_string_equal(psq_safetensors_get(out, "a"), "two \xc3\xa9\n");
    assert_string_equal(psq_safetensors_get(out, "z"), "1");
    assert_null(psq_safetensors_get(out, "b"));
    psq_safetensors_destroy(out);
}

typedef struct legal_case {
    const char *name;
    const char *header;
    size_t n_data;
    int64_t n_tensors;
} legal_case;

static const legal_case legal_cases[] = {
    {"no tensors", "{}", 0, 0},
    {"padding", "{}      ", 0, 0},
    {"blanks", "{ \"a\"\t:\n{ \"dtype\" : \"U8\", \"shape\" : [ 1 ], \"data_offsets\" : [0,1] } }",
     1, 1},
    {"metadata only", "{\"__metadata__\":{}}", 0, 0},
    {"rank 0", "{\"a\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}", 8, 1},
    {"rank 8", "{\"a\":{\"dtype\":\"I8\",\"shape\":[1,1,1,2,1,1,1,1],\"data_offsets\":[0,2]}}", 2,
     1},
    {"no elements", "{\"a\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[0,0]}}", 0, 1},
    {"no elements between others",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]},"
     "\"c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
     2, 3},
    {"empty name", "{\"\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1},
    {"path as name: no file is opened",
     "{\"../../etc/x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1},
    {"brackets and quotes in a name",
     "{\"}]\\\"{\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1},
    {"minus in a name", "{\"a-b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1},
};

static void file_is_accepted(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof legal_cases / sizeof *legal_cases; i++) {
        const legal_case *const c = &legal_cases[i];
        image f = image_of(c->header, c->n_data);
        psq_safetensors *out;
        psq_error err = {PSQ_OK, ""};
        if (image_parse(ctx, &f, &out, &err) != PSQ_OK) {
            fail_msg("%s: %s", c->name, err.text);
        }
        assert_int_equal(psq_safetensors_n_tensors(out), c->n_tensors);
        psq_safetensors_destroy(out);
        free(f.bytes);
    }
}

// ---- files of the reference writer (safetensors 0.8.0 and torch 2.13.0 for Python)

static psq_safetensors *read_golden(const char *name) {
    char golden[1024];
    (void)snprintf(golden, sizeof golden, "%s/safetensors/%s", PSQ_TEST_DATA, name);
    psq_safetensors *file;
    psq_error err = {PSQ_OK, ""};
    if (psq_safetensors_read(ctx, golden, &file, &err) != PSQ_OK) {
        fail_msg("%s", err.text);
    }
    return file;
}

static void assert_tensor(const psq_safetensors *file, const char *name, psq_dtype dtype,
                          int32_t n_dims, const int64_t *dims, const void *data, size_t size) {
    const psq_tensor *const t = psq_safetensors_find(file, name);
    assert_non_null(t);
    assert_int_equal(t->dtype, dtype);
    assert_int_equal(t->n_dims, n_dims);
    for (int32_t i = 0; i < n_dims; i++) {
        assert_int_equal(t->dims[i], dims[i]);
    }
    if (size > 0) {
        assert_memory_equal(t->data, data, size);
    }
}

static void reference_types_are_read(void **state) {
    (void)state;
    psq_safetensors *const file = read_golden("types.safetensors");
    assert_int_equal(psq_safetensors_n_tensors(file), 7);
    const float f32[] = {0.5F, -1.0F, 2.0F, HUGE_VALF};
    const double f64[] = {0.1};
    const uint16_t bf16[] = {0x3FC0, 0xC000, 0x3E80};
    const int64_t i64[] = {-1, (INT64_C(1) << 53) + 1};
    const uint8_t u8[] = {0, 255, 7};
    const uint8_t flags[] = {1, 0};
    assert_tensor(file, "f32", PSQ_F32, 2, (const int64_t[]){2, 2}, f32, sizeof f32);
    assert_tensor(file, "f64", PSQ_F64, 0, NULL, f64, sizeof f64);
    assert_tensor(file, "bf16", PSQ_BF16, 1, (const int64_t[]){3}, bf16, sizeof bf16);
    assert_tensor(file, "i64", PSQ_I64, 1, (const int64_t[]){2}, i64, sizeof i64);
    assert_tensor(file, "u8", PSQ_U8, 1, (const int64_t[]){3}, u8, sizeof u8);
    assert_tensor(file, "bool", PSQ_BOOL, 1, (const int64_t[]){2}, flags, sizeof flags);
    assert_tensor(file, "empty", PSQ_F32, 2, (const int64_t[]){0, 3}, NULL, 0);
    assert_int_equal(psq_safetensors_n_metadata(file), 2);
    assert_string_equal(psq_safetensors_get(file, "format"), "pt");
    assert_string_equal(psq_safetensors_get(file, "note"),
                        "za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87 \"1\"\n");
    psq_safetensors_destroy(file);
}

static void reference_lstm_is_read(void **state) {
    (void)state;
    psq_safetensors *const file = read_golden("lstm.safetensors");
    static const char *const names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    assert_int_equal(psq_safetensors_n_tensors(file), 4);
    assert_int_equal(psq_safetensors_n_metadata(file), 0);
    for (int i = 0; i < 4; i++) {
        const float data[] = {(float)(10 * i), (float)(10 * i + 1), (float)(10 * i + 2),
                              (float)(10 * i + 3)};
        assert_tensor(file, names[i], PSQ_F32, i < 2 ? 2 : 1, (const int64_t[]){4, 1}, data,
                      sizeof data);
    }
    psq_safetensors_destroy(file);
}

// ---- hostile headers

typedef struct bad_case {
    const char *name;
    const char *header;
    size_t n_data;
    psq_status status;
    const char *words;
} bad_case;

// One tensor "a" with these fields.
#define ONE(dtype, shape, offsets) \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define U8(name, begin, end, size) \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" size "],\"data_offsets\":[" begin "," end "]}"

static const bad_case bad_cases[] = {
    {"header empty", "", 0, PSQ_FORMAT, "byte 0 of the header: an object must begin here"},
    {"blank before", " {}", 0, PSQ_FORMAT, "byte 0 of the header: an object must begin here"},
    {"byte order mark", "\xef\xbb\xbf{}", 0, PSQ_FORMAT, "byte 0 of the header: an object must"},
    {"array", "[]", 0, PSQ_FORMAT, "an object must begin here"},
    {"open brace only", "{", 0, PSQ_FORMAT, "byte 1 of the header: a key must begin here"},
    {"key only", "{\"a\"", 0, PSQ_FORMAT, "byte 4 of the header: ':' expected"},
    {"key unended", "{\"a", 0, PSQ_FORMAT, "':' expected"},
    {"no value", "{\"a\":}", 0, PSQ_FORMAT, "byte 5 of the header: a value must begin here"},
    {"value unended", "{\"a\":{\"dtype\":\"U8\"", 0, PSQ_FORMAT, "',' or '}' expected"},
    {"comma last", "{" U8("a", "0", "1", "1") ",}", 1, PSQ_FORMAT, "a key must begin here"},
    {"comma first", "{," U8("a", "0", "1", "1") "}", 1, PSQ_FORMAT, "a key must begin here"},
    {"no comma", "{" U8("a", "0", "1", "1") U8("b", "1", "2", "1") "}", 2, PSQ_FORMAT,
     "',' or '}' expected"},
    {"behind the object", "{}x", 0, PSQ_FORMAT, "byte 2 of the header: only spaces may follow"},
    {"newline behind", "{}\n", 0, PSQ_FORMAT, "byte 2 of the header: only spaces may follow"},
    {"second object", "{}{}", 0, PSQ_FORMAT, "only spaces may follow"},
    {"no string as key", "{1:2}", 0, PSQ_FORMAT, "a key must begin here"},
    {"single quotes", "{'a':{}}", 0, PSQ_FORMAT, "a key must begin here"},
    {"bad UTF-8 in a name", "{" U8("\xff", "0", "1", "1") "}", 1, PSQ_FORMAT,
     "unable to decode byte 0xff"},
    {"overlong in a name", "{" U8("\xc0\xaf", "0", "1", "1") "}", 1, PSQ_FORMAT,
     "unable to decode byte 0xc0"},
    {"surrogate in a name", "{" U8("\\ud800", "0", "1", "1") "}", 1, PSQ_FORMAT, "invalid Unicode"},
    {"NUL in a name", "{" U8("a\\u0000b", "0", "1", "1") "}", 1, PSQ_FORMAT, "\\u0000"},
    {"escape sequence in a name", "{" U8("\\u001b[2J", "0", "1", "1") "}", 1, PSQ_FORMAT,
     "byte 1 of the header: the name has a control character"},
    {"raw newline in a name", "{" U8("a\nb", "0", "1", "1") "}", 1, PSQ_FORMAT,
     "unexpected newline"},
    {"tensor twice", "{" U8("a", "0", "1", "1") "," U8("a", "1", "2", "1") "}", 2, PSQ_FORMAT,
     "tensor \"a\" is there twice"},
    {"tensor twice, once escaped", "{" U8("a", "0", "1", "1") "," U8("\\u0061", "1", "2", "1") "}",
     2, PSQ_FORMAT, "tensor \"a\" is there twice"},
    {"field twice",
     "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
     PSQ_FORMAT, "duplicate object key"},
    {"unknown field",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"stride\":[1]}}", 1,
     PSQ_FORMAT, "tensor \"a\" has an unknown key \"stride\""},
    {"unknown field with a control character",
     "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"\\u001b[m\":1}}", 1,
     PSQ_FORMAT, "tensor \"a\" has an unknown key \"\""},
    {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, PSQ_FORMAT,
     "tensor \"a\" has no dtype"},
    {"no shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, PSQ_FORMAT,
     "tensor \"a\" has no shape"},
    {"no offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, PSQ_FORMAT,
     "tensor \"a\" has no data_offsets"},
    {"tensor null", "{\"a\":null}", 0, PSQ_FORMAT, "tensor \"a\" is no object"},
    {"tensor array", "{\"a\":[]}", 0, PSQ_FORMAT, "tensor \"a\" is no object"},
    {"tensor mismatched", "{\"a\":{]}", 0, PSQ_FORMAT, "string or '}' expected near"},
    {"dtype number", ONE("1", "[1]", "[0,1]"), 1, PSQ_FORMAT, "dtype is no string"},
    {"dtype unknown", ONE("\"F33\"", "[1]", "[0,1]"), 1, PSQ_FORMAT,
     "tensor \"a\": dtype \"F33\" is unknown"},
    {"dtype with a control character", ONE("\"\\u009b\"", "[1]", "[0,4]"), 4, PSQ_FORMAT,
     "dtype \"\" is unknown"},
    {"dtype lower case", ONE("\"f32\"", "[1]", "[0,4]"), 4, PSQ_FORMAT, "dtype \"f32\" is unknown"},
    {"dtype of half a byte", ONE("\"F4\"", "[2]", "[0,1]"), 1, PSQ_UNSUPPORTED,
     "tensor \"a\": dtype F4 is not supported"},
    {"dtype of 6 bits", ONE("\"F6_E2M3\"", "[4]", "[0,3]"), 3, PSQ_UNSUPPORTED, "dtype F6_E2M3"},
    {"dtype of 8 bits", ONE("\"F8_E4M3\"", "[1]", "[0,1]"), 1, PSQ_UNSUPPORTED, "dtype F8_E4M3"},
    {"dtype complex", ONE("\"C64\"", "[1]", "[0,8]"), 8, PSQ_UNSUPPORTED, "dtype C64"},
    {"shape null", ONE("\"U8\"", "null", "[0,1]"), 1, PSQ_FORMAT, "shape is no array"},
    {"shape of 9", ONE("\"U8\"", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, PSQ_FORMAT,
     "tensor \"a\": shape has 9 dimensions, must be at most 8"},
    {"shape string", ONE("\"U8\"", "[\"1\"]", "[0,1]"), 1, PSQ_FORMAT, "shape[0] is no integer"},
    {"shape true", ONE("\"U8\"", "[true]", "[0,1]"), 1, PSQ_FORMAT, "shape[0] is no integer"},
    {"shape nested", ONE("\"U8\"", "[[1]]", "[0,1]"), 1, PSQ_FORMAT, "shape[0] is no integer"},
    {"shape negative", ONE("\"U8\"", "[1,-1]", "[0,1]"), 1, PSQ_FORMAT,
     "tensor \"a\": shape[1] is -1, must be at least 0"},
    {"shape -0", ONE("\"U8\"", "[-0]", "[0,0]"), 0, PSQ_FORMAT,
     "tensor \"a\": an integer has a sign"},
    {"shape +1", ONE("\"U8\"", "[+1]", "[0,1]"), 1, PSQ_FORMAT, "invalid token"},
    {"shape 1.0", ONE("\"U8\"", "[1.0]", "[0,1]"), 1, PSQ_FORMAT, "shape[0] is no integer"},
    {"shape 1e0", ONE("\"U8\"", "[1e0]", "[0,1]"), 1, PSQ_FORMAT, "shape[0] is no integer"},
    {"shape 1e999", ONE("\"U8\"", "[1e999]", "[0,1]"), 1, PSQ_FORMAT, "real number overflow"},
    {"shape 01", ONE("\"U8\"", "[01]", "[0,1]"), 1, PSQ_FORMAT, "invalid token"},
    {"shape 0x1", ONE("\"U8\"", "[0x1]", "[0,1]"), 1, PSQ_FORMAT, "expected near"},
    {"shape NaN", ONE("\"U8\"", "[NaN]", "[0,1]"), 1, PSQ_FORMAT, "invalid token"},
    {"shape 2^63", ONE("\"U8\"", "[9223372036854775808]", "[0,1]"), 1, PSQ_FORMAT,
     "too big integer"},
    {"shape 2^64 + 1", ONE("\"U8\"", "[18446744073709551617]", "[0,1]"), 1, PSQ_FORMAT,
     "too big integer"},
    {"shape 2^53 + 1", ONE("\"U8\"", "[9007199254740993]", "[0,1]"), 1, PSQ_FORMAT,
     "span 1 bytes, dtype and shape need 9007199254740993"},
    {"product 2^64", ONE("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0, PSQ_FORMAT,
     "tensor \"a\": the size overflows at shape[1] = 4294967296"},
    {"product 2^64 through the type", ONE("\"F64\"", "[2305843009213693952]", "[0,0]"), 0,
     PSQ_FORMAT, "the size overflows at shape[0]"},
    {"product 2^64, then 0", ONE("\"U8\"", "[4294967296,4294967296,0]", "[0,0]"), 0, PSQ_FORMAT,
     "the size overflows at shape[1]"},
    {"size too small", ONE("\"F32\"", "[2]", "[0,4]"), 4, PSQ_FORMAT,
     "tensor \"a\": data_offsets span 4 bytes, dtype and shape need 8"},
    {"size too large", ONE("\"F32\"", "[2]", "[0,12]"), 12, PSQ_FORMAT,
     "data_offsets span 12 bytes, dtype and shape need 8"},
    {"offsets of 1", ONE("\"U8\"", "[1]", "[0]"), 1, PSQ_FORMAT, "no array of 2 integers"},
    {"offsets of 3", ONE("\"U8\"", "[1]", "[0,1,2]"), 1, PSQ_FORMAT, "no array of 2 integers"},
    {"offsets object", ONE("\"U8\"", "[1]", "{}"), 1, PSQ_FORMAT, "no array of 2 integers"},
    {"offsets negative", ONE("\"U8\"", "[1]", "[-1,0]"), 1, PSQ_FORMAT,
     "tensor \"a\": data_offsets[0] is -1, must be at least 0"},
    {"offsets real", ONE("\"U8\"", "[1]", "[0,1.5]"), 1, PSQ_FORMAT,
     "data_offsets[1] is no integer"},
    {"offsets backwards", ONE("\"U8\"", "[1]", "[1,0]"), 1, PSQ_FORMAT,
     "data_offsets begin at 1 and end before, at 0"},
    {"end behind the file", ONE("\"U8\"", "[2]", "[0,2]"), 1, PSQ_FORMAT,
     "tensor \"a\": data_offsets end at 2, the file has 1 bytes of data"},
    {"end far behind the file", ONE("\"U8\"", "[1099511627776]", "[0,1099511627776]"), 1,
     PSQ_FORMAT, "data_offsets end at 1099511627776, the file has 1 bytes of data"},
    {"hole at the start", ONE("\"U8\"", "[1]", "[1,2]"), 2, PSQ_FORMAT,
     "tensor \"a\" begins at 1, the data before it ends at 0"},
    {"hole", "{" U8("a", "0", "1", "1") "," U8("b", "2", "3", "1") "}", 3, PSQ_FORMAT,
     "tensor \"b\" begins at 2, the data before it ends at 1"},
    {"overlap", "{" U8("a", "0", "2", "2") "," U8("b", "1", "3", "2") "}", 3, PSQ_FORMAT,
     "tensor \"b\" begins at 1, the data before it ends at 2"},
    {"same bytes", "{" U8("a", "0", "2", "2") "," U8("b", "0", "2", "2") "}", 2, PSQ_FORMAT,
     "begins at 0, the data before it ends at 2"},
    {"no elements inside another", "{" U8("a", "0", "2", "2") "," U8("b", "1", "1", "0") "}", 2,
     PSQ_FORMAT, "tensor \"b\" begins at 1, the data before it ends at 2"},
    {"trailing bytes", ONE("\"U8\"", "[1]", "[0,1]"), 2, PSQ_FORMAT,
     "the tensors end at 1, the file has 2 bytes of data"},
    {"data without tensors", "{}", 1, PSQ_FORMAT,
     "the tensors end at 0, the file has 1 bytes of data"},
    {"metadata null", "{\"__metadata__\":null}", 0, PSQ_FORMAT, "an object must begin here"},
    {"metadata string", "{\"__metadata__\":\"x\"}", 0, PSQ_FORMAT, "an object must begin here"},
    {"metadata number", "{\"__metadata__\":{\"k\":1}}", 0, PSQ_FORMAT,
     "metadata \"k\" is no string"},
    {"metadata nested", "{\"__metadata__\":{\"k\":{}}}", 0, PSQ_FORMAT,
     "metadata \"k\" is no string"},
    {"metadata string and more", "{\"__metadata__\":{\"k\":\"a\"1}}", 0, PSQ_FORMAT,
     "byte 24 of the header: ',' or '}' expected"},
    {"metadata key twice", "{\"__metadata__\":{\"k\":\"a\",\"k\":\"b\"}}", 0, PSQ_FORMAT,
     "metadata \"k\" is there twice"},
    {"metadata unended", "{\"__metadata__\":{\"k\":\"a\"]}", 0, PSQ_FORMAT,
     "byte 24 of the header: ',' or '}' expected"},
    {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, PSQ_FORMAT,
     "two members __metadata__"},
    {"metadata twice, once escaped", "{\"__metadata__\":{},\"\\u005f_metadata__\":{}}", 0,
     PSQ_FORMAT, "two members __metadata__"},
};

static void header_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const bad_case *const c = &bad_cases[i];
        assert_image_refused(ctx, c->name, image_of(c->header, c->n_data), c->status, c->words);
    }
}

static void header_size_is_refused(void **state) {
    (void)state;
    static const struct {
        uint64_t size;
        const char *words;
    } cases[] = {
        {3, "the header has 3 bytes, the file only 2 behind its size"},
        {100000000, "the header has 100000000 bytes, the file only 2"},
        {100000001, "the header has 100000001 bytes, must be at most 100000000"},
        {UINT64_C(1) << 63, "the header has 9223372036854775808 bytes, must be at most"},
        {UINT64_MAX - 7, "the header has 18446744073709551608 bytes, must be at most"},
        {UINT64_MAX, "the header has 18446744073709551615 bytes, must be at most"},
        {1, "a key must begin here"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_image_refused(ctx, "size", image_make(cases[i].size, "{}", 2, 0), PSQ_FORMAT,
                             cases[i].words);
    }
}

// ---- hostile in bulk

static void header_in_bulk_is_refused(void **state) {
    (void)state;
    assert_image_refused(ctx, "depth in an entry",
                         image_repeated("{\"a\":{\"dtype\":", "[", 100000, "", 0), PSQ_FORMAT,
                         "',' or '}' expected");
    assert_image_refused(ctx, "depth, closed",
                         image_repeated("{\"a\":{\"dtype\":", "[]", 100000, ",\"shape\":0}}", 0),
                         PSQ_FORMAT, "must be at most 4096");
    assert_image_refused(
        ctx, "shape of a million", image_repeated("{\"a\":{\"shape\":[0", ",0", 1000000, "]}}", 0),
        PSQ_FORMAT, "tensor \"a\": its entry has 2000013 bytes, must be at most 4096");
    assert_image_refused(ctx, "name of a megabyte",
                         image_repeated("{\"", "n", 1 << 20, "\":{}}", 0), PSQ_FORMAT,
                         "byte 1 of the header: the name is longer than 1024 bytes");
    assert_image_refused(
        ctx, "name of 1025",
        image_repeated("{\"", "n", 1025,
                       "\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1),
        PSQ_FORMAT, "the name is longer than 1024 bytes");
    assert_image_refused(
        ctx, "a million metadata",
        image_repeated("{\"__metadata__\":{\"k\":\"v\"", ",\"k\":\"v\"", 1000000, "}}", 0),
        PSQ_FORMAT, "1000001 metadata, must be at most 65536");
    assert_image_refused(ctx, "ten million members",
                         image_repeated("{\"a\":0", ",\"a\":0", 1000000, "}", 0), PSQ_FORMAT,
                         "1000001 members, must be at most 65537");
}

// `count` tensors without elements.
static void tensors_have_a_limit(void **state) {
    (void)state;
    image f = image_many_tensors(65536);
    psq_safetensors *out;
    assert_int_equal(image_parse(ctx, &f, &out, NULL), PSQ_OK);
    assert_int_equal(psq_safetensors_n_tensors(out), 65536);
    assert_non_null(psq_safetensors_find(out, "ffff"));
    psq_safetensors_destroy(out);
    free(f.bytes);
    assert_image_refused(ctx, "65,537", image_many_tensors(65537), PSQ_FORMAT,
                         "65537 tensors, must be at most 65536");
}

// ---- damage

static void truncated_file_is_refused(void **state) {
    (void)state;
    const image f = image_of(TWO, 28);
    for (size_t size = 0; size < f.size; size++) {
        // A block of exactly this size, so that a sanitizer sees a read behind it.
        image cut = {(unsigned char *)malloc(size > 0 ? size : 1), size};
        memcpy(cut.bytes, f.bytes, size);
        assert_image_refused(ctx, "truncated", cut, PSQ_FORMAT, "");
    }
    free(f.bytes);
}

static size_t bytes_of(const psq_tensor *tensor) {
    size_t bytes = psq_dtype_size(tensor->dtype);
    for (int32_t i = 0; i < tensor->n_dims; i++) {
        bytes *= (size_t)tensor->dims[i];
    }
    return bytes;
}

// Each tensor of `a` has its bytes in a tensor of `b`, whatever it is called; as many metadata.
static bool same_meaning(const psq_safetensors *a, const psq_safetensors *b) {
    const int64_t n = psq_safetensors_n_tensors(a);
    bool same = n == psq_safetensors_n_tensors(b) &&
                psq_safetensors_n_metadata(a) == psq_safetensors_n_metadata(b);
    for (int64_t i = 0; i < n && same; i++) {
        const psq_tensor *const x = &psq_safetensors_tensors(a)[i];
        bool found = false;
        for (int64_t k = 0; k < n && !found; k++) {
            const psq_tensor *const y = &psq_safetensors_tensors(b)[k];
            found = bytes_of(x) == bytes_of(y) && memcmp(x->data, y->data, bytes_of(x)) == 0;
        }
        same = found;
    }
    return same;
}

// A flip inside a name or a metadata string, or between types of one size, cannot be noticed: the
// file then is another valid file whose tensors hold the same bytes. Everything else is refused.
static void flipped_header_bit_is_refused_or_harmless(void **state) {
    (void)state;
    image f = image_of(TWO, 28);
    const size_t header_end = f.size - 28;
    psq_safetensors *whole;
    assert_int_equal(image_parse(ctx, &f, &whole, NULL), PSQ_OK);
    int64_t n_refused = 0, n_accepted = 0;
    for (size_t bit = 0; bit < header_end * 8; bit++) {
        f.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        psq_safetensors *out;
        psq_error err = {PSQ_OK, ""};
        const psq_status status = image_parse(ctx, &f, &out, &err);
        if (status == PSQ_OK) {
            assert_true(same_meaning(whole, out));
            n_accepted++;
        } else {
            assert_true(status == PSQ_FORMAT || status == PSQ_UNSUPPORTED);
            assert_non_null(strstr(err.text, "m.safetensors: "));
            n_refused++;
        }
        psq_safetensors_destroy(out);
        f.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    // 14 bytes of the header are names, keys and values, free to choose; some of
    // their bits make a control character, a quote or no UTF-8.
    assert_in_range(n_accepted, 14, 14 * 8);
    assert_int_equal(n_accepted + n_refused, header_end * 8);
    psq_safetensors_destroy(whole);
    free(f.bytes);
}

static void null_arguments_are_refused(void **state) {
    (void)state;
    psq_safetensors *out;
    psq_error err;
    assert_int_equal(psq_safetensors_read(NULL, "x", &out, &err), PSQ_INVALID);
    assert_string_equal(err.text, "ctx is NULL");
    assert_int_equal(psq_safetensors_read(ctx, NULL, &out, &err), PSQ_INVALID);
    assert_string_equal(err.text, "path is NULL");
    assert_int_equal(psq_safetensors_read(ctx, "x", NULL, &err), PSQ_INVALID);
    assert_string_equal(err.text, "out is NULL");
    assert_int_equal(psq_safetensors_parse(NULL, "x", "", 0, &out, &err), PSQ_INVALID);
    assert_string_equal(err.text, "ctx is NULL");
    assert_int_equal(psq_safetensors_parse(ctx, NULL, "", 0, &out, &err), PSQ_INVALID);
    assert_string_equal(err.text, "name is NULL");
    assert_int_equal(psq_safetensors_parse(ctx, "x", NULL, 1, &out, &err), PSQ_INVALID);
    assert_string_equal(err.text, "bytes is NULL, size is 1");
    assert_int_equal(psq_safetensors_parse(ctx, "x", "", 0, NULL, &err), PSQ_INVALID);
    assert_string_equal(err.text, "out is NULL");
    psq_safetensors_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_read_by_name),
        cmocka_unit_test(file_is_accepted),
        cmocka_unit_test(reference_types_are_read),
        cmocka_unit_test(reference_lstm_is_read),
        cmocka_unit_test(header_is_refused),
        cmocka_unit_test(header_size_is_refused),
        cmocka_unit_test(header_in_bulk_is_refused),
        cmocka_unit_test(tensors_have_a_limit),
        cmocka_unit_test(truncated_file_is_refused),
        cmocka_unit_test(flipped_header_bit_is_refused_or_harmless),
        cmocka_unit_test(null_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
