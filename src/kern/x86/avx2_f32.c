// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// avx2_f32.c: the float kernels in AVX2 and FMA.
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile with -mavx2 -mfma (src/kern/CMakeLists.txt)"
#endif

#define TABLE psq_kern_avx2_f32
#define NAME "avx2"
#define CPU PSQ_CPU_AVX2

#include "kern/tables.h"
#include "kern/vec/vec_avx2.h"

#include "kern/vec/vec_table.h"
