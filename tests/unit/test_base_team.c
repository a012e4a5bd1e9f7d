// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_team.c: runs of a team. Whoever comes, each run does all its work once and returns;
// what else can be said of who comes is said by fns that wait for others. More threads than cores
// are forced by PSQ_THREADS.
#define _GNU_SOURCE // RTLD_NEXT

#include <dlfcn.h>
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fpenv.h"
#include "base/team.h"
#include "testing.h"

enum { MOST = 8, N_PIECES = 40 };

static psq_error err;

// ---- the system refuses threads when this is 0; below 0 it never does

static _Atomic int n_threads_left = -1;
static _Atomic int n_asked; // calls so far

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                   void *arg) {
    typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    create_fn create = NULL;
    void *const next = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&create, &next, sizeof create);
    n_asked++;
    if (n_threads_left == 0) {
        return EAGAIN;
    }
    n_threads_left -= n_threads_left > 0 ? 1 : 0;
    return create(thread, attr, start, arg);
}

// ---- sleeps are counted

static _Atomic int n_sleeps;

int nanosleep(const struct timespec *time, struct timespec *rest) {
    n_sleeps++;
    return clock_nanosleep(CLOCK_MONOTONIC, 0, time, rest) == 0 ? 0 : -1;
}

// ---- contexts

static psq_ctx *create(int n_threads, const psq_executor *executor) {
    char text[16];
    (void)snprintf(text, sizeof text, "%d", n_threads);
    setenv("PSQ_THREADS", text, 1);
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.executor = executor;
    psq_ctx *ctx = NULL;
    if (psq_ctx_create(&opts, &ctx, &err) != PSQ_OK) {
        fail_msg("no context: %s", err.text);
    }
    assert_int_equal(psq_ctx_n_threads(ctx), n_threads);
    assert_int_equal(psq_team_size(ctx), n_threads);
    return ctx;
}

static void sleep_us(long us) {
    const struct timespec t = {0, us * 1000};
    nanosleep(&t, NULL);
}

// A wait pauses, then yields, then sleeps.
static void spin_sleeps_in_the_end(void **state) {
    (void)state;
    psq_spin spin = {0};
    n_sleeps = 0;
    for (int i = 0; i < PSQ_SPIN_PAUSES + PSQ_SPIN_YIELDS; i++) {
        psq_spin_wait(&spin);
    }
    assert_int_equal(n_sleeps, 0);
    psq_spin_wait(&spin);
    psq_spin_wait(&spin);
    assert_int_equal(n_sleeps, 2);
}

// ---- work: pieces that members take, written without atomics

typedef struct work {
    const psq_ctx *ctx;
    int64_t n_meet; // members that wait for each other before the first piece
    bool sleeps;    // pieces take long enough for sleepers to come
    _Atomic int64_t n_here;
    _Atomic int64_t next;
    int64_t member_of[N_PIECES]; // + 1
    int64_t n_calls[MOST];
} work;

static void take(void *arg, int64_t member) {
    work *const w = (work *)arg;
    assert_true(member >= 0 && member < MOST);
    w->n_calls[member]++;
    w->n_here++;
    psq_spin spin = {0};
    while (w->n_here < w->n_meet) {
        psq_spin_wait(&spin);
    }
    for (int64_t i = 0; (i = w->next++) < N_PIECES;) {
        w->member_of[i] += member + 1;
        if (w->sleeps) {
            sleep_us(5);
        }
    }
}

// Members of a run that did all its work once.
static int64_t check(const work *w, int64_t n_most) {
    int64_t n = 0;
    while (n < MOST && w->n_calls[n] == 1) {
        n++;
    }
    assert_in_range(n, 1, n_most);
    assert_int_equal(w->n_here, n);
    for (int64_t i = n; i < MOST; i++) {
        assert_int_equal(w->n_calls[i], 0);
    }
    for (int64_t i = 0; i < N_PIECES; i++) {
        assert_in_range(w->member_of[i], 1, n);
    }
    return n;
}

static int64_t run(const psq_ctx *ctx, int64_t n_wanted, work w) {
    psq_team_run(ctx, n_wanted, take, &w);
    return check(&w, n_wanted > 1 ? n_wanted : 1);
}

// ---- own threads

static void team_members_are_contiguous(void **state) {
    (void)state;
    psq_ctx *const ctx = create(4, NULL);
    for (int64_t i = 0; i < 3000; i++) {
        const int64_t n = run(ctx, i % 7 - 1, (work){.sleeps = i % 100 == 0});
        assert_in_range(n, 1, 4);
        if (i % 500 == 0) {
            sleep_us(1000); // the helpers go to sleep
        }
    }
    psq_ctx_destroy(ctx);
}

// More members than cores wait for each other, awake and asleep.
static void team_meets(void **state) {
    (void)state;
    psq_ctx *const ctx = create(6, NULL);
    for (int64_t i = 0; i < 60; i++) {
        const int64_t n = 2 + i % 5;
        assert_int_equal(run(ctx, n, (work){.n_meet = n}), n);
        if (i % 5 == 0) {
            sleep_us(500);
        }
    }
    assert_int_equal(run(ctx, MOST, (work){.n_meet = 6}), 6); // no more than there are
    psq_ctx_destroy(ctx);
}

// A helper that has not begun when one member has returned never begins.
static void team_latecomers_stay_out(void **state) {
    (void)state;
    psq_ctx *const ctx = create(3, NULL);
    for (int64_t i = 0; i < 200; i++) {
        sleep_us(i % 2 == 0 ? 200 : 1);
        work w = {0};
        psq_team_run(ctx, 3, take, &w);
        const int64_t n = check(&w, 3);
        sleep_us(200);
        assert_int_equal(check(&w, 3), n);
    }
    psq_ctx_destroy(ctx);
}

// Helpers are done at once, the caller is not: none of them may begin a second time.
typedef struct early {
    int64_t serial;
    _Atomic int64_t n_helpers;
    _Atomic int64_t n_again;
} early;

static void return_early(void *arg, int64_t member) {
    static _Thread_local int64_t last = 0;
    early *const e = (early *)arg;
    e->n_again += last == e->serial ? 1 : 0;
    last = e->serial;
    e->n_helpers += member > 0 ? 1 : 0;
    psq_spin spin = {0};
    while (member == 0 && e->n_helpers == 0) {
        psq_spin_wait(&spin);
    }
    if (member == 0) {
        sleep_us(20);
    }
}

static void team_helpers_begin_once(void **state) {
    (void)state;
    psq_ctx *const ctx = create(4, NULL);
    for (int64_t i = 1; i <= 200; i++) {
        early e = {.serial = i};
        psq_team_run(ctx, 4, return_early, &e);
        assert_in_range(e.n_helpers, 1, 3);
        assert_int_equal(e.n_again, 0);
    }
    psq_ctx_destroy(ctx);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Runs that come just when a helper is about to sleep find it all the same.
static void team_falls_asleep(void **state) {
    (void)state;
    psq_ctx *const ctx = create(2, NULL);
    for (int64_t i = 0; i < 4000; i++) {
        const int64_t end = now() + 48000 + i % 400 * 10;
        while (now() < end) {
        }
        assert_int_equal(run(ctx, 2, (work){.n_meet = 2}), 2);
    }
    psq_ctx_destroy(ctx);
}

static int64_t cpu_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Helpers that were called from their sleep sleep again: in the end the process uses no time.
static void team_sleeps(void **state) {
    (void)state;
    psq_ctx *const ctx = create(3, NULL);
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(run(ctx, 3, (work){.n_meet = 3}), 3);
        int64_t used = INT64_MAX;
        for (int64_t n = 0; n < 200 && used > 1000000; n++) {
            const int64_t before = cpu_time();
            sleep_us(5000);
            used = cpu_time() - before;
        }
        assert_in_range(used, 0, 1000000);
    }
    psq_ctx_destroy(ctx);
}

// What n_wanted <= 1, a context without helpers and a destroyed sleeping team come to.
static void team_of_one(void **state) {
    (void)state;
    psq_ctx *const ctx = create(1, NULL);
    for (int64_t n = -1; n < 4; n++) {
        assert_int_equal(run(ctx, n, (work){0}), 1);
    }
    psq_ctx_destroy(ctx);
    psq_ctx *const idle = create(3, NULL); // never ran
    psq_ctx_destroy(idle);
    psq_ctx *const asleep = create(3, NULL);
    (void)run(asleep, 3, (work){.n_meet = 3});
    sleep_us(1000);
    psq_ctx_destroy(asleep);
}

static void count_tiny(void *arg, int64_t member) {
    ((int64_t *)arg)[member]++;
}

// Runs that are over before anybody can come; counts are not atomic.
static void team_tiny_runs(void **state) {
    (void)state;
    psq_ctx *const ctx = create(3, NULL);
    int64_t counts[3] = {0};
    for (int64_t i = 0; i < 100000; i++) {
        psq_team_run(ctx, 3, count_tiny, counts);
    }
    assert_int_equal(counts[0], 100000);
    assert_in_range(counts[1], counts[2], 100000);
    psq_ctx_destroy(ctx);
}

// ---- busy teams

static void run_inside(void *arg, int64_t member) {
    work *const w = (work *)arg;
    assert_int_equal(run(w->ctx, 4, (work){0}), 1);
    take(w, member);
    assert_int_equal(run(w->ctx, 4, (work){0}), 1);
}

static void team_nested(void **state) {
    (void)state;
    psq_ctx *const ctx = create(3, NULL);
    for (int64_t i = 0; i < 200; i++) {
        work w = {.ctx = ctx, .n_meet = 1 + i % 3};
        psq_team_run(ctx, 3, run_inside, &w);
        assert_in_range(check(&w, 3), w.n_meet, 3);
    }
    psq_ctx_destroy(ctx);
}

static void *run_many(void *arg) {
    for (int64_t i = 0; i < 3000; i++) {
        (void)run((const psq_ctx *)arg, 2 + i % 3, (work){0});
    }
    return NULL;
}

static void team_shared_by_threads(void **state) {
    (void)state;
    psq_ctx *const ctx = create(3, NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, ctx), 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(run(ctx, 3, (work){.n_meet = 3}), 3); // and is free again
    psq_ctx_destroy(ctx);
}

// ---- forks

static void run_child(psq_ctx *ctx) {
    for (int i = 0; i < 50; i++) {
        if (run(ctx, 3, (work){0}) != 1) {
            _exit(1);
        }
    }
    psq_ctx_destroy(ctx);
    _exit(0);
}

static void assert_child_runs(psq_ctx *ctx) {
    const pid_t child = fork();
    if (child == 0) {
        run_child(ctx);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void team_forked(void **state) {
    (void)state;
    psq_ctx *const ctx = create(3, NULL);
    assert_child_runs(ctx); // before there are helpers
    (void)run(ctx, 3, (work){.n_meet = 3});
    assert_child_runs(ctx); // while they are awake
    sleep_us(2000);
    assert_child_runs(ctx); // while they are asleep
    assert_int_equal(run(ctx, 3, (work){.n_meet = 3}), 3);
    psq_ctx_destroy(ctx);
}

// ---- what members are given

typedef struct surroundings {
    _Atomic int64_t n_here;
    bool rounds_up[2];
    sigset_t blocked[2];
} surroundings;

// By arithmetic: psq_fpenv_enter sets the rounding of what the library computes with.
static bool rounds_up(void) {
    volatile float one = 1.0F;
    volatile float little = 1e-20F;
    volatile float sum = one + little;
    return sum > one;
}

static void look(void *arg, int64_t member) {
    surroundings *const s = (surroundings *)arg;
    s->rounds_up[member] = rounds_up();
    pthread_sigmask(SIG_SETMASK, NULL, &s->blocked[member]);
    s->n_here++;
    psq_spin spin = {0};
    while (s->n_here < 2) {
        psq_spin_wait(&spin);
    }
}

static void team_surroundings(void **state) {
    (void)state;
    psq_ctx *const ctx = create(2, NULL);
    surroundings s = {0};
    fesetround(FE_UPWARD); // which threads inherit
    psq_team_run(ctx, 2, look, &s);
    assert_true(s.rounds_up[0]);
    assert_true(rounds_up());
    fesetround(FE_TONEAREST);
    assert_false(s.rounds_up[1]);
    assert_int_equal(sigismember(&s.blocked[1], SIGINT), 1);
    assert_int_equal(sigismember(&s.blocked[1], SIGUSR1), 1);
    assert_int_equal(sigismember(&s.blocked[1], SIGSEGV), 0);
    assert_int_equal(sigismember(&s.blocked[0], SIGINT), 0); // the caller's are as they were
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGINT), 0);
    psq_ctx_destroy(ctx);
}

// ---- what the system refuses

static void team_without_threads(void **state) {
    (void)state;
    for (int n_left = 0; n_left < 3; n_left++) {
        psq_ctx *const ctx = create(4, NULL);
        n_threads_left = n_left;
        assert_int_equal(run(ctx, 4, (work){.n_meet = 1 + n_left}), 1 + n_left);
        n_threads_left = -1;
        const int before = n_asked;
        assert_int_equal(run(ctx, 4, (work){.n_meet = 1 + n_left}), 1 + n_left);
        assert_int_equal(n_asked, before);
        psq_ctx_destroy(ctx);
    }
}

static void team_allocates_nothing(void **state) {
    (void)state;
    setenv("PSQ_THREADS", "4", 1);
    psq_fault fault = {.alloc_countdown = 1, .forever = true};
    psq_ctx *const ctx = fault_ctx(&fault);
    assert_int_equal(run(ctx, 4, (work){.n_meet = 4}), 4);
    assert_int_equal(fault.n_allocs, 0);
    psq_ctx_destroy(ctx);
    assert_int_equal(fault.n_live, 0);
}

// ---- executors

static void run_in_turn(void *self, int64_t n, void (*fn)(void *arg), void *arg) {
    *(int64_t *)self = n;
    for (int64_t i = 0; i < n; i++) {
        fn(arg);
    }
}

static void executor_in_turn(void **state) {
    (void)state;
    int64_t n_called = 0;
    psq_executor executor = {&n_called, run_in_turn};
    psq_ctx *const ctx = create(3, &executor);
    executor = (psq_executor){0}; // was copied
    for (int64_t n = 2; n < 5; n++) {
        assert_int_equal(run(ctx, n, (work){0}), 1);
        assert_int_equal(n_called, n < 3 ? n : 3);
    }
    n_called = 0;
    assert_int_equal(run(ctx, 1, (work){0}), 1);
    assert_int_equal(n_called, 0);

    work w = {.ctx = ctx};
    psq_team_run(ctx, 3, run_inside, &w);
    assert_int_equal(check(&w, 3), 1);
    assert_child_runs(ctx);
    psq_ctx_destroy(ctx);
}

typedef struct task {
    void (*fn)(void *arg);
    void *arg;
} task;

static void *do_task(void *arg) {
    const task *const t = (const task *)arg;
    fesetround(FE_UPWARD);
    t->fn(t->arg);
    return rounds_up() ? NULL : arg; // a host's threads are left as they were
}

static void run_on_threads(void *self, int64_t n, void (*fn)(void *arg), void *arg) {
    task t = {fn, arg};
    pthread_t threads[MOST];
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, do_task, &t), 0);
    }
    for (int64_t i = 0; i < n; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        *(int64_t *)self += wrong != NULL ? 1 : 0;
    }
}

static void executor_on_threads(void **state) {
    (void)state;
    int64_t n_wrong = 0;
    const psq_executor executor = {&n_wrong, run_on_threads};
    psq_ctx *const ctx = create(3, &executor);
    for (int64_t i = 0; i < 100; i++) {
        const int64_t n_meet = i % 4;
        const int64_t n = run(ctx, 3, (work){.n_meet = n_meet});
        assert_true(n >= n_meet);
    }
    surroundings s = {0};
    psq_team_run(ctx, 2, look, &s);
    assert_false(s.rounds_up[0]);
    assert_false(s.rounds_up[1]);
    assert_int_equal(n_wrong, 0);
    psq_ctx_destroy(ctx);
}

// Does what it should every other time.
static void run_sometimes(void *self, int64_t n, void (*fn)(void *arg), void *arg) {
    int64_t *const turn = (int64_t *)self;
    for (int64_t i = 0; i < n && *turn % 2 == 0; i++) {
        fn(arg);
    }
    ++*turn;
}

static void executor_that_does_nothing(void **state) {
    (void)state;
    int64_t turn = 0;
    const psq_executor executor = {&turn, run_sometimes};
    psq_ctx *const ctx = create(3, &executor);
    for (int64_t i = 0; i < 4; i++) {
        assert_int_equal(run(ctx, 3, (work){0}), 1);
        assert_int_equal(turn, i + 1);
    }
    psq_ctx_destroy(ctx);
}

// What slow meetings teach lasts for 64 walks; a team of one never meets.
static void team_kept_apart_forgets(void **state) {
    enum { RUNS = 64 };
    (void)state;
    psq_ctx *const one = create(1, NULL);
    psq_ctx *const two = create(2, NULL);
    psq_team_keep_apart(one);
    assert_false(psq_team_is_apart(one));
    assert_false(psq_team_is_apart(two));
    psq_team_keep_apart(two);
    for (int i = 0; i < RUNS; i++) {
        assert_true(psq_team_is_apart(two));
    }
    assert_false(psq_team_is_apart(two));
    psq_ctx_destroy(one);
    psq_ctx_destroy(two);
}

int main(void) {
    (void)unsetenv("PSQ_EAGER"); // what these tests count would wait
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spin_sleeps_in_the_end),
        cmocka_unit_test(team_members_are_contiguous),
        cmocka_unit_test(team_meets),
        cmocka_unit_test(team_latecomers_stay_out),
        cmocka_unit_test(team_helpers_begin_once),
        cmocka_unit_test(team_falls_asleep),
        cmocka_unit_test(team_sleeps),
        cmocka_unit_test(team_of_one),
        cmocka_unit_test(team_kept_apart_forgets),
        cmocka_unit_test(team_tiny_runs),
        cmocka_unit_test(team_nested),
        cmocka_unit_test(team_shared_by_threads),
        cmocka_unit_test(team_forked),
        cmocka_unit_test(team_surroundings),
        cmocka_unit_test(team_without_threads),
        cmocka_unit_test(team_allocates_nothing),
        cmocka_unit_test(executor_in_turn),
        cmocka_unit_test(executor_on_threads),
        cmocka_unit_test(executor_that_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
