#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# python.sh WHAT: environments and builds of the Python package, all under build/.
#   venv NAME     build/python-NAME has python/requirements-NAME.txt; made when that changes
#   tree          python-dev imports packseq from python/, with the extension module built into it
#   wheel         build/wheel holds a wheel, made as pip makes it for a user
#   install NAME  puts that wheel into build/python-NAME
#   fresh         an environment of its own for the wheel and what it depends on, and the first steps
set -eu
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL
export PIP_DISABLE_PIP_VERSION_CHECK=1

# venv NAME
venv() {
    wanted=$(cat python/requirements-test.txt "python/requirements-$1.txt")
    if [ "$wanted" != "$(cat "build/python-$1/installed" 2>/dev/null)" ]; then
        echo "installing python/requirements-$1.txt into build/python-$1" >&2
        python3 -m venv --clear "build/python-$1"
        "build/python-$1/bin/pip" install --quiet -r "python/requirements-$1.txt"
        echo "$wanted" >"build/python-$1/installed"
    fi
}

tree() {
    venv dev
    build/python-dev/bin/python -c '
import pathlib, sysconfig
here = pathlib.Path("python").resolve()
pathlib.Path(sysconfig.get_path("purelib"), "packseq-in-tree.pth").write_text(f"{here}\n")'
    if ninja --version >/dev/null 2>&1; then
        export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"
    fi
    if ! cmake -S . -B build/python -DPACKSEQ_PYTHON=ON -DPACKSEQ_IO=OFF \
        "-DPython_EXECUTABLE=$PWD/build/python-dev/bin/python" >build/configure-python.log 2>&1; then
        cat build/configure-python.log >&2
        exit 1
    fi
    cmake --build build/python --target packseq_native --parallel "$(nproc)"
    # Moved into place: a process may have the old one open.
    cp build/python/_native.abi3.so python/packseq/_native.abi3.so.new
    mv python/packseq/_native.abi3.so.new python/packseq/_native.abi3.so
}

wheel() {
    rm -rf build/wheel
    mkdir -p build/wheel
    python3 -m venv build/python-wheel
    build/python-wheel/bin/pip wheel --verbose --no-deps --wheel-dir build/wheel .
}

fresh() {
    python3 -m venv --clear build/python-fresh
    build/python-fresh/bin/pip install build/wheel/packseq-*.whl
    cd build # where no folder is called packseq or python
    python-fresh/bin/python ../python/tests/first_steps.py
    python-fresh/bin/packseq info
}

case $1 in
venv) venv "$2" ;;
tree) tree ;;
wheel) wheel ;;
install) "build/python-$2/bin/pip" install --no-deps --force-reinstall build/wheel/packseq-*.whl ;;
fresh) fresh ;;
*)
    echo "python.sh: unknown \"$1\", must be venv, tree, wheel, install or fresh" >&2
    exit 2
    ;;
esac
