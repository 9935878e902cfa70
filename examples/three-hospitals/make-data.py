#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/*.jsonl from Debian's package dict-gcide (tested with 0.48.5+nmu2).

Only entries that stand in Webster's Unabridged Dictionary of 1913 as they are (marked [1913 Webster] and nothing else),
of one sense, of the field (Med.); that edition is in the public domain. Usage: make-data.py gcide.dict.dz OUT
"""
import gzip
import json
import os
import re
import sys

OWNERS = ("saint-anna", "lindenhof", "northgate")
ROWS_EACH = 28


def entries(text):
    for block in re.split(r"\n(?=\S)", text):
        yield block


def parse(block):
    """(term, definition), or None when the entry is not a plain one of 1913."""
    if block.count("[1913 Webster]") != 1 or re.search(r"\[(?!1913 Webster\])[^\]]*(PJC|AS|WordNet|Suppl)", block):
        return None
    head = re.match(r"([A-Z][a-z]{6,14}) \\[^\\]+\\,? ?(\([^)]*\), )?n\.", block)
    if not head or "(Med.)" not in block:
        return None
    body = block.split("(Med.)", 1)[1].split("[1913 Webster]", 1)[0]
    body = re.sub(r"\s+", " ", body).strip()
    if re.search(r"[\[\]{}`\"^\\]|--|\bAS\b|\d|See |Same as|\bL\. ", body) or not body.endswith("."):
        return None
    if not 60 <= len(body) <= 170 or body.count(".") != 1 or not body[0].isupper():
        return None
    return head.group(1), body


def main():
    text = gzip.open(sys.argv[1], "rb").read().decode("utf-8", "replace")
    found = {}
    for block in entries(text):
        pair = parse(block)
        if pair and pair[0] not in found:
            found[pair[0]] = pair[1]
    terms = sorted(found)
    step = len(terms) / (len(OWNERS) * ROWS_EACH)
    chosen = [terms[int(i * step)] for i in range(len(OWNERS) * ROWS_EACH)]
    for index, owner in enumerate(OWNERS):
        with open(os.path.join(sys.argv[2], owner + ".jsonl"), "w", encoding="utf-8") as out:
            for term in chosen[index::len(OWNERS)]:
                row = {"prompt": [{"role": "user", "content": "What is %s in medicine?" % term.lower()}],
                       "completion": [{"role": "assistant", "content": found[term]}]}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(len(terms), "entries qualify;", len(chosen), "chosen")


main()
