// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// bench_lengths.h: the lengths of the batch that `packseq bench` runs on.
#ifndef PACKSEQ_CLI_BENCH_LENGTHS_H
#define PACKSEQ_CLI_BENCH_LENGTHS_H

#include "numbers.h"

// Fills an empty list with n_seq lengths of about this mean, the same for the same seed. kind:
// "equal"; "uniform", from 1 to 2 * mean - 1; "text" and "speech", log-normal with sigma 0.8 and
// 0.4; "giant", one of 20 * mean among short ones. Anything else is a file ("-": standard input)
// whose numbers are the lengths, which decides n_seq and mean too. Returns the exit code.
int bench_lengths_make(const char *kind, int64_t n_seq, int64_t mean, uint64_t seed,
                       int_list *lengths);

// The kind, or "file".
const char *bench_lengths_name(const char *kind);

// The next of a series of numbers, evenly distributed in [0, 1).
double bench_random(uint64_t *state);

#endif
