# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Single arguments: a number that Python accepts as one, in a range, or one sentence that says not.

C checks the ranges that it cares about itself; what is here keeps values that cffi would refuse in
words of its own from reaching it.
"""

from __future__ import annotations

import math
import numbers
import operator
import secrets
from collections.abc import Iterable

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1


def integer(name: str, value: object, low: int = -INT64_MAX, high: int = INT64_MAX) -> int:
    """An integer from low to high. TypeError: no integer. ValueError: out of range."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is {value!r}, must be an integer") from None
    if not low <= number <= high:
        bounds = f"at least {low}" if number < low else f"at most {high}"
        if high != INT64_MAX:
            bounds = f"from {low} to {high}"
        raise ValueError(f"{name} is {number}, must be {bounds}")
    return number


def real(name: str, value: object, low: float, high: float = math.inf) -> float:
    """A finite number from low to high. TypeError: no number. ValueError: out of range."""
    bounds = f"at least {low:g} and finite" if high == math.inf else f"from {low:g} to {high:g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r}, must be a number {bounds}")
    number = float(value)
    if not (low <= number <= high and math.isfinite(number)):
        raise ValueError(f"{name} is {value}, must be {bounds}")
    return number


def choice(name: str, value: object, names: Iterable[str]) -> int:
    """The index of a name. TypeError: no string. ValueError: another one."""
    known = list(names)
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, must be a string")
    if value not in known:
        raise ValueError(f"{name} is {value!r}, must be one of {', '.join(known)}")
    return known.index(value)


def seed_of(seed: int | None) -> int:
    """A seed of C, drawn by the system if None. TypeError: no integer. ValueError: no uint64."""
    if seed is None:
        return secrets.randbits(64)
    return integer("seed", seed, 0, UINT64_MAX)
