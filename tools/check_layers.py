#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

"""Checks that every #include goes one way, as src/LAYERS states.

A file of a room of src/ includes, by path from src/, its own room and those that its line in
src/LAYERS names, and public headers as "packseq/...". Rooms outside src/ (marked "-") see public
headers and their own folder only. Public headers see public headers only. Prints one sentence per
wrong include and exits with 1 if there are any; --self-test checks the checker.
"""

import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
OUTSIDE = "-"


def read_layers(path):
    """{room: set of rooms it may include, or OUTSIDE}"""
    layers = {}
    for line in path.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            room, _, seen = line.partition(":")
            layers[room] = OUTSIDE if seen.strip() == OUTSIDE else set(seen.split())
    return layers


def check_layers(layers):
    """A room may name rooms of earlier lines only, so that there is no way round in a circle."""
    earlier = set()
    for room, seen in layers.items():
        if seen != OUTSIDE:
            for other in sorted(seen - earlier):
                yield f"src/LAYERS: {room} names {other}, which is no room above it"
            earlier.add(room)


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == '"', match[2]


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".c", ".h", ".inc"))


def public(root, target):
    return target.startswith("packseq/") and (root / "include" / target).is_file()


def wrong_in_src(root, layers, room, target):
    if public(root, target):
        return None
    other = target.split("/")[0]
    if not (root / "src" / target).is_file():
        return "which is no file of src/ or include/"
    if other != room and other not in layers[room]:
        return f"but {room} may only see {' '.join(sorted(layers[room])) or 'itself'}"
    return None


def wrong_outside(root, folder, path, target):
    if public(root, target):
        return None
    own = (path.parent / target).resolve()
    if own.is_file() and folder.resolve() in own.parents:
        return None
    return "but this folder may only see public headers and its own"


def check_file(root, path, wrong):
    for number, quoted, target in includes(path):
        where = f"{path.relative_to(root)}:{number}"
        if quoted:
            why = wrong(target)
            if why:
                yield f'{where}: includes "{target}", {why}'
        elif public(root, target) or (root / "src" / target).is_file():
            yield f"{where}: includes <{target}>, which is a project header and wants quotes"


def check_tree(root):
    layers = read_layers(root / "src" / "LAYERS")
    yield from check_layers(layers)
    for room in sorted(p for p in (root / "src").iterdir() if p.is_dir()):
        if layers.get(room.name, OUTSIDE) == OUTSIDE:
            yield f"src/{room.name}: no room of src/LAYERS"
            continue
        for path in sources(room):
            yield from check_file(
                root, path, lambda target: wrong_in_src(root, layers, room.name, target))
    for path in sources(root / "include"):
        yield from check_file(
            root, path, lambda target: None if public(root, target) else "but is a public header")
    for name in (name for name, seen in layers.items() if seen == OUTSIDE):
        folder = root / name
        for path in sources(folder):
            yield from check_file(
                root, path, lambda target: wrong_outside(root, folder, path, target))


def self_test():
    """A small tree with every kind of wrong include; each must be found, and nothing else."""
    tree = {
        "src/LAYERS": "low: # the lowest\nhigh: low\ncli: -\n",
        "include/packseq/a.h": '#include "packseq/b.h"\n#include "low/low.h"\n',
        "include/packseq/b.h": "#include <stdint.h>\n",
        "src/low/low.h": '#include "packseq/a.h"\n',
        "src/low/low.c": '#include "low/low.h"\n#  include "high/high.h"\n',
        "src/high/high.h": '#include "low/low.h"\n#include <low/low.h>\n',
        "src/high/high.c": '#include "high.h"\n#include <stdlib.h>\n',
        "src/stray/stray.c": "",
        "cli/cli.h": "",
        "cli/main.c": '#include "cli.h"\n#include "packseq/a.h"\n#include "low/low.h"\n'
                      '#include "../src/low/low.h"\n',
    }
    wanted = {"include/packseq/a.h:2", "src/low/low.c:2", "src/high/high.h:2", "src/high/high.c:1",
              "src/stray", "cli/main.c:3", "cli/main.c:4"}
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for path, text in tree.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        found = list(check_tree(root))
    places = {line.split(": ")[0] for line in found}
    upward = list(check_layers({"low": {"high"}, "high": {"low"}}))
    ok = places == wanted and len(found) == len(wanted) and len(upward) == 1
    print("ok" if ok else "\n".join(["the check is wrong:", *found, *upward]))
    return ok


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 0 if self_test() else 1
    lines = list(check_tree(pathlib.Path(__file__).resolve().parent.parent))
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
