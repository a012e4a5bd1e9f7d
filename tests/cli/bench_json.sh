# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# What the machine does not decide: sizes, lengths, the work of a pass.
measured='kernels|passes|median|q1|q3|us_per_row|(peak_)?gflops|share_of_(peak|memcpy)|gb_per_s|[a-z]+_bytes|floats[a-z_]+'
measure() {
    echo "$ $*"
    packseq bench --json --hidden 16 --mean 6 --seconds 0 --threads 1 "$@" |
        sed -E "s/\"($measured)\": [^,}]+/\"\1\": N/g"
}
for kind in equal uniform text speech giant; do
    measure --lengths $kind
done
measure --lengths giant --batch 3
measure --lengths text --batch 1000 --mean 50 --cell rnn --hidden 1 --input 1
measure --lengths text --batch 1000 --mean 50 --cell rnn --hidden 1 --input 1 --seed 2
for cell in rnn rnn_relu lstm gru; do
    measure --cell $cell --input 3 --lengths equal
    measure --cell $cell --input 3 --lengths equal --layers 2 --bidirectional --mode train
done
measure --proj 4 --input 3 --lengths equal --layers 2 --bidirectional --mode train
measure --recompute --input 3 --lengths equal --mode train
printf '3\n0\n7\n' | measure --lengths -
measure --pack --large 1 --lengths equal
