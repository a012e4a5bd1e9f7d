# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""NumPy's functions and operators on batches: on rows, between equal lengths, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from ragged_cases import FORMS, Arrays, arrays, assert_is, batches

import packseq
from packseq import PackedSequence

Case = tuple[PackedSequence, Arrays]

NUMBERS = ["i8", "f4", "f8", "c8"]


@given(batches(NUMBERS), st.sampled_from(list(FORMS)))
def test_operators_are_numpys(case: Case, form: str) -> None:
    p, sequences = case
    q = FORMS[form](sequences)
    assert_is(p + q * 2, [s + s * 2 for s in sequences])
    assert_is(-p, [-s for s in sequences])
    assert_is(1 - p, [1 - s for s in sequences])
    assert_is(np.float64(2) * p, [np.float64(2) * s for s in sequences])
    assert_is(np.exp(p * 0.25), [np.exp(s * 0.25) for s in sequences])
    assert_is(p == q, [s == s for s in sequences])
    assert_is(p + np.ones(p.rows.shape[1:], p.rows.dtype), [s + s.dtype.type(1) for s in sequences])
    assert (p + q).order == p.order


def test_functions_with_several_results() -> None:
    p = packseq.pack([[7, 8], [9]])
    quotient, rest = divmod(p, 4)
    assert_is(quotient, [np.array([1, 2]), np.array([2])])
    assert_is(rest, [np.array([3, 0]), np.array([1])])


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_fewer_dimensions_are_broadcast_to_rows(form: str) -> None:
    x, weights = arrays([3, 2, 2], (3,)), arrays([3, 2, 2])
    p, w = FORMS[form](x), packseq.pack(weights)
    expected = [a * b[:, None] for a, b in zip(x, weights, strict=True)]
    assert_is(p * w, expected)
    assert_is(w * p, expected)
    assert_is(p * FORMS[form](arrays([3, 2, 2], (1,))), expected)


def test_in_place() -> None:
    for form in FORMS.values():
        p = form(arrays([3, 2, 2]))
        q, rows = p, p.rows
        p += 1
        np.multiply(p, p, out=(p,))
        assert p is q
        assert p.rows is rows
        assert_is(p, [(s + 1) ** 2 for s in arrays([3, 2, 2])])
    rest, quotient = packseq.pack([[0.0]]), packseq.pack([[0.0]])
    results = np.divmod(packseq.pack([[7.0]]), 4, out=(quotient, rest))
    assert results[0] is quotient
    assert results[1] is rest
    assert (rest.rows[0], quotient.rows[0]) == (3, 1)


def test_where_and_dtype_are_numpys() -> None:
    p = packseq.pack([[1, 2], [3]])
    assert np.add(p, 1, dtype=np.float32).rows.dtype == np.float32
    for form in FORMS.values():
        q = form(p.to_list())
        np.negative(q, where=p > 1, out=q)
        assert_is(q, [np.array([1, -2]), np.array([-3])])
    rows = np.zeros(3)
    np.add(rows, 1, where=rows == 0, out=rows)
    with pytest.raises(ValueError, match="sequence 0 has length 2 in operand 0 and 1 in where"):
        np.add(p, 1, where=p[::-1] > 0, out=(p,))


def test_matrices() -> None:
    x = arrays([3, 0, 2], (3,))
    w = np.arange(6.0).reshape(3, 2)
    for p in (packseq.pack(x), FORMS["unstable"](x)):
        assert_is(p @ w, [s @ w for s in x])
        assert_is(p @ w[:, 0], [s @ w[:, 0] for s in x])


def test_comparison_with_something_else() -> None:
    p = packseq.pack([[1, 2], [3]])
    assert_array_equal((p == None).rows, [False] * 3)  # noqa: E711
    assert_array_equal((p != 2).rows, [True, False, True])


def test_scalars_of_python_leave_the_dtype() -> None:
    p = packseq.pack([np.ones(2, np.float32)])
    assert (p + 1).rows.dtype == (2.0 * p).rows.dtype == np.float32


class Wrapping:
    """An array of another library, which would make one of its own of results."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.ones(3)

    def __array_wrap__(self, *args: Any) -> str:
        return "wrapped"


def test_arrays_of_other_libraries_are_arrays() -> None:
    x = arrays([2, 1], (3,))
    assert_is(packseq.pack(x) + Wrapping(), [s + 1 for s in x])
    assert_is(Wrapping() - packseq.pack(x), [1 - s for s in x])
    assert_is(packseq.pack(x) @ Wrapping(), [s.sum(axis=1) for s in x])


def test_masks_are_not_lost() -> None:
    with pytest.raises(TypeError, match="rows is a masked array"):
        packseq.pack([[[1.0, 2.0]]]) + np.ma.array([1.0, 2.0], mask=[0, 1])


class Stranger:
    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> str:
        return "mine"


def test_strangers_are_asked() -> None:
    assert packseq.pack([[1]]) + Stranger() == "mine"
    assert np.multiply(Stranger(), packseq.pack([[1]])) == "mine"


def bad(p: PackedSequence) -> dict[str, tuple[Any, type[Exception], str]]:
    other = packseq.pack([[1.0], [2.0], [3.0], [4.0, 5.0]])
    return {
        "lengths": (
            lambda: p + p[[1, 0, 2]],
            ValueError,
            "sequence 0 has length 3 in operand 0 and 1 in operand 1",
        ),
        "number": (
            lambda: p + other,
            ValueError,
            "operand 0 has 3 sequences, operand 1 has 4",
        ),
        "rows": (lambda: p + np.zeros(6), ValueError, r"shape \(6,\), which is not broadcast to"),
        "list": (lambda: np.add(p, [1, 2]), ValueError, r"shape \(2,\), which is not broadcast to"),
        "reduce": (lambda: np.add.reduce(p), TypeError, "add.reduce of a PackedSequence"),
        "accumulate": (lambda: np.add.accumulate(p), TypeError, "add.accumulate of"),
        "matmul of scalars": (lambda: p @ np.zeros((1, 2)), ValueError, "matmul of rows of shape"),
        "matmul from the left": (lambda: np.zeros((2, 6)) @ p, TypeError, "only defined as p @ w"),
        "matmul into": (
            lambda: np.matmul(p, [1], out=(p,)),
            TypeError,
            "matmul of a PackedSequence is",
        ),
        "out": (lambda: np.add(p, 1, out=np.zeros(6)), TypeError, "out is ndarray, must be a"),
        "out of another length": (
            lambda: np.add(p, 1, out=(other,)),
            ValueError,
            "out has 4 sequences, operand 0 has 3" + "|" + "operand 0 has 4 sequences",
        ),
        "text": (lambda: p + "a", TypeError, "ufunc"),
    }


@pytest.mark.parametrize("case", bad(packseq.pack([[1.0]])))
def test_no_operation(case: str) -> None:
    p = packseq.pack([[1.0, 2.0, 3.0], [4.0], [5.0, 6.0]])
    use, error, text = bad(p)[case]
    with pytest.raises(error, match=text):
        use()


def test_outputs_in_different_orders() -> None:
    p = packseq.pack([[1.0, 2.0], [3.0]])
    with pytest.raises(ValueError, match="outputs have rows in different orders"):
        np.divmod(p, 1, out=(p.copy(), FORMS["packed"](p.to_list())))


def test_matmul_of_batches() -> None:
    p = packseq.pack(arrays([2, 1], (3,)))
    for other in (p, np.zeros((2, 3, 3))):
        with pytest.raises(ValueError, match="wants rows of 1 dimension"):
            p @ other
