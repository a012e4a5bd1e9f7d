// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// words_data.h: the word lists of data/words inside the command; cmake/embed.cmake makes the
// source.
#ifndef PACKSEQ_CLI_WORDS_DATA_H
#define PACKSEQ_CLI_WORDS_DATA_H

#include <stddef.h>

typedef struct words_file {
    const char *name;           // "english.txt"
    const unsigned char *bytes; // UTF-8, a word a line
    size_t size;
} words_file;

extern const words_file words_data[]; // [words_data_n]
extern const size_t words_data_n;

#endif
