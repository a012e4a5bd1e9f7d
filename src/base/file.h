// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// file.h: files read in order and replaced whole, through a context's file operations.
#ifndef PACKSEQ_BASE_FILE_H
#define PACKSEQ_BASE_FILE_H

#include "packseq/base.h"

// A file that is being read, a pipe too. `path` is borrowed. PSQ_IO names the path and the system's
// message.
typedef struct psq_file {
    const psq_ctx *ctx;
    const char *path;
    void *handle;
} psq_file;

PSQ_MUST psq_status psq_file_open(const psq_ctx *ctx, const char *path, psq_file *file,
                                  psq_error *err);

// The next `size` bytes; *done is less only at the file's end.
PSQ_MUST psq_status psq_file_next(psq_file *file, void *bytes, size_t size, size_t *done,
                                  psq_error *err);
void psq_file_close(psq_file *file);

typedef struct psq_chunk {
    const void *bytes;
    size_t size;
} psq_chunk;

// Replaces `path` by the chunks, one after the other: a new file beside it ("path.tmp0", or the
// next number that is free), sync, rename, sync of the directory. Of several writers at once the
// last to rename wins, with a whole file. On failure the old file is untouched and the temporary
// one removed; only where the last step, the sync of the directory, fails, the new file is in place
// already.
PSQ_MUST psq_status psq_file_replace(const psq_ctx *ctx, const char *path, const psq_chunk *chunks,
                                     int64_t n_chunks, psq_error *err);

#endif
