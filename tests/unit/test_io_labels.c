// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_io_labels.c: half a million labels, found again; what is left after a cut; failing
// allocations. The numbers are large enough that a cost per label that grows with their number
// would be noticed by whoever waits.
#include <stdio.h>

#include "io/labels.h"
#include "with_ctx.h"

static psq_status find(psq_labels *labels, int64_t i, int32_t *index) {
    char name[32];
    const int size = snprintf(name, sizeof name, "label %lld", (long long)(i * 7919));
    return psq_labels_find(labels, (psq_span){name, (size_t)size}, index, &err);
}

static void labels_by_the_hundred_thousand(void **state) {
    (void)state;
    enum { MANY = 500000 };
    psq_labels labels;
    assert_int_equal(psq_labels_init(ctx, &labels, &err), PSQ_OK);
    for (int64_t i = 0; i < 2 * MANY; i++) {
        int32_t index = -1;
        const psq_status status = find(&labels, i % MANY, &index);
        if (status != PSQ_OK || index != i % MANY) {
            fail_msg("label %lld: status %d, index %d", (long long)i, (int)status, (int)index);
        }
    }
    assert_int_equal(labels.n, MANY);
    assert_string_equal(psq_labels_name(&labels, 1), "label 7919");
    psq_labels_free(&labels);
}

// A prefix and a longer name are other labels; so is the empty one.
static void labels_that_begin_alike(void **state) {
    (void)state;
    psq_labels labels;
    assert_int_equal(psq_labels_init(ctx, &labels, &err), PSQ_OK);
    for (int round = 0; round < 2; round++) {
        for (size_t size = 0; size <= 64; size++) {
            static const char text[] = "aab";
            int32_t index = -1;
            assert_int_equal(
                psq_labels_find(&labels, (psq_span){text, size < 4 ? size : 3}, &index, &err),
                PSQ_OK);
            assert_int_equal(index, size < 4 ? size : 3);
        }
    }
    psq_labels_free(&labels);
}

static void labels_after_a_cut(void **state) {
    (void)state;
    psq_labels labels;
    assert_int_equal(psq_labels_init(ctx, &labels, &err), PSQ_OK);
    psq_labels_cut(&labels, 0);
    int32_t index = -1;
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(find(&labels, i, &index), PSQ_OK);
    }
    psq_labels_cut(&labels, 300);
    assert_int_equal(labels.n, 300);
    assert_null(psq_labels_name(&labels, 300));
    for (int64_t i = 0; i < 300; i++) { // the kept ones where they were
        assert_int_equal(find(&labels, i, &index), PSQ_OK);
        assert_int_equal(index, i);
    }
    for (int64_t i = 999; i >= 300; i--) { // the cut ones are new
        assert_int_equal(find(&labels, i, &index), PSQ_OK);
        assert_int_equal(index, 300 + 999 - i);
    }
    psq_labels_free(&labels);
}

static psq_status fill(const psq_ctx *with, void *arg) {
    (void)arg;
    psq_labels labels;
    psq_status status = psq_labels_init(with, &labels, &err);
    int64_t n = 0;
    for (int32_t index = 0; status == PSQ_OK && n < 100; n += status == PSQ_OK) {
        status = find(&labels, n, &index);
    }
    assert_int_equal(labels.n, n); // a label that failed is not there
    psq_labels_free(&labels);
    return status;
}

static void labels_with_failing_memory(void **state) {
    (void)state;
    fault_each_alloc(fill, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_by_the_hundred_thousand),
        cmocka_unit_test(labels_that_begin_alike),
        cmocka_unit_test(labels_after_a_cut),
        cmocka_unit_test(labels_with_failing_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
