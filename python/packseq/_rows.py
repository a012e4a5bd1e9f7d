# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Arrays of rows: what may be one, how large a row is, which sequences are meant, new orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from packseq._core import Array, Ints, Layout, integers


def require_numbers(name: str, array: Array) -> None:
    """TypeError for objects, text and masks; dates and dtypes of other libraries are numbers."""
    if array.dtype.kind not in "biufcmMV" or array.dtype.hasobject:
        raise TypeError(f"{name} has dtype {array.dtype}, must be numbers")
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; give its data, and lengths or a mask")


def row_bytes(rows: Array) -> int:
    """Bytes of one row."""
    return row_size(rows) * rows.itemsize


def row_size(rows: Array) -> int:
    """Numbers of one row."""
    size = 1
    for n in rows.shape[1:]:
        size *= n
    return size


def sequence_indices(index: Any, n: int) -> Ints:
    """Indices of n sequences, negative ones and flags included, as numbers from 0 to n - 1.

    IndexError: no such sequence, another number of flags. TypeError: no integers and no bools.
    """
    array = np.asarray(index)
    if array.dtype == np.bool_ and array.ndim == 1:
        if array.size != n:
            raise IndexError(f"index has {array.size} flags for {n} sequences")
        return np.flatnonzero(array)
    numbers = integers("index", array)
    wrong = np.flatnonzero((numbers < -n) | (numbers >= n))
    if wrong.size:
        i = wrong[0]
        raise IndexError(f"index[{i}] is {numbers[i]}, out of range for {n} sequences")
    return np.where(numbers < 0, numbers + n, numbers)


def own(layout: Layout) -> Layout:
    """The same layout for itself: one that belongs to a plan keeps the plan's sources alive."""
    if layout.is_stable:
        return Layout(layout.lengths)
    return Layout.from_batch_sizes(layout.batch_sizes, layout.sorted_indices)


def convert(layout: Layout, rows: Array, source: Any, target: Any) -> Array:
    """Rows in another storage without padding."""
    out = np.empty_like(rows)
    layout.convert(out, target, rows, source, row_bytes(rows))
    return out


def frozen(array: Array) -> Array:
    """The same array, read-only from now on."""
    array.flags.writeable = False
    return array
