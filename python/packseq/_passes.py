# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""One network in C, and its passes: forward, and backward from what forward left.

A Plan is a psq_rnn for one context, with the buffers that its calls take turns in. A Pass is one
call: it owns every array whose address C has seen, so that backward finds them where they were.
Shapes are checked here, before C sees an address; values C checks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from packseq import _core
from packseq._buffers import Parameter, Parameters, Pool, table_of
from packseq._core import Array, address, call, make
from packseq._inputs import Batch, numbers
from packseq._native import ffi, lib

_DTYPES = {np.dtype(np.float32): lib.PSQ_F32, np.dtype(np.float64): lib.PSQ_F64}


def code_of(dtype: DTypeLike) -> int:
    """The psq_dtype of a network's numbers. TypeError: neither float32 nor float64."""
    try:
        return int(_DTYPES[np.dtype(dtype)])
    except (KeyError, TypeError):
        raise TypeError(f"dtype is {dtype!r}, must be float32 or float64") from None


def pointer(array: Array) -> Any:
    """The address of an array's elements as void *, for a field of a struct, of any type."""
    return ffi.cast("void *", address(array))


def dtype_of(code: int) -> np.dtype[Any]:
    """The NumPy dtype of a network's numbers."""
    return np.dtype(np.float64 if code == lib.PSQ_F64 else np.float32)


@contextmanager
def renamed() -> Iterator[None]:
    """Errors of C about a spec or a call, with the names that things have in Python."""
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        text = re.sub(r"spec\.(rnn\.)?|\bio\.", "", str(error)).replace("tokens of seq", "x of seq")
        raise type(error)(text.replace("n_layers", "num_layers")) from None


@dataclass(frozen=True)
class Spec:
    """What a network is; names are torch.nn's."""

    cell: int  # psq_cell
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    bidirectional: bool
    proj_size: int
    dropout: float
    dtype: np.dtype[Any]

    @property
    def state_size(self) -> int:
        """R: what a state and an output of one direction hold."""
        return self.proj_size or self.hidden_size

    @property
    def num_states(self) -> int:
        """L * D: the first dimension of states."""
        return self.num_layers * self.num_directions

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def has_cells(self) -> bool:
        return bool(self.cell == lib.PSQ_LSTM)

    def struct(self, n_tokens: int = 0) -> Any:
        """As psq_rnn_spec."""
        fields = asdict(self) | {"n_tokens": n_tokens, "dtype": code_of(self.dtype)}
        fields["n_layers"] = fields.pop("num_layers")
        return make("psq_rnn_spec", **fields)


class Plan:
    """A psq_rnn, with the process's threads of now; threads may share it."""

    def __init__(self, spec: Spec, n_tokens: int = 0) -> None:
        """ValueError: a value out of its range, named. NotImplementedError, MemoryError: too much.

        n_tokens: 0, or the rows of the table that tokens choose from.
        """
        self.spec = spec
        self.n_tokens = n_tokens
        out = ffi.new("psq_rnn **")
        with renamed():
            call(lib.psq_rnn_create, _core.context(), spec.struct(n_tokens), out)
        self.ptr = ffi.gc(out[0], lib.psq_rnn_destroy)
        self.panel_bytes = int(lib.psq_rnn_panel_bytes(self.ptr))
        self.panels, self.reserves, self.scratches = Pool(), Pool(), Pool()

    @property
    def table(self) -> tuple[Parameter, ...]:
        return table_of(lib.psq_rnn_params(self.ptr), lib.psq_rnn_n_params(self.ptr))

    @property
    def n_weights(self) -> int:
        return int(lib.psq_rnn_n_weights(self.ptr))

    def pack(self, weights: Array) -> Array:
        """New panels of these weights, from the pool."""
        where = _core.memory("parameters", weights, self.n_weights * self.spec.dtype.itemsize)
        panels = self.panels.take(self.panel_bytes)
        call(lib.psq_rnn_pack, self.ptr, where, address(panels))
        return panels

    def run(self, function: Callable[..., int], layout: Any, flags: int, *args: Any) -> None:
        """A pass of C: args are those between layout and flags, and the reserve."""
        *inner, reserve = args
        scratch = self.scratches.take(self.sizes(layout, flags)[1])
        with renamed():
            call(function, self.ptr, layout.ptr, *inner, flags, reserve, address(scratch))
        self.scratches.give(scratch)

    def sizes(self, layout: Any, flags: int) -> tuple[int, int]:
        """Bytes of reserve and scratch."""
        sizes = ffi.new("size_t[2]")
        call(lib.psq_rnn_sizes, self.ptr, layout.ptr, flags, sizes, sizes + 1)
        return int(sizes[0]), int(sizes[1])


@dataclass(frozen=True)
class Gradients:
    """Of a scalar, by everything that a forward read."""

    x: Any  # in the form of the input; None with a table, or where it was not wanted
    table: Array | None  # [V, I], where inputs were tokens
    h0: Array  # [L*D, B, R], without B for one sequence, as c0
    c0: Array | None  # [L*D, B, H], LSTM
    parameters: Parameters


class Pass:
    """A forward, and what its backward reads again."""

    def __init__(
        self, plan: Plan, batch: Batch, panels: Array, owns_panels: bool, flags: int
    ) -> None:
        self.plan, self.batch, self.flags = plan, batch, flags
        self.panels, self.owns_panels = panels, owns_panels
        self.io = make("psq_rnn_io", x_storage=batch.storage, y_storage=batch.storage)
        self.reserve: Array | None = None
        self._alive: dict[str, Array] = {}

    def set(self, **arrays: Array | None) -> None:
        """Gives arrays to C, under the names of psq_rnn_io."""
        for name, array in arrays.items():
            if array is not None:
                setattr(self.io, name, pointer(array))
                self._alive[name] = array

    def set_seed(self, seed: int) -> None:
        self.io.seed = seed

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Of h0, c0 and what has their shapes, with B sequences."""
        spec = self.plan.spec
        width = spec.hidden_size if "c" in name else spec.state_size
        return spec.num_states, self.batch.layout.n_sequences, width

    def state(self, name: str, values: ArrayLike | None) -> Array | None:
        """A state or its gradient as C reads it. ValueError: another shape, or cells where none."""
        if values is None:
            return None
        spec = self.plan.spec
        if "c" in name and not spec.has_cells:
            raise ValueError(f"{name} is given, but only an LSTM has cells")
        array = numbers(name, values, spec.dtype)
        shape = self.shape_of(name)
        shown = (shape[0], shape[2]) if self.batch.unbatched else shape
        if array.shape != shown:
            raise ValueError(f"{name} has shape {array.shape}, must have {shown}")
        return array.reshape(shape)

    def new_state(self, name: str) -> Array | None:
        """Memory for a state that C writes; None for cells where there are none."""
        if "c" in name and not self.plan.spec.has_cells:
            return None
        return np.empty(self.shape_of(name), self.plan.spec.dtype)

    def shown(self, state: Array | None) -> Any:
        """A state without the batch's dimension where the input had none."""
        return state[:, 0] if state is not None and self.batch.unbatched else state

    def new_rows(self, *lead: int, width: int) -> Array:
        return np.empty((*lead, *self.batch.lead, width), self.plan.spec.dtype)

    def forward(self) -> None:
        reserve = None
        if self.flags:
            reserve = self.plan.reserves.take(self.plan.sizes(self.batch.layout, self.flags)[0])
        where = ffi.NULL if reserve is None else address(reserve)
        args = (address(self.panels), self.io)
        self.plan.run(lib.psq_rnn_forward, self.batch.layout, self.flags, *args, where)
        self.reserve = reserve

    def release(self) -> None:
        """No pass will come any more: other calls may have the panels."""
        if self.owns_panels:
            self.plan.panels.give(self.panels)

    def backward(
        self,
        dy: Any,
        dh: ArrayLike | None,
        dc: ArrayLike | None,
        into: Parameters,
        wants_x: bool,
        keep: bool,
    ) -> Gradients:
        """All gradients; those of parameters are added to `into`."""
        spec = self.plan.spec
        width = spec.num_directions * spec.state_size
        given = {
            "dy": None if dy is None else self.batch.read_like("dy", dy, width, spec.dtype),
            "dhn": self.state("dh", dh),
            "dcn": self.state("dc", dc),
        }
        dh0, dc0 = self.new_state("dh0"), self.new_state("dc0")
        dx = self._new_dx() if wants_x else None
        _core.memory("into", into.flat, self.plan.n_weights * spec.dtype.itemsize, written=True)
        arrays = given | {"dx": dx, "dh0": dh0, "dc0": dc0, "dweights": into.flat}
        pointers = {name: pointer(a) for name, a in arrays.items() if a is not None}
        grads = make("psq_rnn_grads", **pointers)
        flags = self.flags | (lib.PSQ_KEEP if keep else 0)
        # Taken in one statement, so that of two threads only one has it.
        reserve, self.reserve = self.reserve, self.reserve if keep else None
        if reserve is None:
            raise RuntimeError("backward has used up what forward kept: use keep=True before")
        args = (address(self.panels), self.io, grads, address(reserve))
        self.plan.run(lib.psq_rnn_backward, self.batch.layout, flags, *args)
        if not keep:
            self.plan.reserves.give(reserve)
            self.release()
        tokens = self.plan.n_tokens > 0
        x = None if tokens or dx is None else self.batch.wrap_like_x(dx)
        assert dh0 is not None
        return Gradients(x, dx if tokens else None, self.shown(dh0), self.shown(dc0), into)

    def _new_dx(self) -> Array:
        spec = self.plan.spec
        if self.plan.n_tokens > 0:
            return np.zeros((self.plan.n_tokens, spec.input_size), spec.dtype)
        return self.new_rows(width=spec.input_size)


class Output:
    """What a forward gives.

    y: in the form of the input, rows of D*R: the forward direction's R, then the reverse one's.
    h [L*D, B, R], c [L*D, B, H] (None unless LSTM): states after each sequence's own last step;
    without B where the input was one sequence. layers: outputs of all layers, before dropout;
    cells: c of every step, one for each layer and direction; empty unless asked for.
    """

    def __init__(
        self, done: Pass, results: dict[str, Array | None], parameters: Parameters
    ) -> None:
        wrap = done.batch.wrap
        self._pass, self._parameters = done, parameters
        y = results["y"]
        assert y is not None
        self.y: Any = wrap(y)
        self.h: Array = done.shown(results["hn"])
        self.c: Array | None = done.shown(results["cn"])
        self.layers: Sequence[Any] = [wrap(rows) for rows in _listed(results["layer_outputs"])]
        self.cells: Sequence[Any] = [wrap(rows) for rows in _listed(results["cells"])]

    def backward(
        self,
        dy: Any = None,
        dh: ArrayLike | None = None,
        dc: ArrayLike | None = None,
        *,
        into: Parameters | None = None,
        wants_x: bool = True,
        keep: bool = False,
    ) -> Gradients:
        """Gradients of a scalar from those by y, h and c; None: zeros.

        dy: a PackedSequence or an array of y's shape; its padding is not looked at. dh, dc: of the
        shapes of h and c. into: gradients that those of parameters are added to, as made by
        parameters.zeros(); None: new ones. Without keep this works once. x, h0 and c0 must hold
        what they held in forward; parameters may have changed. ValueError: another shape, cells
        where there are none. TypeError: no real numbers. RuntimeError: a forward without
        train=True, or a second backward.
        """
        if not self._pass.flags:
            raise RuntimeError("backward needs a forward with train=True")
        if into is None:
            into = self._parameters.zeros()
        else:
            self._parameters.check_like("into", into)
        return self._pass.backward(dy, dh, dc, into, wants_x, keep)


def _listed(rows: Array | None) -> Sequence[Array]:
    return [] if rows is None else list(rows)
