# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""A contender: a process of its own that runs passes when it is its turn, and sleeps otherwise.

Threads of one library may spin while they wait for work. As long as they do, they take a core from
whoever's turn it is. So a turn ends only when the process uses no processor time any more; nobody's
spinning is forbidden in its own turn.
"""

from __future__ import annotations

import gc
import importlib
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Protocol

from work import Floats, Work

Pass = Callable[[], object]


@dataclass(frozen=True)
class Job:
    """What a pass is. mode: inference, train, pack, pad, unpack, memcpy."""

    work: Work
    mode: str

    @property
    def flops(self) -> float:
        return self.work.flops(self.mode == "train")


@dataclass
class Prepared:
    """A pass that may be run again and again; results() is what the last one computed. One of the
    two keeps alive what a pass uses."""

    run: Pass
    results: Callable[[], dict[str, Floats]]
    facts: dict[str, float]


class Library(Protocol):
    """What a module of this folder offers as make(threads, variant)."""

    def prepare(self, job: Job) -> Prepared: ...

    def version(self) -> str: ...


@dataclass(frozen=True)
class Kind:
    """A contender's module and what it is to do there."""

    module: str
    variant: str = ""


KINDS = {
    "packseq": Kind("run_packseq"),
    "torch packed": Kind("run_torch", "packed"),
    "torch padded": Kind("run_torch", "padded"),
    "onnxruntime": Kind("run_onnx"),
}

# Memory that was freed stays with the process, so that nobody pays for page faults in every pass.
ENVIRONMENT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
               "MALLOC_TOP_PAD_": str(64 << 20)}


# ---- in the contender's process


def settle(patience: float = 2.0) -> bool:
    """Waits until the threads of this process sleep; False if they do not."""
    end = time.perf_counter() + patience
    while time.perf_counter() < end:
        used, start = time.process_time(), time.perf_counter()
        time.sleep(0.002)
        if time.process_time() - used < 0.1 * (time.perf_counter() - start):
            return True
    return False


def time_passes(run: Pass, warm: bool, n: int, seconds: float) -> list[float]:
    """Seconds of up to n passes; no new one begins after so many seconds."""
    if warm:
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < n:
        start = time.perf_counter()
        if times and start > end:
            break
        run()
        times.append(time.perf_counter() - start)
    return times


class Server:
    """Answers the questions that come through the pipe."""

    def __init__(self, library: Library) -> None:
        self.contender = library
        self.jobs: dict[str, Prepared] = {}

    def version(self) -> str:
        return self.contender.version()

    def prepare(self, key: str, job: Job) -> dict[str, float]:
        """Makes a job, runs it once; returns what is known about it."""
        self.jobs[key] = self.contender.prepare(job)
        start = time.perf_counter()
        self.jobs[key].run()
        first = time.perf_counter() - start
        return {**self.jobs[key].facts, "first_seconds": first}

    def results(self, key: str) -> dict[str, Floats]:
        return self.jobs[key].results()

    def turn(self, key: str, warm: bool, n: int, seconds: float) -> tuple[list[float], bool]:
        """The times of some passes, and whether this process sleeps now."""
        gc.disable()
        times = time_passes(self.jobs[key].run, warm, n, seconds)
        gc.enable()
        return times, settle()

    def ask_library(self, verb: str, *arguments: Any) -> Any:
        return getattr(self.contender, verb)(*arguments)

    def drop(self) -> None:
        self.jobs.clear()
        gc.collect()


def serve(pipe: Connection, kind: Kind, threads: int) -> None:
    library = importlib.import_module(kind.module).make(threads, kind.variant)
    server = Server(library)
    while True:
        try:
            verb, arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((True, getattr(server, verb)(*arguments)))
        except Exception:
            pipe.send((False, traceback.format_exc()))


# ---- in the driver's process


class ContenderError(RuntimeError):
    """What went wrong in a contender's process, as it told."""


class Contender:
    """A contender's process, seen from outside."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.threads, self.alive = name, threads, True
        environment = {**ENVIRONMENT, "OMP_NUM_THREADS": str(threads),
                       "PSQ_THREADS": str(threads)}
        before = {key: os.environ.get(key) for key in environment}
        os.environ.update(environment)
        context = get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, KINDS[name], threads),
                                       daemon=True)
        self.process.start()
        other.close()
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value

    def ask(self, verb: str, *arguments: Any) -> Any:
        try:
            self.pipe.send((verb, arguments))
            ok, answer = self.pipe.recv()
        except (EOFError, OSError):
            self.alive = False
            raise ContenderError(f"{self.name} on {self.threads} threads died") from None
        if not ok:
            raise ContenderError(f"{self.name} on {self.threads} threads:\n{answer}")
        return answer

    def close(self) -> None:
        self.pipe.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
