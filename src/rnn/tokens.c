// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// tokens.c: finding the distinct tokens, in time linear in the rows and in the table's bits: which
// occur is marked in a bitmap, and a token's place among them is the number of bits before its own.
// And, in the forward pass, projecting each of them once.
#include "rnn/tokens.h"

#include <string.h>

#include "base/size.h"
#include "rnn/run.h"

enum { WORD_BITS = 64 };

static int64_t n_words(const psq_rnn *rnn) {
    return (rnn->spec.n_tokens + WORD_BITS - 1) / WORD_BITS;
}

psq_tokens psq_tokens_carve(const psq_rnn *rnn, const psq_layout *layout, bool backward,
                            psq_arena *arena) {
    const int64_t N = layout->n_rows;
    const int64_t most = psq_min_count(N, rnn->spec.n_tokens);
    psq_tokens tokens = {0};
    if (rnn->spec.n_tokens == 0) {
        return tokens;
    }
    tokens.list = (int32_t *)psq_arena_take(arena, most, sizeof *tokens.list);
    tokens.places = (int32_t *)psq_arena_take(arena, N, sizeof *tokens.places);
    tokens.words = (uint64_t *)psq_arena_take(arena, n_words(rnn), sizeof *tokens.words);
    tokens.before = (int32_t *)psq_arena_take(arena, n_words(rnn), sizeof *tokens.before);
    if (backward) {
        tokens.starts = (int64_t *)psq_arena_take(arena, most + 1, sizeof *tokens.starts);
        tokens.elements = (int64_t *)psq_arena_take(arena, N, sizeof *tokens.elements);
    }
    return tokens;
}

static void mark(const psq_layout *layout, const psq_rnn_io *io, psq_tokens *tokens) {
    psq_element at = psq_element_at(layout, 0);
    while (at.row < layout->n_rows) {
        const int32_t token = io->tokens[psq_row(layout, io->x_storage, at.b, at.t)];
        tokens->words[token / WORD_BITS] |= (uint64_t)1 << (token % WORD_BITS);
        tokens->places[at.row] = token;
        psq_element_next(layout, &at);
    }
}

void psq_tokens_find(const psq_rnn *rnn, const psq_layout *layout, const psq_rnn_io *io,
                     psq_tokens *tokens) {
    memset(tokens->words, 0, (size_t)n_words(rnn) * sizeof *tokens->words);
    mark(layout, io, tokens);
    int32_t n = 0;
    for (int64_t i = 0; i < n_words(rnn); i++) {
        tokens->before[i] = n;
        for (uint64_t left = tokens->words[i]; left != 0; left &= left - 1) {
            tokens->list[n++] = (int32_t)(i * WORD_BITS + __builtin_ctzll(left));
        }
    }
    tokens->n = n;
    for (int64_t row = 0; row < layout->n_rows; row++) {
        const int32_t token = tokens->places[row];
        const int32_t word = token / WORD_BITS;
        const uint64_t below = ((uint64_t)1 << (token % WORD_BITS)) - 1;
        tokens->places[row] =
            tokens->before[word] + __builtin_popcountll(tokens->words[word] & below);
    }
}

// Counting sort: starts[p + 1] counts place p, then is where it ends, and is where its next element
// goes while they are dealt out.
void psq_tokens_group(const psq_layout *layout, psq_tokens *tokens) {
    int64_t *const starts = tokens->starts;
    memset(starts, 0, (size_t)(tokens->n + 1) * sizeof *starts);
    for (int64_t row = 0; row < layout->n_rows; row++) {
        starts[tokens->places[row]]++;
    }
    int64_t n = 0;
    for (int64_t p = 0; p <= tokens->n; p++) {
        n += starts[p];
        starts[p] = n;
    }
    for (int64_t row = layout->n_rows - 1; row >= 0; row--) {
        tokens->elements[--starts[tokens->places[row]]] = row;
    }
}

// ---- projecting

typedef struct job {
    const psq_pass *passes; // of all directions
    const psq_forward_scratch *scratch;
    int64_t n_chunks; // of a direction
} job;

static void project_chunk(void *arg, int64_t chunk, int64_t member) {
    const job *const j = (const job *)arg;
    const psq_tokens *const tokens = &j->scratch->tokens;
    const int64_t d = chunk / j->n_chunks;
    const int64_t first = chunk % j->n_chunks * PSQ_PROJECT_ROWS;
    const int64_t left = tokens->n - first;
    const int64_t n = left < PSQ_PROJECT_ROWS ? left : PSQ_PROJECT_ROWS;
    const psq_rnn *const rnn = j->passes[d].rnn;
    const psq_share all = {{0, rnn->H}, {0, rnn->R}};
    const void *x[PSQ_PROJECT_ROWS];
    void *pre[PSQ_PROJECT_ROWS];
    (void)member;
    for (int64_t i = 0; i < n; i++) {
        const size_t token = (size_t)tokens->list[first + i];
        x[i] = j->passes[d].x.base + token * j->passes[d].x.stride;
        pre[i] = psq_at(rnn, j->scratch->projected[d], (first + i) * rnn->cell->n_slots * rnn->H);
    }
    psq_project_rows(&j->passes[d], &all, n, x, pre);
}

void psq_project_tokens(psq_pass *passes, psq_forward_scratch *scratch) {
    const psq_rnn *const rnn = passes[0].rnn;
    const psq_layout *const layout = passes[0].layout;
    psq_tokens *const tokens = &scratch->tokens;
    if (passes[0].tokens == NULL || layout->n_rows < 2) {
        return;
    }
    psq_tokens_find(rnn, layout, passes[0].io, tokens);
    if (tokens->n > layout->n_rows / 2) {
        return;
    }
    job j = {passes, scratch, (tokens->n + PSQ_PROJECT_ROWS - 1) / PSQ_PROJECT_ROWS};
    psq_each_chunk(rnn->ctx, psq_worth_threads(rnn, rnn->D * tokens->n), rnn->D * j.n_chunks,
                   project_chunk, &j);
    for (int64_t d = 0; d < rnn->D; d++) {
        passes[d].projected = scratch->projected[d];
        passes[d].places = tokens->places;
    }
}
