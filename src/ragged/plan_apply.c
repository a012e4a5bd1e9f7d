// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_apply.c: the border of plans that are applied, in both directions, and the schedule of
// copying: the result is cut into tiles of some sequences and some steps, which follow each other
// in its order and which threads take from a counter. Plans know where each piece begins, so a tile
// begins anywhere.
#include <stdatomic.h>
#include <stdio.h>

#include "base/error.h"
#include "base/size.h"
#include "base/team.h"
#include "ragged/fill.h"
#include "ragged/pieces.h"
#include "ragged/place.h"
#include "ragged/plan_tile.h"

enum {
    TILE_BYTES = 256 * 1024,   // about; smaller where rows are short
    TILE_ROWS = 16 * 1024,     // at most
    BYTES_PER_MEMBER = 1 << 19 // below two of these a call stays with its caller
};

// ---- what both directions check

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
        char order_name[32];
        char name[32];
        (void)snprintf(order_name, sizeof order_name, "from[%lld]", (long long)k);
        (void)snprintf(name, sizeof name, "%s[%lld]", call->src_name, (long long)k);
        PSQ_TRY(psq_storage_check(plan->sources[k], order_name, call->from[k], &n_rows, err));
        PSQ_TRY(psq_rows_check(name, call->src[k] == NULL && !call->src_is_optional, n_rows,
                               call->row_bytes, err));
    }
    PSQ_TRY(psq_storage_check(plan->layout, "to", call->to, &n_rows, err));
    return psq_rows_check(call->dst_name, call->dst == NULL, n_rows, call->row_bytes, err);
}

// ---- copying

// The copy and the number of the next tile, which nobody has taken. Tiles lie in rows, as the
// result does: some sequences at all their steps, or some steps of all sequences.
typedef struct queue {
    psq_plan_copy copy;
    bool by_sequence; // rows are of sequences
    int64_t n_rows;
    _Atomic int64_t next;
} queue;

static int64_t n_tiles(int64_t n, int64_t size) {
    return n / size + (n % size > 0 ? 1 : 0);
}

// What no sequence reaches has no tiles.
static int64_t n_tiles_in_row(const queue *q, int64_t row) {
    const psq_plan_copy *const copy = &q->copy;
    const psq_layout *const layout = copy->plan->layout;
    if (!q->by_sequence) {
        const int64_t n =
            copy->dst.steps != NULL ? layout->batch_sizes[row * copy->tile_steps] : layout->n_seq;
        return n_tiles(n, copy->tile_seqs);
    }
    int64_t n_steps = copy->dst.n_steps;
    const int64_t i0 = row * copy->tile_seqs;
    const int64_t i1 = psq_min_count(i0 + copy->tile_seqs, layout->n_seq);
    for (int64_t i = i0; i < i1; i++) {
        const int64_t b = copy->by_rank ? layout->sorted_indices[i] : i;
        n_steps = psq_max_count(n_steps, layout->lengths[b]);
    }
    return n_tiles(n_steps, copy->tile_steps);
}

static void copy_tiles(void *arg, int64_t member) {
    (void)member;
    queue *const q = (queue *)arg;
    int64_t row = 0;
    int64_t begin = 0; // the number of the row's first tile
    int64_t n = n_tiles_in_row(q, 0);
    while (row < q->n_rows) {
        const int64_t number = atomic_fetch_add_explicit(&q->next, 1, memory_order_relaxed);
        while (row < q->n_rows && number >= begin + n) {
            begin += n;
            row++;
            n = row < q->n_rows ? n_tiles_in_row(q, row) : 0;
        }
        if (row < q->n_rows) {
            const int64_t across = q->by_sequence ? row : number - begin;
            const int64_t along = q->by_sequence ? number - begin : row;
            psq_plan_copy_tile(&q->copy, across * q->copy.tile_seqs, along * q->copy.tile_steps);
        }
    }
    psq_row_stream_end();
}

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

// Tiles are small enough that all memory they touch stays in the nearest caches, however far apart
// its parts lie; sequences that are copied whole need no cuts but those that give threads work.
static void choose_tiles(queue *q, int64_t n_rows) {
    psq_plan_copy *const copy = &q->copy;
    q->by_sequence = psq_is_by_sequence(copy->dst.storage.order);
    bool whole = false;
    bool has_packed = false;
    look_at_sources(copy->plan, copy->from, &whole, &has_packed);
    whole = whole && q->by_sequence;
    copy->by_rank = copy->dst.steps != NULL || (q->by_sequence && has_packed);
    const int64_t B = copy->plan->n_seq;
    const int64_t room = psq_max_count((int64_t)(TILE_BYTES / copy->dst.row_bytes), 1);
    const int64_t rows = psq_min_count(room, TILE_ROWS);
    const int64_t mean = psq_max_count(n_rows / B, 1);
    const int64_t seqs = whole ? psq_max_count(rows / mean, 1) : rows;
    copy->tile_seqs = psq_min_count(psq_min_count(seqs, PSQ_PLAN_TILE_SEQS), B);
    copy->tile_steps = whole ? room : psq_max_count(rows / copy->tile_seqs, 1);
    q->n_rows =
        q->by_sequence ? n_tiles(B, copy->tile_seqs) : n_tiles(copy->n_steps, copy->tile_steps);
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
    queue q = {.copy = {.plan = plan,
                        .from = from,
                        .src = src,
                        .dst = psq_place_array(plan->layout, to, dst, row_bytes)}};
    q.copy.n_steps = q.copy.dst.n_steps > 0 ? q.copy.dst.n_steps : plan->layout->n_steps;
    const int64_t n_rows =
        psq_is_padded(to.order) ? plan->n_seq * q.copy.dst.n_steps : plan->layout->n_rows;
    if (n_rows == 0 || row_bytes == 0) {
        return PSQ_OK;
    }
    const psq_ctx *const ctx = plan->ctx;
    const size_t bytes = (size_t)n_rows * row_bytes;
    psq_pattern_make(&q.copy.pattern, fill);
    q.copy.kind = psq_row_kind_of(row_bytes, ctx->cpu_allowed);
    q.copy.stream = bytes > ctx->cache_bytes / 2; // which is read, and written
    choose_tiles(&q, n_rows);
    const int64_t n_wanted =
        ctx->eager ? psq_team_size(ctx)
                   : psq_min_count(psq_team_size(ctx), (int64_t)(bytes / BYTES_PER_MEMBER));
    psq_team_run(ctx, n_wanted, copy_tiles, &q);
    return PSQ_OK;
}
