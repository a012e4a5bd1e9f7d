// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vectors.c: u and v, what a strip keeps for each of its sequences and columns: where they come
// from and go to, and what they may begin with.
#include <math.h>
#include <string.h>

#include "pool/walk.h"

void psq_pool_copy(int64_t n, size_t size, const char *from, size_t from_step, char *to,
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

static void set_apart(int64_t n, size_t size, double value, char *to, size_t step) {
    const float value32 = (float)value;
    if (size == sizeof value32) {
        for (int64_t i = 0; i < n; i++) {
            memcpy(to + (size_t)i * step, &value32, sizeof value32);
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            memcpy(to + (size_t)i * step, &value, sizeof value);
        }
    }
}

void psq_pool_set(int64_t n, size_t size, double value, char *to) {
    set_apart(n, size, value, to, size);
}

// The row of lane's sequence in an array of sequences, and its first element in u or v.
static size_t place_of(const pool_strip *strip, int64_t lane) {
    const pool_job *const job = strip->job;
    return (size_t)(strip->seqs[lane] * job->D + strip->first_col) * job->size;
}

static size_t lane_at(const pool_strip *strip, int64_t lane) {
    return (size_t)(lane * strip->lane_step) * strip->job->size;
}

void psq_pool_get(const pool_strip *strip, const void *from, char *to) {
    const size_t size = strip->job->size;
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        psq_pool_copy(strip->cols, size, (const char *)from + place_of(strip, lane), size,
                      to + lane_at(strip, lane), (size_t)strip->col_step * size);
    }
}

void psq_pool_put(const pool_strip *strip, const char *from, void *to) {
    const size_t size = strip->job->size;
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        psq_pool_copy(strip->cols, size, from + lane_at(strip, lane),
                      (size_t)strip->col_step * size, (char *)to + place_of(strip, lane), size);
    }
}

void psq_pool_fill(const pool_strip *strip, double value, char *to) {
    psq_pool_set(psq_pool_n(strip), strip->job->size, value, to);
}

static void fill_lane(const pool_strip *strip, int64_t lane, double value, char *to) {
    const size_t size = strip->job->size;
    set_apart(strip->cols, size, value, to + lane_at(strip, lane), (size_t)strip->col_step * size);
}

void psq_pool_fill_empty(const pool_strip *strip, double value, char *to) {
    int64_t lane = strip->n_lanes; // lanes without rows are the last
    while (lane > 0 && strip->job->layout->lengths[strip->seqs[lane - 1]] == 0) {
        lane--;
        fill_lane(strip, lane, value, to);
    }
}

void psq_pool_shares(const pool_strip *strip, char *to) {
    for (int64_t lane = 0; lane < strip->n_lanes; lane++) {
        const int64_t length = strip->job->layout->lengths[strip->seqs[lane]];
        fill_lane(strip, lane, length > 0 ? 1.0 / (double)length : 0.0, to);
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
            psq_pool_set(1, size, 0.0, at);
        }
    }
}

void psq_pool_top(pool_strip *strip) {
    psq_pool_fill(strip, -(double)INFINITY, strip->u);
    psq_pool_walk(strip, PSQ_K_POOL_MAX, &strip->job->a, NULL, NULL);
}
