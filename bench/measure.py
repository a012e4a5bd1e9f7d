# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Measurements: contenders take turns on the same work, and what they compute is compared first.

A machine that others use has slow and fast phases. So contenders are interleaved, in an order that
changes, each turn counts with the median of its passes, and a comparison of two is the median of
the ratios of their turns in the same round.
"""

from __future__ import annotations

import pathlib
import random
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from contender import Contender, ContenderError, Job
from work import Floats, error

TOLERANCE = 1e-4  # of the largest element
TURN = 0.03  # seconds that a turn lasts at least, so that short passes are many
WARM = 0.1  # seconds; a pass that takes longer warms itself
MIN_ROUNDS = 3
PATIENCE = 4  # a measurement may take so many times as long, to have MIN_ROUNDS


@dataclass(frozen=True)
class Limits:
    """How long measurements may take."""

    seconds: float  # of a measurement
    max_rounds: int


@dataclass(frozen=True)
class Spread:
    median: float
    q1: float
    q3: float


def spread(values: Iterable[float]) -> Spread:
    items = sorted(values)
    if len(items) < 2:
        return Spread(items[0], items[0], items[0])
    q1, median, q3 = statistics.quantiles(items, n=4, method="inclusive")
    return Spread(median, q1, q3)


def waiting() -> float:
    """Seconds since the start in which a process of this machine waited for a core."""
    pressure = pathlib.Path("/proc/pressure/cpu")
    if not pressure.exists():
        return 0.0
    return 1e-6 * float(pressure.read_text().splitlines()[0].rsplit("total=", 1)[1])


@dataclass(frozen=True, order=True)
class Stream:
    """Who does what: a contender, its threads, and the part of the measurement's work."""

    name: str
    threads: int
    part: str = "ragged"

    def __str__(self) -> str:
        return f"{self.name} ({self.threads}) {self.part}"


@dataclass(frozen=True)
class Plan:
    """A measurement to be made: of each part's job by each of the streams that name it."""

    name: str
    group: str
    parts: dict[str, Job]
    streams: tuple[Stream, ...]
    checked: tuple[str, ...]  # parts whose results are compared with torch's


@dataclass
class Measurement:
    """What came of it. A stream whose outputs are wrong is in `void`, and not in `rounds`."""

    plan: Plan
    crowded: float = 0.0  # share of the time in which somebody waited for a core
    rounds: dict[Stream, list[float]] = field(default_factory=dict)
    facts: dict[Stream, dict[str, float]] = field(default_factory=dict)
    errors: dict[Stream, dict[str, float]] = field(default_factory=dict)
    void: dict[Stream, str] = field(default_factory=dict)

    def median(self, stream: Stream) -> float:
        return spread(self.rounds[stream]).median

    def ratio(self, slow: Stream, fast: Stream) -> Spread:
        """How many times as long `slow` takes: of paired turns."""
        pairs = zip(self.rounds[slow], self.rounds[fast], strict=True)
        return spread(a / b for a, b in pairs)

    def best(self, names: Iterable[str], max_threads: int, part: str = "ragged") -> Stream | None:
        """The fastest of these contenders on up to so many threads."""
        found = [s for s in self.rounds
                 if s.name in names and s.threads <= max_threads and s.part == part]
        return min(found, key=self.median, default=None)

    def gflops(self, stream: Stream) -> float:
        return 1e-9 * self.plan.parts[stream.part].flops / self.median(stream)


class Field:
    """All contenders, and the measurements they make."""

    def __init__(self, limits: Limits, max_threads: int) -> None:
        self.limits, self.max_threads = limits, max_threads
        self.contenders: dict[tuple[str, int], Contender] = {}
        self.restless: set[str] = set()
        self.random = random.Random(1)

    def contender(self, name: str, threads: int) -> Contender:
        key = name, threads
        if key not in self.contenders or not self.contenders[key].alive:
            self.contenders[key] = Contender(name, threads)
        return self.contenders[key]

    def close(self) -> None:
        for contender in self.contenders.values():
            contender.close()

    def measure(self, plan: Plan) -> Measurement:
        made = Measurement(plan)
        self.prepare(made)
        if made.facts:
            waited, start = waiting(), time.perf_counter()
            self.run_rounds(made)
            made.crowded = (waiting() - waited) / (time.perf_counter() - start)
        for contender in self.contenders.values():
            if contender.alive:
                contender.ask("drop")
        return made

    # ---- outputs first

    def prepare(self, made: Measurement) -> None:
        plan = made.plan
        for part, job in plan.parts.items():
            streams = [s for s in plan.streams if s.part == part]
            wanted = self.wanted(part, job) if part in plan.checked else None
            for stream in streams:
                try:
                    self.prepare_stream(made, stream, job, wanted)
                except ContenderError as failure:
                    made.void[stream] = str(failure)
                    made.facts.pop(stream, None)

    def wanted(self, part: str, job: Job) -> dict[str, Floats]:
        torch = self.contender("torch padded", 1)
        torch.ask("prepare", part, job)
        results: dict[str, Floats] = torch.ask("results", part)
        return results

    def prepare_stream(self, made: Measurement, stream: Stream, job: Job,
                       wanted: dict[str, Floats] | None) -> None:
        contender = self.contender(stream.name, stream.threads)
        made.facts[stream] = contender.ask("prepare", stream.part, job)
        if wanted is None:
            return
        got = contender.ask("results", stream.part)
        made.errors[stream] = {key: error(got[key], array) for key, array in wanted.items()}
        wrong = {key: e for key, e in made.errors[stream].items() if not e <= TOLERANCE}
        if wrong:
            made.void[stream] = f"{stream} computes something else: {wrong}"
            del made.facts[stream]

    # ---- then the clock

    def turn(self, stream: Stream, expected: float) -> float:
        n = max(1, min(1000, round(TURN / expected)))
        contender = self.contender(stream.name, stream.threads)
        times: list[float]
        times, sleeps = contender.ask("turn", stream.part, expected < WARM, n, 3 * TURN)
        if not sleeps:
            self.restless.add(str(stream))
        return statistics.median(times)

    def run_round(self, made: Measurement, expected: dict[Stream, float]) -> None:
        streams = list(made.rounds)
        self.random.shuffle(streams)
        for stream in streams:
            try:
                made.rounds[stream].append(self.turn(stream, expected[stream]))
            except ContenderError as failure:
                made.void[stream] = str(failure)
                del made.rounds[stream]

    def run_rounds(self, made: Measurement) -> None:
        made.rounds = {s: [] for s in made.facts}
        self.run_round(made, dict.fromkeys(made.facts, TURN))  # and everything is warm now
        expected = {s: times.pop() for s, times in made.rounds.items()}
        start = time.perf_counter()
        for n_done in range(self.limits.max_rounds):
            elapsed = time.perf_counter() - start
            if elapsed > self.limits.seconds * (1 if n_done >= MIN_ROUNDS else PATIENCE):
                break
            self.run_round(made, expected)
