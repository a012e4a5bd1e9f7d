# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Model files: safetensors with PyTorch's names, as the command reads and writes them.

Files from strangers are read by the safetensors package, the audited reader of the format; what it
hands on, names, shapes and metadata, is checked by C against the architecture before memory is
taken for any weight. Writing is done here: the package writes metadata in an order that changes
from process to process, and the same model has to give the same file, byte for byte, which is the
file that the command writes.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from packseq import _core
from packseq._buffers import ALIGN
from packseq._checks import INT64_MAX
from packseq._core import Array, FormatError, call
from packseq._native import ffi, lib
from packseq.model import Model, is_text, spec_of

__all__ = ["load", "save"]

# What the command adds to the architecture: that tokens are bytes, and the names of the classes.
_INPUT, _BYTES, _CLASSES = "cli.input", "bytes", "cli.classes"
_OURS = "packseq."

# Bytes of a key, and of a header, as packseq/io.h has them.
_MAX_NAME = 1024
_MAX_HEADER = 100_000_000
_UNFIT = re.compile("[\x00\ud800-\udfff]")  # what no value has

_DTYPES = {ffi.string(lib.psq_dtype_name(i)).decode(): i for i in range(lib.PSQ_N_DTYPE)}

Path = str | os.PathLike[str]


# ---- reading


def load(path: Path) -> Model:
    """The model of a file that the command, save() or packseq.torch.save() wrote.

    FormatError: no safetensors file; metadata that describe no model; a tensor that is missing, is
    no parameter, or has another shape or dtype, named beside the right one. OSError: the system
    refuses to read. ImportError: no safetensors package.
    """
    name = os.fsdecode(path)
    _require_file(name)
    safetensors = _package()
    try:
        with safetensors.safe_open(name, framework="np") as file:
            return _read(file)
    except safetensors.SafetensorError as error:
        raise FormatError(f"{name}: {error}") from None
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None


def _package() -> Any:
    try:
        import safetensors
    except ImportError:
        raise ImportError(
            "reading model files needs the package safetensors: packseq[files] installs it"
        ) from None
    return safetensors


def _require_file(name: str) -> None:
    mode = os.stat(name).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is no regular file", name)


def _read(file: Any) -> Model:
    metadata: dict[str, str] = file.metadata() or {}
    for key, value in metadata.items():
        if "\x00" in key or "\x00" in value:  # where C's strings, and so checks, would end
            raise FormatError(f"metadata {key[:40]!r} has a NUL")
    names = list(file.keys())
    spec = spec_of(metadata)
    # Before memory is taken for a table of so many layers.
    if spec.rnn.n_layers > len(names):
        raise FormatError(
            f"packseq.n_layers is {spec.rnn.n_layers}, {len(names)} tensors are there"
        )
    _check(spec, names, file)
    model = Model.from_pairs(metadata)
    for name in names:
        model.parameters[name][...] = file.get_tensor(name)
    _adopt(model, metadata)
    return model


def _check(spec: Any, names: list[str], file: Any) -> None:
    """Holds the tensors against the architecture; only their headers are looked at."""
    out = ffi.new("psq_model **")
    try:
        call(lib.psq_model_create, _core.context(), spec, out)
    except (ValueError, NotImplementedError, MemoryError) as error:
        raise FormatError(str(error)) from None
    model = ffi.gc(out[0], lib.psq_model_destroy)
    tensors = ffi.new("psq_tensor[]", len(names))
    alive = [ffi.new("char[]", name.encode()) for name in names]
    for tensor, name, text in zip(tensors, names, alive, strict=True):
        part = file.get_slice(name)
        shape, dtype = part.get_shape(), part.get_dtype()
        if len(shape) > lib.PSQ_MAX_DIMS:
            raise FormatError(f"{name} has {len(shape)} dimensions, at most 2 are needed")
        # A dimension beyond int64, beside one of 0, becomes its end, which no parameter has.
        tensor.name, tensor.n_dims = text, len(shape)
        tensor.dims[0 : len(shape)] = [min(size, INT64_MAX) for size in shape]
        tensor.dtype = _DTYPES.get(dtype, lib.PSQ_N_DTYPE)
        tensor.data = text  # C only looks whether there are data at all
    call(lib.psq_model_import, model, tensors, len(names), ffi.NULL)


def _adopt(model: Model, metadata: Mapping[str, str]) -> None:
    """Takes what is no architecture: names of classes, and what others wrote."""
    model.metadata = {
        key: value
        for key, value in metadata.items()
        if not key.startswith(_OURS) and key not in (_INPUT, _CLASSES)
    }
    if _CLASSES in metadata:
        try:
            names = json.loads(metadata[_CLASSES])
        except (ValueError, RecursionError):
            names = None
        if not isinstance(names, list):
            raise FormatError(f"{_CLASSES} is {metadata[_CLASSES][:40]!r}, must be a JSON array")
        try:
            model.classes = names
        except (TypeError, ValueError) as error:
            raise FormatError(f"{_CLASSES}: {error}") from None


# ---- writing


def save(model: Model, path: Path) -> None:
    """Writes a model so that load(), the command and packseq.torch.load() read it.

    With names for its classes, a vocabulary of 256 and a head for sequences the model goes into
    `packseq run` and `eval`: tokens are bytes to them. The file takes the place of an old one only
    when it is complete. TypeError: no Model. ValueError: metadata that files cannot hold. OSError:
    the system refuses; an old file is untouched then.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model is {type(model).__name__}, must be a packseq.Model")
    pairs = _checked(model.metadata) | model.pairs()
    if model.classes is not None:
        pairs[_CLASSES] = json.dumps(model.classes, ensure_ascii=False, separators=(",", ":"))
        if model.vocab_size == 256 and model.head != "token":
            pairs[_INPUT] = _BYTES
    tensors = sorted(model.parameters.items())
    _replace(os.fsdecode(path), [_header(pairs, tensors), *(array for _, array in tensors)])


def _checked(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata[{key!r}] is {value!r}, must be a string")
        if key.startswith(_OURS) or key in (_INPUT, _CLASSES):
            raise ValueError(f"metadata[{key!r}] is the model's own")
        if not 0 < len(key.encode(errors="replace")) <= _MAX_NAME or not is_text(key):
            raise ValueError(f"metadata has the key {key[:40]!r}, must be short and printable")
        if _UNFIT.search(value):
            raise ValueError(f"metadata[{key!r}] has a NUL or a half of a character")
    return dict(metadata)


def _header(pairs: Mapping[str, str], tensors: Iterable[tuple[str, Array]]) -> bytes:
    header: dict[str, Any] = {"__metadata__": dict(sorted(pairs.items()))}
    first = 0
    for name, array in tensors:
        end = first + array.nbytes
        dtype = "F64" if array.dtype == np.float64 else "F32"
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [first, end]}
        first = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGN)
    if len(text) > _MAX_HEADER:
        raise ValueError(f"metadata make a header of {len(text)} bytes, at most {_MAX_HEADER} fit")
    return len(text).to_bytes(8, "little") + text


def _replace(path: str, chunks: Iterable[bytes | Array]) -> None:
    """Writes a file beside the old one and moves it over that, each step on the disk."""
    folder = os.path.dirname(path) or "."
    beside = f"{path}.{secrets.token_hex(8)}.tmp"
    try:
        with open(beside, "xb") as file:
            for chunk in chunks:
                file.write(chunk if isinstance(chunk, bytes) else chunk.data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        if os.path.exists(beside):
            os.remove(beside)
        raise
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
