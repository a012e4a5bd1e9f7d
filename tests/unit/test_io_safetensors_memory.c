// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// The strict reader's memory: every allocation and file operation fails in turn, the JSON parser's
// own too, and what a hostile file can make the reader ask for is bounded by the file.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/ctx.h"
#include "fault.h"
#include "image.h"

static psq_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    return psq_ctx_create(NULL, &ctx, NULL) == PSQ_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    psq_ctx_destroy(ctx);
    return 0;
}

static psq_status run_parse(const psq_ctx *faulty, void *arg) {
    const image *const f = (const image *)arg;
    psq_safetensors *out;
    const psq_status status = psq_safetensors_parse(faulty, "m", f->bytes, f->size, &out, NULL);
    assert_true((status == PSQ_OK) == (out != NULL));
    psq_safetensors_destroy(out);
    return status;
}

static void parse_reports_failing_memory(void **state) {
    (void)state;
    image f = image_of(TWO, 28);
    fault_each_alloc(run_parse, &f);
    free(f.bytes);
}

static const char path[] = "test_io_safetensors_memory.tmp.safetensors";

static psq_status run_read(const psq_ctx *faulty, void *arg) {
    psq_safetensors *out;
    const psq_status status = psq_safetensors_read(faulty, (const char *)arg, &out, NULL);
    assert_true((status == PSQ_OK) == (out != NULL));
    psq_safetensors_destroy(out);
    return status;
}

static void read_reports_failing_memory_and_files(void **state) {
    (void)state;
    image f = image_of(TWO, 28);
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(f.bytes, 1, f.size, file), f.size);
    assert_int_equal(fclose(file), 0);
    free(f.bytes);
    fault_each_alloc(run_read, (void *)(uintptr_t)path);
    fault_each_io(run_read, (void *)(uintptr_t)path);
    assert_int_equal(remove(path), 0);
}

static void read_names_the_missing_file(void **state) {
    (void)state;
    psq_safetensors *out;
    psq_error err;
    assert_int_equal(psq_safetensors_read(ctx, "no-such-file", &out, &err), PSQ_IO);
    assert_null(out);
    assert_non_null(strstr(err.text, "no-such-file: No such file"));
}

// jansson's own memory does not come from the context. Where it fails in jansson's lexer the status
// cannot be told from bad JSON; nothing may crash, leak or be half read.
static int64_t json_countdown, json_live;
static size_t json_largest;

static void *json_alloc(size_t size) {
    if (json_countdown > 0 && --json_countdown == 0) {
        return NULL;
    }
    json_largest = size > json_largest ? size : json_largest;
    void *const ptr = malloc(size);
    json_live += ptr != NULL;
    return ptr;
}

static void json_release(void *ptr) {
    json_live -= ptr != NULL;
    free(ptr);
}

static void parse_reports_failing_memory_of_json(void **state) {
    (void)state;
    image f = image_of(TWO, 28);
    json_set_alloc_funcs(json_alloc, json_release);
    psq_status status = PSQ_NOMEM;
    int64_t n_nomem = 0;
    for (int64_t k = 1; status != PSQ_OK; k++) {
        json_countdown = k;
        psq_safetensors *out;
        psq_error err = {PSQ_OK, ""};
        status = image_parse(ctx, &f, &out, &err);
        assert_true(json_countdown > 0 ? status == PSQ_OK
                                       : status == PSQ_NOMEM || status == PSQ_FORMAT);
        n_nomem += status == PSQ_NOMEM;
        psq_safetensors_destroy(out);
        assert_int_equal(json_live, 0);
    }
    assert_true(n_nomem > 0);
    json_countdown = 0;
    json_set_alloc_funcs(malloc, free);
    free(f.bytes);
}

static void large_pieces_never_reach_json(void **state) {
    (void)state;
    json_set_alloc_funcs(json_alloc, json_release);
    json_largest = 0;
    assert_image_refused(ctx, "name", image_repeated("{\"", "n", 1 << 20, "\":{}}", 0), PSQ_FORMAT,
                         "longer than");
    assert_image_refused(ctx, "entry",
                         image_repeated("{\"a\":{\"shape\":[0", ",0", 1 << 20, "]}}", 0),
                         PSQ_FORMAT, "at most 4096");
    assert_true(json_largest > 0 && json_largest < 16384);
    json_set_alloc_funcs(malloc, free);
}

// A value is as long as the header lets it be; it costs jansson a few times its bytes, at once.
static void long_values_cost_json_their_size(void **state) {
    (void)state;
    enum { SIZE = 5 << 20 };
    image f = image_repeated("{\"__metadata__\":{\"k\":\"", "v", SIZE, "\"}}", 0);
    json_set_alloc_funcs(json_alloc, json_release);
    json_largest = 0;
    psq_safetensors *out;
    psq_error err = {PSQ_OK, ""};
    assert_int_equal(image_parse(ctx, &f, &out, &err), PSQ_OK);
    assert_int_equal(strlen(psq_safetensors_get(out, "k")), SIZE);
    assert_true(json_largest <= 2 * SIZE);
    assert_int_equal(json_live, 0);
    psq_safetensors_destroy(out);
    json_set_alloc_funcs(malloc, free);
    free(f.bytes);
}

// An allocator that keeps count of bytes, with their number in front of each block.
typedef struct tally {
    size_t now, peak;
} tally;

static void *tally_alloc(void *self, size_t size, size_t align) {
    tally *const t = (tally *)self;
    char *const raw = (char *)psq_default_allocator.alloc(NULL, size + 64, align);
    memcpy(raw, &size, sizeof size);
    t->now += size;
    t->peak = t->now > t->peak ? t->now : t->peak;
    return raw + 64;
}

static void tally_free(void *self, void *ptr) {
    size_t size;
    memcpy(&size, (char *)ptr - 64, sizeof size);
    ((tally *)self)->now -= size;
    psq_default_allocator.free(NULL, (char *)ptr - 64);
}

static psq_ctx *counting_ctx(tally *t, const psq_io *io) {
    const psq_allocator allocator = {t, tally_alloc, tally_free};
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.allocator = &allocator;
    opts.io = io;
    psq_ctx *counting;
    assert_int_equal(psq_ctx_create(&opts, &counting, NULL), PSQ_OK);
    return counting;
}

static void memory_is_bounded_by_the_file(void **state) {
    (void)state;
    tally t = {0, 0};
    psq_ctx *const counting = counting_ctx(&t, NULL);
    image f = image_many_tensors(65536);
    psq_safetensors *out;
    assert_int_equal(psq_safetensors_parse(counting, "m", f.bytes, f.size, &out, NULL), PSQ_OK);
    // The file itself is the caller's here.
    assert_true(t.peak < f.size + (16u << 20));
    psq_safetensors_destroy(out);
    free(f.bytes);

    t.peak = t.now;
    f = image_of("{\"a\":{\"dtype\":\"U8\",\"shape\":[1048576],\"data_offsets\":[0,1048576]}}",
                 1 << 20);
    assert_int_equal(psq_safetensors_parse(counting, "m", f.bytes, f.size, &out, NULL), PSQ_OK);
    assert_true(t.peak < f.size + 4096);
    psq_safetensors_destroy(out);
    free(f.bytes);
    psq_ctx_destroy(counting);
}

// Reads the image from a file, with what the memory may be beside twice its size. Frees it.
static psq_status read_within(const image f, size_t more, psq_error *err) {
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(f.bytes, 1, f.size, file), f.size);
    assert_int_equal(fclose(file), 0);
    tally t = {0, 0};
    psq_ctx *const counting = counting_ctx(&t, NULL);
    psq_safetensors *out;
    const psq_status status = psq_safetensors_read(counting, path, &out, err);
    if (t.peak >= 2 * f.size + more) {
        fail_msg("%zu bytes for a file of %zu", t.peak, f.size);
    }
    psq_safetensors_destroy(out);
    psq_ctx_destroy(counting);
    assert_int_equal(remove(path), 0);
    free(f.bytes);
    return status;
}

enum { MIB = 1 << 20 };

#define U8(name, size, begin, end) \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" #size "],\"data_offsets\":[" #begin "," #end "]}"

// 65 MiB and a bit, so that it is no power of two.
static void read_takes_twice_the_file_at_most(void **state) {
    (void)state;
    const char header[] = "{" U8("a", 1, 0, 1) "," U8("b", 68157440, 1, 68157441) "}";
    assert_int_equal(read_within(image_of(header, 65 * MIB + 1), 128 << 10, NULL), PSQ_OK);
    assert_int_equal(read_within(image_many_tensors(65536), 16 * MIB, NULL), PSQ_OK);
}

// What a file promises costs nothing, only what it has.
static void read_believes_no_promise(void **state) {
    (void)state;
    psq_error err;
    const char header[] = "{" U8("a", 1099511627776, 0, 1099511627776) "}";
    assert_int_equal(read_within(image_of(header, 1200 << 10), 128 << 10, &err), PSQ_FORMAT);
    assert_non_null(strstr(err.text, "data_offsets end at 1099511627776, the file has 1228800 "));
    assert_int_equal(read_within(image_make(100000000, "{", 1, 1200 << 10), 128 << 10, &err),
                     PSQ_FORMAT);
    assert_non_null(strstr(err.text, "the header has 100000000 bytes, the file only 1228801 "));
}

// A file that begins with this image and goes on with zeros, for ever.
static struct {
    image start;
    size_t n_read;
} endless;

static int endless_open(void *self, const char *name, psq_io_mode mode, void **file) {
    (void)self, (void)name, (void)mode;
    endless.n_read = 0;
    *file = &endless;
    return 0;
}

static int endless_read(void *self, void *file, void *buf, size_t size, size_t *done) {
    (void)self, (void)file;
    for (size_t i = 0; i < size; i++) {
        const size_t at = endless.n_read + i;
        ((unsigned char *)buf)[i] = at < endless.start.size ? endless.start.bytes[at] : 0;
    }
    endless.n_read += size;
    assert_true(endless.n_read < 64 * MIB);
    *done = size;
    return 0;
}

static int endless_close(void *self, void *file) {
    (void)self, (void)file;
    return 0;
}

static void assert_stops(image start, size_t n_read, const char *words) {
    psq_io io = psq_default_io;
    io.open = endless_open;
    io.read = endless_read;
    io.close = endless_close;
    tally t = {0, 0};
    psq_ctx *const counting = counting_ctx(&t, &io);
    endless.start = start;
    psq_safetensors *out;
    psq_error err;
    assert_int_equal(psq_safetensors_read(counting, "endless", &out, &err), PSQ_FORMAT);
    assert_null(out);
    assert_non_null(strstr(err.text, words));
    assert_int_equal(endless.n_read, n_read);
    psq_ctx_destroy(counting);
    assert_int_equal(t.now, 0);
    free(start.bytes);
}

// No byte is read behind the first fault.
static void read_stops_at_the_first_fault(void **state) {
    (void)state;
    const image two = image_of(TWO, 28);
    const size_t whole = two.size;
    assert_stops(two, whole + 1, "the tensors end at 28, the file has at least 29 bytes of data");
    assert_stops(image_make(0, "", 0, 0), 8, "byte 0 of the header");
    assert_stops(image_make(UINT64_MAX, "", 0, 0), 8, "must be at most 100000000");
    assert_stops(image_make(1 << 17, "{", 1, 0), 8 + (1 << 17), "of the header");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_reports_failing_memory),
        cmocka_unit_test(read_reports_failing_memory_and_files),
        cmocka_unit_test(read_names_the_missing_file),
        cmocka_unit_test(parse_reports_failing_memory_of_json),
        cmocka_unit_test(large_pieces_never_reach_json),
        cmocka_unit_test(long_values_cost_json_their_size),
        cmocka_unit_test(memory_is_bounded_by_the_file),
        cmocka_unit_test(read_takes_twice_the_file_at_most),
        cmocka_unit_test(read_believes_no_promise),
        cmocka_unit_test(read_stops_at_the_first_fault),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
