# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The examples in docstrings and in README.md run, and every public function and class has one."""

from __future__ import annotations

import doctest
import importlib
import pathlib

import pytest

import packseq

# What the examples of a module import besides NumPy.
NEEDS = {"packseq.build": ["pyarrow"], "packseq.sequence": ["pyarrow"]}
MODULES = sorted({f"packseq.{home}" for home in packseq._HOME.values()})
SEQUENCE_METHODS = [
    name
    for name, value in vars(packseq.PackedSequence).items()
    if callable(value) and not name.startswith("_")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package)
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", SEQUENCE_METHODS)
def test_methods_are_documented(name: str) -> None:
    assert getattr(packseq.PackedSequence, name).__doc__


def test_readme() -> None:
    readme = pathlib.Path(__file__).parents[2] / "README.md"
    result = doctest.testfile(str(readme), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted > 3
