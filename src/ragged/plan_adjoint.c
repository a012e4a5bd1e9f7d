// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_adjoint.c: gradients from the result of a plan back to its sources. Sources may be used
// several times, so rows are added in the order that plan.h promises, by whoever does it: threads
// share columns, never rows.
#include <stdatomic.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "base/size.h"
#include "base/team.h"
#include "ragged/pieces.h"

enum {
    SHARE_COLS = 64,       // that a member takes at once
    SHARED_BYTES = 1 << 20 // of gradients, from which helpers are worth waking
};

typedef struct adjoint {
    psq_plan_call call;
    void *const *dsrc;
    psq_dtype dtype;
    int64_t n_cols;
    int64_t n_shares;
    _Atomic int64_t next; // share
} adjoint;

static void add_f32(float *dst, const float *src, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        dst[j] += src[j];
    }
}

static void add_f64(double *dst, const double *src, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        dst[j] += src[j];
    }
}

// Columns first to first + n - 1 of the rows of one piece, whose first is t of sequence i.
static void add_piece(const adjoint *all, const psq_piece *piece, int64_t i, int64_t t,
                      int64_t first, int64_t n) {
    const psq_plan_call *const call = &all->call;
    const psq_layout *const source = call->plan->sources[piece->source];
    const psq_storage from = call->from[piece->source];
    void *const dsrc = all->dsrc[piece->source];
    const int64_t step = piece->reversed ? -1 : 1;
    int64_t s = piece->reversed ? piece->first + piece->n_rows - 1 : piece->first;
    for (int64_t k = 0; k < piece->n_rows; k++, s += step) {
        const int64_t to = psq_row(source, from, piece->seq, s) * all->n_cols + first;
        const int64_t of = psq_row(call->plan->layout, call->to, i, t + k) * all->n_cols + first;
        if (all->dtype == PSQ_F32) {
            add_f32((float *)dsrc + to, (const float *)call->dst + of, n);
        } else {
            add_f64((double *)dsrc + to, (const double *)call->dst + of, n);
        }
    }
}

static void add_columns(const adjoint *all, int64_t first, int64_t n) {
    const psq_plan *const plan = all->call.plan;
    for (int64_t i = 0; i < plan->n_seq; i++) {
        for (int64_t k = plan->piece_offsets[i]; k < plan->piece_offsets[i + 1]; k++) {
            const psq_piece *const piece = &plan->pieces[k];
            if (all->dsrc[piece->source] != NULL) {
                add_piece(all, piece, i, plan->starts[k], first, n);
            }
        }
    }
}

static void member(void *arg, int64_t number) {
    (void)number;
    adjoint *const all = (adjoint *)arg;
    for (;;) {
        const int64_t share = atomic_fetch_add_explicit(&all->next, 1, memory_order_relaxed);
        if (share >= all->n_shares) {
            return;
        }
        const int64_t first = share * SHARE_COLS;
        add_columns(all, first, psq_min_count(SHARE_COLS, all->n_cols - first));
    }
}

psq_status psq_plan_adjoint(const psq_plan *plan, psq_dtype dtype, psq_storage to, const void *ddst,
                            const psq_storage *from, void *const *dsrc, int64_t n_cols,
                            psq_error *err) {
    PSQ_REQUIRE(err, dtype == PSQ_F32 || dtype == PSQ_F64, PSQ_INVALID,
                "dtype is %d, must be %d or %d", (int)dtype, PSQ_F32, PSQ_F64);
    PSQ_REQUIRE(err, n_cols >= 0, PSQ_INVALID, "n_cols is %lld, must be at least 0",
                (long long)n_cols);
    adjoint all = {
        .call =
            {
                .plan = plan,
                .from = from,
                .src = (const void *const *)dsrc,
                .src_name = "dsrc",
                .src_is_optional = true,
                .to = to,
                .dst = ddst,
                .dst_name = "ddst",
                .row_bytes = psq_size_of(n_cols, psq_dtype_size(dtype)),
            },
        .dsrc = dsrc,
        .dtype = dtype,
        .n_cols = n_cols,
        .n_shares = n_cols / SHARE_COLS + (n_cols % SHARE_COLS != 0 ? 1 : 0),
    };
    PSQ_TRY(psq_plan_check_call(&all.call, err));
    if (plan->layout->n_rows == 0) {
        return PSQ_OK;
    }
    const psq_fpenv saved = psq_fpenv_enter();
    const bool is_shared =
        plan->ctx->eager || psq_size_of(plan->layout->n_rows, all.call.row_bytes) >= SHARED_BYTES;
    psq_team_run(plan->ctx, is_shared ? all.n_shares : 1, member, &all);
    psq_fpenv_leave(saved);
    return PSQ_OK;
}
