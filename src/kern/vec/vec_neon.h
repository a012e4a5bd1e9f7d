// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_neon.h: the vector vocabulary in NEON of 64-bit ARM: 4 floats, 32 registers. What each
// function does, vec_avx2.h says.
#include <arm_neon.h>
#include <stdint.h>

#include "kern/vec/vec.h"

#define WIDTH 4  // floats of a vector
#define SPAN 4   // vectors of a panel's group: a tile is 6 x 4, 24 of 32 registers
#define BESIDE 1 // groups that few rows take side by side

typedef float32x4_t vec;

static inline vec v_load(const float *p) {
    return vld1q_f32(p);
}

static inline void v_store(float *p, vec a) {
    vst1q_f32(p, a);
}

// There are no masks: tails go by way of a whole vector in memory.
static inline vec v_load_first(const float *p, int64_t n) {
    float a[WIDTH] = {0.0F};
    UNROLL
    for (int i = 0; i < WIDTH; i++) {
        if (i < n) {
            a[i] = p[i];
        }
    }
    return vld1q_f32(a);
}

static inline void v_store_first(float *p, vec a, int64_t n) {
    float b[WIDTH];
    vst1q_f32(b, a);
    UNROLL
    for (int i = 0; i < WIDTH; i++) {
        if (i < n) {
            p[i] = b[i];
        }
    }
}

static inline vec v_keep(vec a) {
    __asm__("" : "+w"(a));
    return a;
}

static inline vec v_zero(void) {
    return vdupq_n_f32(0.0F);
}

static inline vec v_set(float x) {
    return vdupq_n_f32(x);
}

static inline vec v_add(vec a, vec b) {
    return vaddq_f32(a, b);
}

static inline vec v_sub(vec a, vec b) {
    return vsubq_f32(a, b);
}

static inline vec v_mul(vec a, vec b) {
    return vmulq_f32(a, b);
}

static inline vec v_div(vec a, vec b) {
    return vdivq_f32(a, b);
}

static inline vec v_fma(vec a, vec b, vec c) {
    return vfmaq_f32(c, a, b);
}

static inline vec v_fnma(vec a, vec b, vec c) {
    return vfmsq_f32(c, a, b);
}

// The machine's own min and max have other ideas about NaN and -0.
static inline vec v_min(vec a, vec b) {
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

static inline vec v_max(vec a, vec b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

static inline uint32x4_t v_bits(vec a) {
    return vreinterpretq_u32_f32(a);
}

static inline vec v_of_bits(uint32x4_t a) {
    return vreinterpretq_f32_u32(a);
}

static inline vec v_and(vec a, vec b) {
    return v_of_bits(vandq_u32(v_bits(a), v_bits(b)));
}

static inline vec v_or(vec a, vec b) {
    return v_of_bits(vorrq_u32(v_bits(a), v_bits(b)));
}

static inline vec v_xor(vec a, vec b) {
    return v_of_bits(veorq_u32(v_bits(a), v_bits(b)));
}

static inline vec v_where_less(vec a, vec b, vec y) {
    return v_of_bits(vandq_u32(vcltq_f32(a, b), v_bits(y)));
}

static inline vec v_unless_less(vec a, vec b, vec y) {
    return v_of_bits(vbicq_u32(v_bits(y), vcltq_f32(a, b)));
}

static inline uint32x4_t v_same(vec a, vec b) {
    return vorrq_u32(vceqq_f32(a, b), vmvnq_u32(vorrq_u32(vceqq_f32(a, a), vceqq_f32(b, b))));
}

static inline vec v_where_same(vec a, vec b, vec y) {
    return v_of_bits(vandq_u32(v_same(a, b), v_bits(y)));
}

static inline vec v_unless_same(vec a, vec b, vec y) {
    return v_of_bits(vbicq_u32(v_bits(y), v_same(a, b)));
}

static inline vec v_first(vec a, vec b, int64_t n) {
    static const uint32_t element[WIDTH] = {0, 1, 2, 3};
    return vbslq_f32(vcltq_u32(vld1q_u32(element), vdupq_n_u32((uint32_t)n)), a, b);
}

static inline vec v_pow2(vec a) {
    return v_of_bits(vaddq_u32(vshlq_n_u32(v_bits(a), 23), vdupq_n_u32(0x3f800000U)));
}

static inline vec v_halves(vec low, vec high, int which) {
    const float64x2_t a = vreinterpretq_f64_f32(low);
    const float64x2_t b = vreinterpretq_f64_f32(high);
    return vreinterpretq_f32_f64(which == 0 ? vtrn1q_f64(a, b) : vtrn2q_f64(a, b));
}

static inline void v_transpose(vec a[WIDTH]) {
    const vec b[WIDTH] = {vtrn1q_f32(a[0], a[1]), vtrn2q_f32(a[0], a[1]), vtrn1q_f32(a[2], a[3]),
                          vtrn2q_f32(a[2], a[3])};
    a[0] = v_halves(b[0], b[2], 0);
    a[1] = v_halves(b[1], b[3], 0);
    a[2] = v_halves(b[0], b[2], 1);
    a[3] = v_halves(b[1], b[3], 1);
}
