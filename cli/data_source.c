// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// data_source.c: where sequences come from and which of them are kept from training. The split is
// by hash, not by a random number: it needs no seed, no file that says who is who, and a word that
// two languages share cannot be in both parts.
#include "data_source.h"

#include "cli.h"
#include "words_data.h"

#include <errno.h>
#include <string.h>

const char *label_choice(int index) {
    static const char *const names[] = {"file", "column", NULL};
    return names[index];
}

// ---- reading

static psq_status add_embedded(psq_text *text, psq_error *err) {
    psq_status status = PSQ_OK;
    for (size_t i = 0; status == PSQ_OK && i < words_data_n; i++) {
        status = psq_text_add(text, words_data[i].name, (const char *)words_data[i].bytes,
                              words_data[i].size, err);
    }
    return status;
}

// Whether bytes[begin, size) end in a line that nothing can make right any more. Reading on would
// be vain, for ever where the input has no end; who takes the lines says what is wrong.
static bool is_hopeless(const char *bytes, size_t begin, size_t size, size_t *line,
                        int64_t max_length) {
    for (size_t i = begin; i < size; i++) {
        if (bytes[i] == '\n') {
            *line = i + 1;
        } else if (bytes[i] == '\0') {
            return true;
        }
    }
    return size - *line > (size_t)max_length + 1; // a CR may end it
}

// All of standard input, or what there is up to a line that has NUL or more than max_length bytes.
// Returns the exit code; *out is freed in any case.
static int read_stdin(int64_t max_length, char **out, size_t *n) {
    size_t size = 0;
    size_t line = 0; // where the last one begins
    size_t capacity = 1 << 16;
    char *bytes = cli_alloc(capacity, 1);
    size_t done = 0;
    while ((done = fread(bytes + size, 1, capacity - size, stdin)) > 0) {
        size += done;
        if (is_hopeless(bytes, size - done, size, &line, max_length)) {
            break;
        }
        if (size == capacity) {
            capacity *= 2;
            bytes = cli_grow(bytes, capacity, 1);
        }
    }
    *out = bytes;
    *n = size;
    if (ferror(stdin)) {
        say("cannot read standard input: %s", strerror(errno));
        return EXIT_IO;
    }
    return EXIT_SUCCESS;
}

static int add_stdin(const data_taker *taker) {
    psq_error err;
    char *bytes = NULL;
    size_t size = 0;
    int code = read_stdin(taker->max_length, &bytes, &size);
    if (code == EXIT_SUCCESS &&
        taker->add(taker->self, "standard input", bytes, size, &err) != PSQ_OK) {
        code = fail_error(&err);
    }
    free(bytes);
    return code;
}

int data_add_files(const data_taker *taker, int n_files, char **files) {
    psq_error err;
    int code = EXIT_SUCCESS;
    for (int i = 0; code == EXIT_SUCCESS && i < n_files; i++) {
        if (strcmp(files[i], "-") == 0) {
            code = add_stdin(taker);
        } else if (taker->add_file(taker->self, files[i], &err) != PSQ_OK) {
            code = fail_error(&err);
        }
    }
    return code;
}

static psq_status text_add(void *self, const char *name, const char *bytes, size_t size,
                           psq_error *err) {
    return psq_text_add(self, name, bytes, size, err);
}

static psq_status text_add_file(void *self, const char *path, psq_error *err) {
    return psq_text_add_file(self, path, err);
}

static int add_all(psq_text *text, int64_t max_length, int n_files, char **files) {
    psq_error err;
    if (n_files == 0) {
        return add_embedded(text, &err) == PSQ_OK ? EXIT_SUCCESS : fail_error(&err);
    }
    const data_taker taker = {text, text_add, text_add_file, max_length};
    return data_add_files(&taker, n_files, files);
}

int data_read(const psq_ctx *ctx, const data_options *options, int n_files, char **files,
              psq_text **out) {
    psq_error err;
    psq_text_opts opts = PSQ_TEXT_OPTS_INIT;
    opts.label = n_files > 0 ? (psq_text_label)(PSQ_LABEL_FILE + options->label) : PSQ_LABEL_FILE;
    opts.separator = options->separator;
    opts.max_length = options->max_length;
    if (psq_text_create(ctx, &opts, out, &err) != PSQ_OK) {
        return fail_error(&err);
    }
    const int code = add_all(*out, options->max_length, n_files, files);
    if (code != EXIT_SUCCESS) {
        psq_text_destroy(*out);
        *out = NULL;
    }
    return code;
}

// ---- split

static uint64_t fnv1a(const int32_t *tokens, int64_t n) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int64_t i = 0; i < n; i++) {
        hash = (hash ^ (uint64_t)tokens[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static bool is_in(data_part part, const int32_t *tokens, int64_t n) {
    const bool test = fnv1a(tokens, n) % TEST_EVERY == 0;
    return part == PART_ALL || test == (part == PART_TEST);
}

void data_samples_make(const psq_text *text, data_part part, const int32_t *classes,
                       data_samples *out) {
    const int64_t n_text = psq_text_n_seq(text);
    const int64_t *const offsets = psq_text_offsets(text);
    const int32_t *const tokens = psq_text_tokens(text);
    const int32_t *const labels = psq_text_labels(text);
    out->offsets = cli_alloc((size_t)n_text + 1, sizeof(*out->offsets));
    out->tokens = cli_alloc((size_t)offsets[n_text], sizeof(*out->tokens));
    out->targets = cli_alloc((size_t)n_text, sizeof(*out->targets));
    int64_t n = 0;
    for (int64_t b = 0; b < n_text; b++) {
        const int64_t length = offsets[b + 1] - offsets[b];
        const int32_t *const sequence = length > 0 ? tokens + offsets[b] : NULL;
        if (!is_in(part, sequence, length)) {
            continue;
        }
        for (int64_t t = 0; t < length; t++) {
            out->tokens[out->offsets[n] + t] = sequence[t];
        }
        out->targets[n] = classes ? classes[labels[b]] : labels[b];
        out->offsets[n + 1] = out->offsets[n] + length;
        n++;
    }
    out->samples = (psq_samples){n, out->offsets, out->tokens, NULL, out->targets};
}

void data_samples_free(data_samples *samples) {
    free(samples->offsets);
    free(samples->tokens);
    free(samples->targets);
    *samples = (data_samples){.offsets = NULL};
}
