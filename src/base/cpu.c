// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cpu.c: which instruction sets there are. One table names them, for detection, for PSQ_CPU and for
// people.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"

typedef struct cpu_row {
    const char *name;
    unsigned bit;
} cpu_row;

static const cpu_row cpus[] = {{"ref", PSQ_CPU_REF},
                               {"avx2", PSQ_CPU_AVX2},
                               {"avx512", PSQ_CPU_AVX512},
                               {"neon", PSQ_CPU_NEON}};
enum { N_CPUS = sizeof cpus / sizeof cpus[0] };

unsigned psq_cpu_detect(void) {
    unsigned found = PSQ_CPU_REF;
#if defined(__x86_64__) || defined(__i386__)
    // The compiler's run-time check covers the operating system's saving of the registers too.
    const bool fma = __builtin_cpu_supports("fma") != 0;
    if (fma && __builtin_cpu_supports("avx2")) {
        found |= PSQ_CPU_AVX2;
    }
    if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        found |= PSQ_CPU_AVX512;
    }
#elif defined(__aarch64__)
    found |= PSQ_CPU_NEON;
#endif
    return found;
}

static unsigned bit_of(const char *name, size_t length) {
    for (int i = 0; i < N_CPUS; i++) {
        if (strlen(cpus[i].name) == length && memcmp(cpus[i].name, name, length) == 0) {
            return cpus[i].bit;
        }
    }
    return 0;
}

psq_status psq_cpu_parse(const char *source, const char *list, unsigned *bits, psq_error *err) {
    *bits = PSQ_CPU_REF;
    for (const char *name = list; *name != '\0';) {
        const size_t length = strcspn(name, ",");
        const unsigned bit = bit_of(name, length);
        char known[64];
        psq_cpu_format(~0U, known, sizeof known);
        PSQ_REQUIRE(err, bit != 0, PSQ_INVALID, "%s names \"%.*s\", must be one of: %s", source,
                    (int)(length < 32 ? length : 32), name, known);
        *bits |= bit;
        name += length + (name[length] == ',' ? 1 : 0);
    }
    return PSQ_OK;
}

void psq_cpu_format(unsigned bits, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < N_CPUS; i++) {
        if ((bits & cpus[i].bit) != 0 && used < size) {
            const int n =
                snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "", cpus[i].name);
            used += n > 0 ? (size_t)n : 0;
        }
    }
}
