# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# SIGTERM while it trains: 143, and nothing is left behind.
printf 'x\tabc\ny\tdefg\n' >two.tsv
: >talk
packseq train --label column --epochs 1000000 --hidden 8 two.tsv 2>talk &
pid=$!
until grep -q 'epoch  *3/' talk || ! kill -0 $pid; do
    sleep 0.05
done
kill -TERM $pid
wait $pid
echo "= $?"
tail -n 1 talk
ls
