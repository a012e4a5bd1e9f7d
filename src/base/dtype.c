// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// dtype.c: the table of number types.
#include "packseq/base.h"

typedef struct dtype_row {
    const char *name;
    size_t size;
} dtype_row;

static const dtype_row dtypes[PSQ_N_DTYPE] = {
    [PSQ_F32] = {"F32", 4},   [PSQ_F64] = {"F64", 8}, [PSQ_F16] = {"F16", 2},
    [PSQ_BF16] = {"BF16", 2}, [PSQ_I8] = {"I8", 1},   [PSQ_I16] = {"I16", 2},
    [PSQ_I32] = {"I32", 4},   [PSQ_I64] = {"I64", 8}, [PSQ_U8] = {"U8", 1},
    [PSQ_U16] = {"U16", 2},   [PSQ_U32] = {"U32", 4}, [PSQ_U64] = {"U64", 8},
    [PSQ_BOOL] = {"BOOL", 1},
};

size_t psq_dtype_size(psq_dtype dtype) {
    return (unsigned)dtype < PSQ_N_DTYPE ? dtypes[dtype].size : 0;
}

const char *psq_dtype_name(psq_dtype dtype) {
    return (unsigned)dtype < PSQ_N_DTYPE ? dtypes[dtype].name : NULL;
}
