# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The border between torch's tensors and the networks of the C library.

A Network is made once for each specification and number of threads and then found again, so a call
that runs with other threads, or with another dropout, is a look-up; so are layouts of batches that
come again, as they do in every module of a stack. What lives longer than a call (reserve, panels of
frozen weights) is memory of torch's allocator, which gives multiples of 64 bytes, is freed with the
graph and is seen by torch's tools. A tensor's address only gets to C once its shape, dtype, device,
contiguity and the size of its storage are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from packseq import _core
from packseq._native import ffi, lib
from packseq.torch.check import has_storage
from packseq.torch.layouts import MAX_SIZE, packed_key, recall
from packseq.torch.packed import layout_of

CELLS = {
    "LSTM": lib.PSQ_LSTM,
    "GRU": lib.PSQ_GRU,
    "RNN_TANH": lib.PSQ_RNN_TANH,
    "RNN_RELU": lib.PSQ_RNN_RELU,
}
DTYPES = {torch.float32: lib.PSQ_F32, torch.float64: lib.PSQ_F64}

_NULL = ffi.NULL


class Spec(NamedTuple):
    """What a network is, in torch's terms; `mode` is that of torch.nn.RNNBase."""

    mode: str
    dtype: torch.dtype
    input_size: int
    hidden_size: int
    proj_size: int
    num_layers: int
    bias: bool
    bidirectional: bool
    dropout: float

    @property
    def n_directions(self) -> int:
        """D."""
        return 1 + self.bidirectional

    @property
    def state_size(self) -> int:
        """R."""
        return self.proj_size or self.hidden_size


class Weights(NamedTuple):
    """Where the weights of a call lie: panels, or each parameter; and what must live as long."""

    panels: Any
    parameters: Any
    held: Any


class Network:
    """A psq_rnn, and the sizes that its callers ask for again and again."""

    def __init__(self, spec: Spec, n_threads: int) -> None:
        fields = _core.make(
            "psq_rnn_spec",
            cell=CELLS[spec.mode],
            dtype=DTYPES[spec.dtype],
            input_size=spec.input_size,
            hidden_size=spec.hidden_size,
            proj_size=spec.proj_size,
            n_layers=spec.num_layers,
            bias=spec.bias,
            bidirectional=spec.bidirectional,
            dropout=spec.dropout,
        )
        out = ffi.new("psq_rnn **")
        self.ctx = _core.context(n_threads)
        _core.call(lib.psq_rnn_create, self.ctx, fields, out)
        self.ptr = ffi.gc(out[0], lib.psq_rnn_destroy)
        self.spec = spec
        self.key = spec, n_threads
        table = lib.psq_rnn_params(self.ptr)[0 : lib.psq_rnn_n_params(self.ptr)]
        self.shapes = [(p.n_rows, p.n_cols) if p.n_cols else (p.n_rows,) for p in table]
        # Shape, strides and offset of each in a flat buffer.
        self.views = [
            (shape, (shape[1], 1) if len(shape) == 2 else (1,), p.offset)
            for shape, p in zip(self.shapes, table, strict=True)
        ]
        self.n_weights = int(lib.psq_rnn_n_weights(self.ptr))
        self.panel_bytes = int(lib.psq_rnn_panel_bytes(self.ptr))
        self.has_cells = spec.mode == "LSTM"
        self.width = spec.n_directions * spec.state_size
        self.n_states = spec.num_layers * spec.n_directions

    def state_shape(self, n_sequences: int) -> tuple[int, int, int]:
        """Of h0 and hn."""
        return self.n_states, n_sequences, self.spec.state_size

    def cell_shape(self, n_sequences: int) -> tuple[int, int, int]:
        """Of c0 and cn."""
        return self.n_states, n_sequences, self.spec.hidden_size

    def weights(self, tensors: Sequence[Tensor]) -> Weights | None:
        """Torch's parameters, in its order; None where they are not what this network has.

        RuntimeError: a storage was freed or is too small.
        """
        dtype = self.spec.dtype
        if len(tensors) != len(self.shapes):
            return None
        held = []
        for tensor, shape in zip(tensors, self.shapes, strict=True):
            if not is_plain(tensor, dtype) or tensor.shape != shape:
                return None
            if not tensor.is_contiguous():
                tensor = tensor.detach().contiguous()
            held.append(tensor)
        return Weights(_NULL, ffi.new("void *[]", [pointer(t) for t in held]), held)

    def pack(self, weights: Weights) -> Weights:
        """Panels of these weights, to be used again and again."""
        panels = memory(self.panel_bytes)
        _core.call(lib.psq_glue_pack, self.ctx, self.ptr, weights.parameters, pointer(panels))
        return Weights(pointer(panels), _NULL, panels)

    def reserve(self, layout: _core.Layout) -> Tensor:
        """Memory that a forward pass leaves to the backward pass."""
        return memory(self.reserve_bytes(layout))

    def reserve_bytes(self, layout: _core.Layout) -> int:
        """The size of a reserve."""
        n_bytes = ffi.new("size_t[2]")
        _core.call(lib.psq_rnn_sizes, self.ptr, layout.ptr, lib.PSQ_TRAIN, n_bytes, n_bytes + 1)
        return int(n_bytes[0])


_find = lru_cache(maxsize=256)(Network)


def network(spec: Spec) -> Network:
    """The network for this specification and for the threads that torch uses now."""
    return _find(spec, min(torch.get_num_threads(), lib.PSQ_MAX_THREADS))


# ---- tensors


def memory(n_bytes: int) -> Tensor:
    """Memory of the CPU at a multiple of 64 bytes."""
    return torch.empty(n_bytes, dtype=torch.uint8, device="cpu")


def pointer(tensor: Tensor | None) -> Any:
    """The address of a tensor that was checked or is our own; NULL for None."""
    return _NULL if tensor is None else ffi.cast("void *", tensor.data_ptr())


def is_plain(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether this is memory of the CPU that holds just these numbers.

    RuntimeError: it was freed.
    """
    return has_storage(tensor) and tensor.dtype is dtype and tensor.is_cpu and not tensor.is_neg()


def address(name: str, tensor: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype) -> Any:
    """The address of a contiguous tensor of this shape and dtype on the CPU; NULL for None.

    ValueError: another tensor. RuntimeError: its storage was freed or is too small.
    """
    if tensor is None:
        return _NULL
    if not is_plain(tensor, dtype) or tensor.shape != shape or not tensor.is_contiguous():
        raise ValueError(
            f"{name} is {tensor.dtype} {list(tensor.shape)} on {tensor.device}, must be "
            f"{dtype} {list(shape)}, contiguous and on the CPU"
        )
    return pointer(tensor)


def reserve_pointer(reserve: Tensor | None, network: Network, layout: _core.Layout) -> Any:
    """The address of a reserve; NULL for one that a hook on saved tensors made something else of.

    RuntimeError: its storage was freed.
    """
    if reserve is None or not is_plain(reserve, torch.uint8) or not reserve.is_contiguous():
        return _NULL
    if reserve.shape != (network.reserve_bytes(layout),) or reserve.data_ptr() % 64:
        return _NULL
    return pointer(reserve)


# ---- layouts


def layout_of_lengths(lengths: _core.Ints) -> _core.Layout:
    """The layout of these lengths."""
    if lengths.size > MAX_SIZE:
        return _core.Layout(lengths)
    return recall(lengths.tobytes(), lambda: _core.Layout(lengths))


def layout_of_equal(n_sequences: int, length: int) -> _core.Layout:
    """The layout of a padded batch without padding."""
    return recall((n_sequences, length), lambda: _core.Layout(np.full(n_sequences, length)))


def layout_of_packed(p: PackedSequence) -> _core.Layout:
    """The layout of a PackedSequence. RuntimeError: as packed.layout_of."""
    data, sizes, ranks, users = p
    if data.dim() == 0 or not all(map(_is_short, (sizes, ranks, users))):
        return layout_of(p)
    key = packed_key(data.shape[0], _bytes(sizes), _bytes(ranks), _bytes(users))
    return recall(key, lambda: layout_of(p))


def _is_short(field: Tensor | None) -> bool:
    """Whether a field needs no closer look."""
    if field is None:
        return True
    fits = is_plain(field, torch.int64) and field.dim() == 1 and field.is_contiguous()
    return fits and field.shape[0] <= MAX_SIZE


def _bytes(field: Tensor | None) -> bytes | None:
    return None if field is None else bytes(ffi.buffer(pointer(field), 8 * field.shape[0]))
