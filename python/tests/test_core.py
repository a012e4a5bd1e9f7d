# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The border to C: layouts, conversions, contexts, and what a wrong argument gives."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import packseq
from packseq import _core
from packseq._core import Layout, lib, storage

lengths_of_batches = st.lists(st.integers(0, 9), max_size=12)


def padded(order: int, n_steps: int = 0, pad_left: bool = False) -> object:
    return storage(order, n_steps, pad_left)


# ---- layouts


def test_layout_of_the_first_example() -> None:
    layout = Layout([4, 2, 3])
    assert (layout.n_sequences, layout.n_rows, layout.max_length) == (3, 9, 4)
    assert_array_equal(layout.lengths, [4, 2, 3])
    assert_array_equal(layout.offsets, [0, 4, 6, 9])
    assert_array_equal(layout.batch_sizes, [3, 3, 2, 1])
    assert_array_equal(layout.step_offsets, [0, 3, 6, 8, 9])
    assert_array_equal(layout.sorted_indices, [0, 2, 1])
    assert_array_equal(layout.unsorted_indices, [0, 2, 1])


@given(lengths_of_batches)
def test_layout_is_what_numpy_says(lengths: list[int]) -> None:
    layout = Layout(lengths)
    order = np.argsort(-np.array(lengths, np.int64), kind="stable")
    steps = [sum(length > t for length in lengths) for t in range(max(lengths, default=0))]
    assert_array_equal(layout.lengths, np.array(lengths, np.int64))
    assert_array_equal(layout.sorted_indices, order)
    assert_array_equal(layout.unsorted_indices, np.argsort(order))
    assert_array_equal(layout.batch_sizes, np.array(steps, np.int64))
    assert layout == Layout.from_offsets(layout.offsets)
    ranked = Layout.from_batch_sizes(layout.batch_sizes, layout.sorted_indices)
    assert layout == ranked
    assert layout.is_stable


@pytest.mark.parametrize("pad_left", [False, True])
@pytest.mark.parametrize("time_first", [False, True])
@given(lengths=lengths_of_batches, spare=st.integers(0, 3))
def test_layout_survives_a_mask(
    time_first: bool, pad_left: bool, lengths: list[int], spare: int
) -> None:
    layout = Layout(lengths)
    n_steps = layout.max_length + spare
    order = lib.PSQ_PADDED_TIME if time_first else lib.PSQ_PADDED_BATCH
    shape = (n_steps, len(lengths)) if time_first else (len(lengths), n_steps)
    mask = np.zeros(shape, np.bool_)
    if n_steps:
        mask = layout.mask(storage(order, n_steps, pad_left)).reshape(shape)
    again = Layout.from_mask(mask, time_first=time_first, pad_left=pad_left)
    assert again == layout


def test_layout_arrays_cannot_be_written() -> None:
    layout = Layout([4, 2, 3])
    for name in ("lengths", "offsets", "batch_sizes", "sorted_indices", "unsorted_indices"):
        array = getattr(layout, name)
        assert array.dtype == np.int64
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True


def test_layout_arrays_outlive_it() -> None:
    offsets = Layout([4, 2, 3]).offsets
    gc.collect()
    assert_array_equal(offsets, [0, 4, 6, 9])


def test_layouts_with_other_ranks_of_ties_differ() -> None:
    stable = Layout([2, 2])
    other = Layout.from_batch_sizes([2, 2], [1, 0])
    assert stable != other
    assert stable.same_lengths(other)
    assert hash(stable) == hash(other)
    assert not other.is_stable
    assert stable != 3


@pytest.mark.parametrize(
    "layout", [Layout([4, 2, 0, 3]), Layout([]), Layout.from_batch_sizes([3, 1], [2, 1, 0])]
)
def test_layout_pickles_with_its_ranks(layout: Layout) -> None:
    again = pickle.loads(pickle.dumps(layout))
    assert again == layout
    assert hash(again) == hash(layout)
    assert copy.copy(layout) is layout
    assert copy.deepcopy([layout])[0] is layout


def test_layout_repr_is_short() -> None:
    assert repr(Layout([4, 2, 3])) == "Layout([4, 2, 3])"
    assert len(repr(Layout(np.arange(100)))) < 60


@pytest.mark.parametrize(
    ("lengths", "error", "text"),
    [
        ([4, -1], ValueError, r"lengths\[1\] is -1, must be at least 0"),
        ([1.5], TypeError, "lengths has dtype float64, must be integers"),
        ([True], TypeError, "lengths has dtype bool, must be integers"),
        (["a"], TypeError, "lengths has dtype <U1, must be integers"),
        ([None], TypeError, "lengths has dtype object, must be integers"),
        ([2**70], TypeError, "lengths has dtype object, must be integers"),
        ([2**63], ValueError, r"lengths\[0\] is 9223372036854775808, must be at most"),
        (3, ValueError, "lengths has 0 dimensions, must have 1"),
        ([[1]], ValueError, "lengths has 2 dimensions, must have 1"),
        ([2**62, 2**62], MemoryError, "overflow"),
    ],
)
def test_layout_refuses(lengths: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Layout(lengths)


@pytest.mark.parametrize(
    ("offsets", "text"),
    [
        ([], "offsets has 0 elements"),
        ([1, 2], r"offsets\[0\] is 1"),
        ([0, 3, 2], r"offsets\[2\] is 2"),
    ],
)
def test_layout_refuses_offsets(offsets: list[int], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Layout.from_offsets(offsets)


@pytest.mark.parametrize(
    ("sizes", "order", "options", "text"),
    [
        ([1, 2], None, {}, r"batch_sizes\[1\] is 2"),
        ([0], None, {"n_seq": 1}, r"batch_sizes\[0\] is 0"),
        ([2], [0, 0], {}, "sorted_indices"),
        ([2], [0, 2], {}, "sorted_indices"),
        ([2], [0, 1], {"n_seq": 3}, "sorted_indices has 2 elements, needs 3"),
        ([2], None, {"n_rows": 3}, "3"),
        ([2], None, {"n_seq": -1}, "-1"),
    ],
)
def test_layout_refuses_batch_sizes(
    sizes: list[int], order: list[int] | None, options: dict[str, int], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        Layout.from_batch_sizes(sizes, order, **options)


def test_layout_refuses_masks() -> None:
    with pytest.raises(TypeError, match="mask has dtype int64, must be bool"):
        Layout.from_mask(np.ones((2, 2), np.int64))
    with pytest.raises(ValueError, match="mask has 1 dimensions, must have 2"):
        Layout.from_mask(np.ones(2, np.bool_))
    with pytest.raises(ValueError, match="sequence 0"):
        Layout.from_mask(np.array([[True, False, True]]))


# ---- conversions


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.bool_, np.complex128])
def test_convert_goes_there_and_back(dtype: type[np.generic]) -> None:
    layout = Layout([4, 0, 2, 3])
    rows = np.arange(9 * 5).reshape(9, 5).astype(dtype)
    size = rows.strides[0]
    for where in (
        storage(lib.PSQ_PACKED),
        storage(lib.PSQ_PADDED_TIME, 6),
        storage(lib.PSQ_PADDED_BATCH, 0, True),
    ):
        there = np.empty((layout.n_stored_rows(where), 5), dtype)
        layout.convert(there, where, rows, _core.JAGGED, size, fill=np.ones((), dtype))
        mask = layout.mask(where)
        assert np.all(there[~mask] == np.ones((), dtype))
        back = np.zeros_like(rows)
        layout.convert(back, _core.JAGGED, there, where, size)
        assert_array_equal(back, rows)


def test_convert_takes_addresses() -> None:
    layout = Layout([1, 2])
    rows = np.array([1.0, 2.0, 3.0])
    out = np.empty(3)
    source, target = (rows.ctypes.data, rows.nbytes), (out.ctypes.data, out.nbytes)
    layout.convert(target, _core.PACKED, source, _core.JAGGED, 8)
    assert_array_equal(out, [2, 1, 3])


def test_lists_there_and_back() -> None:
    layout = Layout([2, 0, 3])
    parts = [np.arange(2.0), np.empty(0), np.arange(5.0, 8.0)]
    out = np.empty((3, 4))
    batch = storage(lib.PSQ_PADDED_BATCH, 4)
    layout.from_list(out, batch, parts, 8, fill=np.float64(np.inf))
    assert_array_equal(out[2], [5, 6, 7, np.inf])
    assert_array_equal(out[1], [np.inf] * 4)
    back = [np.empty(2), np.empty(0), np.empty(3)]
    layout.to_list(back, out, batch, 8)
    for part, expected in zip(back, parts, strict=True):
        assert_array_equal(part, expected)


def test_lists_may_come_from_a_generator() -> None:
    layout = Layout([3000] * 50)
    out = np.empty(150000)
    layout.from_list(out, _core.JAGGED, (np.full(3000, float(b)) for b in range(50)), 8)
    assert_array_equal(out, np.repeat(np.arange(50.0), 3000))


def test_convert_of_dates() -> None:
    days = np.array(["2026-01-01", "2026-01-02", "NaT"], "datetime64[D]")
    out = np.empty_like(days)
    Layout([1, 2]).convert(out, _core.PACKED, days, _core.JAGGED, 8)
    assert_array_equal(out, days[[1, 0, 2]])


def test_convert_of_nothing() -> None:
    layout = Layout([])
    empty = np.empty((0, 3))
    layout.convert(empty, _core.PACKED, (0, 0), _core.JAGGED, 24)
    layout.from_list(empty, _core.PACKED, [], 24)
    assert layout.n_stored_rows(storage(lib.PSQ_PADDED_TIME, 7)) == 0


@pytest.mark.parametrize(
    ("dst", "src", "text"),
    [
        (np.empty(8), np.empty(9), "dst has 64 bytes, needs 72"),
        (np.empty(9), np.empty(10), "src has 80 bytes, needs 72"),
        (np.empty(9), (0, 0), "src has 0 bytes, needs 72"),
        (np.empty(18)[::2], np.empty(9), r"dst with strides \(16,\) is not C-contiguous"),
        (np.frombuffer(bytes(72)), np.empty(9), "dst is read-only and would be written"),
    ],
)
def test_convert_refuses(dst: object, src: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Layout([4, 2, 3]).convert(dst, _core.PACKED, src, _core.JAGGED, 8)


def test_convert_refuses_storages_and_fills() -> None:
    layout = Layout([4, 2])
    rows = np.empty(6)
    with pytest.raises(ValueError, match="3"):
        layout.convert(np.empty(6), storage(lib.PSQ_PADDED_BATCH, 3), rows, _core.JAGGED, 8)
    with pytest.raises(MemoryError, match="overflow"):
        layout.n_stored_rows(storage(lib.PSQ_PADDED_TIME, 2**62))
    with pytest.raises(ValueError, match="fill has 1 dimensions, must be one element"):
        layout.convert(np.empty(6), _core.PACKED, rows, _core.JAGGED, 8, fill=np.ones(1))
    with pytest.raises(ValueError, match="fill"):
        layout.convert(np.empty(6), _core.PACKED, rows, _core.JAGGED, 8, fill=np.complex128(0))
    with pytest.raises(ValueError, match="1 sequences for a layout of 2"):
        layout.from_list(np.empty(6), _core.PACKED, [rows], 8)
    with pytest.raises(ValueError, match=r"sequences\[1\] has 24 bytes, needs 16"):
        layout.from_list(np.empty(6), _core.PACKED, [np.empty(4), np.empty(3)], 8)


def test_address_wants_contiguous_arrays() -> None:
    array = np.arange(4.0)
    assert int(_core.ffi.cast("uintptr_t", _core.address(array))) == array.ctypes.data
    with pytest.raises(ValueError, match=r"strides \(16,\) is not C-contiguous"):
        _core.address(array[::2])


@pytest.mark.parametrize("dtype", [object, np.dtype([("a", object)])])
def test_address_wants_plain_bytes(dtype: object) -> None:
    with pytest.raises(TypeError, match="whose elements are no plain bytes"):
        _core.address(np.zeros(3, dtype))


# ---- contexts and errors


def test_threads_are_those_that_were_set() -> None:
    assert packseq.get_num_threads() >= 1
    try:
        packseq.set_num_threads(1)
        assert packseq.get_num_threads() == 1
        assert _core.context() is _core.context(1)
    finally:
        packseq.set_num_threads(0)


@pytest.mark.parametrize(
    ("n", "error", "text"),
    [
        (-1, ValueError, "n_threads is -1, must be from 0 to 256"),
        (257, ValueError, "n_threads is 257, must be from 0 to 256"),
        (2**80, ValueError, "must be from 0 to 256"),
        (1.0, TypeError, "float"),
        (None, TypeError, "NoneType"),
    ],
)
def test_threads_refuse(n: object, error: type[Exception], text: str) -> None:
    before = packseq.get_num_threads()
    with pytest.raises(error, match=text):
        packseq.set_num_threads(n)
    assert packseq.get_num_threads() == before


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("INVALID", ValueError),
        ("SHAPE", ValueError),
        ("NOMEM", MemoryError),
        ("UNSUPPORTED", NotImplementedError),
        ("IO", OSError),
        ("FORMAT", packseq.FormatError),
        ("CANCELLED", KeyboardInterrupt),
        ("INTERNAL", RuntimeError),
    ],
)
def test_call_raises_for_status(status: str, error: type[BaseException]) -> None:
    def function(argument: int, err: object) -> int:
        err.text = b"argument is %d" % argument  # type: ignore[attr-defined]
        return int(getattr(lib, f"PSQ_{status}"))

    with pytest.raises(error, match="argument is 7"):
        _core.call(function, 7)


def test_every_status_has_its_exception() -> None:
    assert set(_core.EXCEPTIONS) == set(range(1, lib.PSQ_N_STATUS))
    assert issubclass(packseq.FormatError, ValueError)


def test_structs_begin_with_the_defaults_of_the_headers() -> None:
    spec = _core.make("psq_rnn_spec", input_size=3, hidden_size=4)
    assert (spec.struct_size, spec.cell) == (_core.ffi.sizeof("psq_rnn_spec"), lib.PSQ_LSTM)
    assert (spec.input_size, spec.hidden_size, spec.bias) == (3, 4, True)
    with pytest.raises(AttributeError):
        _core.make("psq_rnn_spec", hiden_size=4)


# ---- the package


def test_all_public_names_are_there() -> None:
    for name in packseq.__all__:
        assert getattr(packseq, name) is not None
    assert set(dir(packseq)) == set(packseq.__all__)
    with pytest.raises(AttributeError, match="module 'packseq' has no attribute 'pakc'"):
        packseq.pakc  # noqa: B018


def test_version_is_the_librarys() -> None:
    assert packseq.__version__ == _core.ffi.string(lib.PSQ_VERSION).decode()


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, packseq; print([m for m in ('numpy', 'torch') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


def test_destructors_hold_their_owners_and_are_no_python() -> None:
    class Owner:
        pass

    owner = Owner()
    alive = weakref.ref(owner)
    destroyed: list[Any] = []
    pointer = _core.ffi.gc(_core.ffi.new("int *"), _core.holding(destroyed.append, owner))
    del owner
    assert alive() is not None
    del pointer
    gc.collect()
    assert len(destroyed) == 1
    assert alive() is None
    assert not hasattr(_core.holding(id), "__code__")
