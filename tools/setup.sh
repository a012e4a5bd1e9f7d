#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# setup.sh PACKAGE...: makes sure that Debian packages are installed; silent when they are.
set -eu
missing=
for package in "$@"; do
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2> /dev/null || true)
    case "$state" in ii*) ;; *) missing="$missing $package" ;; esac
done
if [ -z "$missing" ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "packages are missing, please run: sudo apt-get install$missing" >&2
    exit 1
fi
echo "installing$missing" >&2
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
