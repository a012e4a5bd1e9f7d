// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// progress.h: what work shows on stderr. A fit: a line that redraws itself on a terminal, one line
// per epoch everywhere; and what it remembers of each epoch. Other work: its stage, on a terminal.
#ifndef PACKSEQ_CLI_PROGRESS_H
#define PACKSEQ_CLI_PROGRESS_H

#include "packseq/train.h"

typedef struct epoch_record {
    psq_batch_result train;
    double seconds;
} epoch_record;

typedef struct progress {
    int64_t n_seq;  // training sequences
    bool quiet;     // show nothing
    bool ascii;     // the bar too
    bool live;      // stderr is a terminal: redraw
    double started; // seconds, as are the others
    double epoch_started;
    double drawn;
    int64_t n_epochs;     // finished
    epoch_record *epochs; // [n_epochs of the fit]
} progress;

void progress_init(progress *p, int64_t n_seq, int64_t n_epochs, bool ascii, bool quiet);
void progress_free(progress *p);

// psq_fit_opts.progress; self is a progress. False once a signal was noted.
bool progress_step(void *self, const psq_fit_progress *fit);

// Ends a line that is still being redrawn.
void progress_end(progress *p);

// Shows on a terminal what a command is at, in place of the stage before; "": nothing any more.
// Whatever `say` says takes its place too.
void progress_stage(const char *stage);

#endif
