#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# test.sh [tsan | arm]: everything that has to hold, one line and one time per stage, and at the end the
# number of tests that passed and failed. A stage that fails shows its output; the others still run.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
logs=build/test-logs
mkdir -p "$logs"

# report NAME STATUS PASSED FAILED SECONDS LOG
report() {
    passed=$((passed + $3))
    failed=$((failed + $4))
    if [ "$2" = 0 ]; then
        printf '%-34s ok      %3d passed %5d s\n' "$1" "$3" "$5"
    else
        grep -vE '^ +Start +[0-9]|\.\. +Passed +|^\[ +(RUN|OK) +\]' "$6"
        printf '%-34s FAILED  %3d failed %5d s\n' "$1" "$4" "$5"
    fi
}

# stage NAME COMMAND...: one test.
stage() {
    local name=$1 start=$SECONDS status=0
    local log=$logs/${name// /-}.log
    shift
    "$@" >"$log" 2>&1 || status=1
    report "$name" $status $((1 - status)) $status $((SECONDS - start)) "$log"
    return $status
}

# suite NAME PRESET [VARIABLE=VALUE...]: the tests of a built preset; every program is one test.
suite() {
    local name=$1 preset=$2 start=$SECONDS status=0 counts n_tests=0 n_failed=1
    local log=$PWD/$logs/${name// /-}.log junit=$PWD/$logs/${name// /-}.xml
    shift 2
    rm -f "$junit"
    env "$@" ctest --test-dir "build/$preset" --parallel "$(nproc)" --no-tests=error \
        --output-on-failure --output-junit "$junit" >"$log" 2>&1 || status=1
    if [ -f "$junit" ]; then
        counts=$(sed -n 's/.*\(tests\|failures\)="\([0-9]*\)".*/\2/p' "$junit" | head -2 | xargs)
        n_tests=${counts% *}
        n_failed=${counts#* }
    fi
    report "$name" $status $((n_tests - n_failed)) "$n_failed" $((SECONDS - start)) "$log"
    return $status
}

# The kernel tables that this machine can run.
kernels() {
    build/dev/packseq info | sed -n 's/^cpu *//p'
}

has_kernels() {
    kernels | grep -w ref
}

if [ "${1:-}" = tsan ]; then
    stage "build with tsan" tools/build.sh tsan && suite "tests with tsan" tsan
elif [ "${1:-}" = arm ]; then
    if stage "build for 64-bit ARM" tools/build.sh arm; then
        suite "tests on 64-bit ARM" arm
        stage "sums stay in registers" tools/check_spills.py build/arm
    fi
else
    stage "includes go one way" tools/check_layers.py
    stage "the check of includes checks" tools/check_layers.py --self-test
    if stage "build with gcc" tools/build.sh dev; then
        suite "tests" dev
        stage "the machine has kernels" has_kernels
        # Each table alone, on fewer and on more threads than there may be cores, which even small
        # calls use: the same bits.
        for cpu in $(kernels); do
            for threads in 1 2 3; do
                suite "tests with $cpu, threads $threads" dev \
                    "PSQ_CPU=$cpu" "PSQ_THREADS=$threads" PSQ_EAGER=1
            done
        done
    fi
    stage "build with asan and ubsan" tools/build.sh asan && suite "tests with asan and ubsan" asan
    if stage "build with clang" tools/build.sh clang; then
        suite "tests built with clang" clang
        stage "the check of spills checks" tools/check_spills.py --self-test
        stage "sums stay in registers" tools/check_spills.py build/dev build/clang
    fi
    # Release, portable kernels only, no io: what is switched off must not be missed.
    stage "build of the least" tools/build.sh least && suite "tests of the least" least
    if [ -x tools/check_bits.sh ]; then
        stage "same bits from all compilers" tools/check_bits.sh
    fi
fi
printf '%d passed, %d failed in %d s\n' $passed $failed $SECONDS
[ $failed = 0 ]
