# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Rows from a list of sequences to one tensor and back, differentiable, in one pass each.

`stack` and `split` are psq_convert_from_list and _to_list. The gradient of split is stack; that of
stack is one pass to jagged rows, of which each sequence gets its part. Python touches every
sequence once, in `readable`: with short sequences that is what a call costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from packseq._core import Layout, call, fill_value
from packseq._native import ffi, lib
from packseq.torch.check import PLAIN, has_storage, is_native, watched
from packseq.torch.gather import JAGGED, Place, check_rows, fill_bytes, gather


class Readable(NamedTuple):
    """Contiguous sequences [L_b, *F] of one dtype and one F that C may read."""

    sequences: Sequence[Tensor]
    lengths: list[int]
    addresses: list[int]


def readable(sequences: Sequence[Tensor]) -> Readable | None:
    """The sequences for C; None: there are none, they are not alike, or C may not read one.

    RuntimeError: the storage of one was freed or is too small.
    """
    if not sequences or watched() or type(sequences[0]) not in PLAIN or not is_native(sequences[0]):
        return None
    dtype, trailing = sequences[0].dtype, sequences[0].shape[1:]
    item_bytes = sequences[0].element_size()
    row_bytes = trailing.numel() * item_bytes
    rows, lengths, addresses = [], [], []
    for x in sequences:
        if (
            # As is_native says, but for what follows from the dtype,
            type(x) not in PLAIN
            or not x.is_cpu
            or x.layout is not torch.strided
            or x.is_nested
            or x.is_neg()
            or x.is_conj()
            # and alike.
            or x.dtype is not dtype
            or x.dim() == 0
            or x.shape[1:] != trailing
        ):
            return None
        if not x.is_contiguous():
            has_storage(x)
            x = x.contiguous()
        length = x.shape[0]
        offset = x.storage_offset() * item_bytes
        try:
            size = x.untyped_storage().nbytes()
        except NotImplementedError:  # a wrapper of torch's
            return None
        if size < offset + length * row_bytes:
            has_storage(x)
        rows.append(x)
        lengths.append(length)
        addresses.append(x.data_ptr())
    return Readable(rows, lengths, addresses)


def stack(
    sequences: Sequence[Tensor],
    rows: Readable | None,
    layout: Layout,
    dst: Place,
    fill: Tensor | None = None,
) -> Tensor:
    """Sequences that are alike, at least one, as [*dst.shape, *F]; rows is readable(sequences).

    RuntimeError: sequences whose lengths are not those of layout.
    """
    if rows is None:
        return gather(torch.cat(list(sequences)), layout, JAGGED, dst, fill)
    if torch.is_grad_enabled() and any(x.requires_grad for x in rows.sequences):
        return _stack_with_gradient(rows, layout, dst, fill, *rows.sequences)
    return _stack_natively(rows, layout, dst, fill)


def _stack_natively(rows: Readable, layout: Layout, dst: Place, fill: Tensor | None) -> Tensor:
    if not np.array_equal(rows.lengths, layout.lengths):
        raise RuntimeError(f"lengths are {rows.lengths}, must be {layout.lengths.tolist()}")
    first = rows.sequences[0]
    trailing = first.shape[1:]
    out = torch.empty((*dst.shape(layout), *trailing), dtype=first.dtype, device="cpu")
    row_bytes = trailing.numel() * first.element_size()
    pattern, _alive = fill_value(fill_bytes(fill))
    addresses = np.array(rows.addresses, np.uintp)
    call(
        lib.psq_convert_from_list,
        *(layout.ptr, _pointers(addresses), dst.storage, _pointer(out), row_bytes, pattern),
    )
    return out


class _Stack(Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Readable, layout: Layout, dst: Place, fill: Tensor | None, *_: Tensor
    ) -> Tensor:
        ctx.way = layout, dst
        return _stack_natively(rows, layout, dst, fill)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        layout, dst = ctx.way
        rows = gather(dy, layout, dst, JAGGED)
        parts = torch.split(rows, layout.lengths.tolist())
        if not rows.requires_grad and not watched():
            # With version counters of their own: a change of one gradient is not one of all.
            parts = tuple(part.data for part in parts)
        return None, None, None, None, *parts


_stack_with_gradient: Callable[..., Tensor] = _Stack.apply


def split(x: Tensor, layout: Layout, src: Place) -> list[Tensor]:
    """The sequences of x, [*src.shape, *F], as tensors of their own, [L_b, *F] each.

    RuntimeError: x has another shape.
    """
    x, src = check_rows(x, layout, src)
    if watched() or not is_native(x):
        rows = gather(x, layout, src, JAGGED)
        return [part.clone() for part in torch.split(rows, layout.lengths.tolist())]
    if x.requires_grad and torch.is_grad_enabled():
        return list(_split_with_gradient(x, layout, src))
    return list(_split_natively(x, layout, src))


def _split_natively(x: Tensor, layout: Layout, src: Place) -> tuple[Tensor, ...]:
    x = x.detach().contiguous()
    trailing = x.shape[src.n_dims :]
    out = tuple(x.new_empty((length, *trailing)) for length in layout.lengths.tolist())
    row_bytes = trailing.numel() * x.element_size()
    addresses = np.array([part.data_ptr() for part in out], np.uintp)
    call(
        lib.psq_convert_to_list,
        *(layout.ptr, src.storage, _pointer(x), _pointers(addresses), row_bytes),
    )
    return out


class _Split(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layout: Layout, src: Place) -> tuple[Tensor, ...]:
        ctx.way = layout, src
        ctx.trailing = x.shape[src.n_dims :]
        ctx.set_materialize_grads(False)
        return _split_natively(x, layout, src)

    @staticmethod
    def backward(ctx: Any, *dy: Tensor | None) -> Any:
        layout, src = ctx.way
        some = next((grad for grad in dy if grad is not None), None)
        if some is None:
            return None, None, None
        zeros = some.new_zeros((layout.max_length, *ctx.trailing))
        lengths = layout.lengths.tolist()
        grads = [
            zeros[:length] if grad is None else grad
            for grad, length in zip(dy, lengths, strict=True)
        ]
        return stack(grads, readable(grads), layout, src), None, None


_split_with_gradient: Callable[..., tuple[Tensor, ...]] = _Split.apply


def _pointers(addresses: np.ndarray[Any, Any]) -> Any:
    return ffi.cast("void **", ffi.from_buffer(addresses))


def _pointer(x: Tensor) -> Any:
    return ffi.cast("void *", x.data_ptr())
