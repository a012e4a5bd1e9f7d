#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# check_headers.sh INCLUDE_DIR: every public header alone, as C11 and as C++17, through every
# compiler of this machine.
set -eu
include=$1
status=0
n_c=0
n_cxx=0

# compiles COMPILER LANGUAGE STANDARD
compiles() {
    for header in "$include"/packseq/*.h; do
        if ! echo "#include \"packseq/$(basename "$header")\"" |
            "$1" -x "$2" "-std=$3" -Wall -Wextra -Werror -pedantic -fsyntax-only -I "$include" -; then
            echo "$header alone is not $3 for $1"
            status=1
        fi
    done
}

for compiler in gcc clang; do
    if command -v $compiler >/dev/null; then
        compiles $compiler c c11
        n_c=$((n_c + 1))
    fi
done
for compiler in g++ clang++; do
    if command -v $compiler >/dev/null; then
        compiles $compiler c++ c++17
        n_cxx=$((n_cxx + 1))
    fi
done
echo "$n_c C and $n_cxx C++ compilers"
[ $status = 0 ] && [ $n_c -gt 0 ] && [ $n_cxx -gt 0 ]
