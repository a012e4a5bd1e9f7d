# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The fit of a model to real targets by least squares.

psq_fit knows one loss, the cross-entropy of classes. So for this one its steps are taken here, on
packseq.nn and packseq.optim, and the head is made of C's dot products of rows and sums over rows.
Nothing is left to BLAS, whose bits depend on its threads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from packseq._buffers import Parameters
from packseq._core import JAGGED, Array, Layout, address, call
from packseq._fit import Samples, Watcher, fit_options
from packseq._native import ffi, lib
from packseq.batches import BatchSampler
from packseq.model import Model
from packseq.nn import Output
from packseq.optim import SGD, Adam, AdamW, clip_norm
from packseq.sequence import PackedSequence

_OPTIMISERS = {lib.PSQ_SGD: SGD, lib.PSQ_ADAM: Adam, lib.PSQ_ADAMW: AdamW}

# Sequences of one evaluation: psq_fit validates with as many.
N_EVAL = 256


def logits_of(model: Model, x: PackedSequence) -> Array:
    """[B, C], in parts, so that memory does not grow with the data."""
    parts = [model.logits(x[first : first + N_EVAL]) for first in range(0, len(x), N_EVAL)]
    return np.concatenate(parts) if parts else np.empty((0, model.n_classes), np.float32)


# ---- what the head looks at


def _features(head: str, out: Output, n_directions: int) -> Array:
    """[B, W], as psq_head has it."""
    if head == "last":
        last = out.h[-n_directions:].transpose(1, 0, 2)
        return last.reshape(len(last), -1)
    pooled: Array = out.y.mean() if head == "mean" else out.y.max()
    return pooled


def _backward(
    head: str, out: Output, features: Array, dfeatures: Array, into: Parameters, n_directions: int
) -> None:
    """Adds the gradients of the stack's parameters."""
    if head == "last":
        dh = np.zeros_like(out.h)
        split = dfeatures.reshape(len(dfeatures), n_directions, -1)
        dh[-n_directions:] = split.transpose(1, 0, 2)
        out.backward(dh=dh, into=into, wants_x=False)
        return
    y = out.y
    dy = np.empty_like(y.rows)
    kind = lib.PSQ_POOL_MEAN if head == "mean" else lib.PSQ_POOL_MAX
    arrays = (address(a) for a in (y.rows, features, dfeatures))
    call(lib.psq_pool_backward, y.layout.ptr, kind, lib.PSQ_F32, y.storage, *arrays, dy.shape[1],
         address(dy))  # fmt: skip
    out.backward(y.with_rows(dy), into=into, wants_x=False)


# ---- the head: z = features @ weight.T + bias


def _predict(features: Array, weight: Array, bias: Array) -> Array:
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


def _column_sums(rows: Array) -> Array:
    sums: Array = PackedSequence(rows, Layout([len(rows)])).sum()[0]
    return sums


def _head_backward(dz: Array, features: Array, weight: Array, gradient: Parameters) -> Array:
    """The gradient of features; those of the head's parameters are set."""
    dfeatures = np.zeros_like(features)
    for k, row in enumerate(weight):
        column = dz[:, k : k + 1]
        dfeatures += column * row
        gradient["head.weight"][k] = _column_sums(column * features)
    gradient["head.bias"] = _column_sums(dz)
    return dfeatures


# ---- the loop


def _set_result(result: Any, error: Array) -> None:
    """A psq_batch_result of errors [B, K]: a sequence's loss is the mean of its squares."""
    squares = np.square(error, dtype=np.float64) / error.shape[1]
    result.loss_sum = math.fsum(squares.ravel().tolist())
    result.n_valid = len(error)


class _Fit:
    """psq_fit for squares: the same steps in the same order, with a psq_fit_progress."""

    def __init__(self, model: Model, opts: Any) -> None:
        self.model = model
        self.opts = opts
        self.net = model.rnn
        self.gradient = model.parameters.zeros()
        n_stack = self.net.parameters.flat.size
        self.stack_gradient = Parameters(self.net.parameters.table, self.gradient.flat[:n_stack])
        self.optimiser = _OPTIMISERS[opts.optim.kind](
            model.parameters, lr=opts.optim.lr, weight_decay=opts.optim.weight_decay
        )
        self.progress = ffi.new("psq_fit_progress *")

    def step(self, samples: PackedSequence, targets: Array, index: list[int]) -> None:
        """One batch: its loss in progress.batch, and the parameters moved."""
        p, model, n_directions = self.progress, self.model, self.net.num_directions
        ids = np.array(index, np.int64)
        random = np.random.Generator(np.random.Philox(key=[self.opts.seed, p.step]))
        self.gradient.flat[:] = 0
        seed = int(random.integers(2**63))
        out = self.net.forward(samples[ids], train=True, seed=seed, ids=ids)
        pooled = _features(model.head, out, n_directions)
        kept = self._dropout(random, pooled.shape)
        features = pooled * kept
        weight, bias = model.parameters["head.weight"], model.parameters["head.bias"]
        error = _predict(features, weight, bias) - targets[ids]
        _set_result(p.batch, error)
        dz = error * np.float32(2 / error.size)
        dfeatures = _head_backward(dz, features, weight, self.gradient) * kept
        _backward(model.head, out, pooled, dfeatures, self.stack_gradient, n_directions)
        self._move()
        p.n_rows += out.y.layout.n_rows

    def _dropout(self, random: np.random.Generator, shape: tuple[int, ...]) -> Array | np.float32:
        p = self.model.head_dropout
        if p == 0:
            return np.float32(1)
        kept: Array = (random.random(shape, np.float32) >= p).astype(np.float32)
        return kept if p == 1 else kept * np.float32(1 / (1 - p))

    def _move(self) -> None:
        p, opts = self.progress, self.opts
        p.grad_norm = clip_norm(self.gradient, opts.clip)
        _require_finite(p.grad_norm, p.step)  # and so is the loss
        factor = lib.psq_schedule_factor(opts.schedule, p.step, p.n_steps, opts.n_warmup)
        self.optimiser.step(self.gradient, lr_scale=factor)
        p.lr = opts.optim.lr * factor


def fit_squares(
    model: Model,
    train: Samples,
    valid: Samples | None,
    options: Mapping[str, Any],
    watcher: Watcher,
) -> None:
    """As fit_classes, with targets float32 [n, K] for a model of K outputs.

    The loss of a sequence is the mean of its K squared errors.
    """
    opts = fit_options(options)
    fit = _Fit(model, opts)
    p = fit.progress
    lengths = train[0].lengths
    batches = BatchSampler(lengths, batch_size=opts.batch_size, pool_size=1, seed=opts.seed)
    p.n_epochs, p.n_steps = opts.n_epochs, opts.n_epochs * len(batches)
    for epoch in range(1, opts.n_epochs + 1):
        p.epoch, p.train.loss_sum, p.train.n_valid = epoch, 0, 0
        for b, index in enumerate(batches, 1):
            p.step += 1
            p.epoch_end = b == len(batches)
            with np.errstate(over="ignore", invalid="ignore"):  # the norm says it, with the step
                fit.step(*train, index)
            p.train.loss_sum += p.batch.loss_sum
            p.train.n_valid += p.batch.n_valid
            if p.epoch_end and valid is not None:
                _set_result(p.valid, logits_of(model, valid[0]) - valid[1])
            if not watcher.step(p):
                return


def _require_finite(norm: float, step: int) -> None:
    if not math.isfinite(norm):
        kind = "not a number" if math.isnan(norm) else "infinite"
        raise ValueError(f"the gradient's norm of step {step} is {kind}, must be finite")
