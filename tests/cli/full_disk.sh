# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
for command in help --version "explain 4 2 3" "explain --json 4 2 3" info "info --json"; do
    # shellcheck disable=SC2086
    packseq $command >/dev/full
    echo "= $?"
done
