#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh [PACKSEQ] [FOLDER]: what `make demo` shows: what batch_sizes are, a network trained on
# words of different lengths without any padding, and what it says about words it has never seen.
set -eu
packseq=${1:-build/packseq}
folder=${2:-build/demo}
model=$folder/words.safetensors
mkdir -p "$folder"

# In none of the embedded lists: two words for each of English, Dutch, Spanish and Polish.
words="marshmallowish thoughtlessly kaasboerderijtje schoenveters
susurrantes desayunábamos przemyśleniami chrząszczykowi"

step() {
    printf '\n$ packseq %s\n' "$*"
}

step explain 4 2 3
"$packseq" explain 4 2 3

step train --out "$model"
"$packseq" train --out "$model"

# shellcheck disable=SC2086
set -- $words
step run "$model" --top 2 "$*"
"$packseq" run "$model" --top 2 "$@"

printf '\nThe model is %s. Try your own words, or score it again:\n' "$model"
printf '  %s run %s WORD...\n  %s eval %s\n' "$packseq" "$model" "$packseq" "$model"
