// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// act.h: exp, log, sigmoid and tanh of one element. In float they are ours, made of fused
// multiply-adds and bit operations that every vector unit has, so that their bits are the same
// everywhere; in double they are the C library's. Needs REAL_IS_FLOAT; docs/bits.md, rule 4, states
// the results.

// min and max as x86 has them: where the operands do not compare, the second one goes through. NaN
// therefore stands second.
static inline REAL min_real(REAL a, REAL b) {
    return a < b ? a : b;
}

static inline REAL max_real(REAL a, REAL b) {
    return a > b ? a : b;
}

#if REAL_IS_FLOAT

static inline uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#define LN2_HIGH 0x1.62e4p-1F // 15 bits: n * LN2_HIGH is exact for |n| < 512
#define LN2_LOW 0x1.7f7d1cp-20F
#define ONE_BITS 0x3f800000U

// The core: e^y = 2^n (1 + p). Adding 1.5 * 2^23 rounds y / ln 2 to an integer n and leaves n in
// the low bits of the sum t, which is returned: there it becomes an exponent without a conversion,
// and a NaN, which has none, still goes through p. With r = y - n ln 2, p = r + r^2 q(r), q being
// the minimax polynomial of degree 4 for (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2, fitted for the
// relative error of p: 2^-26.
static inline uint32_t exp_core(float y, float *p) {
    const float t = fmaf(y, 0x1.715476p+0F, 0x1.8p+23F);
    const float n = t - 0x1.8p+23F;
    const float r = fmaf(n, -LN2_LOW, fmaf(n, -LN2_HIGH, y));
    float q = fmaf(r, 0x1.6d9932p-10F, 0x1.12281cp-7F);
    q = fmaf(q, r, 0x1.555486p-5F);
    q = fmaf(q, r, 0x1.5554bp-3F);
    q = fmaf(q, r, 0x1p-1F);
    *p = fmaf(r * r, q, r);
    return bits_of(t);
}

// e^y - 1 for y from -88 to 88.
static inline float expm1_core(float y) {
    float p;
    const float scale = float_of((exp_core(y, &p) << 23) + ONE_BITS);
    return fmaf(scale, p, scale - 1.0F);
}

// 1 / (1 + e^-x). Below -88 the result is less than FLT_MIN: +0.
static inline float sigmoid_real(float x) {
    float p;
    const float y = max_real(-88.0F, min_real(88.0F, -x));
    const float scale = float_of((exp_core(y, &p) << 23) + ONE_BITS);
    const float s = 1.0F / (fmaf(scale, p, scale) + 1.0F);
    return x < -88.0F ? 0.0F : s;
}

// (e^2a - 1) / (e^2a + 1) with a = |x|, then the sign of x, so that a zero keeps its own. From 9.1
// on it is 1.
static inline float tanh_real(float x) {
    const float a = min_real(9.1F, float_of(bits_of(x) & 0x7fffffffU));
    const float e = expm1_core(2.0F * a);
    return float_of(bits_of(e / (e + 2.0F)) | (bits_of(x) & 0x80000000U));
}

// e^x. 2^n is applied in two halves, so that neither leaves the range before the product does.
static inline float exp_real(float x) {
    float p;
    const uint32_t n = exp_core(max_real(-104.0F, min_real(89.0F, x)), &p) - 0x4b400000U;
    const uint32_t half =
        n / 2 + (n & 0x80000000U); // arithmetic shift of a two's complement number
    const float low = float_of((half << 23) + ONE_BITS);
    return fmaf(low, p, low) * float_of(((n - half) << 23) + ONE_BITS);
}

// log x = e ln 2 + log(1 + f) with 1 + f from sqrt(1/2) to sqrt(2). With s = f / (2 + f), log(1 +
// f) = 2 atanh s = f - s (f - R), R = 2/3 s^2 + 2/5 s^4 + ...; f is exact and the rest is small
// against it.
static inline float log_real(float x) {
    const bool denormal = x < FLT_MIN;
    const uint32_t bits = bits_of(denormal ? x * 0x1p+24F : x) + (ONE_BITS - 0x3f3504f3U);
    const float e = (float)((int32_t)(bits >> 23) - (denormal ? 127 + 24 : 127));
    const float f = float_of((bits & 0x7fffffU) + 0x3f3504f3U) - 1.0F;
    const float s = f / (2.0F + f);
    const float z = s * s;
    float R = fmaf(z, 2.0F / 11.0F, 2.0F / 9.0F);
    R = fmaf(R, z, 2.0F / 7.0F);
    R = fmaf(R, z, 2.0F / 5.0F);
    R = fmaf(R, z, 2.0F / 3.0F) * z;
    const float small = fmaf(s, f - R, e * -LN2_LOW);
    const float y = fmaf(e, LN2_HIGH, f - small);
    if (x > 0.0F) {
        return x < INFINITY ? y : x;
    }
    return x == 0.0F ? -INFINITY : (float)NAN;
}

#else

static inline double sigmoid_real(double x) {
    return 1.0 / (1.0 + exp(-x));
}

static inline double tanh_real(double x) {
    return tanh(x);
}

static inline double exp_real(double x) {
    return exp(x);
}

static inline double log_real(double x) {
    return log(x);
}

#endif

// Fading gradients end here instead of crawling through denormals (docs/bits.md, rule 5).
static inline REAL flush_real(REAL x) {
    return ABS(x) < (REAL)0x1p-100 ? (REAL)0 : x;
}

// Where an output may be an input, compilers do not vectorise: STRIP elements of every input are
// copied first.
enum { STRIP = 64 };

static inline int64_t strip_at(int64_t first, int64_t n) {
    return n - first < STRIP ? n - first : STRIP;
}

static inline void copy(int64_t n, const REAL *from, REAL *to) {
    if (n == STRIP) { // the common case becomes a few vector moves
        memcpy(to, from, STRIP * sizeof *to);
    } else {
        memcpy(to, from, (size_t)n * sizeof *to);
    }
}

#define MAP(name, function)                                  \
    static void name(int64_t n, const void *x, void *y) {    \
        REAL in[STRIP];                                      \
        for (int64_t first = 0; first < n; first += STRIP) { \
            const int64_t n_strip = strip_at(first, n);      \
            REAL *const out = (REAL *)y + first;             \
            copy(n_strip, (const REAL *)x + first, in);      \
            for (int64_t i = 0; i < n_strip; i++) {          \
                out[i] = function(in[i]);                    \
            }                                                \
        }                                                    \
    }

MAP(k_exp, exp_real)
MAP(k_log, log_real)

static void k_flush(int64_t n, void *a) {
    REAL *const out = (REAL *)a;
    for (int64_t i = 0; i < n; i++) {
        out[i] = flush_real(out[i]);
    }
}
