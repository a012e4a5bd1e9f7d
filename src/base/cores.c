// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cores.c: how many cores there are for this process, and how large their cache is. A container's
// limit is a quota of CPU time, not a mask, and threads beyond it are stopped for the rest of each
// period, in the middle of what others wait for. The kernel's small text files are read here
// directly: they are the machine's, not the host's, so its file operations are not asked.
#define _GNU_SOURCE // sched_getaffinity

#include "base/ctx.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_SIZE = 4096 };

// The beginning of a file, as text; false: there is none.
static bool read_text(const char *path, char text[TEXT_SIZE]) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    size_t size = 0;
    ssize_t n = 0;
    while (size < TEXT_SIZE - 1 && (n = read(file, text + size, TEXT_SIZE - 1 - size)) > 0) {
        size += (size_t)n;
    }
    text[size] = '\0';
    (void)close(file);
    return size > 0;
}

static bool read_in(const char *dir, const char *name, char text[TEXT_SIZE]) {
    char path[TEXT_SIZE];
    const int length = snprintf(path, sizeof path, "%s/%s", dir, name);
    return length > 0 && length < TEXT_SIZE && read_text(path, text);
}

// The quota of one group: "150000 100000" or "max 100000" in version 2, two files in version 1,
// where no quota is -1.
static int64_t quota_of(const char *dir) {
    char text[TEXT_SIZE];
    char *rest = text;
    long long quota = 0;
    long long period = 0;
    if (read_in(dir, "cpu.max", text)) {
        quota = strtoll(text, &rest, 10);
        period = strtoll(rest, NULL, 10);
    } else if (read_in(dir, "cpu.cfs_quota_us", text)) {
        quota = strtoll(text, NULL, 10);
        period = read_in(dir, "cpu.cfs_period_us", text) ? strtoll(text, NULL, 10) : 0;
    }
    return quota > 0 && period > 0 ? quota / period + (quota % period > 0 ? 1 : 0) : INT64_MAX;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// The smallest quota from root/mount/group up to root/mount. Inside a container a group's path may
// be as the outside sees it; what is mounted is then the container's own group.
static int64_t quota_up(const char *root, const char *mount, const char *group) {
    char dir[TEXT_SIZE];
    const bool outside = strstr(group, "/..") != NULL;
    const int length = snprintf(dir, sizeof dir, "%s/%s%s", root, mount, outside ? "" : group);
    if (length < 0 || length >= TEXT_SIZE) {
        return INT64_MAX;
    }
    const size_t top = strlen(root) + 1 + strlen(mount);
    int64_t quota = quota_of(dir);
    for (char *slash = NULL; (slash = strrchr(dir + top, '/')) != NULL;) {
        *slash = '\0';
        quota = least(quota, quota_of(dir));
    }
    return quota;
}

static bool names_cpu(const char *controllers) {
    for (const char *name = controllers; *name != '\0';) {
        const size_t length = strcspn(name, ",");
        if (length == 3 && memcmp(name, "cpu", 3) == 0) {
            return true;
        }
        name += length + (name[length] == ',' ? 1 : 0);
    }
    return false;
}

// A line is "number:controllers:path"; version 2's is "0::path".
static int64_t quota_of_line(const char *root, char *line) {
    char *const controllers = strchr(line, ':');
    char *const group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL) {
        return INT64_MAX;
    }
    *group = '\0';
    if (controllers[1] == '\0') {
        return quota_up(root, ".", group + 1);
    }
    if (!names_cpu(controllers + 1)) {
        return INT64_MAX;
    }
    return least(quota_up(root, controllers + 1, group + 1), quota_up(root, "cpu", group + 1));
}

int64_t psq_cores_quota(const char *groups, const char *root) {
    char text[TEXT_SIZE];
    int64_t quota = INT64_MAX;
    if (read_text(groups, text)) {
        for (char *line = text; *line != '\0';) {
            const size_t length = strcspn(line, "\n");
            char *const next = line + length + (line[length] == '\n' ? 1 : 0);
            line[length] = '\0';
            quota = least(quota, quota_of_line(root, line));
            line = next;
        }
    }
    return quota;
}

// Cores of the mask that the calling thread, and so its helpers, may run on; 0: not known.
static int64_t cores_of_mask(void) {
#if defined(__linux__)
    cpu_set_t sets[8]; // 8192 cores
    if (sched_getaffinity(0, sizeof sets, sets) == 0) {
        return CPU_COUNT_S(sizeof sets, sets);
    }
#endif
    return 0;
}

int64_t psq_cores(void) {
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const int64_t mask = cores_of_mask();
    int64_t cores = online > 0 ? online : INT64_MAX;
    cores = least(cores, mask > 0 ? mask : INT64_MAX);
    cores = least(cores, psq_cores_quota("/proc/self/cgroup", "/sys/fs/cgroup"));
    return cores < INT64_MAX ? cores : 1;
}

// "32768K" in index3/size, or in index2/size where there is no third level. sysconf says the same
// of some processors and the sum over the whole socket of others.
size_t psq_cache_bytes(const char *dir) {
    static const char *const names[] = {"index3/size", "index2/size"};
    char text[TEXT_SIZE];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *unit = text;
        const long long size = read_in(dir, names[i], text) ? strtoll(text, &unit, 10) : 0;
        if (size > 0 && size < 1 << 20 && (*unit == 'K' || *unit == 'M')) {
            return (size_t)size << (*unit == 'K' ? 10 : 20);
        }
    }
    return (size_t)32 << 20;
}
