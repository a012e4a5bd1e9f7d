// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// score.c: accuracy, loss, confusion matrix, precision and recall. All of them come from one pass;
// ratios of nothing are printed as "-" and are null in JSON.
#include "score.h"

#include "cli.h"
#include "signals.h"

#include <inttypes.h>
#include <string.h>

enum { BATCH_SEQ = 256, BATCH_ROWS = 65536, MAX_COLUMNS = 12 };

int64_t score_batch_end(const psq_samples *samples, int64_t begin) {
    int64_t end = begin + 1;
    while (end < samples->n_seq && end - begin < BATCH_SEQ &&
           samples->offsets[end + 1] - samples->offsets[begin] <= BATCH_ROWS) {
        end++;
    }
    return end;
}

// ---- measuring

static psq_status measure_batch(const classifier *c, const psq_samples *samples, int64_t begin,
                                int64_t end, score *out, psq_error *err) {
    int64_t index[BATCH_SEQ] = {0};
    int32_t predictions[BATCH_SEQ] = {0};
    psq_batch_result result;
    for (int64_t i = begin; i < end; i++) {
        index[i - begin] = i;
    }
    const psq_status status = psq_session_eval(c->session, c->weights, samples, index, end - begin,
                                               NULL, predictions, &result, err);
    if (status != PSQ_OK) {
        return status;
    }
    for (int64_t i = begin; i < end; i++) {
        out->confusion[samples->targets[i] * c->n_classes + predictions[i - begin]]++;
    }
    out->total.loss_sum += result.loss_sum;
    out->total.n_valid += result.n_valid;
    out->total.n_correct += result.n_correct;
    return PSQ_OK;
}

int score_measure(const classifier *c, const psq_samples *samples, score *out) {
    psq_error err;
    *out = (score){.total = {0.0, 0, 0}};
    out->confusion = cli_alloc((size_t)(c->n_classes * c->n_classes), sizeof(*out->confusion));
    int64_t end = 0;
    for (int64_t begin = 0; begin < samples->n_seq; begin = end) {
        end = score_batch_end(samples, begin);
        if (measure_batch(c, samples, begin, end, out, &err) != PSQ_OK) {
            return fail_error(&err);
        }
        if (signals_noted()) {
            return 128 + signals_noted();
        }
    }
    return EXIT_SUCCESS;
}

void score_free(score *s) {
    free(s->confusion);
    s->confusion = NULL;
}

// ---- ratios

typedef struct ratio {
    int64_t part, whole;
} ratio;

static ratio recall_of(const score *s, int64_t n_classes, int64_t k) {
    ratio r = {s->confusion[k * n_classes + k], 0};
    for (int64_t j = 0; j < n_classes; j++) {
        r.whole += s->confusion[k * n_classes + j];
    }
    return r;
}

static ratio precision_of(const score *s, int64_t n_classes, int64_t k) {
    ratio r = {s->confusion[k * n_classes + k], 0};
    for (int64_t i = 0; i < n_classes; i++) {
        r.whole += s->confusion[i * n_classes + k];
    }
    return r;
}

static double ratio_value(ratio r) {
    return (double)r.part / (double)r.whole;
}

// ---- text

// A name cut or filled to `width` characters, which are code points here and not bytes.
static void print_name(const char *name, int width, bool right, FILE *out) {
    int n = 0;
    const char *end = name;
    while (*end && n < width) {
        end++;
        n++;
        while (((unsigned char)*end & 0xc0) == 0x80) {
            end++;
        }
    }
    fprintf(out, "%*s%.*s%*s", right ? width - n : 0, "", (int)(end - name), name,
            right ? 0 : width - n, "");
}

static void print_ratio(ratio r, int width, FILE *out) {
    if (r.whole > 0) {
        fprintf(out, "  %*.4f", width, ratio_value(r));
    } else {
        fprintf(out, "  %*s", width, "-");
    }
}

static int column_width(const classifier *c) {
    size_t width = 6; // of a ratio
    for (int64_t k = 0; k < c->n_classes; k++) {
        const size_t name = strlen(c->classes[k]);
        width = name > width ? name : width;
    }
    return width < 24 ? (int)width : 24;
}

static void print_confusion(const score *s, const classifier *c, int width, FILE *out) {
    fprintf(out, "\ntrue class (line) and predicted class (column):\n%*s", width, "");
    for (int64_t k = 0; k < c->n_classes; k++) {
        fputs("  ", out);
        print_name(c->classes[k], width, true, out);
    }
    fputc('\n', out);
    for (int64_t i = 0; i < c->n_classes; i++) {
        print_name(c->classes[i], width, false, out);
        for (int64_t k = 0; k < c->n_classes; k++) {
            fprintf(out, "  %*" PRId64, width, s->confusion[i * c->n_classes + k]);
        }
        fputc('\n', out);
    }
}

void score_print(const score *s, const classifier *c, FILE *out) {
    const psq_batch_result *const t = &s->total;
    if (t->n_valid == 0) {
        fputs("no sequences to score\n", out);
        return;
    }
    fprintf(out, "accuracy %.4f (%" PRId64 " of %" PRId64 "), loss %.4f\n",
            (double)t->n_correct / (double)t->n_valid, t->n_correct, t->n_valid,
            t->loss_sum / (double)t->n_valid);
    const int width = column_width(c);
    if (c->n_classes <= MAX_COLUMNS) {
        print_confusion(s, c, width, out);
    }
    fprintf(out, "\n%-*s  %9s  %9s  %9s\n", width, "class", "precision", "recall", "sequences");
    for (int64_t k = 0; k < c->n_classes; k++) {
        const ratio recall = recall_of(s, c->n_classes, k);
        print_name(c->classes[k], width, false, out);
        print_ratio(precision_of(s, c->n_classes, k), 9, out);
        print_ratio(recall, 9, out);
        fprintf(out, "  %9" PRId64 "\n", recall.whole);
    }
}

// ---- JSON

static json_t *json_ratio(ratio r) {
    return r.whole > 0 ? json_number(ratio_value(r)) : json_null();
}

json_t *score_json(const score *s, const classifier *c) {
    const psq_batch_result *const t = &s->total;
    json_t *const document = json_new_object();
    json_t *const names = json_new_array();
    json_t *const confusion = json_new_array();
    json_t *const precision = json_new_array();
    json_t *const recall = json_new_array();
    for (int64_t k = 0; k < c->n_classes; k++) {
        json_push(names, json_string(c->classes[k]));
        json_push(confusion, json_ints(s->confusion + k * c->n_classes, c->n_classes));
        json_push(precision, json_ratio(precision_of(s, c->n_classes, k)));
        json_push(recall, json_ratio(recall_of(s, c->n_classes, k)));
    }
    json_put(document, "sequences", json_integer(t->n_valid));
    json_put(document, "correct", json_integer(t->n_correct));
    json_put(document, "accuracy", json_ratio((ratio){t->n_correct, t->n_valid}));
    json_put(document, "loss",
             t->n_valid > 0 ? json_number(t->loss_sum / (double)t->n_valid) : json_null());
    json_put(document, "classes", names);
    json_put(document, "confusion", confusion);
    json_put(document, "precision", precision);
    json_put(document, "recall", recall);
    return document;
}
