// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cmd_pack.c: `packseq pack`: sequences in, one ragged batch out, and what padding it would cost.
// All inputs of a command are of one format, so that each format's own data set puts them together.
#include "cli.h"

#include "data_source.h"
#include "json_out.h"
#include "pack_data.h"
#include "pack_stats.h"
#include "progress.h"

#include <string.h>

typedef enum pack_format { FORMAT_AUTO = 0, FORMAT_TEXT, FORMAT_JSONL, FORMAT_FILE } pack_format;

typedef struct pack_options {
    int format; // pack_format
    data_options data;
    const char *out;
    int order; // psq_order with packed and jagged exchanged
    int64_t seed;
    bool ascii;
    int64_t width;
    bool json;
} pack_options;

static const pack_options defaults = {FORMAT_AUTO, {0, '\t', 1 << 20}, NULL, 0, 1, false, 0, false};

static const char *const format_names[] = {"auto", "text", "jsonl", "safetensors", NULL};

static const char *format_choice(int index) {
    return format_names[index];
}

static const psq_order orders[] = {PSQ_JAGGED, PSQ_PACKED};

static const char *order_choice(int index) {
    return index < 2 ? psq_order_name(orders[index]) : NULL;
}

#define AT(field) offsetof(pack_options, field)
static const option_row table[] = {
    {"out", 'o', OPTION_TEXT, AT(out), "FILE", "where the batch goes; without it: statistics only",
     0, 0, NULL},
    {"order", 0, OPTION_CHOICE, AT(order), "ORDER", "of its rows", 0, 0, order_choice},
    {"format", 'f', OPTION_CHOICE, AT(format), "FORMAT", "of the inputs", 0, 0, format_choice},
    DATA_OPTION_ROWS(AT(data)),
    {"seed", 's', OPTION_INT, AT(seed), "N", "of the batches in random order", 0,
     9007199254740992.0, NULL},
    {"ascii", 0, OPTION_FLAG, AT(ascii), NULL, "draw with ASCII characters only", 0, 0, NULL},
    {"width", 0, OPTION_INT, AT(width), "N", "columns to draw in; 0: the terminal's", 0, 10000,
     NULL},
    {"json", 0, OPTION_FLAG, AT(json), NULL, "print the statistics as JSON", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};
#undef AT

// ---- input

static bool ends_in(const char *path, const char *end) {
    const size_t size = strlen(path);
    return size >= strlen(end) && strcmp(path + size - strlen(end), end) == 0;
}

static pack_format format_of(const pack_options *o, const char *path) {
    if (o->format != FORMAT_AUTO) {
        return (pack_format)o->format;
    }
    return ends_in(path, ".jsonl") || ends_in(path, ".ndjson") ? FORMAT_JSONL
           : ends_in(path, ".safetensors")                     ? FORMAT_FILE
                                                               : FORMAT_TEXT;
}

// Options that say nothing to every format.
typedef struct option_use {
    const char *option;
    bool used[FORMAT_FILE + 1];
    const char *formats;
} option_use;

static const option_use uses[] = {
    {"label", {[FORMAT_TEXT] = true}, "text"},
    {"separator", {[FORMAT_TEXT] = true}, "text"},
    {"max-length", {[FORMAT_TEXT] = true, [FORMAT_JSONL] = true}, "text and jsonl"},
};

static int check_uses(const pack_options *o, pack_format format) {
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        if (!uses[i].used[format] && options_given(&cmd_pack, o, uses[i].option)) {
            return fail_usage("--%s goes with %s, the input is %s", uses[i].option, uses[i].formats,
                              format_names[format]);
        }
    }
    return EXIT_SUCCESS;
}

static int choose_format(const pack_options *o, int n_files, char **files, pack_format *out) {
    *out = n_files > 0 ? format_of(o, files[0]) : FORMAT_TEXT;
    for (int i = 1; i < n_files; i++) {
        if (format_of(o, files[i]) != *out) {
            return fail_usage("inputs must be of one format: '%.60s' is %s, '%.60s' is %s",
                              files[0], format_names[*out], files[i],
                              format_names[format_of(o, files[i])]);
        }
    }
    if (*out == FORMAT_FILE && n_files != 1) {
        return fail_usage("a safetensors file is packed alone, there are %d", n_files);
    }
    if (*out == FORMAT_FILE && strcmp(files[0], "-") == 0) {
        return fail_usage("standard input can be text or jsonl, not safetensors");
    }
    return check_uses(o, *out);
}

static int read_data(const psq_ctx *ctx, const pack_options *o, pack_format format, int n_files,
                     char **files, pack_data *data) {
    if (format == FORMAT_FILE) {
        return pack_data_from_file(ctx, files[0], data);
    }
    if (format == FORMAT_JSONL) {
        return pack_data_from_jsonl(ctx, o->data.max_length, n_files, files, data);
    }
    psq_text *text = NULL;
    const int code = data_read(ctx, &o->data, n_files, files, &text);
    return code == EXIT_SUCCESS ? pack_data_from_text(ctx, text, data) : code;
}

// ---- output

static void print_stats(const pack_options *o, const pack_stats *stats) {
    if (o->json) {
        json_print(pack_stats_json(stats));
        return;
    }
    const int width = o->width > 0 ? (int)o->width : term_width(stdout);
    pack_stats_print(stats, (picture_style){width, o->ascii, term_colour(stdout)}, stdout);
}

static int pack(const psq_ctx *ctx, const pack_options *o, pack_format format, int n_files,
                char **files) {
    pack_data data = {.layout = NULL};
    pack_stats stats;
    progress_stage("reading ...");
    int code = read_data(ctx, o, format, n_files, files, &data);
    // Written first: names that do not fit into a file are not found out after the statistics.
    if (code == EXIT_SUCCESS && o->out) {
        progress_stage("writing ...");
        code = pack_data_write(ctx, &data, orders[o->order], o->out);
    }
    if (code == EXIT_SUCCESS) {
        progress_stage("measuring what padding would cost ...");
        code = pack_stats_measure(ctx, data.layout, (uint64_t)o->seed, &stats);
    }
    if (code == EXIT_SUCCESS) {
        progress_stage("");
        print_stats(o, &stats);
    }
    pack_data_free(&data);
    return code;
}

static int run(const void *options, int n_args, char **args) {
    const pack_options *const o = options;
    pack_format format = FORMAT_TEXT;
    psq_ctx *ctx = NULL;
    int code = choose_format(o, n_args, args, &format);
    if (code == EXIT_SUCCESS && o->out) {
        code = cli_check_out(o->out);
    }
    if (code == EXIT_SUCCESS) {
        code = cli_ctx(0, &ctx);
    }
    if (code == EXIT_SUCCESS) {
        code = pack(ctx, o, format, n_args, args);
    }
    psq_ctx_destroy(ctx);
    return code;
}

const command cmd_pack = {
    "pack",
    "[INPUT...]",
    "sequences of a file as one batch without padding; what padding would cost",
    "Reads sequences, prints what their lengths are like and, with --out, writes them as one batch "
    "of\n"
    "rows without padding. '-' is standard input. Without input: the embedded word lists.\n\n"
    "text         a line is a sequence, its bytes are the rows; labels as for 'packseq train'\n"
    "jsonl        a line is {\"x\": [[1, 2], [3, 4]], \"y\": \"label\"}: x is a list of numbers, a "
    "list of\n"
    "             lists of as many numbers each, or a string; y may be missing; other keys are "
    "ignored\n"
    "safetensors  one file: values or data, and offsets (jagged), batch_sizes (packed; "
    "sorted_indices\n"
    "             or unsorted_indices) or lengths (padded, batch first); labels\n\n"
    "The format follows from the names .jsonl, .ndjson and .safetensors; everything else is text. "
    "The\n"
    "written file has values and offsets, or data, batch_sizes, sorted_indices and "
    "unsorted_indices;\n"
    "labels if there are any, their names in the metadata. Its bytes depend on the input alone.\n"
    "Of text and jsonl --max-length limits the bytes of a line.\n\n"
    "work is the rows of batches padded to their longest sequence, 1.00x being none; bucketed "
    "batches\n"
    "are cut from sequences that are sorted in pools of 100 batches.\n\n"
    "  packseq pack words.txt\n"
    "  packseq pack --order packed --out batch.safetensors series.jsonl",
    table,
    &defaults,
    sizeof(pack_options),
    run,
};
