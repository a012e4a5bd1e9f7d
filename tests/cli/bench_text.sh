# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
small="--hidden 16 --seconds 0 --mean 6 --threads 1"
t packseq bench $small
t packseq bench $small --mode train --cell gru --input 3 --layers 2 --bidirectional --batch 1
t packseq bench $small --cell rnn_relu --lengths equal
printf '3\n0\n7\n' > lengths.txt
t packseq bench $small --proj 4 --lengths lengths.txt
