// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// batcher_plan.c: the list of an epoch's batches, and who takes which. docs/bits.md, "Batches",
// defines both, because a state that is stored today must mean the same batches tomorrow. Sorting
// is by bytes of the keys, which is linear, stable and needs one array; lengths may be huge, so
// that one counter per length is no choice.
#include <string.h>

#include "base/rng.h"
#include "base/size.h"
#include "ragged/batcher.h"

// ---- sorting

enum { FEW = 32, N_DIGITS = 256 };

static void sort_few(const int64_t *key, int64_t n, int64_t *items) {
    for (int64_t i = 1; i < n; i++) {
        const int64_t item = items[i];
        int64_t at = i;
        for (; at > 0 && key[items[at - 1]] > key[item]; at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

static void sort_by_digit(const int64_t *key, int shift, int64_t n, const int64_t *from,
                          int64_t *to) {
    int64_t next[N_DIGITS] = {0};
    for (int64_t i = 0; i < n; i++) {
        next[(key[from[i]] >> shift) % N_DIGITS]++;
    }
    int64_t sum = 0;
    for (int digit = 0; digit < N_DIGITS; digit++) {
        const int64_t count = next[digit];
        next[digit] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++) {
        to[next[(key[from[i]] >> shift) % N_DIGITS]++] = from[i];
    }
}

// Sorts items[n] by key[item], from 0 to `largest`, stably.
static void sort_by(const int64_t *key, int64_t largest, int64_t n, int64_t *items,
                    int64_t *spare) {
    if (n <= FEW) {
        sort_few(key, n, items);
        return;
    }
    int64_t *from = items;
    int64_t *to = spare;
    for (int shift = 0; shift < 63 && largest >> shift > 0; shift += 8) {
        sort_by_digit(key, shift, n, from, to);
        int64_t *const sorted = to;
        to = from;
        from = sorted;
    }
    if (from != items) {
        memcpy(items, from, (size_t)n * sizeof *items);
    }
}

// ---- the order of the sequences

static void reverse(int64_t *items, int64_t n) {
    for (int64_t i = 0; i < n / 2; i++) {
        const int64_t item = items[i];
        items[i] = items[n - 1 - i];
        items[n - 1 - i] = item;
    }
}

// Sorting all by length and then, stably, by pool sorts within the pools.
static void order_sequences(psq_batcher *batcher) {
    const int64_t n = batcher->n_seq;
    const psq_batcher_opts *const opts = &batcher->opts;
    int64_t *const pool = batcher->list; // of a sequence; the list comes later
    const int64_t pool_size = opts->pool_size > 0 ? opts->pool_size : n;
    for (int64_t i = 0; i < n; i++) {
        batcher->shuffled[i] = i;
    }
    if (opts->shuffle) {
        psq_shuffle(opts->seed, (uint32_t)batcher->epoch, PSQ_SHUFFLE_SEQUENCES, n,
                    batcher->shuffled);
    }
    for (int64_t i = 0; i < n; i++) {
        batcher->order[i] = batcher->shuffled[i];
        pool[batcher->shuffled[i]] = i / pool_size;
    }
    if (n == 0 || pool_size == 1) {
        return;
    }
    sort_by(batcher->lengths, batcher->longest, n, batcher->order, batcher->spare);
    sort_by(pool, (n - 1) / pool_size, n, batcher->order, batcher->spare);
    for (int64_t i = 1; i <= (n - 1) / pool_size; i += 2) {
        reverse(batcher->order + i * pool_size, psq_min_count(pool_size, n - i * pool_size));
    }
}

// ---- batches

typedef struct batch {
    int64_t n_seq, n_rows, longest;
} batch;

static batch batch_with(batch to, int64_t length) {
    return (batch){to.n_seq + 1, to.n_rows + length, psq_max_count(to.longest, length)};
}

// The batch's size in the budget's measure. No product overflows: create has seen to it.
static int64_t measure(psq_budget budget, batch of) {
    switch (budget) {
    case PSQ_BUDGET_ROWS:
        return of.n_rows;
    case PSQ_BUDGET_PADDED:
        return of.n_seq * of.longest;
    default:
        return of.n_seq;
    }
}

static bool allows(const psq_batcher_opts *opts, batch of) {
    return measure(opts->budget, of) <= opts->limit &&
           (opts->max_sequences == 0 || of.n_seq <= opts->max_sequences);
}

// The batch that begins with order[at] and takes order[at + by], order[at + 2 by] ... up to but
// without order[end].
static batch take(const psq_batcher *batcher, int64_t at, int64_t end, int64_t by) {
    batch taken = {0, 0, 0};
    for (; at != end; at += by) {
        const batch more = batch_with(taken, batcher->lengths[batcher->order[at]]);
        if (taken.n_seq > 0 && !allows(&batcher->opts, more)) {
            break;
        }
        taken = more;
    }
    return taken;
}

static batch batch_of(const psq_batcher *batcher, int64_t i) {
    batch of = {0, 0, 0};
    for (int64_t at = batcher->first[i]; at < batcher->first[i + 1]; at++) {
        of = batch_with(of, batcher->lengths[batcher->order[at]]);
    }
    return of;
}

// A sequence more, even one without rows, is what the batch may not have.
static bool is_full(const psq_batcher_opts *opts, batch of) {
    return measure(opts->budget, of) >= opts->limit ||
           (opts->max_sequences > 0 && of.n_seq >= opts->max_sequences);
}

// Cuts upwards from the start while batches end by `middle`, then downwards from the end until the
// two meet. The last batch cut takes what is left between them. Returns its number, or PSQ_NO_BATCH
// if there are no batches.
static int64_t cut(psq_batcher *batcher, int64_t middle) {
    int64_t *const first = batcher->first;
    int64_t *const ends = batcher->spare;
    int64_t n = 0;
    int64_t low = 0;
    while (low < middle) {
        const int64_t end = low + take(batcher, low, batcher->n_seq, 1).n_seq;
        if (end > middle) {
            break;
        }
        first[n++] = low;
        low = end;
    }
    int64_t n_ends = 0;
    int64_t high = batcher->n_seq;
    while (high > low) {
        ends[n_ends++] = high;
        high -= take(batcher, high - 1, low - 1, -1).n_seq;
    }
    const int64_t last = n_ends > 0 ? n : n - 1;
    first[n] = low;
    for (int64_t i = n_ends; i > 0; i--) {
        first[++n] = ends[i - 1];
    }
    batcher->n_cut = n;
    return last;
}

static int64_t random_middle(const psq_batcher *batcher) {
    const psq_batcher_opts *const opts = &batcher->opts;
    if (!opts->shuffle || batcher->n_seq == 0) {
        return batcher->n_seq;
    }
    return psq_random_below(opts->seed, PSQ_STREAM_SHUFFLE, 0, (uint32_t)batcher->epoch,
                            PSQ_SHUFFLE_MIDDLE, batcher->n_seq);
}

void psq_batcher_plan(psq_batcher *batcher, int64_t epoch) {
    const psq_batcher_opts *const opts = &batcher->opts;
    batcher->epoch = epoch;
    order_sequences(batcher);
    const int64_t last = cut(batcher, random_middle(batcher));
    int64_t n = 0;
    for (int64_t i = 0; i < batcher->n_cut; i++) {
        const batch of = batch_of(batcher, i);
        batcher->cost[i] = opts->budget == PSQ_BUDGET_PADDED ? of.n_seq * of.longest : of.n_rows;
        if (i != last || !opts->drop_last || is_full(opts, of)) {
            batcher->list[n++] = i;
        }
    }
    batcher->n_list = n;
    if (opts->shuffle) {
        psq_shuffle(opts->seed, (uint32_t)epoch, PSQ_SHUFFLE_BATCHES, n, batcher->list);
    }
}

// ---- dealing

// What a step costs: its costliest batch and all.
typedef struct step_cost {
    int64_t most, sum;
} step_cost;

// Deals taken[n] batches, n <= world, as step `step`: the costliest to the rank with the least cost
// so far; of equal ranks the lowest is first, of equal batches the later one in the list. No rank
// has had more than `bound`.
static step_cost deal_step(psq_batcher *batcher, const int64_t *taken, int64_t n, int64_t step,
                           int64_t bound) {
    const int64_t world = batcher->opts.world;
    int64_t *const ranks = batcher->spare;
    int64_t *const batches = ranks + world;
    int64_t *const scratch = batches + world;
    step_cost cost = {0, 0};
    for (int64_t i = 0; i < n; i++) {
        batches[i] = taken[i];
        cost.most = psq_max_count(cost.most, batcher->cost[taken[i]]);
        cost.sum += batcher->cost[taken[i]];
    }
    for (int64_t i = 0; i < world; i++) {
        ranks[i] = i;
    }
    sort_by(batcher->cost, cost.most, n, batches, scratch);
    sort_by(batcher->rank_cost, bound, world, ranks, scratch);
    batcher->mine[step] = PSQ_NO_BATCH;
    for (int64_t i = 0; i < n; i++) {
        const int64_t dealt = batches[n - 1 - i];
        batcher->rank_cost[ranks[i]] += batcher->cost[dealt];
        if (ranks[i] == batcher->opts.rank) {
            batcher->mine[step] = dealt;
        }
    }
    return cost;
}

// Counts what is in list[origin] to list[end - 1].
static void count_rows(psq_batcher *batcher, int64_t end) {
    psq_batcher_report *const report = &batcher->report;
    for (int64_t i = batcher->origin; i < end; i++) {
        const batch of = batch_of(batcher, batcher->list[i]);
        batch random = {0, 0, 0};
        for (int64_t k = report->n_seq; k < report->n_seq + of.n_seq; k++) {
            random = batch_with(random, batcher->lengths[batcher->shuffled[k]]);
        }
        report->n_seq += of.n_seq;
        report->n_rows += of.n_rows;
        report->n_padded += of.n_seq * of.longest;
        report->n_padded_random += random.n_seq * random.longest;
    }
    report->n_batches = end - batcher->origin;
    report->fill = report->n_padded > 0 ? (double)report->n_rows / (double)report->n_padded : 1.0;
    report->n_dropped = batcher->n_seq - report->n_seq;
    for (int64_t i = 0; i < batcher->origin; i++) {
        const int64_t taken = batcher->list[i];
        report->n_dropped -= batcher->first[taken + 1] - batcher->first[taken];
    }
}

void psq_batcher_deal(psq_batcher *batcher, int64_t origin) {
    const int64_t world = batcher->opts.world;
    const int64_t n_left = batcher->n_list - origin;
    const int64_t n_whole = n_left / world;
    psq_batcher_report *const report = &batcher->report;
    batcher->origin = origin;
    batcher->step = 0;
    batcher->n_steps = n_whole + (n_left % world > 0 && !batcher->opts.drop_last ? 1 : 0);
    const int64_t end = psq_min_count(batcher->n_list, origin + batcher->n_steps * world);
    memset(batcher->rank_cost, 0, (size_t)world * sizeof *batcher->rank_cost);
    *report = (psq_batcher_report){.n_steps = batcher->n_steps, .worst_step = 1.0};
    int64_t sum = 0;
    for (int64_t step = 0; step < batcher->n_steps; step++) {
        const int64_t at = origin + step * world;
        const step_cost cost =
            deal_step(batcher, batcher->list + at, psq_min_count(world, end - at), step, sum);
        sum += cost.sum;
        if (step < n_whole && cost.sum > 0) {
            const double ratio = (double)cost.most * (double)world / (double)cost.sum;
            report->worst_step = ratio > report->worst_step ? ratio : report->worst_step;
        }
    }
    for (int64_t rank = 0; rank < world; rank++) {
        report->max_cost = psq_max_count(report->max_cost, batcher->rank_cost[rank]);
    }
    report->mean_cost = (double)sum / (double)world;
    count_rows(batcher, end);
}
