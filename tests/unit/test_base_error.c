// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// test_base_error.c: names of statuses and the sentence of an error.
#include "base/error.h"

#include "testing.h"

static psq_error err;

static void status_names_differ(void **state) {
    (void)state;
    assert_string_equal(psq_status_name(PSQ_OK), "ok");
    assert_string_equal(psq_status_name(PSQ_INTERNAL), "internal");
    for (int i = 0; i < PSQ_N_STATUS; i++) {
        assert_non_null(psq_status_name((psq_status)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(psq_status_name((psq_status)i), psq_status_name((psq_status)j));
        }
    }
}

static void status_outside_is_unknown(void **state) {
    (void)state;
    assert_string_equal(psq_status_name(PSQ_N_STATUS), "unknown");
    assert_string_equal(psq_status_name((psq_status)-1), "unknown");
}

static void version_is_the_headers(void **state) {
    (void)state;
    assert_string_equal(psq_version(), PSQ_VERSION);
}

static void fail_fills_the_error(void **state) {
    (void)state;
    assert_int_equal(psq_fail(&err, PSQ_SHAPE, "h0 has %d rows, must have %d", 7, 8), PSQ_SHAPE);
    assert_int_equal(err.status, PSQ_SHAPE);
    assert_string_equal(err.text, "h0 has 7 rows, must have 8");
}

static void fail_without_error(void **state) {
    (void)state;
    assert_int_equal(psq_fail(NULL, PSQ_FORMAT, "%s", "nobody listens"), PSQ_FORMAT);
}

// 255 characters fit, 256 do not; the byte behind the text stays what it was.
static void fail_cuts_long_text(void **state) {
    (void)state;
    char longer[sizeof err.text + 1];
    memset(longer, 'x', sizeof longer);
    for (size_t length = sizeof err.text - 1; length <= sizeof err.text; length++) {
        struct {
            psq_error error;
            char after[8];
        } guarded;
        memset(&guarded, 'g', sizeof guarded);
        psq_fail(&guarded.error, PSQ_INVALID, "%.*s", (int)length, longer);
        assert_int_equal(strlen(guarded.error.text), sizeof err.text - 1);
        assert_memory_equal(guarded.error.text, longer, sizeof err.text - 1);
        assert_memory_equal(guarded.after, "gggggggg", 8);
    }
}

static psq_status require(int *n_evaluated, bool condition) {
    PSQ_REQUIRE(&err, (++*n_evaluated, condition), PSQ_INVALID, "condition is %d", condition);
    return PSQ_OK;
}

static psq_status try_it(int *n_evaluated, psq_status given) {
    PSQ_TRY((++*n_evaluated, given));
    return PSQ_CANCELLED;
}

static psq_status try_goto(int *n_evaluated, psq_status given) {
    psq_status status = PSQ_INTERNAL;
    PSQ_TRY_GOTO(fail, (++*n_evaluated, given));
    return PSQ_CANCELLED;
fail:
    return status;
}

static void macros_evaluate_once(void **state) {
    (void)state;
    int n = 0;
    assert_int_equal(require(&n, true), PSQ_OK);
    assert_fails(require(&n, false), PSQ_INVALID, "condition is 0");
    assert_int_equal(try_it(&n, PSQ_OK), PSQ_CANCELLED);
    assert_int_equal(try_it(&n, PSQ_IO), PSQ_IO);
    assert_int_equal(try_goto(&n, PSQ_OK), PSQ_CANCELLED);
    assert_int_equal(try_goto(&n, PSQ_IO), PSQ_IO);
    assert_int_equal(n, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names_differ),    cmocka_unit_test(status_outside_is_unknown),
        cmocka_unit_test(version_is_the_headers), cmocka_unit_test(fail_fills_the_error),
        cmocka_unit_test(fail_without_error),     cmocka_unit_test(fail_cuts_long_text),
        cmocka_unit_test(macros_evaluate_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
