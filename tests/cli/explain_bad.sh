# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq explain
t packseq explain 4 -1 3
t packseq explain 4 x 3
t packseq explain 4 2.5
t packseq explain 0x10
t packseq explain 99999999999999999999999
t packseq explain 9223372036854775807 9223372036854775807
t packseq explain -- -3
t packseq explain 000000000000000000000000000000000000000000000000000000000000000000000000000012
t packseq explain -b 3 4
t packseq explain -b 3 0
t packseq explain -b 3 1 --unsorted-indices 0,0,1
t packseq explain -b 3 1 --unsorted-indices 0,1,3
t packseq explain -b 3 1 --unsorted-indices 0,1
t packseq explain -b 3 1 --sorted-indices 0,1,1
t packseq explain -b 3 1 --sorted-indices 0,1,z
t packseq explain --sorted-indices 1 3
t packseq explain -b 3 --sorted-indices 0,1,2 --unsorted-indices 0,1,2
