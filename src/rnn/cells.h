// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cells.h: how the cells differ, as a table. PyTorch's gates are the rows of the weights; slots are
// where the kernels keep their values in a row of gates. They differ for GRU, whose n gate has two
// separate parts: slot n for the input side and slot q for the hidden side.
#ifndef PACKSEQ_RNN_CELLS_H
#define PACKSEQ_RNN_CELLS_H

#include "packseq/rnn.h"

// Gates gate to gate + n_gates - 1: their input side lives in the slots from in_slot on, their
// hidden side in those from `slot` on. Of pre-activations (kern.h) a segment is one interleaved
// part of n_gates * H elements at in_slot * H or slot * H.
typedef struct psq_segment {
    int64_t gate;
    int64_t n_gates;
    int64_t in_slot;
    int64_t slot;
} psq_segment;

enum { PSQ_MAX_SEGMENTS = 2 };

typedef struct psq_cell_info {
    const char *name;
    int64_t n_gates; // G; input-side gates live in slots 0 to G - 1
    int64_t n_slots; // S
    int64_t n_segments;
    psq_segment segments[PSQ_MAX_SEGMENTS]; // gates ascending
    bool saves_gates;                       // false: backward needs h alone
    bool has_c;                             // a cell state beside h
    bool carries_dh;                        // part of dh reaches the previous step past the gates
} psq_cell_info;

// NULL for a value outside the enum.
const psq_cell_info *psq_cell_get(psq_cell cell);

#endif
