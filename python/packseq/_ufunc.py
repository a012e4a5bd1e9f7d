# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""NumPy's functions of elements on ragged batches.

A function is applied to rows. Batches that meet must have the same lengths: rows of other sequences
may well have the same number and would be added without a word. Whatever else takes part is
broadcast to one row and never to all of them, because an array of N rows does not say in which
order they are. So the result has N rows of its own shape by construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from packseq._core import Array, Layout

if TYPE_CHECKING:
    from packseq.sequence import PackedSequence


def require_same_lengths(name: str, layout: Layout, other_name: str, other: Layout) -> None:
    """ValueError, which names the first sequence whose lengths differ, unless none do."""
    if layout.same_lengths(other):
        return
    if layout.n_sequences != other.n_sequences:
        raise ValueError(
            f"{name} has {layout.n_sequences} sequences, {other_name} has {other.n_sequences}"
        )
    b = int(np.flatnonzero(layout.lengths != other.lengths)[0])
    raise ValueError(
        f"sequence {b} has length {layout.lengths[b]} in {name} "
        f"and {other.lengths[b]} in {other_name}"
    )


def apply(
    kind: type[PackedSequence],
    ufunc: np.ufunc,
    method: str,
    inputs: tuple[Any, ...],
    out: tuple[Any, ...] = (),
    **kwargs: Any,
) -> Any:
    """ufunc(*inputs, out=out, **kwargs) on rows; results are batches in the first one's order."""
    where = kwargs.get("where")
    if any(_is_foreign(kind, x) for x in (*inputs, *out, where)):
        return NotImplemented
    if method != "__call__":
        raise TypeError(
            f"{ufunc.__name__}.{method} of a PackedSequence is not defined; use its rows"
        )
    if ufunc.signature is not None:
        return _matmul(kind, ufunc, inputs, out, kwargs)
    batches = [x for x in (*out, *inputs, where) if isinstance(x, kind)]
    first = batches[0]
    n_dims = max(batch.rows.ndim for batch in batches)
    operands = [_operand(kind, f"operand {i}", x, first, n_dims) for i, x in enumerate(inputs)]
    if isinstance(where, kind):
        kwargs["where"] = _operand(kind, "where", where, first, n_dims)
    if out:
        kwargs["out"] = tuple(_target(kind, x, first) for x in out)
    results = ufunc(*operands, **kwargs)
    if out:
        return out if ufunc.nout > 1 else out[0]
    return tuple(map(first.with_rows, results)) if ufunc.nout > 1 else first.with_rows(results)


def _is_foreign(kind: type[PackedSequence], x: object) -> bool:
    """Whether x has ideas of its own about NumPy's functions, and is asked next."""
    return hasattr(x, "__array_ufunc__") and not isinstance(x, kind | np.ndarray)


def _operand(
    kind: type[PackedSequence], name: str, x: Any, first: PackedSequence, n_dims: int
) -> Any:
    if isinstance(x, kind):
        require_same_lengths("operand 0", first.layout, name, x.layout)
        rows = x._in_order(first.order, first.layout)
        return rows.reshape(len(rows), *(1,) * (n_dims - rows.ndim), *rows.shape[1:])
    if np.isscalar(x):
        return x  # as it is, since NumPy's promotion looks at what Python calls it
    array = x if isinstance(x, np.ndarray) else np.asarray(x)
    if array.ndim >= n_dims:
        raise ValueError(
            f"{name} has shape {array.shape}, which is not broadcast to one row; "
            "to combine rows with rows, use with_rows() or pack()"
        )
    return array


def _target(kind: type[PackedSequence], x: Any, first: PackedSequence) -> Array:
    if not isinstance(x, kind):
        raise TypeError(f"out is {type(x).__name__}, must be a PackedSequence")
    require_same_lengths("out", x.layout, "operand 0", first.layout)
    if x.order != first.order or (x.order == "packed" and x.layout != first.layout):
        raise ValueError("the outputs have rows in different orders")
    return x.rows


def _matmul(
    kind: type[PackedSequence],
    ufunc: np.ufunc,
    inputs: tuple[Any, ...],
    out: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> PackedSequence:
    """p @ w: every row times a matrix [row, *], or a vector [row]."""
    batch = inputs[0]
    if ufunc is not np.matmul or not isinstance(batch, kind) or out:
        raise TypeError(f"{ufunc.__name__} of a PackedSequence is only defined as p @ w")
    if isinstance(inputs[1], kind) or np.ndim(inputs[1]) > 2 or batch.rows.ndim < 2:
        raise ValueError(
            f"matmul of rows of shape {batch.rows.shape[1:]} wants rows of 1 dimension or more "
            "and a matrix or a vector"
        )
    return batch.with_rows(np.matmul(batch.rows, np.asanyarray(inputs[1]), **kwargs))
