# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Batches: every sequence once, over all ranks, the same again after a pause."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseq.batches import BatchSampler

LENGTHS = [4, 2, 3, 0, 9, 1, 1, 5, 7, 2, 0, 6]

lengths_of_data = st.lists(st.integers(0, 12), max_size=40)


@st.composite
def budgets(draw: st.DrawFn) -> dict[str, Any]:
    """Options that any of lengths_of_data allows."""
    options: dict[str, Any] = {
        "shuffle": draw(st.booleans()),
        "pool_size": draw(st.integers(0, 9)),
        "seed": draw(st.integers(0, 2**64 - 1)),
    }
    rows = draw(st.sampled_from(["max_rows", "max_padded_rows", None]))
    if rows is not None:
        options[rows] = draw(st.integers(1, 40))
        options["oversize_alone"] = True
    if rows is None or draw(st.booleans()):
        options["batch_size"] = draw(st.integers(1, 9))
    return options


def within(batch: list[int], lengths: list[int], options: dict[str, Any]) -> bool:
    chosen = [lengths[i] for i in batch]
    if len(batch) <= 1:
        return True
    rows, padded = sum(chosen), len(chosen) * max(chosen)
    return (
        len(batch) <= options.get("batch_size", len(batch))
        and rows <= options.get("max_rows", rows)
        and padded <= options.get("max_padded_rows", padded)
    )


@given(lengths_of_data, budgets(), st.integers(1, 4), st.integers(0, 3))
def test_every_sequence_once_over_all_ranks(
    lengths: list[int], options: dict[str, Any], world: int, epoch: int
) -> None:
    samplers = [BatchSampler(lengths, rank=r, world=world, **options) for r in range(world)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    dealt = [list(sampler) for sampler in samplers]
    taken = [i for batches in dealt for batch in batches for i in batch]
    assert sorted(taken) == list(range(len(lengths)))
    assert all(within(batch, lengths, options) for batches in dealt for batch in batches)
    assert {len(batches) for batches in dealt} == {len(samplers[0])}


@given(lengths_of_data, budgets(), st.integers(1, 3), st.data())
def test_resume_anywhere(
    lengths: list[int], options: dict[str, Any], world: int, data: st.DataObject
) -> None:
    whole = BatchSampler(lengths, world=world, **options)
    expected = list(whole)
    n = data.draw(st.integers(0, len(expected)))
    sampler = BatchSampler(lengths, world=world, **options)
    iterator = iter(sampler)
    for _ in range(n):
        next(iterator)
    state = json.loads(json.dumps(sampler.state_dict()))
    assert whole.state_dict(n) == state
    other = BatchSampler(lengths, rank=world - 1, world=world, **options)
    other.load_state_dict(state)
    assert other.state_dict() == state
    again = BatchSampler(lengths, world=world, **options)
    again.load_state_dict(state)
    rest = list(again)
    if n < len(expected) or not lengths:
        assert rest == expected[n:]
        assert again.epoch == 0
    else:
        assert again.epoch == 1
        assert rest == list(whole)


def test_resume_with_other_ranks_deals_what_is_left() -> None:
    sampler = BatchSampler(LENGTHS, batch_size=2)
    iterator = iter(sampler)
    first = [next(iterator), next(iterator)]
    pair = [BatchSampler(LENGTHS, batch_size=2, rank=r, world=2) for r in range(2)]
    rest = []
    for other in pair:
        other.load_state_dict(sampler.state_dict())
        rest += list(other)
    assert sorted(i for batch in first + rest for i in batch) == list(range(len(LENGTHS)))


def test_epochs_follow_each_other() -> None:
    sampler = BatchSampler(np.array(LENGTHS), max_rows=10, seed=3)
    epochs = [list(sampler) for _ in range(3)]
    assert sampler.epoch == 2
    assert epochs[0] != epochs[1] != epochs[2]
    for epoch, batches in enumerate(epochs):
        sampler.set_epoch(epoch)
        assert list(sampler) == batches
    assert isinstance(epochs[0][0], list)
    assert type(epochs[0][0][0]) is int


def test_an_epoch_that_was_broken_off_is_followed_by_the_next() -> None:
    sampler = BatchSampler(LENGTHS, batch_size=2)
    next(iter(sampler))
    assert sampler.epoch == 0
    second = list(sampler)
    assert sampler.epoch == 1
    sampler.set_epoch(1)
    assert list(sampler) == second


def test_old_iterators_do_not_take_from_new_epochs() -> None:
    sampler = BatchSampler(LENGTHS, batch_size=2)
    old = iter(sampler)
    next(old)
    new = iter(sampler)
    next(old)  # new has not begun
    first = next(new)
    with pytest.raises(RuntimeError, match="this iterator of batches has ended"):
        next(old)
    assert len([first, *new]) == len(sampler)


def test_state_of_fewer_batches_leaves_the_iterator_alone() -> None:
    sampler, other = (BatchSampler(LENGTHS, batch_size=2) for _ in range(2))
    iterator, expected = iter(sampler), list(other)
    taken = [next(iterator), next(iterator), next(iterator)]
    state = sampler.state_dict(1)
    assert taken + list(iterator) == expected
    other.load_state_dict(state)
    assert list(other) == expected[1:]


def test_rows_and_sequences_may_both_be_limited() -> None:
    sampler = BatchSampler([2] * 9, max_rows=10, batch_size=3)
    assert [len(batch) for batch in sampler] == [3, 3, 3]
    sampler = BatchSampler([2] * 9, max_padded_rows=4, batch_size=3)
    assert sorted(len(batch) for batch in sampler) == [1, 2, 2, 2, 2]


def test_without_shuffle_the_users_order() -> None:
    sampler = BatchSampler(LENGTHS, batch_size=5, pool_size=1, shuffle=False)
    assert list(sampler) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    sampler = BatchSampler(LENGTHS, batch_size=5, pool_size=1, shuffle=False, drop_last=True)
    assert list(sampler) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert sampler.report().n_dropped == 2


def test_no_sequences_no_batches() -> None:
    sampler = BatchSampler([], max_rows=3)
    assert (len(sampler), list(sampler), sampler.report().fill) == (0, [], 1.0)
    assert pickle.loads(pickle.dumps(sampler)).epoch == 0


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_copies_go_on_where_it_was(copied: Any) -> None:
    sampler = BatchSampler(LENGTHS, max_rows=10, batch_size=4, seed=5, rank=1, world=2)
    assert list(copied(sampler)) == list(sampler)
    sampler.set_epoch(4)
    iterator = iter(sampler)
    next(iterator)
    again = copied(sampler)
    assert again.state_dict() == sampler.state_dict()
    assert repr(again) == repr(sampler)
    assert list(again) == list(iter(sampler))  # both go on to epoch 5
    assert again.epoch == 5


def test_report_says_what_sorting_avoids() -> None:
    lengths = np.random.default_rng(0).integers(0, 100, 2000)
    sampler = BatchSampler(lengths, max_rows=1600)
    batches = list(sampler)
    report = sampler.report()
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    assert (report.n_seq, report.n_rows) == (2000, int(lengths.sum()))
    assert report.n_batches == report.n_steps == len(batches)
    assert report.n_padded == padded
    assert report.fill == report.n_rows / padded
    assert 0.9 < report.padding_avoided < 1
    assert str(report).startswith(f"{len(batches)} batches of 2000 sequences")
    assert BatchSampler([2, 2], batch_size=2).report().padding_avoided == 0


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, ValueError, "no budget is given, must be one of max_rows, max_padded_rows, batch_si"),
        ({"max_rows": 9, "max_padded_rows": 9}, ValueError, "are both given, must be one of them"),
        ({"batch_size": 0}, ValueError, "batch_size is 0, must be at least 1"),
        (
            {"batch_size": 2**63},
            ValueError,
            f"batch_size is {2**63}, must be at most {2**63 - 1}",
        ),
        ({"batch_size": 2.0}, TypeError, "batch_size is 2.0, must be an integer"),
        ({"max_rows": "9"}, TypeError, "max_rows is '9', must be an integer"),
        (
            {"max_rows": 3},
            ValueError,
            r"lengths\[0\] is 4, must be at most max_rows, 3, without ov",
        ),
        (
            {"max_padded_rows": 3},
            ValueError,
            r"lengths\[0\] is 4, must be at most max_padded_rows, 3",
        ),
        ({"batch_size": 1, "pool_size": -1}, ValueError, "pool_size is -1, must be at least 0"),
        ({"batch_size": 1, "seed": -1}, ValueError, f"seed is -1, must be from 0 to {2**64 - 1}"),
        ({"batch_size": 1, "world": 0}, ValueError, "world is 0, must be at least 1"),
        ({"batch_size": 1, "rank": 2, "world": 2}, ValueError, "rank is 2, must be from 0 to 1"),
        ({"batch_size": 1, "world": 2**60}, MemoryError, "ranks"),
    ],
)
def test_options_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        BatchSampler([4, 2, 3], **options)


@pytest.mark.parametrize(
    ("lengths", "error", "text"),
    [
        ([1, -1], ValueError, r"lengths\[1\] is -1, must be at least 0"),
        ([1.0], TypeError, "lengths has dtype float64, must be integers"),
        (None, ValueError, "lengths has 0 dimensions"),
        ([[1]], ValueError, "lengths has 2 dimensions, must have 1"),
        ([2**62, 2**62], MemoryError, "overflow"),
    ],
)
def test_lengths_refused(lengths: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        BatchSampler(lengths, batch_size=2)


def test_epochs_refused() -> None:
    sampler = BatchSampler(LENGTHS, batch_size=2)
    with pytest.raises(ValueError, match="epoch is 4294967296, must be from 0 to 4294967295"):
        sampler.set_epoch(2**32)
    with pytest.raises(ValueError, match="epoch is -1, must be at least 0"):
        sampler.set_epoch(-1)
    with pytest.raises(TypeError, match="epoch is '1', must be an integer"):
        sampler.set_epoch("1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"fingerprint": 1}, ValueError, "other lengths or other options"),
        ({"position": 99}, ValueError, "state.position is 99"),
        ({"position": -1}, ValueError, r"state\['position'\] is -1, must be from 0 to"),
        ({"world": 2**63}, ValueError, r"state\['world'\] is 9223372036854775808, must be at most"),
        ({"epoch": 1.0}, TypeError, r"state\['epoch'\] is 1.0, must be an integer"),
        ({"sampler": 1}, ValueError, r"state has the keys .*'sampler'.*, must have \['epoch', 'f"),
    ],
)
def test_states_refused(change: dict[str, Any], error: type[Exception], text: str) -> None:
    sampler, other = (BatchSampler(LENGTHS, batch_size=2) for _ in range(2))
    iterator, expected = iter(sampler), list(other)
    taken = [next(iterator)]
    with pytest.raises(error, match=text):
        sampler.load_state_dict(sampler.state_dict() | change)
    assert taken + list(iterator) == expected


def test_state_arguments_refused() -> None:
    sampler = BatchSampler(LENGTHS, batch_size=2)
    with pytest.raises(TypeError, match="state is a list, must be a mapping"):
        sampler.load_state_dict([1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_taken is 7, must be from 0 to 6"):
        sampler.state_dict(7)
    assert sampler.state_dict()["position"] == 0


def test_threads_may_share_a_sampler() -> None:
    sampler = BatchSampler(np.arange(1, 400), batch_size=3, seed=0)
    taken: list[list[int]] = []

    def take() -> None:
        for _ in range(100):
            with contextlib.suppress(RuntimeError):  # another thread has begun an iterator
                taken.extend(sampler)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken
    assert all(1 <= len(batch) <= 3 for batch in taken)
    assert {type(i) for batch in taken for i in batch} == {int}
    assert all(0 <= i < 399 for batch in taken for i in batch)
