// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_kern_train.c: cross-entropy of a row and the optimisers' steps of every float table, against
// steps worked out by hand and against the formulas of docs/bits.md written out here.
#include "kern_naive.h"

static double naive_loss(int64_t n, const float *x, int64_t target, double factor, float *dx) {
    float top = x[0];
    for (int64_t i = 1; i < n; i++) {
        top = x[i] > top ? x[i] : top;
    }
    float s[16] = {0.0F};
    for (int64_t i = 0; i < n; i++) {
        s[i % 16] += naive_exp(x[i] - top);
    }
    const float S = naive_tree(s);
    for (int64_t i = 0; i < n; i++) {
        const float softmax = naive_exp(x[i] - top) / S;
        dx[i] = (softmax - (i == target ? 1.0F : 0.0F)) * (float)factor;
    }
    return (double)(naive_log(S) - (x[target] - top));
}

static void check_loss_of(const psq_kern *k, int64_t n, float (*make)(uint32_t *)) {
    uint32_t random = (uint32_t)n;
    guarded x = guarded_fill(n, n % 4, make, &random);
    guarded dx = guarded_new(n, 1);
    guarded wanted = guarded_new(n, 2);
    const int64_t target = (n * 5) % n + (n - 1) / 2;
    for (int64_t i = 0; i < n; i++) {
        x.row[i] *= 4.0F;
    }
    const float loss = (float)naive_loss(n, x.row, target, 1.0 / 3.0, wanted.row);
    const float got[3] = {(float)k->softmax_loss(n, x.row, target, 1.0 / 3.0, dx.row),
                          (float)k->softmax_loss(n, x.row, target, 1.0 / 3.0, NULL),
                          (float)k->softmax_loss(n, x.row, target, 1.0 / 3.0, x.row)};
    for (int i = 0; i < 3; i++) {
        assert_bits(k->name, "loss", 1, &got[i], &loss);
    }
    assert_bits(k->name, "dlogits", n, dx.row, wanted.row);
    assert_bits(k->name, "dlogits in place", n, x.row, wanted.row);
    guarded_end(k->name, "x", &x);
    guarded_end(k->name, "dx", &dx);
    guarded_end(k->name, "wanted", &wanted);
}

static void check_loss(const psq_kern *k) {
    for (int64_t n = 1; n < 70; n++) {
        check_loss_of(k, n, random_float);
        check_loss_of(k, n, random_awkward);
    }
    check_loss_of(k, 1000, random_float);
}

static void loss_sizes(void **state) {
    (void)state;
    each_table(PSQ_F32, check_loss);
}

// Two equal logits: log 2, gradient -1/2 and 1/2, however large the logits; one logit: 0.
static void check_loss_by_hand(const psq_kern *k) {
    const float equal[2] = {3e38F, 3e38F};
    const float far[3] = {-INFINITY, 5.0F, -200.0F};
    float dx[3];
    assert_true(fabs(k->softmax_loss(2, equal, 0, 2.0, dx) - log(2.0)) < 1e-7);
    assert_true(dx[0] == -1.0F && dx[1] == 1.0F);
    assert_true(k->softmax_loss(3, far, 1, 1.0, dx) == 0.0);
    assert_true(dx[0] == 0.0F && dx[1] == 0.0F && dx[2] == 0.0F);
    assert_true(k->softmax_loss(3, far, 2, 1.0, dx) == 205.0);
    assert_true(dx[0] == 0.0F && dx[1] == 1.0F && dx[2] == -1.0F);
    assert_true(k->softmax_loss(1, far + 1, 0, 1.0, NULL) == 0.0);
    const float bad[2] = {NAN, 1.0F};
    assert_true(isnan(k->softmax_loss(2, bad, 1, 1.0, dx)) && isnan(dx[0]) && isnan(dx[1]));
}

static void loss_by_hand(void **state) {
    (void)state;
    each_table(PSQ_F32, check_loss_by_hand);
}

// ---- optimisers

static void naive_sgd(const psq_k_sgd *k, float *w, float g, float *buf) {
    float d = k->weight_decay == 0.0 ? g : fmaf((float)k->weight_decay, *w, g);
    if (buf != NULL) {
        *buf = k->first ? d : fmaf((float)k->momentum, *buf, d);
        d = *buf;
    }
    *w = fmaf(-(float)k->lr, d, *w);
}

static void naive_adam(const psq_k_adam *k, float *w, float g, float *m, float *v) {
    if (k->weight_decay != 0.0 && k->decoupled) {
        *w = *w * (float)(1.0 - k->lr * k->weight_decay);
    } else if (k->weight_decay != 0.0) {
        g = fmaf((float)k->weight_decay, *w, g);
    }
    *m = fmaf((float)(1.0 - k->beta1), g - *m, *m);
    *v = fmaf((float)(1.0 - k->beta2) * g, g, (float)k->beta2 * *v);
    const float denom = sqrtf(*v) / (float)sqrt(k->correction2) + (float)k->eps;
    *w = fmaf(-(float)(k->lr / k->correction1), *m / denom, *w);
}

static void check_sgd_of(const psq_kern *k, int64_t n, const psq_k_sgd *sgd, bool with_buffer,
                         float (*make)(uint32_t *)) {
    uint32_t random = (uint32_t)n + 11;
    guarded w = guarded_fill(n, 1, make, &random);
    guarded g = guarded_fill(n, 2, make, &random);
    guarded b = guarded_fill(n, 3, make, &random);
    guarded wanted_w = guarded_copy(&w, 0);
    guarded wanted_b = guarded_copy(&b, 0);
    for (int64_t i = 0; i < n; i++) {
        naive_sgd(sgd, &wanted_w.row[i], g.row[i], with_buffer ? &wanted_b.row[i] : NULL);
    }
    k->sgd(n, sgd, w.row, g.row, with_buffer ? b.row : NULL);
    assert_bits(k->name, "sgd weights", n, w.row, wanted_w.row);
    assert_bits(k->name, "sgd momentum", n, b.row, wanted_b.row);
    guarded_end(k->name, "w", &w);
    guarded_end(k->name, "g", &g);
    guarded_end(k->name, "b", &b);
    guarded_end(k->name, "wanted", &wanted_w);
    guarded_end(k->name, "wanted", &wanted_b);
}

static void check_sgd(const psq_kern *k) {
    const psq_k_sgd steps[] = {{0.1, 0.0, 0.0, false},
                               {0.1, 0.0, 1e-2, false},
                               {0.01, 0.9, 0.0, true},
                               {0.01, 0.9, 1e-4, false}};
    for (int64_t n = 0; n < 40; n++) {
        for (int i = 0; i < 4; i++) {
            check_sgd_of(k, n, &steps[i], i >= 2, n % 2 == 0 ? random_float : random_awkward);
        }
    }
}

static void sgd_sizes(void **state) {
    (void)state;
    each_table(PSQ_F32, check_sgd);
}

static void check_sgd_by_hand(const psq_kern *k) {
    float w = 1.0F;
    float buf = 77.0F;
    float g = 0.5F;
    psq_k_sgd sgd = {0.5, 0.5, 0.0, true};
    k->sgd(1, &sgd, &w, &g, &buf); // buf = 0.5
    assert_true(buf == 0.5F && w == 0.75F);
    sgd.first = false;
    g = 0.25F;
    k->sgd(1, &sgd, &w, &g, &buf); // buf = 0.25 + 0.25
    assert_true(buf == 0.5F && w == 0.5F);
    sgd = (psq_k_sgd){0.25, 0.0, 0.5, false};
    k->sgd(1, &sgd, &w, &g, NULL); // d = 0.25 + 0.25
    assert_true(w == 0.375F);
    w = INFINITY; // no weight decay: w is not looked at
    sgd.weight_decay = 0.0;
    k->sgd(1, &sgd, &w, &g, NULL);
    assert_true(w == INFINITY);
}

static void sgd_by_hand(void **state) {
    (void)state;
    each_table(PSQ_F32, check_sgd_by_hand);
}

static void check_adam_of(const psq_kern *k, int64_t n, const psq_k_adam *adam,
                          float (*make)(uint32_t *)) {
    uint32_t random = (uint32_t)n + 13;
    guarded w = guarded_fill(n, 1, make, &random);
    guarded g = guarded_fill(n, 2, make, &random);
    guarded m = guarded_fill(n, 3, make, &random);
    guarded v = guarded_fill(n, 1, make, &random);
    guarded wanted[3];
    for (int64_t i = 0; i < n; i++) {
        v.row[i] = fabsf(v.row[i]);
    }
    wanted[0] = guarded_copy(&w, 0);
    wanted[1] = guarded_copy(&m, 0);
    wanted[2] = guarded_copy(&v, 0);
    for (int64_t i = 0; i < n; i++) {
        naive_adam(adam, &wanted[0].row[i], g.row[i], &wanted[1].row[i], &wanted[2].row[i]);
    }
    k->adam(n, adam, w.row, g.row, m.row, v.row);
    assert_bits(k->name, "adam weights", n, w.row, wanted[0].row);
    assert_bits(k->name, "adam m", n, m.row, wanted[1].row);
    assert_bits(k->name, "adam v", n, v.row, wanted[2].row);
    guarded_end(k->name, "w", &w);
    guarded_end(k->name, "g", &g);
    guarded_end(k->name, "m", &m);
    guarded_end(k->name, "v", &v);
    for (int i = 0; i < 3; i++) {
        guarded_end(k->name, "wanted", &wanted[i]);
    }
}

static void check_adam(const psq_kern *k) {
    const psq_k_adam steps[] = {{1e-3, 0.9, 0.999, 1e-8, 0.0, 0.1, 0.001, false},
                                {1e-3, 0.9, 0.999, 1e-8, 0.01, 0.19, 0.001999, false},
                                {1e-2, 0.8, 0.99, 1e-6, 0.1, 0.2, 0.01, true}};
    for (int64_t n = 0; n < 40; n++) {
        for (int i = 0; i < 3; i++) {
            check_adam_of(k, n, &steps[i], n % 2 == 0 ? random_float : random_awkward);
        }
    }
}

static void adam_sizes(void **state) {
    (void)state;
    each_table(PSQ_F32, check_adam);
}

// g = 2: m = 1, v = 1, denominator sqrt(1) / sqrt(1/4) = 2, step 0.5 / 0.5 = 1.
static void check_adam_by_hand(const psq_kern *k) {
    psq_k_adam adam = {0.5, 0.5, 0.75, 0.0, 0.0, 0.5, 0.25, false};
    float w = 1.0F;
    float m = 0.0F;
    float v = 0.0F;
    float g = 2.0F;
    k->adam(1, &adam, &w, &g, &m, &v);
    assert_true(m == 1.0F && v == 1.0F && w == 0.5F);
    // Decay in the gradient: g = 1 + 2 * 0.5 = 2, m = 1.5, v = 0.75 + 1; correction 1: the
    // denominator is sqrt(1.75) + 2.
    adam = (psq_k_adam){0.5, 0.5, 0.75, 2.0, 2.0, 1.0, 1.0, false};
    g = 1.0F;
    k->adam(1, &adam, &w, &g, &m, &v);
    assert_true(m == 1.5F && v == 1.75F);
    assert_true(fabs((double)w - (0.5 - 0.5 * 1.5 / (sqrt(1.75) + 2.0))) < 1e-7);
    // Decoupled: w = 1 * (1 - 0.5 * 1) first.
    adam = (psq_k_adam){0.5, 0.5, 0.75, 0.0, 1.0, 0.5, 0.25, true};
    w = 1.0F;
    m = v = 0.0F;
    g = 2.0F;
    k->adam(1, &adam, &w, &g, &m, &v);
    assert_true(m == 1.0F && v == 1.0F && w == 0.0F);
}

static void adam_by_hand(void **state) {
    (void)state;
    each_table(PSQ_F32, check_adam_by_hand);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_sizes), cmocka_unit_test(loss_by_hand),
        cmocka_unit_test(sgd_sizes),  cmocka_unit_test(sgd_by_hand),
        cmocka_unit_test(adam_sizes), cmocka_unit_test(adam_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
