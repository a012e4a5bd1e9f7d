// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cmd_bench.c: `packseq bench`: how fast this machine runs a network on a ragged batch. The speed
// counts useful work only, so that it can be held against what the processor can do at most, which
// is measured in the same run.
#include "cli.h"

#include "bench_lengths.h"
#include "bench_pack.h"
#include "bench_run.h"
#include "json_out.h"
#include "train_options.h"

#include <inttypes.h>
#include <string.h>

typedef enum bench_mode { MODE_FORWARD, MODE_TRAIN, N_MODES } bench_mode;

typedef struct bench_options {
    int cell;
    int64_t input;
    int64_t hidden;
    int64_t proj;
    int64_t layers;
    bool bidirectional;
    int64_t batch;
    const char *lengths;
    int64_t mean;
    int64_t seed;
    int64_t threads;
    int mode;
    bool recompute;
    double seconds;
    bool pack;
    int64_t large;
    bool json;
} bench_options;

static const bench_options defaults = {
    .cell = PSQ_LSTM,
    .hidden = 256,
    .layers = 1,
    .batch = 32,
    .lengths = "text",
    .mean = 50,
    .seed = 1,
    .mode = MODE_FORWARD,
    .seconds = 2.0,
    .large = 64,
};

static const char *mode_name(int index) {
    static const char *const names[N_MODES] = {"forward", "train"};
    return index < N_MODES ? names[index] : NULL;
}

#define AT(field) offsetof(bench_options, field)
static const option_row table[] = {
    {"cell", 'c', OPTION_CHOICE, AT(cell), "CELL", "recurrent cell", 0, 0, train_options_cell},
    {"input", 0, OPTION_INT, AT(input), "N", "values of a row, 0: as many as units", 0, 65536,
     NULL},
    {"hidden", 0, OPTION_INT, AT(hidden), "N", "units of a layer and direction", 1, 65536, NULL},
    {"proj", 0, OPTION_INT, AT(proj), "N", "lstm: projection size, 0 for none", 0, 65535, NULL},
    {"layers", 0, OPTION_INT, AT(layers), "N", "layers", 1, 64, NULL},
    {"bidirectional", 0, OPTION_SWITCH, AT(bidirectional), NULL, "read both ways", 0, 0, NULL},
    {"batch", 'b', OPTION_INT, AT(batch), "N", "sequences", 1, 1e6, NULL},
    {"lengths", 'l', OPTION_TEXT, AT(lengths), "KIND",
     "equal, uniform, text, speech, giant, or a file", 0, 0, NULL},
    {"mean", 0, OPTION_INT, AT(mean), "N", "mean length", 1, 1e5, NULL},
    {"seed", 's', OPTION_INT, AT(seed), "N", "of lengths, weights and rows", 0, 9e15, NULL},
    THREADS_OPTION_ROW(AT(threads)),
    {"mode", 'm', OPTION_CHOICE, AT(mode), "MODE", "what a pass is", 0, 0, mode_name},
    {"recompute", 0, OPTION_FLAG, AT(recompute), NULL, "train: compute gates again, in less memory",
     0, 0, NULL},
    {"seconds", 0, OPTION_REAL, AT(seconds), "S", "how long to run passes, at least three", 0, 3600,
     NULL},
    {"pack", 'p', OPTION_FLAG, AT(pack), NULL, "measure conversions beside memcpy instead", 0, 0,
     NULL},
    {"large", 0, OPTION_INT, AT(large), "N", "--pack: MiB of rows beyond the caches", 1, 65536,
     NULL},
    {"json", 0, OPTION_FLAG, AT(json), NULL, "print JSON", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};
#undef AT

// What there is to print, beside the options.
typedef struct bench {
    const bench_options *o;
    psq_ctx *ctx;
    psq_layout *layout;
    bench_net net;
    bench_times times;
} bench;

static double fill_share(const bench *b) {
    const double n_rows = (double)psq_layout_n_rows(b->layout);
    const double n_padded =
        (double)psq_layout_n_seq(b->layout) * (double)psq_layout_n_steps(b->layout);
    return n_padded > 0.0 ? n_rows / n_padded : 1.0;
}

static double speed(const bench *b) {
    return bench_net_flops(&b->net) / b->times.median;
}

static double peak_of_all(const bench *b) {
    return b->times.peak * (double)psq_ctx_n_threads(b->ctx);
}

static double floats_per_unit(const bench *b) {
    const psq_rnn_spec *const spec = psq_rnn_get_spec(b->net.rnn);
    const double units = (double)(spec->n_layers * spec->hidden_size) *
                         (spec->bidirectional ? 2.0 : 1.0) * (double)psq_layout_n_rows(b->layout);
    return (double)(b->net.reserve_bytes + b->net.scratch_bytes) / sizeof(float) / units;
}

// ---- output

static void print_time(double seconds) {
    if (seconds < 1e-3) {
        printf("%.4g us", 1e6 * seconds);
    } else if (seconds < 1.0) {
        printf("%.4g ms", 1e3 * seconds);
    } else {
        printf("%.4g s", seconds);
    }
}

static void print_net(const bench *b) {
    const psq_rnn_spec *const spec = psq_rnn_get_spec(b->net.rnn);
    const int64_t n_seq = psq_layout_n_seq(b->layout);
    printf("network   %s%s, %" PRId64 " layer%s, input %" PRId64 ", hidden %" PRId64,
           spec->bidirectional ? "bidirectional " : "", train_options_cell((int)spec->cell),
           spec->n_layers, spec->n_layers == 1 ? "" : "s", spec->input_size, spec->hidden_size);
    if (spec->proj_size > 0) {
        printf(", projection %" PRId64, spec->proj_size);
    }
    printf("\nbatch     %" PRId64 " sequence%s (%s), longest %" PRId64 ", %" PRId64
           " rows, fill %.1f %%\n",
           n_seq, n_seq == 1 ? "" : "s", bench_lengths_name(b->o->lengths),
           psq_layout_n_steps(b->layout), psq_layout_n_rows(b->layout), 100.0 * fill_share(b));
    const int64_t n_threads = psq_ctx_n_threads(b->ctx);
    printf("kernels   %s, %" PRId64 " thread%s\n", psq_kernel_name(b->ctx, PSQ_F32), n_threads,
           n_threads == 1 ? "" : "s");
}

static void print_text(const bench *b) {
    const bench_times *const t = &b->times;
    print_net(b);
    printf("pass      %s%s, ", mode_name(b->o->mode), b->o->recompute ? ", recomputing gates" : "");
    print_time(t->median);
    fputs(" median, quartiles ", stdout);
    print_time(t->q1);
    fputs(" and ", stdout);
    print_time(t->q3);
    printf(", %" PRId64 " passes\n", t->n_passes);
    printf("row       %.4g us\n", 1e6 * t->median / (double)psq_layout_n_rows(b->layout));
    printf("speed     %.4g GFLOP/s of useful work\n", 1e-9 * speed(b));
    printf("peak      %.4g GFLOP/s: %.1f %% reached\n", 1e-9 * peak_of_all(b),
           100.0 * speed(b) / peak_of_all(b));
    printf("memory    reserve %zu bytes, scratch %zu bytes: %.2f floats per row and unit\n",
           b->net.reserve_bytes, b->net.scratch_bytes, floats_per_unit(b));
}

static json_t *json_net(const psq_rnn_spec *spec) {
    json_t *const object = json_new_object();
    json_put(object, "cell", json_string(psq_cell_name(spec->cell)));
    json_put(object, "input", json_integer(spec->input_size));
    json_put(object, "hidden", json_integer(spec->hidden_size));
    json_put(object, "proj", json_integer(spec->proj_size));
    json_put(object, "layers", json_integer(spec->n_layers));
    json_put(object, "bidirectional", json_boolean(spec->bidirectional));
    return object;
}

static json_t *json_batch(const bench *b) {
    json_t *const object = json_new_object();
    json_put(object, "lengths", json_string(bench_lengths_name(b->o->lengths)));
    json_put(object, "sequences", json_integer(psq_layout_n_seq(b->layout)));
    json_put(object, "longest", json_integer(psq_layout_n_steps(b->layout)));
    json_put(object, "rows", json_integer(psq_layout_n_rows(b->layout)));
    json_put(object, "fill", json_number(fill_share(b)));
    return object;
}

static json_t *json_times(const bench_times *times) {
    json_t *const object = json_new_object();
    json_put(object, "passes", json_integer(times->n_passes));
    json_put(object, "median", json_number(times->median));
    json_put(object, "q1", json_number(times->q1));
    json_put(object, "q3", json_number(times->q3));
    return object;
}

static json_t *json_memory(const bench *b) {
    json_t *const object = json_new_object();
    json_put(object, "panel_bytes", json_integer((json_int_t)b->net.panel_bytes));
    json_put(object, "reserve_bytes", json_integer((json_int_t)b->net.reserve_bytes));
    json_put(object, "scratch_bytes", json_integer((json_int_t)b->net.scratch_bytes));
    json_put(object, "floats_per_row_and_unit", json_number(floats_per_unit(b)));
    return object;
}

static void print_json(const bench *b) {
    json_t *const document = json_new_object();
    json_put(document, "network", json_net(psq_rnn_get_spec(b->net.rnn)));
    json_put(document, "batch", json_batch(b));
    json_put(document, "mode", json_string(mode_name(b->o->mode)));
    json_put(document, "recompute", json_boolean(b->o->recompute));
    json_put(document, "kernels", json_string(psq_kernel_name(b->ctx, PSQ_F32)));
    json_put(document, "threads", json_integer(psq_ctx_n_threads(b->ctx)));
    json_put(document, "seconds", json_times(&b->times));
    json_put(document, "us_per_row",
             json_number(1e6 * b->times.median / (double)psq_layout_n_rows(b->layout)));
    json_put(document, "flops", json_integer((json_int_t)bench_net_flops(&b->net)));
    json_put(document, "gflops", json_number(1e-9 * speed(b)));
    json_put(document, "peak_gflops", json_number(1e-9 * peak_of_all(b)));
    json_put(document, "share_of_peak", json_number(speed(b) / peak_of_all(b)));
    json_put(document, "memory", json_memory(b));
    json_print(document);
}

// ---- the run

static psq_rnn_spec make_spec(const bench_options *o) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = (psq_cell)o->cell;
    spec.input_size = o->input > 0 ? o->input : o->hidden;
    spec.hidden_size = o->hidden;
    spec.proj_size = o->proj;
    spec.n_layers = o->layers;
    spec.bidirectional = o->bidirectional;
    return spec;
}

static int make_layout(bench *b) {
    psq_error err;
    const bench_options *const o = b->o;
    int_list lengths = {NULL, 0, 0};
    int code = bench_lengths_make(o->lengths, o->batch, o->mean, (uint64_t)o->seed, &lengths);
    if (code == EXIT_SUCCESS &&
        psq_layout_from_lengths(b->ctx, lengths.items, lengths.n, &b->layout, &err) != PSQ_OK) {
        code = fail_error(&err);
    }
    int_list_free(&lengths);
    if (code == EXIT_SUCCESS && psq_layout_n_rows(b->layout) == 0) {
        code = fail_data("all lengths are 0, there is nothing to measure");
    }
    return code;
}

static int run_bench(bench *b) {
    const psq_rnn_spec spec = make_spec(b->o);
    int code = make_layout(b);
    if (code == EXIT_SUCCESS) {
        code = bench_net_make(b->ctx, &spec, b->layout, b->o->mode == MODE_TRAIN, b->o->recompute,
                              (uint64_t)b->o->seed, &b->net);
        if (code == EXIT_SUCCESS) {
            code = bench_measure(&b->net, b->o->seconds, &b->times);
        }
        if (code == EXIT_SUCCESS) {
            (b->o->json ? print_json : print_text)(b);
        }
        bench_net_free(&b->net);
    }
    return code;
}

static int run_pack(const bench *b) {
    return bench_pack(b->ctx, &(bench_pack_opts){.lengths = b->o->lengths,
                                                 .batch = b->o->batch,
                                                 .seed = (uint64_t)b->o->seed,
                                                 .seconds = b->o->seconds,
                                                 .large_bytes = b->o->large << 20,
                                                 .json = b->o->json});
}

static int check(const bench_options *o, int n_args, char **args) {
    if (n_args > 0) {
        return fail_usage("bench takes no arguments, '%.40s' is one", args[0]);
    }
    if (o->recompute && o->mode != MODE_TRAIN) {
        return fail_usage("--recompute needs --mode train");
    }
    if (o->pack && strcmp(bench_lengths_name(o->lengths), "file") == 0) {
        return fail_usage("--pack makes lengths of a kind, '%.40s' is none", o->lengths);
    }
    return train_options_check_proj(o->proj, o->hidden, o->cell);
}

static int run(const void *options, int n_args, char **args) {
    bench b = {.o = options};
    int code = check(b.o, n_args, args);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    code = cli_ctx(b.o->threads, &b.ctx);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    code = b.o->pack ? run_pack(&b) : run_bench(&b);
    psq_layout_destroy(b.layout);
    psq_ctx_destroy(b.ctx);
    return code;
}

const command cmd_bench = {
    "bench",
    "",
    "measure how fast a network runs on a batch",
    "Runs a network with random weights on a ragged batch, again and again, and prints the time "
    "of\n"
    "a pass, the speed, and how much of what the processor's multiply-add units can do at most "
    "that\n"
    "is. Only work on real rows counts. A forward pass only computes outputs; a train pass packs\n"
    "the weights and computes outputs and the gradients of inputs and weights.\n\n"
    "KIND: equal; uniform, from 1 to twice the mean; text and speech, log-normal with sigma 0.8\n"
    "and 0.4; giant, one of 20 times the mean among short ones. Or a file with one length a line,\n"
    "'-' for standard input, which replaces --batch and --mean.\n\n"
    "With --pack: how fast rows of 1 to 1024 floats go from one order to another, beside memcpy "
    "of\n"
    "as many bytes as are written; batches of 256 KiB, of 4 MiB and of as many as --large says.\n\n"
    "  packseq bench\n"
    "  packseq bench --cell gru --hidden 512 --mode train --threads 1 --lengths lengths.txt\n"
    "  packseq bench --pack --threads 1",
    table,
    &defaults,
    sizeof(bench_options),
    run,
};
