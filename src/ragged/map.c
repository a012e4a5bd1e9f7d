// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// map.c: a caller's function over all elements. It knows nothing of padding: what it gets are
// stretches of rows that are elements, joined as long as they touch; what lies between them is
// filled on the way, so that dst is written once and in order.
#include "base/error.h"
#include "base/size.h"
#include "ragged/fill.h"
#include "ragged/place.h"

typedef struct map_call {
    char *src; // only read, but where it is dst
    size_t src_row_bytes;
    char *dst;
    size_t dst_row_bytes;
    psq_fill fill;
    psq_map_fn fn;
    void *arg;
    int64_t first, end; // the stretch that waits for its end
    psq_error *err;
} map_call;

// An array without bytes may be NULL.
static char *row_of_array(char *rows, int64_t row, size_t row_bytes) {
    return rows != NULL ? rows + (size_t)row * row_bytes : NULL;
}

// Ends the stretch and fills up to row `next`.
static psq_status flush(map_call *call, int64_t next) {
    if (call->end > call->first) {
        const char *const src = row_of_array(call->src, call->first, call->src_row_bytes);
        char *const dst = row_of_array(call->dst, call->first, call->dst_row_bytes);
        const psq_status status = call->fn(call->arg, call->end - call->first, src, dst);
        PSQ_REQUIRE(call->err, status == PSQ_OK, status, "fn gave \"%s\" for rows %lld to %lld",
                    psq_status_name(status), (long long)call->first, (long long)call->end - 1);
    }
    psq_fill_bytes(row_of_array(call->dst, call->end, call->dst_row_bytes),
                   (size_t)(next - call->end) * call->dst_row_bytes, call->fill);
    call->first = next;
    call->end = next;
    return PSQ_OK;
}

// Rows first to end - 1 are elements.
static psq_status add(map_call *call, int64_t first, int64_t end) {
    if (end > first && first != call->end) {
        PSQ_TRY(flush(call, first));
    }
    call->end = end > first ? end : call->end;
    return PSQ_OK;
}

static psq_status walk_sequences(map_call *call, const psq_layout *layout, psq_storage storage) {
    for (int64_t b = 0; b < layout->n_seq; b++) {
        const int64_t n = layout->lengths[b];
        const int64_t first = n > 0 ? psq_row(layout, storage, b, 0) : 0;
        PSQ_TRY(add(call, first, first + n));
    }
    return PSQ_OK;
}

static psq_status walk_steps(map_call *call, const psq_layout *layout, psq_storage storage) {
    const int64_t B = layout->n_seq;
    const int64_t S = psq_storage_steps(layout, storage);
    for (int64_t step = 0; step < S; step++) {
        const int64_t shortest = storage.pad_left ? S - step : step + 1;
        for (int64_t b = 0; b < B; b++) {
            const int64_t row = step * B + b;
            PSQ_TRY(add(call, row, row + (layout->lengths[b] >= shortest ? 1 : 0)));
        }
    }
    return PSQ_OK;
}

psq_status psq_map(const psq_layout *layout, psq_storage storage, const void *src,
                   size_t src_row_bytes, void *dst, size_t dst_row_bytes, psq_fill fill,
                   psq_map_fn fn, void *arg, psq_error *err) {
    int64_t n_rows = 0;
    PSQ_TRY(psq_storage_check(layout, "storage", storage, &n_rows, err));
    PSQ_TRY(psq_rows_check("src", src == NULL, n_rows, src_row_bytes, err));
    PSQ_TRY(psq_rows_check("dst", dst == NULL, n_rows, dst_row_bytes, err));
    PSQ_TRY(psq_fill_check(fill, "dst_row_bytes", dst_row_bytes, err));
    PSQ_REQUIRE(err, fn != NULL, PSQ_INVALID, "fn is NULL");
    map_call call = {.src = (char *)src,
                     .src_row_bytes = src_row_bytes,
                     .dst = (char *)dst,
                     .dst_row_bytes = dst_row_bytes,
                     .fill = fill,
                     .fn = fn,
                     .arg = arg,
                     .err = err};
    switch (storage.order) {
    case PSQ_PADDED_TIME:
        PSQ_TRY(walk_steps(&call, layout, storage));
        break;
    case PSQ_PADDED_BATCH:
        PSQ_TRY(walk_sequences(&call, layout, storage));
        break;
    default:
        PSQ_TRY(add(&call, 0, n_rows));
        break;
    }
    return flush(&call, n_rows);
}
