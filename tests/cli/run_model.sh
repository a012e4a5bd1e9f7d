# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
printf 'x\tabc\ny\tdefg\nx\tabca\ny\tgfed\nx\tbcb\ny\tffe\n' >two.tsv
packseq train --quiet --label column --epochs 40 --lr 0.05 --dropout 0 --hidden 8 --embed 4 \
    --out m two.tsv >/dev/null
digits() {
    sed 's/0\.[0-9]*/P/g; s/1\.0000/P/g'
}
packseq run m abcab gfe | digits
printf 'abcab\r\n\ngfe' | packseq run m --top 2 | digits | sed '2s/.*/EMPTY/'
printf 'gfe\n' | packseq run m --json abcab - | digits
packseq eval m --label column --all two.tsv 2>&1 | digits
# The command line goes before the environment.
PSQ_THREADS=none t packseq run m gfe
PSQ_THREADS=none t packseq run m --threads 2 gfe | digits
PSQ_THREADS=none t packseq eval m --threads 1 --label column --all two.tsv | digits
# The answer does not depend on what else is asked.
packseq run m abcab gfe abcabcabcabcabcabc gg a | sed -n 2p >together
packseq run m gfe | cmp - together && echo same
printf 'abc\nab\377\n' >bad
t packseq run m - <bad | digits
t packseq run m --max-length 3 abcd
t packseq run missing abc
t packseq run two.tsv abc
printf 'z\tabc\n' >three.tsv
t packseq eval m --label column --all three.tsv
packseq run m abc >/dev/full
echo "= $?"
