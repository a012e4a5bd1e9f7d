# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
# Padded input, with I32 lengths; packed input with one kind of indices or none.
header() {
    dd if="$1" bs=1 skip=8 count="$(od -An -tu8 -N8 "$1")" 2>/dev/null
    echo
}
# st HEADER DATA: the data as printf has it.
st() {
    size=$(printf '%s' "$1" | wc -c)
    # shellcheck disable=SC2059
    printf "\\$(printf %o $((size % 256)))\\$(printf %o $((size / 256)))\\0\\0\\0\\0\\0\\0"
    # shellcheck disable=SC2059
    printf '%s' "$1" && printf "$2"
}
st '{"lengths":{"dtype":"I32","shape":[3],"data_offsets":[0,12]},"values":{"dtype":"U16","shape":[3,2,1],"data_offsets":[12,24]},"other":{"dtype":"U8","shape":[0],"data_offsets":[24,24]}}' \
    '\001\0\0\0\0\0\0\0\002\0\0\0ab..xxxxcdef' >padded.safetensors
t packseq pack -o jagged.safetensors padded.safetensors >/dev/null
header jagged.safetensors
tail -c 6 jagged.safetensors
echo
t packseq pack -o packed.safetensors --order packed padded.safetensors >/dev/null
header packed.safetensors
tail -c 6 packed.safetensors
echo
two='\002\0\0\0\0\0\0\0'
one='\001\0\0\0\0\0\0\0'
zero='\0\0\0\0\0\0\0\0'
B='"batch_sizes":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}'
for indices in sorted_indices unsorted_indices; do
    st "{$B,\"$indices\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[16,40]},\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[40,43]}}" \
        "$two$one$one$two${zero}abc" >indices.safetensors
    t packseq pack -o jagged.safetensors indices.safetensors >/dev/null
    tail -c 35 jagged.safetensors | od -An -c
done
st "{$B,\"data\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}" "$two${one}abc" >rank.safetensors
t packseq pack -o jagged.safetensors rank.safetensors >/dev/null
tail -c 27 jagged.safetensors | od -An -c
