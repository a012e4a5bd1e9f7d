// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tile.h: the chains. A panel holds W in groups of CHUNK outputs, [k][j] within a group, so that k
// runs outermost over contiguous memory while a group's sums stay in registers when the compiler
// has FMA vectors. Every output is still one chain, k ascending (docs/bits.md, rule 1).

enum { CHUNK = 64 };

static int64_t k_panel_size(int64_t n_out, int64_t n_k) {
    return n_out * n_k;
}

static void k_panel(int64_t n_out, int64_t n_k, const void *w, int64_t stride_j, int64_t stride_k,
                    void *panel) {
    const REAL *const W = (const REAL *)w;
    REAL *out = (REAL *)panel;
    for (int64_t first = 0; first < n_out; first += CHUNK) {
        const int64_t end = first + CHUNK < n_out ? first + CHUNK : n_out;
        for (int64_t k = 0; k < n_k; k++) {
            for (int64_t j = first; j < end; j++) {
                *out++ = W[j * stride_j + k * stride_k];
            }
        }
    }
}

// Inlined with a constant width for whole groups, so that s becomes registers.
static inline __attribute__((always_inline)) void chains(int64_t width, int64_t n_k,
                                                         const REAL *restrict a,
                                                         const REAL *restrict w,
                                                         REAL *restrict out) {
    REAL s[CHUNK];
    for (int64_t j = 0; j < width; j++) {
        s[j] = out[j];
    }
    for (int64_t k = 0; k < n_k; k++) {
        for (int64_t j = 0; j < width; j++) {
            s[j] = FMA(a[k], w[k * width + j], s[j]);
        }
    }
    for (int64_t j = 0; j < width; j++) {
        out[j] = s[j];
    }
}

static void k_tile(int64_t n_rows, int64_t n_out, int64_t n_k, const void *const *a,
                   const void *panel, void *const *out) {
    for (int64_t first = 0; first < n_out; first += CHUNK) {
        const int64_t width = n_out - first < CHUNK ? n_out - first : CHUNK;
        const REAL *const w = (const REAL *)panel + first * n_k;
        for (int64_t m = 0; m < n_rows; m++) {
            if (width == CHUNK) {
                chains(CHUNK, n_k, (const REAL *)a[m], w, (REAL *)out[m] + first);
            } else {
                chains(width, n_k, (const REAL *)a[m], w, (REAL *)out[m] + first);
            }
        }
    }
}

// s[j] over the rows of a block, for outputs [first, first + width) of row i of dw.
static inline __attribute__((always_inline)) void
outer_chains(int64_t width, int64_t n_rows, int64_t i, int64_t first, const void *const *a,
             const void *const *b, REAL *restrict dw) {
    REAL s[CHUNK];
    for (int64_t j = 0; j < width; j++) {
        s[j] = (REAL)0;
    }
    for (int64_t r = 0; r < n_rows; r++) {
        const REAL factor = ((const REAL *)a[r])[i];
        const REAL *const row = (const REAL *)b[r] + first;
        for (int64_t j = 0; j < width; j++) {
            s[j] = FMA(factor, row[j], s[j]);
        }
    }
    for (int64_t j = 0; j < width; j++) {
        dw[j] += s[j];
    }
}

static void k_outer(int64_t n_rows, int64_t n_a, int64_t n_b, const void *const *a,
                    const void *const *b, void *dw) {
    for (int64_t first = 0; first < n_b; first += CHUNK) {
        const int64_t width = n_b - first < CHUNK ? n_b - first : CHUNK;
        for (int64_t i = 0; i < n_a; i++) {
            REAL *const out = (REAL *)dw + i * n_b + first;
            if (width == CHUNK) {
                outer_chains(CHUNK, n_rows, i, first, a, b, out);
            } else {
                outer_chains(width, n_rows, i, first, a, b, out);
            }
        }
    }
}

static void k_column_sum(int64_t n_rows, int64_t n_a, const void *const *a, void *sum) {
    REAL *const out = (REAL *)sum;
    for (int64_t i = 0; i < n_a; i++) {
        REAL s = (REAL)0;
        for (int64_t r = 0; r < n_rows; r++) {
            s += ((const REAL *)a[r])[i];
        }
        out[i] += s;
    }
}
