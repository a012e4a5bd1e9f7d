# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What somebody does first who has installed packseq and nothing else: no test framework here."""

from __future__ import annotations

import sys

import packseq


def main() -> None:
    layout = packseq.Layout([4, 2, 3])
    print(packseq.__version__, layout.batch_sizes)
    if "torch" in sys.modules or "sklearn" in sys.modules:
        raise SystemExit("packseq imports more than it needs")


if __name__ == "__main__":
    main()
