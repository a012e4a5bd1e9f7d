// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// names.h: text that comes from files: is it UTF-8, may it be a name, and how it is shown in an
// error.
#ifndef PACKSEQ_IO_NAMES_H
#define PACKSEQ_IO_NAMES_H

#include "packseq/base.h"

enum {
    PSQ_MAX_NAME = 1024, // bytes of a tensor's name, a metadata key or a label
    PSQ_NAME_SHOWN = 64  // bytes of it in an error
};

// A part of a text.
typedef struct psq_span {
    const char *at;
    size_t size;
} psq_span;

// Bytes of the longest prefix that is UTF-8: no overlong form, no surrogate, nothing above
// U+10FFFF. Equal to size if all of it is.
size_t psq_utf8_prefix(const char *bytes, size_t size);

// NULL if the bytes may be a tensor's name, a metadata key or a label, else what is wrong: "is
// ...".
const char *psq_name_fault(const char *name, size_t size);

// The precision with which "%.*s" shows a valid name: at most PSQ_NAME_SHOWN bytes, whole
// characters.
int psq_name_shown(const char *name);

// psq_fail with "file: " before the sentence. Of a long path the end is shown, so that the sentence
// stays visible.
__attribute__((format(printf, 4, 5))) psq_status
psq_file_fail(psq_error *err, psq_status status, const char *file, const char *format, ...);

// The same with "file:line: ".
__attribute__((format(printf, 5, 6))) psq_status psq_line_fail(psq_error *err, psq_status status,
                                                               const char *file, int64_t line,
                                                               const char *format, ...);

#endif
