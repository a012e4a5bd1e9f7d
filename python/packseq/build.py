# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""From what people have to a PackedSequence: lists, padded arrays, masks, offsets, packed fields.

Everything that NumPy can see without a copy is taken: buffers, DLPack, __array__. Nothing is
guessed: lengths that do not fit, rows of different shapes and holes in masks are errors that name
the sequence. Padded rows are gathered once, into jagged ones; jagged and packed rows are shared.
Sizes are compared before a layout is made, whose memory grows with the longest length.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from packseq._core import JAGGED, Array, Ints, Layout, integers
from packseq._padded import Side, storage_of
from packseq._rows import require_numbers, row_bytes
from packseq.sequence import PackedSequence


def as_array(name: str, values: Any) -> Array:
    """What NumPy can see of values, without a copy where there is memory to be seen.

    TypeError: it is no array of numbers, or a masked one.
    """
    if isinstance(values, np.ndarray):
        require_numbers(name, values)
        return values
    try:
        if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            array = np.from_dlpack(values)
        else:
            array = np.asarray(memoryview(values) if isinstance(values, bytes) else values)
    except Exception as error:
        raise TypeError(f"{name} is {type(values).__name__} and no array: {error}") from error
    require_numbers(name, array)
    return array


# ---- a list


def pack(
    sequences: Iterable[Any], *, channels_first: bool = False, dtype: DTypeLike | None = None
) -> PackedSequence:
    """A batch of sequences [L_b, *row], or [*row, L_b] if channels_first, in one copy.

    Any arrays of any one shape of rows, lengths of 0 and no sequences at all included; an empty
    list has rows of any shape. dtypes are promoted as NumPy does, or all become `dtype`. TypeError:
    what is no array, a dtype to which no safe or same-kind cast leads. ValueError: rows of
    different shapes.

    >>> import packseq
    >>> p = packseq.pack([[1, 2, 3, 4], [5, 6], [7, 8, 9]])
    >>> p.data, p.batch_sizes
    (array([1, 7, 5, 2, 8, 6, 3, 9, 4]), array([3, 3, 2, 1]))
    """
    arrays = _arrays(sequences, channels_first)
    lengths = [len(array) for array in arrays]
    shaped = [array for array in arrays if array is not _NOTHING]
    for b, array in enumerate(arrays):
        if array is not _NOTHING and array.shape[1:] != shaped[0].shape[1:]:
            head = next(i for i, other in enumerate(arrays) if other is shaped[0])
            raise ValueError(
                f"sequences[{b}] has rows of shape {array.shape[1:]}, "
                f"sequences[{head}] {shaped[0].shape[1:]}"
            )
    rows = np.concatenate(shaped, dtype=dtype) if shaped else np.empty(0, dtype)
    return PackedSequence(rows, Layout(lengths))


# An empty list: no rows, of whatever shape and dtype the others have.
_NOTHING = np.empty(0)


def _arrays(sequences: Iterable[Any], channels_first: bool) -> list[Array]:
    try:
        items = list(sequences)
    except TypeError:
        raise TypeError(
            f"sequences is {type(sequences).__name__}, must be an iterable of arrays"
        ) from None
    arrays = []
    for b, item in enumerate(items):
        if isinstance(item, list | tuple) and not item:
            arrays.append(_NOTHING)
            continue
        array = as_array(f"sequences[{b}]", item)
        if array.ndim == 0:
            raise ValueError(f"sequences[{b}] has no dimension, must have one of steps")
        arrays.append(np.moveaxis(array, -1, 0) if channels_first else array)
    return arrays


# ---- padded arrays


def _padded(x: Any, batch_first: bool, channels_first: bool) -> tuple[Array, tuple[int, int]]:
    """A C-contiguous array whose first two dimensions are sequences and steps, and B and S."""
    array = as_array("x", x)
    if array.ndim < 2:
        raise ValueError(f"x has shape {array.shape}, must have dimensions of sequences and steps")
    if channels_first:
        if not batch_first:
            raise ValueError("channels_first is True and batch_first False, which is no order")
        array = np.moveaxis(array, -1, 1)
    first, second = array.shape[:2]
    return np.ascontiguousarray(array), (first, second) if batch_first else (second, first)


def _gather(
    x: Array, layout: Layout, batch_first: bool, side: Side, n_steps: int
) -> PackedSequence:
    rows = np.empty((layout.n_rows, *x.shape[2:]), x.dtype)
    layout.convert(rows, JAGGED, x, storage_of(batch_first, side, n_steps), row_bytes(rows))
    return PackedSequence(rows, layout)


def from_padded(
    x: Any,
    lengths: ArrayLike,
    *,
    batch_first: bool = True,
    channels_first: bool = False,
    side: Side = "right",
) -> PackedSequence:
    """From x [B, S, *row], [S, B, *row] unless batch_first, [B, *row, S] if channels_first.

    lengths [B], integers from 0 to S; the padding, on `side`, is not looked at. TypeError: x is no
    array, lengths are no integers. ValueError: a length that is negative or above S, another number
    of them than B, options that do not fit each other.

    >>> import packseq
    >>> packseq.from_padded([[1, 2, 3], [4, 0, 0]], [3, 1]).to_list()
    [array([1, 2, 3]), array([4])]
    """
    array, (n_sequences, n_steps) = _padded(x, batch_first, channels_first)
    storage_of(batch_first, side, n_steps)
    counts = integers("lengths", lengths)
    if counts.size != n_sequences:
        raise ValueError(f"lengths has {counts.size} elements, x has {n_sequences} sequences")
    if counts.size and counts.max() > n_steps:
        b = int(counts.argmax())
        raise ValueError(f"lengths[{b}] is {counts[b]}, x has {n_steps} steps")
    return _gather(array, Layout(counts), batch_first, side, n_steps)


def from_mask(
    x: Any,
    mask: Any,
    *,
    batch_first: bool = True,
    channels_first: bool = False,
    side: Side = "right",
) -> PackedSequence:
    """From x as in from_padded and a mask [B, S], [S, B] unless batch_first, true for elements.

    The mask is bool, or integers 0 and 1. TypeError: x is no array, the mask of another dtype.
    ValueError: a mask of another shape, with padding inside a sequence or on the other side, with
    other integers than 0 and 1; options that do not fit each other.

    >>> import packseq
    >>> packseq.from_mask([[1, 2, 3], [4, 0, 0]], [[1, 1, 1], [1, 0, 0]]).to_list()
    [array([1, 2, 3]), array([4])]
    """
    array, (_, n_steps) = _padded(x, batch_first, channels_first)
    storage_of(batch_first, side, n_steps)
    flags = _flags(mask)
    if flags.shape != array.shape[:2]:
        raise ValueError(f"mask has shape {flags.shape}, x {array.shape[:2]}")
    layout = Layout.from_mask(flags, time_first=not batch_first, pad_left=side == "left")
    return _gather(array, layout, batch_first, side, n_steps)


def _flags(mask: Any) -> NDArray[np.bool_]:
    array = as_array("mask", mask)
    if array.dtype.kind not in "biu":
        raise TypeError(f"mask has dtype {array.dtype}, must be bool or integers")
    flags = array.astype(np.bool_, copy=False)
    wrong = np.argwhere(flags != array)
    if len(wrong):
        where = tuple(wrong[0].tolist())
        raise ValueError(f"mask{list(where)} is {array[where]}, must be 0 or 1")
    return flags


def from_nan_padded(
    x: Any, *, batch_first: bool = True, channels_first: bool = False, side: Side = "right"
) -> PackedSequence:
    """From x as in from_padded where padding is rows of nothing but NaN.

    A row that has a number too is an element. TypeError: x is no array of floats. ValueError: such
    a row inside a sequence, which from_padded keeps if it is given lengths; options that do not fit
    each other.

    >>> import packseq
    >>> nan = float("nan")
    >>> packseq.from_nan_padded([[1, 2, 3], [4, nan, nan]]).to_list()
    [array([1., 2., 3.]), array([4.])]
    """
    array, (_, n_steps) = _padded(x, batch_first, channels_first)
    storage_of(batch_first, side, n_steps)
    if array.dtype.kind not in "fc":
        raise TypeError(f"x has dtype {array.dtype}, which has no NaN")
    flags = np.asarray(~np.isnan(array).all(axis=tuple(range(2, array.ndim))))
    try:
        layout = Layout.from_mask(flags, time_first=not batch_first, pad_left=side == "left")
    except ValueError as error:
        raise ValueError(f"{error}; to keep rows of NaN, give lengths to from_padded") from None
    return _gather(array, layout, batch_first, side, n_steps)


# ---- rows that are already without padding


def from_jagged(values: Any, offsets: ArrayLike) -> PackedSequence:
    """From jagged rows [N, *row], which are shared, and offsets [B + 1], integers from 0 to N.

    Sequence b is values[offsets[b] : offsets[b + 1]]: the offsets of Arrow lists, row_splits,
    cu_seqlens. TypeError: no array, no integers. ValueError: offsets that do not begin with 0,
    decrease, or do not end with N.

    >>> import packseq
    >>> packseq.from_jagged([1, 2, 3, 4], [0, 3, 3, 4]).to_list()
    [array([1, 2, 3]), array([], dtype=int64), array([4])]
    """
    rows = _rows("values", values)
    numbers = integers("offsets", offsets)
    if numbers.size and numbers[-1] != len(rows):
        raise ValueError(f"offsets ends with {numbers[-1]}, values has {len(rows)} rows")
    return PackedSequence(rows, Layout.from_offsets(numbers))


def from_packed(
    data: Any,
    batch_sizes: ArrayLike,
    sorted_indices: ArrayLike | None = None,
    unsorted_indices: ArrayLike | None = None,
) -> PackedSequence:
    """From the fields of a packed batch, data [N, *row], which is shared, and batch_sizes [T].

    One of the two indices [B] says which sequence of the user's each rank is; without them the
    ranks are the user's order, which is only so if the batch had been sorted. TypeError: no array,
    no integers. ValueError: batch_sizes that increase, are below 1 or do not sum to N, indices that
    are no permutation or not each other's inverse.

    >>> import packseq
    >>> data, sizes = [1, 7, 5, 2, 8, 6, 3, 9, 4], [3, 3, 2, 1]
    >>> packseq.from_packed(data, sizes).lengths
    array([4, 3, 2])
    >>> packseq.from_packed(data, sizes, unsorted_indices=[0, 2, 1]).lengths
    array([4, 2, 3])
    """
    rows = _rows("data", data)
    sizes = integers("batch_sizes", batch_sizes)
    if sizes.size and sizes.max() > len(rows):
        t = int(sizes.argmax())
        raise ValueError(f"batch_sizes[{t}] is {sizes[t]}, data has {len(rows)} rows")
    order = None if sorted_indices is None else integers("sorted_indices", sorted_indices)
    if unsorted_indices is not None:
        order = _inverse(integers("unsorted_indices", unsorted_indices), order)
    layout = Layout.from_batch_sizes(sizes, order, n_rows=len(rows))
    return PackedSequence(rows, layout, "packed")


def _inverse(ranks: Ints, order: Ints | None) -> Ints:
    """The order of which these are the ranks. ValueError: no permutation, or not order's."""
    inverse = np.argsort(ranks, kind="stable")
    wrong = np.flatnonzero(ranks[inverse] != np.arange(ranks.size))
    if wrong.size:
        raise ValueError(
            f"unsorted_indices is no permutation of 0 to {ranks.size - 1}: "
            f"{ranks[inverse[wrong[0]]]} stands where {wrong[0]} is missing"
        )
    if order is not None and not np.array_equal(order, inverse):
        raise ValueError("unsorted_indices is not the inverse of sorted_indices")
    return inverse


def _rows(name: str, values: Any) -> Array:
    rows = as_array(name, values)
    if rows.ndim == 0:
        raise ValueError(f"{name} has no dimension, must have a first one of rows")
    return rows


def from_arrow(lists: Any) -> PackedSequence:
    """From an Arrow array or stream of lists: of numbers, or of lists of one length.

    Whatever has __arrow_c_array__ or __arrow_c_stream__: pyarrow, nanoarrow, polars, DuckDB. Outer
    lists are list, large_list or fixed_size_list, inner ones too, to any depth. Rows of one chunk
    are shared, read-only, bools apart. TypeError: no such object, other types in it. ValueError: a
    null, inner lists of different lengths, invalid Arrow. ImportError: no pyarrow.

    >>> import packseq, pyarrow
    >>> packseq.from_arrow(pyarrow.array([[1, 2, 3], [], [4]])).to_list()
    [array([1, 2, 3]), array([], dtype=int64), array([4])]
    """
    from packseq import arrow

    return arrow.from_arrow(lists)
