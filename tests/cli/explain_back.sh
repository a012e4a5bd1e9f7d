# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq explain --from-batch-sizes 3 3 2 1
t packseq explain --from-batch-sizes 3 3 2 1 --unsorted-indices 0,2,1
t packseq explain --from-batch-sizes 3 3 2 1 --json
t packseq explain -b 3 3 2 1 --json --unsorted-indices 0,2,1
t packseq explain -b 3 3 2 1 --json --unsorted-indices 2,0,1
t packseq explain -b 3 3 2 1 --json --sorted-indices 1,2,0
t packseq explain -b 5 5 5 3 1 1 --json
