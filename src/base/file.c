// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// file.c: the system's files, and reading and replacing on top of any file operations. A
// replaced file is at every moment either the old one or the new one, whole. What is written on the
// way has a name that nobody had, so that it can neither hit a stranger's file nor another
// writer's.
#define _POSIX_C_SOURCE 200809L

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"

// ---- the system's files; a handle is a descriptor + 1, so that none is NULL

static int fd_of(void *file) {
    return (int)((intptr_t)file - 1);
}

static int default_open(void *self, const char *path, psq_io_mode mode, void **file) {
    (void)self;
    // O_EXCL follows no link either.
    const int flags = mode == PSQ_IO_READ ? O_RDONLY : O_WRONLY | O_CREAT | O_EXCL;
    const int fd = open(path, flags | O_CLOEXEC, 0666);
    *file = (void *)(intptr_t)(fd + 1);
    return fd < 0 ? errno : 0;
}

static int finish(ssize_t n, size_t *done) {
    *done = n > 0 ? (size_t)n : 0;
    return n < 0 ? errno : 0;
}

static int default_read(void *self, void *file, void *buf, size_t size, size_t *done) {
    (void)self;
    ssize_t n;
    do {
        n = read(fd_of(file), buf, size);
    } while (n < 0 && errno == EINTR);
    return finish(n, done);
}

static int default_write(void *self, void *file, const void *buf, size_t size, size_t *done) {
    (void)self;
    ssize_t n;
    do {
        n = write(fd_of(file), buf, size);
    } while (n < 0 && errno == EINTR);
    return finish(n, done);
}

static int default_sync(void *self, void *file) {
    (void)self;
    return fsync(fd_of(file)) < 0 ? errno : 0;
}

static int default_close(void *self, void *file) {
    (void)self;
    return close(fd_of(file)) < 0 ? errno : 0;
}

static int default_rename(void *self, const char *from, const char *to) {
    (void)self;
    return rename(from, to) < 0 ? errno : 0;
}

static int default_remove(void *self, const char *path) {
    (void)self;
    return unlink(path) < 0 ? errno : 0;
}

static int default_sync_dir(void *self, const char *path) {
    (void)self;
    const char *const slash = strrchr(path, '/');
    char dir[4096] = ".";
    const size_t length = slash == path ? 1 : slash != NULL ? (size_t)(slash - path) : 0;
    if (length >= sizeof dir) {
        return ENAMETOOLONG;
    }
    if (length > 0) {
        memcpy(dir, path, length);
        dir[length] = '\0';
    }
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    const int error = fsync(fd) < 0 ? errno : 0;
    (void)close(fd);
    return error;
}

const psq_io psq_default_io = {NULL,           default_open,   default_read,
                               default_write,  default_sync,   default_close,
                               default_rename, default_remove, default_sync_dir};

// ---- reading and replacing

static psq_status fail_io(psq_error *err, const char *verb, const char *path, int error) {
    char reason[128] = "";
    (void)strerror_r(error, reason, sizeof reason);
    return psq_fail(err, PSQ_IO, "cannot %s %.120s: %s", verb, path, reason);
}

psq_status psq_file_open(const psq_ctx *ctx, const char *path, psq_file *file, psq_error *err) {
    *file = (psq_file){ctx, path, NULL};
    const int error = ctx->io.open(ctx->io.self, path, PSQ_IO_READ, &file->handle);
    return error != 0 ? fail_io(err, "open", path, error) : PSQ_OK;
}

psq_status psq_file_next(psq_file *file, void *bytes, size_t size, size_t *done, psq_error *err) {
    const psq_io *const io = &file->ctx->io;
    *done = 0;
    while (*done < size) {
        size_t now = 0;
        const int error =
            io->read(io->self, file->handle, (char *)bytes + *done, size - *done, &now);
        if (error != 0) {
            return fail_io(err, "read", file->path, error);
        }
        if (now == 0) {
            break;
        }
        *done += now;
    }
    return PSQ_OK;
}

void psq_file_close(psq_file *file) {
    const psq_io *const io = &file->ctx->io;
    (void)io->close(io->self, file->handle); // nothing was written, so nothing can be lost
}

static psq_status write_all(const psq_io *io, void *file, const char *path, const psq_chunk *chunk,
                            psq_error *err) {
    for (size_t at = 0; at < chunk->size;) {
        size_t done = 0;
        const int error =
            io->write(io->self, file, (const char *)chunk->bytes + at, chunk->size - at, &done);
        if (error != 0 || done == 0) {
            return fail_io(err, "write", path, error != 0 ? error : EIO);
        }
        at += done;
    }
    return PSQ_OK;
}

// Names tried for a temporary file. What a crash or another writer left takes one each.
enum { MAX_TRIES = 10000, MAX_SUFFIX = sizeof ".tmp9999" };

// Creates the first of path.tmp0, path.tmp1, ... that is not there.
static psq_status create_beside(const psq_io *io, const char *path, char *temporary, size_t size,
                                void **file, psq_error *err) {
    int error = EEXIST;
    for (int i = 0; i < MAX_TRIES && error == EEXIST; i++) {
        (void)snprintf(temporary, size, "%s.tmp%d", path, i);
        error = io->open(io->self, temporary, PSQ_IO_CREATE, file);
    }
    return error == 0 ? PSQ_OK : fail_io(err, "create", temporary, error);
}

// Writes, syncs and closes; closes whatever happens.
static psq_status write_file(const psq_io *io, void *file, const char *path,
                             const psq_chunk *chunks, int64_t n_chunks, psq_error *err) {
    int error = 0;
    psq_status status = PSQ_OK;
    for (int64_t i = 0; i < n_chunks && status == PSQ_OK; i++) {
        status = write_all(io, file, path, &chunks[i], err);
    }
    if (status == PSQ_OK && (error = io->sync(io->self, file)) != 0) {
        status = fail_io(err, "sync", path, error);
    }
    error = io->close(io->self, file);
    return status == PSQ_OK && error != 0 ? fail_io(err, "close", path, error) : status;
}

static psq_status put_in_place(const psq_io *io, void *file, const char *temporary,
                               const char *path, const psq_chunk *chunks, int64_t n_chunks,
                               psq_error *err) {
    psq_status status = write_file(io, file, temporary, chunks, n_chunks, err);
    int error = 0;
    if (status == PSQ_OK && (error = io->rename(io->self, temporary, path)) != 0) {
        status = fail_io(err, "rename to", path, error);
    }
    if (status != PSQ_OK) {
        (void)io->remove(io->self, temporary); // the first failure is the one to report
    } else if ((error = io->sync_dir(io->self, path)) != 0) {
        status = fail_io(err, "sync the directory of", path, error);
    }
    return status;
}

psq_status psq_file_replace(const psq_ctx *ctx, const char *path, const psq_chunk *chunks,
                            int64_t n_chunks, psq_error *err) {
    const psq_io *const io = &ctx->io;
    const size_t size = strlen(path) + MAX_SUFFIX;
    char *const temporary = (char *)psq_malloc(ctx, size);
    PSQ_REQUIRE(err, temporary != NULL, PSQ_NOMEM, "out of memory for a path: %zu bytes", size);
    void *file = NULL;
    psq_status status = create_beside(io, path, temporary, size, &file, err);
    if (status == PSQ_OK) {
        status = put_in_place(io, file, temporary, path, chunks, n_chunks, err);
    }
    psq_free(ctx, temporary);
    return status;
}
