// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// neon_f32.c: the float kernels in NEON, which every 64-bit ARM CPU has.
#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "for 64-bit ARM only (src/kern/CMakeLists.txt)"
#endif

#define TABLE psq_kern_neon_f32
#define NAME "neon"
#define CPU PSQ_CPU_NEON

#include "kern/tables.h"
#include "kern/vec/vec_neon.h"

#include "kern/vec/vec_table.h"
