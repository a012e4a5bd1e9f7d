# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What packing, padding and the networks are while torch.compile or torch.export follow a call.

These functions stand in for those of the same name in rnn_utils.py, verbs.py and recurrent.py. The
compiler looks into them, so they are torch's operations, the operators of ops.py and plain Python;
what depends on lengths is found in the operators, as exceptions at run time. Every batch has its
indices set where its eager twin has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from packseq._native import lib
from packseq.torch import ops

# Numbers that the compiler may look at: it does not follow the attributes of a C library.
PACKED: int = lib.PSQ_PACKED
JAGGED: int = lib.PSQ_JAGGED
PADDED_TIME: int = lib.PSQ_PADDED_TIME
PADDED_BATCH: int = lib.PSQ_PADDED_BATCH


def _order(batch_first: bool) -> int:
    return PADDED_BATCH if batch_first else PADDED_TIME


def _is_left(padding_side: str) -> bool:
    if padding_side not in ("left", "right"):
        raise ValueError(f"padding_side is {padding_side!r}, must be 'left' or 'right'")
    return padding_side == "left"


def _fields(p: PackedSequence) -> tuple[Tensor, Tensor | None, Tensor | None]:
    return p.batch_sizes, p.sorted_indices, p.unsorted_indices


def _packed(
    rows: Tensor, lengths: Any, batch_first: bool, pad_left: bool, contract: str
) -> PackedSequence:
    if rows.dim() < 2:
        raise ValueError(f"the input has {rows.dim()} dimensions, needs at least 2")
    n_steps, n_seq = rows.shape[:2] if not batch_first else (rows.shape[1], rows.shape[0])
    if not isinstance(lengths, Tensor):
        lengths = torch.as_tensor(lengths, device="cpu")
    sizes, ranks, users = ops.layout(lengths, n_seq, n_steps, contract)
    order = _order(batch_first)
    data = ops.gather(rows, sizes, ranks, users, order, PACKED, pad_left, [-1], 0)
    return PackedSequence(data, sizes, ranks.to(rows.device), users.to(rows.device))


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | Sequence[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """As rnn_utils.pack_padded_sequence, its checks of lengths at run time."""
    contract = "sorted" if enforce_sorted else "torch"
    p = _packed(input, lengths, batch_first, False, contract)
    if enforce_sorted:
        return PackedSequence(p.data, p.batch_sizes, None, None)
    return p


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """As rnn_utils.pad_packed_sequence."""
    return _padded(sequence, batch_first, padding_value, total_length, False)


def _padded(
    p: PackedSequence,
    batch_first: bool,
    padding_value: float,
    total_length: int | None,
    pad_left: bool,
) -> tuple[Tensor, Tensor]:
    fields = _fields(p)
    lengths = ops.lengths(*fields)
    n_seq = lengths.shape[0]
    n_steps = p.batch_sizes.shape[0] if total_length is None else total_length
    lead = [n_seq, n_steps] if batch_first else [n_steps, n_seq]
    order = _order(batch_first)
    return ops.gather(p.data, *fields, PACKED, order, pad_left, lead, padding_value), lengths


def pack(
    sequences: Any,
    lengths: Any = None,
    *,
    batch_first: bool = True,
    padding_side: str = "right",
) -> PackedSequence:
    """As verbs.pack."""
    if lengths is not None:
        return _packed(sequences, lengths, batch_first, _is_left(padding_side), "ours")
    items = list(sequences)
    if not items:
        sizes, ranks, users = ops.layout(torch.empty(0, dtype=torch.int64), 0, 0, "ours")
        return PackedSequence(torch.empty(0), sizes, ranks, users)
    numbers = torch.stack([torch.full((), x.shape[0], dtype=torch.int64) for x in items])
    rows = torch.cat(items)
    sizes, ranks, users = ops.layout(numbers, len(items), rows.shape[0], "ours")
    data = ops.gather(rows, sizes, ranks, users, JAGGED, PACKED, False, [rows.shape[0]], 0)
    return PackedSequence(data, sizes, ranks.to(rows.device), users.to(rows.device))


def pad(
    p: PackedSequence,
    *,
    batch_first: bool = True,
    padding_value: float = 0.0,
    total_length: int | None = None,
    padding_side: str = "right",
) -> tuple[Tensor, Tensor]:
    """As verbs.pad."""
    return _padded(p, batch_first, padding_value, total_length, _is_left(padding_side))


def last(p: PackedSequence) -> Tensor:
    """As verbs.last."""
    rows, some = ops.last_rows(*_fields(p), p.data.device)
    out = p.data.index_select(0, rows)
    indices = p.unsorted_indices if p.sorted_indices is None else p.sorted_indices
    if indices is None:  # then no sequence is empty
        return out
    return p.data.new_zeros((indices.shape[0], *p.data.shape[1:])).index_copy(0, some, out)


# ---- networks


def draw_seed() -> Tensor:
    """From torch's generator of the CPU: whoever replays that replays the dropout."""
    return torch.randint(2**63 - 1, (), device="cpu")


def run(module: Any, x: Tensor, p: PackedSequence | None, lengths: Any, states: Any) -> Any:
    """(y, hn) or (y, hn, cn) of a Recurrent: x is rows of p, or padded, with lengths or without."""
    order = PACKED if p is not None else _order(module.batch_first)
    if p is not None:
        fields = _fields(p)
    else:
        n_steps, n_seq = module._extents(x)
        if lengths is None:
            fields = torch.full((n_steps,), n_seq, dtype=torch.int64), None, None
        else:
            if not isinstance(lengths, Tensor):
                lengths = torch.as_tensor(lengths, device="cpu")
            fields = ops.layout(lengths, n_seq, n_steps, "ours")
    weights = [getattr(module, name) for name in module._flat_weights_names]
    dropout = module.dropout if module.training and module.num_layers > 1 else 0.0
    seed = None
    if 0 < dropout < 1:
        seed = draw_seed()
    shape = [module.input_size, module.hidden_size, module.proj_size, module.num_layers]
    shape += [int(module.bias), int(module.bidirectional)]
    # What is exported is run, not trained; its backward pass runs the forward pass again.
    keep = torch.is_grad_enabled() and not torch.compiler.is_exporting()
    options = module.mode, shape, float(dropout), order, keep
    y, hn, cn, _ = ops.rnn(x, *states, weights, *fields, seed, *options)
    return (y, hn, cn) if module.mode == "LSTM" else (y, hn)


def forward(module: Any, input: Any, hx: Any = None, lengths: Any = None) -> tuple[Any, Any]:
    """As Recurrent.forward; the compiler leaves out what only torch's modules serve."""
    is_packed = isinstance(input, PackedSequence)
    x = input.data if is_packed else input
    states = module._split(hx)
    if not _serves(module, x, states):
        return _elsewhere(module, input, hx, lengths)
    if is_packed and lengths is not None:
        raise TypeError("lengths is for padded input, a PackedSequence has its own")
    alone = not is_packed and x.dim() == 2
    batch_dim = 0 if module.batch_first else 1
    if lengths is not None and alone:
        raise ValueError("lengths is for input of 3 dimensions, got 2")
    if alone:
        x = x.unsqueeze(batch_dim)
        states = [None if state is None else state.unsqueeze(1) for state in states]
    module.check_input(x, input.batch_sizes if is_packed else None)
    _check_states(module, states, None if is_packed else module._extents(x)[1])
    y, *hidden = run(module, x, input if is_packed else None, lengths, states)
    if is_packed:
        return PackedSequence(y, *_fields(input)), module._join(hidden)
    if alone:
        return y.squeeze(batch_dim), module._join([h.squeeze(1) for h in hidden])
    return y, module._join(hidden)


def _elsewhere(module: Any, input: Any, hx: Any, lengths: Any) -> tuple[Any, Any]:
    """The call where the compiler does not look, or, where it is exported, torch's own."""
    if not torch.compiler.is_exporting():
        return torch.compiler.disable(type(module).forward)(module, input, hx, lengths)  # type: ignore[no-any-return, no-untyped-call]
    if lengths is not None or isinstance(input, PackedSequence):
        raise NotImplementedError(
            "ragged batches are exported in float32 and float64, on the CPU and without autocast"
        )
    return type(module).torch_class.forward(module, input, hx)  # type: ignore[no-any-return]


def _serves(module: Any, x: Any, states: Any) -> bool:
    """Whether the operators do what was asked, as far as dtypes and devices say."""
    if states is None or not isinstance(x, Tensor) or torch.is_autocast_enabled("cpu"):
        return False
    dtype = x.dtype
    if dtype != torch.float32 and dtype != torch.float64:
        return False
    tensors = [x, *[s for s in states if s is not None]]
    tensors += [getattr(module, name) for name in module._flat_weights_names]
    return all(t.dtype == dtype and t.device.type == "cpu" for t in tensors)


def _check_states(module: Any, states: Any, n_seq: int | None) -> None:
    n_states = module.num_layers * (1 + module.bidirectional)
    sizes = module.proj_size or module.hidden_size, module.hidden_size
    for state, size in zip(states, sizes, strict=True):
        if state is not None:
            expected = (n_states, state.shape[1] if n_seq is None else n_seq, size)
            module.check_hidden_size(state, expected)
