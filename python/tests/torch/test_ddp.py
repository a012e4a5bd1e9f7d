# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Ragged batches over processes: gradients are those of the joined batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import packseq.torch as pt
from packseq.torch.ddp import global_mean

WORLD = 2

# Which sequences a process has, by their lengths.
SHARES = {
    "uneven": [[5, 1, 9], [2]],
    "one has none": [[5, 1, 9, 2], []],
    "one has only empty ones": [[3, 4], [0, 0]],
    "nobody has any": [[0], [0]],
}


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = pt.LSTM(3, 4, 2, bidirectional=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        p, _ = self.rnn(pt.pack(x, lengths))
        return self.head(p.data)  # type: ignore[no-any-return]


def batch(shares: list[list[int]]) -> tuple[nn.Module, list[Tensor]]:
    """The same numbers in every process: a model, and padded rows of each share."""
    torch.manual_seed(0)
    model = Tagger()
    return model, [torch.randn(len(share), 9, 3) for share in shares]


def gradients(loss: Tensor, model: nn.Module) -> list[Tensor]:
    loss.backward()  # type: ignore[no-untyped-call]
    return [p.grad for p in model.parameters() if p.grad is not None]


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=WORLD
    )
    results = {}
    for name, shares in SHARES.items():
        model, parts = batch(shares)
        replica = DistributedDataParallel(model)
        loss = global_mean(replica(parts[rank], shares[rank]).square())
        grads = gradients(loss, model)
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        results[name] = mean / WORLD, grads
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


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
