// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// json_out.c: jansson's constructors return NULL without memory and its setters pass NULL on; here
// that ends the command, so that no document is ever printed with a hole in it.
#include "json_out.h"

#include "cli.h"

#include <math.h>

static json_t *made(json_t *value) {
    if (!value) {
        cli_no_memory();
    }
    return value;
}

json_t *json_new_array(void) {
    return made(json_array());
}

json_t *json_new_object(void) {
    return made(json_object());
}

json_t *json_number(double value) {
    return made(isfinite(value) ? json_real(value) : json_null());
}

void json_put(json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) != 0) {
        cli_no_memory();
    }
}

void json_push(json_t *array, json_t *value) {
    if (json_array_append_new(array, value) != 0) {
        cli_no_memory();
    }
}

json_t *json_ints(const int64_t *items, int64_t n) {
    json_t *const array = json_new_array();
    for (int64_t i = 0; i < n; i++) {
        json_push(array, json_integer(items[i]));
    }
    return array;
}

void json_print(json_t *document) {
    char *const text = json_dumps(document, JSON_REAL_PRECISION(9));
    if (!text) {
        cli_no_memory();
    }
    puts(text);
    free(text);
    json_decref(document);
}
