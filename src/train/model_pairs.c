// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// model_pairs.c: a model's architecture as pairs of strings, and back. One table says how every
// field is spelled. Reading is as strict as writing is plain, because pairs may come from a
// stranger's file; numbers are spelled without the C library, whose locale would show.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "train/model.h"

// ---- fields

typedef enum field_kind { FIELD_CHOICE, FIELD_COUNT, FIELD_FLAG, FIELD_REAL } field_kind;

typedef struct field {
    const char *key;
    field_kind kind;
    const char *(*choice)(int64_t index); // NULL after the last one
} field;

typedef struct field_value {
    int64_t whole;
    double real;
} field_value;

static const char *format_at(int64_t index) {
    return index == 0 ? "1" : NULL;
}

static const char *cell_at(int64_t index) {
    return psq_cell_name((psq_cell)index);
}

// PSQ_F32 and PSQ_F64 are the first two.
static const char *dtype_at(int64_t index) {
    return index < 2 ? psq_dtype_name((psq_dtype)index) : NULL;
}

static const char *head_at(int64_t index) {
    return psq_head_name((psq_head)index);
}

static const char *flag_at(int64_t index) {
    return index < 2 ? (index == 1 ? "true" : "false") : NULL;
}

enum {
    F_FORMAT,
    F_VOCAB_SIZE,
    F_N_CLASSES,
    F_HEAD,
    F_DROPOUT,
    F_CELL,
    F_DTYPE,
    F_INPUT_SIZE,
    F_HIDDEN_SIZE,
    F_PROJ_SIZE,
    F_N_LAYERS,
    F_BIAS,
    F_BIDIRECTIONAL,
    F_RNN_DROPOUT,
    N_FIELDS
};

static const field fields[N_FIELDS] = {
    [F_FORMAT] = {"packseq.format", FIELD_CHOICE, format_at},
    [F_VOCAB_SIZE] = {"packseq.vocab_size", FIELD_COUNT, NULL},
    [F_N_CLASSES] = {"packseq.n_classes", FIELD_COUNT, NULL},
    [F_HEAD] = {"packseq.head", FIELD_CHOICE, head_at},
    [F_DROPOUT] = {"packseq.dropout", FIELD_REAL, NULL},
    [F_CELL] = {"packseq.cell", FIELD_CHOICE, cell_at},
    [F_DTYPE] = {"packseq.dtype", FIELD_CHOICE, dtype_at},
    [F_INPUT_SIZE] = {"packseq.input_size", FIELD_COUNT, NULL},
    [F_HIDDEN_SIZE] = {"packseq.hidden_size", FIELD_COUNT, NULL},
    [F_PROJ_SIZE] = {"packseq.proj_size", FIELD_COUNT, NULL},
    [F_N_LAYERS] = {"packseq.n_layers", FIELD_COUNT, NULL},
    [F_BIAS] = {"packseq.bias", FIELD_FLAG, flag_at},
    [F_BIDIRECTIONAL] = {"packseq.bidirectional", FIELD_FLAG, flag_at},
    [F_RNN_DROPOUT] = {"packseq.rnn_dropout", FIELD_REAL, NULL},
};

_Static_assert((int)N_FIELDS <= (int)PSQ_MODEL_N_PAIRS, "psq_model_meta is too small");
_Static_assert(PSQ_F32 == 0 && PSQ_F64 == 1, "dtype_at lists both");

static void values_from_spec(const psq_model_spec *spec, field_value values[N_FIELDS]) {
    memset(values, 0, N_FIELDS * sizeof *values);
    values[F_VOCAB_SIZE].whole = spec->vocab_size;
    values[F_N_CLASSES].whole = spec->n_classes;
    values[F_HEAD].whole = (int64_t)spec->head;
    values[F_DROPOUT].real = spec->dropout;
    values[F_CELL].whole = (int64_t)spec->rnn.cell;
    values[F_DTYPE].whole = (int64_t)spec->rnn.dtype;
    values[F_INPUT_SIZE].whole = spec->rnn.input_size;
    values[F_HIDDEN_SIZE].whole = spec->rnn.hidden_size;
    values[F_PROJ_SIZE].whole = spec->rnn.proj_size;
    values[F_N_LAYERS].whole = spec->rnn.n_layers;
    values[F_BIAS].whole = spec->rnn.bias ? 1 : 0;
    values[F_BIDIRECTIONAL].whole = spec->rnn.bidirectional ? 1 : 0;
    values[F_RNN_DROPOUT].real = spec->rnn.dropout;
}

static void spec_from_values(const field_value values[N_FIELDS], psq_model_spec *spec) {
    *spec = (psq_model_spec)PSQ_MODEL_SPEC_INIT;
    spec->vocab_size = values[F_VOCAB_SIZE].whole;
    spec->n_classes = values[F_N_CLASSES].whole;
    spec->head = (psq_head)values[F_HEAD].whole;
    spec->dropout = values[F_DROPOUT].real;
    spec->rnn.cell = (psq_cell)values[F_CELL].whole;
    spec->rnn.dtype = (psq_dtype)values[F_DTYPE].whole;
    spec->rnn.input_size = values[F_INPUT_SIZE].whole;
    spec->rnn.hidden_size = values[F_HIDDEN_SIZE].whole;
    spec->rnn.proj_size = values[F_PROJ_SIZE].whole;
    spec->rnn.n_layers = values[F_N_LAYERS].whole;
    spec->rnn.bias = values[F_BIAS].whole == 1;
    spec->rnn.bidirectional = values[F_BIDIRECTIONAL].whole == 1;
    spec->rnn.dropout = values[F_RNN_DROPOUT].real;
}

// ---- numbers

enum { MAX_DECIMALS = 15, MAX_HALVINGS = 1074 };

static double power_of_ten(int n) {
    double power = 1.0;
    for (int i = 0; i < n; i++) {
        power *= 10.0; // exact up to 10^22
    }
    return power;
}

// A probability as a decimal fraction of at most 15 digits where that gives the same double again
// ("0.25"), else as an integer over a power of two, which always does ("6004799503160661/2^54").
static void format_real(double value, char *text, size_t size) {
    for (int n = 0; n <= MAX_DECIMALS; n++) {
        const double scaled = floor(value * power_of_ten(n) + 0.5);
        if (scaled / power_of_ten(n) == value) {
            const int64_t digits = (int64_t)scaled;
            const int64_t unit = (int64_t)power_of_ten(n);
            if (n == 0) {
                (void)snprintf(text, size, "%lld", (long long)digits);
            } else {
                (void)snprintf(text, size, "%lld.%0*lld", (long long)(digits / unit), n,
                               (long long)(digits % unit));
            }
            return;
        }
    }
    int exponent = 0;
    const double mantissa = frexp(value, &exponent);
    int64_t digits = (int64_t)ldexp(mantissa, 53);
    int halvings = 53 - exponent;
    while (digits % 2 == 0) {
        digits /= 2;
        halvings--;
    }
    (void)snprintf(text, size, "%lld/2^%d", (long long)digits, halvings);
}

// Digits without a leading zero; *text moves behind them.
static bool parse_digits(const char **text, int64_t *value) {
    const char *const first = *text;
    *value = 0;
    while (**text >= '0' && **text <= '9') {
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, **text - '0', value)) {
            return false;
        }
        (*text)++;
    }
    return *text > first && (*first != '0' || *text == first + 1);
}

static bool parse_count(const char *text, int64_t *value) {
    return parse_digits(&text, value) && *text == '\0';
}

static bool parse_real(const char *text, double *value) {
    int64_t whole = 0;
    int64_t below = 0;
    if (!parse_digits(&text, &whole) || whole > (int64_t)1 << 53) {
        return false;
    }
    *value = (double)whole;
    if (text[0] == '/' && text[1] == '2' && text[2] == '^') {
        if (!parse_count(text + 3, &below) || below > MAX_HALVINGS) {
            return false;
        }
        *value = ldexp(*value, -(int)below);
    } else if (text[0] == '.') {
        int n = 0;
        while (n < MAX_DECIMALS && text[n + 1] >= '0' && text[n + 1] <= '9') {
            below = below * 10 + (text[n + 1] - '0');
            n++;
        }
        if (n == 0 || text[n + 1] != '\0') {
            return false;
        }
        *value = ((double)whole * power_of_ten(n) + (double)below) / power_of_ten(n);
    } else if (*text != '\0') {
        return false;
    }
    return *value <= 1.0;
}

// ---- writing

static void format_value(const field *f, field_value value, char *text, size_t size) {
    if (f->kind == FIELD_REAL) {
        format_real(value.real, text, size);
    } else if (f->kind == FIELD_COUNT) {
        (void)snprintf(text, size, "%lld", (long long)value.whole);
    } else {
        (void)snprintf(text, size, "%s", f->choice(value.whole));
    }
}

void psq_model_write_pairs(const psq_model_spec *spec, psq_model_meta *meta) {
    field_value values[N_FIELDS];
    values_from_spec(spec, values);
    memset(meta, 0, sizeof *meta);
    meta->n_pairs = N_FIELDS;
    for (int i = 0; i < N_FIELDS; i++) {
        format_value(&fields[i], values[i], meta->values[i], sizeof meta->values[i]);
        meta->pairs[i] = (psq_pair){fields[i].key, meta->values[i]};
    }
}

// ---- reading

static psq_status parse_choice(const field *f, const char *text, int64_t *value, psq_error *err) {
    char all[64] = "";
    for (int64_t i = 0; f->choice(i) != NULL; i++) {
        if (strcmp(f->choice(i), text) == 0) {
            *value = i;
            return PSQ_OK;
        }
        const size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? " or " : "", f->choice(i));
    }
    return psq_fail(err, PSQ_FORMAT, "%s is \"%s\", must be %s", f->key, psq_show(text).text, all);
}

static psq_status parse_value(const field *f, const char *text, field_value *value,
                              psq_error *err) {
    if (f->kind == FIELD_COUNT) {
        PSQ_REQUIRE(err, parse_count(text, &value->whole), PSQ_FORMAT,
                    "%s is \"%s\", must be a whole number", f->key, psq_show(text).text);
        return PSQ_OK;
    }
    if (f->kind == FIELD_REAL) {
        PSQ_REQUIRE(err, parse_real(text, &value->real), PSQ_FORMAT,
                    "%s is \"%s\", must be a number from 0 to 1", f->key, psq_show(text).text);
        return PSQ_OK;
    }
    return parse_choice(f, text, &value->whole, err);
}

static int find_field(const char *key) {
    int i = 0;
    while (i < N_FIELDS && strcmp(fields[i].key, key) != 0) {
        i++;
    }
    return i;
}

static psq_status parse_pairs(const psq_pair *pairs, int64_t n_pairs, field_value values[N_FIELDS],
                              psq_error *err) {
    bool seen[N_FIELDS] = {false};
    for (int64_t i = 0; i < n_pairs; i++) {
        const psq_pair *const pair = &pairs[i];
        PSQ_REQUIRE(err, pair->key != NULL && pair->value != NULL, PSQ_INVALID,
                    "pairs[%lld].%s is NULL", (long long)i, pair->key == NULL ? "key" : "value");
        if (strncmp(pair->key, "packseq.", 8) != 0) {
            continue;
        }
        const int f = find_field(pair->key);
        PSQ_REQUIRE(err, f < N_FIELDS, PSQ_FORMAT, "\"%s\" is no key of a model",
                    psq_show(pair->key).text);
        PSQ_REQUIRE(err, !seen[f], PSQ_FORMAT, "%s is given twice", fields[f].key);
        seen[f] = true;
        PSQ_TRY(parse_value(&fields[f], pair->value, &values[f], err));
    }
    for (int f = 0; f < N_FIELDS; f++) {
        PSQ_REQUIRE(err, seen[f], PSQ_FORMAT, "%s is missing", fields[f].key);
    }
    return PSQ_OK;
}

psq_status psq_model_spec_from_pairs(const psq_pair *pairs, int64_t n_pairs, psq_model_spec *spec,
                                     psq_error *err) {
    PSQ_REQUIRE(err, spec != NULL, PSQ_INVALID, "spec is NULL");
    PSQ_REQUIRE(err, n_pairs >= 0, PSQ_INVALID, "n_pairs is %lld, must be at least 0",
                (long long)n_pairs);
    PSQ_REQUIRE(err, n_pairs == 0 || pairs != NULL, PSQ_INVALID, "pairs is NULL, n_pairs is %lld",
                (long long)n_pairs);
    field_value values[N_FIELDS] = {{0, 0.0}};
    const psq_fpenv saved = psq_fpenv_enter();
    const psq_status status = parse_pairs(pairs, n_pairs, values, err);
    psq_fpenv_leave(saved);
    if (status == PSQ_OK) {
        spec_from_values(values, spec);
    }
    return status;
}
