# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What the estimators' fits are made of: the gradient of least squares, the border to psq_fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import packseq
from packseq._fit import fit_classes, fit_options
from packseq._history import History
from packseq._regression import _Fit
from packseq.model import Model


def data() -> tuple[packseq.PackedSequence, Any]:
    """Twelve sequences, one of them empty, and the sums of their first column."""
    random = np.random.default_rng(0)
    x = [random.normal(size=(length, 3)) for length in (0, *random.integers(0, 12, 11))]
    sums = np.array([item[:, 0].sum() for item in x])
    return packseq.pack([item.astype(np.float32) for item in x]), sums


def one_step(model: Model, p: Any, targets: Any, step: int = 1) -> tuple[float, Any]:
    """Loss and gradient of a step that does not move the parameters."""
    fit = _Fit(model, fit_options({"optim.kind": 0, "optim.lr": 0.0, "seed": 5}))
    fit.progress.step = fit.progress.n_steps = step
    fit.step(p, targets, list(range(len(p))))
    return fit.progress.batch.loss_sum / len(p), fit.gradient.flat.astype(np.float64)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("head", ["last", "mean", "max"])
@pytest.mark.parametrize("cell", ["rnn_tanh", "lstm", "gru"])
def test_squares_have_their_gradient(cell: str, head: str, dropout: float) -> None:
    p, sums = data()
    targets = np.stack([sums, sums**2], axis=1).astype(np.float32)
    options = {"head": head, "head_dropout": dropout, "dropout": dropout}
    model = Model(cell, 3, 5, 2, bidirectional=True, num_layers=2, seed=3, **options)
    weights = model.parameters.flat
    start = weights.astype(np.float64)
    value, gradient = one_step(model, p, targets)
    if dropout == 0:
        assert value == pytest.approx(np.square(model.logits(p) - targets).mean(), rel=1e-6)
    else:
        assert value != one_step(model, p, targets, 2)[0]

    def loss(point: Any) -> float:
        weights[:] = point
        return one_step(model, p, targets)[0]

    parts = [slice(q.offset, q.offset + q.size) for q in model.parameters.table]
    for part in (slice(None), *parts):
        direction = np.zeros(len(start))
        direction[part] = gradient[part] / np.linalg.norm(gradient[part])
        slope = (loss(start + 3e-3 * direction) - loss(start - 3e-3 * direction)) / 6e-3
        assert_allclose(slope, gradient @ direction, rtol=2e-2, atol=1e-3)


def test_squares_drop_other_units_of_layers_in_every_step() -> None:
    p, sums = data()
    model = Model("gru", 3, 5, 1, num_layers=2, dropout=0.5, seed=3)
    targets = sums.astype(np.float32)[:, None]
    assert one_step(model, p, targets, 1)[0] != one_step(model, p, targets, 2)[0]


def test_dropout_of_squares_keeps_the_mean() -> None:
    def multipliers(p: float) -> Any:
        fit = _Fit(Model("gru", 1, 1, 1, head_dropout=p, seed=0), fit_options({}))
        return fit._dropout(np.random.default_rng(0), (100, 100)) * np.ones((100, 100))

    assert_array_equal(multipliers(0.0), 1)
    assert_array_equal(multipliers(1.0), 0)
    assert np.unique(multipliers(0.75)).tolist() == [0, 4]
    assert_allclose(multipliers(0.75).mean(), 1, atol=0.1)


@pytest.mark.parametrize(
    ("rows", "n", "text"),
    [
        (np.ones((3, 2)), 2, r"x has float64 rows of shape \(2,\), not the model's"),
        (np.ones((3, 1), np.float32), 2, r"x has float32 rows of shape \(1,\), not the model's"),
        (np.ones((3, 2), np.float32), 1, r"targets has shape \(1,\), must have \(2,\)"),
    ],
)
def test_what_does_not_fit_a_model_does_not_reach_c(rows: Any, n: int, text: str) -> None:
    model = Model("gru", 2, 3, 2)
    history = History(model.parameters.flat, patience=1, verbose=0, scored=True)
    x = packseq.PackedSequence(rows, packseq.Layout([1, 2]))
    with pytest.raises(ValueError, match=text):
        fit_classes(model, (x, np.zeros(n)), None, {}, history)
