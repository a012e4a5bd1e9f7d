#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# check_symbols.sh LIBRARY HEADER...: a shared library exports the functions that these public
# headers declare with PSQ_API, all of them and nothing else; their names begin with psq_.
set -eu
library=$1
shift
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$room/exported"
cat "$@" | tr '\n' ' ' | grep -o 'PSQ_API [^;(]*(' | sed 's/.*[ *]\([A-Za-z0-9_]*\)($/\1/' |
    grep -vx __attribute__ | sort -u >"$room/declared"

status=0
# found SENTENCE: names that come in are wrong.
found() {
    if grep .; then
        echo "^ $1"
        status=1
    fi
}
grep -v '^psq_' "$room/exported" >"$room/foreign" || true
comm -23 "$room/exported" "$room/declared" >"$room/undeclared"
comm -13 "$room/exported" "$room/declared" >"$room/missing"
found "exported, but not named psq_..." <"$room/foreign"
found "exported, but not declared with PSQ_API in a public header" <"$room/undeclared"
found "declared with PSQ_API, but not exported" <"$room/missing"
if ! [ -s "$room/exported" ]; then
    echo "nothing is exported"
    status=1
fi
exit $status
