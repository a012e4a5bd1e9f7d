#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# bench.sh [OPTION...]: bench/peers.py with its options, in a virtual environment under build/ that
# is made once and again when bench/requirements.txt changes; a later run needs no network.
set -eu
cd "$(dirname "$0")/.."
venv=build/bench-venv

if ! cmp -s bench/requirements.txt "$venv/installed"; then
    echo "installing torch and ONNX Runtime into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r bench/requirements.txt
    cp bench/requirements.txt "$venv/installed"
fi
exec "$venv/bin/python" bench/peers.py "$@"
