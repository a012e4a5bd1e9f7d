// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_dtype.c: the table of number types, row by row as safetensors has them.
#include "testing.h"

static void dtype_sizes_and_names(void **state) {
    (void)state;
    static const struct {
        psq_dtype dtype;
        size_t size;
        const char *name;
    } rows[] = {{PSQ_F32, 4, "F32"},   {PSQ_F64, 8, "F64"}, {PSQ_F16, 2, "F16"},
                {PSQ_BF16, 2, "BF16"}, {PSQ_I8, 1, "I8"},   {PSQ_I16, 2, "I16"},
                {PSQ_I32, 4, "I32"},   {PSQ_I64, 8, "I64"}, {PSQ_U8, 1, "U8"},
                {PSQ_U16, 2, "U16"},   {PSQ_U32, 4, "U32"}, {PSQ_U64, 8, "U64"},
                {PSQ_BOOL, 1, "BOOL"}};
    assert_int_equal(sizeof rows / sizeof rows[0], PSQ_N_DTYPE);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(psq_dtype_size(rows[i].dtype), rows[i].size);
        assert_string_equal(psq_dtype_name(rows[i].dtype), rows[i].name);
    }
}

static void dtype_outside(void **state) {
    (void)state;
    assert_int_equal(psq_dtype_size(PSQ_N_DTYPE), 0);
    assert_int_equal(psq_dtype_size((psq_dtype)-1), 0);
    assert_null(psq_dtype_name(PSQ_N_DTYPE));
    assert_null(psq_dtype_name((psq_dtype)-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtype_sizes_and_names),
        cmocka_unit_test(dtype_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
