#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What HF tokenizers 0.23.3 takes for white space, letters, numbers, digits and word characters, asked about every code point, beside
the table in src/tokenizer/classes.c. TAP on stdout.

    tests/parity/unicode_ranges.py [--write]      --write makes the table instead (clang-format it afterwards)
"""
import os
import re
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATH = os.path.join(ROOT, "src", "tokenizer", "classes.c")
VERSION = "0.23.3"
CHARACTERS = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
BEGIN, END = "static const uint32_t runs[] = {\n", "};\n"


def matched(pattern):
    pieces = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str("".join(CHARACTERS))
    kept = {c for piece, _ in pieces for c in piece}
    return {c for c in CHARACTERS if c not in kept}


def digits():
    pieces = pre_tokenizers.Digits(individual_digits=False).pre_tokenize_str("a".join(CHARACTERS))
    return {c for piece, _ in pieces if "a" not in piece for c in piece}


def word():
    """A single_word token is not found behind a word character."""
    t = Tokenizer(models.BPE())
    t.add_tokens([AddedToken("\x00\x01", single_word=True)])
    out = set()
    for at in range(0, len(CHARACTERS), 4096):
        row = CHARACTERS[at:at + 4096]
        found = {start for start, _ in t.encode("".join(c + "\x00\x01\n" for c in row)).offsets}
        out |= {c for i, c in enumerate(row) if 4 * i + 1 not in found}
    return out


def runs(sets):
    """Where the flags change: start << 8 | flags."""
    flags = [0] * 0x110000
    for bit, members in enumerate(sets):
        for c in members:
            flags[ord(c)] |= 1 << bit
    return [c << 8 | flags[c] for c in range(0x110000) if c == 0 or flags[c] != flags[c - 1]]


def main():
    if tokenizers.__version__ != VERSION:
        sys.exit(f"this table is of tokenizers {VERSION}, not {tokenizers.__version__}")
    names = ["white space", "letters", "numbers", "digits", "word characters"]
    sets = [matched(r"\s"), matched(r"\p{L}"), matched(r"\p{N}"), digits(), word()]
    with open(PATH, encoding="utf-8") as f:
        before, rest = f.read().split(BEGIN)
    table, after = rest.split(END, 1)
    if "--write" in sys.argv:
        with open(PATH, "w", encoding="utf-8") as f:
            f.write(before + BEGIN + " ".join(f"0x{r:x}," for r in runs(sets)) + "\n" + END + after)
        return 0
    ours = [set() for _ in names]
    starts = [int(r, 16) for r in re.findall(r"0x([0-9a-f]+)", table)]
    for run, following in zip(starts, starts[1:] + [0x110000 << 8], strict=True):
        for bit, members in enumerate(ours):
            if run >> bit & 1:
                members |= {chr(c) for c in range(run >> 8, following >> 8)}
    good = True
    for i, (name, mine, theirs) in enumerate(zip(names, ours, sets, strict=True), 1):
        good = good and mine == theirs
        print(f"{'ok' if mine == theirs else 'not ok'} {i} - {name} equal HF tokenizers' ({len(theirs)}; {len(mine ^ theirs)} differ)")
    print(f"1..{len(names)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
