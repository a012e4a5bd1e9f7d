// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pool_naive.h: docs/bits.md, Pooling, written a second time: one column of one sequence at a time,
// in a plain loop.
#ifndef PACKSEQ_TESTS_POOL_NAIVE_H
#define PACKSEQ_TESTS_POOL_NAIVE_H

#include "kern_naive.h"
#include "packseq/pool.h"

// One column: L elements, `step` apart.
typedef struct column {
    const float *x;
    int64_t L, step;
} column;

static inline float column_at(column c, int64_t t) {
    return c.x[t * c.step];
}

static inline float naive_top(column c) {
    float top = -INFINITY;
    for (int64_t t = 0; t < c.L; t++) {
        const float x = column_at(c, t);
        if (isnan(x)) {
            return x;
        }
        if (x > top) {
            top = x;
        }
    }
    return top;
}

static inline float naive_base(column c) {
    const float top = naive_top(c);
    return isinf(top) ? 0.0F : top;
}

static inline float naive_exp_sum(column c) {
    float sum = 0.0F;
    for (int64_t t = 0; t < c.L; t++) {
        sum += naive_exp(column_at(c, t) - naive_base(c));
    }
    return sum;
}

static inline float naive_share(int64_t L) {
    return (float)(1.0 / (double)L);
}

static inline float naive_pool(psq_pool kind, column c) {
    if (kind == PSQ_POOL_MAX) {
        return c.L > 0 ? naive_top(c) : 0.0F;
    }
    if (kind == PSQ_POOL_LOGSUMEXP) {
        return naive_base(c) + naive_log(naive_exp_sum(c));
    }
    float sum = 0.0F;
    for (int64_t t = 0; t < c.L; t++) {
        sum += column_at(c, t);
    }
    return kind == PSQ_POOL_SUM || c.L == 0 ? sum : sum * naive_share(c.L);
}

static inline int64_t naive_winner(column c, float y) {
    for (int64_t t = 0; t < c.L; t++) {
        const float x = column_at(c, t);
        if (x == y || (isnan(x) && isnan(y))) {
            return t;
        }
    }
    return -1;
}

static inline float naive_pool_back(psq_pool kind, column c, int64_t t, float y, float dy) {
    switch (kind) {
    case PSQ_POOL_MEAN:
        return dy * naive_share(c.L);
    case PSQ_POOL_MAX:
        return naive_winner(c, y) == t ? dy : 0.0F;
    case PSQ_POOL_LOGSUMEXP:
        return dy * naive_exp(column_at(c, t) - (y == -INFINITY ? 0.0F : y));
    case PSQ_POOL_SUM:
    case PSQ_N_POOL:
        break;
    }
    return dy;
}

static inline float naive_softmax(column c, int64_t t) {
    return naive_exp(column_at(c, t) - naive_base(c)) / naive_exp_sum(c);
}

static inline float naive_softmax_back(column y, column dy, int64_t t) {
    float sum = 0.0F;
    for (int64_t i = 0; i < y.L; i++) {
        sum = fmaf(column_at(dy, i), column_at(y, i), sum);
    }
    return column_at(y, t) * (column_at(dy, t) - sum);
}

static inline float naive_dot(int64_t n, const float *a, const float *b) {
    float s[16] = {0.0F};
    for (int64_t i = 0; i < n; i++) {
        s[i % 16] = fmaf(a[i], b[i], s[i % 16]);
    }
    return naive_tree(s);
}

#endif
