# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""A ragged batch drawn with characters, as `packseq explain` draws it, never too wide or too high.

A line is a sequence and a column a step. Where all steps fit, the packed side is sorted and shows
row numbers, so that one sees where a column's rows lie and why batch_sizes fall; the padded side is
as the user has it. Where they do not fit, sequences are bars to a scale.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from packseq._core import Ints, Layout

if TYPE_CHECKING:
    from packseq.sequence import PackedSequence

MAX_SEQUENCES = 10

_INDENT, _GAP = 2, 4


class _Glyphs(NamedTuple):
    element: str
    padding: str
    more: str


_UTF8 = _Glyphs("█", "░", "…")
_ASCII = _Glyphs("#", ".", "...")


def describe(p: PackedSequence) -> str:
    """What a batch is, and its picture: at most NumPy's linewidth wide and 14 lines high."""
    return "\n".join([title(p), *draw(p.layout, int(np.get_printoptions()["linewidth"]))])


def title(p: PackedSequence) -> str:
    """What a batch is, in one line."""
    return (
        f"PackedSequence of {_count(len(p), 'sequence')}: "
        f"{p.order} rows of shape {p.rows.shape[1:]}, {p.rows.dtype}"
    )


def draw(layout: Layout, width: int, max_sequences: int = MAX_SEQUENCES) -> list[str]:
    """The lines of the picture of a layout, at most `width` columns each where that is possible."""
    glyphs = _glyphs()
    n = min(layout.n_sequences, max_sequences)
    lines: list[str] = []
    if layout.max_length:
        beside = _beside(layout, n, glyphs, width)
        lines = beside if beside else _bars(layout, n, glyphs, width)
        if n < layout.n_sequences:
            lines.append(f"{glyphs.more} {layout.n_sequences - n} more sequences below")
    return [" " * _INDENT + line.rstrip() for line in [*lines, saved(layout)]]


def saved(layout: Layout) -> str:
    """How many rows there are, how many there would be with padding."""
    n_rows, n_padded = layout.n_rows, layout.n_sequences * layout.max_length
    percent = 100 * (n_padded - n_rows) / n_padded if n_padded else 0.0
    return (
        f"{_count(n_rows, 'row')} packed, {n_padded} padded: "
        f"packing saves {_count(n_padded - n_rows, 'row')} ({percent:.1f} %)"
    )


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _glyphs() -> _Glyphs:
    """What standard output can show, which may be ASCII alone."""
    try:
        "█░…".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _UTF8


def _beside(layout: Layout, n: int, glyphs: _Glyphs, width: int) -> list[str]:
    """Packed rows beside padded ones, nothing if they are too wide."""
    steps = layout.max_length
    cell = len(str(max(layout.n_rows - 1, layout.n_sequences, steps - 1)))
    label = len(f"seq {layout.n_sequences - 1}")
    left, right = max(len("batch_sizes"), label), max(len("padded t"), label)
    if _INDENT + left + _GAP + right + 2 * steps * (cell + 1) > width:
        return []
    times = _cells(map(str, range(steps)), cell)
    lines = [f"{'packed   t':{left}}{times}{'':{_GAP}}{'padded t':{right}}{times}"]
    for rank in range(n):
        b = int(layout.sorted_indices[rank])
        rows = layout.step_offsets[: layout.lengths[b]] + rank
        packed = _cells(map(str, rows), cell)
        full = _cells([glyphs.element * cell] * int(layout.lengths[rank]), cell)
        pad = _cells([glyphs.padding * cell] * (steps - int(layout.lengths[rank])), cell)
        lines.append(
            f"{f'seq {b}':{left}}{packed:{steps * (cell + 1)}}{'':{_GAP}}"
            f"{f'seq {rank}':{right}}{full}{pad}"
        )
    return [*lines, f"{'batch_sizes':{left}}{_cells(map(str, layout.batch_sizes), cell)}"]


def _cells(texts: map[str] | list[str], cell: int) -> str:
    return "".join(f" {text:>{cell}}" for text in texts)


def _bars(layout: Layout, n: int, glyphs: _Glyphs, width: int) -> list[str]:
    """One bar for each sequence, to a scale where they are long, and batch_sizes."""
    label = len(f"seq {layout.n_sequences - 1}")
    numbers = len(str(layout.max_length))
    room = max(width - _INDENT - label - numbers - 4, 8)
    scale = -(-layout.max_length // room)
    columns = -(-layout.max_length // scale)
    lines = [f"{glyphs.element} is {_count(scale, 'step')}"] if scale > 1 else []
    for b in range(n):
        length = int(layout.lengths[b])
        full = -(-length // scale)
        bar = glyphs.element * full + glyphs.padding * (columns - full)
        lines.append(f"{f'seq {b}':{label}}  {bar}  {length:{numbers}}")
    return [*lines, _numbers("batch_sizes", layout.batch_sizes, glyphs, width - _INDENT)]


def _numbers(name: str, values: Ints, glyphs: _Glyphs, width: int) -> str:
    line = name
    for value in values[:width].tolist():
        if len(line) + len(str(value)) + len(glyphs.more) + 2 > width:
            return f"{line} {glyphs.more}"
        line += f" {value}"
    return line
