# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""A model of C, rows -> recurrent stack -> head, its evaluation and its fit.

The loop is psq_fit; what is decided here is how Python takes part in it. After each step C calls
`packseq_progress`, which holds the interpreter's lock, so a signal's handler runs there: Ctrl-C
raises KeyboardInterrupt inside it, the fit is stopped, and fit() raises what the callback did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from packseq._core import address, call, context, make, memory
from packseq._native import ffi, lib
from packseq._samples import Samples

Floats: TypeAlias = NDArray[np.float32]
# Of each sequence: its class, int32 [n], or float32 [n, K].
Targets: TypeAlias = NDArray[Any]

# Sequences of one evaluation: psq_fit validates with as many.
_N_EVAL = 256


def names_of(function: Callable[[int], Any], n: int) -> tuple[str, ...]:
    """The names that the library has for the values of an enum."""
    return tuple(str(ffi.string(function(i)).decode()) for i in range(n))


CELLS = names_of(lib.psq_cell_name, lib.PSQ_N_CELL)
HEADS = names_of(lib.psq_head_name, lib.PSQ_N_HEAD)
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
    return _filled("psq_fit_opts", options)


def _filled(name: str, fields: Mapping[str, Any]) -> Any:
    """A struct with the header's defaults and these fields; "a.b" is field b of its struct a."""
    struct = make(name)
    for path, value in fields.items():
        outer, _, field = path.rpartition(".")
        setattr(getattr(struct, outer) if outer else struct, field, value)
    return struct


class Model:
    """psq_model and a session for it, with the process's threads of now. One thread at a time."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        """Fields of psq_model_spec, or with "rnn." of its network. Raises as psq_model_create."""
        self.spec = _filled("psq_model_spec", spec)
        self.ctx = context()
        out = ffi.new("psq_model **")
        call(lib.psq_model_create, self.ctx, self.spec, out)
        self.ptr = ffi.gc(out[0], lib.psq_model_destroy)
        session = ffi.new("psq_session **")
        call(lib.psq_session_create, self.ctx, self.ptr, session)
        self.session = ffi.gc(session[0], lib.psq_session_destroy)

    @property
    def n_weights(self) -> int:
        return int(lib.psq_model_n_weights(self.ptr))

    def init(self, seed: int) -> Floats:
        """Weights as torch's modules begin with: a function of the seed."""
        weights = np.empty(self.n_weights, np.float32)
        lib.psq_model_init(self.ptr, seed, address(weights))
        return weights

    def tensors(self, weights: Floats) -> dict[str, Floats]:
        """Views of the flat weights under the names that a torch module would have."""
        table = ffi.unpack(lib.psq_model_params(self.ptr), lib.psq_model_n_params(self.ptr))
        views = {}
        for param in table:
            shape = (param.n_rows, param.n_cols) if param.n_cols > 0 else (param.n_rows,)
            flat = weights[param.offset : param.offset + int(np.prod(shape))]
            views[ffi.string(param.name).decode()] = flat.reshape(shape)
        return views

    def logits(self, weights: Floats, samples: Samples) -> Floats:
        """[n, C]: what the head says of each sequence."""
        out = np.empty((len(samples), int(self.spec.n_classes)), np.float32)
        struct, _alive = self._struct(samples, None)
        where = memory("weights", weights, 4 * self.n_weights)
        result = ffi.new("psq_batch_result *")
        for first in range(0, len(samples), _N_EVAL):
            part = out[first : first + _N_EVAL]
            index = np.arange(first, first + len(part))
            pointer = ffi.from_buffer("int64_t[]", index)
            call(lib.psq_session_eval, self.session, where, struct, pointer, len(part),
                 address(part), ffi.NULL, result)  # fmt: skip
        return out

    def fit(
        self,
        weights: Floats,
        train: tuple[Samples, Targets],
        valid: tuple[Samples, Targets] | None,
        options: Mapping[str, Any],
        watcher: Watcher,
    ) -> None:
        """Trains the weights in place on samples and their classes, int32 [n].

        options: as fit_options. Raises as psq_fit; what watcher.step raised; KeyboardInterrupt.
        """
        where = memory("weights", weights, 4 * self.n_weights, written=True)
        train_struct, _alive = self._struct(*train)
        valid_struct, _alive_too = (ffi.NULL, None) if valid is None else self._struct(*valid)
        handle = ffi.new_handle(watcher)
        opts = fit_options(options)
        opts.progress, opts.progress_self = lib.packseq_progress, handle

        def run(*args: Any) -> int:
            status = int(lib.psq_fit(*args))
            stopped = status == lib.PSQ_CANCELLED and watcher.stopped
            return int(lib.PSQ_OK) if stopped else status

        try:
            call(run, self.session, where, train_struct, valid_struct, opts)
        except KeyboardInterrupt:
            if watcher.error is not None:
                raise watcher.error from None
            raise

    def _struct(self, samples: Samples, targets: Targets | None) -> tuple[Any, Any]:
        """A psq_samples that borrows, and what has to live as long as it."""
        layout = samples.layout
        n_bytes = 4 * layout.n_rows * self.spec.rnn.input_size
        fields = {
            "n_seq": layout.n_sequences,
            "offsets": lib.psq_layout_offsets(layout.ptr),
            "rows": memory("rows", samples.rows, n_bytes),
        }
        if targets is not None:
            classes = np.ascontiguousarray(targets, np.int32)
            fields["targets"] = ffi.cast(
                "int32_t *", memory("targets", classes, 4 * layout.n_sequences)
            )
            return ffi.new("psq_samples *", fields), (samples, classes)
        return ffi.new("psq_samples *", fields), samples
