// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// bench_lengths.c: real lengths are skewed: words of a sentence and the like are close to
// log-normal with sigma 0.8, seconds of speech with 0.4. Equal lengths are the case in which
// padding costs nothing, one giant the case in which it costs most. SplitMix64 draws them, so that
// a seed means the same batch on every machine.
#include "bench_lengths.h"

#include "cli.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { MAX_LENGTH = 10000000, GIANT = 20 };

typedef struct kind_row {
    const char *name;
    int64_t (*draw)(int64_t n_seq, int64_t mean, int64_t b, uint64_t *state);
} kind_row;

double bench_random(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15U;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int64_t whole(double length) {
    return length < 1.0 ? 1 : length > MAX_LENGTH ? MAX_LENGTH : (int64_t)(length + 0.5);
}

static int64_t draw_equal(int64_t n_seq, int64_t mean, int64_t b, uint64_t *state) {
    (void)n_seq;
    (void)b;
    (void)state;
    return mean;
}

static int64_t draw_uniform(int64_t n_seq, int64_t mean, int64_t b, uint64_t *state) {
    (void)n_seq;
    (void)b;
    return 1 + (int64_t)(bench_random(state) * (double)(2 * mean - 1));
}

// exp(mu + sigma * z) has the mean exp(mu + sigma^2 / 2); z by Box and Muller.
static int64_t draw_log_normal(int64_t mean, double sigma, uint64_t *state) {
    const double two_pi = 6.283185307179586;
    const double radius = sqrt(-2.0 * log(1.0 - bench_random(state)));
    const double z = radius * cos(two_pi * bench_random(state));
    return whole(exp(log((double)mean) - 0.5 * sigma * sigma + sigma * z));
}

static int64_t draw_text(int64_t n_seq, int64_t mean, int64_t b, uint64_t *state) {
    (void)n_seq;
    (void)b;
    return draw_log_normal(mean, 0.8, state);
}

static int64_t draw_speech(int64_t n_seq, int64_t mean, int64_t b, uint64_t *state) {
    (void)n_seq;
    (void)b;
    return draw_log_normal(mean, 0.4, state);
}

// What the giant leaves of n_seq * mean, in equal parts.
static int64_t draw_giant(int64_t n_seq, int64_t mean, int64_t b, uint64_t *state) {
    (void)state;
    const double rest =
        (double)mean * (double)(n_seq - GIANT) / (double)(n_seq > 1 ? n_seq - 1 : 1);
    return whole(b == 0 ? (double)(GIANT * mean) : rest);
}

static const kind_row kinds[] = {{"equal", draw_equal},
                                 {"uniform", draw_uniform},
                                 {"text", draw_text},
                                 {"speech", draw_speech},
                                 {"giant", draw_giant}};

static int read_file(const char *path, int_list *lengths) {
    const bool standard = strcmp(path, "-") == 0;
    FILE *const file = standard ? stdin : fopen(path, "r");
    if (!file) {
        say("--lengths is '%s', which is no kind of lengths and no file: %s", path,
            strerror(errno));
        return EXIT_IO;
    }
    int code = int_list_add_stream(lengths, "lengths", file, standard ? "standard input" : path, 0,
                                   MAX_LENGTH);
    if (code == EXIT_SUCCESS && lengths->n == 0) {
        code = fail_data("%s holds no length", standard ? "standard input" : path);
    }
    if (!standard) {
        fclose(file);
    }
    return code;
}

static const kind_row *find_kind(const char *name) {
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *bench_lengths_name(const char *kind) {
    return find_kind(kind) ? kind : "file";
}

int bench_lengths_make(const char *kind, int64_t n_seq, int64_t mean, uint64_t seed,
                       int_list *lengths) {
    const kind_row *const row = find_kind(kind);
    if (!row) {
        return read_file(kind, lengths);
    }
    *lengths = (int_list){cli_alloc((size_t)n_seq, sizeof(*lengths->items)), n_seq, n_seq};
    for (int64_t b = 0; b < n_seq; b++) {
        lengths->items[b] = row->draw(n_seq, mean, b, &seed);
    }
    return EXIT_SUCCESS;
}
