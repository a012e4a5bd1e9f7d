// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// Text data sets: where lines and labels begin and end, what is refused and with which words, and
// that a call that fails leaves no trace.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "fault.h"
#include "packseq/io.h"

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

static psq_text *make(psq_text_label label, bool skip_empty) {
    psq_text_opts opts = PSQ_TEXT_OPTS_INIT;
    opts.label = label;
    opts.skip_empty = skip_empty;
    psq_text *text;
    assert_int_equal(psq_text_create(ctx, &opts, &text, NULL), PSQ_OK);
    return text;
}

// The whole data set as one string: "label:sequence|" for each sequence, tokens as characters.
static const char *shown(const psq_text *text) {
    static char out[512];
    char *at = out;
    const int64_t *const offsets = psq_text_offsets(text);
    assert_int_equal(offsets[0], 0);
    for (int64_t i = 0; i < psq_text_n_seq(text); i++) {
        const int32_t label = psq_text_labels(text)[i];
        const char *const name = label < 0 ? "-" : psq_text_label_name(text, label);
        at += sprintf(at, "%s:", name);
        for (int64_t k = offsets[i]; k < offsets[i + 1]; k++) {
            *at++ = (char)psq_text_tokens(text)[k];
        }
        *at++ = '|';
    }
    *at = '\0';
    return out;
}

typedef struct good_case {
    const char *name;
    psq_text_label label;
    bool skip_empty;
    const char *file;
    const char *bytes;
    const char *shown;
} good_case;

static const good_case good_cases[] = {
    {"nothing", PSQ_LABEL_FILE, true, "f", "", ""},
    {"one line", PSQ_LABEL_FILE, true, "f", "ab", "f:ab|"},
    {"last line ended", PSQ_LABEL_FILE, true, "f", "ab\n", "f:ab|"},
    {"last line empty, kept apart from ended", PSQ_LABEL_FILE, false, "f", "ab\n\n", "f:ab|f:|"},
    {"empty lines skipped", PSQ_LABEL_FILE, true, "f", "\n\nab\n\nc\n\n", "f:ab|f:c|"},
    {"empty lines kept", PSQ_LABEL_FILE, false, "f", "\nab\n", "f:|f:ab|"},
    {"CRLF", PSQ_LABEL_FILE, true, "f", "ab\r\n\r\ncd\r\n", "f:ab|f:cd|"},
    {"CRLF, empty kept", PSQ_LABEL_FILE, false, "f", "\r\nab\r\n", "f:|f:ab|"},
    {"CR alone is a byte", PSQ_LABEL_FILE, true, "f", "a\rb\nc\r", "f:a\rb|f:c\r|"},
    {"byte order mark", PSQ_LABEL_FILE, true, "f",
     "\xef\xbb\xbf"
     "ab",
     "f:ab|"},
    {"byte order mark alone", PSQ_LABEL_FILE, false, "f", "\xef\xbb\xbf", ""},
    {"byte order mark later is text", PSQ_LABEL_FILE, true, "f",
     "a\n\xef\xbb\xbf"
     "b",
     "f:a|f:\xef\xbb\xbf"
     "b|"},
    {"bytes are tokens", PSQ_LABEL_FILE, true, "f", "z\xc5\x82o\xf0\x9f\x98\x80",
     "f:z\xc5\x82o\xf0\x9f\x98\x80|"},
    {"no label", PSQ_LABEL_NONE, true, "f", "a\tb\n", "-:a\tb|"},
    {"no label needs no name", PSQ_LABEL_NONE, true, "", "a", "-:a|"},
    {"directory and extension", PSQ_LABEL_FILE, true, "x/a.b/c.d.txt", "x", "c.d:x|"},
    {"leading dot", PSQ_LABEL_FILE, true, "/.words", "x", ".words:x|"},
    {"column", PSQ_LABEL_COLUMN, true, "f", "en\tcat\nnl\tkat\nen\tdog\n", "en:cat|nl:kat|en:dog|"},
    {"second separator is text", PSQ_LABEL_COLUMN, true, "f", "en\ta\tb", "en:a\tb|"},
    {"sequence empty", PSQ_LABEL_COLUMN, true, "f", "en\t\n\nen\tb", "en:|en:b|"},
    {"label that begins another", PSQ_LABEL_COLUMN, true, "f", "ab\t1\na\t2\nabc\t3\na\t4",
     "ab:1|a:2|abc:3|a:4|"},
};

static void lines_become_sequences(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good_cases / sizeof *good_cases; i++) {
        const good_case *const c = &good_cases[i];
        psq_text *const text = make(c->label, c->skip_empty);
        psq_error err = {PSQ_OK, ""};
        if (psq_text_add(text, c->file, c->bytes, strlen(c->bytes), &err) != PSQ_OK ||
            strcmp(shown(text), c->shown) != 0) {
            fail_msg("%s: \"%s\" %s", c->name, shown(text), err.text);
        }
        psq_text_destroy(text);
    }
}

static void tokens_are_unsigned_bytes(void **state) {
    (void)state;
    psq_text *const text = make(PSQ_LABEL_NONE, true);
    assert_int_equal(psq_text_add(text, "f", "\x01\x7f\xc3\xbf", 4, NULL), PSQ_OK);
    const int32_t expected[] = {1, 127, 0xC3, 0xBF};
    assert_memory_equal(psq_text_tokens(text), expected, sizeof expected);
    psq_text_destroy(text);
}

static void labels_keep_their_first_order(void **state) {
    (void)state;
    psq_text *const text = make(PSQ_LABEL_FILE, true);
    assert_int_equal(psq_text_add(text, "d/zulu.txt", "a\nb", 3, NULL), PSQ_OK);
    assert_int_equal(psq_text_add(text, "none.txt", "\n", 1, NULL), PSQ_OK);
    assert_int_equal(psq_text_add(text, "d/alpha.txt", "c", 1, NULL), PSQ_OK);
    assert_int_equal(psq_text_add(text, "e/zulu.text", "d", 1, NULL), PSQ_OK);
    assert_string_equal(shown(text), "zulu:a|zulu:b|alpha:c|zulu:d|");
    assert_int_equal(psq_text_n_labels(text), 2);
    assert_string_equal(psq_text_label_name(text, 0), "zulu");
    assert_string_equal(psq_text_label_name(text, 1), "alpha");
    assert_null(psq_text_label_name(text, 2));
    assert_null(psq_text_label_name(text, -1));
    psq_text_destroy(text);
}

static void many_labels_are_found_again(void **state) {
    (void)state;
    psq_text *const text = make(PSQ_LABEL_COLUMN, true);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            char line[16];
            const int size = sprintf(line, "%d\tx", i * 7919 % 1000);
            assert_int_equal(psq_text_add(text, "f", line, (size_t)size, NULL), PSQ_OK);
        }
    }
    assert_int_equal(psq_text_n_labels(text), 1000);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(psq_text_labels(text)[i], i % 1000);
        assert_int_equal(atoi(psq_text_label_name(text, i % 1000)), i * 7919 % 1000);
    }
    psq_text_destroy(text);
}

// ---- refusals

typedef struct bad_case {
    psq_text_label label;
    const char *bytes;
    size_t size;
    const char *text;
} bad_case;

#define BYTES(literal) literal, sizeof(literal) - 1

// The lines before the bad one must vanish again.
static const bad_case bad_cases[] = {
    {PSQ_LABEL_FILE, BYTES("ok\na\0b\n"), "d/f.txt:2: byte 2 of the line is NUL"},
    {PSQ_LABEL_FILE, BYTES("ok\n\n\nab\xff\n"), "d/f.txt:4: byte 3 of the line is no UTF-8: 0xff"},
    {PSQ_LABEL_FILE, BYTES("\xc0\xaf"), "d/f.txt:1: byte 1 of the line is no UTF-8: 0xc0"},
    {PSQ_LABEL_FILE, BYTES("\xc1\xbf"), "d/f.txt:1: byte 1 of the line is no UTF-8: 0xc1"},
    {PSQ_LABEL_FILE, BYTES("\xe0\x9f\xbf"), "d/f.txt:1: byte 1 of the line is no UTF-8: 0xe0"},
    {PSQ_LABEL_FILE, BYTES("\xed\xa0\x80"), "d/f.txt:1: byte 1 of the line is no UTF-8: 0xed"},
    {PSQ_LABEL_FILE, BYTES("\xf0\x8f\xbf\xbf"), "d/f.txt:1: byte 1 of the line is no UTF-8: 0xf0"},
    {PSQ_LABEL_FILE, BYTES("\xf4\x90\x80\x80"), "d/f.txt:1: byte 1 of the line is no UTF-8: 0xf4"},
    {PSQ_LABEL_FILE, BYTES("\xf5\x80\x80\x80"), "d/f.txt:1: byte 1 of the line is no UTF-8: 0xf5"},
    {PSQ_LABEL_FILE, BYTES("a\x80"), "d/f.txt:1: byte 2 of the line is no UTF-8: 0x80"},
    {PSQ_LABEL_FILE, BYTES("\xe2\x82\n\xac"), "d/f.txt:1: byte 1 of the line is no UTF-8: 0xe2"},
    {PSQ_LABEL_FILE, BYTES("ab\xe2\x82"), "d/f.txt:1: byte 3 of the line is no UTF-8: 0xe2"},
    {PSQ_LABEL_FILE, BYTES("12345678\n123456789\r\n"),
     "d/f.txt:2: the line has 9 bytes, must be at most 8"},
    {PSQ_LABEL_COLUMN, BYTES("en\ta\nnl\tb\nabc\n"),
     "d/f.txt:3: no separator (byte 0x09) behind a label"},
    {PSQ_LABEL_COLUMN, BYTES("en\ta\n\tb\n"), "d/f.txt:2: the label is empty"},
    {PSQ_LABEL_COLUMN, BYTES("e\x1bn\ta\n"), "d/f.txt:1: the label has a control character"},
};

static void bad_line_is_refused_without_trace(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const bad_case *const c = &bad_cases[i];
        psq_text_opts opts = PSQ_TEXT_OPTS_INIT;
        opts.label = c->label;
        opts.max_length = 8;
        psq_text *text;
        assert_int_equal(psq_text_create(ctx, &opts, &text, NULL), PSQ_OK);
        assert_int_equal(psq_text_add(text, "old", "xy\tz", 4, NULL), PSQ_OK);
        psq_error err;
        assert_int_equal(psq_text_add(text, "d/f.txt", c->bytes, c->size, &err), PSQ_FORMAT);
        assert_string_equal(err.text, c->text);
        assert_int_equal(psq_text_n_labels(text), 1);
        assert_string_equal(shown(text), c->label == PSQ_LABEL_COLUMN ? "xy:z|" : "old:xy\tz|");
        // What was cut back may come again.
        assert_int_equal(psq_text_add(text, "f", "nl\tok", 5, &err), PSQ_OK);
        assert_string_equal(shown(text),
                            c->label == PSQ_LABEL_COLUMN ? "xy:z|nl:ok|" : "old:xy\tz|f:nl\tok|");
        psq_text_destroy(text);
    }
}

static void empty_line_has_no_separator(void **state) {
    (void)state;
    psq_text *const text = make(PSQ_LABEL_COLUMN, false);
    psq_error err;
    assert_int_equal(psq_text_add(text, "f", "\n", 1, &err), PSQ_FORMAT);
    assert_string_equal(err.text, "f:1: no separator (byte 0x09) behind a label");
    psq_text_destroy(text);
}

static void long_path_leaves_the_sentence(void **state) {
    (void)state;
    char long_path[1001];
    memset(long_path, 'p', 1000);
    long_path[1000] = '\0';
    psq_text *const text = make(PSQ_LABEL_NONE, true);
    psq_error err;
    assert_int_equal(psq_text_add(text, long_path, "\xff", 1, &err), PSQ_FORMAT);
    assert_int_equal(strncmp(err.text, "...ppp", 6), 0);
    assert_non_null(strstr(err.text, "ppp:1: byte 1 of the line is no UTF-8: 0xff"));
    psq_text_destroy(text);
}

static void name_without_label_is_refused(void **state) {
    (void)state;
    psq_text *const text = make(PSQ_LABEL_FILE, true);
    psq_error err;
    assert_int_equal(psq_text_add(text, "dir/", "a", 1, &err), PSQ_INVALID);
    assert_string_equal(err.text, "dir/: the label that the name makes is empty");
    assert_int_equal(psq_text_add(text, "\xff.txt", "a", 1, &err), PSQ_INVALID);
    assert_string_equal(err.text, "\xff.txt: the label that the name makes is no UTF-8");
    assert_int_equal(psq_text_n_seq(text), 0);
    psq_text_destroy(text);
}

static void assert_opts_refused(const psq_text_opts *opts, const char *words) {
    psq_text *text = (psq_text *)&ctx;
    psq_error err;
    assert_int_equal(psq_text_create(ctx, opts, &text, &err), PSQ_INVALID);
    assert_null(text);
    assert_non_null(strstr(err.text, words));
}

static void bad_options_are_refused(void **state) {
    (void)state;
    const psq_text_opts good = PSQ_TEXT_OPTS_INIT;
    psq_text_opts opts = good;
    opts.struct_size = 3;
    assert_opts_refused(&opts, "opts->struct_size is 3, must be ");
    opts = good;
    opts.label = PSQ_N_LABEL;
    assert_opts_refused(&opts, "opts->label is 3, must be below 3");
    static const char separators[] = {'\0', '\n', '\r', '\x80'};
    for (size_t i = 0; i < sizeof separators; i++) {
        opts = good;
        opts.separator = separators[i];
        assert_opts_refused(&opts, "opts->separator is ");
    }
    opts = good;
    opts.max_length = 0;
    assert_opts_refused(&opts, "opts->max_length is 0, must be at least 1");
}

static void null_arguments_are_refused(void **state) {
    (void)state;
    psq_text *text;
    psq_error err;
    assert_int_equal(psq_text_create(NULL, NULL, &text, &err), PSQ_INVALID);
    assert_string_equal(err.text, "ctx is NULL");
    assert_int_equal(psq_text_create(ctx, NULL, NULL, &err), PSQ_INVALID);
    assert_string_equal(err.text, "out is NULL");
    assert_int_equal(psq_text_create(ctx, NULL, &text, &err), PSQ_OK);
    assert_int_equal(psq_text_add(NULL, "f", "", 0, &err), PSQ_INVALID);
    assert_string_equal(err.text, "text is NULL");
    assert_int_equal(psq_text_add(text, NULL, "", 0, &err), PSQ_INVALID);
    assert_string_equal(err.text, "name is NULL");
    assert_int_equal(psq_text_add(text, "f", NULL, 1, &err), PSQ_INVALID);
    assert_string_equal(err.text, "bytes is NULL, size is 1");
    assert_int_equal(psq_text_add_file(NULL, "f", &err), PSQ_INVALID);
    assert_string_equal(err.text, "text is NULL");
    assert_int_equal(psq_text_add_file(text, NULL, &err), PSQ_INVALID);
    assert_string_equal(err.text, "path is NULL");
    psq_text_destroy(text);
    psq_text_destroy(NULL);
}

static void missing_file_is_named(void **state) {
    (void)state;
    psq_text *const text = make(PSQ_LABEL_FILE, true);
    psq_error err;
    assert_int_equal(psq_text_add_file(text, "no-such-file.txt", &err), PSQ_IO);
    assert_non_null(strstr(err.text, "no-such-file.txt: No such file"));
    psq_text_destroy(text);
}

// ---- files, which are read in pieces of 65,536 bytes

static const char path[] = "test_io_text.tmp.tsv";

static void put(const char *bytes, size_t size) {
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_same(const psq_text *a, const psq_text *b) {
    const int64_t n = psq_text_n_seq(a);
    assert_int_equal(n, psq_text_n_seq(b));
    assert_memory_equal(psq_text_offsets(a), psq_text_offsets(b), (size_t)(n + 1) * 8);
    assert_memory_equal(psq_text_labels(a), psq_text_labels(b), (size_t)n * 4);
    assert_memory_equal(psq_text_tokens(a), psq_text_tokens(b), (size_t)psq_text_offsets(a)[n] * 4);
}

static size_t append(char *bytes, size_t at, const char *text) {
    memcpy(bytes + at, text, strlen(text));
    return at + strlen(text);
}

// Wherever a piece ends: in a line, between CR and LF, in a character, in a line longer than it.
static void file_is_the_text_in_memory(void **state) {
    (void)state;
    static char bytes[3 * 65536];
    static const char lines[] = "one\r\ntwo\xe2\x82\xac\n\n";
    for (size_t shift = 0; shift < sizeof lines; shift++) {
        size_t size = append(bytes, 0, "\xef\xbb\xbf");
        memset(bytes + size, 'a', shift);
        for (size += shift; size < 70000;) {
            size = append(bytes, size, lines);
        }
        memset(bytes + size, 'x', 65530);
        for (size += 65530; size < sizeof bytes - sizeof lines;) {
            size = append(bytes, size, lines);
        }
        put(bytes, size);
        psq_text *const read = make(PSQ_LABEL_FILE, false);
        psq_text *const added = make(PSQ_LABEL_FILE, false);
        psq_error err;
        assert_int_equal(psq_text_add(added, path, bytes, size, &err), PSQ_OK);
        assert_int_equal(psq_text_add_file(read, path, &err), PSQ_OK);
        assert_same(read, added);
        psq_text_destroy(read);
        psq_text_destroy(added);
    }
    assert_int_equal(remove(path), 0);
}

// The same bytes again and again, for ever.
static const char *endless_bytes;
static size_t endless_read_so_far;

static int endless_read(void *self, void *file, void *buf, size_t size, size_t *done) {
    (void)self, (void)file;
    for (size_t i = 0; i < size; i++) {
        ((char *)buf)[i] = endless_bytes[i % 2];
    }
    endless_read_so_far += size;
    assert_true(endless_read_so_far < 1 << 20);
    *done = size;
    return 0;
}

static void assert_stops(const char *bytes, const char *words) {
    psq_io io = psq_default_io;
    io.read = endless_read;
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.io = &io;
    psq_ctx *odd;
    assert_int_equal(psq_ctx_create(&opts, &odd, NULL), PSQ_OK);
    psq_text *text;
    psq_error err;
    assert_int_equal(psq_text_create(odd, NULL, &text, &err), PSQ_OK);
    assert_int_equal(psq_text_add(text, "old", "xyz", 3, &err), PSQ_OK);
    put("", 0);
    endless_bytes = bytes;
    endless_read_so_far = 0;
    assert_int_equal(psq_text_add_file(text, path, &err), PSQ_FORMAT);
    assert_non_null(strstr(err.text, words));
    assert_string_equal(shown(text), "old:xyz|");
    assert_int_equal(remove(path), 0);
    psq_text_destroy(text);
    psq_ctx_destroy(odd);
}

static void endless_file_is_refused(void **state) {
    (void)state;
    assert_stops("\0\0", "test_io_text.tmp.tsv:1: byte 1 of the line is NUL");
    assert_stops("xx", ":1: the line has at least 131071 bytes, must be at most 65536");
}

// The longest line that may be, with a CR that ends a piece and an LF that begins the next.
static void longest_line_of_a_file(void **state) {
    (void)state;
    static char bytes[65537];
    memset(bytes, 'x', sizeof bytes);
    bytes[65535] = '\r';
    bytes[65536] = '\n';
    psq_text_opts opts = PSQ_TEXT_OPTS_INIT;
    opts.max_length = 65535;
    psq_text *text;
    psq_error err;
    assert_int_equal(psq_text_create(ctx, &opts, &text, &err), PSQ_OK);
    put(bytes, sizeof bytes);
    assert_int_equal(psq_text_add_file(text, path, &err), PSQ_OK);
    assert_int_equal(psq_text_offsets(text)[1], 65535);
    bytes[65535] = 'x';
    put(bytes, sizeof bytes);
    assert_int_equal(psq_text_add_file(text, path, &err), PSQ_FORMAT);
    assert_non_null(strstr(err.text, ":1: the line has 65536 bytes, must be at most 65535"));
    assert_int_equal(psq_text_n_seq(text), 1);
    psq_text_destroy(text);
    assert_int_equal(remove(path), 0);
}

// ---- faults

static psq_status run_add(const psq_ctx *faulty, void *arg) {
    (void)arg;
    psq_text_opts opts = PSQ_TEXT_OPTS_INIT;
    opts.label = PSQ_LABEL_COLUMN;
    psq_text *text;
    psq_status status = psq_text_create(faulty, &opts, &text, NULL);
    if (status != PSQ_OK) {
        assert_null(text);
        return status;
    }
    status = psq_text_add(text, "f", "xx\tone", 6, NULL);
    const char *const before = status == PSQ_OK ? "xx:one|" : "";
    assert_string_equal(shown(text), before);
    if (status == PSQ_OK) {
        status = psq_text_add_file(text, path, NULL);
        assert_string_equal(shown(text), status == PSQ_OK
                                             ? "xx:one|en:some words|nl:een paar woorden|en:x|"
                                             : before);
        assert_int_equal(psq_text_n_labels(text), status == PSQ_OK ? 3 : 1);
    }
    psq_text_destroy(text);
    return status;
}

static void faults_are_reported_without_trace(void **state) {
    (void)state;
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs("en\tsome words\nnl\teen paar woorden\nen\tx\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    fault_each_alloc(run_add, NULL);
    fault_each_io(run_add, NULL);
    assert_int_equal(remove(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_sequences),
        cmocka_unit_test(tokens_are_unsigned_bytes),
        cmocka_unit_test(labels_keep_their_first_order),
        cmocka_unit_test(many_labels_are_found_again),
        cmocka_unit_test(bad_line_is_refused_without_trace),
        cmocka_unit_test(empty_line_has_no_separator),
        cmocka_unit_test(long_path_leaves_the_sentence),
        cmocka_unit_test(name_without_label_is_refused),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(null_arguments_are_refused),
        cmocka_unit_test(missing_file_is_named),
        cmocka_unit_test(file_is_the_text_in_memory),
        cmocka_unit_test(endless_file_is_refused),
        cmocka_unit_test(longest_line_of_a_file),
        cmocka_unit_test(faults_are_reported_without_trace),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
