#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# test.sh [all | torch | both | tsan | arm]: everything that has to hold, one line and one time per
# stage, and at the end the number of tests that passed and failed. A stage that fails shows its output;
# the others still run. `all`, the default, needs no torch; `torch` is the rest of the Python package.
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

# pysuite NAME ENVIRONMENT TESTS: the wheel's tests in build/python-ENVIRONMENT; each function and set
# of arguments is one test. A test that is skipped counts as neither passed nor failed.
pysuite() {
    local name=$1 start=$SECONDS status=0 counts n_tests=0 n_failed=1 n_skipped=0
    local log=$logs/${name// /-}.log junit=$logs/${name// /-}.xml
    rm -f "$junit"
    "build/python-$2/bin/pytest" --numprocesses "$(nproc)" --junit-xml "$junit" "$3" \
        >"$log" 2>&1 || status=1
    if [ -f "$junit" ]; then
        n_tests=$(junit_count tests "$junit")
        n_skipped=$(junit_count skipped "$junit")
        n_failed=$(($(junit_count errors "$junit") + $(junit_count failures "$junit")))
    fi
    [ $status = 0 ] || [ "$n_failed" != 0 ] || n_failed=1 # as when there are no tests
    report "$name" $status $((n_tests - n_failed - n_skipped)) "$n_failed" $((SECONDS - start)) "$log"
    return $status
}

# junit_count ATTRIBUTE FILE: a number of pytest's first <testsuite>.
junit_count() {
    sed -n "s/.*<testsuite [^>]*[ ]$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -1
}

# in_dev COMMAND...: a stage's command out of build/python-dev.
in_dev() {
    "build/python-dev/bin/$1" "${@:2}"
}

wheel_made=
wheel_stage() {
    [ -n "$wheel_made" ] || { stage "wheel" tools/python.sh wheel && wheel_made=yes; }
}

check_wheel() {
    in_dev python tools/check_wheel.py build/wheel/packseq-*.whl
}

# The package as a user gets it: a wheel made by pip, in environments without this tree.
python_stages() {
    stage "environment for Python" tools/python.sh venv dev || return
    stage "ruff" in_dev ruff check python
    stage "ruff format" in_dev ruff format --check python
    stage "mypy" in_dev mypy --exclude packseq/torch
    wheel_stage || return
    stage "the wheel keeps its promises" check_wheel
    stage "the wheel in a fresh environment" tools/python.sh fresh
    if stage "environment for the tests" install_wheel test; then
        pysuite "Python tests" test python/tests
    fi
}

torch_stages() {
    wheel_stage || return
    if stage "environment with torch" install_wheel torch; then
        stage "mypy with torch" build/python-torch/bin/mypy
        pysuite "Python tests with torch" torch python/tests/torch
    fi
}

install_wheel() {
    tools/python.sh venv "$1" && tools/python.sh install "$1"
}

# The kernel tables that this machine can run.
kernels() {
    build/dev/packseq info | sed -n 's/^cpu *//p'
}

has_kernels() {
    kernels | grep -w ref
}

c_stages() {
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
}

case ${1:-all} in
all)
    c_stages
    python_stages
    ;;
torch) torch_stages ;;
both)
    c_stages
    python_stages
    torch_stages
    ;;
tsan) stage "build with tsan" tools/build.sh tsan && suite "tests with tsan" tsan ;;
arm)
    if stage "build for 64-bit ARM" tools/build.sh arm; then
        suite "tests on 64-bit ARM" arm
        stage "sums stay in registers" tools/check_spills.py build/arm
    fi
    ;;
*)
    echo "test.sh: unknown \"$1\", must be all, torch, both, tsan or arm" >&2
    exit 2
    ;;
esac
printf '%d passed, %d failed in %d s\n' $passed $failed $SECONDS
[ $failed = 0 ]
