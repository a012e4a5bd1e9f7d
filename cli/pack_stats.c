// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// pack_stats.c: the lengths of a data set in numbers and as a histogram, and the padding that
// batches of them would have. The histogram has lines of equal width where that shows something,
// and doubling ones where half of all sequences would share the first line.
#include "pack_stats.h"

#include "cli.h"
#include "json_out.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_LINES = 25 };

// ---- numbers

static int compare_lengths(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Of n sorted lengths the smallest that `percent` of them are not above.
static int64_t percentile(const int64_t *sorted, int64_t n, int64_t percent) {
    return n > 0 ? sorted[(n / 100 * percent + (n % 100 * percent + 99) / 100) - 1] : 0;
}

// Widths 1, 2, 5, 10, 20, 50 ...: the first with which lengths from min to max make few lines.
static int64_t line_width(int64_t min, int64_t max) {
    static const int64_t factors[] = {2, 5, 10};
    int64_t decade = 1;
    int64_t width = 1;
    for (int i = 0; (max - 1) / width - (min - 1) / width >= MAX_LINES; i = (i + 1) % 3) {
        width = decade * factors[i];
        decade = i == 2 ? width : decade;
    }
    return width;
}

// The last length of the line in which `length` is, width 0: doubling.
static int64_t line_end(int64_t length, int64_t width) {
    if (width > 0) {
        return (length - 1) / width * width + width;
    }
    int64_t end = 1;
    while (end < length) {
        end = 2 * end + 1;
    }
    return end;
}

// Lines over n sorted lengths above 0; the ones between without sequences are there too.
static void add_bins(const int64_t *sorted, int64_t n, pack_stats *s) {
    const int64_t width = line_width(sorted[0], sorted[n - 1]);
    const bool equal = width == 1 || sorted[n / 2] > line_end(sorted[0], width);
    const int64_t step = equal ? width : 0;
    int64_t end = line_end(sorted[0], step);
    s->bins[s->n_bins++] = (length_bin){equal ? end - width + 1 : end / 2 + 1, end, 0};
    for (int64_t i = 0; i < n; i++) {
        while (sorted[i] > end) {
            const int64_t from = end + 1;
            end = line_end(from, step);
            s->bins[s->n_bins++] = (length_bin){from, end, 0};
        }
        s->bins[s->n_bins - 1].n_seq++;
    }
}

static void measure_lengths(const psq_layout *layout, pack_stats *s) {
    const int64_t n = psq_layout_n_seq(layout);
    int64_t *const sorted = cli_alloc((size_t)n, sizeof(*sorted));
    if (n > 0) {
        memcpy(sorted, psq_layout_lengths(layout), (size_t)n * sizeof(*sorted));
        qsort(sorted, (size_t)n, sizeof(*sorted), compare_lengths);
    }
    while (s->n_empty < n && sorted[s->n_empty] == 0) {
        s->n_empty++;
    }
    s->n_seq = n;
    s->n_rows = psq_layout_n_rows(layout);
    s->mean = n > 0 ? (double)s->n_rows / (double)n : 0.0;
    s->min = n > 0 ? sorted[0] : 0;
    s->median = percentile(sorted, n, 50);
    s->p99 = percentile(sorted, n, 99);
    s->max = n > 0 ? sorted[n - 1] : 0;
    if (s->n_empty > 0) {
        s->bins[s->n_bins++] = (length_bin){0, 0, s->n_empty};
    }
    if (s->n_empty < n) {
        add_bins(sorted + s->n_empty, n - s->n_empty, s);
    }
    free(sorted);
}

static psq_status measure_cost(const psq_ctx *ctx, const psq_layout *layout, uint64_t seed,
                               padding_cost *cost, psq_error *err) {
    psq_batcher_opts opts = PSQ_BATCHER_OPTS_INIT;
    opts.limit = cost->n_seq;
    opts.pool_size = PACK_POOL * cost->n_seq;
    opts.seed = seed;
    psq_batcher *batcher = NULL;
    const psq_status status = psq_batcher_create(ctx, psq_layout_lengths(layout),
                                                 psq_layout_n_seq(layout), &opts, &batcher, err);
    if (status == PSQ_OK) {
        psq_batcher_report report;
        psq_batcher_get_report(batcher, &report);
        cost->n_random = report.n_padded_random;
        cost->n_bucketed = report.n_padded;
    }
    psq_batcher_destroy(batcher);
    return status;
}

int pack_stats_measure(const psq_ctx *ctx, const psq_layout *layout, uint64_t seed,
                       pack_stats *out) {
    psq_error err;
    *out = (pack_stats){.costs = {{.n_seq = 8}, {.n_seq = 32}, {.n_seq = 128}}};
    measure_lengths(layout, out);
    for (int i = 0; i < N_COSTS; i++) {
        if (measure_cost(ctx, layout, seed, &out->costs[i], &err) != PSQ_OK) {
            return fail_error(&err);
        }
    }
    return EXIT_SUCCESS;
}

// ---- text

static double work(int64_t n_padded, int64_t n_rows) {
    return n_rows > 0 ? (double)n_padded / (double)n_rows : 1.0;
}

static double waste(int64_t n_padded, int64_t n_rows) {
    return n_padded > 0 ? (double)(n_padded - n_rows) / (double)n_padded : 0.0;
}

static void bin_text(const length_bin *bin, char *text, size_t size) {
    if (bin->from == bin->to) {
        snprintf(text, size, "%" PRId64, bin->from);
    } else {
        snprintf(text, size, "%" PRId64 "-%" PRId64, bin->from, bin->to);
    }
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

// A bar for each line; the longest one fills the width. One sequence is seen.
static void print_histogram(const pack_stats *s, picture_style style, FILE *out) {
    char text[48];
    int64_t most = 1;
    int label = 6; // "length"
    for (int i = 0; i < s->n_bins; i++) {
        bin_text(&s->bins[i], text, sizeof(text));
        label = larger(label, (int)strlen(text));
        most = s->bins[i].n_seq > most ? s->bins[i].n_seq : most;
    }
    const int count = larger(snprintf(NULL, 0, "%" PRId64, most), 9); // "sequences"
    const int width = larger(style.width - label - count - 15, 8);
    fprintf(out, "\n  %*s  %*s\n", label, "length", count, "sequences");
    for (int i = 0; i < s->n_bins; i++) {
        const int64_t n = s->bins[i].n_seq;
        const double part = (double)n / (double)most;
        const int64_t bar = n > 0 ? larger((int)(part * width + 0.5), 1) : 0;
        bin_text(&s->bins[i], text, sizeof(text));
        fprintf(out, "  %*s  %*" PRId64 "  %5.1f %%", label, text, count, n,
                100.0 * (double)n / (double)s->n_seq);
        fputs(bar > 0 ? "  " : "", out);
        picture_bar(bar, bar, style, out);
        fputc('\n', out);
    }
}

static void print_cost(const char *name, int64_t n_padded, int64_t n_rows, picture_style style,
                       FILE *out) {
    const int width = larger((style.width - 45) / 2 * 2, 8);
    const double part = waste(n_padded, n_rows);
    fprintf(out, "%-8s  %5.2fx  %5.1f %%  ", name, work(n_padded, n_rows), 100.0 * part);
    picture_bar(width - (int64_t)(part * width + 0.5), width, style, out);
    fputc('\n', out);
}

static void print_costs(const pack_stats *s, picture_style style, FILE *out) {
    fprintf(out, "\n  %-9s  %-8s  %6s  %7s\n", "batch of", "order", "work", "padding");
    for (int i = 0; i < N_COSTS; i++) {
        const padding_cost *const cost = &s->costs[i];
        fprintf(out, "  %9" PRId64 "  ", cost->n_seq);
        print_cost("random", cost->n_random, s->n_rows, style, out);
        fprintf(out, "  %9s  ", "");
        print_cost("bucketed", cost->n_bucketed, s->n_rows, style, out);
    }
}

void pack_stats_print(const pack_stats *s, picture_style style, FILE *out) {
    fprintf(out, "  sequences  %" PRId64 ", %" PRId64 " of them empty\n", s->n_seq, s->n_empty);
    fprintf(out, "  rows       %" PRId64 "\n", s->n_rows);
    fprintf(out,
            "  length     min %" PRId64 ", median %" PRId64 ", mean %.2f, p99 %" PRId64
            ", max %" PRId64 "\n",
            s->min, s->median, s->mean, s->p99, s->max);
    if (s->n_seq > 0) {
        print_histogram(s, style, out);
        print_costs(s, style, out);
    }
}

// ---- JSON

static json_t *cost_json(int64_t n_padded, int64_t n_rows) {
    json_t *const object = json_new_object();
    json_put(object, "padded_rows", json_integer(n_padded));
    json_put(object, "work", json_number(work(n_padded, n_rows)));
    json_put(object, "waste", json_number(waste(n_padded, n_rows)));
    return object;
}

static json_t *length_json(const pack_stats *s) {
    json_t *const object = json_new_object();
    json_put(object, "min", json_integer(s->min));
    json_put(object, "median", json_integer(s->median));
    json_put(object, "mean", json_number(s->mean));
    json_put(object, "p99", json_integer(s->p99));
    json_put(object, "max", json_integer(s->max));
    return object;
}

static json_t *bins_json(const pack_stats *s) {
    json_t *const array = json_new_array();
    for (int i = 0; i < s->n_bins; i++) {
        json_t *const item = json_new_object();
        json_put(item, "from", json_integer(s->bins[i].from));
        json_put(item, "to", json_integer(s->bins[i].to));
        json_put(item, "sequences", json_integer(s->bins[i].n_seq));
        json_push(array, item);
    }
    return array;
}

json_t *pack_stats_json(const pack_stats *s) {
    json_t *const document = json_new_object();
    json_t *const batches = json_new_array();
    for (int i = 0; i < N_COSTS; i++) {
        json_t *const item = json_new_object();
        json_put(item, "sequences", json_integer(s->costs[i].n_seq));
        json_put(item, "random", cost_json(s->costs[i].n_random, s->n_rows));
        json_put(item, "bucketed", cost_json(s->costs[i].n_bucketed, s->n_rows));
        json_push(batches, item);
    }
    json_put(document, "sequences", json_integer(s->n_seq));
    json_put(document, "empty", json_integer(s->n_empty));
    json_put(document, "rows", json_integer(s->n_rows));
    json_put(document, "length", length_json(s));
    json_put(document, "histogram", bins_json(s));
    json_put(document, "batches", batches);
    return document;
}
