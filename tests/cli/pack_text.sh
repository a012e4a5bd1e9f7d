# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# Text: statistics, both orders, and back.
header() {
    dd if="$1" bs=1 skip=8 count="$(od -An -tu8 -N8 "$1")" 2>/dev/null
    echo
}
printf 'abc\nde\n\nfghij\n' >one.txt
printf 'xyz\n' >two.txt
t packseq pack one.txt two.txt
t packseq pack --ascii --width 60 - <one.txt
t packseq pack -o jagged.safetensors one.txt two.txt >/dev/null
header jagged.safetensors
tail -c 54 jagged.safetensors | od -An -tx1
t packseq pack -o packed.safetensors --order packed one.txt two.txt >/dev/null
header packed.safetensors
tail -c 29 packed.safetensors | od -An -c
for order in packed jagged; do
    packseq pack -o a --order packed jagged.safetensors >/dev/null && cmp a packed.safetensors
    packseq pack -o a --order jagged packed.safetensors >/dev/null && cmp a jagged.safetensors
    packseq pack -o a --order $order $order.safetensors >/dev/null && cmp a $order.safetensors
done
printf 'en;cat\nnl;kat\nen;\n' |
    t packseq pack --label column --separator ';' -o column.safetensors - >/dev/null
header column.safetensors
: >empty.txt
t packseq pack -o empty.safetensors empty.txt
t packseq pack -o empty2.safetensors --order packed empty.safetensors
t packseq pack -o empty3.safetensors empty2.safetensors >/dev/null
cmp empty.safetensors empty3.safetensors
t packseq pack
packseq pack -o words.safetensors --order packed >all
packseq pack words.safetensors | cmp - all
packseq pack --seed 2 words.safetensors | cmp -s - all && echo 'the seed does nothing'
ls
