// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// walk.c: strips and their steps. A kernel wants rows of many elements, of which none must wait for
// another. Packed rows are that already: the rows of a step lie side by side, so a strip is a range
// of ranks, and the rows of those that have ended are the last ones. In other storages wide rows
// make strips of one sequence, and narrow ones are gathered: neighbours are sorted by length, and
// some steps at a time of theirs are laid side by side in a buffer, and from it back.
#include "pool/walk.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/ctx.h"
#include "base/fpenv.h"
#include "base/team.h"

enum { WORTH_BYTES = 256 << 10 }; // that a thread should have to read

// ---- elements

// n elements, which lie `from_step` and `to_step` bytes apart.
static void copy_apart(int64_t n, size_t size, const char *from, size_t from_step, char *to,
                       size_t to_step) {
    if (size == sizeof(float)) {
        for (int64_t i = 0; i < n; i++) {
            memcpy(to + (size_t)i * to_step, from + (size_t)i * from_step, sizeof(float));
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            memcpy(to + (size_t)i * to_step, from + (size_t)i * from_step, sizeof(double));
        }
    }
}

static void copy_row(int64_t n, size_t size, const char *from, char *to) {
    if (n < POOL_NARROW) {
        copy_apart(n, size, from, size, to, size);
    } else {
        memcpy(to, from, (size_t)n * size);
    }
}

static size_t place_of(const pool_strip *strip, int64_t lane) {
    const pool_job *const job = strip->job;
    return (size_t)(strip->seqs[lane] * job->D + strip->first_col) * job->size;
}

void psq_pool_get(const pool_strip *strip, const void *from, char *to) {
    const size_t bytes = (size_t)strip->cols * strip->job->size;
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        copy_row(strip->cols, strip->job->size, (const char *)from + place_of(strip, lane),
                 to + (size_t)lane * bytes);
    }
}

void psq_pool_put(const pool_strip *strip, const char *from, void *to) {
    const size_t bytes = (size_t)strip->cols * strip->job->size;
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        copy_row(strip->cols, strip->job->size, from + (size_t)lane * bytes,
                 (char *)to + place_of(strip, lane));
    }
}

static void fill(int64_t n, size_t size, double value, char *to) {
    const float value32 = (float)value;
    for (int64_t i = 0; i < n; i++) {
        memcpy(to + (size_t)i * size, size == sizeof value32 ? (const void *)&value32 : &value,
               size);
    }
}

void psq_pool_fill(const pool_strip *strip, double value, char *to) {
    fill(psq_pool_n(strip), strip->job->size, value, to);
}

void psq_pool_fill_empty(const pool_strip *strip, double value, char *to) {
    int64_t lane = strip->n_lanes; // lanes without rows are the last
    while (lane > 0 && strip->job->layout->lengths[strip->seqs[lane - 1]] == 0) {
        lane--;
        fill(strip->cols, strip->job->size, value,
             to + (size_t)(lane * strip->cols) * strip->job->size);
    }
}

void psq_pool_shares(const pool_strip *strip, char *to) {
    const size_t bytes = (size_t)strip->cols * strip->job->size;
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        const int64_t length = strip->job->layout->lengths[strip->seqs[lane]];
        fill(strip->cols, strip->job->size, length > 0 ? 1.0 / (double)length : 0.0,
             to + (size_t)lane * bytes);
    }
}

void psq_pool_finite(pool_strip *strip, bool both) {
    const size_t size = strip->job->size;
    for (int64_t i = 0; i < psq_pool_n(strip); i++) {
        char *const at = strip->u + (size_t)i * size;
        float x32;
        double x;
        memcpy(&x32, at, sizeof x32);
        if (size == sizeof x) {
            memcpy(&x, at, sizeof x);
        } else {
            x = (double)x32;
        }
        if (x == -(double)INFINITY || (both && x == (double)INFINITY)) {
            fill(1, size, 0.0, at);
        }
    }
}

void psq_pool_top(pool_strip *strip) {
    psq_pool_fill(strip, -(double)INFINITY, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_MAX, &strip->job->a, NULL, NULL);
}

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
            fill(n, job->size, 0.0, element(job, out, first + s * stride, strip->first_col));
        }
    }
}

// ---- a walk over rows where they lie

// The rows of one array at some steps; NULL if there is no array.
static void *const *point(const pool_strip *strip, const pool_array *array, int64_t n_rows,
                          const int64_t *rows, void **to) {
    if (array == NULL || array->p == NULL) {
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
    for (int64_t t = 0; t < strip->n_steps; t += POOL_STEPS) {
        const int64_t n_rows = psq_min_count(POOL_STEPS, strip->n_steps - t);
        find_rows(strip, t, n_rows, rows, n);
        const psq_k_steps steps = {n_rows, n,
                                   (const void *const *)point(strip, a, n_rows, rows, p[0]),
                                   (const void *const *)point(strip, b, n_rows, rows, p[1]),
                                   point(strip, out, n_rows, rows, p[2])};
        strip->job->kern->pool[op](&steps, strip->u, strip->v);
    }
}

// ---- a walk over rows that are gathered

typedef char gathered[POOL_STEPS * POOL_GATHER * POOL_MAX_SIZE];

// Steps [t, t + n_rows) of all lanes, between an array and a buffer.
static void move_steps(const pool_strip *strip, const pool_array *array, int64_t t, int64_t n_rows,
                       char *buffer, bool back) {
    const pool_job *const job = strip->job;
    const size_t stride = (size_t)(stride_of(job) * array->width) * job->size;
    const size_t pitch = (size_t)psq_pool_n(strip) * job->size;
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        const int64_t b = strip->seqs[lane];
        const int64_t n = psq_min_count(n_rows, job->layout->lengths[b] - t);
        if (n <= 0) {
            break;
        }
        const int64_t row = psq_row(job->layout, job->storage, b, t);
        for (int64_t col = 0; col < strip->cols; col++) {
            char *const there = element(job, array, row, col);
            char *const here = buffer + (size_t)(lane * strip->cols + col) * job->size;
            if (back) {
                copy_apart(n, job->size, here, pitch, there, stride);
            } else {
                copy_apart(n, job->size, there, stride, here, pitch);
            }
        }
    }
}

static void *const *gather(const pool_strip *strip, const pool_array *array, int64_t t,
                           int64_t n_rows, bool wanted, char *buffer, void **to) {
    if (array == NULL || array->p == NULL) {
        return NULL;
    }
    if (wanted) {
        move_steps(strip, array, t, n_rows, buffer, false);
    }
    for (int64_t r = 0; r < n_rows; r++) {
        to[r] = buffer + (size_t)(r * psq_pool_n(strip)) * strip->job->size;
    }
    return to;
}

static void walk_gathered(pool_strip *strip, psq_k_pool op, const pool_array *a,
                          const pool_array *b, const pool_array *out) {
    _Alignas(64) gathered buffers[3];
    int64_t n[POOL_STEPS];
    void *p[3][POOL_STEPS];
    const int64_t *const lengths = strip->job->layout->lengths;
    int64_t alive = strip->n_lanes;
    for (int64_t t = 0; t < strip->n_steps; t += POOL_STEPS) {
        const int64_t n_rows = psq_min_count(POOL_STEPS, strip->n_steps - t);
        for (int64_t r = 0; r < n_rows; r++) {
            while (lengths[strip->seqs[alive - 1]] <= t + r) {
                alive--;
            }
            n[r] = alive * strip->cols;
        }
        const psq_k_steps steps = {
            n_rows, n, (const void *const *)gather(strip, a, t, n_rows, true, buffers[0], p[0]),
            (const void *const *)gather(strip, b, t, n_rows, true, buffers[1], p[1]),
            gather(strip, out, t, n_rows, false, buffers[2], p[2])};
        strip->job->kern->pool[op](&steps, strip->u, strip->v);
        if (steps.out != NULL) {
            move_steps(strip, out, t, n_rows, buffers[2], true);
        }
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
        return POOL_GATHER / job->D;
    }
    return job->storage.order == PSQ_PACKED ? psq_max_count(1, job->n_block / job->D) : 1;
}

// By length, longest first; neighbours are often of one length already.
static void sort_lanes(pool_strip *strip) {
    const int64_t *const lengths = strip->job->layout->lengths;
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        const int64_t b = strip->first + lane;
        int64_t at = lane;
        for (; at > 0 && lengths[strip->sorted[at - 1]] < lengths[b]; at--) {
            strip->sorted[at] = strip->sorted[at - 1];
        }
        strip->sorted[at] = b;
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
    if (job->storage.order == PSQ_PACKED) {
        strip->seqs = layout->sorted_indices + strip->first;
    } else {
        sort_lanes(strip);
    }
    strip->n_steps = layout->lengths[strip->seqs[0]];
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
