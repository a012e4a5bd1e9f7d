// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_outer.h: sums over rows, ROWS rows of dw x N vectors of its columns in registers while r
// ascends. Rows lie where the caller has them, often at power-of-two distances, which neither
// caches nor TLBs like, or at odd ones, which tear vectors apart. So both operands are copied
// first: b into strips of GROUP columns, a, BAND columns at a time, into tiles of ROWS columns; a
// band meets all of b while it is in L2, and a strip all tiles of the band.

enum { BAND_TILES = 16, BAND = BAND_TILES * ROWS, TILE_SIZE = PSQ_K_BLOCK * ROWS };

static int64_t k_outer_work(int64_t n_b) {
    return (panel_width(n_b) + BAND) * PSQ_K_BLOCK;
}

// Columns [first, first + width) of b in a strip, [row][PSQ_K_UNIT or more columns].
static void outer_pack_b(int64_t n_rows, int64_t first, int64_t width, int64_t pitch,
                         const void *const *b, float *to) {
    for (int64_t r = 0; r < n_rows; r++) {
        const float *const from = (const float *)b[r] + first;
        int64_t j = 0;
        for (; j + WIDTH <= width; j += WIDTH) {
            v_store(to + j, v_load(from + j));
        }
        if (j < width) {
            v_store(to + j, v_load_first(from + j, width - j));
        }
        to += pitch;
    }
}

// Columns [first, first + width) of a in tiles, [tile][row][ROWS columns], filled up with zeros.
static void outer_pack_a(int64_t n_rows, int64_t first, int64_t width, const void *const *a,
                         float *to) {
    for (int64_t r = 0; r < n_rows; r++) {
        const float *const from = (const float *)a[r] + first;
        float *tile = to + r * ROWS;
        int64_t i = 0;
        for (; i + ROWS <= width; i += ROWS) {
            memcpy(tile, from + i, ROWS * sizeof *tile);
            tile += TILE_SIZE;
        }
        for (int64_t m = 0; m < ROWS && i < width; m++) {
            tile[m] = i + m < width ? from[i + m] : 0.0F;
        }
    }
}

// Where a block's sums go: to n_i rows of dw, whose last vector has `last` elements.
typedef struct outer_place {
    float *dw;
    int64_t stride;
    int64_t n_i;
    int64_t last;
} outer_place;

// Inlined with a constant N.
static INLINE void outer_block(int N, int64_t n_rows, const float *a, const float *b, int64_t pitch,
                               const outer_place *at) {
    vec s[ROWS][SPAN];
    UNROLL
    for (int m = 0; m < ROWS; m++) {
        UNROLL
        for (int v = 0; v < N; v++) {
            s[m][v] = v_zero();
            if (v * WIDTH % LINE == 0 && m < at->n_i) { // or the end would wait for memory
                __builtin_prefetch(at->dw + m * at->stride + v * WIDTH, 1);
            }
        }
    }
    for (int64_t r = 0; r < n_rows; r++) {
        vec y[SPAN];
        UNROLL
        for (int v = 0; v < N; v++) {
            y[v] = v_keep(v_load(b + v * WIDTH));
        }
        UNROLL
        for (int m = 0; m < ROWS; m++) {
            const vec e = v_set(a[m]);
            UNROLL
            for (int v = 0; v < N; v++) {
                s[m][v] = v_fma(e, y[v], s[m][v]);
            }
        }
        a += ROWS;
        b += pitch;
    }
    UNROLL
    for (int m = 0; m < ROWS; m++) {
        float *const to = at->dw + m * at->stride;
        if (m < at->n_i) {
            UNROLL
            for (int v = 0; v < N - 1; v++) {
                v_store(to + v * WIDTH, v_add(v_load(to + v * WIDTH), s[m][v]));
            }
            float *const end = to + (N - 1) * WIDTH;
            v_store_some(end, v_add(v_load_some(end, at->last), s[m][N - 1]), at->last);
        }
    }
}

typedef void outer_function(int64_t n_rows, const float *a, const float *b, int64_t pitch,
                            const outer_place *at);

#define OUTER(N)                                                                         \
    static void outer_##N(int64_t n_rows, const float *a, const float *b, int64_t pitch, \
                          const outer_place *at) {                                       \
        outer_block(N, n_rows, a, b, pitch, at);                                         \
    }

OUTER(1)
OUTER(2)
#if SPAN == 4
OUTER(3)
OUTER(4)
static outer_function *const outers[SPAN] = {outer_1, outer_2, outer_3, outer_4};
#else
static outer_function *const outers[SPAN] = {outer_1, outer_2};
#endif

static void k_outer(int64_t n_rows, int64_t first, int64_t end, int64_t n_b, const void *const *a,
                    const void *const *b, void *dw, void *work) {
    float *const packed_a = (float *)work;
    float *const packed_b = packed_a + BAND * PSQ_K_BLOCK;
    for (int64_t band = first; band < end; band += BAND) {
        const int64_t band_end = band + BAND < end ? band + BAND : end;
        outer_pack_a(n_rows, band, band_end - band, a, packed_a);
        for (int64_t j = 0; j < n_b; j += GROUP) {
            const int64_t width = n_b - j < GROUP ? n_b - j : GROUP;
            const int64_t pitch = panel_width(width);
            const int64_t n_vectors = (width + WIDTH - 1) / WIDTH;
            float *const strip_b = packed_b + j * PSQ_K_BLOCK;
            const float *tile = packed_a;
            if (band == first) {
                outer_pack_b(n_rows, j, width, pitch, b, strip_b);
            }
            for (int64_t i = band; i < band_end; i += ROWS) {
                const outer_place at = {.dw = (float *)dw + i * n_b + j,
                                        .stride = n_b,
                                        .n_i = band_end - i,
                                        .last = width - (n_vectors - 1) * WIDTH};
                outers[n_vectors - 1](n_rows, tile, strip_b, pitch, &at);
                tile += TILE_SIZE;
            }
        }
    }
}

// Sums over rows of N vectors of a, the last one of `last` elements.
static INLINE void column_sum_block(int N, int64_t n_rows, int64_t i, int64_t last,
                                    const void *const *a, float *sum) {
    vec s[SPAN];
    UNROLL
    for (int v = 0; v < N; v++) {
        s[v] = v_zero();
    }
    for (int64_t r = 0; r < n_rows; r++) {
        const float *const row = (const float *)a[r] + i;
        UNROLL
        for (int v = 0; v < N - 1; v++) {
            s[v] = v_add(s[v], v_load(row + v * WIDTH));
        }
        s[N - 1] = v_add(s[N - 1], v_load_some(row + (N - 1) * WIDTH, last));
    }
    UNROLL
    for (int v = 0; v < N - 1; v++) {
        v_store(sum + i + v * WIDTH, v_add(v_load(sum + i + v * WIDTH), s[v]));
    }
    float *const end = sum + i + (N - 1) * WIDTH;
    v_store_some(end, v_add(v_load_some(end, last), s[N - 1]), last);
}

static void k_column_sum(int64_t n_rows, int64_t first, int64_t end, const void *const *a,
                         void *sum) {
    int64_t i = first;
    for (; i + GROUP <= end; i += GROUP) {
        column_sum_block(SPAN, n_rows, i, WIDTH, a, (float *)sum);
    }
    for (; i + WIDTH <= end; i += WIDTH) {
        column_sum_block(1, n_rows, i, WIDTH, a, (float *)sum);
    }
    if (i < end) {
        column_sum_block(1, n_rows, i, end - i, a, (float *)sum);
    }
}
