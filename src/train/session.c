// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// session.c: one batch through a model. A session's regions only grow, so that after the largest
// batch nothing but the layout is allocated; a batch's arrays are carved anew each time, in a
// measuring run first.
#include "train/session.h"

#include <string.h>

#include "base/ctx.h"
#include "base/error.h"
#include "base/fpenv.h"
#include "base/size.h"

psq_status psq_session_create(const psq_ctx *ctx, const psq_model *model, psq_session **out,
                              psq_error *err) {
    PSQ_REQUIRE(err, out != NULL, PSQ_INVALID, "out is NULL");
    *out = NULL;
    PSQ_REQUIRE(err, ctx != NULL, PSQ_INVALID, "ctx is NULL");
    PSQ_REQUIRE(err, model != NULL, PSQ_INVALID, "model is NULL");
    const int64_t C = model->spec.n_classes;
    const int64_t W = model->width;
    const int64_t panel_bytes = (int64_t)psq_rnn_panel_bytes(model->rnn);
    void *memory = NULL;
    PSQ_TRY(psq_alloc_zero(ctx, 1, sizeof(psq_session), "a session", &memory, err));
    psq_session *const session = (psq_session *)memory;
    session->ctx = ctx;
    session->model = model;
    psq_status status = PSQ_OK;
    PSQ_TRY_GOTO(fail, psq_alloc_zero(ctx, panel_bytes, 1, "panels", &session->panels, err));
    PSQ_TRY_GOTO(fail, psq_alloc_zero(ctx, model->kern->panel_size(C, W), model->size, "panels",
                                      &session->head_panel, err));
    PSQ_TRY_GOTO(fail, psq_alloc_zero(ctx, model->kern->panel_size(W, C), model->size, "panels",
                                      &session->head_panel_back, err));
    *out = session;
    return PSQ_OK;
fail:
    psq_session_destroy(session);
    return status;
}

void psq_session_destroy(psq_session *session) {
    if (session != NULL) {
        psq_free(session->ctx, session->panels);
        psq_free(session->ctx, session->head_panel);
        psq_free(session->ctx, session->head_panel_back);
        psq_free(session->ctx, session->lengths);
        psq_free(session->ctx, session->work);
        psq_free(session->ctx, session);
    }
}

// ---- a batch's arrays

static void *take(psq_arena *arena, const psq_model *model, int64_t n_rows, int64_t n_cols) {
    int64_t count = 0;
    // A product that overflows is a count that no arena grants.
    return psq_arena_take(arena, psq_count_mul(n_rows, n_cols, &count) ? count : -1, model->size);
}

void psq_batch_carve(const psq_model *model, size_t reserve, size_t scratch, psq_arena *arena,
                     psq_batch *batch) {
    const psq_head head = model->spec.head;
    const int64_t W = model->width;
    const int64_t I = model->spec.rnn.input_size;
    const int64_t n_states = model->spec.rnn.n_layers * model->D;
    batch->reserve = psq_arena_take(arena, (int64_t)reserve, 1);
    batch->scratch = psq_arena_take(arena, (int64_t)scratch, 1);
    batch->targets = (int32_t *)psq_arena_take(arena, batch->M, sizeof(int32_t));
    batch->rows = model->spec.vocab_size == 0 ? take(arena, model, batch->N, I) : NULL;
    batch->tokens = NULL;
    if (model->spec.vocab_size > 0) {
        batch->tokens = (int32_t *)psq_arena_take(arena, batch->N, sizeof(int32_t));
    }
    batch->y = head != PSQ_HEAD_LAST ? take(arena, model, batch->N, W) : NULL;
    batch->hn = head == PSQ_HEAD_LAST ? take(arena, model, batch->B, n_states * model->R) : NULL;
    batch->features = head != PSQ_HEAD_TOKEN ? take(arena, model, batch->M, W) : batch->y;
    const bool drops = batch->training && model->spec.dropout > 0.0;
    batch->drop = drops ? take(arena, model, batch->M, W) : NULL;
    batch->pooled =
        drops && head == PSQ_HEAD_MAX ? take(arena, model, batch->M, W) : batch->features;
    batch->logits = take(arena, model, batch->M, model->spec.n_classes);
    if (batch->training) {
        batch->work = take(arena, model, model->kern->outer_work(W), 1);
        batch->dfeatures = take(arena, model, batch->M, W);
        batch->dy = head == PSQ_HEAD_MEAN || head == PSQ_HEAD_MAX
                        ? take(arena, model, batch->N, W)
                        : (head == PSQ_HEAD_TOKEN ? batch->dfeatures : NULL);
        batch->dhn =
            head == PSQ_HEAD_LAST ? take(arena, model, batch->B, n_states * model->R) : NULL;
    }
}

static psq_status make_layout(psq_session *session, const psq_choice *choice, psq_layout **layout,
                              psq_error *err) {
    PSQ_TRY(psq_grow(session->ctx, &session->lengths, &session->lengths_bytes, 0,
                     psq_size_of(choice->n, sizeof(int64_t)), "the lengths of a batch", err));
    int64_t *const lengths = (int64_t *)session->lengths;
    for (int64_t b = 0; b < choice->n; b++) {
        const int64_t *const offset = choice->samples->offsets + psq_chosen(choice, b);
        lengths[b] = offset[1] - offset[0];
    }
    return psq_layout_from_lengths(session->ctx, lengths, choice->n, layout, err);
}

static psq_status make_arrays(psq_session *session, psq_batch *batch, psq_error *err) {
    const psq_model *const model = session->model;
    size_t reserve = 0;
    size_t scratch = 0;
    PSQ_TRY(psq_rnn_sizes(model->rnn, batch->layout, batch->training ? PSQ_TRAIN : 0, &reserve,
                          &scratch, err));
    psq_arena arena = {NULL, 0};
    psq_batch_carve(model, reserve, scratch, &arena, batch);
    PSQ_TRY(psq_grow(session->ctx, &session->work, &session->work_bytes, 0, arena.used,
                     "the arrays of a batch", err));
    arena = (psq_arena){(char *)session->work, 0};
    psq_batch_carve(model, reserve, scratch, &arena, batch);
    return PSQ_OK;
}

// targets [M] in the batch's order, and how many of them are valid.
static void gather_targets(const psq_model *model, psq_batch *batch) {
    const psq_samples *const samples = batch->choice->samples;
    const bool per_row = model->spec.head == PSQ_HEAD_TOKEN;
    int64_t m = 0;
    batch->n_valid = 0;
    for (int64_t b = 0; b < batch->B; b++) {
        const int64_t i = psq_chosen(batch->choice, b);
        const int64_t first = per_row ? samples->offsets[i] : i;
        const int64_t end = per_row ? samples->offsets[i + 1] : i + 1;
        for (int64_t k = first; k < end; k++) {
            const int32_t target = samples->targets != NULL ? samples->targets[k] : -1;
            batch->targets[m++] = target;
            batch->n_valid += target >= 0 ? 1 : 0;
        }
    }
}

// ---- running

static psq_status pack(psq_session *session, const void *weights, psq_error *err) {
    const psq_model *const model = session->model;
    const int64_t C = model->spec.n_classes;
    const int64_t W = model->width;
    const void *const head = psq_model_at_const(model, weights, model->head_weight);
    PSQ_TRY(psq_rnn_pack(model->rnn, psq_model_at_const(model, weights, model->n_embedding),
                         session->panels, err));
    model->kern->panel(1, C, W, head, W, 1, session->head_panel);
    model->kern->panel(1, W, C, head, 1, W, session->head_panel_back);
    return PSQ_OK;
}

static psq_rnn_io network_io(const psq_batch *batch) {
    psq_rnn_io io = PSQ_RNN_IO_INIT;
    io.x_storage.order = PSQ_JAGGED;
    io.y_storage.order = PSQ_JAGGED;
    io.x = batch->x;
    io.tokens = batch->tokens;
    io.y = batch->y;
    io.hn = batch->hn;
    io.seed = batch->seed;
    io.ids = batch->choice->index;
    return io;
}

static psq_status backward(psq_session *session, const psq_rnn_io *io, psq_batch *batch,
                           void *dweights, psq_error *err) {
    const psq_model *const model = session->model;
    psq_loss_backward(model, session->head_panel_back, batch, dweights);
    PSQ_TRY(psq_head_scatter(model, batch, err));
    psq_rnn_grads grads = PSQ_RNN_GRADS_INIT;
    grads.dy = batch->dy;
    grads.dhn = batch->dhn;
    grads.dx = model->spec.vocab_size > 0 ? dweights : NULL; // the embedding is the first
    grads.dweights = psq_model_at(model, dweights, model->n_embedding);
    return psq_rnn_backward(model->rnn, batch->layout, session->panels, io, &grads, PSQ_TRAIN,
                            batch->reserve, batch->scratch, err);
}

static psq_status run_batch(psq_session *session, const void *weights, psq_batch *batch,
                            void *dweights, void *logits, int32_t *predictions,
                            psq_batch_result *result, psq_error *err) {
    const psq_model *const model = session->model;
    PSQ_TRY(make_arrays(session, batch, err));
    gather_targets(model, batch);
    if (batch->training && batch->n_valid == 0) {
        *result = (psq_batch_result){0.0, 0, 0};
        return PSQ_OK;
    }
    PSQ_TRY(pack(session, weights, err));
    psq_inputs_gather(model, weights, batch);
    const psq_rnn_io io = network_io(batch);
    PSQ_TRY(psq_rnn_forward(model->rnn, batch->layout, session->panels, &io,
                            batch->training ? PSQ_TRAIN : 0, batch->reserve, batch->scratch, err));
    PSQ_TRY(psq_head_gather(model, batch, err));
    psq_loss_logits(model, weights, session->head_panel, batch);
    if (logits != NULL && batch->M > 0) {
        memcpy(logits, batch->logits, (size_t)(batch->M * model->spec.n_classes) * model->size);
    }
    psq_loss_sum(model, batch, predictions, result);
    return batch->training ? backward(session, &io, batch, dweights, err) : PSQ_OK;
}

psq_status psq_session_run(psq_session *session, const void *weights, const psq_choice *choice,
                           uint64_t seed, void *dweights, void *logits, int32_t *predictions,
                           psq_batch_result *result, psq_error *err) {
    psq_layout *layout = NULL;
    PSQ_TRY(make_layout(session, choice, &layout, err));
    psq_batch batch = {.choice = choice,
                       .layout = layout,
                       .B = choice->n,
                       .N = psq_layout_n_rows(layout),
                       .training = dweights != NULL,
                       .seed = seed};
    batch.M = session->model->spec.head == PSQ_HEAD_TOKEN ? batch.N : batch.B;
    const psq_fpenv saved = psq_fpenv_enter();
    const psq_status status =
        run_batch(session, weights, &batch, dweights, logits, predictions, result, err);
    psq_fpenv_leave(saved);
    psq_layout_destroy(layout);
    return status;
}

psq_status psq_session_eval(psq_session *session, const void *weights, const psq_samples *samples,
                            const int64_t *index, int64_t n, void *logits, int32_t *predictions,
                            psq_batch_result *result, psq_error *err) {
    PSQ_REQUIRE(err, session != NULL, PSQ_INVALID, "session is NULL");
    PSQ_REQUIRE(err, weights != NULL, PSQ_INVALID, "weights is NULL");
    PSQ_REQUIRE(err, samples != NULL, PSQ_INVALID, "samples is NULL");
    PSQ_REQUIRE(err, result != NULL, PSQ_INVALID, "result is NULL");
    const psq_choice choice = {samples, index, 0, n};
    PSQ_TRY(psq_choice_check(session->model, "samples", &choice, err));
    return psq_session_run(session, weights, &choice, 0, NULL, logits, predictions, result, err);
}

psq_status psq_session_grad(psq_session *session, const void *weights, const psq_samples *samples,
                            const int64_t *index, int64_t n, uint64_t seed, void *dweights,
                            psq_batch_result *result, psq_error *err) {
    PSQ_REQUIRE(err, session != NULL, PSQ_INVALID, "session is NULL");
    PSQ_REQUIRE(err, weights != NULL, PSQ_INVALID, "weights is NULL");
    PSQ_REQUIRE(err, samples != NULL, PSQ_INVALID, "samples is NULL");
    PSQ_REQUIRE(err, dweights != NULL, PSQ_INVALID, "dweights is NULL");
    PSQ_REQUIRE(err, result != NULL, PSQ_INVALID, "result is NULL");
    const psq_choice choice = {samples, index, 0, n};
    PSQ_TRY(psq_choice_check(session->model, "samples", &choice, err));
    return psq_session_run(session, weights, &choice, seed, dweights, NULL, NULL, result, err);
}
