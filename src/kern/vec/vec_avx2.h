// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_avx2.h: the vector vocabulary in AVX2 and FMA: 8 floats, 16 registers. The templates of this
// directory are written over these functions and know no instruction set. "First n" means elements
// 0 to n - 1, n from 0 to WIDTH; no memory beyond them is touched.
#include <immintrin.h>
#include <stdint.h>

#include "kern/vec/vec.h"

#define WIDTH 8  // floats of a vector
#define SPAN 2   // vectors of a panel's group: a tile is 6 x 2, 12 of 16 registers
#define BESIDE 2 // groups that few rows take side by side

typedef __m256 vec;

static inline vec v_load(const float *p) {
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, vec a) {
    _mm256_storeu_ps(p, a);
}

static inline __m256i v_mask(int64_t n) {
    const __m256i element = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), element);
}

static inline vec v_load_first(const float *p, int64_t n) {
    return _mm256_maskload_ps(p, v_mask(n));
}

static inline void v_store_first(float *p, vec a, int64_t n) {
    _mm256_maskstore_ps(p, v_mask(n), a);
}

// a, in a register: gcc would load an operand of several operations again for each of them.
static inline vec v_keep(vec a) {
    __asm__("" : "+x"(a));
    return a;
}

static inline vec v_zero(void) {
    return _mm256_setzero_ps();
}

static inline vec v_set(float x) {
    return _mm256_set1_ps(x);
}

static inline vec v_add(vec a, vec b) {
    return _mm256_add_ps(a, b);
}

static inline vec v_sub(vec a, vec b) {
    return _mm256_sub_ps(a, b);
}

static inline vec v_mul(vec a, vec b) {
    return _mm256_mul_ps(a, b);
}

static inline vec v_div(vec a, vec b) {
    return _mm256_div_ps(a, b);
}

// a b + c, c - a b, rounded once.
static inline vec v_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec v_fnma(vec a, vec b, vec c) {
    return _mm256_fnmadd_ps(a, b, c);
}

// a < b ? a : b and a > b ? a : b: where the two do not compare, b.
static inline vec v_min(vec a, vec b) {
    return _mm256_min_ps(a, b);
}

static inline vec v_max(vec a, vec b) {
    return _mm256_max_ps(a, b);
}

static inline vec v_and(vec a, vec b) {
    return _mm256_and_ps(a, b);
}

static inline vec v_or(vec a, vec b) {
    return _mm256_or_ps(a, b);
}

static inline vec v_xor(vec a, vec b) {
    return _mm256_xor_ps(a, b);
}

// a < b ? y : +0 and a < b ? +0 : y.
static inline vec v_where_less(vec a, vec b, vec y) {
    return _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ), y);
}

static inline vec v_unless_less(vec a, vec b, vec y) {
    return _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_NLT_UQ), y);
}

// (a == b or both are NaN) ? y : +0 and the same the other way round.
static inline vec v_same(vec a, vec b) {
    const vec nan =
        _mm256_and_ps(_mm256_cmp_ps(a, a, _CMP_UNORD_Q), _mm256_cmp_ps(b, b, _CMP_UNORD_Q));
    return _mm256_or_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ), nan);
}

static inline vec v_where_same(vec a, vec b, vec y) {
    return _mm256_and_ps(v_same(a, b), y);
}

static inline vec v_unless_same(vec a, vec b, vec y) {
    return _mm256_andnot_ps(v_same(a, b), y);
}

// The first n elements of a, then b's.
static inline vec v_first(vec a, vec b, int64_t n) {
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(v_mask(n)));
}

// The low bits of a's representation as an exponent: the float with the bits (bits(a) << 23) +
// bits(1).
static inline vec v_pow2(vec a) {
    const __m256i one = _mm256_set1_epi32(0x3f800000);
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_slli_epi32(_mm256_castps_si256(a), 23), one));
}

// Element j of a[i] and element i of a[j] change places.
static inline void v_transpose(vec a[WIDTH]) {
    vec b[WIDTH];
    UNROLL
    for (int i = 0; i < WIDTH; i += 2) { // pairs of rows
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    UNROLL
    for (int i = 0; i < WIDTH; i += 4) { // 4 x 4 in both halves
        a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) { // halves
        const vec low = a[i], high = a[i + 4];
        a[i] = _mm256_permute2f128_ps(low, high, 0x20);
        a[i + 4] = _mm256_permute2f128_ps(low, high, 0x31);
    }
}
