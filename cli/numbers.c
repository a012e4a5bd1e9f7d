// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// numbers.c: strtoll and strtod accept too much (blanks, a prefix, nothing at all, "inf", hex), so
// the characters are looked at first and the end of the number must be the end of the text.
#include "numbers.h"

#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

// Room for any number, and for the beginning of what is none, to show it.
enum { WORD_SIZE = 64 };

static bool only_has(const char *text, const char *characters) {
    return text[0] && strspn(text, characters) == strlen(text);
}

number_result number_int(const char *text, int64_t min, int64_t max, int64_t *out) {
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (!only_has(text, "-0123456789") || *end) {
        return NUMBER_MALFORMED;
    }
    *out = value;
    return errno == ERANGE || value < min || value > max ? NUMBER_RANGE : NUMBER_OK;
}

number_result number_real(const char *text, double min, double max, double *out) {
    char *end = NULL;
    errno = 0;
    const double value = strtod(text, &end);
    if (!only_has(text, "+-.0123456789eE") || *end) {
        return NUMBER_MALFORMED;
    }
    *out = value;
    return value >= min && value <= max ? NUMBER_OK : NUMBER_RANGE;
}

void int_list_free(int_list *list) {
    free(list->items);
    *list = (int_list){NULL, 0, 0};
}

static void int_list_push(int_list *list, int64_t value) {
    if (list->n == list->capacity) {
        list->capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        list->items = cli_grow(list->items, (size_t)list->capacity, sizeof(*list->items));
    }
    list->items[list->n++] = value;
}

static int int_list_add(int_list *list, const char *name, const char *word, int64_t min,
                        int64_t max) {
    int64_t value = 0;
    const bool cut = strlen(word) == WORD_SIZE - 1; // no number is that long
    switch (cut ? NUMBER_MALFORMED : number_int(word, min, max, &value)) {
    case NUMBER_MALFORMED:
        return fail_data("%s[%" PRId64 "] is '%.40s', must be a whole number", name, list->n, word);
    case NUMBER_RANGE:
        return fail_data("%s[%" PRId64 "] is %.40s, must be at %s %" PRId64, name, list->n, word,
                         value < min ? "least" : "most", value < min ? min : max);
    default:
        int_list_push(list, value);
        return EXIT_SUCCESS;
    }
}

static const char separators[] = ", \t\r\n";

int int_list_add_text(int_list *list, const char *name, const char *text, int64_t min,
                      int64_t max) {
    char word[WORD_SIZE];
    const char *at = text + strspn(text, separators);
    while (*at) {
        const size_t size = strcspn(at, separators);
        snprintf(word, sizeof(word), "%.*s", size < sizeof(word) ? (int)size : WORD_SIZE - 1, at);
        const int code = int_list_add(list, name, word, min, max);
        if (code != EXIT_SUCCESS) {
            return code;
        }
        at += size;
        at += strspn(at, separators);
    }
    return EXIT_SUCCESS;
}

int int_list_add_stream(int_list *list, const char *name, FILE *stream, const char *source,
                        int64_t min, int64_t max) {
    char word[WORD_SIZE];
    size_t size = 0;
    int c = 0;
    while (c != EOF) {
        c = getc(stream);
        if (c != EOF && c != '\0' && !strchr(separators, c)) {
            if (size < sizeof(word) - 1) {
                word[size++] = (char)c;
            }
            continue;
        }
        word[size] = '\0';
        const int code = c == '\0'  ? fail_data("%s has a NUL byte", source)
                         : size > 0 ? int_list_add(list, name, word, min, max)
                                    : EXIT_SUCCESS;
        if (code != EXIT_SUCCESS) {
            return code;
        }
        size = 0;
    }
    if (ferror(stream)) {
        say("cannot read %s: %s", source, strerror(errno));
        return EXIT_IO;
    }
    return EXIT_SUCCESS;
}
