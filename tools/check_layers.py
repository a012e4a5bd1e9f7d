#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Checks that includes go one way, as src/LAYERS says. Prints file:line sentences; exit 1 if there are any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')


def read_layers():
    allowed = {}
    for line in (ROOT / "src/LAYERS").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            room, _, others = line.partition(":")
            allowed[room.strip()] = set(others.split())
    return allowed


def check_file(path, room, allowed):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match or match[1].startswith("packseq/"):
            continue
        first = match[1].split("/")[0]
        where = f"{path.relative_to(ROOT)}:{number}"
        if "-" in allowed[room]:
            if not (path.parent / match[1]).exists() and "/" in match[1]:
                yield f"{where}: {room} may include packseq/ and its own files only, not {match[1]}"
        elif "/" not in match[1]:
            yield f"{where}: include {match[1]} by its path from src/"
        elif first != room and first not in allowed[room]:
            yield f"{where}: {room} may not include {match[1]} (src/LAYERS)"


def main():
    allowed = read_layers()
    problems = []
    for folder in sorted(path for path in (ROOT / "src").iterdir() if path.is_dir()):
        if folder.name not in allowed:
            problems.append(f"src/{folder.name}: no such room in src/LAYERS")
    for room in allowed:
        base = ROOT / room if "-" in allowed[room] else ROOT / "src" / room
        for path in sorted(base.rglob("*.[ch]")):
            problems += check_file(path, room, allowed)
    print("\n".join(problems) or "layers: includes go one way", file=sys.stderr if problems else sys.stdout)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
