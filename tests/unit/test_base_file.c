// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_file.c: files read and replaced, on the system's files and on ones that fall
// short: short reads and writes, full devices, every operation failing in turn.
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/file.h"
#include "testing.h"

static psq_ctx *ctx;
static psq_error err;
static char dir[32];
static char path[64]; // dir/file
static char temporary[64];

static int setup(void **state) {
    (void)state;
    (void)snprintf(dir, sizeof dir, "test_base_file_XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return 1;
    }
    (void)snprintf(path, sizeof path, "%s/file", dir);
    (void)snprintf(temporary, sizeof temporary, "%s/file.tmp0", dir);
    return psq_ctx_create(NULL, &ctx, NULL) == PSQ_OK ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    psq_ctx_destroy(ctx);
    (void)remove(path);
    return rmdir(dir); // fails where a test left something behind
}

// The test's own hands on the file, without the code that is tested.
static void put(const char *bytes, size_t size) {
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static bool holds(const char *wanted) {
    char content[64] = "";
    FILE *const file = fopen(path, "rb");
    assert_non_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    (void)fclose(file);
    return strcmp(content, wanted) == 0;
}

static bool exists(const char *name) {
    return access(name, F_OK) == 0;
}

// ---- reading

// At most 3 bytes at a time.
static int short_read(void *self, void *file, void *buf, size_t size, size_t *done) {
    return psq_default_io.read(self, file, buf, size < 3 ? size : 3, done);
}

static int short_write(void *self, void *file, const void *buf, size_t size, size_t *done) {
    return psq_default_io.write(self, file, buf, size < 3 ? size : 3, done);
}

static psq_ctx *ctx_with_io(const psq_io *io) {
    psq_ctx_opts opts = PSQ_CTX_OPTS_INIT;
    opts.io = io;
    psq_ctx *made = NULL;
    assert_int_equal(psq_ctx_create(&opts, &made, &err), PSQ_OK);
    return made;
}

enum { STEP = 4096 };

static psq_status read_all(const psq_ctx *reader, const char *name, char *bytes, size_t room,
                           size_t *size) {
    psq_file file;
    *size = 0;
    psq_status status = psq_file_open(reader, name, &file, &err);
    if (status != PSQ_OK) {
        return status;
    }
    size_t done = STEP;
    while (status == PSQ_OK && done == STEP) {
        assert_true(*size + STEP <= room);
        status = psq_file_next(&file, bytes + *size, STEP, &done, &err);
        *size += status == PSQ_OK ? done : 0;
    }
    psq_file_close(&file);
    return status;
}

static char got[104000];

static void assert_reads(const psq_ctx *reader, const char *name, const char *wanted, size_t size) {
    size_t got_size = SIZE_MAX;
    assert_int_equal(read_all(reader, name, got, sizeof got, &got_size), PSQ_OK);
    assert_int_equal(got_size, size);
    assert_memory_equal(got, wanted, size);
}

static void fill(char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
}

static void file_read_sizes(void **state) {
    (void)state;
    static const size_t sizes[8] = {0, 1, 4095, 4096, 4097, 8192, 20000, 100000};
    static char bytes[100000];
    fill(bytes, sizeof bytes);
    psq_io io = psq_default_io;
    io.read = short_read;
    psq_ctx *const haltingly = ctx_with_io(&io);
    for (int i = 0; i < 8; i++) {
        put(bytes, sizes[i]);
        assert_reads(ctx, path, bytes, sizes[i]);
        assert_reads(haltingly, path, bytes, sizes[i]);
    }
    psq_ctx_destroy(haltingly);
}

static void file_read_pipe(void **state) {
    (void)state;
    static char bytes[10000];
    fill(bytes, sizeof bytes);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(close(ends[1]), 0);
    char name[32];
    (void)snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    assert_reads(ctx, name, bytes, sizeof bytes);
    assert_int_equal(close(ends[0]), 0);
}

static void assert_unreadable(const char *name, const char *words) {
    size_t size;
    assert_fails(read_all(ctx, name, got, sizeof got, &size), PSQ_IO, words);
    assert_int_equal(size, 0);
}

static void file_read_refused(void **state) {
    (void)state;
    char words[128];
    (void)snprintf(words, sizeof words, "cannot open %s: No such file or directory", path);
    (void)remove(path);
    assert_unreadable(path, words);
    (void)snprintf(words, sizeof words, "cannot read %s: Is a directory", dir);
    assert_unreadable(dir, words);
    assert_unreadable("", "cannot open : No such file or directory");
}

// The sentence ends, whatever the length of the path.
static void file_read_long_path(void **state) {
    (void)state;
    char name[PATH_MAX + 10];
    memset(name, 'p', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_unreadable(name, "pppp: File name too long");
}

static psq_status read_faulty(const psq_ctx *faulty, void *arg) {
    (void)arg;
    size_t size = 0;
    const psq_status status = read_all(faulty, path, got, sizeof got, &size);
    if (status == PSQ_OK) {
        assert_int_equal(size, 20000);
    } else {
        assert_int_equal(err.status, status);
        assert_non_null(strstr(err.text, path));
    }
    return status;
}

static void file_read_each_failure(void **state) {
    (void)state;
    static char bytes[20000];
    put(bytes, sizeof bytes);
    fault_each_io(read_faulty, NULL);
}

// ---- replacing

static const psq_chunk new_chunks[4] = {{"new ", 4}, {NULL, 0}, {"con", 3}, {"tent", 4}};

static psq_status replace(const psq_ctx *writer) {
    return psq_file_replace(writer, path, new_chunks, 4, &err);
}

static void file_replace_writes_chunks(void **state) {
    (void)state;
    (void)remove(path);
    assert_int_equal(replace(ctx), PSQ_OK); // a file that was not there
    assert_true(holds("new content"));
    assert_int_equal(replace(ctx), PSQ_OK);
    assert_true(holds("new content"));
    assert_int_equal(psq_file_replace(ctx, path, NULL, 0, &err), PSQ_OK);
    assert_true(holds(""));
    assert_false(exists(temporary));
}

// Files and links that have the names of temporary ones are no obstacle and stay as they are.
static void file_replace_spares_other_files(void **state) {
    (void)state;
    char link[64];
    (void)snprintf(link, sizeof link, "%s/file.tmp1", dir);
    put("a stranger's file", 17);
    assert_int_equal(rename(path, temporary), 0);
    assert_int_equal(symlink("file.tmp0", link), 0);
    assert_int_equal(replace(ctx), PSQ_OK);
    assert_true(holds("new content"));
    assert_int_equal(remove(link), 0);
    assert_int_equal(rename(temporary, path), 0);
    assert_true(holds("a stranger's file"));
}

// Another writer, with other content, begins and ends while the file is being synced.
static int sync_after_other(void *self, void *file) {
    const psq_chunk other = {"other", 5};
    assert_int_equal(psq_file_replace(ctx, path, &other, 1, &err), PSQ_OK);
    assert_true(holds("other"));
    return psq_default_io.sync(self, file);
}

static void file_replace_two_at_once(void **state) {
    (void)state;
    psq_io io = psq_default_io;
    io.sync = sync_after_other;
    psq_ctx *const slow = ctx_with_io(&io);
    assert_int_equal(replace(slow), PSQ_OK);
    assert_true(holds("new content"));
    assert_false(exists(temporary));
    psq_ctx_destroy(slow);
}

static int open_taken(void *self, const char *name, psq_io_mode mode, void **file) {
    (void)self, (void)name, (void)mode, (void)file;
    return EEXIST;
}

static void file_replace_without_a_free_name(void **state) {
    (void)state;
    psq_io io = psq_default_io;
    io.open = open_taken;
    psq_ctx *const crowded = ctx_with_io(&io);
    assert_fails(replace(crowded), PSQ_IO, "file.tmp9999: File exists");
    psq_ctx_destroy(crowded);
}

static void file_replace_in_the_current_directory(void **state) {
    (void)state;
    assert_int_equal(chdir(dir), 0);
    const psq_status status = psq_file_replace(ctx, "file", new_chunks, 4, &err);
    assert_int_equal(chdir(".."), 0);
    assert_int_equal(status, PSQ_OK);
    assert_true(holds("new content"));
}

static void file_replace_short_writes(void **state) {
    (void)state;
    psq_io io = psq_default_io;
    io.write = short_write;
    psq_ctx *const haltingly = ctx_with_io(&io);
    assert_int_equal(replace(haltingly), PSQ_OK);
    assert_true(holds("new content"));
    psq_ctx_destroy(haltingly);
}

// The operations that make a replaced file survive a crash, in the order they came.
static char operations[16];

static void note(char operation) {
    const size_t n = strlen(operations);
    assert_true(n + 1 < sizeof operations);
    operations[n] = operation;
}

static int noted_write(void *self, void *file, const void *buf, size_t size, size_t *done) {
    note('w');
    return psq_default_io.write(self, file, buf, size, done);
}

static int noted_sync(void *self, void *file) {
    note('s');
    return psq_default_io.sync(self, file);
}

static int noted_close(void *self, void *file) {
    note('c');
    return psq_default_io.close(self, file);
}

static int noted_rename(void *self, const char *from, const char *to) {
    note('r');
    return psq_default_io.rename(self, from, to);
}

static int noted_sync_dir(void *self, const char *name) {
    note('d');
    return psq_default_io.sync_dir(self, name);
}

static void file_replace_syncs_before_renaming(void **state) {
    (void)state;
    psq_io io = psq_default_io;
    io.write = noted_write;
    io.sync = noted_sync;
    io.close = noted_close;
    io.rename = noted_rename;
    io.sync_dir = noted_sync_dir;
    psq_ctx *const noting = ctx_with_io(&io);
    memset(operations, 0, sizeof operations);
    assert_int_equal(replace(noting), PSQ_OK);
    assert_string_equal(operations, "wwwscrd");
    psq_ctx_destroy(noting);
}

static int no_write(void *self, void *file, const void *buf, size_t size, size_t *done) {
    (void)self, (void)file, (void)buf, (void)size;
    *done = 0;
    return 0;
}

// A write that neither writes nor fails is an error, not an endless loop.
static void file_replace_write_of_nothing(void **state) {
    (void)state;
    put("old", 3);
    psq_io io = psq_default_io;
    io.write = no_write;
    psq_ctx *const stuck = ctx_with_io(&io);
    assert_fails(replace(stuck), PSQ_IO, "cannot write ");
    assert_true(holds("old"));
    assert_false(exists(temporary));
    psq_ctx_destroy(stuck);
}

// Each operation fails once: before the rename the old file stays as it was, after it the new one
// is there, whole; nothing else is left.
static void file_replace_each_io_failure(void **state) {
    (void)state;
    bool failed = true;
    int64_t n_new = 0;
    for (int64_t k = 1; failed; k++) {
        put("old", 3);
        psq_fault fault = {.io_countdown = k};
        psq_ctx *const faulty = fault_ctx(&fault);
        const psq_status status = replace(faulty);
        failed = fault.n_ios >= k;
        assert_int_equal(status, failed ? PSQ_IO : PSQ_OK);
        if (failed) {
            assert_non_null(strstr(err.text, path));
            assert_non_null(strstr(err.text, ": Input/output error"));
        }
        const bool is_new = holds("new content");
        assert_true(is_new || holds("old"));
        n_new += is_new ? 1 : 0;
        assert_false(exists(temporary));
        assert_int_equal(fault.n_open, 0);
        assert_int_equal(fault.n_live, 0);
        psq_ctx_destroy(faulty);
    }
    assert_int_equal(n_new, 2); // without failure, and when only the directory was not synced
    assert_non_null(strstr(err.text, "cannot sync the directory of "));
}

static psq_status replace_faulty(const psq_ctx *faulty, void *arg) {
    (void)arg;
    const psq_status status = replace(faulty);
    (void)remove(temporary); // stays where removing failed too
    return status;
}

static void file_replace_each_failure(void **state) {
    (void)state;
    fault_each_alloc(replace_faulty, NULL);
    fault_each_io(replace_faulty, NULL);
}

static void file_replace_out_of_memory(void **state) {
    (void)state;
    put("old", 3);
    psq_fault fault = {.alloc_countdown = 1};
    psq_ctx *const faulty = fault_ctx(&fault);
    assert_fails(replace(faulty), PSQ_NOMEM, "out of memory");
    assert_true(holds("old"));
    assert_int_equal(fault.n_ios, 0);
    psq_ctx_destroy(faulty);
}

// Opens the device that is always full instead of the file.
static int open_full(void *self, const char *name, psq_io_mode mode, void **file) {
    (void)self, (void)name, (void)mode;         // the device is there already
    const int fd = open("/dev/full", O_WRONLY); // a handle as the default ones are
    *file = (void *)(intptr_t)(fd + 1);
    return fd < 0 ? errno : 0;
}

static void file_replace_on_full_device(void **state) {
    (void)state;
    if (!exists("/dev/full")) {
        skip();
    }
    put("old", 3);
    psq_io io = psq_default_io;
    io.open = open_full;
    psq_ctx *const full = ctx_with_io(&io);
    char words[128];
    (void)snprintf(words, sizeof words, "cannot write %s: No space left on device", temporary);
    assert_fails(replace(full), PSQ_IO, words);
    assert_true(holds("old"));
    psq_ctx_destroy(full);
}

static void file_replace_where_nobody_may(void **state) {
    (void)state;
    put("old", 3);
    char name[64];
    (void)snprintf(name, sizeof name, "%s/none/file", dir);
    assert_fails(psq_file_replace(ctx, name, new_chunks, 4, &err), PSQ_IO, name);
    assert_non_null(strstr(err.text, "No such file or directory"));
    (void)snprintf(name, sizeof name, "%s/file/file", dir);
    assert_fails(psq_file_replace(ctx, name, new_chunks, 4, &err), PSQ_IO, name);
    assert_non_null(strstr(err.text, "Not a directory"));
    assert_int_equal(psq_file_replace(ctx, name, new_chunks, 4, NULL), PSQ_IO);
    assert_fails(psq_file_replace(ctx, dir, new_chunks, 4, &err), PSQ_IO, "cannot rename to ");
    (void)snprintf(name, sizeof name, "%s.tmp0", dir);
    assert_false(exists(name));

    if (geteuid() != 0) { // the superuser may write anywhere
        assert_int_equal(chmod(dir, 0500), 0);
        const psq_status status = replace(ctx);
        assert_int_equal(chmod(dir, 0700), 0);
        assert_int_equal(status, PSQ_IO);
        assert_non_null(strstr(err.text, "Permission denied"));
    }
    assert_true(holds("old"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_read_sizes),
        cmocka_unit_test(file_read_pipe),
        cmocka_unit_test(file_read_refused),
        cmocka_unit_test(file_read_long_path),
        cmocka_unit_test(file_read_each_failure),
        cmocka_unit_test(file_replace_writes_chunks),
        cmocka_unit_test(file_replace_spares_other_files),
        cmocka_unit_test(file_replace_two_at_once),
        cmocka_unit_test(file_replace_without_a_free_name),
        cmocka_unit_test(file_replace_in_the_current_directory),
        cmocka_unit_test(file_replace_short_writes),
        cmocka_unit_test(file_replace_syncs_before_renaming),
        cmocka_unit_test(file_replace_write_of_nothing),
        cmocka_unit_test(file_replace_each_io_failure),
        cmocka_unit_test(file_replace_each_failure),
        cmocka_unit_test(file_replace_out_of_memory),
        cmocka_unit_test(file_replace_on_full_device),
        cmocka_unit_test(file_replace_where_nobody_may),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
