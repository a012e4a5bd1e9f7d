# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What is measured: the table of configurations, and the plans made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contender import Job
from measure import Plan, Stream
from work import Work, draw_lengths

CELLS = ("lstm", "gru", "rnn")
MODES = ("inference", "train")
PACKSEQ, ONNX = "packseq", "onnxruntime"
TORCH = ("torch packed", "torch padded")
SEED = 1


@dataclass(frozen=True)
class Config:
    """Sizes of a network and of a batch of log-normal lengths."""

    group: str
    input: int
    hidden: int
    n_seq: int
    mean: int
    kind: str = "text"
    quick: bool = False  # part of a quick run too

    def work(self, cell: str) -> Work:
        lengths = draw_lengths(self.kind, self.n_seq, self.mean, SEED)
        return Work(cell, self.input, self.hidden, tuple(lengths))

    def name(self, cell: str) -> str:
        return f"{cell.upper()} {self.input}/{self.hidden}/{self.n_seq}/{self.mean}"


# "peers" are the cases that the goals are about, "beside" others that could hide a weakness: many
# short words, strides that are and are not a power of two, sizes that fill no vector. "threads" are
# packseq on all threads against one.
CONFIGS = (
    Config("peers", 32, 32, 32, 25),
    Config("peers", 64, 64, 32, 50, quick=True),
    Config("peers", 128, 128, 32, 50),
    Config("peers", 256, 256, 32, 50, quick=True),
    Config("peers", 512, 512, 32, 50),
    Config("peers", 1024, 1024, 32, 20),
    Config("peers", 100, 200, 8, 50),
    Config("peers", 256, 256, 1, 100),
    Config("beside", 64, 128, 1000, 8, "speech"),
    Config("beside", 272, 272, 32, 50),
    Config("beside", 528, 528, 32, 50),
    Config("beside", 100, 300, 32, 50),
    Config("beside", 100, 200, 32, 50),
    Config("threads", 256, 256, 32, 50, quick=True),
    Config("threads", 256, 256, 8, 50),
    Config("threads", 256, 256, 1, 100),
    Config("threads", 512, 512, 32, 50),
    Config("threads", 512, 512, 8, 50),
    Config("threads", 512, 512, 1, 100),
)

GROWTH_STEPS = (20, 100, 500, 2000)
GROWTH_HIDDEN = (64, 128, 256)
GROWTH_TORCH = ("lstm", 128, 500)  # torch up to this T: its backward is quadratic

# Rows of so many floats, sequences, mean length: in cache and beyond it.
CONVERSIONS = ((64, 32, 50), (256, 32, 50), (64, 32, 4000), (256, 32, 1500))


def peer_streams(n_seq: int, mode: str, max_threads: int) -> Iterator[Stream]:
    names = (PACKSEQ, *TORCH, ONNX) if mode == "inference" else (PACKSEQ, *TORCH)
    for threads in range(1, max_threads + 1):
        for name in names:
            yield Stream(name, threads)
        if n_seq > 1:
            yield Stream(PACKSEQ, threads, "equal")
            yield Stream("torch padded", threads, "equal")


def config_plan(config: Config, cell: str, mode: str, max_threads: int) -> Plan:
    work = config.work(cell)
    parts = {"ragged": Job(work, mode)}
    streams = tuple(peer_streams(config.n_seq, mode, max_threads))
    if config.group == "threads":
        streams = (Stream(PACKSEQ, 1), Stream(PACKSEQ, max_threads))
    elif config.group == "beside":
        streams = tuple(s for s in streams if s.part == "ragged")
    if any(s.part == "equal" for s in streams):
        parts["equal"] = Job(work.equalised(), mode)
    return Plan(f"{config.group} {config.name(cell)} {mode}", config.group, parts, streams,
                checked=tuple(parts))


def growth_plan(cell: str, hidden: int, mode: str, steps: tuple[int, ...]) -> Plan:
    parts = {f"T={n}": Job(Work(cell, hidden, hidden,
                                tuple(draw_lengths("ramp", 32, n / 2, SEED))), mode)
             for n in steps}
    streams = [Stream(PACKSEQ, 1, part) for part in parts]
    if (cell, hidden) == GROWTH_TORCH[:2]:
        streams += [Stream(name, 1, f"T={n}") for n in steps if n <= GROWTH_TORCH[2]
                    for name in TORCH]
    return Plan(f"growth {cell.upper()} {hidden} {mode}", "growth", parts, tuple(streams),
                checked=tuple(parts))


def conversion_plan(width: int, n_seq: int, mean: int, mode: str) -> Plan:
    """Sequences of rows; memcpy moves as many bytes, those written into padding among them."""
    work = Work("rnn", width, 1, tuple(draw_lengths("text", n_seq, mean, SEED)))
    copy = Job(work, "memcpy pad" if mode == "pad" else "memcpy")
    streams = (Stream(PACKSEQ, 1), Stream(PACKSEQ, 1, "memcpy"), Stream("torch padded", 1))
    size = f"{work.n_rows * width * 4 / 2**20:.1f} MB"
    return Plan(f"convert {mode} {size} rows of {width}", "convert",
                {"ragged": Job(work, mode), "memcpy": copy}, streams, checked=("ragged",))


def all_plans(max_threads: int, quick: bool) -> Iterator[Plan]:
    """Every measurement of a run, in order."""
    for config in CONFIGS:
        if config.group == "threads" and max_threads == 1 or quick and not config.quick:
            continue
        for cell in CELLS:
            for mode in MODES:
                yield config_plan(config, cell, mode, max_threads)
    steps = (20, 500) if quick else GROWTH_STEPS
    for hidden in (256,) if quick else GROWTH_HIDDEN:
        for cell in ("lstm",) if quick else CELLS:
            for mode in MODES:
                yield growth_plan(cell, hidden, mode, steps)
    for width, n_seq, mean in CONVERSIONS[:1] if quick else CONVERSIONS:
        for mode in ("pack", "pad", "unpack"):
            yield conversion_plan(width, n_seq, mean, mode)
