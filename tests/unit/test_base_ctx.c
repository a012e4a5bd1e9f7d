// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_ctx.c: making contexts: defaults, what is refused and with which words, PSQ_CPU,
// PSQ_THREADS, PSQ_CACHE_BYTES.
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>

#include "base/ctx.h"
#include "testing.h"

static psq_error err;

static psq_ctx *create(const psq_ctx_opts *opts) {
    psq_ctx *ctx = NULL;
    if (psq_ctx_create(opts, &ctx, &err) != PSQ_OK) {
        fail_msg("no context: %s", err.text);
    }
    return ctx;
}

// A call that must fail leaves NULL in *out.
static void assert_refused(const psq_ctx_opts *opts, const char *words) {
    psq_ctx *out = (psq_ctx *)&err;
    assert_fails(psq_ctx_create(opts, &out, &err), PSQ_INVALID, words);
    assert_null(out);
    out = (psq_ctx *)&err;
    assert_int_equal(psq_ctx_create(opts, &out, NULL), PSQ_INVALID);
    assert_null(out);
}

static void ctx_defaults(void **state) {
    (void)state;
    unsetenv("PSQ_CPU");
    unsetenv("PSQ_THREADS");
    const psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    const psq_ctx_opts *const both[2] = {NULL, &opts};
    for (int i = 0; i < 2; i++) {
        psq_ctx *const ctx = create(both[i]);
        void *const ptr = psq_malloc(ctx, 100);
        assert_non_null(ptr);
        psq_free(ctx, ptr);
        assert_string_equal(psq_ctx_cpu_allowed(ctx), psq_ctx_cpu_found(ctx));
        assert_int_equal(ctx->cpu_allowed, psq_cpu_detect());
        assert_int_equal(psq_ctx_n_threads(ctx), 1);
        psq_ctx_destroy(ctx);
    }
    psq_ctx_destroy(NULL);
}

static void ctx_without_out(void **state) {
    (void)state;
    assert_fails(psq_ctx_create(NULL, NULL, &err), PSQ_INVALID, "out is NULL");
}

static void ctx_wrong_struct_size(void **state) {
    (void)state;
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.struct_size = 3;
    char words[64];
    (void)snprintf(words, sizeof words, "opts.struct_size is 3, must be %zu", sizeof opts);
    assert_refused(&opts, words);
}

static void ctx_incomplete_allocator(void **state) {
    (void)state;
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    psq_allocator allocator = psq_default_allocator;
    opts.allocator = &allocator;
    allocator.alloc = NULL;
    assert_refused(&opts, "allocator.alloc is NULL");
    allocator = psq_default_allocator;
    allocator.free = NULL;
    assert_refused(&opts, "allocator.free is NULL");
}

static void ctx_incomplete_io(void **state) {
    (void)state;
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    psq_io io = psq_default_io;
    opts.io = &io;
#define WITHOUT(function) \
    io = psq_default_io;  \
    io.function = NULL;   \
    assert_refused(&opts, "io." #function " is NULL")
    WITHOUT(open);
    WITHOUT(read);
    WITHOUT(write);
    WITHOUT(sync);
    WITHOUT(close);
    WITHOUT(rename);
    WITHOUT(remove);
    WITHOUT(sync_dir);
#undef WITHOUT
}

static void ctx_cpu_by_name(void **state) {
    (void)state;
    unsetenv("PSQ_CPU");
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.cpu = "ref";
    psq_ctx *ctx = create(&opts);
    assert_string_equal(psq_ctx_cpu_allowed(ctx), "ref");
    assert_int_equal(ctx->cpu_allowed, PSQ_CPU_REF);
    psq_ctx_destroy(ctx);
    // A CPU may be asked for what it lacks; the list only narrows.
    static const char *const lists[3] = {"avx2,avx512,neon", "ref,avx2,avx512,neon",
                                         "neon,avx512,avx2,ref"};
    for (int i = 0; i < 3; i++) {
        opts.cpu = lists[i];
        ctx = create(&opts);
        assert_string_equal(psq_ctx_cpu_allowed(ctx), psq_ctx_cpu_found(ctx));
        psq_ctx_destroy(ctx);
    }
    static const char *const alone[3] = {"avx2", "avx512", "neon"};
    static const unsigned bits[3] = {PSQ_CPU_AVX2, PSQ_CPU_AVX512, PSQ_CPU_NEON};
    for (int i = 0; i < 3; i++) { // one more than ref, at most
        opts.cpu = alone[i];
        ctx = create(&opts);
        assert_int_equal(ctx->cpu_allowed, (PSQ_CPU_REF | bits[i]) & psq_cpu_detect());
        psq_ctx_destroy(ctx);
    }
}

static void ctx_cpu_from_environment(void **state) {
    (void)state;
    assert_int_equal(setenv("PSQ_CPU", "ref", 1), 0);
    psq_ctx *ctx = create(NULL);
    assert_string_equal(psq_ctx_cpu_allowed(ctx), "ref");
    assert_int_equal(ctx->cpu_found, psq_cpu_detect());
    psq_ctx_destroy(ctx);

    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.cpu = "ref,avx2,avx512,neon"; // the caller's word goes before the environment's
    ctx = create(&opts);
    assert_int_equal(ctx->cpu_allowed, psq_cpu_detect());
    psq_ctx_destroy(ctx);

    setenv("PSQ_CPU", "", 1);
    ctx = create(NULL);
    assert_int_equal(ctx->cpu_allowed, psq_cpu_detect());
    psq_ctx_destroy(ctx);

    setenv("PSQ_CPU", "avx9", 1);
    assert_refused(NULL, "PSQ_CPU names \"avx9\", must be one of: ref avx2 avx512 neon");
    unsetenv("PSQ_CPU");
}

static void ctx_unknown_cpu(void **state) {
    (void)state;
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    static const char *const lists[6][2] = {
        {"sse", "opts.cpu names \"sse\", must be one of: ref avx2 avx512 neon"},
        {"ref,sse", "opts.cpu names \"sse\""},
        {"re", "opts.cpu names \"re\""},
        {"reff", "opts.cpu names \"reff\""},
        {",ref", "opts.cpu names \"\""},
        {"a-name-that-is-longer-than-any-table",
         "opts.cpu names \"a-name-that-is-longer-than-any-t\""}};
    for (int i = 0; i < 6; i++) {
        opts.cpu = lists[i][0];
        assert_refused(&opts, lists[i][1]);
    }
}

static void cpu_format_cuts(void **state) {
    (void)state;
    char text[9];
    psq_cpu_format(PSQ_CPU_REF | PSQ_CPU_AVX2, text, sizeof text);
    assert_string_equal(text, "ref avx2");
    char small[6] = {'x', 'x', 'x', 'x', 'x', 'x'};
    psq_cpu_format(PSQ_CPU_REF | PSQ_CPU_AVX2, small, 5);
    assert_string_equal(small, "ref ");
    assert_int_equal(small[5], 'x');
    psq_cpu_format(0, text, sizeof text);
    assert_string_equal(text, "");
}

static int64_t n_threads(int64_t asked, const char *environment) {
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.n_threads = asked;
    if (environment != NULL) {
        setenv("PSQ_THREADS", environment, 1);
    }
    psq_ctx *const ctx = create(&opts);
    const int64_t n = psq_ctx_n_threads(ctx);
    psq_ctx_destroy(ctx);
    unsetenv("PSQ_THREADS");
    return n;
}

// No more than there are cores, except by the environment's word.
static void ctx_threads(void **state) {
    (void)state;
    unsetenv("PSQ_THREADS");
    const int64_t cores = psq_cores();
    const int64_t most = cores < PSQ_MAX_THREADS ? cores : PSQ_MAX_THREADS;
    assert_int_equal(n_threads(0, NULL), most);
    assert_int_equal(n_threads(1, NULL), 1);
    assert_int_equal(n_threads(2, NULL), most < 2 ? most : 2);
    assert_int_equal(n_threads(cores + 1, NULL), most);
    assert_int_equal(n_threads(INT64_MAX, NULL), most);

    assert_int_equal(n_threads(0, ""), most);
    assert_int_equal(n_threads(1, "2"), 2);
    assert_int_equal(n_threads(0, "1"), 1);
    assert_int_equal(n_threads(3, "256"), 256);
    assert_int_equal(n_threads(3, "00017"), 17);
}

static void ctx_bad_threads(void **state) {
    (void)state;
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.n_threads = -1;
    assert_refused(&opts, "opts.n_threads is -1, must be at least 0");
    static const char *const texts[8] = {"0",  "257", "-1",  "3x",
                                         " 3", "+3",  "0x3", "99999999999999999999999999999999"};
    for (int i = 0; i < 8; i++) {
        setenv("PSQ_THREADS", texts[i], 1);
        char words[128];
        (void)snprintf(words, sizeof words, "PSQ_THREADS is \"%s\", must be a number from 1 to 256",
                       texts[i]);
        assert_refused(NULL, words);
    }
    unsetenv("PSQ_THREADS");
}

static void ctx_cache_bytes(void **state) {
    (void)state;
    psq_ctx *ctx = create(NULL);
    assert_true(ctx->cache_bytes > 0);
    psq_ctx_destroy(ctx);
    setenv("PSQ_CACHE_BYTES", "4096", 1);
    ctx = create(NULL);
    assert_true(ctx->cache_bytes == 4096);
    psq_ctx_destroy(ctx);
    setenv("PSQ_CACHE_BYTES", "32M", 1);
    assert_refused(NULL, "PSQ_CACHE_BYTES is \"32M\", must be a number from 1 to 1099511627776");
    unsetenv("PSQ_CACHE_BYTES");
}

static void ctx_incomplete_executor(void **state) {
    (void)state;
    const psq_executor executor = {NULL, NULL};
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.executor = &executor;
    assert_refused(&opts, "executor.run is NULL");
}

// Counts calls; refuses the allocation that `refuse` numbers.
typedef struct counts {
    int n_allocs, n_frees, refuse;
} counts;

static void *counting_alloc(void *self, size_t size, size_t align) {
    counts *const c = (counts *)self;
    c->n_allocs++;
    return c->n_allocs == c->refuse ? NULL : psq_default_allocator.alloc(NULL, size, align);
}

static void counting_free(void *self, void *ptr) {
    ((counts *)self)->n_frees++;
    psq_default_allocator.free(NULL, ptr);
}

// One allocation, with a team too; the tables of functions are copied.
static void ctx_copies_the_allocator(void **state) {
    (void)state;
    counts c = {0};
    psq_allocator allocator = {&c, counting_alloc, counting_free};
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.allocator = &allocator;
    setenv("PSQ_THREADS", "9", 1);
    psq_ctx *const ctx = create(&opts);
    unsetenv("PSQ_THREADS");
    assert_int_equal(c.n_allocs, 1);
    allocator = (psq_allocator){0};
    psq_free(ctx, psq_malloc(ctx, 1));
    assert_int_equal(c.n_allocs, 2);
    assert_int_equal(c.n_frees, 1);
    psq_ctx_destroy(ctx);
    assert_int_equal(c.n_frees, 2);
}

static void ctx_out_of_memory(void **state) {
    (void)state;
    counts c = {.refuse = 1};
    const psq_allocator allocator = {&c, counting_alloc, counting_free};
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.allocator = &allocator;
    psq_ctx *ctx = (psq_ctx *)&c;
    assert_fails(psq_ctx_create(&opts, &ctx, &err), PSQ_NOMEM, "out of memory for a context");
    assert_null(ctx);
    assert_int_equal(c.n_frees, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctx_defaults),
        cmocka_unit_test(ctx_without_out),
        cmocka_unit_test(ctx_wrong_struct_size),
        cmocka_unit_test(ctx_incomplete_allocator),
        cmocka_unit_test(ctx_incomplete_io),
        cmocka_unit_test(ctx_cpu_by_name),
        cmocka_unit_test(ctx_cpu_from_environment),
        cmocka_unit_test(ctx_unknown_cpu),
        cmocka_unit_test(cpu_format_cuts),
        cmocka_unit_test(ctx_threads),
        cmocka_unit_test(ctx_bad_threads),
        cmocka_unit_test(ctx_cache_bytes),
        cmocka_unit_test(ctx_incomplete_executor),
        cmocka_unit_test(ctx_copies_the_allocator),
        cmocka_unit_test(ctx_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
