# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# st HEADER N-BYTES: a safetensors file with that header and bytes 0, or the octal escapes of $3.
st() {
    size=$(printf '%s' "$1" | wc -c)
    # shellcheck disable=SC2059
    printf "\\$(printf %o $((size % 256)))\\$(printf %o $((size / 256)))\\0\\0\\0\\0\\0\\0"
    printf '%s' "$1"
    head -c "$2" /dev/zero
}
# i64 NUMBER...: their bytes, for small numbers.
i64() {
    for number in "$@"; do
        if [ "$number" -lt 0 ]; then
            printf '\377\377\377\377\377\377\377\377'
        else
            # shellcheck disable=SC2059
            printf "\\$(printf %o "$number")\\0\\0\\0\\0\\0\\0\\0"
        fi
    done
}
# bad HEADER INTEGERS N-BYTES: such a file is refused.
bad() {
    { st "$1" 0 && i64 $2 && head -c "$3" /dev/zero; } >bad.safetensors
    t packseq pack -o out bad.safetensors
}
printf '{"x": [1]}\n' >a.jsonl
printf '{"x": [1]}\n{"x": [[2]]}\n' >b.jsonl
echo a >a.txt
t packseq pack a.txt a.jsonl
t packseq pack a.safetensors b.safetensors
t packseq pack --format safetensors -
t packseq pack --label column a.jsonl
t packseq pack --label file a.jsonl
t packseq pack --separator , a.jsonl
t packseq pack --separator ';' a.safetensors
t packseq pack --max-length 1048576 a.safetensors
t packseq pack --order padded a.txt
t packseq pack -o '' a.txt
t packseq pack -o . a.txt
t packseq pack -o no/such/out a.txt
t packseq pack missing.txt
t packseq pack missing.jsonl
t packseq pack missing.safetensors
t packseq pack -o out b.jsonl
t packseq pack --max-length 9 a.jsonl
t packseq pack --format safetensors a.txt
t packseq pack - --format jsonl </dev/null
echo '{"x": [1e60]}' | t packseq pack - --format jsonl
O='"offsets":{"dtype":"I64","shape":[3],"data_offsets":[0,24]}'
bad '{"v":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' '' 0
bad "{$O}" '0 1 2' 0
bad "{\"__metadata__\":{\"packseq.ragged\":\"2\"},$O}" '0 1 2' 0
bad "{$O,\"values\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[24,25]}}" '0 1 2' 1
bad "{$O,\"values\":{\"dtype\":\"U8\",\"shape\":[2,0],\"data_offsets\":[24,24]}}" '0 1 2' 0
bad "{$O,\"values\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[24,27]}}" '0 1 2' 3
bad "{$O,\"values\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[24,26]}}" '0 2 1' 2
bad "{$O,\"values\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[24,26]}}" '0 3 2' 2
bad "{$O,\"values\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[24,26]}}" '1 1 2' 2
bad "{$O,\"data\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[24,26]},\"lengths\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[26,26]}}" '0 1 2' 2
bad "{$O,\"data\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[24,26]},\"values\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[26,26]}}" '0 1 2' 2
bad "{$O,\"data\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[24,26]},\"labels\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[26,28]}}" '0 1 2' 4
bad "{$O,\"data\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[32,34]},\"labels\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[24,32]}}" '0 1 2 0' 2
L='"labels":{"dtype":"I64","shape":[2],"data_offsets":[24,40]}'
D='"data":{"dtype":"U8","shape":[2],"data_offsets":[40,42]}'
bad "{\"__metadata__\":{\"packseq.labels\":\"[\\\"a\\\"]\"},$O,$L,$D}" '0 1 2 0 1' 2
bad "{\"__metadata__\":{\"packseq.labels\":\"[1]\"},$O,$L,$D}" '0 1 2 0 0' 2
bad "{\"__metadata__\":{\"packseq.labels\":\"[\"},$O,$L,$D}" '0 1 2 0 0' 2
bad '{"offsets":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' '' 0
bad '{"offsets":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},"data":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' '' 0
bad '{"offsets":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"data":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[8,8]}}' '0' 0
B='"batch_sizes":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}'
bad "{$B,\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}" '1 2' 3
bad "{$B,\"data\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[16,20]}}" '2 1' 4
{ st "{$B,\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}" 0 &&
    printf '\0\0\0\0\0\0\0\100\0\0\0\0\0\0\0\100abc'; } >bad.safetensors
t packseq pack -o out bad.safetensors
S='"sorted_indices":{"dtype":"I64","shape":[2],"data_offsets":[16,32]}'
U='"unsorted_indices":{"dtype":"I64","shape":[2],"data_offsets":[32,48]}'
bad "{$B,$S,\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[32,35]}}" '2 1 0 0' 3
bad "{$B,$S,$U,\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[48,51]}}" '2 1 0 1 1 0' 3
bad "{$B,$S,$U,\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[48,51]}}" '2 1 0 1 1 1' 3
bad "{$B,$S,$U,\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[48,51]}}" '2 1 0 1 0 2' 3
U1='"unsorted_indices":{"dtype":"I64","shape":[1],"data_offsets":[32,40]}'
bad "{$B,$S,$U1,\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[40,43]}}" '2 1 0 1 0' 3
N='"lengths":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}'
bad "{$N,\"data\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[16,22]}}" '3 2' 6
bad "{$N,\"data\":{\"dtype\":\"U8\",\"shape\":[3,2],\"data_offsets\":[16,22]}}" '3 2' 6
bad "{$N,\"data\":{\"dtype\":\"U8\",\"shape\":[2,3],\"data_offsets\":[16,22]}}" '3 4' 6
bad "{$N,\"data\":{\"dtype\":\"U8\",\"shape\":[2,3],\"data_offsets\":[16,22]}}" '3 -1' 6
# Counts without rows: no memory is asked for them.
{ st "{$O,\"data\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[24,26]}}" 0 &&
    printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\100ab'; } >bad.safetensors
t packseq pack bad.safetensors
B='"batch_sizes":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}'
{ st "{$B,\"data\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[8,10]}}" 0 &&
    printf '\0\0\0\0\0\0\0\100ab'; } >bad.safetensors
t packseq pack bad.safetensors
# More names of labels than a header may have: each quote takes four bytes of it.
awk 'BEGIN {
    name = sprintf("%990s", "")
    gsub(/ /, "\"", name)
    for (i = 0; i < 26000; i++) printf "%s%d\t\n", name, i
}' >many.txt
t packseq pack --label column -o out many.txt
ls
# Nothing is read behind what can only be refused.
head -c 20000000 /dev/zero | tr '\000' x | t packseq pack -
packseq pack a.txt >/dev/full
echo "= $?"
