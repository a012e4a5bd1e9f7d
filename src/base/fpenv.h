// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// fpenv.h: entry points that compute run with round-to-nearest and without flushing of denormals,
// and restore what the caller had (docs/bits.md, rule 5).
#ifndef PACKSEQ_BASE_FPENV_H
#define PACKSEQ_BASE_FPENV_H

#include <stdint.h>

typedef struct psq_fpenv {
    uint64_t state;
} psq_fpenv;

psq_fpenv psq_fpenv_enter(void);
void psq_fpenv_leave(psq_fpenv saved);

#endif
