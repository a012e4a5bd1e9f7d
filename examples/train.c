// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// train.c: train a model on sequences of different lengths and ask it about new ones. What is to be
// learnt is memory: the class of a word is its first letter, however long the word.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packseq/train.h"

static psq_error error;

static void require(psq_status status) {
    if (status != PSQ_OK) {
        fprintf(stderr, "%s: %s\n", psq_status_name(status), error.text);
        exit(EXIT_FAILURE);
    }
}

// Words of the letters a, b and c, one after the other, as jagged tokens.
typedef struct words {
    int64_t offsets[65];
    int32_t tokens[64 * 8];
    int32_t targets[64];
    psq_samples samples;
} words;

static void add_word(words *w, const char *word) {
    const int64_t n = w->samples.n_seq++;
    const int64_t length = (int64_t)strlen(word);
    w->offsets[n + 1] = w->offsets[n] + length;
    for (int64_t t = 0; t < length; t++) {
        w->tokens[w->offsets[n] + t] = word[t] - 'a';
    }
    w->targets[n] = word[0] - 'a';
    w->samples.offsets = w->offsets;
    w->samples.tokens = w->tokens;
    w->samples.targets = w->targets;
}

static void add_random_words(words *w, int n) {
    unsigned state = 1;
    for (int i = 0; i < n; i++) {
        char word[9] = "";
        const int length = 1 + i % 8;
        for (int t = 0; t < length; t++) {
            state = state * 1664525U + 1013904223U;
            word[t] = (char)('a' + (state >> 16) % 3);
        }
        add_word(w, word);
    }
}

static bool show_epoch(void *self, const psq_fit_progress *p) {
    (void)self;
    if (p->epoch_end && p->epoch % 10 == 0) {
        printf("epoch %2lld: %lld of %lld right\n", (long long)p->epoch,
               (long long)p->train.n_correct, (long long)p->train.n_valid);
    }
    return true;
}

int main(void) {
    static words known;
    static words unknown;
    add_random_words(&known, 64);
    add_word(&unknown, "abcabcab");
    add_word(&unknown, "cb");
    add_word(&unknown, "bccccc");

    psq_ctx *ctx = NULL;
    psq_model *model = NULL;
    psq_session *session = NULL;
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.vocab_size = 3;
    spec.n_classes = 3;
    spec.rnn.cell = PSQ_GRU;
    spec.rnn.input_size = 4;
    spec.rnn.hidden_size = 16;
    require(psq_ctx_create(NULL, &ctx, &error));
    require(psq_model_create(ctx, &spec, &model, &error));
    require(psq_session_create(ctx, model, &session, &error));
    const size_t n_weights = (size_t)psq_model_n_weights(model);
    float *const weights = (float *)psq_malloc(ctx, n_weights * sizeof *weights);
    if (weights == NULL) {
        return EXIT_FAILURE;
    }
    psq_model_init(model, 1, weights);

    psq_fit_opts opts = PSQ_FIT_OPTS_INIT;
    opts.optim.lr = 0.01;
    opts.batch_size = 16;
    opts.n_epochs = 40;
    opts.progress = show_epoch;
    require(psq_fit(session, weights, &known.samples, NULL, &opts, &error));

    int32_t predictions[3];
    psq_batch_result result;
    require(psq_session_eval(session, weights, &unknown.samples, NULL, 3, NULL, predictions,
                             &result, &error));
    printf("abcabcab cb bccccc begin with %c %c %c\n", 'a' + predictions[0], 'a' + predictions[1],
           'a' + predictions[2]);
    psq_free(ctx, weights);
    psq_session_destroy(session);
    psq_model_destroy(model);
    psq_ctx_destroy(ctx);
    return EXIT_SUCCESS;
}
