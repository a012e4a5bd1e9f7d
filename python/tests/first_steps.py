# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What somebody does first who has installed packseq and nothing else: no test framework here."""

from __future__ import annotations

import sys

import numpy as np

import packseq


def main() -> None:
    p = packseq.pack([np.ones((length, 40), np.float32) for length in (4, 2, 3)])
    print(packseq.__version__, p)
    y, (h, _) = packseq.LSTM(40, 128, num_layers=2, bidirectional=True, seed=0)(p)
    print(y[0].shape, y.last().shape, h.shape)
    if "torch" in sys.modules or "sklearn" in sys.modules:
        raise SystemExit("packseq imports more than it needs")


if __name__ == "__main__":
    main()
