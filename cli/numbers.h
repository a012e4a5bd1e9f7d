// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// numbers.h: strict numbers from text: the whole text must be the number, and in range.
#ifndef PACKSEQ_CLI_NUMBERS_H
#define PACKSEQ_CLI_NUMBERS_H

#include <stdint.h>
#include <stdio.h>

typedef enum number_result { NUMBER_OK = 0, NUMBER_MALFORMED, NUMBER_RANGE } number_result;

// Decimal, with or without '-'. Outside [min, max], or of int64_t: NUMBER_RANGE.
number_result number_int(const char *text, int64_t min, int64_t max, int64_t *out);
// Decimal with fraction and exponent, finite.
number_result number_real(const char *text, double min, double max, double *out);

// A growing list.
typedef struct int_list {
    int64_t *items;
    int64_t n;
    int64_t capacity;
} int_list;

void int_list_free(int_list *list);

// Add the numbers of a text, or of a stream, that are separated by blanks, line ends or commas.
// `name` is the list's name in errors: "lengths[2] is 'x', must be a whole number"; `source` is the
// stream's. They return the exit code: EXIT_SUCCESS, EXIT_DATA after a bad number, EXIT_IO.
int int_list_add_text(int_list *list, const char *name, const char *text, int64_t min, int64_t max);
int int_list_add_stream(int_list *list, const char *name, FILE *stream, const char *source,
                        int64_t min, int64_t max);

#endif
