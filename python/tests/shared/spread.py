# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What the processes of test_ddp.py run: a process of its own finds it by this name."""

from __future__ import annotations

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
