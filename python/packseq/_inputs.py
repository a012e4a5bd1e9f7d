# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What networks take: a PackedSequence, a list of arrays, or padded rows and their lengths.

All of it is one thing to C: rows in a storage of a layout. A Batch is that without the rows, and
makes of new rows what the caller gave: jagged rows come back jagged, padded ones padded. Rows are
never moved here, the networks read every storage as it is; only dtypes are converted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from packseq import _core
from packseq._core import Array, Layout
from packseq._native import lib
from packseq.build import as_array, pack
from packseq.sequence import PackedSequence

_INT32 = np.iinfo(np.int32)


def numbers(name: str, values: ArrayLike, dtype: DTypeLike) -> Array:
    """A C-contiguous array of this floating dtype, copied where it is none.

    TypeError: values that are no real numbers or bools.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}, must be real numbers")
    return np.asarray(array, dtype, order="C")


def tokens32(name: str, values: ArrayLike) -> Array:
    """C-contiguous tokens of int32; those beyond it become its ends, which no table reaches.

    TypeError: values that are no integers.
    """
    array = np.asarray(values)
    if array.size == 0:
        return np.empty(array.shape, np.int32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {array.dtype}, must be integers")
    info = np.iinfo(array.dtype)
    if info.max > _INT32.max:
        array = array.clip(max(info.min, _INT32.min), _INT32.max)
    return np.asarray(array, np.int32, order="C")


@dataclass(frozen=True)
class Batch:
    """Where rows lie, and the form in which they came."""

    layout: Layout
    storage: Any
    # The shape of an array of such rows without its columns: [N], [S, B], [B, S], or [S].
    lead: tuple[int, ...]
    source: PackedSequence | None  # whose order and class results have, or None for arrays
    row: tuple[int, ...]  # the shape of the rows that came
    unbatched: bool = False

    def wrap(self, rows: Array) -> Any:
        """Rows [*lead, *row] as a PackedSequence where the caller gave sequences."""
        return rows if self.source is None else self.source.with_rows(rows)

    def wrap_like_x(self, rows: Array) -> Any:
        """As wrap, with rows of the shape of those that came."""
        return self.wrap(rows.reshape(*self.lead, *self.row))

    def read_like(self, name: str, values: Any, n_columns: int, dtype: DTypeLike) -> Array:
        """Rows [*lead, n_columns] of this batch, from an array or a PackedSequence.

        ValueError: another shape or other lengths. TypeError: no real numbers.
        """
        if isinstance(values, PackedSequence) and self.source is not None:
            if not values.layout.same_lengths(self.layout):
                raise ValueError(f"{name} has {values.layout}, x has {self.layout}")
            values = values._in_order(self.source.order, self.layout)
        array = numbers(name, values, dtype)
        shape = (*self.lead, n_columns)
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, must have {shape}")
        return array


def read_batch(
    x: Any, lengths: ArrayLike | None, batch_first: bool, row_dims: int
) -> tuple[Batch, Array]:
    """The Batch of what a caller gave, and the array of its rows [*lead, *row].

    x: a PackedSequence; a list or tuple of arrays [L_b, *row]; an array [S, B, *row], [B, S, *row]
    if batch_first, or [S, *row] for one sequence, with row_dims dimensions of a row. lengths [B]:
    of an array's sequences, None: all are S long. TypeError, ValueError: with the argument's name.
    """
    if isinstance(x, list | tuple):
        x = pack(x)
    if not isinstance(x, PackedSequence):
        return _read_array(as_array("x", x), lengths, batch_first, row_dims)
    if lengths is not None:
        raise ValueError("lengths is given, but the sequences of x have their own")
    return Batch(x.layout, x.storage, (x.layout.n_rows,), x, x.rows.shape[1:]), x.rows


def _read_array(
    x: Array, lengths: ArrayLike | None, batch_first: bool, row_dims: int
) -> tuple[Batch, Array]:
    lead = x.shape[: x.ndim - row_dims]
    if x.ndim <= row_dims or len(lead) > 2:
        raise ValueError(
            f"x has {x.ndim} dimensions, must have {row_dims + 2}, or {row_dims + 1} for one "
            "sequence"
        )
    unbatched = len(lead) == 1
    n_seq, n_steps = (1, lead[0]) if unbatched else lead if batch_first else lead[::-1]
    counts = np.full(n_seq, n_steps) if lengths is None else _core.integers("lengths", lengths)
    if counts.size != n_seq:
        raise ValueError(f"lengths has {counts.size} elements, x has {n_seq} sequences")
    if counts.size and counts.max() > n_steps:
        b = int(counts.argmax())
        raise ValueError(f"lengths[{b}] is {counts[b]}, x has {n_steps} steps")
    order = lib.PSQ_PADDED_BATCH if batch_first else lib.PSQ_PADDED_TIME
    storage = _core.storage(order, n_steps)
    return Batch(Layout(counts), storage, lead, None, x.shape[len(lead) :], unbatched), x


# ---- what may be given


def rows_of(rows: Array, lead: tuple[int, ...], n_columns: int, dtype: DTypeLike) -> Array:
    """Rows [*lead, n_columns], which may have come as scalars for one column.

    ValueError: of another width. TypeError: no real numbers.
    """
    row = rows.shape[len(lead) :]
    # Sequences of an empty list have no shape of rows.
    if int(np.prod(row)) != n_columns and (rows.size or row):
        raise ValueError(f"x has rows of shape {row}, input_size is {n_columns}")
    return numbers("x", rows, dtype).reshape(*lead, n_columns)


def tokens_of(tokens: Array, lead: tuple[int, ...]) -> Array:
    """Tokens [*lead]. ValueError: rows of another shape. TypeError: no integers."""
    if tokens.shape != lead:
        raise ValueError(f"x has rows of shape {tokens.shape[len(lead) :]}, tokens are single")
    return tokens32("x", tokens)


def table_rows(table: ArrayLike, n_columns: int, dtype: DTypeLike) -> Array:
    """[V, n_columns], V > 0. ValueError: another shape. TypeError: no real numbers."""
    array = numbers("table", table, dtype)
    if array.ndim != 2 or array.shape[1] != n_columns or len(array) == 0:
        raise ValueError(f"table has shape {array.shape}, must have (V, {n_columns}), V > 0")
    return array


def counts_of(name: str, values: ArrayLike | None, n_seq: int) -> Array | None:
    """Integers [n_seq]. ValueError: another number of them. TypeError: no integers."""
    if values is None:
        return None
    array = _core.integers(name, values)
    if array.size != n_seq:
        raise ValueError(f"{name} has {array.size} elements, x has {n_seq} sequences")
    return array
