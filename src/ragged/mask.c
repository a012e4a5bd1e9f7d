// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// mask.c: lengths to masks and back. Along a sequence the yes of a mask is one run, so it is
// written with memset, and read by counting: a sequence with n of them has no hole if the n rows
// at the right end have them. Across sequences a step is compared with all lengths at once.
#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/size.h"
#include "ragged/place.h"

size_t psq_mask_size(psq_mask_kind kind, int64_t n_rows) {
    switch (kind) {
    case PSQ_MASK_BYTES:
        return psq_size_of(n_rows, 1);
    case PSQ_MASK_BITS:
        return n_rows < 0 ? SIZE_MAX : psq_size_of(n_rows / 8 + (n_rows % 8 > 0 ? 1 : 0), 1);
    default:
        return 0;
    }
}

static psq_status check_mask(psq_mask_kind kind, const void *mask, int64_t n_rows, size_t *size,
                             psq_error *err) {
    PSQ_REQUIRE(err, (unsigned)kind < PSQ_N_MASK_KIND, PSQ_INVALID,
                "kind is %d, must be from 0 to %d", (int)kind, PSQ_N_MASK_KIND - 1);
    *size = psq_mask_size(kind, n_rows);
    PSQ_REQUIRE(err, *size != SIZE_MAX, PSQ_NOMEM, "a mask of %lld rows overflows",
                (long long)n_rows);
    PSQ_REQUIRE(err, mask != NULL || n_rows == 0, PSQ_INVALID, "mask is NULL, must have %lld rows",
                (long long)n_rows);
    return PSQ_OK;
}

// ---- from lengths

// Bits first to end - 1, first < end; the others stay.
static void set_bits(unsigned char *mask, int64_t first, int64_t end) {
    const int64_t first_byte = first / 8;
    const int64_t last_byte = (end - 1) / 8;
    const unsigned from_first = 0xffU << first % 8 & 0xffU;
    const unsigned to_last = 0xffU >> (7 - (end - 1) % 8);
    if (first_byte == last_byte) {
        mask[first_byte] = (unsigned char)(mask[first_byte] | (from_first & to_last));
        return;
    }
    mask[first_byte] = (unsigned char)(mask[first_byte] | from_first);
    memset(mask + first_byte + 1, 0xff, (size_t)(last_byte - first_byte - 1));
    mask[last_byte] = (unsigned char)(mask[last_byte] | to_last);
}

static void set_rows(psq_mask_kind kind, unsigned char *mask, int64_t first, int64_t end) {
    if (first == end) {
        return;
    }
    if (kind == PSQ_MASK_BITS) {
        set_bits(mask, first, end);
    } else {
        memset(mask + first, 1, (size_t)(end - first));
    }
}

// Whether a sequence has an element at a stored step: is its length above this number, or, with
// padding on the left, at least that.
static int64_t bound_of_step(psq_storage storage, int64_t S, int64_t step) {
    return storage.pad_left ? S - step - 1 : step;
}

static void write_time_bytes(const psq_layout *layout, psq_storage storage, unsigned char *mask) {
    const int64_t B = layout->n_seq;
    const int64_t S = psq_storage_steps(layout, storage);
    for (int64_t step = 0; step < S; step++) {
        const int64_t bound = bound_of_step(storage, S, step);
        unsigned char *const rows = mask + step * B;
        for (int64_t b = 0; b < B; b++) {
            rows[b] = layout->lengths[b] > bound;
        }
    }
}

// A row's bit waits until its byte has all eight.
static void write_time_bits(const psq_layout *layout, psq_storage storage, unsigned char *mask) {
    const int64_t B = layout->n_seq;
    const int64_t S = psq_storage_steps(layout, storage);
    unsigned byte = 0;
    int64_t row = 0;
    for (int64_t step = 0; step < S; step++) {
        const int64_t bound = bound_of_step(storage, S, step);
        for (int64_t b = 0; b < B; b++, row++) {
            byte |= (unsigned)(layout->lengths[b] > bound) << row % 8;
            if (row % 8 == 7) {
                mask[row / 8] = (unsigned char)byte;
                byte = 0;
            }
        }
    }
    if (row % 8 != 0) {
        mask[row / 8] = (unsigned char)byte;
    }
}

static void write_sequences(const psq_layout *layout, psq_storage storage, psq_mask_kind kind,
                            unsigned char *mask) {
    const int64_t S = psq_storage_steps(layout, storage);
    for (int64_t b = 0; b < layout->n_seq; b++) {
        const int64_t first = b * S + (storage.pad_left ? S - layout->lengths[b] : 0);
        set_rows(kind, mask, first, first + layout->lengths[b]);
    }
}

psq_status psq_layout_mask(const psq_layout *layout, psq_storage storage, psq_mask_kind kind,
                           void *mask, psq_error *err) {
    int64_t n_rows = 0;
    size_t size = 0;
    PSQ_TRY(psq_storage_check(layout, "storage", storage, &n_rows, err));
    PSQ_TRY(check_mask(kind, mask, n_rows, &size, err));
    if (n_rows == 0) {
        return PSQ_OK;
    }
    if (storage.order == PSQ_PADDED_TIME) {
        (kind == PSQ_MASK_BITS ? write_time_bits : write_time_bytes)(layout, storage,
                                                                     (unsigned char *)mask);
        return PSQ_OK;
    }
    memset(mask, 0, size);
    if (storage.order == PSQ_PADDED_BATCH) {
        write_sequences(layout, storage, kind, (unsigned char *)mask);
    } else {
        set_rows(kind, (unsigned char *)mask, 0, n_rows);
    }
    return PSQ_OK;
}

// ---- to lengths

// A padded mask of a batch whose lengths are not known yet.
typedef struct mask_of {
    const unsigned char *rows;
    psq_mask_kind kind;
    bool by_time, pad_left;
    int64_t B, S;
} mask_of;

static bool row_of(const mask_of *mask, int64_t row) {
    return mask->kind == PSQ_MASK_BITS ? mask->rows[row / 8] >> row % 8 & 1 : mask->rows[row] != 0;
}

static bool step_of(const mask_of *mask, int64_t b, int64_t step) {
    return row_of(mask, mask->by_time ? step * mask->B + b : b * mask->S + step);
}

static int64_t count_bits(const unsigned char *bits, int64_t first, int64_t end) {
    int64_t n = 0;
    int64_t i = first;
    for (; i < end && i % 8 != 0; i++) {
        n += bits[i / 8] >> i % 8 & 1;
    }
    for (; i + 64 <= end; i += 64) {
        uint64_t word;
        memcpy(&word, bits + i / 8, sizeof word);
        n += __builtin_popcountll(word);
    }
    for (; i < end; i++) {
        n += bits[i / 8] >> i % 8 & 1;
    }
    return n;
}

// Eight bytes at a time: the top bit of a byte is set where the byte is not 0, and a product adds
// the eight.
static int64_t count_bytes(const unsigned char *bytes, int64_t n_bytes) {
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t low = ones * 0x7f;
    int64_t n = 0;
    int64_t i = 0;
    for (; i + 8 <= n_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        n += (int64_t)(((((word & low) + low) | word) >> 7 & ones) * ones >> 56);
    }
    for (; i < n_bytes; i++) {
        n += bytes[i] != 0;
    }
    return n;
}

// How many of the rows first to end - 1 are elements.
static int64_t count_rows(const mask_of *mask, int64_t first, int64_t end) {
    return mask->kind == PSQ_MASK_BITS ? count_bits(mask->rows, first, end)
                                       : count_bytes(mask->rows + first, end - first);
}

// Names the step where the run of elements, or of padding if that is on the left, has a hole.
static psq_status fail_hole(const mask_of *mask, int64_t b, psq_error *err) {
    int64_t step = 0;
    while (step_of(mask, b, step) != mask->pad_left ||
           step_of(mask, b, step + 1) == mask->pad_left) {
        step++;
    }
    return psq_fail(err, PSQ_INVALID,
                    "mask of sequence %lld is %d at step %lld and %d at step %lld, "
                    "must have its 0 on the %s",
                    (long long)b, mask->pad_left, (long long)step, !mask->pad_left,
                    (long long)(step + 1), mask->pad_left ? "left" : "right");
}

static psq_status read_sequences(const mask_of *mask, int64_t *lengths, psq_error *err) {
    for (int64_t b = 0; b < mask->B; b++) {
        const int64_t first = b * mask->S;
        const int64_t end = first + mask->S;
        const int64_t n = count_rows(mask, first, end);
        const int64_t n_run =
            mask->pad_left ? count_rows(mask, end - n, end) : count_rows(mask, first, first + n);
        if (n_run != n) {
            return fail_hole(mask, b, err);
        }
        lengths[b] = n;
    }
    return PSQ_OK;
}

// n_run[b] counts what must be one run from step 0 on: the elements, or the padding on the left.
// So at each step that continues it, it is the step's number. lengths come as zeros.
static psq_status read_steps(const mask_of *mask, int64_t *lengths, psq_error *err) {
    int64_t *const n_run = lengths;
    for (int64_t step = 0; step < mask->S; step++) {
        bool has_hole = false;
        for (int64_t b = 0; b < mask->B; b++) {
            const bool goes_on = row_of(mask, step * mask->B + b) != mask->pad_left;
            has_hole |= goes_on & (n_run[b] != step);
            n_run[b] += goes_on;
        }
        for (int64_t b = 0; has_hole && b < mask->B; b++) {
            // The count includes this step, which is only right if it is one of all.
            if (step_of(mask, b, step) != mask->pad_left && n_run[b] != step + 1) {
                return fail_hole(mask, b, err);
            }
        }
    }
    for (int64_t b = 0; b < mask->B && mask->pad_left; b++) {
        lengths[b] = mask->S - n_run[b];
    }
    return PSQ_OK;
}

psq_status psq_layout_from_mask(const psq_ctx *ctx, psq_storage storage, int64_t n_seq,
                                psq_mask_kind kind, const void *mask, psq_layout **out,
                                psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, psq_is_padded(storage.order), PSQ_INVALID,
                "storage.order is %d, must be padded: %d or %d", (int)storage.order,
                PSQ_PADDED_TIME, PSQ_PADDED_BATCH);
    PSQ_REQUIRE(err, n_seq >= 0, PSQ_INVALID, "n_seq is %lld, must be at least 0",
                (long long)n_seq);
    PSQ_REQUIRE(err, storage.n_steps >= 0, PSQ_INVALID,
                "storage.n_steps is %lld, must be at least 0", (long long)storage.n_steps);
    int64_t n_rows = 0;
    size_t size = 0;
    PSQ_REQUIRE(err, psq_count_mul(n_seq, storage.n_steps, &n_rows), PSQ_NOMEM,
                "a mask of %lld sequences of %lld steps overflows", (long long)n_seq,
                (long long)storage.n_steps);
    PSQ_TRY(check_mask(kind, mask, n_rows, &size, err));
    const mask_of given = {.rows = (const unsigned char *)mask,
                           .kind = kind,
                           .by_time = storage.order == PSQ_PADDED_TIME,
                           .pad_left = storage.pad_left,
                           .B = n_seq,
                           .S = storage.n_steps};
    int64_t *lengths = NULL;
    psq_status status = PSQ_OK;
    PSQ_TRY(psq_alloc_zero(ctx, n_seq, sizeof *lengths, "the lengths of a mask", (void **)&lengths,
                           err));
    if (n_rows > 0) {
        PSQ_TRY_GOTO(end, (given.by_time ? read_steps : read_sequences)(&given, lengths, err));
    }
    PSQ_TRY_GOTO(end, psq_layout_from_lengths(ctx, lengths, n_seq, out, err));
end:
    psq_free(ctx, lengths);
    return status;
}
