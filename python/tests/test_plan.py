# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Plans against the same operation on lists of arrays, and what a wrong argument gives."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from packseq._core import JAGGED, Array, Layout, lib, storage
from packseq._plan import Plan

batches = st.lists(st.integers(0, 6), max_size=8)
STORAGES = [storage(order) for order in range(lib.PSQ_N_ORDER)]


def parts(lengths: list[int], start: int = 0) -> list[Array]:
    """Sequences of rows of two numbers, all different."""
    rows = start + np.arange(2.0 * sum(lengths)).reshape(-1, 2)
    return np.split(rows, np.cumsum(lengths)[:-1]) if lengths else []


def stored(layout: Layout, where: object, sequences: list[Array]) -> Array:
    out = np.empty((layout.n_stored_rows(where), 2))
    layout.from_list(out, where, sequences, 16)
    return out


def applied(plan: Plan, sources: list[list[Array]], where: object) -> list[Array]:
    """The sequences of the result, by way of one storage for everything."""
    rows = [
        stored(layout, where, sequences)
        for layout, sequences in zip(plan.sources, sources, strict=True)
    ]
    out = np.empty((plan.layout.n_stored_rows(where), 2))
    plan.apply(out, where, rows, [where] * len(rows), 16)
    sequences = [np.empty((length, 2)) for length in plan.layout.lengths]
    plan.layout.to_list(sequences, out, where, 16)
    return sequences


def same(found: list[Array], wanted: list[Array]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("where", STORAGES)
@given(lengths=batches, first=st.integers(-8, 8), end=st.none() | st.integers(-8, 8))
def test_slice_is_pythons(where: object, lengths: list[int], first: int, end: int | None) -> None:
    x = parts(lengths)
    same(applied(Plan.slice(Layout(lengths), first, end), [x], where), [p[first:end] for p in x])


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=8), data=st.data())
def test_select_takes_sequences(lengths: list[int], data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(0, len(lengths) - 1)))
    x = parts(lengths)
    same(applied(Plan.select(Layout(lengths), indices), [x], JAGGED), [x[i] for i in indices])


@given(batches)
def test_reverse_and_its_inverse(lengths: list[int]) -> None:
    x = parts(lengths)
    plan = Plan.reverse(Layout(lengths))
    there = applied(plan, [x], JAGGED)
    same(there, [p[::-1] for p in x])
    same(applied(Plan.inverse([plan]), [there], JAGGED), x)


@given(batches, batches)
def test_concat_and_join(a: list[int], b: list[int]) -> None:
    x, y = parts(a), parts(b, 100)
    same(applied(Plan.concat([Layout(a), Layout(b)]), [x, y], JAGGED), x + y)
    n = min(len(a), len(b))
    joined = Plan.join([Layout(a[:n]), Layout(b[:n])])
    x, y = parts(a[:n]), parts(b[:n], 100)
    same(applied(joined, [x, y], JAGGED), [np.concatenate(p) for p in zip(x, y, strict=True)])


@given(batches, st.integers(1, 4))
def test_split_and_its_inverse(lengths: list[int], n_parts: int) -> None:
    x = parts(lengths)
    plans = Plan.split(Layout(lengths), n_parts)
    assert len(plans) == n_parts
    pieces = [applied(plan, [x], JAGGED) for plan in plans]
    assert sum(map(len, pieces)) == len(lengths)
    same(applied(Plan.inverse(plans), pieces, JAGGED), x)


def test_split_at_flags() -> None:
    layout = Layout([4, 0, 2])
    flags = np.array([0, 0, 1, 0, 1, 1], np.uint8)
    plan = Plan.split_at(layout, JAGGED, flags)
    assert_array_equal(plan.layout.lengths, [2, 2, 0, 1, 1])


@pytest.mark.parametrize(
    ("how", "wanted"),
    [(lib.PSQ_TRUNCATE_END, slice(0, 2)), (lib.PSQ_TRUNCATE_START, slice(-2, None))],
)
def test_limit_cuts(how: int, wanted: slice) -> None:
    x = parts([4, 1, 3])
    same(applied(Plan.limit(Layout([4, 1, 3]), 2, how), [x], JAGGED), [p[wanted] for p in x])


def test_fill_where_there_is_no_row() -> None:
    layout = Layout([2, 0])
    last = Plan.slice(layout, -1, None)
    out = np.empty((2, 1))
    rows = np.array([[1.0], [2.0]])
    one_step = storage(lib.PSQ_PADDED_BATCH, 1)
    last.apply(out, one_step, [rows], [JAGGED], 8, fill=np.float64(7))
    assert_array_equal(out, [[2], [7]])


def test_adjoint_sums_what_is_used_twice() -> None:
    plan = Plan.select(Layout([1, 2]), [1, 1, 0])
    grad = np.arange(5, dtype=np.float32).reshape(5, 1)
    out = np.zeros((3, 1), np.float32)
    plan.adjoint(grad, JAGGED, [out], [JAGGED], lib.PSQ_F32, 1)
    assert_array_equal(out, [[4], [2], [4]])
    plan.adjoint(grad, JAGGED, [None], [JAGGED], lib.PSQ_F32, 1)


def test_plans_keep_what_they_borrow() -> None:
    plan = Plan.inverse([Plan.reverse(Layout([3, 1]))])
    layout = Plan.reverse(Layout([5, 2])).layout
    gc.collect()
    same(applied(plan, [parts([3, 1])], JAGGED), [p[::-1] for p in parts([3, 1])])
    assert_array_equal(layout.batch_sizes, [2, 2, 1, 1, 1])


def test_plans_keep_their_sources() -> None:
    source = Layout([5, 2])
    alive = weakref.ref(source.ptr)
    result = Plan.reverse(source).layout
    del source
    gc.collect()
    assert alive() is not None
    del result
    gc.collect()
    assert alive() is None


TWO = Layout([2, 1])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Plan.select(TWO, [0, 2]), ValueError, r"indices\[1\] is 2"),
        (lambda: Plan.select(TWO, [-1]), ValueError, r"indices\[0\] is -1"),
        (lambda: Plan.select(TWO, [0.5]), TypeError, "indices has dtype float64"),
        (lambda: Plan.slice(TWO, 0.5, None), TypeError, "float"),  # type: ignore[arg-type]
        (lambda: Plan.limit(TWO, -1, lib.PSQ_TRUNCATE_END), ValueError, "max_length is -1"),
        (lambda: Plan.limit(TWO, 1, lib.PSQ_TRUNCATE_NEVER), ValueError, "2"),
        (lambda: Plan.limit(TWO, 1, 9), ValueError, "9"),
        (lambda: Plan.split(TWO, 0), ValueError, "n_parts is 0, must be at least 1"),
        (lambda: Plan.join([]), ValueError, "n_sources is 0"),
        (lambda: Plan.join([TWO, Layout([1])]), ValueError, r"sources\[1\]"),
        (lambda: Plan.inverse([]), ValueError, "n_plans is 0"),
        (lambda: Plan.inverse([Plan.slice(TWO, 1, None)]), ValueError, "row"),
        (
            lambda: Plan.split_at(TWO, JAGGED, np.zeros(2, np.uint8)),
            ValueError,
            "flags has 2 bytes",
        ),
    ],
)
def test_plans_refuse(make: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_apply_refuses() -> None:
    plan = Plan.concat([TWO, TWO])
    x, y = np.zeros(3), np.zeros(6)
    with pytest.raises(ValueError, match="1 sources in 1 storages for a plan of 2"):
        plan.apply(y, JAGGED, [x], [JAGGED], 8)
    with pytest.raises(ValueError, match=r"sources\[1\] has 16 bytes, needs 24"):
        plan.apply(y, JAGGED, [x, x[:2]], [JAGGED, JAGGED], 8)
    with pytest.raises(ValueError, match="dst has 40 bytes, needs 48"):
        plan.apply(y[:5], JAGGED, [x, x], [JAGGED, JAGGED], 8)
    with pytest.raises(TypeError, match=r"sources\[0\] is None, must be memory"):
        plan.apply(y, JAGGED, [None, x], [JAGGED, JAGGED], 8)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="grad has 40 bytes, needs 48"):
        plan.adjoint(y[:5], JAGGED, [x, x], [JAGGED, JAGGED], lib.PSQ_F64, 1)
