// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cmd_eval.c: `packseq eval`: how well a model does, by default on the tenth of the sequences that
// `packseq train` keeps from training.
#include "cli.h"

#include "data_source.h"
#include "model_file.h"
#include "score.h"

#include <inttypes.h>
#include <string.h>

typedef struct eval_options {
    data_options data;
    bool all;
    int64_t threads;
    bool json;
} eval_options;

static const eval_options defaults = {DATA_OPTIONS_INIT, false, 0, false};

#define AT(field) offsetof(eval_options, field)
static const option_row table[] = {
    DATA_OPTION_ROWS(AT(data)),
    {"all", 'a', OPTION_FLAG, AT(all), NULL,
     "score all sequences, not only the tenth kept from training", 0, 0, NULL},
    THREADS_OPTION_ROW(AT(threads)),
    {"json", 0, OPTION_FLAG, AT(json), NULL, "print JSON", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};
#undef AT

// classes[label of the text] = class of the model with that name.
static int map_classes(const psq_text *text, const classifier *c, int32_t *classes) {
    for (int64_t i = 0; i < psq_text_n_labels(text); i++) {
        const char *const name = psq_text_label_name(text, i);
        int64_t k = 0;
        while (k < c->n_classes && strcmp(c->classes[k], name) != 0) {
            k++;
        }
        if (k == c->n_classes) {
            return fail_data("label '%.60s' is none of the model's %" PRId64 " classes ('%.60s'%s)",
                             name, c->n_classes, c->classes[0], c->n_classes > 1 ? " ..." : "");
        }
        classes[i] = (int32_t)k;
    }
    return EXIT_SUCCESS;
}

static int score_text(const eval_options *o, const psq_text *text, const classifier *c) {
    int32_t *const classes = cli_alloc((size_t)psq_text_n_labels(text), sizeof(*classes));
    data_samples samples = {.offsets = NULL};
    score result = {.confusion = NULL};
    int code = map_classes(text, c, classes);
    if (code == EXIT_SUCCESS) {
        data_samples_make(text, o->all ? PART_ALL : PART_TEST, classes, &samples);
        code = score_measure(c, &samples.samples, &result);
    }
    if (code == EXIT_SUCCESS && o->json) {
        json_print(score_json(&result, c));
    } else if (code == EXIT_SUCCESS) {
        fprintf(stderr, "%s: %" PRId64 " of %" PRId64 " sequences\n",
                o->all ? "all" : "the part kept from training (--all: everything)",
                samples.samples.n_seq, psq_text_n_seq(text));
        score_print(&result, c, stdout);
    }
    score_free(&result);
    data_samples_free(&samples);
    free(classes);
    return code;
}

static int run(const void *options, int n_args, char **args) {
    const eval_options *const o = options;
    if (n_args == 0) {
        return fail_usage("eval wants a model, as in 'packseq eval model.safetensors'");
    }
    psq_ctx *ctx = NULL;
    psq_text *text = NULL;
    classifier c;
    int code = cli_ctx(o->threads, &ctx);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    code = classifier_load(ctx, args[0], &c);
    if (code == EXIT_SUCCESS) {
        code = data_read(ctx, &o->data, n_args - 1, args + 1, &text);
    }
    if (code == EXIT_SUCCESS) {
        code = score_text(o, text, &c);
    }
    psq_text_destroy(text);
    classifier_destroy(ctx, &c);
    psq_ctx_destroy(ctx);
    return code;
}

const command cmd_eval = {
    "eval",
    "MODEL [FILE...]",
    "accuracy, loss, confusion matrix, precision and recall of a model",
    "Scores a model of 'packseq train' on labelled lines; '-' is standard input. Without files: "
    "the\n"
    "embedded word lists. Only the tenth of the lines that 'packseq train' does not train on "
    "counts,\n"
    "unless --all is given.",
    table,
    &defaults,
    sizeof(eval_options),
    run,
};
