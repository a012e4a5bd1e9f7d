# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What people hand to an estimator, as rows in jagged order, and the way back.

A data set is a list of arrays, [L] or [L, D], a PackedSequence, or an array: [n, T], n sequences of
T scalars, or [n, T, D]. Arrays go through scikit-learn's checks, so that errors are those that its
users know; lists go through ours, which name the sequence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

from packseq._core import Array, Layout
from packseq.sequence import PackedSequence


class Samples(NamedTuple):
    """Sequences with rows [N, D], and the shape of the array that they came as, if they did."""

    sequences: PackedSequence
    shape: tuple[int, ...] | None = None


def read(
    x: Any,
    dtypes: Sequence[type[np.floating[Any]]],
    estimator: object,
    n_columns: int | None = None,
) -> Samples:
    """The sequences of x, converted to the first of dtypes unless they have another of them.

    n_columns: the D that they have to have. ValueError: no sequences, shapes that do not fit each
    other, another D, NaN or infinity, each with where it is. TypeError: no numbers.
    """
    if isinstance(x, PackedSequence):
        samples = Samples(_of_packed(x, dtypes, estimator))
    elif _is_list(x):
        samples = Samples(_of_list(x, dtypes, estimator, n_columns))
    else:
        samples = _of_array(x, dtypes, estimator)
    _require_finite(samples.sequences)
    n = samples.sequences.rows.shape[1]
    if n_columns is not None and n != n_columns:
        raise ValueError(
            f"X has rows of {n} values, but {type(estimator).__name__} was fitted on rows of "
            f"{n_columns}"
        )
    return samples


def write(rows: Array, samples: Samples, x: Any) -> Any:
    """Rows in jagged order in the form of x, from which the samples were read."""
    if isinstance(x, PackedSequence):
        shape = (len(rows), *x.rows.shape[1:])
        return samples.sequences.with_rows(rows.reshape(shape))
    if samples.shape is not None:
        return rows.reshape(samples.shape)
    parts = samples.sequences.with_rows(rows).to_list()
    return [part.reshape(np.shape(item)) for part, item in zip(parts, x, strict=True)]


def _is_list(x: Any) -> bool:
    if isinstance(x, np.ndarray):
        return x.dtype == np.object_ and x.ndim == 1
    return isinstance(x, (list, tuple))


def _of_array(x: Any, dtypes: Sequence[Any], estimator: object) -> Samples:
    with np.errstate(over="ignore"):
        array = check_array(
            x, dtype=list(dtypes), allow_nd=True, ensure_all_finite=False, estimator=estimator
        )
    if array.ndim > 3:
        raise ValueError(f"X has {array.ndim} dimensions, must have 2 or 3")
    n_seq, n_steps, n_columns = (*array.shape, 1)[:3]
    rows = np.ascontiguousarray(array).reshape(n_seq * n_steps, n_columns)
    return Samples(PackedSequence(rows, Layout(np.full(n_seq, n_steps))), array.shape)


def _of_packed(p: PackedSequence, dtypes: Sequence[Any], estimator: object) -> PackedSequence:
    _require_sequences(len(p), estimator)
    _require_numbers(p.rows, "X")
    values, offsets = p.to_jagged()
    dtype = values.dtype if values.dtype in dtypes else dtypes[0]
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(values, dtype)
    n_columns = math.prod(values.shape[1:])
    return PackedSequence(rows.reshape(len(rows), n_columns), Layout.from_offsets(offsets))


def _of_list(
    x: Sequence[Any], dtypes: Sequence[Any], estimator: object, n_columns: int | None
) -> PackedSequence:
    _require_sequences(len(x), estimator)
    parts = [_sequence(item, b) for b, item in enumerate(x)]
    n_common = _common_columns(parts) or n_columns or 1
    parts = [part if part.ndim == 2 else part.reshape(0, n_common) for part in parts]
    dtype = np.result_type(*{part.dtype for part in parts if part.size} or {dtypes[0]})
    dtype = dtype if dtype in dtypes else np.dtype(dtypes[0])
    with np.errstate(over="ignore"):
        rows = np.concatenate(parts, dtype=dtype, casting="unsafe")
    return PackedSequence(rows, Layout([len(part) for part in parts]))


def _sequence(item: Any, b: int) -> Array:
    """[L, D]; [0] where there are no rows and nothing says what D is."""
    array = np.asarray(item)
    if array.ndim not in (1, 2):
        raise ValueError(f"X[{b}] has {array.ndim} dimensions, must have 1 or 2")
    if array.size == 0 and array.ndim == 1:
        return array
    _require_numbers(array, f"X[{b}]")
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _common_columns(parts: Sequence[Array]) -> int | None:
    """D, or None where no sequence says what it is."""
    widths = [(b, int(part.shape[1])) for b, part in enumerate(parts) if part.ndim == 2]
    if not widths:
        return None
    first, n_columns = widths[0]
    for b, n in widths:
        if n != n_columns:
            raise ValueError(f"X[{b}] has rows of {n} values, X[{first}] has rows of {n_columns}")
    return n_columns


def _require_numbers(array: Array, name: str) -> None:
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {array.dtype}")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}, must be real numbers")


def _require_sequences(n: int, estimator: object) -> None:
    if n == 0:
        raise ValueError(f"X has 0 sequences, {type(estimator).__name__} needs at least 1")


def _require_finite(p: PackedSequence) -> None:
    bad = ~np.isfinite(p.rows)
    if bad.any():
        row, column = (int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
        b = int(np.searchsorted(p.offsets, row, side="right")) - 1
        value = p.rows[row, column]
        what = "NaN" if np.isnan(value) else f"infinity or a value too large for {value.dtype}"
        raise ValueError(f"X[{b}] has {what} at step {row - p.offsets[b]}, column {column}")
