// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// file.h: whole files through a context's file operations.
#ifndef PACKSEQ_BASE_FILE_H
#define PACKSEQ_BASE_FILE_H

#include "packseq/base.h"

// Reads all of a file (pipes too) into memory that psq_free frees; while reading, memory stays
// below three times the file's size plus three pages. PSQ_IO names the path and the system's
// message.
PSQ_MUST psq_status psq_file_read(const psq_ctx *ctx, const char *path, void **bytes, size_t *size,
                                  psq_error *err);

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
