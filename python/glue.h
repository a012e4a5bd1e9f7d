// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// glue.h: what would be loops in Python, for packseq._native only. build_native.py reads it as it
// reads the public headers.
#ifndef PACKSEQ_GLUE_H
#define PACKSEQ_GLUE_H

#include <string.h>

#include "packseq/rnn.h"

// psq_rnn_pack of parameters that lie each at its own address, in the order of the table. flat is
// [psq_rnn_n_weights] and is overwritten.
static inline psq_status psq_glue_pack(const psq_rnn *rnn, void *const *parameters, void *flat,
                                       void *panels, psq_error *err)
{
    const psq_param *table = psq_rnn_params(rnn);
    const int64_t n = psq_rnn_n_params(rnn);
    const size_t size = psq_dtype_size(psq_rnn_get_spec(rnn)->dtype);
    for (int64_t i = 0; i < n; i++) {
        const int64_t end = i + 1 < n ? table[i + 1].offset : psq_rnn_n_weights(rnn);
        memcpy((char *)flat + (size_t)table[i].offset * size, parameters[i],
               (size_t)(end - table[i].offset) * size);
    }
    return psq_rnn_pack(rnn, flat, panels, err);
}

#endif
