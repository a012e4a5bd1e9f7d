# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The fit of a model to real targets by least squares.

psq_fit knows one loss, the cross-entropy of classes. So for this one its steps are taken here, by
the same calls: batches, network, pooling, clipping and optimiser are C's, and the head, which C
keeps to itself, is made of C's dot products of rows and sums over rows. Nothing is left to BLAS,
whose bits depend on its threads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from packseq._core import JAGGED, Layout, address, call, make
from packseq._model import Floats, Model, Targets, Watcher, fit_options
from packseq._native import ffi, lib
from packseq._samples import Samples
from packseq.batches import BatchSampler

_POOLS = {lib.PSQ_HEAD_MEAN: lib.PSQ_POOL_MEAN, lib.PSQ_HEAD_MAX: lib.PSQ_POOL_MAX}


class _Stack:
    """The recurrent stack of a model and what its head looks at, forward and backward."""

    def __init__(self, model: Model) -> None:
        self.ctx = model.ctx
        self.spec = model.spec.rnn
        self.head = model.spec.head
        out = ffi.new("psq_rnn **")
        call(lib.psq_rnn_create, self.ctx, ffi.addressof(model.spec, "rnn"), out)
        self.ptr = ffi.gc(out[0], lib.psq_rnn_destroy)
        self.n_weights = int(lib.psq_rnn_n_weights(self.ptr))
        self.n_directions = 2 if self.spec.bidirectional else 1
        self.n_state = self.spec.proj_size or self.spec.hidden_size
        self.panels = self._memory(lib.psq_rnn_panel_bytes(self.ptr))
        self.sizes = [0, 0]
        self.buffers = [ffi.NULL, ffi.NULL]  # reserve and scratch

    def forward(self, weights: Floats, batch: Samples, seed: int, ids: Any) -> Floats:
        """The head's input [B, W]; what backward needs stays here."""
        self.batch = batch
        self.io = make("psq_rnn_io", x_storage=JAGGED, y_storage=JAGGED, seed=seed, ids=ids)
        self.io.x = address(batch.rows)
        if self.head == lib.PSQ_HEAD_LAST:
            self.states = np.empty(self._states_shape(), np.float32)
            self.io.hn = address(self.states)
        else:
            self.y = np.empty((batch.layout.n_rows, self.n_directions * self.n_state), np.float32)
            self.io.y = address(self.y)
        call(lib.psq_rnn_pack, self.ptr, address(weights), self.panels)
        self._grow(batch.layout)
        self._run(lib.psq_rnn_forward, self.io)
        return self._gather()

    def backward(self, dfeatures: Floats, dweights: Floats) -> None:
        """Adds the gradient of the stack's weights."""
        grads = make("psq_rnn_grads", dweights=address(dweights))
        if self.head == lib.PSQ_HEAD_LAST:
            dstates = np.zeros_like(self.states)
            dstates[-self.n_directions :] = self._by_direction(dfeatures)
            grads.dhn = address(dstates)
        else:
            dy = np.empty_like(self.y)
            y, features = address(self.y), address(self.features)
            call(lib.psq_pool_backward, self.batch.layout.ptr, _POOLS[self.head], lib.PSQ_F32,
                 JAGGED, y, features, address(dfeatures), dy.shape[1], address(dy))  # fmt: skip
            grads.dy = address(dy)
        self._run(lib.psq_rnn_backward, self.io, grads)

    def _gather(self) -> Floats:
        n_seq, width = len(self.batch), self.n_directions * self.n_state
        if self.head == lib.PSQ_HEAD_LAST:
            last = self.states[-self.n_directions :]
            return last.transpose(1, 0, 2).reshape(n_seq, width)
        self.features = np.empty((n_seq, width), np.float32)
        call(lib.psq_pool_forward, self.batch.layout.ptr, _POOLS[self.head], lib.PSQ_F32, JAGGED,
             address(self.y), width, address(self.features))  # fmt: skip
        return self.features

    def _by_direction(self, features: Floats) -> Floats:
        return features.reshape(-1, self.n_directions, self.n_state).transpose(1, 0, 2)

    def _states_shape(self) -> tuple[int, int, int]:
        return self.spec.n_layers * self.n_directions, len(self.batch), self.n_state

    def _run(self, function: Any, *structs: Any) -> None:
        layout = self.batch.layout.ptr
        call(function, self.ptr, layout, self.panels, *structs, lib.PSQ_TRAIN, *self.buffers)

    def _grow(self, layout: Layout) -> None:
        sizes = ffi.new("size_t[2]")
        call(lib.psq_rnn_sizes, self.ptr, layout.ptr, lib.PSQ_TRAIN, sizes, sizes + 1)
        for k in range(2):
            if sizes[k] > self.sizes[k]:
                self.sizes[k] = max(sizes[k], 2 * self.sizes[k])
                self.buffers[k] = self._memory(self.sizes[k])

    def _memory(self, n_bytes: int) -> Any:
        pointer = lib.psq_malloc(self.ctx, n_bytes)
        if pointer == ffi.NULL:
            raise MemoryError(f"out of memory for {n_bytes} bytes of a network")
        return ffi.gc(pointer, partial(lib.psq_free, self.ctx))


# ---- the head: z = features @ weight.T + bias


def _predict(features: Floats, weight: Floats, bias: Floats) -> Floats:
    """[B, K]"""
    z = np.empty((len(features), len(weight)), np.float32)
    dots = np.empty(len(features), np.float32)
    layout = Layout([len(features)])
    for k, row in enumerate(weight):
        rows = np.ascontiguousarray(np.broadcast_to(row, features.shape))
        call(lib.psq_scale_rows_weights, layout.ptr, lib.PSQ_F32, JAGGED, address(features),
             address(rows), features.shape[1], address(dots))  # fmt: skip
        z[:, k] = dots + bias[k]
    return z


def _column_sums(rows: Floats) -> Floats:
    out = np.empty(rows.shape[1], np.float32)
    call(lib.psq_pool_forward, Layout([len(rows)]).ptr, lib.PSQ_POOL_SUM, lib.PSQ_F32, JAGGED,
         address(rows), rows.shape[1], address(out))  # fmt: skip
    return out


def _head_backward(dz: Floats, features: Floats, weight: Floats, gradient: Floats) -> Floats:
    """The gradient of features; that of the head is added to gradient, weight [K, W] then bias."""
    n_outputs, width = weight.shape
    dfeatures = np.zeros_like(features)
    for k, row in enumerate(weight):
        column = dz[:, k : k + 1]
        dfeatures += column * row
        gradient[k * width : (k + 1) * width] += _column_sums(column * features)
    gradient[n_outputs * width :] += _column_sums(dz)
    return dfeatures


# ---- the loop


class _Fit:
    """psq_fit for squares: the same steps in the same order, with a psq_fit_progress."""

    def __init__(self, model: Model, weights: Floats, opts: Any) -> None:
        self.model = model
        self.weights = weights
        self.opts = opts
        self.stack = _Stack(model)
        self.gradient = np.zeros_like(weights)
        n_state = lib.psq_optim_n_state(ffi.addressof(opts, "optim"), weights.size)
        self.state = np.zeros(n_state, np.float32)
        self.progress = ffi.new("psq_fit_progress *")

    def step(self, samples: Samples, targets: Targets, index: list[int]) -> None:
        """One batch: its loss in progress.batch, and the weights moved."""
        p = self.progress
        ids = np.array(index, np.int64)
        self.gradient[:] = 0
        random = np.random.Generator(np.random.Philox(key=[self.opts.seed, p.step]))
        seed = int(random.integers(2**63))
        batch = samples.select(ids)
        features = self.stack.forward(self.weights, batch, seed, ffi.from_buffer("int64_t[]", ids))
        kept = self._dropout(random, features.shape)
        error = self._errors(features * kept, targets[ids], p.batch)
        dz = error * np.float32(2 / error.size)
        weight, _ = self._head()
        head_gradient = self.gradient[self.stack.n_weights :]
        dfeatures = _head_backward(dz, features * kept, weight, head_gradient) * kept
        self.stack.backward(dfeatures, self.gradient)
        self._move()
        p.n_rows += batch.layout.n_rows

    def _dropout(self, random: np.random.Generator, shape: tuple[int, ...]) -> Floats | np.float32:
        p = self.model.spec.dropout
        if p == 0:
            return np.float32(1)
        kept: Floats = (random.random(shape, np.float32) >= p).astype(np.float32)
        return kept if p == 1 else kept * np.float32(1 / (1 - p))

    def _head(self) -> tuple[Floats, Floats]:
        tensors = self.model.tensors(self.weights)
        return tensors["head.weight"], tensors["head.bias"]

    def _errors(self, features: Floats, targets: Targets, result: Any) -> Floats:
        """Prediction minus target [B, K]; their squares' mean over K, summed over B, in result."""
        error = _predict(features, *self._head()) - targets
        squares = np.square(error, dtype=np.float64) / error.shape[1]
        result.loss_sum = math.fsum(squares.ravel().tolist())
        result.n_valid = len(error)
        return error

    def _move(self) -> None:
        p, opts = self.progress, self.opts
        norm = ffi.new("double *")
        n, gradient = self.weights.size, address(self.gradient)
        call(lib.psq_clip_norm, self.model.ctx, lib.PSQ_F32, n, gradient, opts.clip, norm)
        _require_finite(norm[0], p.step)  # and so is the loss
        factor = lib.psq_schedule_factor(opts.schedule, p.step, p.n_steps, opts.n_warmup)
        call(lib.psq_optim_step, self.model.ctx, ffi.addressof(opts, "optim"), lib.PSQ_F32, n,
             address(self.weights), gradient, address(self.state), p.step, factor)  # fmt: skip
        p.lr = opts.optim.lr * factor
        p.grad_norm = norm[0]

    def validate(self, samples: Samples, targets: Targets) -> None:
        error = self.model.logits(self.weights, samples) - targets
        squares = np.square(error, dtype=np.float64) / error.shape[1]
        self.progress.valid.loss_sum = math.fsum(squares.ravel().tolist())
        self.progress.valid.n_valid = len(error)


def fit_squares(
    model: Model,
    weights: Floats,
    train: tuple[Samples, Targets],
    valid: tuple[Samples, Targets] | None,
    options: Mapping[str, Any],
    watcher: Watcher,
) -> None:
    """As Model.fit, with targets float32 [n, K] for a model of K outputs.

    The loss of a sequence is the mean of its K squared errors.
    """
    opts = fit_options(options)
    fit = _Fit(model, weights, opts)
    p = fit.progress
    samples, targets = train
    batches = BatchSampler(
        samples.layout.lengths, batch_size=opts.batch_size, pool_size=1, seed=opts.seed
    )
    p.n_epochs, p.n_steps = opts.n_epochs, opts.n_epochs * len(batches)
    for epoch in range(1, opts.n_epochs + 1):
        p.epoch, p.train.loss_sum, p.train.n_valid = epoch, 0, 0
        for b, index in enumerate(batches, 1):
            p.step += 1
            p.epoch_end = b == len(batches)
            with np.errstate(over="ignore", invalid="ignore"):  # the norm says it, with the step
                fit.step(samples, targets, index)
            p.train.loss_sum += p.batch.loss_sum
            p.train.n_valid += p.batch.n_valid
            if p.epoch_end and valid is not None:
                fit.validate(*valid)
            if not watcher.step(p):
                return


def _require_finite(norm: float, step: int) -> None:
    if not math.isfinite(norm):
        kind = "not a number" if math.isnan(norm) else "infinite"
        raise ValueError(f"the gradient's norm of step {step} is {kind}, must be finite")
