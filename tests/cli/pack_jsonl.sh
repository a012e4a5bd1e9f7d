# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# JSONL of each kind, and back; what the files hold is what torch would find in them.
header() {
    dd if="$1" bs=1 skip=8 count="$(od -An -tu8 -N8 "$1")" 2>/dev/null
    echo
}
back() {
    packseq pack -o packed.safetensors --order packed "$1" >/dev/null &&
        packseq pack -o jagged.safetensors packed.safetensors >/dev/null &&
        cmp "$1" jagged.safetensors
}
cat >vectors.jsonl <<'END'
{"id": 7, "x": [[1, 2.5], [3, 4]], "y": "b"}

{"x": [], "y": "a"}
{"y": "b", "x": [[5, 6], [7, 8], [-9, 0.1]]}
END
t packseq pack vectors.jsonl
t packseq pack -o vectors.safetensors vectors.jsonl >/dev/null
header vectors.safetensors
tail -c 40 vectors.safetensors | od -An -tf4
back vectors.safetensors
header packed.safetensors
printf '{"x": [1, 2]}\n{"x": [-3]}\n' >ints.ndjson
t packseq pack -o ints.safetensors ints.ndjson >/dev/null
header ints.safetensors
tail -c 12 ints.safetensors | od -An -td4
back ints.safetensors
printf '{"x": [0.5]}\n' >floats.jsonl
t packseq pack -o floats.safetensors ints.ndjson floats.jsonl >/dev/null
tail -c 16 floats.safetensors | od -An -tf4
printf '{"x": "ab", "y": 3}\n{"x": "c"}\n' |
    t packseq pack --format jsonl -o strings.safetensors - >/dev/null
header strings.safetensors
tail -c 11 strings.safetensors | od -An -c
back strings.safetensors
t packseq pack --json vectors.jsonl
# lengths N TIMES...: that many sequences of that length.
lengths() {
    while [ $# -gt 0 ]; do
        zeros=$(printf '%*s' $(($1 - 1)) '' | sed 's/ /0,/g')
        i=$2
        while [ "$i" -gt 0 ]; do
            echo "{\"x\": [${zeros}0]}"
            i=$((i - 1))
        done
        shift 2
    done
}
lengths 1100 3 1130 2 1199 10 1500 2 >long.jsonl
t packseq pack --width 60 long.jsonl
{ echo '{"x": []}' && lengths 2 3 3 10 5 4 40 2 5000 1; } >skewed.jsonl
t packseq pack --width 60 skewed.jsonl
# Names of more than 1 MiB.
awk 'BEGIN { for (i = 0; i < 1100; i++) printf "{\"x\": [], \"y\": \"%01000d\"}\n", i }' >many.jsonl
t packseq pack -o many.safetensors many.jsonl >/dev/null
back many.safetensors
