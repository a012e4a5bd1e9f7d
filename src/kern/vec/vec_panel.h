// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_panel.h: the order of W in a panel: groups of GROUP outputs, [k][output] within a group. The
// last group is filled up to a multiple of PSQ_K_UNIT with copies of the last output, whose sums
// nobody stores. Every step of an optimiser ends with packing, so both orders in which weights lie
// are packed by vectors, 16 outputs at a time: as they are (stride_j is 1) or transposed (stride_k
// is 1).

enum { GROUP = SPAN * WIDTH, PARTS = PSQ_K_UNIT / WIDTH };

static int64_t panel_width(int64_t n_out) {
    return (n_out + PSQ_K_UNIT - 1) / PSQ_K_UNIT * PSQ_K_UNIT;
}

static int64_t k_panel_size(int64_t n_out, int64_t n_k) {
    return panel_width(n_out) * n_k;
}

// The rows of W that outputs from `first` on come from: psq_k_place turned round.
static void panel_sources(int64_t n_gates, int64_t n_out, int64_t first,
                          int64_t source[PSQ_K_UNIT]) {
    const int64_t H = n_out / n_gates;
    for (int64_t i = 0; i < PSQ_K_UNIT; i++) {
        const int64_t j = first + i < n_out ? first + i : n_out - 1;
        const int64_t unit = j / (n_gates * PSQ_K_UNIT) * PSQ_K_UNIT;
        const int64_t width = H - unit < PSQ_K_UNIT ? H - unit : PSQ_K_UNIT;
        const int64_t at = j - n_gates * unit;
        source[i] = at / width * H + unit + at % width;
    }
}

// Where stride_j is 1 and the sources are neighbours, from w on.
static void panel_copy(int64_t n_k, const float *w, int64_t stride_k, float *out, int64_t pitch) {
    for (int64_t k = 0; k < n_k; k++) {
        UNROLL
        for (int part = 0; part < PARTS; part++) {
            v_store(out + part * WIDTH, v_load(w + part * WIDTH));
        }
        w += stride_k;
        out += pitch;
    }
}

// n of the k of WIDTH outputs. Inlined with n = WIDTH for all but the last.
static INLINE void panel_turn_block(int64_t n, const float *const w[WIDTH], int64_t k, float *out,
                                    int64_t pitch) {
    vec a[WIDTH];
    UNROLL
    for (int j = 0; j < WIDTH; j++) {
        a[j] = n == WIDTH ? v_load(w[j] + k) : v_load_first(w[j] + k, n);
    }
    v_transpose(a);
    UNROLL
    for (int i = 0; i < WIDTH; i++) {
        if (i < n) {
            v_store(out + (k + i) * pitch, a[i]);
        }
    }
}

// Where stride_k is 1.
static void panel_turn(int64_t n_k, const float *const w[PSQ_K_UNIT], float *out, int64_t pitch) {
    int64_t k = 0;
    for (; k + WIDTH <= n_k; k += WIDTH) {
        for (int part = 0; part < PSQ_K_UNIT; part += WIDTH) {
            panel_turn_block(WIDTH, w + part, k, out + part, pitch);
        }
    }
    for (int part = 0; part < PSQ_K_UNIT && k < n_k; part += WIDTH) {
        panel_turn_block(n_k - k, w + part, k, out + part, pitch);
    }
}

static void panel_gather(int64_t n_k, const float *const w[PSQ_K_UNIT], int64_t stride_k,
                         float *out, int64_t pitch) {
    for (int64_t k = 0; k < n_k; k++) {
        for (int j = 0; j < PSQ_K_UNIT; j++) {
            out[k * pitch + j] = w[j][k * stride_k];
        }
    }
}

static void k_panel(int64_t n_gates, int64_t n_out, int64_t n_k, const void *w, int64_t stride_j,
                    int64_t stride_k, void *panel) {
    const int64_t padded = panel_width(n_out);
    for (int64_t first = 0; first < n_out; first += PSQ_K_UNIT) {
        const int64_t group = first - first % GROUP;
        const int64_t pitch = padded - group < GROUP ? padded - group : GROUP;
        float *const out = (float *)panel + group * n_k + first % GROUP;
        int64_t source[PSQ_K_UNIT];
        const float *from[PSQ_K_UNIT];
        panel_sources(n_gates, n_out, first, source);
        for (int j = 0; j < PSQ_K_UNIT; j++) {
            from[j] = (const float *)w + source[j] * stride_j;
        }
        if (stride_k == 1) {
            panel_turn(n_k, from, out, pitch);
        } else if (stride_j == 1 && source[PSQ_K_UNIT - 1] == source[0] + PSQ_K_UNIT - 1) {
            panel_copy(n_k, from[0], stride_k, out, pitch);
        } else {
            panel_gather(n_k, from, stride_k, out, pitch);
        }
    }
}
