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

// Sums over the rows of a block run for two rows of dw and CHUNK of its columns at once, four rows
// deep: that is what keeps compilers from loading and storing the sums at every step. The order of
// each chain is r ascending all the same (docs/bits.md, rule 2).
enum { DEEP = 4 };

static inline void four_rows(int64_t width, int64_t i, const REAL *const a[DEEP],
                             const REAL *const b[DEEP], REAL *restrict s) {
    const REAL a0 = a[0][i];
    const REAL a1 = a[1][i];
    const REAL a2 = a[2][i];
    const REAL a3 = a[3][i];
    const REAL *restrict const b0 = b[0];
    const REAL *restrict const b1 = b[1];
    const REAL *restrict const b2 = b[2];
    const REAL *restrict const b3 = b[3];
    for (int64_t j = 0; j < width; j++) {
        s[j] = FMA(a3, b3[j], FMA(a2, b2[j], FMA(a1, b1[j], FMA(a0, b0[j], s[j]))));
    }
}

// Columns [first, first + width) of rows i0 and i1 of dw, which may be one row.
static inline __attribute__((always_inline)) void
outer_chains(int64_t width, int64_t n_rows, int64_t i0, int64_t i1, int64_t first,
             const void *const *a, const void *const *b, REAL s[2][CHUNK]) {
    for (int64_t j = 0; j < width; j++) {
        s[0][j] = s[1][j] = (REAL)0;
    }
    int64_t r = 0;
    for (; r + DEEP <= n_rows; r += DEEP) {
        const REAL *rows_a[DEEP];
        const REAL *rows_b[DEEP];
        for (int d = 0; d < DEEP; d++) {
            rows_a[d] = (const REAL *)a[r + d];
            rows_b[d] = (const REAL *)b[r + d] + first;
        }
        four_rows(width, i0, rows_a, rows_b, s[0]);
        four_rows(width, i1, rows_a, rows_b, s[1]);
    }
    for (; r < n_rows; r++) {
        const REAL *const row_a = (const REAL *)a[r];
        const REAL *const row_b = (const REAL *)b[r] + first;
        for (int64_t j = 0; j < width; j++) {
            s[0][j] = FMA(row_a[i0], row_b[j], s[0][j]);
            s[1][j] = FMA(row_a[i1], row_b[j], s[1][j]);
        }
    }
}

static void k_outer(int64_t n_rows, int64_t n_a, int64_t n_b, const void *const *a,
                    const void *const *b, void *dw) {
    REAL *const out = (REAL *)dw;
    REAL s[2][CHUNK];
    for (int64_t first = 0; first < n_b; first += CHUNK) {
        const int64_t width = n_b - first < CHUNK ? n_b - first : CHUNK;
        for (int64_t i = 0; i < n_a; i += 2) {
            const int64_t n = i + 1 < n_a ? 2 : 1;
            if (width == CHUNK) {
                outer_chains(CHUNK, n_rows, i, i + n - 1, first, a, b, s);
            } else {
                outer_chains(width, n_rows, i, i + n - 1, first, a, b, s);
            }
            for (int64_t row = 0; row < n; row++) {
                for (int64_t j = 0; j < width; j++) {
                    out[(i + row) * n_b + first + j] += s[row][j];
                }
            }
        }
    }
}

static void k_column_sum(int64_t n_rows, int64_t n_a, const void *const *a, void *sum) {
    REAL *const out = (REAL *)sum;
    REAL s[CHUNK];
    for (int64_t first = 0; first < n_a; first += CHUNK) {
        const int64_t width = n_a - first < CHUNK ? n_a - first : CHUNK;
        for (int64_t j = 0; j < width; j++) {
            s[j] = (REAL)0;
        }
        for (int64_t r = 0; r < n_rows; r++) {
            const REAL *const row = (const REAL *)a[r] + first;
            for (int64_t j = 0; j < width; j++) {
                s[j] += row[j];
            }
        }
        for (int64_t j = 0; j < width; j++) {
            out[first + j] += s[j];
        }
    }
}
