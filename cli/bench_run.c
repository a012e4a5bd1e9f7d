// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// bench_run.c: the clock runs around single passes and the median counts, so that what else the
// machine does shows in the quartiles and not in the result. The peak is measured between the
// passes, on the same core at the same clock rate; there the best counts, because nothing but
// disturbance can make it vary.
#include "bench_run.h"

#include "bench_lengths.h"
#include "cli.h"

#include <string.h>

// A run of the peak loop this long is long for the clock and short beside a pass.
static const double peak_seconds = 3e-4;
static const double peak_share = 0.05;

enum { MIN_PASSES = 3 };

// ---- the network

static void *need(const psq_ctx *ctx, size_t size) {
    void *const memory = psq_malloc(ctx, size);
    if (!memory) {
        cli_no_memory();
    }
    return memory;
}

static float *need_floats(const psq_ctx *ctx, int64_t n_rows, int64_t width) {
    const size_t row = (size_t)width * sizeof(float);
    if (row > 0 && (size_t)n_rows > SIZE_MAX / row) {
        cli_no_memory();
    }
    return need(ctx, (size_t)n_rows * row);
}

static float *random_floats(const psq_ctx *ctx, int64_t n_rows, int64_t width, uint64_t seed) {
    float *const items = need_floats(ctx, n_rows, width);
    for (int64_t i = 0; i < n_rows * width; i++) {
        items[i] = (float)(2.0 * bench_random(&seed) - 1.0);
    }
    return items;
}

static int64_t output_size(const psq_rnn_spec *spec) {
    const int64_t size = spec->proj_size > 0 ? spec->proj_size : spec->hidden_size;
    return spec->bidirectional ? 2 * size : size;
}

static void fill(bench_net *net, uint64_t seed) {
    const psq_rnn_spec *const spec = psq_rnn_get_spec(net->rnn);
    const int64_t n_rows = psq_layout_n_rows(net->layout);
    const int64_t n_weights = psq_rnn_n_weights(net->rnn);
    net->weights = need_floats(net->ctx, n_weights, 1);
    psq_rnn_init(net->rnn, seed, net->weights);
    net->panel_bytes = psq_rnn_panel_bytes(net->rnn);
    net->panels = need(net->ctx, net->panel_bytes);
    net->x = random_floats(net->ctx, n_rows, spec->input_size, seed + 1);
    net->y = need_floats(net->ctx, n_rows, output_size(spec));
    net->reserve = need(net->ctx, net->reserve_bytes);
    net->scratch = need(net->ctx, net->scratch_bytes);
    if (net->train) {
        net->dy = random_floats(net->ctx, n_rows, output_size(spec), seed + 2);
        net->dx = need_floats(net->ctx, n_rows, spec->input_size);
        net->dweights = need_floats(net->ctx, n_weights, 1);
    }
}

static unsigned flags_of(const bench_net *net) {
    return !net->train ? 0 : (unsigned)PSQ_TRAIN | (net->recompute ? PSQ_RECOMPUTE : 0);
}

int bench_net_make(const psq_ctx *ctx, const psq_rnn_spec *spec, const psq_layout *layout,
                   bool train, bool recompute, uint64_t seed, bench_net *net) {
    psq_error err;
    *net = (bench_net){.ctx = ctx, .layout = layout, .train = train, .recompute = recompute};
    if (psq_rnn_create(ctx, spec, &net->rnn, &err) != PSQ_OK ||
        psq_rnn_sizes(net->rnn, layout, flags_of(net), &net->reserve_bytes, &net->scratch_bytes,
                      &err) != PSQ_OK) {
        return fail_error(&err);
    }
    fill(net, seed);
    return psq_rnn_pack(net->rnn, net->weights, net->panels, &err) == PSQ_OK ? EXIT_SUCCESS
                                                                             : fail_error(&err);
}

void bench_net_free(bench_net *net) {
    void *const buffers[] = {net->weights, net->panels,   net->x,       net->y,      net->dy,
                             net->dx,      net->dweights, net->reserve, net->scratch};
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        psq_free(net->ctx, buffers[i]);
    }
    psq_rnn_destroy(net->rnn);
}

double bench_net_flops(const bench_net *net) {
    static const double gates[PSQ_N_CELL] = {
        [PSQ_RNN_TANH] = 1.0, [PSQ_RNN_RELU] = 1.0, [PSQ_LSTM] = 4.0, [PSQ_GRU] = 3.0};
    const psq_rnn_spec *const spec = psq_rnn_get_spec(net->rnn);
    const double n_directions = spec->bidirectional ? 2.0 : 1.0;
    const double H = (double)spec->hidden_size;
    const double P = (double)spec->proj_size;
    const double R = P > 0.0 ? P : H;
    double terms = 0.0; // of a row's products
    for (int64_t layer = 0; layer < spec->n_layers; layer++) {
        const double I = layer == 0 ? (double)spec->input_size : n_directions * R;
        terms += n_directions * (gates[spec->cell] * H * (I + R) + P * H);
    }
    const double n_rows = (double)psq_layout_n_rows(net->layout);
    return 2.0 * terms * n_rows * (net->train ? 3.0 : 1.0);
}

static psq_status forward(const bench_net *net, psq_rnn_io *io, psq_error *err) {
    io->x = net->x;
    io->y = net->y;
    return psq_rnn_forward(net->rnn, net->layout, net->panels, io, flags_of(net), net->reserve,
                           net->scratch, err);
}

static psq_status backward(const bench_net *net, const psq_rnn_io *io, psq_error *err) {
    psq_rnn_grads grads = PSQ_RNN_GRADS_INIT;
    grads.dy = net->dy;
    grads.dx = net->dx;
    grads.dweights = net->dweights;
    memset(net->dweights, 0, (size_t)psq_rnn_n_weights(net->rnn) * sizeof(float));
    return psq_rnn_backward(net->rnn, net->layout, net->panels, io, &grads, flags_of(net),
                            net->reserve, net->scratch, err);
}

static psq_status pass(const bench_net *net, psq_error *err) {
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    if (!net->train) {
        return forward(net, &io, err);
    }
    psq_status status = psq_rnn_pack(net->rnn, net->weights, net->panels, err);
    if (status == PSQ_OK) {
        status = forward(net, &io, err);
    }
    return status == PSQ_OK ? backward(net, &io, err) : status;
}

// ---- the clock

typedef struct peak_loop {
    int64_t n_rounds;
    double spent; // seconds
    double best;  // operations per second
} peak_loop;

static double peak_run(const psq_ctx *ctx, peak_loop *loop) {
    const double start = cli_seconds();
    const double flops = (double)psq_kernel_peak(ctx, PSQ_F32, loop->n_rounds);
    const double elapsed = cli_seconds() - start;
    loop->spent += elapsed;
    if (elapsed > 0.0 && flops / elapsed > loop->best) {
        loop->best = flops / elapsed;
    }
    return elapsed;
}

static void peak_start(const psq_ctx *ctx, peak_loop *loop) {
    *loop = (peak_loop){.n_rounds = 256};
    while (peak_run(ctx, loop) < peak_seconds) {
        loop->n_rounds *= 2;
        loop->best = 0.0; // of runs that were too short to count
    }
    loop->spent = 0.0;
}

typedef struct time_list {
    double *items;
    size_t n;
    size_t capacity;
} time_list;

static void time_list_push(time_list *list, double item) {
    if (list->n == list->capacity) {
        list->capacity = list->capacity > 0 ? 2 * list->capacity : 256;
        list->items = cli_grow(list->items, list->capacity, sizeof(*list->items));
    }
    list->items[list->n++] = item;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

// Between the two nearest of the sorted items.
static double quantile(const time_list *list, double share) {
    const double at = share * (double)(list->n - 1);
    const size_t below = (size_t)at;
    const size_t above = below + 1 < list->n ? below + 1 : below;
    return list->items[below] + (at - (double)below) * (list->items[above] - list->items[below]);
}

static void show_progress(double elapsed, double seconds, size_t n_passes) {
    fprintf(stderr, "\r\033[K%.1f of %.1f s, %zu passes", elapsed, seconds, n_passes);
    fflush(stderr);
}

static psq_status run_passes(const bench_net *net, double seconds, time_list *list, peak_loop *loop,
                             psq_error *err) {
    const bool live = term_is(stderr);
    const double start = cli_seconds();
    double drawn = start;
    double now = start;
    while (now - start < seconds || list->n < MIN_PASSES) {
        const double before = cli_seconds();
        const psq_status status = pass(net, err);
        now = cli_seconds();
        if (status != PSQ_OK) {
            return status;
        }
        time_list_push(list, now - before);
        if (loop->spent <= peak_share * (now - start)) {
            peak_run(net->ctx, loop);
        }
        if (live && now - drawn >= 0.1) {
            show_progress(now - start, seconds, list->n);
            drawn = now;
        }
    }
    if (live) {
        fputs("\r\033[K", stderr);
    }
    return PSQ_OK;
}

int bench_measure(const bench_net *net, double seconds, bench_times *times) {
    psq_error err;
    peak_loop loop;
    time_list list = {NULL, 0, 0};
    peak_start(net->ctx, &loop);
    psq_status status = pass(net, &err);
    if (status == PSQ_OK) {
        status = run_passes(net, seconds, &list, &loop, &err);
    }
    if (status == PSQ_OK) {
        qsort(list.items, list.n, sizeof(*list.items), compare);
        *times = (bench_times){(int64_t)list.n, quantile(&list, 0.5), quantile(&list, 0.25),
                               quantile(&list, 0.75), loop.best};
    }
    free(list.items);
    return status == PSQ_OK ? EXIT_SUCCESS : fail_error(&err);
}
