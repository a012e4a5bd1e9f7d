// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// text.c: lines become sequences of bytes, appended to flat arrays in jagged order. A call appends
// as it reads and, on an error, cuts the arrays back to where they were.
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"
#include "io/labels.h"
#include "io/lines.h"
#include "packseq/io.h"

struct psq_text {
    const psq_ctx *ctx;
    psq_text_opts opts;
    psq_labels names;
    int64_t n_seq;
    int64_t *offsets; // [n_seq + 1]
    int32_t *tokens;  // [offsets[n_seq]]
    int32_t *labels;  // [n_seq]
    size_t offsets_size, tokens_size, labels_size;
};

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
    text->offsets[0] = 0;
    PSQ_TRY_GOTO(fail, psq_labels_init(ctx, &text->names, err));
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
        psq_labels_free(&text->names);
        psq_free(ctx, text);
    }
}

// ---- lines

// Without directory and extension; a leading dot begins no extension.
static psq_span label_of_file(const char *name) {
    const char *const slash = strrchr(name, '/');
    const char *const base = slash != NULL ? slash + 1 : name;
    const char *const dot = strrchr(base, '.');
    return (psq_span){base, dot != NULL && dot > base ? (size_t)(dot - base) : strlen(base)};
}

// Splits a line into label and sequence at the first separator.
static psq_status split_column(const psq_text *text, const psq_line *line, psq_span *label,
                               psq_span *sequence, psq_error *err) {
    const char *const mark =
        (const char *)memchr(line->text.at, text->opts.separator, line->text.size);
    if (mark == NULL) {
        return psq_line_fail(err, PSQ_FORMAT, line->file, line->number,
                             "no separator (byte 0x%02x) behind a label",
                             (unsigned)text->opts.separator);
    }
    *label = (psq_span){line->text.at, (size_t)(mark - line->text.at)};
    const char *const fault = label->size > 0 ? psq_name_fault(label->at, label->size) : "is empty";
    if (fault != NULL) {
        return psq_line_fail(err, PSQ_FORMAT, line->file, line->number, "the label %s", fault);
    }
    *sequence = (psq_span){mark + 1, line->text.size - label->size - 1};
    return PSQ_OK;
}

static psq_status add_sequence(psq_text *text, psq_span sequence, const psq_span *label,
                               psq_error *err) {
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
        PSQ_TRY(psq_labels_find(&text->names, *label, &text->labels[n], err));
    }
    for (size_t i = 0; i < sequence.size; i++) {
        text->tokens[used + (int64_t)i] = (unsigned char)sequence.at[i];
    }
    text->offsets[n + 1] = now;
    text->n_seq = n + 1;
    return PSQ_OK;
}

// psq_line_taker.take; self is the data set.
static psq_status add_line(void *self, const psq_line *line, psq_error *err) {
    psq_text *const text = (psq_text *)self;
    if (line->text.size == 0 && text->opts.skip_empty) {
        return PSQ_OK;
    }
    psq_span label = label_of_file(line->file), sequence = line->text;
    if (text->opts.label == PSQ_LABEL_COLUMN) {
        PSQ_TRY(split_column(text, line, &label, &sequence, err));
    }
    return add_sequence(text, sequence, text->opts.label != PSQ_LABEL_NONE ? &label : NULL, err);
}

static psq_status check_name(const psq_text *text, const char *name, psq_error *err) {
    const psq_span label = label_of_file(name);
    const char *const fault = label.size > 0 ? psq_name_fault(label.at, label.size) : "is empty";
    if (text->opts.label == PSQ_LABEL_FILE && fault != NULL) {
        return psq_file_fail(err, PSQ_INVALID, name, "the label that the name makes %s", fault);
    }
    return PSQ_OK;
}

// The file at `name`, or the bytes if there are any.
static psq_status add_lines(psq_text *text, const char *name, const psq_span *bytes,
                            psq_error *err) {
    PSQ_TRY(check_name(text, name, err));
    const psq_line_taker taker = {add_line, text, text->opts.max_length};
    const int64_t n_seq = text->n_seq, n_labels = text->names.n;
    const psq_status status = bytes != NULL ? psq_lines_of_bytes(name, *bytes, &taker, err)
                                            : psq_lines_of_file(text->ctx, name, &taker, err);
    if (status != PSQ_OK) {
        text->n_seq = n_seq;
        psq_labels_cut(&text->names, n_labels);
    }
    return status;
}

psq_status psq_text_add(psq_text *text, const char *name, const char *bytes, size_t size,
                        psq_error *err) {
    PSQ_REQUIRE(err, text != NULL, PSQ_INVALID, "text is NULL");
    PSQ_REQUIRE(err, name != NULL, PSQ_INVALID, "name is NULL");
    PSQ_REQUIRE(err, bytes != NULL || size == 0, PSQ_INVALID, "bytes is NULL, size is %zu", size);
    const psq_span span = {bytes, size};
    return add_lines(text, name, &span, err);
}

psq_status psq_text_add_file(psq_text *text, const char *path, psq_error *err) {
    PSQ_REQUIRE(err, text != NULL, PSQ_INVALID, "text is NULL");
    PSQ_REQUIRE(err, path != NULL, PSQ_INVALID, "path is NULL");
    return add_lines(text, path, NULL, err);
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
    return text->names.n;
}

const char *psq_text_label_name(const psq_text *text, int64_t index) {
    return psq_labels_name(&text->names, index);
}
