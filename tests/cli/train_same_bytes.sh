# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# Words of two made-up languages: same seed, same file, on any number of threads;
# another seed, another file.
for a in p t k s m; do
    for b in a o u; do
        echo "$a$b${a}o$b"
        echo "${b}r$a$b${b}n" >&3
    done
done >sung.txt 3>spoken.txt
small="--quiet --epochs 2 --hidden 5 --embed 4 --batch 7"
# shellcheck disable=SC2086
for out in one two; do
    t packseq train $small --seed 3 --out $out sung.txt spoken.txt | sed 1d >$out.report
done
# shellcheck disable=SC2086
packseq train $small --seed 4 --out three sung.txt spoken.txt >/dev/null
# shellcheck disable=SC2086
PSQ_THREADS=3 packseq train $small --seed 3 --out four sung.txt spoken.txt >/dev/null
# shellcheck disable=SC2086
packseq train $small --seed 3 --threads 1 --out five sung.txt spoken.txt >/dev/null
cmp one two && cmp one.report two.report && cmp one four && cmp one five && echo equal
cmp -s one three || echo different
ls
