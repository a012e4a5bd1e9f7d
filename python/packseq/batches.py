# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Which sequences make a batch: the batcher of C as an iterable that a DataLoader takes.

What is decided here is what Python has and C has not: an iterator belongs to one epoch, every one
after the first begins the next epoch, and a loaded state is gone on with by the iterator that
follows. So loops that never call set_epoch are shuffled anew all the same, and what an epoch
contains does not depend on how far ahead a DataLoader's workers have run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from packseq._checks import UINT64_MAX, integer
from packseq._core import call, context, integers, make
from packseq._native import ffi, lib

# The arguments that are a budget, and C's names of what they limit.
_BUDGETS = {
    "max_rows": lib.PSQ_BUDGET_ROWS,
    "max_padded_rows": lib.PSQ_BUDGET_PADDED,
    "batch_size": lib.PSQ_BUDGET_SEQUENCES,
}
_STATE = tuple(name for name, _ in ffi.typeof("psq_batcher_state").fields)


@dataclass(frozen=True)
class BatchReport:
    """What an epoch is like over all ranks; after a state of another world, what that left of it.

    n_batches counts no empty ones; n_padded are the rows if every batch is padded to its longest
    sequence, n_padded_random those of batches of as many sequences that nobody sorted; n_dropped
    are the sequences that drop_last leaves out. max_cost and mean_cost are of the ranks, in rows;
    worst_step is the largest costliest batch over mean batch of a step.
    """

    n_batches: int
    n_steps: int
    n_seq: int
    n_rows: int
    n_padded: int
    n_padded_random: int
    n_dropped: int
    fill: float
    max_cost: int
    mean_cost: float
    worst_step: float

    @property
    def padding_avoided(self) -> float:
        """The share of the padding of unsorted batches that these do not have, 0 to 1."""
        random = self.n_padded_random - self.n_rows
        return (self.n_padded_random - self.n_padded) / random if random > 0 else 0.0

    def __str__(self) -> str:
        return (
            f"{self.n_batches} batches of {self.n_seq} sequences, {self.n_rows} rows: padded they "
            f"are {self.fill:.1%} full, with {self.padding_avoided:.1%} of the padding of random "
            f"batches avoided"
        )


class BatchSampler:
    """Batches of sequences of like lengths, as lists of indices, epoch after epoch.

    lengths [n], integers, zeros among them; a batch has at most batch_size sequences, and at most
    max_rows rows or max_padded_rows rows if padded to its longest. At least one of the three is
    given, not both of the last. A sequence that is over the limit by itself is an error, or with
    oversize_alone a batch of its own. pool_size sequences are sorted together, 0: all. Without
    shuffle the user's order, pools still sorted. With drop_last the batch that is not full and the
    step that is not whole are left out. rank of world gets every step's batch of about equal cost;
    where the batches end within a step it gets an empty list.

    The batches are a function of lengths, options and epoch alone. Use as a DataLoader's
    batch_sampler, with packseq.torch.collate, which knows empty batches.

    ValueError: an argument out of range, named; a sequence over the limit. TypeError: no integers.
    MemoryError. Source: include/packseq/batcher.h.
    """

    def __init__(
        self,
        lengths: ArrayLike,
        *,
        batch_size: int | None = None,
        max_rows: int | None = None,
        max_padded_rows: int | None = None,
        pool_size: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        oversize_alone: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        given = {
            "max_rows": max_rows,
            "max_padded_rows": max_padded_rows,
            "batch_size": batch_size,
        }
        limits = {name: integer(name, n, 1) for name, n in given.items() if n is not None}
        numbers = {"pool_size": integer("pool_size", pool_size, 0)}
        numbers["seed"] = integer("seed", seed, 0, UINT64_MAX)
        numbers["world"] = integer("world", world, 1)
        numbers["rank"] = integer("rank", rank, 0, numbers["world"] - 1)
        flags = {"shuffle": shuffle, "drop_last": drop_last, "oversize_alone": oversize_alone}
        self._lengths = integers("lengths", lengths)
        self._options: dict[str, Any] = limits | numbers | {n: bool(f) for n, f in flags.items()}
        self._batcher = _create(self._lengths, limits, self._options)
        # C is called without the GIL, and the index that it gives is its own until the next call.
        self._lock = threading.RLock()
        self._fresh = True  # whether the next iterator takes the state that is set
        self._turn = 0  # of the iterator that may go on

    # ---- epochs

    @property
    def epoch(self) -> int:
        """The epoch that the last iterator began, or that the next one will if it was set."""
        return int(self._state().epoch)

    def set_epoch(self, epoch: int) -> None:
        """The next iterator begins this epoch, from 0 to 4294967295; those before end.

        ValueError: another epoch. TypeError: no integer.
        """
        number = integer("epoch", epoch, 0)
        with self._lock:
            call(lib.psq_batcher_set_epoch, self._batcher, number)
            self._begin(fresh=True)

    def __len__(self) -> int:
        """Batches of this rank in this epoch, those already taken among them; equal on all ranks.

        With a budget of rows, epochs may have different numbers of batches.
        """
        with self._lock:
            return int(lib.psq_batcher_n_batches(self._batcher))

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of this epoch, or if an iterator has begun it, of the next.

        After load_state_dict those that are left of its epoch, or of the next if none are. An
        iterator begins with its first batch: a DataLoader makes more of them than it uses.
        RuntimeError, by an iterator: a later one has begun, or an epoch or a state was set.
        """
        with self._lock:
            if not self._fresh or self._at_end():
                call(lib.psq_batcher_set_epoch, self._batcher, self.epoch + 1)
            self._begin(fresh=False)
            turn = self._turn
        while (batch := self._next(turn)) is not None:
            yield batch

    def _next(self, turn: int) -> list[int] | None:
        """The next batch of the iterator of this turn, None at its end."""
        index = ffi.new("int64_t **")
        n = ffi.new("int64_t *")
        with self._lock:
            if turn != self._turn:
                raise RuntimeError(
                    "this iterator of batches has ended: the sampler has begun another one"
                )
            more = lib.psq_batcher_next(self._batcher, index, n)
            return list(ffi.unpack(index[0], n[0])) if more else None

    def _begin(self, *, fresh: bool) -> None:
        self._fresh = fresh
        self._turn += 1

    # ---- states

    def _state(self) -> Any:
        state = ffi.new("psq_batcher_state *")
        with self._lock:
            lib.psq_batcher_get_state(self._batcher, state)
        return state

    def _at_end(self) -> bool:
        """Whether something was taken of this epoch and nothing is left."""
        state = self._state()
        n_taken = -(-(state.position - state.origin) // state.world)
        return bool(state.position > 0 and n_taken == len(self))

    def state_dict(self, n_taken: int | None = None) -> dict[str, int]:
        """Where the sampler is, in plain numbers; equal on all ranks that did as many steps.

        n_taken: as if so many of this epoch's batches had been taken. A DataLoader with workers
        takes batches ahead of those that it returns, so give it the number that were trained on.
        ValueError: n_taken is negative or above len(self). TypeError: no integer.
        """
        with self._lock:
            state = self._state()
            if n_taken is not None:
                here = ffi.new("psq_batcher_state *", state[0])
                n = integer("n_taken", n_taken, 0, len(self))
                self._skip(here, n)
                state = self._state()
                call(lib.psq_batcher_set_state, self._batcher, here)
        return {name: int(getattr(state, name)) for name in _STATE}

    def _skip(self, state: Any, n: int) -> None:
        """To n steps from where `state` says that this world began."""
        start = ffi.new("psq_batcher_state *", state[0])
        start.position = start.origin
        call(lib.psq_batcher_set_state, self._batcher, start)
        index = ffi.new("int64_t **")
        size = ffi.new("int64_t *")
        for _ in range(n):
            lib.psq_batcher_next(self._batcher, index, size)

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """The next iterator goes on from a state, of this number of ranks or of another.

        ValueError: a state of other lengths or options, missing or unknown keys, numbers that no
        state has; the sampler stays where it was. TypeError: no mapping, values that are no
        integers.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state is a {type(state).__name__}, must be a mapping")
        if set(state) != set(_STATE):
            raise ValueError(f"state has the keys {sorted(state)}, must have {sorted(_STATE)}")
        numbers = {n: integer(f"state[{n!r}]", state[n], 0, UINT64_MAX) for n in _STATE}
        for name in set(_STATE) - {"fingerprint"}:
            integer(f"state[{name!r}]", numbers[name], 0)
        with self._lock:
            call(lib.psq_batcher_set_state, self._batcher, ffi.new("psq_batcher_state *", numbers))
            self._begin(fresh=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self._lengths, self._options, self.state_dict(), self._fresh)

    # ---- what it is like

    def report(self) -> BatchReport:
        """How full this epoch's batches are and how evenly ranks are loaded."""
        report = ffi.new("psq_batcher_report *")
        with self._lock:
            lib.psq_batcher_get_report(self._batcher, report)
        return BatchReport(**{n: getattr(report, n) for n in BatchReport.__dataclass_fields__})

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self._options.items())
        return f"BatchSampler({self._lengths.size} lengths, {options})"


def _again(
    cls: type[BatchSampler],
    lengths: ArrayLike,
    options: dict[str, Any],
    state: dict[str, int],
    fresh: bool,
) -> BatchSampler:
    sampler = cls(lengths, **options)
    sampler.load_state_dict(state)
    sampler._fresh = fresh
    return sampler


def _create(lengths: Any, limits: dict[str, int], options: dict[str, Any]) -> Any:
    if not limits:
        raise ValueError(f"no budget is given, must be one of {', '.join(_BUDGETS)}")
    if "max_rows" in limits and "max_padded_rows" in limits:
        raise ValueError("max_rows and max_padded_rows are both given, must be one of them")
    budget = next(iter(limits))
    fields = {name: value for name, value in options.items() if name not in limits}
    fields["max_sequences"] = limits.get("batch_size", 0)
    opts = make("psq_batcher_opts", budget=_BUDGETS[budget], limit=limits[budget], **fields)
    out = ffi.new("psq_batcher **")
    pointer = ffi.from_buffer("int64_t[]", lengths)
    try:
        call(lib.psq_batcher_create, context(), pointer, lengths.size, opts, out)
    except ValueError as error:
        # The library names its options; these are what they are called here.
        text = str(error).replace("opts.limit", budget).replace("opts.", "")
        raise ValueError(text) from None
    return ffi.gc(out[0], lib.psq_batcher_destroy)
