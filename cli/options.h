// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// options.h: one table per command that both parses its command line and writes its help.
#ifndef PACKSEQ_CLI_OPTIONS_H
#define PACKSEQ_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum option_kind {
    OPTION_FLAG,   // bool: --name sets it
    OPTION_SWITCH, // bool: --name sets it, --no-name clears it
    OPTION_INT,    // int64_t in [min, max]
    OPTION_REAL,   // double in [min, max]
    OPTION_TEXT,   // const char *
    OPTION_CHAR,   // char: one byte, or \t
    OPTION_CHOICE  // int: the index of a name
} option_kind;

// A row. The value lies at `offset` in the command's struct; what stands there in the command's
// defaults is what the help shows.
typedef struct option_row {
    const char *name; // NULL ends the table
    char letter;      // 0: none
    option_kind kind;
    size_t offset;
    const char *argument; // "N", "FILE"; NULL where the kind takes none
    const char *help;
    double min, max;                  // OPTION_INT, OPTION_REAL
    const char *(*choice)(int index); // OPTION_CHOICE: the name, NULL from the last on
} option_row;

struct command;

typedef enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_BAD } options_result;

// Parses args[1..n_args - 1] (args[0] is the command's name) into `values`, options_size
// bytes that begin with the defaults and end in zeros, and gathers what is no option at args[1..];
// *n_left is their number. Negative numbers are no options. OPTIONS_BAD: a sentence has been said.
// OPTIONS_HELP: --help was asked for.
options_result options_parse(const struct command *command, int n_args, char **args, void *values,
                             int *n_left);

// Bytes for the values of a command: its struct, and behind it a mark for each row.
size_t options_size(const struct command *command);

// Whether the option stood in the command line that made `values`.
bool options_given(const struct command *command, const void *values, const char *name);

// The lines of the table for the help.
void options_print(const struct command *command, FILE *out);

// The name in names[n] that is nearest to `text`, NULL if none is near.
const char *nearest_name(const char *text, const char *const *names, size_t n);

#endif
