// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_tile.h: the chains of products, M rows x N vectors of outputs in registers while k ascends:
// one vector of the panel serves M rows, one element of a row N vectors. A panel (vec_panel.h)
// holds W in groups of GROUP outputs, [k][output] within a group. Groups run outermost, so that a
// group, which comes from L2 or from farther away, is hot for all blocks of rows but the first.

enum {
    ROWS = PSQ_K_LANES,   // rows of a block, at most
    STRETCH = 8 * ROWS,   // rows that share a pass over the panel: their operands stay in L2
    LINE = 16,            // floats of a cache line
    PANEL_NEAR = 1 << 20, // floats of a panel that is not far from L2
    AHEAD_NEAR = 1024,    // floats from load to prefetch
    AHEAD_FAR = 4096
};

static INLINE vec v_load_some(const float *p, int64_t n) {
    return n == WIDTH ? v_load(p) : v_load_first(p, n);
}

static INLINE void v_store_some(float *p, vec a, int64_t n) {
    if (n == WIDTH) {
        v_store(p, a);
    } else {
        v_store_first(p, a, n);
    }
}

// Where a block's outputs lie.
typedef struct strip {
    const float *w; // the panel from the first output on
    int64_t pitch;  // floats from k to k + 1
    int64_t first;  // the first output
    int64_t last;   // elements of the last vector
    int64_t n_k;
    int64_t ahead; // prefetch distance in floats
} strip;

// The sums of a block, M x N of them. More than SPAN vectors are those of neighbouring groups.
typedef vec tile_sums[ROWS][BESIDE * SPAN];

// Where vector v of the outputs lies in a panel whose groups are `group` floats apart.
static INLINE const float *tile_at(const float *w, int64_t group, int v) {
    return w + v / SPAN * group + v % SPAN * WIDTH;
}

// One k. Of the two kinds of operands the fewer are held in registers, the others one at a time.
static INLINE void tile_step(int M, int N, const float *const x[ROWS], int64_t k, const float *w,
                             int64_t group, tile_sums s) {
    if (M < N) {
        vec e[ROWS];
        UNROLL
        for (int m = 0; m < M; m++) {
            e[m] = v_set(x[m][k]);
        }
        UNROLL
        for (int v = 0; v < N; v++) {
            const vec y = v_keep(v_load(tile_at(w, group, v)));
            UNROLL
            for (int m = 0; m < M; m++) {
                s[m][v] = v_fma(e[m], y, s[m][v]);
            }
        }
    } else {
        vec y[BESIDE * SPAN];
        UNROLL
        for (int v = 0; v < N; v++) {
            y[v] = v_keep(v_load(tile_at(w, group, v)));
        }
        UNROLL
        for (int m = 0; m < M; m++) {
            const vec e = v_set(x[m][k]);
            UNROLL
            for (int v = 0; v < N; v++) {
                s[m][v] = v_fma(e, y[v], s[m][v]);
            }
        }
    }
}

// Inlined with constants M and N, so that the sums become registers.
static INLINE void tile_block(int M, int N, const strip *at, const void *const *a,
                              void *const *out) {
    tile_sums s;
    const float *x[ROWS];
    UNROLL
    for (int m = 0; m < M; m++) {
        const float *const from = (const float *)out[m] + at->first;
        x[m] = (const float *)a[m];
        UNROLL
        for (int v = 0; v < N - 1; v++) {
            s[m][v] = v_load(from + v * WIDTH);
        }
        s[m][N - 1] = v_load_some(from + (N - 1) * WIDTH, at->last);
    }
    const float *w = at->w;
    const int64_t n_k = at->n_k;
    const int64_t pitch = at->pitch;
    const int64_t ahead = at->ahead;
    const int64_t group = n_k * GROUP;
    for (int64_t k = 0; k < n_k; k++) {
        UNROLL
        for (int v = 0; v < N; v++) {
            if (v * WIDTH % LINE == 0) {
                __builtin_prefetch(tile_at(w, group, v) + ahead);
            }
        }
        tile_step(M, N, x, k, w, group, s);
        w += pitch;
    }
    UNROLL
    for (int m = 0; m < M; m++) {
        float *const to = (float *)out[m] + at->first;
        UNROLL
        for (int v = 0; v < N - 1; v++) {
            v_store(to + v * WIDTH, s[m][v]);
        }
        v_store_some(to + (N - 1) * WIDTH, s[m][N - 1], at->last);
    }
}

typedef void tile_function(const strip *at, const void *const *a, void *const *out);

#define TILE(M, N)                                                                        \
    static void tile_##M##x##N(const strip *at, const void *const *a, void *const *out) { \
        tile_block(M, N, at, a, out);                                                     \
    }
#define TILE_NAMES(N) \
    { tile_1x##N, tile_2x##N, tile_3x##N, tile_4x##N, tile_5x##N, tile_6x##N }
#define TILES_FEW(N) TILE(1, N) TILE(2, N) TILE(3, N)
#define TILES(N) TILES_FEW(N) TILE(4, N) TILE(5, N) TILE(6, N)

TILES(1)
TILES(2)
#if SPAN == 4
TILES(3)
TILES(4)
#endif

static tile_function *const tiles[SPAN][ROWS] = {
    TILE_NAMES(1),
    TILE_NAMES(2),
#if SPAN == 4
    TILE_NAMES(3),
    TILE_NAMES(4),
#endif
};

// Few rows have too few sums to keep the multipliers busy while each waits for itself, where SPAN
// is small. They take two groups at once.
#if BESIDE == 2
TILES_FEW(4)
static tile_function *const tiles_beside[ROWS / BESIDE] = {tile_1x4, tile_2x4, tile_3x4};
#endif

// Blocks of nearly equal size: 13 rows are 5 + 4 + 4, since a block of one row would cost as much
// as one of two.
static void tile_rows(int64_t n_rows, int64_t n_vectors, const strip *at, const void *const *a,
                      void *const *out) {
    for (int64_t n_blocks = (n_rows + ROWS - 1) / ROWS; n_blocks > 0; n_blocks--) {
        const int64_t n = (n_rows + n_blocks - 1) / n_blocks;
#if BESIDE == 2
        tile_function *const tile =
            n_vectors > SPAN ? tiles_beside[n - 1] : tiles[n_vectors - 1][n - 1];
#else
        tile_function *const tile = tiles[n_vectors - 1][n - 1];
#endif
        tile(at, a, out);
        a += n;
        out += n;
        n_rows -= n;
    }
}

// Outputs from j on that are computed together: to the end of j's group or of the range, or two
// whole groups.
static int64_t tile_next(int64_t n_rows, int64_t j, int64_t end) {
    const int64_t group = j - j % GROUP;
    const bool beside = BESIDE == 2 && n_rows <= ROWS / 2 && j == group;
    const int64_t n = beside && j + 2 * GROUP <= end ? 2 * GROUP : GROUP;
    return group + n < end ? group + n : end;
}

static void k_tile(int64_t n_rows, int64_t first, int64_t end, int64_t n_out, int64_t n_k,
                   const void *const *a, const void *panel, void *const *out) {
    const int64_t padded = panel_width(n_out);
    for (int64_t row = 0; row < n_rows; row += STRETCH) {
        const int64_t n = n_rows - row < STRETCH ? n_rows - row : STRETCH;
        for (int64_t j = first; j < end;) {
            const int64_t group = j - j % GROUP;
            const int64_t next = tile_next(n, j, end);
            const int64_t n_vectors = (next - j + WIDTH - 1) / WIDTH;
            const int64_t pitch = padded - group < GROUP ? padded - group : GROUP;
            const strip at = {.w = (const float *)panel + group * n_k + j % GROUP,
                              .pitch = pitch,
                              .first = j,
                              .last = next - j - (n_vectors - 1) * WIDTH,
                              .n_k = n_k,
                              .ahead = padded * n_k > PANEL_NEAR ? AHEAD_FAR : AHEAD_NEAR};
            tile_rows(n, n_vectors, &at, a + row, out + row);
            j = next;
        }
    }
}

// Twelve sums wait for nobody: two units with a latency of up to six cycles.
static int64_t k_peak(int64_t n) {
    enum { SUMS = 12 };
    vec s[SUMS];
    const vec x = v_set(0.75F);
    const vec y = v_set(0.0625F);
    UNROLL
    for (int i = 0; i < SUMS; i++) {
        s[i] = v_set((float)(i + 1));
    }
    for (int64_t round = 0; round < n; round++) {
        UNROLL
        for (int i = 0; i < SUMS; i++) {
            s[i] = v_fma(s[i], x, y);
        }
    }
    float last[WIDTH];
    UNROLL
    for (int i = 1; i < SUMS; i++) {
        s[0] = v_add(s[0], s[i]);
    }
    v_store(last, s[0]);
    const volatile float seen = last[0]; // so that the compiler computes it
    (void)seen;
    return n * SUMS * WIDTH * 2;
}
