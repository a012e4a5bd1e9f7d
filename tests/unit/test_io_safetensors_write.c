// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// The writer: its exact bytes, that the reader gives back what was written, what it refuses, and
// that the path holds a whole file whichever file operation fails.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "packseq/io.h"

static const char path[] = "test_io_safetensors_write.tmp.safetensors";
static const char temporary[] = "test_io_safetensors_write.tmp.safetensors.tmp0";

static psq_ctx *ctx;

static int set_up(void **state) {
    (void)state;
    return psq_ctx_create(NULL, &ctx, NULL) == PSQ_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    (void)remove(path);
    psq_ctx_destroy(ctx);
    return 0;
}

// The file's bytes, freed by the caller; NULL if there is no such file.
static char *slurp(const char *name, size_t *size) {
    *size = 0;
    FILE *const file = fopen(name, "rb");
    if (file == NULL) {
        return NULL;
    }
    char *const bytes = (char *)malloc(1 << 16);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 16, file);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

static float weights[6] = {1, 2, 3, 4, 5, 6};
static double bias[1] = {0.5};
static uint8_t flags[3] = {1, 0, 1};

static const psq_tensor tensors[] = {
    {"flags", PSQ_BOOL, 1, {3}, flags},
    {"w \"1\"\\", PSQ_F32, 2, {2, 3}, weights},
    {"bias", PSQ_F64, 0, {0}, bias},
    {"a", PSQ_F32, 2, {0, 7}, NULL},
};
static const psq_pair metadata[] = {{"z", "line\nbreak\x01\xc3\xa9"}, {"format", "pt"}};

static void file_has_these_bytes(void **state) {
    (void)state;
    psq_error err;
    assert_int_equal(psq_safetensors_write(ctx, path, tensors, 4, metadata, 2, &err), PSQ_OK);
    const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"z\":\"line\\u000abreak\\u0001\xc3\xa9\"},"
        "\"bias\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[8,8]},"
        "\"w \\\"1\\\"\\\\\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]},"
        "\"flags\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[32,35]}}";
    size_t size;
    char *const bytes = slurp(path, &size);
    assert_non_null(bytes);
    const size_t start = (8 + strlen(header) + 63) / 64 * 64;
    assert_int_equal(size, start + 35);
    assert_int_equal((unsigned char)bytes[0] | (unsigned char)bytes[1] << 8, start - 8);
    assert_memory_equal(bytes + 2, "\0\0\0\0\0\0", 6);
    assert_memory_equal(bytes + 8, header, strlen(header));
    for (size_t i = 8 + strlen(header); i < start; i++) {
        assert_int_equal(bytes[i], ' ');
    }
    assert_memory_equal(bytes + start, bias, 8);
    assert_memory_equal(bytes + start + 8, weights, 24);
    assert_memory_equal(bytes + start + 32, flags, 3);
    free(bytes);
}

static void order_of_arguments_does_not_show(void **state) {
    (void)state;
    assert_int_equal(psq_safetensors_write(ctx, path, tensors, 4, metadata, 2, NULL), PSQ_OK);
    size_t size, other_size;
    char *const bytes = slurp(path, &size);
    psq_tensor reversed[4];
    for (int i = 0; i < 4; i++) {
        reversed[i] = tensors[3 - i];
    }
    const psq_pair swapped[] = {metadata[1], metadata[0]};
    assert_int_equal(psq_safetensors_write(ctx, path, reversed, 4, swapped, 2, NULL), PSQ_OK);
    char *const other = slurp(path, &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(bytes, other, size);
    free(bytes);
    free(other);
}

static void reader_gives_it_back(void **state) {
    (void)state;
    assert_int_equal(psq_safetensors_write(ctx, path, tensors, 4, metadata, 2, NULL), PSQ_OK);
    psq_safetensors *file;
    psq_error err = {PSQ_OK, ""};
    if (psq_safetensors_read(ctx, path, &file, &err) != PSQ_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(psq_safetensors_n_tensors(file), 4);
    const size_t sizes[] = {3, 24, 8, 0};
    for (int i = 0; i < 4; i++) {
        const psq_tensor *const t = psq_safetensors_find(file, tensors[i].name);
        assert_non_null(t);
        assert_int_equal(t->dtype, tensors[i].dtype);
        assert_int_equal(t->n_dims, tensors[i].n_dims);
        assert_memory_equal(t->dims, tensors[i].dims, (size_t)t->n_dims * sizeof t->dims[0]);
        assert_int_equal((uintptr_t)t->data % 64, 0);
        if (sizes[i] > 0) {
            assert_memory_equal(t->data, tensors[i].data, sizes[i]);
        }
    }
    assert_string_equal(psq_safetensors_get(file, "z"), metadata[0].value);
    assert_string_equal(psq_safetensors_get(file, "format"), "pt");
    psq_safetensors_destroy(file);
}

static void nothing_makes_an_empty_file(void **state) {
    (void)state;
    assert_int_equal(psq_safetensors_write(ctx, path, NULL, 0, NULL, 0, NULL), PSQ_OK);
    size_t size;
    char *const bytes = slurp(path, &size);
    assert_int_equal(size, 64);
    assert_memory_equal(bytes, "\x38\0\0\0\0\0\0\0{}   ", 13);
    free(bytes);
    psq_safetensors *file;
    assert_int_equal(psq_safetensors_read(ctx, path, &file, NULL), PSQ_OK);
    assert_int_equal(psq_safetensors_n_tensors(file) + psq_safetensors_n_metadata(file), 0);
    psq_safetensors_destroy(file);
}

// ---- refusals

static void assert_refused(const psq_tensor *t, int64_t n, const psq_pair *m, int64_t n_m,
                           const char *text) {
    psq_error err = {PSQ_OK, ""};
    assert_int_equal(psq_safetensors_write(ctx, path, t, n, m, n_m, &err), PSQ_INVALID);
    assert_string_equal(err.text, text);
}

static void bad_tensor_is_refused(void **state) {
    (void)state;
    static char long_name[1026];
    memset(long_name, 'n', 1025);
    const psq_tensor good = {"w", PSQ_F32, 1, {6}, weights};
    psq_tensor t[2] = {good, good};
    t[1].name = NULL;
    assert_refused(t, 2, NULL, 0, "tensors[1].name is NULL");
    t[1].name = "w";
    assert_refused(t, 2, NULL, 0, "tensors[1].name is \"w\", as tensors[0].name");
    t[1].name = long_name;
    assert_refused(t, 2, NULL, 0, "tensors[1].name is longer than 1024 bytes");
    t[1].name = "\xed\xa0\x80";
    assert_refused(t, 2, NULL, 0, "tensors[1].name is no UTF-8");
    t[1].name = "a\tb";
    assert_refused(t, 2, NULL, 0, "tensors[1].name has a control character");
    t[1].name = "__metadata__";
    assert_refused(t, 2, NULL, 0,
                   "tensors[1].name is __metadata__, which the format keeps for itself");
    t[1] = (psq_tensor){"v", PSQ_N_DTYPE, 1, {6}, weights};
    assert_refused(t, 2, NULL, 0, "tensors[1].dtype is 13, must be below 13");
    t[1] = (psq_tensor){"v", PSQ_F32, 9, {1}, weights};
    assert_refused(t, 2, NULL, 0, "tensors[1].n_dims is 9, must be 0 to 8");
    t[1].n_dims = -1;
    assert_refused(t, 2, NULL, 0, "tensors[1].n_dims is -1, must be 0 to 8");
    t[1] = (psq_tensor){"v", PSQ_F32, 2, {1, -2}, weights};
    assert_refused(t, 2, NULL, 0, "tensors[1].dims[1] is -2, must be at least 0");
    t[1] = (psq_tensor){"v", PSQ_F32, 2, {INT64_MAX, 3}, weights};
    assert_refused(t, 2, NULL, 0, "tensors[1]: the size of \"v\" overflows");
    t[1] = (psq_tensor){"v", PSQ_F32, 1, {6}, NULL};
    assert_refused(t, 2, NULL, 0, "tensors[1].data is NULL, \"v\" has 24 bytes");
    t[0] = (psq_tensor){"u", PSQ_U8, 1, {INT64_MAX - 1}, weights};
    t[1] = (psq_tensor){"v", PSQ_U8, 1, {2}, weights};
    assert_refused(t, 2, NULL, 0, "tensors[1]: the data up to \"v\" overflow");
    assert_refused(t, -1, NULL, 0, "n_tensors is -1, must be 0 to 65536");
    assert_refused(t, 65537, NULL, 0, "n_tensors is 65537, must be 0 to 65536");
    assert_refused(NULL, 1, NULL, 0, "tensors is NULL, n_tensors is 1");
}

static void bad_metadata_are_refused(void **state) {
    (void)state;
    psq_pair m[2] = {{"k", "v"}, {NULL, "v"}};
    assert_refused(NULL, 0, m, 2, "metadata[1].key is NULL");
    m[1].key = "k";
    assert_refused(NULL, 0, m, 2, "metadata[1].key is \"k\", as metadata[0].key");
    m[1].key = "\xff";
    assert_refused(NULL, 0, m, 2, "metadata[1].key is no UTF-8");
    m[1].key = "__metadata__";
    assert_refused(NULL, 0, m, 2,
                   "metadata[1].key is __metadata__, which the format keeps for itself");
    m[1] = (psq_pair){"l", NULL};
    assert_refused(NULL, 0, m, 2, "metadata[1].value is NULL");
    m[1].value = "\xf4\x90\x80\x80";
    assert_refused(NULL, 0, m, 2, "metadata[1].value is no UTF-8");
    assert_refused(NULL, 0, m, -1, "n_metadata is -1, must be 0 to 65536");
    assert_refused(NULL, 0, NULL, 1, "metadata is NULL, n_metadata is 1");
}

static void header_has_a_limit(void **state) {
    (void)state;
    enum { N = 96 };
    static char value[(1 << 20) - 1];
    static char keys[N][8];
    memset(value, 'v', sizeof value - 1);
    psq_pair m[N];
    for (int i = 0; i < N; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%02d", i);
        m[i] = (psq_pair){keys[i], value};
    }
    assert_refused(NULL, 0, m, N,
                   "the names and metadata make a header of 100663992 bytes, must be at most "
                   "100000000");
}

static void missing_arguments_are_refused(void **state) {
    (void)state;
    psq_error err;
    assert_int_equal(psq_safetensors_write(NULL, path, NULL, 0, NULL, 0, &err), PSQ_INVALID);
    assert_string_equal(err.text, "ctx is NULL");
    assert_int_equal(psq_safetensors_write(ctx, NULL, NULL, 0, NULL, 0, &err), PSQ_INVALID);
    assert_string_equal(err.text, "path is NULL");
    assert_int_equal(psq_safetensors_write(ctx, "", NULL, 0, NULL, 0, &err), PSQ_INVALID);
    assert_string_equal(err.text, "path is empty");
}

static void unwritable_path_is_named(void **state) {
    (void)state;
    psq_error err;
    assert_int_equal(psq_safetensors_write(ctx, "no-such-dir/m", NULL, 0, NULL, 0, &err), PSQ_IO);
    assert_non_null(strstr(err.text, "no-such-dir/m"));
    assert_non_null(strstr(err.text, "No such file"));
}

// ---- faults

// Before each run the path holds an old file; after a failure it holds that or the new one,
// whole.
static psq_status run_write(const psq_ctx *faulty, void *arg) {
    (void)arg;
    assert_int_equal(psq_safetensors_write(ctx, path, NULL, 0, metadata, 1, NULL), PSQ_OK);
    size_t old_size, new_size;
    char *const old = slurp(path, &old_size);
    const psq_status status = psq_safetensors_write(faulty, path, tensors, 4, metadata, 2, NULL);
    char *const now = slurp(path, &new_size);
    assert_non_null(now);
    const bool is_old = new_size == old_size && memcmp(now, old, old_size) == 0;
    assert_true(is_old ? status != PSQ_OK : new_size > old_size);
    psq_safetensors *file;
    assert_int_equal(psq_safetensors_read(ctx, path, &file, NULL), PSQ_OK);
    psq_safetensors_destroy(file);
    (void)remove(temporary);
    free(old);
    free(now);
    return status;
}

static void write_reports_failing_memory(void **state) {
    (void)state;
    fault_each_alloc(run_write, NULL);
}

static void write_reports_failing_files(void **state) {
    (void)state;
    fault_each_io(run_write, NULL);
}

static void failed_write_leaves_no_temporary(void **state) {
    (void)state;
    for (int64_t k = 1;; k++) {
        psq_fault fault = {0};
        psq_ctx *const faulty = fault_ctx(&fault);
        fault.io_countdown = k;
        const psq_status status =
            psq_safetensors_write(faulty, path, tensors, 4, metadata, 2, NULL);
        psq_ctx_destroy(faulty);
        size_t size;
        assert_null(slurp(temporary, &size));
        if (status == PSQ_OK) {
            assert_true(k > 5);
            break;
        }
        assert_int_equal(status, PSQ_IO);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_has_these_bytes),
        cmocka_unit_test(order_of_arguments_does_not_show),
        cmocka_unit_test(reader_gives_it_back),
        cmocka_unit_test(nothing_makes_an_empty_file),
        cmocka_unit_test(bad_tensor_is_refused),
        cmocka_unit_test(bad_metadata_are_refused),
        cmocka_unit_test(header_has_a_limit),
        cmocka_unit_test(missing_arguments_are_refused),
        cmocka_unit_test(unwritable_path_is_named),
        cmocka_unit_test(write_reports_failing_memory),
        cmocka_unit_test(write_reports_failing_files),
        cmocka_unit_test(failed_write_leaves_no_temporary),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
