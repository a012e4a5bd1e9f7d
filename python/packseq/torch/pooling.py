# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Reductions over the rows of sequences: psq_pool_forward and _backward, with every derivative.

The second derivative is that of the first as it is written down in `_gradient`, in torch's
operations. Where C may not read the rows, or has no kernels for their dtype, they are padded with
what changes nothing and reduced by torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from packseq._core import PACKED as STORAGE
from packseq._core import Layout, call
from packseq._native import ffi, lib
from packseq.torch.check import is_native, watched
from packseq.torch.gather import JAGGED, PACKED, gather, padded, row_numbers

_KINDS = {ffi.string(lib.psq_pool_name(kind)).decode(): kind for kind in range(lib.PSQ_N_POOL)}
_LOOKING = (lib.PSQ_POOL_MAX, lib.PSQ_POOL_LOGSUMEXP)
_DTYPES = {torch.float32: lib.PSQ_F32, torch.float64: lib.PSQ_F64}


def pool_rows(x: Tensor, layout: Layout, how: str) -> Tensor:
    """Packed rows [N, *F] to [B, *F]. ValueError: `how` is no kind of psq_pool."""
    if how not in _KINDS:
        raise ValueError(f"how is {how!r}, must be one of {', '.join(_KINDS)}")
    if x.dtype not in _DTYPES or watched() or not is_native(x):
        return _pool_by_torch(x, layout, how)
    return _pool_with_gradient(x, layout, _KINDS[how])


class _Pool(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layout: Layout, kind: int) -> Tensor:
        rows = x.detach().contiguous()
        y = torch.empty((layout.n_sequences, *x.shape[1:]), dtype=x.dtype, device="cpu")
        call(
            lib.psq_pool_forward,
            *(layout.ptr, kind, _DTYPES[x.dtype], STORAGE),
            *(_pointer(rows), _n_columns(x), _pointer(y)),
        )
        ctx.way = layout, kind
        ctx.shape, ctx.dtype = x.shape, x.dtype
        ctx.save_for_backward(*((x, y) if kind in _LOOKING else ()))
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        layout, kind = ctx.way
        x, y = ctx.saved_tensors or (None, None)
        if torch.is_grad_enabled() or watched() or not is_native(dy):
            return _gradient(layout, kind, x, y, dy), None, None
        dx = torch.empty(ctx.shape, dtype=ctx.dtype, device="cpu")
        return _pool_backward(layout, kind, x, y, dy, dx), None, None


_pool_with_gradient: Callable[..., Tensor] = _Pool.apply


def _pool_backward(
    layout: Layout, kind: int, x: Tensor | None, y: Tensor | None, dy: Tensor, dx: Tensor
) -> Tensor:
    shapes = dx.shape, (layout.n_sequences, *dx.shape[1:])
    for saved, shape in zip((x, y), shapes, strict=True):
        # A hook on saved tensors may have exchanged it, and its storage may have been freed.
        if saved is not None and not (
            is_native(saved) and saved.dtype is dx.dtype and saved.shape == shape
        ):
            raise RuntimeError("a saved tensor came back as another one")
    read = [None if t is None else t.detach().contiguous() for t in (x, y, dy)]
    call(
        lib.psq_pool_backward,
        *(layout.ptr, kind, _DTYPES[dx.dtype], STORAGE),
        *map(_pointer, read),
        *(_n_columns(dx), _pointer(dx)),
    )
    return dx


def _gradient(layout: Layout, kind: int, x: Any, y: Any, dy: Tensor) -> Tensor:
    """What psq_pool_backward computes, differentiable in x, y and dy."""
    users = np.repeat(np.arange(layout.n_sequences), layout.lengths)
    rows = torch.from_numpy(row_numbers(layout, users, JAGGED, PACKED))
    if kind == lib.PSQ_POOL_MEAN:
        dy = dy / _counts(layout, dy)
    spread = dy.index_select(0, rows)
    if kind == lib.PSQ_POOL_MAX:
        ones = torch.ones(y.shape, dtype=y.dtype, device="cpu")
        hit = _pool_backward(layout, kind, x, y, ones, torch.empty_like(x)) != 0
        return spread.where(hit, 0)
    if kind == lib.PSQ_POOL_LOGSUMEXP:
        spread = spread * (x - y.where(y != -torch.inf, 0).index_select(0, rows)).exp()
    return spread


def _pool_by_torch(x: Tensor, layout: Layout, how: str) -> Tensor:
    fill = torch.tensor(
        _neutral(x.dtype) if how in ("max", "logsumexp") else 0, dtype=x.dtype, device="cpu"
    )
    steps = gather(x, layout, PACKED, padded(True, max(1, layout.max_length)), fill)
    if how == "max":
        y = steps.max(1).values
        empty = torch.from_numpy(layout.lengths == 0).to(x.device)
        return y.masked_fill(empty.reshape(-1, *[1] * (y.dim() - 1)), 0)
    if how == "logsumexp":
        return steps.logsumexp(1)
    y = steps.sum(1)
    return y if how == "sum" else y / _counts(layout, y)


def _neutral(dtype: torch.dtype) -> float:
    """What no maximum notices."""
    if dtype.is_floating_point:
        return -torch.inf
    return False if dtype == torch.bool else torch.iinfo(dtype).min


def _counts(layout: Layout, like: Tensor) -> Tensor:
    """Lengths, [B, 1, ...], 1 for those that are 0."""
    counts = torch.from_numpy(np.maximum(layout.lengths, 1)).to(like.device)
    return counts.reshape(-1, *[1] * (like.dim() - 1))


def _n_columns(rows: Tensor) -> int:
    return rows.shape[1:].numel()


def _pointer(x: Tensor | None) -> Any:
    """Of a contiguous tensor that was checked, or made here."""
    return ffi.NULL if x is None else ffi.cast("void *", x.data_ptr())
