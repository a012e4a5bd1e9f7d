# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""The extension module has what the public headers declare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from packseq._native import ffi, lib

INCLUDE = Path(__file__).parents[2] / "include" / "packseq"
HEADERS = sorted(path for path in INCLUDE.glob("*.h") if path.name not in ("io.h", "packseq.h"))


def code(path: Path) -> str:
    return re.sub(r"//.*", "", path.read_text())


@pytest.mark.parametrize("path", HEADERS, ids=lambda path: path.name)
def test_every_function_is_there(path: Path) -> None:
    names = re.findall(r"PSQ_API[^;(]*\b(psq_\w+)\(", code(path))
    assert names
    assert [name for name in names if not hasattr(lib, name)] == []


@pytest.mark.parametrize("path", HEADERS, ids=lambda path: path.name)
def test_every_constant_is_there(path: Path) -> None:
    text = code(path)
    enums = re.findall(r"enum[^;{]*\{([^}]*)\}", text)
    names = re.findall(r"\b(PSQ_\w+)\s*(?:=[^,\n]*)?(?:,|$)", "\n".join(enums), flags=re.MULTILINE)
    names += re.findall(r"#define (PSQ_\w+) [\d\"I]", text)
    assert [name for name in names if not hasattr(lib, name)] == []


@pytest.mark.parametrize("path", HEADERS, ids=lambda path: path.name)
def test_every_struct_with_defaults_has_them(path: Path) -> None:
    for name in re.findall(r"#define PSQ_(\w+)_INIT\b", code(path)):
        struct = f"psq_{name.lower()}"
        assert getattr(lib, f"{struct}_init")().struct_size == ffi.sizeof(struct)


def test_files_are_not_there() -> None:
    assert not hasattr(lib, "psq_safetensors_read")
