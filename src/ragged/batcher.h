// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// batcher.h: the inside of a batcher: the data set, the list of an epoch's batches, and which of
// them this rank takes. batcher.c is its border, batcher_plan.c makes the list and deals it.
#ifndef PACKSEQ_RAGGED_BATCHER_H
#define PACKSEQ_RAGGED_BATCHER_H

#include "packseq/batcher.h"

struct psq_batcher {
    const psq_ctx *ctx;
    psq_batcher_opts opts;
    uint64_t fingerprint;
    int64_t n_seq;
    int64_t longest;
    int64_t *lengths; // [n_seq]

    // The list of an epoch. Batch i is order[first[i]] to order[first[i + 1] - 1].
    int64_t epoch;
    int64_t n_cut;     // batches that were cut
    int64_t n_list;    // and that are in the list
    int64_t *shuffled; // [n_seq] sequences before sorting
    int64_t *order;    // [n_seq] sequences, batch by batch
    int64_t *first;    // [n_seq + 1]
    int64_t *cost;     // [n_seq] of a batch
    int64_t *list;     // [n_seq] batches, in the order in which steps take them

    // What is dealt of it.
    int64_t origin;     // the place in the list where step 0 begins
    int64_t n_steps;    // of this rank
    int64_t step;       // the next one
    int64_t *mine;      // [n_seq] this rank's batch of each step, or PSQ_NO_BATCH
    int64_t *rank_cost; // [world] so far
    psq_batcher_report report;

    int64_t *spare; // [max(n_seq, 3 * world)] for whoever needs it within a function
    void *memory;   // holds the arrays
};

enum { PSQ_NO_BATCH = -1 };

// Makes the list of an epoch.
void psq_batcher_plan(psq_batcher *batcher, int64_t epoch);

// Deals the list from place `origin` on; the next step is the first.
void psq_batcher_deal(psq_batcher *batcher, int64_t origin);

#endif
