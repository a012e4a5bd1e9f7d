// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// model_tensors.c: a model's weights as named tensors, and back: by name, every one of them, with
// the model's dtype and shapes. Everything is checked before the first weight is written.
#include <stdio.h>
#include <string.h>

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
                                  .data = psq_at_mut(model, weights, param->offset)};
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

static const psq_param *find_param(const psq_model *model, const char *name) {
    for (int64_t i = 0; i < model->n_params; i++) {
        if (strcmp(model->params[i].name, name) == 0) {
            return &model->params[i];
        }
    }
    return NULL;
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

static psq_status check_tensors(const psq_model *model, const psq_tensor *tensors,
                                int64_t n_tensors, psq_error *err) {
    for (int64_t i = 0; i < n_tensors; i++) {
        PSQ_REQUIRE(err, tensors[i].name != NULL, PSQ_INVALID, "tensors[%lld].name is NULL",
                    (long long)i);
        const psq_param *const param = find_param(model, tensors[i].name);
        PSQ_REQUIRE(err, param != NULL, PSQ_FORMAT, "\"%s\" is no parameter of this model",
                    psq_show(tensors[i].name).text);
        PSQ_TRY(check_tensor(model, param, &tensors[i], err));
    }
    for (int64_t p = 0; p < model->n_params; p++) {
        int64_t n = 0;
        for (int64_t i = 0; i < n_tensors; i++) {
            n += strcmp(tensors[i].name, model->params[p].name) == 0 ? 1 : 0;
        }
        PSQ_REQUIRE(err, n == 1, PSQ_FORMAT, "%s %s", model->params[p].name,
                    n == 0 ? "is missing" : "is given twice");
    }
    return PSQ_OK;
}

psq_status psq_model_import(const psq_model *model, const psq_tensor *tensors, int64_t n_tensors,
                            void *weights, psq_error *err) {
    PSQ_REQUIRE(err, model != NULL, PSQ_INVALID, "model is NULL");
    PSQ_REQUIRE(err, n_tensors >= 0, PSQ_INVALID, "n_tensors is %lld, must be at least 0",
                (long long)n_tensors);
    PSQ_REQUIRE(err, n_tensors == 0 || tensors != NULL, PSQ_INVALID,
                "tensors is NULL, n_tensors is %lld", (long long)n_tensors);
    PSQ_TRY(check_tensors(model, tensors, n_tensors, err));
    for (int64_t i = 0; weights != NULL && i < n_tensors; i++) {
        const psq_param *const param = find_param(model, tensors[i].name);
        const int64_t n = param->n_rows * (psq_param_is_bias(param) ? 1 : param->n_cols);
        if (n > 0) {
            memcpy(psq_at_mut(model, weights, param->offset), tensors[i].data,
                   (size_t)n * model->size);
        }
    }
    return PSQ_OK;
}
