// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tables.h: every kernel table that a build may have. dispatch.c lists them best first.
#ifndef PACKSEQ_KERN_TABLES_H
#define PACKSEQ_KERN_TABLES_H

#include "kern/kern.h"

extern const psq_kern psq_kern_ref_f32;
extern const psq_kern psq_kern_ref_f64;
extern const psq_kern psq_kern_avx2_f32; // where PSQ_HAVE_X86 is defined
extern const psq_kern psq_kern_avx2_f64;
extern const psq_kern psq_kern_avx512_f32;
extern const psq_kern psq_kern_neon_f32; // where PSQ_HAVE_ARM is defined

#endif
