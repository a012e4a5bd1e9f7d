// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_apply.c: the border of plans that are applied, in both directions, and how the copying is
// done. Plans know where each piece begins, so a tile of the result begins anywhere.
#include <stdio.h>

#include "base/error.h"
#include "ragged/fill.h"
#include "ragged/pieces.h"
#include "ragged/plan_tile.h"

// ---- what both directions check

static psq_status check_source(const psq_plan_call *call, int64_t k, const char *order_name,
                               const char *name, psq_error *err) {
    int64_t n_rows = 0;
    PSQ_TRY(psq_storage_check(call->plan->sources[k], order_name, call->from[k], &n_rows, err));
    return psq_rows_check(name, call->src[k] == NULL && !call->src_is_optional, n_rows,
                          call->row_bytes, err);
}

// Says what is wrong with source k. Names are made here alone: calls with many sources are as
// frequent as their errors are rare.
static psq_status fail_source(const psq_plan_call *call, int64_t k, psq_error *err) {
    char order_name[32];
    char name[32];
    (void)snprintf(order_name, sizeof order_name, "from[%lld]", (long long)k);
    (void)snprintf(name, sizeof name, "%s[%lld]", call->src_name, (long long)k);
    return check_source(call, k, order_name, name, err);
}

psq_status psq_plan_check_call(const psq_plan_call *call, psq_error *err) {
    const psq_plan *const plan = call->plan;
    PSQ_REQUIRE(err, plan != NULL, PSQ_INVALID, "plan is NULL");
    const int64_t n = plan->n_sources;
    int64_t n_rows = 0;
    PSQ_REQUIRE(err, call->from != NULL || n == 0, PSQ_INVALID, "from is NULL, must have %lld",
                (long long)n);
    PSQ_REQUIRE(err, call->src != NULL || n == 0, PSQ_INVALID, "%s is NULL, must have %lld",
                call->src_name, (long long)n);
    for (int64_t k = 0; k < n; k++) {
        if (check_source(call, k, "", "", NULL) != PSQ_OK) {
            return fail_source(call, k, err);
        }
    }
    PSQ_TRY(psq_storage_check(plan->layout, "to", call->to, &n_rows, err));
    return psq_rows_check(call->dst_name, call->dst == NULL, n_rows, call->row_bytes, err);
}

// ---- copying

// Whether all that is copied comes in stretches of rows that lie one after the other, and whether
// any of it is packed.
static void look_at_sources(const psq_plan *plan, const psq_storage *from, bool *whole,
                            bool *has_packed) {
    *whole = true;
    *has_packed = false;
    for (int64_t k = 0; k < plan->n_sources; k++) {
        *whole = *whole && psq_is_by_sequence(from[k].order);
        *has_packed = *has_packed || from[k].order == PSQ_PACKED;
    }
}

static void choose_tiles(psq_plan_copy *copy) {
    psq_tiling *const tiling = &copy->tiling;
    bool whole = false;
    bool has_packed = false;
    look_at_sources(copy->plan, copy->from, &whole, &has_packed);
    tiling->by_sequence = psq_is_by_sequence(copy->dst.storage.order);
    tiling->by_rank = copy->dst.steps != NULL || (tiling->by_sequence && has_packed);
    tiling->whole = whole && tiling->by_sequence;
    psq_tiling_cut(tiling);
}

psq_status psq_plan_apply(const psq_plan *plan, const psq_storage *from, const void *const *src,
                          psq_storage to, void *dst, size_t row_bytes, psq_fill fill,
                          psq_error *err) {
    const psq_plan_call call = {
        .plan = plan,
        .from = from,
        .src = src,
        .src_name = "src",
        .to = to,
        .dst = dst,
        .dst_name = "dst",
        .row_bytes = row_bytes,
    };
    PSQ_TRY(psq_plan_check_call(&call, err));
    PSQ_TRY(psq_fill_check(fill, "row_bytes", row_bytes, err));
    psq_plan_copy copy = {.plan = plan,
                          .from = from,
                          .src = src,
                          .dst = psq_place_array(plan->layout, to, dst, row_bytes)};
    copy.tiling = psq_tiling_of(&copy.dst);
    if (copy.tiling.n_rows == 0 || row_bytes == 0) {
        return PSQ_OK;
    }
    const psq_ctx *const ctx = plan->ctx;
    psq_pattern_make(&copy.pattern, fill);
    copy.kind = psq_row_kind_of(row_bytes, ctx->cpu_allowed);
    copy.stream =
        (size_t)copy.tiling.n_rows * row_bytes > ctx->cache_bytes / 2; // read, and written
    choose_tiles(&copy);
    psq_tiling_run(&copy.tiling, ctx, psq_plan_copy_tile, &copy);
    return PSQ_OK;
}
