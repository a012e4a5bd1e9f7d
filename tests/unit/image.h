// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// image.h: safetensors files in memory, well and badly made, for the tests of the reader.
#ifndef PACKSEQ_TESTS_IMAGE_H
#define PACKSEQ_TESTS_IMAGE_H

#include "packseq/io.h"

// A file: the header's size, the header, `n_data` bytes 0, 1, 2 ...
typedef struct image {
    unsigned char *bytes;
    size_t size;
} image;

// Two tensors and two pairs of metadata, none in the order of the file; 28 bytes of data.
#define TWO                                                              \
    "{\"__metadata__\":{\"z\":\"1\",\"a\":\"two \\u00e9\\n\"},"          \
    "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]}," \
    "\"b\":{\"data_offsets\":[0,4],\"shape\":[2],\"dtype\":\"BF16\"}}"

// header_size is what the file says, length what it has. The caller frees bytes.
image image_make(uint64_t header_size, const char *header, size_t length, size_t n_data);

// A header that says the truth.
image image_of(const char *header, size_t n_data);

// head, `count` times part, tail.
image image_repeated(const char *head, const char *part, size_t count, const char *tail,
                     size_t n_data);

// That many tensors without elements.
image image_many_tensors(int count);

psq_status image_parse(const psq_ctx *ctx, const image *f, psq_safetensors **out, psq_error *err);

// The file must be refused with this status and a sentence that names it and holds these words.
// Frees the image; `name` is the case's.
void assert_image_refused(const psq_ctx *ctx, const char *name, image f, psq_status status,
                          const char *words);

#endif
