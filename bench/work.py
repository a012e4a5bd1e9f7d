# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""A piece of work: a network, a batch, and the numbers in them.

Every process makes the numbers by itself from the same seeds, so that nothing but results travels.
Rows are in packed order: step by step, within a step the longest sequence first, ties in the order
in which they came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
SIGMA = {"text": 0.8, "speech": 0.4}  # of log-normal lengths


def draw_lengths(kind: str, n_seq: int, mean: float, seed: int) -> list[int]:
    """Lengths of about this mean; "ramp" has the same shape for every mean."""
    rng = np.random.default_rng((seed, n_seq))
    if kind == "equal":
        lengths = np.full(n_seq, mean)
    elif kind == "ramp":
        lengths = rng.permutation((np.arange(n_seq) + 0.5) / n_seq) * 2 * mean
    else:
        sigma = SIGMA[kind]
        lengths = rng.lognormal(np.log(mean) - sigma * sigma / 2, sigma, n_seq)
    return [max(1, round(length)) for length in lengths]


@dataclass(frozen=True)
class Work:
    """One layer, one direction, with biases, on a batch."""

    cell: str
    input: int
    hidden: int
    lengths: tuple[int, ...]

    @property
    def n_seq(self) -> int:
        return len(self.lengths)

    @property
    def n_steps(self) -> int:
        return max(self.lengths)

    @property
    def n_rows(self) -> int:
        return sum(self.lengths)

    @property
    def fill(self) -> float:
        return self.n_rows / (self.n_seq * self.n_steps)

    def flops(self, train: bool) -> float:
        """Useful operations of a pass: no padding, no activations."""
        terms = GATES[self.cell] * self.hidden * (self.input + self.hidden)
        return 2.0 * self.n_rows * terms * (3 if train else 1)

    def equalised(self) -> Work:
        """The same number of rows, as near as can be, as a batch without padding."""
        length = max(1, round(self.n_rows / self.n_seq))
        return Work(self.cell, self.input, self.hidden, (length,) * self.n_seq)


class Layout:
    """Where the rows of a batch lie."""

    def __init__(self, lengths: tuple[int, ...]) -> None:
        sizes = np.array(lengths, np.int64)
        self.lengths: Ints = sizes
        self.order: Ints = np.argsort(-sizes, kind="stable")
        steps = np.arange(sizes.max())
        self.batch_sizes: Ints = (sizes[None, :] > steps[:, None]).sum(axis=1)
        self.t: Ints = np.repeat(steps, self.batch_sizes)
        first = np.cumsum(self.batch_sizes) - self.batch_sizes
        self.b: Ints = self.order[np.arange(sizes.sum()) - first[self.t]]

    def pad(self, rows: Floats) -> Floats:
        """[T][B][...] with zeros in the padding."""
        shape = (len(self.batch_sizes), len(self.lengths), *rows.shape[1:])
        padded = np.zeros(shape, np.float32)
        padded[self.t, self.b] = rows
        return padded

    def unpad(self, padded: Floats) -> Floats:
        return padded[self.t, self.b]


@dataclass(frozen=True)
class Numbers:
    """x [N][I], dy [N][H], and the parameters in torch's order."""

    x: Floats
    dy: Floats
    weight_ih: Floats  # [G*H][I]
    weight_hh: Floats  # [G*H][H]
    bias_ih: Floats
    bias_hh: Floats

    @property
    def params(self) -> tuple[Floats, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh


def make_numbers(work: Work) -> Numbers:
    rng = np.random.default_rng(1)
    n_gates = GATES[work.cell] * work.hidden
    bound = work.hidden**-0.5

    def uniform(largest: float, *shape: int) -> Floats:
        return ((2 * rng.random(shape, np.float32) - 1) * np.float32(largest)).astype(np.float32)

    weights = [uniform(bound, *shape) for shape in
               ((n_gates, work.input), (n_gates, work.hidden), (n_gates,), (n_gates,))]
    return Numbers(uniform(1, work.n_rows, work.input), uniform(1, work.n_rows, work.hidden),
                   *weights)


def flat(arrays: tuple[Floats, ...] | list[Floats]) -> Floats:
    return np.concatenate([a.reshape(-1) for a in arrays])


def error(got: Floats, wanted: Floats) -> float:
    """The largest difference, relative to the largest element."""
    if got.shape != wanted.shape or not np.isfinite(got).all():
        return float("inf")
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())
