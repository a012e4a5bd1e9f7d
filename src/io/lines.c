// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// lines.c: cutting into lines and checking them before anybody looks at one. Of a file only the
// line that is not yet whole stays in the buffer, and it is checked as it grows: no end could make
// a line right that is too long already.
#include "io/lines.h"

#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/file.h"
#include "base/size.h"

enum { READ_SIZE = 65536 };

// What was read of a file and is not yet used.
typedef struct buffer {
    void *bytes;
    size_t size;
} buffer;

static psq_status check_no_nul(const psq_line *line, psq_error *err) {
    const char *const zero = (const char *)memchr(line->text.at, '\0', line->text.size);
    if (zero != NULL) {
        return psq_line_fail(err, PSQ_FORMAT, line->file, line->number,
                             "byte %zu of the line is NUL", (size_t)(zero - line->text.at) + 1);
    }
    return PSQ_OK;
}

static psq_status check_line(const psq_line *line, int64_t max_length, psq_error *err) {
    const psq_span text = line->text;
    if (text.size > (uint64_t)max_length) {
        return psq_line_fail(err, PSQ_FORMAT, line->file, line->number,
                             "the line has %zu bytes, must be at most %lld", text.size,
                             (long long)max_length);
    }
    PSQ_TRY(check_no_nul(line, err));
    const size_t valid = psq_utf8_prefix(text.at, text.size);
    if (valid < text.size) {
        return psq_line_fail(err, PSQ_FORMAT, line->file, line->number,
                             "byte %zu of the line is no UTF-8: 0x%02x", valid + 1,
                             (unsigned)(unsigned char)text.at[valid]);
    }
    return PSQ_OK;
}

// A line of which more is to come, but which no end could make right.
static psq_status check_begun_line(const psq_line *line, int64_t max_length, psq_error *err) {
    const size_t size = line->text.size;
    if (size > 0 && size - 1 > (uint64_t)max_length) { // a CR may be its end
        return psq_line_fail(err, PSQ_FORMAT, line->file, line->number,
                             "the line has at least %zu bytes, must be at most %lld", size - 1,
                             (long long)max_length);
    }
    return check_no_nul(line, err);
}

// The next line without its end; what is left stays in *rest.
static psq_span next_line(psq_span *rest) {
    const char *const end = (const char *)memchr(rest->at, '\n', rest->size);
    psq_span line = {rest->at, end != NULL ? (size_t)(end - rest->at) : rest->size};
    const size_t taken = end != NULL ? line.size + 1 : line.size;
    rest->at += taken;
    rest->size -= taken;
    if (end != NULL && line.size > 0 && line.at[line.size - 1] == '\r') {
        line.size--;
    }
    return line;
}

static psq_span without_mark(psq_span bytes) {
    const bool is_there = bytes.size >= 3 && memcmp(bytes.at, "\xef\xbb\xbf", 3) == 0;
    return is_there ? (psq_span){bytes.at + 3, bytes.size - 3} : bytes;
}

// Hands over whole lines, the last one too if this is the end. The rest of the bytes stays in
// *rest.
static psq_status take_lines(psq_line *line, psq_span *rest, bool at_end,
                             const psq_line_taker *taker, psq_error *err) {
    while (rest->size > 0 && (at_end || memchr(rest->at, '\n', rest->size) != NULL)) {
        line->number++;
        line->text = next_line(rest);
        PSQ_TRY(check_line(line, taker->max_length, err));
        PSQ_TRY(taker->take(taker->self, line, err));
    }
    return PSQ_OK;
}

psq_status psq_lines_of_bytes(const char *name, psq_span bytes, const psq_line_taker *taker,
                              psq_error *err) {
    psq_span rest = without_mark(bytes);
    psq_line line = {name, 0, rest};
    return take_lines(&line, &rest, true, taker, err);
}

// The buffer grows only where a line is longer than it.
static psq_status take_stream(psq_file *file, buffer *b, const psq_line_taker *taker,
                              psq_error *err) {
    psq_line line = {file->path, 0, {NULL, 0}};
    size_t used = 0;
    bool at_start = true, at_end = false;
    while (!at_end) {
        if (used == b->size) {
            PSQ_TRY(psq_grow(file->ctx, &b->bytes, &b->size, used, psq_size_add(used, READ_SIZE),
                             file->path, err));
        }
        size_t done;
        const size_t room = b->size - used;
        PSQ_TRY(psq_file_next(file, (char *)b->bytes + used, room, &done, err));
        at_end = done < room;
        psq_span rest = {(const char *)b->bytes, used + done};
        rest = at_start ? without_mark(rest) : rest;
        at_start = false;
        PSQ_TRY(take_lines(&line, &rest, at_end, taker, err));
        const psq_line begun = {line.file, line.number + 1, rest};
        PSQ_TRY(check_begun_line(&begun, taker->max_length, err));
        memmove(b->bytes, rest.at, rest.size);
        used = rest.size;
    }
    return PSQ_OK;
}

psq_status psq_lines_of_file(const psq_ctx *ctx, const char *path, const psq_line_taker *taker,
                             psq_error *err) {
    psq_file file;
    PSQ_TRY(psq_file_open(ctx, path, &file, err));
    buffer b = {NULL, 0};
    const psq_status status = take_stream(&file, &b, taker, err);
    psq_free(ctx, b.bytes);
    psq_file_close(&file);
    return status;
}
