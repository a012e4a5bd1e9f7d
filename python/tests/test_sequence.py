# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""PackedSequence: what it holds, its sequences, its other forms, and what is no batch."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from ragged_cases import FORMS, Arrays, arrays, assert_is, batches, packed, unstable

import packseq
from packseq import Layout, PackedSequence

Case = tuple[PackedSequence, Arrays]

FIRST = [np.array([1, 2, 3, 4]), np.array([5, 6]), np.array([7, 8, 9])]


# ---- the three examples of the question that the project grew from


def test_first_example() -> None:
    p = packseq.pack(FIRST)
    assert_array_equal(p.data, [1, 7, 5, 2, 8, 6, 3, 9, 4])
    assert_array_equal(p.batch_sizes, [3, 3, 2, 1])
    assert_array_equal(p.sorted_indices, [0, 2, 1])
    assert_array_equal(p.unsorted_indices, [0, 2, 1])
    assert_array_equal(p.lengths, [4, 2, 3])
    assert_array_equal(p.offsets, [0, 4, 6, 9])
    assert_array_equal(p.rows, np.arange(1, 10))
    assert p.order == "jagged"


def test_second_example_lengths_by_rank_are_not_the_users() -> None:
    data, sizes = [1, 7, 5, 2, 8, 6, 3, 9, 4], [3, 3, 2, 1]
    by_rank = packseq.from_packed(data, sizes)
    assert_array_equal(by_rank.lengths, [4, 3, 2])
    for indices in ({"sorted_indices": [0, 2, 1]}, {"unsorted_indices": [0, 2, 1]}):
        p = packseq.from_packed(data, sizes, **indices)
        assert_array_equal(p.lengths, [4, 2, 3])
        assert_is(p, FIRST)
        assert p.order == "packed"
        assert p.data is p.rows


def test_third_example_no_length_is_in_batch_sizes() -> None:
    p = packseq.pack(np.split(np.arange(1, 21), [6, 10, 14, 17]))
    assert_array_equal(p.lengths, [6, 4, 4, 3, 3])
    assert_array_equal(p.batch_sizes, [5, 5, 5, 3, 1, 1])
    assert_array_equal(
        p.data, [1, 7, 11, 15, 18, 2, 8, 12, 16, 19, 3, 9, 13, 17, 20, 4, 10, 14, 5, 6]
    )


# ---- what it is


def test_it_is_no_tuple_and_no_array() -> None:
    p = packseq.pack(FIRST)
    assert not isinstance(p, tuple)
    assert not hasattr(p, "shape")
    assert not hasattr(p, "ndim")
    assert len(p) == 3
    with pytest.raises(TypeError, match="ragged and no array"):
        np.asarray(p)
    for function in (np.mean, np.sum, lambda p: np.concatenate([p, p])):
        with pytest.raises(TypeError, match="no implementation found for 'numpy"):
            function(p)
    with pytest.raises(TypeError, match="unhashable"):
        hash(p)
    with pytest.raises(ValueError, match="neither true nor false"):
        bool(p)
    with pytest.raises(AttributeError):
        p.rows = p.rows  # type: ignore[misc]


@given(batches())
def test_sequences_are_the_users(case: Case) -> None:
    p, sequences = case
    assert_is(p, sequences)
    for got in (p.to_list(), list(p)):
        for a, b in zip(got, sequences, strict=True):
            assert_array_equal(a, b, strict=True)
    rows, offsets = p.to_jagged()
    assert_array_equal(rows, np.concatenate(sequences), strict=True)
    assert_array_equal(offsets, np.cumsum([0, *map(len, sequences)]))
    assert_is(packseq.from_packed(p.data, p.batch_sizes, p.sorted_indices), sequences)


def test_no_sequences() -> None:
    p = packseq.pack([])
    assert len(p) == 0
    assert p.to_list() == list(p) == []
    assert p[:].lengths.size == p.data.size == p.batch_sizes.size == 0
    assert p.to_padded().shape == p.mask().shape == (0, 0)
    assert packseq.pack([[], []]).to_padded().shape == (2, 0)


# ---- memory: views where rows are jagged, never a lost assignment


def test_jagged_sequences_are_views() -> None:
    values = np.arange(9.0)
    p = packseq.from_jagged(values, [0, 4, 6, 9])
    p[1][0] = 100
    p[1:][1][0] = 200
    p.to_list()[0][0] = 300
    assert values[4] == 100
    assert values[6] == 200
    assert values[0] == 300
    assert p.to_jagged()[0] is p.rows
    assert np.shares_memory(p[1:].rows, values)


def test_what_is_computed_cannot_be_written() -> None:
    for array in (packseq.pack(FIRST).data, packed(packseq.pack(FIRST))[1]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_packed_rows_are_shared() -> None:
    data = np.arange(9.0)
    p = packseq.from_packed(data, [3, 3, 2, 1])
    data[0] = 100
    assert p.data[0] == p[0][0] == 100


def test_rows_of_strides_are_copied() -> None:
    values = np.arange(18.0)[::2]
    p = packseq.from_jagged(values, [0, 4, 6, 9])
    assert p.rows.flags.c_contiguous
    assert_is(p, np.split(values, [4, 6]))


def test_read_only_rows_stay_read_only() -> None:
    values = np.arange(9.0)
    values.flags.writeable = False
    p = packseq.from_jagged(values, [0, 4, 6, 9])
    with pytest.raises(ValueError, match="read-only"):
        p[0][0] = 1
    assert p.to_padded().flags.writeable


def test_operations_keep_nothing_alive() -> None:
    for form in FORMS.values():
        p = form(FIRST)
        layout = weakref.ref(p.layout)
        q, r = p.reverse(), p[:, 1:]
        del p
        gc.collect()
        assert layout() is None
        assert q.lengths.sum() == r.lengths.sum() + 3


@given(batches())
def test_spread(case: Case) -> None:
    p, sequences = case
    for values in (np.arange(len(p)), np.arange(3.0 * len(p)).reshape(-1, 3)):
        q = p.spread(values)
        assert_is(
            q, [np.repeat(v[None], len(s), 0) for v, s in zip(values, sequences, strict=True)]
        )
        assert q.order == p.order


def test_spread_refuses() -> None:
    p = packseq.pack(FIRST)
    for values in (5, [1, 2], np.zeros((2, 3))):
        with pytest.raises(ValueError, match=r"values has shape .*, the batch has 3 sequences"):
            p.spread(values)
    with pytest.raises(TypeError, match="rows has dtype <U1, must be numbers"):
        p.spread(["a", "b", "c"])
    with pytest.raises(TypeError, match="masked"):
        p.spread(np.ma.zeros(3))


# ---- indices


@given(batches(), st.data())
def test_indices_are_a_lists(case: Case, data: st.DataObject) -> None:
    p, sequences = case
    n = len(sequences)
    bound = st.none() | st.integers(-9, 9)
    chosen = slice(data.draw(bound), data.draw(bound), data.draw(bound.filter(lambda s: s != 0)))
    assert_is(p[chosen], sequences[chosen])
    indices = data.draw(st.lists(st.integers(-n, n - 1), max_size=9))
    assert_is(p[indices], [sequences[i] for i in indices])
    assert_is(p[np.array(indices, np.int8)], [sequences[i] for i in indices])
    flags = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    assert_is(p[flags], [s for s, flag in zip(sequences, flags, strict=True) if flag])
    steps = slice(data.draw(bound), data.draw(bound))
    assert_is(p[:, steps], [s[steps] for s in sequences])
    assert_is(p[indices, steps], [sequences[i][steps] for i in indices])
    i = data.draw(st.integers(-n, n - 1))
    assert_array_equal(p[i, steps], sequences[i][steps], strict=True)
    assert_array_equal(p[np.int16(i)], p[np.array(i)])
    assert p[chosen].order == p[indices].order == p[:, steps].order == p.order


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (3, IndexError, "index 3 is out of range for 3 sequences"),
        (-4, IndexError, "index -4 is out of range for 3 sequences"),
        (2**70, IndexError, "out of range"),
        ([0, 3], IndexError, r"index\[1\] is 3, out of range for 3 sequences"),
        ([True, False], IndexError, "index has 2 flags for 3 sequences"),
        ([0.5], TypeError, "float64, must be integers"),
        ([[0, 1]], ValueError, "index has 2 dimensions"),
        ("a", TypeError, "'a' is no index"),
        (None, TypeError, "None is no index"),
        (True, TypeError, "True is no index"),
        (..., TypeError, "no index"),
        (1.0, TypeError, "1.0 is no index"),
        (slice("a"), TypeError, "slice indices"),
        ((0, 1, 2), TypeError, "no index"),
        ((slice(None), 1), TypeError, "1 is no index"),
        ((slice(None), slice(None, None, -1)), ValueError, "step of -1, must be 1"),
        ((slice(None), slice("a")), TypeError, "'str'"),
    ],
)
def test_no_index(index: Any, error: type[Exception], text: str) -> None:
    for form in FORMS.values():
        with pytest.raises(error, match=text):
            form(FIRST)[index]


# ---- padded


@given(
    batches(),
    st.booleans(),
    st.sampled_from(["left", "right"]),
    st.integers(0, 3),
    st.integers(1, 4),
)
def test_padding_survives(
    case: Case, batch_first: bool, side: Any, spare: int, multiple: int
) -> None:
    p, sequences = case
    n_steps = p.layout.max_length + spare
    padded = p.to_padded(batch_first=batch_first, side=side, n_steps=n_steps, multiple_of=multiple)
    mask = p.mask(batch_first=batch_first, side=side, n_steps=n_steps, multiple_of=multiple)
    assert mask.shape == padded.shape[:2]
    assert padded.shape[1 if batch_first else 0] == -(-n_steps // multiple) * multiple
    assert (padded[~mask] == np.zeros(1, padded.dtype)).all()
    for q in (
        packseq.from_padded(padded, p.lengths, batch_first=batch_first, side=side),
        packseq.from_mask(padded, mask, batch_first=batch_first, side=side),
        packseq.from_mask(padded, mask.astype(int), batch_first=batch_first, side=side),
    ):
        assert_is(q, sequences)
        assert q.order == "jagged"


@given(batches())
def test_channels_first_survive(case: Case) -> None:
    p, sequences = case
    padded = p.to_padded(channels_first=True)
    assert padded.shape == (len(p), *p.rows.shape[1:], p.layout.max_length)
    assert_is(packseq.from_padded(padded, p.lengths, channels_first=True), sequences)


def test_padding_of_the_first_example() -> None:
    p = packseq.pack(FIRST)
    expected = np.array([[1, 2, 3, 4], [5, 6, 0, 0], [7, 8, 9, 0]])
    assert_array_equal(p.to_padded(), expected, strict=True)
    assert_array_equal(p.to_padded(batch_first=False), expected.T, strict=True)
    assert_array_equal(p.to_padded(side="left", fill=-1)[1], [-1, -1, 5, 6])
    assert p.to_padded(multiple_of=8).shape == (3, 8)
    assert np.isnan((p * 1.0).to_padded(fill=np.nan)).sum() == 3


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"n_steps": 3}, ValueError, "n_steps is 3, but sequence 0 has length 4"),
        ({"n_steps": 0}, ValueError, "n_steps is 0, but sequence 0 has length 4"),
        ({"n_steps": -1}, ValueError, "n_steps is -1"),
        ({"n_steps": 2**63}, ValueError, "n_steps is 9223372036854775808, must be at most"),
        ({"n_steps": 2**62}, (ValueError, MemoryError), "array"),
        ({"n_steps": 4.5}, TypeError, "float"),
        ({"multiple_of": 0}, ValueError, "multiple_of is 0, must be at least 1"),
        ({"side": "top"}, ValueError, "side is 'top', must be 'left' or 'right'"),
        ({"fill": 1.5}, ValueError, "fill is 1.5, which int64 cannot hold"),
        ({"fill": np.nan}, ValueError, "fill is nan, which int64 cannot hold"),
        ({"fill": 2**70}, ValueError, "which int64 cannot hold"),
        ({"fill": "x"}, ValueError, "which int64 cannot hold"),
        ({"fill": [1, 2]}, ValueError, "fill has 1 dimensions, must be one element"),
        ({"fill": object()}, ValueError, "which int64 cannot hold"),
        ({"batch_first": False, "channels_first": True}, ValueError, "which is no order"),
    ],
)
def test_no_padding(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        packseq.pack(FIRST).to_padded(**options)


# ---- as a value


@given(batches())
def test_batches_equal_whatever_their_order(case: Case) -> None:
    p, sequences = case
    for other in FORMS.values():
        assert p.equals(other(sequences))
    assert p.equals(pickle.loads(pickle.dumps(p)))
    assert p.equals(copy.deepcopy(p))


def test_batches_that_are_not_equal() -> None:
    p = packseq.pack(FIRST)
    assert not p.equals(p + 1)
    assert not p.equals(packseq.pack([*FIRST, []]))
    assert not p.equals(p[[0, 2, 1]])
    assert not p.equals(FIRST)  # type: ignore[arg-type]
    nan = packseq.pack([[np.nan]])
    assert not nan.equals(nan)
    assert nan.equals(nan, equal_nan=True)


@pytest.mark.parametrize("form", FORMS)
def test_copies(form: str) -> None:
    p = FORMS[form](FIRST)
    for q in (p.copy(), copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert q.order == p.order
        assert q.layout == p.layout
        assert q.equals(p)
        assert not np.shares_memory(q.rows, p.rows)


# ---- what is no batch


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        (([1, 2], Layout([2])), TypeError, "rows is list, must be a NumPy array"),
        ((np.array([None]), Layout([1])), TypeError, "rows has dtype object, must be numbers"),
        ((np.array(["a"]), Layout([1])), TypeError, "rows has dtype <U1, must be numbers"),
        ((np.ma.zeros(2), Layout([2])), TypeError, "rows is a masked array; give its data"),
        ((np.zeros(2), [2]), TypeError, "layout is list, must be a Layout"),
        ((np.zeros(2), Layout([3])), ValueError, r"shape \(2,\), the layout has 3 rows"),
        ((np.zeros(()), Layout([1])), ValueError, r"shape \(\), the layout has 1 rows"),
        ((np.zeros(2), Layout([2]), "padded"), ValueError, "order is 'padded'"),
    ],
)
def test_no_batch(args: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        PackedSequence(*args)


def test_rows_that_were_resized_are_found() -> None:
    p = packseq.pack(FIRST)
    p.rows.resize((3, 2), refcheck=False)  # pools and copies would read beyond them
    for use in (p.to_padded, p.last, p.reverse, p.mean, lambda: p.data):
        with pytest.raises((ValueError, TypeError), match="has"):
            use()


# ---- pictures


def test_picture_of_the_first_example() -> None:
    assert repr(packseq.pack(FIRST)).splitlines() == [
        "PackedSequence of 3 sequences: jagged rows of shape (), int64",
        "  packed   t  0 1 2 3    padded t 0 1 2 3",
        "  seq 0       0 3 6 8    seq 0    █ █ █ █",
        "  seq 2       1 4 7      seq 1    █ █ ░ ░",
        "  seq 1       2 5        seq 2    █ █ █ ░",
        "  batch_sizes 3 3 2 1",
        "  9 rows packed, 12 padded: packing saves 3 rows (25.0 %)",
    ]


def test_picture_of_long_sequences_is_to_scale() -> None:
    text = repr(packseq.pack(arrays([600, 1, 0])))
    assert "█ is 10 steps" in text
    assert f"seq 0  {'█' * 60}  600" in text
    assert f"seq 1  █{'░' * 59}    1" in text
    assert f"seq 2  {'░' * 60}    0" in text
    assert "batch_sizes 2 1 1 1" in text


@given(st.lists(st.integers(0, 300), max_size=40), st.integers(60, 200))
def test_picture_is_bounded(lengths: list[int], width: int) -> None:
    with np.printoptions(linewidth=width):
        lines = repr(packseq.pack(arrays(lengths))).splitlines()
    assert max(map(len, lines)) <= max(width, 75)
    assert len(lines) <= 15


def test_picture_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        encoding = "ascii"

    monkeypatch.setattr("sys.stdout", Terminal())
    for lengths in ([4, 2, 3], [600, 1]):
        repr(packseq.pack(arrays(lengths))).encode("ascii")


def test_picture_of_unstable_ranks() -> None:
    lines = repr(unstable([np.zeros(2), np.zeros(2)])).splitlines()
    assert lines[0].startswith("PackedSequence of 2 sequences: packed rows")
    assert lines[2].startswith("  seq 1       0 2")


def test_notebooks_get_svg() -> None:
    html = packseq.pack(FIRST)._repr_html_()
    assert len(list(ElementTree.fromstring(html).iter())) == 4 + 4 * 3
    assert html.count("<rect") == 6
    assert 'width="240.00"' in html
    assert "9 rows packed, 12 padded" in html
    many = packseq.pack(arrays([3] * 50))._repr_html_()
    assert many.count("<title>") == 40
    assert "10 more sequences" in many
    assert "<svg" in packseq.pack([])._repr_html_()


def test_plot() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    ax = packseq.pack(FIRST).plot()
    assert [bar.get_width() for bar in ax.patches] == [0, 2, 1, 4, 2, 3]
    assert [bar.get_x() for bar in ax.patches] == [4, 2, 3, 0, 0, 0]
    assert packseq.pack(FIRST).plot(ax) is ax
    assert ax.yaxis_inverted()
    ax.figure.canvas.draw()
    pyplot.close(ax.figure)
    packseq.pack([]).plot().figure.canvas.draw()
    pyplot.close("all")
