# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Ragged batches of sequences and the recurrent networks on them, without padding.

This file says which names are public and where they live. Modules are imported when a name of
theirs is first used, so that `import packseq` costs little more than NumPy; a type checker sees all
of them at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packseq import optim as optim
    from packseq._core import FormatError as FormatError
    from packseq._core import Layout as Layout
    from packseq._core import get_num_threads as get_num_threads
    from packseq._core import set_num_threads as set_num_threads
    from packseq.batches import BatchReport as BatchReport
    from packseq.batches import BatchSampler as BatchSampler
    from packseq.build import from_arrow as from_arrow
    from packseq.build import from_jagged as from_jagged
    from packseq.build import from_mask as from_mask
    from packseq.build import from_nan_padded as from_nan_padded
    from packseq.build import from_packed as from_packed
    from packseq.build import from_padded as from_padded
    from packseq.build import pack as pack
    from packseq.files import load as load
    from packseq.files import save as save
    from packseq.model import Model as Model
    from packseq.nn import GRU as GRU
    from packseq.nn import LSTM as LSTM
    from packseq.nn import RNN as RNN
    from packseq.ops import concat as concat
    from packseq.sequence import PackedSequence as PackedSequence

# Where the public names live; one that is imported above stands here too.
_HOME = {
    "BatchReport": "batches",
    "BatchSampler": "batches",
    "FormatError": "_core",
    "GRU": "nn",
    "LSTM": "nn",
    "Model": "model",
    "Layout": "_core",
    "PackedSequence": "sequence",
    "RNN": "nn",
    "concat": "ops",
    "from_arrow": "build",
    "from_jagged": "build",
    "from_mask": "build",
    "from_nan_padded": "build",
    "from_packed": "build",
    "from_padded": "build",
    "get_num_threads": "_core",
    "load": "files",
    "pack": "build",
    "save": "files",
    "set_num_threads": "_core",
}

# Modules that are public by themselves.
_MODULES = ("optim",)
# And those that need an extra, so that an asterisk does not ask for them.
_EXTRAS = ("sklearn", "torch")

__all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES or name in _EXTRAS:
        return importlib.import_module(f"packseq.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"packseq.{_HOME[name]}"), name)
    elif name == "__version__":
        value = importlib.import_module("packseq._core").version()
    else:
        raise AttributeError(f"module 'packseq' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
