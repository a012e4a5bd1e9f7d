# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of the networks share: any configuration, and torch's results for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_sequence, unpack_sequence

import packseq.torch as pt

# Torch's packed backward pass takes long, so fewer examples than usual; all of a longer profile.
_N_EXAMPLES = settings.default.max_examples if settings.default else 100
few = settings(max_examples=_N_EXAMPLES if _N_EXAMPLES > 100 else 60)

CELLS = ("RNN", "LSTM", "GRU")


class Case(NamedTuple):
    """A network, a batch and the way it is given."""

    cell: str
    options: dict[str, Any]
    lengths: list[int]
    given: str  # "packed", "lengths" or "padded"
    with_states: bool
    training: bool
    seed: int

    @property
    def dtype(self) -> torch.dtype:
        return self.options.get("dtype") or torch.float32

    @property
    def batch_first(self) -> bool:
        return bool(self.options["batch_first"])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    cell = draw(st.sampled_from(CELLS))
    hidden = draw(st.integers(1, 9))
    options: dict[str, Any] = {
        "input_size": draw(st.integers(1, 7)),
        "hidden_size": hidden,
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "dtype": draw(st.sampled_from([torch.float32, torch.float32, torch.float64])),
    }
    if options["num_layers"] > 1:
        options["dropout"] = draw(st.sampled_from([0.0, 1.0]))
    if cell == "RNN":
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if cell == "LSTM" and hidden > 1:
        options["proj_size"] = draw(st.integers(0, hidden - 1))
    given = draw(st.sampled_from(["packed", "lengths", "padded"]))
    if given == "padded":
        lengths = [draw(st.integers(1, 6))] * draw(st.integers(1, 5))
    else:
        lengths = draw(st.lists(st.integers(given == "packed", 6), min_size=1, max_size=6))
    return Case(
        cell, options, lengths, given, draw(st.booleans()), draw(st.booleans()), draw(seeds)
    )


seeds = st.integers(0, 2**31)


def pair(cell: str, **options: Any) -> tuple[Any, Any]:
    """Our module and torch's with the same weights."""
    ours, theirs = getattr(pt, cell)(**options), getattr(torch.nn, cell)(**options)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def sequences_of(lengths: Sequence[int], width: int, dtype: torch.dtype) -> list[Tensor]:
    return [torch.randn(n, width, dtype=dtype) for n in lengths]


def states_of(module: Any, n_sequences: int, dtype: torch.dtype) -> list[Tensor]:
    """Random h0, or h0 and c0."""
    n = module.num_layers * (1 + module.bidirectional)
    sizes = [module.proj_size or module.hidden_size, module.hidden_size]
    sizes = sizes[: 1 + (module.mode == "LSTM")]
    return [torch.randn(n, n_sequences, size, dtype=dtype) for size in sizes]


def as_hx(module: Any, states: Sequence[Tensor] | None) -> Any:
    if not states:
        return None
    return tuple(states) if module.mode == "LSTM" else states[0]


def as_list(hidden: Any) -> list[Tensor]:
    return list(hidden) if isinstance(hidden, tuple) else [hidden]


def run_ours(case: Case, module: Any, xs: list[Tensor], states: Any) -> list[Tensor]:
    """The output of each sequence, then the last states."""
    hx = as_hx(module, states)
    if case.given == "packed":
        y, hidden = module(pack_sequence(xs, enforce_sorted=False), hx)
        assert isinstance(y, PackedSequence)
        return [*unpack_sequence(y), *as_list(hidden)]
    x = pad_sequence(xs, batch_first=case.batch_first, padding_value=float("nan"))
    if case.given == "padded":
        y, hidden = module(x, hx)
    else:
        y, hidden = module(x, hx, lengths=torch.tensor(case.lengths, dtype=torch.int32))
    assert y.shape[:2] == x.shape[:2]
    y = y if case.batch_first else y.transpose(0, 1)
    for b, n in enumerate(case.lengths):
        assert torch.equal(y[b, n:], torch.zeros_like(y[b, n:]))
    return [*(y[b, :n] for b, n in enumerate(case.lengths)), *as_list(hidden)]


def run_torch(module: Any, xs: list[Tensor], states: list[Tensor]) -> list[Tensor]:
    """The same by torch, which does not see sequences of length 0."""
    live = [b for b, x in enumerate(xs) if len(x)]
    spec_width = (module.proj_size or module.hidden_size) * (1 + module.bidirectional)
    ys = [x.new_zeros(0, spec_width) for x in xs]
    if not live:
        return [*ys, *states]
    hx = as_hx(module, [state[:, live] for state in states])
    y, hidden = module(pack_sequence([xs[b] for b in live], enforce_sorted=False), hx)
    for b, rows in zip(live, unpack_sequence(y), strict=True):
        ys[b] = rows
    index = torch.tensor(live)
    ends = [s.index_copy(1, index, h) for s, h in zip(states, as_list(hidden), strict=True)]
    return [*ys, *ends]


def loss_of(results: Sequence[Tensor]) -> Tensor:
    """A number that depends on every element in its own way."""
    total = torch.zeros((), dtype=results[-1].dtype)
    for i, result in enumerate(results):
        factors = torch.linspace(-1, 1 + i, result.numel(), dtype=result.dtype)
        total = total + (result.reshape(-1) * factors).sum() + result.square().sum() / 3
    return total


def assert_near(actual: Tensor | None, expected: Tensor | None, what: str) -> None:
    """Within what one sum in another order makes of unit-variance data; None is zero."""
    if actual is None or expected is None:
        some = actual if expected is None else expected
        assert some is None or not some.any(), what
        return
    actual, expected = actual.detach(), expected.detach()
    scale = 1e-5 if actual.dtype == torch.float32 else 1e-12
    limit = scale * max(1.0, float(expected.abs().max())) if expected.numel() else 0.0
    assert actual.shape == expected.shape, what
    assert not actual.numel() or float((actual - expected).abs().max()) <= limit, what
