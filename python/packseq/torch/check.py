# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What may reach C, and what numbers a tensor holds.

C may see a tensor whose memory torch would let nobody else explain: a plain tensor on the CPU,
strided, whose storage is as large as its shape says, while no transform and no mode wants to see
the operations. Everything else takes torch's operations, which every device, subclass, transform
and mode knows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from packseq import _core
from packseq._core import Ints
from packseq._native import lib

P = ParamSpec("P")
R = TypeVar("R")

PLAIN = (Tensor, torch.nn.Parameter)


def watched() -> bool:
    """Whether a transform of torch.func, a dual level or a dispatch mode looks on."""
    return (
        torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack() > 0
        or forward_ad._current_level >= 0
    )


def is_native(x: Tensor) -> bool:
    """Whether C may read x, once it is contiguous; to be asked together with watched().

    RuntimeError: as has_storage.
    """
    return has_storage(x) and x.is_cpu and not (x.is_conj() or x.is_neg() or x.is_quantized)


def is_followed() -> bool:
    """Whether a compiler or a tracer follows the call, so that it has to be torch's own."""
    return torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None


def is_foreign(x: object) -> bool:
    """Whether torch's own function has to deal with x: the call is followed, x is of a class that
    may want to see torch's functions, or has no data."""
    return is_followed() or (isinstance(x, Tensor) and (type(x) not in PLAIN or x.is_meta))


def uncompiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as one that torch.compile calls and does not look into."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.compiler.is_compiling():
            return torch.compiler.disable(function)(*args, **kwargs)  # type: ignore[no-any-return, no-untyped-call]
        return function(*args, **kwargs)

    return called


def compiled_as(instead: Callable[..., R]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The function, in whose place torch.compile and torch.export follow another one."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            if torch.compiler.is_compiling():
                return instead(*args, **kwargs)
            return function(*args, **kwargs)

        return called

    return decorate


def has_storage(x: Tensor) -> bool:
    """Whether x is a plain strided tensor, whose elements lie in memory where it says.

    RuntimeError: it is one, and its storage was freed or is too small: torch would not notice.
    """
    if type(x) not in PLAIN or x.layout is not torch.strided or x.is_nested:
        return False
    try:
        size = x.untyped_storage().nbytes()
    except NotImplementedError:  # a wrapper of torch's
        return False
    n = x.numel()
    if n and not x.is_contiguous():
        n = 1 + sum((n - 1) * s for n, s in zip(x.shape, x.stride(), strict=True))
    needed = (x.storage_offset() + n) * x.element_size() if n else 0
    if size < needed:
        raise RuntimeError(
            f"the storage of a tensor of shape {tuple(x.shape)} has {size} bytes, needs {needed}"
        )
    return True


def context() -> Any:
    """The context with as many threads as torch uses."""
    return _core.context(min(torch.get_num_threads(), lib.PSQ_MAX_THREADS))


def dtype_name(dtype: torch.dtype) -> str:
    """As dtypes are written in our messages: float32."""
    return str(dtype).removeprefix("torch.")


def one_dimension(x: Tensor) -> str:
    """torch's sentence about integers that are no one-dimensional int64 on the CPU."""
    kind = x.type().rpartition(".")[2].removesuffix("Tensor")
    return (
        "'lengths' argument should be a 1D CPU int64 tensor, "
        f"but got {x.dim()}D {x.device.type} {kind} tensor"
    )


def to_array(values: Tensor, dtype: torch.dtype | None = None) -> np.ndarray[Any, Any]:
    """The elements of a tensor on any device, cast to dtype if given, not to be written to.

    RuntimeError: freed storage. NotImplementedError: no data.
    """
    # A transform would wrap what it sees, even integers that it has nothing to do with.
    with torch._C._DisableFuncTorch():
        has_storage(values)
        if dtype is not None:
            values = values.to(dtype)
        return values.numpy(force=True)


def lengths_of(lengths: object, n_seq: int, what: str) -> Ints:
    """Lengths of n_seq sequences as int64 [B]: integers in a sequence, array or tensor on any
    device.

    TypeError: no integers. ValueError: not one dimension, another number of them than sequences in
    `what`, a negative one.
    """
    if isinstance(lengths, Tensor):
        lengths = to_array(lengths)
    array = _core.integers("lengths", np.asarray(lengths))
    if array.size != n_seq:
        raise ValueError(f"lengths has {array.size} elements, {what} has {n_seq} sequences")
    if array.size and array.min() < 0:
        b = int(array.argmin())
        raise ValueError(f"lengths[{b}] is {array[b]}, must be at least 0")
    return array


def fill_of(value: object, like: Tensor) -> Tensor | None:
    """A padding value as one element of the dtype of `like`; None: zero bytes.

    TypeError: no number. RuntimeError: one that the dtype does not have.
    """
    if type(value) in (int, float) and value == 0 and str(value)[0] != "-":
        return None
    # Of more than one element: torch looks at what the dtype has only then.
    element = torch.empty(2, dtype=like.dtype, device="cpu")
    try:
        return element.fill_(value)[0]  # type: ignore[call-overload, no-any-return]
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"argument 'padding_value' must be Number, not {kind}") from None
