// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec.h: what makes arrays of vectors become registers. A function that is INLINE is inlined with
// constants for its sizes; loops over them that are marked UNROLL disappear before the compiler
// decides what an array is, which clang does for no other spelling.
#ifndef PACKSEQ_KERN_VEC_H
#define PACKSEQ_KERN_VEC_H

#define INLINE inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
