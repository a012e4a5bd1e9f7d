// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// fma_f32.c: the scalar kernels compiled with FMA instructions and AVX2; the same bits as
// ref_f32.c.
#if !defined(__FMA__) || !defined(__AVX2__)
#error "compile with -mfma -mavx2 (src/kern/CMakeLists.txt)"
#endif

#define TABLE psq_kern_fma_f32
#define NAME "fma"
#define CPU PSQ_CPU_FMA
#define REAL_IS_FLOAT 1

#include "kern/tables.h"

#include "kern/ref/table.h"
