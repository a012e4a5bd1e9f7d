// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// names.c: strict UTF-8 after table 3-7 of the Unicode standard: only the second byte of a
// character has limits of its own, and they rule out overlong forms, surrogates and what lies above
// U+10FFFF. Names with control characters are refused: errors print them on terminals.
#include "io/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { PATH_SHOWN = 120 };

typedef struct utf8_row {
    unsigned char first, last; // of the first byte
    unsigned char length;      // of the character
    unsigned char second_lo, second_hi;
} utf8_row;

static const utf8_row utf8_rows[] = {
    {0x00, 0x7F, 1, 0, 0},       {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

// Bytes of the character at `bytes`, 0 if there is none.
static size_t utf8_length(const unsigned char *bytes, size_t size) {
    const utf8_row *row = utf8_rows;
    const utf8_row *const end = row + sizeof utf8_rows / sizeof *utf8_rows;
    while (row < end && (bytes[0] < row->first || bytes[0] > row->last)) {
        row++;
    }
    if (row == end || row->length > size) {
        return 0;
    }
    if (row->length > 1 && (bytes[1] < row->second_lo || bytes[1] > row->second_hi)) {
        return 0;
    }
    for (size_t i = 2; i < row->length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return row->length;
}

size_t psq_utf8_prefix(const char *bytes, size_t size) {
    size_t at = 0;
    while (at < size) {
        const size_t length = utf8_length((const unsigned char *)bytes + at, size - at);
        if (length == 0) {
            break;
        }
        at += length;
    }
    return at;
}

// Whether a control character begins here in valid UTF-8: C0, DEL, C1, and the marks that turn the
// direction of what follows, U+202A to U+202E and U+2066 to U+2069.
static bool is_control(const unsigned char *at, size_t size) {
    if (at[0] == 0xC2 && size >= 2) {
        return at[1] < 0xA0;
    }
    if (at[0] == 0xE2 && size >= 3) {
        return (at[1] == 0x80 && at[2] >= 0xAA && at[2] <= 0xAE) ||
               (at[1] == 0x81 && at[2] >= 0xA6 && at[2] <= 0xA9);
    }
    return at[0] < 0x20 || at[0] == 0x7F;
}

const char *psq_name_fault(const char *name, size_t size) {
    if (size > PSQ_MAX_NAME) {
        return "is longer than 1024 bytes";
    }
    if (psq_utf8_prefix(name, size) != size) {
        return "is no UTF-8";
    }
    for (size_t i = 0; i < size; i++) {
        if (is_control((const unsigned char *)name + i, size - i)) {
            return "has a control character";
        }
    }
    return NULL;
}

int psq_name_shown(const char *name) {
    size_t size = 0;
    while (size < PSQ_NAME_SHOWN && name[size] != '\0') {
        size++;
    }
    return (int)psq_utf8_prefix(name, size);
}

static psq_status fail_in(psq_error *err, psq_status status, const char *file, const char *line,
                          const char *sentence) {
    const size_t length = strlen(file);
    const bool cut = length > PATH_SHOWN;
    return psq_fail(err, status, "%s%s%s: %s", cut ? "..." : "",
                    cut ? file + (length - PATH_SHOWN) : file, line, sentence);
}

psq_status psq_file_fail(psq_error *err, psq_status status, const char *file, const char *format,
                         ...) {
    char sentence[sizeof((psq_error *)NULL)->text];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return fail_in(err, status, file, "", sentence);
}

psq_status psq_line_fail(psq_error *err, psq_status status, const char *file, int64_t line,
                         const char *format, ...) {
    char sentence[sizeof((psq_error *)NULL)->text];
    char number[24];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    (void)snprintf(number, sizeof number, ":%lld", (long long)line);
    return fail_in(err, status, file, number, sentence);
}
