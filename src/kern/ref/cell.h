// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// cell.h: what a cell does with its pre-activations, and with the gradient of its output. The
// equations are those of docs/math.md; every operation below is one rounding, in the order written
// (docs/bits.md).

#define ONE ((REAL)1)

static void k_forward_tanh(int64_t n_rows, int64_t H, const psq_k_row *rows) {
    for (int64_t m = 0; m < n_rows; m++) {
        k_tanh(H, rows[m].gates, rows[m].h);
    }
}

static void k_forward_relu(int64_t n_rows, int64_t H, const psq_k_row *rows) {
    for (int64_t m = 0; m < n_rows; m++) {
        const REAL *const s = (const REAL *)rows[m].gates;
        REAL *const h = (REAL *)rows[m].h;
        for (int64_t u = 0; u < H; u++) {
            h[u] = max_real((REAL)0, s[u]);
        }
    }
}

static void k_forward_lstm(int64_t n_rows, int64_t H, const psq_k_row *rows) {
    for (int64_t m = 0; m < n_rows; m++) {
        REAL *const gates = (REAL *)rows[m].gates;
        const REAL *const c_prev = (const REAL *)rows[m].c_prev;
        REAL *const c = (REAL *)rows[m].c;
        REAL *const h = (REAL *)rows[m].h;
        for (int64_t u = 0; u < H; u++) {
            const REAL i = sigmoid_real(gates[u]);
            const REAL f = sigmoid_real(gates[H + u]);
            const REAL g = tanh_real(gates[2 * H + u]);
            const REAL o = sigmoid_real(gates[3 * H + u]);
            gates[u] = i;
            gates[H + u] = f;
            gates[2 * H + u] = g;
            gates[3 * H + u] = o;
            c[u] = FMA(f, c_prev[u], i * g);
            h[u] = o * tanh_real(c[u]);
        }
    }
}

static void k_forward_gru(int64_t n_rows, int64_t H, const psq_k_row *rows) {
    for (int64_t m = 0; m < n_rows; m++) {
        REAL *const gates = (REAL *)rows[m].gates;
        const REAL *const h_prev = (const REAL *)rows[m].h_prev;
        REAL *const h = (REAL *)rows[m].h;
        for (int64_t u = 0; u < H; u++) {
            const REAL r = sigmoid_real(gates[u]);
            const REAL z = sigmoid_real(gates[H + u]);
            const REAL n = tanh_real(FMA(r, gates[3 * H + u], gates[2 * H + u]));
            gates[u] = r;
            gates[H + u] = z;
            gates[2 * H + u] = n;
            h[u] = FMA(z, h_prev[u] - n, n);
        }
    }
}

static void k_backward_tanh(int64_t n_rows, int64_t H, const psq_k_row *rows) {
    for (int64_t m = 0; m < n_rows; m++) {
        const REAL *const h = (const REAL *)rows[m].h;
        const REAL *const dh = (const REAL *)rows[m].dh;
        REAL *const ds = (REAL *)rows[m].dgates;
        for (int64_t u = 0; u < H; u++) {
            ds[u] = flush_real(dh[u] * FMA(-h[u], h[u], ONE));
        }
    }
}

static void k_backward_relu(int64_t n_rows, int64_t H, const psq_k_row *rows) {
    for (int64_t m = 0; m < n_rows; m++) {
        const REAL *const h = (const REAL *)rows[m].h;
        const REAL *const dh = (const REAL *)rows[m].dh;
        REAL *const ds = (REAL *)rows[m].dgates;
        for (int64_t u = 0; u < H; u++) {
            ds[u] = h[u] > (REAL)0 ? flush_real(dh[u]) : (REAL)0;
        }
    }
}

static void k_backward_lstm(int64_t n_rows, int64_t H, const psq_k_row *rows) {
    for (int64_t k = 0; k < n_rows; k++) {
        const REAL *const gates = (const REAL *)rows[k].gates;
        const REAL *const c_prev = (const REAL *)rows[k].c_prev;
        const REAL *const c = (const REAL *)rows[k].c;
        const REAL *const dh = (const REAL *)rows[k].dh;
        REAL *const dgates = (REAL *)rows[k].dgates;
        REAL *const dc = (REAL *)rows[k].dcarry;
        REAL *const m = (REAL *)rows[k].m;
        for (int64_t u = 0; u < H; u++) {
            const REAL i = gates[u];
            const REAL f = gates[H + u];
            const REAL g = gates[2 * H + u];
            const REAL o = gates[3 * H + u];
            const REAL t = tanh_real(c[u]);
            const REAL dC = FMA(dh[u] * o, FMA(-t, t, ONE), dc[u]);
            const REAL d_o = (dh[u] * t) * (o * (ONE - o));
            const REAL di = (dC * g) * (i * (ONE - i));
            const REAL df = (dC * c_prev[u]) * (f * (ONE - f));
            const REAL dg = (dC * i) * FMA(-g, g, ONE);
            dgates[u] = flush_real(di);
            dgates[H + u] = flush_real(df);
            dgates[2 * H + u] = flush_real(dg);
            dgates[3 * H + u] = flush_real(d_o);
            dc[u] = flush_real(dC * f);
            if (m != NULL) {
                m[u] = o * t;
            }
        }
    }
}

static void k_backward_gru(int64_t n_rows, int64_t H, const psq_k_row *rows) {
    for (int64_t m = 0; m < n_rows; m++) {
        const REAL *const gates = (const REAL *)rows[m].gates;
        const REAL *const h_prev = (const REAL *)rows[m].h_prev;
        const REAL *const dh = (const REAL *)rows[m].dh;
        REAL *const dgates = (REAL *)rows[m].dgates;
        REAL *const carry = (REAL *)rows[m].dcarry;
        for (int64_t u = 0; u < H; u++) {
            const REAL d = dh[u];
            const REAL r = gates[u];
            const REAL z = gates[H + u];
            const REAL n = gates[2 * H + u];
            const REAL q = gates[3 * H + u];
            const REAL dn = (d * (ONE - z)) * FMA(-n, n, ONE);
            const REAL dz = (d * (h_prev[u] - n)) * (z * (ONE - z));
            const REAL dr = (dn * q) * (r * (ONE - r));
            dgates[u] = flush_real(dr);
            dgates[H + u] = flush_real(dz);
            dgates[2 * H + u] = flush_real(dn);
            dgates[3 * H + u] = flush_real(dn * r);
            carry[u] = flush_real(d * z);
        }
    }
}
