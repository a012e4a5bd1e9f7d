// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// main.c: the table of commands. It dispatches, it is what `packseq help` prints, and after every
// command it makes sure that what went to stdout arrived: a full disk is an error, not a success.
#include "cli.h"

#include <errno.h>
#include <string.h>

static const command *const commands[] = {&cmd_explain, &cmd_pack,  &cmd_train, &cmd_eval,
                                          &cmd_run,     &cmd_bench, &cmd_info};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const char exit_codes[] =
    "Exit codes: 0 done, 1 failed, 2 wrong command line, 65 wrong data, 74 the system refused to\n"
    "read or write, 130 and 143 stopped by SIGINT and SIGTERM.\n";

static const command *find_command(const char *name) {
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int unknown_command(const char *name) {
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
    }
    const char *const near = nearest_name(name, names, N_COMMANDS);
    if (near) {
        return fail_usage("unknown command '%.40s', did you mean '%s'?", name, near);
    }
    return fail_usage("unknown command '%.40s', see 'packseq help'", name);
}

static void print_overview(FILE *out) {
    fputs("usage: packseq COMMAND [OPTION...] [ARGUMENT...]\n\n"
          "Batches of sequences of different lengths, and recurrent networks on them.\n\n",
          out);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        fprintf(out, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(
        out,
        "  %-10s%s\n\n"
        "'packseq help COMMAND' lists the options of a command; 'packseq --version' prints the\n"
        "version. Data goes to standard output, everything else to standard error.\n\n%s",
        "help", "explain a command", exit_codes);
}

static void print_help(const command *cmd, FILE *out) {
    fprintf(out, "usage: packseq %s [OPTION...]%s%s\n\n%s\n\n", cmd->name,
            cmd->arguments[0] ? " " : "", cmd->arguments, cmd->text);
    options_print(cmd, out);
    fprintf(out, "\n%s", exit_codes);
}

static int run_command(const command *cmd, int n_args, char **args) {
    void *const options = cli_alloc(1, options_size(cmd));
    memcpy(options, cmd->defaults, cmd->options_size);
    int n_left = 0;
    int code = EXIT_USAGE;
    switch (options_parse(cmd, n_args, args, options, &n_left)) {
    case OPTIONS_RUN:
        code = cmd->run(options, n_left, args + 1);
        break;
    case OPTIONS_HELP:
        print_help(cmd, stdout);
        code = EXIT_SUCCESS;
        break;
    case OPTIONS_BAD:
        break;
    }
    free(options);
    return code;
}

static int help(int n_args, char **args) {
    if (n_args == 0) {
        print_overview(stdout);
        return EXIT_SUCCESS;
    }
    const command *const cmd = find_command(args[0]);
    if (!cmd) {
        return unknown_command(args[0]);
    }
    print_help(cmd, stdout);
    return EXIT_SUCCESS;
}

static int dispatch(int n_args, char **args) {
    const char *const name = args[0];
    if (strcmp(name, "--version") == 0) {
        printf("packseq %s\n", psq_version());
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return help(n_args - 1, args + 1);
    }
    if (name[0] == '-') {
        return fail_usage("unknown option '%.40s', see 'packseq help'", name);
    }
    const command *const cmd = find_command(name);
    return cmd ? run_command(cmd, n_args, args) : unknown_command(name);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    const int code = dispatch(argc - 1, argv + 1);
    errno = 0;
    const bool refused = ferror(stdout) || fflush(stdout) != 0;
    if (refused && code == EXIT_SUCCESS) {
        say("cannot write to standard output%s%s", errno ? ": " : "", errno ? strerror(errno) : "");
        return EXIT_IO;
    }
    return code;
}
