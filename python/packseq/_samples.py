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
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from packseq._core import JAGGED, Array, Ints, Layout
from packseq._plan import Plan


@dataclass(frozen=True)
class Samples:
    """Sequences as rows [N, D], C-contiguous, in jagged order."""

    rows: Array
    layout: Layout
    shape: tuple[int, ...] | None = None  # of the array that they came as

    def __len__(self) -> int:
        return self.layout.n_sequences

    @property
    def n_columns(self) -> int:
        """D."""
        return int(self.rows.shape[1])

    def select(self, index: Ints) -> Samples:
        """Sequence i of the result is sequence index[i]."""
        plan = Plan.select(self.layout, index)
        rows = np.empty((plan.layout.n_rows, self.n_columns), self.rows.dtype)
        plan.apply(rows, JAGGED, [self.rows], [JAGGED], rows.itemsize * self.n_columns)
        return Samples(rows, plan.layout)


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
    if _is_packed(x):
        values, offsets = x.to_jagged()
        _require_numbers(values, "X")
        rows = _converted(values, dtypes).reshape(len(values), math.prod(values.shape[1:]))
        samples = Samples(rows, Layout.from_offsets(offsets))
        _require_sequences(len(samples), estimator)
    elif _is_list(x):
        samples = _of_list(x, dtypes, estimator, n_columns)
    else:
        samples = _of_array(x, dtypes, estimator)
    _require_finite(samples)
    if n_columns is not None and samples.n_columns != n_columns:
        raise ValueError(
            f"X has rows of {samples.n_columns} values, but {type(estimator).__name__} was fitted "
            f"on rows of {n_columns}"
        )
    return samples


def write(rows: Array, samples: Samples, x: Any) -> Any:
    """Rows in jagged order in the form of x, from which the samples were read."""
    offsets = samples.layout.offsets.tolist()
    if _is_packed(x):
        return type(x)(rows.reshape(rows.shape[0], *x.rows.shape[1:]), Layout.from_offsets(offsets))
    if samples.shape is not None:
        return rows.reshape(samples.shape)
    parts = [rows[first:end] for first, end in pairwise(offsets)]
    return [part.reshape(np.shape(item)) for part, item in zip(parts, x, strict=True)]


def _is_packed(x: Any) -> bool:
    return hasattr(x, "to_jagged")


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
    return Samples(rows, Layout(np.full(n_seq, n_steps)), array.shape)


def _of_list(
    x: Sequence[Any], dtypes: Sequence[Any], estimator: object, n_columns: int | None
) -> Samples:
    _require_sequences(len(x), estimator)
    parts = [_sequence(item, b) for b, item in enumerate(x)]
    n_common = _common_columns(parts) or n_columns or 1
    parts = [part if part.ndim == 2 else part.reshape(0, n_common) for part in parts]
    dtype = np.result_type(*{part.dtype for part in parts if part.size} or {dtypes[0]})
    dtype = dtype if dtype in dtypes else np.dtype(dtypes[0])
    with np.errstate(over="ignore"):
        rows = np.concatenate(parts, dtype=dtype, casting="unsafe")
    return Samples(rows, Layout([len(part) for part in parts]))


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


def _converted(array: Array, dtypes: Sequence[Any]) -> Array:
    dtype = array.dtype if array.dtype in dtypes else dtypes[0]
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype)


def _require_numbers(array: NDArray[Any], name: str) -> None:
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {array.dtype}")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}, must be real numbers")


def _require_sequences(n: int, estimator: object) -> None:
    if n == 0:
        raise ValueError(f"X has 0 sequences, {type(estimator).__name__} needs at least 1")


def _require_finite(samples: Samples) -> None:
    bad = ~np.isfinite(samples.rows)
    if bad.any():
        row, column = (int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
        offsets = samples.layout.offsets
        b = int(np.searchsorted(offsets, row, side="right")) - 1
        value = samples.rows[row, column]
        what = "NaN" if np.isnan(value) else f"infinity or a value too large for {value.dtype}"
        raise ValueError(f"X[{b}] has {what} at step {row - offsets[b]}, column {column}")
