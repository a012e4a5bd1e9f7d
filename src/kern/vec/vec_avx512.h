// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_avx512.h: the vector vocabulary in AVX-512 (F, BW, DQ, VL): 16 floats, 32 registers. The
// templates of this directory are written over these functions and know no instruction set.
// "First n" means elements 0 to n - 1, n from 0 to WIDTH; no memory beyond them is touched.
#include <immintrin.h>
#include <stdint.h>

#include "kern/vec/vec.h"

#define WIDTH 16 // floats of a vector
#define SPAN 4   // vectors of a panel's group: a tile is 6 x 4, 24 of 32 registers
#define BESIDE 1 // groups that few rows take side by side: L2 is what they wait for

typedef __m512 vec;

static inline vec v_load(const float *p) {
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, vec a) {
    _mm512_storeu_ps(p, a);
}

static inline __mmask16 v_mask(int64_t n) {
    return (__mmask16)((1U << n) - 1);
}

static inline vec v_load_first(const float *p, int64_t n) {
    return _mm512_maskz_loadu_ps(v_mask(n), p);
}

static inline void v_store_first(float *p, vec a, int64_t n) {
    _mm512_mask_storeu_ps(p, v_mask(n), a);
}

// a, in a register: gcc would load an operand of several operations again for each of them.
static inline vec v_keep(vec a) {
    __asm__("" : "+v"(a));
    return a;
}

static inline vec v_zero(void) {
    return _mm512_setzero_ps();
}

static inline vec v_set(float x) {
    return _mm512_set1_ps(x);
}

static inline vec v_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}

static inline vec v_sub(vec a, vec b) {
    return _mm512_sub_ps(a, b);
}

static inline vec v_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}

static inline vec v_div(vec a, vec b) {
    return _mm512_div_ps(a, b);
}

// a b + c, c - a b, rounded once.
static inline vec v_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec v_fnma(vec a, vec b, vec c) {
    return _mm512_fnmadd_ps(a, b, c);
}

// a < b ? a : b and a > b ? a : b: where the two do not compare, b.
static inline vec v_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}

static inline vec v_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}

static inline vec v_and(vec a, vec b) {
    return _mm512_and_ps(a, b);
}

static inline vec v_or(vec a, vec b) {
    return _mm512_or_ps(a, b);
}

static inline vec v_xor(vec a, vec b) {
    return _mm512_xor_ps(a, b);
}

// a < b ? y : +0 and a < b ? +0 : y.
static inline vec v_where_less(vec a, vec b, vec y) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y);
}

static inline vec v_unless_less(vec a, vec b, vec y) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ), y);
}

// (a == b or both are NaN) ? y : +0 and the same the other way round.
static inline __mmask16 v_same(vec a, vec b) {
    const __mmask16 nan =
        _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q) & _mm512_cmp_ps_mask(b, b, _CMP_UNORD_Q);
    return (__mmask16)(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ) | nan);
}

static inline vec v_where_same(vec a, vec b, vec y) {
    return _mm512_maskz_mov_ps(v_same(a, b), y);
}

static inline vec v_unless_same(vec a, vec b, vec y) {
    return _mm512_maskz_mov_ps((__mmask16)~v_same(a, b), y);
}

// The first n elements of a, then b's.
static inline vec v_first(vec a, vec b, int64_t n) {
    return _mm512_mask_mov_ps(b, v_mask(n), a);
}

// The low bits of a's representation as an exponent: the float with the bits (bits(a) << 23) +
// bits(1).
static inline vec v_pow2(vec a) {
    const __m512i one = _mm512_set1_epi32(0x3f800000);
    return _mm512_castsi512_ps(
        _mm512_add_epi32(_mm512_slli_epi32(_mm512_castps_si512(a), 23), one));
}

// Element j of a[i] and element i of a[j] change places.
static inline void v_transpose(vec a[WIDTH]) {
    vec b[WIDTH];
    UNROLL
    for (int i = 0; i < WIDTH; i += 2) { // pairs of rows
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    UNROLL
    for (int i = 0; i < WIDTH; i += 4) { // 4 x 4 in every quarter
        const __m512d b0 = _mm512_castps_pd(b[i]), b1 = _mm512_castps_pd(b[i + 1]);
        const __m512d b2 = _mm512_castps_pd(b[i + 2]), b3 = _mm512_castps_pd(b[i + 3]);
        a[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(b0, b2));
        a[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(b0, b2));
        a[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b1, b3));
        a[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b1, b3));
    }
    UNROLL
    for (int i = 0; i < 4; i++) { // quarters, by pairs
        b[i] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88);
        b[i + 4] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd);
        b[i + 8] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0x88);
        b[i + 12] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0xdd);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        a[i] = _mm512_shuffle_f32x4(b[i], b[i + 8], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(b[i + 4], b[i + 12], 0x88);
        a[i + 8] = _mm512_shuffle_f32x4(b[i], b[i + 8], 0xdd);
        a[i + 12] = _mm512_shuffle_f32x4(b[i + 4], b[i + 12], 0xdd);
    }
}
