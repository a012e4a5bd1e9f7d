# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# The warm-up takes a tenth of the steps at most: of 20 here, 2.
for a in p t k s m; do
    for b in a o u; do
        echo "$a$b${a}o$b"
        echo "${b}r$a$b${b}n" >&3
    done
done >sung.txt 3>spoken.txt
for warmup in 1 2 1000; do
    packseq train --quiet --epochs 20 --hidden 5 --embed 4 --warmup $warmup --out $warmup \
        sung.txt spoken.txt >/dev/null
done
cmp 2 1000 && echo equal
cmp -s 1 2 || echo different
