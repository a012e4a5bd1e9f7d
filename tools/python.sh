#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# python.sh [venv]: the package for work in this tree. build/python-venv has what it needs, made once
# and again when python/requirements-dev.txt changes, and imports packseq from python/; the extension
# module is built into python/packseq/. With `venv` only the environment is made.
set -eu
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL
venv=build/python-venv

if ! cmp -s python/requirements-dev.txt "$venv/installed"; then
    echo "installing what the Python package needs into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r python/requirements-dev.txt
    "$venv/bin/python" -c '
import pathlib, sysconfig
here = pathlib.Path("python").resolve()
pathlib.Path(sysconfig.get_path("purelib"), "packseq-in-tree.pth").write_text(f"{here}\n")'
    cp python/requirements-dev.txt "$venv/installed"
fi
if [ "${1:-}" = venv ]; then
    exit 0
fi

if ninja --version >/dev/null 2>&1; then
    export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"
fi
log=build/configure-python.log
if ! cmake -S . -B build/python -DPACKSEQ_PYTHON=ON -DPACKSEQ_IO=OFF -DCMAKE_BUILD_TYPE=Release \
    "-DPython_EXECUTABLE=$PWD/$venv/bin/python" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
cmake --build build/python --target packseq_native --parallel "$(nproc)"
cp build/python/_native.abi3.so python/packseq/_native.abi3.so.new
mv python/packseq/_native.abi3.so.new python/packseq/_native.abi3.so
