# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""A tagger written for torch, trained with torch and with packseq in torch's place.

Two layers of a bidirectional LSTM on batches whose lengths are log-normal. The contenders are the
same model with the same initial weights: on packed rows with torch.nn.utils.rnn and nn.LSTM, on
padded rows with nn.LSTM (where the reverse direction begins in the padding, which costs the same
and computes something else), and on packed rows with what packseq.torch has under the same names.
They take turns on the same batches, each step of training a turn: forward, loss, backward, a step
of the optimizer. A ratio is the median of the ratios of the steps on the same batch.

The overhead of Python is the time of a module's call (and of backward, of a sum) on 100 rows less
the time in the C library meanwhile, one thread, LSTM with 32 units.

    python bench/torch_dropin.py [--steps 100] [--threads 2] [--json]

needs the package and torch 2.13; no need of the rest of this folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import packseq.torch as ours
from packseq import _core

N_SYMBOLS = 64
N_TAGS = 20
WIDTH = 128
SEED = 1


@dataclass(frozen=True)
class Batch:
    """Symbols and tags, padded with zeros, longest first in no order: [B][T]."""

    symbols: Tensor
    tags: Tensor
    lengths: Tensor


def draw_batches(n: int, n_seq: int, mean: float, sigma: float) -> Iterator[Batch]:
    """A tag is that of the symbol before or after, as the symbol has it: both directions count."""
    rng = np.random.default_rng(SEED)
    for _ in range(n):
        drawn = rng.lognormal(np.log(mean) - sigma * sigma / 2, sigma, n_seq)
        lengths = np.maximum(np.rint(drawn), 1).astype(np.int64)
        inside = np.arange(lengths.max()) < lengths[:, None]
        symbols = rng.integers(0, N_SYMBOLS, inside.shape) * inside
        before, after = np.roll(symbols, 1, 1), np.roll(symbols, -1, 1)
        tags = np.where(symbols % 2, before, after) % N_TAGS * inside
        yield Batch(*(torch.from_numpy(array) for array in (symbols, tags, lengths)))


class Tagger(nn.Module):
    """Symbols to scores of tags: of rows that are packed, or of all cells of a padded batch."""

    def __init__(self, names: ModuleType | None, lstm: type[nn.Module], hidden: int) -> None:
        super().__init__()
        self.names = names
        self.embedding = nn.Embedding(N_SYMBOLS, WIDTH)
        self.lstm = lstm(WIDTH, hidden, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * hidden, N_TAGS)

    def pack(self, array: Tensor, lengths: Tensor) -> Any:
        assert self.names is not None
        return self.names.pack_padded_sequence(array, lengths, True, enforce_sorted=False)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Scores [N][N_TAGS] and tags [N] of all elements."""
        rows = self.embedding(batch.symbols)
        if self.names is None:
            inside = torch.arange(rows.shape[1]) < batch.lengths[:, None]
            return self.head(self.lstm(rows)[0])[inside], batch.tags[inside]
        y, _ = self.lstm(self.pack(rows, batch.lengths))
        return self.head(y.data), self.pack(batch.tags, batch.lengths).data


@dataclass
class Contender:
    name: str
    model: Tagger
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)

    def step(self, batch: Batch) -> None:
        start = time.perf_counter()
        self.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(*self.model(batch))
        loss.backward()
        self.optimizer.step()
        self.seconds.append(time.perf_counter() - start)
        self.losses.append(loss.item())


def make_contenders(hidden: int) -> list[Contender]:
    torch.manual_seed(SEED)
    packed = Tagger(nn.utils.rnn, nn.LSTM, hidden)
    padded = Tagger(None, nn.LSTM, hidden)
    dropin = Tagger(ours, ours.LSTM, hidden)
    for model in (padded, dropin):
        model.load_state_dict(packed.state_dict())
    return [
        Contender("torch packed", packed),
        Contender("torch padded", padded),
        Contender("packseq", dropin),
    ]


def ratio(other: Contender, us: Contender) -> float:
    pairs = zip(other.seconds[1:], us.seconds[1:], strict=True)
    return statistics.median(theirs / mine for theirs, mine in pairs)


def largest_difference(other: Contender, us: Contender) -> float:
    """Of the losses of all steps, relative."""
    pairs = zip(other.losses, us.losses, strict=True)
    return max(abs(theirs - mine) / abs(theirs) for theirs, mine in pairs)


def train(options: argparse.Namespace) -> dict[str, Any]:
    contenders = make_contenders(options.hidden)
    packed, padded, dropin = contenders
    batches = draw_batches(options.steps, options.batch, options.mean, options.sigma)
    for i, batch in enumerate(batches):
        for contender in contenders[i % 3 :] + contenders[: i % 3]:
            contender.step(batch)
    return {
        "ms_per_step": {c.name: 1e3 * statistics.median(c.seconds[1:]) for c in contenders},
        "times_torch_packed": ratio(packed, dropin),
        "times_torch_padded": ratio(padded, dropin),
        "loss_first_and_last": [dropin.losses[0], dropin.losses[-1]],
        "largest_relative_difference_of_loss": largest_difference(packed, dropin),
    }


# ---- overhead


class InC:
    """Adds up the seconds that calls of the C library take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def call(self, function: Any, *args: Any) -> None:
        start = time.perf_counter()
        plain_call(function, *args)
        self.seconds += time.perf_counter() - start


plain_call = _core.call


def overheads(work: Callable[[], object], n: int) -> list[float]:
    """Seconds outside C of n runs of `work`."""
    outside = []
    for _ in range(n):
        _core.call = (in_c := InC()).call
        start = time.perf_counter()
        work()
        outside.append(time.perf_counter() - start - in_c.seconds)
    _core.call = plain_call
    return outside


def measure_overhead(n: int) -> dict[str, float]:
    """Median microseconds; after warming up."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    lstm = ours.LSTM(32, 32)
    batch = ours.pack_sequence([torch.randn(length, 32) for length in (40, 30, 20, 10)])

    def infer() -> None:
        with torch.no_grad():
            lstm(batch)

    def learn() -> None:
        y, _ = lstm(batch)
        y.data.sum().backward()

    result = {}
    for name, work in (("without_gradients", infer), ("forward_and_backward", learn)):
        overheads(work, n // 10 + 1)
        result[name] = 1e6 * statistics.median(overheads(work, n))
    torch.set_num_threads(n_threads)
    return result


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100, help="of training (100)")
    parser.add_argument("--batch", type=int, default=32, help="sequences of a batch (32)")
    parser.add_argument("--hidden", type=int, default=256, help="units of a direction (256)")
    parser.add_argument("--mean", type=float, default=50, help="of the lengths (50)")
    parser.add_argument("--sigma", type=float, default=0.8, help="of their logarithms (0.8)")
    parser.add_argument("--threads", type=int, default=0, help="of torch (as many as it takes)")
    parser.add_argument("--json", action="store_true", help="one object, for programs")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    results = {
        "threads": torch.get_num_threads(),
        "overhead_us": measure_overhead(2000),  # first, as in a fresh process
        **train(options),
    }
    if options.json:
        print(json.dumps(results))
        return
    for name, value in results.items():
        print(f"{name:36} {value}")


if __name__ == "__main__":
    main()
