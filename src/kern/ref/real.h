// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// real.h: the element of a kernel table, float or double. The including file defines REAL_IS_FLOAT.
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kern/kern.h"

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "bits are defined without -ffast-math and -ffinite-math-only (docs/bits.md, rule 6)"
#endif
#if FLT_EVAL_METHOD != 0
#error "bits are defined where float is computed in float (docs/bits.md, rule 6)"
#endif

#if REAL_IS_FLOAT
#define REAL float
#define FMA fmaf
#define ABS fabsf
#define SQRT sqrtf
#else
#define REAL double
#define FMA fma
#define ABS fabs
#define SQRT sqrt
#endif

#define ONE ((REAL)1)
