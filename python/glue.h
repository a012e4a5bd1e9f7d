// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// glue.h: what takes several calls and some memory for the time of a call, as one call from Python;
// for packseq._native only. build_native.py reads it as it reads the public headers.
#ifndef PACKSEQ_GLUE_H
#define PACKSEQ_GLUE_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "packseq/rnn.h"

static inline psq_status psq_glue_refused(psq_error *err) {
    static const char text[] = "memory for a call of the network was refused";
    err->status = PSQ_NOMEM;
    memcpy(err->text, text, sizeof text);
    return PSQ_NOMEM;
}

// psq_rnn_pack of parameters that lie each at its own address.
static inline psq_status psq_glue_pack(const psq_ctx *ctx, const psq_rnn *rnn,
                                       void *const *parameters, void *panels, psq_error *err) {
    const psq_param *table = psq_rnn_params(rnn);
    const int64_t n = psq_rnn_n_params(rnn);
    const int64_t n_weights = psq_rnn_n_weights(rnn);
    const size_t size = psq_dtype_size(psq_rnn_get_spec(rnn)->dtype);
    char *flat = psq_malloc(ctx, (size_t)n_weights * size);
    if (flat == NULL) {
        return psq_glue_refused(err);
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t end = i + 1 < n ? table[i + 1].offset : n_weights;
        memcpy(flat + (size_t)table[i].offset * size, parameters[i],
               (size_t)(end - table[i].offset) * size);
    }
    const psq_status status = psq_rnn_pack(rnn, flat, panels, err);
    psq_free(ctx, flat);
    return status;
}

// Large memory is fresh in every call, and comes page by page as it is touched: by large pages
// where the system has them, which took a fifth off a forward pass with a reserve of 40 MiB.
static inline void psq_glue_large_pages(void *memory, size_t size) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)2 << 20;
    const uintptr_t from = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)memory + size) / page * page;
    if (size >= 4 * page) {
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
    }
#else
    (void)memory;
    (void)size;
#endif
}

// Memory for the time of a call: what the caller has not. Weights are panels, or else where each
// parameter lies, in the order of the table.
typedef struct psq_glue_memory {
    const void *panels;
    void *reserve, *scratch;
    void *own_panels, *own_reserve;
} psq_glue_memory;

static inline psq_status psq_glue_open(const psq_ctx *ctx, const psq_rnn *rnn,
                                       const psq_layout *layout, const void *panels,
                                       void *const *parameters, unsigned flags, void *reserve,
                                       psq_glue_memory *m, psq_error *err) {
    size_t n_reserve = 0, n_scratch = 0;
    psq_status status = psq_rnn_sizes(rnn, layout, flags, &n_reserve, &n_scratch, err);
    memset(m, 0, sizeof *m);
    if (status != PSQ_OK) {
        return status;
    }
    m->scratch = psq_malloc(ctx, n_scratch);
    m->own_panels = panels == NULL ? psq_malloc(ctx, psq_rnn_panel_bytes(rnn)) : NULL;
    m->own_reserve = reserve == NULL ? psq_malloc(ctx, n_reserve) : NULL;
    m->panels = panels == NULL ? m->own_panels : panels;
    m->reserve = reserve == NULL ? m->own_reserve : reserve;
    if (m->scratch == NULL || m->panels == NULL || m->reserve == NULL) {
        return psq_glue_refused(err);
    }
    psq_glue_large_pages(m->reserve, n_reserve);
    psq_glue_large_pages(m->scratch, n_scratch);
    return panels != NULL ? PSQ_OK : psq_glue_pack(ctx, rnn, parameters, m->own_panels, err);
}

static inline void psq_glue_close(const psq_ctx *ctx, psq_glue_memory *m) {
    psq_free(ctx, m->scratch);
    psq_free(ctx, m->own_panels);
    psq_free(ctx, m->own_reserve);
}

// psq_rnn_forward. reserve NULL: backward will not follow.
static inline psq_status psq_glue_forward(const psq_ctx *ctx, const psq_rnn *rnn,
                                          const psq_layout *layout, const void *panels,
                                          void *const *parameters, const psq_rnn_io *io,
                                          unsigned flags, void *reserve, psq_error *err) {
    psq_glue_memory m;
    psq_status status =
        psq_glue_open(ctx, rnn, layout, panels, parameters, flags, reserve, &m, err);
    if (status == PSQ_OK) {
        status = psq_rnn_forward(rnn, layout, m.panels, io, flags, m.reserve, m.scratch, err);
    }
    psq_glue_close(ctx, &m);
    return status;
}

// psq_rnn_backward. reserve NULL: the forward pass runs again first, without outputs.
static inline psq_status psq_glue_backward(const psq_ctx *ctx, const psq_rnn *rnn,
                                           const psq_layout *layout, const void *panels,
                                           void *const *parameters, const psq_rnn_io *io,
                                           const psq_rnn_grads *grads, void *reserve,
                                           psq_error *err) {
    psq_glue_memory m;
    psq_status status =
        psq_glue_open(ctx, rnn, layout, panels, parameters, PSQ_TRAIN, reserve, &m, err);
    if (status == PSQ_OK && reserve == NULL) {
        status = psq_rnn_forward(rnn, layout, m.panels, io, PSQ_TRAIN, m.reserve, m.scratch, err);
    }
    if (status == PSQ_OK) {
        status = psq_rnn_backward(rnn, layout, m.panels, io, grads, PSQ_TRAIN, m.reserve, m.scratch,
                                  err);
    }
    psq_glue_close(ctx, &m);
    return status;
}

#endif
