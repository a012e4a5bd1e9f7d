# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Structure operations: which rows of which batches make a new batch.

A plan is made from layouts alone and applied to any number of row arrays. It keeps the layouts
alive that it was made from, since C borrows them. What plans mean is in packseq/plan.h.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from packseq._core import (
    Array,
    Layout,
    Memory,
    call,
    context,
    fill_value,
    holding,
    integers,
    memory,
)
from packseq._native import ffi, lib

_INT64 = np.iinfo(np.int64)


class Plan:
    """Of which rows of `sources` each sequence of `layout` consists. Immutable."""

    ptr: Any
    sources: tuple[Layout, ...]

    def __init__(self, ptr: Any, sources: tuple[Layout, ...]) -> None:
        """From a psq_plan, which it owns from now on, and the layouts that it was made from."""
        # None of the sources is destroyed before the plan.
        self.ptr = ffi.gc(ptr, holding(lib.psq_plan_destroy, sources))
        self.sources = sources

    @classmethod
    def _of(cls, function: Callable[..., int], layout: Layout, *args: Any) -> Self:
        out = ffi.new("psq_plan **")
        call(function, context(), layout.ptr, *args, out)
        return cls(out[0], (layout,))

    @classmethod
    def _of_many(cls, function: Callable[..., int], layouts: Sequence[Layout]) -> Self:
        out = ffi.new("psq_plan **")
        sources = tuple(layouts)
        pointers = ffi.new("psq_layout *[]", [layout.ptr for layout in sources])
        call(function, context(), pointers, len(sources), out)
        return cls(out[0], sources)

    # -- making plans

    @classmethod
    def select(cls, layout: Layout, indices: ArrayLike) -> Self:
        """Sequence i of the result is sequence indices[i], from 0 to B - 1, as often as it comes.

        TypeError: indices that are no integers. ValueError: an index that is no sequence.
        """
        array = integers("indices", indices)
        pointer = ffi.from_buffer("int64_t[]", array)
        return cls._of(lib.psq_plan_select, layout, pointer, array.size)

    @classmethod
    def slice(cls, layout: Layout, first: int | None, end: int | None) -> Self:
        """Rows [first:end] of every sequence, with Python's meaning; what has none is empty."""
        start = 0 if first is None else _clip(first)
        stop = lib.PSQ_END if end is None else _clip(end)
        return cls._of(lib.psq_plan_slice, layout, start, stop)

    @classmethod
    def reverse(cls, layout: Layout) -> Self:
        """Every sequence from its own last row to its first."""
        return cls._of(lib.psq_plan_reverse, layout)

    @classmethod
    def limit(cls, layout: Layout, max_length: int, how: int) -> Self:
        """No sequence longer than max_length; `how` is lib.PSQ_TRUNCATE_NEVER, _END or _START.

        ValueError: a negative max_length; with PSQ_TRUNCATE_NEVER a sequence that is longer.
        """
        return cls._of(lib.psq_plan_limit, layout, _clip(max_length), how)

    @classmethod
    def split_at(cls, layout: Layout, where: Any, flags: Memory) -> Self:
        """Every sequence is cut before each row with a flag: a byte for each row of `where`."""
        pointer = memory("flags", flags, layout.n_stored_rows(where))
        return cls._of(lib.psq_plan_split_at, layout, where, ffi.cast("uint8_t *", pointer))

    @classmethod
    def concat(cls, layouts: Sequence[Layout]) -> Self:
        """All sequences of the first, then all of the second and so on."""
        return cls._of_many(lib.psq_plan_concat, layouts)

    @classmethod
    def join(cls, layouts: Sequence[Layout]) -> Self:
        """Joined in time: sequence b is that of the first, then that of the second and so on.

        ValueError: none, or different numbers of sequences.
        """
        return cls._of_many(lib.psq_plan_join, layouts)

    @classmethod
    def split(cls, layout: Layout, n_parts: int) -> list[Self]:
        """Whole sequences dealt to n_parts that have about equally many rows.

        ValueError: n_parts is below 1. MemoryError: more parts than there is memory for.
        """
        n = operator.index(n_parts)
        if n < 1:
            raise ValueError(f"n_parts is {n}, must be at least 1")
        try:
            out = ffi.new("psq_plan *[]", n)
        except OverflowError:
            raise MemoryError(f"n_parts is {n}, which is too much") from None
        call(lib.psq_plan_split, context(), layout.ptr, n, out)
        return [cls(ptr, (layout,)) for ptr in out]

    @classmethod
    def inverse(cls, plans: Sequence[Plan]) -> Self:
        """The way back from the results of plans that use each row of one source exactly once.

        ValueError: none, plans of different sources, a row that is used twice or never.
        """
        out = ffi.new("psq_plan **")
        pointers = ffi.new("psq_plan *[]", [plan.ptr for plan in plans])
        call(lib.psq_plan_inverse, context(), pointers, len(plans), out)
        return cls(out[0], tuple(plan.layout for plan in plans))

    # -- using them

    @cached_property
    def layout(self) -> Layout:
        """Of the result."""
        return Layout.borrowed(lib.psq_plan_layout(self.ptr), self.ptr)

    def apply(
        self,
        dst: Memory,
        dst_storage: Any,
        sources: Sequence[Memory],
        src_storages: Sequence[Any],
        row_bytes: int,
        fill: Array | np.generic | None = None,
    ) -> None:
        """Writes the rows of the result to dst; its padding becomes `fill`.

        sources and src_storages have an item for each of the plan's sources; all memory holds all
        rows of its storage, of row_bytes each, and dst overlaps none. ValueError: as
        Layout.convert; another number of sources.
        """
        pattern, _element = fill_value(fill)
        pointers = self._pointers("sources", sources, src_storages, row_bytes, written=False)
        target = memory(
            "dst", dst, self.layout.n_stored_rows(dst_storage) * row_bytes, written=True
        )
        storages = ffi.new("psq_storage[]", list(src_storages))
        call(
            lib.psq_plan_apply,
            self.ptr,
            storages,
            pointers,
            dst_storage,
            target,
            row_bytes,
            pattern,
        )

    def adjoint(
        self,
        grad: Memory,
        grad_storage: Any,
        sources: Sequence[Memory | None],
        src_storages: Sequence[Any],
        dtype: int,
        n_cols: int,
    ) -> None:
        """Adds the rows of grad, the result's gradient, to those of the sources; None: not wanted.

        Rows are n_cols numbers of `dtype`, lib.PSQ_F32 or PSQ_F64. ValueError: as apply.
        """
        row_bytes = lib.psq_dtype_size(dtype) * n_cols
        given = memory("grad", grad, self.layout.n_stored_rows(grad_storage) * row_bytes)
        pointers = self._pointers("sources", sources, src_storages, row_bytes, written=True)
        storages = ffi.new("psq_storage[]", list(src_storages))
        call(lib.psq_plan_adjoint, self.ptr, dtype, grad_storage, given, storages, pointers, n_cols)

    def _pointers(
        self,
        name: str,
        where: Sequence[Memory | None],
        storages: Sequence[Any],
        row_bytes: int,
        *,
        written: bool,
    ) -> Any:
        if not len(where) == len(storages) == len(self.sources):
            raise ValueError(
                f"{len(where)} {name} in {len(storages)} storages for a plan of {len(self.sources)}"
            )
        pointers = ffi.new("void *[]", len(where))
        for k, (layout, item, storage) in enumerate(
            zip(self.sources, where, storages, strict=True)
        ):
            if item is not None:
                size = layout.n_stored_rows(storage) * row_bytes
                pointers[k] = memory(f"{name}[{k}]", item, size, written=written)
            elif not written:
                raise TypeError(f"{name}[{k}] is None, must be memory")
        return pointers


def _clip(index: int) -> int:
    """An index as int64: Python cuts off what lies beyond a sequence, however large."""
    return min(max(operator.index(index), int(_INT64.min)), int(_INT64.max))
