#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
#
# run.sh PACKSEQ CASE: runs CASE.sh in an empty directory and compares what it prints with CASE.out,
# which must be equal, or CASE.glob, whose lines are shell patterns. In a case `t COMMAND...` runs a
# command and prints it as a transcript: "$ COMMAND", standard output, standard error with "! "
# before each line, and "= EXIT" if the exit code is not 0. PACKSEQ_REFRESH=1 writes CASE.out anew.
set -u
packseq=$1
case_file=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
export LC_ALL=C COLUMNS=80
unset NO_COLOR
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
mkdir "$room/work" "$room/bin"
ln -s "$packseq" "$room/bin/packseq"
PATH=$room/bin:$PATH

t() {
    echo "$ $*"
    t_code=0
    "$@" >"$room/stdout" 2>"$room/stderr" || t_code=$?
    cat "$room/stdout"
    sed "s/^/! /; s/ $//" "$room/stderr"
    [ "$t_code" = 0 ] || echo "= $t_code"
}

# Every line of the pattern file $1 matches the line of $2, and there are as many.
matches() {
    [ "$(wc -l <"$1")" = "$(wc -l <"$2")" ] || return 1
    while IFS= read -r pattern && IFS= read -r line <&3; do
        # shellcheck disable=SC2254
        case $line in
        $pattern) ;;
        *)
            printf 'line:    %s\npattern: %s\n' "$line" "$pattern"
            return 1
            ;;
        esac
    done <"$1" 3<"$2"
}

(cd "$room/work" && . "$case_file.sh") >"$room/got" 2>&1 </dev/null

if [ -f "$case_file.glob" ]; then
    matches "$case_file.glob" "$room/got" && exit 0
    cat "$room/got"
    exit 1
fi
if [ "${PACKSEQ_REFRESH:-}" = 1 ]; then
    cp "$room/got" "$case_file.out"
fi
diff -u "$case_file.out" "$room/got"
