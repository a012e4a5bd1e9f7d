# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The fit of a model to classes: psq_fit, and how Python takes part in it.

After each step C calls `packseq_progress`, which holds the interpreter's lock, so a signal's
handler runs there: Ctrl-C raises KeyboardInterrupt inside it, the fit is stopped, and fit_classes
raises what the callback did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np

from packseq._core import Array, address, call, make
from packseq._native import ffi, lib
from packseq.model import Model
from packseq.sequence import PackedSequence

# Jagged sequences with rows of the model's dtype, and their targets.
Samples: TypeAlias = tuple[PackedSequence, Array]


def names_of(name_of: Any, n: int) -> tuple[str, ...]:
    """The names that the library has for the values of an enum."""
    return tuple(str(ffi.string(name_of(i)).decode()) for i in range(n))


OPTIMISERS = names_of(lib.psq_optim_name, lib.PSQ_N_OPTIM)
SCHEDULES = names_of(lib.psq_schedule_name, lib.PSQ_N_SCHEDULE)


class Watcher(Protocol):
    """What is told of a fit's steps."""

    error: BaseException | None  # what step() raised
    stopped: bool  # whether step() asked to stop, which is then no error

    def step(self, progress: Any) -> bool:
        """Takes a psq_fit_progress, valid during the call. False stops the fit."""


def _note(kind: Any, error: BaseException, traceback: Any) -> None:
    """What packseq_progress raised: C cannot, so the watcher keeps it."""
    ffi.from_handle(traceback.tb_frame.f_locals["handle"]).error = error


@ffi.def_extern(error=False, onerror=_note)  # type: ignore[untyped-decorator]
def packseq_progress(handle: Any, progress: Any) -> bool:
    """Called by psq_fit after each step; the handle is of a Watcher."""
    return bool(ffi.from_handle(handle).step(progress))


def fit_options(options: Mapping[str, Any]) -> Any:
    """A psq_fit_opts from its fields, or with "optim." those of its optimiser."""
    opts = make("psq_fit_opts")
    for path, value in options.items():
        owner = opts.optim if path.startswith("optim.") else opts
        setattr(owner, path.removeprefix("optim."), value)
    return opts


def fit_classes(
    model: Model,
    train: Samples,
    valid: Samples | None,
    options: Mapping[str, Any],
    watcher: Watcher,
) -> None:
    """Trains the model's parameters in place on samples and their classes [n].

    options: as fit_options. Raises as psq_fit; what watcher.step raised; KeyboardInterrupt.
    """
    train_struct, _train = _struct(model, *train)
    valid_struct, _valid = (ffi.NULL, None) if valid is None else _struct(model, *valid)
    handle = ffi.new_handle(watcher)
    opts = fit_options(options)
    opts.progress, opts.progress_self = lib.packseq_progress, handle
    weights = address(model.parameters.flat)

    def run(*args: Any) -> int:
        status = int(lib.psq_fit(*args))
        stopped = status == lib.PSQ_CANCELLED and watcher.stopped
        return int(lib.PSQ_OK) if stopped else status

    try:
        with model._lock:
            call(run, model._session(), weights, train_struct, valid_struct, opts)
    except KeyboardInterrupt:
        if watcher.error is not None:
            raise watcher.error from None
        raise


def _struct(model: Model, x: PackedSequence, targets: Array) -> tuple[Any, Any]:
    """A psq_samples that borrows, and what has to live as long as it."""
    classes = np.ascontiguousarray(targets, np.int32)
    rows = x.rows
    if rows.shape[1:] != (model.c_spec.rnn.input_size,) or rows.dtype != np.float32:
        raise ValueError(f"x has {rows.dtype} rows of shape {rows.shape[1:]}, not the model's")
    if classes.shape != (len(x),):
        raise ValueError(f"targets has shape {classes.shape}, must have {(len(x),)}")
    fields = {
        "n_seq": len(x),
        "offsets": lib.psq_layout_offsets(x.layout.ptr),
        "rows": ffi.cast("void *", address(rows)),
        "targets": ffi.cast("int32_t *", address(classes)),
    }
    return ffi.new("psq_samples *", fields), (x, rows, classes)
