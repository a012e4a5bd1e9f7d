// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// row_copy.h: copying one row, many million times. A call of memcpy costs as much as the copy of a
// row of 64 floats, so rows are copied inline, by code made for their size: a loop over rows is
// written once, over psq_row_copy, and compiled for each kind of row by PSQ_ROW_KINDS.
#ifndef PACKSEQ_RAGGED_ROW_COPY_H
#define PACKSEQ_RAGGED_ROW_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define PSQ_INLINE static inline __attribute__((always_inline))

typedef enum psq_row_kind {
    PSQ_ROW_1, // of exactly so many bytes
    PSQ_ROW_2,
    PSQ_ROW_4,
    PSQ_ROW_8,
    PSQ_ROW_16,
    PSQ_ROW_NARROW, // below 16, any
    PSQ_ROW_WIDE,   // 16 and above, any
    PSQ_ROW_LONG,   // so many that memcpy has better ways
    PSQ_ROW_STREAM  // past the caches; source anywhere, target at a multiple of 16, as is the size
} psq_row_kind;

enum {
    PSQ_ROW_LONG_BYTES = 4096, // where PSQ_ROW_LONG begins
    PSQ_ROW_STREAM_BYTES = 64, // rows from which streaming is worth while
    PSQ_ROW_STREAM_ALIGN = 16, //
};

// The kind for rows of this size; never PSQ_ROW_STREAM.
static inline psq_row_kind psq_row_kind_of(size_t row_bytes) {
    switch (row_bytes) {
    case 1:
        return PSQ_ROW_1;
    case 2:
        return PSQ_ROW_2;
    case 4:
        return PSQ_ROW_4;
    case 8:
        return PSQ_ROW_8;
    case 16:
        return PSQ_ROW_16;
    default:
        return row_bytes < 16                   ? PSQ_ROW_NARROW
               : row_bytes < PSQ_ROW_LONG_BYTES ? PSQ_ROW_WIDE
                                                : PSQ_ROW_LONG;
    }
}

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

// psq_row_stream_end must follow before others may see what was written.
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

// kind must be a constant where this is compiled.
PSQ_INLINE void psq_row_copy(psq_row_kind kind, char *dst, const char *src, size_t n) {
    switch (kind) {
    case PSQ_ROW_1:
        *dst = *src;
        break;
    case PSQ_ROW_2:
        memcpy(dst, src, 2);
        break;
    case PSQ_ROW_4:
        memcpy(dst, src, 4);
        break;
    case PSQ_ROW_8:
        memcpy(dst, src, 8);
        break;
    case PSQ_ROW_16:
        memcpy(dst, src, 16);
        break;
    case PSQ_ROW_NARROW:
        psq_row_copy_narrow(dst, src, n);
        break;
    case PSQ_ROW_WIDE:
        psq_row_copy_wide(dst, src, n);
        break;
    case PSQ_ROW_LONG:
        memcpy(dst, src, n);
        break;
    case PSQ_ROW_STREAM:
        psq_row_stream(dst, src, n);
        break;
    }
}

// The bytes of a row where the kind says how many they are, which lets a compiler shift for
// multiplying.
PSQ_INLINE size_t psq_row_size(psq_row_kind kind, size_t n) {
    switch (kind) {
    case PSQ_ROW_1:
        return 1;
    case PSQ_ROW_2:
        return 2;
    case PSQ_ROW_4:
        return 4;
    case PSQ_ROW_8:
        return 8;
    case PSQ_ROW_16:
        return 16;
    default:
        return n;
    }
}

// call(kind) with a constant for each value that `kind` may have: for the loops that call
// psq_row_copy.
#define PSQ_ROW_KINDS(kind, call) \
    switch (kind) {               \
    case PSQ_ROW_1:               \
        call(PSQ_ROW_1);          \
        break;                    \
    case PSQ_ROW_2:               \
        call(PSQ_ROW_2);          \
        break;                    \
    case PSQ_ROW_4:               \
        call(PSQ_ROW_4);          \
        break;                    \
    case PSQ_ROW_8:               \
        call(PSQ_ROW_8);          \
        break;                    \
    case PSQ_ROW_16:              \
        call(PSQ_ROW_16);         \
        break;                    \
    case PSQ_ROW_NARROW:          \
        call(PSQ_ROW_NARROW);     \
        break;                    \
    case PSQ_ROW_WIDE:            \
        call(PSQ_ROW_WIDE);       \
        break;                    \
    case PSQ_ROW_LONG:            \
        call(PSQ_ROW_LONG);       \
        break;                    \
    case PSQ_ROW_STREAM:          \
        call(PSQ_ROW_STREAM);     \
        break;                    \
    }

// A stretch of n bytes, any alignment and size; with `stream` past the caches.
static inline void psq_bytes_copy(char *dst, const char *src, size_t n, bool stream) {
    if (!stream || n < 16 * PSQ_ROW_STREAM_BYTES) {
        memcpy(dst, src, n);
        return;
    }
    const size_t head = (size_t)(-(uintptr_t)dst % PSQ_ROW_STREAM_ALIGN);
    const size_t body = (n - head) / PSQ_ROW_STREAM_ALIGN * PSQ_ROW_STREAM_ALIGN;
    memcpy(dst, src, head);
    psq_row_stream(dst + head, src + head, body);
    memcpy(dst + head + body, src + head + body, n - head - body);
}

#endif
