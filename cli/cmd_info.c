// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cmd_info.c: `packseq info`: what runs on this machine, and whether it computes the right bits.
#include "cli.h"

#include "json_out.h"

#include <inttypes.h>

typedef struct info_options {
    bool selftest;
    bool json;
} info_options;

static const info_options defaults = {false, false};

#define AT(field) offsetof(info_options, field)
static const option_row table[] = {
    {"selftest", 0, OPTION_FLAG, AT(selftest), NULL,
     "run small networks and compare the hashes of their bits", 0, 0, NULL},
    {"json", 0, OPTION_FLAG, AT(json), NULL, "print JSON", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};
#undef AT

typedef struct selftest {
    psq_selftest_result *results;
    int64_t n;
} selftest;

static void print_text(const psq_ctx *ctx, const selftest *tests) {
    printf("version   %s\n", psq_version());
    printf("cpu       %s\n", psq_ctx_cpu_found(ctx));
    printf("allowed   %s\n", psq_ctx_cpu_allowed(ctx));
    printf("kernels   f32 %s, f64 %s\n", psq_kernel_name(ctx, PSQ_F32),
           psq_kernel_name(ctx, PSQ_F64));
    printf("threads   %" PRId64 "\n", psq_ctx_n_threads(ctx));
    for (int64_t i = 0; i < tests->n; i++) {
        const psq_selftest_result *const r = &tests->results[i];
        printf("%-24s  %016" PRIx64 "  ", r->name, r->hash);
        if (r->hash == r->expected) {
            puts("OK");
        } else {
            printf("BAD, must be %016" PRIx64 "\n", r->expected);
        }
    }
}

static json_t *json_hash(uint64_t hash) {
    char text[17];
    snprintf(text, sizeof(text), "%016" PRIx64, hash);
    return json_string(text);
}

static json_t *json_selftest(const selftest *tests) {
    json_t *const array = json_new_array();
    for (int64_t i = 0; i < tests->n; i++) {
        const psq_selftest_result *const r = &tests->results[i];
        json_t *const item = json_new_object();
        json_put(item, "name", json_string(r->name));
        json_put(item, "hash", json_hash(r->hash));
        json_put(item, "expected", json_hash(r->expected));
        json_put(item, "ok", json_boolean(r->hash == r->expected));
        json_push(array, item);
    }
    return array;
}

static void print_json(const psq_ctx *ctx, const selftest *tests) {
    json_t *const document = json_new_object();
    json_t *const kernels = json_new_object();
    json_put(kernels, "f32", json_string(psq_kernel_name(ctx, PSQ_F32)));
    json_put(kernels, "f64", json_string(psq_kernel_name(ctx, PSQ_F64)));
    json_put(document, "version", json_string(psq_version()));
    json_put(document, "cpu_found", json_string(psq_ctx_cpu_found(ctx)));
    json_put(document, "cpu_allowed", json_string(psq_ctx_cpu_allowed(ctx)));
    json_put(document, "kernels", kernels);
    json_put(document, "threads", json_integer(psq_ctx_n_threads(ctx)));
    if (tests->results) {
        json_put(document, "selftest", json_selftest(tests));
    }
    json_print(document);
}

// The first call counts the tests; it may report wrong bits already, as the second one will.
static psq_status run_selftest(const psq_ctx *ctx, selftest *tests, psq_error *err) {
    const psq_status status = psq_selftest(ctx, NULL, &tests->n, err);
    if (status != PSQ_OK && status != PSQ_INTERNAL) {
        return status;
    }
    tests->results = cli_alloc((size_t)tests->n, sizeof(*tests->results));
    return psq_selftest(ctx, tests->results, &tests->n, err);
}

static int run(const void *options, int n_args, char **args) {
    const info_options *const o = options;
    if (n_args > 0) {
        return fail_usage("info takes no arguments, '%.40s' is one", args[0]);
    }
    psq_error err;
    psq_ctx *ctx = NULL;
    const int code = cli_ctx(0, &ctx);
    if (code != EXIT_SUCCESS) {
        return code;
    }
    selftest tests = {NULL, 0};
    const psq_status status = o->selftest ? run_selftest(ctx, &tests, &err) : PSQ_OK;
    if (status == PSQ_OK || status == PSQ_INTERNAL) {
        (o->json ? print_json : print_text)(ctx, &tests);
    }
    free(tests.results);
    psq_ctx_destroy(ctx);
    return status == PSQ_OK ? EXIT_SUCCESS : fail_error(&err);
}

const command cmd_info = {
    "info",
    "",
    "print version, processor and kernels; check the bits they give",
    "Prints the version, the instruction sets that were found and that may be used (the "
    "environment\n"
    "variable PSQ_CPU narrows them), the kernels chosen and how many threads a command may use: "
    "what\n"
    "the environment variable PSQ_THREADS says, else as many as this process has cores. "
    "--selftest\n"
    "compares the bits that this machine computes with those that are promised and fails (1) if "
    "they\n"
    "differ.",
    table,
    &defaults,
    sizeof(info_options),
    run,
};
