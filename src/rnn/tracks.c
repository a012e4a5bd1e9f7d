// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tracks.c: how a core that walks alone keeps its tiles full to the end. Were its sequences taken
// one by one as lanes come free, the last lanes would end one after the other, and a tile of a few
// rows takes hardly less time than a full one. So they are laid end to end, longest first, and this
// line of steps is cut into equal tracks, one for each lane, no shorter than the longest sequence.
// A sequence that a cut divides is walked on both: first its front, at the beginning of the later
// track; then it pauses, and its rest is the end of the earlier one, where it arrives in time,
// because no sequence is longer than a track (McNaughton 1959). All lanes of a core take a step
// together, so this needs no clock.
//
// Each direction's sequences are dealt into as many parts as there are cores for it, by rank there
// and back. A core takes a part after the other, for as long as there are some.
#include "rnn/lanes.h"

typedef struct part {
    int64_t direction;
    int64_t number;  // of n_parts
    int64_t n_parts; // of a direction
    int64_t n_seq;
} part;

// Rank of the part's sequence i.
static int64_t rank_of(const part *p, int64_t i) {
    return i * p->n_parts + (i % 2 == 0 ? p->number : p->n_parts - 1 - p->number);
}

static int64_t sequence_of(const psq_walk *walk, const part *p, int64_t i) {
    return walk->layout->sorted_indices[rank_of(p, i)];
}

static int64_t length_of(const psq_walk *walk, const part *p, int64_t i) {
    return walk->layout->lengths[sequence_of(walk, p, i)];
}

static part part_of(const psq_walk *walk, int64_t index) {
    const int64_t D = walk->rnn->D;
    part p = {.direction = index % D,
              .number = index / D,
              .n_parts = (walk->n_cores + D - 1) / D,
              .n_seq = 0};
    p.n_seq = walk->n_seq / p.n_parts;
    p.n_seq += rank_of(&p, p.n_seq) < walk->n_seq ? 1 : 0;
    return p;
}

// Steps of a track: what an equal share of all steps is, or the longest sequence, which is the
// first.
static int64_t track_length(const psq_walk *walk, const part *p) {
    int64_t steps = 0;
    for (int64_t i = 0; i < p->n_seq; i++) {
        steps += length_of(walk, p, i);
    }
    const int64_t share = (steps + walk->n_tracks - 1) / walk->n_tracks;
    const int64_t longest = p->n_seq > 0 ? length_of(walk, p, 0) : 0;
    return share > longest ? share : longest;
}

static void cut_tracks(const psq_walk *walk, psq_core *core, const part *p) {
    const int64_t length = track_length(walk, p);
    int64_t n = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < p->n_seq; i++) {
        const int64_t end = at + length_of(walk, p, i);
        const int64_t cut = n * length; // where the next track begins
        if (n < walk->n_tracks && cut < end) {
            core->tracks[n++] = (psq_track){.next = i,
                                            .front = cut > at ? end - cut : 0,
                                            .at = cut > at ? cut : at,
                                            .end = cut + length};
        }
        at = end;
    }
    for (; n < walk->n_tracks; n++) {
        core->tracks[n] = (psq_track){.next = p->n_seq};
    }
}

// Puts a lane on a track, if the track goes on.
static void continue_track(const psq_walk *walk, psq_core *core, const part *p, int64_t index) {
    psq_track *const track = &core->tracks[index];
    if (track->next == p->n_seq || track->at >= track->end) {
        return;
    }
    psq_lane lane;
    if (track->front == 0 && track->at + length_of(walk, p, track->next) > track->end) {
        lane = core->paused[index + 1];
        lane.stint = lane.left;
    } else {
        lane = psq_walk_begin(walk, core, p->direction, sequence_of(walk, p, track->next));
        lane.stint = track->front > 0 ? track->front : lane.left;
    }
    lane.track = index;
    track->at += lane.stint;
    track->front = 0;
    track->next++;
    track->busy = true;
    core->lanes[p->direction][core->n[p->direction]++] = lane;
}

static void walk_part(const psq_walk *walk, psq_core *core, const part *p) {
    const int64_t d = p->direction;
    cut_tracks(walk, core, p);
    for (;;) {
        for (int64_t i = 0; i < walk->n_tracks; i++) {
            if (!core->tracks[i].busy) {
                continue_track(walk, core, p, i);
            }
        }
        if (core->n[d] == 0) {
            return;
        }
        psq_walk_step_alone(walk, core);
    }
}

void psq_walk_tracks(const psq_walk *walk, psq_core *core) {
    const int64_t D = walk->rnn->D;
    const int64_t n_parts = (walk->n_cores + D - 1) / D * D;
    for (int64_t i = psq_walk_take_part(walk); i < n_parts; i = psq_walk_take_part(walk)) {
        const part p = part_of(walk, i);
        walk_part(walk, core, &p);
    }
}
