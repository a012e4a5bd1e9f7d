// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// spec.c: from a spec to a plan: checks, the table of cells, the table of parameters in PyTorch's
// order.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/size.h"
#include "rnn/plan.h"

const psq_cell_row psq_cells[PSQ_N_CELL] = {
    [PSQ_RNN_TANH] = {"rnn_tanh", 1, 1, 1, {{0, 1, 0}}, false},
    [PSQ_RNN_RELU] = {"rnn_relu", 1, 1, 1, {{0, 1, 0}}, false},
    [PSQ_LSTM] = {"lstm", 4, 4, 1, {{0, 4, 0}}, true},
    [PSQ_GRU] = {"gru", 3, 4, 2, {{0, 2, 0}, {2, 1, 3}}, false},
};

// Larger sizes are refused: with 2^31 no product of two of them and a small factor overflows.
#define MAX_SIZE ((int64_t)1 << 28)

const char *psq_cell_name(psq_cell cell) {
    return (unsigned)cell < PSQ_N_CELL ? psq_cells[cell].name : NULL;
}

static psq_status check_size(const char *name, int64_t value, int64_t least, psq_error *err) {
    PSQ_REQUIRE(err, value >= least, PSQ_INVALID, "%s is %lld, must be at least %lld", name,
                (long long)value, (long long)least);
    PSQ_REQUIRE(err, value <= MAX_SIZE, PSQ_NOMEM, "%s is %lld, must be at most %lld", name,
                (long long)value, (long long)MAX_SIZE);
    return PSQ_OK;
}

static psq_status check_spec(const psq_rnn_spec *spec, psq_error *err) {
    PSQ_REQUIRE(err, spec != NULL, PSQ_INVALID, "spec is NULL");
    PSQ_REQUIRE(err, spec->struct_size == sizeof *spec, PSQ_INVALID,
                "spec.struct_size is %zu, must be %zu", spec->struct_size, sizeof *spec);
    PSQ_REQUIRE(err, (unsigned)spec->cell < PSQ_N_CELL, PSQ_INVALID,
                "cell is %d, must be from 0 to %d", (int)spec->cell, PSQ_N_CELL - 1);
    PSQ_REQUIRE(err, spec->dtype == PSQ_F32 || spec->dtype == PSQ_F64, PSQ_UNSUPPORTED,
                "dtype is %d, must be PSQ_F32 or PSQ_F64", (int)spec->dtype);
    PSQ_TRY(check_size("input_size", spec->input_size, 0, err));
    PSQ_TRY(check_size("hidden_size", spec->hidden_size, 1, err));
    PSQ_TRY(check_size("proj_size", spec->proj_size, 0, err));
    PSQ_TRY(check_size("n_layers", spec->n_layers, 1, err));
    PSQ_REQUIRE(err, spec->proj_size == 0 || spec->cell == PSQ_LSTM, PSQ_INVALID,
                "proj_size is %lld, must be 0 for %s", (long long)spec->proj_size,
                psq_cell_name(spec->cell));
    PSQ_REQUIRE(err, spec->proj_size < spec->hidden_size, PSQ_INVALID,
                "proj_size is %lld, must be below hidden_size, which is %lld",
                (long long)spec->proj_size, (long long)spec->hidden_size);
    PSQ_REQUIRE(err, spec->dropout >= 0.0 && spec->dropout <= 1.0, PSQ_INVALID,
                "dropout is %g, must be from 0 to 1", spec->dropout);
    const int64_t width = spec->proj_size > 0 ? spec->proj_size : spec->hidden_size;
    PSQ_REQUIRE(err, spec->dropout == 0.0 || (spec->n_layers <= 256 && width < 1 << 20),
                PSQ_UNSUPPORTED,
                "dropout with n_layers %lld and state size %lld, at most 256 and 1048575",
                (long long)spec->n_layers, (long long)width);
    return PSQ_OK;
}

// Appends one parameter and returns its offset.
static int64_t add_param(psq_rnn *rnn, const char *name, int64_t l, int64_t d, int64_t n_rows,
                         int64_t n_cols, bool *fits) {
    psq_param *const param = &rnn->params[rnn->n_params++];
    (void)snprintf(param->name, sizeof param->name, "%s_l%d%s", name, (int)l,
                   d > 0 ? "_reverse" : "");
    param->offset = rnn->n_weights;
    param->n_rows = n_rows;
    param->n_cols = n_cols;
    int64_t size = 0;
    *fits = *fits && psq_count_mul(n_rows, n_cols > 0 || name[0] == 'w' ? n_cols : 1, &size) &&
            psq_count_add(rnn->n_weights, size, &rnn->n_weights) && rnn->n_weights < INT64_MAX / 64;
    return param->offset;
}

static bool add_dir(psq_rnn *rnn, int64_t l, int64_t d) {
    const int64_t n = rnn->cell->n_gates * rnn->spec.hidden_size;
    const int64_t P = rnn->spec.proj_size;
    bool fits = true;
    psq_dir_params *const dir = &rnn->dirs[l * rnn->D + d];
    dir->w_ih = add_param(rnn, "weight_ih", l, d, n, psq_input_size(rnn, l), &fits);
    dir->w_hh = add_param(rnn, "weight_hh", l, d, n, rnn->R, &fits);
    dir->b_ih = rnn->spec.bias ? add_param(rnn, "bias_ih", l, d, n, 0, &fits) : -1;
    dir->b_hh = rnn->spec.bias ? add_param(rnn, "bias_hh", l, d, n, 0, &fits) : -1;
    dir->w_hr = P > 0 ? add_param(rnn, "weight_hr", l, d, P, rnn->spec.hidden_size, &fits) : -1;
    return fits;
}

psq_status psq_rnn_create(const psq_ctx *ctx, const psq_rnn_spec *spec, psq_rnn **out,
                          psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_TRY(check_spec(spec, err));
    psq_status status = PSQ_OK;
    psq_rnn *rnn = NULL;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof *rnn, "a network", (void **)&rnn, err));
    rnn->ctx = ctx;
    rnn->spec = *spec;
    rnn->cell = &psq_cells[spec->cell];
    rnn->kern = psq_kern_choose(ctx, spec->dtype);
    rnn->element = psq_dtype_size(spec->dtype);
    rnn->R = spec->proj_size > 0 ? spec->proj_size : spec->hidden_size;
    rnn->D = spec->bidirectional ? 2 : 1;
    const int64_t n_dirs = spec->n_layers * rnn->D;
    PSQ_TRY_GOTO(fail, psq_alloc_zero(ctx, n_dirs * 5, sizeof *rnn->params, "parameters",
                                      (void **)&rnn->params, err));
    PSQ_TRY_GOTO(fail, psq_alloc_zero(ctx, n_dirs, sizeof *rnn->dirs, "parameters",
                                      (void **)&rnn->dirs, err));
    for (int64_t i = 0; i < n_dirs; i++) {
        if (!add_dir(rnn, i / rnn->D, i % rnn->D)) {
            status = psq_fail(err, PSQ_NOMEM, "the number of weights overflows at layer %lld",
                              (long long)(i / rnn->D));
            goto fail;
        }
    }
    *out = rnn;
    return PSQ_OK;
fail:
    psq_rnn_destroy(rnn);
    return status;
}

void psq_rnn_destroy(psq_rnn *rnn) {
    if (rnn != NULL) {
        psq_free(rnn->ctx, rnn->params);
        psq_free(rnn->ctx, rnn->dirs);
        psq_free(rnn->ctx, rnn);
    }
}

const psq_rnn_spec *psq_rnn_get_spec(const psq_rnn *rnn) {
    return &rnn->spec;
}

int64_t psq_rnn_n_params(const psq_rnn *rnn) {
    return rnn->n_params;
}

int64_t psq_rnn_n_weights(const psq_rnn *rnn) {
    return rnn->n_weights;
}

const psq_param *psq_rnn_params(const psq_rnn *rnn) {
    return rnn->params;
}

// sqrt is correctly rounded everywhere, and so is the division.
void psq_rnn_init(const psq_rnn *rnn, uint64_t seed, void *weights) {
    const double bound = 1.0 / sqrt((double)rnn->spec.hidden_size);
    for (int64_t i = 0; i < rnn->n_weights; i++) {
        uint32_t words[4];
        psq_random(seed, PSQ_STREAM_INIT, (uint64_t)i / 4, 0, 0, words);
        const float unit = psq_unit_f32(words[i % 4]);
        const double value = (2.0 * (double)unit - 1.0) * bound;
        if (rnn->spec.dtype == PSQ_F32) {
            ((float *)weights)[i] = (float)value;
        } else {
            ((double *)weights)[i] = value;
        }
    }
}
