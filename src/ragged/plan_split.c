// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// plan_split.c: one batch in parts. Balancing is the greedy rule that takes the longest sequence
// first, with a heap of parts: O(B log parts), and the fullest part within a third of the best
// possible. Episodes take two passes over the flags, one that counts and one that writes, by the
// same function, so that nothing is allocated on the way.
#include "base/ctx.h"
#include "base/error.h"
#include "ragged/pieces.h"

// ---- balanced parts

typedef struct part {
    int64_t n_rows;
    int64_t n_seq;
    int64_t index;
} part;

static bool goes_before(const part *a, const part *b) {
    if (a->n_rows != b->n_rows) {
        return a->n_rows < b->n_rows;
    }
    return a->n_seq != b->n_seq ? a->n_seq < b->n_seq : a->index < b->index;
}

// heap[0] has grown: lets it sink to where both below it come after it.
static void sink(part *heap, int64_t n) {
    const part grown = heap[0];
    int64_t at = 0;
    for (int64_t below = 1; below < n; below = 2 * at + 1) {
        if (below + 1 < n && goes_before(&heap[below + 1], &heap[below])) {
            below++;
        }
        if (!goes_before(&heap[below], &grown)) {
            break;
        }
        heap[at] = heap[below];
        at = below;
    }
    heap[at] = grown;
}

// part_of[b] for every sequence; afterwards counts[p] is the number of sequences of part p.
static void balance(const psq_layout *layout, int64_t n_parts, part *heap, int64_t *part_of,
                    int64_t *counts) {
    for (int64_t p = 0; p < n_parts; p++) {
        heap[p] = (part){0, 0, p};
        counts[p] = 0;
    }
    for (int64_t rank = 0; rank < layout->n_seq; rank++) {
        const int64_t b = layout->sorted_indices[rank];
        part_of[b] = heap[0].index;
        counts[heap[0].index]++;
        heap[0].n_rows += layout->lengths[b];
        heap[0].n_seq++;
        sink(heap, n_parts);
    }
}

// One plan for each part, open; then a pass over the sequences writes the pieces of all.
static psq_status make_parts(const psq_ctx *ctx, const psq_layout *layout, int64_t n_parts,
                             const int64_t *part_of, int64_t *counts, psq_plan **parts,
                             psq_error *err) {
    for (int64_t p = 0; p < n_parts; p++) {
        PSQ_TRY(psq_plan_open(ctx, &layout, 1, counts[p], counts[p], &parts[p], err));
        counts[p] = 0;
        parts[p]->piece_offsets[0] = 0;
    }
    for (int64_t b = 0; b < layout->n_seq; b++) {
        psq_plan *const plan = parts[part_of[b]];
        const int64_t i = counts[part_of[b]]++;
        plan->pieces[i] = (psq_piece){.seq = b, .n_rows = layout->lengths[b]};
        plan->piece_offsets[i + 1] = i + 1;
    }
    for (int64_t p = 0; p < n_parts; p++) {
        psq_plan *const plan = parts[p];
        parts[p] = NULL;
        PSQ_TRY(psq_plan_close(plan, NULL, &parts[p], err));
    }
    return PSQ_OK;
}

psq_status psq_plan_split(const psq_ctx *ctx, const psq_layout *layout, int64_t n_parts,
                          psq_plan **out, psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    PSQ_REQUIRE(err, n_parts >= 1, PSQ_INVALID, "n_parts is %lld, must be at least 1",
                (long long)n_parts);
    for (int64_t p = 0; p < n_parts; p++) {
        out[p] = NULL;
    }
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, layout != NULL, PSQ_INVALID, "layout is NULL");
    part *heap = NULL;
    int64_t *counts = NULL;
    int64_t *part_of = NULL;
    psq_status status = PSQ_OK;
    PSQ_TRY_GOTO(end, psq_alloc_zero(ctx, n_parts, sizeof *heap, "parts", (void **)&heap, err));
    PSQ_TRY_GOTO(end, psq_alloc_zero(ctx, n_parts, sizeof *counts, "parts", (void **)&counts, err));
    PSQ_TRY_GOTO(end, psq_alloc_zero(ctx, layout->n_seq, sizeof *part_of, "the parts of sequences",
                                     (void **)&part_of, err));
    balance(layout, n_parts, heap, part_of, counts);
    PSQ_TRY_GOTO(end, make_parts(ctx, layout, n_parts, part_of, counts, out, err));
end:
    psq_free(ctx, part_of);
    psq_free(ctx, counts);
    psq_free(ctx, heap);
    for (int64_t p = 0; p < n_parts && status != PSQ_OK; p++) {
        psq_plan_destroy(out[p]);
        out[p] = NULL;
    }
    return status;
}

// ---- episodes

// The pieces of all sequences, and how many. pieces NULL: only counts.
static int64_t cut_episodes(const psq_layout *layout, psq_storage storage, const uint8_t *flags,
                            psq_piece *pieces) {
    int64_t n = 0;
    for (int64_t b = 0; b < layout->n_seq; b++) {
        const int64_t length = layout->lengths[b];
        int64_t first = 0;
        for (int64_t t = 1; t <= length || t == 1; t++) {
            if (t < length && flags[psq_row(layout, storage, b, t)] == 0) {
                continue;
            }
            if (pieces != NULL) {
                pieces[n] =
                    (psq_piece){.seq = b, .first = first, .n_rows = length > 0 ? t - first : 0};
            }
            n++;
            first = t;
        }
    }
    return n;
}

psq_status psq_plan_split_at(const psq_ctx *ctx, const psq_layout *layout, psq_storage storage,
                             const uint8_t *flags, psq_plan **out, psq_error *err) {
    PSQ_TRY(psq_plan_check(ctx, NULL, 0, out, err));
    int64_t n_rows = 0;
    PSQ_TRY(psq_storage_check(layout, "storage", storage, &n_rows, err));
    PSQ_REQUIRE(err, flags != NULL || n_rows == 0, PSQ_INVALID,
                "flags is NULL, must have %lld bytes", (long long)n_rows);
    const int64_t n_pieces = cut_episodes(layout, storage, flags, NULL);
    psq_plan *plan = NULL;
    PSQ_TRY(psq_plan_open(ctx, &layout, 1, n_pieces, n_pieces, &plan, err));
    (void)cut_episodes(layout, storage, flags, plan->pieces);
    for (int64_t i = 0; i <= n_pieces; i++) {
        plan->piece_offsets[i] = i;
    }
    return psq_plan_close(plan, NULL, out, err);
}
