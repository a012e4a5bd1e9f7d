# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The border to C: contexts, errors, addresses, storages and layouts.

Everything that packseq hands to the C library goes through here. The rules of the border: a call
that fails raises, with the library's sentence; an array's address is only taken once its size and
its contiguity are known; C objects are owned by one Python object each, and what borrows from them
keeps that one alive. Contexts are never destroyed: the objects made with them may outlive anything
else.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import cache, cached_property, lru_cache, partial
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from packseq._native import ffi, lib

Array: TypeAlias = NDArray[Any]
Ints: TypeAlias = NDArray[np.int64]

# Memory that C may use: an array that owns or views it, or its address and its size in bytes, for
# memory that something else than NumPy keeps alive.
Memory: TypeAlias = Array | tuple[int, int]


class FormatError(ValueError):
    """The contents of a file or of metadata are not what they should be."""


EXCEPTIONS: dict[int, type[BaseException]] = {
    lib.PSQ_INVALID: ValueError,
    lib.PSQ_SHAPE: ValueError,
    lib.PSQ_NOMEM: MemoryError,
    lib.PSQ_UNSUPPORTED: NotImplementedError,
    lib.PSQ_IO: OSError,
    lib.PSQ_FORMAT: FormatError,
    lib.PSQ_CANCELLED: KeyboardInterrupt,
    lib.PSQ_INTERNAL: RuntimeError,
}


def call(function: Callable[..., int], *args: Any) -> None:
    """Calls a function of lib that returns a psq_status and takes a psq_error last.

    Raises the exception that EXCEPTIONS has for the status, with the library's sentence.
    """
    error = ffi.new("psq_error *")
    status = function(*args, error)
    if status != lib.PSQ_OK:
        raise EXCEPTIONS[status](ffi.string(error.text).decode(errors="replace"))


def make(struct: str, **fields: Any) -> Any:
    """A new C struct with the header's defaults and these fields, as a pointer that owns it."""
    pointer = ffi.new(f"{struct} *", getattr(lib, f"{struct}_init")())
    for name, value in fields.items():
        setattr(pointer, name, value)
    return pointer


def version() -> str:
    """The version of the library that is running."""
    return str(ffi.string(lib.psq_version()).decode())


def holding(destroy: Callable[[Any], object], *owners: object) -> Callable[[Any], object]:
    """A destructor for ffi.gc that keeps objects alive until it has run, and is no Python code.

    Python code in a destructor may be where a signal's handler runs, and what that raises is lost:
    Ctrl-C would be ignored.
    """
    destructor = partial(destroy)
    destructor.__dict__["owners"] = owners
    return destructor


# ---- threads

_n_threads = 0


def set_num_threads(n: int) -> None:
    """How many threads a call may use from now on; 0: all that the process may use.

    Networks and layouts keep the threads with which they were made. Results do not depend on it.
    ValueError: n is negative or above 256. TypeError: n is no integer.
    """
    global _n_threads
    context(n)
    _n_threads = operator.index(n)


def get_num_threads() -> int:
    """How many threads a call may use, its caller's among them."""
    return int(lib.psq_ctx_n_threads(context()))


def context(n_threads: int | None = None) -> Any:
    """The psq_ctx for this many threads; None: for the process-wide number.

    There is one for each number, made on first use. ValueError, TypeError: as set_num_threads.
    """
    n = _n_threads if n_threads is None else operator.index(n_threads)
    if not 0 <= n <= lib.PSQ_MAX_THREADS:
        raise ValueError(f"n_threads is {n}, must be from 0 to {lib.PSQ_MAX_THREADS}")
    return _make_context(n)


@cache
def _make_context(n_threads: int) -> Any:
    out = ffi.new("psq_ctx **")
    call(lib.psq_ctx_create, make("psq_ctx_opts", n_threads=n_threads), out)
    return out[0]


# ---- arrays

_NULL = ffi.NULL


def address(array: Array) -> Any:
    """A pointer to the elements of an array, for C functions that take void *.

    It keeps the array alive, but a struct that it is stored in does not. ValueError: the array is
    not C-contiguous. TypeError: its elements own something, so they are more than their bytes.
    """
    if not array.flags.c_contiguous:
        raise ValueError(f"array with strides {array.strides} is not C-contiguous")
    if array.dtype.hasobject:
        raise TypeError(f"array has dtype {array.dtype}, whose elements are no plain bytes")
    return ffi.from_buffer(array)


def memory(name: str, where: Memory, n_bytes: int, *, written: bool = False) -> Any:
    """A pointer to memory of exactly n_bytes, for C to read or, if written, to write; as address.

    ValueError: another size, not C-contiguous, or read-only and to be written; `name` is named.
    TypeError: as address.
    """
    if isinstance(where, tuple):
        start, size = where
        pointer = ffi.cast("void *", start)
    else:
        flags, size = where.flags, where.nbytes
        if not flags.c_contiguous:
            raise ValueError(f"{name} with strides {where.strides} is not C-contiguous")
        if written and not flags.writeable:
            raise ValueError(f"{name} is read-only and would be written")
        pointer = address(where)
    if size != n_bytes:
        raise ValueError(f"{name} has {size} bytes, needs {n_bytes}")
    return pointer


def integers(name: str, values: ArrayLike) -> Ints:
    """A C-contiguous int64 array of one dimension of these integers, copied where it is none.

    TypeError: values that are no integers. ValueError: not one dimension, or above int64.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, must have 1")
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {array.dtype}, must be integers")
    if array.dtype == np.uint64 and int(array.max()) > np.iinfo(np.int64).max:
        i = int(array.argmax())
        raise ValueError(f"{name}[{i}] is {array[i]}, must be at most {np.iinfo(np.int64).max}")
    return np.ascontiguousarray(array, np.int64)


# ---- storages


@lru_cache(maxsize=1024)
def storage(order: int, n_steps: int = 0, pad_left: bool = False) -> Any:
    """A psq_storage: where the rows of an array lie; `order` is lib.PSQ_PACKED and so on."""
    return ffi.new("psq_storage *", {"order": order, "pad_left": pad_left, "n_steps": n_steps})[0]


PACKED = storage(lib.PSQ_PACKED)
JAGGED = storage(lib.PSQ_JAGGED)

_ZEROS = ffi.new("psq_fill *")[0]


def fill_value(value: Array | np.generic | None) -> tuple[Any, Any]:
    """A psq_fill that repeats one element, and what must live as long; None: zero bytes."""
    if value is None:
        return _ZEROS, None
    element = np.array(value)
    if element.ndim != 0:
        raise ValueError(f"fill has {element.ndim} dimensions, must be one element")
    fill = ffi.new("psq_fill *", {"value": address(element), "size": element.nbytes})
    return fill[0], element


# ---- layouts


class Layout:
    """Which row of a ragged batch is element (b, t): lengths, and the order of the packed rows.

    Immutable. Two layouts are equal if their lengths are and their ranks too: the sequences of
    equal length may stand in another order in packed rows that came from elsewhere.
    """

    ptr: Any

    def __init__(self, lengths: ArrayLike, *, ctx: Any = None) -> None:
        """From the lengths of B sequences in the user's order, integers of at least 0; B may be 0.

        TypeError: lengths that are no integers. ValueError: not one dimension, a negative length.
        MemoryError: their sum, or the memory, is too much.
        """
        array = integers("lengths", lengths)
        self._create(
            lib.psq_layout_from_lengths, ctx, ffi.from_buffer("int64_t[]", array), array.size
        )

    def _create(self, function: Callable[..., int], ctx: Any, *args: Any) -> Self:
        out = ffi.new("psq_layout **")
        call(function, context() if ctx is None else ctx, *args, out)
        self.ptr = ffi.gc(out[0], lib.psq_layout_destroy)
        return self

    @classmethod
    def from_offsets(cls, offsets: ArrayLike, *, ctx: Any = None) -> Self:
        """From the offsets of jagged rows, [B + 1], beginning with 0 and never decreasing.

        ValueError: other offsets, none among them. TypeError, MemoryError: as Layout.
        """
        array = integers("offsets", offsets)
        if array.size == 0:
            raise ValueError("offsets has 0 elements, needs 1 more than there are sequences")
        pointer = ffi.from_buffer("int64_t[]", array)
        return cls.__new__(cls)._create(lib.psq_layout_from_offsets, ctx, pointer, array.size - 1)

    @classmethod
    def from_batch_sizes(
        cls,
        batch_sizes: ArrayLike,
        sorted_indices: ArrayLike | None = None,
        *,
        n_seq: int | None = None,
        n_rows: int = -1,
        ctx: Any = None,
    ) -> Self:
        """From the fields of a PackedSequence; the order of sequences of equal length is kept.

        batch_sizes [T]; sorted_indices [B], the user's index of each rank, None: ranks are the
        user's order. n_seq may exceed batch_sizes[0]: further ranks have length 0. n_rows: checked
        against the sum, -1: not. ValueError: numbers that do not fit each other. TypeError,
        MemoryError: as Layout.
        """
        sizes = integers("batch_sizes", batch_sizes)
        order = _NULL
        if sorted_indices is not None:
            ranks = integers("sorted_indices", sorted_indices)
            order = ffi.from_buffer("int64_t[]", ranks)
            if n_seq is None:
                n_seq = ranks.size
            elif n_seq != ranks.size:
                raise ValueError(f"sorted_indices has {ranks.size} elements, needs {n_seq}")
        elif n_seq is None:
            n_seq = int(sizes[0]) if sizes.size else 0
        pointer = ffi.from_buffer("int64_t[]", sizes)
        return cls.__new__(cls)._create(
            lib.psq_layout_from_batch_sizes, ctx, pointer, sizes.size, order, n_seq, n_rows
        )

    @classmethod
    def from_mask(
        cls, mask: Array, *, time_first: bool = False, pad_left: bool = False, ctx: Any = None
    ) -> Self:
        """From a mask of elements, bool [B, S], or [S, B] if time_first; holes are errors.

        TypeError: not bool. ValueError: not two dimensions, a hole, padding on the other side.
        """
        if mask.dtype != np.bool_:
            raise TypeError(f"mask has dtype {mask.dtype}, must be bool")
        if mask.ndim != 2:
            raise ValueError(f"mask has {mask.ndim} dimensions, must have 2")
        flags = np.ascontiguousarray(mask)
        n_seq, n_steps = flags.shape[::-1] if time_first else flags.shape
        order = lib.PSQ_PADDED_TIME if time_first else lib.PSQ_PADDED_BATCH
        where = storage(order, n_steps, pad_left)
        return cls.__new__(cls)._create(
            lib.psq_layout_from_mask, ctx, where, n_seq, lib.PSQ_MASK_BYTES, address(flags)
        )

    @classmethod
    def borrowed(cls, ptr: Any, owner: object) -> Self:
        """A layout that belongs to another C object, which `owner` keeps alive."""
        layout = cls.__new__(cls)
        layout.ptr = ffi.gc(ptr, holding(id, owner))
        return layout

    # -- numbers

    @cached_property
    def n_sequences(self) -> int:
        """B."""
        return int(lib.psq_layout_n_seq(self.ptr))

    @cached_property
    def n_rows(self) -> int:
        """N, the sum of the lengths."""
        return int(lib.psq_layout_n_rows(self.ptr))

    @cached_property
    def max_length(self) -> int:
        """T, 0 when all lengths are."""
        return int(lib.psq_layout_n_steps(self.ptr))

    def _ints(self, pointer: Any, n: int) -> Ints:
        # Of bytes, so that nobody can make the array writeable again.
        return np.frombuffer(bytes(ffi.buffer(pointer, 8 * n)), np.int64)

    @cached_property
    def lengths(self) -> Ints:
        """[B], user order; read-only, as all of these arrays."""
        return self._ints(lib.psq_layout_lengths(self.ptr), self.n_sequences)

    @cached_property
    def offsets(self) -> Ints:
        """[B + 1], user order: sequence b is the jagged rows offsets[b] to offsets[b + 1] - 1."""
        return self._ints(lib.psq_layout_offsets(self.ptr), self.n_sequences + 1)

    @cached_property
    def batch_sizes(self) -> Ints:
        """[T]: how many sequences are longer than t."""
        return self._ints(lib.psq_layout_batch_sizes(self.ptr), self.max_length)

    @cached_property
    def step_offsets(self) -> Ints:
        """[T + 1]: element (b, t) is packed row step_offsets[t] + unsorted_indices[b]."""
        return self._ints(lib.psq_layout_step_offsets(self.ptr), self.max_length + 1)

    @cached_property
    def sorted_indices(self) -> Ints:
        """[B]: the user's index of each rank."""
        return self._ints(lib.psq_layout_sorted_indices(self.ptr), self.n_sequences)

    @cached_property
    def unsorted_indices(self) -> Ints:
        """[B]: the rank of each of the user's sequences."""
        return self._ints(lib.psq_layout_unsorted_indices(self.ptr), self.n_sequences)

    # -- rows

    def n_stored_rows(self, where: Any) -> int:
        """The rows of an array in this storage, padding among them.

        ValueError: fewer steps than T. MemoryError: too many rows.
        """
        n_rows = ffi.new("int64_t *")
        call(lib.psq_storage_n_rows, self.ptr, where, n_rows)
        return int(n_rows[0])

    def convert(
        self,
        dst: Memory,
        dst_storage: Any,
        src: Memory,
        src_storage: Any,
        row_bytes: int,
        fill: Array | np.generic | None = None,
    ) -> None:
        """Copies every row of src to where dst_storage has it; padding of dst becomes `fill`.

        src and dst are all the rows of their storages, of row_bytes each, and do not overlap.
        ValueError: memory of another size, read-only or not contiguous, a storage with fewer steps
        than T, a fill that does not divide row_bytes.
        """
        pattern, _element = fill_value(fill)
        source = memory("src", src, self.n_stored_rows(src_storage) * row_bytes)
        target = memory("dst", dst, self.n_stored_rows(dst_storage) * row_bytes, written=True)
        call(
            lib.psq_convert, self.ptr, src_storage, source, dst_storage, target, row_bytes, pattern
        )

    def from_list(
        self,
        dst: Memory,
        dst_storage: Any,
        sequences: Iterable[Memory],
        row_bytes: int,
        fill: Array | np.generic | None = None,
    ) -> None:
        """Copies sequences, each its L_b rows, to where dst_storage has them, as convert does.

        ValueError: as convert; another number of sequences.
        """
        pattern, _element = fill_value(fill)
        alive = list(sequences)
        pointers = self._pointers(alive, row_bytes, written=False)
        target = memory("dst", dst, self.n_stored_rows(dst_storage) * row_bytes, written=True)
        call(lib.psq_convert_from_list, self.ptr, pointers, dst_storage, target, row_bytes, pattern)

    def to_list(
        self, sequences: Iterable[Memory], src: Memory, src_storage: Any, row_bytes: int
    ) -> None:
        """Copies the L_b rows of each sequence out of src. ValueError: as from_list."""
        alive = list(sequences)
        pointers = self._pointers(alive, row_bytes, written=True)
        source = memory("src", src, self.n_stored_rows(src_storage) * row_bytes)
        call(lib.psq_convert_to_list, self.ptr, src_storage, source, pointers, row_bytes)

    def _pointers(self, items: list[Memory], row_bytes: int, *, written: bool) -> Any:
        if len(items) != self.n_sequences:
            raise ValueError(f"{len(items)} sequences for a layout of {self.n_sequences}")
        lengths = self.lengths.tolist()  # Python's integers: products do not overflow
        return ffi.new(
            "void *[]",
            [
                memory(f"sequences[{b}]", item, length * row_bytes, written=written)
                for b, (item, length) in enumerate(zip(items, lengths, strict=True))
            ],
        )

    def mask(self, where: Any) -> NDArray[np.bool_]:
        """Which rows of an array in this storage are elements, bool [n_stored_rows]."""
        out = np.empty(self.n_stored_rows(where), np.bool_)
        call(lib.psq_layout_mask, self.ptr, where, lib.PSQ_MASK_BYTES, address(out))
        return out

    # -- as a value

    @cached_property
    def is_stable(self) -> bool:
        """Whether sequences of equal length have their ranks in the user's order."""
        order = self.sorted_indices
        ties = self.lengths[order]
        return bool(np.all((ties[1:] < ties[:-1]) | (order[1:] > order[:-1])))

    def same_lengths(self, other: Layout) -> bool:
        """Whether jagged and padded rows of both mean the same elements."""
        return self is other or np.array_equal(self.lengths, other.lengths)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layout):
            return NotImplemented
        return self.same_lengths(other) and (
            self is other or np.array_equal(self.sorted_indices, other.sorted_indices)
        )

    def __hash__(self) -> int:
        return hash(self.lengths.tobytes())

    def __reduce__(self) -> tuple[Any, ...]:
        if self.is_stable:
            return Layout, (self.lengths,)
        return _unpickle, (self.batch_sizes, self.sorted_indices)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __repr__(self) -> str:
        return f"Layout({np.array2string(self.lengths, separator=', ', threshold=20)})"


def _unpickle(batch_sizes: Ints, sorted_indices: Ints) -> Layout:
    return Layout.from_batch_sizes(batch_sizes, sorted_indices)
