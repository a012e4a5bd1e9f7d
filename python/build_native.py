# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the C source of packseq._native, the extension module, from the public headers.

The headers are the one description of the C API, so nothing of them is written here again. The C
preprocessor makes of them what cffi understands: included headers of the system are left out (cffi
knows their types), PSQ_API and PSQ_MUST are empty since the compiler does not say it is gcc, and
comments are gone. Macros are read from the preprocessor's own list: numbers and strings become
constants of `lib`, and each PSQ_X_INIT becomes a function psq_x_init() that returns its struct.
CMake runs this with the interpreter that the module is for; it needs cffi.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import subprocess
import tempfile

import cffi

# All public headers but io.h: Python reads and writes files by itself.
HEADERS = ("base", "layout", "ragged", "plan", "pool", "batcher", "rnn", "train")
SYSTEM_HEADERS = ("stdbool.h", "stddef.h", "stdint.h", "string.h", "sys/mman.h")
HERE = pathlib.Path(__file__).resolve().parent  # of glue.h

# What C calls back into Python: the one function that psq_fit calls after each step.
CALLBACKS = """
extern "Python" bool packseq_progress(void *self, const psq_fit_progress *progress);
"""


def preprocess(compiler: str, include: pathlib.Path, *options: str) -> str:
    """The headers, without those of the system, through the C preprocessor."""
    with tempfile.TemporaryDirectory() as folder:
        for name in SYSTEM_HEADERS:
            path = pathlib.Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.touch()
        folders = [f"-I{folder}", f"-I{include}", f"-I{HERE}"]
        command = [compiler, "-E", "-P", "-U__GNUC__", "-nostdinc", *folders]
        return subprocess.run(
            [*command, *options, "-x", "c", "-"],
            input=includes(),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout


def includes() -> str:
    names = [*(f"packseq/{name}.h" for name in HEADERS), "glue.h"]
    return "".join(f'#include "{name}"\n' for name in names)


def declarations(text: str) -> str:
    """Inline functions as declarations: cffi wants no bodies."""
    return re.sub(
        r"static inline ([^{;]*\))\s*\{.*?^\}", r"\1;", text, flags=re.DOTALL | re.MULTILINE
    )


def macros(text: str) -> tuple[str, str]:
    """Declarations and definitions of what the headers define with #define."""
    declared, defined = [], []
    for name, value in re.findall(r"^#define (PSQ_\w+) (.+)$", text, flags=re.MULTILINE):
        if value.startswith('"'):
            declared.append(f"static char *const {name};")
        elif value.startswith("{"):
            struct = name.lower().removesuffix("_init")
            declared.append(f"{struct} {struct}_init(void);")
            defined.append(f"static {struct} {struct}_init(void) {{ return ({struct}){name}; }}")
        elif re.fullmatch(r"\d+|INT64_MAX", value):
            declared.append(f"#define {name} ...")
        else:
            raise SystemExit(f"build_native.py: do not know what {name} is: {value}")
    return "\n".join(declared), "\n".join(defined)


def generate(compiler: str, include: pathlib.Path, out: pathlib.Path) -> None:
    declared, defined = macros(preprocess(compiler, include, "-dM"))
    builder = cffi.FFI()
    builder.cdef(declarations(preprocess(compiler, include)))
    builder.cdef(declared)
    builder.cdef(CALLBACKS)
    builder.set_source("packseq._native", includes() + defined)
    builder.emit_c_code(str(out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cc", default="cc", help="the C compiler")
    parser.add_argument("--include", type=pathlib.Path, default=pathlib.Path("include"))
    parser.add_argument("out", type=pathlib.Path)
    args = parser.parse_args()
    generate(args.cc, args.include, args.out)


if __name__ == "__main__":
    main()
