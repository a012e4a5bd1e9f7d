#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""What README.md shows must be true: check_readme.py PROGRAM [COMMAND]

The C block must be examples/readme.c, the "prints" block after it what PROGRAM prints, and the
block that begins with a "$ packseq ..." line the first lines of what COMMAND prints for it.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def output(command):
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def faults(program, command):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    source = (ROOT / "examples/readme.c").read_text(encoding="utf-8")
    code = source.split("\n\n", 1)[1]
    if blocks(text, "c") != [code]:
        yield "the C block of README.md is not examples/readme.c"
    if output([program]) not in blocks(text, "text"):
        yield f"README.md does not show what examples/readme.c prints: {output([program])!r}"
    shown = [b for b in blocks(text, "text") if b.startswith("$ packseq explain ")]
    if len(shown) != 1:
        yield "README.md must show packseq explain once"
    elif command:
        line, picture = shown[0].split("\n", 1)
        real = output([command, *line.split()[2:]])
        if not real.startswith(picture):
            yield f"README.md shows\n{picture}but {line[2:]} prints\n{real}"


def main():
    found = list(faults(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
