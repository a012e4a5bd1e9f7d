// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// signals.h: SIGINT and SIGTERM as a question that long work asks, instead of sudden death.
#ifndef PACKSEQ_CLI_SIGNALS_H
#define PACKSEQ_CLI_SIGNALS_H

// From now on the first SIGINT or SIGTERM is only noted; a second one kills as usual.
void signals_note(void);

// The signal that was noted, 0 if none.
int signals_noted(void);

#endif
