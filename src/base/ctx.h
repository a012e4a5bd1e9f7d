// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// ctx.h: the inside of a context. alloc.c, which implements the default allocator, is the one file
// that calls malloc; file.c the one that opens files.
#ifndef PACKSEQ_BASE_CTX_H
#define PACKSEQ_BASE_CTX_H

#include "packseq/base.h"

// Instruction sets that kernel tables need.
enum {
    PSQ_CPU_REF = 1,    // plain C; every CPU has it
    PSQ_CPU_AVX2 = 2,   // x86 AVX2 and FMA, usable by the operating system too
    PSQ_CPU_AVX512 = 4, // x86 AVX-512 F, BW, DQ and VL, and FMA, likewise
    PSQ_CPU_NEON = 8    // every 64-bit ARM CPU has it
};

typedef struct psq_team psq_team; // base/team.h

struct psq_ctx {
    psq_allocator allocator;
    psq_io io;
    unsigned cpu_found;
    unsigned cpu_allowed; // subset of cpu_found
    char found_text[64];
    char allowed_text[64];
    bool eager; // every run, however small, waits for all its members: for tests
    int64_t n_threads;
    size_t cache_bytes; // of the last-level cache, for those who move more than that
    psq_team *team;     // in the context's own memory; NULL with one thread
};

extern const psq_allocator psq_default_allocator;
extern const psq_io psq_default_io;

// cpu.c: what this CPU has, the bits of a list such as "ref,avx2", which errors call `source`, and
// the names of bits.
unsigned psq_cpu_detect(void);
psq_status psq_cpu_parse(const char *source, const char *list, unsigned *bits, psq_error *err);
void psq_cpu_format(unsigned bits, char *text, size_t size);

// cores.c: how many cores this process may use: those of the calling thread's affinity mask, cut to
// what the cgroups' quota buys, at least 1.
int64_t psq_cores(void);

// The smallest quota of CPU time among the cgroups that the file `groups` (/proc/self/cgroup) names
// and their ancestors, in cores, rounded up; INT64_MAX if there is none. `root` is where cgroups
// are mounted, of version 1 or 2.
int64_t psq_cores_quota(const char *groups, const char *root);

// Bytes of the last-level cache of the core whose caches Linux describes in `dir`; a guess where
// the system does not say.
size_t psq_cache_bytes(const char *dir);

// Memory of `count` elements of `size` bytes, zeroed, 64-byte aligned. PSQ_NOMEM names `what`. A
// count of 0 gives a pointer that may only be freed. Freed with psq_free.
PSQ_MUST psq_status psq_alloc_zero(const psq_ctx *ctx, int64_t count, size_t size, const char *what,
                                   void **out, psq_error *err);

// Grows *buffer, of *capacity bytes, to at least `size` bytes, at least doubling; keeps the first
// `keep` bytes. On failure nothing has changed.
PSQ_MUST psq_status psq_grow(const psq_ctx *ctx, void **buffer, size_t *capacity, size_t keep,
                             size_t size, const char *what, psq_error *err);

#endif
