// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// bench_pack.h: `packseq bench --pack`: conversions beside memcpy.
#ifndef PACKSEQ_CLI_BENCH_PACK_H
#define PACKSEQ_CLI_BENCH_PACK_H

#include "packseq/packseq.h"

typedef struct bench_pack_opts {
    const char *lengths; // a kind, no file
    int64_t batch;
    uint64_t seed;
    double seconds;      // about, but at least one round of each batch
    int64_t large_bytes; // rows of the batches that exceed the caches
    bool json;
} bench_pack_opts;

// Measures and prints. Returns the exit code.
int bench_pack(const psq_ctx *ctx, const bench_pack_opts *o);

#endif
