// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// labels.c: labels are found by binary search in an order that is kept beside them, so that a
// column with many of them stays fast.
#include "io/labels.h"

#include <assert.h>
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"

// Room for `count` elements where `keep` are in use.
static psq_status reserve(psq_labels *labels, void **array, size_t *size, int64_t keep,
                          int64_t count, size_t element, psq_error *err) {
    return psq_grow(labels->ctx, array, size, psq_size_of(keep, element),
                    psq_size_of(count, element), "labels", err);
}

psq_status psq_labels_init(const psq_ctx *ctx, psq_labels *labels, psq_error *err) {
    *labels = (psq_labels){.ctx = ctx};
    PSQ_TRY(reserve(labels, (void **)&labels->offsets, &labels->offsets_size, 0, 1,
                    sizeof *labels->offsets, err));
    labels->offsets[0] = 0;
    return PSQ_OK;
}

void psq_labels_free(psq_labels *labels) {
    psq_free(labels->ctx, labels->names);
    psq_free(labels->ctx, labels->offsets);
    psq_free(labels->ctx, labels->order);
}

// memcmp order, a prefix first.
static int compare(psq_span a, psq_span b) {
    const int order = memcmp(a.at, b.at, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static psq_span name_of(const psq_labels *labels, int32_t index) {
    const char *const name = labels->names + labels->offsets[index];
    return (psq_span){name, strlen(name)};
}

static psq_status add(psq_labels *labels, psq_span name, int64_t position, psq_error *err) {
    const int64_t n = labels->n, used = labels->offsets[n];
    PSQ_REQUIRE(err, n < INT32_MAX, PSQ_NOMEM, "more than %d labels", INT32_MAX);
    const int64_t now = used + (int64_t)name.size + 1;
    PSQ_TRY(reserve(labels, (void **)&labels->names, &labels->names_size, used, now, 1, err));
    PSQ_TRY(reserve(labels, (void **)&labels->offsets, &labels->offsets_size, n + 1, n + 2,
                    sizeof *labels->offsets, err));
    PSQ_TRY(reserve(labels, (void **)&labels->order, &labels->order_size, n, n + 1,
                    sizeof *labels->order, err));
    memcpy(labels->names + used, name.at, name.size);
    labels->names[now - 1] = '\0';
    labels->offsets[n + 1] = now;
    int32_t *const slot = labels->order + position;
    memmove(slot + 1, slot, (size_t)(n - position) * sizeof *slot);
    *slot = (int32_t)n;
    labels->n = n + 1;
    return PSQ_OK;
}

psq_status psq_labels_find(psq_labels *labels, psq_span name, int32_t *index, psq_error *err) {
    int64_t low = 0, high = labels->n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = compare(name, name_of(labels, labels->order[middle]));
        if (order == 0) {
            *index = labels->order[middle];
            return PSQ_OK;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    *index = (int32_t)labels->n;
    return add(labels, name, low, err);
}

void psq_labels_cut(psq_labels *labels, int64_t n) {
    int64_t kept = 0;
    for (int64_t i = 0; i < labels->n; i++) {
        if (labels->order[i] < n) {
            labels->order[kept++] = labels->order[i];
        }
    }
    assert(kept == n);
    labels->n = n;
}

const char *psq_labels_name(const psq_labels *labels, int64_t index) {
    const bool is_label = index >= 0 && index < labels->n;
    return is_label ? labels->names + labels->offsets[index] : NULL;
}
