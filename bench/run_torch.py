# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""torch: on a PackedSequence, or on a batch padded to its longest sequence.

Packing and padding are not part of a pass. Inference is under inference_mode; training computes the
gradients of x and of the parameters, which start as None. Sequences of a padded batch begin at t =
0, so that what follows a sequence changes nothing in its outputs; dy is 0 there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import rnn

from contender import Job, Prepared
from work import Floats, Layout, Numbers, Work, flat, make_numbers

MODULES = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


def make_module(work: Work, numbers: Numbers) -> nn.RNNBase:
    module: nn.RNNBase = MODULES[work.cell](work.input, work.hidden)
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), numbers.params, strict=True):
            parameter.copy_(torch.from_numpy(value))
    return module


class Packed:
    """Rows as torch packs them, ties in our order."""

    def __init__(self, layout: Layout) -> None:
        self.batch_sizes = torch.from_numpy(layout.batch_sizes)
        self.order = torch.from_numpy(layout.order)
        self.back = torch.from_numpy(np.argsort(layout.order))

    def array(self, rows: Floats) -> Tensor:
        return torch.from_numpy(rows)

    def input(self, x: Tensor) -> rnn.PackedSequence:
        return rnn.PackedSequence(x, self.batch_sizes, self.order, self.back)

    def output(self, y: rnn.PackedSequence) -> Tensor:
        return y.data

    def rows(self, array: Tensor) -> Floats:
        return array.numpy()


class Padded:
    """[T][B][...]"""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def array(self, rows: Floats) -> Tensor:
        return torch.from_numpy(self.layout.pad(rows))

    def input(self, x: Tensor) -> Tensor:
        return x

    def output(self, y: Tensor) -> Tensor:
        return y

    def rows(self, array: Tensor) -> Floats:
        return self.layout.unpad(array.numpy())


class Net:
    """A module, its input, and the gradient of its output."""

    def __init__(self, work: Work, storage: Packed | Padded, train: bool) -> None:
        numbers = make_numbers(work)
        self.storage = storage
        self.module = make_module(work, numbers).train(train)
        self.x = storage.array(numbers.x).requires_grad_(train)
        self.dy = storage.array(numbers.dy) if train else torch.empty(0)
        self.y = torch.empty(0)

    def forward(self) -> None:
        y, _ = self.module(self.storage.input(self.x))
        self.y = self.storage.output(y)

    def infer(self) -> None:
        with torch.inference_mode():
            self.forward()

    def train(self) -> None:
        self.x.grad = None
        self.module.zero_grad()
        self.forward()
        torch.autograd.backward(self.y, self.dy)

    def results(self) -> dict[str, Floats]:
        found = {"y": self.storage.rows(self.y.detach())}
        if self.x.grad is not None:
            gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
            found["dx"] = self.storage.rows(self.x.grad)
            found["dweights"] = flat([g.numpy() for g in gradients])
        return found


def prepare_conversion(job: Job) -> Prepared:
    """Sequences of 32-bit numbers; a row has job.work.input of them."""
    layout, numbers = Layout(job.work.lengths), make_numbers(job.work)
    packed = Packed(layout).input(torch.from_numpy(numbers.x))
    padded, _ = rnn.pad_packed_sequence(packed)
    sequences = [padded[:length, b].clone() for b, length in enumerate(job.work.lengths)]
    runs: dict[str, Callable[[], Any]] = {
        "pack": lambda: rnn.pack_sequence(sequences, enforce_sorted=False),
        "pad": lambda: rnn.pad_packed_sequence(packed)[0],
        "unpack": lambda: rnn.unpack_sequence(packed),
    }

    def results() -> dict[str, Floats]:
        made = runs[job.mode]()
        if job.mode == "pack":  # ties may lie in another order than ours
            return {"rows": layout.unpad(rnn.pad_packed_sequence(made)[0].numpy())}
        return {"rows": (made if job.mode == "pad" else torch.cat(made)).numpy()}

    return Prepared(runs[job.mode], results, {})


class Torch:
    """The library of contender.py."""

    def __init__(self, threads: int, variant: str) -> None:
        torch.set_num_threads(threads)
        self.storage: type[Packed] | type[Padded] = Packed if variant == "packed" else Padded

    def prepare(self, job: Job) -> Prepared:
        if job.mode not in ("inference", "train"):
            return prepare_conversion(job)
        train = job.mode == "train"
        net = Net(job.work, self.storage(Layout(job.work.lengths)), train)
        return Prepared(net.train if train else net.infer, net.results, {})

    def version(self) -> str:
        return torch.__version__


def make(threads: int, variant: str) -> Torch:
    return Torch(threads, variant)
