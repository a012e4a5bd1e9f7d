// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// batcher.c: the border of the batcher: what it is made of, where it is, and how it is brought
// there again. All memory is taken at its creation, so that an epoch cannot fail.
#include "ragged/batcher.h"

#include <string.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"

// ---- creation

static psq_status check_opts(const psq_batcher_opts *opts, psq_error *err) {
    PSQ_REQUIRE(err, opts->struct_size == sizeof *opts, PSQ_INVALID,
                "opts.struct_size is %zu, must be %zu", opts->struct_size, sizeof *opts);
    PSQ_REQUIRE(err, (unsigned)opts->budget < PSQ_N_BUDGET, PSQ_INVALID,
                "opts.budget is %d, must be from 0 to %d", (int)opts->budget, PSQ_N_BUDGET - 1);
    PSQ_REQUIRE(err, opts->limit >= 1, PSQ_INVALID, "opts.limit is %lld, must be at least 1",
                (long long)opts->limit);
    PSQ_REQUIRE(err, opts->max_sequences >= 0, PSQ_INVALID,
                "opts.max_sequences is %lld, must be at least 0", (long long)opts->max_sequences);
    PSQ_REQUIRE(err, opts->pool_size >= 0, PSQ_INVALID,
                "opts.pool_size is %lld, must be at least 0", (long long)opts->pool_size);
    PSQ_REQUIRE(err, opts->world >= 1, PSQ_INVALID, "opts.world is %lld, must be at least 1",
                (long long)opts->world);
    PSQ_REQUIRE(err, opts->rank >= 0 && opts->rank < opts->world, PSQ_INVALID,
                "opts.rank is %lld, must be from 0 to %lld", (long long)opts->rank,
                (long long)(opts->world - 1));
    return PSQ_OK;
}

// Neither padded rows nor rows of any batches can overflow if all sequences were as long as the
// longest and did not.
static psq_status check_lengths(const int64_t *lengths, int64_t n_seq, const psq_batcher_opts *opts,
                                int64_t *longest, psq_error *err) {
    const bool limited = opts->budget != PSQ_BUDGET_SEQUENCES && !opts->oversize_alone;
    PSQ_REQUIRE(err, n_seq >= 0, PSQ_INVALID, "n_seq is %lld, must be at least 0",
                (long long)n_seq);
    PSQ_REQUIRE(err, lengths != NULL || n_seq == 0, PSQ_INVALID, "lengths is NULL, n_seq is %lld",
                (long long)n_seq);
    *longest = 0;
    for (int64_t b = 0; b < n_seq; b++) {
        PSQ_REQUIRE(err, lengths[b] >= 0, PSQ_INVALID, "lengths[%lld] is %lld, must be at least 0",
                    (long long)b, (long long)lengths[b]);
        PSQ_REQUIRE(err, !limited || lengths[b] <= opts->limit, PSQ_INVALID,
                    "lengths[%lld] is %lld, must be at most opts.limit, %lld, "
                    "without opts.oversize_alone",
                    (long long)b, (long long)lengths[b], (long long)opts->limit);
        *longest = psq_max_count(*longest, lengths[b]);
    }
    int64_t padded = 0;
    PSQ_REQUIRE(err, psq_count_mul(n_seq, *longest, &padded), PSQ_NOMEM,
                "%lld sequences of the longest length, %lld, overflow", (long long)n_seq,
                (long long)*longest);
    return PSQ_OK;
}

static void carve(psq_batcher *batcher, psq_arena *arena) {
    const int64_t n = batcher->n_seq;
    const int64_t world = batcher->opts.world;
    const int64_t n_spare = world > INT64_MAX / 3 ? INT64_MAX : psq_max_count(n, 3 * world);
    batcher->lengths = (int64_t *)psq_arena_take(arena, n, sizeof(int64_t));
    batcher->shuffled = (int64_t *)psq_arena_take(arena, n, sizeof(int64_t));
    batcher->order = (int64_t *)psq_arena_take(arena, n, sizeof(int64_t));
    batcher->first = (int64_t *)psq_arena_take(arena, n + 1, sizeof(int64_t));
    batcher->cost = (int64_t *)psq_arena_take(arena, n, sizeof(int64_t));
    batcher->list = (int64_t *)psq_arena_take(arena, n, sizeof(int64_t));
    batcher->mine = (int64_t *)psq_arena_take(arena, n, sizeof(int64_t));
    batcher->rank_cost = (int64_t *)psq_arena_take(arena, world, sizeof(int64_t));
    batcher->spare = (int64_t *)psq_arena_take(arena, n_spare, sizeof(int64_t));
}

static uint64_t mix(uint64_t hash, uint64_t number) {
    hash = (hash ^ number) * 0x9E3779B97F4A7C15U;
    return hash ^ hash >> 32;
}

static uint64_t fingerprint_of(const psq_batcher *batcher) {
    const psq_batcher_opts *const opts = &batcher->opts;
    const uint64_t numbers[] = {(uint64_t)opts->budget,
                                (uint64_t)opts->limit,
                                (uint64_t)opts->max_sequences,
                                (uint64_t)opts->pool_size,
                                opts->shuffle,
                                opts->drop_last,
                                opts->oversize_alone,
                                opts->seed,
                                (uint64_t)batcher->n_seq};
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        hash = mix(hash + 1, numbers[i]);
    }
    for (int64_t b = 0; b < batcher->n_seq; b++) {
        hash = mix(hash + 1, (uint64_t)batcher->lengths[b]);
    }
    return hash;
}

psq_status psq_batcher_create(const psq_ctx *ctx, const int64_t *lengths, int64_t n_seq,
                              const psq_batcher_opts *opts, psq_batcher **out, psq_error *err) {
    static const psq_batcher_opts defaults = PSQ_BATCHER_OPTS_INIT;
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    opts = opts != NULL ? opts : &defaults;
    PSQ_TRY(check_opts(opts, err));
    int64_t longest = 0;
    PSQ_TRY(check_lengths(lengths, n_seq, opts, &longest, err));
    psq_batcher *batcher = NULL;
    psq_status status = PSQ_OK;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof *batcher, "a batcher", (void **)&batcher, err));
    *batcher = (psq_batcher){.ctx = ctx, .opts = *opts, .n_seq = n_seq, .longest = longest};
    psq_arena arena = {NULL, 0};
    carve(batcher, &arena);
    batcher->memory = psq_malloc(ctx, arena.used);
    if (batcher->memory == NULL) {
        status =
            psq_fail(err, PSQ_NOMEM, "out of memory for batches of %lld sequences for %lld ranks",
                     (long long)n_seq, (long long)opts->world);
        goto fail;
    }
    arena = (psq_arena){(char *)batcher->memory, 0};
    carve(batcher, &arena);
    if (n_seq > 0) {
        memcpy(batcher->lengths, lengths, (size_t)n_seq * sizeof *lengths);
    }
    batcher->fingerprint = fingerprint_of(batcher);
    psq_batcher_plan(batcher, 0);
    psq_batcher_deal(batcher, 0);
    *out = batcher;
    return PSQ_OK;
fail:
    psq_batcher_destroy(batcher);
    return status;
}

void psq_batcher_destroy(psq_batcher *batcher) {
    if (batcher != NULL) {
        const psq_ctx *const ctx = batcher->ctx;
        psq_free(ctx, batcher->memory);
        psq_free(ctx, batcher);
    }
}

// ---- batches

static psq_status check_epoch(const char *name, int64_t epoch, psq_error *err) {
    PSQ_REQUIRE(err, epoch >= 0 && epoch <= UINT32_MAX, PSQ_INVALID,
                "%s is %lld, must be from 0 to %lld", name, (long long)epoch,
                (long long)UINT32_MAX);
    return PSQ_OK;
}

psq_status psq_batcher_set_epoch(psq_batcher *batcher, int64_t epoch, psq_error *err) {
    PSQ_REQUIRE(err, batcher != NULL, PSQ_INVALID, "batcher is NULL");
    PSQ_TRY(check_epoch("epoch", epoch, err));
    psq_batcher_plan(batcher, epoch);
    psq_batcher_deal(batcher, 0);
    return PSQ_OK;
}

int64_t psq_batcher_n_batches(const psq_batcher *batcher) {
    return batcher->n_steps;
}

bool psq_batcher_next(psq_batcher *batcher, const int64_t **index, int64_t *n) {
    *index = NULL;
    *n = 0;
    if (batcher->step == batcher->n_steps) {
        return false;
    }
    const int64_t i = batcher->mine[batcher->step++];
    *index = batcher->order;
    if (i != PSQ_NO_BATCH) {
        *index = batcher->order + batcher->first[i];
        *n = batcher->first[i + 1] - batcher->first[i];
    }
    return true;
}

void psq_batcher_get_report(const psq_batcher *batcher, psq_batcher_report *report) {
    *report = batcher->report;
}

// ---- states

void psq_batcher_get_state(const psq_batcher *batcher, psq_batcher_state *state) {
    const int64_t world = batcher->opts.world;
    const int64_t position = batcher->origin + batcher->step * world;
    *state = (psq_batcher_state){batcher->epoch, psq_min_count(position, batcher->n_list),
                                 batcher->origin, world, batcher->fingerprint};
}

static psq_status check_state(const psq_batcher *batcher, const psq_batcher_state *state,
                              psq_error *err) {
    PSQ_REQUIRE(err, state->fingerprint == batcher->fingerprint, PSQ_INVALID,
                "state.fingerprint is %016llx, the batcher's is %016llx: "
                "other lengths or other options",
                (unsigned long long)state->fingerprint, (unsigned long long)batcher->fingerprint);
    PSQ_TRY(check_epoch("state.epoch", state->epoch, err));
    PSQ_REQUIRE(err, state->world >= 1, PSQ_INVALID, "state.world is %lld, must be at least 1",
                (long long)state->world);
    PSQ_REQUIRE(err, state->origin >= 0, PSQ_INVALID, "state.origin is %lld, must be at least 0",
                (long long)state->origin);
    PSQ_REQUIRE(err, state->position >= state->origin, PSQ_INVALID,
                "state.position is %lld, must be at least state.origin, %lld",
                (long long)state->position, (long long)state->origin);
    return PSQ_OK;
}

// What can only be said when the epoch is planned.
static psq_status check_position(const psq_batcher *batcher, const psq_batcher_state *state,
                                 psq_error *err) {
    const int64_t n_taken = state->position - state->origin;
    const bool at_end = state->position == batcher->n_list && !batcher->opts.drop_last;
    PSQ_REQUIRE(err, state->position <= batcher->n_list, PSQ_INVALID,
                "state.position is %lld, must be at most the number of batches, %lld",
                (long long)state->position, (long long)batcher->n_list);
    PSQ_REQUIRE(err, n_taken % state->world == 0 || at_end, PSQ_INVALID,
                "state.position is %lld, must be whole steps of %lld batches from %lld on",
                (long long)state->position, (long long)state->world, (long long)state->origin);
    return PSQ_OK;
}

psq_status psq_batcher_set_state(psq_batcher *batcher, const psq_batcher_state *state,
                                 psq_error *err) {
    PSQ_REQUIRE(err, batcher != NULL, PSQ_INVALID, "batcher is NULL");
    PSQ_REQUIRE(err, state != NULL, PSQ_INVALID, "state is NULL");
    PSQ_TRY(check_state(batcher, state, err));
    const int64_t world = batcher->opts.world;
    const int64_t epoch = batcher->epoch;
    psq_batcher_plan(batcher, state->epoch);
    const psq_status status = check_position(batcher, state, err);
    if (status != PSQ_OK) {
        psq_batcher_plan(batcher, epoch); // the list that the dealt batches are in
        return status;
    }
    if (state->world == world) {
        const int64_t n_taken = state->position - state->origin;
        psq_batcher_deal(batcher, state->origin);
        batcher->step = n_taken / world + (n_taken % world > 0 ? 1 : 0);
    } else {
        psq_batcher_deal(batcher, state->position);
    }
    return PSQ_OK;
}
