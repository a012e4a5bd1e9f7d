// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// model_tensors.c: a model's weights as named tensors, and back: by name, every one of them, with
// the model's dtype and shapes. Everything is checked before the first weight is written. Names are
// hashed: a stranger's file may bring very many tensors, in any order.
#include <stdio.h>
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/fpenv.h"
#include "train/model.h"

void psq_model_export(const psq_model *model, void *weights, psq_tensor *tensors,
                      psq_model_meta *meta) {
    for (int64_t i = 0; i < model->n_params; i++) {
        const psq_param *const param = &model->params[i];
        tensors[i] = (psq_tensor){.name = param->name,
                                  .dtype = model->kern->dtype,
                                  .n_dims = psq_param_is_bias(param) ? 1 : 2,
                                  .dims = {param->n_rows, param->n_cols},
                                  .data = psq_model_at(model, weights, param->offset)};
    }
    const psq_fpenv saved = psq_fpenv_enter();
    psq_model_write_pairs(&model->spec, meta);
    psq_fpenv_leave(saved);
}

psq_shown psq_show(const char *text) {
    psq_shown s;
    size_t n = 0;
    for (; text[n] != '\0' && n + 1 < sizeof s.text; n++) {
        s.text[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
    }
    s.text[n] = '\0';
    return s;
}

typedef struct shape_text {
    char text[96];
} shape_text;

static shape_text show_shape(int32_t n_dims, const int64_t *dims) {
    shape_text s = {""};
    size_t used = 0;
    for (int32_t i = 0; i < n_dims && i < PSQ_MAX_DIMS && used < sizeof s.text; i++) {
        used += (size_t)snprintf(s.text + used, sizeof s.text - used, "[%lld]", (long long)dims[i]);
    }
    return s;
}

static psq_status check_tensor(const psq_model *model, const psq_param *param,
                               const psq_tensor *tensor, psq_error *err) {
    const int64_t dims[2] = {param->n_rows, param->n_cols};
    const int32_t n_dims = psq_param_is_bias(param) ? 1 : 2;
    const char *const dtype = psq_dtype_name(tensor->dtype);
    PSQ_REQUIRE(err, tensor->dtype == model->kern->dtype, PSQ_FORMAT, "%s is %s, must be %s",
                param->name, dtype != NULL ? dtype : "of an unknown dtype",
                psq_dtype_name(model->kern->dtype));
    PSQ_REQUIRE(err,
                tensor->n_dims == n_dims && tensor->dims[0] == dims[0] &&
                    (n_dims == 1 || tensor->dims[1] == dims[1]),
                PSQ_FORMAT, "%s is %s, must be %s", param->name,
                tensor->n_dims == 0 ? "a scalar" : show_shape(tensor->n_dims, tensor->dims).text,
                show_shape(n_dims, dims).text);
    PSQ_REQUIRE(err, tensor->data != NULL || param->n_rows * (n_dims == 1 ? 1 : dims[1]) == 0,
                PSQ_INVALID, "the data of %s is NULL", param->name);
    return PSQ_OK;
}

// ---- a model's parameters by name

typedef struct place {
    const psq_param *param;   // NULL: free
    const psq_tensor *tensor; // the one of that name, once it was seen
} place;

// Open addressing over names that are the model's own. At most half of the places are taken, so
// that a stranger's names, however chosen, meet a free one soon.
typedef struct name_table {
    uint64_t mask; // places - 1, a power of two less one
    place *places;
} name_table;

// The place of a name, or the free one where it would be. The hash is FNV-1a of 64 bits.
static place *find_place(const name_table *table, const char *name) {
    uint64_t hash = 0xCBF29CE484222325U;
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 0x100000001B3U;
    }
    uint64_t i = (hash ^ hash >> 32) & table->mask;
    while (table->places[i].param != NULL && strcmp(table->places[i].param->name, name) != 0) {
        i = (i + 1) & table->mask;
    }
    return &table->places[i];
}

static psq_status make_names(const psq_model *model, name_table *table, psq_error *err) {
    int64_t n_places = 2;
    while (n_places / 2 < model->n_params) {
        n_places *= 2;
    }
    void *memory = NULL;
    PSQ_TRY(psq_alloc_zero(model->ctx, n_places, sizeof(place), "the names of parameters", &memory,
                           err));
    table->places = (place *)memory;
    table->mask = (uint64_t)n_places - 1;
    for (int64_t p = 0; p < model->n_params; p++) {
        find_place(table, model->params[p].name)->param = &model->params[p];
    }
    return PSQ_OK;
}

// ---- import

// One good tensor for every parameter.
static psq_status match_tensors(const psq_model *model, const psq_tensor *tensors,
                                int64_t n_tensors, const name_table *table, psq_error *err) {
    for (int64_t i = 0; i < n_tensors; i++) {
        PSQ_REQUIRE(err, tensors[i].name != NULL, PSQ_INVALID, "tensors[%lld].name is NULL",
                    (long long)i);
        place *const found = find_place(table, tensors[i].name);
        PSQ_REQUIRE(err, found->param != NULL, PSQ_FORMAT, "\"%s\" is no parameter of this model",
                    psq_show(tensors[i].name).text);
        PSQ_TRY(check_tensor(model, found->param, &tensors[i], err));
        PSQ_REQUIRE(err, found->tensor == NULL, PSQ_FORMAT, "%s is given twice",
                    found->param->name);
        found->tensor = &tensors[i];
    }
    for (int64_t p = 0; p < model->n_params; p++) {
        const char *const name = model->params[p].name;
        PSQ_REQUIRE(err, find_place(table, name)->tensor != NULL, PSQ_FORMAT, "%s is missing",
                    name);
    }
    return PSQ_OK;
}

static void copy_tensors(const psq_model *model, const name_table *table, void *weights) {
    for (uint64_t i = 0; i <= table->mask; i++) {
        const psq_param *const param = table->places[i].param;
        if (param != NULL) {
            const int64_t n = param->n_rows * (psq_param_is_bias(param) ? 1 : param->n_cols);
            if (n > 0) {
                memcpy(psq_model_at(model, weights, param->offset), table->places[i].tensor->data,
                       (size_t)n * model->size);
            }
        }
    }
}

psq_status psq_model_import(const psq_model *model, const psq_tensor *tensors, int64_t n_tensors,
                            void *weights, psq_error *err) {
    PSQ_REQUIRE(err, model != NULL, PSQ_INVALID, "model is NULL");
    PSQ_REQUIRE(err, n_tensors >= 0, PSQ_INVALID, "n_tensors is %lld, must be at least 0",
                (long long)n_tensors);
    PSQ_REQUIRE(err, n_tensors == 0 || tensors != NULL, PSQ_INVALID,
                "tensors is NULL, n_tensors is %lld", (long long)n_tensors);
    name_table table = {0, NULL};
    PSQ_TRY(make_names(model, &table, err));
    const psq_status status = match_tensors(model, tensors, n_tensors, &table, err);
    if (status == PSQ_OK && weights != NULL) {
        copy_tensors(model, &table, weights);
    }
    psq_free(model->ctx, table.places);
    return status;
}
