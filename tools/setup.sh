#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# setup.sh NEED...: makes sure that what `build`, `test`, `arm`, `bench`, `python` or `lint` needs is
# on this machine. Silent when nothing is missing. As root on a system with apt-get it installs what
# is; otherwise it prints the command to run and fails.
set -eu

packages=""

# need PACKAGE COMMAND...: PACKAGE is missing when COMMAND fails.
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || packages="$packages $package"
}

cmake_is_new() {
    cmake --version | awk 'NR == 1 { split($3, v, "."); exit !(v[1] * 100 + v[2] >= 325) }'
}

c_compiles() {
    echo '#include <stdio.h>' | cc -E -
}

python_is_new() {
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'
}

python_headers() {
    python3 -c 'import pathlib, sysconfig
pathlib.Path(sysconfig.get_path("include"), "Python.h").stat()'
}

arm_compiles() {
    echo '#include <stdio.h>' | aarch64-linux-gnu-gcc -E -
}

look() {
    packages=""
    for what in "$@"; do
        case $what in
        build)
            need gcc command -v cc
            need libc6-dev c_compiles
            need make command -v make
            need cmake cmake_is_new
            need pkg-config command -v pkg-config
            need libjansson-dev pkg-config --exists jansson
            ;;
        test)
            need libcmocka-dev pkg-config --exists cmocka
            need clang clang --version
            need binutils objdump --version
            need python3 python3 --version
            ;;
        arm)
            need gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc --version
            need libc6-dev-arm64-cross arm_compiles
            need qemu-user qemu-aarch64 --version
            need libcmocka-dev:arm64 test -e /usr/lib/aarch64-linux-gnu/pkgconfig/cmocka.pc
            need python3 python3 --version
            ;;
        bench)
            need python3 python3 --version
            need python3-venv python3 -c 'import ensurepip, venv'
            ;;
        python)
            need python3 python_is_new
            need python3-venv python3 -c 'import ensurepip, venv'
            need python3-dev python_headers
            ;;
        lint)
            need clang-format-14 clang-format-14 --version
            need git git --version
            need python3 python3 --version
            ;;
        *)
            echo "setup.sh: unknown need \"$what\", must be build, test, arm, bench, python or lint" >&2
            exit 2
            ;;
        esac
    done
}

look "$@"
if [ -z "$packages" ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "packseq needs what these Debian 12 packages hold:$packages" >&2
    case $packages in
    *:arm64*) echo "    sudo dpkg --add-architecture arm64 && sudo apt-get update" >&2 ;;
    esac
    echo "    sudo apt-get install --no-install-recommends$packages" >&2
    exit 1
fi

echo "installing$packages" >&2
export DEBIAN_FRONTEND=noninteractive
case $packages in
*:arm64*) dpkg --add-architecture arm64 ;;
esac
apt-get update -qq >/dev/null
# shellcheck disable=SC2086 # a list of names
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 $packages >/dev/null
look "$@"
if [ -n "$packages" ]; then
    echo "installed, but still not found or too old:$packages (is another one first in PATH?)" >&2
    exit 1
fi
