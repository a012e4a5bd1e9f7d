// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// alloc.c: memory. The default allocator below is the library's only call to malloc; everything
// else comes through a context, so that a host, or a test, decides what every allocation does.
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"

// malloc and an offset rather than aligned_alloc, which may want sizes that are multiples of align.
// The pointer that malloc gave lies just below the one that is handed out.
static void *default_alloc(void *self, size_t size, size_t align) {
    (void)self;
    char *const raw = (char *)malloc(psq_size_add(size, align + sizeof(void *)));
    if (raw == NULL) {
        return NULL;
    }
    const uintptr_t first = (uintptr_t)raw + sizeof(void *);
    char *const ptr = raw + sizeof(void *) + (align - first % align) % align;
    memcpy(ptr - sizeof(void *), &raw, sizeof(void *));
    return ptr;
}

static void default_free(void *self, void *ptr) {
    (void)self;
    void *raw;
    memcpy(&raw, (char *)ptr - sizeof(void *), sizeof(void *));
    free(raw);
}

const psq_allocator psq_default_allocator = {NULL, default_alloc, default_free};

void *psq_malloc(const psq_ctx *ctx, size_t size) {
    if (size == SIZE_MAX) {
        return NULL; // a saturated size
    }
    return ctx->allocator.alloc(ctx->allocator.self, size > 0 ? size : 1, PSQ_ALIGN);
}

void psq_free(const psq_ctx *ctx, void *ptr) {
    if (ptr != NULL) {
        ctx->allocator.free(ctx->allocator.self, ptr);
    }
}

psq_status psq_alloc_zero(const psq_ctx *ctx, int64_t count, size_t size, const char *what,
                          void **out, psq_error *err) {
    const size_t bytes = psq_size_of(count, size);
    *out = psq_malloc(ctx, bytes);
    PSQ_REQUIRE(err, *out != NULL, PSQ_NOMEM, "out of memory for %s: %lld elements of %zu bytes",
                what, (long long)count, size);
    memset(*out, 0, bytes);
    return PSQ_OK;
}

psq_status psq_grow(const psq_ctx *ctx, void **buffer, size_t *capacity, size_t keep, size_t size,
                    const char *what, psq_error *err) {
    if (size <= *capacity && *buffer != NULL) {
        return PSQ_OK;
    }
    const size_t twice = psq_size_mul(*capacity, 2);
    const size_t wanted = twice != SIZE_MAX && twice > size ? twice : size;
    void *const grown = psq_malloc(ctx, wanted);
    PSQ_REQUIRE(err, grown != NULL, PSQ_NOMEM, "out of memory for %s: %zu bytes", what, wanted);
    if (keep > 0) {
        memcpy(grown, *buffer, keep);
    }
    psq_free(ctx, *buffer);
    *buffer = grown;
    *capacity = wanted;
    return PSQ_OK;
}
