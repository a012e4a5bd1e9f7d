// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// image.c: see image.h.
#include "image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

image image_make(uint64_t header_size, const char *header, size_t length, size_t n_data) {
    image f = {(unsigned char *)malloc(8 + length + n_data), 8 + length + n_data};
    assert_non_null(f.bytes);
    for (int i = 0; i < 8; i++) {
        f.bytes[i] = (unsigned char)(header_size >> 8 * i & 0xFF);
    }
    memcpy(f.bytes + 8, header, length);
    for (size_t i = 0; i < n_data; i++) {
        f.bytes[8 + length + i] = (unsigned char)i;
    }
    return f;
}

image image_of(const char *header, size_t n_data) {
    return image_make(strlen(header), header, strlen(header), n_data);
}

image image_repeated(const char *head, const char *part, size_t count, const char *tail,
                     size_t n_data) {
    const size_t each = strlen(part);
    const size_t length = strlen(head) + count * each + strlen(tail);
    char *const text = (char *)malloc(length + 1);
    assert_non_null(text);
    strcpy(text, head);
    char *at = text + strlen(head);
    for (size_t i = 0; i < count; i++, at += each) {
        memcpy(at, part, each);
    }
    strcpy(at, tail);
    const image f = image_of(text, n_data);
    free(text);
    return f;
}

image image_many_tensors(int count) {
    char *const text = (char *)malloc((size_t)count * 64 + 2);
    assert_non_null(text);
    char *at = text;
    for (int i = 0; i < count; i++) {
        at += sprintf(at, "%c\"%x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                      i > 0 ? ',' : '{', (unsigned)i);
    }
    strcpy(at, "}");
    const image f = image_of(text, 0);
    free(text);
    return f;
}

psq_status image_parse(const psq_ctx *ctx, const image *f, psq_safetensors **out, psq_error *err) {
    return psq_safetensors_parse(ctx, "m.safetensors", f->bytes, f->size, out, err);
}

void assert_image_refused(const psq_ctx *ctx, const char *name, image f, psq_status status,
                          const char *words) {
    psq_error err = {PSQ_OK, ""};
    psq_safetensors *out = (psq_safetensors *)&err;
    const psq_status got = image_parse(ctx, &f, &out, &err);
    if (got != status || err.status != status || strstr(err.text, words) == NULL ||
        strncmp(err.text, "m.safetensors: ", 15) != 0) {
        fail_msg("%s: %s \"%s\", want %s \"%s\"", name, psq_status_name(got), err.text,
                 psq_status_name(status), words);
    }
    assert_null(out);
    free(f.bytes);
}
