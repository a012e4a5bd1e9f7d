# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""torch's PackedSequence as rows and a layout, and back.

A PackedSequence does not say how many sequences it has: batch_sizes[0] counts those that have a
row. So that a sequence of length 0 keeps its place, B is here the length of sorted_indices; the
ranks from batch_sizes[0] on are the empty sequences. Without indices there are none, and B is
batch_sizes[0].
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from packseq._core import Ints, Layout
from packseq.torch.check import context, has_storage, one_dimension, to_array
from packseq.torch.layouts import packed_key, remember


def layout_of(p: PackedSequence) -> Layout:
    """The layout of a PackedSequence; everything that is wrong with its fields is found here.

    RuntimeError: batch_sizes are not one dimension of int64 on the CPU, increase, are below 1 or do
    not sum to the rows of data, or there are none and no indices either; indices that are no
    permutation or not each other's inverse; storage that was freed.
    """
    has_storage(p.data)
    sizes = p.batch_sizes
    if sizes.dim() != 1 or not sizes.is_cpu or sizes.dtype != torch.int64:
        raise RuntimeError(f"{one_dimension(sizes)} as batch_sizes")
    if sizes.numel() == 0 and p.sorted_indices is None and p.unsorted_indices is None:
        raise RuntimeError("batch_sizes can not be empty where there are no indices")
    if p.data.dim() == 0:
        raise RuntimeError("data has 0 dimensions, needs at least 1")
    try:
        return layout_from(p.data.shape[0], to_array(sizes), p.sorted_indices, p.unsorted_indices)
    except ValueError as error:
        raise RuntimeError(str(error)) from None


def layout_from(n_rows: int, sizes: Ints, ranks: Tensor | None, users: Tensor | None) -> Layout:
    """Of these fields; n_rows -1: as many as they say. ValueError: they do not fit each other."""
    if ranks is not None:
        order = to_array(ranks)
    elif users is not None:
        order = Layout.from_batch_sizes([], to_array(users)).unsorted_indices
    else:
        order = None
    layout = Layout.from_batch_sizes(sizes, order, n_rows=n_rows, ctx=context())
    if ranks is not None and users is not None:
        _check_inverse(layout, to_array(users))
    return layout


def _check_inverse(layout: Layout, users: Ints) -> None:
    if users.shape != layout.unsorted_indices.shape:
        raise ValueError(
            f"unsorted_indices has shape {users.shape}, "
            f"sorted_indices {layout.unsorted_indices.shape}"
        )
    wrong = np.flatnonzero(users != layout.unsorted_indices)
    if wrong.size:
        b = wrong[0]
        rank = layout.unsorted_indices[b]
        raise ValueError(
            f"unsorted_indices[{b}] is {users[b]}, but sorted_indices[{rank}] is {b}: "
            "they are not inverse permutations"
        )


def packed(data: Tensor, layout: Layout, *, indices: bool = True) -> PackedSequence:
    """Packed rows [N, *F] as a PackedSequence; its indices are None if not asked for."""
    fields = [layout.batch_sizes]
    if indices:
        fields += [layout.sorted_indices, layout.unsorted_indices]
    remember(packed_key(layout.n_rows, *(field.tobytes() for field in fields)), layout)
    sizes, *permutations = (torch.from_numpy(field.copy()) for field in fields)
    return PackedSequence(data, sizes, *(x.to(data.device) for x in permutations))
