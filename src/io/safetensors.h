// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// safetensors.h: the limits that the writer keeps and the reader demands. A file is: the header's
// size as a little-endian uint64, the header (JSON, padded with spaces), the data. The header maps
// names to {"dtype", "shape", "data_offsets": [begin, end]}, offsets counted from the data's first
// byte, and PSQ_ST_METADATA to an object of strings.
#ifndef PACKSEQ_IO_SAFETENSORS_H
#define PACKSEQ_IO_SAFETENSORS_H

#include <stdbool.h>
#include <string.h>

#define PSQ_ST_METADATA "__metadata__"

enum {
    PSQ_ST_SIZE_BYTES = 8,
    PSQ_ST_MAX_HEADER = 100000000,
    PSQ_ST_MAX_TENSORS = 65536,
    PSQ_ST_MAX_METADATA = 65536,
    PSQ_ST_MAX_ENTRY = 4096 // bytes of one tensor's object in the header
};

// Data is copied as it lies in the file.
static inline bool psq_little_endian(void) {
    const unsigned short one = 1;
    unsigned char low;
    memcpy(&low, &one, 1);
    return low == 1;
}

#endif
