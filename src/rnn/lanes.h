// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// lanes.h: the schedule of a layer. A lane walks one sequence in one direction, step by step; a
// core walks up to six lanes of a direction together, as rows of one tile, whatever their times.
// Cores walk alone, each with its part of the batch (tracks.c); but where one sequence is so long
// that most lanes would be empty beside it, they take lanes from one queue, longest first, and once
// it is empty walk all of them together, each computing a part of the units of every lane, which
// needs a meeting of the cores at each step (lanes.c). Which lane goes with which others, and on
// how many cores, never shows in the bits: a lane's step is the same chains always.
#ifndef PACKSEQ_RNN_LANES_H
#define PACKSEQ_RNN_LANES_H

#include "base/arena.h"
#include "base/team.h"
#include "ragged/layout.h"
#include "rnn/plan.h"

enum {
    PSQ_PROJECT_ROWS = PSQ_K_LANES * PSQ_K_WINDOW, // rows of one product
    PSQ_MAX_LANES = 2 * PSQ_K_LANES                // of one core and direction
};

// Asks for the lines of a row, which another core has written, all at once: a tile that came upon
// them one by one would wait for each.
static inline void psq_fetch_row(const void *row, size_t bytes) {
    for (size_t at = 0; at < bytes; at += PSQ_ALIGN) {
        __builtin_prefetch((const char *)row + at);
    }
}

// A plain value: once cores walk together each has a copy, and all copies move alike.
typedef struct psq_lane {
    int64_t b;
    int64_t direction;
    int64_t t;     // time of the step that comes
    int64_t left;  // steps to go, that one included
    int64_t stint; // those that it goes before it pauses, at most left
    int64_t track; // see tracks.c
    void *memory;  // rows of its own, laid out by who runs the steps
    // Forward.
    const void *h; // the state before the step
    const void *c;
    int64_t ready; // steps whose inputs have been projected
    int64_t at;    // the row of the window that holds the step's
    // Backward.
    const void *dgates; // of the step after it in the forward pass
} psq_lane;

typedef struct psq_range {
    int64_t first, end;
} psq_range;

// The part of a step's work that a core does: units of H and elements of R, as kernels want ranges.
typedef struct psq_share {
    psq_range units;
    psq_range outs;
} psq_share;

// The row that lies `at` bytes within a lane's memory.
static inline void *psq_lane_row(const psq_lane *lane, size_t at) {
    return (char *)lane->memory + at;
}

// Sequences one after the other, of which a lane walks one at a time (tracks.c).
typedef struct psq_track {
    int64_t next;  // the sequence that comes, counted within the part of the batch
    int64_t front; // not 0: so many of its first steps only
    int64_t at;    // steps of the part before it
    int64_t end;   // steps of the part before the end of the track
    bool busy;     // a lane is on it
} psq_track;

typedef struct psq_core {
    _Alignas(PSQ_ALIGN) int64_t member; // cores write their counters at every step
    int64_t n_members;                  // that walk together; 1 while each walks alone
    int64_t phase;                      // steps since all windows began anew
    int64_t n[2];                       // lanes of each direction
    int64_t n_live[2];                  // those that walk, from the first on; the others wait
    psq_lane *lanes[2];
    int64_t n_places; // lanes of a direction that it takes from the queue
    int64_t n_free;   // memory without a lane
    void **free;
    void *rows; // memory of its lanes
    void *work; // of who runs the steps
    int64_t epoch;
    int64_t n_slow;  // meetings that took long
    bool gave_up;    // for ever
    int64_t n_ended; // lanes that have ended while walking together, to be told of
    psq_lane *ended;
    psq_track tracks[PSQ_MAX_LANES];
    psq_lane paused[PSQ_MAX_LANES]; // of each track
} psq_core;

typedef struct psq_walk psq_walk;

// What a lane does. Begin sets what it needs beside b, direction, t, left and memory. A step has
// n_parts parts; each reads what others wrote in the part before. `lanes` are of one direction.
typedef struct psq_steps {
    void (*begin)(const psq_walk *walk, psq_lane *lane);
    void (*part)(const psq_walk *walk, const psq_core *core, int64_t part, const psq_share *share,
                 psq_lane *lanes, int64_t n);
    void (*advance)(const psq_walk *walk, psq_lane *lane);
    void (*end)(const psq_walk *walk, const psq_lane *lane); // after its last step
    bool back;                                               // from the last step to the first
} psq_steps;

struct psq_walk {
    const psq_rnn *rnn;
    const psq_layout *layout;
    const psq_steps *steps;
    const void *job;
    int64_t n_parts;
    int64_t n_cores;   // wanted
    int64_t n_tracks;  // of a core that walks alone
    int64_t max_lanes; // of a core and direction
    int64_t fair;      // of them, while others may come
    int64_t n_seq;     // sequences that have steps
    size_t lane_bytes;
    bool splits; // cores walk together in the end
    struct psq_meeting *meeting;
    psq_core *cores;
};

// Threads that a pass over `n_rows` rows, or products of that many, is worth.
int64_t psq_worth_threads(const psq_rnn *rnn, int64_t n_rows);

// Carves what walks need: each lane's memory has lane_bytes bytes, each core's work work_bytes.
void psq_walk_carve(psq_walk *walk, const psq_rnn *rnn, const psq_layout *layout, size_t lane_bytes,
                    size_t work_bytes, psq_arena *arena);

// ---- for lanes.c and tracks.c

// A whole step of all lanes, of a core that walks alone. Those that have ended are told of and give
// their memory back, those that pause go to `paused`.
void psq_walk_step_alone(const psq_walk *walk, psq_core *core);
// A lane at its first step.
psq_lane psq_walk_begin(const psq_walk *walk, psq_core *core, int64_t d, int64_t b);

// tracks.c: parts of the batch, for a core that walks alone, as long as psq_walk_take_part has one.
void psq_walk_tracks(const psq_walk *walk, psq_core *core);
int64_t psq_walk_take_part(const psq_walk *walk);

// ----

// Walks all sequences that have steps, in all directions. walk is carved, and steps, job and
// n_parts are set.
void psq_walk_run(psq_walk *walk);

// Calls fn(arg, chunk, member) for every chunk from 0 to n - 1, on up to n_threads threads; members
// are below n_threads, and no two calls with the same member run at once.
typedef void (*psq_chunk_fn)(void *arg, int64_t chunk, int64_t member);
void psq_each_chunk(const psq_ctx *ctx, int64_t n_threads, int64_t n_chunks, psq_chunk_fn fn,
                    void *arg);

#endif
