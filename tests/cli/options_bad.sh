# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
t packseq
t packseq expain 3
t packseq zebra
t packseq --jsn
t packseq help trian
t packseq explain --jsn 3
t packseq explain --zebra 3
t packseq explain -x 3
t packseq explain --json=3 3
t packseq explain --width
t packseq explain --width 9999999 3
t packseq explain --width abc 3
t packseq explain --width= 3
t packseq train --l 3
t packseq train --lr 1e99999
t packseq train --lr nan
t packseq train --epochs 0
t packseq train --cell lsmt
t packseq train --separator ab
t packseq info 3
t packseq eval
t packseq run
