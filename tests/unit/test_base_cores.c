// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_cores.c: the quota of made-up trees of cgroups, the cores of this process, and made-up
// caches.
#define _GNU_SOURCE // sched_setaffinity

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ctx.h"
#include "testing.h"

static char root[] = "cores-XXXXXX";
static char path[512];

static const char *in_root(const char *name) {
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void make_dir(const char *name) {
    assert_int_equal(mkdir(in_root(name), 0700), 0);
}

static void write_file(const char *name, const char *text) {
    FILE *const file = fopen(in_root(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

// An empty tree with the directories that the cases use.
static int setup(void **state) {
    (void)state;
    static const char *const dirs[] = {"a",   "a/b",   "cpu,cpuacct", "cpu,cpuacct/a",
                                       "cpu", "cpu/a", "index2",      "index3"};
    memcpy(root, "cores-XXXXXX", sizeof root);
    if (mkdtemp(root) == NULL) {
        return 1;
    }
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        make_dir(dirs[i]);
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

// The quota when /proc/self/cgroup is `groups`; 0: none.
static int64_t quota(const char *groups) {
    write_file("groups", groups);
    const int64_t n = psq_cores_quota(path, root);
    return n < INT64_MAX ? n : 0;
}

static void quota_none(void **state) {
    (void)state;
    assert_int_equal(quota("0::/a/b\n"), 0);
    assert_int_equal(quota(""), 0);
    assert_int_equal(quota("\n0\n0:\n:::\n0::"), 0);
    assert_true(psq_cores_quota(in_root("missing"), root) == INT64_MAX);
}

static void quota_is_rounded_up(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t cores;
    } cases[] = {{"max 100000\n", 0},
                 {"100000 100000\n", 1},
                 {"100001 100000\n", 2},
                 {"1000 100000\n", 1},
                 {"350000 100000\n", 4},
                 {"50000 10000\n", 5},
                 {"0 100000\n", 0},
                 {"-1 100000\n", 0},
                 {"100000 0\n", 0},
                 {"100000\n", 0},
                 {"", 0},
                 {"zebra\n", 0},
                 {"9223372036854775807 1\n", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("a/b/cpu.max", cases[i].text);
        assert_int_equal(quota("0::/a/b\n"), cases[i].cores);
    }
}

// The smallest on the way up counts.
static void quota_of_ancestors(void **state) {
    (void)state;
    write_file("cpu.max", "800000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 8);
    assert_int_equal(quota("0::/\n"), 8);
    write_file("a/cpu.max", "200000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 2);
    write_file("a/b/cpu.max", "300000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 2);
    write_file("a/b/cpu.max", "max 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 2);
    assert_int_equal(quota("0::/a/b"), 2);
    assert_int_equal(quota("0::/\n"), 8);
    // A path as it is outside this container: what is mounted is its own group.
    assert_int_equal(quota("0::/elsewhere/c\n"), 8);
    assert_int_equal(quota("0::/../a\n"), 8);
}

static void quota_of_version_1(void **state) {
    (void)state;
    write_file("cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
    assert_int_equal(quota("3:cpu,cpuacct:/a\n"), 0); // no period
    write_file("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("4:memory:/a\n3:cpu,cpuacct:/a\n0::/a\n"), 2);
    assert_int_equal(quota("3:cpu,cpuacct:/\n"), 0);
    assert_int_equal(quota("4:cpuset:/a\n5:cpuacct:/a\n6:name=cpu:/a\n"), 0);
    write_file("cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(quota("3:cpu,cpuacct:/a\n"), 0);
    // The mount may be called by this one controller.
    write_file("cpu/a/cpu.cfs_quota_us", "300000\n");
    write_file("cpu/a/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("3:cpuacct,cpu:/a\n"), 3);
    assert_int_equal(quota("3:cpu:/a"), 3);
}

static void quota_of_long_paths(void **state) {
    (void)state;
    char groups[5000];
    memset(groups, 'x', sizeof groups);
    memcpy(groups, "0::/", 4);
    groups[sizeof groups - 1] = '\0';
    write_file("cpu.max", "800000 100000\n");
    assert_int_equal(quota(groups), 0);
    groups[4000] = '\0';
    assert_int_equal(quota(groups), 8);
}

// The third level goes before the second; what cannot be read or believed is a guess.
static void cache_bytes(void **state) {
    (void)state;
    const size_t guess = (size_t)32 << 20;
    assert_true(psq_cache_bytes(root) == guess);
    write_file("index2/size", "1024K\n");
    assert_true(psq_cache_bytes(root) == (size_t)1024 << 10);
    static const struct {
        const char *text;
        size_t bytes;
    } cases[] = {{"32768K\n", (size_t)32768 << 10},  {"36M\n", (size_t)36 << 20},
                 {"0K\n", (size_t)1024 << 10},       {"-1K\n", (size_t)1024 << 10},
                 {"32768\n", (size_t)1024 << 10},    {"", (size_t)1024 << 10},
                 {"99999999K\n", (size_t)1024 << 10}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("index3/size", cases[i].text);
        assert_true(psq_cache_bytes(root) == cases[i].bytes);
    }
}

static void cores_of_the_mask(void **state) {
    (void)state;
    const int64_t cores = psq_cores();
    assert_in_range(cores, 1, sysconf(_SC_NPROCESSORS_ONLN));
#if defined(__linux__)
    cpu_set_t old;
    assert_int_equal(sched_getaffinity(0, sizeof old, &old), 0);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &old)) {
        cpu++;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(psq_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof old, &old), 0);
    assert_int_equal(psq_cores(), cores);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quota_none, setup, teardown),
        cmocka_unit_test_setup_teardown(quota_is_rounded_up, setup, teardown),
        cmocka_unit_test_setup_teardown(quota_of_ancestors, setup, teardown),
        cmocka_unit_test_setup_teardown(quota_of_version_1, setup, teardown),
        cmocka_unit_test_setup_teardown(quota_of_long_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(cache_bytes, setup, teardown),
        cmocka_unit_test(cores_of_the_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
