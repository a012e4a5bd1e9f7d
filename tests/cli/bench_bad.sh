# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq bench 3
t packseq bench --lengths nowhere
t packseq bench --cell gru --proj 4
t packseq bench --proj 16 --hidden 16
t packseq bench --batch 0
t packseq bench --hidden 0
t packseq bench --mean 0
t packseq bench --threads -1
t packseq bench --mode backward
t packseq bench --seconds -1
t packseq bench --recompute
: >empty
printf '3\nx\n' >word
printf '3\n-1\n' >negative
printf '3\0' >nul
printf '0 0\n' >zeros
for file in empty word negative nul zeros .; do
    t packseq bench --lengths $file
done
t packseq bench --pack --lengths nowhere
t packseq bench --pack --large 0
