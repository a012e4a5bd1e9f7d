# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""RNN, LSTM and GRU on NumPy: torch.nn's networks on ragged batches, without torch.

Constructor arguments, parameter names, equations and the layout of states are torch.nn's; what a
call takes is free: a PackedSequence, a list of arrays, padded rows with lengths. A result has the
form of the input, nothing is sorted, and zero lengths and empty batches are legal. There is no
tape: a forward with train=True returns an Output whose backward() gives all gradients.

Letters: B sequences, N rows, I = input_size, H = hidden_size, R = proj_size or else H, L layers, D
directions. The panels that C reads are made of the parameters on every call, since a write into a
NumPy array leaves no trace; freeze() makes them once.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from packseq import _core
from packseq._buffers import Parameters
from packseq._checks import UINT64_MAX, integer, real, seed_of
from packseq._core import Array, address
from packseq._inputs import counts_of, read_batch, rows_of, table_rows, tokens_of
from packseq._native import lib
from packseq._passes import Gradients, Output, Pass, Plan, Spec, code_of

__all__ = ["GRU", "LSTM", "RNN", "Gradients", "Output"]


class _Recurrent:
    """What the three networks share. Parameters can be written to; spec cannot be set."""

    __slots__ = (
        "__weakref__",
        "_frozen",
        "_next_seed",
        "_plans",
        "batch_first",
        "parameters",
        "spec",
    )

    spec: Spec
    parameters: Parameters
    batch_first: bool

    def __init__(
        self,
        cell: int,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        seed: int | None,
        dtype: DTypeLike,
    ) -> None:
        code_of(dtype)
        self.spec = Spec(
            cell,
            integer("input_size", input_size),
            integer("hidden_size", hidden_size),
            integer("num_layers", num_layers),
            bool(bias),
            bool(bidirectional),
            integer("proj_size", proj_size),
            real("dropout", dropout, 0, 1),
            np.dtype(dtype),
        )
        self.batch_first = bool(batch_first)
        self._reset()
        seed = seed_of(seed)
        self._next_seed = seed  # of a dropout mask
        plan = self._plan(0)
        flat = np.empty(plan.n_weights, self.spec.dtype)
        lib.psq_rnn_init(plan.ptr, seed, address(flat))
        self.parameters = Parameters(plan.table, flat)
        if self.spec.dropout > 0 and self.spec.num_layers == 1:
            warnings.warn(
                f"dropout is {dropout} and num_layers 1: it is between layers, so nothing drops",
                stacklevel=3,
            )

    def _reset(self) -> None:
        self._plans: dict[Any, Plan] = {}
        self._frozen: dict[Plan, Array] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "spec":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.spec, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # Plans were made of the spec, and C writes as much as they say.
        if name == "spec" and hasattr(self, name):
            raise AttributeError("spec is what the network was made of, and cannot be set")
        object.__setattr__(self, name, value)

    def _plan(self, n_tokens: int) -> Plan:
        # A context is for a number of threads, which may have changed since the last call.
        key = _core.context(), n_tokens
        if key not in self._plans:
            self._plans[key] = Plan(self.spec, n_tokens)
        return self._plans[key]

    # -- the passes

    def _run(self, x: Any, hx: Any, lengths: ArrayLike | None) -> tuple[Any, Any]:
        raise NotImplementedError

    def forward(
        self,
        x: Any,
        h0: ArrayLike | None = None,
        c0: ArrayLike | None = None,
        *,
        lengths: ArrayLike | None = None,
        train: bool = False,
        recompute: bool = False,
        table: ArrayLike | None = None,
        layers: bool = False,
        cells: bool = False,
        seed: int | None = None,
        ids: ArrayLike | None = None,
        starts: ArrayLike | None = None,
    ) -> Output:
        """Runs the network; with train=True dropout is active and Output.backward() may follow.

        x: a PackedSequence with rows of I numbers, a list of arrays [L_b, I], or an array
        [S, B, I], [B, S, I] if batch_first, with lengths [B] (None: all S), whose padding is not
        looked at and is 0 in results, or [S, I], one sequence. Numbers of any real dtype; they
        become the network's. h0 [L*D, B, R], c0 [L*D, B, H], in the user's order, without B for
        one sequence; None: zeros.

        table [V, I]: x has integers instead of rows, which choose rows of the table. recompute:
        train with a third of the memory and a third more work. layers, cells: also return the
        outputs of all layers, the LSTM's c of every step. Dropout's mask is a function of seed
        (None: the next of the network's own), ids [B] (None: the index in the batch), the step,
        counted from starts [B] (None: 0), layer and unit.

        TypeError: no numbers, no integers. ValueError: shapes that do not fit, a token outside
        the table, cells of a network without, each named with both values.
        """
        spec, n_tokens = self.spec, 0
        batch, rows = read_batch(x, lengths, self.batch_first, 1 if table is None else 0)
        if table is not None:
            values = table_rows(table, spec.input_size, spec.dtype)
            n_tokens = len(values)
            given = {"x": values, "tokens": tokens_of(rows, batch.lead)}
        else:
            given = {"x": rows_of(rows, batch.lead, spec.input_size, spec.dtype)}
        plan = self._plan(n_tokens)
        flags = (lib.PSQ_TRAIN if train else 0) | (lib.PSQ_RECOMPUTE if train and recompute else 0)
        frozen = self._frozen  # which another thread may change
        done = Pass(plan, batch, self._panels(plan, frozen), frozen is None, flags)
        done.set(**given, h0=done.state("h0", h0), c0=done.state("c0", c0))
        n_seq = batch.layout.n_sequences
        done.set(ids=counts_of("ids", ids, n_seq), starts=counts_of("starts", starts, n_seq))
        if train and spec.dropout > 0:
            done.set_seed(self._mask_seed() if seed is None else seed_of(seed))
        results = self._results(done, layers, cells)
        done.set(**results)
        done.forward()
        if not train:
            done.release()
        return Output(done, results, self.parameters)

    def _results(self, done: Pass, layers: bool, cells: bool) -> dict[str, Array | None]:
        spec = self.spec
        if cells and not spec.has_cells:
            raise ValueError(f"cells is True, but a {type(self).__name__} has none")
        width = spec.num_directions * spec.state_size
        return {
            "y": done.new_rows(width=width),
            "hn": done.new_state("hn"),
            "cn": done.new_state("cn"),
            "layer_outputs": done.new_rows(spec.num_layers, width=width) if layers else None,
            "cells": done.new_rows(spec.num_states, width=spec.hidden_size) if cells else None,
        }

    def _mask_seed(self) -> int:
        seed = self._next_seed
        self._next_seed = (seed + 1) & UINT64_MAX
        return seed

    # -- parameters

    def _panels(self, plan: Plan, frozen: dict[Plan, Array] | None) -> Array:
        if frozen is None:
            return plan.pack(self.parameters.flat)
        if plan not in frozen:
            frozen[plan] = plan.pack(self.parameters.flat)
        return frozen[plan]

    def freeze(self) -> Self:
        """Makes calls cheaper: parameters are prepared once, and read-only until unfreeze().

        What was made of their arrays before, slices for instance, can still be written to, and
        calls do not see it then.
        """
        self.parameters.set_writeable(False)
        self._frozen = {}
        return self

    def unfreeze(self) -> Self:
        """Undoes freeze()."""
        self.parameters.set_writeable(True)
        self._frozen = None
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        flat = self.parameters.flat
        return _restored, (self.spec, self.batch_first, flat, self._next_seed)

    def __repr__(self) -> str:
        shown = [str(self.spec.input_size), str(self.spec.hidden_size)]
        if self.spec.cell == lib.PSQ_RNN_RELU:
            shown.append("nonlinearity='relu'")
        for name, default in _DEFAULTS.items():
            value = getattr(self, name)
            if value != default:
                shown.append(f"{name}={value}")
        return f"{type(self).__name__}({', '.join(shown)})"


_DEFAULTS = {
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0.0,
    "bidirectional": False,
    "proj_size": 0,
    "dtype": np.float32,
}


def _restored(spec: Spec, batch_first: bool, flat: Array, next_seed: int) -> _Recurrent:
    net = sharing(spec, flat.copy())
    net.batch_first, net._next_seed = batch_first, next_seed
    return net


def sharing(spec: Spec, flat: Array) -> RNN | LSTM | GRU:
    """A network whose parameters are the first elements of this array."""
    kinds: dict[int, Any] = {lib.PSQ_LSTM: LSTM, lib.PSQ_GRU: GRU}
    kind = kinds.get(spec.cell, RNN)
    net: RNN | LSTM | GRU = kind.__new__(kind)
    net.spec, net.batch_first, net._next_seed = spec, False, 0
    net._reset()
    plan = net._plan(0)
    net.parameters = Parameters(plan.table, flat[: plan.n_weights])
    return net


class RNN(_Recurrent):
    """h = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu: torch.nn.RNN."""

    __slots__ = ()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Parameters uniform in +-1/sqrt(H), a function of seed; None: of chance.

        ValueError: a size, a probability, a seed or a nonlinearity that there is not. TypeError: no
        integers, another dtype than float32 and float64.
        """
        if nonlinearity not in self._CELLS:
            raise ValueError(f"nonlinearity is {nonlinearity!r}, must be 'tanh' or 'relu'")
        super().__init__(
            self._CELLS[nonlinearity], input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, 0, seed, dtype,
        )  # fmt: skip

    _CELLS: ClassVar = {"tanh": lib.PSQ_RNN_TANH, "relu": lib.PSQ_RNN_RELU}

    def __call__(
        self, x: Any, hx: ArrayLike | None = None, *, lengths: ArrayLike | None = None
    ) -> tuple[Any, Array]:
        """Outputs in the form of x, and states h [L*D, B, R]. As forward, without training."""
        out = self.forward(x, hx, lengths=lengths)
        return out.y, out.h


class GRU(_Recurrent):
    """Gated recurrent units, reset after the product: torch.nn.GRU."""

    __slots__ = ()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        """As RNN."""
        super().__init__(
            lib.PSQ_GRU, input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, seed, dtype,
        )  # fmt: skip

    def __call__(
        self, x: Any, hx: ArrayLike | None = None, *, lengths: ArrayLike | None = None
    ) -> tuple[Any, Array]:
        """Outputs in the form of x, and states h [L*D, B, R]. As forward, without training."""
        out = self.forward(x, hx, lengths=lengths)
        return out.y, out.h


class LSTM(_Recurrent):
    """Long short-term memory, with projection where proj_size > 0: torch.nn.LSTM."""

    __slots__ = ()

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        """As RNN."""
        super().__init__(
            lib.PSQ_LSTM, input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, proj_size, seed, dtype,
        )  # fmt: skip

    def __call__(
        self,
        x: Any,
        hx: tuple[ArrayLike, ArrayLike] | None = None,
        *,
        lengths: ArrayLike | None = None,
    ) -> tuple[Any, tuple[Array, Array]]:
        """Outputs in the form of x, and states (h, c). As forward, without training.

        hx: (h0, c0). TypeError: no such pair.
        """
        if hx is not None and not (isinstance(hx, tuple | list) and len(hx) == 2):
            raise TypeError(f"hx is {type(hx).__name__}, must be a pair (h0, c0)")
        out = self.forward(x, *(hx or ()), lengths=lengths)
        assert out.c is not None
        return out.y, (out.h, out.c)
