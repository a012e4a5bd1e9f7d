# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The C library as operators of torch, for what is compiled or exported; compiled.py calls them.

An operator has only tensors and numbers, so a layout travels as the fields of a PackedSequence, and
is made again, or found again, in each call. What only the data of a tensor says, the number of rows
or steps, are sizes that torch's compiler takes as they come, so other lengths compile nothing
again. Two decisions:

* The gradient of `gather` is `gather`, with a gradient in turn. `rnn_backward` has none: torch
  raises where a compiled network is differentiated twice.
* A compiled graph may go through backward twice without saying so. The backward pass therefore
  works on a copy of the reserve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.types import Number

from packseq._core import Layout
from packseq._native import lib
from packseq.torch import functions, native
from packseq.torch import gather as rows
from packseq.torch.check import context, fill_of, lengths_of, to_array
from packseq.torch.gather import Place
from packseq.torch.native import Spec
from packseq.torch.packed import layout_from

# ---- layouts


def _copied(array: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(array.copy())


@torch.library.custom_op("packseq::layout", mutates_args=())
def layout(
    lengths: Tensor, n_seq: int, n_steps: int, contract: str
) -> tuple[Tensor, Tensor, Tensor]:
    """batch_sizes [T], sorted_indices [B] and unsorted_indices [B] of lengths [B], on the CPU.

    contract: whose errors are raised: "ours", "torch" or, for lengths that must not increase,
    "sorted".
    """
    if contract == "ours":
        sizes = lengths_of(lengths, n_seq, "the input")
    else:
        sizes = to_array(lengths, torch.int64)
        from packseq.torch.rnn_utils import check_lengths  # it imports this file

        check_lengths(sizes, n_seq, contract == "sorted")
    if sizes.size and sizes.max() > n_steps:
        b = int(sizes.argmax())
        error = ValueError if contract == "ours" else RuntimeError
        raise error(f"lengths[{b}] is {sizes[b]}, input has {n_steps} steps")
    made = Layout(sizes, ctx=context())
    return (
        _copied(made.batch_sizes),
        _copied(made.sorted_indices),
        _copied(made.unsorted_indices),
    )


@layout.register_fake
def _(lengths: Tensor, n_seq: int, n_steps: int, contract: str) -> tuple[Tensor, Tensor, Tensor]:
    def ints(n: Any) -> Tensor:
        return torch.empty(n, dtype=torch.int64, device="cpu")

    return ints(torch.library.get_ctx().new_dynamic_size()), ints(n_seq), ints(n_seq)


def _found(sizes: Tensor, ranks: Tensor | None, users: Tensor | None, n_rows: int = -1) -> Layout:
    try:
        return layout_from(n_rows, to_array(sizes), ranks, users)
    except ValueError as error:
        raise RuntimeError(str(error)) from None


def _n_sequences(ranks: Tensor | None, users: Tensor | None) -> Any:
    for indices in (ranks, users):
        if indices is not None:
            return indices.shape[0]
    return torch.library.get_ctx().new_dynamic_size()


@torch.library.custom_op("packseq::lengths", mutates_args=())
def lengths(sizes: Tensor, ranks: Tensor | None, users: Tensor | None) -> Tensor:
    """Lengths, int64 [B] on the CPU, of the fields of a PackedSequence.

    RuntimeError: fields that do not fit each other, as in every operator here.
    """
    return _copied(_found(sizes, ranks, users).lengths)


@lengths.register_fake
def _(sizes: Tensor, ranks: Tensor | None, users: Tensor | None) -> Tensor:
    return torch.empty(_n_sequences(ranks, users), dtype=torch.int64, device="cpu")


@torch.library.custom_op("packseq::last_rows", mutates_args=())
def last_rows(
    sizes: Tensor, ranks: Tensor | None, users: Tensor | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The packed row that is the last of each sequence that has one, and which sequence it is."""
    found = _found(sizes, ranks, users)
    some = np.flatnonzero(found.lengths)
    last = found.step_offsets[found.lengths[some] - 1] + found.unsorted_indices[some]
    return torch.from_numpy(last).to(device), torch.from_numpy(some).to(device)


@last_rows.register_fake
def _(
    sizes: Tensor, ranks: Tensor | None, users: Tensor | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    n = torch.library.get_ctx().new_dynamic_size()
    return tuple(torch.empty(n, dtype=torch.int64, device=device) for _ in range(2))  # type: ignore[return-value]


# ---- rows


def _place(order: int, shape: Sequence[int], pad_left: bool) -> Place:
    if order == lib.PSQ_PADDED_TIME:
        return Place(order, shape[0], pad_left)
    return Place(order, shape[1], pad_left) if order == lib.PSQ_PADDED_BATCH else Place(order)


@torch.library.custom_op("packseq::gather", mutates_args=())
def gather(
    x: Tensor,
    sizes: Tensor,
    ranks: Tensor | None,
    users: Tensor | None,
    src: int,
    dst: int,
    pad_left: bool,
    lead: Sequence[int],
    fill: Number,
) -> Tensor:
    """gather.gather between orders src and dst, to [*lead, *F]; -1 in lead: the number of rows.

    RuntimeError, ValueError: rows that are not those of the layout, fewer steps than T.
    """
    found = _found(sizes, ranks, users)
    places = _place(src, x.shape, pad_left), _place(dst, lead, pad_left)
    out = rows.gather(x, found, *places, fill_of(fill, x))
    if any(n not in (-1, m) for n, m in zip(lead, out.shape, strict=False)):
        raise RuntimeError(f"rows of shape {tuple(out.shape)}, must begin with {tuple(lead)}")
    return out


@gather.register_fake
def _(
    x: Tensor,
    sizes: Tensor,
    ranks: Tensor | None,
    users: Tensor | None,
    src: int,
    dst: int,
    pad_left: bool,
    lead: Sequence[int],
    fill: Number,
) -> Tensor:
    trailing = x.shape[_place(src, x.shape, pad_left).n_dims :]
    if len(lead) == 1 and isinstance(lead[0], int) and lead[0] == -1:
        return x.new_empty((torch.library.get_ctx().new_dynamic_size(), *trailing))
    return x.new_empty((*lead, *trailing))


def _gather_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, *fields, src, dst, pad_left, _, _ = inputs
    ctx.save_for_backward(*fields)
    ctx.way = src, dst, pad_left
    ctx.lead = list(x.shape[: _place(src, x.shape, pad_left).n_dims])


def _gather_backward(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    src, dst, pad_left = ctx.way
    dx = gather(dy, *ctx.saved_tensors, dst, src, pad_left, ctx.lead, 0)
    return dx, *[None] * 8


gather.register_autograd(_gather_backward, setup_context=_gather_context)


# ---- networks


def _spec(mode: str, dtype: torch.dtype, shape: Sequence[int], dropout: float) -> Spec:
    x_size, h_size, p_size, n_layers, bias, bidirectional = shape
    return Spec(
        mode, dtype, x_size, h_size, p_size, n_layers, bool(bias), bool(bidirectional), dropout
    )


def _call(
    x: Tensor,
    fields: Sequence[Tensor | None],
    seed: Tensor | None,
    mode: str,
    shape: Sequence[int],
    dropout: float,
    order: int,
    weights: Sequence[Tensor],
) -> tuple[functions.Call, native.Weights]:
    network = native.network(_spec(mode, x.dtype, shape, dropout))
    place = _place(order, x.shape, False)
    sizes, ranks, users = fields
    assert sizes is not None
    found = _found(sizes, ranks, users, -1 if place.is_padded else x.shape[0])
    given = network.weights(weights)
    if given is None:
        shapes = [tuple(w.shape) for w in weights]
        raise ValueError(f"weights of shapes {shapes}, must be {network.shapes} of {x.dtype}")
    number = 0 if seed is None else int(seed)
    return functions.Call(network, found, place, place, number, None), given


def _contiguous(*tensors: Tensor | None) -> list[Tensor | None]:
    return [None if t is None else t.contiguous() for t in tensors]


@torch.library.custom_op("packseq::rnn", mutates_args=())
def rnn(
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    sizes: Tensor,
    ranks: Tensor | None,
    users: Tensor | None,
    seed: Tensor | None,
    mode: str,
    shape: Sequence[int],
    dropout: float,
    order: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """functions.forward: (y, hn, cn, reserve), empty where there is none.

    shape: of a Spec, from input_size to bidirectional. ValueError: tensors that do not fit it.
    """
    call, given = _call(x, (sizes, ranks, users), seed, mode, shape, dropout, order, weights)
    states = _contiguous(h0, c0)
    outputs, reserve = functions.forward(call, given, x.contiguous(), *states, keep=keep)
    y, hn, *cn = outputs
    if reserve is None:
        reserve = native.memory(0)
    return y, hn, cn[0] if cn else x.new_empty(0), reserve


@rnn.register_fake
def _(
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    sizes: Tensor,
    ranks: Tensor | None,
    users: Tensor | None,
    seed: Tensor | None,
    mode: str,
    shape: Sequence[int],
    dropout: float,
    order: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    spec = _spec(mode, x.dtype, shape, 0.0)
    if order == lib.PSQ_PADDED_TIME or order == lib.PSQ_PADDED_BATCH:
        n_seq: Any = x.shape[1 if order == lib.PSQ_PADDED_TIME else 0]
    else:
        n_seq = _n_sequences(ranks, users) if h0 is None else h0.shape[1]
    n_states = spec.num_layers * spec.n_directions
    y = x.new_empty((*x.shape[:-1], spec.n_directions * spec.state_size))
    hn = x.new_empty((n_states, n_seq, spec.state_size))
    cn = x.new_empty((n_states, n_seq, spec.hidden_size) if mode == "LSTM" else 0)
    n_bytes = torch.library.get_ctx().new_dynamic_size() if keep else 0
    return y, hn, cn, torch.empty(n_bytes, dtype=torch.uint8, device="cpu")


@torch.library.custom_op("packseq::rnn_backward", mutates_args=())
def rnn_backward(
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    sizes: Tensor,
    ranks: Tensor | None,
    users: Tensor | None,
    seed: Tensor | None,
    mode: str,
    shape: Sequence[int],
    dropout: float,
    order: int,
    reserve: Tensor | None,
    dy: Tensor | None,
    dhn: Tensor | None,
    dcn: Tensor | None,
    wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """functions.backward: dx, dh0, dc0 and those of all weights in one row, empty if not wanted.

    reserve: of rnn, None: the forward pass runs again. wanted: for each of the four.
    """
    call, given = _call(x, (sizes, ranks, users), seed, mode, shape, dropout, order, weights)
    if reserve is not None:
        reserve = reserve.clone()
    h0, c0 = _contiguous(h0, c0)
    found = functions.backward_flat(
        call, given, x.contiguous(), h0, c0, reserve, (dy, dhn, dcn), wanted
    )
    dx, dh0, dc0, flat = (x.new_empty(0) if g is None else g for g in found)
    return dx, dh0, dc0, flat


@rnn_backward.register_fake
def _(
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    weights: Sequence[Tensor],
    sizes: Tensor,
    ranks: Tensor | None,
    users: Tensor | None,
    seed: Tensor | None,
    mode: str,
    shape: Sequence[int],
    dropout: float,
    order: int,
    reserve: Tensor | None,
    dy: Tensor | None,
    dhn: Tensor | None,
    dcn: Tensor | None,
    wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    # What has dropout has the same weights; the rate may be a symbol here.
    n_weights = native.network(_spec(mode, x.dtype, shape, 0.0)).n_weights
    dx, dh0, dc0 = (
        x.new_empty(0 if t is None or not want else t.shape)
        for t, want in zip((x, h0, c0), wanted, strict=False)
    )
    return dx, dh0, dc0, x.new_empty(n_weights if wanted[3] else 0)


def _rnn_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    x, h0, c0, weights, *fields, seed, mode, shape, dropout, order, keep = inputs
    reserve = output[3] if keep else None
    ctx.save_for_backward(x, h0, c0, *fields, seed, reserve, *weights)
    ctx.set_materialize_grads(False)
    ctx.options = mode, shape, dropout, order


def _rnn_backward(ctx: Any, *given: Tensor | None) -> tuple[Any, ...]:
    x, h0, c0, sizes, ranks, users, seed, reserve, *weights = ctx.saved_tensors
    mode, shape, dropout, order = ctx.options
    of_states = ctx.needs_input_grad[:3]
    of_weights = [w.requires_grad for w in weights]
    wanted = [*of_states, any(of_weights)]
    fields = sizes, ranks, users, seed
    dx, dh0, dc0, flat = rnn_backward(
        *(x, h0, c0, weights, *fields, mode, shape, dropout, order, reserve, *given[:3], wanted)
    )
    states = [g if want else None for g, want in zip((dx, dh0, dc0), of_states, strict=True)]
    network = native.network(_spec(mode, x.dtype, shape, 0.0))
    parts = [
        flat.narrow(0, offset, w.numel()).view(w.shape) if want else None
        for (_, _, offset), w, want in zip(network.views, weights, of_weights, strict=True)
    ]
    return *states, parts, *[None] * 9


rnn.register_autograd(_rnn_backward, setup_context=_rnn_context)
