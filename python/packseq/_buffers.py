# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Memory of networks: named parameters in one flat array, and buffers that C works in.

The C library wants parameters in one flat buffer, so that an optimiser is one loop; people want
names. Parameters has both. Panels, reserve and scratch must begin at a multiple of 64 bytes, which
NumPy does not promise, and are large enough that asking the system for them on every call would
show; a Pool keeps the ones that are not in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from packseq import _core
from packseq._core import Array
from packseq._inputs import numbers
from packseq._native import ffi

ALIGN = 64


class Parameter(NamedTuple):
    """Where a parameter lies in the flat buffer: PyTorch's name, first element, shape."""

    name: str
    offset: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


def table_of(params: Any, n_params: int) -> tuple[Parameter, ...]:
    """The rows of a psq_param array; as in C, what has `bias` in its name has one dimension."""
    rows = (params[i] for i in range(n_params))
    names = [(ffi.string(row.name).decode(), row) for row in rows]
    return tuple(
        Parameter(name, row.offset, (row.n_rows,) if "bias" in name else (row.n_rows, row.n_cols))
        for name, row in names
    )


class Parameters(Mapping[str, Array]):
    """The parameters of a network, or their gradients, by name: views into the array `flat`.

    Writing into a view, or p[name] = values of its shape, changes the network.
    """

    def __init__(self, table: Sequence[Parameter], flat: Array) -> None:
        self._flat = flat
        self.table = table
        self._views = {p.name: flat[p.offset : p.offset + p.size].reshape(p.shape) for p in table}

    @property
    def flat(self) -> Array:
        """All of them, one after the other."""
        return self._flat

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        self._views[name][...] = self._fitting(name, values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def _fitting(self, name: str, values: ArrayLike) -> Array:
        if name not in self._views:
            raise ValueError(f"{name!r} is no parameter of this network")
        array = numbers(name, values, self.flat.dtype)
        shape = self._views[name].shape
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, must have {shape}")
        return array

    def load(self, values: Mapping[str, ArrayLike]) -> None:
        """Copies all parameters from a mapping: a state_dict, a file, another network's.

        ValueError: a name that is missing or is no parameter, another shape, which is named beside
        the right one. TypeError: no real numbers. Nothing is changed then.
        """
        for name in self._views:
            if name not in values:
                raise ValueError(f"{name} is missing")
        fitting = {name: self._fitting(name, array) for name, array in values.items()}
        for name, array in fitting.items():
            self._views[name][...] = array

    def check_like(self, name: str, other: object) -> None:
        """Whether gradients can be added to `other`.

        TypeError: it is no Parameters, or of another dtype. ValueError: of another network, or
        read-only.
        """
        if not isinstance(other, Parameters):
            raise TypeError(f"{name} is {type(other).__name__}, must be Parameters")
        if other.flat.dtype != self.flat.dtype:
            raise TypeError(f"{name} has dtype {other.flat.dtype}, must have {self.flat.dtype}")
        if other.table != self.table:
            raise ValueError(f"{name} has other parameters than this network")
        _core.memory(name, other.flat, self.flat.nbytes, written=True)

    def zeros(self) -> Parameters:
        """As many zeros under the same names: where gradients can be added up."""
        return Parameters(self.table, np.zeros_like(self.flat))

    def set_writeable(self, flag: bool) -> None:
        """Whether these arrays may be written to; views that were made of them do not follow."""
        # A view can be made writeable only while what it views is.
        for array in (self.flat, *self._views.values()):
            array.flags.writeable = flag

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameters, (tuple(self.table), self._flat)  # the views are made anew

    def __repr__(self) -> str:
        shapes = ", ".join(f"{p.name} {list(p.shape)}" for p in self.table)
        return f"Parameters({self.flat.dtype}: {shapes})"


# ---- memory for C


def aligned(n_bytes: int) -> Array:
    """Bytes that begin at a multiple of 64, not set to anything."""
    block = np.empty(n_bytes + ALIGN, np.uint8)
    first = -block.ctypes.data % ALIGN
    return block[first : first + n_bytes]


class Pool:
    """Buffers of one use that nobody is using: the next call with that use takes them.

    Threads may share it: what one has taken, no other gets.
    """

    def __init__(self) -> None:
        self._free: list[Array] = []

    def take(self, n_bytes: int) -> Array:
        """A buffer of at least so many bytes; one that is too small is dropped for a larger."""
        try:
            buffer = self._free.pop()
        except IndexError:
            return aligned(n_bytes)
        return buffer if buffer.nbytes >= n_bytes else aligned(n_bytes)

    def give(self, buffer: Array) -> None:
        """Back again; at most two are kept, for a forward that comes before a backward."""
        if len(self._free) < 2:
            self._free.append(buffer)
