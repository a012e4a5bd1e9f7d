# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Rows from one order to another, differentiable: what packing, padding and unpacking come down to.

`gather` is psq_convert, `stack` and `split` are the same from and to a list. Each is one pass, and
each is the gradient of another: gather of itself with the places exchanged, stack and split of each
other. So gradients of any order are one pass too. Where C may not read the tensors (check.py) the
row numbers, which C makes, go to torch's index operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from packseq._core import Ints, Layout, storage
from packseq._native import lib
from packseq.torch.check import is_native, watched


class Place(NamedTuple):
    """Where rows lie: a psq_storage."""

    order: int
    n_steps: int = 0
    pad_left: bool = False

    @property
    def storage(self) -> Any:
        return storage(self.order, self.n_steps, self.pad_left)

    @property
    def is_padded(self) -> bool:
        return self.order in _TRANSPOSED

    def shape(self, layout: Layout) -> tuple[int, ...]:
        """The leading dimensions of an array of such rows."""
        n_steps = self.n_steps or layout.max_length
        if self.order == lib.PSQ_PADDED_TIME:
            return n_steps, layout.n_sequences
        if self.order == lib.PSQ_PADDED_BATCH:
            return layout.n_sequences, n_steps
        return (layout.n_rows,)


PACKED = Place(lib.PSQ_PACKED)
JAGGED = Place(lib.PSQ_JAGGED)

_TRANSPOSED = {
    lib.PSQ_PADDED_TIME: lib.PSQ_PADDED_BATCH,
    lib.PSQ_PADDED_BATCH: lib.PSQ_PADDED_TIME,
}


def padded(batch_first: bool, n_steps: int = 0, pad_left: bool = False) -> Place:
    """Padded rows of n_steps steps, 0: of as many as the longest sequence."""
    order = lib.PSQ_PADDED_BATCH if batch_first else lib.PSQ_PADDED_TIME
    return Place(order, n_steps, pad_left)


def row_numbers(layout: Layout, rows: Ints, src: Place, dst: Place) -> Ints:
    """One number for each row of src, as those of dst, where at most src is padded."""
    out = np.empty(layout.n_rows, np.int64)
    layout.convert(out, dst.storage, rows, src.storage, 8)
    return out


# ---- one tensor


def gather(x: Tensor, layout: Layout, src: Place, dst: Place, fill: Tensor | None = None) -> Tensor:
    """The rows of x, [*src.shape, *F], as [*dst.shape, *F]; padding becomes `fill`, None: zeros.

    Not from padded to padded rows where C may not read x. RuntimeError: x has another shape.
    """
    if src.is_padded and not x.is_contiguous() and x.transpose(0, 1).is_contiguous():
        x = x.transpose(0, 1)
        src = src._replace(order=_TRANSPOSED[src.order])
    n_leading = 2 if src.is_padded else 1
    if tuple(x.shape[:n_leading]) != src.shape(layout):
        shape = src.shape(layout)
        raise RuntimeError(f"rows of shape {tuple(x.shape)}, must begin with {shape}")
    if watched() or not is_native(x):
        return _gather_by_index(x, layout, src, dst, fill)
    if x.requires_grad and torch.is_grad_enabled():
        return _gather_with_gradient(x, layout, src, dst, fill)
    return _gather_natively(x, layout, src, dst, fill)


def _gather_natively(
    x: Tensor, layout: Layout, src: Place, dst: Place, fill: Tensor | None
) -> Tensor:
    n_leading = 2 if src.is_padded else 1
    x = x.detach().contiguous()
    out = _empty((*dst.shape(layout), *x.shape[n_leading:]), x)
    row_bytes = x.shape[n_leading:].numel() * x.element_size()
    layout.convert(_memory(out), dst.storage, _memory(x), src.storage, row_bytes, _fill_bytes(fill))
    return out


def _gather_by_index(
    x: Tensor, layout: Layout, src: Place, dst: Place, fill: Tensor | None
) -> Tensor:
    if src.is_padded:
        x = x.flatten(0, 1)
    if not dst.is_padded:
        rows = np.arange(x.shape[0])
        return x.index_select(0, _on(row_numbers(layout, rows, src, dst), x))
    lead = dst.shape(layout)
    rows = row_numbers(layout, np.arange(lead[0] * lead[1]), dst, src)
    out = x.new_zeros((lead[0] * lead[1], *x.shape[1:]))
    if fill is not None:
        out = out.fill_(fill)
    return out.index_copy(0, _on(rows, x), x).reshape(*lead, *x.shape[1:])


class _Gather(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, layout: Layout, src: Place, dst: Place, fill: Tensor | None
    ) -> Tensor:
        ctx.way = layout, src, dst
        return _gather_natively(x, layout, src, dst, fill)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        layout, src, dst = ctx.way
        return gather(dy, layout, dst, src), None, None, None, None


_gather_with_gradient: Callable[..., Tensor] = _Gather.apply


# ---- a list


def stack(
    sequences: Sequence[Tensor], layout: Layout, dst: Place, fill: Tensor | None = None
) -> Tensor:
    """The sequences, [L_b, *F] each, of one dtype and device, as [*dst.shape, *F].

    At least one sequence. RuntimeError: storage that was freed.
    """
    if watched() or not all(map(is_native, sequences)):
        return gather(torch.cat(list(sequences)), layout, JAGGED, dst, fill)
    if torch.is_grad_enabled() and any(x.requires_grad for x in sequences):
        return _stack_with_gradient(layout, dst, fill, *sequences)
    return _stack_natively(sequences, layout, dst, fill)


def _stack_natively(
    sequences: Sequence[Tensor], layout: Layout, dst: Place, fill: Tensor | None
) -> Tensor:
    rows = [x.detach().contiguous() for x in sequences]
    trailing = rows[0].shape[1:]
    out = _empty((*dst.shape(layout), *trailing), rows[0])
    row_bytes = trailing.numel() * out.element_size()
    layout.from_list(_memory(out), dst.storage, map(_memory, rows), row_bytes, _fill_bytes(fill))
    return out


class _Stack(Function):
    @staticmethod
    def forward(
        ctx: Any, layout: Layout, dst: Place, fill: Tensor | None, *sequences: Tensor
    ) -> Tensor:
        ctx.way = layout, dst
        return _stack_natively(sequences, layout, dst, fill)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        layout, dst = ctx.way
        rows = gather(dy, layout, dst, JAGGED)
        return None, None, None, *torch.split(rows, layout.lengths.tolist())


_stack_with_gradient: Callable[..., Tensor] = _Stack.apply


def split(x: Tensor, layout: Layout, src: Place) -> list[Tensor]:
    """The sequences of x, [*src.shape, *F], as tensors of their own, [L_b, *F] each.

    RuntimeError: x has another shape.
    """
    if watched() or not is_native(x):
        rows = gather(x, layout, src, JAGGED)
        return [part.clone() for part in torch.split(rows, layout.lengths.tolist())]
    if src.is_padded and not x.is_contiguous() and x.transpose(0, 1).is_contiguous():
        x = x.transpose(0, 1)
        src = src._replace(order=_TRANSPOSED[src.order])
    if x.requires_grad and torch.is_grad_enabled():
        return list(_split_with_gradient(x, layout, src))
    return list(_split_natively(x, layout, src))


def _split_natively(x: Tensor, layout: Layout, src: Place) -> tuple[Tensor, ...]:
    x = x.detach().contiguous()
    trailing = x.shape[2 if src.is_padded else 1 :]
    out = tuple(_empty((length, *trailing), x) for length in layout.lengths.tolist())
    row_bytes = trailing.numel() * x.element_size()
    layout.to_list(map(_memory, out), _memory(x), src.storage, row_bytes)
    return out


class _Split(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layout: Layout, src: Place) -> tuple[Tensor, ...]:
        ctx.way = layout, src
        ctx.trailing = x.shape[2 if src.is_padded else 1 :]
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
        return stack(grads, layout, src), None, None


_split_with_gradient: Callable[..., tuple[Tensor, ...]] = _Split.apply


# ---- memory


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device="cpu")


def _memory(x: Tensor) -> tuple[int, int]:
    """Address and bytes of a contiguous tensor whose storage was checked."""
    return x.data_ptr(), x.numel() * x.element_size()


def _on(rows: Ints, x: Tensor) -> Tensor:
    return torch.from_numpy(rows).to(x.device)


def _fill_bytes(fill: Tensor | None) -> np.generic | None:
    if fill is None:
        return None
    return np.void(fill.reshape(1).view(torch.uint8).numpy().tobytes())
