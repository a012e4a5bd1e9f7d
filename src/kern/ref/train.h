// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// train.h: the loss of one row and the optimisers' steps. Constants are computed in double and
// rounded once.

// loss = log S - (x_target - max), S the sum of e_j = exp(x_j - max) in 16 chains.
static double k_softmax_loss(int64_t n, const void *logits, int64_t target, double factor,
                             void *dlogits) {
    const REAL *const x = (const REAL *)logits;
    REAL *const dx = (REAL *)dlogits;
    REAL top = x[0];
    for (int64_t j = 1; j < n; j++) {
        top = max_real(x[j], top);
    }
    const REAL x_target = x[target];
    REAL s[N_CHAINS] = {0};
    for (int64_t j = 0; j < n; j++) {
        const REAL e = exp_real(x[j] - top);
        s[j % N_CHAINS] += e;
        if (dx != NULL) {
            dx[j] = e;
        }
    }
    const REAL S = tree(s);
    for (int64_t j = 0; dx != NULL && j < n; j++) {
        const REAL p = dx[j] / S;
        dx[j] = (j == target ? p - ONE : p) * (REAL)factor;
    }
    return (double)(log_real(S) - (x_target - top));
}

static void k_sgd(int64_t n, const psq_k_sgd *k, void *weights, const void *grads, void *momentum) {
    REAL *const w = (REAL *)weights;
    const REAL *const g = (const REAL *)grads;
    REAL *const b = (REAL *)momentum;
    const REAL lr = (REAL)k->lr;
    const REAL mu = (REAL)k->momentum;
    const REAL decay = (REAL)k->weight_decay;
    for (int64_t i = 0; i < n; i++) {
        REAL d = decay != (REAL)0 ? FMA(decay, w[i], g[i]) : g[i];
        if (b != NULL) {
            d = k->first ? d : FMA(mu, b[i], d);
            b[i] = d;
        }
        w[i] = FMA(-lr, d, w[i]);
    }
}

static void k_adam(int64_t n, const psq_k_adam *k, void *weights, const void *grads, void *m,
                   void *v) {
    REAL *const w = (REAL *)weights;
    const REAL *const g = (const REAL *)grads;
    REAL *const first = (REAL *)m;
    REAL *const second = (REAL *)v;
    const REAL shrink = (REAL)(k->decoupled ? 1.0 - k->lr * k->weight_decay : 1.0);
    const REAL decay = (REAL)(k->decoupled ? 0.0 : k->weight_decay);
    const REAL rest1 = (REAL)(1.0 - k->beta1);
    const REAL beta2 = (REAL)k->beta2;
    const REAL rest2 = (REAL)(1.0 - k->beta2);
    const REAL root = (REAL)sqrt(k->correction2);
    const REAL eps = (REAL)k->eps;
    const REAL step = (REAL)(k->lr / k->correction1);
    for (int64_t i = 0; i < n; i++) {
        const REAL x = w[i] * shrink;
        const REAL d = decay != (REAL)0 ? FMA(decay, x, g[i]) : g[i];
        first[i] = FMA(rest1, d - first[i], first[i]);
        second[i] = FMA(rest2 * d, d, beta2 * second[i]);
        w[i] = FMA(-step, first[i] / (SQRT(second[i]) / root + eps), x);
    }
}
