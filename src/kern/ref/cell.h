// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cell.h: what a cell does with its pre-activations, and with the gradient of its output. The
// equations are those of docs/math.md; every operation below is one rounding, in the order written
// (docs/bits.md).

MAP(k_sigmoid, sigmoid_real)
MAP(k_tanh, tanh_real)

// Gate `gate` of the n units at the front of interleaved pre-activations.
static void take_gate(int64_t n, int64_t n_gates, int64_t gate, const REAL *pre, REAL *out) {
    for (int64_t u = 0; u < n; u++) {
        out[u] = pre[psq_k_place(n_gates, n, gate, u)];
    }
}

static void forward_tanh_strip(int64_t n, int64_t H, int64_t first, const psq_k_row *row) {
    (void)H;
    k_tanh(n, (const REAL *)row->pre + first, (REAL *)row->h + first);
}

static void forward_relu_strip(int64_t n, int64_t H, int64_t first, const psq_k_row *row) {
    const REAL *const s = (const REAL *)row->pre + first;
    REAL *const h = (REAL *)row->h + first;
    (void)H;
    for (int64_t u = 0; u < n; u++) {
        h[u] = max_real((REAL)0, s[u]);
    }
}

static void forward_lstm_strip(int64_t n, int64_t H, int64_t first, const psq_k_row *row) {
    REAL i[STRIP], f[STRIP], g[STRIP], o[STRIP], c[STRIP], h[STRIP];
    const REAL *const pre = (const REAL *)row->pre + 4 * first;
    take_gate(n, 4, 0, pre, i);
    take_gate(n, 4, 1, pre, f);
    take_gate(n, 4, 2, pre, g);
    take_gate(n, 4, 3, pre, o);
    copy(n, (const REAL *)row->c_prev + first, c);
    for (int64_t u = 0; u < n; u++) {
        i[u] = sigmoid_real(i[u]);
        f[u] = sigmoid_real(f[u]);
        g[u] = tanh_real(g[u]);
        o[u] = sigmoid_real(o[u]);
        c[u] = FMA(f[u], c[u], i[u] * g[u]);
        h[u] = o[u] * tanh_real(c[u]);
    }
    if (row->gates != NULL) {
        REAL *const gates = (REAL *)row->gates + first;
        copy(n, i, gates);
        copy(n, f, gates + H);
        copy(n, g, gates + 2 * H);
        copy(n, o, gates + 3 * H);
    }
    copy(n, c, (REAL *)row->c + first);
    copy(n, h, (REAL *)row->h + first);
}

static void forward_gru_strip(int64_t n_units, int64_t H, int64_t first, const psq_k_row *row) {
    REAL r[STRIP], z[STRIP], n[STRIP], q[STRIP], h[STRIP];
    const REAL *const pre = (const REAL *)row->pre;
    take_gate(n_units, 2, 0, pre + 2 * first, r);
    take_gate(n_units, 2, 1, pre + 2 * first, z);
    copy(n_units, pre + 2 * H + first, n);
    copy(n_units, pre + 3 * H + first, q);
    copy(n_units, (const REAL *)row->h_prev + first, h);
    for (int64_t u = 0; u < n_units; u++) {
        r[u] = sigmoid_real(r[u]);
        z[u] = sigmoid_real(z[u]);
        n[u] = tanh_real(FMA(r[u], q[u], n[u]));
        h[u] = FMA(z[u], h[u] - n[u], n[u]);
    }
    if (row->gates != NULL) {
        REAL *const gates = (REAL *)row->gates + first;
        copy(n_units, r, gates);
        copy(n_units, z, gates + H);
        copy(n_units, n, gates + 2 * H);
        copy(n_units, q, gates + 3 * H);
    }
    copy(n_units, h, (REAL *)row->h + first);
}

static void backward_tanh_strip(int64_t n, int64_t H, int64_t first, const psq_k_row *row) {
    REAL h[STRIP], d[STRIP];
    (void)H;
    copy(n, (const REAL *)row->h + first, h);
    copy(n, (const REAL *)row->dh + first, d);
    for (int64_t u = 0; u < n; u++) {
        d[u] = flush_real(d[u] * FMA(-h[u], h[u], ONE));
    }
    copy(n, d, (REAL *)row->dgates + first);
}

static void backward_relu_strip(int64_t n, int64_t H, int64_t first, const psq_k_row *row) {
    REAL h[STRIP], d[STRIP];
    (void)H;
    copy(n, (const REAL *)row->h + first, h);
    copy(n, (const REAL *)row->dh + first, d);
    for (int64_t u = 0; u < n; u++) {
        d[u] = h[u] > (REAL)0 ? flush_real(d[u]) : (REAL)0;
    }
    copy(n, d, (REAL *)row->dgates + first);
}

static void backward_lstm_strip(int64_t n, int64_t H, int64_t first, const psq_k_row *row) {
    REAL i[STRIP], f[STRIP], g[STRIP], o[STRIP], c[STRIP], c_prev[STRIP], dh[STRIP], dc[STRIP];
    const REAL *const gates = (const REAL *)row->gates + first;
    REAL *const dgates = (REAL *)row->dgates + first;
    copy(n, gates, i);
    copy(n, gates + H, f);
    copy(n, gates + 2 * H, g);
    copy(n, gates + 3 * H, o);
    copy(n, (const REAL *)row->c + first, c);
    copy(n, (const REAL *)row->c_prev + first, c_prev);
    copy(n, (const REAL *)row->dh + first, dh);
    copy(n, (const REAL *)row->dcarry + first, dc);
    for (int64_t u = 0; u < n; u++) {
        const REAL t = tanh_real(c[u]);
        const REAL dC = FMA(dh[u] * o[u], FMA(-t, t, ONE), dc[u]);
        const REAL di = (dC * g[u]) * (i[u] * (ONE - i[u]));
        const REAL df = (dC * c_prev[u]) * (f[u] * (ONE - f[u]));
        const REAL dg = (dC * i[u]) * FMA(-g[u], g[u], ONE);
        const REAL d_o = (dh[u] * t) * (o[u] * (ONE - o[u]));
        dc[u] = flush_real(dC * f[u]);
        c[u] = o[u] * t; // m
        i[u] = flush_real(di);
        f[u] = flush_real(df);
        g[u] = flush_real(dg);
        o[u] = flush_real(d_o);
    }
    copy(n, i, dgates);
    copy(n, f, dgates + H);
    copy(n, g, dgates + 2 * H);
    copy(n, o, dgates + 3 * H);
    copy(n, dc, (REAL *)row->dcarry + first);
    if (row->m != NULL) {
        copy(n, c, (REAL *)row->m + first);
    }
}

static void backward_gru_strip(int64_t n_units, int64_t H, int64_t first, const psq_k_row *row) {
    REAL r[STRIP], z[STRIP], n[STRIP], q[STRIP], h_prev[STRIP], d[STRIP];
    const REAL *const gates = (const REAL *)row->gates + first;
    REAL *const dgates = (REAL *)row->dgates + first;
    copy(n_units, gates, r);
    copy(n_units, gates + H, z);
    copy(n_units, gates + 2 * H, n);
    copy(n_units, gates + 3 * H, q);
    copy(n_units, (const REAL *)row->h_prev + first, h_prev);
    copy(n_units, (const REAL *)row->dh + first, d);
    for (int64_t u = 0; u < n_units; u++) {
        const REAL dn = (d[u] * (ONE - z[u])) * FMA(-n[u], n[u], ONE);
        const REAL dz = (d[u] * (h_prev[u] - n[u])) * (z[u] * (ONE - z[u]));
        const REAL dr = (dn * q[u]) * (r[u] * (ONE - r[u]));
        d[u] = flush_real(d[u] * z[u]); // the carry
        q[u] = flush_real(dn * r[u]);
        r[u] = flush_real(dr);
        z[u] = flush_real(dz);
        n[u] = flush_real(dn);
    }
    copy(n_units, r, dgates);
    copy(n_units, z, dgates + H);
    copy(n_units, n, dgates + 2 * H);
    copy(n_units, q, dgates + 3 * H);
    copy(n_units, d, (REAL *)row->dcarry + first);
}

// The entries of the table: all strips of all rows.
#define ROWS(name, strip)                                                   \
    static void name(int64_t n_rows, int64_t first, int64_t end, int64_t H, \
                     const psq_k_row *rows) {                               \
        for (int64_t m = 0; m < n_rows; m++) {                              \
            for (int64_t u = first; u < end; u += STRIP) {                  \
                strip(strip_at(u, end), H, u, &rows[m]);                    \
            }                                                               \
        }                                                                   \
    }

ROWS(k_forward_tanh, forward_tanh_strip)
ROWS(k_forward_relu, forward_relu_strip)
ROWS(k_forward_lstm, forward_lstm_strip)
ROWS(k_forward_gru, forward_gru_strip)
ROWS(k_backward_tanh, backward_tanh_strip)
ROWS(k_backward_relu, backward_relu_strip)
ROWS(k_backward_lstm, backward_lstm_strip)
ROWS(k_backward_gru, backward_gru_strip)
