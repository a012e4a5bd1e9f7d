// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// options.c: parsing by getopt_long from the table, the help from the same table. getopt_long runs
// in its "stop at the first argument" mode and is restarted after each one: so options may stand
// anywhere, and a negative number can be an argument instead of an unknown option.
#define _GNU_SOURCE // getopt_long

#include "options.h"

#include "cli.h"
#include "numbers.h"

#include <ctype.h>
#include <getopt.h>
#include <string.h>

// What getopt_long returns for row i: ROW + 2 i, and one more for its --no- form.
enum { ROW = 256 };

static const option_row help_option = {"help", 'h', OPTION_FLAG, 0, NULL, "print this help",
                                       0,      0,   NULL};

static size_t n_rows(const option_row *table) {
    size_t n = 0;
    while (table[n].name) {
        n++;
    }
    return n;
}

static bool takes_argument(const option_row *row) {
    return row->kind != OPTION_FLAG && row->kind != OPTION_SWITCH;
}

// ---- near names

// Levenshtein distance over the rows of its matrix; names are short, longer ones are not near.
static size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 31 };
    const size_t n = strlen(a);
    const size_t m = strlen(b);
    size_t row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST) {
        return n + m;
    }
    for (size_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            const size_t left = row[j - 1] < row[j] ? row[j - 1] : row[j];
            diagonal = row[j];
            row[j] = replaced < left + 1 ? replaced : left + 1;
        }
    }
    return row[m];
}

const char *nearest_name(const char *text, const char *const *names, size_t n) {
    const char *nearest = NULL;
    size_t best = strlen(text) / 3 + 2; // exclusive: one slip, two in longer names
    for (size_t i = 0; i < n; i++) {
        const size_t distance = edit_distance(text, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

// ---- parsing

typedef struct parser {
    const command *cmd;
    const option_row *table;
    size_t n;             // rows
    struct option *longs; // for getopt_long, ends with a zero row
    char (*negated)[40];  // "no-<name>" of the switches
    size_t n_longs;
    char shorts[64];
} parser;

static void add_long(parser *p, const char *name, bool argument, size_t value) {
    p->longs[p->n_longs++] =
        (struct option){name, argument ? required_argument : no_argument, NULL, (int)value};
}

static void parser_init(parser *p, const command *cmd) {
    *p = (parser){.cmd = cmd, .table = cmd->options, .n = n_rows(cmd->options)};
    p->longs = cli_alloc(2 * p->n + 2, sizeof(*p->longs));
    p->negated = cli_alloc(p->n, sizeof(*p->negated));
    char *letter = p->shorts;
    letter += sprintf(letter, "+:h");
    add_long(p, help_option.name, false, (size_t)help_option.letter);
    for (size_t i = 0; i < p->n; i++) {
        const option_row *const row = &p->table[i];
        add_long(p, row->name, takes_argument(row), ROW + 2 * i);
        if (row->kind == OPTION_SWITCH) {
            snprintf(p->negated[i], sizeof(p->negated[i]), "no-%s", row->name);
            add_long(p, p->negated[i], false, ROW + 2 * i + 1);
        }
        if (row->letter) {
            letter += sprintf(letter, "%c%s", row->letter, takes_argument(row) ? ":" : "");
        }
    }
}

static void parser_free(parser *p) {
    free(p->negated);
    free(p->longs);
}

// Says what is wrong with the option that getopt_long refused.
static void say_refused(const parser *p, const char *given) {
    const char *const cmd = p->cmd->name;
    if (strncmp(given, "--", 2) != 0) {
        say("unknown option '-%c', see 'packseq help %s'", optopt, cmd);
        return;
    }
    char name[40];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(given + 2, "="), given + 2);
    const char **const names = cli_alloc(p->n_longs, sizeof(*names));
    size_t n_begin = 0;
    for (size_t i = 0; i < p->n_longs; i++) {
        names[i] = p->longs[i].name;
        n_begin += strncmp(names[i], name, strlen(name)) == 0;
    }
    const char *const near = nearest_name(name, names, p->n_longs);
    if (optopt) {
        say("option '--%s' takes no value", name);
    } else if (n_begin > 1) {
        say("option '--%s' could be several, see 'packseq help %s'", name, cmd);
    } else if (near) {
        say("unknown option '--%s', did you mean '--%s'?", name, near);
    } else {
        say("unknown option '--%s', see 'packseq help %s'", name, cmd);
    }
    free(names);
}

static bool set_number(const option_row *row, const char *text, void *at) {
    const bool whole = row->kind == OPTION_INT;
    double real = 0.0;
    int64_t number = 0;
    const number_result result =
        whole ? number_int(text, (int64_t)row->min, (int64_t)row->max, &number)
              : number_real(text, row->min, row->max, &real);
    if (result == NUMBER_MALFORMED) {
        say("--%s is '%.40s', must be a %snumber", row->name, text, whole ? "whole " : "");
    } else if (result == NUMBER_RANGE) {
        say("--%s is %.40s, must be from %.16g to %.16g", row->name, text, row->min, row->max);
    } else if (whole) {
        *(int64_t *)at = number;
    } else {
        *(double *)at = real;
    }
    return result == NUMBER_OK;
}

static void print_choices(const option_row *row, const char *between, FILE *out) {
    for (int i = 0; row->choice(i); i++) {
        fprintf(out, "%s%s", i > 0 ? between : "", row->choice(i));
    }
}

static bool set_choice(const option_row *row, const char *text, int *at) {
    for (int i = 0; row->choice(i); i++) {
        if (strcmp(text, row->choice(i)) == 0) {
            *at = i;
            return true;
        }
    }
    fprintf(stderr, "packseq: --%s is '%.40s', must be one of ", row->name, text);
    print_choices(row, ", ", stderr);
    fputc('\n', stderr);
    return false;
}

static bool set_char(const option_row *row, const char *text, char *at) {
    const bool tab = strcmp(text, "\\t") == 0;
    if (!tab && strlen(text) != 1) {
        say("--%s is '%.40s', must be one byte or \\t", row->name, text);
        return false;
    }
    *at = tab ? '\t' : text[0];
    return true;
}

static bool option_set(const option_row *row, bool negated, const char *text, void *values) {
    void *const at = (char *)values + row->offset;
    switch (row->kind) {
    case OPTION_FLAG:
    case OPTION_SWITCH:
        *(bool *)at = !negated;
        return true;
    case OPTION_INT:
    case OPTION_REAL:
        return set_number(row, text, at);
    case OPTION_CHOICE:
        return set_choice(row, text, at);
    case OPTION_CHAR:
        return set_char(row, text, at);
    case OPTION_TEXT:
        *(const char **)at = text;
        return true;
    }
    return false;
}

// Which row a value of getopt_long stands for; *negated: in its --no- form.
static const option_row *find_row(const parser *p, int value, bool *negated) {
    *negated = value >= ROW && (value - ROW) % 2 == 1;
    if (value >= ROW) {
        return &p->table[(value - ROW) / 2];
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->table[i].letter == value) {
            return &p->table[i];
        }
    }
    return NULL;
}

static options_result parse_one(const parser *p, int value, const char *given, void *values) {
    bool negated = false;
    if (value == help_option.letter) {
        return OPTIONS_HELP;
    }
    if (value == '?') {
        say_refused(p, given);
        return OPTIONS_BAD;
    }
    const option_row *const row = find_row(p, value == ':' ? optopt : value, &negated);
    if (value == ':') {
        say("option '--%s' wants a value: %s", row->name, row->argument);
        return OPTIONS_BAD;
    }
    if (!option_set(row, negated, optarg, values)) {
        return OPTIONS_BAD;
    }
    ((char *)values)[p->cmd->options_size + (size_t)(row - p->table)] = 1;
    return OPTIONS_RUN;
}

size_t options_size(const command *cmd) {
    return cmd->options_size + n_rows(cmd->options);
}

bool options_given(const command *cmd, const void *values, const char *name) {
    const char *const marks = (const char *)values + cmd->options_size;
    for (size_t i = 0; cmd->options[i].name; i++) {
        if (strcmp(cmd->options[i].name, name) == 0) {
            return marks[i];
        }
    }
    return false;
}

static bool is_negative_number(const char *text) {
    return text[0] == '-' && isdigit((unsigned char)text[1]);
}

options_result options_parse(const command *cmd, int n_args, char **args, void *values,
                             int *n_left) {
    parser p;
    parser_init(&p, cmd);
    options_result result = OPTIONS_RUN;
    bool only_arguments = false;
    *n_left = 0;
    opterr = 0;
    optind = 1;
    while (optind < n_args && result == OPTIONS_RUN) {
        char *const given = args[optind];
        if (!only_arguments && strcmp(given, "--") == 0) {
            only_arguments = true;
            optind++;
            continue;
        }
        const bool argument = only_arguments || is_negative_number(given);
        const int value = argument ? -1 : getopt_long(n_args, args, p.shorts, p.longs, NULL);
        if (value == -1) {
            args[1 + (*n_left)++] = args[optind++]; // at or before optind: overtakes nothing
        } else {
            result = parse_one(&p, value, given, values);
        }
    }
    parser_free(&p);
    return result;
}

// ---- help

static void print_default(const option_row *row, const void *defaults, FILE *out) {
    const void *const at = (const char *)defaults + row->offset;
    switch (row->kind) {
    case OPTION_INT:
        fprintf(out, " (default %lld)", (long long)*(const int64_t *)at);
        break;
    case OPTION_REAL:
        fprintf(out, " (default %g)", *(const double *)at);
        break;
    case OPTION_TEXT:
        if (*(const char *const *)at) {
            fprintf(out, " (default %s)", *(const char *const *)at);
        }
        break;
    case OPTION_CHAR:
        fprintf(out, *(const char *)at == '\t' ? " (default \\t)" : " (default %c)",
                *(const char *)at);
        break;
    case OPTION_CHOICE:
        fputs(": ", out);
        print_choices(row, ", ", out);
        fprintf(out, " (default %s)", row->choice(*(const int *)at));
        break;
    case OPTION_SWITCH:
        fprintf(out, " (default %s)", *(const bool *)at ? "on" : "off");
        break;
    case OPTION_FLAG:
        break;
    }
}

static void print_row(const option_row *row, const void *defaults, FILE *out) {
    enum { COLUMN = 26 };
    char left[80];
    snprintf(left, sizeof(left), "  %c%c%c --%s%s%s%s", row->letter ? '-' : ' ',
             row->letter ? row->letter : ' ', row->letter ? ',' : ' ',
             row->kind == OPTION_SWITCH ? "[no-]" : "", row->name, row->argument ? " " : "",
             row->argument ? row->argument : "");
    fprintf(out, "%-*s", COLUMN, left);
    if (strlen(left) > COLUMN - 2) {
        fprintf(out, "\n%*s", COLUMN, "");
    }
    fputs(row->help, out);
    if (row != &help_option) {
        print_default(row, defaults, out);
    }
    fputc('\n', out);
}

void options_print(const command *cmd, FILE *out) {
    print_row(&help_option, NULL, out);
    for (const option_row *row = cmd->options; row->name; row++) {
        print_row(row, cmd->defaults, out);
    }
}
