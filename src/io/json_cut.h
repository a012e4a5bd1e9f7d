// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// json_cut.h: a JSON object cut into its members, without a tree. A tree takes up to twenty times
// the bytes of its text, so a header of 100 MB from a stranger must not become one: it is cut here
// and only its small pieces are given to the JSON library.
#ifndef PACKSEQ_IO_JSON_CUT_H
#define PACKSEQ_IO_JSON_CUT_H

#include <jansson.h>

#include "io/names.h"

typedef struct psq_cut {
    const char *file;   // for errors
    const char *header; // errors give the byte counted from here
    const char *at;     // what follows is not yet read
    const char *end;
    bool started;
} psq_cut;

// A text that must be an object.
static inline psq_cut psq_cut_object(const char *file, const char *header, psq_span text) {
    return (psq_cut){file, header, text.at, text.at + text.size, false};
}

// The next member: key with its quotes, value from its first to its last byte. *more is false after
// the last one, when only spaces may be left. Checked are the marks between members and that each
// piece ends; what is in a piece is the JSON library's to check.
PSQ_MUST psq_status psq_cut_next(psq_cut *cut, bool *more, psq_span *key, psq_span *value,
                                 psq_error *err);

// The number of members, by going through them; `cut` itself stays where it is.
PSQ_MUST psq_status psq_cut_count(psq_cut cut, int64_t *count, psq_error *err);

// One piece through the JSON library: repeated keys are refused. *out is freed with json_decref.
PSQ_MUST psq_status psq_cut_parse(const psq_cut *cut, psq_span piece, json_t **out, psq_error *err);

#endif
