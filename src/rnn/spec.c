// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// spec.c: from a spec to a network. Every size that later code computes from a spec alone is shown
// to fit here, so that it needs no checks there.
#include "base/ctx.h"
#include "base/error.h"
#include "base/fpenv.h"
#include "base/size.h"
#include "rnn/panels.h"
#include "rnn/plan.h"

// Parameters take at most this part of the address space, so that panels, which hold them twice and
// may pad them, and rows, which are shorter than they are, can be measured in size_t.
enum { PART_OF_MEMORY = 16 };

static psq_status check_spec(const psq_rnn_spec *spec, psq_error *err) {
    PSQ_REQUIRE(err, spec->struct_size == sizeof *spec, PSQ_INVALID,
                "spec.struct_size is %zu, must be %zu", spec->struct_size, sizeof *spec);
    PSQ_REQUIRE(err, psq_cell_get(spec->cell) != NULL, PSQ_INVALID,
                "spec.cell is %d, must be from 0 to %d", (int)spec->cell, PSQ_N_CELL - 1);
    PSQ_REQUIRE(err, (unsigned)spec->dtype < PSQ_N_DTYPE, PSQ_INVALID,
                "spec.dtype is %d, must be from 0 to %d", (int)spec->dtype, PSQ_N_DTYPE - 1);
    PSQ_REQUIRE(err, spec->dtype == PSQ_F32 || spec->dtype == PSQ_F64, PSQ_UNSUPPORTED,
                "spec.dtype is %s, must be F32 or F64", psq_dtype_name(spec->dtype));
    PSQ_REQUIRE(err, spec->input_size >= 0, PSQ_INVALID,
                "spec.input_size is %lld, must be at least 0", (long long)spec->input_size);
    PSQ_REQUIRE(err, spec->hidden_size >= 1, PSQ_INVALID,
                "spec.hidden_size is %lld, must be at least 1", (long long)spec->hidden_size);
    PSQ_REQUIRE(err, spec->proj_size >= 0, PSQ_INVALID,
                "spec.proj_size is %lld, must be at least 0", (long long)spec->proj_size);
    PSQ_REQUIRE(err, spec->proj_size == 0 || spec->cell == PSQ_LSTM, PSQ_INVALID,
                "spec.proj_size is %lld, must be 0 for %s: only lstm has a projection",
                (long long)spec->proj_size, psq_cell_name(spec->cell));
    PSQ_REQUIRE(err, spec->proj_size < spec->hidden_size, PSQ_INVALID,
                "spec.proj_size is %lld, must be below hidden_size %lld",
                (long long)spec->proj_size, (long long)spec->hidden_size);
    PSQ_REQUIRE(err, spec->n_layers >= 1, PSQ_INVALID, "spec.n_layers is %lld, must be at least 1",
                (long long)spec->n_layers);
    PSQ_REQUIRE(err, spec->n_tokens >= 0 && spec->n_tokens <= INT32_MAX, PSQ_INVALID,
                "spec.n_tokens is %lld, must be from 0 to %lld", (long long)spec->n_tokens,
                (long long)INT32_MAX);
    PSQ_REQUIRE(err, spec->dropout >= 0.0 && spec->dropout <= 1.0, PSQ_INVALID,
                "spec.dropout is %g, must be from 0 to 1", spec->dropout);
    return PSQ_OK;
}

static psq_status check_dropout(const psq_rnn *rnn, psq_error *err) {
    if (!rnn->drops) {
        return PSQ_OK;
    }
    PSQ_REQUIRE(err, rnn->spec.n_layers <= PSQ_MAX_DROP_LAYERS, PSQ_UNSUPPORTED,
                "spec.n_layers is %lld, with dropout it must be at most %d",
                (long long)rnn->spec.n_layers, PSQ_MAX_DROP_LAYERS);
    PSQ_REQUIRE(err, rnn->R <= PSQ_MAX_DROP_UNITS / rnn->D, PSQ_UNSUPPORTED,
                "a layer has %lld x %lld outputs, with dropout they must be at most %d",
                (long long)rnn->D, (long long)rnn->R, PSQ_MAX_DROP_UNITS);
    return PSQ_OK;
}

static psq_rnn plan_of(const psq_ctx *ctx, const psq_rnn_spec *spec) {
    const psq_fpenv saved = psq_fpenv_enter();
    const psq_rnn plan = {
        .ctx = ctx,
        .spec = *spec,
        .cell = psq_cell_get(spec->cell),
        .kern = psq_kern_choose(ctx, spec->dtype),
        .size = psq_dtype_size(spec->dtype),
        .H = spec->hidden_size,
        .R = spec->proj_size > 0 ? spec->proj_size : spec->hidden_size,
        .D = spec->bidirectional ? 2 : 1,
        .drops = spec->dropout > 0.0 && spec->n_layers > 1,
        .drop = psq_drop_of(spec->dropout),
    };
    psq_fpenv_leave(saved);
    return plan;
}

static psq_status check_sizes(psq_rnn *rnn, psq_error *err) {
    const bool counted = psq_params_count(rnn, &rnn->n_weights, &rnn->n_params);
    PSQ_REQUIRE(err, counted && psq_size_of(rnn->n_weights, rnn->size) <= SIZE_MAX / PART_OF_MEMORY,
                PSQ_NOMEM,
                "the number of parameters overflows: input_size %lld, hidden_size %lld, "
                "n_layers %lld",
                (long long)rnn->spec.input_size, (long long)rnn->spec.hidden_size,
                (long long)rnn->spec.n_layers);
    int64_t n;
    PSQ_REQUIRE(err,
                psq_count_mul(rnn->spec.n_tokens, rnn->spec.input_size, &n) &&
                    psq_size_of(n, rnn->size) <= PTRDIFF_MAX,
                PSQ_NOMEM, "a table of %lld tokens of %lld elements overflows",
                (long long)rnn->spec.n_tokens, (long long)rnn->spec.input_size);
    return PSQ_OK;
}

psq_status psq_rnn_create(const psq_ctx *ctx, const psq_rnn_spec *spec, psq_rnn **out,
                          psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, spec != NULL, PSQ_INVALID, "spec is NULL");
    PSQ_TRY(check_spec(spec, err));
    psq_rnn plan = plan_of(ctx, spec);
    PSQ_TRY(check_dropout(&plan, err));
    PSQ_TRY(check_sizes(&plan, err));

    psq_rnn *rnn = NULL;
    psq_status status = PSQ_OK;
    PSQ_TRY_GOTO(fail, psq_alloc_zero(ctx, 1, sizeof *rnn, "a network", (void **)&rnn, err));
    *rnn = plan;
    PSQ_TRY_GOTO(fail, psq_alloc_zero(ctx, plan.n_params, sizeof *rnn->params,
                                      "a table of parameters", (void **)&rnn->params, err));
    psq_params_fill(rnn, rnn->params);
    *out = rnn;
    return PSQ_OK;
fail:
    psq_rnn_destroy(rnn);
    return status;
}

void psq_rnn_destroy(psq_rnn *rnn) {
    if (rnn != NULL) {
        psq_free(rnn->ctx, rnn->params);
        psq_free(rnn->ctx, rnn);
    }
}

const psq_rnn_spec *psq_rnn_get_spec(const psq_rnn *rnn) {
    return &rnn->spec;
}
