// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cmd_train.c: `packseq train`: from text to a model file. Without files it trains on the embedded
// word lists, so that the first thing somebody tries works. A tenth of the sequences is never
// trained on; how well the model does there is the result.

#include "cli.h"

#include "data_source.h"
#include "model_file.h"
#include "progress.h"
#include "score.h"
#include "signals.h"
#include "text_picture.h"
#include "train_options.h"

#include <inttypes.h>
#include <string.h>

// The picture before training shows this many of a batch's sequences.
enum { SHOWN = 10 };

// What a training run holds; train_free takes it in any state.
typedef struct training {
    const train_options *o;
    psq_ctx *ctx;
    psq_text *text;
    data_samples train;
    data_samples test;
    classifier model;
    progress view;
} training;

static void train_free(training *t) {
    progress_free(&t->view);
    classifier_destroy(t->ctx, &t->model);
    data_samples_free(&t->test);
    data_samples_free(&t->train);
    psq_text_destroy(t->text);
    psq_ctx_destroy(t->ctx);
}

// ---- before

static int check_data(const training *t) {
    const int64_t n_classes = psq_text_n_labels(t->text);
    if (psq_text_n_seq(t->text) == 0 || t->train.samples.n_seq == 0) {
        return fail_data("there is no sequence to train on");
    }
    if (n_classes < 2) {
        return fail_data("all sequences have the label '%s', training wants at least two labels",
                         psq_text_label_name(t->text, 0));
    }
    if (n_classes > MAX_CLASSES) {
        return fail_data("there are %" PRId64 " labels, must be at most %d", n_classes,
                         MAX_CLASSES);
    }
    return EXIT_SUCCESS;
}

static int make_model(training *t) {
    const train_options *const o = t->o;
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    spec.vocab_size = N_TOKENS;
    spec.n_classes = psq_text_n_labels(t->text);
    spec.head = (psq_head)o->head;
    spec.dropout = o->dropout;
    spec.rnn.cell = (psq_cell)o->cell;
    spec.rnn.input_size = o->embed;
    spec.rnn.hidden_size = o->hidden;
    spec.rnn.proj_size = o->proj;
    spec.rnn.n_layers = o->layers;
    spec.rnn.bidirectional = o->bidirectional;
    spec.rnn.dropout = o->layers > 1 ? o->dropout : 0.0;
    const char **const names = cli_alloc((size_t)spec.n_classes, sizeof(*names));
    for (int64_t i = 0; i < spec.n_classes; i++) {
        names[i] = psq_text_label_name(t->text, i);
    }
    const int code = classifier_create(t->ctx, &spec, names, &t->model);
    free(names);
    if (code == EXIT_SUCCESS) {
        psq_model_init(t->model.model, (uint64_t)o->seed, t->model.weights);
    }
    return code;
}

// ---- the picture

static char *sequence_text(const psq_samples *samples, int64_t b) {
    const int64_t length = samples->offsets[b + 1] - samples->offsets[b];
    char *const text = cli_alloc((size_t)length + 1, 1);
    for (int64_t t = 0; t < length; t++) {
        text[t] = (char)samples->tokens[samples->offsets[b] + t];
    }
    return text;
}

static int64_t common_factor(int64_t a, int64_t b) {
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// A step that visits all of n sequences and spreads the first few over the list: a golden section
// of n that shares no factor with it.
static int64_t spread(int64_t n) {
    int64_t step = (int64_t)(0.618 * (double)n) + 1;
    while (common_factor(n, step) != 1) {
        step++;
    }
    return step;
}

// A batch of training sequences from all over the list.
static int show_batch(const training *t) {
    psq_error err;
    const psq_samples *const all = &t->train.samples;
    const int64_t n = t->o->batch < all->n_seq ? t->o->batch : all->n_seq;
    int64_t *const lengths = cli_alloc((size_t)n, sizeof(*lengths));
    char **const names = cli_alloc((size_t)n, sizeof(*names));
    const int64_t step = spread(all->n_seq);
    for (int64_t i = 0; i < n; i++) {
        const int64_t b = (int64_t)((uint64_t)i * (uint64_t)step % (uint64_t)all->n_seq);
        lengths[i] = all->offsets[b + 1] - all->offsets[b];
        names[i] = sequence_text(all, b);
    }
    psq_layout *layout = NULL;
    int64_t n_padded = 0;
    const psq_storage padded = {PSQ_PADDED_BATCH, false, 0};
    int code = EXIT_SUCCESS;
    if (psq_layout_from_lengths(t->ctx, lengths, n, &layout, &err) != PSQ_OK ||
        psq_storage_n_rows(layout, padded, &n_padded, &err) != PSQ_OK) {
        code = fail_error(&err);
    } else {
        const picture_style style = {term_width(stderr), t->o->ascii, term_colour(stderr)};
        fprintf(stderr, "\na batch of %" PRId64 " training sequences, and the padding it avoids:\n",
                n);
        picture_draw_bars(layout, (const char *const *)names, SHOWN, style, stderr);
        fputs("  ", stderr);
        picture_print_saved(layout, n_padded, stderr);
        fputc('\n', stderr);
    }
    psq_layout_destroy(layout);
    for (int64_t i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
    free(lengths);
    return code;
}

static int show_start(const training *t) {
    const train_options *const o = t->o;
    fprintf(stderr,
            "%" PRId64 " sequences of %" PRId64 " classes: %" PRId64 " to train on, %" PRId64
            " to test with\n",
            psq_text_n_seq(t->text), t->model.n_classes, t->train.samples.n_seq,
            t->test.samples.n_seq);
    fprintf(stderr,
            "%s%s, %" PRId64 " layer%s, %" PRId64 " units, %s head: %" PRId64
            " weights; %s kernels\n",
            o->bidirectional ? "bidirectional " : "", train_options_cell(o->cell), o->layers,
            o->layers == 1 ? "" : "s", o->hidden, psq_head_name((psq_head)o->head),
            psq_model_n_weights(t->model.model), psq_kernel_name(t->ctx, PSQ_F32));
    return show_batch(t);
}

// ---- training

// A warm-up longer than a small data set trains would keep the learning rate from ever being up.
static int64_t warmup_steps(const training *t) {
    const train_options *const o = t->o;
    const int64_t n_seq = t->train.samples.n_seq;
    const int64_t n_batches = n_seq / o->batch + (n_seq % o->batch > 0 ? 1 : 0);
    const int64_t most = n_batches * o->epochs / 10; // the table bounds epochs, memory n_seq
    return o->warmup < most ? o->warmup : most;
}

static int fit(training *t) {
    const train_options *const o = t->o;
    psq_error err;
    psq_fit_opts opts = PSQ_FIT_OPTS_INIT;
    opts.optim.kind = (psq_optim_kind)o->optim;
    opts.optim.lr = o->lr;
    opts.optim.weight_decay = o->weight_decay;
    opts.schedule = (psq_schedule_kind)o->schedule;
    opts.n_warmup = warmup_steps(t);
    opts.n_epochs = o->epochs;
    opts.batch_size = o->batch;
    opts.clip = o->clip;
    opts.seed = (uint64_t)o->seed;
    opts.progress = progress_step;
    opts.progress_self = &t->view;
    progress_init(&t->view, t->train.samples.n_seq, o->epochs, o->ascii, o->quiet);
    signals_note();
    const psq_status status =
        psq_fit(t->model.session, t->model.weights, &t->train.samples, NULL, &opts, &err);
    progress_end(&t->view);
    if (status == PSQ_CANCELLED) {
        say("stopped by a signal, no model was saved");
        return 128 + signals_noted();
    }
    return status == PSQ_OK ? EXIT_SUCCESS : fail_error(&err);
}

// ---- after

static json_t *json_epochs(const progress *view) {
    json_t *const array = json_new_array();
    for (int64_t i = 0; i < view->n_epochs; i++) {
        const epoch_record *const e = &view->epochs[i];
        const double n = (double)e->train.n_valid;
        json_t *const item = json_new_object();
        json_put(item, "epoch", json_integer(i + 1));
        json_put(item, "loss", json_number(e->train.loss_sum / n));
        json_put(item, "accuracy", json_number((double)e->train.n_correct / n));
        json_put(item, "seconds", json_number(e->seconds));
        json_push(array, item);
    }
    return array;
}

static void print_json(const training *t, const score *test) {
    json_t *const document = json_new_object();
    json_put(document, "model", json_string(t->o->out));
    json_put(document, "seed", json_integer(t->o->seed));
    json_put(document, "weights", json_integer(psq_model_n_weights(t->model.model)));
    json_put(document, "train_sequences", json_integer(t->train.samples.n_seq));
    json_put(document, "epochs", json_epochs(&t->view));
    json_put(document, "test", score_json(test, &t->model));
    json_print(document);
}

static int report(const training *t) {
    score test;
    const int code = score_measure(&t->model, &t->test.samples, &test);
    if (signals_noted()) {
        say("stopped by a signal before the test, the model is in %s", t->o->out);
    }
    if (code == EXIT_SUCCESS && t->o->json) {
        print_json(t, &test);
    } else if (code == EXIT_SUCCESS) {
        printf("test ");
        score_print(&test, &t->model, stdout);
        fflush(stdout);
    }
    score_free(&test);
    if (code == EXIT_SUCCESS && !t->o->quiet) {
        fprintf(stderr, "\nsaved to %s; try it:\n  packseq run %s WORD...\n", t->o->out, t->o->out);
    }
    return code;
}

static int train(training *t, int n_files, char **files) {
    int code = cli_ctx(t->o->threads, &t->ctx);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    code = data_read(t->ctx, &t->o->data, n_files, files, &t->text);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    data_samples_make(t->text, PART_TRAIN, NULL, &t->train);
    data_samples_make(t->text, PART_TEST, NULL, &t->test);
    code = check_data(t);
    if (code == EXIT_SUCCESS) {
        code = make_model(t);
    }
    if (code == EXIT_SUCCESS && !t->o->quiet) {
        code = show_start(t);
    }
    if (code == EXIT_SUCCESS) {
        code = fit(t);
    }
    if (code == EXIT_SUCCESS) {
        code = classifier_save(t->ctx, &t->model, t->o->out);
    }
    return code == EXIT_SUCCESS ? report(t) : code;
}

static int run(const void *options, int n_args, char **args) {
    training t = {.o = options};
    int code = train_options_check(t.o);
    if (code == EXIT_SUCCESS) {
        code = cli_check_out(t.o->out);
    }
    if (code == EXIT_SUCCESS) {
        code = train(&t, n_args, args);
    }
    train_free(&t);
    return code;
}

const command cmd_train = {
    "train",
    "[FILE...]",
    "train a network that tells classes of words or lines apart",
    "Trains a recurrent network on labelled lines and saves it as a safetensors file. A line is a\n"
    "sequence, its bytes are the elements; its label is the name of its file or the line's first\n"
    "column. '-' is standard input. Without files: the embedded lists of English, Dutch, Spanish\n"
    "and Polish words. A tenth of the lines, chosen by a hash of their bytes, is not trained on "
    "and\n"
    "tells how good the model is. The same command writes the same file, byte for byte.\n\n"
    "  packseq train\n"
    "  packseq train --label column --out names.safetensors names.tsv",
    train_options_table,
    &train_options_defaults,
    sizeof(train_options),
    run,
};
