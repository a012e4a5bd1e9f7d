// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_kern_cell.c: the cell epilogues of every float table, by memcmp with the equations of
// docs/bits.md written out one unit at a time; separate and shared rows, awkward and fading
// numbers.
#include "kern_naive.h"

enum { MAX_ROWS = 7, SLOTS = 4 };

// One unit: what kern.h puts into the rows, before and after.
typedef struct unit {
    float gates[SLOTS];
    float dgates[SLOTS];
    float h_prev, c_prev, c, h, dh, dcarry, m;
} unit;

static const int n_slots[PSQ_N_CELL] = {1, 1, 4, 4};

static void naive_forward(psq_cell cell, unit *u) {
    float *const s = u->gates;
    switch (cell) {
    case PSQ_RNN_TANH:
        u->h = naive_tanh(s[0]);
        break;
    case PSQ_RNN_RELU:
        u->h = s[0] < 0.0F ? 0.0F : s[0];
        break;
    case PSQ_LSTM:
        s[0] = naive_sigmoid(s[0]);
        s[1] = naive_sigmoid(s[1]);
        s[2] = naive_tanh(s[2]);
        s[3] = naive_sigmoid(s[3]);
        u->c = fmaf(s[1], u->c_prev, s[0] * s[2]);
        u->h = s[3] * naive_tanh(u->c);
        break;
    default:
        s[0] = naive_sigmoid(s[0]);
        s[1] = naive_sigmoid(s[1]);
        s[2] = naive_tanh(fmaf(s[0], s[3], s[2]));
        u->h = fmaf(s[1], u->h_prev - s[2], s[2]);
        break;
    }
}

static void naive_backward_lstm(unit *u) {
    const float i = u->gates[0];
    const float f = u->gates[1];
    const float g = u->gates[2];
    const float o = u->gates[3];
    const float t = naive_tanh(u->c);
    const float dC = fmaf(u->dh * o, fmaf(-t, t, 1.0F), u->dcarry);
    u->dgates[0] = naive_flush((dC * g) * (i * (1.0F - i)));
    u->dgates[1] = naive_flush((dC * u->c_prev) * (f * (1.0F - f)));
    u->dgates[2] = naive_flush((dC * i) * fmaf(-g, g, 1.0F));
    u->dgates[3] = naive_flush((u->dh * t) * (o * (1.0F - o)));
    u->dcarry = naive_flush(dC * f);
    u->m = o * t;
}

static void naive_backward_gru(unit *u) {
    const float r = u->gates[0];
    const float z = u->gates[1];
    const float n = u->gates[2];
    const float q = u->gates[3];
    const float dn = (u->dh * (1.0F - z)) * fmaf(-n, n, 1.0F);
    u->dgates[0] = naive_flush((dn * q) * (r * (1.0F - r)));
    u->dgates[1] = naive_flush((u->dh * (u->h_prev - n)) * (z * (1.0F - z)));
    u->dgates[2] = naive_flush(dn);
    u->dgates[3] = naive_flush(dn * r);
    u->dcarry = naive_flush(u->dh * z);
}

static void naive_backward(psq_cell cell, unit *u) {
    switch (cell) {
    case PSQ_RNN_TANH:
        u->dgates[0] = naive_flush(u->dh * fmaf(-u->h, u->h, 1.0F));
        break;
    case PSQ_RNN_RELU:
        u->dgates[0] = u->h > 0.0F ? naive_flush(u->dh) : 0.0F;
        break;
    case PSQ_LSTM:
        naive_backward_lstm(u);
        break;
    default:
        naive_backward_gru(u);
        break;
    }
}

// ---- rows of units and back

typedef struct row_set {
    guarded pre, gates, dgates, h_prev, c_prev, c, h, dh, dcarry, m;
    psq_k_row row;
} row_set;

// kern.h's order of pre-activations.
static int64_t pre_place(psq_cell cell, int64_t H, int64_t slot, int64_t u) {
    if (cell == PSQ_GRU) {
        return slot < 2 ? psq_k_place(2, H, slot, u) : slot * H + u;
    }
    return psq_k_place(n_slots[cell], H, slot, u);
}

// All units at once, or from PSQ_K_UNIT on first.
static void run_ranges(void (*kernel)(int64_t, int64_t, int64_t, int64_t, const psq_k_row *),
                       int64_t n_rows, int64_t H, const psq_k_row *rows) {
    const int64_t cut = n_rows % 2 == 0 && H > PSQ_K_UNIT ? PSQ_K_UNIT : 0;
    kernel(n_rows, cut, H, H, rows);
    kernel(n_rows, 0, cut, H, rows);
}

static row_set row_set_new(psq_cell cell, int64_t H, const unit *units) {
    row_set s;
    s.pre = guarded_new(n_slots[cell] * H, 2);
    s.gates = guarded_new(n_slots[cell] * H, 1);
    s.dgates = guarded_new(n_slots[cell] * H, 2);
    s.h_prev = guarded_new(H, 3);
    s.c_prev = guarded_new(H, 1);
    s.c = guarded_new(H, 2);
    s.h = guarded_new(H, 3);
    s.dh = guarded_new(H, 1);
    s.dcarry = guarded_new(H, 2);
    s.m = guarded_new(H, 3);
    for (int64_t u = 0; u < H; u++) {
        for (int g = 0; g < n_slots[cell]; g++) {
            s.gates.row[g * H + u] = units[u].gates[g];
            s.pre.row[pre_place(cell, H, g, u)] = units[u].gates[g];
        }
        s.h_prev.row[u] = units[u].h_prev;
        s.c_prev.row[u] = units[u].c_prev;
        s.c.row[u] = units[u].c;
        s.h.row[u] = units[u].h;
        s.dh.row[u] = units[u].dh;
        s.dcarry.row[u] = units[u].dcarry;
        s.m.row[u] = units[u].m;
    }
    s.row = (psq_k_row){s.pre.row, s.gates.row, s.dgates.row, s.h_prev.row, s.c_prev.row,
                        s.c.row,   s.h.row,     s.dh.row,     s.dcarry.row, s.m.row};
    return s;
}

static void row_set_end(const psq_kern *k, row_set *s) {
    guarded *const all[] = {&s->pre, &s->gates, &s->dgates, &s->h_prev, &s->c_prev,
                            &s->c,   &s->h,     &s->dh,     &s->dcarry, &s->m};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        guarded_end(k->name, "a row of a cell", all[i]);
    }
}

static void assert_unit(const psq_kern *k, const char *what, const void *row, int64_t index,
                        float wanted) {
    assert_bits(k->name, what, 1, (const float *)row + index, &wanted);
}

// The wanted units may differ from the row where the aliasing of the row says so.
static void assert_forward(const psq_kern *k, psq_cell cell, int64_t H, const psq_k_row *row,
                           const unit *wanted) {
    for (int64_t u = 0; u < H; u++) {
        assert_unit(k, "h", row->h, u, wanted[u].h);
        if (cell == PSQ_LSTM) {
            assert_unit(k, "c", row->c, u, wanted[u].c);
        }
        for (int g = 0; cell >= PSQ_LSTM && g < SLOTS; g++) {
            assert_unit(k, "gates", row->gates, g * H + u, wanted[u].gates[g]);
        }
    }
}

static void assert_backward(const psq_kern *k, psq_cell cell, int64_t H, const psq_k_row *row,
                            const unit *wanted) {
    for (int64_t u = 0; u < H; u++) {
        for (int g = 0; g < n_slots[cell]; g++) {
            assert_unit(k, "dgates", row->dgates, g * H + u, wanted[u].dgates[g]);
        }
        if (cell >= PSQ_LSTM) {
            assert_unit(k, "dcarry", row->dcarry, u, wanted[u].dcarry);
        }
        if (cell == PSQ_LSTM && row->m != NULL) {
            assert_unit(k, "m", row->m, u, wanted[u].m);
        }
    }
}

static void random_units(int64_t n, unit *units, float (*make)(uint32_t *),
                         float (*make_gradient)(uint32_t *), uint32_t seed) {
    uint32_t random = seed;
    for (int64_t i = 0; i < n; i++) {
        unit *const u = &units[i];
        memset(u, 0, sizeof *u);
        for (int g = 0; g < SLOTS; g++) {
            u->gates[g] = 3.0F * make(&random);
        }
        u->h_prev = make(&random);
        u->c_prev = make(&random);
        u->c = make(&random);
        u->h = make(&random);
        u->dh = make_gradient(&random);
        u->dcarry = make_gradient(&random);
        u->m = GUARD_VALUE;
    }
}

// One call with n rows, each with its own arrays.
static void check_size(const psq_kern *k, psq_cell cell, int64_t n_rows, int64_t H,
                       float (*make)(uint32_t *), float (*make_gradient)(uint32_t *)) {
    unit *const units = calloc((size_t)(n_rows * H + 1), sizeof *units);
    row_set sets[MAX_ROWS];
    psq_k_row rows[MAX_ROWS];
    assert_non_null(units);
    random_units(n_rows * H, units, make, make_gradient, (uint32_t)(H * 8 + n_rows));
    for (int64_t i = 0; i < n_rows; i++) {
        sets[i] = row_set_new(cell, H, units + i * H);
        rows[i] = sets[i].row;
    }
    run_ranges(k->forward[cell], n_rows, H, rows);
    for (int64_t i = 0; i < n_rows * H; i++) {
        naive_forward(cell, &units[i]);
    }
    for (int64_t i = 0; i < n_rows; i++) {
        assert_forward(k, cell, H, &rows[i], units + i * H);
    }
    run_ranges(k->backward[cell], n_rows, H, rows);
    for (int64_t i = 0; i < n_rows * H; i++) {
        naive_backward(cell, &units[i]);
    }
    for (int64_t i = 0; i < n_rows; i++) {
        assert_backward(k, cell, H, &rows[i], units + i * H);
        assert_forward(k, cell, H, &rows[i], units + i * H); // backward left its inputs alone
        row_set_end(k, &sets[i]);
    }
    free(units);
}

static void check_sizes(const psq_kern *k) {
    for (psq_cell cell = 0; cell < PSQ_N_CELL; cell++) {
        for (int i = 0; i < N_ODD_SIZES; i++) {
            for (int64_t n_rows = 0; n_rows <= MAX_ROWS; n_rows++) {
                check_size(k, cell, n_rows, odd_sizes[i], random_float, random_float);
            }
            check_size(k, cell, 3, odd_sizes[i], random_awkward, random_awkward);
            check_size(k, cell, 3, odd_sizes[i], random_float, random_fading);
        }
    }
}

static void cell_sizes(void **state) {
    (void)state;
    each_table(PSQ_F32, check_sizes);
}

// kern.h: c may be c_prev; dgates may be gates; m may be c; what a cell does not use may be NULL.
static void check_shared(const psq_kern *k, psq_cell cell, int64_t H) {
    unit units[133];
    random_units(H, units, random_float, random_fading, (uint32_t)H);
    row_set s = row_set_new(cell, H, units);
    psq_k_row row = {.pre = s.pre.row, .h = s.h.row};
    if (cell >= PSQ_LSTM) {
        row.gates = s.gates.row;
    }
    if (cell == PSQ_LSTM) {
        row.c_prev = s.c_prev.row;
        row.c = s.c_prev.row;
    } else if (cell == PSQ_GRU) {
        row.h_prev = s.h_prev.row;
    }
    k->forward[cell](1, 0, H, H, &row);
    for (int64_t u = 0; u < H; u++) {
        naive_forward(cell, &units[u]);
    }
    assert_forward(k, cell, H, &row, units);
    row.dgates = s.gates.row;
    row.dh = s.dh.row;
    if (cell == PSQ_LSTM) { // backward's c and the step before it are two rows
        memcpy(s.c.row, s.c_prev.row, (size_t)H * sizeof *s.c.row);
        row.c = s.c.row;
        for (int64_t u = 0; u < H; u++) {
            s.c_prev.row[u] = units[u].c_prev;
        }
    }
    if (cell >= PSQ_LSTM) {
        row.dcarry = s.dcarry.row;
        row.h = NULL;
    }
    if (cell == PSQ_LSTM) {
        row.m = row.c;
    }
    k->backward[cell](1, 0, H, H, &row);
    for (int64_t u = 0; u < H; u++) {
        naive_backward(cell, &units[u]);
    }
    assert_backward(k, cell, H, &row, units);
    row_set_end(k, &s);
}

static void check_all_shared(const psq_kern *k) {
    for (psq_cell cell = 0; cell < PSQ_N_CELL; cell++) {
        for (int i = 0; i < N_ODD_SIZES; i++) {
            check_shared(k, cell, odd_sizes[i]);
        }
    }
}

static void cell_shared_rows(void **state) {
    (void)state;
    each_table(PSQ_F32, check_all_shared);
}

// m NULL: not wanted, everything else as before.
static void check_no_m(const psq_kern *k) {
    enum { H = 33 };
    unit units[H];
    random_units(H, units, random_float, random_float, 5);
    row_set s = row_set_new(PSQ_LSTM, H, units);
    s.row.m = NULL;
    k->backward[PSQ_LSTM](1, 0, H, H, &s.row);
    for (int64_t u = 0; u < H; u++) {
        naive_backward(PSQ_LSTM, &units[u]);
        units[u].m = GUARD_VALUE;
    }
    assert_backward(k, PSQ_LSTM, H, &s.row, units);
    for (int64_t u = 0; u < H; u++) {
        assert_unit(k, "m", s.m.row, u, GUARD_VALUE);
    }
    row_set_end(k, &s);
}

static void lstm_without_m(void **state) {
    (void)state;
    each_table(PSQ_F32, check_no_m);
}

// The threshold itself stays, the next float below becomes +0, in every stored result.
static void check_threshold(const psq_kern *k) {
    const float limit = 0x1p-100F;
    const float dh[4] = {limit, -limit, nextafterf(limit, 0.0F), -nextafterf(limit, 0.0F)};
    const float wanted[4] = {limit, -limit, 0.0F, 0.0F};
    const float zero[4] = {0.0F, 0.0F, 0.0F, 0.0F};
    const float one[4] = {1.0F, 1.0F, 1.0F, 1.0F};
    float out[16];
    float carry[4];
    psq_k_row row = {.dgates = out, .h = (void *)(uintptr_t)one, .dh = dh, .dcarry = carry};
    k->backward[PSQ_RNN_RELU](1, 0, 4, 4, &row);
    assert_bits(k->name, "relu dgates", 4, out, wanted);
    row.h = (void *)(uintptr_t)zero; // tanh: dh * (1 - 0)
    k->backward[PSQ_RNN_TANH](1, 0, 4, 4, &row);
    assert_bits(k->name, "tanh dgates", 4, out, wanted);

    // GRU with z = 1: the carry is dh. With z = 0, n = 0, r = 1: dn and dn * r are dh.
    float gates[16] = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F};
    row.gates = gates;
    row.h_prev = zero;
    k->backward[PSQ_GRU](1, 0, 4, 4, &row);
    assert_bits(k->name, "gru carry", 4, carry, wanted);
    memset(gates + 4, 0, 4 * sizeof *gates);
    k->backward[PSQ_GRU](1, 0, 4, 4, &row);
    assert_bits(k->name, "gru dn", 4, out + 8, wanted);
    assert_bits(k->name, "gru dn * r", 4, out + 12, wanted);

    // LSTM with dh = 0: dC is the carry; f = 1 keeps it, i = 1 and g = 0 give it to dg.
    float lstm_gates[16] = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F};
    memcpy(carry, dh, sizeof carry);
    row = (psq_k_row){.gates = lstm_gates,
                      .dgates = out,
                      .c_prev = zero,
                      .c = (void *)(uintptr_t)zero,
                      .dh = zero,
                      .dcarry = carry};
    k->backward[PSQ_LSTM](1, 0, 4, 4, &row);
    assert_bits(k->name, "lstm carry", 4, carry, wanted);
    assert_bits(k->name, "lstm dg", 4, out + 8, wanted);
}

static void cell_flush_threshold(void **state) {
    (void)state;
    each_table(PSQ_F32, check_threshold);
}

// NaN goes through forward; ReLU keeps -0 and stops the gradient of NaN.
static void check_relu(const psq_kern *k) {
    float s[5] = {NAN, -0.0F, 0.0F, -1.0F, 2.0F};
    const float wanted[5] = {NAN, -0.0F, 0.0F, 0.0F, 2.0F};
    const float dh[5] = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F};
    const float d_wanted[5] = {0.0F, 0.0F, 0.0F, 0.0F, 1.0F};
    float h[5];
    const psq_k_row row = {.pre = s, .dgates = h, .h = h, .dh = dh};
    k->forward[PSQ_RNN_RELU](1, 0, 5, 5, &row);
    assert_bits(k->name, "relu", 5, h, wanted);
    k->backward[PSQ_RNN_RELU](1, 0, 5, 5, &row);
    assert_bits(k->name, "relu gradient", 5, h, d_wanted);
}

static void relu_edges(void **state) {
    (void)state;
    each_table(PSQ_F32, check_relu);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cell_sizes),     cmocka_unit_test(cell_shared_rows),
        cmocka_unit_test(lstm_without_m), cmocka_unit_test(cell_flush_threshold),
        cmocka_unit_test(relu_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
