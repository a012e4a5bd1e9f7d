#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 the packseq authors
# SPDX-License-Identifier: Apache-2.0
"""Makes data/words/*.txt from the word lists of Debian 12.

    apt-get install wamerican wdutch wspanish wpolish
    python3 tools/make_words.py

A word is taken if it is lower-case letters only (Unicode NFC, 3 to 20 of them), is in one of the
four lists only, and is among the 2,500 of its list with the smallest SHA-256. So the choice spreads
over the whole list, is the same on every machine, and changes little when a list does.
"""

import argparse
import hashlib
import pathlib
import unicodedata

LISTS = {"english": "american-english", "dutch": "dutch", "spanish": "spanish", "polish": "polish"}
N_WORDS = 2500
N_LETTERS = range(3, 21)
# A slur and two obscenities that the choice would take; by digest, so that they are not spelt here.
LEFT_OUT = {
    "08a841e996781e9e",
    "001860a039149e7d",
    "001606584400d2bc",
}


def is_wanted(word):
    return len(word) in N_LETTERS and word.isalpha() and word == word.lower()


def read_words(path):
    text = path.read_text(encoding="utf-8")
    return {w for w in unicodedata.normalize("NFC", text).split("\n") if is_wanted(w)}


def digest(word):
    return hashlib.sha256(word.encode()).hexdigest()


def choose(words):
    by_digest = sorted((digest(word), word) for word in words)
    return sorted([w for d, w in by_digest if d[:16] not in LEFT_OUT][:N_WORDS])


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dict", type=pathlib.Path, default=pathlib.Path("/usr/share/dict"),
                        help="where the lists are (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=root / "data" / "words",
                        help="where to write (default: data/words)")
    args = parser.parse_args()

    words = {name: read_words(args.dict / file) for name, file in LISTS.items()}
    args.out.mkdir(parents=True, exist_ok=True)
    for name, own in words.items():
        others = set().union(*(w for other, w in words.items() if other != name))
        chosen = choose(own - others)
        if len(chosen) < N_WORDS:
            parser.error(f"{args.dict / LISTS[name]}: {len(chosen)} words, need {N_WORDS}")
        data = "".join(word + "\n" for word in chosen).encode()
        (args.out / f"{name}.txt").write_bytes(data)
        print(f"{name}: {len(chosen)} of {len(own)} words, {len(data)} bytes")


if __name__ == "__main__":
    main()
