#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# check_install.sh CMAKE BUILD_DIR EXAMPLES_DIR COMPILER: what is installed is enough for somebody
# else's program, found through pkg-config, with the shared and with the static library.
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

DESTDIR=$room "$1" --install "$2" >"$room/log"
pc=$(find "$room" -name packseq.pc)
lib=${pc%/pkgconfig/packseq.pc}
PKG_CONFIG_PATH=${pc%/packseq.pc}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
prefix=$room$(pkg-config --variable=prefix packseq)

shared=$(pkg-config "--define-variable=prefix=$prefix" --cflags --libs packseq)
static=$(pkg-config "--define-variable=prefix=$prefix" --cflags --libs --static packseq |
    sed "s|-lpackseq|$lib/libpackseq.a|")
for flags in "$shared" "$static"; do
    # shellcheck disable=SC2086 # a list of flags
    "$4" -std=c11 "$3/layout.c" $flags -o "$room/layout"
    LD_LIBRARY_PATH=$lib "$room/layout" >"$room/out"
    cmp "$room/out" "$3/layout.out"
    rm -f "$lib"/libpackseq.so* # the second must do without
done
