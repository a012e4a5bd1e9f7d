# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Model: tokens or rows -> recurrent stack -> head, what the command trains and model files hold.

The model is C's: psq_model says what its parameters are, psq_session runs it, so that a file that
the command wrote gives here the bits that `packseq run` computes. A session serves one thread at a
time; a lock sees to it. Sequences go to C in jagged order, as psq_samples wants them.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from packseq import _core, nn
from packseq._buffers import Parameters, table_of
from packseq._checks import choice, integer, real, seed_of
from packseq._core import Array, address, call, holding, make
from packseq._inputs import rows_of, tokens32, tokens_of
from packseq._native import ffi, lib
from packseq._passes import Spec, code_of, dtype_of, pointer, renamed
from packseq.build import pack
from packseq.sequence import PackedSequence

Sequences: TypeAlias = PackedSequence | Sequence[ArrayLike | str | bytes]


def _names(name_of: Any, n: int) -> dict[str, int]:
    return {ffi.string(name_of(i)).decode(): i for i in range(n)}


CELLS = _names(lib.psq_cell_name, lib.PSQ_N_CELL)
HEADS = _names(lib.psq_head_name, lib.PSQ_N_HEAD)


@dataclass(frozen=True)
class Score:
    """How well a model does on targets."""

    loss: float  # the mean of the cross-entropies of valid targets, in nats; 0 without any
    n: int  # valid targets
    n_correct: int  # of those, how many have the largest logit


class Model:
    """An embedding if there is a vocabulary, an RNN, LSTM or GRU, and a linear head.

    Letters: B sequences, C classes, V tokens, I = input_size, W = D*R, what the network puts out.
    parameters: embedding.weight [V, I] if V > 0, rnn.* as in packseq.nn, head.weight [C, W],
    head.bias [C]. classes: the names of the classes, or None. metadata: further strings that go
    with the model into files. loss, gradients and predictions are those of packseq/train.h.
    """

    def __init__(
        self,
        cell: str,
        input_size: int,
        hidden_size: int,
        n_classes: int,
        *,
        vocab_size: int = 0,
        head: str = "last",
        head_dropout: float = 0.0,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        classes: Iterable[str] | None = None,
        seed: int | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Parameters as torch's modules begin with, a function of seed; None: of chance.

        cell: "rnn_tanh", "rnn_relu", "lstm", "gru". vocab_size V > 0: sequences are tokens 0 to
        V-1, else rows of I numbers. head: what is classified, each sequence by its "last" states,
        the "mean" or the "max" of its outputs, or each "token". head_dropout: before the head, in
        training. ValueError: a value out of range. TypeError: no integers, another dtype.
        """
        sizes = {
            "input_size": input_size,
            "hidden_size": hidden_size,
            "n_layers": num_layers,
            "proj_size": proj_size,
        }
        rnn = {name: integer(name, value) for name, value in sizes.items()} | {
            "cell": choice("cell", cell, CELLS),
            "dtype": code_of(dtype),
            "bias": bool(bias),
            "bidirectional": bool(bidirectional),
            "dropout": real("dropout", dropout, 0, 1),
        }
        spec = make("psq_model_spec")
        spec.vocab_size = integer("vocab_size", vocab_size)
        spec.n_classes = integer("n_classes", n_classes)
        spec.head = choice("head", head, HEADS)
        spec.dropout = real("head_dropout", head_dropout, 0, 1)
        for name, value in rnn.items():
            setattr(spec.rnn, name, value)
        self._create(spec)
        lib.psq_model_init(self.ptr, seed_of(seed), address(self.parameters.flat))
        self.classes = classes

    def _create(self, spec: Any) -> None:
        """From a psq_model_spec; parameters are not set."""
        out = ffi.new("psq_model **")
        with renamed():
            call(lib.psq_model_create, _core.context(), spec, out)
        self.ptr = ffi.gc(out[0], lib.psq_model_destroy)
        self.c_spec = lib.psq_model_get_spec(self.ptr)
        self._lock = threading.Lock()
        self._sessions: dict[Any, Any] = {}
        _MODELS.add(self)
        self._classes: tuple[str, ...] | None = None
        self.metadata: dict[str, str] = {}
        self.parameters = Parameters(
            table_of(lib.psq_model_params(self.ptr), lib.psq_model_n_params(self.ptr)),
            np.zeros(lib.psq_model_n_weights(self.ptr), dtype_of(self.c_spec.rnn.dtype)),
        )

    # -- what it is

    @property
    def n_classes(self) -> int:
        """C."""
        return int(self.c_spec.n_classes)

    @property
    def cell(self) -> str:
        """The kind of the recurrent stack."""
        return str(ffi.string(lib.psq_cell_name(self.c_spec.rnn.cell)).decode())

    @property
    def vocab_size(self) -> int:
        """V; 0: sequences are rows."""
        return int(self.c_spec.vocab_size)

    @property
    def head(self) -> str:
        """What is classified."""
        return str(ffi.string(lib.psq_head_name(self.c_spec.head)).decode())

    @property
    def head_dropout(self) -> float:
        """Before the head, in training."""
        return float(self.c_spec.dropout)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes."""
        return self._classes

    @classes.setter
    def classes(self, names: Iterable[str] | None) -> None:
        self._classes = None if names is None else checked_classes(names, self.n_classes)

    @property
    def rnn(self) -> nn.RNN | nn.LSTM | nn.GRU:
        """The recurrent stack as a network of packseq.nn, on the same memory."""
        c = self.c_spec.rnn
        spec = Spec(
            c.cell, c.input_size, c.hidden_size, c.n_layers, c.bias, c.bidirectional,
            c.proj_size, c.dropout, dtype_of(c.dtype),
        )  # fmt: skip
        first = self.vocab_size * c.input_size
        return nn.sharing(spec, self.parameters.flat[first:])

    # -- running it

    def logits(self, x: Sequences) -> Any:
        """[B, C], or for the token head a PackedSequence with rows [C].

        x: a PackedSequence or a list; of rows of I numbers, or of tokens: integers, bytes, or str,
        which is its UTF-8. ValueError: a token that is none, rows of another width. TypeError: no
        numbers.
        """
        batch = self._read(x)
        out = np.empty((self._n_targets(batch), self.n_classes), self.parameters.flat.dtype)
        self._run(batch, None, pointer(out))
        return self._shown(out, batch)

    def predict(self, x: Sequences) -> Any:
        """The class with the largest logit, int32 [B], or for the token head a PackedSequence.

        Errors: as logits.
        """
        batch = self._read(x)
        out = np.empty(self._n_targets(batch), np.int32)
        self._run(batch, None, ffi.NULL, pointer(out))
        return self._shown(out, batch)

    def probabilities(self, x: Sequences) -> Any:
        """The softmax of the logits in double, in the same shapes. Errors: as logits."""
        logits = self.logits(x)
        rows = (logits.rows if isinstance(logits, PackedSequence) else logits).astype(np.float64)
        powers = np.exp(rows - rows.max(axis=-1, keepdims=True))
        values = powers / powers.sum(axis=-1, keepdims=True)
        return logits.with_rows(values) if isinstance(logits, PackedSequence) else values

    def evaluate(self, x: Sequences, targets: ArrayLike | PackedSequence) -> Score:
        """Loss and hits. targets: classes [B], for the token head of all rows; -1 does not count.

        ValueError: a target that is no class, another number of them. Else as logits.
        """
        batch = self._read(x)
        return self._run(batch, self._targets(targets, batch))

    def gradient(
        self,
        x: Sequences,
        targets: ArrayLike | PackedSequence,
        *,
        seed: int = 0,
        into: Parameters | None = None,
    ) -> tuple[Score, Parameters]:
        """Loss in training, and its gradients by the parameters, which are added to `into`.

        Dropout's mask is a function of seed. Errors: as evaluate; as Output.backward for `into`.
        """
        batch = self._read(x)
        if into is None:
            into = self.parameters.zeros()
        else:
            self.parameters.check_like("into", into)
        samples = self._targets(targets, batch)
        return self._run(batch, samples, seed=seed_of(seed), dweights=into.flat), into

    def _read(self, x: Sequences) -> PackedSequence:
        if isinstance(x, str | bytes):
            raise TypeError(f"x is {type(x).__name__}, must be a list of sequences: [x] for one")
        if not isinstance(x, PackedSequence):
            x = pack([s.encode() if isinstance(s, str) else s for s in x])
        rows, offsets = x.to_jagged()
        if self.vocab_size > 0:
            rows = tokens_of(rows, rows.shape[:1])
        else:
            dtype = self.parameters.flat.dtype
            rows = rows_of(rows, rows.shape[:1], int(self.c_spec.rnn.input_size), dtype)
        layout = x.layout if x.order == "jagged" else _core.Layout.from_offsets(offsets)
        return PackedSequence(rows, layout)

    def _n_targets(self, batch: PackedSequence) -> int:
        return len(batch.rows) if self.head == "token" else len(batch)

    def _targets(self, targets: ArrayLike | PackedSequence, batch: PackedSequence) -> Array:
        if isinstance(targets, PackedSequence):
            if not targets.layout.same_lengths(batch.layout):
                raise ValueError(f"targets has {targets.layout}, x has {batch.layout}")
            targets = targets.to_jagged()[0]
        array = tokens32("targets", targets)
        n = self._n_targets(batch)
        if array.shape != (n,):
            raise ValueError(f"targets has shape {array.shape}, must have {(n,)}")
        return array

    def _shown(self, values: Array, batch: PackedSequence) -> Any:
        return PackedSequence(values, batch.layout) if self.head == "token" else values

    def _run(
        self,
        batch: PackedSequence,
        targets: Array | None,
        logits: Any = ffi.NULL,
        predictions: Any = ffi.NULL,
        *,
        seed: int = 0,
        dweights: Array | None = None,
    ) -> Score:
        layout, field = batch.layout, "tokens" if self.vocab_size > 0 else "rows"
        samples = ffi.new("psq_samples *", {"n_seq": layout.n_sequences})
        samples.offsets = lib.psq_layout_offsets(layout.ptr)
        setattr(samples, field, pointer(batch.rows))
        if targets is not None:
            samples.targets = pointer(targets)
        result = ffi.new("psq_batch_result *")
        args = [self._weights(), samples, ffi.NULL, layout.n_sequences]
        with self._lock:
            if dweights is None:
                args += [logits, predictions, result]
                call(lib.psq_session_eval, self._session(), *args)
            else:
                args += [seed, address(dweights), result]
                call(lib.psq_session_grad, self._session(), *args)
        loss = result.loss_sum / result.n_valid if result.n_valid else 0.0
        return Score(float(loss), int(result.n_valid), int(result.n_correct))

    def _weights(self) -> Any:
        flat = self.parameters.flat
        dtype = dtype_of(self.c_spec.rnn.dtype)
        if flat.dtype != dtype:
            raise TypeError(f"parameters have dtype {flat.dtype}, must have {dtype}")
        n_bytes = int(lib.psq_model_n_weights(self.ptr)) * dtype.itemsize
        return _core.memory("parameters", flat, n_bytes)

    def _session(self) -> Any:
        ctx = _core.context()
        if ctx not in self._sessions:
            out = ffi.new("psq_session **")
            call(lib.psq_session_create, ctx, self.ptr, out)
            self._sessions[ctx] = ffi.gc(out[0], holding(lib.psq_session_destroy, self.ptr))
        return self._sessions[ctx]

    # -- as a value

    def pairs(self) -> dict[str, str]:
        """The architecture as strings, as files have it in their metadata."""
        meta = ffi.new("psq_model_meta *")
        tensors = ffi.new("psq_tensor[]", len(self.parameters))
        lib.psq_model_export(self.ptr, self._weights(), tensors, meta)
        return {
            ffi.string(pair.key).decode(): ffi.string(pair.value).decode()
            for pair in meta.pairs[0 : meta.n_pairs]
        }

    @classmethod
    def from_pairs(cls, pairs: dict[str, str]) -> Model:
        """A model with this architecture whose parameters are zeros; FormatError: no such pairs."""
        model = cls.__new__(cls)
        model._create(spec_of(pairs))
        return model

    def __reduce__(self) -> tuple[Any, ...]:
        flat, names = self.parameters.flat, self.classes
        return _restored, (self.pairs(), flat, names, self.metadata)

    def __repr__(self) -> str:
        v = f"embedding {self.vocab_size}, " if self.vocab_size else ""
        return f"Model({v}{self.rnn!r}, {self.head} head of {self.n_classes} classes)"


# A child of fork has no thread that would release a lock that was held, or finish its session.
_MODELS: weakref.WeakSet[Model] = weakref.WeakSet()
_LEFT: list[Any] = []


def _after_fork() -> None:
    for model in list(_MODELS):
        if model._lock.locked():
            _LEFT.append(model._sessions)  # half done, so never destroyed
            model._lock, model._sessions = threading.Lock(), {}


os.register_at_fork(after_in_child=_after_fork)


def _restored(
    pairs: dict[str, str], flat: Array, classes: tuple[str, ...] | None, metadata: dict[str, str]
) -> Model:
    model = Model.from_pairs(pairs)
    model.parameters.flat[:] = flat
    model.classes = classes
    model.metadata = dict(metadata)
    return model


def spec_of(pairs: dict[str, str]) -> Any:
    """The psq_model_spec of a file's metadata. FormatError: a key that is missing, or a value."""
    alive = [
        (ffi.new("char[]", k.encode()), ffi.new("char[]", v.encode())) for k, v in pairs.items()
    ]
    items = ffi.new("psq_pair[]", [{"key": key, "value": value} for key, value in alive])
    spec = make("psq_model_spec")
    call(lib.psq_model_spec_from_pairs, items, len(alive), spec)
    return spec


def checked_classes(names: Iterable[str], n_classes: int) -> tuple[str, ...]:
    """As many names of classes, printable and each once, as the command wants them.

    ValueError: other names, or another number of them. TypeError: no strings.
    """
    if isinstance(names, str):
        raise TypeError(f"classes is {names!r}, must be a list of strings")
    classes = tuple(names)
    if len(classes) != n_classes:
        raise ValueError(f"classes has {len(classes)} names, n_classes is {n_classes}")
    for i, name in enumerate(classes):
        if not isinstance(name, str):
            raise TypeError(f"classes[{i}] is {type(name).__name__}, must be a string")
        if not name or not is_text(name):
            raise ValueError(f"classes[{i}] is {name!r}, must be printable")
    if len(set(classes)) < len(classes):
        i = next(i for i, name in enumerate(classes) if name in classes[:i])
        raise ValueError(f"classes[{i}] is {classes[i]!r}, as classes[{classes.index(classes[i])}]")
    return classes


def is_text(name: str) -> bool:
    """UTF-8 without control characters as packseq/io.h has them."""
    controls = ("\x00", "\x1f"), ("\x7f", "\x9f"), ("\u202a", "\u202e"), ("\u2066", "\u2069")
    surrogates = ("\ud800", "\udfff")
    return not any(a <= c <= b for a, b in (*controls, surrogates) for c in name)
