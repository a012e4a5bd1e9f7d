// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// json_cut.c: finds where members begin and end by quotes and brackets alone. Anything that this
// lets through inside a piece is judged by jansson, so no second reader of JSON can disagree with
// it.
#include "io/json_cut.h"

#include "base/error.h"
#include "io/names.h"

static psq_status fail_at(const psq_cut *cut, const char *what, psq_error *err) {
    return psq_file_fail(err, PSQ_FORMAT, cut->file, "byte %zu of the header: %s",
                         (size_t)(cut->at - cut->header), what);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(psq_cut *cut) {
    while (cut->at < cut->end && is_blank(*cut->at)) {
        cut->at++;
    }
}

// Takes `mark`, blanks before it allowed.
static bool take(psq_cut *cut, char mark) {
    skip_blanks(cut);
    if (cut->at == cut->end || *cut->at != mark) {
        return false;
    }
    cut->at++;
    return true;
}

// From the opening quote to behind the closing one; the end of the text if there is none.
static const char *string_end(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && at + 1 < end) {
            at++;
        }
    }
    return at < end ? at + 1 : end;
}

static psq_status cut_string(psq_cut *cut, psq_span *out, psq_error *err) {
    skip_blanks(cut);
    if (cut->at == cut->end || *cut->at != '"') {
        return fail_at(cut, "a key must begin here", err);
    }
    out->at = cut->at;
    cut->at = string_end(cut->at, cut->end);
    out->size = (size_t)(cut->at - out->at);
    return PSQ_OK;
}

// To behind the bracket that balances the first one; the end of the text if there is none.
static const char *brackets_end(const char *at, const char *end) {
    int64_t depth = 0;
    do {
        if (*at == '"') {
            at = string_end(at, end);
        } else {
            depth += *at == '{' || *at == '[' ? 1 : *at == '}' || *at == ']' ? -1 : 0;
            at++;
        }
    } while (at < end && depth > 0);
    return at;
}

// To the next mark or blank.
static const char *word_end(const char *at, const char *end) {
    while (at < end && *at != ',' && *at != '}' && *at != ']' && !is_blank(*at)) {
        at++;
    }
    return at;
}

static psq_status cut_value(psq_cut *cut, psq_span *out, psq_error *err) {
    skip_blanks(cut);
    out->at = cut->at;
    const char first = cut->at < cut->end ? *cut->at : '}';
    cut->at = first == '"'                   ? string_end(cut->at, cut->end)
              : first == '{' || first == '[' ? brackets_end(cut->at, cut->end)
                                             : word_end(cut->at, cut->end);
    out->size = (size_t)(cut->at - out->at);
    return out->size > 0 ? PSQ_OK : fail_at(cut, "a value must begin here", err);
}

static psq_status end_object(psq_cut *cut, psq_error *err) {
    while (cut->at < cut->end && *cut->at == ' ') {
        cut->at++;
    }
    return cut->at == cut->end ? PSQ_OK : fail_at(cut, "only spaces may follow the object", err);
}

psq_status psq_cut_next(psq_cut *cut, bool *more, psq_span *key, psq_span *value, psq_error *err) {
    *more = false;
    if (!cut->started) {
        if (cut->at == cut->end || *cut->at != '{') {
            return fail_at(cut, "an object must begin here", err);
        }
        cut->at++;
        cut->started = true;
        if (take(cut, '}')) {
            return end_object(cut, err);
        }
    } else if (take(cut, '}')) {
        return end_object(cut, err);
    } else if (!take(cut, ',')) {
        return fail_at(cut, "',' or '}' expected", err);
    }
    PSQ_TRY(cut_string(cut, key, err));
    if (!take(cut, ':')) {
        return fail_at(cut, "':' expected", err);
    }
    PSQ_TRY(cut_value(cut, value, err));
    *more = true;
    return PSQ_OK;
}

psq_status psq_cut_count(psq_cut cut, int64_t *count, psq_error *err) {
    *count = 0;
    for (;;) {
        bool more;
        psq_span key, value;
        PSQ_TRY(psq_cut_next(&cut, &more, &key, &value, err));
        if (!more) {
            return PSQ_OK;
        }
        ++*count;
    }
}

psq_status psq_cut_parse(const psq_cut *cut, psq_span piece, json_t **out, psq_error *err) {
    json_error_t error;
    *out = json_loadb(piece.at, piece.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (*out != NULL) {
        return PSQ_OK;
    }
    // Where an allocation fails in its parser, jansson returns NULL without a text; where one fails
    // in its lexer it calls the token invalid, and nobody can tell.
    if (error.text[0] == '\0' || json_error_code(&error) == json_error_out_of_memory) {
        return psq_file_fail(err, PSQ_NOMEM, cut->file, "out of memory for %zu bytes of JSON",
                             piece.size);
    }
    return psq_file_fail(err, PSQ_FORMAT, cut->file, "byte %zu of the header: %s",
                         (size_t)(piece.at - cut->header) + (size_t)error.position, error.text);
}
