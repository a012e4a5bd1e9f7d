# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Constructors: what they take, what they share, and what they refuse."""

from __future__ import annotations

import array
import ctypes
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from ragged_cases import DTYPES, ROWS, arrays, assert_is

import packseq

lengths_of_batches = st.lists(st.integers(0, 5), min_size=1, max_size=7)


class OnlyDLPack:
    """What has no other face than DLPack."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self._values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self._values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._values.__dlpack_device__()


class OnAnotherDevice(OnlyDLPack):
    def __dlpack__(self, **_: Any) -> Any:
        raise BufferError("not on this device")

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)


# ---- pack


@given(lengths_of_batches, st.sampled_from(ROWS), st.sampled_from(DTYPES))
def test_pack_takes_arrays(lengths: list[int], row: tuple[int, ...], dtype: str) -> None:
    sequences = arrays(lengths, row, dtype)
    assert_is(packseq.pack(sequences), sequences)
    assert_is(packseq.pack(iter(sequences)), sequences)
    turned = [np.moveaxis(s, 0, -1) for s in sequences]
    assert_is(packseq.pack(turned, channels_first=True), sequences)


@pytest.mark.parametrize(
    "sequence",
    [
        b"\x01\x02\x03",
        bytearray(b"\x01\x02\x03"),
        memoryview(b"\x01\x02\x03"),
        array.array("B", [1, 2, 3]),
        (ctypes.c_uint8 * 3)(1, 2, 3),
        OnlyDLPack(np.array([1, 2, 3], np.uint8)),
        np.array([1, 0, 2, 0, 3], np.uint8)[::2],
    ],
)
def test_pack_takes_whatever_has_memory(sequence: Any) -> None:
    expected = np.array([1, 2, 3], np.uint8)
    assert_is(packseq.pack([sequence, sequence]), [expected, expected])


def test_pack_takes_lists_and_ranges() -> None:
    p = packseq.pack([[1, 2], range(3), (4,)])
    assert_is(p, [np.array([1, 2]), np.arange(3), np.array([4])])
    assert_is(packseq.pack([[[1.0, 2.0]], [[3, 4], [5, 6]]])[1:], [np.array([[3.0, 4], [5, 6]])])


def test_pack_takes_rows_of_an_array_as_sequences_of_numbers() -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert_is(packseq.pack(x), list(x))


def test_empty_lists_have_rows_of_any_kind() -> None:
    x = np.ones((2, 3), np.float32)
    for channels_first in (False, True):
        p = packseq.pack([[], x.T if channels_first else x, ()], channels_first=channels_first)
        assert_is(p, [x[:0], x, x[:0]])


def test_pack_promotes_dtypes() -> None:
    assert packseq.pack([np.ones(1, np.int32), np.ones(1, np.float32)]).rows.dtype == np.float64
    assert packseq.pack([[1, 2], []]).rows.dtype == np.int64
    assert packseq.pack([[1, 2]], dtype="f4").rows.dtype == np.float32
    assert packseq.pack([], dtype="f4").rows.dtype == np.float32
    with pytest.raises(TypeError, match="Cannot cast"):
        packseq.pack([[1.5]], dtype=int)


def test_pack_copies() -> None:
    x = np.zeros(3)
    p = packseq.pack([x])
    x[:] = 1
    assert_array_equal(p.rows, 0)


@pytest.mark.parametrize(
    ("sequences", "error", "text"),
    [
        (5, TypeError, "sequences is int, must be an iterable of arrays"),
        ([1, 2], ValueError, r"sequences\[0\] has no dimension"),
        (["ab"], TypeError, r"sequences\[0\] has dtype <U2, must be numbers"),
        ([[1], None], TypeError, r"sequences\[1\] has dtype object, must be numbers"),
        ([[1], [[1], [1, 2]]], TypeError, r"sequences\[1\] is list and no array: .*inhomogeneous"),
        (
            [[[1, 2]], [[1, 2, 3]]],
            ValueError,
            r"\[1\] has rows of shape \(3,\), sequences\[0\] \(2",
        ),
        (
            [[], [[1]], [1]],
            ValueError,
            r"sequences\[2\] has rows of shape \(\), sequences\[1\] \(1",
        ),
        ([[1], np.ma.array([1])], TypeError, r"sequences\[1\] is a masked array"),
        ([OnAnotherDevice(np.zeros(1))], TypeError, r"sequences\[0\] is OnAnotherDevice and no"),
        ([[1], np.array(["a"])], TypeError, r"sequences\[1\] has dtype <U1, must be numbers"),
        ([np.array(3)], ValueError, "no dimension"),
        ({"a": 1}, TypeError, r"sequences\[0\] has dtype <U1"),
    ],
)
def test_pack_refuses(sequences: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        packseq.pack(sequences)


# ---- padded


def test_padding_is_not_read() -> None:
    x = np.array([[[1.0], [np.nan]], [[2.0], [3.0]]])
    assert_is(packseq.from_padded(x, [1, 2]), [x[0, :1], x[1]])
    assert_is(packseq.from_padded(x, [0, 1]), [x[0, :0], x[1, :1]])
    assert_is(packseq.from_padded(x, np.array([1, 1], np.uint8), side="left"), [x[0, 1:], x[1, 1:]])


def test_from_padded_of_nothing() -> None:
    assert len(packseq.from_padded(np.zeros((0, 3, 2)), [])) == 0
    assert_array_equal(packseq.from_padded(np.zeros((2, 0, 3)), [0, 0]).lengths, [0, 0])
    assert packseq.from_padded(np.zeros((2, 4, 0)), [1, 4]).rows.shape == (5, 0)


def test_from_padded_takes_strides() -> None:
    x = np.arange(48.0).reshape(4, 6, 2)[::2, ::3]
    assert_is(packseq.from_padded(x, [2, 1]), [x[0], x[1, :1]])
    assert_is(packseq.from_padded(np.asfortranarray(x), [2, 1]), [x[0], x[1, :1]])


X = np.arange(24.0).reshape(2, 4, 3)


@pytest.mark.parametrize(
    ("x", "lengths", "options", "error", "text"),
    [
        (X, [4, 5], {}, ValueError, r"lengths\[1\] is 5, x has 4 steps"),
        (X, [2**62, 1], {}, ValueError, r"lengths\[0\] is 4611686018427387904, x has 4 steps"),
        (X, [-1, 1], {}, ValueError, r"lengths\[0\] is -1"),
        (X, [4], {}, ValueError, "lengths has 1 elements, x has 2 sequences"),
        (X, [2] * 4, {}, ValueError, "lengths has 4 elements, x has 2 sequences"),
        (X, [2, 2], {"batch_first": False}, ValueError, "lengths has 2 elements, x has 4 seq"),
        (X, [[1, 2]], {}, ValueError, "lengths has 2 dimensions, must have 1"),
        (X, [1.0, 2.0], {}, TypeError, "lengths has dtype float64, must be integers"),
        (X, [1, 4], {"channels_first": True}, ValueError, r"lengths\[1\] is 4, x has 3 steps"),
        (X, [1, 2], {"side": "top"}, ValueError, "side is 'top'"),
        (
            X,
            [1, 2],
            {"batch_first": False, "channels_first": True},
            ValueError,
            "channels_first is True and batch_first False",
        ),
        ([1, 2], [1, 2], {}, ValueError, r"x has shape \(2,\), must have dimensions of sequences"),
        (None, [1], {}, TypeError, "x has dtype object"),
    ],
)
def test_from_padded_refuses(
    x: Any, lengths: Any, options: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        packseq.from_padded(x, lengths, **options)


@pytest.mark.parametrize(
    ("mask", "options", "error", "text"),
    [
        ([[1, 0, 1, 0], [1, 1, 1, 1]], {}, ValueError, "sequence 0 is 0 at step 1 and 1 at step 2"),
        (
            [[1, 1, 0, 0], [1, 1, 1, 1]],
            {"side": "left"},
            ValueError,
            "0 is 1 at step 1 and 0 at step 2",
        ),
        ([[2, 1, 0, 0], [1, 1, 1, 1]], {}, ValueError, r"mask\[0, 0\] is 2, must be 0 or 1"),
        ([[1, 1, 0, 0]], {}, ValueError, r"mask has shape \(1, 4\), x \(2, 4\)"),
        (np.ones((2, 4, 1), bool), {}, ValueError, r"mask has shape \(2, 4, 1\), x \(2, 4\)"),
        (np.ones((2, 4)), {}, TypeError, "mask has dtype float64, must be bool or integers"),
        ([[1] * 4] * 2, {"side": "top"}, ValueError, "side is 'top'"),
        ([[1], [1, 1]], {}, TypeError, "mask is list and no array"),
    ],
)
def test_from_mask_refuses(mask: Any, options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        packseq.from_mask(X, mask, **options)


@given(
    lengths_of_batches,
    st.sampled_from(ROWS),
    st.sampled_from(["f2", "f4", "f8", "c8"]),
    st.booleans(),
    st.sampled_from(["left", "right"]),
)
def test_nan_padding(
    lengths: list[int], row: tuple[int, ...], dtype: str, batch_first: bool, side: Any
) -> None:
    sequences = arrays(lengths, row, dtype)
    padded = packseq.pack(sequences).to_padded(
        batch_first=batch_first, side=side, fill=np.nan, n_steps=max(lengths) + 1
    )
    assert_is(packseq.from_nan_padded(padded, batch_first=batch_first, side=side), sequences)
    if batch_first:
        turned = np.moveaxis(padded, 1, -1)
        assert_is(packseq.from_nan_padded(turned, channels_first=True, side=side), sequences)


def test_a_row_with_a_number_is_no_padding() -> None:
    nan = np.nan
    x = np.array([[[1, nan], [nan, 2], [nan, nan]]])
    assert_array_equal(packseq.from_nan_padded(x).lengths, [2])


def test_from_nan_padded_refuses() -> None:
    nan = np.nan
    with pytest.raises(ValueError, match=r"sequence 0.*give lengths to from_padded"):
        packseq.from_nan_padded([[1, nan, 3]])
    with pytest.raises(TypeError, match="x has dtype int64, which has no NaN"):
        packseq.from_nan_padded([[1, 2]])
    with pytest.raises(ValueError, match="side is 'top'"):
        packseq.from_nan_padded([[1.0]], side="top")  # type: ignore[arg-type]


# ---- jagged and packed


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint64])
def test_from_jagged_shares(dtype: Any) -> None:
    values = np.arange(8.0).reshape(4, 2)
    p = packseq.from_jagged(values, np.array([0, 3, 3, 4], dtype))
    assert p.order == "jagged"
    assert np.shares_memory(p.rows, values)
    assert_is(p, [values[:3], values[:0], values[3:]])


def test_from_jagged_takes_dlpack_and_other_bytes() -> None:
    assert_is(packseq.from_jagged(OnlyDLPack(np.arange(3)), [0, 3]), [np.arange(3)])
    swapped = np.arange(3).astype(">i4")
    p = packseq.from_jagged(swapped, [0, 1, 3])
    assert_is(p, [swapped[:1], swapped[1:]])
    assert_array_equal(p.to_padded(fill=7), [[0, 7], [1, 2]])
    assert_array_equal(p.sum(), [0, 3])
    assert_array_equal(p.mean(), [0, 1.5])


@pytest.mark.parametrize(
    ("values", "offsets", "error", "text"),
    [
        (np.zeros(3), [0, 2], ValueError, "offsets ends with 2, values has 3 rows"),
        (np.zeros(3), [0, 2**62], ValueError, "offsets ends with 4611686018427387904, values"),
        (np.zeros(3), [1, 3], ValueError, r"offsets\[0\] is 1"),
        (np.zeros(3), [0, 4, 3], ValueError, r"offsets\[2\] is 3, must be at least offsets\[1\]"),
        (np.zeros(3), [0, 2**62, 3], ValueError, r"offsets\[2\] is 3, must be at least off"),
        (np.zeros(3), [], ValueError, "offsets has 0 elements"),
        (np.zeros(3), [0.0, 3.0], TypeError, "offsets has dtype float64"),
        (np.zeros(3), [[0, 3]], ValueError, "offsets has 2 dimensions"),
        (np.zeros(()), [0], ValueError, "values has no dimension"),
        ("abc", [0, 3], TypeError, "values has dtype <U3, must be numbers"),
    ],
)
def test_from_jagged_refuses(values: Any, offsets: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        packseq.from_jagged(values, offsets)


def test_from_packed_has_empty_sequences() -> None:
    p = packseq.from_packed([1, 3, 2], [2, 1], [2, 0, 1])
    assert_is(p, [np.array([3]), np.array([], int), np.array([1, 2])])
    assert len(packseq.from_packed(np.zeros(0), [])) == 0
    assert len(packseq.from_packed(np.zeros(0), [], [1, 0])) == 2


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        (([1, 2, 3], [1, 2]), ValueError, r"batch_sizes\[1\] is 2"),
        (([1, 2, 3], [2, 0, 1]), ValueError, r"batch_sizes\[1\] is 0"),
        (([1, 2, 3], [2, 2]), ValueError, "batch_sizes sum to 4, n_rows is 3"),
        (([1, 2, 3], [2**62]), ValueError, r"batch_sizes\[0\] is 4611686018427387904, data has 3"),
        (([1, 2, 3], [2.0, 1.0]), TypeError, "batch_sizes has dtype float64"),
        (([1, 2, 3], [2, 1], [0, 0]), ValueError, r"sorted_indices\[1\] is 0, which sorted"),
        (([1, 2, 3], [2, 1], [0]), ValueError, r"batch_sizes\[0\] is 2"),
        (([1, 2, 3], [2, 1], [0, 5]), ValueError, r"sorted_indices\[1\] is 5"),
        (([1, 2, 3], [2, 1], None, [0, 0]), ValueError, "0 stands where 1 is missing"),
        (([1, 2, 3], [2, 1], None, [0, 5]), ValueError, "5 stands where 1 is missing"),
        (([1, 2, 3], [2, 1], [0, 1], [1, 0]), ValueError, "not the inverse of sorted_indices"),
        (([1, 2, 3], [2, 1], None, [0.0, 1.0]), TypeError, "unsorted_indices has dtype float64"),
        ((5, [1]), ValueError, "data has no dimension"),
    ],
)
def test_from_packed_refuses(args: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        packseq.from_packed(*args)


def test_padded_arrays_may_come_by_dlpack() -> None:
    x = OnlyDLPack(np.array([[1.0, 2.0], [3.0, np.nan]]))
    expected = [np.array([1.0, 2.0]), np.array([3.0])]
    mask = OnlyDLPack(np.array([[True, True], [True, False]]))
    assert_is(packseq.from_padded(x, [2, 1]), expected)
    assert_is(packseq.from_mask(x, mask), expected)
    assert_is(packseq.from_nan_padded(x), expected)


@pytest.mark.parametrize(
    ("dtype", "fill"), [(np.float32, "1"), (np.float32, 1e300), (np.int64, "1"), (bool, 1j)]
)
def test_fills_that_the_dtype_cannot_hold(dtype: Any, fill: Any) -> None:
    p = packseq.pack([np.ones(2, dtype), np.ones(1, dtype)])
    with pytest.raises(ValueError, match=r"fill is .*, which .* cannot hold"):
        p.to_padded(fill=fill)
