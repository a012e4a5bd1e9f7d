// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// rnn_api.c: the border. Everything a caller hands to forward and backward is checked here, once,
// in the order of the arguments; behind it there are only assertions.
#include <stdint.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "base/size.h"
#include "rnn/run.h"

static psq_status check_flags(unsigned flags, psq_error *err) {
    PSQ_REQUIRE(err, (flags & ~(unsigned)(PSQ_TRAIN | PSQ_KEEP | PSQ_RECOMPUTE)) == 0, PSQ_INVALID,
                "flags is %u, must be a sum of PSQ_TRAIN %d, PSQ_KEEP %d and PSQ_RECOMPUTE %d",
                flags, PSQ_TRAIN, PSQ_KEEP, PSQ_RECOMPUTE);
    PSQ_REQUIRE(err, flags == 0 || (flags & PSQ_TRAIN) != 0, PSQ_INVALID,
                "flags is %u, PSQ_KEEP %d and PSQ_RECOMPUTE %d need PSQ_TRAIN %d", flags, PSQ_KEEP,
                PSQ_RECOMPUTE, PSQ_TRAIN);
    return PSQ_OK;
}

psq_status psq_rnn_sizes(const psq_rnn *rnn, const psq_layout *layout, unsigned flags,
                         size_t *reserve_bytes, size_t *scratch_bytes, psq_error *err) {
    PSQ_REQUIRE(err, rnn != NULL, PSQ_INVALID, "rnn is NULL");
    PSQ_REQUIRE(err, layout != NULL, PSQ_INVALID, "layout is NULL");
    PSQ_REQUIRE(err, reserve_bytes != NULL, PSQ_INVALID, "reserve_bytes is NULL");
    PSQ_REQUIRE(err, scratch_bytes != NULL, PSQ_INVALID, "scratch_bytes is NULL");
    PSQ_TRY(check_flags(flags, err));
    *reserve_bytes = (flags & PSQ_TRAIN) != 0 ? psq_reserve_bytes(rnn, layout, flags) : 0;
    *scratch_bytes = psq_scratch_bytes(rnn, layout, flags);
    PSQ_REQUIRE(err, *reserve_bytes <= PTRDIFF_MAX && *scratch_bytes <= PTRDIFF_MAX, PSQ_NOMEM,
                "reserve and scratch overflow: %lld rows, hidden_size %lld, n_layers %lld",
                (long long)layout->n_rows, (long long)rnn->H, (long long)rnn->spec.n_layers);
    return PSQ_OK;
}

// ---- arrays

// What the elements of a call's arrays are checked against.
typedef struct check {
    const psq_rnn *rnn;
    const psq_layout *layout;
    psq_error *err;
    int64_t n_x_rows;
    int64_t n_y_rows;
} check;

// NULL or aligned.
static psq_status check_array(const check *k, const char *name, const void *array) {
    PSQ_REQUIRE(k->err, (uintptr_t)array % k->rnn->size == 0, PSQ_INVALID,
                "%s is not aligned to its elements of %zu bytes", name, k->rnn->size);
    return PSQ_OK;
}

// An array that only cells with a cell state have.
static psq_status check_c_array(const check *k, const char *name, const void *array) {
    PSQ_REQUIRE(k->err, array == NULL || k->rnn->cell->has_c, PSQ_INVALID,
                "%s is given, but %s has no cell state", name, k->rnn->cell->name);
    return check_array(k, name, array);
}

// Rows of x or y.
static psq_status check_storage(const check *k, const char *name, psq_storage storage,
                                int64_t width, int64_t *n_rows) {
    PSQ_TRY(psq_storage_check(k->layout, name, storage, n_rows, k->err));
    int64_t n;
    PSQ_REQUIRE(k->err,
                psq_count_mul(*n_rows, width, &n) && psq_size_of(n, k->rnn->size) <= PTRDIFF_MAX,
                PSQ_NOMEM, "%s has %lld rows of %lld elements, which overflows", name,
                (long long)*n_rows, (long long)width);
    return PSQ_OK;
}

static psq_status check_starts(const check *k, const int64_t *starts) {
    for (int64_t b = 0; starts != NULL && b < k->layout->n_seq; b++) {
        PSQ_REQUIRE(k->err, starts[b] >= 0, PSQ_INVALID,
                    "io.starts[%lld] is %lld, must be at least 0", (long long)b,
                    (long long)starts[b]);
    }
    return PSQ_OK;
}

// Each element's token, or none where there is no table.
static psq_status check_tokens(const check *k, const psq_rnn_io *io) {
    const int64_t V = k->rnn->spec.n_tokens;
    const psq_layout *const layout = k->layout;
    PSQ_REQUIRE(k->err, V > 0 || io->tokens == NULL, PSQ_INVALID,
                "io.tokens is given, but spec.n_tokens is 0");
    PSQ_REQUIRE(k->err, V == 0 || io->tokens != NULL || k->n_x_rows == 0, PSQ_INVALID,
                "io.tokens is NULL, must be %lld rows", (long long)k->n_x_rows);
    PSQ_REQUIRE(k->err, (uintptr_t)io->tokens % sizeof *io->tokens == 0, PSQ_INVALID,
                "io.tokens is not aligned to its elements of %zu bytes", sizeof *io->tokens);
    for (int64_t b = 0; io->tokens != NULL && b < layout->n_seq; b++) {
        for (int64_t t = 0; t < layout->lengths[b]; t++) {
            const int32_t token = io->tokens[psq_row(layout, io->x_storage, b, t)];
            PSQ_REQUIRE(k->err, token >= 0 && token < V, PSQ_INVALID,
                        "io.tokens of sequence %lld at time %lld is %ld, must be from 0 to %lld",
                        (long long)b, (long long)t, (long)token, (long long)V - 1);
        }
    }
    return PSQ_OK;
}

static psq_status check_io(check *k, const psq_rnn_io *io) {
    psq_error *const err = k->err;
    PSQ_REQUIRE(err, io->struct_size == sizeof *io, PSQ_INVALID,
                "io.struct_size is %zu, must be %zu", io->struct_size, sizeof *io);
    const int64_t I = k->rnn->spec.input_size;
    const int64_t width = k->rnn->D * k->rnn->R;
    const int64_t V = k->rnn->spec.n_tokens;
    PSQ_TRY(check_storage(k, "io.x_storage", io->x_storage, V > 0 ? 1 : I, &k->n_x_rows));
    PSQ_TRY(check_storage(k, "io.y_storage", io->y_storage, width, &k->n_y_rows));
    const int64_t n_rows = V > 0 ? V : k->n_x_rows;
    PSQ_REQUIRE(err, io->x != NULL || n_rows == 0 || I == 0, PSQ_INVALID,
                "io.x is NULL, must be %lld rows of %lld elements", (long long)n_rows,
                (long long)I);
    PSQ_TRY(check_array(k, "io.x", io->x));
    PSQ_TRY(check_array(k, "io.y", io->y));
    PSQ_TRY(check_array(k, "io.h0", io->h0));
    PSQ_TRY(check_c_array(k, "io.c0", io->c0));
    PSQ_TRY(check_array(k, "io.hn", io->hn));
    PSQ_TRY(check_c_array(k, "io.cn", io->cn));
    PSQ_TRY(check_array(k, "io.layer_outputs", io->layer_outputs));
    PSQ_TRY(check_c_array(k, "io.cells", io->cells));
    PSQ_TRY(check_starts(k, io->starts));
    return check_tokens(k, io);
}

static psq_status check_grads(const check *k, const psq_rnn_grads *grads) {
    PSQ_REQUIRE(k->err, grads != NULL, PSQ_INVALID, "grads is NULL");
    PSQ_REQUIRE(k->err, grads->struct_size == sizeof *grads, PSQ_INVALID,
                "grads.struct_size is %zu, must be %zu", grads->struct_size, sizeof *grads);
    PSQ_TRY(check_array(k, "grads.dy", grads->dy));
    PSQ_TRY(check_array(k, "grads.dhn", grads->dhn));
    PSQ_TRY(check_c_array(k, "grads.dcn", grads->dcn));
    PSQ_TRY(check_array(k, "grads.dx", grads->dx));
    PSQ_TRY(check_array(k, "grads.dh0", grads->dh0));
    PSQ_TRY(check_c_array(k, "grads.dc0", grads->dc0));
    return check_array(k, "grads.dweights", grads->dweights);
}

// ---- our buffers

static psq_status check_buffer(const char *name, const void *buffer, size_t size, psq_error *err) {
    if (size == 0) {
        return PSQ_OK; // never looked at
    }
    PSQ_REQUIRE(err, buffer != NULL, PSQ_INVALID, "%s is NULL, must be %zu bytes", name, size);
    PSQ_REQUIRE(err, (uintptr_t)buffer % PSQ_ALIGN == 0, PSQ_INVALID,
                "%s is not aligned to %d bytes", name, PSQ_ALIGN);
    return PSQ_OK;
}

static psq_status check_call(psq_call *call, psq_error *err) {
    PSQ_REQUIRE(err, call->rnn != NULL, PSQ_INVALID, "rnn is NULL");
    PSQ_REQUIRE(err, call->layout != NULL, PSQ_INVALID, "layout is NULL");
    PSQ_TRY(check_buffer("panels", call->panels, psq_rnn_panel_bytes(call->rnn), err));
    PSQ_REQUIRE(err, call->io != NULL, PSQ_INVALID, "io is NULL");
    check k = {.rnn = call->rnn, .layout = call->layout, .err = err};
    PSQ_TRY(check_io(&k, call->io));
    call->n_y_rows = k.n_y_rows;
    size_t reserve_bytes;
    size_t scratch_bytes;
    PSQ_TRY(
        psq_rnn_sizes(call->rnn, call->layout, call->flags, &reserve_bytes, &scratch_bytes, err));
    PSQ_TRY(check_buffer("reserve", call->reserve, reserve_bytes, err));
    return check_buffer("scratch", call->scratch, scratch_bytes, err);
}

psq_status psq_rnn_forward(const psq_rnn *rnn, const psq_layout *layout, const void *panels,
                           const psq_rnn_io *io, unsigned flags, void *reserve, void *scratch,
                           psq_error *err) {
    psq_call call = {.rnn = rnn,
                     .layout = layout,
                     .panels = panels,
                     .io = io,
                     .flags = flags,
                     .reserve = reserve,
                     .scratch = scratch};
    PSQ_TRY(check_call(&call, err));
    const psq_fpenv saved = psq_fpenv_enter();
    psq_run_forward(&call);
    psq_fpenv_leave(saved);
    return PSQ_OK;
}

psq_status psq_rnn_backward(const psq_rnn *rnn, const psq_layout *layout, const void *panels,
                            const psq_rnn_io *io, const psq_rnn_grads *grads, unsigned flags,
                            void *reserve, void *scratch, psq_error *err) {
    PSQ_TRY(check_flags(flags, err));
    PSQ_REQUIRE(err, flags != 0, PSQ_INVALID, "flags is 0, must have PSQ_TRAIN %d", PSQ_TRAIN);
    psq_call call = {.rnn = rnn,
                     .layout = layout,
                     .panels = panels,
                     .io = io,
                     .flags = flags,
                     .reserve = reserve,
                     .scratch = scratch};
    PSQ_TRY(check_call(&call, err));
    const check k = {.rnn = rnn, .layout = layout, .err = err};
    PSQ_TRY(check_grads(&k, grads));
    const psq_fpenv saved = psq_fpenv_enter();
    psq_run_backward(&call, grads);
    psq_fpenv_leave(saved);
    return PSQ_OK;
}
