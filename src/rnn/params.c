// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// params.c: the parameters: PyTorch's names, order, shapes and initialisation, as views of one flat
// buffer without gaps.
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "base/fpenv.h"
#include "base/rng.h"
#include "base/size.h"
#include "rnn/plan.h"

static const char *const kind_names[PSQ_N_PARAM_KIND] = {
    [PSQ_W_IH] = "weight_ih", [PSQ_W_HH] = "weight_hh", [PSQ_B_IH] = "bias_ih",
    [PSQ_B_HH] = "bias_hh",   [PSQ_W_HR] = "weight_hr",
};

static bool is_bias(psq_param_kind kind) {
    return kind == PSQ_B_IH || kind == PSQ_B_HH;
}

static bool has_kind(const psq_rnn *rnn, psq_param_kind kind) {
    if (is_bias(kind)) {
        return rnn->spec.bias;
    }
    return kind != PSQ_W_HR || rnn->spec.proj_size > 0;
}

// A bias has 0 columns.
static int64_t kind_columns(const psq_rnn *rnn, int64_t layer, psq_param_kind kind) {
    switch (kind) {
    case PSQ_W_IH:
        return psq_layer_input(rnn, layer);
    case PSQ_W_HH:
        return rnn->R;
    case PSQ_W_HR:
        return rnn->H;
    default:
        return 0;
    }
}

static int64_t n_kinds(const psq_rnn *rnn) {
    return 2 + (rnn->spec.bias ? 2 : 0) + (rnn->spec.proj_size > 0 ? 1 : 0);
}

// Elements of one direction of a layer.
static bool direction_count(const psq_rnn *rnn, int64_t layer, int64_t *count) {
    int64_t rows;
    int64_t inputs = layer == 0 ? rnn->spec.input_size : 0;
    if (!psq_count_mul(rnn->cell->n_gates, rnn->H, &rows) ||
        (layer > 0 && !psq_count_mul(rnn->D, rnn->R, &inputs))) {
        return false;
    }
    int64_t columns;
    int64_t projection;
    return psq_count_add(inputs, rnn->R, &columns) &&
           psq_count_add(columns, rnn->spec.bias ? 2 : 0, &columns) &&
           psq_count_mul(rows, columns, count) &&
           psq_count_mul(rnn->spec.proj_size, rnn->H, &projection) &&
           psq_count_add(*count, projection, count);
}

bool psq_params_count(const psq_rnn *rnn, int64_t *n_weights, int64_t *n_params) {
    int64_t first;
    int64_t next;
    int64_t per_direction;
    const int64_t n_layers = rnn->spec.n_layers;
    return direction_count(rnn, 0, &first) && direction_count(rnn, 1, &next) &&
           psq_count_mul(next, n_layers - 1, &next) && psq_count_add(first, next, &per_direction) &&
           psq_count_mul(per_direction, rnn->D, n_weights) &&
           psq_count_mul(n_layers, rnn->D * n_kinds(rnn), n_params);
}

// Fills the entries of one direction of a layer and returns where the next one begins.
static int64_t fill_direction(const psq_rnn *rnn, int64_t layer, int64_t direction, int64_t offset,
                              psq_param *param) {
    for (psq_param_kind kind = PSQ_W_IH; kind < PSQ_N_PARAM_KIND; kind++) {
        if (!has_kind(rnn, kind)) {
            continue;
        }
        param->offset = offset;
        param->n_rows = kind == PSQ_W_HR ? rnn->spec.proj_size : rnn->cell->n_gates * rnn->H;
        param->n_cols = kind_columns(rnn, layer, kind);
        snprintf(param->name, sizeof param->name, "%s_l%lld%s", kind_names[kind], (long long)layer,
                 direction == 1 ? "_reverse" : "");
        offset += param->n_rows * (is_bias(kind) ? 1 : param->n_cols);
        param++;
    }
    return offset;
}

void psq_params_fill(const psq_rnn *rnn, psq_param *params) {
    int64_t offset = 0;
    for (int64_t layer = 0; layer < rnn->spec.n_layers; layer++) {
        for (int64_t direction = 0; direction < rnn->D; direction++) {
            psq_param *const first = params + (layer * rnn->D + direction) * n_kinds(rnn);
            offset = fill_direction(rnn, layer, direction, offset, first);
        }
    }
    assert(offset == rnn->n_weights);
}

const psq_param *psq_param_get(const psq_rnn *rnn, int64_t layer, int64_t direction,
                               psq_param_kind kind) {
    if (!has_kind(rnn, kind)) {
        return NULL;
    }
    const int64_t place = kind == PSQ_W_HR ? n_kinds(rnn) - 1 : (int64_t)kind;
    return &rnn->params[(layer * rnn->D + direction) * n_kinds(rnn) + place];
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

// Element i comes from word i mod 4 of block i / 4, so that any part of the buffer can be made
// alone. Float weights are the double ones rounded.
void psq_rnn_init(const psq_rnn *rnn, uint64_t seed, void *weights) {
    const psq_fpenv saved = psq_fpenv_enter();
    const double bound = 1.0 / sqrt((double)rnn->H);
    for (int64_t i = 0; i < rnn->n_weights; i += 4) {
        uint32_t words[4];
        psq_random(seed, PSQ_STREAM_INIT, (uint64_t)i / 4, 0, 0, words);
        for (int64_t k = 0; k < 4 && i + k < rnn->n_weights; k++) {
            const double unit = (double)psq_unit_f32(words[k]);
            const double value = (2.0 * unit - 1.0) * bound;
            if (rnn->spec.dtype == PSQ_F32) {
                ((float *)weights)[i + k] = (float)value;
            } else {
                ((double *)weights)[i + k] = value;
            }
        }
    }
    psq_fpenv_leave(saved);
}
