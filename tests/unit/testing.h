// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// testing.h: cmocka with the headers it wants first.
#ifndef PACKSEQ_TESTS_TESTING_H
#define PACKSEQ_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"

// A call must fail with this status and a text that contains these words.
#define assert_fails(call, wanted, words)           \
    do {                                            \
        assert_int_equal((call), (wanted));         \
        assert_int_equal(err.status, (wanted));     \
        assert_non_null(strstr(err.text, (words))); \
    } while (0)

#endif
