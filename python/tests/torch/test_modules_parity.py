# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What torch's own tests of RNN, LSTM and GRU check."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from networks import CELLS, as_hx, as_list, assert_near, pair, states_of
from torch.nn.utils.rnn import (
    PackedSequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
)

import packseq.torch as pt


def test_cells_are_torchs() -> None:
    assert pt.RNNCell is torch.nn.RNNCell
    assert pt.LSTMCell is torch.nn.LSTMCell
    assert pt.GRUCell is torch.nn.GRUCell


@pytest.mark.parametrize(("cell", "proj"), [("RNN", 0), ("LSTM", 0), ("LSTM", 2), ("GRU", 0)])
@pytest.mark.parametrize("lengths", [[5], [10, 10, 6, 2, 2, 1, 1], [2, 1, 3, 2, 10, 5, 3]], ids=str)
@pytest.mark.parametrize("with_states", [False, True])
def test_variable_sequences(cell: str, proj: int, lengths: list[int], with_states: bool) -> None:
    torch.manual_seed(0)
    options = {"proj_size": proj} if proj else {}
    m = getattr(pt, cell)(3, 4, 2, bidirectional=True, dtype=torch.float64, **options)
    xs = [torch.randn(n, 3, dtype=torch.float64, requires_grad=True) for n in lengths]
    states = states_of(m, len(lengths), torch.float64) if with_states else None
    y, hidden = m(pack_sequence(xs, enforce_sorted=False), as_hx(m, states))
    padded, _ = pad_packed_sequence(y)
    single = [
        m(x.unsqueeze(1), as_hx(m, states and [s[:, b : b + 1] for s in states]))
        for b, x in enumerate(xs)
    ]
    alone = pad_sequence([s[0].squeeze(1) for s in single])
    assert_near(padded, alone, "output")
    for i, h in enumerate(as_list(hidden)):
        assert_near(h, torch.cat([as_list(s[1])[i] for s in single], 1), f"state {i}")
    leaves = [*xs, *m.parameters()]
    for a, b in zip(
        torch.autograd.grad(padded.sum(), leaves),
        torch.autograd.grad(alone.sum(), leaves),
        strict=True,
    ):
        assert_near(a, b, "gradient")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_states_of_zeros_are_no_states(cell: str, bidirectional: bool) -> None:
    for proj in (0, 10)[: 1 + (cell == "LSTM")]:
        options = {"proj_size": proj} if proj else {}
        m = getattr(pt, cell)(30, 20, 2, bidirectional=bidirectional, **options)
        x = torch.randn(4, 3, 30)
        zeros = [torch.zeros_like(s) for s in states_of(m, 3, torch.float32)]
        y, hidden = m(x)
        y0, hidden0 = m(x, as_hx(m, zeros))
        assert torch.equal(y, y0)
        assert all(map(torch.equal, as_list(hidden), as_list(hidden0)))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_one_sequence_without_a_batch(cell: str, batch_first: bool) -> None:
    ours, theirs = pair(
        cell, input_size=3, hidden_size=4, batch_first=batch_first, bidirectional=True
    )
    x = torch.randn(5, 3)
    states = [s.squeeze(1) for s in states_of(ours, 1, torch.float32)]
    for hx in (None, as_hx(ours, states)):
        (y, hidden), (y0, hidden0) = ours(x, hx), theirs(x, hx)
        assert_near(y, y0, "output")
        for a, b in zip(as_list(hidden), as_list(hidden0), strict=True):
            assert_near(a, b, "state")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_batch_without_sequences(cell: str, batch_first: bool) -> None:
    m = getattr(pt, cell)(3, 4, batch_first=batch_first)
    shape = (0, 5, 3) if batch_first else (5, 0, 3)
    x = torch.ones(shape, requires_grad=True)
    for options in ({}, {"lengths": []}, {"lengths": torch.zeros(0, dtype=torch.int64)}):
        y, hidden = m(x, **options)
        assert y.shape == (*shape[:2], 4)
        assert as_list(hidden)[0].shape == (1, 0, 4)
        y.sum().backward()
        assert not any(w.grad.any() for w in m.parameters())


def test_sequences_of_length_zero_pass_their_states() -> None:
    m = pt.LSTM(3, 4, 2, bidirectional=True)
    x = torch.randn(5, 3, 3, requires_grad=True)
    h0, c0 = (s.requires_grad_() for s in states_of(m, 3, torch.float32))
    y, (hn, cn) = m(x, (h0, c0), lengths=[0, 5, 0])
    assert torch.equal(hn[:, ::2], h0[:, ::2])
    assert torch.equal(cn[:, ::2], c0[:, ::2])
    assert not y[:, ::2].any()
    dhn = torch.randn_like(hn)
    dx, dh0, dc0 = torch.autograd.grad((hn * dhn).sum() + cn.sum(), [x, h0, c0])
    assert torch.equal(dh0[:, ::2], dhn[:, ::2])
    assert torch.equal(dc0[:, ::2], torch.ones_like(dc0[:, ::2]))
    assert not dx[:, ::2].any()
    y, (hn, cn) = m(x, (h0, c0), lengths=[0, 0, 0])
    assert torch.equal(hn, h0)
    assert torch.equal(cn, c0)
    assert not y.any()


def test_packed_sequences_of_length_zero() -> None:
    m = pt.GRU(3, 4)
    xs = [torch.randn(n, 3) for n in (0, 3, 0, 2)]
    h0 = torch.randn(1, 4, 4)
    p = pt.pack(xs)
    y, hn = m(p, h0)
    assert torch.equal(hn[:, ::2], h0[:, ::2])
    assert torch.equal(hn[:, 1:2], m(xs[1].unsqueeze(1), h0[:, 1:2])[1])
    empty = pt.pack([torch.randn(0, 3)] * 2)
    y, hn = m(empty, h0[:, :2])
    assert y.data.shape == (0, 4)
    assert torch.equal(hn, h0[:, :2])


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16, torch.int32, torch.int64, list])
def test_lengths_of_any_integer_type(kind: Any) -> None:
    m, x = pt.GRU(3, 4, batch_first=True), torch.randn(3, 5, 3)
    expected, hn = m(x, lengths=[2, 0, 5])
    lengths = [2, 0, 5] if kind is list else torch.tensor([2, 0, 5], dtype=kind)
    y, h = m(x, None, lengths)
    assert torch.equal(y, expected)
    assert torch.equal(h, hn)
    assert y.shape == (3, 5, 4)


def test_padding_is_not_read() -> None:
    m, x = pt.LSTM(3, 4, batch_first=True), torch.randn(3, 5, 3)
    y, _ = m(x, lengths=[2, 1, 4])
    for b, n in enumerate([2, 1, 4]):
        x[b, n:] = float("nan")
    assert torch.equal(m(x, lengths=[2, 1, 4])[0], y)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.7, 1.0])
def test_dropout_lies_between_layers(p: float, training: bool) -> None:
    m = pt.RNN(10, 1000, 2, nonlinearity="relu", bias=False, dropout=p).train(training)
    with torch.no_grad():
        for w in m.parameters():
            w.fill_(1)
    y, hn = m(torch.ones(1, 1, 10))
    assert torch.equal(hn[0], torch.full((1, 1000), 10.0))
    assert torch.equal(hn[1], y[0])
    value = float(y[0, 0, 0].detach())
    if p == 0 or not training:
        assert value == 10000
    elif p == 1:
        assert value == 0
    else:
        assert 8000 < value < 12000
        steps = value * (1 - p) / 10
        assert abs(steps - round(steps)) < 1e-2


def test_dropout_may_change_between_calls() -> None:
    m, x = pt.LSTM(3, 50, 2), torch.randn(4, 2, 3)
    for p in (0, 0.5, 1, 0.5, 0):
        m.dropout = p
        assert torch.equal(m(x)[0], m(x)[0]) == (p in (0, 1))
    m.dropout = 0.5
    m.eval()
    assert torch.equal(m(x)[0], m(x)[0])


def test_assigned_weights_are_seen() -> None:
    m, x = pt.GRU(3, 4), torch.randn(4, 2, 3)
    before = m(x)[0]
    m.weight_hh_l0 = torch.nn.Parameter(torch.zeros(12, 4))
    after = m(x)[0]
    assert not torch.equal(before, after)
    m.load_state_dict(m.state_dict() | {"bias_ih_l0": torch.ones(12)})
    assert not torch.equal(m(x)[0], after)


def test_changes_through_data_are_seen() -> None:
    m, x = pt.LSTM(3, 4), torch.randn(4, 2, 3)
    before = m(x)[0]
    version = m.weight_ih_l0._version
    m.weight_ih_l0.data.mul_(2)
    assert m.weight_ih_l0._version == version
    assert not torch.equal(m(x)[0], before)


def test_states_that_are_fed_back_change() -> None:
    m, x = pt.LSTM(128, 64, 3, dropout=0.2), torch.randn(10, 16, 128)
    y, (h, c) = m(x)
    assert y.shape == (10, 16, 64)
    assert h.shape == c.shape == (3, 16, 64)
    y2, (h2, c2) = m(x, (h, c))
    assert not (torch.equal(y, y2))
    assert not (torch.equal(h, h2))
    assert not (torch.equal(c, c2))


@pytest.mark.parametrize("cell", CELLS)
def test_it_learns(cell: str) -> None:
    torch.manual_seed(0)
    m = getattr(pt, cell)(1, 32, 2)
    head = torch.nn.Linear(32, 1)
    optimizer = torch.optim.Adam([*m.parameters(), *head.parameters()], lr=1e-2)
    loss = torch.ones(())
    for _ in range(1500):
        bits = torch.randint(0, 2, (5, 32, 1)).float()
        loss = (head(m(bits)[0][-1]) - bits.sum(0)).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if loss < 1e-2:
            return
    raise AssertionError(f"the loss is {loss} after 1500 steps")


@pytest.mark.parametrize("cell", CELLS)
def test_parameters_are_torchs(cell: str) -> None:
    options = {"input_size": 3, "hidden_size": 4, "num_layers": 2, "bidirectional": True}
    torch.manual_seed(0)
    ours = getattr(pt, cell)(**options)
    torch.manual_seed(0)
    theirs = getattr(torch.nn, cell)(**options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
    assert repr(ours) == repr(theirs)
    assert [len(w) for w in ours.all_weights] == [len(w) for w in theirs.all_weights]
    ours.flatten_parameters()


def test_an_output_has_the_inputs_own_indices() -> None:
    p = pack_sequence([torch.randn(n, 3) for n in (2, 4)], enforce_sorted=False)
    y, _ = pt.GRU(3, 4)(p)
    assert type(y) is PackedSequence
    assert all(a is b for a, b in zip(y[1:], p[1:], strict=True))
