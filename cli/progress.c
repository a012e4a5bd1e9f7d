// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// progress.c: the view of a running fit. It redraws at most ten times a second, so that watching
// costs nothing, and leaves one line per epoch behind on a terminal and in a log alike.
#include "progress.h"

#include "cli.h"
#include "signals.h"

#include <inttypes.h>

enum { BAR = 20 };

void progress_init(progress *p, int64_t n_seq, int64_t n_epochs, bool ascii, bool quiet) {
    *p = (progress){.n_seq = n_seq, .quiet = quiet, .ascii = ascii};
    p->live = !quiet && term_is(stderr);
    p->started = cli_seconds();
    p->epoch_started = p->started;
    p->drawn = p->started;
    p->epochs = cli_alloc((size_t)n_epochs, sizeof(*p->epochs));
}

void progress_free(progress *p) {
    free(p->epochs);
    p->epochs = NULL;
}

// The numbers first, so that the bar takes what the terminal leaves and nothing wraps.
static void draw_live(const progress *p, const psq_fit_progress *fit, double elapsed) {
    const double rest = elapsed * (double)(fit->n_steps - fit->step) / (double)fit->step;
    const double n_seq = (double)((fit->epoch - 1) * p->n_seq + fit->train.n_valid);
    char left[64];
    char right[160];
    int used =
        snprintf(left, sizeof(left), "epoch %" PRId64 "/%" PRId64 " ", fit->epoch, fit->n_epochs);
    used += snprintf(right, sizeof(right), " loss %.4f  %.0f seq/s  %.0f rows/s  ETA %d:%02d",
                     fit->train.loss_sum / (double)fit->train.n_valid, n_seq / elapsed,
                     (double)fit->n_rows / elapsed, (int)rest / 60, (int)rest % 60);
    const int room = term_width(stderr) - 1 - used;
    const int bar = room < BAR ? (room > 0 ? room : 0) : BAR;
    fprintf(stderr, "\r\033[K%s", left);
    for (int i = 0; i < bar; i++) {
        const bool done = i < bar * fit->step / fit->n_steps;
        fputs(done ? (p->ascii ? "#" : "█") : (p->ascii ? "." : "░"), stderr);
    }
    fputs(room >= 0 ? right : "", stderr);
    fflush(stderr);
}

static void print_epoch(const progress *p, const psq_fit_progress *fit, double seconds) {
    const double n = (double)fit->train.n_valid;
    fprintf(stderr,
            "%sepoch %*" PRId64 "/%" PRId64 "  loss %.4f  accuracy %.4f  %.1f s  %.0f seq/s\n",
            p->live ? "\r\033[K" : "", snprintf(NULL, 0, "%" PRId64, fit->n_epochs), fit->epoch,
            fit->n_epochs, fit->train.loss_sum / n, (double)fit->train.n_correct / n, seconds,
            n / seconds);
}

bool progress_step(void *self, const psq_fit_progress *fit) {
    progress *const p = self;
    const double time = cli_seconds();
    if (fit->epoch_end) {
        const double seconds = time - p->epoch_started;
        p->epochs[p->n_epochs++] = (epoch_record){fit->train, seconds};
        p->epoch_started = time;
        if (!p->quiet) {
            print_epoch(p, fit, seconds);
        }
    } else if (p->live && time - p->drawn >= 0.1) {
        draw_live(p, fit, time - p->started);
        p->drawn = time;
    }
    return !signals_noted();
}

void progress_end(progress *p) {
    if (p->live) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

void progress_stage(const char *stage) {
    if (term_is(stderr)) {
        fprintf(stderr, "\r\033[K%.*s", term_width(stderr) - 1, stage);
        fflush(stderr);
    }
}
