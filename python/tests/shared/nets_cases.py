# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Networks and batches for the tests of packseq.nn."""

from __future__ import annotations

from typing import Any

import numpy as np

import packseq
from packseq import GRU, LSTM, RNN, PackedSequence
from packseq.nn import Output

NETS: dict[str, Any] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
LENGTHS = [4, 0, 2, 7, 2]


def batch_of(lengths: list[int], width: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    rng = np.random.default_rng(seed)
    parts = [rng.standard_normal((n, width)).astype(dtype) for n in lengths]
    return packseq.pack(parts) if parts else packseq.pack([np.empty((0, width), dtype)])[:0]


def rows_like(p: PackedSequence, width: int, seed: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    return p.with_rows(rng.standard_normal((len(p.rows), width)).astype(np.float32))


def summed(out: Output) -> Any:
    """The gradients of the sum of all outputs."""
    return out.backward(np.ones_like(out.y.rows))
