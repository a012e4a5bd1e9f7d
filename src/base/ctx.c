// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// ctx.c: a context is made whole or not at all; its own memory, which the team of threads is part
// of, comes from the allocator it carries.
#include "base/ctx.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/team.h"

static psq_status check_allocator(const psq_allocator *allocator, psq_error *err) {
    PSQ_REQUIRE(err, allocator->alloc != NULL, PSQ_INVALID, "allocator.alloc is NULL");
    PSQ_REQUIRE(err, allocator->free != NULL, PSQ_INVALID, "allocator.free is NULL");
    return PSQ_OK;
}

static psq_status check_io(const psq_io *io, psq_error *err) {
    PSQ_REQUIRE(err, io->open != NULL, PSQ_INVALID, "io.open is NULL");
    PSQ_REQUIRE(err, io->read != NULL, PSQ_INVALID, "io.read is NULL");
    PSQ_REQUIRE(err, io->write != NULL, PSQ_INVALID, "io.write is NULL");
    PSQ_REQUIRE(err, io->sync != NULL, PSQ_INVALID, "io.sync is NULL");
    PSQ_REQUIRE(err, io->close != NULL, PSQ_INVALID, "io.close is NULL");
    PSQ_REQUIRE(err, io->rename != NULL, PSQ_INVALID, "io.rename is NULL");
    PSQ_REQUIRE(err, io->remove != NULL, PSQ_INVALID, "io.remove is NULL");
    PSQ_REQUIRE(err, io->sync_dir != NULL, PSQ_INVALID, "io.sync_dir is NULL");
    return PSQ_OK;
}

// A number from 1 to `most` that an environment variable has; 0: not set.
static psq_status number_of_environment(const char *variable, int64_t most, int64_t *number,
                                        psq_error *err) {
    const char *const text = getenv(variable);
    *number = 0;
    if (text == NULL || text[0] == '\0') {
        return PSQ_OK;
    }
    bool fits = true;
    for (const char *at = text; *at != '\0' && fits; at++) {
        fits = *at >= '0' && *at <= '9';
        *number = fits ? *number * 10 + (*at - '0') : 0;
        fits = fits && *number <= most;
    }
    PSQ_REQUIRE(err, fits && *number > 0, PSQ_INVALID,
                "%s is \"%.32s\", must be a number from 1 to %lld", variable, text,
                (long long)most);
    return PSQ_OK;
}

static psq_status choose_threads(const psq_ctx_opts *opts, int64_t *n_threads, psq_error *err) {
    PSQ_REQUIRE(err, opts->n_threads >= 0, PSQ_INVALID,
                "opts.n_threads is %lld, must be at least 0", (long long)opts->n_threads);
    PSQ_REQUIRE(err, opts->executor == NULL || opts->executor->run != NULL, PSQ_INVALID,
                "executor.run is NULL");
    // For tests above all: it may ask for more threads than there are cores.
    PSQ_TRY(number_of_environment("PSQ_THREADS", PSQ_MAX_THREADS, n_threads, err));
    if (*n_threads == 0 && opts->n_threads == 1) {
        *n_threads = 1; // without counting cores
    } else if (*n_threads == 0) {
        const int64_t cores = psq_cores();
        const int64_t most = cores < PSQ_MAX_THREADS ? cores : PSQ_MAX_THREADS;
        *n_threads = opts->n_threads > 0 && opts->n_threads < most ? opts->n_threads : most;
    }
    return PSQ_OK;
}

// PSQ_CACHE_BYTES, for tests, tells copies what they are to take for the size of the cache.
static psq_status choose_cache(size_t *bytes, psq_error *err) {
    int64_t number = 0;
    PSQ_TRY(number_of_environment("PSQ_CACHE_BYTES", INT64_C(1) << 40, &number, err));
    *bytes = number > 0 ? (size_t)number : psq_cache_bytes("/sys/devices/system/cpu/cpu0/cache");
    return PSQ_OK;
}

static bool is_set(const char *variable) {
    const char *const text = getenv(variable);
    return text != NULL && text[0] != '\0' && strcmp(text, "0") != 0;
}

psq_status psq_ctx_create(const psq_ctx_opts *opts, psq_ctx **out, psq_error *err) {
    static const psq_ctx_opts defaults = PSQ_CTX_OPTS_INIT;
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    opts = opts != NULL ? opts : &defaults;
    PSQ_REQUIRE(err, opts->struct_size == sizeof *opts, PSQ_INVALID,
                "opts.struct_size is %zu, must be %zu", opts->struct_size, sizeof *opts);
    const psq_allocator *const allocator =
        opts->allocator != NULL ? opts->allocator : &psq_default_allocator;
    const psq_io *const io = opts->io != NULL ? opts->io : &psq_default_io;
    PSQ_TRY(check_allocator(allocator, err));
    PSQ_TRY(check_io(io, err));

    const char *const list = opts->cpu != NULL ? opts->cpu : getenv("PSQ_CPU");
    const unsigned found = psq_cpu_detect();
    unsigned allowed = found;
    if (list != NULL && list[0] != '\0') {
        PSQ_TRY(psq_cpu_parse(opts->cpu != NULL ? "opts.cpu" : "PSQ_CPU", list, &allowed, err));
        allowed &= found;
    }

    int64_t n_threads = 0;
    PSQ_TRY(choose_threads(opts, &n_threads, err));
    size_t cache_bytes = 0;
    PSQ_TRY(choose_cache(&cache_bytes, err));

    const size_t head = (sizeof(psq_ctx) + PSQ_ALIGN - 1) / PSQ_ALIGN * PSQ_ALIGN;
    const size_t size = head + (n_threads > 1 ? psq_team_bytes(n_threads) : 0);
    psq_ctx *const ctx = (psq_ctx *)allocator->alloc(allocator->self, size, PSQ_ALIGN);
    PSQ_REQUIRE(err, ctx != NULL, PSQ_NOMEM, "out of memory for a context: %zu bytes", size);
    *ctx = (psq_ctx){.allocator = *allocator,
                     .io = *io,
                     .cpu_found = found,
                     .cpu_allowed = allowed,
                     .eager = is_set("PSQ_EAGER"),
                     .n_threads = n_threads,
                     .cache_bytes = cache_bytes};
    if (n_threads > 1) {
        ctx->team = psq_team_init((char *)ctx + head, n_threads, opts->executor);
    }
    psq_cpu_format(found, ctx->found_text, sizeof ctx->found_text);
    psq_cpu_format(allowed, ctx->allowed_text, sizeof ctx->allowed_text);
    *out = ctx;
    return PSQ_OK;
}

void psq_ctx_destroy(psq_ctx *ctx) {
    if (ctx != NULL) {
        const psq_allocator allocator = ctx->allocator;
        if (ctx->team != NULL) {
            psq_team_end(ctx->team);
        }
        allocator.free(allocator.self, ctx);
    }
}

const char *psq_ctx_cpu_found(const psq_ctx *ctx) {
    return ctx->found_text;
}

const char *psq_ctx_cpu_allowed(const psq_ctx *ctx) {
    return ctx->allowed_text;
}

int64_t psq_ctx_n_threads(const psq_ctx *ctx) {
    return ctx->n_threads;
}
