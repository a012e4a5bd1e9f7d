# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq explain --json 4 2 3
t packseq explain 6 4 4 3 3 --json
t packseq explain --json 0 5 0 2
t packseq explain --json 0 0
t packseq explain --json 0
