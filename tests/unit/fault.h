// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// fault.h: contexts whose k-th allocation or k-th file operation fails, and the loop over k.
#ifndef PACKSEQ_TESTS_FAULT_H
#define PACKSEQ_TESTS_FAULT_H

#include "packseq/base.h"

typedef struct psq_fault {
    int64_t alloc_countdown; // the allocation that fails, from 1; 0: none
    int64_t io_countdown;    // the file operation that fails, from 1; 0: none
    bool forever;            // all later ones fail too
    int64_t n_allocs, n_ios; // calls so far
    int64_t n_live;          // allocations not freed
    int64_t n_open;          // files not closed
    const void *ctx;         // set by fault_ctx; a context's own memory is not counted
} psq_fault;

// A context on top of the default allocator and files that follows *fault, which must outlive it.
// Freed with psq_ctx_destroy. Closing a file that was only read is neither counted nor failed:
// nothing can be lost by it.
psq_ctx *fault_ctx(psq_fault *fault);

// Calls run(ctx, arg) with the k-th allocation failing, once and forever, for k = 1, 2, ... until
// it succeeds without a failure having happened. Asserts that each failure gives PSQ_NOMEM and that
// nothing stays allocated or open. run must free what it made. fault_each_io does the same for file
// operations and PSQ_IO.
typedef psq_status (*fault_run)(const psq_ctx *ctx, void *arg);
void fault_each_alloc(fault_run run, void *arg);
void fault_each_io(fault_run run, void *arg);

#endif
