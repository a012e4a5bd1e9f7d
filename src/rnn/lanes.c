// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// lanes.c: see lanes.h. Cores find each other by coming: nobody waits for a core that has not come.
// Those that come while lanes are walked together are let in between two steps.
//
// The cores' meeting. Member 0, the first to come, leads. A meeting is the begin of an epoch e,
// which is one part of a step. A follower stores e in its `done` when it has finished the epoch
// before; the leader stores e and the number of members of the epoch in go[e % 2]; each waits until
// all have stored. Two words, because the leader may be one meeting ahead of a follower that still
// reads, but never two. Who is let in at e learns so in its own place, and finds the lanes in the
// shared list, which stays as it is for two steps: by then all who copy it have met.
#include "rnn/lanes.h"

#include <stdatomic.h>
#include <string.h>

enum { NEVER = INT64_MAX, MEMBER_BITS = 16 };

// A meeting that waits for longer is slow. After so many slow ones, and one in so many, the leader
// goes on alone, and the next walks do without.
enum { SLOW_NS = 200000, SLOW_MEETINGS = 2, SLOW_ONE_IN = 64 };

typedef struct place {
    _Alignas(
        PSQ_ALIGN) _Atomic int64_t done; // epoch that it is ready for; 0: lanes not handed over
    _Atomic int64_t admitted;            // epoch that it begins with; 0: not yet, NEVER
    int64_t n_before, n_after;           // members before and from that epoch on
    int64_t n[2];                        // lanes handed over
} place;

typedef struct psq_meeting {
    _Alignas(PSQ_ALIGN) _Atomic int64_t next[2]; // ranks taken from the queues
    _Alignas(PSQ_ALIGN) _Atomic int64_t n_came;
    _Alignas(PSQ_ALIGN) _Atomic int64_t go[2]; // epoch << MEMBER_BITS | members
    int64_t phase;                             // with the lists below, for who is let in
    int64_t n[2];
    psq_lane *lanes[2];
    place *places;
} psq_meeting;

// ---- how many

// A thread more is worth it from so many multiply-adds on: some 20 microseconds.
enum { WORTH = 1 << 20 };
// Weights of a step from which on a meeting of the cores at each step is small beside the step: a
// meeting is 0.1 microseconds where cores share a cache and 0.4 where they do not.
enum { WORTH_MEETING = 192 * 1024 };

static int64_t weights_of_step(const psq_rnn *rnn) {
    return rnn->cell->n_gates * rnn->H * rnn->R;
}

int64_t psq_worth_threads(const psq_rnn *rnn, int64_t n_rows) {
    const int64_t n = psq_team_size(rnn->ctx);
    if (n == 1 || rnn->ctx->eager) {
        return n;
    }
    const double work = (double)n_rows * (double)weights_of_step(rnn) * 2.0;
    const double worth = 1.0 + work / WORTH;
    return worth < (double)n ? (int64_t)worth : n;
}

// Panels of more bytes come from main memory, or nearly so, at every step.
enum { FAR_PANEL = 8 << 20 };

// Lanes of a core: a tile of rows or, where panels are far and the longest sequence leaves room
// beside it, two, which share each fetch.
static int64_t lanes_of(const psq_rnn *rnn, const psq_layout *layout) {
    const bool far = psq_bytes(rnn, weights_of_step(rnn)) > FAR_PANEL;
    const int64_t n_cores = psq_worth_threads(rnn, rnn->D * layout->n_rows);
    const int64_t room = layout->n_steps * n_cores * PSQ_MAX_LANES;
    return far && layout->n_rows >= room ? PSQ_MAX_LANES : PSQ_K_LANES;
}

// ---- memory

void psq_walk_carve(psq_walk *walk, const psq_rnn *rnn, const psq_layout *layout, size_t lane_bytes,
                    size_t work_bytes, psq_arena *arena) {
    const int64_t n_cores = psq_team_size(rnn->ctx);
    const int64_t n_tracks = lanes_of(rnn, layout);
    const int64_t max_lanes = layout->n_seq < n_tracks ? layout->n_seq : n_tracks;
    const int64_t most = n_cores * max_lanes;
    const int64_t n_all = most < layout->n_seq ? most : layout->n_seq; // lanes of a direction
    *walk = (psq_walk){.rnn = rnn,
                       .layout = layout,
                       .n_tracks = n_tracks,
                       .max_lanes = max_lanes,
                       .lane_bytes = lane_bytes};
    walk->meeting = (psq_meeting *)psq_arena_take(arena, 1, sizeof *walk->meeting);
    place *const places = (place *)psq_arena_take(arena, n_cores, sizeof *places);
    psq_lane *shared[2] = {NULL, NULL};
    for (int64_t d = 0; d < rnn->D; d++) {
        shared[d] = (psq_lane *)psq_arena_take(arena, n_all, sizeof(psq_lane));
    }
    if (walk->meeting != NULL) {
        *walk->meeting = (psq_meeting){.lanes = {shared[0], shared[1]}, .places = places};
    }
    walk->cores = (psq_core *)psq_arena_take(arena, n_cores, sizeof *walk->cores);
    for (int64_t i = 0; i < n_cores; i++) {
        psq_core core = {.member = i};
        for (int64_t d = 0; d < rnn->D; d++) {
            core.lanes[d] = (psq_lane *)psq_arena_take(arena, n_all, sizeof(psq_lane));
        }
        core.ended = (psq_lane *)psq_arena_take(arena, rnn->D * n_all, sizeof(psq_lane));
        core.free = (void **)psq_arena_take(arena, 2 * max_lanes, sizeof *core.free);
        core.work = psq_arena_take(arena, 1, work_bytes);
        core.rows = psq_arena_take(arena, 2 * max_lanes, lane_bytes);
        if (walk->cores != NULL) {
            walk->cores[i] = core;
        }
    }
}

// As before the first core has come.
static void reset(const psq_walk *walk) {
    const int64_t n_cores = psq_team_size(walk->rnn->ctx);
    psq_meeting *const meeting = walk->meeting;
    memset(meeting->places, 0, (size_t)n_cores * sizeof *meeting->places);
    for (int i = 0; i < 2; i++) {
        atomic_init(&meeting->next[i], 0);
        atomic_init(&meeting->go[i], 0);
    }
    atomic_init(&meeting->n_came, 0);
    for (int64_t i = 0; i < n_cores; i++) {
        psq_core *const core = &walk->cores[i];
        core->n_members = 1;
        core->gave_up = false;
        core->phase = core->epoch = core->n_slow = core->n_ended = 0;
        core->n[0] = core->n[1] = 0;
        core->n_places = walk->fair;
        core->n_free = 2 * walk->max_lanes; // of two directions, or of lanes and those that pause
        for (int64_t k = 0; k < core->n_free; k++) {
            core->free[k] = (char *)core->rows + (size_t)k * walk->lane_bytes;
        }
    }
}

// ---- the queue

static bool queue_is_empty(const psq_walk *walk) {
    for (int64_t d = 0; d < walk->rnn->D; d++) {
        if (atomic_load_explicit(&walk->meeting->next[d], memory_order_acquire) < walk->n_seq) {
            return false;
        }
    }
    return true;
}

// The next sequence of a direction, or -1.
static int64_t take_next(const psq_walk *walk, int64_t d) {
    _Atomic int64_t *const next = &walk->meeting->next[d];
    if (atomic_load_explicit(next, memory_order_relaxed) >= walk->n_seq) {
        return -1; // so that the count cannot run away
    }
    const int64_t rank = atomic_fetch_add_explicit(next, 1, memory_order_acq_rel);
    return rank < walk->n_seq ? walk->layout->sorted_indices[rank] : -1;
}

psq_lane psq_walk_begin(const psq_walk *walk, psq_core *core, int64_t d, int64_t b) {
    const int64_t length = walk->layout->lengths[b];
    const bool from_end = (d == 1) != walk->steps->back;
    psq_lane lane = {.b = b,
                     .direction = d,
                     .t = from_end ? length - 1 : 0,
                     .left = length,
                     .stint = length,
                     .memory = core->free[--core->n_free]};
    walk->steps->begin(walk, &lane);
    return lane;
}

static void fill_from(const psq_walk *walk, psq_core *core, int64_t d) {
    while (core->n[d] < core->n_places && core->n_free > 0) {
        const int64_t b = take_next(walk, d);
        if (b < 0) {
            return;
        }
        core->lanes[d][core->n[d]++] = psq_walk_begin(walk, core, d, b);
    }
}

// Its own direction first; where there are two, cores begin with different ones.
static void fill(const psq_walk *walk, psq_core *core) {
    const int64_t D = walk->rnn->D;
    fill_from(walk, core, core->member % D);
    if (D == 2 && atomic_load_explicit(&walk->meeting->next[core->member % 2],
                                       memory_order_relaxed) >= walk->n_seq) {
        fill_from(walk, core, 1 - core->member % 2);
    }
}

int64_t psq_walk_take_part(const psq_walk *walk) {
    return atomic_fetch_add_explicit(&walk->meeting->next[0], 1, memory_order_relaxed);
}

// ---- a step

// Member m's part of n elements, which begins at a multiple of PSQ_K_UNIT; an empty one at 0.
static psq_range part_of(int64_t n, int64_t m, int64_t n_members) {
    const int64_t units = (n + PSQ_K_UNIT - 1) / PSQ_K_UNIT;
    const int64_t first = (units * m + n_members / 2) / n_members * PSQ_K_UNIT;
    const int64_t end = (units * (m + 1) + n_members / 2) / n_members * PSQ_K_UNIT;
    return first < end ? (psq_range){first, end < n ? end : n} : (psq_range){0, 0};
}

// A core that walks alone does everything, whatever its number.
static psq_share share_of(const psq_walk *walk, const psq_core *core) {
    const int64_t m = core->n_members > 1 ? core->member : 0;
    return (psq_share){.units = part_of(walk->rnn->H, m, core->n_members),
                       .outs = part_of(walk->rnn->R, m, core->n_members)};
}

static void run_part(const psq_walk *walk, const psq_core *core, int64_t part) {
    const psq_share share = share_of(walk, core);
    for (int64_t d = 0; d < walk->rnn->D; d++) {
        if (core->n_live[d] > 0) {
            walk->steps->part(walk, core, part, &share, core->lanes[d], core->n_live[d]);
        }
    }
}

static void advance(const psq_walk *walk, psq_lane *lane) {
    walk->steps->advance(walk, lane);
    lane->t += (lane->direction == 1) != walk->steps->back ? -1 : 1;
    lane->left--;
    lane->stint--;
}

static void next_phase(psq_core *core) {
    core->phase++;
    if (core->phase == PSQ_K_WINDOW) {
        core->phase = 0;
    }
}

static void advance_all(const psq_walk *walk, psq_core *core) {
    for (int64_t d = 0; d < walk->rnn->D; d++) {
        int64_t n = 0;
        for (int64_t i = 0; i < core->n[d]; i++) {
            psq_lane lane = core->lanes[d][i];
            if (i < core->n_live[d]) {
                advance(walk, &lane);
            }
            if (lane.stint > 0) {
                core->lanes[d][n++] = lane;
                continue;
            }
            core->tracks[lane.track].busy = false;
            if (lane.left > 0) {
                core->paused[lane.track] = lane;
            } else {
                core->ended[core->n_ended++] = lane;
            }
        }
        core->n[d] = n;
    }
    next_phase(core);
}

static void tell_ended(const psq_walk *walk, psq_core *core) {
    for (int64_t i = 0; i < core->n_ended; i++) {
        walk->steps->end(walk, &core->ended[i]);
    }
    core->n_ended = 0;
}

// ---- alone

void psq_walk_step_alone(const psq_walk *walk, psq_core *core) {
    core->n_live[0] = core->n[0];
    core->n_live[1] = core->n[1];
    for (int64_t part = 0; part < walk->n_parts; part++) {
        run_part(walk, core, part);
    }
    advance_all(walk, core);
    for (int64_t i = 0; i < core->n_ended; i++) {
        core->free[core->n_free++] = core->ended[i].memory;
    }
    tell_ended(walk, core);
}

// Nobody else has come, after a window: helpers are busy elsewhere, or there are none.
static bool is_alone(const psq_walk *walk) {
    return atomic_load_explicit(&walk->meeting->n_came, memory_order_relaxed) == 1;
}

// Until there are no more lanes to take.
static void walk_alone(const psq_walk *walk, psq_core *core) {
    for (;;) {
        fill(walk, core);
        if (queue_is_empty(walk)) {
            return;
        }
        psq_walk_step_alone(walk, core);
        if (core->phase == 0 && is_alone(walk)) {
            core->n_places = walk->max_lanes;
        }
    }
}

// ---- together

// Lanes that walk at once. A tile of a few rows takes hardly less time than a full one, and no end
// comes before the longest lane's. So there are as many tiles of lanes as all need to end together
// with the first, which was the longest when the cores came together; the last ones, the shortest
// then, wait for a place.
static void choose_live(const psq_walk *walk, psq_core *core) {
    for (int64_t d = 0; d < walk->rnn->D; d++) {
        const psq_lane *const lanes = core->lanes[d];
        int64_t steps = 0;
        for (int64_t i = 0; i < core->n[d]; i++) {
            steps += lanes[i].left;
        }
        const int64_t most = core->n[d] > 0 ? lanes[0].left * PSQ_K_LANES : 0;
        const int64_t places = most > 0 ? (steps + most - 1) / most * PSQ_K_LANES : 0;
        core->n_live[d] = core->n[d] < places ? core->n[d] : places;
    }
}

// Longest first.
static void sort_lanes(psq_lane *lanes, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        const psq_lane lane = lanes[i];
        int64_t at = i;
        for (; at > 0 && lanes[at - 1].left < lane.left; at--) {
            lanes[at] = lanes[at - 1];
        }
        lanes[at] = lane;
    }
}

// True if it took so long that somebody must have lost its core.
static bool wait_for(const _Atomic int64_t *value, int64_t least) {
    psq_spin spin = {0};
    int64_t since = 0;
    while (atomic_load_explicit(value, memory_order_acquire) < least) {
        if (since == 0 && spin.n == PSQ_SPIN_PAUSES) {
            since = psq_clock_ns();
        }
        psq_spin_wait(&spin);
    }
    return since != 0 && psq_clock_ns() - since > SLOW_NS;
}

static void hand_over(const psq_walk *walk, const psq_core *core) {
    place *const mine = &walk->meeting->places[core->member];
    mine->n[0] = core->n[0];
    mine->n[1] = core->n[1];
    atomic_store_explicit(&mine->done, 1, memory_order_release);
}

// The leader takes the lanes of all who took some from the queue, which had come before.
static void take_over(const psq_walk *walk, psq_core *core) {
    const int64_t n_came = atomic_load_explicit(&walk->meeting->n_came, memory_order_acquire);
    for (int64_t i = 1; i < n_came; i++) {
        const place *const from = &walk->meeting->places[i];
        wait_for(&from->done, 1);
        for (int64_t d = 0; d < walk->rnn->D; d++) {
            memcpy(core->lanes[d] + core->n[d], walk->cores[i].lanes[d],
                   (size_t)from->n[d] * sizeof(psq_lane));
            core->n[d] += from->n[d];
        }
    }
    for (int64_t d = 0; d < walk->rnn->D; d++) {
        sort_lanes(core->lanes[d], core->n[d]);
    }
}

// Lets in who has come; the number of members from epoch e on.
static int64_t admit(const psq_walk *walk, const psq_core *core, int64_t e) {
    psq_meeting *const meeting = walk->meeting;
    const int64_t n_came = atomic_load_explicit(&meeting->n_came, memory_order_acquire);
    if (n_came == core->n_members) {
        return n_came;
    }
    meeting->phase = core->phase;
    for (int64_t d = 0; d < walk->rnn->D; d++) {
        meeting->n[d] = core->n[d];
        memcpy(meeting->lanes[d], core->lanes[d], (size_t)core->n[d] * sizeof(psq_lane));
    }
    for (int64_t i = core->n_members; i < n_came; i++) {
        place *const to = &meeting->places[i];
        wait_for(&to->done, 1); // it has come, and hands over at once
        to->n_before = core->n_members;
        to->n_after = n_came;
        atomic_store_explicit(&to->admitted, e, memory_order_release);
    }
    return n_came;
}

static void wait_for_members(const psq_walk *walk, psq_core *core, int64_t n, int64_t e) {
    for (int64_t i = 1; i < n; i++) {
        if (i != core->member && wait_for(&walk->meeting->places[i].done, e)) {
            core->n_slow++;
        }
    }
}

// Whether the cores are so often taken away, by other programs' threads or because there are fewer
// than members, that one alone is faster.
static bool gives_up(const psq_walk *walk, psq_core *core) {
    if (!core->gave_up && core->n_slow >= SLOW_MEETINGS &&
        core->n_slow * SLOW_ONE_IN >= core->epoch) {
        core->gave_up = true;
        psq_team_keep_apart(walk->rnn->ctx);
    }
    return core->gave_up;
}

// Begins the next epoch: all members have finished the one before. Where the members may change,
// more may come or all but the leader go, which then has no member's number below n_members.
static void meet(const psq_walk *walk, psq_core *core, bool may_change) {
    psq_meeting *const meeting = walk->meeting;
    const int64_t e = ++core->epoch;
    _Atomic int64_t *const go = &meeting->go[e % 2];
    int64_t n = core->n_members;
    if (core->member == 0) {
        if (may_change) {
            n = gives_up(walk, core) ? 1 : admit(walk, core, e);
        }
        atomic_store_explicit(go, e << MEMBER_BITS | n, memory_order_release);
    } else {
        atomic_store_explicit(&meeting->places[core->member].done, e, memory_order_release);
        wait_for(go, e << MEMBER_BITS);
        n = atomic_load_explicit(go, memory_order_relaxed) & ((1 << MEMBER_BITS) - 1);
    }
    wait_for_members(walk, core, core->n_members, e);
    core->n_members = n;
}

// A follower's first epoch; false if there is none.
static bool join(const psq_walk *walk, psq_core *core) {
    const psq_meeting *const meeting = walk->meeting;
    const place *const mine = &meeting->places[core->member];
    wait_for(&mine->admitted, 1);
    const int64_t e = atomic_load_explicit(&mine->admitted, memory_order_relaxed);
    if (e == NEVER) {
        return false;
    }
    core->phase = meeting->phase;
    for (int64_t d = 0; d < walk->rnn->D; d++) {
        core->n[d] = meeting->n[d];
        memcpy(core->lanes[d], meeting->lanes[d], (size_t)core->n[d] * sizeof(psq_lane));
    }
    core->epoch = e;
    wait_for(&meeting->go[e % 2], e << MEMBER_BITS);
    wait_for_members(walk, core, mine->n_before, e);
    core->n_members = mine->n_after;
    return true;
}

// From the begin of a step that the cores have met for.
static void walk_together(const psq_walk *walk, psq_core *core) {
    for (int64_t step = 1;; step++) {
        if (core->member == 0) {
            tell_ended(walk, core);
        }
        core->n_ended = 0;
        if (core->n[0] + core->n[1] == 0 || core->member >= core->n_members) {
            return;
        }
        choose_live(walk, core);
        run_part(walk, core, 0);
        for (int64_t part = 1; part < walk->n_parts; part++) {
            meet(walk, core, false);
            run_part(walk, core, part);
        }
        advance_all(walk, core);
        meet(walk, core, step % 2 == 0);
    }
}

static void send_away(const psq_walk *walk, const psq_core *core) {
    for (int64_t i = core->n_members; i < psq_team_size(walk->rnn->ctx); i++) {
        atomic_store_explicit(&walk->meeting->places[i].admitted, NEVER, memory_order_release);
    }
}

static void walk_member(void *arg, int64_t member) {
    const psq_walk *const walk = (const psq_walk *)arg;
    (void)member; // numbered by whoever comes here first, so that places fill without gaps
    const int64_t me = atomic_fetch_add_explicit(&walk->meeting->n_came, 1, memory_order_acq_rel);
    psq_core *const core = &walk->cores[me];
    if (!walk->splits) {
        psq_walk_tracks(walk, core);
        return;
    }
    walk_alone(walk, core);
    if (me == 0) {
        take_over(walk, core);
        meet(walk, core, true);
        walk_together(walk, core);
        send_away(walk, core);
    } else {
        hand_over(walk, core);
        if (join(walk, core)) {
            walk_together(walk, core);
        }
    }
}

// Lanes of a direction that a core takes so that all wanted cores get some.
static int64_t fair_lanes(const psq_walk *walk) {
    const int64_t fair = (walk->rnn->D * walk->n_seq + walk->n_cores - 1) / walk->n_cores;
    return walk->n_cores > 1 && fair < walk->max_lanes ? fair : walk->max_lanes;
}

// Whether the cores walk together in the end: where the longest sequence takes so many steps that
// most lanes of separate cores would be empty beside it, and steps are long enough.
static bool splits(const psq_walk *walk) {
    const psq_layout *const layout = walk->layout;
    const bool tail = layout->n_rows < 4 * walk->n_cores * layout->n_steps;
    const bool worth = walk->rnn->ctx->eager || weights_of_step(walk->rnn) >= WORTH_MEETING;
    return walk->n_cores > 1 && tail && worth && !psq_team_is_apart(walk->rnn->ctx);
}

void psq_walk_run(psq_walk *walk) {
    const psq_rnn *const rnn = walk->rnn;
    const psq_layout *const layout = walk->layout;
    walk->n_seq = layout->n_steps > 0 ? layout->batch_sizes[0] : 0;
    walk->n_cores = psq_worth_threads(rnn, rnn->D * layout->n_rows);
    walk->splits = splits(walk);
    walk->fair = fair_lanes(walk);
    reset(walk);
    psq_team_run(rnn->ctx, walk->n_cores, walk_member, walk);
}

// ---- independent chunks

typedef struct chunks {
    _Atomic int64_t next;
    int64_t n;
    psq_chunk_fn fn;
    void *arg;
} chunks;

static void chunks_member(void *arg, int64_t member) {
    chunks *const all = (chunks *)arg;
    for (;;) {
        const int64_t chunk = atomic_fetch_add_explicit(&all->next, 1, memory_order_relaxed);
        if (chunk >= all->n) {
            return;
        }
        all->fn(all->arg, chunk, member);
    }
}

void psq_each_chunk(const psq_ctx *ctx, int64_t n_threads, int64_t n_chunks, psq_chunk_fn fn,
                    void *arg) {
    chunks all = {.n = n_chunks, .fn = fn, .arg = arg};
    psq_team_run(ctx, n_threads < n_chunks ? n_threads : n_chunks, chunks_member, &all);
}
