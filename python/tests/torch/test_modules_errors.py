# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Bad input: torch's exceptions where torch has them, ours where torch reads on, never a crash."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import CELLS, as_hx, assert_near, pair
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence

import packseq.torch as pt


def error_of(call: Callable[[], Any]) -> tuple[type[BaseException], str]:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    return caught.type, str(caught.value)


def outcome(make: Callable[..., object], arguments: dict[str, Any]) -> tuple[object, str]:
    """What a constructor makes, or its error."""
    try:
        return None, repr(make(**arguments))
    except Exception as error:
        return type(error), re.sub(r"RNNBase|GRU|LSTM", "RNN", str(error))


# ---- constructors


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "arguments",
    [
        {"input_size": 0, "hidden_size": 4},
        {"input_size": 3, "hidden_size": 0},
        {"input_size": 3, "hidden_size": -1},
        {"input_size": 3, "hidden_size": 4.0},
        {"input_size": "3", "hidden_size": 4},
        {"input_size": 3, "hidden_size": 4, "num_layers": 0},
        {"input_size": 3, "hidden_size": 4, "dropout": 1.5},
        {"input_size": 3, "hidden_size": 4, "dropout": True},
        {"input_size": 3, "hidden_size": 4, "bias": 1},
        {"input_size": 3, "hidden_size": 4, "batch_first": 2},
        {"input_size": 3, "hidden_size": 4, "proj_size": 2},
        {"input_size": 3, "hidden_size": 4, "proj_size": 4},
        {"input_size": 3, "hidden_size": 4, "proj_size": -1},
        {"input_size": 3, "hidden_size": 4, "nonlinearity": "sigmoid"},
        {"input_size": 3, "hidden_size": 4, "device": "nowhere"},
    ],
    ids=str,
)
def test_constructors_raise_what_torchs_do(cell: str, arguments: dict[str, Any]) -> None:
    assert outcome(getattr(pt, cell), arguments) == outcome(getattr(torch.nn, cell), arguments)


def test_proj_size_is_for_lstm() -> None:
    for cell in ("RNN", "GRU"):
        with pytest.raises(ValueError, match="proj_size argument is only supported for LSTM"):
            getattr(pt, cell)(3, 4, proj_size=2)
    with pytest.raises(TypeError, match="unexpected keyword argument 'hiden_size'"):
        pt.GRU(3, 4, hiden_size=2)


def test_positional_arguments_are_torchs() -> None:
    assert repr(pt.RNN(3, 4, 2, "relu", False, True, 0.5, True)) == repr(
        torch.nn.RNN(3, 4, 2, "relu", False, True, 0.5, True)
    )
    assert repr(pt.LSTM(3, 4, 2, False, True, 0.5, True, 2)) == repr(
        torch.nn.LSTM(3, 4, 2, False, True, 0.5, True, 2)
    )
    assert pt.RNN(3, 4, 2, "relu").mode == "RNN_RELU"


def test_dropout_of_one_layer_is_warned_about() -> None:
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last"):
        pt.GRU(3, 4, dropout=0.5)


# ---- calls that torch refuses

I, H, L, B, T, BAD = 3, 5, 2, 4, 6, 7  # noqa: E741


def states(cell: str, *shapes: tuple[int, ...]) -> Any:
    tensors = [torch.randn(shape) for shape in shapes]
    return tuple(tensors) if cell == "LSTM" else tensors[0]


GOOD = (L, B, H)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("x", "shape"),
    [
        ((T, B, I), (L, BAD, H)),
        ((T, B, I), (L, B, BAD)),
        ((T, B, I), (BAD, B, H)),
        ((T, B, I), (B, H)),
        ((T, B, BAD), GOOD),
        ((T, BAD, I), GOOD),
        ((T, I), GOOD),
        ((0, B, I), GOOD),
        ((T,), GOOD),
        ((T, B, I, 1), GOOD),
    ],
    ids=str,
)
@pytest.mark.parametrize("only_second", [False, True])
def test_sizes_that_do_not_fit(
    cell: str, x: tuple[int, ...], shape: tuple[int, ...], only_second: bool
) -> None:
    ours, theirs = pair(cell, input_size=I, hidden_size=H, num_layers=L)
    second = only_second and cell == "LSTM"
    hx = states(cell, GOOD if second else shape, shape)
    rows = torch.randn(x)
    assert error_of(lambda: ours(rows, hx)) == error_of(lambda: theirs(rows, hx))


@pytest.mark.parametrize("cell", CELLS)
def test_messages(cell: str) -> None:
    m = getattr(pt, cell)(10, 20)
    with pytest.raises(RuntimeError, match=r"Expected hidden.*size.*got"):
        m(torch.randn(5, 3, 10), states(cell, (1, 3, 19), (1, 3, 19)))
    with pytest.raises(RuntimeError, match=r"input.size\(-1\) must be equal to input_size"):
        m(torch.randn(5, 3, 3))
    with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0 in RNN"):
        m(torch.randn(0, 3, 10))
    with pytest.raises(ValueError, match=r"RNN input dtype \(torch.float64\) does not match"):
        m(torch.randn(5, 3, 10, dtype=torch.float64))
    p = pack_sequence([torch.randn(4, 10), torch.randn(2, 10)])
    name = r"hidden\[0\]" if cell == "LSTM" else "hidden"
    with pytest.raises(
        RuntimeError, match=rf"^Expected {name} size \(1, 2, 20\), got \[1, 3, 20\]$"
    ):
        m(p, states(cell, (1, 3, 20), (1, 3, 20)))
    with pytest.raises(RuntimeError, match=r"Expected 10, got 3"):
        m(p._replace(data=torch.randn(6, 3)))
    with pytest.raises(RuntimeError, match="input must have 2 dimensions, got 3"):
        m(p._replace(data=torch.randn(6, 10, 1)))
    with pytest.raises(ValueError, match=r"torch.int64\) does not match"):
        m(p._replace(data=torch.ones(6, 10, dtype=torch.int64)))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("hx", ["h", 3, (), (1, 2), torch.zeros(2)], ids=str)
def test_states_of_another_kind(cell: str, hx: Any) -> None:
    ours, theirs = pair(cell, input_size=I, hidden_size=H)
    x = torch.randn(T, B, I)
    assert error_of(lambda: ours(x, hx)) == error_of(lambda: theirs(x, hx))
    assert issubclass(error_of(lambda: ours(x, hx, lengths=[1] * B))[0], Exception)
    assert issubclass(
        error_of(lambda: ours(pack_sequence([torch.randn(4, I)]), hx))[0],
        (TypeError, RuntimeError),
    )


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("x", [None, 3, [1.0], "x"], ids=str)
def test_input_that_is_no_tensor(cell: str, x: Any) -> None:
    ours, theirs = pair(cell, input_size=I, hidden_size=H)
    assert error_of(lambda: ours(x)) == error_of(lambda: theirs(x))
    assert error_of(lambda: ours(x, lengths=[1]))[0] is TypeError


def test_states_of_another_dtype() -> None:
    for cell in CELLS:
        ours, _ = pair(cell, input_size=I, hidden_size=H, num_layers=L)
        hx = as_hx(ours, [torch.randn(GOOD, dtype=torch.float64)] * (1 + (cell == "LSTM")))
        with pytest.raises(RuntimeError):
            ours(torch.randn(T, B, I), hx)
        with pytest.raises(RuntimeError):
            ours(torch.randn(T, B, I), hx, lengths=[1] * B)


# ---- a PackedSequence with fields that do not fit


def packed(**fields: Any) -> PackedSequence:
    p = pack_sequence([torch.randn(n, I) for n in (2, 4, 3)], enforce_sorted=False)
    return p._replace(**fields)


def ints(*values: int) -> Tensor:
    return torch.tensor(values)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"batch_sizes": ints(3, 3, 2)}, "batch_sizes sums? to 8"),
        ({"batch_sizes": ints(3, 3, 2, 2)}, "10"),
        ({"batch_sizes": ints(2, 3, 3, 1)}, "batch_sizes"),
        ({"batch_sizes": ints(3, 3, 3, 0)}, "batch_sizes"),
        ({"batch_sizes": ints(-9, 3)}, "batch_sizes"),
        ({"batch_sizes": ints(2**62, 2**62)}, "batch_sizes"),
        ({"batch_sizes": ints()}, "batch_sizes"),
        ({"batch_sizes": torch.tensor(3)}, "0D"),
        ({"batch_sizes": torch.tensor([3.0, 3, 2, 1])}, "Float"),
        ({"sorted_indices": ints(0, 0, 1)}, "sorted_indices"),
        ({"sorted_indices": ints(0, 1, 3)}, "sorted_indices"),
        ({"sorted_indices": ints(0, 1)}, "batch_sizes|indices"),
        ({"unsorted_indices": ints(0, 1, 2)}, "unsorted_indices"),
        ({"unsorted_indices": ints(0, 1)}, "unsorted_indices"),
    ],
    ids=str,
)
def test_a_packed_sequence_that_does_not_fit_itself(
    cell: str, fields: dict[str, Any], text: str
) -> None:
    with pytest.raises((RuntimeError, TypeError), match=text):
        getattr(pt, cell)(I, H)(packed(**fields))


def test_packed_sequences_of_another_dtype_are_checked_too() -> None:
    m = pt.LSTM(I, H, dtype=torch.bfloat16)
    p = packed(data=torch.randn(9, I, dtype=torch.bfloat16), batch_sizes=ints(3, 3, 2))
    with pytest.raises(RuntimeError, match="batch_sizes"):
        m(p)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("cell", CELLS)
def test_freed_storage(cell: str, dtype: torch.dtype) -> None:
    m, x = getattr(pt, cell)(I, H, dtype=dtype), torch.randn(T, B, I, dtype=dtype)
    freed = x.clone()
    freed.untyped_storage().resize_(0)
    data = torch.randn(9, I, dtype=dtype)
    data.untyped_storage().resize_(12)
    h = torch.randn(1, B, H, dtype=dtype)
    h.untyped_storage().resize_(0)
    calls: list[Callable[[], Any]] = [
        lambda: m(freed),
        lambda: m(freed, lengths=[1] * B),
        lambda: m(packed(data=data)),
        lambda: m(x, as_hx(m, [h, h])),
        lambda: m(x, as_hx(m, [h, h]), [0, 2, 3, 1]),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match="storage"):
            call()
    m.weight_hh_l0.untyped_storage().resize_(0)
    for call in (lambda: m(x), lambda: m(x, lengths=[0, 2, 3, 1])):
        with pytest.raises(RuntimeError, match="storage"):
            call()


def test_weights_that_do_not_fit() -> None:
    m = pt.GRU(I, H)
    m.weight_hh_l0 = torch.nn.Parameter(torch.randn(3, 3))
    with pytest.raises(RuntimeError):
        m(torch.randn(T, B, I))
    m.weight_hh_l0 = None
    with pytest.raises((RuntimeError, TypeError)):
        m(torch.randn(T, B, I))
    del m.bias_hh_l0
    with pytest.raises(AttributeError, match="bias_hh_l0"):
        m(torch.randn(T, B, I))


# ---- lengths


@pytest.mark.parametrize(
    ("lengths", "kind", "text"),
    [
        ([1, 2, 3], ValueError, "lengths has 3 elements, the input has 4 sequences"),
        ([1, 2, 3, 7], ValueError, r"lengths\[3\] is 7, the input has 6 steps"),
        ([1, -2, 3, 6], ValueError, r"lengths\[1\] is -2, must be at least 0"),
        ([1, 2, 3, 2**62], ValueError, r"lengths\[3\] is 4611686018427387904"),
        ([1.0, 2, 3, 4], TypeError, "lengths has dtype float64"),
        (torch.ones(4), TypeError, "lengths has dtype float32"),
        (torch.ones(4, dtype=torch.bool), TypeError, "lengths has dtype bool"),
        (torch.ones(4, 1, dtype=torch.int64), ValueError, "lengths has 2 dimensions"),
        (torch.tensor(4), ValueError, "lengths has 0 dimensions"),
        ("abcd", Exception, "lengths"),
        (torch.ones(4, dtype=torch.int64, device="meta"), NotImplementedError, "meta"),
    ],
    ids=str,
)
def test_lengths_that_do_not_fit(lengths: Any, kind: type[Exception], text: str) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        with pytest.raises(kind, match=text):
            pt.GRU(I, H, dtype=dtype)(torch.randn(T, B, I, dtype=dtype), lengths=lengths)


def test_lengths_where_there_are_none() -> None:
    m = pt.LSTM(I, H)
    with pytest.raises(TypeError, match="a PackedSequence has its own"):
        m(packed(), lengths=[1, 2, 3])
    with pytest.raises(ValueError, match="lengths is for input of 3 dimensions, got 2"):
        m(torch.randn(T, I), lengths=[3])
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(1, 4, 5\), got"):
        m(torch.randn(T, B, I), (torch.randn(1, B, H), torch.randn(1, 1, H)), [1] * B)
    y, _ = m(torch.randn(0, B, I), lengths=[0] * B)
    assert y.shape == (0, B, H)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_tensors_of_another_kind() -> None:
    m = pt.GRU(I, H)
    z = torch.randn(T, B, I, dtype=torch.complex64)
    with pytest.raises(ValueError, match="complex64"):
        m(z)
    negative = torch._neg_view(torch.randn(T, B, I))
    assert_near(m(negative)[0], m(negative.resolve_neg())[0], "output")
    sparse = torch.randn(T, B, I).to_sparse()
    assert issubclass(error_of(lambda: m(sparse))[0], Exception)
    nested = torch.nested.nested_tensor([torch.randn(2, I), torch.randn(3, I)])
    assert issubclass(error_of(lambda: m(nested))[0], Exception)
