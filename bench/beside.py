# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What needs no peer: the share of the processor's peak, by the command; the memory of a call."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from configs import CELLS, PACKSEQ
from contender import Contender
from work import Work

COMMAND = pathlib.Path(__file__).resolve().parent.parent / "build" / "packseq"

MODES = {"inference": "forward", "train": "train"}  # the command's names
SHARE_HIDDEN = {256: 50, 512: 50, 1024: 20}  # and the mean length
SHARE_BATCH = (8, 32)


@dataclass(frozen=True)
class Share:
    """How much of the peak of one core a whole layer reaches."""

    kernels: str
    cell: str
    hidden: int
    n_seq: int
    mode: str
    gflops: float
    peak_gflops: float

    @property
    def share(self) -> float:
        return self.gflops / self.peak_gflops

    @property
    def name(self) -> str:
        return f"{self.cell.upper()} {self.hidden}/{self.n_seq}"


def run_command(*arguments: str, kernels: str | None = None) -> Any:
    environment = dict(os.environ, **({"PSQ_CPU": kernels} if kernels else {}))
    done = subprocess.run([COMMAND, *arguments, "--json"], env=environment, check=True,
                          capture_output=True, encoding="utf-8")
    return json.loads(done.stdout)


def kernel_tables() -> list[str]:
    """Those of this processor, but for the plain one."""
    return [name for name in run_command("info")["cpu_found"].split() if name != "ref"]


def measure_share(kernels: str, cell: str, hidden: int, n_seq: int, mode: str,
                  seconds: float) -> Share:
    got = run_command("bench", "--cell", cell, "--hidden", str(hidden), "--batch", str(n_seq),
                      "--mean", str(SHARE_HIDDEN[hidden]), "--mode", MODES[mode],
                      "--threads", "1", "--seconds", str(seconds), kernels=kernels)
    return Share(got["kernels"], cell, hidden, n_seq, mode, got["gflops"], got["peak_gflops"])


def measure_shares(quick: bool) -> Iterator[Share]:
    for kernels in kernel_tables():
        for cell in CELLS:
            for hidden in (256,) if quick else SHARE_HIDDEN:
                for n_seq in SHARE_BATCH:
                    for mode in MODES:
                        yield measure_share(kernels, cell, hidden, n_seq, mode,
                                            0.3 if quick else 1.0)


@dataclass(frozen=True)
class Memory:
    """Floats per row and unit of a call's reserve and scratch, as the batch grows in length."""

    cell: str
    train: float
    inference: float
    stack: float  # inference of three layers
    without_y: bool  # last states are the same without y


def measure_memory(packseq: Contender, cell: str) -> Memory:
    hidden, n_seq = 64, 8
    works = [Work(cell, hidden, hidden, (length,) * n_seq) for length in (1000, 2000)]

    def per_row(n_layers: int, train: bool) -> float:
        small, large = (sum(packseq.ask("ask_library", "sizes", work, n_layers, train))
                        for work in works)
        return float(large - small) / 4 / hidden / (works[1].n_rows - works[0].n_rows)

    return Memory(cell, per_row(1, True), per_row(1, False), per_row(3, False),
                  packseq.ask("ask_library", "runs_without_y", works[0]))


def measure_memories() -> list[Memory]:
    packseq = Contender(PACKSEQ, 1)
    found = [measure_memory(packseq, cell) for cell in CELLS]
    packseq.close()
    return found
