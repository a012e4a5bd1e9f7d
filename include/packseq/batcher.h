// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// batcher.h: from the lengths of a data set to batches, epoch after epoch, on any number of ranks.
//
// The batches of an epoch are a list that is a function of (lengths, options, epoch) and of nothing
// else: the sequences are shuffled, cut into pools, each pool is sorted by length (ties stay
// shuffled; every second pool downwards, so that pools meet where they are alike), the whole is cut
// into batches that the budget allows, and the batches are shuffled. A batch takes sequences until
// the next one does not fit. So one batch at most is not full; it lies at a random place of the
// sorted order, lest leaving it out should always fall on the longest.
//
// Ranks take the list in steps of `world` batches, one each, the costliest for the rank that has
// had the least. A batch costs its rows, or under PSQ_BUDGET_PADDED its padded rows. So every rank
// has equally many steps and nearly equal cost. Where the list ends within a step, some
// ranks get an empty batch, which is legal everywhere in packseq.
#ifndef PACKSEQ_BATCHER_H
#define PACKSEQ_BATCHER_H

#include "packseq/base.h"

#ifdef __cplusplus
extern "C" {
#endif

// What a batch is measured in. For packseq itself, which never pads, that is sequences or rows;
// padded rows are for consumers that pad.
typedef enum psq_budget {
    PSQ_BUDGET_SEQUENCES = 0,
    PSQ_BUDGET_ROWS,   // the sum of the lengths
    PSQ_BUDGET_PADDED, // the number of sequences times the longest length
    PSQ_N_BUDGET
} psq_budget;

typedef struct psq_batcher_opts {
    size_t struct_size;    // set by PSQ_BATCHER_OPTS_INIT
    psq_budget budget;     // default PSQ_BUDGET_SEQUENCES
    int64_t limit;         // default 32, at least 1: what a batch may have of the budget's measure
    int64_t max_sequences; // default 0: no other limit; else the most sequences of a batch
    int64_t pool_size;     // default 0: all. Sequences that are sorted together: more give less
                           // padding, fewer give batches that differ more between epochs; 1 sorts
                           // nothing
    bool shuffle;        // default true; false: the user's order, pools still sorted, and the list
                         // of batches as it was cut, the one that is not full last
    bool drop_last;      // default false; true: the batch that is not full because nothing was left
                         // and the step that is not whole are left out
    bool oversize_alone; // default false: a sequence that is over the limit by itself is an error
                         // that names it; true: it is a batch of its own. It is never cut
    uint64_t seed;       // default 0
    int64_t rank, world; // default 0 of 1
} psq_batcher_opts;

#define PSQ_BATCHER_OPTS_INIT \
    { sizeof(psq_batcher_opts), PSQ_BUDGET_SEQUENCES, 32, 0, 0, true, false, false, 0, 0, 1 }

// One thread at a time.
typedef struct psq_batcher psq_batcher;

// A batcher at the start of epoch 0, for lengths[n_seq], which it copies; zeros and n_seq = 0 are
// legal. opts may be NULL: all defaults. ctx must outlive it. Two allocations, of at most eight
// numbers for each sequence and four for each rank; no other call allocates.
// PSQ_INVALID: an option out of range; a negative length; a sequence over the limit unless
// oversize_alone; lengths NULL with n_seq > 0. PSQ_NOMEM: n_seq times the longest length, or the
// memory, overflows or is refused.
PSQ_API PSQ_MUST psq_status psq_batcher_create(const psq_ctx *ctx, const int64_t *lengths,
                                               int64_t n_seq, const psq_batcher_opts *opts,
                                               psq_batcher **out, psq_error *err);
PSQ_API void psq_batcher_destroy(psq_batcher *batcher);

// To the start of an epoch, from 0 to 4294967295. Plans all of it, in time linear in n_seq but for
// the sort of a step's ranks. PSQ_INVALID: another epoch; batcher NULL.
PSQ_API PSQ_MUST psq_status psq_batcher_set_epoch(psq_batcher *batcher, int64_t epoch,
                                                  psq_error *err);

// Batches of this rank in this epoch, empty ones and those already taken among them, which is the
// number of steps: the same for all ranks. After a state of another world: in what that left.
PSQ_API int64_t psq_batcher_n_batches(const psq_batcher *batcher);

// The next batch of this rank: index[n], sequences in no special order, borrowed from the batcher
// until another epoch or state is set. false, with *index NULL and *n 0, at the end of the epoch;
// the next one begins with psq_batcher_set_epoch.
PSQ_API bool psq_batcher_next(psq_batcher *batcher, const int64_t **index, int64_t *n);

// Where a batcher is: plain numbers for a host to store. Every rank that has done the same number
// of steps has the same state.
typedef struct psq_batcher_state {
    int64_t epoch;
    int64_t position;     // batches of the epoch's list that the ranks together have taken
    int64_t origin;       // the position from which this world has dealt: 0, unless it took over
    int64_t world;        // that dealt from there
    uint64_t fingerprint; // of the lengths and of all options but rank and world
} psq_batcher_state;

PSQ_API void psq_batcher_get_state(const psq_batcher *batcher, psq_batcher_state *state);

// Goes on from a state: with the same batches as if nothing had been between. If the state is of
// another world, this one deals what is left of the same list, with all ranks' costs at 0. On
// failure the batcher stays where it was. PSQ_INVALID: the state is of other lengths or options
// (both fingerprints are named) or has numbers that no state has; an argument is NULL.
PSQ_API PSQ_MUST psq_status psq_batcher_set_state(psq_batcher *batcher,
                                                  const psq_batcher_state *state, psq_error *err);

// What this epoch is like over all ranks; after a state of another world, what that left of it.
typedef struct psq_batcher_report {
    int64_t n_batches; // that are dealt, without the empty ones
    int64_t n_steps;
    int64_t n_seq;
    int64_t n_rows;
    int64_t n_padded;        // rows if every batch is padded to its longest sequence
    int64_t n_padded_random; // that of batches of as many sequences, in the order before sorting
    int64_t n_dropped;       // sequences that drop_last leaves out
    double fill;             // n_rows / n_padded; 1 where there are none
    int64_t max_cost;        // of a rank
    double mean_cost;        // of the ranks
    double worst_step; // the largest of (costliest batch) / (mean) over the steps in which all
                       // ranks have a batch; 1 where there are none
} psq_batcher_report;

PSQ_API void psq_batcher_get_report(const psq_batcher *batcher, psq_batcher_report *report);

#ifdef __cplusplus
}
#endif

#endif
