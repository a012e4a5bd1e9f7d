# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What a fit of an estimator tells while it runs, keeps for later, and when it has had enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from packseq._core import Array


class History:
    """The Watcher of a fit: the losses of its epochs, the weights to keep, lines for people.

    With validation samples the weights to keep are those after the epoch that was best on them, and
    the fit stops after `patience` epochs that were not better; else they are the last.
    """

    def __init__(self, weights: Array, *, patience: int, verbose: int, scored: bool) -> None:
        self.error: BaseException | None = None
        self.stopped = False
        self.losses: list[float] = []
        self.validation_losses: list[float] = []
        self.best: Array | None = None
        self._weights = weights
        self._patience = patience
        self._verbose = verbose
        self._scored = scored  # whether results have numbers of right answers

    def kept(self) -> Array:
        return self._weights if self.best is None else self.best

    def step(self, progress: Any) -> bool:
        if progress.epoch_end:
            self._end_epoch(progress)
        return not self.stopped

    def _end_epoch(self, progress: Any) -> None:
        self.losses.append(_mean(progress.train))
        if progress.valid.n_valid > 0:
            self._compare(_mean(progress.valid))
        last = self.stopped or progress.epoch == progress.n_epochs
        if self._verbose > 0 and (last or progress.epoch % self._verbose == 0):
            print(self._line(progress), flush=True)

    def _compare(self, loss: float) -> None:
        if not self.validation_losses or loss < min(self.validation_losses):
            self.best = self._weights.copy()
        self.validation_losses.append(loss)
        n_after_best = len(self.validation_losses) - 1 - int(np.argmin(self.validation_losses))
        self.stopped = n_after_best >= self._patience

    def _line(self, progress: Any) -> str:
        parts = [self._result("", progress.train)]
        if progress.valid.n_valid > 0:
            parts.append(self._result("validation ", progress.valid))
        if self.stopped:
            parts.append(f"not better for {self._patience} epochs")
        return f"epoch {progress.epoch}/{progress.n_epochs}: {', '.join(parts)}"

    def _result(self, which: str, result: Any) -> str:
        text = f"{which}loss {_mean(result):.4f}"
        return text + (f" accuracy {result.n_correct / result.n_valid:.1%}" if self._scored else "")


def _mean(result: Any) -> float:
    return float(result.loss_sum / result.n_valid)
