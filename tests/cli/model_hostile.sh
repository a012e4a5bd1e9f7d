# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# A model file is checked before it is used.
printf 'x\tabc\ny\tdefg\n' >two.tsv
packseq train -q --label column -n 1 --hidden 4 --embed 4 --out m two.tsv >/dev/null
size=$(wc -c <m)
broken() { # broken SED-SCRIPT of the same length
    sed "$1" m >b
    [ "$(wc -c <b)" = "$size" ] && ! cmp -s m b || echo "the case must be mended: $1"
    t packseq run b abc
}
head -c 100 m >b
t packseq run b abc
head -c $((size - 1)) m >b
t packseq run b abc
broken 's/"lstm"/"last"/'
broken 's/packseq\.cell/packseq.call/'
broken 's/"packseq.hidden_size":"4"/"packseq.hidden_size":"9"/'
broken 's/"packseq.n_layers":"1"/"packseq.n_layers":"7"/'
broken 's/"packseq.vocab_size":"256"/"packseq.vocab_size":"255"/'
broken 's/cli\.classes/cli.glasses/'
broken 's/cli\.input/cli.inputs/;s/"bytes"/"byte"/'
broken 's/\\"x\\",/\\"y\\",/'
broken 's/\\"x\\",\\"y\\"/\\"x,y\\"    /'
broken 's/\\"x\\",\\"y\\"/\\"\xc2\x9b\\",\\"\\"/'
broken 's/head\.bias/head.bios/'
# Sizes that no memory holds; the class's name makes room for them.
printf 'xxxxxxxxxxxxxxxxxxx\tabc\ny\tdefg\n' >long.tsv
packseq train -q --label column -n 1 --hidden 4 --embed 4 --out m long.tsv >/dev/null
size=$(wc -c <m)
broken 's/xxxxxxxxxxxxxxxxxxx/x/;s/"packseq.hidden_size":"4"/"packseq.hidden_size":"4000000000000000000"/'
# What a file says goes to a terminal.
broken 's/xxxxxxxxxxxxxxxxxxx/xxxxxxxxxxxxxxxxxx/;s/"bytes"/"\\u001b"/'
# A weight that is no number: no answer, and none that looks like one.
head -c $((size - 4)) m >b
printf '\377\377\377\177' >>b
t packseq run b abc
t packseq run --json b abc
