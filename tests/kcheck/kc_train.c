// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_train.c: the loss of one row and the optimisers' steps.
#include <string.h>

#include "kc.h"

// ---- loss

typedef struct loss_args {
    int64_t n, target;
    double factor;
    const kc_array *logits, *dlogits, *result; // dlogits may be NULL
} loss_args;

static void call_loss(const psq_kern *k, const void *args) {
    const loss_args *const t = (const loss_args *)args;
    kc_put_result(t->result, k->softmax_loss(t->n, t->logits->p, t->target, t->factor,
                                             t->dlogits != NULL ? t->dlogits->p : NULL));
}

// dlogits lie apart, are not wanted, or lie in the logits.
static void check_loss_size(kc *c, int64_t n, kc_make make) {
    static const char *const words[] = {"", ", no dlogits", ", dlogits in logits"};
    for (int variant = 0; variant < 3; variant++) {
        loss_args t = {.n = n, .target = kc_below(c, n), .factor = 1.0 / (double)(1 + n % 3)};
        kc_begin(c, "n %lld, target %lld, factor %a%s", (long long)n, (long long)t.target, t.factor,
                 words[variant]);
        t.logits = kc_take(c, variant == 2 ? KC_OUT : KC_IN, "logits", n, make);
        t.dlogits = variant == 0   ? kc_take(c, KC_OUT, "dlogits", n, make)
                    : variant == 2 ? t.logits
                                   : NULL;
        t.result = kc_take_result(c);
        kc_run(c, call_loss, &t);
    }
}

void kc_check_softmax_loss(kc *c) {
    for (int i = 0; i < KC_N_SIZES; i++) {
        check_loss_size(c, kc_size(i), kc_plain);
        check_loss_size(c, kc_size(i), kc_fading);
        check_loss_size(c, kc_size(i), kc_awkward);
    }
    check_loss_size(c, 5003, kc_plain);
}

// ---- optimisers

typedef struct step_args {
    int64_t n;
    psq_k_sgd sgd;
    psq_k_adam adam;
    const kc_array *weights, *grads, *m, *v;
} step_args;

static void call_sgd(const psq_kern *k, const void *args) {
    const step_args *const t = (const step_args *)args;
    k->sgd(t->n, &t->sgd, t->weights->p, t->grads->p, t->m != NULL ? t->m->p : NULL);
}

static void call_adam(const psq_kern *k, const void *args) {
    const step_args *const t = (const step_args *)args;
    k->adam(t->n, &t->adam, t->weights->p, t->grads->p, t->m->p, t->v->p);
}

static void check_step(kc *c, kc_call call, int64_t n, kc_make make, int choice, step_args t) {
    kc_begin(c, "n %lld, choice %d of the constants", (long long)n, choice);
    t.n = n;
    t.weights = kc_take(c, KC_OUT, "weights", n, make);
    t.grads = kc_take(c, KC_IN, "grads", n, make);
    t.m = call == call_sgd && t.sgd.momentum == 0.0 ? NULL : kc_take(c, KC_OUT, "m", n, make);
    t.v = call == call_adam ? kc_take(c, KC_OUT, "v", n, make) : NULL;
    kc_run(c, call, &t);
}

static void check_steps(kc *c, kc_call call, const step_args *choices, int n_choices) {
    static const kc_make makes[] = {kc_plain, kc_awkward, kc_fading};
    for (int i = -1; i < KC_N_SIZES; i++) {
        for (int j = 0; j < 3 * n_choices; j++) {
            const int choice = j / 3;
            check_step(c, call, i < 0 ? 0 : kc_size(i), makes[j % 3], choice, choices[choice]);
        }
    }
}

void kc_check_sgd(kc *c) {
    static const step_args choices[] = {
        {.sgd = {0.1, 0.0, 0.0, false}},  {.sgd = {0.3, 0.0, 1e-2, false}},
        {.sgd = {0.01, 0.9, 0.0, true}},  {.sgd = {0.01, 0.9, 1e-3, true}},
        {.sgd = {0.7, 0.99, 0.0, false}}, {.sgd = {1e-3, 0.5, 1e-4, false}},
    };
    check_steps(c, call_sgd, choices, sizeof choices / sizeof choices[0]);
}

void kc_check_adam(kc *c) {
    static const step_args choices[] = {
        {.adam = {1e-3, 0.9, 0.999, 1e-8, 0.0, 0.1, 0.001, false}},
        {.adam = {1e-2, 0.8, 0.99, 1e-6, 1e-2, 0.5, 0.3, false}},
        {.adam = {1e-3, 0.9, 0.999, 1e-8, 1e-2, 1.0, 1.0, true}},
        {.adam = {0.5, 0.0, 0.9, 1e-3, 0.0, 1.0, 0.1, true}},
    };
    check_steps(c, call_adam, choices, sizeof choices / sizeof choices[0]);
}
