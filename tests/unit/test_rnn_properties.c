// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// The bit contract seen from outside: what may change around a sequence without changing one bit of
// its results. Every property is tried on every cell, with projection, one and two layers (the
// latter with dropout between them), one and two directions.
#include "netbatch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const psq_storage packed = {.order = PSQ_PACKED};

// Two layouts with zeros, ties and a length of 1; the second has more rows than a block of a weight
// gradient.
static const int64_t short_lengths[] = {3, 0, 7, 1, 5, 7, 0, 2, 3};
static const int64_t long_lengths[] = {31, 4, 0, 40, 17, 31, 2, 25, 31, 9, 38, 40, 1, 33};
enum { N_SHORT = 9, N_LONG = 14 };

// ---- storages

// Runs the batch in every storage, x and y in different ones too; T is its longest length.
static void check_storages(const psq_net *net, const int64_t *lengths, int64_t n_seq, int64_t T) {
    const psq_storage storages[] = {
        {PSQ_PACKED, false, 0},         {PSQ_JAGGED, false, 0},
        {PSQ_PADDED_TIME, false, 0},    {PSQ_PADDED_TIME, false, T + 3},
        {PSQ_PADDED_TIME, true, T + 3}, {PSQ_PADDED_BATCH, false, T + 2},
        {PSQ_PADDED_BATCH, true, 0},    {PSQ_PADDED_BATCH, true, T + 1}};
    enum { N = sizeof storages / sizeof storages[0] };
    psq_batch want = batch_create(net, lengths, n_seq, 2);
    psq_batch got = batch_create(net, lengths, n_seq, 2);
    batch_run_packed(&want);
    for (int i = 0; i < N; i++) {
        batch_run(&got, storages[i], storages[i], NULL);
        batch_same(&want, &got, BATCH_ALL);
        batch_run(&got, storages[i], storages[(i + 3) % N], NULL);
        batch_same(&want, &got, BATCH_ALL);
    }
    batch_destroy(&want);
    batch_destroy(&got);
}

static void storage_property(const psq_net *net) {
    check_storages(net, short_lengths, N_SHORT, 7);
}

static void storage_changes_no_bits(void **state) {
    (void)state;
    net_for_each(storage_property);
}

// The grid of PyTorch's own comparison of back ends: sizes, lengths, bias, dropout 0 and 1.
static void storage_changes_no_bits_in_the_grid_of_torch(void **state) {
    (void)state;
    static const int64_t lengths[] = {7, 5, 5, 2, 1, 1};
    psq_ctx *const ctx = net_ctx(NULL);
    for (int i = 0; i < 5 * 2 * 2 * 2; i++) {
        psq_rnn_spec spec = net_spec(i % 5);
        spec.proj_size = spec.proj_size > 0 ? 3 : 0;
        spec.input_size = 10;
        spec.hidden_size = 6;
        spec.n_layers = 2;
        spec.bidirectional = i / 5 % 2 == 1;
        spec.bias = i / 10 % 2 == 1;
        spec.dropout = i / 20;
        psq_net net = net_random(ctx, &spec);
        check_storages(&net, lengths, 6, 7);
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

// The layout of these lengths with every run of ties in the opposite order.
static psq_layout *reversed_ties(const psq_ctx *ctx, const int64_t *lengths, int64_t n_seq) {
    psq_error err;
    psq_layout *const stable = net_layout(ctx, lengths, n_seq);
    const int64_t *const order = psq_layout_sorted_indices(stable);
    int64_t reversed[N_LONG];
    for (int64_t first = 0, end = 0; first < n_seq; first = end) {
        while (end < n_seq && lengths[order[end]] == lengths[order[first]]) {
            end++;
        }
        for (int64_t i = first; i < end; i++) {
            reversed[i] = order[first + end - 1 - i];
        }
    }
    psq_layout *layout = NULL;
    net_must(psq_layout_from_batch_sizes(ctx, psq_layout_batch_sizes(stable),
                                         psq_layout_n_steps(stable), reversed, n_seq,
                                         psq_layout_n_rows(stable), &layout, &err),
             &err);
    assert_memory_not_equal(psq_layout_sorted_indices(layout), order,
                            (size_t)n_seq * sizeof(int64_t));
    psq_layout_destroy(stable);
    return layout;
}

static void ties_property(const psq_net *net) {
    psq_batch want = batch_create(net, long_lengths, N_LONG, 3);
    psq_batch got = batch_create(net, long_lengths, N_LONG, 3);
    psq_layout *const layout = reversed_ties(net->ctx, long_lengths, N_LONG);
    const psq_storage padded = {PSQ_PADDED_TIME, true, 41};
    batch_run_packed(&want);
    batch_run(&got, packed, padded, layout);
    batch_same(&want, &got, BATCH_ALL);
    batch_run(&got, padded, packed, layout);
    batch_same(&want, &got, BATCH_ALL);
    psq_layout_destroy(layout);
    batch_destroy(&want);
    batch_destroy(&got);
}

static void order_of_ties_changes_no_bits(void **state) {
    (void)state;
    net_for_each(ties_property);
}

// ---- company

// Runs sequences index[0] to index[n - 1] of `whole` as a batch of their own.
static void check_selection(const psq_batch *whole, const int64_t *index, int64_t n) {
    psq_batch part = batch_select(whole, index, n, NULL, NULL);
    batch_run_packed(&part);
    for (int64_t i = 0; i < n; i++) {
        batch_same_sequence(whole, index[i], 0, &part, i, BATCH_OWN);
    }
    batch_destroy(&part);
}

static void company_property(const psq_net *net) {
    static const int64_t shuffled[N_SHORT] = {4, 8, 1, 0, 7, 2, 6, 5, 3};
    psq_batch whole = batch_create(net, short_lengths, N_SHORT, 4);
    batch_run_packed(&whole);
    check_selection(&whole, shuffled, N_SHORT);
    check_selection(&whole, shuffled, 3); // split into two batches, or: two batches joined
    check_selection(&whole, shuffled + 3, 6);
    for (int64_t b = 0; b < N_SHORT; b++) {
        check_selection(&whole, &b, 1);
    }
    batch_destroy(&whole);
}

static void company_changes_no_bits(void **state) {
    (void)state;
    net_for_each(company_property);
}

// PyTorch's test of variable sequences: a bidirectional LSTM of two layers on batches against each
// sequence alone. Gradients of weights are sums over sequences, so they agree but for rounding.
static void check_alone(const psq_net *net, const int64_t *lengths, int64_t n_seq, bool given) {
    psq_batch whole = batch_create(net, lengths, n_seq, 5);
    whole.given = given;
    batch_run_packed(&whole);
    double *const sums = calloc((size_t)net->n_weights, sizeof *sums);
    assert_non_null(sums);
    for (int64_t b = 0; b < n_seq; b++) {
        psq_batch alone = batch_select(&whole, &b, 1, NULL, NULL);
        batch_run_packed(&alone);
        batch_same_sequence(&whole, b, 0, &alone, 0, BATCH_OWN);
        for (int64_t i = 0; i < net->n_weights; i++) {
            sums[i] += (double)alone.arrays[BATCH_DWEIGHTS][i];
        }
        batch_destroy(&alone);
    }
    double largest = 0.0, distance = 0.0;
    for (int64_t i = 0; i < net->n_weights; i++) {
        largest = fmax(largest, fabs(sums[i]));
        distance = fmax(distance, fabs(sums[i] - (double)whole.arrays[BATCH_DWEIGHTS][i]));
    }
    assert_true(distance <= 1e-6 * largest);
    free(sums);
    batch_destroy(&whole);
}

static void sequence_alone_equals_batch_in_the_grid_of_torch(void **state) {
    (void)state;
    static const int64_t one[] = {5}, sorted[] = {10, 10, 6, 2, 2, 1, 1};
    static const int64_t unsorted[] = {2, 1, 3, 2, 10, 5, 3};
    psq_ctx *const ctx = net_ctx(NULL);
    for (int i = 0; i < 4; i++) {
        psq_rnn_spec spec = PSQ_RNN_SPEC_INIT;
        spec.input_size = 3;
        spec.hidden_size = 4;
        spec.proj_size = i % 2 == 1 ? 2 : 0;
        spec.n_layers = 2;
        spec.bidirectional = true;
        psq_net net = net_random(ctx, &spec);
        check_alone(&net, one, 1, i / 2 == 1);
        check_alone(&net, sorted, 7, i / 2 == 1);
        check_alone(&net, unsorted, 7, i / 2 == 1);
        net_destroy(&net);
    }
    psq_ctx_destroy(ctx);
}

// NaN in element (2, 3) and in the first state of sequence 4: nobody else may see it, and there it
// must not get lost.
static void nan_property(const psq_net *net) {
    psq_batch clean = batch_create(net, short_lengths, N_SHORT, 6);
    psq_batch dirty = batch_create(net, short_lengths, N_SHORT, 6);
    const int64_t I = net->spec->input_size;
    dirty.arrays[BATCH_X][(dirty.offsets[2] + 3) * I] = NAN;
    dirty.arrays[BATCH_H0][4 * net->R] = NAN;
    batch_run_packed(&clean);
    batch_run_packed(&dirty);
    for (int64_t b = 0; b < N_SHORT; b++) {
        if (b != 2 && b != 4) {
            batch_same_sequence(&clean, b, 0, &dirty, b, BATCH_OWN);
        }
    }
    for (int64_t u = 0; u < net->R; u++) {
        assert_true(isnan(dirty.arrays[BATCH_HN][2 * net->R + u]));
        assert_true(isnan(dirty.arrays[BATCH_HN][4 * net->R + u]));
    }
    batch_destroy(&clean);
    batch_destroy(&dirty);
}

static void nan_stays_in_its_sequence(void **state) {
    (void)state;
    net_for_each(nan_property);
}

// ---- time

// Where each of the short sequences is cut: before it, inside, behind it.
static const int64_t cuts[N_SHORT] = {1, 0, 4, 1, 0, 6, 0, 1, 3};
static const int64_t all[N_SHORT] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

static void carry_state(const psq_batch *from, psq_batch *to) {
    const size_t n_h = (size_t)(from->net->n_states * from->n_seq * from->net->R);
    const size_t n_c = (size_t)(from->net->n_states * from->n_seq * from->net->spec->hidden_size);
    memcpy(to->arrays[BATCH_H0], from->arrays[BATCH_HN], n_h * sizeof(float));
    if (to->arrays[BATCH_C0] != NULL) {
        memcpy(to->arrays[BATCH_C0], from->arrays[BATCH_CN], n_c * sizeof(float));
    }
}

static void cut_property(const psq_net *net) {
    if (net->D == 2) {
        return; // the reverse direction starts at the end that the first part does not know
    }
    psq_batch whole = batch_create(net, short_lengths, N_SHORT, 8);
    psq_batch head = batch_select(&whole, all, N_SHORT, NULL, cuts);
    psq_batch tail = batch_select(&whole, all, N_SHORT, cuts, NULL);
    batch_run_packed(&whole);
    batch_run_packed(&head);
    carry_state(&head, &tail);
    batch_run_packed(&tail);
    for (int64_t b = 0; b < N_SHORT; b++) {
        batch_same_sequence(&whole, b, 0, &head, b, BATCH_FORWARD & ~BATCH_STATES);
        batch_same_sequence(&whole, b, cuts[b], &tail, b, BATCH_FORWARD);
    }
    batch_destroy(&whole);
    batch_destroy(&head);
    batch_destroy(&tail);
}

static void cut_in_time_changes_no_bits(void **state) {
    (void)state;
    net_for_each(cut_property);
}

// Inference of a batch, states in place of the first ones, outputs packed.
static void infer(psq_batch *batch, float *h, float *c, float *y) {
    psq_layout *const layout = net_layout(batch->net->ctx, batch->lengths, batch->n_seq);
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x_storage.order = PSQ_JAGGED;
    io.y_storage.order = PSQ_JAGGED;
    io.x = batch->arrays[BATCH_X];
    io.y = y;
    io.h0 = io.hn = h;
    io.c0 = io.cn = c;
    net_run(batch->net, layout, &io, NULL);
    psq_layout_destroy(layout);
}

// Inference gives what training without dropout gives, also cut in time with the state carried in
// place, and also when only the last states are wanted.
static void inference_property(const psq_net *net) {
    psq_rnn_spec spec = *net->spec;
    spec.dropout = 0.0;
    psq_net keeping = net_random(net->ctx, &spec);
    psq_batch whole = batch_create(&keeping, short_lengths, N_SHORT, 9);
    psq_batch got = batch_create(net, short_lengths, N_SHORT, 9);
    batch_run_packed(&whole);
    infer(&got, got.arrays[BATCH_H0], got.arrays[BATCH_C0], got.arrays[BATCH_Y]);
    batch_same(&whole, &got, 1 << BATCH_Y);
    carry_state(&whole, &whole); // h0 now holds what is expected of the state in place
    batch_same(&whole, &got, 1 << BATCH_H0 | (got.arrays[BATCH_C0] != NULL ? 1 << BATCH_C0 : 0));
    batch_destroy(&got);

    got = batch_create(net, short_lengths, N_SHORT, 9);
    if (net->D == 1) {
        psq_batch head = batch_select(&got, all, N_SHORT, NULL, cuts);
        psq_batch tail = batch_select(&got, all, N_SHORT, cuts, NULL);
        infer(&head, got.arrays[BATCH_H0], got.arrays[BATCH_C0], NULL);
        infer(&tail, got.arrays[BATCH_H0], got.arrays[BATCH_C0], NULL);
        batch_destroy(&head);
        batch_destroy(&tail);
    } else {
        infer(&got, got.arrays[BATCH_H0], got.arrays[BATCH_C0], NULL);
    }
    batch_same(&whole, &got, 1 << BATCH_H0 | (got.arrays[BATCH_C0] != NULL ? 1 << BATCH_C0 : 0));
    batch_destroy(&got);
    batch_destroy(&whole);
    net_destroy(&keeping);
}

static void inference_equals_training(void **state) {
    (void)state;
    net_for_each(inference_property);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_changes_no_bits),
        cmocka_unit_test(storage_changes_no_bits_in_the_grid_of_torch),
        cmocka_unit_test(order_of_ties_changes_no_bits),
        cmocka_unit_test(company_changes_no_bits),
        cmocka_unit_test(sequence_alone_equals_batch_in_the_grid_of_torch),
        cmocka_unit_test(nan_stays_in_its_sequence),
        cmocka_unit_test(cut_in_time_changes_no_bits),
        cmocka_unit_test(inference_equals_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
