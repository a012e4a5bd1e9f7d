// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_apply.c: rows from the sources of a plan to its result. A piece is a run of rows of one
// sequence, copied from one place to another.
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/size.h"
#include "ragged/fill.h"
#include "ragged/pieces.h"

// ---- what both directions check

static psq_status check_array(const psq_layout *layout, const char *order_name, psq_storage storage,
                              const char *name, bool has_rows, size_t row_bytes, psq_error *err) {
    int64_t n_rows = 0;
    PSQ_TRY(psq_storage_check(layout, order_name, storage, &n_rows, err));
    PSQ_REQUIRE(err, psq_size_of(n_rows, row_bytes) != SIZE_MAX, PSQ_NOMEM,
                "%s has %lld rows of %zu bytes, which overflows", name, (long long)n_rows,
                row_bytes);
    PSQ_REQUIRE(err, has_rows || n_rows == 0 || row_bytes == 0, PSQ_INVALID,
                "%s is NULL, must have %lld rows of %zu bytes", name, (long long)n_rows, row_bytes);
    return PSQ_OK;
}

psq_status psq_plan_check_call(const psq_plan_call *call, psq_error *err) {
    const psq_plan *const plan = call->plan;
    PSQ_REQUIRE(err, plan != NULL, PSQ_INVALID, "plan is NULL");
    const int64_t n = plan->n_sources;
    PSQ_REQUIRE(err, call->from != NULL || n == 0, PSQ_INVALID, "from is NULL, must have %lld",
                (long long)n);
    PSQ_REQUIRE(err, call->src != NULL || n == 0, PSQ_INVALID, "%s is NULL, must have %lld",
                call->src_name, (long long)n);
    for (int64_t k = 0; k < n; k++) {
        char order_name[32];
        char name[32];
        (void)snprintf(order_name, sizeof order_name, "from[%lld]", (long long)k);
        (void)snprintf(name, sizeof name, "%s[%lld]", call->src_name, (long long)k);
        PSQ_TRY(check_array(plan->sources[k], order_name, call->from[k], name,
                            call->src[k] != NULL || call->src_is_optional, call->row_bytes, err));
    }
    return check_array(plan->layout, "to", call->to, call->dst_name, call->dst != NULL,
                       call->row_bytes, err);
}

// ---- copying

static void copy_piece(const psq_plan_call *call, const psq_piece *piece, int64_t i, int64_t t,
                       char *dst) {
    const psq_layout *const source = call->plan->sources[piece->source];
    const psq_storage from = call->from[piece->source];
    const char *const src = (const char *)call->src[piece->source];
    for (int64_t n = 0; n < piece->n_rows; n++) {
        const int64_t step =
            piece->reversed ? piece->first + piece->n_rows - 1 - n : piece->first + n;
        memcpy(dst + (size_t)psq_row(call->plan->layout, call->to, i, t + n) * call->row_bytes,
               src + (size_t)psq_row(source, from, piece->seq, step) * call->row_bytes,
               call->row_bytes);
    }
}

static void fill_padding(const psq_plan_call *call, char *dst, psq_fill fill) {
    const psq_layout *const layout = call->plan->layout;
    const int64_t S = psq_storage_steps(layout, call->to);
    for (int64_t i = 0; i < layout->n_seq; i++) {
        const int64_t n_padding = S - layout->lengths[i];
        const int64_t first = call->to.pad_left ? 0 : layout->lengths[i];
        for (int64_t s = first; s < first + n_padding; s++) {
            const int64_t row =
                call->to.order == PSQ_PADDED_TIME ? s * layout->n_seq + i : i * S + s;
            psq_fill_bytes(dst + (size_t)row * call->row_bytes, call->row_bytes, fill);
        }
    }
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
    if (row_bytes == 0) {
        return PSQ_OK;
    }
    if (to.order == PSQ_PADDED_TIME || to.order == PSQ_PADDED_BATCH) {
        fill_padding(&call, (char *)dst, fill);
    }
    for (int64_t i = 0; i < plan->n_seq; i++) {
        int64_t t = 0;
        for (int64_t k = plan->piece_offsets[i]; k < plan->piece_offsets[i + 1]; k++) {
            copy_piece(&call, &plan->pieces[k], i, t, (char *)dst);
            t += plan->pieces[k].n_rows;
        }
    }
    return PSQ_OK;
}
