// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cmd_explain.c: `packseq explain`: what lengths become. It answers the question the project grew
// from (what does a 4 in batch_sizes mean?) with a picture, a sentence and the arrays, in both
// directions: lengths to batch_sizes and back.
#include "cli.h"

#include "json_out.h"
#include "numbers.h"
#include "text_picture.h"

#include <inttypes.h>
#include <string.h>

// A batch with a longer sequence is no picture, and its arrays would fill the memory.
enum { MAX_LENGTH = 10000000 };

typedef struct explain_options {
    bool from_batch_sizes;
    const char *sorted_indices;
    const char *unsorted_indices;
    bool ascii;
    int64_t width;
    bool json;
} explain_options;

static const explain_options defaults = {false, NULL, NULL, false, 0, false};

#define AT(field) offsetof(explain_options, field)
static const option_row table[] = {
    {"from-batch-sizes", 'b', OPTION_FLAG, AT(from_batch_sizes), NULL,
     "the numbers are batch_sizes: go back to lengths", 0, 0, NULL},
    {"unsorted-indices", 0, OPTION_TEXT, AT(unsorted_indices), "R,R,...",
     "with them: the rank of each of the user's sequences", 0, 0, NULL},
    {"sorted-indices", 0, OPTION_TEXT, AT(sorted_indices), "B,B,...",
     "or: the user's index of each rank", 0, 0, NULL},
    {"ascii", 0, OPTION_FLAG, AT(ascii), NULL, "draw with ASCII characters only", 0, 0, NULL},
    {"width", 0, OPTION_INT, AT(width), "N", "columns to draw in; 0: the terminal's", 0, 10000,
     NULL},
    {"json", 0, OPTION_FLAG, AT(json), NULL,
     "print lengths, offsets, batch_sizes, sorted_indices, ... as JSON", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};
#undef AT

typedef struct batch {
    psq_ctx *ctx;
    psq_layout *layout;
    bool by_rank; // from batch_sizes without indices: the user's order is not known
} batch;

// ---- input

static int read_numbers(int n_args, char **args, const char *name, int64_t min, int_list *list) {
    for (int i = 0; i < n_args; i++) {
        const int code =
            strcmp(args[i], "-") == 0
                ? int_list_add_stream(list, name, stdin, "standard input", min, MAX_LENGTH)
                : int_list_add_text(list, name, args[i], min, MAX_LENGTH);
        if (code != EXIT_SUCCESS) {
            return code;
        }
    }
    return EXIT_SUCCESS;
}

// Checks unsorted indices by using them, then inverts them.
static psq_status invert_indices(const int_list *batch_sizes, const int_list *unsorted,
                                 int64_t *sorted, psq_error *err) {
    int64_t *const lengths = cli_alloc((size_t)unsorted->n, sizeof(*lengths));
    const psq_status status = psq_lengths_from_batch_sizes(
        batch_sizes->items, batch_sizes->n, unsorted->items, unsorted->n, lengths, err);
    free(lengths);
    for (int64_t b = 0; status == PSQ_OK && b < unsorted->n; b++) {
        sorted[unsorted->items[b]] = b;
    }
    return status;
}

static psq_status layout_from_batch_sizes(batch *b, const int_list *batch_sizes,
                                          const int_list *indices, bool unsorted, psq_error *err) {
    const int64_t first = batch_sizes->n > 0 ? batch_sizes->items[0] : 0;
    const int64_t n_seq = b->by_rank ? first : indices->n;
    int64_t *const inverse = unsorted ? cli_alloc((size_t)n_seq, sizeof(*inverse)) : NULL;
    psq_status status = unsorted ? invert_indices(batch_sizes, indices, inverse, err) : PSQ_OK;
    if (status == PSQ_OK) {
        status = psq_layout_from_batch_sizes(b->ctx, batch_sizes->items, batch_sizes->n,
                                             b->by_rank ? NULL
                                             : unsorted ? inverse
                                                        : indices->items,
                                             n_seq, -1, &b->layout, err);
    }
    free(inverse);
    return status;
}

static int make_layout(const explain_options *o, const int_list *numbers, batch *b) {
    psq_error err;
    if (!o->from_batch_sizes) {
        return psq_layout_from_lengths(b->ctx, numbers->items, numbers->n, &b->layout, &err) ==
                       PSQ_OK
                   ? EXIT_SUCCESS
                   : fail_error(&err);
    }
    const char *const text = o->unsorted_indices ? o->unsorted_indices : o->sorted_indices;
    const char *const name = o->unsorted_indices ? "unsorted_indices" : "sorted_indices";
    int_list indices = {NULL, 0, 0};
    b->by_rank = !text;
    int code = text ? int_list_add_text(&indices, name, text, 0, MAX_LENGTH) : EXIT_SUCCESS;
    if (code == EXIT_SUCCESS &&
        layout_from_batch_sizes(b, numbers, &indices, o->unsorted_indices, &err) != PSQ_OK) {
        code = fail_error(&err);
    }
    int_list_free(&indices);
    return code;
}

// ---- output

static void print_json(const batch *b, int64_t n_padded) {
    const psq_layout *const l = b->layout;
    const int64_t n_seq = psq_layout_n_seq(l);
    const int64_t n_rows = psq_layout_n_rows(l);
    json_t *const document = json_new_object();
    json_put(document, "lengths", json_ints(psq_layout_lengths(l), n_seq));
    json_put(document, "offsets", json_ints(psq_layout_offsets(l), n_seq + 1));
    json_put(document, "batch_sizes", json_ints(psq_layout_batch_sizes(l), psq_layout_n_steps(l)));
    json_put(document, "sorted_indices", json_ints(psq_layout_sorted_indices(l), n_seq));
    json_put(document, "unsorted_indices", json_ints(psq_layout_unsorted_indices(l), n_seq));
    json_put(document, "rows", json_integer(n_rows));
    json_put(document, "padded_rows", json_integer(n_padded));
    json_put(document, "saved", json_integer(n_padded - n_rows));
    json_put(document, "order", json_string(b->by_rank ? "rank" : "user"));
    json_print(document);
}

static void print_ints(const char *name, const int64_t *items, int64_t n, picture_style style) {
    const char *const more = style.ascii ? "..." : "…";
    int used = printf("  %-17s%s", name, n == 0 ? " none" : "");
    for (int64_t i = 0; i < n; i++) {
        char number[24];
        const int size = snprintf(number, sizeof(number), " %" PRId64, items[i]);
        if (used + size + 4 > style.width && i + 1 < n) {
            printf(" %s %" PRId64 " more", more, n - i);
            break;
        }
        used += printf("%s", number);
    }
    putchar('\n');
}

static void print_meaning(const psq_layout *layout) {
    if (psq_layout_n_steps(layout) == 0) {
        puts("No sequence has an element: batch_sizes is empty.");
        return;
    }
    const int64_t first = psq_layout_batch_sizes(layout)[0];
    printf("batch_sizes[0] = %" PRId64 ": %" PRId64
           " sequence%s longer than 0, so step 0 has %" PRId64
           " row%s;\nit counts sequences, it is nobody's length.\n",
           first, first, first == 1 ? " is" : "s are", first, first == 1 ? "" : "s");
}

static void print_by_rank(void) {
    puts(
        "These lengths are by rank, longest first. That is the user's order only if the batch was\n"
        "sorted before it was packed; else give --unsorted-indices or --sorted-indices.");
}

static void print_picture(const batch *b, int64_t n_padded, picture_style style) {
    const psq_layout *const l = b->layout;
    const int64_t n_seq = psq_layout_n_seq(l);
    if (psq_layout_n_steps(l) > 0) {
        picture_draw(l, style, stdout);
        putchar('\n');
    }
    print_meaning(l);
    picture_print_saved(l, n_padded, stdout);
    putchar('\n');
    print_ints("lengths", psq_layout_lengths(l), n_seq, style);
    print_ints("offsets", psq_layout_offsets(l), n_seq + 1, style);
    print_ints("sorted_indices", psq_layout_sorted_indices(l), n_seq, style);
    print_ints("unsorted_indices", psq_layout_unsorted_indices(l), n_seq, style);
    if (b->by_rank) {
        putchar('\n');
        print_by_rank();
    }
}

static int explain(const explain_options *o, int n_args, char **args, batch *b) {
    psq_error err;
    int_list numbers = {NULL, 0, 0};
    const char *const name = o->from_batch_sizes ? "batch_sizes" : "lengths";
    int code = read_numbers(n_args, args, name, o->from_batch_sizes ? 1 : 0, &numbers);
    if (code == EXIT_SUCCESS) {
        code = make_layout(o, &numbers, b);
    }
    int_list_free(&numbers);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    int64_t n_padded = 0;
    const psq_storage padded = {PSQ_PADDED_BATCH, false, 0};
    if (psq_storage_n_rows(b->layout, padded, &n_padded, &err) != PSQ_OK) {
        return fail_error(&err);
    }
    if (o->json) {
        print_json(b, n_padded);
    } else {
        const int width = o->width > 0 ? (int)o->width : term_width(stdout);
        print_picture(b, n_padded, (picture_style){width, o->ascii, term_colour(stdout)});
    }
    return EXIT_SUCCESS;
}

static int run(const void *options, int n_args, char **args) {
    const explain_options *const o = options;
    if (n_args == 0) {
        return fail_usage("explain wants lengths, as in 'packseq explain 4 2 3', or - for standard "
                          "input");
    }
    if ((o->sorted_indices || o->unsorted_indices) && !o->from_batch_sizes) {
        return fail_usage("indices go with --from-batch-sizes; for lengths they are computed");
    }
    if (o->sorted_indices && o->unsorted_indices) {
        return fail_usage("--sorted-indices and --unsorted-indices say the same, give one");
    }
    psq_error err;
    batch b = {NULL, NULL, false};
    if (psq_ctx_create(NULL, &b.ctx, &err) != PSQ_OK) {
        return fail_error(&err);
    }
    const int code = explain(o, n_args, args, &b);
    psq_layout_destroy(b.layout);
    psq_ctx_destroy(b.ctx);
    return code;
}

const command cmd_explain = {
    "explain",
    "LENGTH...",
    "draw a batch: packed beside padded, batch_sizes, rows saved",
    "Draws the batch that sequences of these lengths make: on the packed side the number of each\n"
    "element's row, sorted by length, with batch_sizes under their steps; on the padded side what\n"
    "padding would add. batch_sizes[t] is the number of sequences longer than t.\n\n"
    "LENGTH is a whole number from 0 to 10000000; '-' reads lengths from standard input, "
    "separated\n"
    "by blanks, commas or lines. A length that is no such number is wrong data (65).\n\n"
    "  packseq explain 4 2 3\n"
    "  packseq explain --from-batch-sizes 3 3 2 1 --unsorted-indices 0,2,1",
    table,
    &defaults,
    sizeof(explain_options),
    run,
};
