# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""accelerate and restore: what of a model changes, and all that does not."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import pytest
import torch
from networks import assert_near, loss_of
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

import packseq.torch as pt


class Tagger(torch.nn.Module):
    """A model as people write them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(50, 12)
        self.rnn = torch.nn.LSTM(12, 16, 2, bidirectional=True, dropout=0.0)
        self.more = torch.nn.ModuleList([torch.nn.GRU(32, 8), torch.nn.RNN(8, 8)])
        self.head = torch.nn.Linear(8, 5)

    def forward(self, tokens: list[Tensor]) -> list[Tensor]:
        p = pack_sequence([self.embedding(t) for t in tokens], enforce_sorted=False)
        p, _ = self.rnn(p)
        for module in self.more:
            p, _ = module(p)
        return list(unpack_sequence(p._replace(data=self.head(p.data))))


def sentences() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randint(0, 50, (n,)) for n in (4, 9, 1, 6)]


def test_results_gradients_and_names_stay() -> None:
    torch.manual_seed(0)
    model = Tagger()
    twin = copy.deepcopy(model)
    keys = list(model.state_dict())
    parameters = list(model.parameters())
    assert pt.accelerate(model) is model
    assert type(model.rnn) is pt.LSTM
    assert [type(m) for m in model.more] == [pt.GRU, pt.RNN]
    assert list(model.state_dict()) == keys
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    for m in (model, twin):
        loss_of(m(sentences())).backward()
    for a, b in zip(model(sentences()), twin(sentences()), strict=True):
        assert_near(a, b, "output")
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert_near(a.grad, b.grad, "gradient")


def test_afterwards_a_batch_does_not_show() -> None:
    rnn = pt.accelerate(torch.nn.LSTM(12, 16, 2, bidirectional=True))
    xs = [torch.randn(n, 12) for n in (4, 9, 1, 6)]
    together = unpack_sequence(rnn(pack_sequence(xs, enforce_sorted=False))[0])
    for x, y in zip(xs, together, strict=True):
        assert torch.equal(rnn(x)[0], y)
        assert torch.equal(rnn(pack_sequence([x]))[0].data, y)


def test_restore_undoes() -> None:
    model = pt.freeze(pt.accelerate(Tagger()))
    ours = pt.GRU(2, 2)
    model.add_module("ours", ours)
    assert pt.restore(model) is model
    assert type(model.rnn) is torch.nn.LSTM
    assert [type(m) for m in model.more] == [torch.nn.GRU, torch.nn.RNN]
    assert type(ours) is pt.GRU  # it was ours from the beginning
    fresh = torch.nn.LSTM(12, 16, 2, bidirectional=True)
    assert set(vars(model.rnn)) == set(vars(fresh))
    model(sentences())


def test_a_copy_can_be_restored_too() -> None:
    model = pt.accelerate(Tagger())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(twin.rnn) is pt.LSTM
        assert type(pt.restore(twin).rnn) is torch.nn.LSTM
    assert type(model.rnn) is pt.LSTM


def test_hooks_and_optimizers_survive() -> None:
    model = Tagger()
    calls: list[str] = []
    model.rnn.register_forward_hook(lambda *_: calls.append("forward"))
    model.rnn.register_full_backward_hook(lambda *_: calls.append("backward"))
    model.rnn.weight_hh_l0.register_hook(lambda grad: calls.append("weight"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    pt.accelerate(model)
    before = model.rnn.weight_hh_l0.clone()
    x = torch.randn(3, 2, 12, requires_grad=True)
    model.rnn(x)[0].sum().backward()
    optimizer.step()
    assert sorted(calls) == ["backward", "forward", "weight"]
    assert not torch.equal(model.rnn.weight_hh_l0, before)


def test_a_shared_module_is_switched_once(caplog: pytest.LogCaptureFixture) -> None:
    rnn = torch.nn.GRU(4, 4)
    model = torch.nn.ModuleDict({"a": rnn, "b": rnn})
    with caplog.at_level(logging.INFO, "packseq.torch"):
        pt.accelerate(model)
    assert model["a"] is model["b"]
    assert caplog.messages == ["accelerate: a is now packseq.torch.GRU"]


class Peephole(torch.nn.LSTM):
    pass


def test_what_is_left_is_named(caplog: pytest.LogCaptureFixture) -> None:
    parametrized = torch.nn.utils.parametrizations.weight_norm(torch.nn.GRU(4, 4), "weight_hh_l0")
    patched: Any = torch.nn.RNN(4, 4)
    patched.forward = patched.forward
    model = torch.nn.ModuleDict({"sub": Peephole(4, 4), "norm": parametrized, "patched": patched})
    with caplog.at_level(logging.INFO, "packseq.torch"):
        pt.accelerate(model)
    assert not any(type(m) in (pt.RNN, pt.LSTM, pt.GRU) for m in model.modules())
    assert caplog.messages == [
        "accelerate: sub is left as it is: Peephole is a subclass of torch.nn.LSTM",
        "accelerate: norm is left as it is: its weights are parametrized",
        "accelerate: patched is left as it is: its forward is replaced",
        "accelerate: ModuleDict has nothing to accelerate",
    ]


def test_twice_is_once(caplog: pytest.LogCaptureFixture) -> None:
    model = pt.accelerate(Tagger())
    pt.accelerate(model)
    assert type(pt.restore(pt.restore(model)).rnn) is torch.nn.LSTM


@pytest.mark.parametrize("verb", [pt.accelerate, pt.restore])
def test_only_modules(verb: Any) -> None:
    with pytest.raises(TypeError, match=r"model is int, must be a torch\.nn\.Module"):
        verb(3)


def test_lengths_are_for_accelerated_modules_too() -> None:
    rnn: Any = pt.accelerate(torch.nn.GRU(4, 3, batch_first=True))
    y, _ = rnn(torch.randn(2, 5, 4), lengths=[2, 0])
    assert not y[0, 2:].any()
    assert not y[1].any()
