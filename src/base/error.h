// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// error.h: how a call fails. PSQ_REQUIRE stands at the border, PSQ_TRY inside; nothing else returns
// a status that is not PSQ_OK. Functions that own something use PSQ_TRY_GOTO and one label.
#ifndef PACKSEQ_BASE_ERROR_H
#define PACKSEQ_BASE_ERROR_H

#include "packseq/base.h"

// Writes the sentence (cut at the end of err->text, always terminated) and returns the status. err
// may be NULL. The text goes nowhere else.
__attribute__((format(printf, 3, 4))) psq_status psq_fail(psq_error *err, psq_status status,
                                                          const char *format, ...);

#define PSQ_REQUIRE(err, condition, status, ...)           \
    do {                                                   \
        if (!(condition)) {                                \
            return psq_fail((err), (status), __VA_ARGS__); \
        }                                                  \
    } while (0)

#define PSQ_TRY(expression)                             \
    do {                                                \
        const psq_status psq_try_status = (expression); \
        if (psq_try_status != PSQ_OK) {                 \
            return psq_try_status;                      \
        }                                               \
    } while (0)

// For functions with one `fail:` label: stores into a local `status` and jumps.
#define PSQ_TRY_GOTO(label, expression) \
    do {                                \
        status = (expression);          \
        if (status != PSQ_OK) {         \
            goto label;                 \
        }                               \
    } while (0)

#endif
