// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// team.c: a run is offered through one word, the gate, in which arriving members count themselves;
// whoever is done first closes it. So the caller waits only for members that are in the count, and
// what helpers there are, awake, asleep or lost in a fork, decides nothing but the time. A helper
// that is out of work looks at the gate for 50 microseconds, which makes the next run of a busy
// program cost it one cache miss, and then sleeps until a caller wakes it.
#define _POSIX_C_SOURCE 200809L // clock_gettime, nanosleep, pthread_sigmask

#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fpenv.h"
#include "base/size.h"

enum {
    AWAKE_NS = 50000,
    LOOKS_PER_CLOCK = 32,
    STACK_SIZE = 1 << 20 // kernels use less than a quarter
};

// The gate: how many have asked for a number, how many numbers there are, whether it is closed. The
// count may pass the limit by members that asked at the same time.
#define GATE_COUNT 0xffffU
#define GATE_LIMIT 16 // shift
#define GATE_CLOSED 0x80000000U

struct psq_team {
    // What helpers look at, with what they need next in the same line of the cache.
    _Alignas(PSQ_ALIGN) _Atomic uint32_t gate;
    void (*fn)(void *arg, int64_t member);
    void *arg;

    // What members leave for the caller.
    _Alignas(PSQ_ALIGN) _Atomic int64_t n_done; // helpers that have returned
    _Atomic int64_t n_begun;                    // all members; 0 before the gate is closed

    // The caller's. `busy` is the lock of this line and of the right to offer.
    _Alignas(PSQ_ALIGN) _Atomic bool busy;
    bool may_start;
    pid_t pid;
    int64_t n_threads;
    int64_t n_helpers; // started
    psq_executor executor;
    _Atomic int64_t n_apart; // walks that do without meetings

    // Sleep. The mutex guards changes; a caller looks at n_parked without it.
    _Alignas(PSQ_ALIGN) pthread_mutex_t mutex;
    pthread_cond_t wake;
    _Atomic int64_t n_parked; // asleep and not called
    int64_t n_called;         // called and not yet awake
    _Atomic bool stopping;

    pthread_t helpers[];
};

// ---- members

static bool gate_is_open(uint32_t gate) {
    return (gate & GATE_CLOSED) == 0 && (gate & GATE_COUNT) < gate >> GATE_LIMIT;
}

// Acquire: fn, arg and all that the caller wrote before it opened the gate. The additions of others
// in between belong to the release sequence of that store.
static bool enter(psq_team *team, int64_t *member) {
    if (!gate_is_open(atomic_load_explicit(&team->gate, memory_order_relaxed))) {
        return false;
    }
    const uint32_t gate = atomic_fetch_add_explicit(&team->gate, 1, memory_order_acquire);
    *member = gate & GATE_COUNT;
    return gate_is_open(gate);
}

// Relaxed: n_begun is all that is handed over, and n_done brings helpers' writes.
static void close_gate(psq_team *team) {
    if ((atomic_load_explicit(&team->gate, memory_order_relaxed) & GATE_CLOSED) != 0) {
        return;
    }
    const uint32_t gate = atomic_fetch_or_explicit(&team->gate, GATE_CLOSED, memory_order_relaxed);
    if ((gate & GATE_CLOSED) == 0) {
        const uint32_t count = gate & GATE_COUNT;
        const uint32_t limit = gate >> GATE_LIMIT;
        atomic_store_explicit(&team->n_begun, count < limit ? count : limit, memory_order_relaxed);
    }
}

// ---- helpers

int64_t psq_clock_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Looks for work for a while; false: there was none, or the team ends. Gives way to others, after
// psq_spin_wait's bound, because they may be the caller that has work, on this core.
static bool enter_soon(psq_team *team, int64_t *member) {
    const int64_t end = psq_clock_ns() + AWAKE_NS;
    for (int n_looks = 0; !atomic_load_explicit(&team->stopping, memory_order_relaxed);
         n_looks += LOOKS_PER_CLOCK) {
        for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (enter(team, member)) {
                return true;
            }
            psq_pause();
        }
        if (psq_clock_ns() > end) {
            return false;
        }
        if (n_looks >= PSQ_SPIN_PAUSES) {
            (void)sched_yield();
        }
    }
    return false;
}

// Sleeps until a caller calls; false: the team ends. A run must not be offered between the last
// look at the gate and the sleep: the caller writes the gate and then reads n_parked, here it is
// the other way round, and all four are sequentially consistent, so one of the two sees the other.
static bool park(psq_team *team) {
    (void)pthread_mutex_lock(&team->mutex);
    (void)atomic_fetch_add(&team->n_parked, 1);
    if (gate_is_open(atomic_load(&team->gate))) {
        (void)atomic_fetch_sub(&team->n_parked, 1);
    } else {
        while (team->n_called == 0 && !atomic_load(&team->stopping)) {
            (void)pthread_cond_wait(&team->wake, &team->mutex);
        }
        team->n_called -= team->n_called > 0 ? 1 : 0;
    }
    const bool stopping = atomic_load(&team->stopping);
    (void)pthread_mutex_unlock(&team->mutex);
    return !stopping;
}

static void *help(void *arg) {
    psq_team *const team = (psq_team *)arg;
    (void)psq_fpenv_enter();
    do {
        int64_t member;
        while (enter_soon(team, &member)) {
            team->fn(team->arg, member);
            close_gate(team);
            // Release: what fn wrote, and n_begun. The team may be another run's from here on.
            (void)atomic_fetch_add_explicit(&team->n_done, 1, memory_order_release);
        }
    } while (park(team));
    return NULL;
}

// The host's signals are not a helper's business, except faults: what they do when they are blocked
// is undefined.
static void block_signals(sigset_t *old) {
    static const int faults[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    sigset_t blocked;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)sigdelset(&blocked, faults[i]);
    }
    (void)pthread_sigmask(SIG_SETMASK, &blocked, old);
}

static bool start_helper(psq_team *team) {
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        return false;
    }
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE); // refused: the system's size does as well
    sigset_t old;
    block_signals(&old);
    const bool started = pthread_create(&team->helpers[team->n_helpers], &attr, help, team) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    return started;
}

// ---- the caller

static bool is_forked(const psq_team *team) {
    return getpid() != team->pid;
}

// In a child there are no helpers: they stayed with the parent.
static bool lost_helpers(psq_team *team) {
    if (!is_forked(team)) {
        return false;
    }
    team->may_start = false;
    team->n_helpers = 0;
    return true;
}

// As many helpers as the system grants; once it has refused one it is not asked again.
static void start_helpers(psq_team *team, int64_t n) {
    if (team->n_helpers >= n || !team->may_start || lost_helpers(team)) {
        return;
    }
    while (team->may_start && team->n_helpers < n) {
        team->may_start = start_helper(team);
        team->n_helpers += team->may_start ? 1 : 0;
    }
}

// Offers a run of at most `limit` members, of whom n_here are here already. The store releases what
// lies before it; why it is sequentially consistent is at park.
static void open_gate(psq_team *team, int64_t limit, uint32_t n_here,
                      void (*fn)(void *arg, int64_t member), void *arg) {
    team->fn = fn;
    team->arg = arg;
    atomic_store_explicit(&team->n_done, 0, memory_order_relaxed);
    atomic_store_explicit(&team->n_begun, 0, memory_order_relaxed);
    atomic_store(&team->gate, (uint32_t)limit << GATE_LIMIT | n_here);
}

// Calls sleeping helpers if fewer than n are awake. A child must not lock the mutex, which may have
// been locked when it was forked.
static void call_helpers(psq_team *team, int64_t n) {
    if (n <= team->n_helpers - atomic_load(&team->n_parked) || lost_helpers(team)) {
        return;
    }
    (void)pthread_mutex_lock(&team->mutex);
    const int64_t n_parked = atomic_load(&team->n_parked);
    const int64_t n_missing = n - (team->n_helpers - n_parked);
    const int64_t n_called = n_missing < n_parked ? n_missing : n_parked;
    if (n_called > 0) {
        atomic_store(&team->n_parked, n_parked - n_called);
        team->n_called += n_called;
    }
    (void)pthread_mutex_unlock(&team->mutex);
    if (n_called == 1) {
        (void)pthread_cond_signal(&team->wake);
    } else if (n_called > 1) {
        (void)pthread_cond_broadcast(&team->wake);
    }
}

// Acquire: what helpers wrote.
static void wait_for_helpers(psq_team *team) {
    psq_spin spin = {0};
    int64_t n_begun = 0; // whoever has closed the gate is about to write it
    while ((n_begun = atomic_load_explicit(&team->n_begun, memory_order_relaxed)) == 0) {
        psq_spin_wait(&spin);
    }
    while (atomic_load_explicit(&team->n_done, memory_order_acquire) != n_begun - 1) {
        psq_spin_wait(&spin);
    }
}

// Until all of a run's members are here, for tests; not for ever: the system may have refused one.
static void wait_for_members(const psq_team *team, int64_t limit) {
    enum { PATIENCE = 4 * PSQ_SPIN_PAUSES };
    psq_spin spin = {0};
    for (int i = 0; i < PATIENCE; i++) {
        if ((atomic_load_explicit(&team->gate, memory_order_relaxed) & GATE_COUNT) >= limit) {
            return;
        }
        psq_spin_wait(&spin);
    }
}

static void run_on_helpers(psq_team *team, int64_t n, bool eager,
                           void (*fn)(void *arg, int64_t member), void *arg) {
    start_helpers(team, n - 1);
    const int64_t most = team->n_helpers + 1;
    const int64_t limit = n < most ? n : most;
    if (limit > 1) {
        open_gate(team, limit, 1, fn, arg);
        call_helpers(team, limit - 1);
    }
    if (eager) {
        wait_for_members(team, limit);
    }
    fn(arg, 0);
    if (limit > 1) {
        close_gate(team);
        wait_for_helpers(team);
    }
}

// What an executor calls.
static void visit(void *arg) {
    psq_team *const team = (psq_team *)arg;
    int64_t member;
    if (enter(team, &member)) {
        const psq_fpenv saved = psq_fpenv_enter();
        team->fn(team->arg, member);
        psq_fpenv_leave(saved);
        close_gate(team);
    }
}

// An executor that calls nothing must not leave the work undone.
static void run_on_executor(psq_team *team, int64_t n, void (*fn)(void *arg, int64_t member),
                            void *arg) {
    if (!is_forked(team)) {
        open_gate(team, n, 0, fn, arg);
        team->executor.run(team->executor.self, n, visit, team);
        close_gate(team);
        if (atomic_load_explicit(&team->n_begun, memory_order_relaxed) > 0) {
            return;
        }
    }
    fn(arg, 0);
}

void psq_team_run(const psq_ctx *ctx, int64_t n_wanted, void (*fn)(void *arg, int64_t member),
                  void *arg) {
    psq_team *const team = ctx->team;
    // Acquire and, below, release: the caller's fields, from one run to the next.
    if (team == NULL || n_wanted <= 1 ||
        atomic_exchange_explicit(&team->busy, true, memory_order_acquire)) {
        fn(arg, 0);
        return;
    }
    const int64_t n = n_wanted < team->n_threads ? n_wanted : team->n_threads;
    if (team->executor.run != NULL) {
        run_on_executor(team, n, fn, arg);
    } else {
        run_on_helpers(team, n, ctx->eager, fn, arg);
    }
    atomic_store_explicit(&team->busy, false, memory_order_release);
}

void psq_spin_give_way(psq_spin *spin) {
    static const struct timespec a_moment = {0, 50000};
    if (spin->n < PSQ_SPIN_PAUSES + PSQ_SPIN_YIELDS) {
        spin->n++;
        (void)sched_yield();
    } else {
        (void)nanosleep(&a_moment, NULL);
    }
}

void psq_team_keep_apart(const psq_ctx *ctx) {
    enum { RUNS = 64 };
    if (ctx->team != NULL) {
        atomic_store_explicit(&ctx->team->n_apart, RUNS, memory_order_relaxed);
    }
}

bool psq_team_is_apart(const psq_ctx *ctx) {
    psq_team *const team = ctx->team;
    if (team == NULL || ctx->eager ||
        atomic_load_explicit(&team->n_apart, memory_order_relaxed) <= 0) {
        return false;
    }
    (void)atomic_fetch_sub_explicit(&team->n_apart, 1, memory_order_relaxed);
    return true;
}

// ---- life

size_t psq_team_bytes(int64_t n_threads) {
    return psq_size_add(sizeof(psq_team), psq_size_of(n_threads - 1, sizeof(pthread_t)));
}

psq_team *psq_team_init(void *memory, int64_t n_threads, const psq_executor *executor) {
    psq_team *const team = (psq_team *)memory;
    *team = (psq_team){.gate = GATE_CLOSED,
                       .may_start = true,
                       .pid = getpid(),
                       .n_threads = n_threads,
                       .mutex = PTHREAD_MUTEX_INITIALIZER,
                       .wake = PTHREAD_COND_INITIALIZER};
    if (executor != NULL) {
        team->executor = *executor;
    }
    return team;
}

// In a child nothing is ended: its threads stayed with the parent.
void psq_team_end(psq_team *team) {
    if (is_forked(team)) {
        return;
    }
    (void)pthread_mutex_lock(&team->mutex);
    atomic_store(&team->stopping, true);
    (void)pthread_mutex_unlock(&team->mutex);
    (void)pthread_cond_broadcast(&team->wake);
    for (int64_t i = 0; i < team->n_helpers; i++) {
        (void)pthread_join(team->helpers[i], NULL);
    }
    (void)pthread_cond_destroy(&team->wake);
    (void)pthread_mutex_destroy(&team->mutex);
}
