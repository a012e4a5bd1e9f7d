// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// json_out.h: building and printing JSON with jansson; out of memory ends the command.
#ifndef PACKSEQ_CLI_JSON_OUT_H
#define PACKSEQ_CLI_JSON_OUT_H

#include <jansson.h>
#include <stdint.h>

json_t *json_ints(const int64_t *items, int64_t n);
json_t *json_new_array(void);
json_t *json_new_object(void);
json_t *json_number(double value); // null where JSON has no number for it

// Put a new value; it belongs to the object or array then.
void json_put(json_t *object, const char *key, json_t *value);
void json_push(json_t *array, json_t *value);

// Prints the document as one line on stdout and releases it.
void json_print(json_t *document);

#endif
