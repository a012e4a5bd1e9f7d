// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// layouts.h: layouts and plans by their lengths, for a program with the fixture of with_ctx.h.
#ifndef PACKSEQ_TESTS_LAYOUTS_H
#define PACKSEQ_TESTS_LAYOUTS_H

#include "packseq/plan.h"
#include "with_ctx.h"

static inline psq_layout *from_lengths(const int64_t *lengths, int64_t B) {
    psq_layout *layout = NULL;
    assert_int_equal(psq_layout_from_lengths(ctx, lengths, B, &layout, &err), PSQ_OK);
    return layout;
}

static inline void assert_lengths(const psq_plan *plan, const int64_t *lengths, int64_t n) {
    assert_int_equal(psq_layout_n_seq(psq_plan_layout(plan)), n);
    assert_memory_equal(psq_layout_lengths(psq_plan_layout(plan)), lengths,
                        (size_t)n * sizeof *lengths);
}

#endif
