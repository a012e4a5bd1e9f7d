// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cli.c: talk, exit codes, memory and the terminal. A library status becomes an exit code in one
// place, so that scripts can tell a wrong command line (2) from wrong data (65), a system that
// refused (74) and everything else (1).
#define _POSIX_C_SOURCE 200809L // isatty, fileno, clock_gettime, unsetenv
#define _DEFAULT_SOURCE         // struct winsize

#include "cli.h"

#include "numbers.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

size_t control_length(const char *text) {
    const unsigned char *const at = (const unsigned char *)text;
    if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) {
        return 2;
    }
    if (at[0] == 0xe2 && ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
                          (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9))) {
        return 3;
    }
    return (at[0] > 0 && at[0] < 0x20) || at[0] == 0x7f;
}

// Sentences quote files from strangers, and control characters could do anything to a terminal.
static void put_shown(const char *text, FILE *out) {
    while (*text) {
        const size_t length = control_length(text);
        fputc(length > 0 ? '?' : *text, out);
        text += length > 0 ? length : 1;
    }
}

static void say_list(const char *format, va_list list) {
    char text[4096];
    vsnprintf(text, sizeof(text), format, list);
    fflush(stdout); // keeps the order of both streams where they end in one place
    fputs(term_is(stderr) ? "\r\033[Kpackseq: " : "packseq: ", stderr); // progress may stand there
    put_shown(text, stderr);
    fputc('\n', stderr);
}

void say(const char *format, ...) {
    va_list list;
    va_start(list, format);
    say_list(format, list);
    va_end(list);
}

int fail_usage(const char *format, ...) {
    va_list list;
    va_start(list, format);
    say_list(format, list);
    va_end(list);
    return EXIT_USAGE;
}

int fail_data(const char *format, ...) {
    va_list list;
    va_start(list, format);
    say_list(format, list);
    va_end(list);
    return EXIT_DATA;
}

static int code_of(psq_status status) {
    switch (status) {
    case PSQ_INVALID:
    case PSQ_SHAPE:
    case PSQ_FORMAT:
    case PSQ_UNSUPPORTED:
        return EXIT_DATA;
    case PSQ_IO:
        return EXIT_IO;
    default:
        return EXIT_FAILURE;
    }
}

int fail_error(const psq_error *err) {
    say("%s", err->text);
    return code_of(err->status);
}

int fail_file(const char *path, const psq_error *err) {
    say("%s: %s", path, err->text);
    return code_of(err->status);
}

int cli_ctx(int64_t n_threads, psq_ctx **out) {
    psq_error err;
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.n_threads = n_threads;
    if (n_threads > 0) {
        unsetenv("PSQ_THREADS");
    }
    return psq_ctx_create(&opts, out, &err) == PSQ_OK ? EXIT_SUCCESS : fail_error(&err);
}

int cli_check_out(const char *path) {
    if (path[0] == '\0') {
        return fail_usage("--out is empty, must be the path of a file");
    }
    struct stat info;
    const char *const slash = strrchr(path, '/');
    const size_t size = slash ? (size_t)(slash - path) + 1 : 0;
    char *const directory = cli_alloc(size + 2, 1);
    memcpy(directory, size > 0 ? path : ".", size > 0 ? size : 1);
    int code = EXIT_SUCCESS;
    const bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
        say("--out is '%s', which is a directory", path);
        code = EXIT_IO;
    } else if (exists && !S_ISREG(info.st_mode)) {
        say("--out is '%s', which is no regular file and would be replaced by one", path);
        code = EXIT_IO;
    } else if (access(directory, W_OK | X_OK) != 0) {
        say("--out is '%s', but %s cannot be written to: %s", path, directory, strerror(errno));
        code = EXIT_IO;
    }
    free(directory);
    return code;
}

void cli_no_memory(void) {
    say("out of memory");
    exit(EXIT_FAILURE);
}

void *cli_alloc(size_t n, size_t size) {
    void *const items = calloc(n > 0 ? n : 1, size);
    if (!items) {
        cli_no_memory();
    }
    return items;
}

void *cli_grow(void *items, size_t n, size_t size) {
    void *const grown = n <= SIZE_MAX / size ? realloc(items, n * size) : NULL;
    if (!grown) {
        cli_no_memory();
    }
    return grown;
}

double cli_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// ---- terminal

bool term_is(FILE *stream) {
    const char *const kind = getenv("TERM");
    return isatty(fileno(stream)) && kind && strcmp(kind, "dumb") != 0;
}

bool term_colour(FILE *stream) {
    const char *const refused = getenv("NO_COLOR");
    return term_is(stream) && !(refused && refused[0]);
}

int term_width(FILE *stream) {
    struct winsize size;
    if (isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 &&
        size.ws_col > 0) {
        return size.ws_col;
    }
    const char *const columns = getenv("COLUMNS");
    int64_t width = 0;
    return columns && number_int(columns, 20, 10000, &width) == NUMBER_OK ? (int)width : 80;
}
