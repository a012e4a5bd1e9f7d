// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// selftest.c: fixed networks on a fixed ragged batch, hashed. The table below is part of the bit
// contract: a machine, compiler or kernel that gives another hash breaks it. The batch has what
// makes kernels stumble: a sequence of length 0, more rows than one block of a sum, sizes that no
// vector divides. Inputs are fractions of powers of two, so that they are the same everywhere, and
// hashing reads numbers as 32-bit words, so that byte order does not matter.
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/rng.h"
#include "packseq/layout.h"
#include "packseq/rnn.h"

typedef struct entry {
    psq_cell cell;
    int64_t proj_size;
    int64_t n_tokens;
    const char *names[2];
    uint64_t hashes[2];
} entry;

enum { N_TOKENS = 279 }; // nearly all occur, more than a block; some twice

static const entry entries[] = {
    {PSQ_RNN_TANH,
     0,
     0,
     {"rnn_tanh forward", "rnn_tanh backward"},
     {0xfefff3ec45c764e1, 0x55b49a5cc28423a0}},
    {PSQ_RNN_RELU,
     0,
     0,
     {"rnn_relu forward", "rnn_relu backward"},
     {0x5bb5483fd54cb3ea, 0x3a855f07f2ef0b2e}},
    {PSQ_LSTM, 0, 0, {"lstm forward", "lstm backward"}, {0x897697e38860f60c, 0x948554959f7cb1cc}},
    {PSQ_LSTM,
     7,
     0,
     {"lstm projected forward", "lstm projected backward"},
     {0xb90ab3e91ef63137, 0x90004e56d571279a}},
    {PSQ_GRU, 0, 0, {"gru forward", "gru backward"}, {0x72bb3d102424f10e, 0x9185490aec2c7a20}},
    {PSQ_GRU,
     0,
     N_TOKENS,
     {"gru of tokens forward", "gru of tokens backward"},
     {0x125b20c6e47475ad, 0x583cddb692cbdee2}},
};

enum { N_ENTRIES = sizeof entries / sizeof entries[0], N_RESULTS = 2 * N_ENTRIES };

static const int64_t lengths[] = {3, 0, 270, 1, 9};

enum { B = sizeof lengths / sizeof lengths[0], N = 283, I = 5, H = 19, L = 2, D = 2 };

// Arrays in the order in which they are carved and hashed.
typedef enum array {
    X,
    H0,
    C0,
    DY,
    DHN,
    DCN,
    WEIGHTS,
    DWEIGHTS, // inputs up to here: gradients are added to what it holds
    Y,
    HN,
    CN,
    CELLS,
    DX,
    DH0,
    DC0,
    N_ARRAYS
} array;

typedef struct run {
    psq_rnn *rnn;
    psq_layout *layout;
    void *memory;
    int32_t tokens[N];
    float *arrays[N_ARRAYS];
    int64_t sizes[N_ARRAYS];
    void *panels;
    void *reserve;
    void *scratch;
} run;

static void set_sizes(const entry *e, run *r) {
    const int64_t R = e->proj_size > 0 ? e->proj_size : H;
    const int64_t n_c = e->cell == PSQ_LSTM ? (int64_t)L * D : 0;
    r->sizes[X] = r->sizes[DX] = (e->n_tokens > 0 ? e->n_tokens : N) * I;
    r->sizes[Y] = r->sizes[DY] = N * D * R;
    r->sizes[H0] = r->sizes[HN] = r->sizes[DHN] = r->sizes[DH0] = (int64_t)L * D * B * R;
    r->sizes[C0] = r->sizes[CN] = r->sizes[DCN] = r->sizes[DC0] = n_c * B * H;
    r->sizes[CELLS] = n_c * N * H;
    r->sizes[WEIGHTS] = r->sizes[DWEIGHTS] = psq_rnn_n_weights(r->rnn);
}

static void carve(run *r, size_t reserve_bytes, size_t scratch_bytes, psq_arena *arena) {
    for (int i = 0; i < N_ARRAYS; i++) {
        r->arrays[i] = (float *)psq_arena_take(arena, r->sizes[i], sizeof(float));
    }
    r->panels = psq_arena_take(arena, 1, psq_rnn_panel_bytes(r->rnn));
    r->reserve = psq_arena_take(arena, 1, reserve_bytes);
    r->scratch = psq_arena_take(arena, 1, scratch_bytes);
}

// Multiples of 2^-26 in [-1/4, 1/4): small enough for a relu network not to grow.
static void fill(const entry *e, run *r) {
    for (int32_t i = 0; i < N && e->n_tokens > 0; i++) {
        r->tokens[i] = 7 * i % N_TOKENS;
    }
    memset(r->arrays[DX], 0, (size_t)r->sizes[DX] * sizeof(float)); // a table's is added to
    for (int a = 0; a <= DWEIGHTS; a++) {
        for (int64_t i = 0; i < r->sizes[a]; i++) {
            uint32_t words[4];
            psq_random((uint64_t)a, PSQ_STREAM_TEST, (uint64_t)i / 4, 0, 0, words);
            r->arrays[a][i] = 0.5f * psq_unit_f32(words[i % 4]) - 0.25f;
        }
    }
}

static psq_status prepare(const psq_ctx *ctx, const entry *e, run *r, psq_error *err) {
    psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
    spec.cell = e->cell;
    spec.input_size = I;
    spec.hidden_size = H;
    spec.proj_size = e->proj_size;
    spec.n_layers = L;
    spec.bidirectional = D == 2;
    spec.dropout = 0.25;
    spec.n_tokens = e->n_tokens;
    PSQ_TRY(psq_rnn_create(ctx, &spec, &r->rnn, err));
    PSQ_TRY(psq_layout_from_lengths(ctx, lengths, B, &r->layout, err));
    set_sizes(e, r);
    size_t reserve_bytes;
    size_t scratch_bytes;
    PSQ_TRY(psq_rnn_sizes(r->rnn, r->layout, PSQ_TRAIN, &reserve_bytes, &scratch_bytes, err));
    psq_arena arena = {NULL, 0};
    carve(r, reserve_bytes, scratch_bytes, &arena);
    r->memory = psq_malloc(ctx, arena.used);
    PSQ_REQUIRE(err, r->memory != NULL, PSQ_NOMEM, "out of memory for a self test: %zu bytes",
                arena.used);
    arena = (psq_arena){(char *)r->memory, 0};
    carve(r, reserve_bytes, scratch_bytes, &arena);
    fill(e, r);
    return PSQ_OK;
}

static psq_status compute(const entry *e, run *r, psq_error *err) {
    const bool has_c = r->sizes[C0] > 0;
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x = r->arrays[X];
    io.tokens = e->n_tokens > 0 ? r->tokens : NULL;
    io.y = r->arrays[Y];
    io.h0 = r->arrays[H0];
    io.hn = r->arrays[HN];
    io.c0 = has_c ? r->arrays[C0] : NULL;
    io.cn = has_c ? r->arrays[CN] : NULL;
    io.cells = has_c ? r->arrays[CELLS] : NULL;
    psq_rnn_grads grads = PSQ_RNN_GRADS_INIT;
    grads.dy = r->arrays[DY];
    grads.dhn = r->arrays[DHN];
    grads.dcn = has_c ? r->arrays[DCN] : NULL;
    grads.dx = r->arrays[DX];
    grads.dh0 = r->arrays[DH0];
    grads.dc0 = has_c ? r->arrays[DC0] : NULL;
    grads.dweights = r->arrays[DWEIGHTS];
    PSQ_TRY(psq_rnn_pack(r->rnn, r->arrays[WEIGHTS], r->panels, err));
    PSQ_TRY(
        psq_rnn_forward(r->rnn, r->layout, r->panels, &io, PSQ_TRAIN, r->reserve, r->scratch, err));
    return psq_rnn_backward(r->rnn, r->layout, r->panels, &io, &grads, PSQ_TRAIN, r->reserve,
                            r->scratch, err);
}

// FNV-1a, 64 bits, over the bytes of the words, lowest first.
static uint64_t hash(uint64_t state, const float *numbers, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, &numbers[i], sizeof word);
        for (int shift = 0; shift < 32; shift += 8) {
            state = (state ^ (word >> shift & 0xff)) * 0x100000001b3;
        }
    }
    return state;
}

static uint64_t hash_arrays(const run *r, const array *which, int n) {
    uint64_t state = 0xcbf29ce484222325;
    for (int i = 0; i < n; i++) {
        state = hash(state, r->arrays[which[i]], r->sizes[which[i]]);
    }
    return state;
}

static psq_status run_entry(const psq_ctx *ctx, const entry *e, psq_selftest_result results[2],
                            psq_error *err) {
    static const array outputs[] = {Y, HN, CN, CELLS};
    static const array gradients[] = {DX, DH0, DC0, DWEIGHTS};
    run r = {.rnn = NULL};
    psq_status status = prepare(ctx, e, &r, err);
    if (status == PSQ_OK) {
        status = compute(e, &r, err);
    }
    if (status == PSQ_OK) {
        results[0] = (psq_selftest_result){e->names[0], hash_arrays(&r, outputs, 4), e->hashes[0]};
        results[1] =
            (psq_selftest_result){e->names[1], hash_arrays(&r, gradients, 4), e->hashes[1]};
    }
    psq_free(ctx, r.memory);
    psq_layout_destroy(r.layout);
    psq_rnn_destroy(r.rnn);
    return status;
}

psq_status psq_selftest(const psq_ctx *ctx, psq_selftest_result *results, int64_t *n_results,
                        psq_error *err) {
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, n_results != NULL, PSQ_INVALID, "n_results is NULL");
    const int64_t capacity = *n_results;
    PSQ_REQUIRE(err, capacity >= 0, PSQ_INVALID, "*n_results is %lld, must be at least 0",
                (long long)capacity);
    PSQ_REQUIRE(err, results != NULL || capacity == 0, PSQ_INVALID,
                "results is NULL, must hold *n_results %lld", (long long)capacity);
    psq_selftest_result all[N_RESULTS];
    for (int i = 0; i < N_ENTRIES; i++) {
        PSQ_TRY(run_entry(ctx, &entries[i], &all[2 * i], err));
    }
    for (int64_t i = 0; i < N_RESULTS && i < capacity; i++) {
        results[i] = all[i];
    }
    *n_results = N_RESULTS;
    for (int i = 0; i < N_RESULTS; i++) {
        PSQ_REQUIRE(err, all[i].hash == all[i].expected, PSQ_INTERNAL,
                    "self test %s gives %016llx, must be %016llx", all[i].name,
                    (unsigned long long)all[i].hash, (unsigned long long)all[i].expected);
    }
    return PSQ_OK;
}
