// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// ctx.c: a context is made whole or not at all; its own memory comes from the allocator it carries.
#include "base/ctx.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"

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
        PSQ_TRY(psq_cpu_parse(list, &allowed, err));
        allowed &= found;
    }

    psq_ctx *const ctx = (psq_ctx *)allocator->alloc(allocator->self, sizeof *ctx, PSQ_ALIGN);
    PSQ_REQUIRE(err, ctx != NULL, PSQ_NOMEM, "out of memory for a context: %zu bytes", sizeof *ctx);
    *ctx =
        (psq_ctx){.allocator = *allocator, .io = *io, .cpu_found = found, .cpu_allowed = allowed};
    psq_cpu_format(found, ctx->found_text, sizeof ctx->found_text);
    psq_cpu_format(allowed, ctx->allowed_text, sizeof ctx->allowed_text);
    *out = ctx;
    return PSQ_OK;
}

void psq_ctx_destroy(psq_ctx *ctx) {
    if (ctx != NULL) {
        const psq_allocator allocator = ctx->allocator;
        allocator.free(allocator.self, ctx);
    }
}

const char *psq_ctx_cpu_found(const psq_ctx *ctx) {
    return ctx->found_text;
}

const char *psq_ctx_cpu_allowed(const psq_ctx *ctx) {
    return ctx->allowed_text;
}
