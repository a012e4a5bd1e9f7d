// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// ref_f64.c: the same in double: what gradients are checked in; no bits are promised.
#define TABLE psq_kern_ref_f64
#define NAME "ref"
#define CPU PSQ_CPU_REF
#define REAL_IS_FLOAT 0

#include "kern/tables.h"

#include "kern/ref/table.h"
