# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# On a terminal it says what it is at and leaves nothing of it behind; elsewhere it is silent. The
# terminal is made by script(1), without which nothing is looked at.
terminal() {
    command -v script >/dev/null || return 1
    TERM=${term:-xterm} script -qec "$1" /dev/null </dev/null | tr '\r\033' '<^'
}
shown='<^[Kreading ...<^[Kwriting ...<^[Kmeasuring what padding would cost ...<^[K'
said='<^[Kreading ...<^[Kpackseq: cannot open missing.txt: No such file or directory<'
echo a >a.txt
t packseq pack --json -o out a.txt >quiet
grep '^!' quiet
terminal 'packseq pack -o out a.txt >stats' >got && [ "$(cat got)" != "$shown" ] && echo "got: $(cat got)"
term=dumb terminal 'packseq pack -o out a.txt >stats' >got && [ -s got ] && echo "got: $(cat got)"
terminal 'packseq pack missing.txt' >got && [ "$(cat got)" != "$said" ] && echo "got: $(cat got)"
echo done
