// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// vec_cell.h: the cells' epilogues, one vector of units at a time; the operations of ref/cell.h one
// by one. A function takes n units from unit u on and is inlined twice: with n = WIDTH, where loads
// and stores are whole, and for the rest at the end of a range. The order of pre-activations is
// that of psq_k_row: within a block of PSQ_K_UNIT units, gate by gate.

static inline vec v_one_minus(vec a) {
    return v_sub(v_set(1.0F), a);
}

static inline vec v_one_minus_square(vec a) {
    return v_fnma(a, a, v_set(1.0F));
}

static INLINE vec load_at(const void *array, int64_t u, int64_t n) {
    return v_load_some((const float *)array + u, n);
}

static INLINE void store_at(void *array, int64_t u, vec a, int64_t n) {
    v_store_some((float *)array + u, a, n);
}

static INLINE void forward_tanh(int64_t n, int64_t u, int64_t H, const psq_k_row *row) {
    (void)H;
    store_at(row->h, u, v_tanh(load_at(row->pre, u, n)), n);
}

static INLINE void forward_relu(int64_t n, int64_t u, int64_t H, const psq_k_row *row) {
    (void)H;
    store_at(row->h, u, v_max(v_zero(), load_at(row->pre, u, n)), n);
}

static INLINE void forward_lstm(int64_t n, int64_t u, int64_t H, const psq_k_row *row) {
    const vec i = v_sigmoid(load_at(row->pre, psq_k_place(4, H, 0, u), n));
    const vec f = v_sigmoid(load_at(row->pre, psq_k_place(4, H, 1, u), n));
    const vec g = v_tanh(load_at(row->pre, psq_k_place(4, H, 2, u), n));
    const vec o = v_sigmoid(load_at(row->pre, psq_k_place(4, H, 3, u), n));
    const vec c = v_fma(f, load_at(row->c_prev, u, n), v_mul(i, g));
    store_at(row->c, u, c, n);
    store_at(row->h, u, v_mul(o, v_tanh(c)), n);
    if (row->gates != NULL) {
        store_at(row->gates, u, i, n);
        store_at(row->gates, H + u, f, n);
        store_at(row->gates, 2 * H + u, g, n);
        store_at(row->gates, 3 * H + u, o, n);
    }
}

static INLINE void forward_gru(int64_t n_units, int64_t u, int64_t H, const psq_k_row *row) {
    const vec r = v_sigmoid(load_at(row->pre, psq_k_place(2, H, 0, u), n_units));
    const vec z = v_sigmoid(load_at(row->pre, psq_k_place(2, H, 1, u), n_units));
    const vec q = load_at(row->pre, 3 * H + u, n_units);
    const vec n = v_tanh(v_fma(r, q, load_at(row->pre, 2 * H + u, n_units)));
    const vec h_prev = load_at(row->h_prev, u, n_units);
    store_at(row->h, u, v_fma(z, v_sub(h_prev, n), n), n_units);
    if (row->gates != NULL) {
        store_at(row->gates, u, r, n_units);
        store_at(row->gates, H + u, z, n_units);
        store_at(row->gates, 2 * H + u, n, n_units);
        store_at(row->gates, 3 * H + u, q, n_units);
    }
}

static INLINE void backward_tanh(int64_t n, int64_t u, int64_t H, const psq_k_row *row) {
    (void)H;
    const vec ds = v_mul(load_at(row->dh, u, n), v_one_minus_square(load_at(row->h, u, n)));
    store_at(row->dgates, u, v_flush(ds), n);
}

static INLINE void backward_relu(int64_t n, int64_t u, int64_t H, const psq_k_row *row) {
    (void)H;
    const vec dh = v_flush(load_at(row->dh, u, n));
    store_at(row->dgates, u, v_where_less(v_zero(), load_at(row->h, u, n), dh), n);
}

static INLINE void backward_lstm(int64_t n, int64_t u, int64_t H, const psq_k_row *row) {
    const vec i = load_at(row->gates, u, n);
    const vec f = load_at(row->gates, H + u, n);
    const vec g = load_at(row->gates, 2 * H + u, n);
    const vec o = load_at(row->gates, 3 * H + u, n);
    const vec dh = load_at(row->dh, u, n);
    const vec t = v_tanh(load_at(row->c, u, n));
    const vec dC = v_fma(v_mul(dh, o), v_one_minus_square(t), load_at(row->dcarry, u, n));
    const vec di = v_mul(v_mul(dC, g), v_mul(i, v_one_minus(i)));
    const vec df = v_mul(v_mul(dC, load_at(row->c_prev, u, n)), v_mul(f, v_one_minus(f)));
    const vec dg = v_mul(v_mul(dC, i), v_one_minus_square(g));
    const vec d_o = v_mul(v_mul(dh, t), v_mul(o, v_one_minus(o)));
    store_at(row->dgates, u, v_flush(di), n);
    store_at(row->dgates, H + u, v_flush(df), n);
    store_at(row->dgates, 2 * H + u, v_flush(dg), n);
    store_at(row->dgates, 3 * H + u, v_flush(d_o), n);
    store_at(row->dcarry, u, v_flush(v_mul(dC, f)), n);
    if (row->m != NULL) {
        store_at(row->m, u, v_mul(o, t), n);
    }
}

static INLINE void backward_gru(int64_t n_units, int64_t u, int64_t H, const psq_k_row *row) {
    const vec r = load_at(row->gates, u, n_units);
    const vec z = load_at(row->gates, H + u, n_units);
    const vec n = load_at(row->gates, 2 * H + u, n_units);
    const vec q = load_at(row->gates, 3 * H + u, n_units);
    const vec dh = load_at(row->dh, u, n_units);
    const vec h_prev = load_at(row->h_prev, u, n_units);
    const vec dn = v_mul(v_mul(dh, v_one_minus(z)), v_one_minus_square(n));
    const vec dz = v_mul(v_mul(dh, v_sub(h_prev, n)), v_mul(z, v_one_minus(z)));
    const vec dr = v_mul(v_mul(dn, q), v_mul(r, v_one_minus(r)));
    store_at(row->dgates, u, v_flush(dr), n_units);
    store_at(row->dgates, H + u, v_flush(dz), n_units);
    store_at(row->dgates, 2 * H + u, v_flush(dn), n_units);
    store_at(row->dgates, 3 * H + u, v_flush(v_mul(dn, r)), n_units);
    store_at(row->dcarry, u, v_flush(v_mul(dh, z)), n_units);
}

// The entries of the table: all vectors of all rows. A range may be empty at the end of H.
#define UNITS(name, units)                                                  \
    static void name(int64_t n_rows, int64_t first, int64_t end, int64_t H, \
                     const psq_k_row *rows) {                               \
        for (int64_t m = 0; m < n_rows; m++) {                              \
            const psq_k_row row = rows[m]; /* which stores might alias */   \
            int64_t u = first;                                              \
            for (; u + WIDTH <= end; u += WIDTH) {                          \
                units(WIDTH, u, H, &row);                                   \
            }                                                               \
            if (u < end) {                                                  \
                units(end - u, u, H, &row);                                 \
            }                                                               \
        }                                                                   \
    }

UNITS(k_forward_tanh, forward_tanh)
UNITS(k_forward_relu, forward_relu)
UNITS(k_forward_lstm, forward_lstm)
UNITS(k_forward_gru, forward_gru)
UNITS(k_backward_tanh, backward_tanh)
UNITS(k_backward_relu, backward_relu)
UNITS(k_backward_lstm, backward_lstm)
UNITS(k_backward_gru, backward_gru)
