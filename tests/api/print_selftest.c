// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// print_selftest.c: one line per self test, "hash name", for tools/check_bits.sh to compare between
// compilers. Fails if a hash is not the one that docs/bits.md defines.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "packseq/packseq.h"

int main(int argc, char **argv) {
    enum { CAPACITY = 64 };
    psq_selftest_result results[CAPACITY];
    int64_t n = CAPACITY;
    psq_ctx *ctx;
    psq_error err;
    psq_status status = psq_ctx_create(NULL, &ctx, &err);
    if (status == PSQ_OK && argc > 1 && strcmp(argv[1], "--found") == 0) {
        puts(psq_ctx_cpu_found(ctx));
        n = 0;
    } else if (status == PSQ_OK) {
        status = psq_selftest(ctx, results, &n, &err);
    }
    if (status != PSQ_OK) {
        fprintf(stderr, "%s\n", err.text);
    }
    if (status == PSQ_OK || status == PSQ_INTERNAL) {
        for (int64_t i = 0; i < n && i < CAPACITY; i++) {
            printf("%016" PRIx64 " %s\n", results[i].hash, results[i].name);
            if (results[i].hash != results[i].expected) {
                fprintf(stderr, "%s: expected %016" PRIx64 ", computed %016" PRIx64 "\n",
                        results[i].name, results[i].expected, results[i].hash);
            }
        }
    }
    psq_ctx_destroy(ctx);
    return status == PSQ_OK ? 0 : 1;
}
