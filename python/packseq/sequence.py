# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""PackedSequence: the rows of a ragged batch and the layout that says whose they are.

A batch holds its rows in the order in which they came, jagged or packed, since nearly everything
works on either; the other order is computed when somebody asks for it. Whatever shares memory with
the rows can be written through; what had to be computed cannot, so that no assignment is lost. It
is no tuple and no array: its length is the number of sequences, its items are sequences in the
user's order, and arithmetic is NumPy's, on rows, between batches of the same lengths.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, overload

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, NDArray

from packseq import _rows, _ufunc, ops, picture
from packseq._core import JAGGED, PACKED, Array, Ints, Layout
from packseq._padded import Side, fill_element, padded_storage
from packseq._plan import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]

Order: TypeAlias = Literal["jagged", "packed"]

_STORAGES = {"jagged": JAGGED, "packed": PACKED}

# What names sequences, besides an integer.
Index: TypeAlias = slice | Sequence[int] | Sequence[bool] | NDArray[np.integer | np.bool_]


class PackedSequence(NDArrayOperatorsMixin):
    """B sequences of different lengths, N rows in all, without padding.

    Made by `pack`, `from_padded` and the other constructors, or from rows and a layout.

    >>> import packseq
    >>> p = packseq.pack([[1, 2, 3, 4], [5, 6], [7, 8, 9]])
    >>> p
    PackedSequence of 3 sequences: jagged rows of shape (), int64
      packed   t  0 1 2 3    padded t 0 1 2 3
      seq 0       0 3 6 8    seq 0    █ █ █ █
      seq 2       1 4 7      seq 1    █ █ ░ ░
      seq 1       2 5        seq 2    █ █ █ ░
      batch_sizes 3 3 2 1
      9 rows packed, 12 padded: packing saves 3 rows (25.0 %)
    >>> len(p), p[1], p.data
    (3, array([5, 6]), array([1, 7, 5, 2, 8, 6, 3, 9, 4]))
    >>> (p + 10)[1:].to_list()
    [array([15, 16]), array([17, 18, 19])]
    """

    _rows: Array
    _layout: Layout
    _order: Order

    def __init__(self, rows: Array, layout: Layout, order: Order = "jagged") -> None:
        """From rows [N, *row] in this order, which are shared where they are C-contiguous.

        TypeError: rows that are no array, or no numbers. ValueError: another number of rows than
        the layout has, an unknown order.
        """
        if not isinstance(rows, np.ndarray):
            raise TypeError(f"rows is {type(rows).__name__}, must be a NumPy array")
        _rows.require_numbers("rows", rows)
        if not isinstance(layout, Layout):
            raise TypeError(f"layout is {type(layout).__name__}, must be a Layout")
        if order not in _STORAGES:
            raise ValueError(f"order is {order!r}, must be 'jagged' or 'packed'")
        if rows.ndim == 0 or len(rows) != layout.n_rows:
            raise ValueError(f"rows has shape {rows.shape}, the layout has {layout.n_rows} rows")
        self._rows = np.ascontiguousarray(rows)
        self._layout = layout
        self._order = order

    # -- what it holds

    @property
    def rows(self) -> Array:
        """[N, *row], in the order that `order` says."""
        return self._rows

    @property
    def order(self) -> Order:
        """Where the rows lie: "jagged", one sequence after the other, or "packed", as `data`."""
        return self._order

    @property
    def layout(self) -> Layout:
        """The lengths and what follows from them."""
        return self._layout

    @property
    def lengths(self) -> Ints:
        """[B], user order."""
        return self._layout.lengths

    @property
    def offsets(self) -> Ints:
        """[B + 1]: sequence b is the jagged rows offsets[b] to offsets[b + 1] - 1."""
        return self._layout.offsets

    @property
    def batch_sizes(self) -> Ints:
        """[T]: how many sequences are longer than t. It counts sequences, it is nobody's length.

        >>> import packseq
        >>> packseq.pack([range(6), range(4), range(4), range(3), range(3)]).batch_sizes
        array([5, 5, 5, 3, 1, 1])
        """
        return self._layout.batch_sizes

    @property
    def sorted_indices(self) -> Ints:
        """[B]: the user's index of each rank, longest first."""
        return self._layout.sorted_indices

    @property
    def unsorted_indices(self) -> Ints:
        """[B]: the rank of each of the user's sequences."""
        return self._layout.unsorted_indices

    @property
    def data(self) -> Array:
        """[N, *row]: packed rows, step by step, longest sequence first.

        The rows themselves if they are packed; else computed on each use, and read-only.
        """
        return self._rows if self._order == "packed" else _rows.frozen(self._in_order("packed"))

    # -- sequences

    def __len__(self) -> int:
        """B."""
        return self._layout.n_sequences

    def __iter__(self) -> Iterator[Array]:
        return iter(self.to_list())

    @overload
    def __getitem__(self, index: Index) -> PackedSequence: ...
    @overload
    def __getitem__(self, index: int | np.integer) -> Array: ...
    @overload
    def __getitem__(self, index: tuple[int | np.integer | Index, slice]) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        """The i-th sequence [L_i, *row], or a batch of those that a slice or an array names.

        p[i] is a view where rows are jagged, else a read-only copy; p[a:b] is a view likewise.
        After a comma, steps first:end of every sequence with Python's meaning: p[:, 1:].
        IndexError: no such sequence. TypeError: what is no index. ValueError: a step of steps, an
        array of several dimensions.

        >>> import packseq
        >>> p = packseq.pack([[1, 2, 3, 4], [5, 6], [7, 8, 9]])
        >>> p[-1], p[[2, 0]].lengths, p[p.lengths > 2].lengths
        (array([7, 8, 9]), array([3, 4]), array([4, 3]))
        >>> p[:, :-1].to_list()
        [array([1, 2, 3]), array([5]), array([7, 8])]
        """
        if isinstance(index, tuple):
            return self._steps(*index) if len(index) == 2 else _no_index(index)
        if isinstance(index, slice):
            return self._slice(*index.indices(len(self)))
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            return self._sequence(operator.index(index))
        array = np.asarray(index)
        if array.ndim == 0:
            return self._sequence(int(array)) if array.dtype.kind in "iu" else _no_index(index)
        return self._planned(Plan.select(self._layout, _rows.sequence_indices(array, len(self))))

    def _sequence(self, index: int) -> Array:
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"index {index} is out of range for {n} sequences")
        b = index % n
        if self._order == "jagged":
            return self._rows[self.offsets[b] : self.offsets[b + 1]]
        steps = self._layout.step_offsets[: self.lengths[b]]
        return _rows.frozen(self._rows[steps + self.unsorted_indices[b]])

    def _slice(self, first: int, end: int, step: int) -> PackedSequence:
        if step != 1 or self._order == "packed":
            return self._planned(Plan.select(self._layout, np.arange(first, end, step)))
        rows = self._rows[self.offsets[first] : self.offsets[end]]
        return PackedSequence(rows, Layout(self.lengths[first:end]))

    def _steps(self, sequences: Any, steps: Any) -> Any:
        picked = self[sequences]
        if isinstance(picked, np.ndarray):
            return picked[steps]
        if not isinstance(steps, slice):
            _no_index(steps)
        if steps.step not in (None, 1):
            raise ValueError(f"steps have a step of {steps.step}, must be 1; see reverse()")
        return picked._planned(Plan.slice(picked._layout, steps.start, steps.stop))

    # -- new batches

    def with_rows(self, rows: Array) -> PackedSequence:
        """The same sequences with other rows [N, *row], in the order of this batch's.

        ValueError, TypeError: as PackedSequence.

        >>> import packseq
        >>> p = packseq.pack([[1.0, 4.0], [9.0]])
        >>> p.with_rows(p.rows.astype("float32")).rows.dtype
        dtype('float32')
        """
        return PackedSequence(rows, self._layout, self._order)

    def spread(self, values: ArrayLike) -> PackedSequence:
        """A batch of the same lengths that has values[b] in every row of sequence b.

        values [B, *any]. TypeError: no numbers. ValueError: another number of them.

        >>> import packseq
        >>> p = packseq.pack([[1.0, 3.0], [5.0]])
        >>> (p - p.spread(p.mean())).to_list()
        [array([-1.,  1.]), array([0.])]
        """
        array = np.asanyarray(values)
        if array.ndim == 0 or len(array) != len(self):
            raise ValueError(f"values has shape {array.shape}, the batch has {len(self)} sequences")
        jagged = PackedSequence(np.repeat(array, self.lengths, axis=0), self._layout)
        return self.with_rows(jagged._in_order(self._order))

    def copy(self) -> PackedSequence:
        """With rows of its own."""
        return self.with_rows(self._rows.copy())

    def _in_order(self, order: Order, layout: Layout | None = None) -> Array:
        """Rows in an order of a layout of the same lengths, self.rows where they are so already."""
        layout = self._layout if layout is None else layout
        if order == self._order and (order == "jagged" or layout == self._layout):
            return self._rows
        rows = self._rows
        if self._order == "packed":
            rows = _rows.convert(self._layout, rows, PACKED, JAGGED)
        return _rows.convert(layout, rows, JAGGED, PACKED) if order == "packed" else rows

    def _planned(self, plan: Plan, *others: PackedSequence) -> PackedSequence:
        """What the plan makes of this batch and others of the same dtype, in this one's order."""
        batches = (self, *others)
        rows = np.empty((plan.layout.n_rows, *self._rows.shape[1:]), self._rows.dtype)
        plan.apply(
            rows,
            self.storage,
            [batch._rows for batch in batches],
            [batch.storage for batch in batches],
            _rows.row_bytes(rows),
        )
        return PackedSequence(rows, _rows.own(plan.layout), self._order)

    @property
    def storage(self) -> Any:
        """The psq_storage of the rows, for calls of C."""
        return _STORAGES[self._order]

    # -- other forms

    def to_list(self) -> list[Array]:
        """The sequences in the user's order, [L_b, *row] each: views where rows are jagged."""
        return np.split(self._in_order("jagged"), self.offsets[1:-1]) if len(self) else []

    def to_jagged(self) -> tuple[Array, Ints]:
        """Jagged rows [N, *row], without a copy where they are jagged, and offsets [B + 1].

        >>> import packseq
        >>> packseq.pack([[1, 2], [], [3]]).to_jagged()
        (array([1, 2, 3]), array([0, 2, 2, 3]))
        """
        return self._in_order("jagged"), self.offsets

    def to_padded(
        self,
        *,
        batch_first: bool = True,
        channels_first: bool = False,
        side: Side = "right",
        fill: object = None,
        n_steps: int | None = None,
        multiple_of: int = 1,
    ) -> Array:
        """Padded [B, S, *row], [S, B, *row] unless batch_first, [B, *row, S] if channels_first.

        S is n_steps, else the longest length, raised to a multiple of `multiple_of`. Padding lies
        on `side` and is `fill`, None: zeros. ValueError: n_steps below the longest length, a fill
        that the dtype cannot hold, options that do not fit each other.

        >>> import packseq
        >>> packseq.pack([[1, 2, 3], [4]]).to_padded(side="left", fill=-1)
        array([[ 1,  2,  3],
               [-1, -1,  4]])
        """
        where, shape = padded_storage(self._layout, batch_first, side, n_steps, multiple_of)
        if channels_first and not batch_first:
            raise ValueError("channels_first is True and batch_first False, which is no order")
        padded = np.empty((*shape, *self._rows.shape[1:]), self._rows.dtype)
        self._layout.convert(
            padded,
            where,
            self._rows,
            self.storage,
            _rows.row_bytes(self._rows),
            None if fill is None else fill_element(fill, padded.dtype),
        )
        return np.moveaxis(padded, 1, -1) if channels_first else padded

    def mask(
        self,
        *,
        batch_first: bool = True,
        side: Side = "right",
        n_steps: int | None = None,
        multiple_of: int = 1,
    ) -> NDArray[np.bool_]:
        """Which elements of such a padded array are no padding, bool [B, S] or [S, B].

        >>> import packseq
        >>> packseq.pack([[1, 2], [4]]).mask()
        array([[ True,  True],
               [ True, False]])
        """
        where, shape = padded_storage(self._layout, batch_first, side, n_steps, multiple_of)
        return self._layout.mask(where).reshape(shape)

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        """Arrow's C data, for whoever takes it: polars, DuckDB, pandas. Errors: as to_arrow."""
        return self.to_arrow().__arrow_c_array__(requested_schema)

    def to_arrow(self) -> Any:
        """A pyarrow.LargeListArray of the sequences; rows of several numbers are fixed-size lists.

        Jagged rows are shared, bools apart. TypeError: a dtype that Arrow has not. ValueError: rows
        of no numbers. ImportError: no pyarrow.

        >>> import packseq
        >>> packseq.pack([[1, 2], [3]]).to_arrow().to_pylist()
        [[1, 2], [3]]
        """
        from packseq import arrow

        return arrow.to_arrow(self)

    # -- NumPy

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's functions of elements, on rows; p @ w too. Batches must have the same lengths."""
        return _ufunc.apply(PackedSequence, ufunc, method, inputs, **kwargs)

    def __array_function__(self, *_: object) -> Any:
        return NotImplemented  # NumPy says that it has no such function for this type

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(
            "a PackedSequence is ragged and no array; see its rows, to_padded() and to_list()"
        )

    def __bool__(self) -> NoReturn:
        raise ValueError(
            "a PackedSequence is neither true nor false; see len(p), p.equals(q), p.rows.all()"
        )

    def equals(self, other: PackedSequence, *, equal_nan: bool = False) -> bool:
        """Whether both have the same sequences, in whatever order their rows are held.

        >>> import packseq
        >>> p = packseq.pack([[1, 2], [3]])
        >>> p.equals(packseq.from_packed(p.data, p.batch_sizes)), p.equals(p + 1)
        (True, False)
        """
        if not isinstance(other, PackedSequence):
            return False
        if not self._layout.same_lengths(other._layout):
            return False
        rows = other._in_order(self._order, self._layout)
        return np.array_equal(self._rows, rows, equal_nan=equal_nan)

    # -- rows into numbers; ops.py has them

    last = ops.last
    first = ops.first
    sum = ops.sum_rows
    mean = ops.mean
    max = ops.max_rows
    softmax = ops.softmax
    reverse = ops.reverse
    split = ops.split

    # -- copies and pictures

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedSequence, (self._rows, self._layout, self._order)

    def __copy__(self) -> PackedSequence:
        return self.copy()

    def __repr__(self) -> str:
        return picture.describe(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draws the sequences and their padding with matplotlib, into ax or a new figure.

        ImportError: no matplotlib.
        """
        from packseq import plot

        return plot.plot(self, ax)

    def _repr_html_(self) -> str:
        from packseq import plot

        return plot.html(self)


def _no_index(index: object) -> NoReturn:
    raise TypeError(f"{index!r} is no index: use an integer, a slice, an array, or p[i, first:end]")
