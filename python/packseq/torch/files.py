# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Model files as torch modules: what the command trains opens here, and goes back.

A file's parameters have the names that a module with the fields `embedding`, `rnn` and `head` has.
SequenceModel is that module, and save() takes any module with those fields. Reading, checks and
writing are packseq.files's, so there is one reader for files from strangers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from packseq import files
from packseq.files import Path
from packseq.model import Model
from packseq.torch.modules import GRU, LSTM, RNN
from packseq.torch.verbs import Lengths, final, map, pack, pool

__all__ = ["SequenceModel", "load", "save"]

_DTYPES: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float64: np.float64}


class SequenceModel(nn.Module):
    """An embedding if there is a vocabulary, a recurrent stack, and a linear head.

    The torch module of a packseq.Model: fields embedding (None without a vocabulary), rnn and
    head, whose names the state_dict has. pooling: what goes into the head, of each sequence the
    "last" states, the "mean" or the "max" of its outputs, or each "token". classes: the names of
    the classes, or None; metadata: further strings, for files.
    """

    embedding: nn.Embedding | None

    def __init__(self, model: Model) -> None:
        """With the model's architecture and a copy of its parameters."""
        super().__init__()
        spec = model.rnn.spec
        dtype = next(t for t, d in _DTYPES.items() if d == spec.dtype)
        size: dict[str, Any] = {"dtype": dtype}
        self.embedding = None
        if model.vocab_size > 0:
            self.embedding = nn.Embedding(model.vocab_size, spec.input_size, **size)
        self.rnn = _network(model, size)
        width = spec.num_directions * spec.state_size
        self.head = nn.Linear(width, model.n_classes, **size)
        self.pooling = model.head
        self.head_dropout = model.head_dropout
        self.classes = model.classes
        self.metadata = dict(model.metadata)
        tensors = {name: torch.from_numpy(a.copy()) for name, a in model.parameters.items()}
        self.load_state_dict(tensors)

    def forward(
        self, x: PackedSequence | Tensor | Iterable[Tensor], lengths: Lengths | None = None
    ) -> Any:
        """Logits [B, C], or for pooling "token" a PackedSequence of rows [C].

        x: a PackedSequence, a list of sequences, [L_b] tokens or [L_b, I] rows, or a padded tensor
        [B, S] or [B, S, I] with lengths. Errors: as packseq.torch.pack and the modules.
        """
        if not isinstance(x, PackedSequence):
            x = pack(x, lengths)
        if self.embedding is not None:
            x = map(self.embedding, x)
        y, states = self.rnn(x)
        if self.pooling == "token":
            return map(self._classify, y)
        if self.pooling == "last":
            return self._classify(final(states, bidirectional=self.rnn.bidirectional))
        return self._classify(pool(y, self.pooling))

    def _classify(self, features: Tensor) -> Tensor:
        dropped = nn.functional.dropout(features, self.head_dropout, self.training)
        logits: Tensor = self.head(dropped)
        return logits

    def extra_repr(self) -> str:
        return f"pooling={self.pooling!r}"


def _network(model: Model, size: dict[str, Any]) -> RNN | LSTM | GRU:
    spec = model.rnn.spec
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "rnn_tanh": (RNN, {"nonlinearity": "tanh"}),
        "rnn_relu": (RNN, {"nonlinearity": "relu"}),
        "lstm": (LSTM, {"proj_size": spec.proj_size}),
        "gru": (GRU, {}),
    }
    kind, options = kinds[model.cell]
    network: RNN | LSTM | GRU = kind(
        spec.input_size,
        spec.hidden_size,
        spec.num_layers,
        bias=spec.bias,
        dropout=spec.dropout,
        bidirectional=spec.bidirectional,
        **options,
        **size,
    )
    return network


def load(path: Path) -> SequenceModel:
    """The model of a file that the command, packseq.save() or save() wrote, in training mode.

    Errors: as packseq.load.
    """
    return SequenceModel(files.load(path))


def save(
    module: nn.Module,
    path: Path,
    *,
    pooling: str | None = None,
    classes: Iterable[str] | None = None,
) -> None:
    """Writes a module with the fields rnn, head and perhaps embedding, and no other parameters.

    rnn is an RNN, LSTM or GRU of torch or ours, head a Linear with a bias, embedding an Embedding;
    all in float32 or all in float64, on any device. pooling, classes, head_dropout and metadata
    are the module's attributes of these names where they are not given. `packseq run` and `eval`
    read the file where packseq.save says so. TypeError: a field of another type, another dtype.
    ValueError: no pooling, further parameters, wrong names of classes. OSError: as packseq.save.
    """
    rnn = _field(module, "rnn", nn.RNNBase)
    head = _field(module, "head", nn.Linear)
    embedding = getattr(module, "embedding", None)
    if embedding is not None:
        embedding = _field(module, "embedding", nn.Embedding)
    pooling = getattr(module, "pooling", None) if pooling is None else pooling
    if pooling is None:
        raise ValueError("pooling is missing: what goes into the head, last, mean, max or token")
    tensors = module.state_dict()
    model = Model(
        rnn.mode.lower(),
        rnn.input_size,
        rnn.hidden_size,
        head.out_features,
        vocab_size=0 if embedding is None else embedding.num_embeddings,
        head=pooling,
        head_dropout=getattr(module, "head_dropout", 0.0),
        num_layers=rnn.num_layers,
        bias=rnn.bias,
        dropout=rnn.dropout,
        bidirectional=rnn.bidirectional,
        proj_size=rnn.proj_size,
        classes=getattr(module, "classes", None) if classes is None else classes,
        seed=0,
        dtype=_dtype(tensors),
    )
    model.metadata = dict(getattr(module, "metadata", {}))
    model.parameters.load({name: x.detach().cpu().numpy() for name, x in tensors.items()})
    files.save(model, path)


def _field(module: nn.Module, name: str, kind: type[nn.Module]) -> Any:
    value = getattr(module, name, None)
    if not isinstance(value, kind):
        raise TypeError(f"module.{name} is {type(value).__name__}, must be {kind.__name__}")
    return value


def _dtype(tensors: dict[str, Tensor]) -> Any:
    dtypes = {x.dtype for x in tensors.values()}
    if len(dtypes) != 1 or not dtypes <= _DTYPES.keys():
        names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
        raise TypeError(f"module has {names}, must be all float32 or all float64")
    return _DTYPES[dtypes.pop()]
