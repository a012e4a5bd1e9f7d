// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// walk.h: how the operations of this room go over rows. A call is a job; a job is cut into strips,
// which any thread takes; a strip is walked from its first step to its last, once for each pass of
// the operation, by a kernel. What a pass leaves for each sequence and column stays in the strip.
#ifndef PACKSEQ_POOL_WALK_H
#define PACKSEQ_POOL_WALK_H

#include "base/size.h"
#include "kern/kern.h"
#include "ragged/layout.h"

enum {
    POOL_COLS = 512,   // most elements of a step of a strip
    POOL_STEPS = 64,   // steps that a kernel takes at once
    POOL_GATHER = 32,  // most elements of a step that is gathered
    POOL_NARROW = 16,  // rows of fewer columns are gathered where a step's rows lie apart
    POOL_MAX_SIZE = 8, // bytes of an element
};

// An array of rows in the job's storage, or of one row for each sequence, [B]. p NULL: absent.
typedef struct pool_array {
    char *p;
    int64_t width; // elements of a row
    bool per_sequence;
} pool_array;

typedef struct pool_strip pool_strip;

typedef struct pool_job {
    const psq_layout *layout;
    const psq_kern *kern;
    psq_storage storage;
    size_t size;     // of an element
    int64_t D;       // columns
    int64_t n_block; // columns of a strip: up to POOL_COLS; D where a row must not be cut, and then
                     // nothing stays in the strip
    bool single;     // no two sequences in a strip: for kernels that have one number a row
    pool_array a, b, out;    // rows that are read and written
    const void *in_u, *in_v; // [B][D] that are read
    void *result;            // [B][D] that is written
    void (*run)(pool_strip *strip);
} pool_job;

// Sequences and columns that are walked together. Sequences are lanes, longest first.
struct pool_strip {
    const pool_job *job;
    const int64_t *seqs; // [n_lanes] user's indices
    int64_t n_lanes;
    int64_t first;               // the first lane's rank, or user's index where steps are gathered
    int64_t first_col, cols;     // columns
    int64_t lane_step, col_step; // in u and v, from a lane to the next, from a column to the next
    int64_t n_steps;             // of the first lane
    int64_t sorted[POOL_GATHER];
    _Alignas(64) char u[POOL_COLS * POOL_MAX_SIZE];
    _Alignas(64) char v[POOL_COLS * POOL_MAX_SIZE];
};

// Runs a job on as many threads as its work is worth.
void psq_pool_run(const pool_job *job);

// One pass: op over all steps of the strip. Arrays that op does not use are NULL.
void psq_pool_walk(pool_strip *strip, psq_k_pool op, const pool_array *a, const pool_array *b,
                   const pool_array *out);

// Rows of padding of the strip's sequences, its columns only, become 0.
void psq_pool_pad(const pool_strip *strip, const pool_array *out);

// ---- elements, u and v: vectors.c

// n elements, which lie `from_step` and `to_step` bytes apart.
void psq_pool_copy(int64_t n, size_t size, const char *from, size_t from_step, char *to,
                   size_t to_step);
void psq_pool_set(int64_t n, size_t size, double value, char *to);

// u or v: from an array of sequences and back, one value everywhere, 1 / L[b] for each lane.
void psq_pool_get(const pool_strip *strip, const void *from, char *to);
void psq_pool_put(const pool_strip *strip, const char *from, void *to);
void psq_pool_fill(const pool_strip *strip, double value, char *to);
void psq_pool_fill_empty(const pool_strip *strip, double value, char *to); // lanes without rows
void psq_pool_shares(const pool_strip *strip, char *to);

// What may be subtracted from x before exp: infinite elements of u, or those of -inf only, become
// 0.
void psq_pool_finite(pool_strip *strip, bool both);

// u = the largest element of a, -inf without rows.
void psq_pool_top(pool_strip *strip);

static inline int64_t psq_pool_n(const pool_strip *strip) {
    return strip->n_lanes * strip->cols;
}

// The runs of softmax, from a to out, and of its gradient, from dy in a and y in b to out.
// Attention takes them too.
void psq_pool_softmax(pool_strip *strip);
void psq_pool_softmax_back(pool_strip *strip);

// ---- the border: check.c

// Checks what all calls have in common and fills layout, kern, storage, size, D and n_block;
// *n_rows is what an array of rows has.
PSQ_MUST psq_status psq_pool_begin(pool_job *job, const psq_layout *layout, psq_dtype dtype,
                                   psq_storage storage, int64_t n_cols, int64_t *n_rows,
                                   psq_error *err);
// `name` has n rows of n_cols elements.
PSQ_MUST psq_status psq_pool_array(const pool_job *job, const char *name, const void *p, int64_t n,
                                   int64_t n_cols, psq_error *err);

static inline pool_array psq_pool_rows(const void *p, int64_t width) {
    return (pool_array){(char *)(uintptr_t)p, width, false};
}

#endif
