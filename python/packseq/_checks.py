# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Single arguments: a number that Python accepts as one, in a range, or one sentence that says not.

C checks the ranges that it cares about itself; what is here keeps values that cffi would refuse in
words of its own from reaching it.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Sequence

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1


def integer(name: str, value: object, low: int, high: int = INT64_MAX) -> int:
    """An integer from low to high. TypeError: no integer. ValueError: out of range."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is a {type(value).__name__}, must be an integer") from None
    if not low <= number <= high:
        least = number < low and high == INT64_MAX
        bounds = f"at least {low}" if least else f"from {low} to {high}"
        raise ValueError(f"{name} is {number}, must be {bounds}")
    return number


def real(name: str, value: object, low: float, high: float) -> float:
    """A number from low to high, not NaN. TypeError: no number. ValueError: out of range."""
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is a {type(value).__name__}, must be a number")
    number = float(value)
    if not low <= number <= high:
        raise ValueError(f"{name} is {value}, must be from {low:g} to {high:g}")
    return number


def choice(name: str, value: object, names: Sequence[str]) -> int:
    """The index of a name. TypeError: no string. ValueError: another one."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is a {type(value).__name__}, must be a string")
    if value not in names:
        raise ValueError(f"{name} is {value!r}, must be one of {', '.join(names)}")
    return names.index(value)
