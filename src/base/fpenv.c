// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// fpenv.c: the floating-point control word. On x86-64 and AArch64 one register holds the rounding
// mode and the flushing of denormals; elsewhere only the rounding mode is standard C's to set.
#include "base/fpenv.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

// All exceptions masked, round to nearest, neither FTZ nor DAZ.
psq_fpenv psq_fpenv_enter(void) {
    const psq_fpenv saved = {_mm_getcsr()};
    _mm_setcsr(0x1F80U);
    return saved;
}

void psq_fpenv_leave(psq_fpenv saved) {
    _mm_setcsr((unsigned)saved.state);
}

#elif defined(__aarch64__)

psq_fpenv psq_fpenv_enter(void) {
    psq_fpenv saved;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved.state));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return saved;
}

void psq_fpenv_leave(psq_fpenv saved) {
    __asm__ volatile("msr fpcr, %0" : : "r"(saved.state));
}

#else
#include <fenv.h>

psq_fpenv psq_fpenv_enter(void) {
    const psq_fpenv saved = {(uint64_t)(int64_t)fegetround()};
    (void)fesetround(FE_TONEAREST);
    return saved;
}

void psq_fpenv_leave(psq_fpenv saved) {
    (void)fesetround((int)(int64_t)saved.state);
}

#endif
