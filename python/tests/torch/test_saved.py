# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What lies between forward and backward: saved tensors that hooks exchange, autocast, and the
gradients that come out, which their owner may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

import packseq.torch as pt

Hook = Callable[[Tensor], Tensor]


def network() -> tuple[pt.LSTM, Tensor]:
    torch.manual_seed(0)
    return pt.LSTM(4, 8), torch.randn(5, 3, 4)


def reserve_only(change: Hook) -> Hook:
    return lambda t: change(t) if t.dtype == torch.uint8 else t


@pytest.mark.parametrize(
    ("packing", "unpacking"),
    [
        (torch.clone, torch.clone),
        (torch.clone, reserve_only(lambda t: t[:64].clone())),
        (torch.clone, reserve_only(lambda t: torch.stack([t, t], 1)[:, 0])),
        (reserve_only(torch.Tensor.half), reserve_only(torch.Tensor.byte)),
        (lambda t: t.double() if t.dtype == torch.float32 else t.half(), torch.Tensor.float),
    ],
    ids=["copies", "short", "strided", "other bytes", "other dtypes"],
)
def test_a_reserve_that_hooks_exchange(packing: Hook, unpacking: Hook) -> None:
    m, x = network()
    expected = torch.autograd.grad(m(x)[0].square().sum(), m.weight_hh_l0)[0]
    with saved_tensors_hooks(packing, unpacking):
        y = m(x)[0]
    assert torch.equal(torch.autograd.grad(y.square().sum(), m.weight_hh_l0)[0], expected)


@pytest.mark.parametrize("how", ["max", "logsumexp"])
@pytest.mark.parametrize("change", [lambda t: t[:1].clone(), lambda t: t.double()])
def test_pooling_refuses_what_hooks_exchange(how: str, change: Hook) -> None:
    p = pt.pack([torch.randn(3, 4), torch.randn(2, 4)])
    data = p.data.clone().requires_grad_()
    with saved_tensors_hooks(lambda t: t, change):
        y = pt.pool(p._replace(data=data), how)
    with pytest.raises(RuntimeError, match="saved tensor"):
        y.sum().backward()


def test_backward_under_autocast_is_that_of_forward() -> None:
    m, x = network()
    y = m(x)[0].square().sum()
    expected = torch.autograd.grad(y, m.weight_hh_l0, retain_graph=True)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(torch.autograd.grad(y, m.weight_hh_l0)[0], expected)


def test_gradients_change_one_by_one() -> None:
    m, x = network()
    factor = torch.randn(32, 4, requires_grad=True)
    first, second, *_ = torch.autograd.grad(m(x)[0].sum(), list(m.parameters()))
    z = (first * factor).sum()
    second.zero_()
    z.backward()
    assert factor.grad is not None

    a, b = (torch.randn(n, 4, requires_grad=True) for n in (3, 2))
    w = torch.randn(3, 4, requires_grad=True)
    first, second = torch.autograd.grad(pt.pack([a, b]).data.sum(), [a, b])
    z = (first * w).sum()
    second.zero_()
    z.backward()


def test_restore_leaves_what_was_parametrized_or_patched(caplog: Any) -> None:
    m = torch.nn.Sequential(torch.nn.LSTM(4, 4), torch.nn.LSTM(4, 4))
    x = torch.randn(5, 3, 4)
    pt.accelerate(m)
    torch.nn.utils.parametrizations.weight_norm(m[0], "weight_hh_l0")
    m[1].forward = m[1].forward
    pt.restore(m)
    with torch.no_grad():
        m[0].parametrizations.weight_hh_l0.original0.mul_(3)
    expected = pt.LSTM(4, 4)
    expected.load_state_dict({n: getattr(m[0], n) for n, _ in expected.named_parameters()})
    assert torch.equal(m[0](x)[0], expected(x)[0])
    m[1](x)
    assert "its class is" in caplog.text
    assert "its forward is replaced" in caplog.text


def test_frozen_weights_of_other_strides() -> None:
    m = pt.freeze(pt.RNN(4, 4))
    x = torch.randn(5, 3, 4)
    with torch.no_grad():
        before = m(x)[0]
        m.weight_hh_l0.data = m.weight_hh_l0.data.t()
        assert not torch.equal(m(x)[0], before)


def test_tensors_of_zeros_without_memory_are_refused() -> None:
    m, _ = network()
    zeros = torch._efficientzerotensor((5, 3, 4))
    with pytest.raises(ValueError, match="is NULL"):  # torch's own LSTM reads what is not there
        m(zeros)


def test_pooling_of_half_under_a_default_device() -> None:
    p = pt.pack([torch.randn(3, 4).half()])
    with torch.device("meta"):
        assert pt.pool(p, "max").device.type == "cpu"
