# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The networks on NumPy with torch's parameters: its results and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import packseq
from packseq import optim

LENGTHS = [5, 1, 3, 7]
CASES: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {"nonlinearity": "relu"}),
    ("RNN", {"num_layers": 2, "bidirectional": True}),
    ("LSTM", {"bias": False, "bidirectional": True}),
    ("LSTM", {"num_layers": 3, "proj_size": 4}),
    ("GRU", {"num_layers": 2, "bidirectional": True}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_torch(name: str, options: dict[str, Any], dtype: Any) -> None:
    torch.manual_seed(0)
    module = getattr(torch.nn, name)(6, 9, **options).to(getattr(torch, dtype.__name__))
    net = getattr(packseq, name)(6, 9, **options, dtype=dtype)
    net.parameters.load({k: v.detach().numpy() for k, v in module.named_parameters()})
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((n, 6)).astype(dtype) for n in LENGTHS]

    tensors = [torch.from_numpy(x).requires_grad_() for x in parts]
    packed = torch.nn.utils.rnn.pack_sequence(tensors, enforce_sorted=False)
    y, hidden = module(packed)
    hidden = hidden if isinstance(hidden, tuple) else (hidden,)
    results = [y.data, *hidden]
    weights = [torch.from_numpy(rng.standard_normal(r.shape).astype(dtype)) for r in results]
    torch.autograd.backward(results, weights)

    p = packseq.pack(parts)
    out = net.forward(p, train=True)
    dy = packseq.PackedSequence(weights[0].numpy(), p.layout, "packed")
    grads = out.backward(dy, *[w.numpy() for w in weights[1:]])
    eps = 1e-6 if dtype == np.float32 else 1e-12
    found = [out.y.data, out.h] + ([] if out.c is None else [out.c])
    for a, b in zip(found, results, strict=True):
        assert_allclose(a, b.detach().numpy(), rtol=0, atol=2 * eps)
    gradients = [*grads.x, *grads.parameters.values()]
    for a, t in zip(gradients, [*tensors, *module.parameters()], strict=True):
        assert t.grad is not None
        assert_allclose(a, t.grad.numpy(), rtol=0, atol=10 * eps * float(t.grad.abs().max()))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
        ("Adam", {"lr": 0.1, "weight_decay": 0.1}),
        ("AdamW", {"lr": 0.1, "betas": (0.8, 0.9)}),
    ],
)
def test_optimisers_agree_with_torch(name: str, options: dict[str, Any]) -> None:
    net = packseq.RNN(3, 4, seed=0, dtype=np.float64)
    weights = torch.nn.Parameter(torch.from_numpy(net.parameters.flat.copy()))
    theirs = getattr(torch.optim, name)([weights], **options)
    ours = getattr(optim, name)(net.parameters, **options)
    gradients = net.parameters.zeros()
    for seed in range(4):
        gradients.flat[:] = np.random.default_rng(seed).standard_normal(weights.numel())
        weights.grad = torch.from_numpy(gradients.flat.copy())
        norm = torch.nn.utils.clip_grad_norm_([weights], 2.0)
        assert optim.clip_norm(gradients, 2.0) == pytest.approx(float(norm), rel=1e-12)
        theirs.step()
        ours.step(gradients)
    assert_allclose(net.parameters.flat, weights.detach().numpy(), rtol=1e-10)
