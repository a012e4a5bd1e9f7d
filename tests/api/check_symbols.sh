#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# check_symbols.sh LIBRARY INCLUDE_DIR: a shared library exports the functions that the public
# headers declare with PSQ_API, and nothing else; all their names begin with psq_.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$1" | awk '{ print $3 }' | sort >"$work/exported"
tr '\n' ' ' <<EOT | grep -o 'PSQ_API [^;(]*(' | sed 's/.*[ *]\([A-Za-z0-9_]*\)($/\1/' | sort -u >"$work/declared"
$(cat "$2"/packseq/*.h)
EOT
status=0
if grep -v '^psq_' "$work/exported"; then
    echo "^ exported, but not named psq_..."
    status=1
fi
if comm -23 "$work/exported" "$work/declared" | grep .; then
    echo "^ exported, but not declared with PSQ_API in a public header"
    status=1
fi
if [ ! -s "$work/exported" ]; then
    echo "nothing exported"
    status=1
fi
exit $status
