# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Where padding lies: the options of padded arrays as one psq_storage, for reading and writing."""

from __future__ import annotations

import operator
from typing import Any, Literal, TypeAlias

import numpy as np

from packseq._core import Array, Layout, storage
from packseq._native import lib

Side: TypeAlias = Literal["left", "right"]


def storage_of(batch_first: bool, side: Side, n_steps: int) -> Any:
    """The psq_storage of a padded array of n_steps. ValueError: a side that there is not."""
    if side not in ("left", "right"):
        raise ValueError(f"side is {side!r}, must be 'left' or 'right'")
    order = lib.PSQ_PADDED_BATCH if batch_first else lib.PSQ_PADDED_TIME
    return storage(order, n_steps, side == "left")


def padded_storage(
    layout: Layout, batch_first: bool, side: Side, n_steps: int | None, multiple_of: int
) -> tuple[Any, tuple[int, int]]:
    """The storage of an array to write, and its first two dimensions.

    ValueError: n_steps below the longest length, multiple_of below 1, an unknown side.
    """
    steps = layout.max_length if n_steps is None else operator.index(n_steps)
    multiple = operator.index(multiple_of)
    if steps < layout.max_length:
        b = int(layout.lengths.argmax())
        raise ValueError(f"n_steps is {steps}, but sequence {b} has length {layout.max_length}")
    if multiple < 1:
        raise ValueError(f"multiple_of is {multiple}, must be at least 1")
    steps = -(-steps // multiple) * multiple
    if steps > np.iinfo(np.int64).max:
        raise ValueError(f"n_steps is {steps}, must be at most {np.iinfo(np.int64).max}")
    shape = (layout.n_sequences, steps) if batch_first else (steps, layout.n_sequences)
    return storage_of(batch_first, side, steps), shape


def fill_element(value: object, dtype: np.dtype[Any]) -> Array:
    """One element of this dtype. ValueError: the dtype cannot hold the value."""
    element = np.asarray(value)
    if element.ndim != 0:
        raise ValueError(f"fill has {element.ndim} dimensions, must be one element")
    wrong = f"fill is {value!r}, which {dtype} cannot hold"
    if dtype.kind in "biuf" and element.dtype.kind in "cSU":  # NumPy would cast them
        raise ValueError(wrong)
    try:
        with np.errstate(all="ignore"):
            cast = element.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(wrong) from error
    infinite = dtype.kind in "fc" and np.isinf(cast) and cast != element
    if infinite or (dtype.kind in "biu" and cast != element):
        raise ValueError(wrong)
    return cast
