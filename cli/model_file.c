// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// model_file.c: saving and loading a classifier. A model file may come from anybody: sizes in its
// metadata are compared with the tensors that are really there before memory is asked for.
#include "model_file.h"

#include "cli.h"
#include "json_out.h"

#include <inttypes.h>
#include <string.h>

static const char input_key[] = "cli.input";
static const char input_bytes[] = "bytes";
static const char classes_key[] = "cli.classes";

// ---- life

static char *copy_text(const char *text) {
    const size_t size = strlen(text) + 1;
    return memcpy(cli_alloc(size, 1), text, size);
}

int classifier_create(const psq_ctx *ctx, const psq_model_spec *spec, const char *const *classes,
                      classifier *out) {
    psq_error err;
    *out = (classifier){.n_classes = spec->n_classes};
    if (psq_model_create(ctx, spec, &out->model, &err) != PSQ_OK ||
        psq_session_create(ctx, out->model, &out->session, &err) != PSQ_OK) {
        classifier_destroy(ctx, out);
        return fail_error(&err);
    }
    const size_t size = (size_t)psq_model_n_weights(out->model) * psq_dtype_size(spec->rnn.dtype);
    out->weights = psq_malloc(ctx, size);
    if (!out->weights) {
        cli_no_memory();
    }
    memset(out->weights, 0, size);
    out->classes = cli_alloc((size_t)spec->n_classes, sizeof(*out->classes));
    for (int64_t i = 0; i < spec->n_classes; i++) {
        out->classes[i] = copy_text(classes[i]);
    }
    return EXIT_SUCCESS;
}

void classifier_destroy(const psq_ctx *ctx, classifier *c) {
    for (int64_t i = 0; c->classes && i < c->n_classes; i++) {
        free(c->classes[i]);
    }
    free(c->classes);
    psq_free(ctx, c->weights);
    psq_session_destroy(c->session);
    psq_model_destroy(c->model);
    *c = (classifier){.n_classes = 0};
}

// ---- saving

static char *classes_text(const classifier *c) {
    json_t *const array = json_new_array();
    for (int64_t i = 0; i < c->n_classes; i++) {
        json_push(array, json_string(c->classes[i]));
    }
    char *const text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    if (!text) {
        cli_no_memory();
    }
    return text;
}

int classifier_save(const psq_ctx *ctx, const classifier *c, const char *path) {
    psq_error err;
    psq_model_meta meta;
    const int64_t n_tensors = psq_model_n_params(c->model);
    psq_tensor *const tensors = cli_alloc((size_t)n_tensors, sizeof(*tensors));
    psq_model_export(c->model, c->weights, tensors, &meta);

    char *const classes = classes_text(c);
    psq_pair pairs[PSQ_MODEL_N_PAIRS + 2];
    memcpy(pairs, meta.pairs, (size_t)meta.n_pairs * sizeof(*pairs));
    pairs[meta.n_pairs] = (psq_pair){input_key, input_bytes};
    pairs[meta.n_pairs + 1] = (psq_pair){classes_key, classes};
    const psq_status status =
        psq_safetensors_write(ctx, path, tensors, n_tensors, pairs, meta.n_pairs + 2, &err);
    free(classes);
    free(tensors);
    return status == PSQ_OK ? EXIT_SUCCESS : fail_error(&err);
}

// ---- loading

// Elements of all tensors; -1 if that overflows (dimensions beside a 0 may be anything).
static int64_t n_elements(const psq_safetensors *file) {
    int64_t sum = 0;
    bool overflow = false;
    for (int64_t i = 0; i < psq_safetensors_n_tensors(file); i++) {
        const psq_tensor *const tensor = &psq_safetensors_tensors(file)[i];
        int64_t n = 1;
        for (int32_t k = 0; k < tensor->n_dims; k++) {
            overflow |= __builtin_mul_overflow(n, tensor->dims[k], &n);
        }
        overflow |= __builtin_add_overflow(sum, n, &sum);
    }
    return overflow ? -1 : sum;
}

// Whether the architecture can be that of the tensors, before memory is taken for it.
static int check_sizes(const psq_ctx *ctx, const char *path, const psq_safetensors *file,
                       const psq_model_spec *spec) {
    psq_error err;
    psq_model *model = NULL;
    const int64_t n_tensors = psq_safetensors_n_tensors(file);
    if (spec->rnn.n_layers > n_tensors) {
        return fail_data("%s: packseq.n_layers is %" PRId64 ", the file has %" PRId64 " tensors",
                         path, spec->rnn.n_layers, n_tensors);
    }
    if (psq_model_create(ctx, spec, &model, &err) != PSQ_OK) {
        return fail_file(path, &err);
    }
    const int64_t n_weights = psq_model_n_weights(model);
    psq_model_destroy(model);
    const int64_t n = n_elements(file);
    if (n != n_weights) {
        return fail_data("%s: the tensors hold %" PRId64 " weights, the architecture has %" PRId64,
                         path, n, n_weights);
    }
    return EXIT_SUCCESS;
}

static int check_kind(const char *path, const psq_safetensors *file, const psq_model_spec *spec) {
    const char *const input = psq_safetensors_get(file, input_key);
    if (!input || strcmp(input, input_bytes) != 0) {
        return fail_data("%s: %s is '%.40s', must be '%s': no model of 'packseq train'", path,
                         input_key, input ? input : "", input_bytes);
    }
    if (spec->vocab_size != N_TOKENS) {
        return fail_data("%s: packseq.vocab_size is %" PRId64 ", must be %d for bytes", path,
                         spec->vocab_size, N_TOKENS);
    }
    if (spec->head == PSQ_HEAD_TOKEN || spec->n_classes > MAX_CLASSES) {
        return fail_data("%s: the head is '%s' with %" PRId64 " classes, must classify sequences "
                         "into at most %d classes",
                         path, psq_head_name(spec->head), spec->n_classes, MAX_CLASSES);
    }
    return EXIT_SUCCESS;
}

// Names go to terminals: no control characters, which could do anything there. The JSON library has
// seen to UTF-8.
static bool is_printable(const char *name) {
    for (const char *at = name; *at; at++) {
        if (control_length(at) > 0) {
            return false;
        }
    }
    return name[0] != '\0';
}

static bool is_repeated(const char *const *names, int64_t i) {
    for (int64_t j = 0; j < i; j++) {
        if (strcmp(names[i], names[j]) == 0) {
            return true;
        }
    }
    return false;
}

// The names as borrowed from the JSON array; NULL after a sentence.
static const char **read_classes(const char *path, const json_t *array, int64_t n_classes) {
    const int64_t n = (int64_t)json_array_size(array);
    if (n != n_classes) {
        say("%s: %s is an array of %" PRId64 " names, must be of %" PRId64, path, classes_key, n,
            n_classes);
        return NULL;
    }
    const char **const names = cli_alloc((size_t)n, sizeof(*names));
    for (int64_t i = 0; i < n; i++) {
        names[i] = json_string_value(json_array_get(array, (size_t)i));
        if (!names[i] || !is_printable(names[i]) || is_repeated(names, i)) {
            say("%s: %s[%" PRId64 "] must be a printable name that is not there yet", path,
                classes_key, i);
            free(names);
            return NULL;
        }
    }
    return names;
}

static int create_from(const psq_ctx *ctx, const char *path, const psq_safetensors *file,
                       const psq_model_spec *spec, classifier *out) {
    const char *const text = psq_safetensors_get(file, classes_key);
    json_t *const array = text ? json_loads(text, 0, NULL) : NULL;
    const char **const names = read_classes(path, array, spec->n_classes);
    int code = names ? classifier_create(ctx, spec, names, out) : EXIT_DATA;
    free(names);
    json_decref(array);
    psq_error err;
    if (code == EXIT_SUCCESS &&
        psq_model_import(out->model, psq_safetensors_tensors(file), psq_safetensors_n_tensors(file),
                         out->weights, &err) != PSQ_OK) {
        code = fail_file(path, &err);
        classifier_destroy(ctx, out);
    }
    return code;
}

int classifier_load(const psq_ctx *ctx, const char *path, classifier *out) {
    psq_error err;
    psq_safetensors *file = NULL;
    psq_model_spec spec = PSQ_MODEL_SPEC_INIT;
    *out = (classifier){.n_classes = 0};
    if (psq_safetensors_read(ctx, path, &file, &err) != PSQ_OK) {
        return fail_error(&err);
    }
    int code = EXIT_SUCCESS;
    if (psq_model_spec_from_pairs(psq_safetensors_metadata(file), psq_safetensors_n_metadata(file),
                                  &spec, &err) != PSQ_OK) {
        code = fail_file(path, &err);
    }
    if (code == EXIT_SUCCESS) {
        code = check_kind(path, file, &spec);
    }
    if (code == EXIT_SUCCESS) {
        code = check_sizes(ctx, path, file, &spec);
    }
    if (code == EXIT_SUCCESS) {
        code = create_from(ctx, path, file, &spec, out);
    }
    psq_safetensors_destroy(file);
    return code;
}
