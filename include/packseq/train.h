// SPDX-FileCopyrightText: 2026 the packseq authors
// SPDX-License-Identifier: Apache-2.0

// train.h: from samples to a trained network: tokens or dense rows -> recurrent stack -> head ->
// softmax cross-entropy, optimisers, schedules, and a fit loop that calls back and prints nothing.
//
// The loss of a batch is the sum over its valid targets divided by their number, so that ragged
// batches weigh every target alike, and an empty batch has loss 0 and zero gradients.
#ifndef PACKSEQ_TRAIN_H
#define PACKSEQ_TRAIN_H

#include "packseq/base.h"
#include "packseq/layout.h"
#include "packseq/rnn.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- models

typedef enum psq_head {
    PSQ_HEAD_LAST = 0, // one target per sequence, from the last layer's final states [D*R]
    PSQ_HEAD_MEAN,     // one target per sequence, from the mean of its output rows (zeros if it has
                       // none)
    PSQ_HEAD_MAX,      // one target per sequence, from the element-wise maximum (zeros if it has no
                       // rows; the earliest row wins a tie, NaN over all)
    PSQ_HEAD_TOKEN,    // one target per row
    PSQ_N_HEAD
} psq_head;

// "last", "mean", "max", "token"; NULL for a value outside the enum.
PSQ_API const char *psq_head_name(psq_head head);

typedef struct psq_model_spec {
    size_t struct_size; // set by PSQ_MODEL_SPEC_INIT
    int64_t vocab_size; // V > 0: input rows are tokens 0 to V-1, embedded into rnn.input_size
                        // values; default 0: input rows are rnn.input_size values
    int64_t n_classes;  // C, at least 1; to be set
    psq_head head;      // default PSQ_HEAD_LAST
    double dropout;     // default 0; on the head's input, in training
    psq_rnn_spec rnn;   // its dtype is the model's; n_tokens is 0 or V, either means V
} psq_model_spec;

#define PSQ_MODEL_SPEC_INIT \
    { sizeof(psq_model_spec), 0, 0, PSQ_HEAD_LAST, 0.0, PSQ_RNN_SPEC_INIT }

// An immutable plan, as psq_rnn; may be shared by threads.
typedef struct psq_model psq_model;

// PSQ_INVALID, PSQ_NOMEM: as psq_rnn_create. PSQ_UNSUPPORTED: likewise; with dropout on the head's
// input, 256 layers or more, or D*R above 4,194,304.
PSQ_API PSQ_MUST psq_status psq_model_create(const psq_ctx *ctx, const psq_model_spec *spec,
                                             psq_model **out, psq_error *err);
PSQ_API void psq_model_destroy(psq_model *model);
PSQ_API const psq_model_spec *psq_model_get_spec(const psq_model *model);

// One flat buffer: embedding.weight [V][I] if V > 0, rnn.* (psq_rnn_params with that prefix),
// head.weight [C][D*R], head.bias [C]: the names a torch module with fields embedding, rnn and head
// would have.
PSQ_API int64_t psq_model_n_params(const psq_model *model);
PSQ_API int64_t psq_model_n_weights(const psq_model *model);
PSQ_API const psq_param *psq_model_params(const psq_model *model);

// embedding normal(0, 1), rnn as psq_rnn_init, head uniform in +-1/sqrt(D*R), as torch's modules
// do. Each element is a function of the seed and its index, made without the C library's functions.
PSQ_API void psq_model_init(const psq_model *model, uint64_t seed, void *weights);

// ---- model <-> named tensors and metadata, for files (packseq/io.h writes and reads them)

enum { PSQ_MODEL_N_PAIRS = 16 };

// Writes psq_model_n_params tensors that borrow `weights` and the model's names, and the
// architecture as *n_pairs pairs ("packseq.cell" = "lstm" ...); keys are static, values are written
// into `values`.
typedef struct psq_model_meta {
    psq_pair pairs[PSQ_MODEL_N_PAIRS];
    int64_t n_pairs;
    char values[PSQ_MODEL_N_PAIRS][32];
} psq_model_meta;

PSQ_API void psq_model_export(const psq_model *model, void *weights, psq_tensor *tensors,
                              psq_model_meta *meta);

// The spec that pairs describe; pairs with keys that do not begin with "packseq." are ignored.
// PSQ_FORMAT: a missing, repeated or unknown key, or a value that is not what its key wants.
PSQ_API PSQ_MUST psq_status psq_model_spec_from_pairs(const psq_pair *pairs, int64_t n_pairs,
                                                      psq_model_spec *spec, psq_error *err);

// Copies tensors, in any order, into weights by name. PSQ_FORMAT: a parameter without a tensor, a
// tensor that is no parameter, a repeated name, another shape or dtype; PSQ_INVALID: a tensor whose
// name is NULL, or its data where it has elements; PSQ_NOMEM. weights are untouched then. weights
// may be NULL: only check, before memory is taken for a stranger's model.
PSQ_API PSQ_MUST psq_status psq_model_import(const psq_model *model, const psq_tensor *tensors,
                                             int64_t n_tensors, void *weights, psq_error *err);

// ---- samples

// Borrowed ragged samples in jagged order.
typedef struct psq_samples {
    int64_t n_seq;
    const int64_t *offsets; // [n_seq + 1], offsets[0] = 0
    const int32_t *tokens;  // [offsets[n_seq]] if the model has a vocabulary, else NULL
    const void *rows;       // [offsets[n_seq]][I] otherwise
    const int32_t *targets; // [n_seq], or [offsets[n_seq]] for PSQ_HEAD_TOKEN: class 0 to C-1, or
                            // -1: not valid, does not count. NULL: none is valid
} psq_samples;

// ---- one batch

// A session owns and grows what a model needs to run: panels, reserve, scratch, activations. One
// thread at a time.
typedef struct psq_session psq_session;

// ctx and model must outlive the session. PSQ_INVALID: an argument is NULL; PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_session_create(const psq_ctx *ctx, const psq_model *model,
                                               psq_session **out, psq_error *err);
PSQ_API void psq_session_destroy(psq_session *session);

typedef struct psq_batch_result {
    double loss_sum;   // sum of the cross-entropies of the valid targets, in nats
    int64_t n_valid;   // valid targets
    int64_t n_correct; // of those, how many have their class as the largest logit (first of equals)
} psq_batch_result;

// Runs the chosen samples, index[n] (NULL: all in order, n = n_seq; one may be chosen twice),
// through the model. logits, if not NULL, receives [n or the chosen rows in jagged order][C];
// predictions, if not NULL, the class with the largest logit of each. PSQ_INVALID: a token, target
// or index out of range (named); NULL arrays; offsets[0] not 0 or offsets that decrease. Only the
// chosen samples are looked at. PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_session_eval(psq_session *session, const void *weights,
                                             const psq_samples *samples, const int64_t *index,
                                             int64_t n, void *logits, int32_t *predictions,
                                             psq_batch_result *result, psq_error *err);

// The same in training mode (dropout active, with `seed`; a sequence's id is its index in samples),
// and adds the gradient of loss_sum / n_valid to dweights [psq_model_n_weights].
PSQ_API PSQ_MUST psq_status psq_session_grad(psq_session *session, const void *weights,
                                             const psq_samples *samples, const int64_t *index,
                                             int64_t n, uint64_t seed, void *dweights,
                                             psq_batch_result *result, psq_error *err);

// ---- optimisers

typedef enum psq_optim_kind { PSQ_SGD = 0, PSQ_ADAM, PSQ_ADAMW, PSQ_N_OPTIM } psq_optim_kind;

// "sgd", "adam", "adamw"; NULL for a value outside the enum.
PSQ_API const char *psq_optim_name(psq_optim_kind kind);

// The equations and defaults are those of torch.optim (docs/math.md).
typedef struct psq_optim {
    size_t struct_size;  // set by PSQ_OPTIM_INIT
    psq_optim_kind kind; // default PSQ_ADAMW
    double lr;           // default 1e-3
    double momentum;     // default 0; SGD
    double beta1, beta2; // default 0.9, 0.999; Adam, AdamW
    double eps;          // default 1e-8; Adam, AdamW, at least FLT_MIN: 0 / 0 is no step
    double
        weight_decay; // default 0; SGD and Adam add it to the gradient, AdamW shrinks the weights
} psq_optim;

#define PSQ_OPTIM_INIT \
    { sizeof(psq_optim), PSQ_ADAMW, 1e-3, 0.0, 0.9, 0.999, 1e-8, 0.0 }

// Elements of state that the optimiser keeps for n weights: 0, n or 2n. The state starts as zeros.
PSQ_API int64_t psq_optim_n_state(const psq_optim *optim, int64_t n);

// One step in place. step counts from 1; lr_scale multiplies optim->lr. state may be NULL if its
// size is 0. PSQ_INVALID: dtype not PSQ_F32 or PSQ_F64, step < 1, a value out of range.
PSQ_API PSQ_MUST psq_status psq_optim_step(const psq_ctx *ctx, const psq_optim *optim,
                                           psq_dtype dtype, int64_t n, void *weights,
                                           const void *grads, void *state, int64_t step,
                                           double lr_scale, psq_error *err);

// Scales grads by max_norm / (norm + 1e-6) if their Euclidean norm is above max_norm, as torch's
// clip_grad_norm_ does; *norm, if not NULL, is the norm before. max_norm <= 0: only measure.
PSQ_API PSQ_MUST psq_status psq_clip_norm(const psq_ctx *ctx, psq_dtype dtype, int64_t n,
                                          void *grads, double max_norm, double *norm,
                                          psq_error *err);

typedef enum psq_schedule_kind {
    PSQ_SCHEDULE_CONSTANT = 0,
    PSQ_SCHEDULE_LINEAR, // to 0
    PSQ_SCHEDULE_COSINE, // to 0
    PSQ_N_SCHEDULE
} psq_schedule_kind;

// "constant", "linear", "cosine"; NULL for a value outside the enum.
PSQ_API const char *psq_schedule_name(psq_schedule_kind kind);

// The factor of the learning rate at step 1 to n_steps: rises linearly over the first n_warmup
// steps, to 1 at step n_warmup, then follows the kind, reaching its end at n_steps. The cosine's
// absolute error is below 1e-15.
PSQ_API double psq_schedule_factor(psq_schedule_kind kind, int64_t step, int64_t n_steps,
                                   int64_t n_warmup);

// ---- fit

typedef struct psq_fit_progress {
    int64_t epoch, n_epochs; // from 1
    int64_t step, n_steps;   // from 1, over the whole fit
    bool epoch_end;   // the last step of an epoch; train and valid are of the whole epoch then
    double lr;        // of this step
    double grad_norm; // of this step, before clipping
    psq_batch_result batch; // of this step
    psq_batch_result train; // sums over this epoch so far
    psq_batch_result valid; // at epoch_end, of the validation samples if there are any
    int64_t n_rows;         // rows trained on so far in this fit
} psq_fit_progress;

typedef struct psq_fit_opts {
    size_t struct_size;         // set by PSQ_FIT_OPTS_INIT
    psq_optim optim;            // default PSQ_OPTIM_INIT
    psq_schedule_kind schedule; // default constant
    int64_t n_warmup;           // default 0 steps
    int64_t n_epochs;           // default 10
    int64_t batch_size;         // sequences, default 32
    double clip;                // default 0: no clipping; else the largest norm
    uint64_t seed;              // default 0; shuffles and dropout masks are functions of it
    // Called after each step; returning false stops the fit with PSQ_CANCELLED, weights as they are
    // then.
    bool (*progress)(void *self, const psq_fit_progress *progress);
    void *progress_self;
} psq_fit_opts;

#define PSQ_FIT_OPTS_INIT \
    { sizeof(psq_fit_opts), PSQ_OPTIM_INIT, PSQ_SCHEDULE_CONSTANT, 0, 10, 32, 0.0, 0, NULL, NULL }

// Trains weights in place. Each epoch visits all samples once in an order that is a function of
// (seed, epoch). valid may be NULL; it is evaluated 256 sequences at a time. The result is a
// function of the arguments, bit for bit. Stops with PSQ_INVALID, naming the step, if the loss or
// the gradient's norm is no longer finite; weights are those before that step then. PSQ_INVALID: as
// psq_session_eval, and options out of range; PSQ_NOMEM.
PSQ_API PSQ_MUST psq_status psq_fit(psq_session *session, void *weights, const psq_samples *train,
                                    const psq_samples *valid, const psq_fit_opts *opts,
                                    psq_error *err);

#ifdef __cplusplus
}
#endif

#endif
