// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cli.h: what all files of the command share: exit codes, the table row of a command, talk on
// stderr, memory, the terminal. Data goes to stdout, talk to stderr.
#ifndef PACKSEQ_CLI_H
#define PACKSEQ_CLI_H

#include "options.h"
#include "packseq/packseq.h"

#include <stdio.h>
#include <stdlib.h>

// Besides EXIT_SUCCESS, EXIT_FAILURE and 128 + signal. `packseq help` prints this list.
enum { EXIT_USAGE = 2, EXIT_DATA = 65, EXIT_IO = 74 };

// A row of the command table in main.c. `run` gets its options, filled from `defaults` and the
// command line, and the arguments that are no options; it returns the exit code.
typedef struct command {
    const char *name;
    const char *arguments;     // "LENGTH...", "" if it takes none
    const char *summary;       // one line for `packseq help`
    const char *text;          // paragraphs for `packseq help <name>`
    const option_row *options; // ends with a row without name
    const void *defaults;      // the options' struct; also what the help shows as defaults
    size_t options_size;       // of that struct
    int (*run)(const void *options, int n_args, char **args);
} command;

extern const command cmd_bench;
extern const command cmd_eval;
extern const command cmd_explain;
extern const command cmd_info;
extern const command cmd_pack;
extern const command cmd_run;
extern const command cmd_train;

// "packseq: <sentence>\n" on stderr.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Bytes of the control character, as io.h has it, that begins here; 0 if there is none.
size_t control_length(const char *text);

// Says the sentence and returns the exit code: usage, or what err->status means to a shell.
int fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fail_data(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fail_error(const psq_error *err);
int fail_file(const char *path, const psq_error *err); // names the file first

// The context of a command that computes with as many threads as its --threads says, which goes
// before what PSQ_THREADS says. Returns the exit code.
int cli_ctx(int64_t n_threads, psq_ctx **out);

// Whether --out can be written there, before time is spent on what it is to hold. Returns the exit
// code.
int cli_check_out(const char *path);

#define THREADS_OPTION_ROW(offset)                                                      \
    {                                                                                   \
        "threads", 0, OPTION_INT, offset, "N", "threads, 0: as many as may be used", 0, \
            PSQ_MAX_THREADS, NULL                                                       \
    }

// Memory for n items of `size` bytes, zeroed; never NULL: the command ends when there is none,
// which leaves nothing behind because files are renamed into place only when they are whole.
void *cli_alloc(size_t n, size_t size);
void *cli_grow(void *items, size_t n, size_t size);
_Noreturn void cli_no_memory(void);

// Seconds from some moment on, that no change of the clock shows in.
double cli_seconds(void);

// ---- terminal

bool term_is(FILE *stream);     // a terminal that can redraw a line
bool term_colour(FILE *stream); // and may be coloured: NO_COLOR is empty or not set
int term_width(FILE *stream);   // columns: the terminal's, else $COLUMNS, else 80

#endif
