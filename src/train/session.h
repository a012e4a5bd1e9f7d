// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// session.h: what psq_fit shares with a session's public calls.
#ifndef PACKSEQ_TRAIN_SESSION_H
#define PACKSEQ_TRAIN_SESSION_H

#include "train/batch.h"

struct psq_session {
    const psq_ctx *ctx;
    const psq_model *model;
    void *panels;          // the network's
    void *head_panel;      // W of the head, for logits
    void *head_panel_back; // its transpose, for dfeatures
    void *lengths;         // [B] int64_t
    size_t lengths_bytes;
    void *work; // a batch's arrays
    size_t work_bytes;
};

// The public calls behind their border: choice was checked. dweights NULL: evaluation.
PSQ_MUST psq_status psq_session_run(psq_session *session, const void *weights,
                                    const psq_choice *choice, uint64_t seed, void *dweights,
                                    void *logits, int32_t *predictions, psq_batch_result *result,
                                    psq_error *err);

#endif
