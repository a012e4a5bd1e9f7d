// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// avx2_f64.c: the double kernels of ref, compiled for AVX2 and FMA, for gradient checks in good
// time.
#if !defined(__AVX2__) || !defined(__FMA__)
#error "compile with -mavx2 -mfma (src/kern/CMakeLists.txt)"
#endif

#define TABLE psq_kern_avx2_f64
#define NAME "avx2"
#define CPU PSQ_CPU_AVX2
#define REAL_IS_FLOAT 0

#include "kern/tables.h"

#include "kern/ref/table.h"
