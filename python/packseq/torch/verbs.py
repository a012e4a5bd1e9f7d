# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Ragged batches under our own names: nobody sorts, nothing is too short, B comes first.

Sequences are in the user's order wherever they can be told apart, and of any length from 0 on; a
batch may be empty. Packed batches are torch's PackedSequence and fit its modules where no sequence
is empty; both indices are always set, which is also how empty sequences are counted (packed.py).
Padded tensors are [B, S, *F]; batch_first=False gives torch's other order. Everything is
differentiable, as often as wanted.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from packseq._core import Ints, Layout
from packseq.torch import compiled
from packseq.torch.check import (
    compiled_as,
    context,
    dtype_name,
    fill_of,
    lengths_of,
    uncompiled,
)
from packseq.torch.gather import JAGGED, PACKED, Place, gather, padded, row_numbers
from packseq.torch.lists import readable, split, stack
from packseq.torch.packed import layout_of, packed
from packseq.torch.pooling import pool_rows

__all__ = [
    "collate",
    "concat",
    "final",
    "last",
    "map",
    "pack",
    "pack_like",
    "pad",
    "pool",
    "ragged_mean",
    "unpack",
]

Lengths = Tensor | Sequence[int] | np.ndarray[Any, Any]

# ---- in and out


@compiled_as(compiled.pack)
def pack(
    sequences: Tensor | Iterable[Tensor],
    lengths: Lengths | None = None,
    *,
    batch_first: bool = True,
    padding_side: str = "right",
) -> PackedSequence:
    """Packs a list of sequences, [L_b, *F] each, or a padded tensor, [B, S, *F], with its lengths.

    Lengths are integers from 0 to S, in a list, an array or a tensor on any device. Sequences have
    one dtype, one device and one F. No sequences: no rows of the default dtype, [0].
    ValueError: lengths of another number, below 0 or above S, sequences whose F, dtype or device
    differ, or without dimensions. TypeError: sequences that are no tensors, lengths that are no
    integers. RuntimeError: storage that was freed.
    """
    if lengths is None:
        items = _sequences("sequences", sequences)
        layout = Layout([x.shape[0] for x in items], ctx=context())
        return packed(_pack_list(items, layout), layout)
    rows, place, sizes = _padded("sequences", sequences, lengths, batch_first, padding_side)
    layout = Layout(sizes, ctx=context())
    return packed(gather(rows, layout, place, PACKED), layout)


@uncompiled
def pack_like(
    targets: Tensor | Iterable[Tensor],
    p: PackedSequence,
    *,
    batch_first: bool = True,
    padding_side: str = "right",
) -> PackedSequence:
    """Packs so that row i belongs to row i of p: targets as in pack, with the lengths of p.

    batch_sizes and indices of the result are those of p. ValueError: a sequence of another length,
    fewer steps than T; as pack.
    """
    layout = _layout(p)
    if isinstance(targets, Tensor):
        rows, place, _ = _padded("targets", targets, layout.lengths, batch_first, padding_side)
        return p._replace(data=gather(rows, layout, place, PACKED))
    items = _sequences("targets", targets)
    own = Layout([x.shape[0] for x in items])
    if not layout.same_lengths(own):
        raise ValueError(_differ("targets", own, "p", layout))
    return p._replace(data=_pack_list(items, layout))


@compiled_as(compiled.pad)
def pad(
    p: PackedSequence,
    *,
    batch_first: bool = True,
    padding_value: float = 0.0,
    total_length: int | None = None,
    padding_side: str = "right",
) -> tuple[Tensor, Tensor]:
    """Pads to [B, S, *F] and gives lengths, int64 [B] on the CPU.

    S is total_length, or the longest length. ValueError: total_length is below that, another side
    than left and right. TypeError, RuntimeError: as pad_packed_sequence of torch.
    """
    layout = _layout(p)
    n_steps = layout.max_length if total_length is None else operator.index(total_length)
    if n_steps < layout.max_length:
        b = int(layout.lengths.argmax())
        raise ValueError(f"total_length is {n_steps}, sequence {b} has {layout.max_length} rows")
    place = padded(batch_first, n_steps, _is_left(padding_side))
    out = gather(p.data, layout, PACKED, place, fill_of(padding_value, p.data))
    return out, torch.from_numpy(layout.lengths.copy())


@uncompiled
def unpack(p: PackedSequence) -> list[Tensor]:
    """The sequences, [L_b, *F] each, in the user's order; they are copies."""
    layout = _layout(p)
    return split(p.data, layout, PACKED)


# ---- on rows


@uncompiled
def map(fn: Callable[..., Tensor], p: PackedSequence, *others: PackedSequence) -> PackedSequence:
    """The batch whose rows are fn(rows of p, rows of each other), [N, *F] to [N, *G].

    ValueError: batches whose rows belong to different elements, another number of rows from fn.
    TypeError: what is no PackedSequence, or from fn no tensor.
    """
    layout = _layout(p)
    for k, other in enumerate(others):
        if (own := _layout(other, f"others[{k}]")) != layout:
            raise ValueError(_differ(f"others[{k}]", own, "p", layout))
    data = fn(p.data, *(other.data for other in others))
    if not isinstance(data, Tensor):
        raise TypeError(f"fn gave {type(data).__name__}, must give a Tensor")
    if data.dim() == 0 or data.shape[0] != layout.n_rows:
        raise ValueError(f"fn gave shape {tuple(data.shape)}, must begin with {layout.n_rows}")
    return p._replace(data=data)


@uncompiled
def concat(batches: Iterable[PackedSequence]) -> PackedSequence:
    """One batch of all sequences of the first batch, then all of the second, and so on.

    ValueError: no batches, rows whose F, dtype or device differ. TypeError: no PackedSequence.
    """
    items = list(batches)
    if not items:
        raise ValueError("batches has 0 elements, needs at least 1")
    layouts = [_layout(p, f"batches[{k}]") for k, p in enumerate(items)]
    _check_alike("batches", [p.data for p in items])
    layout = Layout(np.concatenate([part.lengths for part in layouts]), ctx=context())
    firsts = np.cumsum([0, *(part.n_rows for part in layouts)])
    jagged = [
        row_numbers(part, np.arange(first, first + part.n_rows), PACKED, JAGGED)
        for part, first in zip(layouts, firsts, strict=False)
    ]
    rows = row_numbers(layout, np.concatenate(jagged), JAGGED, PACKED)
    data = torch.cat([p.data for p in items])
    return packed(data.index_select(0, torch.from_numpy(rows).to(data.device)), layout)


# ---- one row for each sequence


@compiled_as(compiled.last)
def last(p: PackedSequence) -> Tensor:
    """The last row of each sequence, [B, *F]; zeros where there is none."""
    layout = _layout(p)
    some = np.flatnonzero(layout.lengths)
    rows = layout.step_offsets[layout.lengths[some] - 1] + layout.unsorted_indices[some]
    out = p.data.index_select(0, torch.from_numpy(rows).to(p.data.device))
    if some.size == layout.n_sequences:
        return out
    zeros = p.data.new_zeros((layout.n_sequences, *p.data.shape[1:]))
    return zeros.index_copy(0, torch.from_numpy(some).to(p.data.device), out)


def final(h_n: Tensor | tuple[Tensor, Tensor], *, bidirectional: bool = False) -> Tensor:
    """The last layer's final states of a network, [layers * D, B, H], as [B, D * H].

    With bidirectional D is 2: the forward state is after the last element, the reverse state after
    the first. Of an LSTM's (h_n, c_n) it is h_n; without B, [layers * D, H], it is [D * H].
    ValueError: another number of dimensions, no or an odd number of states with D 2. TypeError: no
    tensor.
    """
    h = h_n[0] if isinstance(h_n, tuple) and len(h_n) == 2 else h_n
    if not isinstance(h, Tensor):
        raise TypeError(f"h_n is {type(h).__name__}, must be a Tensor")
    if h.dim() not in (2, 3):
        raise ValueError(f"h_n has {h.dim()} dimensions, must have 2 or 3")
    n_directions = 2 if bidirectional else 1
    if h.shape[0] == 0 or h.shape[0] % n_directions:
        raise ValueError(f"h_n has {h.shape[0]} states, must be a multiple of {n_directions}")
    return torch.cat(h[-n_directions:].unbind(0), dim=-1)


@uncompiled
def pool(p: PackedSequence, how: str) -> Tensor:
    """One row for each sequence, [B, *F]: the "sum", "mean", "max" or "logsumexp" of its rows.

    Of no rows: 0, and -inf for logsumexp. The gradient of max goes to the earliest row that has it.
    ValueError: another `how`.
    """
    layout = _layout(p)
    return pool_rows(p.data, layout, how)


@uncompiled
def ragged_mean(loss: Tensor, p: PackedSequence) -> Tensor:
    """The mean over sequences of the mean over rows: every sequence counts alike, [N, *F] to [*F].

    loss has a number for each row of p. Empty sequences do not count; without rows it is 0.
    ValueError: another number of rows. TypeError: no tensor.
    """
    layout = _layout(p)
    if not isinstance(loss, Tensor):
        raise TypeError(f"loss is {type(loss).__name__}, must be a Tensor")
    if loss.dim() == 0 or loss.shape[0] != layout.n_rows:
        raise ValueError(f"loss has shape {tuple(loss.shape)}, must begin with {layout.n_rows}")
    n_seq = max(1, int(np.count_nonzero(layout.lengths)))
    return pool_rows(loss, layout, "mean").sum(0) / n_seq


# ---- data loading


def collate(batch: Sequence[Any]) -> Any:
    """The collate_fn of a DataLoader whose samples hold sequences.

    Samples are tensors, or tuples, dicts and named tuples of them: what has a dimension is a
    sequence, [L_b, *F], tensor or array, and the sequences of a batch come packed, whatever their
    lengths. Numbers, strings and tensors without dimensions come as torch's default_collate gives
    them. ValueError, TypeError: as pack; as default_collate.
    """
    from torch.utils.data._utils.collate import collate as by_type
    from torch.utils.data._utils.collate import default_collate_fn_map

    kinds = {**default_collate_fn_map, Tensor: _collate, np.ndarray: _collate}
    return by_type(batch, collate_fn_map=kinds)


def _collate(batch: Sequence[Any], *, collate_fn_map: Any = None) -> Any:
    items = [torch.as_tensor(x) for x in batch]
    return pack(items) if any(x.dim() for x in items) else torch.stack(items)


# ---- what was given


def _layout(p: PackedSequence, name: str = "p") -> Layout:
    if not isinstance(p, PackedSequence):
        raise TypeError(f"{name} is {type(p).__name__}, must be a PackedSequence")
    return layout_of(p)


def _is_left(padding_side: str) -> bool:
    if padding_side not in ("left", "right"):
        raise ValueError(f"padding_side is {padding_side!r}, must be 'left' or 'right'")
    return padding_side == "left"


def _padded(
    name: str, rows: Any, lengths: Lengths, batch_first: bool, padding_side: str
) -> tuple[Tensor, Place, Ints]:
    """A padded tensor, where its rows lie, and lengths that fit it."""
    if not isinstance(rows, Tensor):
        raise TypeError(
            f"{name} is {type(rows).__name__}, must be a Tensor where lengths are given"
        )
    if rows.dim() < 2:
        raise ValueError(f"{name} has {rows.dim()} dimensions, needs at least 2")
    n_seq, n_steps = rows.shape[:2] if batch_first else rows.shape[1::-1]
    sizes = lengths_of(lengths, n_seq, name)
    if sizes.size and sizes.max() > n_steps:
        b = int(sizes.argmax())
        raise ValueError(f"lengths[{b}] is {sizes[b]}, {name} has {n_steps} steps")
    return rows, padded(batch_first, n_steps, _is_left(padding_side)), sizes


def _sequences(name: str, sequences: Any) -> list[Tensor]:
    if not isinstance(sequences, Iterable) or (
        isinstance(sequences, Tensor) and not sequences.dim()
    ):
        raise TypeError(f"{name} is {type(sequences).__name__}, must be sequences")
    items = list(sequences)
    for b, x in enumerate(items):
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}[{b}] is {type(x).__name__}, must be a Tensor")
        if x.dim() == 0:
            raise ValueError(f"{name}[{b}] has 0 dimensions, needs at least 1")
    _check_alike(name, items)
    return items


def _pack_list(items: list[Tensor], layout: Layout) -> Tensor:
    return stack(items, readable(items), layout, PACKED) if items else torch.empty(0)


def _check_alike(name: str, items: list[Tensor]) -> None:
    """ValueError: tensors whose dtype, device or shape behind the first dimension differ."""
    for b, x in enumerate(items):
        first = items[0]
        if x.shape[1:] != first.shape[1:]:
            shapes = tuple(x.shape[1:]), tuple(first.shape[1:])
            raise ValueError(f"{name}[{b}] has rows of shape {shapes[0]}, {name}[0] of {shapes[1]}")
        if x.dtype != first.dtype:
            dtypes = dtype_name(x.dtype), dtype_name(first.dtype)
            raise ValueError(f"{name}[{b}] has dtype {dtypes[0]}, {name}[0] {dtypes[1]}")
        if x.device != first.device:
            raise ValueError(f"{name}[{b}] is on {x.device}, {name}[0] on {first.device}")


def _differ(name: str, layout: Layout, other: str, expected: Layout) -> str:
    if layout.n_sequences != expected.n_sequences:
        return f"{name} has {layout.n_sequences} sequences, {other} has {expected.n_sequences}"
    wrong = np.flatnonzero(layout.lengths != expected.lengths)
    if not wrong.size:
        return f"{name} has sequences of equal length in another order than {other}"
    b = wrong[0]
    return f"{name}[{b}] has {layout.lengths[b]} rows, {other} has {expected.lengths[b]}"
