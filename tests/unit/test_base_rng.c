// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_rng.c: Philox4x32-10 against the published vectors, and what psq_random makes of it.
#include "base/rng.h"

#include "testing.h"

// The vectors that its authors publish with Random123: zeros, ones, and the digits of pi.
static void philox_published_vectors(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], wanted[4];
    } vectors[3] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        psq_philox(vectors[i].counter, vectors[i].key, out);
        assert_memory_equal(out, vectors[i].wanted, sizeof out);
    }
}

// Seed and counter as rng.h lays them out; saved masks and weights depend on it.
static void random_counter_layout(void **state) {
    (void)state;
    static const uint32_t key[2] = {0x89abcdef, 0x01234567};
    static const uint32_t counter[4] = {0x76543210, 0xfedcba98, 0xdeadbeef, 0x1abcdef0};
    uint32_t wanted[4];
    uint32_t got[4];
    psq_philox(counter, key, wanted);
    psq_random(0x0123456789abcdefU, PSQ_STREAM_DROPOUT, 0xfedcba9876543210U, 0xdeadbeef, 0xabcdef0,
               got);
    assert_memory_equal(got, wanted, sizeof got);
}

static void random_streams_are_apart(void **state) {
    (void)state;
    uint32_t out[PSQ_STREAM_TEST + 1][4];
    for (int stream = PSQ_STREAM_INIT; stream <= PSQ_STREAM_TEST; stream++) {
        psq_random(1, (psq_stream)stream, 0, 0, 0, out[stream]);
        for (int other = 0; other < stream; other++) {
            assert_memory_not_equal(out[stream], out[other], sizeof out[0]);
        }
    }
}

static void unit_f32_edges(void **state) {
    (void)state;
    assert_true(psq_unit_f32(0) == 0.0f);
    assert_true(psq_unit_f32(0xff) == 0.0f); // the lower 8 bits do not count
    assert_true(psq_unit_f32(0x100) == 0x1p-24f);
    assert_true(psq_unit_f32(0x80000000) == 0.5f);
    assert_true(psq_unit_f32(0xffffffff) == 1.0f - 0x1p-24f);
}

static void unit_f64_edges(void **state) {
    (void)state;
    assert_true(psq_unit_f64(0, 0) == 0.0);
    assert_true(psq_unit_f64(0, 0x7ff) == 0.0); // the lower 11 bits do not count
    assert_true(psq_unit_f64(0, 0x800) == 0x1p-53);
    assert_true(psq_unit_f64(0x80000000, 0) == 0.5);
    assert_true(psq_unit_f64(0xffffffff, 0xffffffff) == 1.0 - 0x1p-53);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_published_vectors), cmocka_unit_test(random_counter_layout),
        cmocka_unit_test(random_streams_are_apart), cmocka_unit_test(unit_f32_edges),
        cmocka_unit_test(unit_f64_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
