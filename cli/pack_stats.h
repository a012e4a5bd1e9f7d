// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pack_stats.h: what lengths are like, and what padding them would cost.
#ifndef PACKSEQ_CLI_PACK_STATS_H
#define PACKSEQ_CLI_PACK_STATS_H

#include "packseq/packseq.h"
#include "text_picture.h"

#include <jansson.h>

// Sequences with lengths from `from` to `to`.
typedef struct length_bin {
    int64_t from, to, n_seq;
} length_bin;

// Batches of n_seq sequences, each padded to its longest: in random order, and of sequences sorted
// in pools of PACK_POOL batches.
typedef struct padding_cost {
    int64_t n_seq;
    int64_t n_random; // padded rows
    int64_t n_bucketed;
} padding_cost;

enum { PACK_POOL = 100, MAX_BINS = 65, N_COSTS = 3 };

// The percentiles are lengths that are there: the smallest that so many are not above.
typedef struct pack_stats {
    int64_t n_seq, n_rows, n_empty;
    int64_t min, median, p99, max; // 0 where there are no sequences
    double mean;
    int n_bins;
    length_bin bins[MAX_BINS];
    padding_cost costs[N_COSTS];
} pack_stats;

// Returns the exit code. `seed` is that of the random order.
int pack_stats_measure(const psq_ctx *ctx, const psq_layout *layout, uint64_t seed,
                       pack_stats *out);

void pack_stats_print(const pack_stats *stats, picture_style style, FILE *out);
json_t *pack_stats_json(const pack_stats *stats);

#endif
