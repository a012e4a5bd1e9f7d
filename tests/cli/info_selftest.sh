# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
packseq info --selftest >report
echo "= $?"
sed -n 's/.*  \(OK\|BAD\).*/\1/p' report | sort -u
packseq info --selftest --json >json
echo "= $?"
grep -o '"ok": [a-z]*' json | sort -u
[ "$(grep -c OK report)" = "$(grep -o '"ok"' json | wc -l)" ] && echo "as many"
