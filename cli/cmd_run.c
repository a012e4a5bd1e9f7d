// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cmd_run.c: `packseq run`: predictions. Lines are answered in batches, on a terminal one by one;
// that changes when an answer comes, never what it is: a sequence's result does not depend on what
// else is in its batch.
#define _POSIX_C_SOURCE 200809L // getline, isatty, fileno

#include "cli.h"

#include "json_out.h"
#include "model_file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { BATCH_SEQ = 256, BATCH_BYTES = 65536 };

typedef struct run_options {
    int64_t top;
    int64_t max_length;
    int64_t threads;
    bool json;
} run_options;

static const run_options defaults = {1, 65536, 0, false};

#define AT(field) offsetof(run_options, field)
static const option_row table[] = {
    {"top", 't', OPTION_INT, AT(top), "N", "classes to print, the most probable first", 1,
     MAX_CLASSES, NULL},
    {"max-length", 0, OPTION_INT, AT(max_length), "N",
     "a longer sequence is an error, it is never cut", 1, 1e9, NULL},
    THREADS_OPTION_ROW(AT(threads)),
    {"json", 0, OPTION_FLAG, AT(json), NULL, "print a JSON object per line", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};
#undef AT

// The sequences that wait for an answer, in jagged order.
typedef struct queue {
    const run_options *o;
    const classifier *c;
    int64_t n_seen;
    int64_t n_answered;
    int64_t n;
    int64_t offsets[BATCH_SEQ + 1];
    char *bytes;
    size_t capacity;
} queue;

// ---- answers

typedef struct guess {
    int64_t k;
    double probability;
} guess;

static double logit(const classifier *c, const void *logits, int64_t i) {
    return psq_model_get_spec(c->model)->rnn.dtype == PSQ_F64 ? ((const double *)logits)[i]
                                                              : ((const float *)logits)[i];
}

static bool is_finite(const classifier *c, const void *logits, int64_t b) {
    for (int64_t k = 0; k < c->n_classes; k++) {
        if (!isfinite(logit(c, logits, b * c->n_classes + k))) {
            return false;
        }
    }
    return true;
}

// Softmax of line b of the logits.
static void softmax(const classifier *c, const void *logits, int64_t b, guess *guesses) {
    const int64_t n = c->n_classes;
    double max = logit(c, logits, b * n);
    double sum = 0.0;
    for (int64_t k = 1; k < n; k++) {
        max = fmax(max, logit(c, logits, b * n + k));
    }
    for (int64_t k = 0; k < n; k++) {
        guesses[k] = (guess){k, exp(logit(c, logits, b * n + k) - max)};
        sum += guesses[k].probability;
    }
    for (int64_t k = 0; k < n; k++) {
        guesses[k].probability /= sum;
    }
}

// Most probable first, equal ones by class.
static int compare_guesses(const void *a, const void *b) {
    const guess *const x = a;
    const guess *const y = b;
    if (x->probability != y->probability) {
        return x->probability > y->probability ? -1 : 1;
    }
    return x->k < y->k ? -1 : x->k > y->k;
}

static void print_text(const queue *q, const char *bytes, int64_t size, const guess *guesses,
                       int64_t n) {
    fwrite(bytes, 1, (size_t)size, stdout);
    for (int64_t i = 0; i < n; i++) {
        printf("\t%s\t%.4f", q->c->classes[guesses[i].k], guesses[i].probability);
    }
    putchar('\n');
}

static void print_json(const queue *q, const char *bytes, int64_t size, const guess *guesses,
                       int64_t n) {
    json_t *const document = json_new_object();
    json_t *const top = json_new_array();
    for (int64_t i = 0; i < n; i++) {
        json_t *const item = json_new_object();
        json_put(item, "class", json_string(q->c->classes[guesses[i].k]));
        json_put(item, "probability", json_number(guesses[i].probability));
        json_push(top, item);
    }
    json_put(document, "input", json_stringn(bytes, (size_t)size));
    json_put(document, "class", json_string(q->c->classes[guesses[0].k]));
    json_put(document, "probability", json_number(guesses[0].probability));
    json_put(document, "top", top);
    json_print(document);
}

static int print_answers(queue *q, const void *logits) {
    int code = EXIT_SUCCESS;
    const int64_t n = q->o->top < q->c->n_classes ? q->o->top : q->c->n_classes;
    guess *const guesses = cli_alloc((size_t)q->c->n_classes, sizeof(*guesses));
    for (int64_t b = 0; b < q->n; b++) {
        q->n_answered++;
        if (!is_finite(q->c, logits, b)) {
            code = fail_data("sequence %" PRId64 " has no answer: the model's output is infinite "
                             "or no number",
                             q->n_answered);
            break;
        }
        softmax(q->c, logits, b, guesses);
        qsort(guesses, (size_t)q->c->n_classes, sizeof(*guesses), compare_guesses);
        (q->o->json ? print_json : print_text)(q, q->bytes + q->offsets[b],
                                               q->offsets[b + 1] - q->offsets[b], guesses, n);
    }
    free(guesses);
    return code;
}

// A reader that is gone ends the command instead of letting it answer to nobody.
static int flush_answers(void) {
    if (fflush(stdout) != 0) {
        say("cannot write to standard output: %s", strerror(errno));
        return EXIT_IO;
    }
    return EXIT_SUCCESS;
}

// ---- questions

static int queue_answer(queue *q) {
    psq_error err;
    psq_batch_result result;
    const int64_t n_rows = q->offsets[q->n];
    int32_t *const tokens = cli_alloc((size_t)n_rows, sizeof(*tokens));
    void *const logits = cli_alloc((size_t)(q->n * q->c->n_classes), sizeof(double));
    for (int64_t i = 0; i < n_rows; i++) {
        tokens[i] = (unsigned char)q->bytes[i];
    }
    const psq_samples samples = {q->n, q->offsets, tokens, NULL, NULL};
    const psq_status status = psq_session_eval(q->c->session, q->c->weights, &samples, NULL, q->n,
                                               logits, NULL, &result, &err);
    const int code = status == PSQ_OK ? print_answers(q, logits) : fail_error(&err);
    free(logits);
    free(tokens);
    q->n = 0;
    const int flushed = flush_answers();
    return code != EXIT_SUCCESS ? code : flushed;
}

static bool is_text(const char *bytes, size_t size) {
    json_t *const text = json_stringn(bytes, size); // checks UTF-8
    const bool valid = text && !memchr(bytes, '\0', size);
    json_decref(text);
    return valid;
}

static int queue_add(queue *q, const char *bytes, size_t size) {
    q->n_seen++;
    if (!is_text(bytes, size)) {
        return fail_data("sequence %" PRId64 " is no UTF-8 text", q->n_seen);
    }
    if (size > (size_t)q->o->max_length) {
        return fail_data("sequence %" PRId64 " has %zu bytes, must have at most %" PRId64
                         " (--max-length)",
                         q->n_seen, size, q->o->max_length);
    }
    const size_t used = (size_t)q->offsets[q->n];
    if (used + size > q->capacity) {
        q->capacity = 2 * (used + size);
        q->bytes = cli_grow(q->bytes, q->capacity, 1);
    }
    if (size > 0) {
        memcpy(q->bytes + used, bytes, size);
    }
    q->offsets[++q->n] = (int64_t)(used + size);
    return q->n == BATCH_SEQ || used + size >= BATCH_BYTES ? queue_answer(q) : EXIT_SUCCESS;
}

static int add_lines(queue *q) {
    const bool prompt = isatty(fileno(stdin));
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = 0;
    int code = EXIT_SUCCESS;
    while (code == EXIT_SUCCESS && (size = getline(&line, &capacity, stdin)) >= 0) {
        size -= size > 0 && line[size - 1] == '\n';
        size -= size > 0 && line[size - 1] == '\r';
        code = queue_add(q, line, (size_t)size);
        if (code == EXIT_SUCCESS && prompt && q->n > 0) {
            code = queue_answer(q);
        }
    }
    if (code == EXIT_SUCCESS && ferror(stdin)) {
        say("cannot read standard input: %s", strerror(errno));
        code = EXIT_IO;
    }
    free(line);
    return code;
}

static int answer_all(queue *q, int n_args, char **args) {
    int code = EXIT_SUCCESS;
    for (int i = 0; code == EXIT_SUCCESS && i < n_args; i++) {
        code = strcmp(args[i], "-") == 0 ? add_lines(q) : queue_add(q, args[i], strlen(args[i]));
    }
    if (code == EXIT_SUCCESS && n_args == 0) {
        code = add_lines(q);
    }
    // What came before a bad line is answered before the command ends.
    const int last = q->n > 0 ? queue_answer(q) : EXIT_SUCCESS;
    return code != EXIT_SUCCESS ? code : last;
}

static int run(const void *options, int n_args, char **args) {
    if (n_args == 0) {
        return fail_usage("run wants a model, as in 'packseq run model.safetensors WORD...'");
    }
    const run_options *const o = options;
    psq_ctx *ctx = NULL;
    classifier c;
    int code = cli_ctx(o->threads, &ctx);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    code = classifier_load(ctx, args[0], &c);
    if (code == EXIT_SUCCESS) {
        queue *const q = cli_alloc(1, sizeof(*q));
        q->o = o;
        q->c = &c;
        code = answer_all(q, n_args - 1, args + 1);
        free(q->bytes);
        free(q);
    }
    classifier_destroy(ctx, &c);
    psq_ctx_destroy(ctx);
    return code;
}

const command cmd_run = {
    "run",
    "MODEL [WORD...]",
    "predict the class of words or lines",
    "Prints each word, or each line of standard input if there are no words ('-' among them: "
    "here),\n"
    "then its class and the class's probability, separated by tabs; with --top N the N most "
    "probable\n"
    "classes. With --json: one object per word. A model whose output is infinite or no number\n"
    "ends it with exit code 65.\n\n"
    "  packseq run model.safetensors zeesterren niebieski\n"
    "  packseq run model.safetensors < words.txt",
    table,
    &defaults,
    sizeof(run_options),
    run,
};
