# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Arrow lists in and out: shared where they can be, and every null named."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from ragged_cases import FORMS, Arrays, arrays, assert_is, batches

import packseq
from packseq import PackedSequence

pa: Any = pytest.importorskip("pyarrow")

Case = tuple[PackedSequence, Arrays]

DTYPES = ["?", "i1", "u2", "i4", "i8", "f2", "f4", "f8"]


@given(batches(DTYPES))
def test_round_trip(case: Case) -> None:
    p, sequences = case
    lists = p.to_arrow()
    lists.validate(full=True)
    assert lists.to_pylist() == [s.tolist() for s in sequences]
    for given_ in (lists, p, pa.chunked_array([lists]), lists.cast(small(lists.type))):
        q = packseq.from_arrow(given_)
        assert_is(q, sequences)
        assert q.order == "jagged"


def small(large: Any) -> Any:
    return pa.list_(large.value_type)


@given(batches(DTYPES), st.integers(0, 7), st.integers(0, 7))
def test_slices_and_chunks(case: Case, first: int, end: int) -> None:
    p, sequences = case
    lists = p.to_arrow()
    assert_is(packseq.from_arrow(lists[first:end]), sequences[first:end])
    chunks = pa.chunked_array([lists[:first], lists[first:end], lists[max(first, end) :]])
    expected = sequences[:first] + sequences[first:end] + sequences[max(first, end) :]
    assert_is(packseq.from_arrow(chunks), expected)


def test_one_chunk_is_shared() -> None:
    lists = pa.array([[1.0, 2.0], [], [3.0]])
    p = packseq.from_arrow(lists)
    assert p.rows.ctypes.data == lists.values.buffers()[1].address
    assert not p.rows.flags.writeable
    assert_array_equal(p.rows, [1, 2, 3])
    q = packseq.pack(arrays([2, 1], (3,)))
    assert q.to_arrow().values.values.buffers()[1].address == q.rows.ctypes.data


@pytest.mark.parametrize(
    "kind",
    [
        lambda: pa.list_(pa.list_(pa.float32())),
        lambda: pa.large_list(pa.large_list(pa.float32())),
        lambda: pa.list_(pa.list_(pa.float32(), 2)),
        lambda: pa.list_(pa.list_(pa.float32(), 2), 3),
    ],
)
def test_rows_of_lists(kind: Any) -> None:
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    p = packseq.from_arrow(pa.array(x.tolist(), kind()))
    assert_is(p, list(x))
    assert_is(packseq.from_arrow(pa.array(x.tolist(), kind())[1:]), [x[1]])


def test_rows_of_lists_of_lists() -> None:
    x = arrays([2, 0, 1], (2, 3))
    lists = pa.array([s.tolist() for s in x], pa.list_(pa.list_(pa.list_(pa.float64()))))
    assert_is(packseq.from_arrow(lists), x)


def test_no_lists() -> None:
    for lists in (pa.array([], pa.list_(pa.int8())), pa.chunked_array([], pa.list_(pa.int8()))):
        p = packseq.from_arrow(lists)
        assert len(p) == 0
        assert p.rows.dtype == np.int8
    assert_array_equal(packseq.from_arrow(pa.array([[], []], pa.list_(pa.int8()))).lengths, [0, 0])


def test_chunks_without_rows_have_rows_of_any_length() -> None:
    kind = pa.list_(pa.list_(pa.float64()))
    chunks = pa.chunked_array([pa.array([[]], kind), pa.array([[[1.0, 2.0]]], kind)])
    assert_is(packseq.from_arrow(chunks), [np.zeros((0, 2)), np.array([[1.0, 2.0]])])


FLOATS = [[1.0], [2.0, 3.0]]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: [[1.0]], TypeError, "lists is list, has neither __arrow_c_array__ nor"),
        (lambda: pa.array([1.0]), TypeError, "lists has type double, must be lists"),
        (lambda: pa.table({"a": pa.array(FLOATS)}), TypeError, "lists has type struct"),
        (lambda: pa.array([["a"]]), TypeError, "lists hold values of type string, must be"),
        (lambda: pa.array([[1.0], None]), ValueError, "^sequence 1 is null$"),
        (lambda: pa.array([[1.0], [2.0, None]]), ValueError, "^row 1 of sequence 1 has a null$"),
        (
            lambda: pa.chunked_array([FLOATS, [[], [4.0], None]], pa.list_(pa.float64())),
            ValueError,
            "^sequence 4 is null$",
        ),
        (
            lambda: pa.chunked_array([FLOATS, [[], [4.0, None]]], pa.list_(pa.float64())),
            ValueError,
            "^row 1 of sequence 3 has a null$",
        ),
        (lambda: pa.array([[1.0], None, [2.0]])[1:], ValueError, "^sequence 0 is null$"),
        (
            lambda: pa.array([[[1.0, 2.0]], [[3.0, None]]]),
            ValueError,
            "^row 0 of sequence 1 has a null$",
        ),
        (lambda: pa.array([[[1.0]], [None]]), ValueError, "^row 0 of sequence 1 has a null$"),
        (
            lambda: pa.array([[[1.0]], [[2.0], [3.0, 4.0]]]),
            ValueError,
            "^row 1 of sequence 1 has length 2, row 0 of sequence 0 has 1$",
        ),
        (
            lambda: pa.chunked_array([[[[1.0]]], [[[2.0, 3.0]]]], pa.list_(pa.list_(pa.float64()))),
            ValueError,
            r"chunks have rows of shapes \(1,\) and \(2,\)",
        ),
    ],
)
def test_from_arrow_refuses(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        packseq.from_arrow(make())


def test_invalid_offsets_are_found() -> None:
    buffers = [None, pa.array([0, 2, 1], pa.int32()).buffers()[1]]
    lists = pa.Array.from_buffers(
        pa.list_(pa.float64()), 2, buffers, children=[pa.array([1.0, 2.0])]
    )
    with pytest.raises(ValueError, match="offset"):
        packseq.from_arrow(lists)


@pytest.mark.parametrize(
    ("rows", "error", "text"),
    [
        (np.zeros((1, 0)), ValueError, r"rows have shape \(0,\), Arrow has no lists of no numbers"),
        (np.zeros(1, "c8"), TypeError, "rows have dtype complex64, which Arrow has not"),
        (np.zeros(1, np.longdouble), TypeError, "longdouble|float128"),
    ],
)
def test_to_arrow_refuses(rows: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        packseq.pack([rows]).to_arrow()


def test_to_arrow_of_swapped_bytes() -> None:
    p = packseq.from_jagged(np.arange(3).astype(">f4"), [0, 1, 3])
    assert p.to_arrow().to_pylist() == [[0.0], [1.0, 2.0]]


@pytest.mark.parametrize("form", FORMS)
def test_other_libraries(form: str) -> None:
    p = FORMS[form](arrays([3, 0, 1]))
    polars: Any = pytest.importorskip("polars")
    series = polars.Series(p)
    assert series.to_list() == [s.tolist() for s in p]
    assert packseq.from_arrow(series).equals(p)
    nanoarrow: Any = pytest.importorskip("nanoarrow")
    assert packseq.from_arrow(nanoarrow.Array(p)).equals(p)


def test_without_pyarrow() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import packseq\n"
        "try: packseq.pack([[1]]).to_arrow()\n"
        "except ImportError as error: print(error)\n"
        "try: packseq.from_arrow(None)\n"
        "except ImportError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == 2 * "Arrow needs pyarrow: pip install 'packseq[arrow]'\n"
