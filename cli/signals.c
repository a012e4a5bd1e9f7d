// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// signals.c: only commands that have something to clean up or to say install the handlers; all
// others die from the signal, which a shell reports as 130 or 143 alike.
#define _POSIX_C_SOURCE 200809L // sigaction

#include "signals.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t noted;

static void note(int number) {
    noted = number;
}

// A signal that is ignored (nohup, a background job) stays ignored.
static void handle(int number, const struct sigaction *action) {
    struct sigaction old;
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
        sigaction(number, action, NULL);
    }
}

void signals_note(void) {
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = note;
    action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    handle(SIGINT, &action);
    handle(SIGTERM, &action);
}

int signals_noted(void) {
    return noted;
}
