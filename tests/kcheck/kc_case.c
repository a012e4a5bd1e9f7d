// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_case.c: the life of a case. An array lies at the end of its pages, at their beginning, or
// between guard bytes at an address that only its element likes; the pages beside cannot be
// accessed, so that reading outside ends the program, which kc_main.c reports. The table under test
// runs as an entry point lets it run: the caller's rounding and flushing are odd, psq_fpenv_enter
// sets them right, psq_fpenv_leave gives them back.
#include <fenv.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include "base/fpenv.h"
#include "kc.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

enum { GUARD = 256, GUARD_BYTE = 0xA5, MAX_LINES = 10 };

typedef enum place { AT_END, AT_START, SHIFTED, N_PLACES } place;

// ---- what the caller has set

enum { N_CALLERS = 3 }; // as the program started; flushing and rounding up; rounding down

static uint64_t get_mode(void) {
#if defined(__x86_64__)
    return _mm_getcsr();
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
#else
    return (uint64_t)fegetround();
#endif
}

static void set_caller(int caller) {
#if defined(__x86_64__)
    static const unsigned csr[N_CALLERS] = {0x1F80U, 0xDFC0U, 0x3F80U};
    _mm_setcsr(csr[caller]);
#elif defined(__aarch64__)
    static const uint64_t fpcr[N_CALLERS] = {0, UINT64_C(0x1400000), UINT64_C(0x800000)};
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr[caller]));
#else
    static const int mode[N_CALLERS] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD};
    (void)fesetround(mode[caller]);
#endif
}

// ---- arrays

static void *must(void *memory) {
    if (memory == NULL || memory == MAP_FAILED) {
        fputs("kcheck: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

// Memory of an array never shrinks.
static void make_room(const kc *c, kc_array *a, int64_t n) {
    const size_t page = page_size();
    const size_t needed = ((size_t)n * c->size + (size_t)4 * GUARD + page - 1) / page * page;
    if (needed <= a->map_size) {
        return;
    }
    if (a->map != NULL) {
        munmap(a->map, a->map_size + 2 * page);
    }
    a->map = (unsigned char *)must(
        mmap(NULL, needed + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    a->map_size = needed;
    if (mprotect(a->map + page, needed, PROT_READ | PROT_WRITE) != 0) {
        must(NULL);
    }
    a->content = (unsigned char *)must(realloc(a->content, needed));
    a->wanted = (unsigned char *)must(realloc(a->wanted, needed));
}

static kc_array *next_array(kc *c, kc_role role, const char *name, int64_t n_ref, int64_t n) {
    if (c->n_arrays == KC_MAX_ARRAYS) {
        fputs("kcheck: too many arrays\n", stderr);
        exit(2);
    }
    kc_array *const a = &c->arrays[c->n_arrays++];
    a->role = role;
    a->name = name;
    a->n = n;
    a->n_ref = n_ref;
    kc_range(a, larger(n, 1), 0, role == KC_IN ? 0 : larger(n, 1));
    make_room(c, a, larger(n, n_ref));
    return a;
}

kc_array *kc_take(kc *c, kc_role role, const char *name, int64_t n, kc_make make) {
    kc_array *const a = next_array(c, role, name, n, n);
    const bool tame = c->size == sizeof(double) && (make == kc_awkward || make == kc_any);
    for (int64_t i = 0; i < n; i++) {
        kc_put(c, a->content, i, tame ? kc_plain(c) : make(c));
    }
    return a;
}

kc_array *kc_take_scratch(kc *c, const char *name, int64_t n_ref, int64_t n) {
    kc_array *const a = next_array(c, KC_SCRATCH, name, n_ref, n);
    memset(a->content, 0xFF, (size_t)larger(n, n_ref) * c->size);
    return a;
}

kc_array *kc_take_result(kc *c) {
    return kc_take(c, KC_OUT, "result", (int64_t)(sizeof(double) / c->size), kc_zero);
}

void kc_put_result(const kc_array *a, double result) {
    const double x = isnan(result) ? (double)NAN : result;
    memcpy(a->p, &x, sizeof x);
}

void kc_range(kc_array *a, int64_t period, int64_t first, int64_t end) {
    a->period = period;
    a->first = first;
    a->end = end;
}

// ---- cases

void kc_begin(kc *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(c->sizes, sizeof c->sizes, format, args);
    va_end(args);
    c->n_arrays = 0;
    c->n_cases++;
}

void kc_wrong(kc *c, const char *format, ...) {
    if (++c->n_wrong > MAX_LINES) {
        return;
    }
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printf("%s %s %s: %s: %s%s\n", c->slot, c->table->name,
           c->table->dtype == PSQ_F32 ? "f32" : "f64", c->sizes, text,
           c->n_wrong == MAX_LINES ? " (further ones are not shown)" : "");
}

// Guard bytes on both sides of where the array lies, as far as its pages go.
static void guards(const kc_array *a, size_t size, size_t *before, size_t *after) {
    const unsigned char *const begin = a->map + page_size();
    const unsigned char *const at = (const unsigned char *)a->p;
    const size_t room = (size_t)(at - begin);
    const size_t rest = a->map_size - room - size;
    *before = room < GUARD ? room : GUARD;
    *after = rest < GUARD ? rest : GUARD;
}

static size_t bytes_of(const kc *c, const kc_array *a, bool ref) {
    return (size_t)(ref ? a->n_ref : a->n) * c->size;
}

// Puts an array to its place for the next call, with its first content.
static void put_down(kc *c, kc_array *a, place where, bool ref) {
    const size_t size = bytes_of(c, a, ref);
    const bool aligned = a->role == KC_SCRATCH;
    unsigned char *at = a->map + page_size();
    if (where == AT_END) {
        at += aligned ? (a->map_size - size) / 64 * 64 : a->map_size - size;
    } else if (where == SHIFTED) {
        at += GUARD + (aligned ? 0 : (size_t)kc_below(c, 16) * c->size);
    }
    a->p = at;
    size_t before;
    size_t after;
    guards(a, size, &before, &after);
    memset(at - before, GUARD_BYTE, before);
    memcpy(at, a->content, size);
    memset(at + size, GUARD_BYTE, after);
}

static void check_guards(kc *c, const kc_array *a, size_t size) {
    unsigned char guard[GUARD];
    const unsigned char *const at = (const unsigned char *)a->p;
    size_t before;
    size_t after;
    memset(guard, GUARD_BYTE, sizeof guard);
    guards(a, size, &before, &after);
    if (memcmp(at - before, guard, before) != 0) {
        kc_wrong(c, "wrote before %s", a->name);
    }
    if (memcmp(at + size, guard, after) != 0) {
        kc_wrong(c, "wrote behind %s, which has %lld elements", a->name, (long long)a->n);
    }
}

static void wrong_element(kc *c, const kc_array *a, int64_t i, const unsigned char *content,
                          const char *should) {
    uint64_t got = 0;
    uint64_t wanted = 0;
    memcpy(&got, (const unsigned char *)a->p + (size_t)i * c->size, c->size);
    memcpy(&wanted, content + (size_t)i * c->size, c->size);
    kc_wrong(c, "%s[%lld] is 0x%0*llx (%g), %s 0x%0*llx (%g)", a->name, (long long)i,
             (int)c->size * 2, (unsigned long long)got, kc_get(c, (const unsigned char *)a->p, i),
             should, (int)c->size * 2, (unsigned long long)wanted, kc_get(c, content, i));
}

// Float: the same bits. Double: the same but for the last bits of exp, log and tanh.
static bool same(const kc *c, double got, double wanted) {
    if (isnan(got) || isnan(wanted)) {
        return isnan(got) && isnan(wanted);
    }
    if (c->size == sizeof(float)) {
        return got == wanted && signbit(got) == signbit(wanted);
    }
    return got == wanted || fabs(got - wanted) <= 0x1p-40 * fmax(1.0, fabs(wanted));
}

static void check_content(kc *c, const kc_array *a) {
    const unsigned char *const p = (const unsigned char *)a->p;
    if (memcmp(p, a->wanted, (size_t)a->n * c->size) == 0) {
        return;
    }
    for (int64_t i = 0; i < a->n; i++) {
        if (!same(c, kc_get(c, p, i), kc_get(c, a->wanted, i))) {
            wrong_element(c, a, i, a->wanted, "ref has");
            return;
        }
    }
}

// Outside of its range an array keeps its bytes, whatever ref does.
static void check_outside(kc *c, const kc_array *a) {
    const unsigned char *const p = (const unsigned char *)a->p;
    for (int64_t i = 0; i < a->n; i++) {
        const int64_t at = i % a->period;
        if ((at < a->first || at >= a->end) &&
            memcmp(p + (size_t)i * c->size, a->content + (size_t)i * c->size, c->size) != 0) {
            wrong_element(c, a, i, a->content, "must stay");
            return;
        }
    }
}

static void check_arrays(kc *c) {
    for (int i = 0; i < c->n_arrays; i++) {
        const kc_array *const a = &c->arrays[i];
        check_guards(c, a, bytes_of(c, a, false));
        if (a->role != KC_SCRATCH) {
            check_content(c, a);
            check_outside(c, a);
        }
    }
}

static void run_ref(kc *c, kc_call call, const void *args) {
    for (int i = 0; i < c->n_arrays; i++) {
        put_down(c, &c->arrays[i], AT_START, true);
    }
    call(c->ref, args);
    for (int i = 0; i < c->n_arrays; i++) {
        memcpy(c->arrays[i].wanted, c->arrays[i].p, bytes_of(c, &c->arrays[i], true));
    }
}

void kc_run(kc *c, kc_call call, const void *args) {
    const int64_t wrong_before = c->n_wrong;
    run_ref(c, call, args);
    for (int where = 0; where < N_PLACES && c->n_wrong == wrong_before; where++) {
        for (int i = 0; i < c->n_arrays; i++) {
            put_down(c, &c->arrays[i], (place)where, false);
        }
        set_caller((int)((where + c->n_cases) % N_CALLERS));
        const uint64_t before = get_mode();
        const psq_fpenv saved = psq_fpenv_enter();
        call(c->table, args);
        psq_fpenv_leave(saved);
        const uint64_t after = get_mode();
        set_caller(0);
        if (before != after) {
            kc_wrong(c, "the caller's floating-point mode was 0x%llx and is 0x%llx",
                     (unsigned long long)before, (unsigned long long)after);
        }
        check_arrays(c);
    }
}
