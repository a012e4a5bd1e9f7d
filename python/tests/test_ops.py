# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Last rows, pools, softmax, reverse, split and concat, beside NumPy on each sequence alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from ragged_cases import DTYPES, FORMS, Arrays, arrays, assert_is, batches

import packseq
from packseq import PackedSequence

Case = tuple[PackedSequence, Arrays]

INTEGERS = ["?", "i1", "u2", "i8"]


def per_sequence(sequences: Arrays, function: Callable[[Any], Any]) -> np.ndarray[Any, Any]:
    """The function of each sequence, zeros for one without rows."""
    zero = np.zeros_like(function(np.ones((1, *sequences[0].shape[1:]), sequences[0].dtype)))
    return np.stack([function(s) if len(s) else zero for s in sequences])


# ---- one row of each sequence


@given(batches())
def test_last_and_first(case: Case) -> None:
    p, sequences = case
    assert_array_equal(p.last(), per_sequence(sequences, lambda s: s[-1]), strict=True)
    assert_array_equal(p.first(), per_sequence(sequences, lambda s: s[0]), strict=True)


@given(batches(INTEGERS))
def test_pools_of_integers_are_numpys(case: Case) -> None:
    p, sequences = case
    sums = per_sequence(sequences, lambda s: s.sum(axis=0))
    assert_array_equal(p.sum(), sums, strict=True)
    assert_array_equal(p.max(), per_sequence(sequences, lambda s: s.max(axis=0)), strict=True)
    assert_allclose(p.mean(), per_sequence(sequences, lambda s: s.mean(axis=0)), rtol=1e-14)
    assert p.mean().dtype == p.softmax().rows.dtype == np.float64


@given(batches(["f4", "f8"]))
def test_pools_of_floats_are_near_numpys(case: Case) -> None:
    p, sequences = case
    p = np.sin(p)
    sequences = [np.sin(s) for s in sequences]
    near = {"atol": 4e-6 if p.rows.dtype == np.float32 else 1e-14, "rtol": 0}
    assert p.sum().dtype == p.mean().dtype == p.rows.dtype
    assert_allclose(p.sum(), per_sequence(sequences, lambda s: s.sum(axis=0)), **near)
    assert_allclose(p.mean(), per_sequence(sequences, lambda s: s.mean(axis=0)), **near)
    assert_array_equal(p.max(), per_sequence(sequences, lambda s: s.max(axis=0)), strict=True)
    for got, s in zip(p.softmax(), sequences, strict=True):
        e = np.exp(s)
        assert_allclose(got, e / e.sum(axis=0), **near)
    assert p.softmax().order == p.order


def test_integers_are_summed_exactly() -> None:
    big = 2**60
    assert packseq.pack([[big, 1], [big + 1]]).sum().tolist() == [big + 1, big + 1]
    assert packseq.pack([[big, big + 1]]).max()[0] == big + 1
    flags = packseq.pack([[True, True], [False], []])
    assert_array_equal(flags.sum(), [2, 0, 0], strict=True)
    assert_array_equal(flags.max(), [True, False, False], strict=True)


def test_float16_is_rounded_once() -> None:
    x = np.full(3000, 1.0, np.float16)  # in float16 the sum would stop at 2048
    p = packseq.pack([x])
    for got, expected in ((p.sum(), 3000), (p.mean(), 1), (p.max(), 1)):
        assert got.dtype == np.float16
        assert got[0] == expected
    assert p.softmax().rows.dtype == np.float16


def test_longdouble_is_pooled_in_float64() -> None:
    p = packseq.pack([np.ones(3, np.longdouble)])
    assert p.mean().dtype == p.max().dtype == np.float64
    assert p.sum()[0] == 3


def test_nan_beats_all() -> None:
    p = packseq.pack([[1.0, np.nan, 2.0], [3.0]])
    assert_array_equal(p.max(), [np.nan, 3])
    assert_array_equal(np.isnan(p.softmax().rows), [True, True, True, False])


@pytest.mark.parametrize("form", FORMS)
def test_float32_has_the_same_bits_in_every_order(form: str) -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 3)).astype(np.float32) for n in (40, 3, 0, 40, 17)]
    p, alone = FORMS[form](sequences), [packseq.pack([s]) for s in sequences]
    for pool in ("sum", "mean", "max"):
        each = np.concatenate([getattr(q, pool)() for q in alone])
        assert_array_equal(getattr(p, pool)(), each)
    assert_is(p.softmax(), [q.softmax()[0] for q in alone])


ROW_OF_EACH = ["last", "first", "sum", "mean", "max"]


@pytest.mark.parametrize("name", ROW_OF_EACH)
@pytest.mark.parametrize("dtype", ["i8", "f8"])
def test_empty_sequences(name: str, dtype: str) -> None:
    p = packseq.pack([np.ones(2, dtype), np.ones(0, dtype), np.ones(0, dtype)])
    assert_array_equal(getattr(p, name)()[1:], [0, 0])
    with pytest.raises(ValueError, match="sequence 1 is empty and has no"):
        getattr(p, name)(empty="error")
    with pytest.raises(ValueError, match="empty is 'nan', must be 'zeros' or 'error'"):
        getattr(p, name)(empty="nan")
    nothing = packseq.pack([], dtype=dtype)
    assert getattr(nothing, name)(empty="error").shape == (0,)
    assert_array_equal(getattr(p[1:], name)(), [0, 0])
    assert getattr(p[1:], name)().dtype == getattr(p, name)().dtype


def test_pools_of_no_numbers() -> None:
    p = packseq.pack([np.ones((2, 0))])
    for name in ROW_OF_EACH:
        assert getattr(p, name)().shape == (1, 0)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "softmax"])
@pytest.mark.parametrize("dtype", ["M8[s]", "c8"])
def test_pools_refuse(name: str, dtype: str) -> None:
    p = packseq.pack([np.zeros(2, dtype)])
    with pytest.raises(TypeError, match=r"rows have dtype .*, their .* is not defined"):
        getattr(p, name)()


# ---- other batches


@given(batches())
def test_reverse(case: Case) -> None:
    p, sequences = case
    assert_is(p.reverse(), [s[::-1] for s in sequences])
    assert p.reverse().layout == p.layout
    assert p.reverse().reverse().equals(p)
    assert p.reverse().order == p.order


@given(batches(), st.integers(1, 5))
def test_split(case: Case, n_parts: int) -> None:
    p, sequences = case
    parts = p.split(n_parts)
    assert len(parts) == n_parts
    assert sorted(n for part in parts for n in part.lengths) == sorted(map(len, sequences))
    rows = [len(part.rows) for part in parts]
    assert max(rows) - min(rows) <= max(map(len, sequences))
    got = np.concatenate([part.rows for part in parts])
    key = np.concatenate(sequences)
    assert_array_equal(np.sort(got.reshape(-1)), np.sort(key.reshape(-1)))


def test_split_refuses() -> None:
    p = packseq.pack([[1]])
    with pytest.raises(ValueError, match="n_parts is 0, must be at least 1"):
        p.split(0)
    with pytest.raises(TypeError, match="float"):
        p.split(1.5)  # type: ignore[arg-type]


@given(st.data(), st.sampled_from(DTYPES), st.integers(1, 3))
def test_concat(data: st.DataObject, dtype: str, n: int) -> None:
    forms = [FORMS[data.draw(st.sampled_from(list(FORMS)))] for _ in range(n)]
    lengths = st.lists(st.integers(0, 4), min_size=3, max_size=3)
    lists = [arrays(data.draw(lengths), (2,), dtype) for _ in range(n)]
    parts = [form(sequences) for form, sequences in zip(forms, lists, strict=True)]
    assert_is(packseq.concat(parts), [s for sequences in lists for s in sequences])
    joined = [np.concatenate(each) for each in zip(*lists, strict=True)]
    assert_is(packseq.concat(parts, "time"), joined)
    same = [form(lists[0]) for form in forms]
    wide = [np.concatenate([s] * n, axis=-1) for s in lists[0]]
    assert_is(packseq.concat(same, "features"), wide)
    assert packseq.concat(parts).order == packseq.concat(same, "features").order == parts[0].order


def test_concat_promotes() -> None:
    p, q = packseq.pack([[1]]), packseq.pack([[0.5]])
    assert_is(packseq.concat([p, q]), [np.array([1.0]), np.array([0.5])])
    assert_is(packseq.concat(iter([p, q])), [np.array([1.0]), np.array([0.5])])


P = packseq.pack([[[1, 2], [3, 4]], [[5, 6]]])


@pytest.mark.parametrize(
    ("batches", "along", "error", "text"),
    [
        ([], "sequences", ValueError, "batches is empty, needs at least 1"),
        ([P, [[1]]], "sequences", TypeError, r"batches\[1\] is list, must be a PackedSequence"),
        (5, "sequences", TypeError, "int"),
        ([P, packseq.pack([[1]])], "sequences", ValueError, r"\[1\] has rows of shape \(\), bat"),
        ([P, P[:1]], "time", ValueError, r"sources\[1\] has 1 sequences"),
        ([P, P], "rows", ValueError, "along is 'rows', must be"),
        ([P, P[:1]], "features", ValueError, r"\[0\] has 2 sequences, batches\[1\] has 1"),
        (
            [P, P[[1, 0]]],
            "features",
            ValueError,
            r"sequence 0 has length 2 in batches\[0\] and 1 in batches\[1\]",
        ),
        ([packseq.pack([[1]])], "features", ValueError, r"\[0\] has rows of shape \(\), which"),
        (
            [P, P.with_rows(np.zeros((3, 1, 2)))],
            "features",
            ValueError,
            r"\[1\] has rows of shape \(1, 2\), which cannot stand beside",
        ),
    ],
)
def test_concat_refuses(batches: Any, along: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        packseq.concat(batches, along)


def test_split_into_too_many() -> None:
    with pytest.raises(MemoryError, match=r"n_parts is 4611686018427387904"):
        packseq.pack([np.ones(2)]).split(2**62)
