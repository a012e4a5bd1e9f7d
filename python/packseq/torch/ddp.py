# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Means over ragged batches that are spread over processes.

DistributedDataParallel averages gradients over processes. Where these have different numbers of
rows, the mean of their means is not the mean of the joined batch; with loss = sum * processes /
rows of all processes it is, also where a process has no rows at all.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from packseq.torch.check import uncompiled

__all__ = ["global_mean"]


@uncompiled
def global_mean(loss: Tensor, count: int | Tensor | None = None, *, group: Any = None) -> Tensor:
    """The loss of this process whose gradients, averaged over the group, are those of the mean.

    loss: any shape, summed here. count: how many numbers this process adds to the mean, None: as
    many as loss has. All processes of the group, None: of the default one, call this together;
    without a process group the result is the mean. Where no process has any it is 0. The mean
    itself is the mean of the results. TypeError: a loss that is no tensor. ValueError: a count
    below 0 or of more than one element.
    """
    if not isinstance(loss, Tensor):
        raise TypeError(f"loss is {type(loss).__name__}, must be a Tensor")
    if isinstance(count, Tensor) and count.numel() != 1:
        raise ValueError(f"count has {count.numel()} elements, must have 1")
    own = loss.numel() if count is None else count
    if own < 0:
        raise ValueError(f"count is {float(own)}, must be at least 0")
    world, total = 1, torch.as_tensor(own, dtype=torch.float64, device=loss.device).reshape(())
    if dist.is_available() and dist.is_initialized():
        world, total = dist.get_world_size(group), total.clone()
        dist.all_reduce(total, group=group)
    return loss.sum() * (world / total.clamp(min=1)).to(loss.dtype)
