#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# lint.sh: format, style, include order, and Python's types. All checks run; the exit status says whether all passed.
set -u
cd "$(dirname "$0")/.." || exit 2
status=0

# shellcheck disable=SC2046 # lists of names without blanks
clang-format-14 --dry-run -Werror $(git ls-files '*.c' '*.h') || status=1
tools/check_style.sh || status=1
tools/check_layers.py || status=1
for script in $(git ls-files '*.py'); do
    python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$script" || status=1
done
tools/python.sh venv dev || status=1
build/python-dev/bin/ruff check --quiet python || status=1
build/python-dev/bin/ruff format --quiet --check python || status=1
build/python-dev/bin/mypy --no-error-summary --exclude packseq/torch || status=1
if [ $status = 0 ]; then
    echo "lint: nothing to say"
fi
exit $status
