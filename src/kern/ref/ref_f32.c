// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// ref_f32.c: the float kernels that define every bit, on any CPU.
#define TABLE psq_kern_ref_f32
#define NAME "ref"
#define CPU PSQ_CPU_REF
#define REAL_IS_FLOAT 1

#include "kern/tables.h"

#include "kern/ref/table.h"
