# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""A ragged batch drawn by matplotlib, and as SVG for notebooks, which need nothing else.

Both show the same: a bar for each sequence in the user's order, pale where there would be padding.
However large the batch, both draw at most MAX_SEQUENCES bars of their own.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from packseq import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]

    from packseq.sequence import PackedSequence

MAX_SEQUENCES = 40

_ELEMENT, _PADDING = "#2a78b5", "#dfe8ef"
_WIDTH, _BAR, _LABEL = 480, 10, 40


def plot(p: PackedSequence, ax: Axes | None = None) -> Axes:
    """See PackedSequence.plot."""
    if ax is None:
        try:
            from matplotlib import pyplot  # type: ignore[import-not-found, unused-ignore]
        except ImportError as error:
            raise ImportError("plot() needs matplotlib: pip install 'packseq[plot]'") from error
        ax = pyplot.subplots()[1]
    n = min(len(p), MAX_SEQUENCES)
    lengths = p.lengths[:n].tolist()
    longest = p.layout.max_length
    ax.barh(range(n), [longest - length for length in lengths], left=lengths, color=_PADDING)
    ax.barh(range(n), lengths, color=_ELEMENT)
    ax.set_xlabel("step")
    ax.set_ylabel("sequence" if n == len(p) else f"sequence ({len(p) - n} more)")
    ax.set_title(picture.saved(p.layout), fontsize="medium")
    ax.margins(0.01)
    ax.locator_params(integer=True)
    if not ax.yaxis_inverted():
        ax.invert_yaxis()
    return ax


def svg(p: PackedSequence) -> str:
    """The bars as an SVG image."""
    n = min(len(p), MAX_SEQUENCES)
    scale = _WIDTH / max(p.layout.max_length, 1)
    height = n * (_BAR + 2) + 2
    total = _WIDTH if p.layout.max_length else 0
    bars = "".join(
        f'<text x="{_LABEL - 4}" y="{y + _BAR - 1}" text-anchor="end">{b}</text>'
        f'<rect x="{_LABEL}" y="{y}" width="{total}" height="{_BAR}" fill="{_PADDING}"/>'
        f'<rect x="{_LABEL}" y="{y}" width="{length * scale:.2f}" height="{_BAR}" '
        f'fill="{_ELEMENT}"><title>sequence {b}: length {length}</title></rect>'
        for b, length in enumerate(p.lengths[:n].tolist())
        for y in [b * (_BAR + 2) + 1]
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL + _WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="9" fill="currentColor">{bars}</svg>'
    )


def html(p: PackedSequence) -> str:
    """What a notebook shows: what the batch is, its bars, what packing saves."""
    more = len(p) - MAX_SEQUENCES
    rest = f"{more} more sequences below; " if more > 0 else ""
    return (
        f"<div><div>{escape(picture.title(p))}</div>{svg(p)}"
        f"<div>{escape(rest + picture.saved(p.layout))}</div></div>"
    )
