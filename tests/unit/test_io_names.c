// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// UTF-8 at its edges, in blocks of exactly the given size so that a sanitizer sees a read behind
// them; what may be a name; how names and long paths look in errors.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/names.h"

static size_t prefix_of(const unsigned char *bytes, size_t size) {
    char *const copy = (char *)malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    const size_t prefix = psq_utf8_prefix(copy, size);
    free(copy);
    return prefix;
}

// Bytes of the encoding of any number below 2^21 by the plain rule, surrogates and all.
static size_t encode(uint32_t code, unsigned char bytes[4]) {
    static const unsigned char mark[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    const size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1;) {
        bytes[i] = (unsigned char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    bytes[0] = (unsigned char)(mark[size == 1 ? 0 : size] | code);
    return size;
}

static void utf8_is_every_scalar_value_and_no_more(void **state) {
    (void)state;
    for (uint32_t code = 0; code < 0x200000; code++) {
        unsigned char bytes[4];
        const size_t size = encode(code, bytes);
        const bool is_scalar = code < 0xD800 || (code > 0xDFFF && code <= 0x10FFFF);
        const size_t prefix = psq_utf8_prefix((const char *)bytes, size);
        if (prefix != (is_scalar ? size : 0)) {
            fail_msg("U+%04X: %zu of %zu bytes", (unsigned)code, prefix, size);
        }
    }
}

static void utf8_cut_or_broken_is_refused(void **state) {
    (void)state;
    static const uint32_t codes[] = {0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        unsigned char bytes[4];
        const size_t size = encode(codes[i], bytes);
        for (size_t k = 1; k < size; k++) {
            assert_int_equal(prefix_of(bytes, k), 0);
            const unsigned char whole = bytes[k];
            static const unsigned char wrong[] = {0x00, 0x7F, 0xC0, 0xFF};
            for (size_t w = 0; w < sizeof wrong; w++) {
                bytes[k] = wrong[w];
                assert_int_equal(prefix_of(bytes, size), 0);
            }
            bytes[k] = whole;
        }
    }
}

static void utf8_overlong_is_refused(void **state) {
    (void)state;
    assert_int_equal(prefix_of((const unsigned char *)"\xC1\xBF", 2), 0);
    assert_int_equal(prefix_of((const unsigned char *)"\xE0\x9F\xBF", 3), 0);
    assert_int_equal(prefix_of((const unsigned char *)"\xF0\x8F\xBF\xBF", 4), 0);
    assert_int_equal(prefix_of((const unsigned char *)"\x80", 1), 0);
    assert_int_equal(prefix_of((const unsigned char *)"a\xC3\xA9\xC3", 4), 3);
    assert_int_equal(prefix_of((const unsigned char *)"", 0), 0);
}

static void name_has_no_control_character(void **state) {
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        const char name[] = {'n', (char)c};
        const char *const fault = psq_name_fault(name, sizeof name);
        if (c < 0x20 || c == 0x7F) {
            assert_string_equal(fault, "has a control character");
        } else {
            assert_null(fault);
        }
    }
}

// Each first and last one, and their neighbours.
static void name_has_no_longer_control_character(void **state) {
    (void)state;
    static const char *const refused[] = {"\xc2\x80",     "\xc2\x9f",     "n\xe2\x80\xaa",
                                          "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9z"};
    static const char *const kept[] = {"\xc2\xa0",     "\xc3\x80",     "\xe2\x80\xa9",
                                       "\xe2\x80\xaf", "\xe2\x81\xa5", "\xe2\x81\xaa",
                                       "\xe2\x82\xac"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *const fault = psq_name_fault(refused[i], strlen(refused[i]));
        assert_non_null(fault);
        assert_string_equal(fault, "has a control character");
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        assert_null(psq_name_fault(kept[i], strlen(kept[i])));
    }
}

static void name_is_shown_in_whole_characters(void **state) {
    (void)state;
    char name[201];
    memset(name, 'n', 200);
    name[200] = '\0';
    assert_int_equal(psq_name_shown("short"), 5);
    assert_int_equal(psq_name_shown(name), PSQ_NAME_SHOWN);
    memcpy(name + PSQ_NAME_SHOWN - 1, "\xC3\xA9", 2);
    assert_int_equal(psq_name_shown(name), PSQ_NAME_SHOWN - 1);
}

static void long_path_leaves_the_sentence(void **state) {
    (void)state;
    char path[1001];
    memset(path, 'p', 1000);
    path[1000] = '\0';
    psq_error err;
    assert_int_equal(psq_file_fail(&err, PSQ_FORMAT, path, "a %s", "sentence"), PSQ_FORMAT);
    assert_int_equal(strncmp(err.text, "...pp", 5), 0);
    assert_non_null(strstr(err.text, "ppp: a sentence"));
    assert_int_equal(psq_line_fail(&err, PSQ_FORMAT, "f", 12, "b"), PSQ_FORMAT);
    assert_string_equal(err.text, "f:12: b");
    assert_int_equal(psq_line_fail(NULL, PSQ_FORMAT, "f", 12, "b"), PSQ_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_every_scalar_value_and_no_more),
        cmocka_unit_test(utf8_cut_or_broken_is_refused),
        cmocka_unit_test(utf8_overlong_is_refused),
        cmocka_unit_test(name_has_no_control_character),
        cmocka_unit_test(name_has_no_longer_control_character),
        cmocka_unit_test(name_is_shown_in_whole_characters),
        cmocka_unit_test(long_path_leaves_the_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
