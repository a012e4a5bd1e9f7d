// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// dispatch.c: the list of kernel tables, best first, and the walk over it. No state, no init, no
// lock.
#include "base/ctx.h"
#include "kern/kern.h"
#include "kern/tables.h"

const psq_kern *const psq_kern_tables[] = {
#if defined(PSQ_HAVE_X86)
    &psq_kern_avx512_f32, &psq_kern_avx2_f32, &psq_kern_avx2_f64,
#endif
#if defined(PSQ_HAVE_ARM)
    &psq_kern_neon_f32,
#endif
    &psq_kern_ref_f32,    &psq_kern_ref_f64,  NULL,
};

const psq_kern *psq_kern_choose(const psq_ctx *ctx, psq_dtype dtype) {
    for (const psq_kern *const *table = psq_kern_tables; *table != NULL; table++) {
        if ((*table)->dtype == dtype && ((*table)->cpu & ~ctx->cpu_allowed) == 0) {
            return *table;
        }
    }
    return NULL;
}

const char *psq_kernel_name(const psq_ctx *ctx, psq_dtype dtype) {
    const psq_kern *const table = psq_kern_choose(ctx, dtype);
    return table != NULL ? table->name : "none";
}

int64_t psq_kernel_peak(const psq_ctx *ctx, psq_dtype dtype, int64_t n_rounds) {
    const psq_kern *const table = psq_kern_choose(ctx, dtype);
    return table != NULL && n_rounds > 0 ? table->peak(n_rounds) : 0;
}
