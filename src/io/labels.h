// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// labels.h: names and their indices, in the order of their first appearance.
#ifndef PACKSEQ_IO_LABELS_H
#define PACKSEQ_IO_LABELS_H

#include "io/names.h"

// A place of the hash table.
typedef struct psq_label_slot {
    uint32_t hash;
    int32_t label; // index + 1; 0: free
} psq_label_slot;

typedef struct psq_labels {
    const psq_ctx *ctx;
    int64_t n;
    char *names;           // each with a 0 behind it
    int64_t *offsets;      // [n + 1]
    psq_label_slot *slots; // [n_slots], a power of two, at most half of them taken; NULL: none yet
    int64_t n_slots;
    size_t names_size, offsets_size;
} psq_labels;

// None. Freed with psq_labels_free, also after a failure; that accepts a zeroed struct.
PSQ_MUST psq_status psq_labels_init(const psq_ctx *ctx, psq_labels *labels, psq_error *err);
void psq_labels_free(psq_labels *labels);

// The index of a name, which psq_name_fault has passed; it is added if it is new.
PSQ_MUST psq_status psq_labels_find(psq_labels *labels, psq_span name, int32_t *index,
                                    psq_error *err);

// Back to the first n.
void psq_labels_cut(psq_labels *labels, int64_t n);

// NULL for an index that is none.
const char *psq_labels_name(const psq_labels *labels, int64_t index);

#endif
