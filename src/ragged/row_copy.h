// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// row_copy.h: copying one row, many million times. A call of memcpy costs as much as the copy of a
// row of 64 floats, so rows are copied inline, by code made for their size: a loop over rows is
// written once, over psq_row_copy, and compiled for each kind of row.
#ifndef PACKSEQ_RAGGED_ROW_COPY_H
#define PACKSEQ_RAGGED_ROW_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/ctx.h"

#define PSQ_INLINE static inline __attribute__((always_inline))

typedef enum psq_row_kind {
    PSQ_ROW_1, // of exactly 1 << kind bytes
    PSQ_ROW_2,
    PSQ_ROW_4,
    PSQ_ROW_8,
    PSQ_ROW_16,
    PSQ_ROW_NARROW, // below 16, any
    PSQ_ROW_WIDE,   // 16 and above, any
    PSQ_ROW_WIDE_2, // 64 and above, by registers of 32 bytes
    PSQ_ROW_WIDE_4, // and of 64 bytes
    PSQ_ROW_LONG,   // so many that memcpy has better ways
    PSQ_ROW_STREAM, // past the caches
    PSQ_N_ROW_KIND
} psq_row_kind;

enum {
    PSQ_ROW_LONG_BYTES = 8192, // where PSQ_ROW_LONG begins
    PSQ_ROW_STREAM_BYTES = 64  // rows from which streaming is worth while
};

// The kind for rows of this size, at least 1, given what the CPU has (PSQ_CPU_AVX2, ...); never
// PSQ_ROW_STREAM.
static inline psq_row_kind psq_row_kind_of(size_t row_bytes, unsigned cpu) {
    if (row_bytes <= 16 && (row_bytes & (row_bytes - 1)) == 0) {
        return (psq_row_kind)__builtin_ctz((unsigned)row_bytes);
    }
    if (row_bytes < 16 || row_bytes >= PSQ_ROW_LONG_BYTES) {
        return row_bytes < 16 ? PSQ_ROW_NARROW : PSQ_ROW_LONG;
    }
    if (row_bytes < 64 || (cpu & (PSQ_CPU_AVX2 | PSQ_CPU_AVX512)) == 0) {
        return PSQ_ROW_WIDE;
    }
    return (cpu & PSQ_CPU_AVX512) != 0 ? PSQ_ROW_WIDE_4 : PSQ_ROW_WIDE_2;
}

// X(name, kind, target) for each kind: a function over psq_row_copy, the name that it gets where it
// is compiled for this kind, and the instructions that it may use there. And the table of them.
#if defined(__x86_64__) || defined(__i386__)
#define PSQ_ROW_AVX2 __attribute__((target("avx2")))
#define PSQ_ROW_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#else
#define PSQ_ROW_AVX2
#define PSQ_ROW_AVX512
#endif
#define PSQ_EACH_ROW_KIND(X)                       \
    X(copy_1, PSQ_ROW_1, )                         \
    X(copy_2, PSQ_ROW_2, )                         \
    X(copy_4, PSQ_ROW_4, )                         \
    X(copy_8, PSQ_ROW_8, )                         \
    X(copy_16, PSQ_ROW_16, )                       \
    X(copy_narrow, PSQ_ROW_NARROW, )               \
    X(copy_wide, PSQ_ROW_WIDE, )                   \
    X(copy_wide_2, PSQ_ROW_WIDE_2, PSQ_ROW_AVX2)   \
    X(copy_wide_4, PSQ_ROW_WIDE_4, PSQ_ROW_AVX512) \
    X(copy_long, PSQ_ROW_LONG, )                   \
    X(copy_stream, PSQ_ROW_STREAM, )
#define PSQ_ROW_KIND_ENTRY(name, kind, target) [kind] = (name),
#define PSQ_ROW_KIND_TABLE \
    { PSQ_EACH_ROW_KIND(PSQ_ROW_KIND_ENTRY) }

// Two copies of a fixed size, which overlap.
PSQ_INLINE void psq_row_copy_narrow(char *dst, const char *src, size_t n) {
    if (n >= 8) {
        memcpy(dst, src, 8);
        memcpy(dst + n - 8, src + n - 8, 8);
    } else if (n >= 4) {
        memcpy(dst, src, 4);
        memcpy(dst + n - 4, src + n - 4, 4);
    } else if (n >= 2) {
        memcpy(dst, src, 2);
        memcpy(dst + n - 2, src + n - 2, 2);
    } else if (n == 1) {
        *dst = *src;
    }
}

PSQ_INLINE void psq_row_copy_wide(char *dst, const char *src, size_t n) {
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        memcpy(dst + i, src + i, 64);
    }
    for (; i + 16 <= n; i += 16) {
        memcpy(dst + i, src + i, 16);
    }
    memcpy(dst + n - 16, src + n - 16, 16);
}

// By registers of `width` bytes, four at a time, the last ones overlapping.
#define PSQ_ROW_COPY_VECTORS(dst, src, n, width)                                           \
    do {                                                                                   \
        typedef char vector __attribute__((vector_size(width), aligned(1), may_alias));    \
        size_t i = 0;                                                                      \
        for (; i + 4 * (width) <= (n); i += 4 * (width)) {                                 \
            const vector *const from = (const vector *)(const void *)((src) + i);          \
            vector *const to = (vector *)(void *)((dst) + i);                              \
            to[0] = from[0];                                                               \
            to[1] = from[1];                                                               \
            to[2] = from[2];                                                               \
            to[3] = from[3];                                                               \
        }                                                                                  \
        for (; i < (n); i += (width)) {                                                    \
            const size_t at = i + (width) <= (n) ? i : (n) - (width);                      \
            *(vector *)(void *)((dst) + at) = *(const vector *)(const void *)((src) + at); \
        }                                                                                  \
    } while (0)

// dst and n are multiples of 16. psq_row_stream_end must follow before others may see what was
// written.
PSQ_INLINE void psq_row_stream(char *dst, const char *src, size_t n) {
#if defined(__SSE2__)
    for (size_t i = 0; i < n; i += 16) {
        _mm_stream_si128((__m128i *)(void *)(dst + i),
                         _mm_loadu_si128((const __m128i *)(const void *)(src + i)));
    }
#else
    memcpy(dst, src, n);
#endif
}

static inline void psq_row_stream_end(void) {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

// kind must be a constant where this is compiled; PSQ_ROW_STREAM is for writer.h.
PSQ_INLINE void psq_row_copy(psq_row_kind kind, char *dst, const char *src, size_t n) {
    if (kind <= PSQ_ROW_16) {
        memcpy(dst, src, (size_t)1 << kind);
    } else if (kind == PSQ_ROW_NARROW) {
        psq_row_copy_narrow(dst, src, n);
    } else if (kind == PSQ_ROW_WIDE) {
        psq_row_copy_wide(dst, src, n);
    } else if (kind == PSQ_ROW_WIDE_2) {
        PSQ_ROW_COPY_VECTORS(dst, src, n, 32);
    } else if (kind == PSQ_ROW_WIDE_4) {
        PSQ_ROW_COPY_VECTORS(dst, src, n, 64);
    } else {
        memcpy(dst, src, n);
    }
}

// The bytes of a row where the kind says how many they are, which lets a compiler shift for
// multiplying.
PSQ_INLINE size_t psq_row_size(psq_row_kind kind, size_t n) {
    return kind <= PSQ_ROW_16 ? (size_t)1 << kind : n;
}

// A stretch of n bytes, any alignment and size; with `stream` past the caches.
static inline void psq_bytes_copy(char *dst, const char *src, size_t n, bool stream) {
    if (!stream || n < 1024) {
        memcpy(dst, src, n);
        return;
    }
    const size_t head = (size_t)(-(uintptr_t)dst % 64);
    const size_t body = (n - head) / 64 * 64;
    memcpy(dst, src, head);
    psq_row_stream(dst + head, src + head, body);
    memcpy(dst + head + body, src + head + body, n - head - body);
}

#endif
