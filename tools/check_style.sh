#!/bin/sh
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0

# check_style.sh: what clang-format does not see. One line per fault; fails if there are any.
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C.UTF-8
faults=$(mktemp)
trap 'rm -f "$faults"' EXIT

files() {
    git ls-files --cached --others --exclude-standard -- "$@" |
        while IFS= read -r file; do if [ -f "$file" ]; then echo "$file"; fi; done
}
# fault SENTENCE: adds it to every line that comes in.
fault() {
    sed "s|\$|: $1|" >>"$faults"
}

code=$(files '*.c' '*.h' '*.py' '*.pyi' '*.sh' '*.map' '*.toml' '*CMakeLists.txt' '*requirements*.txt' '*.cmake' .ci/run)
text="$code $(files '*.md' '*.json' '.clang-format' '.gitignore' 'src/LAYERS')"
grep -nP '\t' $code | cut -d: -f1,2 | fault "tab"
grep -nE '[[:blank:]]$' $text | cut -d: -f1,2 | fault "blank at the end of the line"
grep -nP '[\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}\x{feff}]' $text | cut -d: -f1,2 | fault "invisible character"
for file in $text; do
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo "$file"; fi
done | fault "no newline at the end"
grep -L 'SPDX-License-Identifier: Apache-2.0' $code Makefile | fault "no SPDX line"
wc -l $code | awk '$1 > 600 && $2 != "total" { print $2 }' | fault "more than 600 lines"
files 'src/*.[ch]' 'cli/*.[ch]' 'tests/*.[ch]' | sed 's|.*/||' | sort | uniq -d |
    fault "two files of this name"

# The library allocates in one place, opens files in one place, and never prints or ends a process.
ban() { # NAMES EXCEPT SENTENCE
    grep -nP "(?<![\w.>])($1)\s*\(" $(files 'src/*.[ch]' | grep -vxE "$2") | cut -d: -f1,2 | fault "$3"
}
ban 'malloc|calloc|realloc|aligned_alloc|free|strdup' src/base/alloc.c 'only src/base/alloc.c allocates'
ban 'open|fopen|opendir|unlink|remove|rename' 'src/base/(file|cores).c' 'only src/base/file.c and cores.c touch files'
ban 'printf|fprintf|puts|fputs|putchar|perror|abort|exit' none 'the library neither prints nor exits'

cat "$faults"
[ ! -s "$faults" ]
