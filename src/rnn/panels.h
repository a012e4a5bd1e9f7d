// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// panels.h: the weights of one layer and direction in the order in which the kernels read them, and
// where they lie in the caller's buffer.
#ifndef PACKSEQ_RNN_PANELS_H
#define PACKSEQ_RNN_PANELS_H

#include "rnn/plan.h"

// "panel (n_out, n_k)": a kern panel. Segments as in rnn/cells.h: n their gates.
typedef struct psq_panels {
    void *bias;                   // [S*H] what pre-activations start from, in their order
    void *ih[PSQ_MAX_SEGMENTS];   // panel (n*H, I_l) of a segment of W_ih, interleaved
    void *hh[PSQ_MAX_SEGMENTS];   // panel (n*H, R) of a segment of W_hh, interleaved
    void *hr;                     // panel (P, H) of W_hr
    void *ih_t;                   // panel (I_l, G*H): for dx
    void *hh_t[PSQ_MAX_SEGMENTS]; // panel (R, n*H): for dh
    void *hr_t;                   // panel (H, P): for dm
} psq_panels;

// The panels of (layer, direction) in a buffer of psq_rnn_panel_bytes.
psq_panels psq_panels_get(const psq_rnn *rnn, const void *panels, int64_t layer, int64_t direction);

#endif
