# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""packseq: build/libpackseq.so through its public headers, by ctypes.

The structs below are those of include/packseq; the library refuses a struct whose size is not that
of its version. A training pass packs the weights, as after a step of an optimiser, and sets the
gradient that it adds to to 0.
"""

from __future__ import annotations

import ctypes as ct
import pathlib
from collections.abc import Callable

import numpy as np

from contender import Job, Pass, Prepared
from work import Floats, Work, flat, make_numbers

LIBRARY = pathlib.Path(__file__).resolve().parent.parent / "build" / "libpackseq.so"

CELLS = {"rnn": 0, "lstm": 2, "gru": 3}
PADDED_TIME = 2
TRAIN = 1


class Error(ct.Structure):
    _fields_ = [("status", ct.c_int), ("text", ct.c_char * 256)]


class Spec(ct.Structure):
    _fields_ = [("struct_size", ct.c_size_t), ("cell", ct.c_int), ("dtype", ct.c_int),
                ("input_size", ct.c_int64), ("hidden_size", ct.c_int64),
                ("proj_size", ct.c_int64), ("n_layers", ct.c_int64), ("bias", ct.c_bool),
                ("bidirectional", ct.c_bool), ("dropout", ct.c_double),
                ("n_tokens", ct.c_int64)]


class Storage(ct.Structure):
    _fields_ = [("order", ct.c_int), ("pad_left", ct.c_bool), ("n_steps", ct.c_int64)]


class Fill(ct.Structure):
    _fields_ = [("value", ct.c_void_p), ("size", ct.c_size_t)]


class Io(ct.Structure):
    _fields_ = [("struct_size", ct.c_size_t), ("x_storage", Storage), ("y_storage", Storage),
                *((name, ct.c_void_p) for name in
                  ("x", "y", "h0", "c0", "hn", "cn", "layer_outputs", "cells")),
                ("seed", ct.c_uint64), ("ids", ct.c_void_p), ("starts", ct.c_void_p),
                ("tokens", ct.c_void_p)]


class Grads(ct.Structure):
    _fields_ = [("struct_size", ct.c_size_t),
                *((name, ct.c_void_p) for name in
                  ("dy", "dhn", "dcn", "dx", "dh0", "dc0", "dweights"))]


def aligned(n_bytes: int) -> np.ndarray:
    """Bytes at a multiple of 64, not zero ones: pages are there before the first pass."""
    raw = np.ones(n_bytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start:start + n_bytes]


def floats(*shape: int) -> Floats:
    return aligned(4 * int(np.prod(shape))).view(np.float32).reshape(shape)


def at(array: np.ndarray) -> int:
    return array.ctypes.data


class Api:
    """The library, with a context; a call that fails raises its sentence."""

    def __init__(self) -> None:
        self.lib = ct.CDLL(str(LIBRARY))
        self.error = Error()
        self.lib.psq_rnn_panel_bytes.restype = ct.c_size_t
        self.lib.psq_rnn_n_weights.restype = ct.c_int64
        self.lib.psq_version.restype = ct.c_char_p
        self.lib.psq_kernel_name.restype = ct.c_char_p
        self.ctx = ct.c_void_p()
        self.call("psq_ctx_create", None, ct.byref(self.ctx))

    def bind(self, name: str, *arguments: object) -> Pass:
        """The call as a function without arguments: nothing is converted in a pass."""
        function = getattr(self.lib, name)
        given = (*arguments, ct.byref(self.error))

        def run() -> None:
            if function(*given) != 0:
                raise RuntimeError(f"{name}: {self.error.text.decode()}")

        return run

    def call(self, name: str, *arguments: object) -> None:
        self.bind(name, *arguments)()

    def layout(self, lengths: tuple[int, ...]) -> ct.c_void_p:
        sizes = np.array(lengths, np.int64)
        made = ct.c_void_p()
        self.call("psq_layout_from_lengths", self.ctx, ct.c_void_p(at(sizes)),
                  ct.c_int64(len(lengths)), ct.byref(made))
        return made

    def network(self, work: Work, n_layers: int = 1) -> ct.c_void_p:
        spec = Spec(ct.sizeof(Spec), CELLS[work.cell], 0, work.input, work.hidden, 0, n_layers,
                    True, False, 0.0)
        made = ct.c_void_p()
        self.call("psq_rnn_create", self.ctx, ct.byref(spec), ct.byref(made))
        return made

    def sizes(self, rnn: ct.c_void_p, layout: ct.c_void_p, flags: int) -> tuple[int, int]:
        reserve, scratch = ct.c_size_t(), ct.c_size_t()
        self.call("psq_rnn_sizes", rnn, layout, ct.c_uint(flags), ct.byref(reserve),
                  ct.byref(scratch))
        return reserve.value, scratch.value


class Net:
    """A network on a batch, and its calls."""

    def __init__(self, api: Api, work: Work, train: bool) -> None:
        numbers = make_numbers(work)
        self.api, self.train_mode = api, train
        self.layout = api.layout(work.lengths)
        self.rnn = api.network(work)
        self.flags = TRAIN if train else 0
        self.bytes = api.sizes(self.rnn, self.layout, self.flags)
        self.weights = flat(numbers.params)
        self.x, self.dy = numbers.x, numbers.dy
        self.y = floats(work.n_rows, work.hidden)
        self.states = floats(2, work.n_seq, work.hidden)
        self.dx = floats(work.n_rows, work.input)
        self.dweights = floats(self.weights.size)
        self.panels = aligned(api.lib.psq_rnn_panel_bytes(self.rnn))
        self.reserve, self.scratch = (aligned(size) for size in self.bytes)
        self.io = Io(struct_size=ct.sizeof(Io), x=at(self.x), y=at(self.y),
                     hn=at(self.states[0]), cn=at(self.states[1]) if work.cell == "lstm" else None)
        self.grads = Grads(struct_size=ct.sizeof(Grads), dy=at(self.dy), dx=at(self.dx),
                           dweights=at(self.dweights))

    def bind(self, name: str, *middle: object) -> Pass:
        return self.api.bind(name, self.rnn, self.layout, ct.c_void_p(at(self.panels)),
                             ct.byref(self.io), *middle, ct.c_uint(self.flags),
                             ct.c_void_p(at(self.reserve)), ct.c_void_p(at(self.scratch)))

    def make_pass(self) -> Pass:
        pack = self.api.bind("psq_rnn_pack", self.rnn, ct.c_void_p(at(self.weights)),
                             ct.c_void_p(at(self.panels)))
        forward = self.bind("psq_rnn_forward")
        backward = self.bind("psq_rnn_backward", ct.byref(self.grads))

        def train() -> None:
            pack()
            forward()
            self.dweights.fill(0)
            backward()

        pack()
        return train if self.train_mode else forward

    def results(self) -> dict[str, Floats]:
        if not self.train_mode:
            return {"y": self.y}
        return {"y": self.y, "dx": self.dx, "dweights": self.dweights}


class Conversion:
    """Sequences of 32-bit numbers; a row has work.input of them."""

    def __init__(self, api: Api, work: Work) -> None:
        self.api, self.work = api, work
        self.layout = api.layout(work.lengths)
        self.packed = make_numbers(work).x
        self.padded = floats(work.n_steps, work.n_seq, work.input)
        self.sequences = [floats(length, work.input) for length in work.lengths]
        self.list = np.array([at(s) for s in self.sequences], np.uint64)
        self.row = ct.c_size_t(4 * work.input)
        self.unpack()()
        self.mode = ""

    def unpack(self) -> Pass:
        return self.api.bind("psq_convert_to_list", self.layout, Storage(),
                             ct.c_void_p(at(self.packed)), ct.c_void_p(at(self.list)), self.row)

    def pack(self) -> Pass:
        return self.api.bind("psq_convert_from_list", self.layout, ct.c_void_p(at(self.list)),
                             Storage(), ct.c_void_p(at(self.packed)), self.row, Fill())

    def pad(self) -> Pass:
        return self.api.bind("psq_convert", self.layout, Storage(), ct.c_void_p(at(self.packed)),
                             Storage(PADDED_TIME, False, 0), ct.c_void_p(at(self.padded)),
                             self.row, Fill())

    def copy(self, n_rows: float) -> Pass:
        """memcpy that moves as many bytes."""
        size = int(n_rows * 4 * self.work.input)
        src, dst = aligned(size), aligned(size)
        self.kept = src, dst
        target, source = at(dst), at(src)
        return lambda: ct.memmove(target, source, size)

    def results(self) -> dict[str, Floats]:
        if self.mode == "unpack":
            return {"rows": np.concatenate(self.sequences)}
        return {"rows": self.padded if self.mode == "pad" else self.packed}

    def make_pass(self, mode: str) -> Pass:
        self.mode, work = mode, self.work
        if mode == "pack":
            self.packed = floats(work.n_rows, work.input)
        if mode == "unpack":
            for sequence in self.sequences:
                sequence.fill(0)
        padding = work.n_steps * work.n_seq - work.n_rows
        runs: dict[str, Callable[[], Pass]] = {
            "pack": self.pack, "pad": self.pad, "unpack": self.unpack,
            "memcpy": lambda: self.copy(work.n_rows),
            "memcpy pad": lambda: self.copy(work.n_rows + padding / 2)}  # padding is not read
        return runs[mode]()


class Packseq:
    """The library of contender.py."""

    def __init__(self) -> None:
        self.api = Api()

    def prepare(self, job: Job) -> Prepared:
        if job.mode not in ("inference", "train"):
            conversion = Conversion(self.api, job.work)
            return Prepared(conversion.make_pass(job.mode), conversion.results, {})
        net = Net(self.api, job.work, job.mode == "train")
        reserve, scratch = net.bytes
        return Prepared(net.make_pass(), net.results,
                        {"reserve_bytes": reserve, "scratch_bytes": scratch})

    def sizes(self, work: Work, n_layers: int, train: bool) -> tuple[int, int]:
        """Bytes of reserve and scratch."""
        rnn, layout = self.api.network(work, n_layers), self.api.layout(work.lengths)
        return self.api.sizes(rnn, layout, TRAIN if train else 0)

    def runs_without_y(self, work: Work) -> bool:
        """Whether the last states are the same when nobody wants y."""
        net = Net(self.api, work, train=False)
        run = net.make_pass()
        run()
        wanted = net.states[0].copy()
        net.states.fill(0)
        net.io.y = None
        run()
        return bool((net.states[0] == wanted).all())

    def version(self) -> str:
        kernels = self.api.lib.psq_kernel_name(self.api.ctx, 0).decode()
        return f"{self.api.lib.psq_version().decode()} ({kernels})"


def make(_threads: int, _variant: str) -> Packseq:
    return Packseq()
