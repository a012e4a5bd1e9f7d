// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// kc_bench.c: how fast the kernels of one table are, on one core, on the sizes of recurrent layers;
// the best of several runs of a millisecond each. Products are shown beside the peak, which the
// table's own slot measures in the same run, and again before every kernel, since a machine's clock
// changes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kc.h"

enum { N_RUNS = 9, MAX_ROWS = PSQ_K_BLOCK, N_BUFFERS = 8 };

typedef struct bench {
    const psq_kern *k;
    const char *only;
    bool json;
    size_t size;
    double peak; // operations per second
    uint32_t random;
    void *memory[N_BUFFERS];
    int n_memory;
    // of the present case
    int64_t n_rows, n_out, n_k, H, n;
    int n_gates, cell;
    size_t slot;
    void *p[4];
    const void *a[MAX_ROWS];
    const void *b[MAX_ROWS];
    void *out[MAX_ROWS];
    psq_k_row rows[PSQ_K_LANES];
    double sink;
} bench;

typedef void (*bench_call)(bench *s);

// ---- time

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double run(bench *s, bench_call call, int64_t n_calls) {
    const double start = now();
    for (int64_t i = 0; i < n_calls; i++) {
        call(s);
    }
    return now() - start;
}

// Seconds of one call.
static double seconds(bench *s, bench_call call) {
    int64_t n_calls = 1;
    while (run(s, call, n_calls) < 1e-3) {
        n_calls *= 2;
    }
    double best = run(s, call, n_calls);
    for (int i = 1; i < N_RUNS; i++) {
        const double time = run(s, call, n_calls);
        best = time < best ? time : best;
    }
    return best / (double)n_calls;
}

// ---- output

static void show(const bench *s, const char *slot, const char *what, double value, const char *unit,
                 bool share) {
    const char *const dtype = s->k->dtype == PSQ_F32 ? "f32" : "f64";
    const double of_peak = value * 1e9 / s->peak;
    if (s->json) {
        printf("{\"table\": \"%s\", \"dtype\": \"%s\", \"slot\": \"%s\", \"case\": \"%s\", "
               "\"value\": %.6g, \"unit\": \"%s\"",
               s->k->name, dtype, slot, what, value, unit);
        if (share) {
            printf(", \"share_of_peak\": %.4f", of_peak);
        }
        puts("}");
    } else if (share) {
        printf("%-7s %s %-18s %-22s %8.2f %-12s %3.0f %%\n", s->k->name, dtype, slot, what, value,
               unit, 100.0 * of_peak);
    } else {
        printf("%-7s %s %-18s %-22s %8.3f %s\n", s->k->name, dtype, slot, what, value, unit);
    }
    fflush(stdout);
}

static bool wanted(const bench *s, const char *slot) {
    return s->only == NULL || strcmp(s->only, slot) == 0;
}

// ---- memory

// n elements, uniform in [low, 1), 64-byte aligned.
static void *elements(bench *s, int64_t n, double low) {
    const size_t bytes = ((size_t)n * s->size + 127) / 64 * 64;
    char *const memory = (char *)aligned_alloc(64, bytes);
    if (memory == NULL || s->n_memory == N_BUFFERS) {
        fputs("kcheck: out of memory\n", stderr);
        exit(2);
    }
    s->memory[s->n_memory++] = memory;
    for (int64_t i = 0; i < n; i++) {
        s->random = s->random * 1664525U + 1013904223U;
        const double x = low + (1.0 - low) * (double)(s->random >> 8) * 0x1p-24;
        const float x32 = (float)x;
        memcpy(memory + (size_t)i * s->size, s->size == sizeof x ? (const void *)&x : &x32,
               s->size);
    }
    return memory;
}

static const void *row_of(const bench *s, const void *rows, int64_t m, int64_t n) {
    return (const char *)rows + (size_t)(m * n) * s->size;
}

static void *out_row_of(const bench *s, void *rows, int64_t m, int64_t n) {
    return (char *)rows + (size_t)(m * n) * s->size;
}

static void release(bench *s) {
    while (s->n_memory > 0) {
        free(s->memory[--s->n_memory]);
    }
}

// ---- peak, tile, panel

static void call_peak(bench *s) {
    s->n = s->k->peak(1000);
}

static void measure_peak(bench *s) {
    const double time = seconds(s, call_peak);
    const double peak = (double)s->n / time;
    s->peak = peak > s->peak ? peak : s->peak;
}

static void call_tile(bench *s) {
    s->k->tile(s->n_rows, 0, s->n_out, s->n_out, s->n_k, s->a, s->p[1], s->out);
}

static void call_panel(bench *s) {
    s->k->panel(s->n_gates, s->n_out, s->n_k, s->p[0], s->n_k, 1, s->p[1]);
}

typedef struct shape {
    const char *name;
    int n_gates;
} shape;

static const shape shapes[] = {{"LSTM", 4}, {"GRU", 3}, {"RNN", 1}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };
enum { LEAST_H = 32, MOST_H = 1024 };

static void take_panel(bench *s, const shape *layer, int64_t H) {
    s->n_gates = layer->n_gates;
    s->n_out = H * layer->n_gates;
    s->n_k = H;
    s->p[0] = elements(s, s->n_out * s->n_k, -1.0);
    s->p[1] = elements(s, s->k->panel_size(s->n_out, s->n_k), 0.0);
    call_panel(s);
}

static void bench_tile_rows(bench *s, const shape *layer, int64_t n_rows) {
    char what[64];
    void *const a = elements(s, n_rows * s->n_k, -1.0);
    void *const out = elements(s, n_rows * s->n_out, -1.0);
    s->n_rows = n_rows;
    for (int64_t m = 0; m < n_rows; m++) {
        s->a[m] = row_of(s, a, m, s->n_k);
        s->out[m] = out_row_of(s, out, m, s->n_out);
    }
    const double time = seconds(s, call_tile);
    snprintf(what, sizeof what, "%s H %lld rows %lld", layer->name, (long long)s->n_k,
             (long long)n_rows);
    show(s, "tile", what, 2e-9 * (double)(n_rows * s->n_out * s->n_k) / time, "GFLOP/s", true);
    free(s->memory[--s->n_memory]);
    free(s->memory[--s->n_memory]);
}

static void bench_tile(bench *s) {
    static const int64_t rows[] = {1, 2, 4, 6, 12, 48};
    for (int i = 0; i < N_SHAPES; i++) {
        for (int64_t H = LEAST_H; H <= MOST_H; H *= 2) {
            take_panel(s, &shapes[i], H);
            measure_peak(s);
            for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
                bench_tile_rows(s, &shapes[i], rows[j]);
            }
            release(s);
        }
    }
}

// Of W, read once and written once.
static void bench_panel(bench *s) {
    char what[64];
    for (int i = 0; i < N_SHAPES; i++) {
        for (int64_t H = LEAST_H; H <= MOST_H; H *= 4) {
            take_panel(s, &shapes[i], H);
            const double time = seconds(s, call_panel);
            snprintf(what, sizeof what, "%s H %lld", shapes[i].name, (long long)H);
            show(s, "panel", what, 2e-9 * (double)(s->n_out * s->n_k) * (double)s->size / time,
                 "GB/s", false);
            release(s);
        }
    }
}

// ---- sums over the rows of a block

static void call_outer(bench *s) {
    s->k->outer(s->n_rows, 0, s->n_out, s->n_k, s->a, s->b, s->p[0], s->p[1]);
}

static void call_column_sum(bench *s) {
    s->k->column_sum(s->n_rows, 0, s->n_out, s->a, s->p[0]);
}

static void bench_rows(bench *s, const shape *layer, int64_t H, bool outer) {
    char what[64];
    s->n_rows = PSQ_K_BLOCK;
    s->n_out = layer->n_gates * H;
    s->n_k = H;
    const void *const a = elements(s, s->n_rows * s->n_out, -1.0);
    const void *const b = elements(s, s->n_rows * H, -1.0);
    s->p[0] = elements(s, s->n_out * H, -1.0);
    s->p[1] = elements(s, s->k->outer_work(H), 0.0);
    for (int64_t r = 0; r < s->n_rows; r++) {
        s->a[r] = row_of(s, a, r, s->n_out);
        s->b[r] = row_of(s, b, r, H);
    }
    snprintf(what, sizeof what, "%s H %lld", layer->name, (long long)H);
    const double n = (double)(s->n_rows * s->n_out);
    if (outer) {
        show(s, "outer", what, 2e-9 * n * (double)H / seconds(s, call_outer), "GFLOP/s", true);
    } else {
        show(s, "column_sum", what, 1e-9 * n * (double)s->size / seconds(s, call_column_sum),
             "GB/s", false);
    }
    release(s);
}

static void bench_all_rows(bench *s, bool outer) {
    for (int i = 0; i < N_SHAPES; i++) {
        measure_peak(s);
        for (int64_t H = LEAST_H; H <= MOST_H; H *= outer ? 2 : 4) {
            bench_rows(s, &shapes[i], H, outer);
        }
    }
}

// ---- cells

static void call_forward(bench *s) {
    s->k->forward[s->cell](PSQ_K_LANES, 0, s->H, s->H, s->rows);
}

static void call_backward(bench *s) {
    s->k->backward[s->cell](PSQ_K_LANES, 0, s->H, s->H, s->rows);
}

static const char *const cell_names[PSQ_N_CELL] = {[PSQ_RNN_TANH] = "rnn_tanh",
                                                   [PSQ_RNN_RELU] = "rnn_relu",
                                                   [PSQ_LSTM] = "lstm",
                                                   [PSQ_GRU] = "gru"};

static void bench_cell(bench *s, int cell, int64_t H, const char *slot, bench_call call) {
    enum { SLOTS = 20 }; // of H elements for all arrays of a row
    char what[64];
    s->cell = cell;
    s->H = H;
    void *const all = elements(s, PSQ_K_LANES * SLOTS * H, 0.0);
    for (int64_t m = 0; m < PSQ_K_LANES; m++) {
        s->rows[m] = (psq_k_row){.pre = out_row_of(s, all, m * SLOTS, H),
                                 .gates = out_row_of(s, all, m * SLOTS + 4, H),
                                 .dgates = out_row_of(s, all, m * SLOTS + 8, H),
                                 .h_prev = out_row_of(s, all, m * SLOTS + 12, H),
                                 .c_prev = out_row_of(s, all, m * SLOTS + 13, H),
                                 .c = out_row_of(s, all, m * SLOTS + 14, H),
                                 .h = out_row_of(s, all, m * SLOTS + 15, H),
                                 .dh = out_row_of(s, all, m * SLOTS + 16, H),
                                 .dcarry = out_row_of(s, all, m * SLOTS + 17, H),
                                 .m = out_row_of(s, all, m * SLOTS + 18, H)};
    }
    const double time = seconds(s, call);
    snprintf(what, sizeof what, "H %lld rows %d", (long long)H, (int)PSQ_K_LANES);
    show(s, slot, what, 1e9 * time / (double)(PSQ_K_LANES * H), "ns per unit", false);
    release(s);
}

static void bench_cells(bench *s, const char *direction, bench_call call) {
    static const int64_t sizes[] = {32, 200, 256, 1024};
    for (int cell = 0; cell < PSQ_N_CELL; cell++) {
        char slot[64];
        snprintf(slot, sizeof slot, "%s_%s", direction, cell_names[cell]);
        for (size_t i = 0; wanted(s, slot) && i < sizeof sizes / sizeof sizes[0]; i++) {
            bench_cell(s, cell, sizes[i], slot, call);
        }
    }
}

// ---- rows of elements

static void call_map(bench *s) {
    void (*map)(int64_t, const void *, void *);
    KC_FUNCTION(s->k, s->slot, map);
    map(s->n, s->p[0], s->p[1]);
}

static void call_binary(bench *s) {
    void (*binary)(int64_t, const void *, const void *, void *);
    KC_FUNCTION(s->k, s->slot, binary);
    binary(s->n, s->p[0], s->p[2], s->p[1]);
}

static void call_scale(bench *s) {
    s->k->scale(s->n, 0.3, s->p[0], s->p[1]);
}

static void call_flush(bench *s) {
    s->k->flush(s->n, s->p[0]);
}

static void call_sum(bench *s) {
    s->sink += s->k->sum(s->n, s->p[0]);
}

static void call_dot(bench *s) {
    s->sink += s->k->dot(s->n, s->p[0], s->p[1]);
}

static void call_loss(bench *s) {
    s->sink += s->k->softmax_loss(s->n, s->p[0], 1, 0.5, s->p[1]);
}

static void call_sgd(bench *s) {
    static const psq_k_sgd sgd = {1e-3, 0.9, 1e-2, false};
    s->k->sgd(s->n, &sgd, s->p[0], s->p[1], s->p[2]);
}

static void call_adam(bench *s) {
    static const psq_k_adam adam = {1e-3, 0.9, 0.999, 1e-8, 1e-2, 0.5, 0.5, true};
    s->k->adam(s->n, &adam, s->p[0], s->p[1], s->p[2], s->p[3]);
}

static const struct element_row {
    const char *slot;
    size_t offset;
    bench_call call;
} element_rows[] = {
    {"sigmoid", offsetof(psq_kern, sigmoid), call_map},
    {"tanh", offsetof(psq_kern, tanh), call_map},
    {"exp", offsetof(psq_kern, exp), call_map},
    {"log", offsetof(psq_kern, log), call_map},
    {"add", offsetof(psq_kern, add), call_binary},
    {"mul", offsetof(psq_kern, mul), call_binary},
    {"scale", 0, call_scale},
    {"max", offsetof(psq_kern, max), call_binary},
    {"flush", 0, call_flush},
    {"sum", 0, call_sum},
    {"dot", 0, call_dot},
    {"softmax_loss", 0, call_loss},
    {"sgd", 0, call_sgd},
    {"adam", 0, call_adam},
};

static void bench_elements(bench *s, int64_t n) {
    char what[64];
    s->n = n;
    for (size_t i = 0; i < sizeof element_rows / sizeof element_rows[0]; i++) {
        if (wanted(s, element_rows[i].slot)) {
            for (int j = 0; j < 4; j++) {
                s->p[j] = elements(s, n, 0.0);
            }
            s->slot = element_rows[i].offset;
            snprintf(what, sizeof what, "n %lld", (long long)n);
            show(s, element_rows[i].slot, what, 1e9 * seconds(s, element_rows[i].call) / (double)n,
                 "ns/element", false);
            release(s);
        }
    }
}

void kc_bench(const psq_kern *k, const char *only, bool json) {
    bench s = {.k = k, .only = only, .json = json, .random = 1};
    s.size = k->dtype == PSQ_F32 ? sizeof(float) : sizeof(double);
    measure_peak(&s);
    if (wanted(&s, "tile")) {
        bench_tile(&s);
    }
    if (wanted(&s, "outer")) {
        bench_all_rows(&s, true);
    }
    bench_cells(&s, "forward", call_forward);
    bench_cells(&s, "backward", call_backward);
    if (wanted(&s, "panel")) {
        bench_panel(&s);
    }
    if (wanted(&s, "column_sum")) {
        bench_all_rows(&s, false);
    }
    bench_elements(&s, 1000);
    show(&s, "peak", "the most seen", s.peak * 1e-9, "GFLOP/s", true);
}
