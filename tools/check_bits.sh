#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# check_bits.sh: builds the library with gcc and clang at -O0, -O2 and -O3 and with link-time
# optimisation, runs the self test of each with every kernel table, and wants the same hashes from
# all, those that the self test expects. CC_LIST narrows the compilers.
set -uo pipefail
cd "$(dirname "$0")/.."
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS
if ninja --version >/dev/null 2>&1; then
    export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"
fi

root=$PWD/build/bits
failed=0
first=
mkdir -p "$root"

# build DIR COMPILER FLAGS: the shared library without files and command, and the program.
build() {
    cmake -S . -B "$1" -DCMAKE_C_COMPILER="$2" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$3" \
        -DPACKSEQ_IO=OFF -DPACKSEQ_CLI=OFF &&
        cmake --build "$1" --target packseq_shared --parallel 2 &&
        "$2" -std=c11 -O1 -Iinclude tests/api/print_selftest.c -o "$1/print_selftest" \
            -L"$1" -lpackseq -Wl,-rpath,"$1"
}

# compare NAME FILE: with the first file that there was.
compare() {
    if [ -z "$first" ]; then
        first=$2
    elif ! diff "$first" "$2"; then
        echo "$1: other bits than $(basename "$first" .txt)"
        failed=1
    fi
}

check() {
    local name=$1 dir=$root/$1
    if ! build "$dir" "$2" "$3" >"$root/$name.log" 2>&1; then
        cat "$root/$name.log"
        echo "$name: does not build"
        failed=1
        return
    fi
    local found
    found=$("$dir/print_selftest" --found)
    if [[ " $found " != *" ref "* ]]; then
        echo "$name: finds no kernels"
        failed=1
    fi
    for cpu in $found; do
        local out=$root/$name-$cpu.txt
        if ! PSQ_CPU=$cpu "$dir/print_selftest" >"$out"; then
            echo "$name with PSQ_CPU=$cpu: the self test fails"
            failed=1
        fi
        compare "$name with PSQ_CPU=$cpu" "$out"
    done
}

for cc in ${CC_LIST:-gcc clang}; do
    for level in O0 O2 O3; do
        check "$cc-$level" "$cc" "-$level"
    done
    check "$cc-O2-lto" "$cc" "-O2 -flto"
done

if [ -n "$first" ] && [ ! -s "$first" ]; then
    echo "the self test prints nothing"
    failed=1
fi
if [ $failed = 0 ]; then
    echo "$(wc -l <"$first") hashes, the same everywhere"
fi
exit $failed
