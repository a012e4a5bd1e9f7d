// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// error.c: status names and the one place that formats an error's sentence.
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const status_names[PSQ_N_STATUS] = {
    [PSQ_OK] = "ok",         [PSQ_INVALID] = "invalid",         [PSQ_SHAPE] = "shape",
    [PSQ_NOMEM] = "nomem",   [PSQ_UNSUPPORTED] = "unsupported", [PSQ_IO] = "io",
    [PSQ_FORMAT] = "format", [PSQ_CANCELLED] = "cancelled",     [PSQ_INTERNAL] = "internal",
};

const char *psq_status_name(psq_status status) {
    return (unsigned)status < PSQ_N_STATUS ? status_names[status] : "unknown";
}

const char *psq_version(void) {
    return PSQ_VERSION;
}

psq_status psq_fail(psq_error *err, psq_status status, const char *format, ...) {
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        err->status = status;
        (void)vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return status;
}
