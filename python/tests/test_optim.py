# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Optimisers on NumPy: their equations, a network that learns, wrong arguments."""

from __future__ import annotations

import copy
import doctest
import pickle
import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import packseq
from packseq import optim


def parts(dtype: Any = np.float64) -> tuple[Any, Any]:
    """The parameters of a network and gradients."""
    parameters = packseq.RNN(2, 3, seed=0, dtype=dtype).parameters
    gradients = parameters.zeros()
    gradients.flat[:] = np.random.default_rng(0).standard_normal(gradients.flat.size)
    return parameters, gradients


def test_sgd_is_its_equations() -> None:
    parameters, gradients = parts()
    x, g, velocity = parameters.flat.copy(), gradients.flat, 0.0
    optimiser = optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.01)
    for scale in (1.0, 0.5, 0.25):
        optimiser.step(gradients, lr_scale=scale)
        velocity = 0.9 * velocity + g + 0.01 * x
        x = x - scale * 0.1 * velocity
    assert_allclose(parameters.flat, x, rtol=1e-12)


@pytest.mark.parametrize(("kind", "decay"), [(optim.Adam, 0.0), (optim.AdamW, 0.01)])
def test_adam_is_its_equations(kind: Any, decay: float) -> None:
    parameters, gradients = parts()
    x, g = parameters.flat.copy(), gradients.flat
    m = v = np.zeros_like(x)
    optimiser = kind(parameters, lr=0.1, betas=(0.8, 0.9), eps=1e-3)
    for t in range(1, 4):
        optimiser.step(gradients)
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        x = x - 0.1 * decay * x
        x = x - 0.1 * m / (1 - 0.8**t) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
    assert_allclose(parameters.flat, x, rtol=1e-12)
    assert optimiser.n_steps == 3


def test_clip_norm() -> None:
    _, gradients = parts()
    before = gradients.flat.copy()
    norm = float(np.linalg.norm(before))
    assert optim.clip_norm(gradients, 0) == pytest.approx(norm, rel=1e-12)
    assert_array_equal(gradients.flat, before)
    optim.clip_norm(gradients, norm / 2)
    assert_allclose(gradients.flat, before / 2, rtol=1e-5)


def test_the_example() -> None:
    assert doctest.testmod(optim).failed == 0


def test_a_network_learns_the_sum_of_bits() -> None:
    rng = np.random.default_rng(0)
    net = packseq.LSTM(1, 16, seed=0)
    head = np.full(16, 0.1)
    optimiser = optim.AdamW(net.parameters, lr=0.02)
    for _ in range(300):
        p = packseq.pack([rng.integers(0, 2, (n, 1)) for n in rng.integers(1, 7, 32)])
        out = net.forward(p, train=True)
        error = out.h[0] @ head - p.sum()[:, 0] / 6
        loss = float((error**2).mean())
        gradients = out.backward(dh=(2 / 32 * error[:, None] * head)[None]).parameters
        head -= 0.3 * (2 / 32 * error @ out.h[0])
        optimiser.step(gradients)
    assert loss < 5e-3


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda p, g: optim.SGD({}), TypeError, "parameters is dict, must be Parameters"),  # type: ignore
    (lambda p, g: optim.SGD(p, lr=-1), ValueError, "lr is -1"),
    (lambda p, g: optim.SGD(p, momentum=float("nan")), ValueError, "momentum is nan"),
    (lambda p, g: optim.Adam(p, betas=(1.0, 0.9)), ValueError, "beta1 is 1"),
    (lambda p, g: optim.AdamW(p, eps=0), ValueError, "eps is 0"),
    (lambda p, g: optim.SGD(p).step(g.flat), TypeError, "gradients is ndarray, must be Parameters"),
    (lambda p, g: optim.SGD(p).step(g, lr_scale=-1), ValueError, "lr_scale is -1"),
    (
        lambda p, g: optim.SGD(p).step(parts(np.float32)[1]),
        TypeError,
        "gradients has dtype float32",
    ),
    (
        lambda p, g: optim.SGD(p).step(packseq.RNN(2, 4, dtype=np.float64).parameters),
        ValueError,
        "gradients has other parameters than this network",
    ),
    (lambda p, g: optim.clip_norm([], 1), TypeError, "gradients is list, must be Parameters"),  # type: ignore
    (lambda p, g: optim.clip_norm(g, float("nan")), ValueError, "max_norm is not a number"),
]


@pytest.mark.parametrize(("make", "kind", "text"), WRONG)
def test_wrong_arguments(make: Any, kind: type[Exception], text: str) -> None:
    parameters, gradients = parts()
    before = parameters.flat.copy()
    with pytest.raises(kind, match=re.escape(text)):
        make(parameters, gradients)
    assert_array_equal(parameters.flat, before)


def test_frozen_parameters() -> None:
    net = packseq.RNN(2, 3, seed=0).freeze()
    with pytest.raises(ValueError, match="parameters is read-only"):
        optim.SGD(net.parameters).step(net.parameters.zeros())


def test_a_state_is_put_back() -> None:
    net = packseq.LSTM(2, 3, seed=0)
    first, second = (optim.Adam(net.parameters) for _ in range(2))
    first.step(net.parameters)
    second.state = first.state.copy()
    assert_array_equal(second.state, first.state)
    with pytest.raises(ValueError, match=r"state has shape \(3,\), must have"):
        second.state = np.zeros(3, np.float32)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_on_as_the_optimiser_does(again: Any) -> None:
    net = packseq.LSTM(2, 3, seed=0)
    adam = optim.AdamW(net.parameters, lr=0.1)
    gradients = net.parameters.zeros()
    gradients.flat[:] = 1
    adam.step(gradients)
    adam2 = again(adam)
    for optimiser in (adam, adam2):
        optimiser.step(gradients)
    assert adam2.n_steps == 2
    assert adam2.parameters is not net.parameters
    assert_array_equal(adam2.parameters.flat, net.parameters.flat)
