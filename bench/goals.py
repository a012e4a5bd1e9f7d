# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The goals, as a table, and what a run says about each.

All comparisons are of turns in the same round; "worst" names the case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from beside import Memory, Share
from configs import ONNX, PACKSEQ, TORCH
from measure import Measurement, Spread, Stream
from work import Work

PEERS = {"inference": (*TORCH, ONNX), "train": TORCH}


@dataclass
class Results:
    """Everything that a run found."""

    max_threads: int
    measurements: list[Measurement] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)

    def group(self, group: str, mode: str) -> Iterator[Measurement]:
        for m in self.measurements:
            if m.plan.group == group and next(iter(m.plan.parts.values())).mode == mode:
                yield m

    def threads(self) -> tuple[int, ...]:
        return tuple(sorted({1, self.max_threads}))


@dataclass(frozen=True)
class Figure:
    """One number that a goal is about."""

    label: str
    text: str
    value: float
    passed: bool


@dataclass(frozen=True)
class Goal:
    """What is wanted, and how it is found; no figures: not measured."""

    text: str
    figures: Callable[[Results], Iterable[Figure]]


@dataclass(frozen=True)
class Case:
    """A comparison: how many times as fast."""

    name: str
    work: Work
    ratio: Spread


def geometric_mean(cases: list[Case]) -> float:
    return math.exp(sum(math.log(c.ratio.median) for c in cases) / len(cases))


def mean_figure(label: str, cases: list[Case], least: float) -> Iterator[Figure]:
    if cases:
        mean = geometric_mean(cases)
        yield Figure(label, f"{mean:.2f}x over {len(cases)} cases", mean, mean >= least)


def worst_figure(label: str, cases: list[Case], least: float) -> Iterator[Figure]:
    if cases:
        worst = min(cases, key=lambda c: c.ratio.median)
        value = worst.ratio.median
        yield Figure(label, f"{value:.2f}x in {worst.name}", value, value >= least)


def count(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


# ---- against peers


def peer_cases(results: Results, mode: str, threads: int, part: str,
               names: Iterable[str]) -> Iterator[Case]:
    """packseq on so many threads against the best peer on at most so many."""
    for m in results.group("peers", mode):
        ours, best = Stream(PACKSEQ, threads, part), m.best(names, threads, part)
        if ours in m.rounds and best:
            work = m.plan.parts[part].work
            name = f"{work.cell.upper()} {work.input}/{work.hidden}/{work.n_seq} ({best.name})"
            yield Case(name, work, m.ratio(best, ours))


def against_peers(mode: str, mean: float, worst: float, alone: float,
                  results: Results) -> Iterator[Figure]:
    for threads in results.threads():
        cases = list(peer_cases(results, mode, threads, "ragged", PEERS[mode]))
        many = [c for c in cases if c.work.n_seq > 1]
        one = [c for c in cases if c.work.n_seq == 1]
        yield from mean_figure(f"mean, {count(threads)}", cases, mean)
        yield from worst_figure(f"worst, B > 1, {count(threads)}", many, worst)
        yield from worst_figure(f"worst, B = 1, {count(threads)}", one, alone)


def control(cells: tuple[str, ...], least: dict[str, float], results: Results) -> Iterator[Figure]:
    """Equal lengths, where the only peer is torch padded. Below 1 counts beyond the quartile."""
    for mode, wanted in least.items():
        for threads in results.threads():
            cases = [c for c in peer_cases(results, mode, threads, "equal", TORCH)
                     if c.work.cell in cells]
            where = f"{mode}, {count(threads)}"
            yield from mean_figure(f"mean, {where}", cases, wanted)
            if "lstm" in cells:
                for f in worst_figure(f"worst, {where}", cases, 1.0):
                    yield Figure(f.label, f.text, f.value, all(c.ratio.q3 >= 1 for c in cases))


def single_sequence(results: Results) -> Iterator[Figure]:
    for threads, least in zip(results.threads(), (1.05, 1.3), strict=False):
        for m in results.group("peers", "inference"):
            work, ours = m.plan.parts["ragged"].work, Stream(PACKSEQ, threads)
            best = m.best((ONNX,), threads)
            if work.n_seq == 1 and work.cell == "lstm" and best and ours in m.rounds:
                step = 1e6 * m.median(ours) / work.n_steps
                ratio = m.ratio(best, ours).median
                yield Figure(count(threads), f"{ratio:.2f}x, {step:.1f} us per step", ratio,
                             ratio >= least)


# ---- packseq alone


def peak_share(least: dict[str, float], results: Results) -> Iterator[Figure]:
    for kernels in dict.fromkeys(s.kernels for s in results.shares):
        for mode, wanted in least.items():
            found = [s for s in results.shares if s.kernels == kernels and s.mode == mode]
            worst = min(found, key=lambda s: s.share)
            mean = sum(s.share for s in found) / len(found)
            text = f"{100 * worst.share:.0f} % in {worst.name}, {100 * mean:.0f} % on average"
            yield Figure(f"worst, {kernels}, {mode}", text, worst.share, worst.share >= wanted)


def thread_cases(results: Results) -> Iterator[Case]:
    one, all_threads = Stream(PACKSEQ, 1), Stream(PACKSEQ, results.max_threads)
    for mode in PEERS:
        for m in results.group("threads", mode):
            if one in m.rounds and all_threads in m.rounds:
                yield Case(m.plan.name.removeprefix("threads "), m.plan.parts["ragged"].work,
                           m.ratio(one, all_threads))


def two_threads(results: Results) -> Iterator[Figure]:
    cases = list(thread_cases(results))
    for n_seq, gated, plain in ((32, 1.85, 1.85), (8, 1.75, 1.5), (1, 1.7, 1.4)):
        found = [c for c in cases if c.work.n_seq == n_seq]
        yield from worst_figure(f"LSTM and GRU, B = {n_seq}",
                                [c for c in found if c.work.cell != "rnn"], gated)
        yield from worst_figure(f"RNN, B = {n_seq}",
                                [c for c in found if c.work.cell == "rnn"], plain)


def growth(m: Measurement) -> float:
    """Time per row with the longest sequences against the shortest."""
    streams = [Stream(PACKSEQ, 1, part) for part in m.plan.parts]
    rows = [m.plan.parts[s.part].work.n_rows for s in streams]
    return m.ratio(streams[-1], streams[0]).median * rows[0] / rows[-1]


def growth_figures(results: Results) -> Iterator[Figure]:
    for mode in PEERS:
        for small, most in ((False, 1.15), (True, 1.3)):
            found = [(growth(m), m) for m in results.group("growth", mode)
                     if (next(iter(m.plan.parts.values())).work.hidden < 256) == small
                     and not m.void]
            if found:
                value, m = max(found, key=lambda pair: pair[0])
                where = "H 64 and 128 (aim)" if small else "H 256"
                yield Figure(f"worst, {mode}, {where}", f"{value:.2f}x in {m.plan.name}", value,
                             value <= most)


def conversions(results: Results) -> Iterator[Figure]:
    ours, copy, torch = Stream(PACKSEQ, 1), Stream(PACKSEQ, 1, "memcpy"), Stream("torch padded", 1)
    for mode in ("pack", "pad", "unpack"):
        found = [m for m in results.group("convert", mode) if not m.void]
        cases = [[Case(m.plan.name, m.plan.parts["ragged"].work, m.ratio(other, ours))
                  for m in found] for other in (copy, torch)]
        yield from worst_figure(f"{mode}, of memcpy", cases[0], 0.9)
        yield from worst_figure(f"{mode}, against torch", cases[1], 20.0)


def training_memory(results: Results) -> Iterator[Figure]:
    for m in results.memories:
        most = {"lstm": 6, "gru": 5, "rnn": 2}[m.cell]
        yield Figure(m.cell.upper(), f"{m.train:.2f} floats", m.train, m.train <= most)


def inference_memory(results: Results) -> Iterator[Figure]:
    for m in results.memories:
        name = m.cell.upper()
        yield Figure(f"{name}, one layer", f"{m.inference:.2f} floats", m.inference,
                     m.inference == 0)
        yield Figure(f"{name}, three layers", f"{m.stack:.2f} floats", m.stack, m.stack <= 2)
        yield Figure(f"{name}, y = NULL", "same last states" if m.without_y else "other states",
                     float(m.without_y), m.without_y)


GOALS = (
    Goal("inference, ragged, against the best of torch packed, torch padded, ONNX Runtime: "
         "mean 3.2x, every case 1.3x, B = 1 1.05x",
         partial(against_peers, "inference", 3.2, 1.3, 1.05)),
    Goal("training, ragged, against the best of torch packed, torch padded: "
         "mean 6.6x, every case 2x, B = 1 1.4x",
         partial(against_peers, "train", 6.6, 2.0, 1.4)),
    Goal("equal lengths against torch padded, LSTM: inference 1.15x, training 1.2x, "
         "no case below 1x",
         partial(control, ("lstm",), {"inference": 1.15, "train": 1.2})),
    Goal("equal lengths against torch padded, GRU and RNN: 2x",
         partial(control, ("gru", "rnn"), {"inference": 2.0, "train": 2.0})),
    Goal("share of the multiply-add peak, one core, B from 8, H from 256: "
         "forward 85 %, training 80 %",
         partial(peak_share, {"inference": 0.85, "train": 0.8})),
    Goal("all threads against one (two): 1.85x for B = 32, 1.75x for B = 8 (RNN 1.5x), "
         "1.7x for B = 1 (RNN 1.4x)", two_threads),
    Goal("time per row at the longest T against T = 20: 1.15x at H 256, aim 1.3x below",
         growth_figures),
    Goal("pack, pad, unpack: 90 % of memcpy, 20x torch", conversions),
    Goal("reserve and scratch of training per row and unit, whatever the number of rows adds: "
         "LSTM 6 floats, GRU 5, RNN 2", training_memory),
    Goal("scratch of inference per row and unit: none, at most 2 floats in a stack; y may be NULL",
         inference_memory),
    Goal("one sequence, LSTM H = 256, against ONNX Runtime: 1.05x, two threads 1.3x",
         single_sequence),
)
