// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// labels.c: labels are found by a hash table beside the names, with linear probing, so that a
// column of a million of them costs what a million lines cost. Only slots with the same 32 bits
// look at a name; to grow, the bits are enough.
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
    psq_free(labels->ctx, labels->slots);
}

// 64-bit FNV-1a, the halves folded: its low bits alone are the weaker ones.
static uint32_t hash_of(psq_span name) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ (unsigned char)name.at[i]) * UINT64_C(0x100000001b3);
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static psq_span name_of(const psq_labels *labels, int32_t index) {
    const int64_t begin = labels->offsets[index];
    return (psq_span){labels->names + begin, (size_t)(labels->offsets[index + 1] - begin - 1)};
}

// The slot of the name, or the free one where it belongs. There is a free one.
static psq_label_slot *find_slot(const psq_labels *labels, psq_span name, uint32_t hash) {
    const int64_t mask = labels->n_slots - 1;
    for (int64_t i = hash & mask;; i = (i + 1) & mask) {
        psq_label_slot *const slot = &labels->slots[i];
        if (slot->label == 0) {
            return slot;
        }
        if (slot->hash == hash) {
            const psq_span other = name_of(labels, slot->label - 1);
            if (other.size == name.size && memcmp(other.at, name.at, name.size) == 0) {
                return slot;
            }
        }
    }
}

// For a label that is not in the table.
static void put_slot(psq_label_slot *slots, int64_t n_slots, psq_label_slot new) {
    int64_t i = new.hash &(n_slots - 1);
    while (slots[i].label != 0) {
        i = (i + 1) & (n_slots - 1);
    }
    slots[i] = new;
}

// Room for one more.
static psq_status grow_slots(psq_labels *labels, psq_error *err) {
    if (labels->n < labels->n_slots / 2) {
        return PSQ_OK;
    }
    const int64_t n_slots = labels->n_slots > 0 ? 2 * labels->n_slots : 16;
    psq_label_slot *slots = NULL;
    PSQ_TRY(psq_alloc_zero(labels->ctx, n_slots, sizeof *slots, "labels", (void **)&slots, err));
    for (int64_t i = 0; i < labels->n_slots; i++) {
        if (labels->slots[i].label != 0) {
            put_slot(slots, n_slots, labels->slots[i]);
        }
    }
    psq_free(labels->ctx, labels->slots);
    labels->slots = slots;
    labels->n_slots = n_slots;
    return PSQ_OK;
}

static psq_status add(psq_labels *labels, psq_span name, psq_error *err) {
    const int64_t n = labels->n, used = labels->offsets[n];
    PSQ_REQUIRE(err, n < INT32_MAX, PSQ_NOMEM, "more than %d labels", INT32_MAX);
    const int64_t now = used + (int64_t)name.size + 1;
    PSQ_TRY(reserve(labels, (void **)&labels->names, &labels->names_size, used, now, 1, err));
    PSQ_TRY(reserve(labels, (void **)&labels->offsets, &labels->offsets_size, n + 1, n + 2,
                    sizeof *labels->offsets, err));
    memcpy(labels->names + used, name.at, name.size);
    labels->names[now - 1] = '\0';
    labels->offsets[n + 1] = now;
    labels->n = n + 1;
    return PSQ_OK;
}

psq_status psq_labels_find(psq_labels *labels, psq_span name, int32_t *index, psq_error *err) {
    const uint32_t hash = hash_of(name);
    PSQ_TRY(grow_slots(labels, err));
    psq_label_slot *const slot = find_slot(labels, name, hash);
    if (slot->label == 0) {
        PSQ_TRY(add(labels, name, err));
        *slot = (psq_label_slot){hash, (int32_t)labels->n};
    }
    *index = slot->label - 1;
    return PSQ_OK;
}

void psq_labels_cut(psq_labels *labels, int64_t n) {
    assert(n <= labels->n);
    if (n == labels->n) {
        return;
    }
    memset(labels->slots, 0, (size_t)labels->n_slots * sizeof *labels->slots);
    for (int64_t i = 0; i < n; i++) {
        const uint32_t hash = hash_of(name_of(labels, (int32_t)i));
        put_slot(labels->slots, labels->n_slots, (psq_label_slot){hash, (int32_t)(i + 1)});
    }
    labels->n = n;
}

const char *psq_labels_name(const psq_labels *labels, int64_t index) {
    const bool is_label = index >= 0 && index < labels->n;
    return is_label ? labels->names + labels->offsets[index] : NULL;
}
