#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

"""What a wheel promises: check_wheel.py WHEEL

One for every CPython from 3.11, below 2 MB, with types, a licence and the command; what it holds of
machine code links libc and libm only, nothing newer than manylinux_2_34, and the module exports its
init function alone. Prints one sentence per fault and exits with 1 if there are any. Run it with a
Python that has auditwheel; readelf and nm are those of binutils.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

MAX_BYTES = 2_000_000
MAX_GLIBC = 34
LIBRARIES = re.compile(r"lib(c|m|pthread)\.so\.\d|ld-linux.*")
WANTED = ("packseq/_native.abi3.so", "packseq/_native.pyi", "packseq/py.typed",
          "data/scripts/packseq", "licenses/LICENSE")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_names(wheel, names):
    if "-cp311-abi3-" not in wheel.name:
        yield f"{wheel.name} is not cp311-abi3"
    for wanted in WANTED:
        if not any(name.endswith(wanted) for name in names):
            yield f"{wanted} is missing"
    for name in names:
        if not name.startswith(("packseq/", "packseq-")) or "/tests/" in name:
            yield f"{name} has no business in a wheel"


def check_elf(path, name):
    for library in re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-d", path)):
        if not LIBRARIES.fullmatch(library):
            yield f"{name} links {library}"
    if re.search(r"\((RPATH|RUNPATH)\)", output("readelf", "-d", path)):
        yield f"{name} has a run path"
    if name.endswith(".so"):
        exported = re.findall(r" [TDBRVWi] (\S+)", output("nm", "-D", "--defined-only", path))
        if exported != ["PyInit__native"]:
            yield f"{name} exports {' '.join(exported)}"


def check_platform(wheel):
    command = [sys.executable, "-m", "auditwheel", "show", str(wheel)]
    shown = subprocess.run(command, capture_output=True, text=True)
    match = re.search(r'"manylinux_2_(\d+)_', shown.stdout)
    if not match or int(match[1]) > MAX_GLIBC:
        said = " ".join((shown.stdout + shown.stderr).split())
        yield f"auditwheel does not find manylinux_2_{MAX_GLIBC} or older: {said}"


def check(wheel):
    size = wheel.stat().st_size
    if size >= MAX_BYTES:
        yield f"{wheel.name} has {size} bytes, must be below {MAX_BYTES}"
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        yield from check_names(wheel, names)
        for name in names:
            path = pathlib.Path(archive.extract(name, folder))
            if path.read_bytes()[:4] == b"\x7fELF":
                yield from check_elf(path, name)
    yield from check_platform(wheel)


def main():
    wheel = pathlib.Path(sys.argv[1])
    faults = list(check(wheel))
    print("\n".join(faults) or f"{wheel.name}: {wheel.stat().st_size} bytes, nothing to say")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
