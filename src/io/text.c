// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// text.c: lines become sequences of bytes, appended to flat arrays in jagged order. A file is read
// piece by piece, so that one that never ends is refused at its first bad line. A call appends as
// it reads and, on an error, cuts the arrays back to where they were. Labels are found by binary
// search in an order that is kept beside them, so that a column with many of them stays fast.
#include <assert.h>
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/file.h"
#include "base/size.h"
#include "io/names.h"
#include "packseq/io.h"

struct psq_text {
    const psq_ctx *ctx;
    psq_text_opts opts;
    int64_t n_seq, n_labels;
    int64_t *offsets;      // [n_seq + 1]
    int32_t *tokens;       // [offsets[n_seq]]
    int32_t *labels;       // [n_seq]
    char *names;           // the labels' names, each with a 0 behind it
    int64_t *name_offsets; // [n_labels + 1]
    int32_t *name_order;   // [n_labels], indices by name
    size_t offsets_size, tokens_size, labels_size, names_size, name_offsets_size, name_order_size;
};

// A piece of the caller's bytes.
typedef struct piece {
    const char *at;
    size_t size;
} piece;

// What was read of a file and is not yet used.
typedef struct buffer {
    void *bytes;
    size_t size;
} buffer;

enum { READ_SIZE = 65536 };

// Where in the input a line is, for errors.
typedef struct place {
    const char *name;
    int64_t line;
} place;

// Room for `count` elements where `keep` are in use.
static psq_status reserve(psq_text *text, void **array, size_t *size, int64_t keep, int64_t count,
                          size_t element, psq_error *err) {
    return psq_grow(text->ctx, array, size, psq_size_of(keep, element), psq_size_of(count, element),
                    "text", err);
}

static psq_status check_opts(const psq_text_opts *opts, psq_error *err) {
    PSQ_REQUIRE(err, opts->struct_size == sizeof *opts, PSQ_INVALID,
                "opts->struct_size is %zu, must be %zu: use PSQ_TEXT_OPTS_INIT", opts->struct_size,
                sizeof *opts);
    PSQ_REQUIRE(err, (unsigned)opts->label < PSQ_N_LABEL, PSQ_INVALID,
                "opts->label is %d, must be below %d", (int)opts->label, PSQ_N_LABEL);
    const unsigned char separator = (unsigned char)opts->separator;
    PSQ_REQUIRE(
        err, separator != '\0' && separator != '\n' && separator != '\r' && separator < 0x80,
        PSQ_INVALID, "opts->separator is %u, must be an ASCII character, not 0 and no line end",
        (unsigned)separator);
    PSQ_REQUIRE(err, opts->max_length >= 1, PSQ_INVALID,
                "opts->max_length is %lld, must be at least 1", (long long)opts->max_length);
    return PSQ_OK;
}

psq_status psq_text_create(const psq_ctx *ctx, const psq_text_opts *opts, psq_text **out,
                           psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    const psq_text_opts defaults = PSQ_TEXT_OPTS_INIT;
    const psq_text_opts *const chosen = opts != NULL ? opts : &defaults;
    PSQ_TRY(check_opts(chosen, err));
    psq_text *text;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof *text, "text", (void **)&text, err));
    text->ctx = ctx;
    text->opts = *chosen;
    psq_status status;
    PSQ_TRY_GOTO(fail, reserve(text, (void **)&text->offsets, &text->offsets_size, 0, 1,
                               sizeof *text->offsets, err));
    PSQ_TRY_GOTO(fail, reserve(text, (void **)&text->name_offsets, &text->name_offsets_size, 0, 1,
                               sizeof *text->name_offsets, err));
    text->offsets[0] = 0;
    text->name_offsets[0] = 0;
    *out = text;
    return PSQ_OK;
fail:
    psq_text_destroy(text);
    return status;
}

void psq_text_destroy(psq_text *text) {
    if (text != NULL) {
        const psq_ctx *const ctx = text->ctx;
        psq_free(ctx, text->offsets);
        psq_free(ctx, text->tokens);
        psq_free(ctx, text->labels);
        psq_free(ctx, text->names);
        psq_free(ctx, text->name_offsets);
        psq_free(ctx, text->name_order);
        psq_free(ctx, text);
    }
}

// ---- labels

// memcmp order, a prefix first.
static int compare(piece a, piece b) {
    const int order = memcmp(a.at, b.at, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static piece label_piece(const psq_text *text, int32_t index) {
    const char *const name = text->names + text->name_offsets[index];
    return (piece){name, strlen(name)};
}

static psq_status add_label(psq_text *text, piece name, int64_t position, psq_error *err) {
    const int64_t n = text->n_labels, used = text->name_offsets[n];
    PSQ_REQUIRE(err, n < INT32_MAX, PSQ_NOMEM, "more than %d labels", INT32_MAX);
    const int64_t now = used + (int64_t)name.size + 1;
    PSQ_TRY(reserve(text, (void **)&text->names, &text->names_size, used, now, 1, err));
    PSQ_TRY(reserve(text, (void **)&text->name_offsets, &text->name_offsets_size, n + 1, n + 2,
                    sizeof *text->name_offsets, err));
    PSQ_TRY(reserve(text, (void **)&text->name_order, &text->name_order_size, n, n + 1,
                    sizeof *text->name_order, err));
    memcpy(text->names + used, name.at, name.size);
    text->names[now - 1] = '\0';
    text->name_offsets[n + 1] = now;
    int32_t *const slot = text->name_order + position;
    memmove(slot + 1, slot, (size_t)(n - position) * sizeof *slot);
    *slot = (int32_t)n;
    text->n_labels = n + 1;
    return PSQ_OK;
}

// The index of a label, added if it is new.
static psq_status find_label(psq_text *text, piece name, int32_t *index, psq_error *err) {
    int64_t low = 0, high = text->n_labels;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = compare(name, label_piece(text, text->name_order[middle]));
        if (order == 0) {
            *index = text->name_order[middle];
            return PSQ_OK;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    *index = (int32_t)text->n_labels;
    return add_label(text, name, low, err);
}

// Back to earlier counts.
static void cut_back(psq_text *text, int64_t n_seq, int64_t n_labels) {
    int64_t kept = 0;
    for (int64_t i = 0; i < text->n_labels; i++) {
        if (text->name_order[i] < n_labels) {
            text->name_order[kept++] = text->name_order[i];
        }
    }
    assert(kept == n_labels);
    text->n_labels = n_labels;
    text->n_seq = n_seq;
}

// ---- lines

// Without directory and extension; a leading dot begins no extension.
static piece label_of_file(const char *name) {
    const char *const slash = strrchr(name, '/');
    const char *const base = slash != NULL ? slash + 1 : name;
    const char *const dot = strrchr(base, '.');
    return (piece){base, dot != NULL && dot > base ? (size_t)(dot - base) : strlen(base)};
}

// The next line without its end; what is left stays in *rest.
static piece next_line(piece *rest) {
    const char *const end = (const char *)memchr(rest->at, '\n', rest->size);
    piece line = {rest->at, end != NULL ? (size_t)(end - rest->at) : rest->size};
    const size_t taken = end != NULL ? line.size + 1 : line.size;
    rest->at += taken;
    rest->size -= taken;
    if (end != NULL && line.size > 0 && line.at[line.size - 1] == '\r') {
        line.size--;
    }
    return line;
}

static psq_status check_line(const psq_text *text, place where, piece line, psq_error *err) {
    const long long number = where.line;
    if (line.size > (uint64_t)text->opts.max_length) {
        return psq_line_fail(err, PSQ_FORMAT, where.name, number,
                             "the line has %zu bytes, must be at most %lld", line.size,
                             (long long)text->opts.max_length);
    }
    const char *const zero = (const char *)memchr(line.at, '\0', line.size);
    if (zero != NULL) {
        return psq_line_fail(err, PSQ_FORMAT, where.name, number, "byte %zu of the line is NUL",
                             (size_t)(zero - line.at) + 1);
    }
    const size_t valid = psq_utf8_prefix(line.at, line.size);
    if (valid < line.size) {
        return psq_line_fail(err, PSQ_FORMAT, where.name, number,
                             "byte %zu of the line is no UTF-8: 0x%02x", valid + 1,
                             (unsigned)(unsigned char)line.at[valid]);
    }
    return PSQ_OK;
}

// Splits a line into label and sequence at the first separator.
static psq_status split_column(const psq_text *text, place where, piece *line, piece *label,
                               psq_error *err) {
    const char *const mark = (const char *)memchr(line->at, text->opts.separator, line->size);
    if (mark == NULL) {
        return psq_line_fail(err, PSQ_FORMAT, where.name, where.line,
                             "no separator (byte 0x%02x) behind a label",
                             (unsigned)text->opts.separator);
    }
    *label = (piece){line->at, (size_t)(mark - line->at)};
    const char *const fault = label->size > 0 ? psq_name_fault(label->at, label->size) : "is empty";
    if (fault != NULL) {
        return psq_line_fail(err, PSQ_FORMAT, where.name, where.line, "the label %s", fault);
    }
    line->at += label->size + 1;
    line->size -= label->size + 1;
    return PSQ_OK;
}

static psq_status add_sequence(psq_text *text, piece sequence, const piece *label, psq_error *err) {
    const int64_t n = text->n_seq, used = text->offsets[n];
    const int64_t now = used + (int64_t)sequence.size;
    PSQ_TRY(reserve(text, (void **)&text->offsets, &text->offsets_size, n + 1, n + 2,
                    sizeof *text->offsets, err));
    PSQ_TRY(reserve(text, (void **)&text->labels, &text->labels_size, n, n + 1,
                    sizeof *text->labels, err));
    PSQ_TRY(reserve(text, (void **)&text->tokens, &text->tokens_size, used, now,
                    sizeof *text->tokens, err));
    text->labels[n] = -1;
    if (label != NULL) {
        PSQ_TRY(find_label(text, *label, &text->labels[n], err));
    }
    for (size_t i = 0; i < sequence.size; i++) {
        text->tokens[used + (int64_t)i] = (unsigned char)sequence.at[i];
    }
    text->offsets[n + 1] = now;
    text->n_seq = n + 1;
    return PSQ_OK;
}

static psq_status add_line(psq_text *text, place where, piece line, psq_error *err) {
    if (line.size == 0 && text->opts.skip_empty) {
        return PSQ_OK;
    }
    piece label = label_of_file(where.name);
    PSQ_TRY(check_line(text, where, line, err));
    if (text->opts.label == PSQ_LABEL_COLUMN) {
        PSQ_TRY(split_column(text, where, &line, &label, err));
    }
    return add_sequence(text, line, text->opts.label != PSQ_LABEL_NONE ? &label : NULL, err);
}

// What comes of the file: whole lines, the last one too if this is the end. The rest of the bytes
// stays in *rest.
static psq_status add_lines(psq_text *text, place *where, piece *rest, bool at_end,
                            psq_error *err) {
    while (rest->size > 0 && (at_end || memchr(rest->at, '\n', rest->size) != NULL)) {
        where->line++;
        PSQ_TRY(add_line(text, *where, next_line(rest), err));
    }
    return PSQ_OK;
}

// A line of which more is to come, but which no end could make right.
static psq_status check_begun_line(const psq_text *text, place where, piece line, psq_error *err) {
    const long long number = where.line + 1;
    if (line.size > 0 && line.size - 1 > (uint64_t)text->opts.max_length) { // a CR may be its end
        return psq_line_fail(err, PSQ_FORMAT, where.name, number,
                             "the line has at least %zu bytes, must be at most %lld", line.size - 1,
                             (long long)text->opts.max_length);
    }
    const char *const zero = (const char *)memchr(line.at, '\0', line.size);
    if (zero != NULL) {
        return psq_line_fail(err, PSQ_FORMAT, where.name, number, "byte %zu of the line is NUL",
                             (size_t)(zero - line.at) + 1);
    }
    return PSQ_OK;
}

static piece without_mark(piece bytes) {
    const bool is_there = bytes.size >= 3 && memcmp(bytes.at, "\xef\xbb\xbf", 3) == 0;
    return is_there ? (piece){bytes.at + 3, bytes.size - 3} : bytes;
}

static psq_status check_name(const psq_text *text, const char *name, psq_error *err) {
    const piece label = label_of_file(name);
    const char *const fault = label.size > 0 ? psq_name_fault(label.at, label.size) : "is empty";
    if (text->opts.label == PSQ_LABEL_FILE && fault != NULL) {
        return psq_file_fail(err, PSQ_INVALID, name, "the label that the name makes %s", fault);
    }
    return PSQ_OK;
}

psq_status psq_text_add(psq_text *text, const char *name, const char *bytes, size_t size,
                        psq_error *err) {
    PSQ_REQUIRE(err, text != NULL, PSQ_INVALID, "text is NULL");
    PSQ_REQUIRE(err, name != NULL, PSQ_INVALID, "name is NULL");
    PSQ_REQUIRE(err, bytes != NULL || size == 0, PSQ_INVALID, "bytes is NULL, size is %zu", size);
    PSQ_TRY(check_name(text, name, err));
    piece rest = without_mark((piece){bytes, size});
    place where = {name, 0};
    const int64_t n_seq = text->n_seq, n_labels = text->n_labels;
    const psq_status status = add_lines(text, &where, &rest, true, err);
    if (status != PSQ_OK) {
        cut_back(text, n_seq, n_labels);
    }
    return status;
}

// Reads piece by piece. The buffer grows only where a line is longer than it.
static psq_status add_stream(psq_text *text, psq_file *file, buffer *b, psq_error *err) {
    place where = {file->path, 0};
    size_t used = 0;
    bool at_start = true, at_end = false;
    while (!at_end) {
        if (used == b->size) {
            PSQ_TRY(psq_grow(text->ctx, &b->bytes, &b->size, used, psq_size_add(used, READ_SIZE),
                             file->path, err));
        }
        size_t done;
        const size_t room = b->size - used;
        PSQ_TRY(psq_file_next(file, (char *)b->bytes + used, room, &done, err));
        at_end = done < room;
        piece rest = {(const char *)b->bytes, used + done};
        rest = at_start ? without_mark(rest) : rest;
        at_start = false;
        PSQ_TRY(add_lines(text, &where, &rest, at_end, err));
        PSQ_TRY(check_begun_line(text, where, rest, err));
        memmove(b->bytes, rest.at, rest.size);
        used = rest.size;
    }
    return PSQ_OK;
}

psq_status psq_text_add_file(psq_text *text, const char *path, psq_error *err) {
    PSQ_REQUIRE(err, text != NULL, PSQ_INVALID, "text is NULL");
    PSQ_REQUIRE(err, path != NULL, PSQ_INVALID, "path is NULL");
    PSQ_TRY(check_name(text, path, err));
    const int64_t n_seq = text->n_seq, n_labels = text->n_labels;
    psq_file file;
    PSQ_TRY(psq_file_open(text->ctx, path, &file, err));
    buffer b = {NULL, 0};
    const psq_status status = add_stream(text, &file, &b, err);
    psq_free(text->ctx, b.bytes);
    psq_file_close(&file);
    if (status != PSQ_OK) {
        cut_back(text, n_seq, n_labels);
    }
    return status;
}

// ---- what is in it

int64_t psq_text_n_seq(const psq_text *text) {
    return text->n_seq;
}

const int64_t *psq_text_offsets(const psq_text *text) {
    return text->offsets;
}

const int32_t *psq_text_tokens(const psq_text *text) {
    return text->tokens;
}

const int32_t *psq_text_labels(const psq_text *text) {
    return text->labels;
}

int64_t psq_text_n_labels(const psq_text *text) {
    return text->n_labels;
}

const char *psq_text_label_name(const psq_text *text, int64_t index) {
    const bool is_label = index >= 0 && index < text->n_labels;
    return is_label ? text->names + text->name_offsets[index] : NULL;
}
