# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Ragged batches for property tests, beside the plain list of arrays that they must behave like."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import packseq
from packseq._core import Layout

Arrays = list[np.ndarray[Any, Any]]

DTYPES = ["?", "i1", "u2", "i8", "f2", "f4", "f8", "c8", "M8[s]"]
ROWS = [(), (1,), (3,), (2, 3)]


def arrays(lengths: list[int], row: tuple[int, ...] = (), dtype: str = "f8") -> Arrays:
    """Sequences whose numbers are all different, as far as the dtype goes."""
    n = sum(lengths) * int(np.prod(row, dtype=int))
    values = np.arange(1, n + 1).astype(dtype).reshape(sum(lengths), *row)
    return np.split(values, np.cumsum(lengths)[:-1]) if lengths else []


def unstable(sequences: Arrays) -> packseq.PackedSequence:
    """A packed batch whose sequences of equal length have their ranks the other way round."""
    lengths = [len(s) for s in sequences]
    order = np.array(sorted(range(len(lengths)), key=lambda b: (-lengths[b], -b)), np.int64)
    sizes = [sum(n > t for n in lengths) for t in range(max(lengths))]
    layout = Layout.from_batch_sizes(sizes, order)
    rows = [sequences[order[r]][t] for t, size in enumerate(sizes) for r in range(size)]
    data = np.array(rows, sequences[0].dtype).reshape(-1, *sequences[0].shape[1:])
    return packseq.PackedSequence(data, layout, "packed")


def packed(p: packseq.PackedSequence) -> packseq.PackedSequence:
    return packseq.PackedSequence(p.data.copy(), p.layout, "packed")


FORMS = {
    "jagged": packseq.pack,
    "packed": lambda sequences: packed(packseq.pack(sequences)),
    "unstable": unstable,
}


def assert_is(p: packseq.PackedSequence, sequences: Arrays) -> None:
    """The batch has these sequences, of this dtype."""
    assert len(p) == len(sequences)
    for b, sequence in enumerate(sequences):
        assert_array_equal(p[b], sequence, strict=True)


@st.composite
def batches(
    draw: st.DrawFn, dtypes: list[str] = DTYPES, min_sequences: int = 1
) -> tuple[packseq.PackedSequence, Arrays]:
    """A batch in some order of rows, and its sequences."""
    lengths = draw(st.lists(st.integers(0, 5), min_size=min_sequences, max_size=7))
    sequences = arrays(lengths, draw(st.sampled_from(ROWS)), draw(st.sampled_from(dtypes)))
    return FORMS[draw(st.sampled_from(list(FORMS)))](sequences), sequences
