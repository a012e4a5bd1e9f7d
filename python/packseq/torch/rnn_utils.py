# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The functions of torch.nn.utils.rnn: its names, signatures, results and errors, one pass each.

What differs from torch 2.13: sequences of equal length keep their order; a length above the number
of steps is an error, and so is a PackedSequence whose fields do not fit each other; unpad_sequence
leaves its argument as it is; pad_packed_sequence and unpack_sequence know the empty sequences that
packseq.torch.pack keeps (packed.py). Messages begin with torch's, then say which element it is.

What a compiler or tracer follows, tensors without data and tensors of other classes go to torch's
own functions.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import rnn as torch_rnn
from torch.nn.utils.rnn import PackedSequence

from packseq._core import Ints, Layout
from packseq.torch import compiled
from packseq.torch.check import (
    compiled_as,
    context,
    dtype_name,
    fill_of,
    has_storage,
    is_followed,
    is_foreign,
    one_dimension,
    to_array,
)
from packseq.torch.gather import PACKED, gather, padded
from packseq.torch.lists import Readable, readable, split, stack
from packseq.torch.packed import layout_of, packed

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

_EMPTY = "Cannot pack empty tensors."
_NOT_POSITIVE = (
    "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
)
_NOT_SORTED = (
    "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
    "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence "
    "to sidestep this requirement if you do not need ONNX exportability."
)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The inverse of a permutation, int64 [B], on its device; None of None.

    RuntimeError: no permutation, not int64. IndexError: more than one dimension. TypeError: no
    tensor.
    """
    if permutation is None or is_foreign(permutation):
        return torch_rnn.invert_permutation(permutation)
    if not isinstance(permutation, Tensor):
        raise TypeError(f"argument 'permutation' must be Tensor, not {type(permutation).__name__}")
    if permutation.dtype != torch.int64:
        raise RuntimeError(
            "scatter(): Expected self.dtype to be equal to src.dtype: "
            f"permutation has dtype {dtype_name(permutation.dtype)}, must be int64"
        )
    if permutation.dim() > 1:
        raise IndexError(f"permutation has {permutation.dim()} dimensions, must have 1")
    try:
        ranks = Layout.from_batch_sizes([], to_array(permutation).reshape(-1)).unsorted_indices
    except ValueError as error:
        raise RuntimeError(str(error).replace("sorted_indices", "permutation")) from None
    return torch.tensor(ranks, device=permutation.device).view_as(permutation)


# ---- packing


@compiled_as(compiled.pack_padded_sequence)
def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Packs padded rows, [T, B, *F], or [B, T, *F] with batch_first; padding is on the right.

    Any dtype, at least one element. lengths: B numbers from 1 to T, on the CPU where they are a
    tensor; floats are cut to integers. Steps from a sequence's length on are left out.
    enforce_sorted: lengths must not increase, and both indices of the result are None; otherwise
    sequences are sorted, stably. RuntimeError: lengths of another number or dimension, on another
    device, below 1, above T, or increasing; an input without elements. IndexError: fewer than two
    dimensions. TypeError: no tensor, no numbers. Source: torch.nn.utils.rnn.
    """
    if is_foreign(input) or is_foreign(lengths):
        return torch_rnn.pack_padded_sequence(input, lengths, batch_first, enforce_sorted)  # type: ignore[arg-type]
    if not isinstance(input, Tensor):
        raise TypeError(f"argument 'input' must be Tensor, not {type(input).__name__}")
    sizes = _to_int64(lengths)
    if input.numel() == 0:
        raise RuntimeError(f"{_EMPTY} input has shape {tuple(input.shape)}")
    if input.dim() < 2:
        raise IndexError(f"Dimension out of range: input has {input.dim()}, needs at least 2")
    n_seq, n_steps = input.shape[:2] if batch_first else input.shape[1::-1]
    check_lengths(sizes, n_seq, enforce_sorted)
    if sizes.max() > n_steps:
        b = int(sizes.argmax())
        raise RuntimeError(f"lengths[{b}] is {sizes[b]}, input has {n_steps} steps")
    layout = Layout(sizes, ctx=context())
    data = gather(input, layout, padded(batch_first, n_steps), PACKED)
    return packed(data, layout, indices=not enforce_sorted)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs a list of sequences, [L_b, *F] each, without a padded copy.

    enforce_sorted: as in pack_padded_sequence. RuntimeError: no sequences, one without elements,
    one longer than the one before with enforce_sorted, different F. IndexError: one without
    dimensions. AttributeError: one that is no tensor. Source: torch.nn.utils.rnn.
    """
    if is_followed():
        return torch_rnn.pack_sequence(sequences, enforce_sorted)  # type: ignore[arg-type]
    items = tuple(sequences)
    rows = readable(items)
    if rows is None:
        if any(map(is_foreign, items)):
            return torch_rnn.pack_sequence(items, enforce_sorted)  # type: ignore[arg-type]
        _check_sequences(items, AttributeError, IndexError)
    lengths = _lengths(items, rows)
    if rows is None and not _alike(items):
        padded_rows, sizes = _pad_as_torch(items), torch.from_numpy(lengths)
        return pack_padded_sequence(padded_rows, sizes, enforce_sorted=enforce_sorted)
    if lengths.max() == 0 or 0 in items[0].shape[1:]:
        raise RuntimeError(f"{_EMPTY} sequences[0] has shape {tuple(items[0].shape)}")
    check_lengths(lengths, len(items), enforce_sorted)
    layout = Layout(lengths, ctx=context())
    return packed(stack(items, rows, layout, PACKED), layout, indices=not enforce_sorted)


# ---- padding


@compiled_as(compiled.pad_packed_sequence)
def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Pads to [S, B, *F], or [B, S, *F] with batch_first, and gives lengths, int64 [B] on the CPU.

    Sequences come in the user's order. S is total_length, or the longest length. padding_value is
    cast to the dtype of the data. ValueError: total_length is below the longest length.
    RuntimeError: a PackedSequence whose fields do not fit each other; one without steps and without
    indices; a padding_value that the dtype does not have. TypeError: a padding_value that is no
    number, a total_length that is no integer. Source: torch.nn.utils.rnn.
    """
    n_steps = sequence.batch_sizes.size(0)
    if total_length is not None:
        if total_length < n_steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being "
                f"{n_steps}"
            )
        n_steps = operator.index(total_length)
    if is_foreign(sequence.data) or is_foreign(sequence.batch_sizes):
        return torch_rnn.pad_packed_sequence(sequence, batch_first, padding_value, total_length)
    layout = layout_of(sequence)
    fill = fill_of(padding_value, sequence.data)
    out = gather(sequence.data, layout, PACKED, padded(batch_first, n_steps), fill)
    return out, torch.from_numpy(layout.lengths.copy())


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Pads a list of sequences, [L_b, *F] each, to [T, B, *F], or [B, T, *F] with batch_first.

    dtype, device and F are those of the first sequence; what differs is treated as torch does.
    RuntimeError: nothing to iterate over, no sequences, another side than left and right, shapes
    that do not broadcast. TypeError: a sequence that is no tensor, a padding_value that is no
    number. IndexError: a sequence without dimensions. Source: torch.nn.utils.rnn.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, "
            f"but got arg of type: {type(sequences)}"
        )
    if is_followed():
        return torch_rnn.pad_sequence(sequences, batch_first, padding_value, padding_side)  # type: ignore[arg-type]
    items = tuple(sequences)
    rows = readable(items)
    if rows is None:
        if any(map(is_foreign, items)):
            return torch_rnn.pad_sequence(items, batch_first, padding_value, padding_side)  # type: ignore[arg-type]
        _check_sequences(items, TypeError, RuntimeError)
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    if not hasattr(padding_value, "__float__"):
        kind = type(padding_value).__name__
        raise TypeError(f"argument 'padding_value' must be float, not {kind}")
    if rows is None and not _alike(items):
        return _pad_as_torch(items, batch_first, padding_value, padding_side)
    layout = Layout(_lengths(items, rows), ctx=context())
    place = padded(batch_first, pad_left=padding_side == "left")
    return stack(items, rows, layout, place, fill_of(float(padding_value), items[0]))


# ---- unpacking


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """The sequences of padded rows, [T, B, *F], or [B, T, *F] with batch_first: [L_b, *F] each.

    lengths: B numbers from 0 to T, on any device. The sequences are copies. ValueError: another
    number of lengths than of sequences. RuntimeError: a length below 0 or above T. IndexError:
    fewer than two dimensions. TypeError: lengths without a dimension. Source: torch.nn.utils.rnn.
    """
    if is_foreign(padded_sequences) or is_foreign(lengths):
        view = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
        return torch_rnn.unpad_sequence(view, lengths, True)  # type: ignore[arg-type]
    if padded_sequences.dim() < 2:
        raise IndexError(
            f"Dimension out of range: padded_sequences has {padded_sequences.dim()}, "
            "needs at least 2"
        )
    # An element is in the sequence where its step is below the length, whole or not.
    if isinstance(lengths, Tensor) and lengths.is_floating_point():
        has_storage(lengths)
        lengths = lengths.ceil()
    sizes = _to_int64(lengths, any_device=True)
    if sizes.ndim != 1:
        raise TypeError(f"lengths has {sizes.ndim} dimensions, must have 1")
    shape = padded_sequences.shape
    n_seq, n_steps = shape[:2] if batch_first else shape[1::-1]
    if sizes.size != n_seq:
        raise ValueError(f"lengths has {sizes.size} elements, padded_sequences {n_seq} sequences")
    wrong = np.flatnonzero((sizes < 0) | (sizes > n_steps))
    if wrong.size:
        b = wrong[0]
        raise RuntimeError(f"lengths[{b}] is {sizes[b]}, must be from 0 to {n_steps}")
    layout = Layout(sizes, ctx=context())
    return split(padded_sequences, layout, padded(batch_first, n_steps))


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a PackedSequence in the user's order, [L_b, *F] each; they are copies.

    RuntimeError: fields that do not fit each other; no steps and no indices. Source:
    torch.nn.utils.rnn.
    """
    if is_foreign(packed_sequences.batch_sizes) or is_foreign(packed_sequences.data):
        return torch_rnn.unpack_sequence(packed_sequences)
    return split(packed_sequences.data, layout_of(packed_sequences), PACKED)


# ---- what was given


def _to_int64(lengths: Any, any_device: bool = False) -> Ints:
    """Lengths as torch reads them; whatever they are not, torch says."""
    if not isinstance(lengths, Tensor):
        lengths = torch.as_tensor(lengths, dtype=torch.int64, device="cpu")
    elif not (lengths.is_cpu or any_device):
        raise RuntimeError(one_dimension(lengths))
    return to_array(lengths, torch.int64)


def check_lengths(lengths: Ints, n_seq: int, enforce_sorted: bool) -> None:
    """RuntimeError: lengths that torch does not pack, in the order of its checks."""
    if lengths.ndim != 1:
        raise RuntimeError(one_dimension(torch.from_numpy(lengths)))
    if lengths.size != n_seq:
        raise RuntimeError(
            "Expected `len(lengths)` to be equal to batch_size, "
            f"but got {lengths.size} (batch_size={n_seq})"
        )
    smallest = lengths[-1] if enforce_sorted else lengths.min()
    if smallest <= 0:
        b = int((lengths <= 0).argmax())
        raise RuntimeError(f"{_NOT_POSITIVE}: lengths[{b}] is {lengths[b]}")
    if enforce_sorted and (rises := np.flatnonzero(lengths[1:] > lengths[:-1])).size:
        b = int(rises[0])
        raise RuntimeError(
            f"{_NOT_SORTED} lengths[{b}] is {lengths[b]}, lengths[{b + 1}] is {lengths[b + 1]}"
        )


def _check_sequences(
    items: tuple[Any, ...], no_tensor: type[Exception], no_dimension: type[Exception]
) -> None:
    if not items:
        raise RuntimeError("received an empty list of sequences")
    for b, x in enumerate(items):
        if not isinstance(x, Tensor):
            kind = type(x).__name__
            raise no_tensor(
                f"expected Tensor as element {b} in argument 0, but got {kind}: sequences[{b}]"
            )
        if x.dim() == 0:
            # torch reads the shape of the first sequence before it looks at dimensions.
            raise (no_dimension if b == 0 else IndexError)(
                f"Dimension specified as 0 but tensor has no dimensions: sequences[{b}]"
            )


def _lengths(items: tuple[Tensor, ...], rows: Readable | None) -> Ints:
    return np.array([x.shape[0] for x in items] if rows is None else rows.lengths, np.int64)


def _alike(items: tuple[Tensor, ...]) -> bool:
    """Whether the sequences have one dtype, one device and one shape behind the steps."""
    first = items[0]
    dtype, device, trailing = first.dtype, first.device, first.shape[1:]
    return all(x.dtype is dtype and x.shape[1:] == trailing and x.device == device for x in items)


def _pad_as_torch(items: tuple[Tensor, ...], *options: Any) -> Tensor:
    """Sequences that are not alike: torch broadcasts, casts and moves them, or says why not."""
    for x in items:
        has_storage(x)
    try:
        return torch_rnn.pad_sequence(items, *options)  # type: ignore[arg-type]
    except RuntimeError as error:
        shapes = [tuple(x.shape[1:]) for x in items]
        b = next((b for b, shape in enumerate(shapes) if shape != shapes[0]), 0)
        raise RuntimeError(
            f"{error}: sequences[0] has rows of shape {shapes[0]}, sequences[{b}] of {shapes[b]}"
        ) from None
