# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Our own verbs: user order, empty sequences, empty batches, gradients, wrong arguments."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.utils.rnn as torch_rnn
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, jvp, vmap
from torch.testing import assert_close
from torch.utils.data import DataLoader

import packseq.torch as ps
from packseq.torch import PackedSequence
from packseq.torch.packed import layout_of

some_zero = st.lists(st.integers(0, 6), max_size=7)
one_or_more = st.lists(st.integers(0, 6), min_size=1, max_size=7)
LENGTHS = [3, 0, 5, 2, 0, 5]


def exactly(x: object, y: object) -> None:
    assert_close(x, y, rtol=0, atol=0, equal_nan=True)


def sequences(lengths: Sequence[int], *trailing: int, **options: Any) -> list[Tensor]:
    return [torch.randn(length, *trailing, **options) for length in lengths]


def doubles(lengths: Sequence[int], *trailing: int) -> tuple[Tensor, ...]:
    return tuple(sequences(lengths, *trailing, dtype=torch.float64, requires_grad=True))


def fields(p: PackedSequence) -> list[list[int]]:
    return [field.tolist() for field in p if field is not None]


# ---- in and out


def test_an_empty_sequence_keeps_its_place() -> None:
    p = ps.pack([torch.tensor([1, 2]), torch.tensor([], dtype=torch.int64), torch.tensor([3])])
    assert fields(p) == [[1, 3, 2], [2, 1], [0, 2, 1], [0, 2, 1]]
    assert [x.tolist() for x in ps.unpack(p)] == [[1, 2], [], [3]]
    padded, lengths = ps.pad(p, padding_value=-1)
    assert padded.tolist() == [[1, 2], [-1, -1], [3, -1]]
    assert lengths.tolist() == [2, 0, 1]
    assert [x.tolist() for x in ps.unpack_sequence(p)] == [[1, 2], [], [3]]
    exactly(ps.pad_packed_sequence(p, batch_first=True, padding_value=-1), (padded, lengths))


@pytest.mark.parametrize("n", [0, 3])
def test_batches_without_rows(n: int) -> None:
    p = ps.pack([torch.ones(0, 2)] * n)
    assert p.data.shape == ((0, 2) if n else (0,))
    assert fields(p)[1:] == [[], list(range(n)), list(range(n))]
    assert len(ps.unpack(p)) == n
    assert ps.pad(p)[0].shape[:2] == (n, 0)
    assert ps.pad(p, total_length=4)[0].shape[:2] == (n, 4)
    assert ps.last(p).shape[0] == n
    for how, value in (("sum", 0), ("mean", 0), ("max", 0), ("logsumexp", -torch.inf)):
        assert ps.pool(p, how).eq(value).all()
    assert ps.ragged_mean(p.data, p).eq(0).all()
    assert len(ps.unpack(ps.concat([p, p]))) == 2 * n
    exactly(ps.pad_packed_sequence(p)[1], torch.zeros(n, dtype=torch.int64))


@given(some_zero, st.booleans(), st.sampled_from(["left", "right"]), st.integers(0, 3))
def test_there_and_back(lengths: list[int], batch_first: bool, side: str, more: int) -> None:
    given_ = sequences(lengths, 2)
    p = ps.pack(given_)
    exactly(ps.unpack(p), given_)
    total = max(lengths, default=0) + more
    padded, sizes = ps.pad(
        p, batch_first=batch_first, padding_value=7, total_length=total, padding_side=side
    )
    assert sizes.tolist() == lengths
    if lengths:
        again = ps.pack(padded, sizes, batch_first=batch_first, padding_side=side)
        exactly(tuple(again), tuple(p))
        exactly(
            tuple(ps.pack_like(padded, p, batch_first=batch_first, padding_side=side)), tuple(p)
        )
        exactly(tuple(ps.pack_like(given_, p)), tuple(p))
    rows = padded if batch_first else padded.transpose(0, 1)
    for x, row in zip(given_, rows, strict=True):
        exactly(row[total - len(x) :] if side == "left" else row[: len(x)], x)
        assert row.eq(7).sum() == 2 * (total - len(x))


@pytest.mark.parametrize("lengths", [[2, 3], (2, 3), np.array([2, 3], np.uint8), range(2, 4)])
def test_lengths_may_be_any_integers(lengths: Any) -> None:
    padded = torch.arange(6).reshape(2, 3)
    assert ps.pack(padded, lengths).data.tolist() == [3, 0, 4, 1, 5]
    for dtype in (torch.int8, torch.int32, torch.int64):
        p = ps.pack(padded, torch.tensor([2, 3], dtype=dtype))
        assert p.data.tolist() == [3, 0, 4, 1, 5]


def test_pack_like_shares_what_it_can() -> None:
    p = ps.pack(sequences([2, 3], 4))
    targets = ps.pack_like([torch.tensor([1, 2]), torch.tensor([3, 4, 5])], p)
    assert targets.data.tolist() == [3, 1, 4, 2, 5]
    assert targets.batch_sizes is p.batch_sizes
    assert targets.sorted_indices is p.sorted_indices
    # torch may have put sequences of equal length in any order.
    torchs = PackedSequence(torch.zeros(4), torch.tensor([2, 2]), torch.tensor([1, 0]))
    assert ps.pack_like([torch.tensor([1, 2]), torch.tensor([3, 4])], torchs).data.tolist() == [
        *(3, 1),
        *(4, 2),
    ]


def test_packed_batches_go_through_torch_and_pickle() -> None:
    given_ = sequences([2, 4, 1], 3)
    p = ps.pack(given_)
    exactly(torch_rnn.unpack_sequence(p), given_)
    gru = torch.nn.GRU(3, 5)
    output, h_n = gru(p)
    exactly(ps.last(output), ps.final(h_n))
    exactly(tuple(pickle.loads(pickle.dumps(p))), tuple(p))


# ---- on rows, and one row for each sequence


def test_map() -> None:
    p = ps.pack(sequences(LENGTHS, 3))
    exactly(ps.unpack(ps.map(torch.tanh, p)), [x.tanh() for x in ps.unpack(p)])
    exactly(ps.map(torch.add, p, p).data, p.data * 2)
    assert ps.map(torch.nn.Linear(3, 7), p).data.shape == (15, 7)


@given(st.lists(some_zero, min_size=1, max_size=4))
def test_concat(batches: list[list[int]]) -> None:
    lists = [sequences(lengths, 2) for lengths in batches]
    packed = [ps.pack(xs) if xs else ps.pack(torch.zeros(0, 1, 2), []) for xs in lists]
    joined = ps.concat(packed)
    exactly(ps.unpack(joined), [x for xs in lists for x in xs])
    if any(lists):
        exactly(tuple(joined), tuple(ps.pack([x for xs in lists for x in xs])))


REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x.sum(0),
    "mean": lambda x: x.mean(0),
    "max": lambda x: x.amax(0),
    "logsumexp": lambda x: x.logsumexp(0),
}


@pytest.mark.parametrize("how", REDUCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@given(one_or_more)
def test_pool(how: str, dtype: torch.dtype, lengths: list[int]) -> None:
    given_ = sequences(lengths, 2, 3, dtype=dtype)
    y = ps.pool(ps.pack(given_), how)
    empty = torch.full((2, 3), -torch.inf if how == "logsumexp" else 0, dtype=dtype)
    expected = torch.stack([REDUCTIONS[how](x) if len(x) else empty for x in given_])
    assert_close(y, expected)


def test_pool_of_integers_and_nan() -> None:
    p = ps.pack([torch.tensor([1, 2]), torch.tensor([], dtype=torch.int64), torch.tensor([-3])])
    assert ps.pool(p, "sum").tolist() == [3, 0, -3]
    assert ps.pool(p, "max").tolist() == [2, 0, -3]
    assert ps.pool(p, "mean").tolist() == [1.5, 0, -3]
    nan = ps.pack([torch.tensor([1.0, torch.nan]), torch.tensor([2.0])])
    exactly(ps.pool(nan, "max"), torch.tensor([torch.nan, 2]))
    data = torch.ones(3, requires_grad=True)
    ps.pool(nan._replace(data=data), "max").sum().backward()
    exactly(data.grad, torch.tensor([1.0, 1, 0]))


def test_last() -> None:
    given_ = sequences(LENGTHS, 2)
    rows = ps.last(ps.pack(given_))
    exactly(rows, torch.stack([x[-1] if len(x) else torch.zeros(2) for x in given_]))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_final(bidirectional: bool) -> None:
    lstm = torch.nn.LSTM(2, 3, num_layers=2, bidirectional=bidirectional)
    p = ps.pack(sequences([3, 1, 4], 2))
    output, states = lstm(p)
    last = ps.final(states, bidirectional=bidirectional)
    exactly(last[:, :3], ps.last(output)[:, :3])
    if bidirectional:
        exactly(last[:, 3:], torch.stack([x[0, 3:] for x in ps.unpack(output)]))
    exactly(ps.final(states[0][:, 1], bidirectional=bidirectional), last[1])


def test_ragged_mean_counts_sequences_alike() -> None:
    p = ps.pack([torch.tensor([1.0, 3.0]), torch.zeros(0), torch.tensor([6.0])])
    assert ps.ragged_mean(p.data, p) == 4
    exactly(ps.ragged_mean(torch.stack([p.data, -p.data], 1), p), torch.tensor([4.0, -4]))


# ---- derivatives


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "pack": lambda *xs: ps.pack(xs).data,
    "pack padded": lambda *xs: ps.pack(ps.pad(ps.pack(xs))[0], LENGTHS).data,
    "pad": lambda *xs: ps.pad(ps.pack(xs), padding_side="left", padding_value=3)[0],
    "unpack": lambda *xs: ps.unpack(ps.pack(xs)),
    "pack_like": lambda *xs: ps.pack_like(xs, ps.pack(xs)).data,
    "map": lambda *xs: ps.map(torch.mul, ps.pack(xs), ps.pack(xs)).data,
    "concat": lambda *xs: ps.concat([ps.pack(xs), ps.pack(xs[2:])]).data,
    "last": lambda *xs: ps.last(ps.pack(xs)),
    "ragged_mean": lambda *xs: ps.ragged_mean(ps.pack(xs).data, ps.pack(xs)),
    # Of no rows it is infinite.
    "logsumexp": lambda *xs: ps.pool(ps.pack(xs), "logsumexp")[[0, 2, 3, 5]],
    **{how: lambda *xs, how=how: ps.pool(ps.pack(xs), how) for how in ("sum", "mean", "max")},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives(name: str) -> None:
    inputs = doubles(LENGTHS, 2)
    assert gradcheck(FUNCTIONS[name], inputs)
    assert gradgradcheck(FUNCTIONS[name], inputs)


@pytest.mark.parametrize("how", REDUCTIONS)
def test_gradients_of_pooling_do_not_depend_on_how_they_are_made(how: str) -> None:
    x = torch.tensor([1.0, 1, 2, 2, -torch.inf, -torch.inf, 0.5])
    gradients = []
    for create_graph in (False, True):
        p = ps.pack(x.split([2, 3, 1, 1]))
        data = p.data.requires_grad_()
        y = ps.pool(p._replace(data=data), how)[[0, 1, 3]].sum()
        gradients.append(torch.autograd.grad(y, data, create_graph=create_graph)[0].detach())
    exactly(gradients[1], gradients[0])


# torch's first call of jvp uses what torch has deprecated.
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "unpack"])
def test_transforms(name: str) -> None:
    def function(x: Tensor) -> Any:
        return FUNCTIONS[name](*x.split(LENGTHS))

    x, v = torch.randn(2, 15, 2, dtype=torch.float64)
    expected = torch.autograd.functional.jvp(function, x, v, strict=False)
    assert_close(jvp(function, (x,), (v,)), expected)
    assert_close(vmap(function)(torch.stack([x, v])), torch.stack([function(x), function(v)]))
    leaf = x.clone().requires_grad_()
    function(leaf).sum().backward()
    assert_close(grad(lambda x: function(x).sum())(x), leaf.grad)


def test_batched_gradients() -> None:
    p = ps.pack(doubles(LENGTHS))
    for function in (
        lambda data: ps.pad(p._replace(data=data))[0],
        lambda data: ps.unpack(p._replace(data=data))[2],
        lambda data: ps.pool(p._replace(data=data), "max"),
        lambda data: ps.pack(ps.pad(p._replace(data=data))[0], LENGTHS).data,
    ):
        jacobian = torch.autograd.functional.jacobian
        data = p.data.detach()
        exactly(jacobian(function, data, vectorize=True), jacobian(function, data))


# ---- data loading


class Pair(NamedTuple):
    text: Tensor
    label: int


def test_collate() -> None:
    texts = sequences([2, 0, 3], 4)
    pairs = ps.collate([Pair(x, b) for b, x in enumerate(texts)])
    assert isinstance(pairs, Pair)
    exactly(ps.unpack(pairs.text), texts)
    assert pairs.label.tolist() == [0, 1, 2]
    named = ps.collate(
        [{"text": x.numpy(), "name": "n", "weight": torch.tensor(1.5)} for x in texts]
    )
    exactly(tuple(named["text"]), tuple(pairs.text))
    assert named["name"] == ["n"] * 3
    assert named["weight"].tolist() == [1.5] * 3
    exactly(tuple(ps.collate(texts)), tuple(pairs.text))


@pytest.mark.parametrize("workers", [0, 1])
def test_collate_in_a_data_loader(workers: int) -> None:
    samples = [(torch.full((n,), n), n) for n in (3, 1, 2, 5)]
    loader = DataLoader(samples, batch_size=2, collate_fn=ps.collate, num_workers=workers)
    batches = [(ps.unpack(p), labels) for p, labels in loader]
    assert [[x.tolist() for x in xs] for xs, _ in batches] == [
        [[3, 3, 3], [1]],
        [[2, 2], [5] * 5],
    ]
    assert [labels.tolist() for _, labels in batches] == [[3, 1], [2, 5]]


# ---- wrong arguments


P = ps.pack([torch.ones(2, 3), torch.ones(1, 3)])
X = torch.ones(2, 3)

WRONG: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: ps.pack(5), TypeError, "sequences is int, must be sequences"),  # type: ignore[arg-type]
    (lambda: ps.pack(torch.tensor(1)), TypeError, "must be sequences"),
    (lambda: ps.pack([X, [1.0]]), TypeError, r"sequences\[1\] is list, must be a Tensor"),  # type: ignore[list-item]
    (lambda: ps.pack([torch.tensor(1.0)]), ValueError, r"sequences\[0\] has 0 dimensions"),
    (
        lambda: ps.pack([X, torch.ones(2, 4)]),
        ValueError,
        r"sequences\[1\] has rows of shape \(4,\), sequences\[0\] of \(3,\)",
    ),
    (lambda: ps.pack([X, X.int()]), ValueError, r"\[1\] has dtype int32, sequences\[0\] float32"),
    (lambda: ps.pack([X, X.to("meta")]), ValueError, r"\[1\] is on meta, sequences\[0\] on cpu"),
    (lambda: ps.pack([X], [3]), TypeError, "sequences is list, must be a Tensor where"),
    (lambda: ps.pack(torch.ones(2), [1]), ValueError, "sequences has 1 dimensions, needs"),
    (lambda: ps.pack(X, [1]), ValueError, "lengths has 1 elements, sequences has 2 sequences"),
    (lambda: ps.pack(X, [1, 4]), ValueError, r"lengths\[1\] is 4, sequences has 3 steps"),
    (lambda: ps.pack(X, [1, 2**62]), ValueError, r"lengths\[1\] is 4611686018427387904"),
    (lambda: ps.pack(X, [1, -4]), ValueError, r"lengths\[1\] is -4, must be at least 0"),
    (lambda: ps.pack(X, [1.0, 2]), TypeError, "lengths has dtype float64, must be integers"),  # type: ignore[list-item]
    (lambda: ps.pack(X, torch.ones(2)), TypeError, "lengths has dtype float32, must be integers"),
    (lambda: ps.pack(X, [[1, 2]]), ValueError, "lengths has 2 dimensions, must have 1"),  # type: ignore[list-item]
    (lambda: ps.pack(X, [1, 2], padding_side="up"), ValueError, "padding_side is 'up'"),
    (lambda: ps.pack_like([X], P), ValueError, "targets has 1 sequences, p has 2"),
    (lambda: ps.pack_like([X, X], P), ValueError, r"targets\[1\] has 2 rows, p has 1"),
    (lambda: ps.pack_like(torch.ones(2, 1), P), ValueError, r"lengths\[0\] is 2, targets has 1"),
    (lambda: ps.pack_like(X, X), TypeError, "p is Tensor, must be a PackedSequence"),  # type: ignore[arg-type]
    (lambda: ps.pad(X), TypeError, "p is Tensor"),  # type: ignore[arg-type]
    (lambda: ps.pad(P, total_length=1), ValueError, "total_length is 1, sequence 0 has 2 rows"),
    (lambda: ps.pad(P, total_length=1.5), TypeError, "float"),  # type: ignore[arg-type]
    (lambda: ps.pad(P, padding_side="up"), ValueError, "must be 'left' or 'right'"),
    (lambda: ps.pad(P, padding_value="a"), TypeError, "must be Number, not str"),  # type: ignore[arg-type]
    (lambda: ps.unpack((X,)), TypeError, "p is tuple"),  # type: ignore[arg-type]
    (lambda: ps.pool((X,), "sum"), TypeError, "p is tuple"),  # type: ignore[arg-type]
    (lambda: ps.unpack(P._replace(data=X)), RuntimeError, "sum to 3.* 2"),
    (lambda: ps.map(torch.sum, P), ValueError, r"fn gave shape \(\), must begin with 3"),
    (lambda: ps.map(lambda x: x[1:], P), ValueError, r"fn gave shape \(2, 3\)"),
    (lambda: ps.map(lambda x: 1, P), TypeError, "fn gave int"),  # type: ignore[arg-type,return-value]
    (
        lambda: ps.map(torch.add, P, ps.pack([X[:1], X])),
        ValueError,
        r"others\[0\]\[0\] has 1 rows, p has 2",
    ),
    (
        lambda: ps.map(torch.add, P, PackedSequence(X, torch.tensor([2]), torch.tensor([1, 0]))),
        ValueError,
        r"others\[0\]\[0\] has 1 rows",
    ),
    (
        lambda: ps.map(
            torch.add,
            PackedSequence(X, torch.tensor([2])),
            PackedSequence(X, torch.tensor([2]), torch.tensor([1, 0])),
        ),
        ValueError,
        r"others\[0\] has sequences of equal length in another order than p",
    ),
    (lambda: ps.map(torch.add, P, X), TypeError, r"others\[0\] is Tensor"),  # type: ignore[arg-type]
    (lambda: ps.concat([]), ValueError, "batches has 0 elements"),
    (lambda: ps.concat([P, X]), TypeError, r"batches\[1\] is Tensor"),  # type: ignore[list-item]
    (
        lambda: ps.concat([P, P.int()]),
        ValueError,
        r"batches\[1\] has dtype int32, batches\[0\] float32",
    ),
    (lambda: ps.last(X), TypeError, "p is Tensor"),  # type: ignore[arg-type]
    (lambda: ps.final(torch.ones(3)), ValueError, "h_n has 1 dimensions, must have 2 or 3"),
    (lambda: ps.final(torch.ones(3, 2, 1), bidirectional=True), ValueError, "3 states, .* of 2"),
    (lambda: ps.final([X]), TypeError, "h_n is list"),  # type: ignore[arg-type]
    (lambda: ps.pool(P, "median"), ValueError, "how is 'median', must be one of sum, mean, max"),
    (lambda: ps.pool(P, None), ValueError, "how is None"),  # type: ignore[arg-type]
    (lambda: ps.ragged_mean(X, P), ValueError, r"loss has shape \(2, 3\), must begin with 3"),
    (lambda: ps.ragged_mean(1.0, P), TypeError, "loss is float"),  # type: ignore[arg-type]
    (lambda: ps.collate([X, torch.tensor(1.0)]), ValueError, r"sequences\[1\] has 0 dimensions"),
]


@pytest.mark.parametrize(("call", "kind", "text"), WRONG)
def test_wrong_arguments(call: Callable[[], object], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()


def test_layouts_of_packed_sequences() -> None:
    for lengths in ([], [0], [2, 2, 0, 5]):
        assert layout_of(ps.pack(sequences(lengths))).lengths.tolist() == lengths
    # Of both indices one is enough.
    p = ps.pack(sequences([1, 3, 2]))
    for missing in ("sorted_indices", "unsorted_indices"):
        assert layout_of(p._replace(**{missing: None})).lengths.tolist() == [1, 3, 2]
