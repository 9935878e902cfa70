#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Letters, numbers and white space of HF tokenizers, for every code point, beside the ranges that src/tokenizer/split.c adds to those
of Unicode 14 (which PCRE2 10.42 and Python 3.11 share). TAP on stdout; what differs is printed as ranges, ready to be put there.

    tests/parity/unicode_ranges.py
"""
import os
import re
import sys
import unicodedata

from tokenizers import Regex, pre_tokenizers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHARACTERS = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def matched(pattern):
    pieces = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str("".join(CHARACTERS))
    kept = {c for piece, _ in pieces for c in piece}
    return {c for c in CHARACTERS if c not in kept}


def digits():
    pieces = pre_tokenizers.Digits(individual_digits=False).pre_tokenize_str("a".join(CHARACTERS))
    return {c for piece, _ in pieces if "a" not in piece for c in piece}


def macro(source, name):
    body = re.search(r"#define %s +((?:.*\\\n)*.*)" % name, source).group(1)
    text = "".join(re.findall(r'"([^"]*)"', body))
    out = set()
    for low, high in re.findall(r"\\\\(?:x\{([0-9A-F]+)\})(?:-\\\\x\{([0-9A-F]+)\})?", text):
        out |= {chr(c) for c in range(int(low, 16), int(high or low, 16) + 1)}
    return out


def ranges(characters):
    out = []
    for c in sorted(map(ord, characters)):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return " ".join(f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in out)


def main():
    with open(os.path.join(ROOT, "src", "tokenizer", "split.c"), encoding="utf-8") as f:
        source = f.read()
    of = {k: {c for c in CHARACTERS if unicodedata.category(c)[0] == k} for k in "LN"}
    number = of["N"] | macro(source, "N")
    # \t-\r stands in the macro as escapes.
    space = macro(source, "WS") | set("\t\n\v\f\r")
    cases = [("letters", of["L"] | macro(source, "L"), matched(r"\p{L}")), ("numbers", number, matched(r"\p{N}")),
             ("digits", number | macro(source, "N17"), digits()), ("white space", space, matched(r"\s"))]
    good = True
    for i, (name, ours, theirs) in enumerate(cases, 1):
        same = ours == theirs
        good = good and same
        print(f"{'ok' if same else 'not ok'} {i} - {name} equal HF tokenizers' ({len(theirs)})")
        if not same:
            print(f"# only theirs: {ranges(theirs - ours)}\n# only ours: {ranges(ours - theirs)}")
    print(f"1..{len(cases)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
