# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# The keys of both documents; every option that changes the network.
for a in p t k s m; do
    for b in a o u e; do
        printf 'x\t%s\ny\t%s\n' "$a$b$b" "$b$a$b$a$a"
    done
done >two.tsv
hide() {
    sed 's/[0-9][0-9.e-]*/N/g'
}
packseq train --json --quiet --label column --epochs 2 --hidden 3 --embed 2 --out m two.tsv | hide
packseq eval --json m --label column two.tsv | hide
packseq eval --json m --label column --all two.tsv | grep -o '"sequences": [0-9]*'
for cell in lstm gru rnn rnn_relu; do
    for head in last mean max; do
        packseq train -q --label column -n 1 --hidden 3 --embed 2 --cell $cell --head $head \
            --layers 2 --no-bidirectional --out m - <two.tsv >/dev/null &&
            packseq run m --top 2 paa | tr 'y' 'x' | hide
    done
done
packseq train -q --label column -n 1 --hidden 3 --proj 2 --optim sgd --schedule linear \
    --lr 0.1 --weight-decay 0.1 --clip 0.5 --warmup 1 --batch 5 two.tsv >report
echo $?
ls
