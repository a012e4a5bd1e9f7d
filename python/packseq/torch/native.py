# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The border between torch's tensors and the networks of the C library.

A Network is made once for each specification and number of threads and then found again, so a call
that runs with other threads, or with another dropout, is a look-up. Memory for a call (panels,
reserve, scratch) comes from torch's allocator, which gives multiples of 64 bytes: it is freed with
the graph and counted by torch's tools. A tensor's address is only taken in `address`, once its
shape, dtype, device, contiguity and the size of its storage are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from packseq import _core
from packseq._native import ffi, lib
from packseq.torch.check import check_storage

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
        _core.call(lib.psq_rnn_create, _core.context(n_threads), fields, out)
        self.ptr = ffi.gc(out[0], lib.psq_rnn_destroy)
        self.spec = spec
        self.key = spec, n_threads
        table = lib.psq_rnn_params(self.ptr)[0 : lib.psq_rnn_n_params(self.ptr)]
        self.names = [ffi.string(p.name).decode() for p in table]
        self.shapes = [(p.n_rows, p.n_cols) if p.n_cols else (p.n_rows,) for p in table]
        self.sizes = [p.n_rows * max(p.n_cols, 1) for p in table]
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

    def pack(self, weights: Sequence[Tensor]) -> Tensor:
        """The panels of these weights, in the order and the shapes of torch's parameters."""
        dtype = self.spec.dtype
        held = [w if w.is_contiguous() else w.detach().contiguous() for w in weights]
        addresses = [
            address(name, w, shape, dtype)
            for name, w, shape in zip(self.names, held, self.shapes, strict=True)
        ]
        flat = torch.empty(self.n_weights, dtype=dtype, device="cpu")
        panels = memory(self.panel_bytes)
        where = ffi.new("void *[]", addresses)
        _core.call(lib.psq_glue_pack, self.ptr, where, bytes_of(flat), bytes_of(panels))
        return panels

    def buffers(self, layout: _core.Layout, flags: int) -> tuple[int, Tensor | None]:
        """The bytes of a reserve, and scratch, for a call with this layout and these flags."""
        n_bytes = ffi.new("size_t[2]")
        _core.call(lib.psq_rnn_sizes, self.ptr, layout.ptr, flags, n_bytes, n_bytes + 1)
        return n_bytes[0], memory(n_bytes[1]) if n_bytes[1] else None


_find = lru_cache(maxsize=256)(Network)


def network(spec: Spec) -> Network:
    """The network for this specification and for the threads that torch uses now."""
    return _find(spec, min(torch.get_num_threads(), lib.PSQ_MAX_THREADS))


# ---- tensors


def memory(n_bytes: int) -> Tensor:
    """Memory of the CPU at a multiple of 64 bytes."""
    return torch.empty(n_bytes, dtype=torch.uint8, device="cpu")


def bytes_of(buffer: Tensor | None) -> Any:
    """The address of what memory() gave, or NULL."""
    return _NULL if buffer is None else ffi.cast("void *", buffer.data_ptr())


def address(name: str, tensor: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype) -> Any:
    """The address of a contiguous tensor of this shape and dtype on the CPU; NULL for None.

    ValueError: another tensor. RuntimeError: its storage was freed or is too small.
    """
    if tensor is None:
        return _NULL
    if tensor.shape != shape:
        raise ValueError(f"{name} has shape {list(tensor.shape)}, must be {list(shape)}")
    if tensor.dtype is not dtype or not tensor.is_cpu or tensor.is_neg():
        raise ValueError(f"{name} is {tensor.dtype} on {tensor.device}, must be {dtype} on the CPU")
    if not tensor.is_contiguous():
        raise ValueError(f"{name} with strides {tensor.stride()} is not contiguous")
    check_storage(tensor)
    return ffi.cast("void *", tensor.data_ptr())


@lru_cache(maxsize=64)
def equal_lengths(n_sequences: int, length: int) -> _core.Layout:
    """The layout of a padded batch without padding."""
    return _core.Layout(np.full(n_sequences, length, np.int64))
