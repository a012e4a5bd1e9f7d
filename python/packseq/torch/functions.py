# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Running a network on tensors: forward, backward, and both as one function of autograd.

`forward` and `backward` are functions of tensors that know nothing of autograd; a Call holds all
that is no tensor. Three decisions:

* Panels are not kept for backward but packed again from the saved weights, since a graph may hold
  hundreds of calls of one module, and panels are as large as the weights.
* The reserve is saved as torch saves tensors, so hooks on saved tensors see it, and activation
  checkpointing drops it. Backward uses it up. Where a graph is gone through again
  (retain_graph=True) the forward pass runs again first, with the same bits: that costs time where
  it happens, and PSQ_KEEP would cost memory everywhere.
* Where a gradient is to be differentiated again, or is computed under a transform, torch's own
  operations compute it (fallback.gradients).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from packseq import _core
from packseq._native import ffi, lib
from packseq.torch import fallback
from packseq.torch.check import watched
from packseq.torch.gather import Place
from packseq.torch.native import Network, Weights, address, pointer, reserve_pointer


class Call(NamedTuple):
    """All of a call but its tensors."""

    network: Network
    layout: _core.Layout
    x_place: Place
    y_place: Place
    seed: int
    frozen: Weights | None

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Of the output rows."""
        return *self.y_place.shape(self.layout), self.network.width


def _io(call: Call, x: Tensor, h0: Tensor | None, c0: Tensor | None) -> Any:
    network, layout = call.network, call.layout
    dtype, n_sequences = network.spec.dtype, layout.n_sequences
    io = ffi.new("psq_rnn_io *", lib.psq_rnn_io_init())
    io.x_storage = call.x_place.storage
    io.y_storage = call.y_place.storage
    x_shape = *call.x_place.shape(layout), network.spec.input_size
    io.x = address("input", x, x_shape, dtype)
    io.h0 = address("h_0", h0, network.state_shape(n_sequences), dtype)
    io.c0 = address("c_0", c0, network.cell_shape(n_sequences), dtype)
    io.seed = call.seed
    return io


def forward(
    call: Call,
    weights: Weights,
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    *,
    keep: bool,
) -> tuple[tuple[Tensor, ...], Tensor | None]:
    """The outputs (y, hn) or (y, hn, cn), and the reserve that backward needs, if `keep`.

    x: the rows of x_place, [..., I]; h0 [L*D, B, R] and c0 [L*D, B, H] or None for zeros.
    """
    network, layout = call.network, call.layout
    io = _io(call, x, h0, c0)
    y = x.new_empty(call.y_shape)
    hn = x.new_empty(network.state_shape(layout.n_sequences))
    outputs: tuple[Tensor, ...] = y, hn
    if network.has_cells:
        cn = x.new_empty(network.cell_shape(layout.n_sequences))
        io.cn = pointer(cn)
        outputs = y, hn, cn
    io.y, io.hn = pointer(y), pointer(hn)
    _core.call(
        lib.psq_glue_forward,
        network.ctx,
        network.ptr,
        layout.ptr,
        weights.panels,
        weights.parameters,
        io,
        lib.PSQ_TRAIN if keep or network.spec.dropout > 0 else 0,
        pointer(reserve := network.reserve(layout) if keep else None),
    )
    return outputs, reserve


def backward(
    call: Call,
    weights: Weights,
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    reserve: Tensor | None,
    given: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Gradients of x, h0, c0 and each parameter, those that are `wanted`, from those of outputs.

    given: dy, dhn, dcn, None for zeros. reserve: of the forward pass, and used up; None: the
    forward pass runs again.
    """
    *states, flat = backward_flat(
        call, weights, x, h0, c0, reserve, given, [*wanted[:3], any(wanted[3:])]
    )
    return [*states, *_split(call.network, flat, wanted[3:])]


def backward_flat(
    call: Call,
    weights: Weights,
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    reserve: Tensor | None,
    given: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """As backward, with one gradient of all weights, in one row."""
    network = call.network
    io = _io(call, x, h0, c0)
    grads, alive = _given(call, given)
    dx = torch.empty_like(x) if wanted[0] else None
    dh0 = torch.empty_like(h0) if wanted[1] and h0 is not None else None
    dc0 = torch.empty_like(c0) if wanted[2] and c0 is not None else None
    flat = x.new_zeros(network.n_weights) if wanted[3] else None
    grads.dx, grads.dh0, grads.dc0 = pointer(dx), pointer(dh0), pointer(dc0)
    grads.dweights = pointer(flat)
    _core.call(
        lib.psq_glue_backward,
        network.ctx,
        network.ptr,
        call.layout.ptr,
        weights.panels,
        weights.parameters,
        io,
        grads,
        reserve_pointer(reserve, network, call.layout),
    )
    del alive
    return [dx, dh0, dc0, flat]


def _given(call: Call, given: Sequence[Tensor | None]) -> tuple[Any, list[Tensor | None]]:
    """The gradients of the outputs as a psq_rnn_grads, and the tensors that must live as long."""
    network, n_sequences = call.network, call.layout.n_sequences
    dtype = network.spec.dtype
    alive = [None if g is None else g.contiguous() for g in given]
    dy, dhn, dcn = alive
    grads = ffi.new("psq_rnn_grads *", lib.psq_rnn_grads_init())
    grads.dy = address("gradient of the output", dy, call.y_shape, dtype)
    grads.dhn = address("gradient of h_n", dhn, network.state_shape(n_sequences), dtype)
    grads.dcn = address("gradient of c_n", dcn, network.cell_shape(n_sequences), dtype)
    return grads, alive


def _split(network: Network, flat: Tensor | None, wanted: Sequence[bool]) -> list[Tensor | None]:
    if flat is None:
        return [None] * len(wanted)
    return [
        # .data: with a version counter of its own, so a change of one gradient is not one of all.
        flat.as_strided(*view).data if want else None
        for view, want in zip(network.views, wanted, strict=True)
    ]


class RnnFunction(Function):
    """The network as a function of x, h0, c0 and the weights, to (y, hn) or (y, hn, cn)."""

    @staticmethod
    def forward(
        ctx: Any,
        call: Call,
        weights: Weights,
        x: Tensor,
        h0: Tensor | None,
        c0: Tensor | None,
        *parameters: Tensor,
    ) -> tuple[Tensor, ...]:
        outputs, reserve = forward(call, weights, x, h0, c0, keep=True)
        ctx.save_for_backward(x, h0, c0, reserve, *parameters)
        ctx.set_materialize_grads(False)
        ctx.call = call
        ctx.turns = [] if reserve is None else [None]
        return outputs

    @staticmethod
    def backward(ctx: Any, *given: Tensor | None) -> tuple[Any, ...]:
        x, h0, c0, reserve, *parameters = ctx.saved_tensors
        call, wanted = ctx.call, ctx.needs_input_grad[2:]
        outputs = (*given, None)[:3]
        if torch.is_grad_enabled() or watched() or _is_batched(given):
            return None, None, *fallback.gradients(call, x, h0, c0, parameters, outputs, wanted)
        weights = call.frozen or call.network.weights(parameters)
        if weights is None:
            raise RuntimeError("the saved weights came back as other tensors")
        try:  # Whoever comes first has the reserve: pop is one step, also among threads.
            ctx.turns.pop()
        except IndexError:
            reserve = None
        return None, None, *backward(call, weights, x, h0, c0, reserve, outputs, wanted)


def _is_batched(given: Sequence[Tensor | None]) -> bool:
    """Whether torch.autograd.grad(is_grads_batched=True) gives many gradients as one."""
    return any(g is not None and torch._C._functorch.is_legacy_batchedtensor(g) for g in given)


_recorded: Callable[..., tuple[Tensor, ...]] = RnnFunction.apply


def run(
    call: Call,
    weights: Weights,
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    parameters: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """(y, hn) or (y, hn, cn), recorded by autograd where something asks for a gradient."""
    if torch.is_grad_enabled() and _differentiable(x, h0, c0, *parameters):
        return _recorded(call, weights, x, h0, c0, *parameters)
    return forward(call, weights, x, h0, c0, keep=False)[0]


def _differentiable(*tensors: Tensor | None) -> bool:
    return any(t is not None and t.requires_grad for t in tensors)
