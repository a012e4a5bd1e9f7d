# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""torch's packing functions against torch: random lengths, dtypes, shapes and options.

Results are compared where the order of sequences of equal length shows in neither, since torch
gives no promise about it: lengths are distinct where packed rows are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.utils.rnn as torch_rnn
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.testing import assert_close

import packseq.torch as ours
from packseq.torch import check, gather, lists

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
# torch packs complex numbers, without a gradient.
DTYPES = [
    *FLOATS,
    torch.complex64,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
]

dtypes = st.sampled_from(DTYPES)
trailing_shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
distinct = st.lists(st.integers(1, 12), min_size=1, max_size=8, unique=True)
some_zero = st.lists(st.integers(0, 6), min_size=1, max_size=6)


def exactly(x: object, y: object) -> None:
    assert_close(x, y, rtol=0, atol=0, equal_nan=True)


def random_rows(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return (torch.randn(shape) * 50).to(dtype)


def by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing may be read by C, as on another device."""
    for module in (check, gather, lists):
        monkeypatch.setattr(module, "is_native", lambda x: False)


@pytest.fixture(params=["by C", "by index"], scope="module", autouse=True)
def way(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        if request.param == "by index":
            by_index(monkeypatch)
        yield request.param


def both(
    function: Callable[[Any, Sequence[Tensor]], Sequence[Tensor]], inputs: Sequence[Tensor]
) -> None:
    """Results and, of floats, gradients of a function of either module are the same."""
    results, gradients = [], []
    for module in (torch_rnn, ours):
        leaves = [x.detach() for x in inputs]
        if inputs[0].dtype in FLOATS:
            leaves = [x.requires_grad_() for x in leaves]
        outputs = list(function(module, leaves))
        results.append([x.detach() for x in outputs])
        graphs = [x for x in outputs if x.requires_grad]
        if graphs:
            torch.manual_seed(1)
            seeds = [torch.randn(x.shape).to(x.dtype) for x in graphs]
            gradients.append(torch.autograd.grad(graphs, leaves, seeds, allow_unused=True))
    exactly(results[1], results[0])
    if gradients:
        exactly(gradients[1], gradients[0])


@given(distinct, dtypes, trailing_shapes, st.booleans())
def test_pack_sequence(
    lengths: list[int], dtype: torch.dtype, trailing: tuple[int, ...], enforce_sorted: bool
) -> None:
    if enforce_sorted:
        lengths = sorted(lengths, reverse=True)
    sequences = [random_rows((length, *trailing), dtype) for length in lengths]
    both(
        lambda module, xs: [x for x in module.pack_sequence(xs, enforce_sorted) if x is not None],
        sequences,
    )


@given(distinct, dtypes, trailing_shapes, st.booleans(), st.booleans(), st.integers(0, 3))
def test_pack_padded_sequence(
    lengths: list[int],
    dtype: torch.dtype,
    trailing: tuple[int, ...],
    enforce_sorted: bool,
    batch_first: bool,
    more: int,
) -> None:
    if enforce_sorted:
        lengths = sorted(lengths, reverse=True)
    steps = (len(lengths), max(lengths) + more)
    rows = random_rows((*(steps if batch_first else steps[::-1]), *trailing), dtype)
    exchanged = rows.transpose(0, 1).contiguous().transpose(0, 1)
    every_other = rows.repeat_interleave(2, dim=1)[:, ::2]
    for x in (rows, exchanged, every_other):
        both(
            lambda module, xs: [
                field
                for field in module.pack_padded_sequence(
                    xs[0], lengths, batch_first, enforce_sorted
                )
                if field is not None
            ],
            [x],
        )


@given(
    distinct,
    dtypes,
    trailing_shapes,
    st.booleans(),
    st.booleans(),
    st.none() | st.integers(0, 3),
    st.sampled_from([0.0, -0.0, 1, 1.9, 7, True]),
)
def test_pad_packed_sequence(
    lengths: list[int],
    dtype: torch.dtype,
    trailing: tuple[int, ...],
    enforce_sorted: bool,
    batch_first: bool,
    more: int | None,
    value: float,
) -> None:
    if enforce_sorted:
        lengths = sorted(lengths, reverse=True)
    total_length = None if more is None else max(lengths) + more
    p = torch_rnn.pack_sequence(
        [random_rows((length, *trailing), dtype) for length in lengths], enforce_sorted
    )
    both(
        lambda module, xs: module.pad_packed_sequence(
            p._replace(data=xs[0]), batch_first, value, total_length
        ),
        [p.data],
    )
    both(lambda module, xs: module.unpack_sequence(p._replace(data=xs[0])), [p.data])


@given(
    some_zero,
    dtypes,
    trailing_shapes,
    st.booleans(),
    st.sampled_from([0.0, -0.0, 1, 1.9, 7, True]),
    st.sampled_from(["left", "right"]),
)
def test_pad_sequence(
    lengths: list[int],
    dtype: torch.dtype,
    trailing: tuple[int, ...],
    batch_first: bool,
    value: float,
    side: str,
) -> None:
    sequences = [random_rows((length, *trailing), dtype) for length in lengths]
    both(lambda module, xs: [module.pad_sequence(xs, batch_first, value, side)], sequences)


@given(some_zero, dtypes, trailing_shapes, st.booleans(), st.integers(1, 3))
def test_unpad_sequence(
    lengths: list[int],
    dtype: torch.dtype,
    trailing: tuple[int, ...],
    batch_first: bool,
    more: int,
) -> None:
    rows = random_rows((len(lengths), max(lengths) + more, *trailing), dtype)
    x = rows if batch_first else rows.transpose(0, 1).contiguous()
    sizes = torch.tensor(lengths)
    both(lambda module, xs: module.unpad_sequence(xs[0] * 1, sizes, batch_first), [x])


@given(st.lists(st.integers(1, 3), min_size=1, max_size=60), st.booleans())
def test_sequences_of_equal_length_are_unpacked_right(lengths: list[int], as_tensor: bool) -> None:
    sequences = [torch.randn(length, 2) for length in lengths]
    exactly(ours.unpack_sequence(torch_rnn.pack_sequence(sequences, False)), sequences)
    p = ours.pack_sequence(sequences, False)
    exactly(torch_rnn.unpack_sequence(p), sequences)
    sizes: Any = torch.tensor(lengths, dtype=torch.int32) if as_tensor else lengths
    again = ours.pack_padded_sequence(ours.pad_sequence(sequences), sizes, enforce_sorted=False)
    exactly(tuple(again), tuple(p))
    order = sorted(range(len(lengths)), key=lambda b: -lengths[b])
    assert p.sorted_indices is not None
    assert p.sorted_indices.tolist() == order


@settings(max_examples=5)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans())
def test_derivatives_of_any_order(lengths: list[int], batch_first: bool) -> None:
    sequences = [torch.randn(n, 2, dtype=torch.float64, requires_grad=True) for n in lengths]
    p = ours.pack_sequence(sequences, enforce_sorted=False)
    data = p.data.detach().requires_grad_()
    padded = ours.pad_sequence(sequences, batch_first).detach().requires_grad_()
    functions: list[tuple[Callable[..., Any], tuple[Tensor, ...]]] = [
        (lambda *xs: ours.pack_sequence(xs, enforce_sorted=False).data, tuple(sequences)),
        (lambda *xs: ours.pad_sequence(xs, batch_first, 2), tuple(sequences)),
        (lambda x: ours.pack_padded_sequence(x, lengths, batch_first, False).data, (padded,)),
        (lambda x: ours.pad_packed_sequence(p._replace(data=x), batch_first)[0], (data,)),
        (lambda x: ours.unpack_sequence(p._replace(data=x)), (data,)),
        (lambda x: ours.unpad_sequence(x, lengths, batch_first), (padded,)),
    ]
    for function, inputs in functions:
        assert gradcheck(function, inputs)
        assert gradgradcheck(function, inputs)


def test_a_gradient_that_is_missing_is_zero(way: str) -> None:
    data = torch.ones(6, 2, requires_grad=True)
    p = ours.pack_sequence([torch.ones(3, 2), torch.ones(2, 2), torch.ones(1, 2)])
    ours.unpack_sequence(p._replace(data=data))[1].sum().backward()
    assert data.grad is not None
    assert data.grad[:, 0].tolist() == [0, 1, 0, 0, 1, 0]
