// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// avx512_f32.c: the float kernels in AVX-512 (F, BW, DQ, VL).
#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || \
    !defined(__AVX512VL__) || !defined(__FMA__)
#error "compile with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma (src/kern/CMakeLists.txt)"
#endif

#define TABLE psq_kern_avx512_f32
#define NAME "avx512"
#define CPU PSQ_CPU_AVX512

#include "kern/tables.h"
#include "kern/vec/vec_avx512.h"

#include "kern/vec/vec_table.h"
