# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Functions and verbs where C may not read: compilers, tracers, modes, other kinds of tensors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.utils.rnn as torch_rnn
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

import packseq.torch as ps

LENGTHS = torch.tensor([2, 3])
X = torch.arange(12.0).reshape(2, 3, 2)


def exactly(x: object, y: object) -> None:
    assert_close(x, y, rtol=0, atol=0)


@pytest.fixture
def compiled() -> Iterator[Callable[..., Any]]:
    torch._dynamo.reset()
    yield lambda function, **options: torch.compile(function, backend="eager", **options)
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("fullgraph", [False, True])
def test_compiled_functions_are_torchs(compiled: Callable[..., Any], fullgraph: bool) -> None:
    def function(x: Tensor, y: Tensor) -> Tensor:
        return ps.pad_sequence([x, y * 2], batch_first=True, padding_value=1) + 1

    exactly(compiled(function, fullgraph=fullgraph)(X[0], X[1, :2]), function(X[0], X[1, :2]))


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_model_packs(compiled: Callable[..., Any]) -> None:
    linear = torch.nn.Linear(2, 2)

    def theirs(x: Tensor, lengths: Tensor) -> Tensor:
        p = ps.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        q = ps.PackedSequence(linear(p.data), *p[1:])  # torch's compiler fails on _replace
        return ps.pad_packed_sequence(q)[0].relu()

    def ours(x: Tensor, lengths: Tensor) -> Tensor:
        p = ps.map(linear, ps.pack(x * 2, lengths))
        p = ps.concat([p, ps.pack(ps.unpack(p))])
        return ps.pad(p)[0].sum(1) + ps.pool(p, "max") + ps.last(p) + ps.ragged_mean(p.data, p)

    for function in (theirs, ours):
        x = X.clone().requires_grad_()
        y = compiled(function)(x, LENGTHS)
        assert_close(y, function(x, LENGTHS))
        exactly(*(torch.autograd.grad(z.sum(), x) for z in (y, function(x, LENGTHS))))


@pytest.mark.filterwarnings("ignore")
def test_traced_functions_are_torchs() -> None:
    def function(x: Tensor, lengths: Tensor) -> Tensor:
        return ps.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False).data

    traced = torch.jit.trace(function, (X, LENGTHS))
    lengths = torch.tensor([3, 1])
    exactly(traced(X, lengths), function(X, lengths))


def test_tensors_without_data() -> None:
    x = X.to("meta")
    packed = ps.pack_padded_sequence(x, [3, 2], batch_first=True)
    assert packed.data.shape == (5, 2)
    assert ps.pad_packed_sequence(packed)[0].shape == (3, 2, 2)
    assert ps.pad_sequence([x[0], x[1, :2]]).shape == (3, 2, 2)
    assert ps.pack([x[0], x[1, :2]]).data.shape == (5, 2)
    with FakeTensorMode():
        rows = torch.ones(2, 3, 2)
        assert ps.pad_sequence([rows[0], rows[1, :2]]).shape == (3, 2, 2)
        assert ps.pack([rows[0], rows[1, :2]]).data.shape == (5, 2)


class Seen(TorchDispatchMode):
    """The names of the operations that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.names.add(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


# torch's first dual number uses what torch has deprecated.
dual = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")


def test_a_mode_sees_the_operations() -> None:
    p = ps.pack([*X])
    for function in (
        lambda: ps.pack_padded_sequence(X, LENGTHS, True, False).data,
        lambda: ps.pad_packed_sequence(p)[0],
        lambda: ps.pad_sequence([*X], padding_value=2),
        lambda: ps.unpack_sequence(p)[0],
        lambda: ps.pool(p, "sum"),
    ):
        expected = function()
        with Seen() as seen:
            exactly(function(), expected)
        assert seen.names & {"index_select", "index_copy"}


@dual
def test_dual_numbers() -> None:
    p = ps.pack([*X])
    functions: list[tuple[Callable[[Tensor], Tensor], Tensor]] = [
        (lambda x: ps.pack_padded_sequence(x, LENGTHS, True, False).data, X),
        (lambda x: ps.pad_packed_sequence(p._replace(data=x))[0], p.data),
        (lambda x: ps.pack([x, x * 3]).data, X[0]),
        (lambda x: ps.unpack(p._replace(data=x))[1], p.data),
        (lambda x: ps.pool(p._replace(data=x), "sum"), p.data),
    ]
    for function, x in functions:
        with forward_ad.dual_level():
            y = function(forward_ad.make_dual(x, x * 2))
            exactly(forward_ad.unpack_dual(y).tangent, function(x) * 2)


def test_a_leaf_that_a_transform_does_not_know() -> None:
    p = ps.pack([*X])
    leaf = p.data.clone().requires_grad_()
    q = p._replace(data=leaf)
    y = torch.func.vmap(lambda x: ps.pad(q)[0] * x + ps.pool(q, "max").sum())(torch.ones(3))
    y.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.sum() == 3 * 12 + 3 * 12 * 4


class Subclass(Tensor):
    """Of which torch's functions make more of their kind."""


def test_subclasses_are_torchs() -> None:
    x = X.as_subclass(Subclass)  # type: ignore[no-untyped-call]
    for module in (ps, torch_rnn):
        p = module.pack_padded_sequence(x, LENGTHS, True, False)
        assert type(p.data) is Subclass
        assert type(module.pad_packed_sequence(p)[0]) is Subclass
        assert type(module.pad_sequence([*x])) is Subclass
        assert type(module.unpad_sequence(x, LENGTHS, True)[0]) is Subclass


KINDS: dict[str, Callable[[], Tensor]] = {
    "sparse": X.to_sparse,
    "quantized": lambda: torch.quantize_per_tensor(X, 0.1, 0, torch.quint8),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2, 2), torch.ones(3, 2)]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")  # of prototypes
def test_other_kinds_of_tensors_do_not_crash(kind: str) -> None:
    x = KINDS[kind]()
    p = torch_rnn.pack_padded_sequence(X, [3, 2], True)
    for function in (
        lambda: ps.pack_padded_sequence(x, LENGTHS, True, False),
        lambda: ps.pad_packed_sequence(p._replace(data=x)),
        lambda: ps.pack_sequence([x, x]),
        lambda: ps.pad_sequence([x, X]),
        lambda: ps.pad_sequence([x, x]),
        lambda: ps.unpad_sequence(x, LENGTHS, True),
        lambda: ps.pack([x, x]),
        lambda: ps.pack(x, LENGTHS),
        lambda: ps.pack(X, x),
        lambda: ps.pool(p._replace(data=x), "max"),
        lambda: ps.last(p._replace(data=x)),
        lambda: ps.invert_permutation(x),
    ):
        with contextlib.suppress(RuntimeError, ValueError, TypeError, IndexError):
            function()


def test_inference_tensors() -> None:
    with torch.inference_mode():
        p = ps.pack([*X])
        exactly(ps.pad(p)[0], X)
    exactly(ps.unpack(p), [*X])
