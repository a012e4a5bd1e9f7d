#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# build.sh PRESET [OPTION...]: configures and builds one preset of CMakePresets.json, with Ninja
# where there is one. A make that calls this must not lend its jobs to the build's own make.
set -eu
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL
preset=$1
shift

if ninja --version >/dev/null 2>&1; then
    export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"
fi
log=build/configure-$preset.log
mkdir -p build
if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
dir=build/$preset
if [ "$preset" = release ]; then
    dir=build
fi
cmake --build "$dir" --parallel "$(nproc)"
