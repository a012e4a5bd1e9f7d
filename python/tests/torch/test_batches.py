# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""A BatchSampler in a DataLoader: the same batches with any number of workers, and after a stop."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from packseq.batches import BatchSampler

LENGTHS = np.random.default_rng(0).integers(0, 30, 60)


class Sequences(Dataset[torch.Tensor]):
    """Sequence i has LENGTHS[i] rows of i."""

    def __getitem__(self, i: int) -> torch.Tensor:
        return torch.full((int(LENGTHS[i]),), float(i))


def whole(batch: list[torch.Tensor]) -> list[list[float]]:
    return [sequence.tolist() for sequence in batch]


def loader(sampler: BatchSampler, n_workers: int) -> DataLoader[torch.Tensor]:
    return DataLoader(
        Sequences(),
        batch_sampler=sampler,
        num_workers=n_workers,
        collate_fn=whole,
        timeout=30 if n_workers > 0 else 0,
    )


@pytest.mark.parametrize("n_workers", [0, 1, 2])
def test_workers_do_not_show(n_workers: int) -> None:
    sampler = BatchSampler(torch.from_numpy(LENGTHS), max_rows=80, seed=1)
    batches = loader(sampler, n_workers)
    assert len(batches) == len(sampler)
    expected = BatchSampler(LENGTHS, max_rows=80, seed=1)
    for epoch in range(2):
        want = [[[float(i)] * int(LENGTHS[i]) for i in batch] for batch in expected]
        assert list(batches) == want
        assert sampler.epoch == epoch


@pytest.mark.parametrize("n_workers", [0, 2])
def test_resume_after_what_was_trained_on(n_workers: int) -> None:
    sampler = BatchSampler(LENGTHS, max_rows=80, seed=1)
    expected = list(loader(BatchSampler(LENGTHS, max_rows=80, seed=1), 0))
    taken = list(islice(loader(sampler, n_workers), 3))
    again = BatchSampler(LENGTHS, max_rows=80, seed=1)
    again.load_state_dict(sampler.state_dict(3))
    assert taken + list(loader(again, n_workers)) == expected


def test_empty_batches_reach_the_collate_function() -> None:
    samplers = [BatchSampler(LENGTHS[:3], batch_size=1, rank=r, world=2) for r in range(2)]
    batches = [list(loader(sampler, 0)) for sampler in samplers]
    assert [len(b) for b in batches] == [2, 2]
    assert sorted(len(batch) for b in batches for batch in b) == [0, 1, 1, 1]
