# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Arrow lists in and out, through pyarrow, which speaks to every producer of Arrow's C data.

The rows of a list array lie one after the other as jagged rows do, so one chunk is shared, not
copied; several are joined in one copy. What a batch has no place for is an error: a null, wherever
it is, and inner lists of different lengths. Arrays are validated in full before they are read,
because their offsets may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from packseq._core import Array, Ints, Layout
from packseq.sequence import PackedSequence

try:
    import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]
except ImportError as error:
    raise ImportError("Arrow needs pyarrow: pip install 'packseq[arrow]'") from error


def from_arrow(lists: Any) -> PackedSequence:
    """See packseq.from_arrow."""
    rows, lengths = [], []
    n = 0
    for chunk in _chunks(lists):
        chunk.validate(full=True)
        counts = _lengths(chunk, n)
        rows.append(_rows(chunk.flatten(), _namer(counts, n)))
        lengths.append(counts)
        n += len(chunk)
    return PackedSequence(_joined(rows), Layout(np.concatenate(lengths)))


def _chunks(lists: Any) -> list[Any]:
    """The arrays of lists of what was given, at least one. TypeError: there are none in it."""
    if hasattr(lists, "__arrow_c_stream__"):
        array = pa.chunked_array(lists)
    elif hasattr(lists, "__arrow_c_array__"):
        array = pa.chunked_array([pa.array(lists)])
    else:
        raise TypeError(
            f"lists is {type(lists).__name__}, has neither __arrow_c_array__ nor __arrow_c_stream__"
        )
    if not _is_list(array.type):
        raise TypeError(f"lists has type {array.type}, must be lists, as one column of a table is")
    return array.chunks or [pa.array([], array.type)]


def _is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def _counts(lists: pa.Array) -> Ints:
    if pa.types.is_fixed_size_list(lists.type):
        return np.full(len(lists), lists.type.list_size, np.int64)
    return np.asarray(lists.value_lengths().to_numpy(), np.int64)


def _lengths(chunk: pa.Array, first: int) -> Ints:
    if chunk.null_count:
        raise ValueError(f"sequence {first + _first_null(chunk)} is null")
    return _counts(chunk)


def _first_null(array: pa.Array) -> int:
    return int(array.is_null().index(True).as_py())


def _namer(lengths: Ints, first: int) -> Callable[[int], str]:
    """Says of which sequence a row of a chunk is, whose first sequence has this number."""
    ends = np.cumsum(lengths)

    def name(row: int) -> str:
        b = int(np.searchsorted(ends, row, side="right"))
        return f"row {row - (ends[b] - lengths[b])} of sequence {first + b}"

    return name


def _rows(values: pa.Array, name: Callable[[int], str]) -> Array:
    """Rows as NumPy has them; name says which one is meant."""
    if values.null_count:
        raise ValueError(f"{name(_first_null(values))} has a null")
    kind = values.type
    if _is_list(kind):
        size = _common_size(values, name)
        inner = _rows(values.flatten(), lambda i: name(i // size))
        return inner.reshape(len(values), size, *inner.shape[1:])
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise TypeError(f"lists hold values of type {kind}, must be floats, integers or bools")
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _common_size(lists: pa.Array, name: Callable[[int], str]) -> int:
    if pa.types.is_fixed_size_list(lists.type):
        return int(lists.type.list_size)
    counts = _counts(lists)
    wrong = np.flatnonzero(counts != counts[:1])
    if wrong.size:
        i = int(wrong[0])
        raise ValueError(f"{name(i)} has length {counts[i]}, {name(0)} has {counts[0]}")
    return int(counts[0]) if counts.size else 0


def _joined(chunks: list[Array]) -> Array:
    """Chunks without rows do not know how many numbers a row has where those are lists."""
    full = [rows for rows in chunks if len(rows)] or chunks[:1]
    if len(full) == 1:
        return full[0]
    for rows in full:
        if rows.shape[1:] != full[0].shape[1:]:
            raise ValueError(f"chunks have rows of shapes {full[0].shape[1:]} and {rows.shape[1:]}")
    return np.concatenate(full)


def to_arrow(p: PackedSequence) -> pa.LargeListArray:
    """See PackedSequence.to_arrow."""
    rows, offsets = p.to_jagged()
    if rows.ndim > 1 and 0 in rows.shape[1:]:
        raise ValueError(f"rows have shape {rows.shape[1:]}, Arrow has no lists of no numbers")
    flat = rows.reshape(-1)
    try:
        values = pa.array(flat.astype(flat.dtype.newbyteorder("="), copy=False))
    except pa.ArrowException as error:
        raise TypeError(f"rows have dtype {rows.dtype}, which Arrow has not") from error
    for size in rows.shape[:0:-1]:
        values = pa.FixedSizeListArray.from_arrays(values, size)
    return pa.LargeListArray.from_arrays(pa.array(offsets), values)
