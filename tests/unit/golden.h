// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// golden.h: the files of tests/golden, written by tools/gen_golden.py, which states their format:
// named arrays in cases. Whatever is missing or malformed fails the test that asked.
#ifndef PACKSEQ_TESTS_GOLDEN_H
#define PACKSEQ_TESTS_GOLDEN_H

#include "packseq/base.h"

typedef struct golden golden;

golden *golden_open(const char *path);
void golden_close(golden *file);

int64_t golden_n_cases(const golden *file);
// What a case is about, "lstm layers 2 ...".
const char *golden_title(const golden *file, int64_t index);
// An array of a case; NULL if the case has none of that name.
const psq_tensor *golden_find(const golden *file, int64_t index, const char *name);
// Data of an array that must be there, with this dtype.
const float *golden_f32(const golden *file, int64_t index, const char *name);
const double *golden_f64(const golden *file, int64_t index, const char *name);
const int64_t *golden_i64(const golden *file, int64_t index, const char *name);
int64_t golden_size(const psq_tensor *tensor); // elements

// Fails unless |actual[i] - expected[i]| <= tolerance * scale for all i, where scale is max
// |expected|, at least `floor`; names the case and the array. Returns max |actual - expected| /
// scale. actual is of `dtype`.
double golden_check(const char *title, const char *name, psq_dtype dtype, const void *actual,
                    const float *expected, int64_t n, double floor, double tolerance);

#endif
