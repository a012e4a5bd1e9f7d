# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Networks on torch's own operations, for what the C library does not serve.

That is: other devices and dtypes, autocast, transforms, and gradients that are differentiated
again. Everything is done on packed rows, whose operations torch can differentiate as often as
asked, and torch never sees a sequence of length 0: its state passes by and it owns no rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import _VF, Tensor

from packseq import _core
from packseq._native import ffi, lib
from packseq.torch import native
from packseq.torch.check import watched
from packseq.torch.gather import PACKED, Place, gather
from packseq.torch.native import Spec

if TYPE_CHECKING:
    from packseq.torch.functions import Call

_KERNELS: dict[str, Any] = {
    "LSTM": _VF.lstm,
    "GRU": _VF.gru,
    "RNN_TANH": _VF.rnn_tanh,
    "RNN_RELU": _VF.rnn_relu,
}


def eager() -> bool:
    """Whether tensors are what they seem: no transform, mode, autocast or tracing is active."""
    return not (
        watched()
        or torch._C._is_any_autocast_enabled()
        or torch._C._get_tracing_state() is not None
    )


def run_packed(
    spec: Spec,
    layout: _core.Layout,
    rows: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    *,
    training: bool = False,
    masks: Sequence[Tensor] | None = None,
) -> tuple[Tensor, ...]:
    """(y, hn) or (y, hn, cn) of packed rows [N, I], by torch.

    states: h0, or h0 and c0, in the user's order. training: whether spec.dropout is applied.
    masks: the factors [N, D*R] between layers, instead.
    """
    order = torch.tensor(layout.sorted_indices, device=rows.device)
    inverse = torch.tensor(layout.unsorted_indices, device=rows.device)
    batch_sizes = torch.tensor(layout.batch_sizes, device="cpu")
    ranked = [state.index_select(1, order) for state in states]
    n_live = int(layout.batch_sizes[0]) if layout.max_length else 0
    if n_live == 0:
        return _nothing(spec, rows, weights), *states
    live = [state[:, :n_live] for state in ranked]
    if masks is None:
        y, *ends = _kernel(spec, spec.num_layers, rows, batch_sizes, live, weights, training)
    else:
        y, *ends = _by_layer(spec, rows, batch_sizes, live, weights, masks)
    return y, *(
        torch.cat([end, state[:, n_live:].to(end.dtype)], 1).index_select(1, inverse)
        for end, state in zip(ends, ranked, strict=True)
    )


def _nothing(spec: Spec, rows: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """No output rows, that depend on the weights all the same, as those of torch do."""
    link = sum(w.sum() for w in weights)
    return rows.new_zeros(0, spec.n_directions * spec.state_size) * link


def _kernel(
    spec: Spec,
    n_layers: int,
    rows: Tensor,
    batch_sizes: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    training: bool,
) -> tuple[Tensor, ...]:
    result: tuple[Tensor, ...] = _KERNELS[spec.mode](
        rows,
        batch_sizes,
        list(states) if spec.mode == "LSTM" else states[0],
        list(weights),
        spec.bias,
        n_layers,
        spec.dropout if training else 0.0,
        training,
        spec.bidirectional,
    )
    return result


def _by_layer(
    spec: Spec,
    rows: Tensor,
    batch_sizes: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    masks: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    n_directions = spec.n_directions
    n_weights = len(weights) // spec.num_layers
    ends: list[Sequence[Tensor]] = []
    for layer in range(spec.num_layers):
        part = slice(layer * n_directions, (layer + 1) * n_directions)
        rows, *end = _kernel(
            spec,
            1,
            rows,
            batch_sizes,
            [state[part] for state in states],
            weights[layer * n_weights : (layer + 1) * n_weights],
            False,
        )
        ends.append(end)
        if layer < spec.num_layers - 1:
            rows = rows * masks[layer]
    return rows, *(torch.cat(layers) for layers in zip(*ends, strict=True))


def run_placed(
    spec: Spec,
    layout: _core.Layout,
    places: tuple[Place, Place],
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    *,
    training: bool = False,
    masks: Sequence[Tensor] | None = None,
) -> tuple[Tensor, ...]:
    """run_packed on rows that lie elsewhere: x in places[0] gives y in places[1]."""
    rows = gather(x, layout, places[0], PACKED)
    y, *ends = run_packed(spec, layout, rows, states, weights, training=training, masks=masks)
    return gather(y, layout, PACKED, places[1]), *ends


# ---- gradients of gradients


def gradients(
    call: Call,
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    given: Sequence[Tensor | None],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """What functions.backward gives, as functions of its arguments that torch differentiates.

    The forward pass runs again, with the dropout that the call had.
    """
    create_graph = torch.is_grad_enabled()
    # Under autocast the call would not have come here, so backward has none of it either.
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        # Each argument apart: a tensor that is two of them has two gradients here.
        inputs = [None if t is None else t.view_as(t) for t in (x, h0, c0, *weights)]
        outputs = _run_call(call, inputs)
    pairs = [(y, dy) for y, dy in zip(outputs, given, strict=False) if dy is not None]
    chosen = [t for t, want in zip(inputs, wanted, strict=True) if want and t is not None]
    if not pairs:
        return [None] * len(inputs)
    found = iter(
        torch.autograd.grad(
            [y for y, _ in pairs],
            chosen,
            [dy for _, dy in pairs],
            create_graph=create_graph,
            allow_unused=True,
        )
    )
    return [
        next(found) if want and t is not None else None
        for t, want in zip(inputs, wanted, strict=True)
    ]


def _run_call(call: Call, inputs: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
    network, layout = call.network, call.layout
    x, h0, c0, *weights = inputs
    assert x is not None
    n_sequences = layout.n_sequences
    states = [x.new_zeros(network.state_shape(n_sequences)) if h0 is None else h0]
    if network.has_cells:
        states.append(x.new_zeros(network.cell_shape(n_sequences)) if c0 is None else c0)
    masks = _dropout_masks(call) if network.spec.dropout > 0 else None
    return run_placed(
        network.spec,
        layout,
        (call.x_place, call.y_place),
        x,
        states,
        [w for w in weights if w is not None],
        masks=masks,
    )


def _dropout_masks(call: Call) -> list[Tensor]:
    """The factors that this call's dropout had between its layers, each [N, D*R].

    They are read off a network of as many layers, each of which adds 1 to what dropout lets
    through: a value of the layer above is larger than 1 where the one below was kept.
    """
    spec = call.network.spec
    probe = native.network(
        spec._replace(
            mode="RNN_RELU", input_size=1, hidden_size=spec.state_size, proj_size=0, bias=True
        )
    )
    layout, width = call.layout, probe.width
    outputs = torch.empty(spec.num_layers, layout.n_rows, width, dtype=spec.dtype)
    x = torch.zeros(layout.n_rows, 1, dtype=spec.dtype)
    io = ffi.new("psq_rnn_io *", lib.psq_rnn_io_init())
    io.x, io.layer_outputs, io.seed = native.pointer(x), native.pointer(outputs), call.seed
    weights = probe.weights(_ones_and_identities(probe))
    assert weights is not None
    _core.call(
        lib.psq_glue_forward,
        probe.ctx,
        probe.ptr,
        layout.ptr,
        weights.panels,
        weights.parameters,
        io,
        lib.PSQ_TRAIN,
        ffi.NULL,
    )
    factor = 1 / (1 - spec.dropout) if spec.dropout < 1 else 0.0
    return [(above > 1).to(spec.dtype) * factor for above in outputs[1:]]


def _ones_and_identities(probe: native.Network) -> list[Tensor]:
    """Weights of W_ih = 0 in layer 0, W_ih x = this direction's part of x above, b_ih = 1."""
    spec = probe.spec
    columns = torch.split(torch.eye(probe.width, dtype=spec.dtype), spec.state_size)
    weights = []
    for layer in range(spec.num_layers):
        for direction in range(spec.n_directions):
            shapes = probe.shapes[4 * (layer * spec.n_directions + direction) :][:4]
            w_ih, w_hh, b_ih, b_hh = (torch.zeros(shape, dtype=spec.dtype) for shape in shapes)
            weights += [w_ih if layer == 0 else columns[direction], w_hh, b_ih + 1, b_hh]
    return weights
