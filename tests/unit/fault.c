// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// fault.c: an allocator and file operations that count, fail when told to, and otherwise hand over
// to the library's own. The context's own memory is not counted: a test counts what it does with a
// context, whether it looks before or after destroying it.
#include "fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/ctx.h"

// A file and how it was opened.
typedef struct fault_file {
    void *inner;
    psq_io_mode mode;
} fault_file;

static bool fails(int64_t call, int64_t countdown, bool forever) {
    return countdown > 0 && (call == countdown || (forever && call > countdown));
}

static void *fault_alloc(void *self, size_t size, size_t align) {
    psq_fault *const fault = (psq_fault *)self;
    fault->n_allocs++;
    if (fails(fault->n_allocs, fault->alloc_countdown, fault->forever)) {
        return NULL;
    }
    void *const ptr = psq_default_allocator.alloc(NULL, size, align);
    fault->n_live += ptr != NULL ? 1 : 0;
    return ptr;
}

static void fault_free(void *self, void *ptr) {
    psq_fault *const fault = (psq_fault *)self;
    fault->n_live -= ptr != fault->ctx ? 1 : 0;
    psq_default_allocator.free(NULL, ptr);
}

// 0, or the error of a file operation that is to fail.
static int io_error(psq_fault *fault) {
    fault->n_ios++;
    return fails(fault->n_ios, fault->io_countdown, fault->forever) ? EIO : 0;
}

static int fault_open(void *self, const char *path, psq_io_mode mode, void **file) {
    psq_fault *const fault = (psq_fault *)self;
    *file = NULL;
    void *inner = NULL;
    int error = io_error(fault);
    if (error == 0) {
        error = psq_default_io.open(NULL, path, mode, &inner);
    }
    if (error == 0) {
        fault_file *const opened = (fault_file *)malloc(sizeof *opened);
        assert_non_null(opened);
        *opened = (fault_file){inner, mode};
        *file = opened;
        fault->n_open++;
    }
    return error;
}

static int fault_read(void *self, void *file, void *buf, size_t size, size_t *done) {
    const int error = io_error((psq_fault *)self);
    *done = 0;
    return error != 0 ? error
                      : psq_default_io.read(NULL, ((fault_file *)file)->inner, buf, size, done);
}

static int fault_write(void *self, void *file, const void *buf, size_t size, size_t *done) {
    const int error = io_error((psq_fault *)self);
    *done = 0;
    return error != 0 ? error
                      : psq_default_io.write(NULL, ((fault_file *)file)->inner, buf, size, done);
}

static int fault_sync(void *self, void *file) {
    const int error = io_error((psq_fault *)self);
    return error != 0 ? error : psq_default_io.sync(NULL, ((fault_file *)file)->inner);
}

static int fault_close(void *self, void *file) {
    psq_fault *const fault = (psq_fault *)self;
    fault_file *const opened = (fault_file *)file;
    int error = opened->mode == PSQ_IO_CREATE ? io_error(fault) : 0;
    const int close_error = psq_default_io.close(NULL, opened->inner);
    error = error != 0 ? error : close_error;
    free(opened);
    fault->n_open--;
    return error;
}

static int fault_rename(void *self, const char *from, const char *to) {
    const int error = io_error((psq_fault *)self);
    return error != 0 ? error : psq_default_io.rename(NULL, from, to);
}

static int fault_remove(void *self, const char *path) {
    const int error = io_error((psq_fault *)self);
    return error != 0 ? error : psq_default_io.remove(NULL, path);
}

static int fault_sync_dir(void *self, const char *path) {
    const int error = io_error((psq_fault *)self);
    return error != 0 ? error : psq_default_io.sync_dir(NULL, path);
}

psq_ctx *fault_ctx(psq_fault *fault) {
    const psq_fault wanted = *fault;
    *fault = (psq_fault){0};
    const psq_allocator allocator = {fault, fault_alloc, fault_free};
    const psq_io io = {fault,       fault_open,   fault_read,   fault_write,   fault_sync,
                       fault_close, fault_rename, fault_remove, fault_sync_dir};
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.allocator = &allocator;
    opts.io = &io;
    psq_ctx *ctx = NULL;
    psq_error err = {0};
    if (psq_ctx_create(&opts, &ctx, &err) != PSQ_OK) {
        fail_msg("no context: %s", err.text);
    }
    *fault = wanted;
    fault->ctx = ctx;
    return ctx;
}

// One run under one fault; true when the fault happened.
static bool run_once(psq_fault fault, psq_status expected, fault_run run, void *arg) {
    psq_ctx *const ctx = fault_ctx(&fault);
    const psq_status status = run(ctx, arg);
    const bool happened = fault.alloc_countdown > 0 ? fault.n_allocs >= fault.alloc_countdown
                                                    : fault.n_ios >= fault.io_countdown;
    psq_ctx_destroy(ctx);
    const psq_status right = happened ? expected : PSQ_OK;
    if (status != right || fault.n_live != 0 || fault.n_open != 0) {
        fail_msg("failure of allocation %lld, file operation %lld%s: status %s instead of %s, "
                 "%lld allocations and %lld files left",
                 (long long)fault.alloc_countdown, (long long)fault.io_countdown,
                 fault.forever ? " and all later ones" : "", psq_status_name(status),
                 psq_status_name(right), (long long)fault.n_live, (long long)fault.n_open);
    }
    return happened;
}

void fault_each_alloc(fault_run run, void *arg) {
    for (int forever = 0; forever < 2; forever++) {
        psq_fault fault = {.alloc_countdown = 1, .forever = forever != 0};
        while (run_once(fault, PSQ_NOMEM, run, arg)) {
            fault.alloc_countdown++;
        }
    }
}

void fault_each_io(fault_run run, void *arg) {
    for (int forever = 0; forever < 2; forever++) {
        psq_fault fault = {.io_countdown = 1, .forever = forever != 0};
        while (run_once(fault, PSQ_IO, run, arg)) {
            fault.io_countdown++;
        }
    }
}
