# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Layouts, found again by what they were made of.

Packing a batch makes its layout, and a network that gets the batch needs it again: to make it anew
and check the fields of a PackedSequence would cost as much as all else that Python does for a call.
Keys hold the numbers themselves, so nothing that changes a tensor can make one wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from packseq._core import Layout

MAX_SIZE = 4096  # of a layout that is kept, B + T
_MAX_LAYOUTS = 64

_layouts: dict[Any, Layout] = {}


def remember(key: Any, layout: Layout) -> None:
    """Has recall find the layout."""
    if layout.n_sequences + layout.max_length <= MAX_SIZE:
        if len(_layouts) >= _MAX_LAYOUTS:
            _layouts.clear()
        _layouts[key] = layout


def recall(key: Any, make: Callable[[], Layout]) -> Layout:
    """The layout that was remembered under this key, or else made."""
    layout = _layouts.get(key)
    if layout is None:
        layout = make()
        remember(key, layout)
    return layout


def packed_key(
    n_rows: int, sizes: bytes | None, ranks: bytes | None = None, users: bytes | None = None
) -> Any:
    """For a PackedSequence: its rows, batch_sizes, sorted_indices and unsorted_indices."""
    return n_rows, sizes, ranks, users
