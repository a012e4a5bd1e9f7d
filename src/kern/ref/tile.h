// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tile.h: the chains. A panel holds W in groups of CHUNK outputs, [k][j] within a group, so that k
// runs outermost over contiguous memory while a group's sums stay in registers when the compiler
// has FMA vectors. Every output is still one chain, k ascending (docs/bits.md, rule 1).

enum { CHUNK = 64 };

static int64_t k_panel_size(int64_t n_out, int64_t n_k) {
    return n_out * n_k;
}

// The row of W that output j of interleaved gates is.
static int64_t source_of(int64_t n_gates, int64_t H, int64_t j) {
    const int64_t first = j / (n_gates * PSQ_K_UNIT) * PSQ_K_UNIT;
    const int64_t width = H - first < PSQ_K_UNIT ? H - first : PSQ_K_UNIT;
    const int64_t inside = j - n_gates * first;
    return inside / width * H + first + inside % width;
}

static void k_panel(int64_t n_gates, int64_t n_out, int64_t n_k, const void *w, int64_t stride_j,
                    int64_t stride_k, void *panel) {
    const REAL *const W = (const REAL *)w;
    REAL *const out = (REAL *)panel;
    for (int64_t j = 0; j < n_out; j++) {
        const int64_t first = j - j % CHUNK;
        const int64_t width = n_out - first < CHUNK ? n_out - first : CHUNK;
        const REAL *const row = W + source_of(n_gates, n_out / n_gates, j) * stride_j;
        for (int64_t k = 0; k < n_k; k++) {
            out[first * n_k + k * width + j - first] = row[k * stride_k];
        }
    }
}

// `width` outputs of one row; w's rows are `pitch` apart. Inlined with constants for whole groups,
// so that s becomes registers.
static inline __attribute__((always_inline)) void chains(int64_t width, int64_t pitch, int64_t n_k,
                                                         const REAL *restrict a,
                                                         const REAL *restrict w,
                                                         REAL *restrict out) {
    REAL s[CHUNK];
    for (int64_t j = 0; j < width; j++) {
        s[j] = out[j];
    }
    for (int64_t k = 0; k < n_k; k++) {
        for (int64_t j = 0; j < width; j++) {
            s[j] = FMA(a[k], w[k * pitch + j], s[j]);
        }
    }
    for (int64_t j = 0; j < width; j++) {
        out[j] = s[j];
    }
}

static void k_tile(int64_t n_rows, int64_t first, int64_t end, int64_t n_out, int64_t n_k,
                   const void *const *a, const void *panel, void *const *out) {
    for (int64_t j = first; j < end;) {
        const int64_t group = j - j % CHUNK;
        const int64_t pitch = n_out - group < CHUNK ? n_out - group : CHUNK;
        const int64_t next = group + pitch < end ? group + pitch : end;
        const REAL *const w = (const REAL *)panel + group * n_k + (j - group);
        for (int64_t m = 0; m < n_rows; m++) {
            if (next - j == CHUNK) {
                chains(CHUNK, CHUNK, n_k, (const REAL *)a[m], w, (REAL *)out[m] + j);
            } else {
                chains(next - j, pitch, n_k, (const REAL *)a[m], w, (REAL *)out[m] + j);
            }
        }
        j = next;
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

static int64_t k_outer_work(int64_t n_b) {
    (void)n_b;
    return 0;
}

static void k_outer(int64_t n_rows, int64_t i_first, int64_t i_end, int64_t n_b,
                    const void *const *a, const void *const *b, void *dw, void *work) {
    (void)work;
    REAL *const out = (REAL *)dw;
    REAL s[2][CHUNK];
    for (int64_t first = 0; first < n_b; first += CHUNK) {
        const int64_t width = n_b - first < CHUNK ? n_b - first : CHUNK;
        for (int64_t i = i_first; i < i_end; i += 2) {
            const int64_t n = i + 1 < i_end ? 2 : 1;
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

static void k_column_sum(int64_t n_rows, int64_t i_first, int64_t i_end, const void *const *a,
                         void *sum) {
    REAL *const out = (REAL *)sum;
    REAL s[CHUNK];
    for (int64_t first = i_first; first < i_end; first += CHUNK) {
        const int64_t width = i_end - first < CHUNK ? i_end - first : CHUNK;
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

// Chains enough that none waits for itself, whatever the width that the compiler makes of it.
static int64_t k_peak(int64_t n) {
    enum { N = 128 };
    REAL s[N];
    for (int i = 0; i < N; i++) {
        s[i] = (REAL)i;
    }
    for (int64_t k = 0; k < n; k++) {
        for (int i = 0; i < N; i++) {
            s[i] = FMA(s[i], (REAL)0.5, (REAL)1);
        }
    }
    volatile REAL seen = s[n % N]; // or there would be nothing to compute
    (void)seen;
    return n * N * 2;
}
