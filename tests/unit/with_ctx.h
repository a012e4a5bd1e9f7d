// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// with_ctx.h: the fixture of a test program that needs one default context and one error.
#ifndef PACKSEQ_TESTS_WITH_CTX_H
#define PACKSEQ_TESTS_WITH_CTX_H

#include "testing.h"

static psq_ctx *ctx;
static psq_error err;

static int setup(void **state) {
    (void)state;
    return psq_ctx_create(NULL, &ctx, &err) == PSQ_OK ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    psq_ctx_destroy(ctx);
    return 0;
}

#endif
