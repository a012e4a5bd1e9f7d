# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Ragged batches over processes: gradients are those of the joined batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from spread import SHARES, WORLD, batch, gradients, work
from torch import Tensor

from packseq.torch.ddp import global_mean


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[dict[str, tuple[Tensor, list[Tensor]]]]:
    folder: Path = tmp_path_factory.mktemp("ddp")
    torch.multiprocessing.spawn(work, (str(folder),), nprocs=WORLD)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


@pytest.mark.parametrize("name", SHARES)
def test_gradients_are_those_of_the_joined_batch(
    results: list[dict[str, tuple[Tensor, list[Tensor]]]], name: str
) -> None:
    shares = SHARES[name]
    model, parts = batch(shares)
    joined = global_mean(model(torch.cat(parts), [n for share in shares for n in share]).square())
    expected = gradients(joined, model)
    for mean, grads in (result[name] for result in results):
        assert torch.allclose(mean, joined)
        assert len(grads) == len(expected) == len(list(model.parameters()))
        for a, b in zip(grads, expected, strict=True):
            assert (a - b).abs().max() <= 1e-6


def test_without_processes_it_is_the_mean() -> None:
    loss = torch.randn(4, 3, dtype=torch.float64)
    assert torch.allclose(global_mean(loss), loss.mean())
    assert torch.allclose(global_mean(loss, 7), loss.sum() / 7)
    assert torch.allclose(global_mean(loss, torch.tensor([7])), loss.sum() / 7)
    assert global_mean(loss[:0]) == 0


def test_what_it_refuses() -> None:
    with pytest.raises(TypeError, match="loss is float, must be a Tensor"):
        global_mean(1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"count is -1\.0, must be at least 0"):
        global_mean(torch.ones(2), -1)
    with pytest.raises(ValueError, match="count has 2 elements, must have 1"):
        global_mean(torch.ones(2), torch.ones(2))
