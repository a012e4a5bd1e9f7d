# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Rows from one order to another, differentiable: what packing, padding and unpacking come down to.

`gather` is psq_convert: one pass, whose gradient is gather with the places exchanged, so gradients
of any order are one pass too. lists.py has the same from and to a list. Where C may not read the
tensor (check.py) the row numbers, which C makes, go to torch's index operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from packseq._core import Ints, Layout, storage
from packseq._native import lib
from packseq.torch.check import has_storage, is_native, watched


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
        return self.order in _EXCHANGED

    @property
    def n_dims(self) -> int:
        """How many leading dimensions the rows have."""
        return 2 if self.is_padded else 1

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

_EXCHANGED = {
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


def check_rows(x: Tensor, layout: Layout, src: Place) -> tuple[Tensor, Place]:
    """x and where its rows lie, padded dimensions exchanged where it is contiguous then.

    RuntimeError: x does not begin with the shape of src; storage that was freed.
    """
    if tuple(x.shape[: src.n_dims]) != src.shape(layout):
        shape = src.shape(layout)
        raise RuntimeError(f"rows of shape {tuple(x.shape)}, must begin with {shape}")
    if src.is_padded and not x.is_contiguous():
        has_storage(x)
        if (exchanged := x.transpose(0, 1)).is_contiguous():
            return exchanged, src._replace(order=_EXCHANGED[src.order])
    return x, src


def gather(x: Tensor, layout: Layout, src: Place, dst: Place, fill: Tensor | None = None) -> Tensor:
    """The rows of x, [*src.shape, *F], as [*dst.shape, *F]; padding becomes `fill`, None: zeros.

    Not from padded to padded rows where C may not read x. RuntimeError: x has another shape.
    """
    x, src = check_rows(x, layout, src)
    if watched() or not is_native(x):
        return _gather_by_index(x, layout, src, dst, fill)
    if x.requires_grad and torch.is_grad_enabled():
        return _gather_with_gradient(x, layout, src, dst, fill)
    return _gather_natively(x, layout, src, dst, fill)


def _gather_natively(
    x: Tensor, layout: Layout, src: Place, dst: Place, fill: Tensor | None
) -> Tensor:
    x = x.detach().contiguous()
    trailing = x.shape[src.n_dims :]
    out = torch.empty((*dst.shape(layout), *trailing), dtype=x.dtype, device="cpu")
    row_bytes = trailing.numel() * x.element_size()
    layout.convert(_memory(out), dst.storage, _memory(x), src.storage, row_bytes, fill_bytes(fill))
    return out


def _gather_by_index(
    x: Tensor, layout: Layout, src: Place, dst: Place, fill: Tensor | None
) -> Tensor:
    if src.is_padded:
        x = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
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


# ---- memory


def _memory(x: Tensor) -> tuple[int, int]:
    """Address and bytes of a contiguous tensor whose storage was checked."""
    return x.data_ptr(), x.numel() * x.element_size()


def _on(rows: Ints, x: Tensor) -> Tensor:
    return torch.from_numpy(rows).to(x.device)


def fill_bytes(fill: Tensor | None) -> np.generic | None:
    """A padding value as _core takes it."""
    if fill is None:
        return None
    return np.void(fill.reshape(1).view(torch.uint8).numpy().tobytes())
