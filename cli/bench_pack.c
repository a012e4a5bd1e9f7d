// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// bench_pack.c: how fast rows go from one order to another, beside memcpy of as many bytes as the
// conversion writes, padding included, and beside the loop that a user would write, which calls
// memcpy for each row. They take turns on the same arrays, so that whatever else the machine does
// meets all of them, and of each the best counts.
#include "bench_pack.h"

#include "bench_lengths.h"
#include "cli.h"
#include "json_out.h"

#include <inttypes.h>
#include <string.h>

enum {
    N_SIZES = 3,
    N_WIDTHS = 6,
    N_FORMS = PSQ_N_ORDER + 1, // the orders, and a list
    LIST = PSQ_N_ORDER,
    ROW_LOOP = 2, // jobs before it are one memcpy each, those after it conversions
    N_JOBS = 11
};

// Bytes of a batch's rows: in the second level of the caches, in the last, beyond all of them,
// which is --large.
static const size_t sizes[N_SIZES] = {(size_t)256 << 10, (size_t)4 << 20, 0};

static const int64_t widths[N_WIDTHS] = {1, 4, 16, 64, 256, 1024};

// What takes turns.
static const struct {
    const char *name;
    const char *key;
    int from;
    int to;
} jobs[N_JOBS] = {
    {"memcpy", "memcpy", PSQ_JAGGED, PSQ_JAGGED},
    {"memcpy, padded", "memcpy_padded", PSQ_PADDED_BATCH, PSQ_PADDED_BATCH},
    {"jagged to packed, loop", "jagged_to_packed_by_row_loop", PSQ_JAGGED, PSQ_PACKED},
    {"list to packed", "list_to_packed", LIST, PSQ_PACKED},
    {"jagged to packed", "jagged_to_packed", PSQ_JAGGED, PSQ_PACKED},
    {"packed to jagged", "packed_to_jagged", PSQ_PACKED, PSQ_JAGGED},
    {"packed to padded-time", "packed_to_padded_time", PSQ_PACKED, PSQ_PADDED_TIME},
    {"packed to padded-batch", "packed_to_padded_batch", PSQ_PACKED, PSQ_PADDED_BATCH},
    {"padded-time to packed", "padded_time_to_packed", PSQ_PADDED_TIME, PSQ_PACKED},
    {"padded-batch to packed", "padded_batch_to_packed", PSQ_PADDED_BATCH, PSQ_PACKED},
    {"packed to list", "packed_to_list", PSQ_PACKED, LIST},
};

// One batch of rows.
typedef struct batch {
    psq_layout *layout;
    size_t row_bytes;
    size_t bytes;        // of its rows
    size_t padded_bytes; // with padding
    char *src;           // both as large as the padded rows
    char *dst;
    void **src_list;
    void **dst_list;
    double best[N_JOBS]; // seconds
} batch;

// Bytes a second that a job writes.
static double speed(const batch *x, int job) {
    const int to = jobs[job].to;
    const bool padded = to == PSQ_PADDED_TIME || to == PSQ_PADDED_BATCH;
    return (double)(padded ? x->padded_bytes : x->bytes) / x->best[job];
}

static double share(const batch *x, int job) {
    const int to = jobs[job].to;
    const bool padded = to == PSQ_PADDED_TIME || to == PSQ_PADDED_BATCH;
    return speed(x, job) / speed(x, padded ? 1 : 0);
}

// ---- measuring

static void copy_row_by_row(const batch *x) {
    const int64_t *const offsets = psq_layout_offsets(x->layout);
    const int64_t *const sorted = psq_layout_sorted_indices(x->layout);
    const int64_t *const batch_sizes = psq_layout_batch_sizes(x->layout);
    char *dst = x->dst;
    for (int64_t t = 0; t < psq_layout_n_steps(x->layout); t++) {
        for (int64_t r = 0; r < batch_sizes[t]; r++) {
            memcpy(dst, x->src + (size_t)(offsets[sorted[r]] + t) * x->row_bytes, x->row_bytes);
            dst += x->row_bytes;
        }
    }
}

static psq_status do_job(const batch *x, int job, psq_error *err) {
    const psq_storage from = {.order = (psq_order)jobs[job].from};
    const psq_storage to = {.order = (psq_order)jobs[job].to};
    const psq_fill zeros = {NULL, 0};
    if (job < ROW_LOOP) {
        memcpy(x->dst, x->src, job == 0 ? x->bytes : x->padded_bytes);
        return PSQ_OK;
    }
    if (job == ROW_LOOP) {
        copy_row_by_row(x);
        return PSQ_OK;
    }
    if (jobs[job].from == LIST) {
        return psq_convert_from_list(x->layout, (const void *const *)x->src_list, to, x->dst,
                                     x->row_bytes, zeros, err);
    }
    if (jobs[job].to == LIST) {
        return psq_convert_to_list(x->layout, from, x->src, x->dst_list, x->row_bytes, err);
    }
    return psq_convert(x->layout, from, x->src, to, x->dst, x->row_bytes, zeros, err);
}

// Runs it `n` times and keeps the best mean.
static psq_status time_job(batch *x, int job, int64_t n, psq_error *err) {
    psq_status status = PSQ_OK;
    const double start = cli_seconds();
    for (int64_t i = 0; i < n && status == PSQ_OK; i++) {
        status = do_job(x, job, err);
    }
    const double seconds = (cli_seconds() - start) / (double)n;
    x->best[job] = seconds < x->best[job] ? seconds : x->best[job];
    return status;
}

// What is in the caches is run some times in a row, once before the clock runs.
static psq_status measure(batch *x, double seconds, psq_error *err) {
    const bool large = x->bytes > 2 * sizes[1];
    const double start = cli_seconds();
    for (int job = 0; job < N_JOBS; job++) {
        x->best[job] = 1e9;
    }
    do {
        for (int job = 0; job < N_JOBS; job++) {
            psq_status status = large ? PSQ_OK : do_job(x, job, err);
            status = status == PSQ_OK ? time_job(x, job, large ? 1 : 4, err) : status;
            if (status != PSQ_OK) {
                return status;
            }
        }
    } while (cli_seconds() - start < seconds);
    return PSQ_OK;
}

// ---- a batch

static psq_status make_layout(const psq_ctx *ctx, const bench_pack_opts *o, int64_t n_rows,
                              batch *x, psq_error *err) {
    int_list lengths = {NULL, 0, 0};
    const int64_t mean = n_rows > o->batch ? n_rows / o->batch : 1;
    (void)bench_lengths_make(o->lengths, o->batch, mean, o->seed, &lengths);
    const psq_status status =
        psq_layout_from_lengths(ctx, lengths.items, lengths.n, &x->layout, err);
    int_list_free(&lengths);
    return status;
}

static void make_arrays(batch *x) {
    const int64_t B = psq_layout_n_seq(x->layout);
    x->src = cli_alloc(x->padded_bytes, 1);
    x->dst = cli_alloc(x->padded_bytes, 1);
    memset(x->src, 1, x->padded_bytes); // so that there is memory behind it
    memset(x->dst, 1, x->padded_bytes);
    x->src_list = cli_alloc((size_t)B, sizeof *x->src_list);
    x->dst_list = cli_alloc((size_t)B, sizeof *x->dst_list);
    for (int64_t b = 0; b < B; b++) {
        const size_t at = (size_t)psq_layout_offsets(x->layout)[b] * x->row_bytes;
        x->src_list[b] = x->src + at;
        x->dst_list[b] = x->dst + at;
    }
}

static int run_batch(const psq_ctx *ctx, const bench_pack_opts *o, int64_t width, size_t bytes,
                     batch *x) {
    psq_error err;
    *x = (batch){.row_bytes = (size_t)width * sizeof(float)};
    psq_status status = make_layout(ctx, o, (int64_t)(bytes / x->row_bytes), x, &err);
    if (status == PSQ_OK) {
        x->bytes = (size_t)psq_layout_n_rows(x->layout) * x->row_bytes;
        x->padded_bytes = (size_t)psq_layout_n_seq(x->layout) *
                          (size_t)psq_layout_n_steps(x->layout) * x->row_bytes;
        make_arrays(x);
        status = measure(x, o->seconds, &err);
    }
    free(x->src);
    free(x->dst);
    free((void *)x->src_list);
    free((void *)x->dst_list);
    psq_layout_destroy(x->layout);
    x->layout = NULL;
    return status == PSQ_OK ? EXIT_SUCCESS : fail_error(&err);
}

// ---- output

static size_t size_of(const bench_pack_opts *o, int i) {
    return sizes[i] > 0 ? sizes[i] : (size_t)o->large_bytes;
}

static void print_table(const batch batches[N_WIDTHS], size_t bytes) {
    printf("\n%3zu %s of rows, floats %7" PRId64, bytes >> (bytes >> 20 > 0 ? 20 : 10),
           bytes >> 20 > 0 ? "MiB" : "KiB", widths[0]);
    for (int i = 1; i < N_WIDTHS; i++) {
        printf("%9" PRId64, widths[i]);
    }
    for (int job = 0; job < N_JOBS; job++) {
        printf("\n%-24s", jobs[job].name);
        for (int i = 0; i < N_WIDTHS; i++) {
            printf("%9.2f", 1e-9 * speed(&batches[i], job));
        }
        if (job < ROW_LOOP) {
            continue;
        }
        printf("\n%-24s", "");
        for (int i = 0; i < N_WIDTHS; i++) {
            printf("%7.0f %%", 100.0 * share(&batches[i], job));
        }
    }
    fputs("\n", stdout);
}

static json_t *json_batch(const batch *x, int64_t width) {
    json_t *const object = json_new_object();
    json_put(object, "floats", json_integer(width));
    json_put(object, "bytes", json_integer((json_int_t)x->bytes));
    json_put(object, "padded_bytes", json_integer((json_int_t)x->padded_bytes));
    for (int job = 0; job < N_JOBS; job++) {
        json_t *const result = json_new_object();
        json_put(result, "gb_per_s", json_number(1e-9 * speed(x, job)));
        json_put(result, "share_of_memcpy", json_number(share(x, job)));
        json_put(object, jobs[job].key, result);
    }
    return object;
}

static void print_json(const psq_ctx *ctx, const bench_pack_opts *o,
                       const batch batches[N_SIZES][N_WIDTHS]) {
    json_t *const document = json_new_object();
    json_put(document, "lengths", json_string(o->lengths));
    json_put(document, "sequences", json_integer(o->batch));
    json_put(document, "threads", json_integer(psq_ctx_n_threads(ctx)));
    json_t *const array = json_new_array();
    for (int i = 0; i < N_SIZES * N_WIDTHS; i++) {
        json_push(array, json_batch(&batches[i / N_WIDTHS][i % N_WIDTHS], widths[i % N_WIDTHS]));
    }
    json_put(document, "batches", array);
    json_print(document);
}

int bench_pack(const psq_ctx *ctx, const bench_pack_opts *o) {
    batch batches[N_SIZES][N_WIDTHS];
    bench_pack_opts each = *o;
    each.seconds = o->seconds / (N_SIZES * N_WIDTHS);
    for (int i = 0; i < N_SIZES * N_WIDTHS; i++) {
        const int code = run_batch(ctx, &each, widths[i % N_WIDTHS], size_of(o, i / N_WIDTHS),
                                   &batches[i / N_WIDTHS][i % N_WIDTHS]);
        if (code != EXIT_SUCCESS) {
            return code;
        }
    }
    if (o->json) {
        print_json(ctx, o, (const batch(*)[N_WIDTHS])batches);
        return EXIT_SUCCESS;
    }
    const int64_t n_threads = psq_ctx_n_threads(ctx);
    printf("batches   %" PRId64 " sequence%s (%s), %" PRId64 " thread%s, memcpy always one\n",
           o->batch, o->batch == 1 ? "" : "s", o->lengths, n_threads, n_threads == 1 ? "" : "s");
    printf("speeds    GB/s written, padding included, and share of memcpy of as many bytes\n");
    for (int i = 0; i < N_SIZES; i++) {
        print_table(batches[i], size_of(o, i));
    }
    return EXIT_SUCCESS;
}
