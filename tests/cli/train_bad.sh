# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
printf 'abc\ndefg\n' >one.txt
printf 'x\tabc\nno separator\n' >two.tsv
: >empty.txt
t packseq train missing.txt
t packseq train one.txt
t packseq train empty.txt
t packseq train --label column two.tsv
t packseq train --label column --max-length 2 two.tsv
t packseq train --out no/such/folder/model one.txt
t packseq train --out . one.txt
t packseq train --out '' one.txt
mkfifo pipe
t packseq train --out pipe one.txt
t packseq train --out /dev/null one.txt
t packseq train --hidden 3 --proj 3 one.txt
t packseq train --cell gru --proj 3 one.txt
ls
# Nothing is read behind what can only be refused.
for byte in '\000' x; do
    { head -c 20000000 /dev/zero | tr '\000' "$byte" && : >all_read; } |
        t packseq train --label column -
done
[ -e all_read ] && echo "read to the end"
