# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of whole sequences: one row of each, probabilities, other orders, other batches.

Functions with a batch first are methods of PackedSequence. C pools float32, whose results are the
same bits in every order of the rows and whatever else is in the batch, and float64. float16 is
pooled in float32 and rounded once; longdouble and the mean of integers and bools in float64. Sums
and maxima of integers and bools stay integers: NumPy has them, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from packseq._core import Array, address, call, memory, storage
from packseq._native import lib
from packseq._plan import Plan
from packseq._rows import row_bytes, row_size
from packseq._ufunc import require_same_lengths

if TYPE_CHECKING:
    from packseq.sequence import PackedSequence

# What a sequence without rows gives: zeros, or a ValueError that names it.
Empty: TypeAlias = Literal["zeros", "error"]

_DTYPES = {np.dtype(np.float32): lib.PSQ_F32, np.dtype(np.float64): lib.PSQ_F64}
_ONE_STEP = storage(lib.PSQ_PADDED_BATCH, 1)


# ---- one row of each sequence


def _check_empty(p: PackedSequence, empty: Empty, what: str) -> None:
    if empty not in ("zeros", "error"):
        raise ValueError(f"empty is {empty!r}, must be 'zeros' or 'error'")
    if empty == "error" and len(p) and not p.lengths.all():
        raise ValueError(f"sequence {int(p.lengths.argmin())} is empty and has no {what}")


def _one_row(p: PackedSequence, first: int, end: int | None) -> Array:
    plan = Plan.slice(p.layout, first, end)
    out = np.empty((len(p), *p.rows.shape[1:]), p.rows.dtype)
    plan.apply(out, _ONE_STEP, [p.rows], [p.storage], row_bytes(p.rows))
    return out


def last(p: PackedSequence, *, empty: Empty = "zeros") -> Array:
    """The last row of each sequence, [B, *row], user order; any dtype.

    A sequence without rows gives zeros. ValueError: it is there and empty is "error".

    >>> import packseq
    >>> packseq.pack([[1, 2, 3, 4], [], [7, 8, 9]]).last()
    array([4, 0, 9])
    """
    _check_empty(p, empty, "last row")
    return _one_row(p, -1, None)


def first(p: PackedSequence, *, empty: Empty = "zeros") -> Array:
    """The first row of each sequence, as last.

    >>> import packseq
    >>> packseq.pack([[1, 2, 3, 4], [], [7, 8, 9]]).first()
    array([1, 0, 7])
    """
    _check_empty(p, empty, "first row")
    return _one_row(p, 0, 1)


# ---- pooling


def _as_floats(p: PackedSequence, what: str) -> tuple[Array, Any]:
    """Rows in the dtype in which C computes, and where they are. TypeError: there is none."""
    dtype = p.rows.dtype
    if dtype.kind not in "fiub":
        raise TypeError(f"rows have dtype {dtype}, their {what} is not defined")
    small = dtype.kind == "f" and dtype.itemsize <= 4
    x = p.rows.astype(np.float32 if small else np.float64, copy=False)
    return x, memory("rows", x, p.layout.n_rows * row_bytes(x))


def _as_given(result: Array, rows: Array) -> Array:
    """float16 for float16, which was pooled in float32."""
    return result.astype(np.float16) if rows.dtype == np.float16 else result


def _pooled(p: PackedSequence, kind: int, what: str) -> Array:
    x, source = _as_floats(p, what)
    out = np.empty((len(p), *x.shape[1:]), x.dtype)
    dtype, n_cols = _DTYPES[x.dtype], row_size(x)
    call(lib.psq_pool_forward, p.layout.ptr, kind, dtype, p.storage, source, n_cols, address(out))
    return _as_given(out, p.rows)


def _reduced(p: PackedSequence, ufunc: np.ufunc) -> Array:
    """A reduction that NumPy has exactly: jagged rows between offsets, zeros where there are none.

    reduceat wants beginnings that exist, so sequences without rows are left out.
    """
    rows, offsets = p.to_jagged()
    full = p.lengths > 0
    if not full.any():
        return np.zeros((len(p), *rows.shape[1:]), ufunc.reduce(rows[:0], initial=0).dtype)
    some = ufunc.reduceat(rows, offsets[:-1][full], axis=0)
    out = np.zeros((len(p), *some.shape[1:]), some.dtype)
    out[full] = some
    return out


def sum_rows(p: PackedSequence, *, empty: Empty = "zeros") -> Array:
    """The sum of the rows of each sequence, [B, *row]: floats as floats, integers as NumPy's sum.

    A sequence without rows gives zeros. ValueError: it is there and empty is "error". TypeError:
    no numbers.

    >>> import packseq
    >>> packseq.pack([[1, 2, 3, 4], [], [7, 8, 9]]).sum()
    array([10,  0, 24])
    """
    _check_empty(p, empty, "sum")
    if p.rows.dtype.kind in "iub":
        return _reduced(p, np.add)
    return _pooled(p, lib.PSQ_POOL_SUM, "sum")


def mean(p: PackedSequence, *, empty: Empty = "zeros") -> Array:
    """The mean of the rows of each sequence, [B, *row], floats; integers as float64. As sum.

    >>> import packseq
    >>> packseq.pack([[1, 2, 3, 4], [], [7, 8, 9]]).mean()
    array([2.5, 0. , 8. ])
    """
    _check_empty(p, empty, "mean")
    return _pooled(p, lib.PSQ_POOL_MEAN, "mean")


def max_rows(p: PackedSequence, *, empty: Empty = "zeros") -> Array:
    """The largest value in each column of each sequence, [B, *row]; NaN beats all. As sum.

    >>> import packseq
    >>> packseq.pack([[1, 2, 3, 4], [], [9, 8, 7]]).max()
    array([4, 0, 9])
    """
    _check_empty(p, empty, "maximum")
    if p.rows.dtype.kind in "iub":
        return _reduced(p, np.maximum)
    return _pooled(p, lib.PSQ_POOL_MAX, "maximum")


def softmax(p: PackedSequence) -> PackedSequence:
    """exp(x) over its sum in the same sequence and column, without overflow; floats.

    Integers as float64. A sequence without rows has none. TypeError: no numbers.

    >>> import packseq
    >>> packseq.pack([[0.0, 0.0], [], [5.0]]).softmax().to_list()
    [array([0.5, 0.5]), array([], dtype=float64), array([1.])]
    """
    x, source = _as_floats(p, "softmax")
    out = np.empty_like(x)
    dtype, n_cols = _DTYPES[x.dtype], row_size(x)
    call(lib.psq_softmax_forward, p.layout.ptr, dtype, p.storage, source, n_cols, address(out))
    return p.with_rows(_as_given(out, p.rows))


# ---- other batches


def reverse(p: PackedSequence) -> PackedSequence:
    """Every sequence from its own last row to its first.

    >>> import packseq
    >>> packseq.pack([[1, 2, 3, 4], [5, 6]]).reverse().to_list()
    [array([4, 3, 2, 1]), array([6, 5])]
    """
    return p._planned(Plan.reverse(p.layout))


def split(p: PackedSequence, n_parts: int) -> list[PackedSequence]:
    """n_parts batches of whole sequences, with about equally many rows; some may be empty.

    The longest sequence goes first, each to the part with the fewest rows; within a part they keep
    their order. Chosen sequences are p[a:b] and p[indices]. ValueError: n_parts is below 1.

    >>> import packseq
    >>> a, b = packseq.pack([[1, 2, 3, 4], [5, 6], [7, 8, 9]]).split(2)
    >>> a.lengths, b.lengths
    (array([4]), array([2, 3]))
    """
    return [p._planned(plan) for plan in Plan.split(p.layout, n_parts)]


def concat(
    batches: Iterable[PackedSequence],
    along: Literal["sequences", "time", "features"] = "sequences",
) -> PackedSequence:
    """One batch of several with rows of the same kind, in the order of the first's rows.

    "sequences": all of the first, then all of the second and so on. "time": sequence b is that of
    the first, then that of the second. "features": rows side by side along their last dimension;
    all have the same lengths. dtypes are promoted as NumPy does. ValueError: no batches, other
    shapes of rows, other numbers of sequences or lengths. TypeError: no batches.

    >>> import packseq
    >>> p, q = packseq.pack([[1, 2], [3]]), packseq.pack([[4], [5, 6]])
    >>> packseq.concat([p, q]).lengths
    array([2, 1, 1, 2])
    >>> packseq.concat([p, q], "time").to_list()
    [array([1, 2, 4]), array([3, 5, 6])]
    """
    parts = list(batches)
    _check_batches(parts)
    if along == "features":
        return _side_by_side(parts)
    if along not in ("sequences", "time"):
        raise ValueError(f"along is {along!r}, must be 'sequences', 'time' or 'features'")
    for k, part in enumerate(parts):
        if part.rows.shape[1:] != parts[0].rows.shape[1:]:
            raise ValueError(
                f"batches[{k}] has rows of shape {part.rows.shape[1:]}, "
                f"batches[0] {parts[0].rows.shape[1:]}"
            )
    dtype = np.result_type(*(part.rows for part in parts))
    make = Plan.concat if along == "sequences" else Plan.join
    head, *rest = (part.with_rows(part.rows.astype(dtype, copy=False)) for part in parts)
    return head._planned(make([part.layout for part in parts]), *rest)


def _check_batches(parts: list[PackedSequence]) -> None:
    from packseq.sequence import PackedSequence

    if not parts:
        raise ValueError("batches is empty, needs at least 1")
    for k, part in enumerate(parts):
        if not isinstance(part, PackedSequence):
            raise TypeError(f"batches[{k}] is {type(part).__name__}, must be a PackedSequence")


def _side_by_side(parts: list[PackedSequence]) -> PackedSequence:
    head = parts[0]
    for k, part in enumerate(parts):
        require_same_lengths("batches[0]", head.layout, f"batches[{k}]", part.layout)
        if part.rows.ndim < 2 or part.rows.shape[1:-1] != head.rows.shape[1:-1]:
            raise ValueError(
                f"batches[{k}] has rows of shape {part.rows.shape[1:]}, which cannot stand beside "
                f"those of batches[0], {head.rows.shape[1:]}"
            )
    rows = [part._in_order(head.order, head.layout) for part in parts]
    return head.with_rows(np.concatenate(rows, axis=-1))
