# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Optimisers for networks on NumPy: those of the C library, with torch.optim's equations.

Parameters and gradients are one flat array each, so a step is one call, and the same bits on any
machine. An example, a network that learns to add up its input:

>>> import numpy as np
>>> import packseq
>>> rng = np.random.default_rng(0)
>>> net = packseq.RNN(1, 8, seed=0)
>>> optimiser = packseq.optim.Adam(net.parameters, lr=0.01)
>>> for step in range(200):
...     p = packseq.pack([rng.uniform(-0.1, 0.1, (n, 1)) for n in rng.integers(0, 9, 32)])
...     out = net.forward(p, train=True)
...     error = out.h[0, :, :1] - p.sum()
...     gradients = out.backward(dh=np.pad(2 * error / 32, ((0, 0), (0, 7)))[None]).parameters
...     norm = packseq.optim.clip_norm(gradients, 1.0)
...     optimiser.step(gradients)
>>> bool((error**2).mean() < 1e-3)
True
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from packseq import _core
from packseq._buffers import Parameters
from packseq._core import Array, address, call, make
from packseq._inputs import numbers
from packseq._native import ffi, lib
from packseq._passes import code_of

__all__ = ["SGD", "Adam", "AdamW", "clip_norm"]


class _Optimiser:
    """The state of an optimiser for some parameters, which step() changes in place.

    A pickle or a copy has copied parameters, so a checkpoint of a loop is this and the network:
    either `net.parameters = optimiser.parameters` afterwards, or `state` and `n_steps` put back.
    """

    def __init__(self, parameters: Parameters, **fields: Any) -> None:
        if not isinstance(parameters, Parameters):
            raise TypeError(f"parameters is {type(parameters).__name__}, must be Parameters")
        flat = parameters.flat
        self.parameters = parameters
        self.n_steps = 0
        self._fields = fields
        self._optim = make("psq_optim", **fields)
        self._check()
        self._state = np.zeros(lib.psq_optim_n_state(self._optim, flat.size), flat.dtype)

    @property
    def state(self) -> Array:
        """What steps have left, zeros before the first. A saved one is put back by assignment."""
        return self._state

    @state.setter
    def state(self, values: ArrayLike) -> None:
        array = numbers("state", values, self._state.dtype)
        if array.shape != self._state.shape:
            raise ValueError(f"state has shape {array.shape}, must have {self._state.shape}")
        self._state[...] = array

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.parameters, self._fields, self._state, self.n_steps)

    def _check(self) -> None:
        """Values out of range are errors now, not of the first step."""
        nothing = ffi.NULL, ffi.NULL, ffi.NULL
        try:
            call(lib.psq_optim_step, _core.context(), self._optim, lib.PSQ_F32, 0, *nothing, 1, 1.0)
        except ValueError as error:
            raise ValueError(str(error).removeprefix("optim.")) from None

    def step(self, gradients: Parameters, *, lr_scale: float = 1.0) -> None:
        """One step; lr_scale multiplies the learning rate, for schedules.

        TypeError: no Parameters, or of another dtype. ValueError: those of another network, frozen
        parameters, a negative lr_scale.
        """
        self.parameters.check_like("gradients", gradients)
        flat = self.parameters.flat
        where = _core.memory("parameters", flat, flat.nbytes, written=True)
        call(
            lib.psq_optim_step, _core.context(), self._optim, code_of(flat.dtype), flat.size,
            where, address(gradients.flat), address(self._state), self.n_steps + 1, lr_scale,
        )  # fmt: skip
        self.n_steps += 1


def _again(
    kind: type[_Optimiser], parameters: Parameters, fields: dict[str, Any], state: Array, n: int
) -> _Optimiser:
    """An optimiser from a pickle or a copy, with parameters of its own."""
    optimiser = kind.__new__(kind)
    _Optimiser.__init__(optimiser, parameters, **fields)
    optimiser.state = state
    optimiser.n_steps = n
    return optimiser


class SGD(_Optimiser):
    """Stochastic gradient descent: torch.optim.SGD."""

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        """TypeError: no Parameters. ValueError: a value out of range."""
        super().__init__(
            parameters, kind=lib.PSQ_SGD, lr=lr, momentum=momentum, weight_decay=weight_decay
        )


class Adam(_Optimiser):
    """torch.optim.Adam."""

    _KIND = lib.PSQ_ADAM
    _DECAY = 0.0

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | None = None,
    ) -> None:
        """As SGD. weight_decay None: torch's default, 0, and 0.01 for AdamW."""
        decay = self._DECAY if weight_decay is None else weight_decay
        super().__init__(
            parameters, kind=self._KIND, lr=lr, beta1=betas[0], beta2=betas[1], eps=eps,
            weight_decay=decay,
        )  # fmt: skip


class AdamW(Adam):
    """torch.optim.AdamW: weight decay apart from the gradient."""

    _KIND = lib.PSQ_ADAMW
    _DECAY = 0.01


def clip_norm(gradients: Parameters, max_norm: float) -> float:
    """Scales gradients so that their Euclidean norm is at most max_norm; returns what it was.

    As torch's clip_grad_norm_; max_norm of 0 or less only measures. TypeError: no Parameters.
    ValueError: read-only ones.
    """
    if not isinstance(gradients, Parameters):
        raise TypeError(f"gradients is {type(gradients).__name__}, must be Parameters")
    flat, norm = gradients.flat, ffi.new("double *")
    where = _core.memory("gradients", flat, flat.nbytes, written=True)
    call(lib.psq_clip_norm, _core.context(), code_of(flat.dtype), flat.size, where, max_norm, norm)
    return float(norm[0])
