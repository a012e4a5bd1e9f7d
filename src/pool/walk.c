// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// walk.c: strips and their steps. A kernel wants rows of many elements, of which none must wait for
// another. Packed rows are that already: the rows of a step lie side by side, so a strip is a range
// of ranks, and the rows of those that have ended are the last ones. In other storages wide rows
// make strips of one sequence, and narrow ones are gathered: neighbours are sorted by length, and
// some steps at a time of theirs are laid side by side in a buffer, and from it back.
#include "pool/walk.h"

#include <stdatomic.h>

#include "base/ctx.h"
#include "base/fpenv.h"
#include "base/team.h"

enum {
    WORTH_BYTES = 256 << 10, // that a thread should have to read
    TILE_BYTES = 16 << 10,   // of rows that a kernel takes at once
    TOUCH_BYTES = 24 << 10,  // of rows that may stay in the first cache
    CACHE_LINE = 64
};

// ---- where rows lie

// From a row of a sequence to its next, where that is the same everywhere.
static int64_t stride_of(const pool_job *job) {
    return job->storage.order == PSQ_PADDED_TIME ? job->layout->n_seq : 1;
}

static bool gathers(const pool_job *job) {
    return !job->single && job->storage.order != PSQ_PACKED && job->D < POOL_NARROW;
}

// Element `col` of a row of an array; a row of one element has that for all columns.
static char *element(const pool_job *job, const pool_array *array, int64_t row, int64_t col) {
    return array->p + (size_t)(row * array->width + (array->width > 1 ? col : 0)) * job->size;
}

static bool padded(psq_order order) {
    return order == PSQ_PADDED_TIME || order == PSQ_PADDED_BATCH;
}

void psq_pool_pad(const pool_strip *strip, const pool_array *out) {
    const pool_job *const job = strip->job;
    if (!padded(job->storage.order)) {
        return;
    }
    const int64_t stride = stride_of(job);
    const int64_t n = psq_min_count(strip->cols, out->width);
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        const int64_t b = strip->seqs[lane];
        const int64_t length = job->layout->lengths[b];
        const int64_t n_pad = psq_storage_steps(job->layout, job->storage) - length;
        const int64_t first = psq_row(job->layout, job->storage, b, 0) +
                              (job->storage.pad_left ? -n_pad : length) * stride;
        for (int64_t s = 0; s < n_pad; s++) {
            psq_pool_set(n, job->size, 0.0,
                         element(job, out, first + s * stride, strip->first_col));
        }
    }
}

// ---- a walk over rows where they lie

// The rows of one array at some steps; NULL if there is no array.
static void *const *point(const pool_strip *strip, const pool_array *array, int64_t n_rows,
                          const int64_t *rows, void **to) {
    if (array == NULL) {
        return NULL;
    }
    for (int64_t r = 0; r < n_rows; r++) {
        const int64_t row = array->per_sequence ? strip->seqs[0] : rows[r];
        to[r] = element(strip->job, array, row, strip->first_col);
    }
    return to;
}

static void find_rows(const pool_strip *strip, int64_t t, int64_t n_rows, int64_t *rows,
                      int64_t *n) {
    const psq_layout *const layout = strip->job->layout;
    const bool packed = strip->job->storage.order == PSQ_PACKED;
    const int64_t end = strip->first + strip->n_lanes;
    const int64_t stride = stride_of(strip->job);
    const int64_t row = psq_row(layout, strip->job->storage, strip->seqs[0], t);
    for (int64_t r = 0; r < n_rows; r++) {
        rows[r] = packed ? layout->step_offsets[t + r] + strip->first : row + r * stride;
        n[r] = packed ? psq_min_count(layout->batch_sizes[t + r], end) - strip->first : 1;
        n[r] *= strip->cols;
    }
}

static void walk_there(pool_strip *strip, psq_k_pool op, const pool_array *a, const pool_array *b,
                       const pool_array *out) {
    int64_t rows[POOL_STEPS];
    int64_t n[POOL_STEPS];
    void *p[3][POOL_STEPS];
    const int64_t row_bytes = psq_pool_n(strip) * (int64_t)strip->job->size;
    const int64_t most = psq_min_count(POOL_STEPS, psq_max_count(TILE_BYTES / row_bytes, 1));
    for (int64_t t = 0; t < strip->n_steps; t += most) {
        const int64_t n_rows = psq_min_count(most, strip->n_steps - t);
        find_rows(strip, t, n_rows, rows, n);
        const psq_k_steps steps = {n_rows, n,
                                   (const void *const *)point(strip, a, n_rows, rows, p[0]),
                                   (const void *const *)point(strip, b, n_rows, rows, p[1]),
                                   point(strip, out, n_rows, rows, p[2])};
        strip->job->kern->pool[op](&steps, strip->u, strip->v);
    }
}

// ---- a walk over rows that are gathered

// Steps of all lanes in a buffer: step by step, column by column, lane by lane.
typedef char gathered[POOL_STEPS * POOL_GATHER * POOL_MAX_SIZE];

// Steps [t, t + n_steps) of all lanes, between an array and a buffer. Where a sequence's elements
// lie side by side, it is a lane of n_steps * D elements. Nothing here branches on a length, since
// no such branch would be foreseen.
static void move_lanes(const pool_strip *strip, const pool_array *array, int64_t t, int64_t n_steps,
                       char *buffer, bool back) {
    const pool_job *const job = strip->job;
    int64_t n[POOL_GATHER];
    void *lanes[POOL_GATHER];
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        const int64_t b = strip->seqs[lane];
        const int64_t length = job->layout->lengths[b];
        const int64_t row = psq_row(job->layout, job->storage, b, psq_min_count(t, length));
        n[lane] = psq_max_count(length - t, 0) * strip->cols;
        lanes[lane] = element(job, array, row, 0);
    }
    if (back) {
        job->kern->from_lanes(strip->n_lanes, n_steps * strip->cols, buffer, n, lanes);
    } else {
        job->kern->to_lanes(strip->n_lanes, n_steps * strip->cols, (const void *const *)lanes, n,
                            buffer);
    }
}

// The same where a step's rows lie side by side.
static void move_steps(const pool_strip *strip, const pool_array *array, int64_t t, int64_t n_steps,
                       char *buffer, bool back) {
    const pool_job *const job = strip->job;
    const size_t stride = (size_t)(stride_of(job) * array->width) * job->size;
    const size_t pitch = (size_t)psq_pool_n(strip) * job->size;
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        const int64_t b = strip->seqs[lane];
        const int64_t n = psq_min_count(n_steps, job->layout->lengths[b] - t);
        for (int64_t col = 0; col < strip->cols && n > 0; col++) {
            char *const there = element(job, array, psq_row(job->layout, job->storage, b, t), col);
            char *const here = buffer + (size_t)(col * strip->n_lanes + lane) * job->size;
            if (back) {
                psq_pool_copy(n, job->size, here, pitch, there, stride);
            } else {
                psq_pool_copy(n, job->size, there, stride, here, pitch);
            }
        }
    }
}

static void move(const pool_strip *strip, const pool_array *array, int64_t t, int64_t n_steps,
                 char *buffer, bool back) {
    if (array != NULL) {
        (stride_of(strip->job) == 1 ? move_lanes : move_steps)(strip, array, t, n_steps, buffer,
                                                               back);
    }
}

// n[r]: lanes that are longer than t + r.
static void count_lanes(const pool_strip *strip, int64_t t, int64_t n_steps, int64_t *n) {
    int64_t n_ended[POOL_STEPS + 1] = {0}; // with step t + r, or later
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        const int64_t left = strip->job->layout->lengths[strip->seqs[lane]] - t;
        n_ended[psq_min_count(psq_max_count(left, 0), n_steps)]++;
    }
    int64_t alive = strip->n_lanes;
    for (int64_t r = 0; r < n_steps; r++) {
        alive -= n_ended[r];
        n[r] = alive;
    }
}

// The kernel on column col of the steps in the buffers, of which absent ones are NULL.
static void work_column(pool_strip *strip, psq_k_pool op, int64_t col, int64_t n_steps,
                        const int64_t *n, char *const buffers[3]) {
    void *p[3][POOL_STEPS];
    const size_t size = strip->job->size;
    const size_t pitch = (size_t)psq_pool_n(strip) * size;
    const size_t at = (size_t)(col * strip->n_lanes) * size;
    for (int i = 0; i < 3; i++) {
        for (int64_t r = 0; r < n_steps && buffers[i] != NULL; r++) {
            p[i][r] = buffers[i] + at + (size_t)r * pitch;
        }
    }
    const psq_k_steps steps = {n_steps, n, buffers[0] != NULL ? (const void *const *)p[0] : NULL,
                               buffers[1] != NULL ? (const void *const *)p[1] : NULL,
                               buffers[2] != NULL ? p[2] : NULL};
    strip->job->kern->pool[op](&steps, strip->u + at, strip->v + at);
}

static void walk_gathered(pool_strip *strip, psq_k_pool op, const pool_array *a,
                          const pool_array *b, const pool_array *out) {
    _Alignas(64) gathered memory[3];
    int64_t n[POOL_STEPS];
    char *const buffers[3] = {a != NULL ? memory[0] : NULL, b != NULL ? memory[1] : NULL,
                              out != NULL ? memory[2] : NULL};
    const int64_t most = POOL_STEPS / strip->cols;
    for (int64_t t = 0; t < strip->n_steps; t += most) {
        const int64_t n_steps = psq_min_count(most, strip->n_steps - t);
        count_lanes(strip, t, n_steps, n);
        move(strip, a, t, n_steps, memory[0], false);
        move(strip, b, t, n_steps, memory[1], false);
        for (int64_t col = 0; col < strip->cols; col++) {
            work_column(strip, op, col, n_steps, n, buffers);
        }
        move(strip, out, t, n_steps, memory[2], true);
    }
}

void psq_pool_walk(pool_strip *strip, psq_k_pool op, const pool_array *a, const pool_array *b,
                   const pool_array *out) {
    if (gathers(strip->job)) {
        walk_gathered(strip, op, a, b, out);
    } else {
        walk_there(strip, op, a, b, out);
    }
}

// ---- strips

// Lanes of a strip, and columns; strips go over all columns of their sequences before the next.
typedef struct strips {
    const pool_job *job;
    int64_t n_lanes, n_col_blocks, n;
    int64_t grain; // strips that a member takes at once
    atomic_int_fast64_t next;
} strips;

static int64_t lanes_of(const pool_job *job) {
    if (job->single) {
        return 1;
    }
    if (gathers(job)) {
        return POOL_GATHER;
    }
    return job->storage.order == PSQ_PACKED ? psq_max_count(1, job->n_block / job->D) : 1;
}

// By length, longest first, then as they come. Each lane's place is the number of those before it:
// for so few this is faster than a sort, since nothing has to be guessed.
static void sort_lanes(pool_strip *strip) {
    uint64_t keys[POOL_GATHER] = {0};
    for (int64_t i = 0; i < strip->n_lanes; i++) {
        const int64_t length = strip->job->layout->lengths[strip->first + i];
        keys[i] = ((uint64_t)length + 1) * POOL_GATHER - (uint64_t)i;
    }
    for (int64_t i = 0; i < strip->n_lanes; i++) {
        uint64_t place = 0;
        for (int j = 0; j < POOL_GATHER; j++) {
            place += (keys[i] - keys[j]) >> 63; // 1 where keys[j] is larger
        }
        strip->sorted[place] = strip->first + i;
    }
    strip->seqs = strip->sorted;
}

static void make_strip(const strips *all, int64_t i, pool_strip *strip) {
    const pool_job *const job = all->job;
    const psq_layout *const layout = job->layout;
    strip->job = job;
    strip->first = i / all->n_col_blocks * all->n_lanes;
    strip->n_lanes = psq_min_count(all->n_lanes, layout->n_seq - strip->first);
    strip->first_col = i % all->n_col_blocks * job->n_block;
    strip->cols = psq_min_count(job->n_block, job->D - strip->first_col);
    strip->lane_step = gathers(job) ? 1 : strip->cols;
    strip->col_step = gathers(job) ? strip->n_lanes : 1;
    if (job->storage.order == PSQ_PACKED) {
        strip->seqs = layout->sorted_indices + strip->first;
    } else {
        sort_lanes(strip);
    }
    strip->n_steps = layout->lengths[strip->seqs[0]];
}

// Lanes are read and written in the order of their lengths, which no hardware foresees and which
// its prefetch instructions do not help: their rows are touched first, as they lie in memory.
static void touch(const pool_strip *strip, const pool_array *array) {
    const pool_job *const job = strip->job;
    const psq_layout *const layout = job->layout;
    if (array->p == NULL || array->per_sequence || !gathers(job) || stride_of(job) != 1) {
        return;
    }
    const int64_t last = strip->first + strip->n_lanes - 1;
    const int64_t row = psq_row(layout, job->storage, strip->first, 0);
    const int64_t end = psq_row(layout, job->storage, last, 0) + layout->lengths[last];
    const int64_t bytes = (end - row) * array->width * (int64_t)job->size;
    const volatile char *const p = element(job, array, row, 0);
    for (int64_t at = 0; at < bytes && bytes <= TOUCH_BYTES; at += CACHE_LINE) {
        (void)p[at];
    }
}

static void member(void *arg, int64_t number) {
    strips *const all = (strips *)arg;
    pool_strip strip;
    (void)number;
    for (;;) {
        const int64_t first = atomic_fetch_add(&all->next, all->grain);
        if (first >= all->n) {
            return;
        }
        for (int64_t i = first; i < psq_min_count(first + all->grain, all->n); i++) {
            make_strip(all, i, &strip);
            touch(&strip, &all->job->a);
            touch(&strip, &all->job->b);
            touch(&strip, &all->job->out);
            all->job->run(&strip);
        }
    }
}

// A helper costs some ten microseconds.
static int64_t n_wanted(const pool_job *job) {
    const psq_ctx *const ctx = job->layout->ctx;
    const int64_t size = psq_team_size(ctx);
    const int64_t bytes = job->layout->n_rows * job->D * (int64_t)job->size;
    return ctx->eager ? size : psq_min_count(size, bytes / WORTH_BYTES);
}

void psq_pool_run(const pool_job *job) {
    if (job->layout->n_seq == 0 || job->D == 0) {
        return;
    }
    strips all = {.job = job, .n_lanes = lanes_of(job)};
    all.n_col_blocks = (job->D - 1) / job->n_block + 1;
    all.n = ((job->layout->n_seq - 1) / all.n_lanes + 1) * all.n_col_blocks;
    const int64_t n_threads = n_wanted(job);
    all.grain = n_threads > 1 ? all.n / (64 * n_threads) + 1 : all.n;
    atomic_init(&all.next, 0);
    const psq_fpenv saved = psq_fpenv_enter();
    psq_team_run(job->layout->ctx, n_threads, member, &all);
    psq_fpenv_leave(saved);
}
