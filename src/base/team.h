// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// team.h: the threads that help a call. A context has one team: its own threads, started when there
// is first something for them to do, or a host's executor. Whoever has work offers it to all,
// begins at once and waits for nobody who has not begun; so the work must be something that members
// take pieces of, and must come out the same whoever takes which.
#ifndef PACKSEQ_BASE_TEAM_H
#define PACKSEQ_BASE_TEAM_H

#include "base/ctx.h"

// Members that a run may have at most, at least 1: for the size of scratch.
static inline int64_t psq_team_size(const psq_ctx *ctx) {
    return ctx->n_threads;
}

// Calls fn(arg, member) on the caller and on those helpers that come in time, n_wanted members at
// most; returns when every call that began has returned. Members are numbered as they arrive, 0, 1,
// 2 ... without gaps, each number once. Once one fn has returned nobody begins any more: a member
// may return only when there is nothing left to take. Members run at the same time except where
// the caller's executor calls one after the other, where only member 0 ever begins; so a fn may
// wait for members that have begun, never for one that might.
// The caller is member 0 unless there is an executor, whose threads come in any order. Helpers run
// with the floating-point state of psq_fpenv_enter. What the caller wrote before the run the
// members see, and the caller afterwards what they wrote.
// fn(arg, 0) runs on the caller alone if n_wanted is at most 1 or the context has one thread; while
// this context's team is in another run, be it of another thread or the one that the caller is in;
// and in a forked child.
void psq_team_run(const psq_ctx *ctx, int64_t n_wanted, void (*fn)(void *arg, int64_t member),
                  void *arg);

// Waiting, within a fn, for another member that has begun: {0} before the first wait, then
// psq_spin_wait until what is waited for is there. Pauses at first; from PSQ_SPIN_PAUSES on it lets
// others have the core, because the other member may have lost its own; and after PSQ_SPIN_YIELDS
// more it sleeps, because a host may have given that member a priority to which nobody yields.
typedef struct psq_spin {
    unsigned n;
} psq_spin;

enum {
    PSQ_SPIN_PAUSES = 250,      // 5 to 12 microseconds
    PSQ_SPIN_YIELDS = 16 * 1024 // some milliseconds
};

static inline void psq_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" : : : "memory");
#endif
}

void psq_spin_give_way(psq_spin *spin);

static inline void psq_spin_wait(psq_spin *spin) {
    if (spin->n < PSQ_SPIN_PAUSES) {
        spin->n++;
        psq_pause();
    } else {
        psq_spin_give_way(spin);
    }
}

// What a run has learned about the machine, for the next ones: its members wait for each other in
// vain, because other programs take their cores. The next 64 questions are answered with true.
// Never in a context that is eager.
void psq_team_keep_apart(const psq_ctx *ctx);
bool psq_team_is_apart(const psq_ctx *ctx);

// Nanoseconds of a clock that does not jump.
int64_t psq_clock_ns(void);

// ---- for ctx.c

// A team within memory of psq_team_bytes bytes at a multiple of 64; n_threads is at least 2.
// executor may be NULL and is copied. psq_team_end waits for the threads to end.
size_t psq_team_bytes(int64_t n_threads);
psq_team *psq_team_init(void *memory, int64_t n_threads, const psq_executor *executor);
void psq_team_end(psq_team *team);

#endif
